"""One block of a lease: the closed set of caveats by number and name, read strictly (V1, V2).

A block keeps the exact bytes it was read from, because ids and signatures cover those, and its
fields as checked values. A key that this version does not know is kept and forbids every request
(V7); it is not dropped, so a block means the same to every holder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias, TypeVar, final

from . import codec, grants, limits
from .errors import Malformed
from .faults import Fault, malformed
from .grants import Demand, Grant
from .request import NAME, Run, Segment

HMAC: Final = 5
"""COSE algorithm of the symmetric chain: HMAC 256/256 (RFC 9053)."""
ED25519: Final = -19
"""COSE algorithm of the public-key chain: Ed25519 (RFC 9864)."""

(
    NONCE, NEXT_KEY, RUN, AUDIENCE, NOT_BEFORE, EXPIRES, ALLOW, DENY, WHERE, BUDGET,
    APPROVAL, DEPTH, FINAL, BOUND, FOR, ISSUED_AT, NOTES,
) = range(17)  # fmt: skip

NAMES: Final = (
    "nonce", "next_key", "run", "audience", "not_before", "expires", "allow", "deny", "where", "budget",
    "approval", "depth", "final", "bound", "for", "issued_at", "notes",
)  # fmt: skip
"""Names of the keys 0 to 16, the same in JSON, YAML, Python and documents."""

EXTENSION = re.compile(r"[a-z0-9.-]+/[A-Za-z0-9._-]+")

Key: TypeAlias = int | str
Fields: TypeAlias = dict[Key, Any]
T = TypeVar("T")

# Looked at in V6, V8 and V9, or never: everything else is a caveat of V7.
_NOT_V7 = frozenset((NONCE, NEXT_KEY, APPROVAL, DEPTH, FINAL, BOUND, FOR, ISSUED_AT, NOTES))
_V6 = frozenset((DEPTH, BOUND, FOR, ISSUED_AT))


def caveat_name(key: Key) -> str:
    """Return the name of a key: of the closed set, an extension's own, or an unknown number's digits."""
    return NAMES[key] if isinstance(key, int) and 0 <= key < len(NAMES) else str(key)


@final
class Block:
    """A block: `raw` bytes, `fields` by key, and `caveats`, the pairs that V7 looks at, in order."""

    __slots__ = ("caveats", "fields", "raw", "structural")

    raw: bytes
    fields: Fields
    caveats: tuple[tuple[Key, Any], ...]
    structural: bool

    def get(self, name: str) -> Any:
        """Return the field of this name, or None."""
        return self.fields.get(NAMES.index(name) if name in NAMES else name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Block) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"Block({', '.join(map(caveat_name, self.fields))})"


# --- reading decoded values (token.cddl); each raises Malformed `shape` ------------------------------
def _run(value: object) -> Run:
    if type(value) is list and 0 < len(value) <= limits.MAX_RUN:
        run: list[Segment] = []
        for segment in value:
            if type(segment) is not list or not segment or type(segment[0]) is not str:
                break
            if not NAME.fullmatch(segment[0]):
                break
            if len(segment) == 2 and type(segment[1]) is int and 0 < segment[1] <= limits.SAFE_MAX:
                run.append((segment[0], segment[1]))
            elif len(segment) == 1:
                run.append((segment[0], None))
            else:
                break
        else:
            return tuple(run)
    raise malformed(Fault.RUN)


def _all_text(values: Iterable[object]) -> bool:
    for value in values:
        if type(value) is not str:
            return False
    return True


def _texts(value: object) -> tuple[str, ...]:
    if type(value) is list and value and _all_text(value):
        return tuple(value)
    raise malformed(Fault.TEXTS)


def _uint(value: object, most: int = limits.SAFE_MAX) -> int:
    if type(value) is int and 0 <= value <= most:
        return value
    raise malformed(Fault.NUMBER, most)


def _list(value: object, read: Callable[[object], T]) -> tuple[T, ...]:
    if type(value) is not list or not value:
        raise malformed(Fault.EMPTY)
    return tuple([read(element) for element in value])


def _allow(value: object) -> tuple[Grant, ...]:
    return _list(value, grants.read_grant)


def _deny(value: object) -> tuple[Grant, ...]:
    return _list(value, _denied)


def _approval(value: object) -> tuple[Demand, ...]:
    return _list(value, grants.read_demand)


def _depth(value: object) -> int:
    return _uint(value, limits.MAX_DEPTH_CAVEAT)


def _denied(value: object) -> Grant:
    denied = grants.read_grant(value)
    if grants.deny_fault(denied):
        raise malformed(Fault.DENY_ONLY if denied.only else Fault.DENY_OPTIONAL)
    return denied


def _budget(value: object) -> dict[str, int]:
    if type(value) is not dict or not value or not _all_text(value):
        raise malformed(Fault.BUDGET)
    codec.ordered(value)
    for limit in value.values():
        _uint(limit)
    return value


def _bound(value: object) -> bool:
    if value is not True:
        raise malformed(Fault.BOUND)
    return True


def _sized(least: int, most: int) -> Callable[[object], bytes]:
    def read(value: object) -> bytes:
        if type(value) is bytes and least <= len(value) <= most:
            return value
        raise malformed(Fault.SIZED, least << 8 | most)

    return read


def _notes(value: object) -> dict[str, Any]:
    if type(value) is dict:
        codec.ordered(value)
        for name, note in value.items():
            if type(name) is not str or type(note) not in (str, int, bool):
                break
        else:
            return value
    raise malformed(Fault.NOTES)


_READERS: Final[tuple[Callable[[object], Any], ...]] = (
    _sized(limits.MIN_NONCE, limits.MAX_NONCE),
    _sized(32, 32),
    _run,
    _texts,
    _uint,
    _uint,
    _allow,
    _deny,
    grants.read_where,
    _budget,
    _approval,
    _depth,
    grants.read_patterns,
    _bound,
    _sized(16, 16),
    _uint,
    _notes,
)


_KNOWN: Final = len(_READERS)


def _extension(value: object) -> None:
    """Refuse an extension's value that is not text, integers, booleans, arrays, or maps of text."""
    if isinstance(value, (str, int)):
        return
    if isinstance(value, list) and value:
        for member in value:
            _extension(member)
        return
    if isinstance(value, dict) and value and all(isinstance(name, str) for name in value):
        for member in value.values():
            _extension(member)
        return
    raise malformed(Fault.EXTENSION)


def _unknown(key: object, value: object) -> None:
    """Check the one thing that can be known of a key that is not in the closed set."""
    codec.check_order(value, 2)
    if type(key) is str:
        if not EXTENSION.fullmatch(key):
            raise malformed(Fault.TEXT_KEY)
        _extension(value)


def read_block(raw: bytes, index: int, alg: int) -> Block:
    """Read block number `index` of a chain of algorithm `alg`.

    Raises Malformed (V1, V2): for its size, else for its encoding, else for its shape.
    """
    if len(raw) > limits.MAX_BLOCK:
        raise malformed(Fault.BLOCK_SIZE, len(raw))
    value = codec.decode_unordered(raw)
    try:
        return _block(value, raw, index, alg)
    except Malformed:
        pass  # a later byte may show a fault of the encoding, and that goes first
    return _block(codec.decode_slowly(raw), raw, index, alg)


def _block(fields: object, raw: bytes, index: int, alg: int) -> Block:
    """Return the block of a decoded value."""
    if type(fields) is not dict or not fields:
        raise malformed(Fault.BLOCK)
    caveats = []
    structural = False
    last = -1
    for key, value in fields.items():
        if type(key) is int and last < key < _KNOWN:
            last = key
            fields[key] = value = _READERS[key](value)
            if key in _V6:
                structural = True
            if key not in _NOT_V7:
                caveats.append((key, value))
        else:
            _unknown(key, value)
            last = _KNOWN  # only other unknown keys may follow; `ordered` looks at those
            caveats.append((key, value))
    if last == _KNOWN:
        codec.ordered(fields)
    _check(fields, index, alg)
    block = Block()
    block.raw = raw
    block.fields = fields
    block.caveats = tuple(caveats)
    block.structural = structural
    return block


def _check(fields: Fields, index: int, alg: int) -> None:
    """Refuse what only the fields together, or the block's place, can show."""
    nonce = fields.get(NONCE)
    if nonce is None or (index == 0 and len(nonce) < limits.MIN_ROOT_NONCE):
        raise malformed(Fault.NONCE, index)
    if (NEXT_KEY in fields) is not (alg == ED25519):
        raise malformed(Fault.NEXT_KEY)
    granted = len(fields.get(ALLOW, ())) + len(fields.get(DENY, ()))
    if granted > limits.MAX_GRANTS:
        raise malformed(Fault.GRANTS, granted)


# --- writing --------------------------------------------------------------------------------------
def wire(fields: Fields) -> dict[Key, object]:
    """Return the map of token.cddl for checked values."""
    out: dict[Key, object] = {}
    for key, value in fields.items():
        if key == RUN:
            out[key] = [[name] if attempt is None else [name, attempt] for name, attempt in value]
        elif key in (ALLOW, DENY, APPROVAL):
            out[key] = [each.to_wire() for each in value]
        elif key == WHERE:
            out[key] = {name: constraint.to_wire() for name, constraint in value.items()}
        else:
            out[key] = value
    return out


def make_block(fields: Fields, index: int, alg: int) -> Block:
    """Return the block of these fields, after reading it back as strictly as anybody's.

    Raises ValueError with the fault; so nothing can be minted that would not be read.
    """
    try:
        return read_block(codec.encode(wire(fields)), index, alg)
    except Malformed as fault:
        raise ValueError(str(fault.finding)) from None
    except TypeError as fault:
        raise ValueError(str(fault)) from None
