"""Ed25519 in plain integers (RFC 8032), with the parts that a library hides.

It is slow and not constant time, which is right for making test vectors and for nothing else. It
gives the odd points and signatures that a strict verifier must refuse.
"""

from __future__ import annotations

from hashlib import sha512
from typing import Final, TypeAlias

P: Final = 2**255 - 19
L: Final = 2**252 + 27742317777372353535851937790883648493
D: Final = -121665 * pow(121666, -1, P) % P
_ROOT: Final = pow(2, (P - 1) // 4, P)

Point: TypeAlias = tuple[int, int]
NEUTRAL: Final[Point] = (0, 1)


def add(a: Point, b: Point) -> Point:
    """Return the sum of two points."""
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + k, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - k, -1, P)
    return x % P, y % P


def times(n: int, a: Point) -> Point:
    """Return n times a point."""
    # Projective with x*y in a fourth number, so that only the last step divides (RFC 8032, 5.1.4).
    out, more = (0, 1, 1, 0), (a[0], a[1], 1, a[0] * a[1] % P)
    while n:
        if n & 1:
            out = _sum(out, more)
        more = _sum(more, more)
        n >>= 1
    inverse = pow(out[2], -1, P)
    return out[0] * inverse % P, out[1] * inverse % P


def _sum(p: tuple[int, int, int, int], q: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def encode(a: Point) -> bytes:
    """Return the 32 bytes of a point: y, and the lowest bit of x."""
    return (a[1] | (a[0] & 1) << 255).to_bytes(32, "little")


def point(y: int, odd: int) -> Point:
    """Return the point with this y and this lowest bit of x; raises ValueError where there is none."""
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    square = u * pow(v, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * _ROOT % P
    if x * x % P != square:
        raise ValueError("no point has this y")
    return (x if x & 1 == odd else P - x), y


BASE: Final = point(4 * pow(5, -1, P) % P, 0)


def _torsion() -> Point:
    """Return a point of order 8: L times a point outside the prime-order group."""
    y = 2
    while True:
        try:
            found = times(L, point(y, 0))
        except ValueError:
            found = NEUTRAL
        if times(4, found) != NEUTRAL:
            return found
        y += 1


TORSION: Final = _torsion()
"""A point of order 8: its multiples are the eight points of small order."""


def expand(seed: bytes) -> tuple[int, bytes]:
    """Return the secret scalar of a seed, and the prefix that makes its nonces."""
    digest = sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | (1 << 254)
    return scalar, digest[32:]


def public_of(seed: bytes) -> bytes:
    """Return the public key of a seed."""
    return encode(times(expand(seed)[0], BASE))


def hash_to_scalar(*parts: bytes) -> int:
    """Return SHA-512 of the parts as a number below L."""
    return int.from_bytes(sha512(b"".join(parts)).digest(), "little") % L


def sign(seed: bytes, message: bytes) -> bytes:
    """Return the signature of RFC 8032."""
    scalar, prefix = expand(seed)
    r = hash_to_scalar(prefix, message)
    return sign_with(r, encode(times(r, BASE)), scalar, public_of(seed), message)


def sign_with(r: int, big_r: bytes, scalar: int, public: bytes, message: bytes) -> bytes:
    """Return R || s for a nonce, the bytes of R and of the public key that the caller likes."""
    s = (r + hash_to_scalar(big_r, public, message) * scalar) % L
    return big_r + s.to_bytes(32, "little")


def large_s(signature: bytes) -> bytes:
    """Return the same signature with s + L for s: the second spelling that RFC 8032 forbids."""
    s = int.from_bytes(signature[32:], "little") + L
    return signature[:32] + s.to_bytes(32, "little")
