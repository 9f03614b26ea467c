"""Bindings: what a proof is bound to, worked out by hand."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import build
import pytest
import wire

from attenuate import call_binding, http_binding
from attenuate.call import call_digest
from attenuate.jcs import load_json

RUN = "agt_1@2/reader"
ARGS = {"b": [1, {"ü": None}], "a": 0.5}
CALL_PARTS = ["github", RUN, "repo.read", sha256('{"a":0.5,"b":[1,{"ü":null}]}'.encode()).digest()]
HTTP_PARTS = ["github", RUN, "POST", "https", "api.example.com", "/x?y=1", sha256(b"body").digest()]


def test_a_call_binding_by_hand() -> None:
    want = sha256(b"attenuate/1 call\0" + wire.encode(CALL_PARTS)).digest()
    assert call_binding("github", RUN, "repo.read", ARGS) == want
    assert call_binding("github", (("agt_1", 2), ("reader", None)), "repo.read", ARGS) == want
    assert call_digest(ARGS) == CALL_PARTS[3]


def test_an_http_binding_by_hand() -> None:
    want = sha256(b"attenuate/1 http\0" + wire.encode(HTTP_PARTS)).digest()
    assert http_binding("github", RUN, "POST", "https", "api.example.com", "/x?y=1", b"body") == want
    empty = [*HTTP_PARTS[:-1], sha256(b"").digest()]
    want = sha256(b"attenuate/1 http\0" + wire.encode(empty)).digest()
    assert http_binding("github", RUN, "POST", "https", "api.example.com", "/x?y=1") == want


def test_every_part_of_a_binding_counts() -> None:
    call: list[Any] = ["github", RUN, "repo.read", ARGS]
    http: list[Any] = ["github", RUN, "POST", "https", "api.example.com", "/x?y=1", b"body"]
    others: dict[str, Any] = {"github": "hub", RUN: "agt_1@2/reader@1"}
    made = {call_binding(*call), http_binding(*http)}
    for parts, bind in ((call, call_binding), (http, http_binding)):
        for index, part in enumerate(parts):
            other = (
                {**ARGS, "c": 1}
                if part is ARGS
                else b""
                if isinstance(part, bytes)
                else others.get(part, f"{part}x")
            )
            made.add(bind(*parts[:index], other, *parts[index + 1 :]))
    assert len(made) == 2 + len(call) + len(http)


def test_two_spellings_of_one_call_have_one_binding() -> None:
    one, other = load_json('{"a": 1.0, "b": "\\u00fc"}'), load_json('{ "b":"ü","a":1 }')
    assert call_binding("s", "a@1", "x", one) == call_binding("s", "a@1", "x", other)
    assert call_binding("s", "a@1", "x", one) != call_binding("s", "a@1", "x", {"a": "1", "b": "ü"})


@pytest.mark.parametrize(
    "work",
    [
        lambda: call_binding("s", "", "x", {}), lambda: call_binding("s", "a@0", "x", {}), lambda: call_binding("\ud800", "a", "x", {}),
        lambda: call_binding("s", "a", "x", {"n": 2**53}), lambda: call_binding("s", "a", 1, {}), lambda: call_binding(None, "a", "x", {}),
        lambda: http_binding("s", "a", "GET", "https", "h", b"/"), lambda: http_binding("s", "a b", "GET", "https", "h", "/"),
    ],
)  # fmt: skip
def test_what_cannot_be_bound_is_refused(work: Any) -> None:
    assert call_binding("s", "a", "x", {})
    build.malformed(work)
