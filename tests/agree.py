"""Two engines asked the same, and what comes back in a form that can be compared.

Everything that a caller can see counts: the verdict, stage, code, block and every word of a refusal; on
success ids, charges, run, proof, notes, expiry and approvals. An exception that is no refusal is an
answer too, by its type: engines may not even fail in two ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from types import ModuleType
from typing import Any

import build
import cases
import edges
import mutate
import wire
from cases import BINDING, NOW, Case, Kin, Rng

from attenuate import LeaseError, Request, Verified

Answer = tuple[Any, ...]


# --- answers --------------------------------------------------------------------------------------
def answer(outcome: Any) -> Answer:
    """Return what a caller sees of a Verified or an error; to look at it may fail too."""
    seen = safely(_answer, outcome)
    return seen if isinstance(seen, tuple) else ("crash", type(seen).__name__, "looked at")


def _answer(outcome: Any) -> Answer:
    if isinstance(outcome, Verified):
        held = outcome._evidence
        said = (
            outcome.block_ids,
            outcome.charges,
            outcome.run,
            outcome.proof,
            outcome.expires,
            outcome.approvals,
        )
        chain = (outcome.key_id, outcome.alg, held.chain.fingerprint, held.chain.hashes, held.chain.blocks)
        return "ok", *said, repr(outcome.notes), chain, held.proof, held.leeway
    if isinstance(outcome, LeaseError):
        return (
            type(outcome).__name__,
            outcome.stage,
            outcome.code,
            outcome.block,
            *outcome.finding,
            str(outcome),
        )
    return "crash", type(outcome).__name__


def safely(work: Callable[..., Any], *asked: Any, **more: Any) -> Any:
    """Return what a call returns, or raises; a panic of the kernel is no Exception."""
    try:
        return work(*asked, **more)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        return error.with_traceback(None)


def verified(engine: ModuleType, case: Case, cache: Any = None) -> Answer:
    """Return what an engine answers to a case."""
    ring = cases.RINGS[case.ring]
    return answer(safely(engine.verify, case.text, case.request, ring, case.now, case.rules, cache))


def explained(engine: ModuleType, case: Case, cache: Any = None) -> Any:
    """Return every reason that an engine gives."""
    ring = cases.RINGS[case.ring]
    found = safely(engine.explain, case.text, case.request, ring, case.now, case.rules, cache)
    return found if isinstance(found, tuple) else answer(found)


def many(engine: ModuleType, asked: Iterable[Case], cache: Any = None) -> list[Answer]:
    """Return what an engine answers to cases at once, under ring, time and settings of the first."""
    drawn = list(asked)
    _, _, _, ring, now, rules = drawn[0]
    pairs = [(case.text, case.request) for case in drawn]
    found = safely(engine.verify_many, pairs, cases.RINGS[ring], now, rules, cache)
    return [answer(each) for each in found] if isinstance(found, list) else [answer(found)]


def made(make: Callable[..., Any], arguments: dict[str, Any]) -> Answer:
    """Return the request of arguments as data, or why there is none."""
    request = safely(make, **arguments)
    if isinstance(request, BaseException):
        return answer(request)
    parts = (request.action, request.audience, request.run, [*request.facts.items()], [*request.cost.items()])
    return "made", repr(parts), request.binding, request.arguments, request.has_opaque


# --- drawing cases ---------------------------------------------------------------------------------
_LETTERS = "ABCZabcz059-_+/=. \n~é\x00\ud800\U0001f600"
_SPLICES = (
    "lease1_",
    "lease2_",
    "Bearer ",
    "bearer ",
    "<Lease ",
    " ",
    "",
    "LEASE1_",
    "lease1_A",
    "lease1_AA",
    "~lease1_",
)


def odd_text(rng: Rng) -> str:
    """Return characters that are no token, or an edge of what a text may be."""
    kind = rng.randrange(8)
    if kind == 0:
        return "".join(rng.choice(_LETTERS) for _ in range(rng.randrange(40)))
    if kind == 1:
        return rng.choice(_SPLICES) + "".join(rng.choice(_LETTERS[:14]) for _ in range(rng.randrange(12)))
    if kind == 2:
        return rng.choice(("x", "é", "~", "A", "\ud800", "lease1_")) * rng.choice(
            (1, 4, 5, 6, 8192, 8193, 16384, 16385, 40_000)
        )
    if kind == 3:
        return wire.PREFIX + "A" * (rng.choice((8192, 16384)) - len(wire.PREFIX) + rng.randrange(-2, 3))
    if kind == 4:
        return "~".join(rng.choice(_TEXTS) for _ in range(rng.randrange(1, 8)))
    return mutate.text_edited(rng.choice(_ORIGINALS).parts, rng)


_ORIGINALS = mutate.ORIGINALS
_TEXTS = (*sorted(mutate.WHOLE)[:8], "", "x", "lease1_", "lease1_hA")


def odd_frame(rng: Rng) -> str:
    """Return a token's text around bytes that are no frame, or nearly one."""
    kind = rng.randrange(6)
    if kind == 0:
        return wire.to_text(rng.randbytes(rng.choice((0, 1, 2, 7, 40, 300))))
    parts = rng.choice(_ORIGINALS).parts
    if kind == 5:
        few, many = rng.choice(((16, 17), (17, 17), (17, 0), (0, 17), (24, 24), (256, 1), (1, 256)))
        return replace(
            parts, blocks=parts.blocks[:1] * few, sigs=(parts.sigs[:1] or (bytes(64),)) * many
        ).text
    data = wire.encode([parts.header, list(parts.blocks), list(parts.sigs), list(parts.proof)])
    if kind == 1:
        return wire.to_text(data[: rng.randrange(len(data))] + rng.randbytes(rng.choice((0, 0, 1, 8))))
    if kind == 2:
        start, _ = rng.choice(mutate.items(data))
        return wire.to_text(data[:start] + bytes([rng.randrange(256)]) + data[start + rng.choice((0, 1)) :])
    pieces: list[Any] = [parts.header, list(parts.blocks), list(parts.sigs), list(parts.proof)]
    at = rng.randrange(4)
    pieces[at] = rng.choice(
        (
            rng.choice(mutate.VALUES),
            mutate.bend(pieces[at], rng),
            pieces[rng.randrange(4)],
            wire.encode(mutate.VALUES[at]),
        )
    )
    return wire.to_text(wire.encode(pieces if kind == 3 else pieces[: rng.randrange(5)]))


def odd_block(rng: Rng) -> wire.Parts:
    """Return an authentic chain with odd bytes for one of its blocks."""
    blocks: list[Any] = [build.root(), {0: b"nonce 01"}][: rng.choice((1, 2))]
    blocks[rng.randrange(len(blocks))] = cases.odd_bytes(rng)
    return cases.chain(rng, tuple(blocks), rng.choice(("k1", "k1", "e1")))


def kin(rng: Rng, of: Kin) -> wire.Parts:
    """Return a relative of a lease: a child, a sibling under another key, one with a part that is wrong."""
    parts = of.parts
    kind = rng.randrange(7)
    if kind == 0 and len(parts.blocks) < 16:
        return parts.add(cases.fields(rng, 1), b"\x99" * 32)
    if kind == 1:
        return cases.chain(rng, of.blocks)
    if kind == 2 and parts.sigs:
        return replace(parts, sigs=bent(rng, parts.sigs))
    if kind == 3:
        return replace(
            parts,
            proof=rng.choice(
                ((0, b"x" * 32), (0, parts.proof[1][::-1]), (1, b"x" * (64 if parts.sigs else 32)))
            ),
        )
    if kind == 4:
        key_id = rng.choice(("k1", "k9", "e1", "k1/github"))
        return replace(parts, header=wire.encode([1, rng.choice((parts.alg, 5, -19)), key_id]))
    if kind == 5 and parts.alg == wire.HMAC:
        secret = rng.choice((cases.OTHER, build.SECRETS["hmac"]))
        return wire.mint(of.blocks, 5, "k1", secret)
    return parts


def bent(rng: Rng, sigs: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return signatures one of which is another's, of nobody, or off by a bit."""
    at = rng.randrange(len(sigs))
    flipped = bytearray(sigs[at])
    flipped[rng.randrange(64)] ^= 1 << rng.randrange(8)
    other = rng.choice(
        (bytes(flipped), bytes(flipped), rng.choice(sigs), bytes(64), cases.anybodys_signature())
    )
    return (*sigs[:at], other, *sigs[at + 1 :])


def nobodys(rng: Rng) -> wire.Parts:
    """Return a lease that a verifier takes which forgets about points of small order, as A or as R."""
    blocks = [cases.fields(rng, index) for index in range(rng.choice((1, 2)))]
    if rng.random() < 0.5:
        raws = tuple(wire.encode({**block, 1: cases.IDENTITY}) for block in blocks)
        sig = cases.anybodys_signature()
        return wire.Parts(wire.encode([1, -19, "e1"]), raws, (sig,) * len(raws), (1, sig))
    parts = cases.chain(rng, tuple(blocks), "e1").sealed()
    lazy = cases.lazy_signature(build.SECRETS["ed25519"], b"attenuate/1 link\0" + parts.hashes[0])
    return replace(parts, sigs=(lazy, *parts.sigs[1:]))


# --- approvals --------------------------------------------------------------------------------------
def approval(rng: Rng, about: bytes) -> wire.Parts:
    """Return an approval in some state: most count, the others lack one thing each."""
    key = rng.choice(build.APPROVERS[:4])
    changes: dict[str, Any] = {"b6": [{0: ["*"]}], "b2": [["agt_1", 2]]}
    lack = rng.randrange(24)
    more: list[dict[Any, Any]] = []
    lacks: dict[int, dict[str, Any]] = {
        0: {"b9": None}, 1: {"b9": {"usd": 5}}, 2: {"b10": [[["x"], [key.public], 1]]}, 3: {"b14": None},
        4: {"b5": NOW}, 5: {"b3": ["other"]}, 6: {"b13": True}, 7: {"acme/x": 1}, 8: {"b17": 1}, 9: {"b11": 0},
        10: {"b8": cases.where(rng)}, 11: {"b2": [["agt_1", 3]]}, 12: {"b9": {"calls": 1, "usd": 3}}, 13: {"b15": None},
    }  # fmt: skip
    for name, value in lacks.get(lack, {}).items():
        changes[name if name[1:].isdigit() else "b9"] = value if name[1:].isdigit() else {"calls": 1}
    about = b"for a block, 16b" if lack == 14 else about
    if lack in (9, 15, 16):
        more.append(
            {
                0: b"8 bytes!",
                **({14: about} if lack == 15 else {10: [[["x"], [key.public], 1]]} if lack == 16 else {}),
            }
        )
    made = build.approval(about, key, *more, **changes)
    if lack == 7:
        made = wire.mint(
            [{**build.root(b9={"calls": 1}, b14=about, b6=[{0: ["*"]}]), "acme/x": 1}],
            -19,
            key.key_id,
            key.seed(),
        )
    if lack == 17:
        made = wire.mint([build.root(b9={"calls": 1}, b14=about)], 5, key.key_id, key.public)
    if lack == 18:
        made = replace(made, header=wire.encode([1, -19, key.key_id.upper()]))
    if lack == 19:
        made = replace(made, sigs=bent(rng, made.sigs))
    if lack == 20:
        return made
    return (
        made.bound(NOW, b"n" * 16, rng.choice((BINDING, BINDING, b"c" * 32)))
        if rng.random() < 0.25
        else made.sealed()
    )


def approved(rng: Rng) -> tuple[wire.Parts, list[wire.Parts], tuple[Any, ...]]:
    """Return a lease that asks for approvals, some of them, and its blocks."""
    blocks = [cases.fields(rng, index) for index in range(rng.choice((1, 1, 2, 3)))]
    for block in rng.sample(blocks, rng.choice((1, 1, min(2, len(blocks))))):
        keys = rng.sample(build.APPROVERS[:4], rng.randrange(1, 4))
        wanted = [cases.patterns(rng), [key.public for key in keys], rng.randrange(1, len(keys) + 1)]
        block[10] = [wanted, *([[["*"], [key.public for key in keys], 1]] if rng.random() < 0.3 else [])]
    parts = cases.chain(rng, tuple(blocks), rng.choice(("k1", "k1", "k1", "e1")))
    asking = [id for id, block in zip(parts.ids, blocks, strict=True) if 10 in block] or parts.ids
    said = [
        approval(rng, rng.choice((*asking, *asking, *parts.ids))) for _ in range(rng.choice((0, 1, 2, 3, 4)))
    ]
    if said and rng.random() < 0.15:
        said = [*said, said[0]][:4]
    return parts, said, tuple(blocks)


KINDS = ("text", "frame", "block", "edge", "lease", "approved", "kin", "mutant", "nobody")


OFTEN = (
    *("text", "frame", "block", "lease", "edge") * 3,
    *("lease", "lease", "lease", "approved", "approved", "approved", "kin", "kin", "kin", "nobody"),
)
"""Kinds as often as they are worth it; mutants apart."""


def draw(rng: Rng, pool: list[Kin], kind: str = "") -> Case:
    """Return the next case; leases go to a pool, whose relatives come later."""
    kind = kind or rng.choice(OFTEN)
    blocks: tuple[Any, ...] = ()
    ring, said = rng.choice(cases._RING), ""
    request: Request | None = None
    if kind == "text":
        text = odd_text(rng)
    elif kind == "frame":
        text = odd_frame(rng)
    elif kind == "block":
        text = cases.ended(rng, odd_block(rng)).text
    elif kind == "edge":
        parts, blocks = edges.lease(rng)
        text = edges.whole(rng, parts) if rng.random() < 0.1 else cases.ended(rng, parts).text
        if rng.random() < 0.3:
            request = edges.request(rng, blocks)
    elif kind == "nobody":
        parts = nobodys(rng)
        text, ring = parts.text, "small" if cases.IDENTITY in parts.blocks[0] else "root"
    elif kind == "mutant":
        original = rng.choice(_ORIGINALS)
        text, request = mutate.mutant(original, rng)[1], original.request
    elif kind == "approved":
        parts, attached, blocks = approved(rng)
        text = "~".join(each.text for each in (cases.ended(rng, parts), *attached))
    else:
        if kind == "kin" and pool:
            of = rng.choice(pool)
            parts, blocks = kin(rng, of), of.blocks
        else:
            drawn = cases.lease(rng)
            parts, blocks = drawn.parts, drawn.blocks
            pool[:] = [*pool[-11:], drawn]
        if parts.proof[0] == 0 and len(parts.proof[1]) == 32:
            parts = cases.ended(rng, parts)
        text = parts.text
        if rng.random() < 0.03:
            said = "~" + rng.choice(_TEXTS)
    if request is None or rng.random() < 0.1:
        request = cases.request(rng, blocks)
    return Case(kind, text + said, request, ring, cases.now_of(rng, blocks), cases.rules(rng))
