"""The two chains: hashes, links and proofs (specs/token.md, chains).

In everything that is hashed or authenticated all parts but the last have a fixed length, and each
use has its own label, so no message of one kind is a message of another.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from . import ed25519, limits
from .block import BUDGET, ED25519, HMAC, NEXT_KEY, Block, Fields, make_block
from .errors import Forbidden
from .keys import Key
from .token import BEARER, BOUND_PROOF, PROOFS, SEALED, Proof, Token, write_header, write_token

HEADER: Final = b"attenuate/1 header\0"
BLOCK: Final = b"attenuate/1 block\0"
LINK: Final = b"attenuate/1 link\0"
SEAL: Final = b"attenuate/1 seal\0"
USE: Final = b"attenuate/1 use\0"
ID_SIZE: Final = 16


def hash_header(header: bytes) -> bytes:
    """Return h[-1], 32 bytes."""
    return sha256(HEADER + header).digest()


def hash_block(before: bytes, raw: bytes) -> bytes:
    """Return h[i], 32 bytes, from h[i-1] and the bytes of block i."""
    return sha256(BLOCK + before + raw).digest()


def hash_chain(header: bytes, blocks: Iterable[Block]) -> list[bytes]:
    """Return h[0] to h[n]. The first 16 bytes of each are the block's id."""
    out = []
    h = hash_header(header)
    for block in blocks:
        h = hash_block(h, block.raw)
        out.append(h)
    return out


def hmac_link(secret: bytes, h: bytes) -> bytes:
    """Return t[i], 32 bytes, from t[i-1] and h[i]."""
    return hmac.digest(secret, LINK + h, "sha256")


def sealed_message(h: bytes) -> bytes:
    """Return what a seal authenticates."""
    return SEAL + h


def used_message(h: bytes, iat: int, nonce: bytes, binding: bytes) -> bytes:
    """Return what a use tag authenticates."""
    return USE + h + iat.to_bytes(8, "big") + nonce + binding


def start(key: Key, key_id: str, fields: Fields, seed: bytes) -> Token:
    """Return a bearer token of one block, signed by `key`.

    seed: 32 bytes, of the block's next key; not used in the hmac chain. Raises ValueError for
    fields that make no block 0 and for a public key.
    """
    empty = Token(write_header(key.alg, key_id), key.alg, key_id, (), (), Proof(BEARER, key.seed()))
    return extend(empty, fields, seed)


def extend(token: Token, fields: Fields, seed: bytes) -> Token:
    """Return a bearer token with one more block; raises Forbidden `structure` if not bearer."""
    secret = _secret(token, "narrowed")
    index = len(token.blocks)
    if token.alg == ED25519:
        fields = {**fields, NEXT_KEY: ed25519.public_of(seed)}
    block = make_block(fields, index, token.alg)
    blocks = (*token.blocks, block)
    h = hash_chain(token.header, blocks)[-1]
    if token.alg == HMAC:
        made = token._replace(blocks=blocks, proof=Proof(BEARER, hmac_link(secret, h)))
    else:
        sigs = (*token.sigs, ed25519.sign(secret, LINK + h))
        made = token._replace(blocks=blocks, sigs=sigs, proof=Proof(BEARER, seed))
    _check_size(made)
    return made


def _check_size(token: Token) -> None:
    """Refuse what nobody could read (V1)."""
    if len(token.blocks) > limits.MAX_BLOCKS:
        raise ValueError(f"a lease of {len(token.blocks)} blocks; at most {limits.MAX_BLOCKS}")
    if sum(len(block.raw) for block in token.blocks) > limits.MAX_TOKEN_TEXT // 2:
        size = len(write_token(token))
        if size > limits.MAX_TOKEN_TEXT:
            raise ValueError(f"a lease of {size} characters; at most {limits.MAX_TOKEN_TEXT}")
    units = sum(len(block.fields.get(BUDGET, ())) for block in token.blocks)
    if units > limits.MAX_UNITS:
        raise ValueError(f"{units} budget units in all blocks; at most {limits.MAX_UNITS}")


def seal(token: Token) -> Token:
    """Return the token sealed: it can be used and not narrowed; raises Forbidden `structure`."""
    secret = _secret(token, "sealed")
    h = hash_chain(token.header, token.blocks)[-1]
    made = token._replace(proof=Proof(SEALED, _authenticate(token.alg, secret, sealed_message(h))))
    _check_size(made)
    return made


def use(token: Token, iat: int, nonce: bytes, binding: bytes) -> Token:
    """Return the token bound to one call; raises Forbidden `structure`."""
    secret = _secret(token, "presented")
    h = hash_chain(token.header, token.blocks)[-1]
    tag = _authenticate(token.alg, secret, used_message(h, iat, nonce, binding))
    made = token._replace(proof=Proof(BOUND_PROOF, tag, iat, nonce, binding))
    _check_size(made)
    return made


def _authenticate(alg: int, secret: bytes, message: bytes) -> bytes:
    return hmac.digest(secret, message, "sha256") if alg == HMAC else ed25519.sign(secret, message)


def _secret(token: Token, verb: str) -> bytes:
    if token.proof.kind != BEARER:
        raise Forbidden(
            "structure",
            f"a {PROOFS[token.proof.kind]} lease to be {verb}",
            allowed="use as it is",
            would_pass="the bearer lease it was made from, which only its holder has",
        )
    return token.proof.tag
