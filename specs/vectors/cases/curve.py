"""V4, V5 and V8 in the ed25519 chain: keys and signatures that a lax verifier takes.

Each is made so that a verifier without the rule in question says yes (but for the control and for
what no equation satisfies), which is what makes it worth refusing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import edwards
from builder import ED25519, NOW, Case, Lease, ask, cbor, mint, public_of, secret, vector
from edwards import BASE, NEUTRAL, TORSION, L, P, add, encode, expand, hash_to_scalar, times

LINK = b"attenuate/1 link\0"
SEAL = b"attenuate/1 seal\0"


def keyed(public: bytes) -> Lease:
    """Return a lease whose block 0 names this next_key."""
    return mint(ED25519, {1: public})


def forged(public: bytes, message: bytes, order: int) -> bytes:
    """Return a signature by a key of small order that the bare equation takes: h A is neutral."""
    for n in range(1, 999):
        r = hash_to_scalar(secret(f"forged {n}"))
        big_r = encode(times(r, BASE))
        if hash_to_scalar(big_r, public, message) % order == 0:
            return big_r + r.to_bytes(32, "little")
    raise AssertionError


def grown(public: bytes, order: int) -> Case:
    """Return the case of a block appended under a next_key of small order, without any secret."""
    lease = keyed(public)
    after = replace(lease, secret=secret("anyone")).add()
    sig = forged(public, LINK + after.hashes[-1], order)
    return ask(replace(after, sigs=(lease.sigs[0], sig)))


@vector("untrusted signature", ED25519)
def curve_next_key_of_order_1(alg: int) -> Case:
    """The neutral point for next_key: any signature by it with R = sB would do."""
    return grown(encode(NEUTRAL), 1)


@vector("untrusted signature", ED25519)
def curve_next_key_of_order_2(alg: int) -> Case:
    """The point of order 2 for next_key."""
    return grown(encode(times(4, TORSION)), 2)


@vector("untrusted signature", ED25519)
def curve_next_key_of_order_4(alg: int) -> Case:
    """A point of order 4 for next_key."""
    return grown(encode(times(2, TORSION)), 4)


@vector("untrusted signature", ED25519)
def curve_next_key_of_order_8(alg: int) -> Case:
    """A point of order 8 for next_key."""
    return grown(encode(TORSION), 8)


@vector("untrusted signature", ED25519)
def curve_next_key_of_order_8_with_the_other_y(alg: int) -> Case:
    """The other y that points of order 8 have, for next_key."""
    return grown(encode(times(3, TORSION)), 8)


@vector("untrusted signature", ED25519)
def curve_next_key_of_order_8_with_the_other_sign(alg: int) -> Case:
    """The negative of a point of order 8 for next_key."""
    return grown(encode(times(7, TORSION)), 8)


@vector("untrusted signature", ED25519)
def curve_next_key_neutral_and_not_canonical(alg: int) -> Case:
    """The neutral point as y = p + 1."""
    return grown((P + 1).to_bytes(32, "little"), 1)


@vector("untrusted signature", ED25519)
def curve_next_key_neutral_with_a_sign(alg: int) -> Case:
    """The neutral point with the sign of an x that is 0."""
    return grown((1 | 1 << 255).to_bytes(32, "little"), 1)


@vector("untrusted signature", ED25519)
def curve_next_key_of_order_4_not_canonical(alg: int) -> Case:
    """A point of order 4 as y = p."""
    return grown(P.to_bytes(32, "little"), 4)


@vector("untrusted signature", ED25519)
def curve_next_key_not_on_the_curve(alg: int) -> Case:
    """A y that no point has."""
    return grown((2).to_bytes(32, "little"), 1)


@vector("untrusted proof", ED25519)
def curve_seal_by_a_key_of_order_1(alg: int) -> Case:
    """A token that ends in the neutral point, sealed by nobody."""
    lease = keyed(encode(NEUTRAL))
    return ask(lease, [1, forged(encode(NEUTRAL), SEAL + lease.hashes[-1], 1)])


@vector("untrusted signature", ED25519)
def curve_ring_key_of_order_1(alg: int) -> Case:
    """A ring whose public key is the neutral point, and a lease that anybody can make for it."""
    public = encode(NEUTRAL)
    lease = mint(ED25519)
    sig = forged(public, LINK + lease.hashes[-1], 1)
    return ask(replace(lease, sigs=(sig,)), ring=(("e1", ED25519, public),))


def resigned(r: int, big_r: bytes) -> Case:
    """Return the case of an honest lease whose link was signed with this nonce and these bytes of R."""
    lease = mint(ED25519)
    scalar = expand(lease.root)[0]
    message = LINK + lease.hashes[-1]
    sig = edwards.sign_with(r, big_r, scalar, public_of(lease.root), message)
    return ask(replace(lease, sigs=(sig,)))


@vector("untrusted signature", ED25519)
def curve_r_of_order_1(alg: int) -> Case:
    """A signature whose R is the neutral point, by somebody who has the key."""
    return resigned(0, encode(NEUTRAL))


@vector("untrusted signature", ED25519)
def curve_r_neutral_and_not_canonical(alg: int) -> Case:
    """A signature whose R is the neutral point as y = p + 1."""
    return resigned(0, (P + 1).to_bytes(32, "little"))


@vector("untrusted signature", ED25519)
def curve_r_of_order_8(alg: int) -> Case:
    """A signature whose R is of order 8, which the equation with cofactor takes."""
    return resigned(0, encode(TORSION))


@vector("untrusted signature", ED25519)
def curve_r_with_torsion(alg: int) -> Case:
    """A signature whose R is off by a point of order 8: only the equation with cofactor takes it."""
    r = hash_to_scalar(secret("torsion"))
    return resigned(r, encode(add(times(r, BASE), TORSION)))


@vector("untrusted signature", ED25519)
def curve_s_above_the_order(alg: int) -> Case:
    """A link's signature with s + L for s: a second spelling."""
    lease = mint(ED25519)
    return ask(replace(lease, sigs=(edwards.large_s(lease.sigs[0]),)))


@vector("untrusted proof", ED25519)
def curve_s_above_the_order_in_a_seal(alg: int) -> Case:
    """A seal with s + L for s."""
    lease = mint(ED25519)
    return ask(lease, [1, edwards.large_s(lease.seal()[1])])


@vector("untrusted signature", ED25519)
def curve_s_is_the_order(alg: int) -> Case:
    """A signature of the neutral point and L: R and s that are zero in disguise."""
    lease = mint(ED25519)
    sig = encode(NEUTRAL) + L.to_bytes(32, "little")
    return ask(replace(lease, sigs=(sig,)))


@vector("untrusted signature", ED25519)
def curve_signature_of_zeros(alg: int) -> Case:
    """Sixty-four zeros for a link's signature."""
    return ask(replace(mint(ED25519), sigs=(bytes(64),)))


@vector("ok", ED25519)
def curve_key_with_torsion(alg: int) -> Case:
    """A ring whose key has a part of order 8, and a signature that the bare equation takes.

    The key is canonical and not of small order, so it is a key; h is a multiple of 8.
    """
    lease = mint(ED25519)
    scalar, _ = expand(lease.root)
    public = encode(add(times(scalar, BASE), TORSION))
    message = LINK + lease.hashes[-1]
    for n in range(999):
        r = hash_to_scalar(secret(f"torsion {n}"))
        big_r = encode(times(r, BASE))
        if hash_to_scalar(big_r, public, message) % 8 == 0:
            sig = edwards.sign_with(r, big_r, scalar, public, message)
            return ask(replace(lease, sigs=(sig,)), ring=(("e1", ED25519, public),))
    raise AssertionError


@vector("forbidden approval 0", ED25519)
def curve_approver_of_order_1(alg: int) -> Case:
    """A demand whose approver is the neutral point, and an approval by nobody."""
    public = encode(NEUTRAL)
    lease = mint(ED25519, {10: [[["*"], [public], 1]]})
    header = cbor([1, ED25519, public.hex()])
    fields: dict[int | str, Any] = {
        2: [["agt_1", 2]],
        3: ["github"],
        5: NOW + 60,
        6: [{0: ["*"]}],
        9: {"calls": 1},
        15: NOW,
    }
    start = Lease(ED25519, header, secret=secret("anyone"))
    yes = start.add({**fields, 14: bytes.fromhex(lease.ids[0])})
    yes = replace(yes, sigs=(forged(public, LINK + yes.hashes[-1], 1),))
    return ask(lease, approvals=(yes.text(yes.seal()),))
