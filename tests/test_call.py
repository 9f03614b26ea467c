"""What a call states: RFC 8785 bytes, digests and bindings, and arguments flattened into facts."""

from __future__ import annotations

import json
import math
import struct
from hashlib import sha256
from typing import Any

import pytest
import rfc8785
import wire
from hypothesis import given, settings
from hypothesis import strategies as st

from attenuate import Malformed, Request, call_binding, flatten, http_binding
from attenuate.call import call_digest
from attenuate.jcs import canonical, load_json
from attenuate.request import OPAQUE

SAFE = 2**53 - 1


def refused(work: Any, code: str = "facts") -> None:
    with pytest.raises(Malformed) as caught:
        work()
    assert caught.value.code == code


# --- RFC 8785 -------------------------------------------------------------------------------------------
RFC_NUMBERS = {
    "0000000000000000": "0", "8000000000000000": "0", "0000000000000001": "5e-324", "8000000000000001": "-5e-324",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7", "3eb0c6f7a0b5ed8d": "0.000001", "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325", "41b3de4355555555": "333333333.3333333", "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343", "becbf647612f3696": "-0.0000033333333333333333", "43143ff3c1cb0959": "1424953923781206.2",
}  # fmt: skip
"""Appendix B: IEEE 754 bits and text, as far as the values are no integers beyond 2^53-1."""
TOO_LARGE = [
    "7fefffffffffffff", "ffefffffffffffff", "4340000000000000", "c340000000000000", "4430000000000000", "44b52d02c7e14af5",
    "44b52d02c7e14af6", "44b52d02c7e14af7", "444b1ae4d6e2ef4e", "444b1ae4d6e2ef4f", "444b1ae4d6e2ef50", "7ff0000000000000",
    "fff0000000000000", "7fffffffffffffff",
]  # fmt: skip
"""The others of Appendix B: integers beyond 2^53-1, however spelled, infinity, and no number."""


def double(bits: str) -> float:
    return float(struct.unpack(">d", bytes.fromhex(bits))[0])


@pytest.mark.parametrize("bits", RFC_NUMBERS)
def test_the_numbers_of_the_rfc(bits: str) -> None:
    assert canonical(double(bits)).decode() == RFC_NUMBERS[bits]


@pytest.mark.parametrize("bits", TOO_LARGE)
def test_numbers_without_one_meaning_are_refused(bits: str) -> None:
    assert canonical(1.5)
    refused(lambda: canonical([double(bits)]))


def test_the_sorting_of_the_rfc() -> None:
    given = {"€": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "ö": 7}
    assert list(json.loads(canonical(given))) == ["\r", "1", "\x80", "ö", "€", "\U0001f600", "\ufb33"]
    assert sorted(given) != list(json.loads(canonical(given))), "the control: code points sort otherwise"


def test_the_literals_of_the_rfc() -> None:
    given = {"string": '€$\x0f\nA\'B"\\\\"/', "literals": [None, True, False], "numbers": [4.5, 2e-3, 1e-27]}
    want = '{"literals":[null,true,false],"numbers":[4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert canonical(given).decode() == want


doubles = st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda x: not (x.is_integer() and abs(x) > SAFE)
)
documents = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-SAFE, SAFE), doubles, st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=10,
)


@settings(max_examples=300)
@given(documents)
def test_another_implementation_writes_the_same(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@settings(max_examples=1000)
@given(st.integers(0, 2**64 - 1))
def test_another_implementation_writes_the_same_doubles(bits: int) -> None:
    number = struct.unpack(">d", bits.to_bytes(8, "big"))[0]
    if math.isfinite(number) and not (number.is_integer() and abs(number) > SAFE):
        assert canonical(number) == rfc8785.dumps(number)
        assert json.loads(canonical(number)) == number
    else:
        refused(lambda: canonical(number))


def test_pythons_own_json_is_another_spelling() -> None:
    """The control: the comparison would notice."""
    assert json.dumps({"a": 1e-7, "b": "ü"}).encode() != rfc8785.dumps({"a": 1e-7, "b": "ü"})


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [SAFE + 1, -SAFE - 1, 10**400, math.nan, math.inf, -math.inf, 1e20, "\ud800", {"\ud800": 1}, {1: "a"}, {None: 1}, b"a", {1}, object(),
     deep(100_000), 1j],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_has_no_one_spelling_is_refused(value: Any) -> None:
    assert canonical([SAFE, -SAFE, 1.5, "ü", {"a": 1}, (1, 2)])
    refused(lambda: canonical({"a": value}))


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 1}',
        '{"b": {"a": 1, "a": 2}}',
        '{"a": NaN}',
        "[Infinity]",
        "[-Infinity]",
        b'{"a": "\xff"}',
        "[" * 100_000,
    ],
    ids=lambda text: repr(text)[:20],
)
def test_json_is_read_strictly(text: str | bytes) -> None:
    assert load_json('{"a": [1, 1.5, null, {"a": 2}]}') == {"a": [1, 1.5, None, {"a": 2}]}
    assert load_json('{"a": "ü"}'.encode()) == {"a": "ü"}
    refused(lambda: load_json(text))


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", "[1,]", "01"])
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        load_json(text)


def test_a_number_of_many_digits_is_read_and_refused() -> None:
    number = load_json("[" + "9" * 5000 + "]")
    refused(lambda: canonical(number))
    assert flatten({"n": number[0]}) == {"args.n": OPAQUE}


# --- bindings -------------------------------------------------------------------------------------------
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
    refused(work)


# --- flatten ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("args", "facts"),
    [
        ({}, {}),
        ({"a": "x", "b": 1, "c": True}, {"args.a": "x", "args.b": 1, "args.c": True}),
        ({"a": {"b": {"c": 1}}}, {"args.a.b.c": 1}),
        # null is absent
        ({"a": None, "b": 1}, {"args.b": 1}),
        ({"a": {"b": None, "c": 1}}, {"args.a.c": 1}),
        # numbers with an integer value are integers, however spelled
        ({"a": 1.0, "b": -0.0, "c": 1e3}, {"args.a": 1, "args.b": 0, "args.c": 1000}),
        ({"a": SAFE, "b": float(SAFE), "c": -SAFE}, {"args.a": SAFE, "args.b": SAFE, "args.c": -SAFE}),
        ({"a": SAFE + 1, "b": 1.5, "c": math.nan, "d": 1e20, "e": math.inf, "f": -SAFE - 1},
         dict.fromkeys([f"args.{name}" for name in "abcdef"], OPAQUE)),
        # empty objects, and names that are empty or have a dot
        ({"a": {}}, {"args.a": OPAQUE}),
        ({"a": {"": 1, "b": 2}}, {"args.a": OPAQUE}),
        ({"a": {"b.c": 1, "b": 2}}, {"args.a": OPAQUE}),
        ({"": 1}, {"args": OPAQUE}),
        ({"a.b": 1, "c": 2}, {"args": OPAQUE}),
        ({"a": {1: 2}}, {"args.a": OPAQUE}),
        # lists
        ({"a": ["x", 1, True, None, 1.5]}, {"args.a": ("x", 1, True, OPAQUE, OPAQUE)}),
        ({"a": []}, {"args.a": ()}),
        ({"a": ("x",)}, {"args.a": ("x",)}),
        ({"a": [0] * 256}, {"args.a": (0,) * 256}),
        ({"a": [0] * 257}, {"args.a": OPAQUE}),
        ({"a": [["x"]]}, {"args.a": OPAQUE}),
        ({"a": ["x", {"b": 1}]}, {"args.a": OPAQUE}),
        ({"a": [None, {"b": 1}]}, {"args.a": OPAQUE}),
        # an array of objects is a list for each member
        ({"a": [{"b": 1}, {"b": 2}]}, {"args.a.b": (1, 2)}),
        ({"a": [{"b": 1}, {"c": 2}]}, {"args.a.b": (1, OPAQUE), "args.a.c": (OPAQUE, 2)}),
        ({"a": [{"b": 1}, {"b": None, "c": 1}]}, {"args.a.b": (1, OPAQUE), "args.a.c": (OPAQUE, 1)}),
        ({"a": [{"b": {"c": 1}}, {"b": {"c": "x"}}]}, {"args.a.b.c": (1, "x")}),
        ({"a": [{"b": {"c": 1}}, {"b": 2}]}, {"args.a.b.c": (1, OPAQUE), "args.a.b": (OPAQUE, 2)}),
        ({"a": [{"b": 1.5}, {"b": {}}]}, {"args.a.b": (OPAQUE, OPAQUE)}),
        ({"a": [{"b": [1]}, {"b": [2]}]}, {"args.a": OPAQUE}),
        ({"a": [{"b": 1}, {"c.d": 2}]}, {"args.a": OPAQUE}),
        ({"a": [{"b": 1}] * 257}, {"args.a": OPAQUE}),
    ],
    ids=lambda value: repr(value)[:60],
)  # fmt: skip
def test_arguments_become_facts(args: dict[str, Any], facts: dict[str, Any]) -> None:
    made = flatten(args)
    assert repr(sorted(made.items())) == repr(sorted(facts.items()))
    assert Request("x", audience="s", facts=made).facts == made


def test_another_root_name() -> None:
    assert flatten({"a": 1}, "body") == {"body.a": 1}


@pytest.mark.parametrize("args", [None, [], "a", 1, [("a", 1)]])
def test_arguments_are_an_object(args: Any) -> None:
    refused(lambda: flatten(args))


@pytest.mark.parametrize("value", [object(), b"a", {1, 2}, 1j, [b"a"]])
def test_what_json_has_not_is_refused(value: Any) -> None:
    refused(lambda: flatten({"a": value}))


def test_256_facts_are_the_most() -> None:
    assert len(flatten({f"a{n}": n for n in range(256)})) == 256
    refused(lambda: flatten({f"a{n}": n for n in range(257)}), "too_large")
    refused(
        lambda: flatten({"a": [{f"a{n}": n} for n in range(129)] + [{f"b{n}": n for n in range(128)}]}),
        "too_large",
    )
    refused(lambda: flatten({"a" * 5000: 1}), "too_large")


def test_nesting_without_end_is_refused() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = {"a": value}
    with pytest.raises(Malformed):
        flatten(value)


@given(st.dictionaries(st.text(max_size=3), documents, max_size=4))
def test_every_argument_is_there_or_opaque_above(args: dict[str, Any]) -> None:
    """Nothing that a tool would see is missing from the facts: it is named, or lies below an opaque."""
    facts = flatten(args)
    for name, value in args.items():
        if value is not None:
            found = [
                fact
                for fact in facts
                if fact == "args" or fact == f"args.{name}" or fact.startswith(f"args.{name}.")
            ]
            assert found, (name, facts)
