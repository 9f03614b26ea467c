"""JSON in its one spelling (RFC 8785), against another implementation; and JSON read strictly."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import build
import pytest
import rfc8785
import strategies as own
from hypothesis import given, settings
from hypothesis import strategies as st

from attenuate import flatten
from attenuate.jcs import canonical, load_json
from attenuate.request import OPAQUE

SAFE = 2**53 - 1


RFC_NUMBERS = {
    "0000000000000000": "0", "8000000000000000": "0", "0000000000000001": "5e-324", "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308", "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992", "c340000000000000": "-9007199254740992", "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22", "44b52d02c7e14af6": "1e+23", "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000", "444b1ae4d6e2ef4f": "999999999999999900000", "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7", "3eb0c6f7a0b5ed8d": "0.000001", "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325", "41b3de4355555555": "333333333.3333333", "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343", "becbf647612f3696": "-0.0000033333333333333333", "43143ff3c1cb0959": "1424953923781206.2",
}  # fmt: skip
"""Appendix B: IEEE 754 bits and text."""


def double(bits: str) -> float:
    return float(struct.unpack(">d", bytes.fromhex(bits))[0])


@pytest.mark.parametrize("bits", RFC_NUMBERS)
def test_the_numbers_of_the_rfc(bits: str) -> None:
    assert canonical(double(bits)).decode() == RFC_NUMBERS[bits]


@pytest.mark.parametrize("bits", ["7ff0000000000000", "fff0000000000000", "7fffffffffffffff"])
def test_numbers_without_one_meaning_are_refused(bits: str) -> None:
    assert canonical(1.5)
    build.malformed(lambda: canonical([double(bits)]))


def test_the_sorting_of_the_rfc() -> None:
    given = {"€": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "ö": 7}
    assert list(json.loads(canonical(given))) == ["\r", "1", "\x80", "ö", "€", "\U0001f600", "\ufb33"]
    assert sorted(given) != list(json.loads(canonical(given))), "the control: code points sort otherwise"


def test_the_literals_of_the_rfc() -> None:
    given = {"string": '€$\x0f\nA\'B"\\\\"/', "literals": [None, True, False], "numbers": [4.5, 2e-3, 1e-27]}
    want = '{"literals":[null,true,false],"numbers":[4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert canonical(given).decode() == want


@given(own.documents)
def test_another_implementation_writes_the_same(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@settings(max_examples=1000)
@given(st.integers(0, 2**64 - 1))
def test_another_implementation_writes_the_same_doubles(bits: int) -> None:
    number = struct.unpack(">d", bits.to_bytes(8, "big"))[0]
    if math.isfinite(number):
        assert canonical(number) == rfc8785.dumps(number)
        assert float(canonical(number)) == number  # an integer of 17 digits is read as the nearest double
    else:
        build.malformed(lambda: canonical(number))


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
    [SAFE + 1, -SAFE - 1, 10**400, math.nan, math.inf, -math.inf, "\ud800", {"\ud800": 1}, {1: "a"}, {None: 1}, b"a", {1}, object(),
     deep(100_000), 1j],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_has_no_one_spelling_is_refused(value: Any) -> None:
    assert canonical([SAFE, -SAFE, 1.5, "ü", {"a": 1}, (1, 2)])
    build.malformed(lambda: canonical({"a": value}))


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
    build.malformed(lambda: load_json(text))


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", "[1,]", "01"])
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        load_json(text)


def test_a_number_of_many_digits_is_read_and_refused() -> None:
    number = load_json("[" + "9" * 5000 + "]")
    build.malformed(lambda: canonical(number))
    assert flatten({"n": number[0]}) == {"args.n": OPAQUE}
