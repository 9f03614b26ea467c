"""One value, one encoding, one text: everything else is refused, by the fast reader and by the slow one."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Callable
from typing import Any

import cbor2
import pytest
import wire
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from attenuate import Malformed, codec

READERS: dict[str, Callable[[bytes], object]] = {
    "fast": codec.decode,
    "slow": codec.decode_slowly,  # the definition: the fast one must never disagree with it
}

keys = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-30, 300), st.text(max_size=30))
leaves = st.one_of(
    keys, st.binary(max_size=30), st.binary(min_size=250, max_size=260), st.booleans(), st.none(), st.text()
)


def nested(leaf: st.SearchStrategy[Any], key: st.SearchStrategy[Any] = keys) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaf,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(key, inner, max_size=4)),
        max_leaves=9,
    )


values = nested(leaves)
ODD = (
    1.0, 1.5, float("nan"), float("inf"), 2**63, 2**64 - 1, 2**64, -(2**63) - 1, -(2**64), cbor2.undefined,
    cbor2.CBORSimpleValue(19), cbor2.CBORSimpleValue(99), cbor2.CBORTag(24, b"\x00"), cbor2.CBORTag(2, b"\x01"),
    datetime.datetime(2027, 1, 15, tzinfo=datetime.UTC), frozenset({1}), cbor2.CBORTag(55799, 1),
)  # fmt: skip
odd_values = nested(
    st.one_of(leaves, st.sampled_from(ODD)), st.one_of(keys, st.booleans(), st.sampled_from([b"", None, 1.0]))
)


def depth(value: Any) -> int:
    inner = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
    return max(map(depth, inner), default=0) + isinstance(value, (list, dict))


def closed(value: Any) -> bool:
    """Say whether a value is of the types of the specification."""
    if isinstance(value, list):
        return all(map(closed, value))
    if isinstance(value, dict):
        return all(
            type(key) in (int, str) and closed(key) and closed(member) for key, member in value.items()
        )
    if type(value) is int:
        return -(2**63) <= value < 2**63
    return value is None or type(value) in (bool, str, bytes)


def oracle(data: bytes) -> Any:
    """Return [value] where `data` is its one encoding, else None: cbor2 reads, a naive writer repeats."""
    try:
        value = cbor2.loads(data)
        good = closed(value) and wire.encode(value) == data and depth(value) <= 6
    except Exception:
        return None
    return [value] if good else None


def read(reader: Callable[[bytes], object], data: bytes) -> Any:
    try:
        return [reader(data)]
    except Malformed:
        return None


def agrees(reader: Callable[[bytes], object]) -> Callable[[bytes], None]:
    def check(data: bytes) -> None:
        got, want = read(reader, data), oracle(data)
        assert (got is None) == (want is None), data.hex()
        assert got is None or wire.encode(got[0]) == data

    return check


@pytest.mark.parametrize("name", READERS)
@given(data=st.binary(max_size=40))
@example(data=b"")
@example(data=b"\xa2\x01\x00\xf5\x00")
def test_any_bytes(name: str, data: bytes) -> None:
    agrees(READERS[name])(data)


@pytest.mark.parametrize("name", READERS)
@given(
    value=values,
    place=st.integers(0, 10**6),
    change=st.integers(0, 255),
    cut=st.sampled_from((0, 0, 0, 1, 2)),
)
def test_bytes_near_an_encoding(name: str, value: Any, place: int, change: int, cut: int) -> None:
    data = bytearray(wire.encode(value))
    agrees(READERS[name])(bytes(data))
    data[place % len(data)] ^= change
    agrees(READERS[name])(bytes(data[: len(data) - cut]))


@pytest.mark.parametrize("name", READERS)
@given(value=odd_values)
def test_odd_values(name: str, value: Any) -> None:
    agrees(READERS[name])(cbor2.dumps(value))


def spelled(value: Any, draw: st.DataObject) -> bytes:
    """Encode a value with any head, any order, any length form, at whim."""
    whim = draw.draw(st.sampled_from((None,) * 6 + (1, 2, 4, 8, "open")))
    if isinstance(value, (list, dict)):
        parts = [spelled(x, draw) for x in value] if isinstance(value, list) else [
            spelled(k, draw) + spelled(v, draw) for k, v in value.items()
        ]  # fmt: skip
        if draw.draw(st.booleans()):
            parts.sort()
        major = 4 if isinstance(value, list) else 5
        if whim == "open":
            return bytes([major << 5 | 31]) + b"".join(parts) + b"\xff"
        return wire.head(major, len(parts), whim) + b"".join(parts)
    if isinstance(value, bool) or value is None or whim == "open":
        return wire.encode(value)
    data = wire.encode(value)
    size = {None: None}.get(whim, whim)
    if isinstance(value, int):
        n = value if value >= 0 else -1 - value
        return data if size is None or n >= 256**size else wire.head(0 if value >= 0 else 1, n, size)
    body = value if isinstance(value, bytes) else value.encode()
    return data if size is None or len(body) >= 256**size else wire.head(data[0] >> 5, len(body), size) + body


@pytest.mark.parametrize("name", READERS)
@given(value=values, draw=st.data())
def test_other_spellings(name: str, value: Any, draw: st.DataObject) -> None:
    agrees(READERS[name])(spelled(value, draw))


def test_a_lax_reader_is_found() -> None:
    """The control: cbor2 by itself takes floats, tags, long heads, unsorted and double keys."""
    lax = agrees(lambda data: cbor2.loads(data))
    prop = settings(max_examples=2000, phases=[Phase.generate])(
        given(value=odd_values)(lambda value: lax(cbor2.dumps(value)))
    )
    with pytest.raises((AssertionError, TypeError)):
        prop()


# --- encode -----------------------------------------------------------------------------------------
@given(values)
def test_cbor2_reads_back_what_encode_wrote(value: Any) -> None:
    data = codec.encode(value)
    assert cbor2.loads(data) == value
    assert data == wire.encode(value)


@given(st.dictionaries(keys, st.none(), min_size=2, max_size=8))
def test_keys_are_sorted_by_their_encoding(members: dict[Any, None]) -> None:
    written = list(cbor2.loads(codec.encode(members)))
    assert written == sorted(members, key=cbor2.dumps)


def test_the_order_of_rfc_8949_is_kept() -> None:
    example = [10, 100, -1, "z", "aa"]  # section 4.2.1, without the keys of types that a token has not
    assert list(cbor2.loads(codec.encode(dict.fromkeys(reversed(example))))) == example
    by_length_first = list(cbor2.loads(cbor2.dumps(dict.fromkeys(example), canonical=True)))
    assert by_length_first != example, "the control: the older order (RFC 7049) is another"


RFC_8949_A = {
    "00": 0, "17": 23, "1818": 24, "1903e8": 1000, "1a000f4240": 1000000, "1b000000e8d4a51000": 1000000000000,
    "20": -1, "3863": -100, "3903e7": -1000, "3b7fffffffffffffff": -(2**63), "f4": False, "f5": True, "f6": None,
    "40": b"", "4401020304": b"\x01\x02\x03\x04", "60": "", "62c3bc": "ü", "64f0908591": "𐅑", "80": [],
    "8301820203820405": [1, [2, 3], [4, 5]], "a0": {}, "a26161016162820203": {"a": 1, "b": [2, 3]},
}  # fmt: skip


@pytest.mark.parametrize("text", RFC_8949_A)
def test_examples_of_rfc_8949(text: str) -> None:
    data, value = bytes.fromhex(text), RFC_8949_A[text]
    assert codec.encode(value) == data
    assert repr(codec.decode(data)) == repr(value)


class Word(enum.StrEnum):
    A = "a"


class Number(enum.IntEnum):
    ONE = 1


def test_subclasses_are_written_as_their_plain_values() -> None:
    assert codec.encode({Word.A: [Number.ONE]}) == codec.encode({"a": [1]})


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (1.0, TypeError), ({1, 2}, TypeError), ({b"k": 1, 2: 1}, TypeError), ({True: 1, 2: 1}, TypeError), ({None: 1, 2: 1}, TypeError),
        (object(), TypeError), (2**63, ValueError), (-(2**63) - 1, ValueError), ("\ud800", ValueError),
    ],
    ids=repr,
)  # fmt: skip
def test_what_has_no_encoding_is_refused(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        codec.encode([value])


@pytest.mark.parametrize("key", [b"k", True, None])
def test_a_single_key_of_another_type_is_refused(key: Any) -> None:
    with pytest.raises(TypeError):
        codec.encode({key: 1})


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("inner", ["80", "a0", "8100", "a10000"])
def test_nesting_of_six_is_the_most(name: str, inner: str) -> None:
    for around in (b"\x81", b"\xa1\x00"):
        deepest = around * 5 + bytes.fromhex(inner)
        assert wire.encode(READERS[name](deepest)) == deepest
        with pytest.raises(Malformed) as caught:
            READERS[name](around + deepest)
        assert caught.value.code == "too_large"
