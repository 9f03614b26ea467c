"""What a call states: its arguments as facts, its digest, and the binding of a proof.

Arguments are JSON. Their digest is SHA-256 over RFC 8785 bytes (JSON Canonicalization Scheme), so
two spellings of one call have one binding; a call whose arguments have no one spelling (a key
twice, an integer beyond 2^53-1) is refused, not guessed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from . import codec, limits
from .errors import Malformed
from .request import OPAQUE, Fact, Run, make_run, run_text

CALL: Final = b"attenuate/1 call\0"
HTTP: Final = b"attenuate/1 http\0"


def load_json(text: str | bytes) -> Any:
    """Return the value of a JSON text; raises Malformed `facts` for a key twice, NaN or Infinity.

    Raises json.JSONDecodeError for what is no JSON.
    """
    return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("facts", "an object with a key twice", allowed="each key once")
    return members


def _no_constant(name: str) -> Any:
    raise Malformed("facts", f"the number {name}", allowed="JSON numbers (RFC 8259)")


# --- RFC 8785 -------------------------------------------------------------------------------------
def canonical(value: object) -> bytes:
    """Return the RFC 8785 bytes of a JSON value.

    Raises Malformed `facts` for an integer beyond 2^53-1, a float that is not finite, a key that
    is not text, text with a lone surrogate, nesting beyond Python's, or a type JSON does not have.
    """
    try:
        return _canonical(value).encode("utf-8")
    except UnicodeEncodeError:
        raise _bad("text with a lone surrogate") from None
    except RecursionError:
        raise _bad("nesting without end") from None


def _canonical(value: object) -> str:
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
        return "[" + ",".join(map(_canonical, value)) + "]"
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise _bad("a key that is not text")
        # section 3.2.3: names are sorted by their UTF-16 code units
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{_string(name)}:{_canonical(value[name])}" for name in names) + "}"
    raise _bad(f"a {type(value).__name__}")


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


# --- bindings -------------------------------------------------------------------------------------
def call_digest(args: object) -> bytes:
    """Return H(args): SHA-256 of the arguments' RFC 8785 bytes; its hex is the fact `call`."""
    return sha256(canonical(args)).digest()


def call_binding(audience: str, run: str | Run, action: str, args: object) -> bytes:
    """Return the 32 bytes that bind a proof to a tool call.

    run: as text ("agt_1@2/reader@1") or as a Run. args: the call's JSON arguments.
    Raises Malformed `facts` for arguments without one spelling.
    """
    return sha256(CALL + codec.encode([audience, _run(run), action, call_digest(args)])).digest()


def http_binding(
    audience: str,
    run: str | Run,
    method: str,
    scheme: str,
    authority: str,
    target: str,
    body: bytes = b"",
) -> bytes:
    """Return the 32 bytes that bind a proof to an HTTP request.

    method, scheme, authority and target as they are on the wire (RFC 9110, RFC 9112 section 3.2);
    body: its bytes.
    """
    parts = [audience, _run(run), method, scheme, authority, target, sha256(body).digest()]
    return sha256(HTTP + codec.encode(parts)).digest()


def _run(run: str | Run) -> str:
    return run_text(make_run(run))


# --- facts ----------------------------------------------------------------------------------------
def flatten(args: Mapping[str, object], name: str = "args") -> dict[str, Fact]:
    """Return a tool's JSON arguments as facts under dotted names (specs/caveats.md, facts).

    {"entities": [{"name": "a"}, {}]} becomes args.entities.name = ["a", OPAQUE]. What has no place
    in the closed set of types is OPAQUE: it is there, and no constraint but `present` takes it.
    Raises Malformed `facts` for what is no JSON object.
    """
    if not isinstance(args, Mapping):
        raise Malformed("facts", f"arguments that are a {type(args).__name__}", allowed="a JSON object")
    facts: dict[str, Fact] = {}
    try:
        if args:
            _flatten(name, args, facts)
    except RecursionError:
        raise _bad("nesting without end") from None
    return facts


def _flatten(name: str, value: object, facts: dict[str, Fact]) -> None:
    if value is None:
        return
    if isinstance(value, Mapping):
        if not value or any(not isinstance(key, str) or not key or "." in key for key in value):
            facts[name] = OPAQUE
            return
        for key, member in value.items():
            _flatten(f"{name}.{key}", member, facts)
    elif isinstance(value, (list, tuple)):
        _flatten_list(name, value, facts)
    else:
        facts[name] = _scalar(value)


def _flatten_list(name: str, values: list[object] | tuple[object, ...], facts: dict[str, Fact]) -> None:
    objects = [value for value in values if isinstance(value, Mapping)]
    arrays = any(isinstance(value, (list, tuple)) for value in values)
    if len(values) > limits.MAX_FACTS or arrays or (objects and len(objects) != len(values)):
        facts[name] = OPAQUE
        return
    if not objects:
        facts[name] = tuple(_scalar(value) for value in values)
        return
    rows: list[dict[str, Fact]] = []
    for member in objects:
        row: dict[str, Fact] = {}
        _flatten(name, member, row)
        if name in row or any(isinstance(fact, tuple) for fact in row.values()):
            facts[name] = OPAQUE  # an object that is opaque, or has an array inside
            return
        rows.append(row)
    names = list(dict.fromkeys(key for row in rows for key in row))
    for key in names:
        facts[key] = tuple(row.get(key, OPAQUE) for row in rows)  # type: ignore[misc]
    if not names:
        facts[name] = OPAQUE  # objects without a member that says anything are still there


def _scalar(value: object) -> Any:
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) <= limits.SAFE_MAX else OPAQUE
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value) if abs(value) <= limits.SAFE_MAX else OPAQUE
    if value is None or isinstance(value, float):
        return OPAQUE
    raise _bad(f"a {type(value).__name__}")
