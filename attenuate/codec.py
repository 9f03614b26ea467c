"""Deterministic CBOR (RFC 8949 section 4.2.1) and the text form of a token; nothing else is read.

A value has exactly one encoding, so a block has exactly one id: long spellings of a head, unsorted
or double keys, indefinite lengths, floats, tags, simple values other than false, true and null, and
trailing bytes are refused. cbor2 takes all of these, so it never sees them: one regular expression
first looks at every head (the heads of a deterministic encoding are a regular language as long as
strings are short), then cbor2 builds the values and a look at those finds the order of keys. What
does not pass that is read by the rules one by one, which also finds the fault to tell: the first, byte
by byte. Both ways give the same verdict on any bytes (tests/test_codec.py).
"""

from __future__ import annotations

import binascii
import re
from typing import Final

import cbor2

from . import limits
from .errors import Malformed
from .faults import Fault, malformed

PREFIX: Final = "lease1_"
_OUT = bytes.maketrans(b"+/", b"-_")
# "+", "/" and "=" become characters that the strict decoder refuses: one spelling per token.
_IN = bytes.maketrans(b"-_+/=", b"+/\x00\x00\x00")
# The last character of a text whose length is 2 or 3 modulo 4 carries unused bits: all zero.
_LAST = {0: None, 2: frozenset(b"AQgw"), 3: frozenset(b"AEIMQUYcgkosw048")}

UINT, NINT, BYTES, TEXT, ARRAY, MAP = range(6)
_SIMPLE: Final = {0xF4: False, 0xF5: True, 0xF6: None}


# --- text -----------------------------------------------------------------------------------------
def to_text(data: bytes) -> str:
    """Return the text form: "lease1_" and the unpadded base64url of `data`."""
    body = binascii.b2a_base64(data, newline=False).translate(_OUT).rstrip(b"=")
    return PREFIX + body.decode("ascii")


def from_text(text: str) -> bytes:
    """Return the bytes of a token's text form.

    Raises Malformed `too_large` (V1) or `text` (V2): another prefix, padding, white space, the
    other base64 alphabet, or unused bits that are not zero.
    """
    if not isinstance(text, str):
        raise Malformed("text", f"a {type(text).__name__}", allowed="a str that starts with lease1_")
    if len(text) > limits.MAX_TOKEN_TEXT:
        raise malformed(Fault.TOKEN_SIZE, len(text))
    if not text.startswith(PREFIX) or not text.isascii() or not text[-1].isprintable() or text[-1] == " ":
        raise unlike(text)
    body = text[len(PREFIX) :].encode("ascii")
    over = len(body) & 3
    if over == 1 or (over and body[-1] not in _LAST[over]):  # type: ignore[operator]
        raise malformed(Fault.UNUSED_BITS)
    try:
        data = binascii.a2b_base64(body.translate(_IN) + b"=" * (-over & 3), strict_mode=True)
    except binascii.Error:
        raise malformed(Fault.ALPHABET) from None
    return data


def unlike(text: str) -> Malformed:
    """Return the error of a text with the fault PREFIX: what it is like, and what would pass."""
    plain = malformed(Fault.PREFIX).finding
    if text != text.strip():
        asked, mend = "text with white space around it", "the text without it: text.strip()"
    elif text[:7].lower() == "bearer ":
        asked, mend = "a header's whole value", 'what comes after "Bearer "'
    elif text.startswith("<Lease"):
        asked, mend = "the repr of a Lease, which is redacted", "lease.token"
    else:
        asked, mend = plain.asked, "the token itself, as lease.token or attenuate issue give it"
    return Malformed(plain.code, asked, allowed=plain.allowed, would_pass=mend)


# --- writing --------------------------------------------------------------------------------------
def encode(value: object) -> bytes:
    """Return the deterministic encoding of ints, bytes, str, lists, tuples, dicts, bools and None.

    Raises TypeError for another type, ValueError for an integer beyond 64 bits signed or for text
    that is not Unicode.
    """
    return cbor2.dumps(_sorted(value))


def _sorted(value: object) -> object:
    # RFC 8949 section 4.2.1 sorts keys by their encoded bytes; cbor2's canonical mode sorts by
    # length first (RFC 7049), so the order is made here and kept.
    kind = type(value)
    if kind is str:
        if not value.isascii():  # type: ignore[attr-defined]
            value.encode("utf-8")  # type: ignore[attr-defined]  # a lone surrogate fails here
        return value
    if kind is int:
        if not limits.INT_MIN <= value <= limits.INT_MAX:  # type: ignore[operator]
            raise ValueError("an integer beyond 64 bits signed")
        return value
    if kind is bytes or kind is bool or value is None:
        return value
    if isinstance(value, (list, tuple)):
        return [_sorted(member) for member in value]
    if isinstance(value, dict):
        return {_sorted(key): _sorted(value[key]) for key in sorted(value, key=_order)}
    if isinstance(value, (str, int)):  # a subclass (StrEnum, IntEnum): its plain value
        return _sorted(str.__str__(value) if isinstance(value, str) else int(value))
    raise TypeError(f"a {kind.__name__} cannot be encoded")


def _order(key: object) -> tuple[int, int, bytes]:
    """Return what sorts a map key as its encoding does: major type, then length, then bytes."""
    if isinstance(key, str):
        data = key.encode("utf-8")
        return TEXT, len(data), data
    if isinstance(key, int) and not isinstance(key, bool):
        return (UINT, key, b"") if key >= 0 else (NINT, -1 - key, b"")
    raise TypeError(f"a {type(key).__name__} cannot be a map key")


# --- reading --------------------------------------------------------------------------------------
_LONGEST: Final = 128
"""Bytes of the longest string that the expression takes: every action, name and key."""


def _numbers(base: int) -> bytes:
    """Return the pattern of an integer of 24 or more, in the shortest spelling."""
    return (
        rb"\x%02x[\x18-\xff]|\x%02x(?!\x00)..|\x%02x(?!\x00\x00).{4}|"
        rb"\x%02x(?!\x00\x00\x00\x00)[\x00-\x7f].{7}"
    ) % (base + 24, base + 25, base + 26, base + 27)


def _strings(base: int) -> tuple[bytes, bytes]:
    """Return the patterns of short (< 24 bytes) and of middling strings."""
    short = [rb"\x%02x.{%d}" % (base + n, n) for n in range(24)]
    middling = [rb"\x%02x\x%02x.{%d}" % (base + 24, n, n) for n in range(24, _LONGEST + 1)]
    return b"|".join(short), b"|".join(middling)


def _lexicon() -> re.Pattern[bytes]:
    """Return the pattern of any sequence of canonical heads with what belongs to them."""
    single = rb"[\x00-\x17\x20-\x37\x80-\x97\xa0-\xb7\xf4-\xf6]+"  # whole items, and small counts
    counts = rb"[\x98\xb8][\x18-\xff]|[\x99\xb9](?!\x00).."
    text, long_text = _strings(0x60)
    data, long_data = _strings(0x40)
    common_first = (single, text, _numbers(0x00), data, counts, _numbers(0x20), long_text, long_data)
    return re.compile(rb"(?:" + b"|".join(common_first) + rb")*+", re.DOTALL)


_LEXICON = _lexicon()
_END = b"\xf7"  # "undefined" stands in no canonical value here, so it marks where a value ended


def decode(data: bytes) -> object:
    """Return the value that `data` encodes, all of it: ints, bytes, str, lists, dicts, bools, None.

    Raises Malformed `cbor` for any encoding but the deterministic one, `too_large` for nesting
    beyond 6 (V1): the first fault, byte by byte.
    """
    value = decode_unordered(data)
    try:
        check_order(value)
    except Malformed:
        pass
    else:
        return value
    return decode_slowly(data)


def decode_unordered(data: bytes) -> object:
    """Do as `decode`, but leave keys and nesting to the caller: see `check_order`.

    Where the caller refuses the value, for these or for its shape, `decode_slowly` must have a look
    before the refusal is told: the fault of an encoding goes first.
    """
    if _LEXICON.fullmatch(data):
        try:
            value, end = cbor2.loads(
                b"\x82" + data + _END, max_depth=limits.MAX_DEPTH + 1, allow_duplicate_keys=False
            )
            if end is cbor2.undefined:
                return value
        except (cbor2.CBORDecodeError, ValueError, TypeError):
            pass  # the slow way finds the words for what is wrong
    return decode_slowly(data)


def check_order(value: object, depth: int = 1) -> None:
    """Check keys and nesting of a value at any depth; `depth` is that of the value itself.

    Raises Malformed `cbor` for map keys that are no text or integer or out of order, and
    `too_large` for nesting beyond 6 (V1), which cbor2 does not count for empty containers.
    """
    kind = type(value)
    if kind is not list and kind is not dict:
        return
    if depth > limits.MAX_DEPTH:
        raise malformed(Fault.NESTING, depth)
    if kind is dict:
        ordered(value)  # type: ignore[arg-type]
        value = value.values()  # type: ignore[attr-defined]
    for member in value:  # type: ignore[attr-defined]
        check_order(member, depth + 1)


def ordered(members: dict[object, object]) -> None:
    """Raise Malformed for keys of one map that are no text or integer or out of order."""
    before = (-1, 0, b"")
    for key in members:
        if type(key) is not int and type(key) is not str:
            raise malformed(Fault.KEY_TYPE)
        place = _order(key)
        if place <= before:
            raise malformed(Fault.KEY_ORDER)
        before = place


def decode_slowly(data: bytes) -> object:
    """Do as `decode`, by the rules one by one: the definition, and the order of faults."""
    try:
        value, end = _item(data, 0, 1)
    except IndexError:
        raise malformed(Fault.TRUNCATED) from None
    except UnicodeDecodeError:
        raise malformed(Fault.NOT_UTF8) from None
    if end != len(data):
        raise malformed(Fault.TRAILING)
    return value


def _head(b: bytes, i: int) -> tuple[int, int, int]:
    """Read a head; return its major type, its argument and the next position."""
    major, n = b[i] >> 5, b[i] & 31
    if n < 24:
        return major, n, i + 1
    if n > 27 or major > MAP:
        raise malformed(Fault.INITIAL_BYTE, b[i])
    size = 1 << (n - 24)
    end = i + 1 + size
    if end > len(b):
        raise IndexError
    n = int.from_bytes(b[i + 1 : end], "big")
    if n < (24 if size == 1 else 1 << (4 * size)):
        raise malformed(Fault.LONG_SPELLING, n)
    if n > limits.INT_MAX:
        raise malformed(Fault.BEYOND)
    return major, n, end


def strings(b: bytes, i: int) -> tuple[list[bytes], int]:
    """Read an array of up to 16 byte strings at a position; return it and the next position.

    Raises IndexError where the bytes end too early, Malformed for anything else.
    """
    major, n, i = _head(b, i)
    if major != ARRAY:
        raise malformed(Fault.STRINGS)
    if n > limits.MAX_BLOCKS:
        raise malformed(Fault.ELEMENTS, n)
    out = []
    for _ in range(n):
        data, i = string(b, i)
        out.append(data)
    return out, i


def string(b: bytes, i: int) -> tuple[bytes, int]:
    """Read a byte string at a position; return it and the next position; raises as `strings`."""
    if b[i] == 0x58 and b[i + 1] > 23:  # the usual head of a block, a tag or a secret
        n = b[i + 1]
        i += 2
    else:
        major, n, i = _head(b, i)
        if major != BYTES:
            raise malformed(Fault.STRING)
    end = i + n
    if end > len(b):
        raise IndexError
    return b[i:end], end


def _item(b: bytes, i: int, depth: int) -> tuple[object, int]:
    start = i
    major, n, i = _head(b, i)
    if major == UINT:
        return n, i
    if major == NINT:
        return -1 - n, i
    if major in (BYTES, TEXT):
        end = i + n
        if end > len(b):
            raise IndexError
        return (b[i:end] if major == BYTES else b[i:end].decode()), end
    if major in (ARRAY, MAP):
        if depth > limits.MAX_DEPTH:
            raise malformed(Fault.NESTING, depth)
        return _array(b, i, n, depth + 1) if major == ARRAY else _map(b, i, n, depth + 1)
    if b[start] in _SIMPLE:
        return _SIMPLE[b[start]], i
    raise malformed(Fault.OTHER_VALUE, b[start])


def _array(b: bytes, i: int, n: int, depth: int) -> tuple[list[object], int]:
    out = []
    for _ in range(n):
        value, i = _item(b, i, depth)
        out.append(value)
    return out, i


def _map(b: bytes, i: int, n: int, depth: int) -> tuple[dict[object, object], int]:
    out: dict[object, object] = {}
    last = b""
    for _ in range(n):
        start = i
        key, i = _item(b, i, depth)
        if type(key) is not int and type(key) is not str:
            raise malformed(Fault.KEY_TYPE)
        if b[start:i] <= last:
            raise malformed(Fault.KEY_ORDER)
        last = b[start:i]
        out[key], i = _item(b, i, depth)
    return out, i
