"""Leases and requests at a bound, one below it and one above: every number of specs/verify.md and specs/token.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import build
import cases
import wire
from build import NOW
from cases import Rng

from attenuate import LeaseError, Request

Blocks = tuple[dict[Any, Any], ...]
SAFE = 2**53 - 1


def child(**fields: Any) -> dict[Any, Any]:
    return {0: b"nonce 01", **{int(name[1:]): value for name, value in fields.items()}}


def padded(size: int, **fields: Any) -> dict[Any, Any]:
    """Return a block 0 of this many bytes, as far as lengths go."""
    block = build.root(**fields)
    for _ in range(2):
        over = size - len(wire.encode({**block, 16: {"n": ""}}))
        block[16] = {
            "n": "y" * max(0, over - (3 if over > 258 else 2 if over > 25 else 0) + (1 if over <= 25 else 0))
        }
        short = size - len(wire.encode(block))
        block[16]["n"] += "y" * max(0, short)
        block[16]["n"] = block[16]["n"][: len(block[16]["n"]) + min(0, short)]
    return block


def deep(rng: Rng, depth: int) -> Any:
    """Return a value nested this deep."""
    if depth == 0:
        return 1
    inner = deep(rng, depth - 1)
    return [inner] if rng.random() < 0.5 else {"a": inner}


def _where(kind: int, *operand: Any) -> dict[str, Any]:
    return {"f": [kind, list(operand)]}


def _units(rng: Rng, n: int) -> Blocks:
    units = [f"u{at:02}" for at in range(32 + n)]
    at = rng.randrange(1, 31)
    return build.root(b9=dict.fromkeys(units[:at], 1)), child(b9=dict.fromkeys(units[at:], 1))


def _grants(rng: Rng, n: int) -> Blocks:
    allowed = rng.randrange(1, 64)
    return (build.root(b6=[{0: ["*"]}] * allowed, b7=[{0: ["x"]}] * (64 + n - allowed) or None),)


def _nonce(rng: Rng, n: int) -> Blocks:
    size = rng.choice((8, 16, 32)) + n
    first = rng.random() < 0.5
    return (build.root(b0=b"n" * (size if first else 16)), {0: b"n" * (8 if first else size)})


def _number(rng: Rng, n: int) -> Blocks:
    key = rng.choice((4, 5, 9, 11, 15, 2))
    value: Any = rng.choice((0, SAFE, 15, 2**63 - 1)) + n
    if key == 2:
        return (build.root(b2=[["agt_1", value]]),)
    return build.root(), child(**{f"b{key}": {"usd": value} if key == 9 else value})


def _integer(rng: Rng, n: int) -> Blocks:
    value = rng.choice((2**63 - 1, -(2**63), 2**32 - 1, 2**16 - 1, 255, 23, -24)) + n
    kind = rng.choice((0, 1, 2))
    return (build.root(b8={"f": [kind, [value, None] if kind == 2 else [value]]}),)


def _text(rng: Rng, n: int) -> Blocks:
    size = 128 + n
    spelled = rng.choice(("x" * size, "x" * (size - 2) + ".*", "x" * (size - 1) + "*"))
    return (build.root(**{rng.choice(("b6", "b12")): rng.choice(([spelled], [{0: [spelled]}]))}),)


def _host(rng: Rng, n: int) -> Blocks:
    label = "x" * (63 + rng.choice((n, 0)))
    host = ".".join([label, "x" * 63, "x" * 63, "x" * (61 + n)])
    return (
        build.root(
            b8=_where(
                5,
                rng.choice(
                    (host, label, "1.2.3." + str(255 + n), "1.2.3" + ".4" * (1 + n), "a." + "0x"[: 1 + n])
                ),
            )
        ),
    )


def _demand(rng: Rng, n: int) -> Blocks:
    keys = [bytes([at]) * (32 + rng.choice((0, 0, 0, n))) for at in range(rng.choice((1, 2, 3, 4, 5, 6)))]
    keys = rng.choice((keys, keys, [*keys[:-1], keys[0]]))
    keys = keys[: rng.choice((4, 5, 6))]
    return (build.root(b10=[[rng.choice((["x"], [])), keys, rng.choice((1, 4, len(keys))) + n]]),)


def _constraint(rng: Rng, n: int) -> Blocks:
    kind = rng.choice((0, 6)) + n
    made = [
        kind,
        rng.choice((["x"], True, [], [True], ["x", None], [[]], ["/"], [1, 2])),
        *rng.choice(([], [True], [False], [True, True])),
    ]
    return (build.root(b8={"f": rng.choice((made, made[:1], made[:2]))}),)


def _path(rng: Rng, n: int) -> Blocks:
    return (build.root(b8=_where(rng.choice((3, 5)), cases.text(rng), "src")),)


def _grant(rng: Rng, n: int) -> Blocks:
    made: dict[Any, Any] = {0: rng.choice((["*"], [], ["x", "*"]))}
    made |= rng.choice(({}, {1: _where(0, "x")}, {1: {}}, {1: {"f": [0, ["x"], True]}}, {1: {1: [6, True]}}))
    made |= rng.choice(({}, {}, {2: True}, {2: False}, {2: 1}, {3: True}, {-1: True}, {"x": True}))
    return (build.root(**{rng.choice(("b6", "b7")): [made]}),)


def _nesting(rng: Rng, n: int) -> Blocks:
    key = rng.choice((17, -1, "acme/x", 16))
    return ({**build.root(), key: deep(rng, 5 + n)},)


def _name(rng: Rng, n: int) -> Blocks:
    key = rng.choice(
        ("a/b", "a/", "/b", "A/b", "a.-9/B._-", "a/b/c", "a_/b", "", "a/b ", "é/b", "x" * 300 + "/b")
    )
    return ({**build.root(), key: cases.value_of_extension(rng)},)


BOUNDS: dict[str, Callable[[Rng, int], Blocks]] = {
    "units": _units, "grants": _grants, "nonce": _nonce, "numbers": _number, "integers": _integer, "patterns": _text, "hosts": _host,
    "demands": _demand, "constraints": _constraint, "paths": _path, "grant": _grant, "nesting": _nesting, "names": _name,
    "blocks": lambda rng, n: (build.root(), *({0: b"nonce 01"} for _ in range(15 + n))),
    "block": lambda rng, n: (padded(4096 + n), child()),
    "run": lambda rng, n: (build.root(b2=[["a" * (128 + rng.choice((0, n))), 1]] * (8 + n)),),
    "attempts": lambda rng, n: (build.root(b2=[["agt_1", 2], *[["r"], ["s", 1]][: 1 + n]]),),
    "text": lambda rng, n: (padded(3000), padded(3010 + 3 * n + rng.randrange(9), b15=None)),
    "bound": lambda rng, n: (build.root(b13=rng.choice((True, False, 1, None))), child(b14=b"f" * (16 + n))),
}  # fmt: skip


def lease(rng: Rng) -> tuple[wire.Parts, Blocks]:
    """Return an authentic lease at a bound, and its blocks."""
    blocks = rng.choice(list(BOUNDS.values()))(rng, rng.choice((-1, 0, 0, 1)))
    alg = rng.choice(("hmac", "hmac", "ed25519"))
    if rng.random() < 0.05:
        key_id = "k" * (128 + rng.choice((-1, 0, 1)))
        return wire.mint(blocks, 5, key_id, cases.OTHER), blocks
    return build.raw(*blocks, alg=alg), blocks


def whole(rng: Rng, parts: wire.Parts) -> str:
    """Return a lease with so many approvals, or so many characters, as there may be, and one more."""
    each = build.raw(padded(2900 + rng.randrange(9))).text
    count = rng.choice((3, 4, 5))
    texts = [parts.text, *[each] * count]
    size = 16384 + rng.choice((-1, 0, 1))
    return "~".join(texts) if rng.random() < 0.5 else "~".join(texts)[:size]


def request(rng: Rng, blocks: Blocks) -> Request:
    """Return a request with as much as there may be of something."""
    facts: dict[str, Any] = {"repo": "clord", "f": cases.scalar(rng)}
    kind = rng.randrange(4)
    if kind == 0:
        facts |= {f"args.n{n}": n for n in range(rng.choice((16, 254)))}
    elif kind == 1:
        facts["f"] = [cases.scalar(rng) for _ in range(rng.choice((4, 5, 255, 256)))]
    elif kind == 2:
        facts["f"] = "x" * rng.choice((127, 128, 253, 254, 65_536))
    try:
        return Request("repo.read", audience="github", run=rng.choice(("agt_1@2", None)), facts=facts)
    except LeaseError:
        return build.ask()


def now(rng: Rng) -> int:
    return rng.choice((NOW, NOW + 1, 0, SAFE, NOW + 900))
