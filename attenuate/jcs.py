"""JSON read strictly, and written in its one canonical spelling (RFC 8785, JSON Canonicalization).

Strict means that a text has one meaning: a key twice, NaN, Infinity and nesting without end are
refused. Canonical means that a meaning has one text, so that a digest of it can be bound to.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from . import limits
from .errors import Malformed


def load_json(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises Malformed `facts` for a key twice, NaN, Infinity, or nesting without end, and
    json.JSONDecodeError for what is no JSON.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant, parse_int=_integer)
    except RecursionError:
        raise _bad("nesting without end") from None
    except UnicodeDecodeError:
        raise _bad("bytes that are not UTF-8") from None


def _integer(digits: str) -> int | float:
    # Python refuses to read thousands of digits; no use of such a number here looks at its value
    return int(digits) if len(digits) < 400 else math.inf


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("facts", "an object with a key twice", allowed="each key once")
    return members


def _no_constant(name: str) -> Any:
    raise Malformed("facts", f"the number {name}", allowed="JSON numbers (RFC 8259)")


def canonical(value: object) -> bytes:
    """Return the RFC 8785 bytes of a JSON value.

    Raises Malformed `facts` for an integer beyond 2^53-1, a float that is not finite, a key that
    is not text, text with a lone surrogate, nesting beyond 64, or a type JSON does not have.
    """
    try:
        return _canonical(value, 0).encode("utf-8")
    except UnicodeEncodeError:
        raise _bad("text with a lone surrogate") from None


def _canonical(value: object, depth: int) -> str:
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        if abs(value) > limits.SAFE_MAX:
            raise _bad("an integer beyond 2^53-1")
        return int.__repr__(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, (list, tuple)):
        deeper = _deeper(depth)
        return "[" + ",".join(_canonical(member, deeper) for member in value) + "]"
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise _bad("a key that is not text")
        # section 3.2.3: names are sorted by their UTF-16 code units
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        deeper = _deeper(depth)
        return "{" + ",".join(f"{_string(name)}:{_canonical(value[name], deeper)}" for name in names) + "}"
    raise _bad(f"a {type(value).__name__}")


def _deeper(depth: int) -> int:
    if depth == limits.MAX_JSON_DEPTH:
        raise _bad(f"nesting beyond {depth}")
    return depth + 1


_ESCAPES = {code: f"\\u{code:04x}" for code in range(0x20)} | {
    0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0C: "\\f", 0x0D: "\\r", 0x22: '\\"', 0x5C: "\\\\",
}  # fmt: skip


def _string(value: str) -> str:
    return f'"{value.translate(_ESCAPES)}"'


def _number(value: float) -> str:
    """Return a float as ECMAScript writes it (RFC 8785 section 3.2.2.3)."""
    if not math.isfinite(value):
        raise _bad("a number that is not finite")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = float.__repr__(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    # value = 0.digits * 10^point
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len((whole + fraction).lstrip("0")))
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    shown = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{sign}{shown}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def _bad(what: str) -> Malformed:
    return Malformed("facts", what, allowed="JSON with one spelling (RFC 8785)")
