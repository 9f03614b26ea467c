"""Strict Ed25519: one verdict on every input, and no key or R of small order.

The equation is S·B = R + k·A with k = H(R, A, M). Where A or R has small order, somebody without a
key can solve it; OpenSSL by itself takes such a signature, which is the control.
"""

from __future__ import annotations

from hashlib import sha512
from typing import Any

import build
import pytest
import wire
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from attenuate import KeyRing, ed25519
from attenuate.block import ED25519
from attenuate.keys import Key

ED_KEY = build.KEYS["ed25519"]
PUBLIC = Key(ED25519, public=ED_KEY.public)
SEED = build.SECRETS["ed25519"]
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
SCALAR = int.from_bytes(sha512(SEED).digest()[:32], "little") & ((1 << 254) - 8) | (1 << 254)
IDENTITY = (1).to_bytes(32, "little")
MESSAGE = b"attenuate/1 link\0" + bytes(32)


def lax(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except Exception:
        return False
    return True


def small_order_r() -> bytes:
    """Return a signature with R = 0 by ED_KEY, who alone can make it."""
    k = int.from_bytes(sha512(IDENTITY + ED_KEY.public + MESSAGE).digest(), "little")
    return IDENTITY + (k * SCALAR % L).to_bytes(32, "little")


def test_a_signature_is_taken() -> None:
    signature = ed25519.sign(SEED, MESSAGE)
    assert ed25519.verify(ED_KEY.public, signature, MESSAGE)
    assert not ed25519.verify(ED_KEY.public, signature, MESSAGE + b"!")
    assert not ed25519.verify(wire.public_of(b"x" * 32), signature, MESSAGE)
    for place in range(64):
        bent = bytearray(signature)
        bent[place] ^= 1
        assert not ed25519.verify(ED_KEY.public, bytes(bent), MESSAGE)


@pytest.mark.parametrize(
    ("public", "signature"),
    [
        (IDENTITY, ED_KEY.public + (SCALAR % L).to_bytes(32, "little")),
        ((P + 1).to_bytes(32, "little"), ED_KEY.public + (SCALAR % L).to_bytes(32, "little")),
        (ED_KEY.public, small_order_r()),
    ],
    ids=["a key of small order", "a key that is not canonical", "an R of small order"],
)
def test_a_point_of_small_order_is_refused(public: bytes, signature: bytes) -> None:
    assert lax(public, signature, MESSAGE)
    assert not ed25519.verify(public, signature, MESSAGE)


def test_a_second_spelling_of_s_is_refused() -> None:
    signature = ed25519.sign(SEED, MESSAGE)
    s = int.from_bytes(signature[32:], "little")
    assert s < L
    assert not ed25519.verify(ED_KEY.public, signature[:32] + (s + L).to_bytes(32, "little"), MESSAGE)


D = -121665 * pow(121666, -1, P) % P


def add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    (x1, y1), (x2, y2), t = a, b, D * a[0] * b[0] * a[1] * b[1] % P
    return (x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P


def points_of_small_order() -> list[bytes]:
    """Work the eight out, to share no constant with the code: L times any point is one of them."""
    out = {(0, 1)}
    for y in range(2, 60):
        square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
        x = pow(square, (P + 3) // 8, P)
        x = x if (x * x - square) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
        if (x * x - square) % P == 0:
            point, total = (x, y), (0, 1)
            for bit in bin(L)[:1:-1]:
                total = add(total, point) if bit == "1" else total
                point = add(point, point)
            out |= {total, (P - total[0], total[1]) if total[0] else total}
    return sorted((y | (x & 1) << 255).to_bytes(32, "little") for x, y in out)


SMALL = points_of_small_order()
ORDER_8 = (0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7).to_bytes(32, "little")


def test_there_are_eight_points_of_small_order() -> None:
    assert len(SMALL) == 8
    assert IDENTITY in SMALL
    assert ORDER_8 in SMALL


@pytest.mark.parametrize("public", SMALL, ids=lambda public: public.hex()[:4] + public.hex()[-4:])
def test_no_key_of_small_order_makes_a_token(engine: Any, public: bytes) -> None:
    """Under such a key R = S·B - k·A is S·B for one message in eight or more: try a few."""
    ring = KeyRing({"e1": Key(ED25519, public=public)})
    signature = ED_KEY.public + (SCALAR % L).to_bytes(32, "little")
    forged = taken = 0
    for n in range(60):
        block = {**build.root(b0=b"%016d" % n), 1: wire.public_of(b"s" * 32)}
        parts = wire.Parts(wire.encode([1, -19, "e1"]), (wire.encode(block),), (signature,), (0, b"s" * 32))
        forged += lax(public, signature, b"attenuate/1 link\0" + parts.hashes[-1])
        taken += build.verdict(engine, parts, ring=ring) == build.OK
    assert forged > 0, "the control: a lax verifier takes some"
    assert taken == 0


@pytest.mark.parametrize("y", [P, P + 1, P + 3, 2**255 - 1])
@pytest.mark.parametrize("sign", [0, 1])
def test_no_second_spelling_of_a_key_is_taken(y: int, sign: int) -> None:
    public = (y | sign << 255).to_bytes(32, "little")
    signature = ED_KEY.public + (SCALAR % L).to_bytes(32, "little")
    assert not any(ed25519.verify(public, signature, b"%d" % n) for n in range(40))


def test_a_ring_with_a_sound_key_takes_the_same_token(engine: Any) -> None:
    made = build.raw(build.root(), alg="ed25519")
    ring = KeyRing({"e1": PUBLIC})
    assert build.verdict(engine, made, ring=ring) == build.OK
