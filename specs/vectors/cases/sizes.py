"""V1: what is too large, and what is just small enough."""

from __future__ import annotations

from typing import Any

from builder import BOTH, HMAC, Case, Lease, ask, cbor, empty, mint, text_of, vector

ANY = [{0: ["*"]}]


def padded(size: int, fields: dict[int | str, Any] | None = None, lease: Lease | None = None) -> Lease:
    """Return a lease with a block of exactly this size, filled with a note."""
    base = lease or empty(HMAC)
    own = {**(fields or {}), 16: {"n": "x" * size}}
    over = len(base.add(own).blocks[-1]) - size
    made = base.add({**own, 16: {"n": "x" * (size - over)}})
    assert len(made.blocks[-1]) == size
    return made


def root_fields() -> dict[int | str, Any]:
    """Return the fields of block 0, allowing everything."""
    return {2: [["agt_1", 2]], 3: ["github"], 5: 1_800_000_900, 6: ANY, 15: 1_800_000_000}


@vector("ok")
def size_block_of_4096(alg: int) -> Case:
    """A block as large as may be."""
    return ask(padded(4096, root_fields()))


@vector("malformed too_large")
def size_block_of_4097(alg: int) -> Case:
    """A block one byte too large."""
    return ask(padded(4097, root_fields()))


def long_text(characters: int) -> Case:
    """Return the case of a token whose text has this length."""
    lease = padded(4096, root_fields())
    size = (characters - 7) * 3 // 4 - len(cbor(lease.frame())) - 3
    made = padded(size, lease=lease)
    assert len(made.text()) == characters
    return ask(made)


@vector("ok")
def size_text_of_8191(alg: int) -> Case:
    """The longest text that fits in 8 KiB; 8192 is no length of base64url after the prefix."""
    return long_text(8191)


@vector("malformed too_large")
def size_text_of_8193(alg: int) -> Case:
    """One token's text over 8 KiB."""
    return long_text(8193)


@vector("malformed too_large")
def size_with_approvals(alg: int) -> Case:
    """A token and two approvals, each small enough, together over 16 KiB."""
    return ask(mint(alg), approvals=("lease1_" + "A" * 8180,) * 2)


@vector("malformed too_large")
def size_five_approvals(alg: int) -> Case:
    """One approval too many."""
    lease = mint(alg)
    return ask(lease, approvals=(mint(-19).text(),) * 5)


def long_chain(alg: int, blocks: int) -> Lease:
    """Return a chain of that many blocks."""
    lease = mint(alg)
    while len(lease.blocks) < blocks:
        lease = lease.add()
    return lease


@vector("ok", *BOTH)
def size_16_blocks(alg: int) -> Case:
    """As many blocks as may be."""
    return ask(long_chain(alg, 16))


@vector("malformed too_large", *BOTH)
def size_17_blocks(alg: int) -> Case:
    """One block too many, each link and the proof as they should be."""
    return ask(long_chain(alg, 17))


def nested(depth: int) -> Any:
    """Return a value of that many arrays, one in the other."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@vector("forbidden unknown_caveat 0")
def size_nesting_of_6(alg: int) -> Case:
    """A block map with five arrays inside, under a number that nobody knows: read, then refused."""
    return ask(mint(alg, {17: nested(5)}))


@vector("malformed too_large")
def size_nesting_of_7(alg: int) -> Case:
    """A block map with six arrays inside."""
    return ask(mint(alg, {17: nested(6)}))


@vector("malformed too_large")
def size_nesting_of_thousands(alg: int) -> Case:
    """A block that is four thousand arrays, one in the other."""
    return ask(mint(alg).add(b"\x81" * 4000 + b"\x01"))


@vector("ok")
def size_64_grants(alg: int) -> Case:
    """As many grants as a block may have, allow and deny together."""
    denied = [{0: [f"no.{n}"]} for n in range(4)]
    return ask(mint(alg, {6: [{0: [f"a.{n}"]} for n in range(59)] + ANY, 7: denied}))


@vector("malformed too_large")
def size_65_grants(alg: int) -> Case:
    """One grant too many, allow and deny together."""
    denied = [{0: [f"no.{n}"]} for n in range(5)]
    return ask(mint(alg, {6: [{0: [f"a.{n}"]} for n in range(59)] + ANY, 7: denied}))


def units(first: int, count: int) -> dict[str, int]:
    """Return a budget of that many units."""
    return {f"u{n}": 9 for n in range(first, first + count)}


@vector("ok")
def size_32_units(alg: int) -> Case:
    """As many budget units as two blocks may have together, a unit in both counting twice."""
    lease = mint(alg, {9: units(0, 16)}).add({9: units(8, 16)})
    return ask(lease, cost=dict.fromkeys(units(0, 24), 1))


@vector("malformed too_large")
def size_33_units(alg: int) -> Case:
    """One budget unit too many, over two blocks."""
    lease = mint(alg, {9: units(0, 16)}).add({9: units(8, 17)})
    return ask(lease, cost=dict.fromkeys(units(0, 25), 1))


@vector("ok")
def size_256_facts(alg: int) -> Case:
    """As many facts as a request may have."""
    return ask(mint(alg), facts={"repo": "clord"} | {f"f{n}": n for n in range(255)})


@vector("malformed too_large")
def size_257_facts(alg: int) -> Case:
    """One fact too many."""
    return ask(mint(alg), facts={"repo": "clord"} | {f"f{n}": n for n in range(256)})


@vector("ok")
def size_list_of_256(alg: int) -> Case:
    """As many elements as a list may have."""
    return ask(mint(alg), facts={"repo": ["clord"] * 256})


@vector("malformed facts")
def size_list_of_257(alg: int) -> Case:
    """One element too many; flattening makes such a list opaque, a guard's own is an error."""
    return ask(mint(alg), facts={"repo": ["clord"] * 257})


@vector("malformed too_large")
def size_20_blocks_promised(alg: int) -> Case:
    """A head that promises more blocks than there may be."""
    frame = cbor(mint(alg).frame())
    return ask(text_of(frame[:8] + b"\x94" + frame[9:]))
