"""Why a token is not believed, or not for this call (V3 to V5), with the words of it.

Engines find the reason; the error is made here, so that every engine says the same.
"""

from __future__ import annotations

from enum import IntEnum

from .block import ED25519, HMAC
from .errors import Forbidden, LeaseError, Untrusted
from .findings import clock
from .limits import SKEW
from .ring import KeyRing


class Doubt(IntEnum):
    """The reasons, in the order of their steps; the native kernel's numbers."""

    UNKNOWN_KEY = 0
    ALGORITHM = 1
    AUDIENCE = 2
    SIGNATURE = 3
    PROOF = 4
    BINDING = 5
    STALE_PROOF = 6


CODES = ("unknown_key", "algorithm", "audience", "signature", "proof", "binding", "stale_proof")


def brief(doubt: Doubt) -> str:
    """Return stage and code of a doubt, which is all that is told of an approval's."""
    known = (Doubt.AUDIENCE, Doubt.BINDING, Doubt.STALE_PROOF)
    return f"{(Forbidden if doubt in known else Untrusted).stage}, {CODES[doubt]}"


def doubted(doubt: Doubt, key_id: str, number: int, *, keys: KeyRing, audience: str, now: int) -> LeaseError:
    """Return the error of a doubt about a token under `key_id`, at the verifier named `audience`.

    number: the token's algorithm for ALGORITHM, the link for SIGNATURE, whether the request has a
    binding for BINDING, the proof's time for STALE_PROOF; else 0.
    """
    code = CODES[doubt]
    if doubt is Doubt.UNKNOWN_KEY:
        mend = "a lease under one of these keys, or a ring that holds this one"
        if f"{key_id}/{audience}" in keys:
            mend = f"a lease minted by ring.for_audience({audience!r})"
        allowed = f"keys {', '.join(keys) or '(none)'}"
        return Untrusted(code, f"key {key_id!r}", allowed=allowed, would_pass=mend)
    if doubt is Doubt.ALGORITHM:
        other = HMAC if number == ED25519 else ED25519
        return Untrusted(code, f"algorithm {number}", allowed=f"{other}, the algorithm of key {key_id!r}")
    if doubt is Doubt.AUDIENCE:
        return Forbidden(
            code,
            f"audience {audience!r}",
            block=0,
            allowed=f"{key_id.partition('/')[2]!r}, which key {key_id!r} serves",
            would_pass=f"a lease under a key for {audience!r}",
        )
    if doubt is Doubt.SIGNATURE:
        return Untrusted(code, f"the signature of link {number}", allowed="the issuer's or holder's")
    if doubt is Doubt.PROOF:
        mend = "the token exactly as its holder made it"
        return Untrusted(code, "a proof that does not fit the chain", would_pass=mend)
    if doubt is Doubt.BINDING:
        return Forbidden(
            code,
            "another call" if number else "a call for which no binding was computed",
            allowed="the one call that the proof is bound to",
            would_pass="the same audience, run, action and arguments, or a proof made for this call",
        )
    return Forbidden(
        code,
        f"a proof of {clock(number)} at {clock(now)}",
        allowed=f"{SKEW} s around its making",
        would_pass="a proof made anew for this try",
    )
