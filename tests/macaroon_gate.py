"""Whether revocations, and the register of attempts, reach a lease that came back from another token."""

from __future__ import annotations

from collections.abc import Callable

from attenuate import Gate, KeyRing, Lease, LeaseError, Verifier, open_store
from attenuate.chain import extend, start
from attenuate.ledger import Ledger, Selector

Back = Callable[[Lease, KeyRing], Lease]
KEPT = {"id": "revoked", "key": "revoked", "audience key": "revoked", "attempt": "stale_attempt"}
"""What a gate says of a lease that came back as the lease that it was."""
SHED = dict.fromkeys(KEPT, "allowed")
"""What it says of one that came back as another lease."""


def said(back: Back) -> dict[str, str]:
    """Return, by what stands against a lease, what a gate says of it after it came back.

    back: makes another token of a lease and a lease of that, with the ring of the issuer: a rotated one, in
    which the lease's own key is not the active one.
    """
    ring = KeyRing.generate("k1").rotate("k2")
    old = KeyRing({"k1": ring["k1"]})
    service = KeyRing({"k1/github": old.for_audience("github")["k1/github"]})
    return {
        "id": _said(ring, old, back, lambda lease: Selector.make("block", lease.block_ids[0])),
        "key": _said(ring, old, back, lambda lease: Selector.make("key", "k1")),
        "audience key": _said(ring, service, back, lambda lease: Selector.make("key", "k1/github")),
        "attempt": _said(ring, old, back, None),
    }


def _said(ring: KeyRing, minting: KeyRing, back: Back, against: Callable[[Lease], Selector] | None) -> str:
    """Refuse a lease for one reason, be sure of it, and ask for what came back."""
    store = open_store("memory:")
    gate = Gate(Verifier(ring, audience="github"), store)
    lease, later = (
        minting.mint(run=f"agt@{n}", audience=["github"], ttl="1h", allow=["x"]).narrow(ttl="30m")
        for n in (1, 2)
    )
    assert _asked(gate, lease, "agt@1") == "allowed"
    if against:
        Ledger(store).revoke(against(lease), note="stolen")
    else:
        assert _asked(gate, later, "agt@2") == "allowed"
    assert _asked(gate, lease, "agt@1") != "allowed"
    return _asked(gate, back(lease, ring), "agt@1")


def _asked(gate: Gate, lease: Lease, run: str) -> str:
    try:
        gate.check(lease.token, action="x", run=run)
    except LeaseError as error:
        return error.code
    return "allowed"


def reminted(lease: Lease, ring: KeyRing) -> Lease:
    """Return the lease that an import under the ring's active key makes: the control."""
    assert ring.active
    first, *more = (block.fields for block in lease.unverified_blocks)
    token = start(ring[ring.active], ring.active, first, bytes(32))
    for fields in more:
        token = extend(token, fields, bytes(32))
    return Lease(token)
