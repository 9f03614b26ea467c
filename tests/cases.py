"""Cases for two engines to agree on: a token, a request, a ring, a time and settings.

    text     characters that were never a token, or nearly one
    frame    bytes in a token's text; CBOR that is nearly a frame
    block    an authentic chain with bytes for a block that were never one, or nearly one
    lease    an authentic chain, mostly of well-formed blocks, asked for what it nearly allows
    approved the same with demands, and approvals in every state
    kin      a lease that was drawn before, narrowed, re-signed, bent, or under another key
    mutant   a token of mutate.py, bent

Everything is drawn from a `random.Random`: the campaign needs millions. strategies.py is for draws that
shrink.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha512
from typing import Any, NamedTuple

import build
import mutate
import strategies as own
import wire
from build import NOW

from attenuate import KeyRing, LeaseError, Request
from attenuate.clear import Rules
from attenuate.keys import Key

Rng = random.Random


class Case(NamedTuple):
    """What both engines are asked. kind: one of the list above; ring: a name in RINGS."""

    kind: str
    text: str
    request: Request
    ring: str
    now: int
    rules: Rules


# --- keys -----------------------------------------------------------------------------------------
OTHER = b"another secret".ljust(32, b"!")
IDENTITY = (1).to_bytes(32, "little")
"""The neutral point: the least of the public keys of small order, under which anybody can sign."""
_KEYS = dict(build.KEYS)
RINGS = {
    "root": build.RING,
    "audience": build.RING.for_audience("github"),
    "public": build.RING.publish(),
    "rotated": KeyRing({"k1": Key(5, secret=OTHER), "e1": Key(-19, secret=OTHER)}),
    "both": KeyRing({"k0": Key(5, secret=OTHER), "k1": _KEYS["hmac"], "e1": _KEYS["ed25519"]}),
    "crossed": KeyRing({"k1": Key(-19, public=_KEYS["ed25519"].public), "e1": Key(5, secret=OTHER)}),
    "small": KeyRing({"e1": Key(-19, public=IDENTITY), "k1": _KEYS["hmac"]}),
    "empty": KeyRing({}),
}
_RING = ("root",) * 40 + ("audience", "public", "rotated", "both", "crossed", "small", "empty")
_GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def _scalar(seed: bytes) -> int:
    secret = int.from_bytes(sha512(seed).digest()[:32], "little")
    return secret & ((1 << 254) - 8) | 1 << 254


def anybodys_signature() -> bytes:
    """Return a signature that every message has under IDENTITY, where small orders are taken."""
    return wire.public_of(OTHER) + (_scalar(OTHER) % _GROUP_ORDER).to_bytes(32, "little")


def lazy_signature(seed: bytes, message: bytes) -> bytes:
    """Return the signature of a key's holder whose R is IDENTITY, good where a small R is taken."""
    k = int.from_bytes(sha512(IDENTITY + wire.public_of(seed) + message).digest(), "little")
    return IDENTITY + (k * _scalar(seed) % _GROUP_ORDER).to_bytes(32, "little")


# --- handlers ---------------------------------------------------------------------------------------
def _raises(value: Any, request: Request) -> bool:
    raise ZeroDivisionError


def _spoils(value: Any, request: Request) -> bool:
    if isinstance(value, list):
        value.clear()
    return True


HANDLERS: dict[str, Callable[..., Any]] = {
    "yes": lambda value, request: True,
    "no": lambda value, request: False,
    "one": lambda value, request: 1,
    "raises": _raises,
    "spoils": _spoils,
    "looks": lambda value, request: (
        bool(request.facts) and bool(value) and request.run is not None and request.action != "mail:send"
    ),
}
EXTENSIONS = ("acme/x", "acme/y", "b.c-1/A_.9")


def rules(rng: Rng) -> Rules:
    handlers = {}
    if rng.random() < 0.5:
        handlers = {name: HANDLERS[rng.choice(list(HANDLERS))] for name in rng.sample(EXTENSIONS, 2)}
    return Rules(rng.choice((0, 0, 0, 1, 59, 60)), rng.choice((None,) * 20 + (900, 960, 899, 1)), handlers)


# --- values -----------------------------------------------------------------------------------------
PIECES = (
    "/", "/", ".", "..", "~", "%", "%2e", "%2E", "%zz", "%a", "\\", "\x00", "\x1f", "\x7f", "\x80", "\x9f", "\xa0", "é",
    "a", "src", "A", "0", "00", "0x", "0x7f", "-", "_", "255", "256", "1.2.3.4", "example.com", "*", " ", "\n", "\ud7ff",
    "\U0010ffff", "\u2028", "\u0085", "x" * 63, "x" * 64, "y" * 200,
)  # fmt: skip
_WORDS = (*own.TEXTS, *own.PATHS, *own.NO_PATHS, *own.HOSTS, *own.NO_HOSTS)
_NAMES = (
    *own.NAMES,
    *own.NAMES,
    "args",
    "args.x",
    "",
    ".",
    "args.",
    "é",
    "x" * 24,
    "y" * 300,
    "repo.x",
    "k\x00",
)
_ACTIONS = (*own.ACTIONS, "a*b", "*", "repo.", "x" * 128, "x" * 129, "a b", "é", "~", "}")


def text(rng: Rng) -> str:
    if rng.random() < 0.6:
        return rng.choice(_WORDS)
    return "".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 5)))


def scalar(rng: Rng) -> Any:
    kind = rng.randrange(8)
    if kind < 5:
        return text(rng)
    return rng.choice((True, False)) if kind == 5 else number(rng)


def number(rng: Rng) -> int:
    return max(-(2**63), min(2**63 - 1, rng.choice(own.INTS) + rng.choice((0, 0, -1, 1))))


def near(rng: Rng, value: Any) -> Any:
    """Return something like a value."""
    if not isinstance(value, (str, int)):
        return value
    if isinstance(value, bool):
        return rng.choice((not value, int(value), str(value).lower()))
    if isinstance(value, int):
        return rng.choice((value - 1, value + 1, str(value))) if abs(value) < 2**60 else value
    piece = rng.choice(PIECES)
    return rng.choice(
        (
            value + piece,
            piece + value,
            f"{value}/{piece}",
            f"{piece}.{value}",
            value[:-1],
            value[1:],
            value.upper(),
            f"/{value}",
        )
    )


def path(rng: Rng) -> str:
    parts = [rng.choice(("src", "etc", "a", "b", "é", "%zz", "x.y", "…")) for _ in range(rng.randrange(1, 4))]
    return rng.choice(("", "", "/")) + "/".join(parts)


# --- blocks as they are on the wire -----------------------------------------------------------------
def operand(rng: Rng, kind: int) -> Any:
    if kind == 2:
        least, most = sorted((number(rng), number(rng)))
        return rng.choice(([least, most], [least, most], [least, None], [None, most]))
    if kind == 6:
        return True
    one: Callable[[Rng], Any] = {
        3: lambda rng: rng.choice(("/", ".", *own.PATHS)) if rng.random() < 0.5 else path(rng),
        4: text,
        5: lambda rng: rng.choice(own.HOSTS),
    }.get(kind, scalar)
    return [one(rng) for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 8)))]


def constraint(rng: Rng, optional: bool = True) -> list[Any]:
    kind = rng.choice((0, 0, 1, 2, 3, 3, 4, 5, 5, 6))
    return [kind, operand(rng, kind), *([True] if optional and rng.random() < 0.2 else [])]


def where(rng: Rng, optional: bool = True) -> dict[str, Any]:
    return {rng.choice(_NAMES): constraint(rng, optional) for _ in range(rng.choice((1, 1, 2, 3)))}


def patterns(rng: Rng) -> list[str]:
    return [
        rng.choice((*own.PATTERNS, "*", "*", "a/*", "x" * 126 + ".*")) for _ in range(rng.choice((1, 1, 2)))
    ]


def grant(rng: Rng, denied: bool = False) -> dict[int, Any]:
    out: dict[int, Any] = {0: patterns(rng)}
    if rng.random() < 0.6:
        out[1] = where(rng, not denied)
    if not denied and rng.random() < 0.25:
        out[2] = True
    return out


def run(rng: Rng, closed: bool) -> list[list[Any]]:
    out: list[list[Any]] = []
    for name in ("agt_1", "reader", "page")[: rng.choice((1, 1, 2, 3))]:
        attempt = rng.choice((2, 2, 2, 2, 2, 3, None))
        if closed and attempt is None:
            attempt = 2
        out.append([name if rng.random() < 0.95 else "other", *([] if attempt is None else [attempt])])
    return out


def time_of(rng: Rng) -> int:
    return NOW + rng.choice((-900, -61, -60, -1, 0, 0, 1, 2, 30, 30, 59, 60, 61, 900, 2**40))


_FIELDS: dict[int, Callable[[Rng, bool], Any]] = {
    2: run,
    3: lambda rng, root: rng.choice((["github"],) * 8 + (["github", "other"], ["other"])),
    4: lambda rng, root: time_of(rng) - 60,
    5: lambda rng, root: time_of(rng) + 60,
    6: lambda rng, root: [grant(rng) for _ in range(rng.choice((1, 1, 2)))],
    7: lambda rng, root: [grant(rng, True) for _ in range(rng.choice((1, 1, 2)))],
    8: lambda rng, root: where(rng),
    9: lambda rng, root: {unit: rng.choice((0, 1, 30, 2**53 - 1)) for unit in rng.sample(own.UNITS, rng.randrange(1, 4))},
    10: lambda rng, root: [demand(rng) for _ in range(rng.choice((1, 1, 2)))],
    11: lambda rng, root: rng.choice((0, 1, 2, 15)),
    12: lambda rng, root: patterns(rng),
    13: lambda rng, root: True,
    14: lambda rng, root: b"for a block, 16b",
    15: lambda rng, root: time_of(rng),
    16: lambda rng, root: {rng.choice(("agent", "why", "policy")): rng.choice(("x", 1, True, "é"))},
    17: lambda rng, root: rng.choice(([b"\x00", {1: None}], None, "x")),
    -1: lambda rng, root: {},
}  # fmt: skip
_RARE = {2: 0.3, 4: 0.1, 5: 0.1, 10: 0.03, 11: 0.1, 13: 0.05, 14: 0.02, 15: 0.03, 17: 0.02, -1: 0.02}


def demand(rng: Rng) -> list[Any]:
    keys = rng.sample(build.APPROVERS, rng.randrange(1, 4))
    return [patterns(rng), [key.public for key in keys], rng.randrange(1, len(keys) + 1)]


def value_of_extension(rng: Rng) -> Any:
    return rng.choice((1, True, "x", ["y", 1], {"a": [False], "b": {"c": "d"}}))


def fields(rng: Rng, index: int) -> dict[Any, Any]:
    """Return a block that is mostly well-formed and says little."""
    out: dict[Any, Any] = (
        build.root(b6=[{0: ["*"]}]) if index == 0 else {0: b"nonce of a block"[: rng.choice((8, 16))]}
    )
    for key, make in _FIELDS.items():
        if rng.random() < _RARE.get(key, 0.2):
            out[key] = make(rng, index == 0)
    if rng.random() < 0.1:
        out[rng.choice(EXTENSIONS)] = value_of_extension(rng)
    if rng.random() < 0.08:
        key = rng.choice(list(out))
        out[key] = rng.choice((mutate.bend(out[key], rng), rng.choice(mutate.VALUES)))
    if rng.random() < 0.03:
        del out[rng.choice(list(out))]
    return out


def odd_bytes(rng: Rng) -> bytes:
    """Return bytes for a block: a little off, deep, or from nowhere."""
    raw = bytearray(wire.encode(fields(rng, rng.randrange(2))))
    kind = rng.randrange(7)
    if kind == 0:
        return rng.randbytes(rng.choice((0, 1, 2, 5, 20, 100)))
    if kind == 6:
        return disordered(rng, fields(rng, rng.randrange(2)))
    if kind == 1:
        return wire.encode(
            {0: b"root nonce 16 by", rng.choice((16, 17, "acme/x")): nested(rng, rng.randrange(1, 8))}
        )
    if kind == 2:
        return bytes(raw) + b"\x00" * rng.choice((1, 4096))
    for _ in range(rng.choice((1, 1, 2, 4))):
        start, end = rng.choice(mutate.items(bytes(raw))) if kind < 5 and len(raw) < 3000 else (0, len(raw))
        place = rng.choice((start, rng.randrange(start, end)))
        raw[place] = rng.choice(
            (raw[place] ^ 1 << rng.randrange(8), rng.randrange(256), raw[place] + 1 & 255)
        )
        kind = 5  # the heads may be off now
    return bytes(raw)


def disordered(rng: Rng, value: Any) -> bytes:
    """Encode a value with the keys of some maps out of order, or one twice."""
    if isinstance(value, list):
        return wire.head(4, len(value)) + b"".join(disordered(rng, member) for member in value)
    if not isinstance(value, dict):
        return wire.encode(value)
    pairs = sorted((wire.encode(key), disordered(rng, member)) for key, member in value.items())
    if len(pairs) > 1 and rng.random() < 0.15:
        at = rng.randrange(len(pairs) - 1)
        pairs[at : at + 2] = rng.choice((pairs[at : at + 2][::-1], [pairs[at]] * 2))
    return wire.head(5, len(pairs)) + b"".join(key + member for key, member in pairs)


def nested(rng: Rng, depth: int) -> Any:
    if depth == 0:
        return rng.choice((1, "x", [], {}, None, b"", True))
    inner = nested(rng, depth - 1)
    return rng.choice(([inner], {"a": inner}, [1, inner], {"b": 1, "a": inner}))


# --- chains -----------------------------------------------------------------------------------------
SECRETS = {
    "k1": build.SECRETS["hmac"], "e1": build.SECRETS["ed25519"], "k0": OTHER, "k9": OTHER,
    "k1/github": build.KEYS["hmac"].for_audience("github").seed(),
    "k1/other": build.KEYS["hmac"].for_audience("other").seed(),
}  # fmt: skip
_KEY_IDS = ("k1",) * 20 + ("e1",) * 8 + ("k1/github", "k1/other", "k0", "k9", "e1/github")
BINDING = b"b" * 32


@dataclass(frozen=True)
class Kin:
    """A lease that was drawn: its blocks as they are on the wire, and the bearer token."""

    parts: wire.Parts
    blocks: tuple[dict[Any, Any], ...]


def chain(rng: Rng, blocks: tuple[Any, ...], key_id: str = "") -> wire.Parts:
    key_id = key_id or rng.choice(_KEY_IDS)
    secret = SECRETS.get(key_id, build.SECRETS["ed25519"])
    if rng.random() < 0.03:
        secret = OTHER
    return wire.mint(blocks, -19 if key_id[0] == "e" else 5, key_id, secret)


def ended(rng: Rng, parts: wire.Parts) -> wire.Parts:
    """Return a bearer as it is, sealed, or bound."""
    kind = rng.choice((0, 0, 0, 1, 1, 2))
    if kind == 2:
        iat = NOW + rng.choice((0, 0, 0, 0, 1, 1, -59, -60, 60, 61, 62, -NOW))
        return parts.bound(iat, b"n" * 16, rng.choice((BINDING,) * 9 + (b"c" * 32,)))
    return parts.sealed() if kind else parts


def lease(rng: Rng) -> Kin:
    blocks = tuple(fields(rng, index) for index in range(rng.choice((1, 1, 2, 2, 3, 5))))
    return Kin(chain(rng, blocks), blocks)


# --- requests that nearly fit ------------------------------------------------------------------------
def fitting(rng: Rng, limit: list[Any]) -> Any:
    """Return a fact that a constraint takes, more often than not."""
    kind, value = limit[0], limit[1]
    if not isinstance(value, list) or not value or kind not in range(6):
        return scalar(rng)
    if kind == 2:
        bounds = [bound for bound in value if type(bound) is int]
        return max(-(2**63), min(2**63 - 1, rng.choice(bounds) + rng.choice((0, 0, 1, -1)))) if bounds else 1
    one = rng.choice(value)
    if kind in (3, 4, 5) and isinstance(one, str):
        more = rng.choice(("", "a", "é", "x.y"))
        return (
            {3: f"{one.rstrip('/')}/{more or 'z'}", 4: one + more, 5: f"{more or 'www'}.{one}"}[kind]
            if more
            else one
        )
    if kind == 1:  # another of its type
        return not one if isinstance(one, bool) else number(rng) if isinstance(one, int) else text(rng)
    return one


def _limits(blocks: tuple[Any, ...]) -> Iterator[tuple[str, list[Any]]]:
    for block in blocks:
        maps = [block.get(8)]
        for key in (6, 7):
            grants = block.get(key)
            maps += (
                [each.get(1) for each in grants if isinstance(each, dict)] if isinstance(grants, list) else []
            )
        for limits in maps:
            for name, limit in limits.items() if isinstance(limits, dict) else ():
                if isinstance(name, str) and isinstance(limit, list) and len(limit) > 1:
                    yield name, limit


def facts(rng: Rng, blocks: tuple[Any, ...]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, limit in _limits(blocks):
        if rng.random() < 0.85:
            value = fitting(rng, limit)
            value = near(rng, value) if rng.random() < 0.2 else value
            if rng.random() < 0.05:
                value = [fitting(rng, limit) for _ in range(rng.choice((5, 9, 17, 40)))]
            elif rng.random() < 0.2:
                value = [
                    value,
                    *(rng.choice((fitting(rng, limit), None, scalar(rng))) for _ in range(rng.randrange(3))),
                ]
                value = rng.choice((value, value, []))
            out[name] = None if rng.random() < 0.05 else value
    for _ in range(rng.choice((0, 0, 1, 3))):
        out[rng.choice(_NAMES)] = rng.choice((scalar(rng), None, [scalar(rng), None], [scalar(rng)] * 3))
    return out


def _asked_run(rng: Rng, blocks: tuple[Any, ...]) -> Any:
    stated = [block[2] for block in blocks if isinstance(block.get(2), list)] or [[["agt_1", 2]]]
    longest = max(stated, key=len)
    kind = rng.randrange(8)
    if kind == 0:
        return None
    if kind == 1:
        return [tuple(segment) for segment in run(rng, False)]
    named = [(name, 2) if rng.random() < 0.97 else (name, rng.choice((None, 3))) for name in _names(longest)]
    return [*named, ("deeper", 1)] if kind == 2 else named


def _names(path: list[Any]) -> list[str]:
    found = [
        segment[0]
        for segment in path
        if isinstance(segment, list) and segment and isinstance(segment[0], str)
    ]
    return found or ["agt_1"]


def _action(rng: Rng, blocks: tuple[Any, ...]) -> str:
    if rng.random() < 0.3:
        return rng.choice(own.ACTIONS)
    patterns = [
        pattern
        for block in blocks
        for key in (6, 7)
        for each in (block.get(key) if isinstance(block.get(key), list) else ())
        if isinstance(each, dict) and isinstance(each.get(0), list)
        for pattern in each[0]
    ]
    pattern = rng.choice(patterns) if patterns else "x"
    return pattern.replace("*", rng.choice(("x", "", "read"))) if isinstance(pattern, str) else "x"


def request(rng: Rng, blocks: tuple[Any, ...] = ()) -> Request:
    """Return a request that nearly fits; there is always one."""
    for _ in range(4):
        try:
            return Request(
                _action(rng, blocks),
                audience=rng.choice(("github",) * 30 + ("other", "é")),
                run=_asked_run(rng, blocks),
                facts=facts(rng, blocks),
                cost=rng.choice(
                    ({}, {"usd": 1, "bytes": 0}, {"usd": 2**53 - 1, "bytes": 9, "calls": 1}, {"usd": 1})
                ),
                binding=rng.choice((BINDING,) * 8 + (None, b"c" * 32)),
            )
        except LeaseError:
            continue
    return build.ask()


def now_of(rng: Rng, blocks: tuple[Any, ...]) -> int:
    """Return a time, often one at which something begins or ends."""
    if rng.random() < 0.7:
        return NOW + rng.choice((0, 1, 1, 1, 30))
    times = [block[key] for block in blocks for key in (4, 5, 15) if type(block.get(key)) is int]
    edge = rng.choice(times) if times else NOW
    return max(0, min(2**53 - 1, edge + rng.choice((0, -1, 1, 59, 60, -60, -61, 61))))
