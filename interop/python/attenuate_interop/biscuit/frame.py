"""A biscuit's bytes: the blocks as they were signed, who signed them, and whether it is sealed.

Blocks are compared as bytes, because their printed source does not tell them apart: the library prints
strings without escaping, so a string can look like a check. Only what is needed is read of the frame
(protobuf), and only from bytes that the library itself wrote of a token that it verified.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from biscuit_auth import Biscuit

_AUTHORITY, _BLOCK, _PROOF = 2, 3, 4  # of a biscuit
_DATA, _EXTERNAL = 1, 4  # of a signed block
_SECRET = 1  # of a proof; a sealed one has a final signature instead
_FACT, _PREDICATE, _TERM, _BYTES = 4, 1, 2, 5  # of a block, a fact, a predicate and a term


class Framed(NamedTuple):
    """blocks: the bytes of each. external: whether a third party signed it. sealed: of the whole."""

    blocks: tuple[bytes, ...]
    external: tuple[bool, ...]
    sealed: bool


def framed(biscuit: Biscuit) -> Framed:
    """Return what the bytes of a biscuit hold; raises TypeError for one that was not verified."""
    if not isinstance(biscuit, Biscuit):
        raise TypeError(f"a {type(biscuit).__name__} is no verified biscuit; see read_biscuit")
    fields = list(_fields(bytes(biscuit.to_bytes())))
    signed = [dict(_fields(data)) for number, data in fields if number in (_AUTHORITY, _BLOCK)]
    proof = dict(_fields(dict(fields)[_PROOF]))
    return Framed(
        tuple(block[_DATA] for block in signed),
        tuple(_EXTERNAL in block for block in signed),
        _SECRET not in proof,
    )


def first_bytes(block: bytes) -> bytes | None:
    """Return the first byte string that a fact of a block states; None where there is none."""
    layer = [block]
    try:
        for wanted in (_FACT, _PREDICATE, _TERM, _BYTES):
            layer = [inner for data in layer for number, inner in _fields(data) if number == wanted]
    except IndexError:
        return None  # a field of a type that no block of an export has
    return layer[0] if layer else None


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of each field; those of a number's field are empty."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        size, at = _varint(data, at)
        if tag & 7 == 2:
            yield tag >> 3, data[at : at + size]
            at += size
        else:
            yield tag >> 3, b""


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
