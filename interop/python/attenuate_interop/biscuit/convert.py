"""Leases to biscuits and back, and narrowing a biscuit offline.

What is exported is verified first, and what is imported must be, to the byte, what an export of it
makes. So neither way gives anybody more than the other token gave.
"""

from __future__ import annotations

from typing import Unpack

import biscuit_auth as ba
from biscuit_auth import Biscuit, PrivateKey, PublicKey

from attenuate import KeyRing, Lease, Malformed, Untrusted, limits
from attenuate.block import HMAC, make_block
from attenuate.fields import Terms, make_fields, moment

from ..portable import NotPortable, minted, portable_blocks
from .blocks import CARRIED, KIND, Signer, source
from .exact import MAX_TEXT, exact, lease_blocks, signed
from .frame import framed


def to_biscuit(lease: Lease, keys: KeyRing, root: PrivateKey) -> Biscuit:
    """Return a biscuit that allows what an authentic bearer lease allows, no more and no less.

    Leases of both chains can travel. It states the key that the lease is under, and one of an audience key
    is for that audience alone. Revoking the lease does not reach the biscuit; `from_biscuit` gives, of an
    hmac lease, the one that was revoked.

    root: the private key that signs exported leases and nothing else. It is not a key of the
    ring: who trusts it trusts every biscuit that it signed, and a lease is not signed for that.

    Raises Untrusted for a lease that is not authentic under `keys`, NotPortable for what a biscuit
    cannot carry, TypeError for a root that is no such key, ValueError for one that the ring holds.
    """
    _check_root(root, keys)
    biscuit = signed(portable_blocks(lease, keys, KIND, CARRIED), Signer(lease.key_id, lease.alg), root)
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

    Raises Malformed `too_large` or `text`, Untrusted `signature`, TypeError for a root that is no such key.
    """
    if not isinstance(root, PublicKey):
        raise TypeError(f"root is a {type(root).__name__}, not a PublicKey of biscuits")
    if not isinstance(text, str):
        raise Malformed("text", f"a {type(text).__name__}", allowed="a biscuit's base64url, a str")
    if len(text) > MAX_TEXT:
        raise Malformed("too_large", f"a biscuit of {len(text)} characters", allowed=str(MAX_TEXT))
    if not text.isascii():
        raise Malformed("text", "a text that is not ASCII", allowed="a biscuit's base64url")
    try:
        return ba.Biscuit.from_base64(text, root)
    except (ba.BiscuitValidationError, ba.BiscuitSerializationError):
        raise Untrusted("signature", "a biscuit", allowed="one that this root key signed") from None


def from_biscuit(biscuit: Biscuit, keys: KeyRing, root: PublicKey, *, allow_new_ids: bool = False) -> Lease:
    """Return the lease that a biscuit was exported from, as narrowed since, under the key that it states.

    Block for block the same, as `lease_blocks` reads them. Of an hmac lease the block ids are the same too:
    what was revoked stays revoked, by id or by key, the register of attempts knows its run, and a lease
    under an audience key stays one.

    keys: with the secret of the lease's key, whichever is active. root: the public key of the key that
    exports leases; the biscuit's bytes are verified under it again.
    allow_new_ids: True to take an ed25519 lease. It comes back under its key, and with fresh next_keys; so
    its block ids are new, and a revocation by id, counters and the register of attempts do not know them.
    Who has such a biscuit gets a lease that outlives the revocation of the first one.

    Raises Malformed and Untrusted `signature` as `read_biscuit`, NotPortable as `lease_blocks`, `sealed` for
    a biscuit that may not be narrowed, `ed25519` as above, and `size` for what is more than a lease can
    hold; Untrusted `unknown_key` or `algorithm` where the ring cannot mint under that key.
    """
    if not isinstance(biscuit, Biscuit):
        raise TypeError(f"a {type(biscuit).__name__} is no verified biscuit; see read_biscuit")
    if framed(biscuit).sealed:
        raise NotPortable("sealed", "lease", hint="a lease would be open to narrowing again")
    biscuit = read_biscuit(biscuit.to_base64(), root)
    blocks, signer = lease_blocks(biscuit), exact(biscuit).signer
    if signer.alg != HMAC and not allow_new_ids:
        why = "its block ids would be new, and revocations would not know them; see allow_new_ids"
        raise NotPortable("ed25519", "lease", hint=why)
    return minted(blocks, signer.key_id, signer.alg, keys)


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
