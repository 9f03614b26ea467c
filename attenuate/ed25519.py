"""Ed25519 by pyca/cryptography, with the strict rules of specs/token.md around it.

OpenSSL checks s < L, compares R by its bytes (so R is canonical) and does not multiply by the
cofactor. It takes small-order and non-canonical public keys and small-order R; those are refused
here, so that every engine gives one verdict on every input (RFC 8032 section 5.1.7; Chalkias,
Garillot, Nikolaenko: Taming the many EdDSAs).
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_P: Final = 2**255 - 19
# The y coordinates of the eight points of small order; with either sign bit no such point is taken.
_SMALL: Final = frozenset(
    (
        0,
        1,
        _P - 1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    )
)


def _sound(point: bytes) -> bool:
    """Say whether an encoded point is canonical in y and not of small order."""
    y = int.from_bytes(point, "little") & (2**255 - 1)
    return y < _P and y not in _SMALL


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Say whether a signature (64 bytes) by a public key (32 bytes) is strictly valid."""
    if not (_sound(public) and _sound(signature[:32])):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def sign(seed: bytes, message: bytes) -> bytes:
    """Return the signature (64 bytes) by the key of a seed (32 bytes)."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def public_of(seed: bytes) -> bytes:
    """Return the public key (32 bytes) of a seed (32 bytes)."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
