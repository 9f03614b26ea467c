"""The answer of a verification, and the charges that are still to be applied (V9).

A `Verified` says that stages parse, trust and clear passed for one request at one time. It does
not say that budgets, revocation and replay were looked at: that is the gate's work, and the
charges are its list. A caller cannot build one.
"""

from __future__ import annotations

from typing import Any, NoReturn, TypeAlias, final

from .block import NOTES
from .chain import ID_SIZE
from .charges import Charge, Plan, Priced, ends_of, plan_of
from .evidence import Evidence
from .request import Request, run_text
from .token import PROOFS

Later: TypeAlias = tuple[Any, ...]
"""A function that makes the Evidence, its arguments: what was found, the request, the leeway; and a
function that makes a Request of that request."""

Tip: TypeAlias = tuple[bytes, int, int, bytes]
"""h[n] of a chain, and its proof: kind, iat (seconds since 1970, 0 where it has none) and nonce."""


@final
class Verified:
    """An authentic lease that allows one request now; made only by verification.

    request, run: what was asked, the run (as text) being the one that was checked. key_id, alg: of the key.
    proof: "bearer", "sealed" or "bound". block_ids: all blocks, 32 hex digits each. notes: block 0's,
    the issuer's word. expires: seconds, the earliest of all blocks. approvals: block ids of the
    approvals that counted. charges: what the gate must apply (V9).
    """

    __slots__ = ("_held",)

    _held: Evidence | Later

    def __init__(self) -> None:
        raise TypeError("a Verified is made by Verifier.verify, and by nothing else")

    @property
    def _evidence(self) -> Evidence:
        held = self._held
        if type(held) is not Evidence:
            make, *asked, _ = held
            held = make(*asked)
            _hold(self, held)
        return held

    @property
    def request(self) -> Request:
        """What was asked."""
        held = self._held
        request: Request = held.request if type(held) is Evidence else held[4](held[2])
        return request  # without reading the blocks

    @property
    def run(self) -> str:
        """The run that was checked, as text: the request's, or the blocks' where it stated none."""
        return run_text(self._evidence.run)

    @property
    def key_id(self) -> str:
        """The key id that the lease is authentic under."""
        return self._evidence.chain.key_id

    @property
    def alg(self) -> int:
        """The COSE algorithm of the key."""
        return self._evidence.chain.alg

    @property
    def proof(self) -> str:
        """The kind of proof: "bearer", "sealed" or "bound"."""
        return PROOFS[self._evidence.proof.kind]

    @property
    def block_ids(self) -> tuple[str, ...]:
        """The id of each block, 32 hex digits, as in `Lease.block_ids`."""
        return tuple([h[:ID_SIZE].hex() for h in self._evidence.chain.hashes])

    @property
    def notes(self) -> dict[str, Any]:
        """Block 0's notes: the issuer's word. Later blocks' notes are claims, and not here."""
        return dict(self._evidence.chain.blocks[0].fields.get(NOTES, {}))

    @property
    def expires(self) -> int:
        """Seconds since 1970: the earliest expiry of any block."""
        return ends_of(self._evidence.chain.blocks, 0)[-1]

    @property
    def approvals(self) -> tuple[tuple[str, ...], ...]:
        """The block ids of each approval that counted."""
        return tuple(tuple(h[:ID_SIZE].hex() for h in chain.hashes) for chain, _ in self._evidence.approved)

    @property
    def charges(self) -> tuple[Charge, ...]:
        """What the gate must apply before anything is granted: the token's, then the approvals'."""
        found = self._evidence
        proofs = (found.proof, *[proof for _, proof in found.approved])
        return tuple(
            charge
            for plan, proof in zip(plans_of(self), proofs, strict=True)
            for charge in (*plan.counters(found.request, proof), *plan.revoked)
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Verified does not change")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Verified does not change")

    def __repr__(self) -> str:
        return f"<Verified {self.request.action} for {self.run}, key {self.key_id}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Verified does not pickle: it is worth something only where it was made")


_hold = Verified.__dict__["_held"].__set__
_new = Verified.__new__


def make_verified(held: Evidence | Later) -> Verified:
    """Return the Verified of a verification that passed. Only engines call this."""
    self = _new(Verified)
    _hold(self, held)
    return self


def plans_of(verified: Verified) -> tuple[Plan, ...]:
    """Return what is charged for the token, then for each approval that counted, under this run."""
    found = verified._evidence
    chains = (found.chain, *[chain for chain, _ in found.approved])
    return tuple([plan_of(chain, found.run, found.leeway) for chain in chains])


def asked_of(verified: Verified) -> Priced:
    """Return what was asked, as the engine has it."""
    held = verified._held
    asked: Priced = held.request if type(held) is Evidence else held[2]
    return asked


def tips_of(verified: Verified) -> tuple[Tip, ...]:
    """Return h[n] and proof of the token, then of each approval that counted, without reading blocks."""
    held = verified._held
    if type(held) is not Evidence:
        tips: tuple[Tip, ...] = held[1].tips()
        return tips
    chains = ((held.chain, held.proof), *held.approved)
    return tuple([(chain.hashes[-1], proof.kind, proof.iat, proof.nonce) for chain, proof in chains])
