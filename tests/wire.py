"""Tokens by hand, straight from the specification and with nothing of attenuate: an independent minter.

header ─h─ block 0 ─h─ block 1 ─h─ … ─h─ block n ── proof       each link covers all before it
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HMAC, ED25519 = 5, -19
PREFIX = "lease1_"


def encode(value: Any) -> bytes:
    """Encode as RFC 8949 section 4.2.1 says, in the most naive way."""
    if value is True or value is False or value is None:
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, (list, tuple)):
        return head(4, len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        pairs = sorted((encode(key), encode(member)) for key, member in value.items())
        return head(5, len(pairs)) + b"".join(key + member for key, member in pairs)
    raise TypeError(type(value).__name__)


def head(major: int, n: int, size: int | None = None) -> bytes:
    """Return a head with the shortest argument, or with one of `size` bytes."""
    if size is None:
        if n < 24:
            return bytes((major << 5 | n,))
        size = 1 if n < 0x100 else 2 if n < 0x10000 else 4 if n < 2**32 else 8
    return bytes([major << 5 | {1: 24, 2: 25, 4: 26, 8: 27}[size]]) + n.to_bytes(size, "big")


def to_text(data: bytes) -> str:
    return PREFIX + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_text(text: str) -> bytes:
    body = text.removeprefix(PREFIX)
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))


@dataclass(frozen=True)
class Parts:
    """What a token is made of; blocks are their bytes, the proof is its array."""

    header: bytes
    blocks: tuple[bytes, ...]
    sigs: tuple[bytes, ...]
    proof: tuple[Any, ...]

    @property
    def text(self) -> str:
        return to_text(encode([self.header, list(self.blocks), list(self.sigs), list(self.proof)]))

    @property
    def hashes(self) -> list[bytes]:
        out, h = [], sha256(b"attenuate/1 header\0" + self.header).digest()
        for block in self.blocks:
            h = sha256(b"attenuate/1 block\0" + h + block).digest()
            out.append(h)
        return out

    @property
    def ids(self) -> list[bytes]:
        return [h[:16] for h in self.hashes]

    @property
    def fields(self) -> list[dict[Any, Any]]:
        return [cbor2.loads(block) for block in self.blocks]

    @property
    def alg(self) -> int:
        return cbor2.loads(self.header)[1]

    def _authenticate(self, message: bytes) -> bytes:
        assert self.proof[0] == 0, "only a bearer can prove"
        if self.alg == HMAC:
            return hmac.digest(self.proof[1], message, "sha256")
        return private(self.proof[1]).sign(message)

    def add(self, block: dict[Any, Any] | bytes, seed: bytes = b"") -> Parts:
        """Add a block: a map, to which an ed25519 chain adds next_key, or bytes as they are."""
        if self.alg == ED25519 and isinstance(block, dict) and 1 not in block:
            block = {**block, 1: public_of(seed)}
        raw = block if isinstance(block, bytes) else encode(block)
        longer = replace(self, blocks=(*self.blocks, raw))
        message = b"attenuate/1 link\0" + longer.hashes[-1]
        tag = self._authenticate(message)
        if self.alg == HMAC:
            return replace(longer, proof=(0, tag))
        return replace(longer, sigs=(*self.sigs, tag), proof=(0, seed))

    def sealed(self) -> Parts:
        return replace(self, proof=(1, self._authenticate(b"attenuate/1 seal\0" + self.hashes[-1])))

    def bound(self, iat: int, nonce: bytes, binding: bytes) -> Parts:
        message = b"attenuate/1 use\0" + self.hashes[-1] + iat.to_bytes(8, "big") + nonce + binding
        return replace(self, proof=(2, iat, nonce, binding, self._authenticate(message)))


def mint(blocks: Iterable[dict[Any, Any] | bytes], alg: int, key_id: str, secret: bytes) -> Parts:
    """Return the bearer token of these blocks; the seed of block i's next key is 32 bytes of i."""
    parts = Parts(encode([1, alg, key_id]), (), (), (0, secret))
    for index, block in enumerate(blocks):
        parts = parts.add(block, bytes([0x80 + index]) * 32)
    return parts


def parse(text: str) -> Parts:
    """Take a token apart without a check."""
    header, blocks, sigs, proof = cbor2.loads(from_text(text))
    return Parts(header, tuple(blocks), tuple(sigs), tuple(proof))


@lru_cache(maxsize=256)
def private(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)


@lru_cache(maxsize=256)
def public_of(seed: bytes) -> bytes:
    return private(seed).public_key().public_bytes_raw()
