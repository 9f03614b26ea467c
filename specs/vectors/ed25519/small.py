"""Make small.json: Ed25519 edge cases by our own arithmetic, each with the strict answer.

python specs/vectors/ed25519/small.py            writes it
python specs/vectors/ed25519/small.py --check    exits with 1 where it differs

Wherever arithmetic allows it a case is one that a verifier without the rule in question takes.
Everything is fixed, so the same file comes out each time.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from hashlib import sha512
from pathlib import Path
from typing import Final, TypeAlias

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import edwards  # noqa: E402  (it lies beside the folder, and neither is a package)
from edwards import BASE, NEUTRAL, TORSION, L, P, Point, add, encode, hash_to_scalar, times  # noqa: E402

Case: TypeAlias = dict[str, str | bool]
SIGN: Final = 1 << 255
SMALL: Final = tuple(times(n, TORSION) for n in range(8))
"""The points of small order: each multiple of the one of order 8."""


def seed(name: str) -> bytes:
    """Return 32 bytes that a name stands for."""
    return sha512(b"attenuate ed25519 " + name.encode()).digest()[:32]


SEED: Final = seed("key")
SCALAR: Final = edwards.expand(SEED)[0]
PUBLIC: Final = edwards.public_of(SEED)
NONCE: Final = hash_to_scalar(seed("nonce"))
HONEST_R: Final = times(NONCE, BASE)


def case(name: str, public: bytes, signature: bytes, message: bytes, valid: bool, why: str) -> Case:
    """Return one case as JSON data."""
    return {
        "name": name,
        "public": public.hex(),
        "signature": signature.hex(),
        "message": message.hex(),
        "valid": valid,
        "why": why,
    }


def number(n: int) -> bytes:
    """Return a number in 32 bytes."""
    return n.to_bytes(32, "little")


def digest(big_r: bytes, public: bytes, message: bytes) -> int:
    """Return SHA-512 of R, A and the message as a number of 512 bits; k is this modulo L."""
    return int.from_bytes(sha512(big_r + public + message).digest(), "little")


def search(big_r: bytes, public: bytes, good: Callable[[int], bool]) -> tuple[bytes, int]:
    """Return the first message whose 512-bit number fits, and its k."""
    for n in range(9999):
        message = b"message %d" % n
        if good(whole := digest(big_r, public, message)):
            return message, whole % L
    raise AssertionError


def small_encodings() -> Iterator[tuple[str, bytes, Point]]:
    """Yield the 14 ways to write the 8 points of small order: y or y + P, and a sign on an x of 0."""
    for n, (x, y) in enumerate(SMALL):
        order = 8 // (n & -n) if n else 1
        for spelled in range(y, 1 << 255, P):
            for sign in (0, 1) if x == 0 else (x & 1,):
                ways = ["y above p"] * (spelled >= P) + ["a sign on x = 0"] * (x == 0 and sign)
                label = f"order {order}, multiple {n}, {' and '.join(ways) or 'canonical'}"
                yield label, number(spelled | sign * SIGN), (x, y)


def honest() -> Iterator[Case]:
    """Yield honest signatures, and each again with one bit flipped."""
    for name, message in (
        ("empty", b""),
        ("link", b"attenuate/1 link\0" + sha512(b"h").digest()[:32]),
        ("long", bytes(range(200))),
    ):
        signature = edwards.sign(SEED, message)
        yield case(f"honest, {name} message", PUBLIC, signature, message, True, "RFC 8032 as it stands")
        for place in range(64):
            what = f"bit {place % 8} of byte {place} of the signature is flipped"
            yield case(f"{name}, {what}", PUBLIC, flip(signature, place), message, False, what)
    for place in range(32):
        what = f"bit {place % 8} of byte {place} of the public key is flipped"
        yield case(f"long, {what}", flip(PUBLIC, place), signature, message, False, what)
    for place in (0, 7, 199):
        what = f"bit {place % 8} of byte {place} of the message is flipped"
        yield case(f"long, {what}", PUBLIC, signature, flip(message, place), False, what)


def flip(data: bytes, place: int) -> bytes:
    """Return data with one bit of one byte flipped."""
    return data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]


def lengths() -> Iterator[Case]:
    """Yield honest signatures that have too few or too many bytes."""
    message = b"lengths"
    whole = edwards.sign(SEED, message)
    for signature in (b"", whole[:32], whole[:63], whole + b"\0", whole + whole):
        why = "a signature is 64 bytes"
        yield case(f"signature of {len(signature)} bytes", PUBLIC, signature, message, False, why)
    for public in (b"", PUBLIC[:31], PUBLIC + b"\0"):
        why = "a public key is 32 bytes"
        yield case(f"public key of {len(public)} bytes", public, whole, message, False, why)


def scalars() -> Iterator[Case]:
    """Yield the second spellings of s: the equation holds for s + nL, and for s where bits are masked."""
    for m in range(2):
        message = b"scalars %d" % m
        signature = edwards.sign(SEED, message)
        s = int.from_bytes(signature[32:], "little")
        for n in (1, 2, 4, 8, 14):
            bent = signature[:32] + number(s + n * L)
            why = "the equation holds, and s is not below L"
            yield case(f"s + {n}L, {m}", PUBLIC, bent, message, False, why)
        for bit in (253, 254, 255):
            bent = signature[:32] + number(s | 1 << bit)
            why = f"s with bit {bit} set is not below L; it is honest where that bit is not read"
            yield case(f"s with bit {bit}, {m}", PUBLIC, bent, message, False, why)
    big_r = encode(HONEST_R)
    for n, label in ((0, "0"), (L - 1, "L - 1"), (L, "L"), (2**256 - 1, "2^256 - 1")):
        why = "the equation does not hold" if n < L else "s is not below L, nor does the equation hold"
        yield case(f"s = {label}", PUBLIC, big_r + number(n), b"scalars", False, why)


def small() -> Iterator[Case]:
    """Yield each point of small order in each spelling as A, as R and as both."""
    mixed = encode(add(times(SCALAR, BASE), TORSION))
    for label, spelled, point in small_encodings():
        why = "A has small order; s B = R + k A holds, made without a secret"
        big_r = encode(HONEST_R)
        message, _ = search(big_r, spelled, lambda n, p=point: times(n % L, p) == NEUTRAL)  # type: ignore[misc]
        yield case(f"A of {label}", spelled, big_r + number(NONCE), message, False, why)

        holds = "s B = R + k A holds" if point == NEUTRAL else "8 s B = 8 R + 8 k A holds"
        message = b"small R"
        s = hash_to_scalar(spelled, PUBLIC, message) * SCALAR % L
        why = f"R has small order; {holds}"
        yield case(f"R of {label}", PUBLIC, spelled + number(s), message, False, why)

        def cancels(n: int, by: Point = TORSION, point: Point = point) -> bool:
            return add(point, times(n % L, by)) == NEUTRAL

        message, k = search(spelled, mixed, cancels)
        why = "R has small order; s B = R + k A holds for this A, which has a part of order 8"
        signature = spelled + number(k * SCALAR % L)
        yield case(f"R of {label}, A mixed", mixed, signature, message, False, why)

        message, _ = search(spelled, spelled, lambda n, p=point: add(p, times(n % L, p)) == NEUTRAL)  # type: ignore[misc]
        why = "A and R have small order; s B = R + k A holds with s = 0"
        yield case(f"A and R of {label}", spelled, spelled + bytes(32), message, False, why)


def spellings() -> Iterator[Case]:
    """Yield y in [P, 2^255) with a point of large order, and y that no point has, as A and as R."""
    big_r = encode(HONEST_R)
    message = b"spellings"
    for y in (*range(2, 19), *range(P + 2, 1 << 255)):
        try:
            edwards.point(y % P, 0)
            on = True
        except ValueError:
            on = False
        if on and y < P:
            continue
        why = "no point has this y"
        if on:
            why = "y is not below p (nobody knows this point's secret, so no equation can be made to hold)"
        for sign in (0, 1):
            spelled = number(y | sign * SIGN)
            where = f"y = p + {y - P}" if y >= P else f"y = {y}"
            label = f"{where}, sign {sign}, {'on' if on else 'off'} the curve"
            yield case(f"A of {label}", spelled, big_r + number(NONCE), message, False, why)
            s = hash_to_scalar(spelled, PUBLIC, message) * SCALAR % L
            yield case(f"R of {label}", PUBLIC, spelled + number(s), message, False, why)


def mixed() -> Iterator[Case]:
    """Yield A and R that have a part of small order beside their other part."""
    plain = times(SCALAR, BASE)
    for n in range(1, 8):
        label = f"{n} times the point of order 8"
        public, big_r = encode(add(plain, SMALL[n])), encode(HONEST_R)

        def made(big_r: bytes, public: bytes, good: Callable[[int], bool]) -> tuple[bytes, bytes]:
            message, k = search(big_r, public, good)
            return big_r + number((NONCE + k * SCALAR) % L), message

        def left(k: int, of: Point, by: Point) -> Point:
            return add(of, times(k % L, by))

        def only(k: int, n: int = n) -> bool:
            return left(k, NEUTRAL, SMALL[n]) != NEUTRAL

        def both(k: int, n: int = n) -> bool:
            return left(k, NEUTRAL, SMALL[n]) == NEUTRAL

        def meets(k: int, n: int = n) -> bool:
            return left(k, TORSION, SMALL[n]) == NEUTRAL

        yield case(
            f"A with {label}, cofactored", public, *made(big_r, public, only), False,
            "8 s B = 8 R + 8 k A holds, s B = R + k A does not",
        )  # fmt: skip
        yield case(
            f"A with {label}, cofactorless", public, *made(big_r, public, both), True,
            "s B = R + k A holds, and A is not of small order",
        )  # fmt: skip
        if n % 2:
            bent = encode(add(HONEST_R, TORSION))
            yield case(
                f"A with {label} and R with 1, cofactorless", public, *made(bent, public, meets), True,
                "s B = R + k A holds, and neither A nor R is of small order",
            )  # fmt: skip
        bent = encode(add(HONEST_R, SMALL[n]))
        yield case(
            f"R with {label}, cofactored", PUBLIC, *made(bent, PUBLIC, bool), False,
            "8 s B = 8 R + 8 k A holds, s B = R + k A does not",
        )  # fmt: skip
    public, big_r = encode(add(plain, TORSION)), encode(HONEST_R)
    yield case(
        "A with a part of order 8, k reduced", public,
        *made(big_r, public, lambda n: n % L % 8 == 0 and n % 8 != 0), True,
        "s B = R + k A holds for k modulo L, and does not for k as 512 bits",
    )  # fmt: skip
    yield case(
        "A with a part of order 8, k not reduced", public,
        *made(big_r, public, lambda n: n % L % 8 != 0 and n % 8 == 0), False,
        "s B = R + k A holds for k as 512 bits, and does not for k modulo L",
    )  # fmt: skip


def text(cases: list[Case]) -> str:
    """Return the file: one case a line."""
    return "[\n" + ",\n".join(json.dumps(one) for one in cases) + "\n]\n"


def make() -> str:
    """Return the content of small.json."""
    cases = [one for part in (honest, lengths, scalars, small, spellings, mixed) for one in part()]
    assert len({one["name"] for one in cases}) == len(cases)
    return text(cases)


def main(arguments: list[str]) -> int:
    """Write or check; return the exit code."""
    path, content = HERE / "small.json", make()
    if arguments == ["--check"]:
        return int(not path.exists() or path.read_text(encoding="utf-8") != content)
    path.write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
