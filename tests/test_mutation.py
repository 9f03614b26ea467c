"""The campaign in small (campaign.py, `make campaign`), with its control."""

from __future__ import annotations

import random

import build
import campaign
import mutate
import pytest


@pytest.mark.parametrize("original", mutate.ORIGINALS, ids=lambda original: original.name)
def test_every_original_is_allowed(engine: object, original: mutate.Original) -> None:
    assert campaign.judge(original, original.text)[:2] == ("accepted", "ok")


def test_no_mutant_is_accepted_crashes_or_is_slow(engine: object) -> None:
    record = campaign.campaign(24_000, seed=7)
    assert record["bad"] == []
    assert record["judged"] == 24_000
    assert {name.split(",")[0] for name in record["by_mutation"]} == {*mutate.MUTATIONS, "approvals swapped"}


def test_no_bytes_from_nowhere_are_accepted_crash_or_are_slow(engine: object) -> None:
    record = campaign.campaign(4_000, seed=7, from_nowhere=True)
    assert record["bad"] == []
    assert set(record["by_mutation"]) == {"bytes", "framed", "text"}


@pytest.mark.parametrize("name", ["byte in an item", "field removed", "chains spliced", "proof edited"])
def test_without_the_proof_each_kind_of_mutant_gets_in(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(mutate, "MUTATIONS", {name: mutate.MUTATIONS[name]})
    rng = random.Random(1)
    sealed = next(original for original in mutate.ORIGINALS if original.name == "hmac 3 sealed")
    with build.without_proof():
        assert any(campaign.judge(sealed, mutate.mutant(sealed, rng)[1])[0] == "accepted" for _ in range(500))


def test_the_control_of_the_campaign_accepts_some() -> None:
    record = campaign.control(1_000, seed=7)
    assert record["accepted"] > 20


def test_the_same_seed_gives_the_same_mutants() -> None:
    first, again = (campaign.batch((3, 1, 300, False))["counts"] for _ in range(2))
    assert first == again
    assert first != campaign.batch((4, 1, 300, False))["counts"]


def test_a_slow_verifier_would_be_noticed(engine: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "BOUND_US", 1)
    assert campaign.batch((3, 1, 5, False))["bad"]
