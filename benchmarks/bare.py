"""Nothing but the primitives, by the same library: what a chain can cost at the least."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from os import urandom

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def verifications(count: int) -> Callable[[], None]:
    """Return `count` Ed25519 verifications by OpenSSL: loaded keys, all distinct, over 49 bytes as in a link."""
    signed = []
    for _ in range(count):
        key, message = Ed25519PrivateKey.generate(), urandom(49)
        signed.append((key.public_key(), key.sign(message), message))

    def do() -> None:
        for public, signature, message in signed:
            public.verify(signature, message)

    do()
    return do


def native_verifications(count: int) -> Callable[[], None]:
    """Return `count` Ed25519 verifications by the kernel's library: keys as 32 bytes, as they are in a chain."""
    from attenuate_kernel import ed25519_verify

    signed = []
    for _ in range(count):
        key, message = Ed25519PrivateKey.generate(), urandom(49)
        signed.append((key.public_key().public_bytes_raw(), key.sign(message), message))
    assert all(ed25519_verify(*each) for each in signed)

    def do() -> None:
        for public, signature, message in signed:
            ed25519_verify(public, signature, message)

    return do


def hmacs(count: int) -> Callable[[], None]:
    """Return `count` HMAC-SHA256, one after the other, over 49 bytes as in a link."""
    key, message = urandom(32), urandom(49)

    def do() -> None:
        secret = key
        for _ in range(count):
            secret = hmac.digest(secret, message, "sha256")

    return do


def nothing(text: str) -> None:
    """Do nothing, as a call of the work in ours.py: what the harness adds to each figure."""
