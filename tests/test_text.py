"""The text form: one spelling for any bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import wire
from hypothesis import given
from hypothesis import strategies as st

from attenuate import Malformed, codec


@given(st.binary(max_size=60))
def test_text_round_trips(data: bytes) -> None:
    text = codec.to_text(data)
    assert text == wire.to_text(data)
    assert codec.from_text(text) == data


OTHER_SPELLINGS: dict[str, Callable[[str], str]] = {
    "padding": lambda text: text + "=" * (-(len(text) - 7) % 4 or 4),
    "white space": lambda text: f"{text} ",
    "a line": lambda text: f"{text}\n",
    "a line within": lambda text: f"{text[:12]}\n{text[12:]}",
    "the other alphabet": lambda text: text.replace("-", "+").replace("_", "/").replace("lease1/", "lease1_"),
    "no prefix": lambda text: text[7:],
    "another prefix": lambda text: f"lease2_{text[7:]}",
    "an upper-case prefix": lambda text: f"LEASE1_{text[7:]}",
    "full width": lambda text: text[:-1] + chr(ord(text[-1]) + 0xFEE0),
    "a lone surrogate": lambda text: text + "\ud800",
    "a zero character": lambda text: text + "\x00\x00\x00\x00",
}


@pytest.mark.parametrize("name", OTHER_SPELLINGS)
@pytest.mark.parametrize(
    "tail", [b"", b"\x01", b"\x01\x02"], ids=["no rest", "one byte over", "two bytes over"]
)
def test_another_spelling_is_refused(name: str, tail: bytes) -> None:
    text = codec.to_text(b"\xfb\xff\xbf\xfe" * 3 + tail)
    assert codec.from_text(text)
    with pytest.raises(Malformed) as caught:
        codec.from_text(OTHER_SPELLINGS[name](text))
    assert caught.value.code == "text"


@pytest.mark.parametrize("over", [1, 2])
def test_unused_bits_are_zero(over: int) -> None:
    text = codec.to_text(b"\x00" * (3 + over))
    taken = []
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
        try:
            codec.from_text(text[:-1] + letter)
        except Malformed:
            continue
        taken.append(letter)
    assert taken == list({1: "AQgw", 2: "AEIMQUYcgkosw048"}[over])


def test_a_rest_of_one_character_is_refused() -> None:
    assert codec.from_text("lease1_AAAA") == b"\x00" * 3
    with pytest.raises(Malformed):
        codec.from_text("lease1_AAAAA")


@pytest.mark.parametrize("text", [None, b"lease1_AAAA", 7, ["lease1_AAAA"]])
def test_what_is_no_str_is_refused(text: Any) -> None:
    with pytest.raises(Malformed) as caught:
        codec.from_text(text)
    assert caught.value.code == "text"


@given(st.text(max_size=12))
def test_any_text_is_refused_or_the_one_text_of_its_bytes(text: str) -> None:
    try:
        data = codec.from_text(f"lease1_{text}")
    except Malformed:
        return
    assert codec.to_text(data) == f"lease1_{text}"
