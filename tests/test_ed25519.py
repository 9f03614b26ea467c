"""Strict Ed25519: one verdict on every input, and no key or R of small order.

The equation is s B = R + k A with k = SHA-512(R, A, M) modulo L. specs/vectors/ed25519/ holds the cases
as data; each runs over every implementation there is. So that they say something, they also run over
verifiers that lack one rule each, and over OpenSSL by itself: those must get some of them wrong.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha512
from typing import Any

import build
import pytest
import vectors
import wire
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from attenuate import KeyRing, ed25519
from attenuate.block import ED25519
from attenuate.keys import Key

FOLDER = vectors.SPECS / "vectors" / "ed25519"
with pytest.MonkeyPatch.context() as patch:
    patch.setattr(sys, "path", [str(FOLDER), str(FOLDER.parent), *sys.path])
    edwards: Any = importlib.import_module("edwards")
    small: Any = importlib.import_module("small")

P, L = edwards.P, edwards.L
ED_KEY = build.KEYS["ed25519"]
PUBLIC = Key(ED25519, public=ED_KEY.public)
SEED = build.SECRETS["ed25519"]
MESSAGE = b"attenuate/1 link\0" + bytes(32)


@dataclass(frozen=True)
class Case:
    """One line of a file."""

    name: str
    public: bytes
    signature: bytes
    message: bytes
    valid: bool
    why: str


def load(file: str) -> list[Case]:
    out = []
    for line in json.loads((FOLDER / file).read_text(encoding="utf-8")):
        blobs = {name: bytes.fromhex(line[name]) for name in ("public", "signature", "message")}
        out.append(Case(**{**line, **blobs}))
    return out


COUNTS = {"speccheck.json": (12, 1), "wycheproof.json": (151, 88), "small.json": (437, 15)}
"""Of each file: how many cases, and how many of them are valid."""
FILES = {file: load(file) for file in COUNTS}

Verify = Callable[[bytes, bytes, bytes], bool]
STRICT: dict[str, Verify] = {"python": ed25519.verify}
with suppress(ImportError):
    kernel: Any = importlib.import_module("attenuate_kernel")

    def native(public: bytes, signature: bytes, message: bytes) -> bool:
        """Verify natively; bytes of another length may be refused by an exception, and nothing else may."""
        try:
            return bool(kernel.ed25519_verify(public, signature, message))
        except ValueError:
            assert (len(public), len(signature)) != (32, 64)
            return False

    STRICT["native"] = native
each_strict = pytest.mark.parametrize("verify", STRICT.values(), ids=STRICT)


def wrong(verify: Verify, cases: list[Case]) -> list[str]:
    """Return the names of the cases that a verifier gets wrong."""
    return [
        case.name for case in cases if verify(case.public, case.signature, case.message) is not case.valid
    ]


# --- the data ---------------------------------------------------------------------------------------
@each_strict
@pytest.mark.parametrize("file", FILES)
def test_each_case_has_the_strict_answer(verify: Verify, file: str) -> None:
    assert wrong(verify, FILES[file]) == []


@pytest.mark.parametrize("file", FILES)
def test_each_file_is_whole(file: str) -> None:
    """A file that lost its cases would pass everything else."""
    cases = FILES[file]
    assert (len(cases), sum(case.valid for case in cases)) == COUNTS[file]
    assert len({case.name for case in cases}) == len(cases)
    assert all(case.why for case in cases)
    assert (FOLDER / file).read_text(encoding="utf-8").count("\n") == len(cases) + 2


def test_small_is_as_made() -> None:
    assert (FOLDER / "small.json").read_text(encoding="utf-8") == small.make()


def test_small_has_every_spelling_of_every_point_of_small_order() -> None:
    """Eight points; y = 0 and y = 1 have a second y, and x = 0 has a second sign: 14."""
    encodings = {spelled for _, spelled, _ in small.small_encodings()}
    assert len(encodings) == 14
    assert {edwards.encode(edwards.times(n, edwards.TORSION)) for n in range(8)} < encodings
    assert encodings < {case.public for case in FILES["small.json"]}
    assert encodings < {case.signature[:32] for case in FILES["small.json"]}


# --- controls: a verifier that lacks a rule gets some of it wrong ----------------------------------------
def openssl(public: bytes, signature: bytes, message: bytes) -> bool:
    """Verify by what is inside attenuate.ed25519, without the checks around it."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except Exception:
        return False
    return True


@cache
def point(data: bytes) -> tuple[int, int] | None:
    """Return the point of 32 bytes, canonical or not; None where there is none."""
    n = int.from_bytes(data, "little")
    try:
        x, y = edwards.point((n & 2**255 - 1) % P, n >> 255)
    except ValueError:
        return None
    return x % P, y


@cache
def rest(public: bytes, big_r: bytes, s: int, k: int) -> Any:
    """Return s B - R - k A, which is neutral where the equation holds."""
    out = edwards.times(s, edwards.BASE)
    for n, of in ((1, point(big_r)), (k, point(public))):
        assert of is not None
        out = edwards.add(out, edwards.times(n, (P - of[0], of[1])))
    return out


def is_small(data: bytes) -> bool:
    return bool(edwards.times(8, point(data)) == edwards.NEUTRAL)


def is_listed(data: bytes) -> bool:
    """Say whether these are the canonical bytes of a point of small order."""
    return data in {edwards.encode(edwards.times(n, edwards.TORSION)) for n in range(8)}


def is_canonical(data: bytes) -> bool:
    return bool(edwards.encode(point(data)) == data)


@dataclass(frozen=True)
class Model:
    """A verifier in plain integers, with every rule apart; without arguments it is strict."""

    s_below: int = L
    s_bits: int = 256
    small_a: Callable[[bytes], bool] = is_small
    small_r: Callable[[bytes], bool] = is_small
    canonical: Callable[[bytes], bool] = is_canonical
    cofactor: int = 1
    modulus: int = L
    pure_a: bool = False

    def __call__(self, public: bytes, signature: bytes, message: bytes) -> bool:
        big_r, s = signature[:32], int.from_bytes(signature[32:], "little") % 2**self.s_bits
        if (len(public), len(signature)) != (32, 64) or point(public) is None or point(big_r) is None:
            return False
        if self.small_a(public) or self.small_r(big_r) or s >= self.s_below:
            return False
        if not (self.canonical(public) and self.canonical(big_r)):
            return False
        if self.pure_a and edwards.times(L, point(public)) != edwards.NEUTRAL:
            return False
        k = int.from_bytes(sha512(big_r + public + message).digest(), "little") % self.modulus
        return bool(edwards.times(self.cofactor, rest(public, big_r, s, k)) == edwards.NEUTRAL)


def never(data: bytes) -> bool:
    return False


def always(data: bytes) -> bool:
    return True


LAX: dict[str, tuple[Verify, str]] = {
    "OpenSSL by itself": (openssl, "A of order 8, multiple 1, canonical"),
    "any s": (Model(s_below=2**256), "s + 14L, 0"),
    "s below 2^253": (Model(s_below=2**253), "s + 1L, 0"),
    "the top bit of s not read": (Model(s_bits=255), "s with bit 255, 0"),
    "s of 253 bits": (Model(s_bits=253), "s with bit 254, 1"),
    "A of small order": (Model(small_a=never), "A of order 4, multiple 2, canonical"),
    "R of small order": (Model(small_r=never), "R of order 2, multiple 4, canonical, A mixed"),
    "small order told by canonical bytes, A": (
        Model(small_a=is_listed, canonical=always),
        "A of order 1, multiple 0, y above p and a sign on x = 0",
    ),
    "small order told by canonical bytes, R": (
        Model(small_r=is_listed, canonical=always),
        "R of order 4, multiple 2, y above p, A mixed",
    ),
    "with the cofactor": (Model(cofactor=8), "A with 4 times the point of order 8, cofactored"),
    "k of 512 bits": (Model(modulus=8 * L), "A with a part of order 8, k not reduced"),
    "ZIP 215": (
        Model(small_a=never, small_r=never, canonical=always, cofactor=8),
        "A and R of order 2, multiple 4, a sign on x = 0",
    ),
    "too strict: A of prime order only": (
        Model(pure_a=True),
        "A with 1 times the point of order 8 and R with 1, cofactorless",
    ),
}
"""Verifiers that are not the strict one, each with a case of small.json that it gets wrong."""


@pytest.mark.parametrize("file", FILES)
def test_a_second_implementation_gives_the_same_answers(file: str) -> None:
    assert wrong(Model(), FILES[file]) == []


@pytest.mark.parametrize(("verify", "name"), LAX.values(), ids=LAX)
def test_a_verifier_without_a_rule_is_told_from_a_strict_one(verify: Verify, name: str) -> None:
    assert name in wrong(verify, FILES["small.json"])


@pytest.mark.parametrize("file", FILES)
def test_each_file_tells_a_verifier_that_takes_any_s(file: str) -> None:
    assert wrong(Model(s_below=2**256), FILES[file])


@pytest.mark.parametrize(
    ("verify", "taken"),
    [
        (openssl, {0, 1, 2, 3, 11}),
        (Model(cofactor=8, small_a=never, small_r=never), {*range(6)}),
        (Model(), {3}),
    ],
    ids=["OpenSSL", "with the cofactor", "strict"],
)
def test_speccheck_tells_verifiers_apart_as_its_authors_say(verify: Verify, taken: set[int]) -> None:
    """The authors' results for pyca, and the conditions under which each case is said to hold."""
    cases = enumerate(FILES["speccheck.json"])
    assert {n for n, case in cases if verify(case.public, case.signature, case.message)} == taken


# --- every bit ----------------------------------------------------------------------------------------
@each_strict
def test_a_signature_is_taken_and_no_bit_of_it_may_change(verify: Verify) -> None:
    """All 512 bits of the signature and all 256 of the key."""
    signature = ed25519.sign(SEED, MESSAGE)
    assert verify(ED_KEY.public, signature, MESSAGE)
    assert not verify(ED_KEY.public, signature, MESSAGE + b"!")
    assert not verify(wire.public_of(b"x" * 32), signature, MESSAGE)
    whole = signature + ED_KEY.public
    for bit in range(8 * len(whole)):
        bent = bytearray(whole)
        bent[bit // 8] ^= 1 << bit % 8
        assert not verify(bytes(bent[64:]), bytes(bent[:64]), MESSAGE), bit


# --- in a token ---------------------------------------------------------------------------------------
SMALL = [edwards.encode(edwards.times(n, edwards.TORSION)) for n in range(8)]


@pytest.mark.parametrize("public", SMALL, ids=lambda public: public.hex()[:4] + public.hex()[-4:])
def test_no_key_of_small_order_makes_a_token(engine: Any, public: bytes) -> None:
    """Under such a key R = s B - k A is s B for one message in eight or more: try a few."""
    ring = KeyRing({"e1": Key(ED25519, public=public)})
    scalar, _ = edwards.expand(SEED)
    signature = ED_KEY.public + (scalar % L).to_bytes(32, "little")
    forged = taken = 0
    for n in range(60):
        block = {**build.root(b0=b"%016d" % n), 1: wire.public_of(b"s" * 32)}
        parts = wire.Parts(wire.encode([1, -19, "e1"]), (wire.encode(block),), (signature,), (0, b"s" * 32))
        forged += openssl(public, signature, b"attenuate/1 link\0" + parts.hashes[-1])
        taken += build.verdict(engine, parts, ring=ring) == build.OK
    assert forged > 0, "the control: a lax verifier takes some"
    assert taken == 0


def test_a_ring_with_a_sound_key_takes_the_same_token(engine: Any) -> None:
    made = build.raw(build.root(), alg="ed25519")
    ring = KeyRing({"e1": PUBLIC})
    assert build.verdict(engine, made, ring=ring) == build.OK
