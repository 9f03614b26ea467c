"""The words for a charge that stands against a request: stage charge, as findings.py for stage clear."""

from __future__ import annotations

from collections.abc import Sequence

from ..charges import Charge, Plan, parts_of
from ..errors import Finding, Refused
from ..findings import clock
from ..store.model import State
from ..words import shown

CODES = {"attempt": "stale_attempt"}
"""Code of a refusal where it is not the kind of the charge."""


def standing(charge: Charge, found: int, plans: Sequence[Plan]) -> Refused:
    """Return the refusal of a charge. found: what is left of the budget, or where the register stands.

    plans: the token's, then those of its approvals; a block's number is told for the token's only.
    """
    code = CODES.get(charge.kind, charge.kind)
    block = _block(charge, plans[0])
    return Refused(code, block=block, details=lambda: _finding(charge, found, code, block))


def revoked(charge: Charge, why: str, plans: Sequence[Plan]) -> Refused:
    """Return the refusal of a revocation or suspension. why: "revoked" or "suspended"."""
    blocks = [each for each in plans[0].revoked if parts_of(each.key)[1] == "block"]
    block = blocks.index(charge) if charge in blocks else None

    def details() -> Finding:
        _, kind, value = parts_of(charge.key)
        name = f"{kind} {value.hex() if isinstance(value, bytes) else shown(value)}"
        asked = f"a lease whose {name} is {why}"
        passes = (
            f"the same request after {name} is resumed" if why == "suspended" else _PASSES.get(kind, _LATER)
        )
        return Finding("refused", "revoked", block, None, asked, f"leases whose {kind} is not", passes)

    return Refused("revoked", block=block, details=details)


_PASSES = {
    "block": "a fresh lease",
    "run": "a lease of another run or attempt; this one has ended",
}
_LATER = "a lease issued after the revocation, if there may be one"


def stale(action: str, age: float, limit: float) -> Refused:
    """Return the refusal of a ledger that is older than an action allows. age, limit: seconds."""
    if not limit:
        asked, allowed = f"{action}, which asks the ledger anew, and it did not answer", "an answer each time"
    else:
        known = "with no word from the ledger" if age == float("inf") else f"by a ledger of {age:.1f} s ago"
        asked, allowed = f"{action} {known}", f"by a ledger of at most {limit:g} s"
    passes = "the same request when the ledger is reached again"
    return Refused(
        "stale_ledger", asked, allowed=f"{action} {allowed}" if limit else allowed, would_pass=passes
    )


def settled(name: str, state: int, anew: bool = True) -> Refused:
    """Return the refusal of a reservation that has its outcome. name: as it stands in a sentence.

    anew: whether it was to be made again; else it was to be settled.
    """
    words = State(state).name.lower()
    passes = "another name" if anew else f"nothing: {words} is its outcome, and what was charged stays"
    if state == State.HELD:
        words, passes = "held, with other amounts", "the same amounts as before, or another name"
    return Refused(
        "hold", f"reservation {name}, which is {words}", allowed="one outcome for each", would_pass=passes
    )


def _block(charge: Charge, plan: Plan) -> int | None:
    numbers = {budget.key: budget.block for budget in plan.budgets}
    numbers |= {final.key: final.block for final in plan.finals}
    return numbers.get(charge.key)


def _finding(charge: Charge, found: int, code: str, block: int | None) -> Finding:
    caveat = None
    if charge.kind == "budget":
        unit, caveat = parts_of(charge.key)[2], "budget"
        asked = f"{charge.amount} {shown(unit)}"
        allowed = f"{found} left of {charge.ceiling}"
        passes = (
            f"a cost of at most {found} {shown(unit)}"
            if found
            else "a fresh lease, or a top-up by an operator"
        )
    elif charge.kind == "final":
        caveat = "final"
        asked, allowed = "an action after the one that ends the lease", "nothing any more"
        passes = "a fresh lease"
    elif charge.kind == "attempt":
        run = parts_of(charge.key)[2]
        caveat = "run"
        asked, allowed = f"attempt {charge.amount} of {run}", f"attempt {found} and those after it"
        passes = f"a lease of attempt {found} or later; a newer worker has taken over"
    else:
        asked, allowed = "a proof that was used, or cannot be told from one", "each proof once"
        passes = "a new proof; with a store that has just started, one made a minute after that"
        if charge.until:
            asked += f" (it counts until {clock(charge.until)})"
    return Finding("refused", code, block, caveat, asked, allowed, passes)
