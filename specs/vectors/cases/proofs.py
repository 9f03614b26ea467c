"""V5: the proof, what it is bound to, and when it was made."""

from __future__ import annotations

from typing import Any

from builder import BINDING, BOTH, HMAC, K1, NOW, USE_NONCE, Case, ask, mint, secret, vector


def used(alg: int, iat: int = NOW, binding: bytes | None = BINDING, now: int = NOW) -> Case:
    """Return the case of a bound token, at a verifier that computed this binding."""
    lease = mint(alg)
    asked: dict[str, Any] = {} if binding is None else {"binding": binding.hex()}
    return ask(lease, lease.use(iat=iat), now=now, **asked)


@vector("ok", *BOTH)
def proof_bearer(alg: int) -> Case:
    """A bearer token, as its holder keeps it."""
    return ask(mint(alg))


@vector("ok", *BOTH)
def proof_sealed(alg: int) -> Case:
    """A sealed token, which can be used and not narrowed."""
    lease = mint(alg).add()
    return ask(lease, lease.seal())


@vector("ok", *BOTH)
def proof_bound(alg: int) -> Case:
    """A token bound to one call."""
    return used(alg)


@vector("ok")
def proof_bearer_where_a_binding_is_known(alg: int) -> Case:
    """A bearer token at a verifier that computes bindings: `bound` would ask for more."""
    return ask(mint(alg), binding=BINDING.hex())


@vector("untrusted proof", *BOTH)
def proof_other_secret(alg: int) -> Case:
    """A bearer token with a secret made up."""
    return ask(mint(alg), [0, secret("made up")])


@vector("untrusted proof", *BOTH)
def proof_secret_of_the_parent(alg: int) -> Case:
    """A child's token with its parent's secret: each block replaces it."""
    return ask(mint(alg).add(), [0, mint(alg).secret])


@vector("untrusted proof", *BOTH)
def proof_secret_of_the_child(alg: int) -> Case:
    """A parent's token with its child's secret: nobody goes back up."""
    return ask(mint(alg), [0, mint(alg).add().secret])


@vector("untrusted proof")
def proof_secret_of_the_root(alg: int) -> Case:
    """The key of the ring itself for a bearer's secret."""
    return ask(mint(alg), [0, K1])


@vector("untrusted proof")
def proof_seal_as_the_secret(alg: int) -> Case:
    """A seal shown as a bearer's secret."""
    lease = mint(HMAC)
    return ask(lease, [0, lease.seal()[1]])


@vector("untrusted proof")
def proof_secret_as_the_seal(alg: int) -> Case:
    """A bearer's secret shown as a seal."""
    lease = mint(HMAC)
    return ask(lease, [1, lease.secret])


def flipped(proof: list[Any], index: int) -> list[Any]:
    """Return a proof with one bit of one part flipped."""
    part = proof[index]
    changed = part + 1 if isinstance(part, int) else part[:-1] + bytes((part[-1] ^ 1,))
    return [*proof[:index], changed, *proof[index + 1 :]]


@vector("untrusted proof", *BOTH)
def proof_seal_changed(alg: int) -> Case:
    """A seal with one bit flipped."""
    lease = mint(alg)
    return ask(lease, flipped(lease.seal(), 1))


@vector("untrusted proof", *BOTH)
def proof_use_time_changed(alg: int) -> Case:
    """A bound proof with a later time written in."""
    lease = mint(alg)
    return ask(lease, flipped(lease.use(), 1), binding=BINDING.hex())


@vector("untrusted proof", *BOTH)
def proof_use_nonce_changed(alg: int) -> Case:
    """A bound proof with another nonce written in: it would be used twice."""
    lease = mint(alg)
    return ask(lease, flipped(lease.use(), 2), binding=BINDING.hex())


@vector("untrusted proof", *BOTH)
def proof_use_binding_changed(alg: int) -> Case:
    """A bound proof with the binding of another call written in."""
    lease = mint(alg)
    proof = lease.use()
    proof[3] = secret("another call")
    return ask(lease, proof, binding=secret("another call").hex())


@vector("untrusted proof", *BOTH)
def proof_seal_of_the_parent(alg: int) -> Case:
    """The parent's seal on the child's token."""
    return ask(mint(alg).add(), mint(alg).seal())


@vector("forbidden binding", *BOTH)
def binding_of_another_call(alg: int) -> Case:
    """A proof bound to another call than this one."""
    return used(alg, binding=secret("another call"))


@vector("forbidden binding", *BOTH)
def binding_not_computed(alg: int) -> Case:
    """A bound proof at a verifier that computed no binding."""
    return used(alg, binding=None)


@vector("ok")
def stale_proof_not_yet_after(alg: int) -> Case:
    """A proof made 60 seconds ago."""
    return used(alg, iat=NOW - 60)


@vector("ok")
def stale_proof_not_yet_before(alg: int) -> Case:
    """A proof made 60 seconds ahead, by another clock."""
    return used(alg, iat=NOW + 60)


@vector("forbidden stale_proof", *BOTH)
def stale_proof_after(alg: int) -> Case:
    """A proof made 61 seconds ago."""
    return used(alg, iat=NOW - 61)


@vector("forbidden stale_proof", *BOTH)
def stale_proof_before(alg: int) -> Case:
    """A proof made 61 seconds ahead."""
    return used(alg, iat=NOW + 61)


@vector("forbidden stale_proof")
def stale_proof_at_the_end_of_time(alg: int) -> Case:
    """A proof made at 2^63-1, the last second that the encoding has."""
    return used(alg, iat=2**63 - 1)


@vector("forbidden stale_proof")
def stale_proof_without_leeway(alg: int) -> Case:
    """A proof made 61 seconds ago at a verifier with leeway, which is not for proofs."""
    return used(alg, iat=NOW - 61)._replace(options={"leeway": 60})


@vector("forbidden binding")
def binding_before_its_time(alg: int) -> Case:
    """A proof for another call and too old: the binding is told first."""
    return used(alg, iat=NOW - 999, binding=secret("another call"))


@vector("ok")
def proof_nonce_of_zeros(alg: int) -> Case:
    """A bound proof whose nonce is sixteen zeros: what is unique is the gate's to say."""
    lease = mint(alg)
    assert len(USE_NONCE) == 16
    return ask(lease, lease.use(nonce=bytes(16)), binding=BINDING.hex())
