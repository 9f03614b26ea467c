"""Whether a biscuit is an exported lease, block for block and byte for byte.

A holder may append any Datalog to a biscuit. It cannot widen anything, but a lease cannot say it, and
what it costs to evaluate has no bound: the library looks at its time limit between rules and checks,
and one of them may take minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import biscuit_auth as ba
from biscuit_auth import Biscuit, PrivateKey

from attenuate import Malformed, limits
from attenuate.block import HMAC, ISSUED_AT, Fields, read_block

from ..portable import NotPortable, check_complete
from .blocks import source
from .frame import first_bytes, framed

MAX_TEXT: Final = 64 * 1024
"""Characters in a biscuit's text. Datalog takes several times the room of a lease."""


def lease_blocks(biscuit: Biscuit) -> list[Fields]:
    """Return the fields of each lease block of a biscuit that says nothing else.

    Each block's bytes must be those that an export of its own lease_block makes.

    Raises NotPortable by the name of what else there is: `blocks` or `size` for too much, `third_party`
    for a block that somebody else signed, `lease_block` for a block without one, `structure` for a block
    0 that is no lease's, the caveat's name for one that no export writes, `foreign` for any other Datalog.
    """
    return _read(exact(biscuit))


def exact(biscuit: Biscuit) -> tuple[bytes, ...]:
    """Return the bytes of each lease block; raises as `lease_blocks`."""
    if biscuit.block_count() > limits.MAX_BLOCKS:
        raise NotPortable("blocks", "lease", hint=f"at most {limits.MAX_BLOCKS}")
    there = framed(biscuit)
    if sum(map(len, there.blocks)) > MAX_TEXT:
        raise NotPortable("size", "lease", hint=f"at most {MAX_TEXT} bytes")
    if True in there.external:
        raise NotPortable("third_party", "lease", there.external.index(True), "nobody else signs a block")
    return _exact(there.blocks)


@lru_cache(maxsize=256)  # a service meets the same blocks again; whether they are authentic is not kept
def _exact(blocks: tuple[bytes, ...]) -> tuple[bytes, ...]:
    raws = tuple(map(_named, blocks, range(len(blocks))))
    fields = _read(raws)
    check_complete(fields[0], "lease")
    for number, later in enumerate(fields[1:], 1):
        if ISSUED_AT in later:
            raise NotPortable("structure", "lease", number, "issued_at stands in block 0 and nowhere else")
    again = framed(signed(fields, ba.KeyPair().private_key)).blocks  # a key for nothing else
    for number, (block, made) in enumerate(zip(blocks, again, strict=True)):
        if block != made:
            raise NotPortable("foreign", "lease", number, "its Datalog is not that of its lease_block")
    return raws


def _named(block: bytes, number: int) -> bytes:
    """Return the bytes that a block states first; what else it says is not looked at here."""
    raw = first_bytes(block)
    if raw is None:
        raise NotPortable("lease_block", "lease", number, "only what was exported is a lease")
    return raw


def _read(raws: tuple[bytes, ...]) -> list[Fields]:
    fields = []
    for number, raw in enumerate(raws):
        try:
            fields.append(read_block(raw, number, HMAC).fields)
        except Malformed:
            raise NotPortable("lease_block", "lease", number, "its bytes are no block of a lease") from None
    return fields


def signed(blocks: Iterable[Fields], root: PrivateKey) -> Biscuit:
    """Return the biscuit of lease blocks; raises NotPortable for what one cannot carry."""
    first, *more = (source(fields, number) for number, fields in enumerate(blocks))
    biscuit = ba.BiscuitBuilder(first).build(root)
    for text in more:
        biscuit = biscuit.append(ba.BlockBuilder(text))
    return biscuit
