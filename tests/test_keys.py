"""Keys: one algorithm each, text forms that say what they are, and strict Ed25519."""

from __future__ import annotations

import hmac
from hashlib import sha256, sha512
from typing import Any

import build
import pytest
import wire
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from attenuate import KeyRing, ed25519
from attenuate.block import ED25519, HMAC
from attenuate.keys import Key, algorithm

HMAC_KEY, ED_KEY = build.KEYS["hmac"], build.KEYS["ed25519"]
PUBLIC = Key(ED25519, public=ED_KEY.public)
SEED = build.SECRETS["ed25519"]


def test_what_a_key_is() -> None:
    assert (HMAC_KEY.alg, ED_KEY.alg, PUBLIC.alg) == (5, -19, -19)
    assert (HMAC_KEY.can_mint, ED_KEY.can_mint, PUBLIC.can_mint) == (True, True, False)
    assert HMAC_KEY.material == HMAC_KEY.seed() == build.SECRETS["hmac"]
    assert ED_KEY.material == ED_KEY.public == wire.public_of(SEED)
    assert ED_KEY.seed() == SEED
    assert ED_KEY.key_id == ED_KEY.public.hex()
    assert [repr(key) for key in (HMAC_KEY, ED_KEY, PUBLIC)] == [
        "<Key hmac, secret>", "<Key ed25519, secret>", "<Key ed25519, public>",
    ]  # fmt: skip


def test_rfc_8032_test_1() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    assert (
        Key(ED25519, secret=seed).key_id == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: Key(HMAC, secret=b"k" * 31), lambda: Key(HMAC, secret=b"k" * 33), lambda: Key(HMAC), lambda: Key(HMAC, public=b"k" * 32),
        lambda: Key(HMAC, secret=b"k" * 32, public=b"k" * 32), lambda: Key(ED25519, public=b""), lambda: Key(-8, secret=b"k" * 32),
        lambda: Key(ED25519, secret=SEED, public=b"k" * 32), lambda: Key(HMAC, secret="k" * 32), lambda: Key(True, secret=b"k" * 32),
        lambda: Key.generate("rsa"), lambda: Key.generate(None), lambda: algorithm(["hmac"]),
    ],
)  # fmt: skip
def test_what_is_no_key(make: Any) -> None:
    with pytest.raises(ValueError, match=r"key|algorithm"):
        make()


def test_a_pair_that_fits_is_taken() -> None:
    assert Key(ED25519, secret=SEED, public=ED_KEY.public) == ED_KEY


@pytest.mark.parametrize(
    "ask", [HMAC_KEY.public_text, PUBLIC.secret_text, PUBLIC.seed, lambda: HMAC_KEY.public, lambda: HMAC_KEY.key_id,
            lambda: ED_KEY.for_audience("a")]
)  # fmt: skip
def test_what_a_key_has_not_is_refused(ask: Any) -> None:
    with pytest.raises(ValueError, match="key"):
        ask()


# --- text -------------------------------------------------------------------------------------------
TEXTS = {
    "attenuate_hmac_secret_": HMAC_KEY.secret_text(),
    "attenuate_ed25519_secret_": ED_KEY.secret_text(),
    "attenuate_ed25519_public_": ED_KEY.public_text(),
}


@pytest.mark.parametrize("prefix", TEXTS)
def test_a_text_begins_with_what_it_is_and_is_read_back(prefix: str) -> None:
    text = TEXTS[prefix]
    assert text.startswith(prefix)
    key = Key.from_text(text)
    assert (
        key == {"h": HMAC_KEY, "s": ED_KEY, "p": PUBLIC}["h" if "hmac" in prefix else prefix.split("_")[2][0]]
    )
    assert (key.public_text() if "public" in prefix else key.secret_text()) == text


@pytest.mark.parametrize("prefix", TEXTS)
@pytest.mark.parametrize(
    "bend",
    [
        lambda text: text[:-1], lambda text: text + "A", lambda text: text + "=", lambda text: f" {text}", lambda text: f"{text}\n",
        lambda text: text.upper(), lambda text: text.replace("attenuate", "lease1"), lambda text: text[:-1] + "B",
        lambda text: text[:24], lambda text: text.encode(), lambda text: None, lambda text: text.replace("hmac", "rsa").replace("ed25519", "rsa"),
    ],
)  # fmt: skip
def test_another_text_is_refused_and_not_repeated(prefix: str, bend: Any) -> None:
    body = TEXTS[prefix].removeprefix(prefix)
    with pytest.raises(ValueError, match="key") as caught:
        Key.from_text(bend(TEXTS[prefix]))
    assert body[:20] not in str(caught.value)


def test_a_secret_of_one_algorithm_is_no_key_of_another() -> None:
    as_hmac = Key.from_text(TEXTS["attenuate_ed25519_secret_"].replace("ed25519", "hmac"))
    assert as_hmac != ED_KEY
    assert as_hmac.fingerprint != ED_KEY.fingerprint
    assert Key(HMAC, secret=ED_KEY.public).fingerprint != ED_KEY.fingerprint


def test_keys_are_equal_by_what_they_can_do() -> None:
    assert PUBLIC != ED_KEY
    assert Key(ED25519, public=ED_KEY.public) == PUBLIC
    assert hash(PUBLIC) == hash(ED_KEY)
    assert len({HMAC_KEY, Key(HMAC, secret=HMAC_KEY.seed()), ED_KEY, PUBLIC}) == 3
    assert HMAC_KEY.seed() != HMAC_KEY


def test_generated_keys_differ() -> None:
    assert len({Key.generate(alg) for alg in ("hmac", "ed25519") for _ in range(5)}) == 10


def test_an_audience_key_is_derived_as_specified() -> None:
    want = hmac.digest(build.SECRETS["hmac"], b"attenuate/1 audience\0" + "gïthub".encode(), "sha256")
    assert HMAC_KEY.for_audience("gïthub") == Key(HMAC, secret=want)


# --- strict Ed25519 -----------------------------------------------------------------------------------
#   The equation is S·B = R + k·A with k = H(R, A, M). Where A or R has small order, somebody without
#   a key can solve it; OpenSSL by itself takes such a signature, which is the control.
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


def test_fingerprints_do_not_give_the_secret_away() -> None:
    assert HMAC_KEY.fingerprint == sha256(b"attenuate/1 key\0\x05" + HMAC_KEY.seed()).digest()
    assert len({HMAC_KEY.fingerprint, ED_KEY.fingerprint, HMAC_KEY.seed(), ED_KEY.public}) == 4
