"""What a call states: its arguments as facts, its digest, and the binding of a proof.

Arguments are JSON. Their digest is SHA-256 over RFC 8785 bytes (JSON Canonicalization Scheme), so
two spellings of one call have one binding; a call whose arguments have no one spelling (a key
twice, an integer beyond 2^53-1) is refused, not guessed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from . import codec, limits
from .errors import Malformed
from .jcs import canonical
from .request import OPAQUE, Fact, Opaque, Run, Scalar, make_run, run_text
from .words import brief

CALL: Final = b"attenuate/1 call\0"
HTTP: Final = b"attenuate/1 http\0"


# --- bindings -------------------------------------------------------------------------------------
def call_digest(args: object) -> bytes:
    """Return H(args): SHA-256 of the arguments' RFC 8785 bytes; its hex is the fact `call`."""
    return sha256(canonical(args)).digest()


def call_binding(audience: str, run: str | Run, action: str, args: object) -> bytes:
    """Return the 32 bytes that bind a proof to a tool call.

    run: as text ("agt_1@2/reader@1") or as a Run. args: the call's JSON arguments.
    Raises Malformed `facts` for arguments without one spelling.
    """
    _texts(audience, action)
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
    body: its bytes. Raises Malformed `facts` for what is no text or no run.
    """
    _texts(audience, method, scheme, authority, target)
    parts = [audience, _run(run), method, scheme, authority, target, sha256(body).digest()]
    return sha256(HTTP + codec.encode(parts)).digest()


def _run(run: str | Run) -> str:
    return run_text(make_run(run))


def _texts(*values: str) -> None:
    for value in values:
        if not isinstance(value, str) or any("\ud800" <= char <= "\udfff" for char in value):
            raise Malformed("facts", f"a part that is {brief(value)}", allowed="text")


# --- facts ----------------------------------------------------------------------------------------
def flatten(args: Mapping[str, object], name: str = "args") -> dict[str, Fact]:
    """Return a tool's JSON arguments as facts under dotted names (specs/caveats.md, facts).

    {"entities": [{"name": "a"}, {}]} becomes args.entities.name = ["a", OPAQUE]. What has no place
    in the closed set of types is OPAQUE: it is there, and no constraint but `present` takes it.
    Raises Malformed `facts` for what is no JSON object or nests beyond 64, `too_large` for more
    than 256 facts.
    """
    if not isinstance(args, Mapping):
        raise Malformed("facts", f"arguments that are a {type(args).__name__}", allowed="a JSON object")
    facts: dict[str, Fact] = {}
    if any(member is not None for member in args.values()):
        _flatten(name, args, facts, 0)
    return facts


def _join(name: str, key: str) -> str:
    if len(name) + len(key) >= limits.MAX_BLOCK:
        raise Malformed("too_large", "the name of an argument", allowed=f"{limits.MAX_BLOCK} characters")
    return f"{name}.{key}"


def _put(facts: dict[str, Fact], name: str, fact: Fact) -> None:
    """State a fact; the bounds of V1 are kept while flattening, not after."""
    if len(facts) >= limits.MAX_FACTS and name not in facts:
        raise Malformed("too_large", "arguments of more facts", allowed=f"{limits.MAX_FACTS} facts")
    facts[name] = fact


def _flatten(name: str, value: object, facts: dict[str, Fact], depth: int) -> None:
    if value is None:
        return
    if isinstance(value, Mapping):
        if not value or not all(isinstance(key, str) and key and "." not in key for key in value):
            _put(facts, name, OPAQUE)
            return
        if depth == limits.MAX_JSON_DEPTH:
            raise Malformed("facts", f"nesting beyond {depth}", allowed="JSON arguments")
        for key, member in value.items():
            if member is not None:
                _flatten(_join(name, key), member, facts, depth + 1)
    elif isinstance(value, (list, tuple)):
        _flatten_list(name, value, facts, depth)
    else:
        _put(facts, name, _scalar(value))


def _flatten_list(
    name: str, values: list[object] | tuple[object, ...], facts: dict[str, Fact], depth: int
) -> None:
    objects = [value for value in values if isinstance(value, Mapping)]
    mixed = bool(objects) and len(objects) != len(values)
    if len(values) > limits.MAX_FACTS or mixed or any(_has_array(value, depth) for value in values):
        _put(facts, name, OPAQUE)
        return
    if not objects:
        _put(facts, name, tuple(_scalar(value) for value in values))
        return
    columns: dict[str, list[Scalar | Opaque]] = {}
    for number, member in enumerate(objects):
        if all(part is None for part in member.values()):
            continue  # it lacks every member: an opaque element for each that others have
        row: dict[str, Fact] = {}
        _flatten(name, member, row, depth)
        if name in row:
            _put(facts, name, OPAQUE)  # an object that is opaque itself
            return
        for key, fact in row.items():
            if key not in columns and len(facts) + len(columns) >= limits.MAX_FACTS:
                raise Malformed("too_large", "arguments of more facts", allowed=f"{limits.MAX_FACTS} facts")
            assert not isinstance(fact, tuple)  # no object here holds an array
            columns.setdefault(key, [OPAQUE] * len(objects))[number] = fact
    for key, column in columns.items():
        _put(facts, key, tuple(column))
    if not columns:
        _put(facts, name, OPAQUE)  # objects without a member that says anything are still there


def _has_array(value: object, depth: int) -> bool:
    """Say whether an element of an array is or holds an array."""
    if isinstance(value, (list, tuple)):
        return True
    if not isinstance(value, Mapping):
        return False
    if depth == limits.MAX_JSON_DEPTH:
        raise Malformed("facts", f"nesting beyond {depth}", allowed="JSON arguments")
    return any(_has_array(member, depth + 1) for member in value.values())


def _scalar(value: object) -> Scalar | Opaque:
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) <= limits.SAFE_MAX else OPAQUE
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value) if abs(value) <= limits.SAFE_MAX else OPAQUE
    if value is None or isinstance(value, float):
        return OPAQUE
    raise Malformed("facts", f"a {type(value).__name__}", allowed="JSON arguments")
