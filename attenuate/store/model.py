"""What a store holds and answers, and the rule that every store applies (specs/state.md).

The rule is one pure function for the stores that run here, `decide`; the script of Redis and the
function of PostgreSQL say the same in their languages, and one suite runs over all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple

from .. import limits
from ..charges import Charge, parts_of

CHUNK_ID: Final = b"chunk"
"""How the id of a reservation begins that is a worker's chunk; nobody else may settle it."""


class Verdict(IntEnum):
    """What became of a batch of charges."""

    APPLIED = 0
    REPEATED = 1
    """The reservation was there already, with these amounts; nothing was added for it."""
    REFUSED = 2
    """A charge stands against it: nothing was applied."""
    BEHIND = 3
    """The ledger has entries that the caller does not know yet: nothing was applied."""
    SETTLED = 4
    """The reservation is there, settled or with other amounts: nothing was applied."""


class Outcome(NamedTuple):
    """The answer to a batch.

    number: of the charge that refused; for BEHIND the ledger's last sequence number; for SETTLED the
    state of the reservation. found: for each charge, what is left of a budget or where the register
    stands, after it; for a refusal, of the refusing charge alone, as it stands.
    """

    verdict: Verdict
    number: int = 0
    found: tuple[int, ...] = ()


class Counter(NamedTuple):
    """One counter. spent never goes back; held: reserved, without an outcome yet; extra: topped up.

    For an attempt, spent is the register. until: seconds since 1970, when it may be forgotten.
    """

    key: bytes
    spent: int = 0
    held: int = 0
    extra: int = 0
    ceiling: int = 0
    until: int = 0

    @property
    def left(self) -> int:
        """What may still be charged."""
        return min(self.ceiling + self.extra, limits.SAFE_MAX) - self.spent - self.held


class State(IntEnum):
    """Where a reservation stands; every one but HELD is final."""

    HELD = 0
    COMMITTED = 1
    RELEASED = 2
    EXPIRED = 3
    """No outcome came in time: what was reserved stays charged."""


class Reserve(NamedTuple):
    """A reservation to make. id: 32 bytes. expires: seconds since 1970."""

    id: bytes
    expires: int


class Hold(NamedTuple):
    """A reservation. items: (counter's key, reserved, charged in the end) for each budget.

    until: seconds since 1970, until when its outcome is remembered.
    """

    id: bytes
    state: State
    expires: int
    until: int
    items: tuple[tuple[bytes, int, int], ...]

    def at(self, now: int) -> State:
        """Return the state at a time: one that has expired may not have been swept yet."""
        return State.EXPIRED if self.state is State.HELD and self.expires <= now else self.state

    def to_json(self) -> dict[str, object]:
        """Return the reservation as JSON data."""
        items = []
        for key, reserved, charged in self.items:
            _, block, unit = parts_of(key)
            items.append({"block": block.hex(), "unit": unit, "reserved": reserved, "charged": charged})
        state = self.state.name.lower()
        return {"id": self.id.hex(), "state": state, "expires": self.expires, "items": items}


class Entry(NamedTuple):
    """One entry of the ledger as a store keeps it. at: milliseconds since 1970. note: for people."""

    seq: int
    at: int
    until: int
    body: bytes
    note: str


class Swept(NamedTuple):
    """What a sweep did: reservations that expired, and counters, reservations, sightings, entries forgotten."""

    expired: int = 0
    forgotten: int = 0


def kept(charge: Charge) -> int:
    """Return until when a store keeps the counter of a charge."""
    slack = 0 if charge.kind == "replay" else limits.CLOCK_SLACK
    return min(charge.until + slack, limits.SAFE_MAX)


def items_of(charges: Sequence[Charge]) -> tuple[tuple[bytes, int, int], ...]:
    """Return what a reservation of a batch holds: its budgets."""
    return tuple([(c.key, c.amount, c.amount) for c in charges if c.kind == "budget"])


def held_by(reserve: Reserve, charges: Sequence[Charge]) -> Hold:
    """Return the reservation that a batch makes."""
    ends = [kept(charge) for charge in charges if charge.kind == "budget"]
    until = min(max([reserve.expires + limits.CLOCK_SLACK, *ends]), limits.SAFE_MAX)
    return Hold(reserve.id, State.HELD, reserve.expires, until, items_of(charges))


def decide(
    charges: Sequence[Charge],
    rows: Mapping[bytes, Counter],
    horizon: int,
    reserve: Reserve | None = None,
    hold: Hold | None = None,
    now: int = 0,
) -> tuple[Outcome, list[Counter]]:
    """Return what becomes of a batch over these counters, and the counters that change.

    rows: those of the charges that there are. horizon: proofs kept until then or before are
    forgotten, so they cannot be told from new ones. hold: the reservation that has this id already.
    """
    if reserve and hold:
        known = {key: reserved for key, reserved, _ in hold.items}
        state = hold.at(now)
        if state is not State.HELD or known != {key: amount for key, amount, _ in items_of(charges)}:
            return Outcome(Verdict.SETTLED, state), []
    found: list[int] = []
    changed: list[Counter] = []
    for number, charge in enumerate(charges):
        kind, key, amount, ceiling, until, raises, _ = charge
        row = rows.get(key) or Counter(key, ceiling=ceiling)
        if kind == "attempt":
            if row.spent > amount:
                return Outcome(Verdict.REFUSED, number, (row.spent,)), []
            found.append(max(row.spent, amount) if raises else row.spent)
            if raises and row.spent < amount:
                changed.append(row._replace(spent=amount, until=max(row.until, kept(charge))))
            continue
        if hold and kind in ("budget", "final"):
            found.append(row.left if kind == "budget" else row.spent)
            continue  # reserved already
        if kind == "replay" and until <= horizon:
            return Outcome(Verdict.REFUSED, number, (row.spent,)), []
        spent, held = row.spent, row.held
        if reserve and kind == "budget":
            held += amount
        else:
            spent += amount
        if spent + held > min(ceiling + row.extra, limits.SAFE_MAX):
            left = row._replace(ceiling=ceiling).left if kind == "budget" else row.spent
            return Outcome(Verdict.REFUSED, number, (left,)), []
        after = Counter(key, spent, held, row.extra, ceiling, max(row.until, kept(charge)))
        found.append(after.left if kind == "budget" else spent)
        if amount:
            changed.append(after)
    return Outcome(Verdict.REPEATED if hold else Verdict.APPLIED, 0, tuple(found)), changed


def settle(hold: Hold, state: State, amounts: Mapping[bytes, int], now: int) -> Hold | None:
    """Return a reservation as it stands settled; None where it is settled otherwise already.

    state: COMMITTED, RELEASED or EXPIRED. amounts: what is charged, by counter, at most what was
    reserved; counters that are not named are charged what was reserved, or nothing on release.

    Raises ValueError for an amount above what was reserved, or of a counter that is not in it.
    """
    most = {key: reserved for key, reserved, _ in hold.items}
    for key, amount in amounts.items():
        if key not in most:
            raise ValueError("an amount for a counter that is not in the reservation")
        if amount > most[key]:
            raise ValueError(f"an amount of {amount}; {most[key]} was reserved")
    items = tuple(
        (key, reserved, 0 if state is State.RELEASED else amounts.get(key, reserved))
        for key, reserved, _ in hold.items
    )
    if hold.at(now) is State.HELD or state is State.EXPIRED:
        return hold._replace(state=state, items=items)
    same = hold.at(now) is state and hold.items == items
    return hold if same else None


def merged(charges: Sequence[Charge]) -> tuple[list[Charge], list[int]]:
    """Return a batch with one charge for each counter, and for each given charge the number of its one."""
    where: dict[bytes, int] = {}
    out: list[Charge] = []
    numbers = []
    for charge in charges:
        number = where.setdefault(charge.key, len(out))
        numbers.append(number)
        if number == len(out):
            out.append(charge)
            continue
        other = out[number]
        if other.kind != charge.kind or (charge.kind == "attempt" and other.amount != charge.amount):
            raise ValueError(f"two charges of one counter that do not go together: {charge!r:.200}")
        together: dict[str, Any] = {
            "until": max(other.until, charge.until),
            "ceiling": min(other.ceiling, charge.ceiling),
            "raises": other.raises or charge.raises,
        }
        if charge.kind != "attempt":
            # beyond every ceiling stays beyond it, and fits into the integers of every store
            together["amount"] = min(other.amount + charge.amount, limits.SAFE_MAX + 1)
        out[number] = other._replace(**together)
    return out, numbers
