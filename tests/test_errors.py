"""Errors: one class per stage, a stable code, and a finding that is worked out when it is read."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import build
import pytest

from attenuate import Forbidden, LeaseError, Malformed, Refused, Unavailable, Untrusted
from attenuate.errors import Finding

STAGES = {
    Malformed: "malformed",
    Untrusted: "untrusted",
    Forbidden: "forbidden",
    Refused: "refused",
    Unavailable: "unavailable",
}


@pytest.mark.parametrize("kind", STAGES)
def test_each_stage_has_its_class(kind: type[LeaseError]) -> None:
    error = kind("code", "this", block=1, allowed="that", would_pass="the other")
    assert isinstance(error, LeaseError)
    assert (error.stage, error.code, error.block) == (STAGES[kind], "code", 1)
    assert error.finding == Finding(STAGES[kind], "code", 1, None, "this", "that", "the other")
    assert str(error) == f"{STAGES[kind]} by block 1: code; asked: this; allowed: that; would pass: the other"


def test_a_finding_says_no_more_than_it_has() -> None:
    assert str(Untrusted("proof")) == "untrusted: proof"
    assert Finding("forbidden", "allow", 0, "allow", "a").to_json() == {
        "stage": "forbidden", "code": "allow", "block": 0, "caveat": "allow", "asked": "a",
    }  # fmt: skip
    assert Finding("untrusted", "proof").to_json() == {"stage": "untrusted", "code": "proof"}
    assert json.loads(json.dumps(Finding("a", "b", 0).to_json())) == {"stage": "a", "code": "b", "block": 0}


def test_a_finding_does_not_change() -> None:
    finding = Finding("untrusted", "proof")
    with pytest.raises(AttributeError):
        finding.code = "other"  # type: ignore[misc]
    assert finding == Finding("untrusted", "proof")
    assert len({finding, Finding("untrusted", "proof"), Finding("untrusted", "signature")}) == 2


def test_the_words_are_worked_out_at_the_first_look_and_once() -> None:
    asked = []

    def details() -> Finding:
        asked.append(1)
        return Finding("forbidden", "allow", 2, "allow")

    error = Forbidden("allow", block=2, details=details)
    assert (error.code, error.block, error.stage) == ("allow", 2, "forbidden")
    assert asked == []
    assert error.finding is error.finding
    assert str(error) == "forbidden by block 2: allow"
    assert asked == [1]


@pytest.mark.parametrize("again", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_an_error_crosses_a_process_boundary(engine: Any, again: Any) -> None:
    error = build.refusal(engine, build.lease(), build.ask("mail.send"))
    assert isinstance(error, Forbidden)
    other = again(error)
    assert type(other) is Forbidden
    assert (other.code, other.block, other.finding, str(other)) == (
        error.code,
        error.block,
        error.finding,
        str(error),
    )


def test_the_root_is_an_exception_and_the_stages_are_apart() -> None:
    assert issubclass(LeaseError, Exception)
    for kind in STAGES:
        assert [other for other in STAGES if issubclass(kind, other)] == [kind]
