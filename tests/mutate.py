"""Valid tokens of both chains, and mutations that know how a token is made.

header ── block 0 ── block 1 ── block 2 ── proof [~ approval]      each part is cut, bent, moved or swapped
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import build
import cbor2
import wire
from wire import Parts

from attenuate import Request

RING, NOW = build.RING, build.NOW
BINDING = b"b" * 32


@dataclass(frozen=True)
class Original:
    """A valid token, its approvals, and a request that it allows."""

    name: str
    parts: Parts
    approvals: tuple[Parts, ...]
    request: Request

    @property
    def text(self) -> str:
        return join(self.parts, self.approvals)


def join(parts: Parts, approvals: tuple[Parts, ...]) -> str:
    return "~".join(each.text for each in (parts, *approvals))


def _originals() -> list[Original]:
    out = []
    for alg in build.ALGS:
        rich: dict[Any, Any] = {
            7: [{0: ["*"], 1: {"repo": [0, ["secret"]]}}], 8: {"path": [3, ["src"]]}, 9: {"calls": 30, "usd": 5},
            11: 3, 12: ["repo.close"], 16: {"agent": "a", "n": 1},
        }  # fmt: skip
        blocks = [
            build.root(**{f"b{key}": value for key, value in rich.items()}),
            {0: b"nonce 01", 2: [["agt_1"]], 5: NOW + 600, 6: [{0: ["repo.*"]}, {0: ["mail:send"], 2: True}]},
            {0: b"nonce 02", 4: NOW - 5, 8: {"repo": [6, True], "n": [2, [1, None], True]}},
        ]
        for count in (1, 2, 3):
            parts = build.raw(*blocks[:count], alg=alg)
            request = build.ask(cost={"usd": 1}, binding=BINDING)
            for kind, made in (
                ("bearer", parts),
                ("sealed", parts.sealed()),
                ("bound", parts.bound(NOW, b"n" * 16, BINDING)),
            ):
                out.append(Original(f"{alg} {count} {kind}", made, (), request))
        keys = build.APPROVERS[:2]
        asks = build.raw(build.root(b10=[[["repo.read"], [key.public for key in keys], 2]]), alg=alg)
        said = tuple(build.approval(asks.ids[0], key).sealed() for key in keys)
        out.append(Original(f"{alg} approved", asks, said, build.ask()))
    key = build.KEYS["hmac"].for_audience("github").seed()
    audience = wire.mint([build.root()], 5, "k1/github", key)
    return [*out, Original("hmac audience key", audience, (), build.ask())]


ORIGINALS = _originals()
TEXTS = frozenset(original.text for original in ORIGINALS)
WHOLE = frozenset(part for text in TEXTS for part in text.split("~"))
"""Every valid token and approval: none of them is a mutant."""


# --- mutations of one token -------------------------------------------------------------------------
Mutation = Callable[[Parts, random.Random], "Parts | str"]
MUTATIONS: dict[str, Mutation] = {}


def mutation(change: Mutation) -> Mutation:
    MUTATIONS[change.__name__.removeprefix("_").replace("_", " ")] = change
    return change


def other(rng: random.Random) -> Parts:
    """Return another valid token to take a part from."""
    return rng.choice(ORIGINALS).parts


@mutation
def bit_flip(parts: Parts, rng: random.Random) -> str:
    data = bytearray(wire.from_text(parts.text))
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return wire.to_text(bytes(data))


@mutation
def bytes_cut_or_put_in(parts: Parts, rng: random.Random) -> str:
    data = wire.from_text(parts.text)
    start = rng.randrange(len(data))
    end = start + rng.choice((0, 1, 1, 2, 8, 32))
    return wire.to_text(data[:start] + rng.randbytes(rng.choice((0, 1, 1, 2, 8, 32))) + data[end:])


@mutation
def byte_in_an_item(parts: Parts, rng: random.Random) -> Parts:
    """Change one byte of one item of one block, found by walking its heads."""
    index = rng.randrange(len(parts.blocks))
    raw = bytearray(parts.blocks[index])
    start, end = rng.choice(items(bytes(raw)))
    place = rng.choice((start, rng.randrange(start, end)))
    raw[place] = rng.choice((raw[place] ^ 1 << rng.randrange(8), rng.randrange(256)))
    return with_block(parts, index, bytes(raw))


@mutation
def field_changed(parts: Parts, rng: random.Random) -> Parts:
    index = rng.randrange(len(parts.blocks))
    fields = parts.fields[index]
    key = rng.choice(list(fields))
    fields[key] = rng.choice((bend(fields[key], rng), rng.choice(VALUES)))
    return with_block(parts, index, wire.encode(fields))


@mutation
def field_added(parts: Parts, rng: random.Random) -> Parts:
    index = rng.randrange(len(parts.blocks))
    fields = {**parts.fields[index], rng.choice((*range(-1, 19), 2**60, "a/b", "x")): rng.choice(VALUES)}
    return with_block(parts, index, wire.encode(fields))


@mutation
def field_removed(parts: Parts, rng: random.Random) -> Parts:
    index = rng.randrange(len(parts.blocks))
    fields = parts.fields[index]
    del fields[rng.choice(list(fields))]
    return with_block(parts, index, wire.encode(fields))


@mutation
def fields_reordered_or_twice(parts: Parts, rng: random.Random) -> Parts:
    """Say the same in another order, or a field twice: cbor2 writes maps as they come."""
    index = rng.randrange(len(parts.blocks))
    pairs = [wire.encode(key) + wire.encode(value) for key, value in parts.fields[index].items()]
    if rng.random() < 0.5:
        pairs.insert(rng.randrange(len(pairs) + 1), rng.choice(pairs))
    else:
        rng.shuffle(pairs)
    return with_block(parts, index, wire.head(5, len(pairs)) + b"".join(pairs))


@mutation
def other_spelling(parts: Parts, rng: random.Random) -> str:
    """Say the same with one head longer than it need be, in a block or around it."""
    data = wire.encode([parts.header, list(parts.blocks), list(parts.sigs), list(parts.proof)])
    start, _ = rng.choice(items(data, embedded=False))
    major, n = data[start] >> 5, data[start] & 31
    if n > 23:
        return wire.to_text(data[:start] + bytes([major << 5 | 25, 0]) + data[start + 1 :])
    return wire.to_text(data[:start] + wire.head(major, n, rng.choice((1, 2, 4, 8))) + data[start + 1 :])


@mutation
def block_dropped(parts: Parts, rng: random.Random) -> Parts:
    index = rng.randrange(len(parts.blocks))
    sigs = rng.choice((parts.sigs, parts.sigs[:index] + parts.sigs[index + 1 :]))
    return replace(parts, blocks=parts.blocks[:index] + parts.blocks[index + 1 :], sigs=sigs)


@mutation
def blocks_reordered(parts: Parts, rng: random.Random) -> Parts:
    order = rng.sample(range(len(parts.blocks)), len(parts.blocks))
    sigs = tuple(parts.sigs[i] for i in order) if parts.sigs and rng.random() < 0.5 else parts.sigs
    return replace(parts, blocks=tuple(parts.blocks[i] for i in order), sigs=sigs)


@mutation
def block_repeated(parts: Parts, rng: random.Random) -> Parts:
    index = rng.randrange(len(parts.blocks))
    sigs = parts.sigs[: index + 1] + parts.sigs[index:] if parts.sigs else ()
    return replace(parts, blocks=parts.blocks[: index + 1] + parts.blocks[index:], sigs=sigs)


@mutation
def chains_spliced(parts: Parts, rng: random.Random) -> Parts:
    """Begin as one token and go on as another."""
    more, at = other(rng), rng.randrange(len(parts.blocks) + 1)
    blocks = parts.blocks[:at] + more.blocks[rng.randrange(len(more.blocks) + 1) :]
    sigs = (parts.sigs[:at] + more.sigs[at:])[: len(blocks)] if parts.sigs else rng.choice(((), more.sigs))
    return replace(parts, blocks=blocks, sigs=sigs, proof=rng.choice((parts.proof, more.proof)))


@mutation
def signatures_swapped(parts: Parts, rng: random.Random) -> Parts:
    pool = [*parts.sigs, *other(rng).sigs, rng.randbytes(64), bytes(64)]
    sigs = tuple(rng.choice(pool) if rng.random() < 0.5 else sig for sig in parts.sigs)
    return replace(parts, sigs=sigs if rng.random() < 0.9 else sigs[1:])


@mutation
def proof_of_another(parts: Parts, rng: random.Random) -> Parts:
    while (proof := other(rng).proof) == parts.proof:
        pass
    return replace(parts, proof=proof)


@mutation
def proof_of_another_kind(parts: Parts, rng: random.Random) -> Parts:
    """Take a secret for a seal, a seal for a use tag, and the other way round."""
    tag = parts.proof[-1]
    size = 32 if parts.alg == wire.HMAC else 64
    sized = rng.choice((tag, (tag * 2)[:size], tag[:32]))
    made = (
        (0, sized),
        (1, sized),
        (2, NOW, b"n" * 16, BINDING, sized),
        (3, sized),
        (0, sized, True),
        (1, [sized]),
    )
    return replace(parts, proof=rng.choice(made))


@mutation
def proof_edited(parts: Parts, rng: random.Random) -> Parts:
    proof = list(parts.proof)
    index = rng.randrange(len(proof))
    proof[index] = rng.choice((bend(proof[index], rng), rng.choice(VALUES)))
    return replace(parts, proof=tuple(proof))


@mutation
def header_edited(parts: Parts, rng: random.Random) -> Parts:
    made = cbor2.loads(parts.header)
    index = rng.randrange(3)
    made[index] = rng.choice(
        ((0, 2, "1"), (5, -19, -8, 6), ("k1", "e1", "k1/github", "k1/other", "k9", ""))[index]
    )
    longer = rng.random() < 0.1
    return replace(parts, header=wire.encode([*made, 0] if longer else made))


@mutation
def text_edited(parts: Parts, rng: random.Random) -> str:
    text = parts.text
    place = rng.randrange(len(text))
    letter = rng.choice("ABCZabcz059-_+/=. \n~é\x00\ud800")
    return rng.choice(
        (
            text[:place],
            text[: -rng.randrange(1, 5)],
            text + letter,
            text + "=" * rng.randrange(1, 4),
            text[:place] + letter + text[place:],
            text[:place] + letter + text[place + 1 :],
            text[:place] + text[place:].swapcase(),
            text[: -1 - place % 3] + rng.choice("ABCDabcd0123"),
            f" {text}",
            text.removeprefix(wire.PREFIX),
            "lease2_" + text.removeprefix(wire.PREFIX),
            text.upper(),
        )
    )


# --- helpers ----------------------------------------------------------------------------------------
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**53, 2**63 - 1, "", "x", "*", "repo.*", b"", b"\x00" * 16, b"\x00" * 32, [], [[]], {},
    ["*"], [{0: ["*"]}], {"repo": [6, True]}, {0: 1}, [["agt_1", 3]], ["other"], [[["*"], [b"k" * 32], 1]],
    "y" * 5000, [[[[[[[[1]]]]]]]], list(range(300)), 1.5,
)  # fmt: skip
VALUES = VALUES[:-1]  # wire.encode writes no floats


def bend(value: Any, rng: random.Random) -> Any:
    """Return a value a little off."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return value + rng.choice((-1, 1, 60, 2**32))
    if isinstance(value, bytes):
        place = rng.randrange(len(value) + 1)
        return rng.choice(
            (value[:place], value + b"\x00", value[:place] + rng.randbytes(1) + value[place + 1 :])
        )
    if isinstance(value, str):
        return rng.choice((value + "x", value[:-1], value.upper(), f"{value}*"))
    if isinstance(value, list):
        index = rng.randrange(len(value)) if value else 0
        changed = [*value[:index], *([bend(value[index], rng)] if value else [0]), *value[index + 1 :]]
        return rng.choice((changed, changed, value * 2, value[1:], [value]))
    key = rng.choice(list(value)) if value else 0
    changed = {**value, key: bend(value[key], rng) if value else 0}
    return rng.choice(
        (changed, changed, {}, {**value, "zz": 0}, {k: v for k, v in value.items() if k != key})
    )


def with_block(parts: Parts, index: int, raw: bytes) -> Parts:
    return replace(parts, blocks=(*parts.blocks[:index], raw, *parts.blocks[index + 1 :]))


def items(data: bytes, *, embedded: bool = True) -> list[tuple[int, int]]:
    """Return start and end of every item of a deterministic encoding."""
    out: list[tuple[int, int]] = []

    def walk(i: int) -> int:
        start, major, n = i, data[i] >> 5, data[i] & 31
        i += 1
        if n > 23:
            size = 1 << (n - 24)
            n, i = int.from_bytes(data[i : i + size], "big"), i + size
        if major in (2, 3):
            i += n
        elif major in (4, 5):
            for _ in range(n * (major - 3)):
                i = walk(i)
        out.append((start, i))
        return i

    walk(0)
    return out


def mutant(original: Original, rng: random.Random) -> tuple[str, str]:
    """Return the name of a mutation and the mutated text of a token with its approvals.

    An approval is bent, dropped or put in the place of the other; one more is not added, because
    approvals that nobody needs are ignored.
    """
    name = rng.choice(list(MUTATIONS))
    change = MUTATIONS[name]
    whole = [original.parts, *original.approvals]
    which = rng.randrange(len(whole))
    if original.approvals and rng.random() < 0.1:
        kept = list(original.approvals)
        kept[0] = rng.choice((kept[1], original.parts))
        return "approvals swapped", join(original.parts, tuple(rng.choice((kept, kept[:1], kept[1:]))))
    texts = [parts.text for parts in whole]
    made = change(whole[which], rng)
    changed = made if isinstance(made, str) else made.text
    texts[which] = texts[which] if changed in WHOLE else changed  # a splice may be another valid token
    return name if which == 0 else f"{name}, in an approval", "~".join(texts)


def nowhere(rng: random.Random) -> tuple[str, str]:
    """Return bytes that were never a token, the more like one the longer one looks."""
    kind = rng.choice(("bytes", "framed", "text"))
    noise = rng.randbytes(rng.choice((0, 1, 7, 40, 300, 3000)))
    if kind == "bytes":
        return kind, wire.to_text(noise)
    if kind == "text":
        return kind, "".join(map(chr, rng.choices(range(0x20, 0x17F), k=len(noise))))
    parts = replace(other(rng), blocks=(noise,))
    return kind, rng.choice((parts, replace(parts, header=noise), replace(parts, proof=(0, noise)))).text
