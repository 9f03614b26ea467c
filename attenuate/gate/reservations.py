"""Reservations as gates make and settle them: ids that no other lease can use, amounts by unit."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from hashlib import sha256

import cbor2

from .. import limits
from ..charges import Plan, parts_of
from ..errors import Refused
from ..fields import seconds
from ..request import OPAQUE, Request
from ..store.base import Store
from ..store.model import CHUNK_ID, Hold, Reserve, State
from ..words import brief
from .grant import Grant
from .refusals import settled


def reservation(
    plans: Sequence[Plan], request: Request, run: str, name: str, hold_for: int | str, at: int
) -> Reserve:
    """Return the reservation that a caller names; its id has the lease in it, and what was asked.

    So the same name under another lease or run, or for another call, is another reservation. What
    is opaque cannot be told from another call, unless the fact `call` is stated; then none is repeated.

    Raises ValueError for a name or a time that is none.
    """
    if not isinstance(name, str) or not 0 < len(name) <= 200:
        raise ValueError("a reservation's name is text of 1 to 200 characters")
    lasts = seconds(hold_for)
    if lasts > limits.MAX_HOLD:
        raise ValueError(f"hold_for {lasts} s; give at most {limits.MAX_HOLD}")
    facts: list[object] = []
    for fact, value in sorted(request.facts.items()):
        values = value if isinstance(value, tuple) else (value,)
        facts.append([fact, [None if each is OPAQUE else each for each in values], isinstance(value, tuple)])
        if OPAQUE in values and "call" not in request.facts:
            facts.append(os.urandom(16))
    parts = ["hold", plans[0].tip, name, request.audience, run, request.action, facts]
    return Reserve(sha256(cbor2.dumps(parts)).digest(), at + lasts)


def id_of(grant: Grant | str) -> bytes:
    """Return the id of a grant's reservation, or of one in hex; raises ValueError."""
    name = grant.hold if isinstance(grant, Grant) else grant
    if name is None:
        raise ValueError("this grant reserved nothing; give reserve= to check")
    try:
        hold_id = bytes.fromhex(name)
    except (TypeError, ValueError):
        hold_id = b""
    if len(hold_id) != 32:
        raise ValueError(f"reservation {brief(name)}; give the 64 hex digits of Grant.hold")
    return hold_id


def amounts_of(hold: Hold, cost: Mapping[str, int]) -> dict[bytes, int]:
    """Return by counter what a cost by unit comes to; raises ValueError for what was not reserved."""
    reserved: dict[str, dict[bytes, int]] = {}
    for key, amount, _ in hold.items:
        reserved.setdefault(parts_of(key)[2], {})[key] = amount
    out: dict[bytes, int] = {}
    for unit, amount in cost.items():
        counters = reserved.get(unit, {})
        if not counters or type(amount) is not int or not 0 <= amount <= min(counters.values()):
            known = ", ".join(f"{min(amounts.values())} {name}" for name, amounts in reserved.items())
            raise ValueError(f"commit of {brief(amount)} {brief(unit)}; reserved is {known}, and no more")
        out |= dict.fromkeys(counters, amount)
    return out


def settle(
    store: Store, grant: Grant | str, state: State, cost: Mapping[str, int] | None = None, *, now: int
) -> Hold:
    """Settle a reservation as COMMITTED, for a cost by unit, or RELEASED; `Gate.commit` says what it raises."""
    if cost is not None and not isinstance(cost, Mapping):
        raise ValueError(f"cost {brief(cost)}; give {{unit: amount}}")
    hold_id = id_of(grant)
    hold = None if hold_id.startswith(CHUNK_ID) else store.hold(hold_id)
    if hold is None:
        raise no_such(hold_id)
    amounts = amounts_of(hold, cost or {})
    hold = store.settle(hold_id, state, amounts, now=now)
    if hold is None:
        raise no_such(hold_id)
    wanted = [amounts.get(key, reserved) for key, reserved, _ in hold.items]
    otherwise = state is State.COMMITTED and [charged for *_, charged in hold.items] != wanted
    if hold.state is not state or otherwise:
        raise settled(hold_id.hex(), hold.state, anew=False)
    return hold


def no_such(hold_id: bytes) -> Refused:
    """Return the refusal of a reservation that is not there, or no longer."""
    return Refused(
        "hold", f"reservation {hold_id.hex()}, which is not there", would_pass="the id in Grant.hold"
    )
