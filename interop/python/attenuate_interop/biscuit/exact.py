"""Whether a biscuit is an exported lease, block for block and byte for byte.

A holder may append any Datalog to a biscuit. It cannot widen anything, but a lease cannot say it, and
what it costs to evaluate has no bound: the library looks at its time limit between rules and checks,
and one of them may take minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

import biscuit_auth as ba
from biscuit_auth import Biscuit, PrivateKey

from attenuate import Malformed, limits
from attenuate.block import HMAC, Fields, read_block

from ..portable import NotPortable, check_structure
from .blocks import Signer, source
from .frame import first_bytes, framed

MAX_TEXT: Final = 64 * 1024
"""Characters in a biscuit's text. Datalog takes several times the room of a lease."""
_MATCH: Final = ".matches("


class Exact(NamedTuple):
    """A biscuit that is an exported lease.

    signer: the key that the lease is under. raws: the bytes of its blocks, without next_key. matches: how
    many regular expressions its checks ask of each element of a fact, at most.
    """

    signer: Signer
    raws: tuple[bytes, ...]
    matches: int


def lease_blocks(biscuit: Biscuit) -> list[Fields]:
    """Return the fields of each lease block of a biscuit that says nothing else.

    Each block's bytes must be those that an export of its own lease_block makes.

    Raises NotPortable by the name of what else there is: `blocks` or `size` for too much, `third_party`
    for a block that somebody else signed, `lease_block` for a block without one, `lease_key` for a block 0
    without a key, `structure` for a block 0 that is no lease's, the caveat's name for one that no export
    writes, `foreign` for any other Datalog.
    """
    return [_read(raw, number) for number, raw in enumerate(exact(biscuit).raws)]


def exact(biscuit: Biscuit) -> Exact:
    """Return what an exported lease is made of; raises as `lease_blocks`."""
    there = framed(biscuit)
    if len(there.blocks) > limits.MAX_BLOCKS:
        raise NotPortable("blocks", "lease", hint=f"at most {limits.MAX_BLOCKS}")
    if sum(map(len, there.blocks)) > MAX_TEXT:
        raise NotPortable("size", "lease", hint=f"at most {MAX_TEXT} bytes")
    if True in there.external:
        raise NotPortable("third_party", "lease", there.external.index(True), "nobody else signs a block")
    return _exact(there.blocks, Signer.read(biscuit.block_source(0)))


@lru_cache(maxsize=256)  # a service meets the same blocks again; whether they are authentic is not kept
def _exact(blocks: tuple[bytes, ...], signer: Signer | None) -> Exact:
    """Make each block anew of its lease_block, and stop at the first that differs."""
    raws = tuple(map(_named, blocks, range(len(blocks))))
    if signer is None:
        raise NotPortable("lease_key", "lease", 0, "only what was exported is a lease")
    sources = _sources(raws, signer)
    matches = 0
    made: Biscuit | None = None
    for number, (block, text) in enumerate(zip(blocks, sources, strict=True)):
        if made is None:
            made = ba.BiscuitBuilder(text).build(ba.KeyPair().private_key)  # a key for nothing else
        else:
            made = made.append(ba.BlockBuilder(text))
        if framed(made).blocks[number] != block:
            raise NotPortable("foreign", "lease", number, "its Datalog is not that of its lease_block")
        matches += text.count(_MATCH)
    return Exact(signer, raws, matches)


def _sources(raws: tuple[bytes, ...], signer: Signer) -> Iterator[str]:
    for number, raw in enumerate(raws):
        fields = _read(raw, number)
        check_structure(fields, number, "lease")
        yield source(fields, number, signer)


def _named(block: bytes, number: int) -> bytes:
    """Return the bytes that a block states first; what else it says is not looked at here."""
    raw = first_bytes(block)
    if raw is None:
        raise NotPortable("lease_block", "lease", number, "only what was exported is a lease")
    return raw


def _read(raw: bytes, number: int) -> Fields:
    try:
        return read_block(raw, number, HMAC).fields  # of both chains: next_key is not in it
    except Malformed:
        pass
    raise NotPortable("lease_block", "lease", number, "its bytes are no block of a lease")


def signed(blocks: Iterable[Fields], signer: Signer, root: PrivateKey) -> Biscuit:
    """Return the biscuit of lease blocks; raises NotPortable for what one cannot carry."""
    first, *more = (source(fields, number, signer) for number, fields in enumerate(blocks))
    biscuit = ba.BiscuitBuilder(first).build(root)
    for text in more:
        biscuit = biscuit.append(ba.BlockBuilder(text))
    return biscuit
