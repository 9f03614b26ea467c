"""Leases to biscuits and back, and narrowing a biscuit offline.

What is exported is verified first, and what is imported must be, to the byte, what an export of it
makes. So neither way gives anybody more than the other token gave.
"""

from __future__ import annotations

from typing import Unpack

import biscuit_auth as ba
from biscuit_auth import Biscuit, PrivateKey, PublicKey

from attenuate import KeyRing, Lease, Malformed, Untrusted, limits
from attenuate.block import AUDIENCE, HMAC, make_block
from attenuate.fields import Terms, make_fields, moment

from ..portable import NotPortable, minted, portable_blocks
from .blocks import CARRIED, KIND, source
from .exact import MAX_TEXT, lease_blocks, signed
from .frame import framed


def to_biscuit(lease: Lease, keys: KeyRing, root: PrivateKey) -> Biscuit:
    """Return a biscuit that allows what an authentic bearer lease allows, no more and no less.

    root: the private key that signs exported leases and nothing else. It is not a key of the
    ring: who trusts it trusts every biscuit that it signed, and a lease is not signed for that.

    Raises Untrusted for a lease that is not authentic under `keys`, NotPortable for what a biscuit
    cannot carry, TypeError for a root that is no such key, ValueError for one that the ring holds.
    """
    _check_root(root, keys)
    biscuit = signed(portable_blocks(lease, keys, KIND, CARRIED), root)
    _check_size(biscuit)
    return biscuit


def narrow(biscuit: Biscuit, *, now: int | None = None, **terms: Unpack[Terms]) -> Biscuit:
    """Return a biscuit with one more lease block, offline and without a key.

    terms: as for Lease.narrow. now: seconds since 1970, the start of `ttl`; by default the clock's.

    Raises NotPortable for a term that a biscuit cannot carry and for a biscuit that is full, TypeError
    or ValueError for terms.
    """
    number = biscuit.block_count()
    if number >= limits.MAX_BLOCKS:
        raise NotPortable("blocks", "lease", hint=f"at most {limits.MAX_BLOCKS}")
    block = make_block(make_fields(terms, index=number, now=moment(now)), number, HMAC)
    narrowed = biscuit.append(ba.BlockBuilder(source(block.fields, number)))
    _check_size(narrowed)
    return narrowed


def read_biscuit(text: str, root: PublicKey) -> Biscuit:
    """Return the verified biscuit of a text, after a look at its size.

    root: the public key of the key that exports leases.

    Raises Malformed `too_large` or `text`, Untrusted `signature`.
    """
    if not isinstance(text, str):
        raise Malformed("text", f"a {type(text).__name__}", allowed="a biscuit's base64url, a str")
    if len(text) > MAX_TEXT:
        raise Malformed("too_large", f"a biscuit of {len(text)} characters", allowed=str(MAX_TEXT))
    try:
        return ba.Biscuit.from_base64(text, root)
    except (ba.BiscuitValidationError, ba.BiscuitSerializationError):
        raise Untrusted("signature", "a biscuit", allowed="one that this root key signed") from None


def from_biscuit(biscuit: Biscuit, keys: KeyRing) -> Lease:
    """Return the lease that a verified biscuit was exported from, as narrowed since, under the ring's key.

    Block for block the same, as `lease_blocks` reads them. The biscuit was verified by `read_biscuit`,
    or by Biscuit.from_base64 with the root key; this cannot be seen here.

    Raises NotPortable as `lease_blocks`, `sealed` for a biscuit that may not be narrowed, and `audience`
    where the ring's key serves one audience alone and the biscuit names others. ValueError for a ring
    that does not mint, and for a lease that would be larger than leases are.
    """
    blocks = lease_blocks(biscuit)
    if framed(biscuit).sealed:
        raise NotPortable("sealed", "lease", hint="a lease would be open to narrowing again")
    served = (keys.active or "").partition("/")[2]
    if served and blocks[0][AUDIENCE] != (served,):
        raise NotPortable("audience", "lease", 0, f"the ring's key serves {served!r:.80} alone")
    return minted(blocks, keys)


def _check_root(root: PrivateKey, keys: KeyRing) -> None:
    if not isinstance(root, PrivateKey):
        raise TypeError(f"root is a {type(root).__name__}, not a PrivateKey of biscuits")
    secret, public = bytes(root.to_bytes()), bytes(ba.KeyPair.from_private_key(root).public_key.to_bytes())
    for key_id in keys:
        key = keys[key_id]
        if key.material == public or (key.can_mint and key.seed() == secret):
            raise ValueError("the root key of biscuits is a key of the ring; generate one for them alone")


def _check_size(biscuit: Biscuit) -> None:
    size = len(biscuit.to_base64())
    if size > MAX_TEXT:
        raise NotPortable("size", KIND, hint=f"{size} characters, and at most {MAX_TEXT}")
