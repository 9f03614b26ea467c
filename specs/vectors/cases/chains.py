"""V4, V5: a chain that is not as its makers left it."""

from __future__ import annotations

from dataclasses import replace

from builder import BOTH, ED25519, HMAC, RING, Case, Lease, ask, cbor, mint, secret, vector


def family(alg: int) -> Lease:
    """Return a lease of three blocks: the root's, a narrower one, and one narrower still."""
    nonces = [secret(f"long nonce {n}")[:16] for n in range(2)]  # long enough for a block 0
    return mint(alg).add({0: nonces[0], 11: 1}).add({0: nonces[1], 8: {"path": [3, ["src"]]}})


def pick(lease: Lease, *indexes: int) -> Lease:
    """Return the same token with these of its blocks and signatures, in this order."""
    sigs = tuple(lease.sigs[i] for i in indexes) if lease.sigs else ()
    return replace(lease, blocks=tuple(lease.blocks[i] for i in indexes), sigs=sigs)


FACTS = {"repo": "clord", "path": "src/a.py"}


@vector("ok", *BOTH)
def chain_of_three(alg: int) -> Case:
    """The control of the others: three blocks as their makers left them."""
    return ask(family(alg), facts=FACTS)


# In the hmac chain, whose links are checked together with the proof, each of these is `proof`.
@vector("untrusted proof", *BOTH)
def chain_stripped(alg: int) -> Case:
    """The last block left out, with the secret that only fits after it."""
    return ask(pick(family(alg), 0, 1), facts=FACTS)


@vector("untrusted proof", HMAC, name="hmac-chain-without-the-middle")
@vector("untrusted signature", ED25519, name="ed25519-chain-without-the-middle")
def chain_without_the_middle(alg: int) -> Case:
    """The middle block left out."""
    return ask(pick(family(alg), 0, 2), facts=FACTS)


@vector("untrusted proof", HMAC, name="hmac-chain-without-the-first")
@vector("untrusted signature", ED25519, name="ed25519-chain-without-the-first")
def chain_without_the_first(alg: int) -> Case:
    """Block 0 left out, so that a narrowing block would be the grant."""
    return ask(pick(family(alg), 1, 2), facts=FACTS)


@vector("untrusted proof", HMAC, name="hmac-chain-in-another-order")
@vector("untrusted signature", ED25519, name="ed25519-chain-in-another-order")
def chain_in_another_order(alg: int) -> Case:
    """Two later blocks exchanged."""
    return ask(pick(family(alg), 0, 2, 1), facts=FACTS)


@vector("untrusted proof", HMAC, name="hmac-chain-with-a-block-twice")
@vector("untrusted signature", ED25519, name="ed25519-chain-with-a-block-twice")
def chain_with_a_block_twice(alg: int) -> Case:
    """A later block repeated."""
    return ask(pick(family(alg), 0, 1, 2, 2), facts=FACTS)


def edited(lease: Lease, index: int, old: bytes, new: bytes) -> Lease:
    """Return the token with bytes of one block exchanged."""
    blocks = list(lease.blocks)
    assert old in blocks[index]
    blocks[index] = blocks[index].replace(old, new)
    return replace(lease, blocks=tuple(blocks))


@vector("untrusted proof", HMAC, name="hmac-chain-edited-first")
@vector("untrusted signature", ED25519, name="ed25519-chain-edited-first")
def chain_edited_first(alg: int) -> Case:
    """Another repository written into block 0."""
    return ask(edited(family(alg), 0, b"clord", b"other"), facts={**FACTS, "repo": "other"})


@vector("untrusted proof", HMAC, name="hmac-chain-edited-last")
@vector("untrusted signature", ED25519, name="ed25519-chain-edited-last")
def chain_edited_last(alg: int) -> Case:
    """Another folder written into the last block."""
    return ask(edited(family(alg), 2, b"src", b"etc"), facts={**FACTS, "path": "etc/passwd"})


@vector("untrusted proof", HMAC, name="hmac-chain-edited-nonce")
@vector("untrusted signature", ED25519, name="ed25519-chain-edited-nonce")
def chain_edited_nonce(alg: int) -> Case:
    """Another nonce in block 0: a fresh id would be a fresh budget."""
    return ask(edited(family(alg), 0, secret("nonce 0")[:16], secret("other")[:16]), facts=FACTS)


@vector("untrusted proof", HMAC, name="hmac-chain-spliced")
@vector("untrusted signature", ED25519, name="ed25519-chain-spliced")
def chain_spliced(alg: int) -> Case:
    """Block 0 of a wider lease before the later blocks of this one."""
    wide = mint(alg, {6: [{0: ["*"]}]})
    mine = family(alg)
    sigs = (*wide.sigs, *mine.sigs[1:])
    return ask(replace(mine, blocks=(*wide.blocks, *mine.blocks[1:]), sigs=sigs), facts=FACTS)


@vector("untrusted proof", HMAC, name="hmac-chain-under-another-key-id")
@vector("untrusted signature", ED25519, name="ed25519-chain-under-another-key-id")
def chain_under_another_key_id(alg: int) -> Case:
    """The key under another id in header and ring: the first hash covers the id."""
    key = RING[0] if alg == HMAC else RING[1]
    return ask(replace(mint(alg), header=cbor([1, alg, "other"])), ring=(("other", *key[1:]),))


@vector("untrusted proof", HMAC, name="hmac-chain-grown-from-a-seal")
@vector("untrusted signature", ED25519, name="ed25519-chain-grown-from-a-seal")
def chain_grown_from_a_seal(alg: int) -> Case:
    """A block appended to a sealed token, with the seal for the secret that it does not have."""
    sealed = mint(alg)
    return ask(replace(sealed, secret=sealed.seal()[1][:32]).add())


@vector("untrusted signature", ED25519)
def chain_signed_by_another(alg: int) -> Case:
    """A later block signed by a key that the block before it does not name."""
    return ask(replace(mint(alg), secret=secret("stranger")).add())


@vector("untrusted signature", ED25519)
def chain_signed_by_the_root_again(alg: int) -> Case:
    """A later block signed by the root's key and not by its holder's."""
    return ask(replace(mint(alg), secret=secret("e1")).add())


@vector("untrusted signature", ED25519)
def chain_signatures_exchanged(alg: int) -> Case:
    """The signatures of two blocks exchanged."""
    lease = family(alg)
    return ask(replace(lease, sigs=(lease.sigs[0], lease.sigs[2], lease.sigs[1])), facts=FACTS)


@vector("untrusted signature", ED25519)
def chain_signature_of_the_seal(alg: int) -> Case:
    """A seal in the place of a link's signature: each use has its own label."""
    lease = mint(alg)
    grown = lease.add()
    seal_like = replace(grown, secret=lease.secret).seal()[1]
    return ask(replace(grown, sigs=(lease.sigs[0], seal_like)))
