"""Chunks: a worker reserves many calls at once and spends them here, without a round trip for each.

    store = ChunkedStore(open_store("redis://…"), size=100)

What a chunk reserves is charged in the store before any of it is spent, so budgets are never
overspent; what a worker has not spent when it dies stays charged, at most a chunk for each budget.
What it knows of registers and of the ledger is at most `ttl` seconds old; then the next request asks.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from time import monotonic

from ..charges import Charge
from .base import Store, StoreInfo
from .model import Counter, Entry, Hold, Outcome, Reserve, State, Swept, Verdict


class _Purse:
    """What is left here of a chunk. beyond: what the store had left after it."""

    __slots__ = ("beyond", "hold", "left", "reserved", "until")

    def __init__(self, hold: bytes, reserved: int, beyond: int, until: int) -> None:
        self.hold = hold
        self.reserved = self.left = reserved
        self.beyond = beyond
        self.until = until


class ChunkedStore(Store):
    """A store in front of another. size: times its cost that a request draws, at least 2.

    ttl: seconds for which attempts and the ledger's number are taken as they were last seen, 0.01 to 60: so long
    may a replaced worker or a revoked lease go on here. hold_for: seconds after which a chunk that
    was not given back counts as spent. Requests that end a lease, bring a bound proof or reserve go
    through to the other store at once. `give_back` returns what is left.
    """

    name = "chunked"

    def __init__(self, store: Store, *, size: int = 100, ttl: float = 1.0, hold_for: int = 60) -> None:
        super().__init__(timeout=store.timeout)
        if type(size) is not int or not 2 <= size <= 1_000_000:
            raise ValueError(f"size {size!r:.40}; give 2 to 1,000,000")
        if not 0.01 <= ttl <= 60 or not 1 <= hold_for <= 3600:
            raise ValueError("give ttl from 0.01 to 60 s, and hold_for from 1 to 3600 s")
        self._store = store
        self._size, self._ttl, self._hold_for = size, ttl, hold_for
        self.durable = store.durable
        self._lock = threading.Lock()
        self._purses: dict[bytes, _Purse] = {}
        self._registers: dict[bytes, tuple[int, float]] = {}
        self._head: tuple[int | None, float] = (None, 0.0)

    def stands(self, attempts: Sequence[Charge], ledger: int | None) -> bool:
        """Say whether registers and ledger stood so at most `ttl` seconds ago."""
        oldest = monotonic() - self._ttl
        head, seen = self._head
        if ledger is not None and (head != ledger or seen < oldest):
            return False
        for charge in attempts:
            attempt, seen = self._registers.get(charge.key, (-1, 0.0))
            if attempt != charge.amount or seen < oldest:
                return False
        return True

    def _apply(
        self, charges: Sequence[Charge], now: int, reserve: Reserve | None, ledger: int | None
    ) -> Outcome:
        if reserve or any(charge.kind not in ("budget", "attempt") for charge in charges):
            return self._store.apply(charges, now=now, reserve=reserve, ledger=ledger)
        if not self._lock.acquire(timeout=self.timeout):
            raise self.unavailable(f"no answer within {self.timeout:g} s")
        try:
            attempts = [charge for charge in charges if charge.kind == "attempt"]
            short = [
                charge for charge in charges if charge.kind == "budget" and self._left(charge) < charge.amount
            ]
            if not short and self.stands(attempts, ledger):
                return self._spent(charges)
            return self._asked(charges, attempts, short, now, ledger)
        finally:
            self._lock.release()

    def _left(self, charge: Charge) -> int:
        purse = self._purses.get(charge.key)
        return 0 if purse is None else purse.left

    def _spent(self, charges: Sequence[Charge]) -> Outcome:
        found = []
        for charge in charges:
            if charge.kind == "budget":
                purse = self._purses[charge.key]
                purse.left -= charge.amount
                found.append(purse.left + purse.beyond)
            else:
                found.append(charge.amount)
        return Outcome(Verdict.APPLIED, 0, tuple(found))

    def _asked(
        self,
        charges: Sequence[Charge],
        attempts: list[Charge],
        short: list[Charge],
        now: int,
        ledger: int | None,
    ) -> Outcome:
        """Draw a chunk for each budget that is short; where it has no whole one left, charge as it is."""
        began = monotonic()
        found: tuple[int, ...] = ()
        for charge in short or (None,):
            draw, hold = [], None
            if charge is not None:
                self._give_back([charge.key], now)
                most = min(charge.amount * self._size, charge.ceiling)
                draw = [charge._replace(amount=max(most, charge.amount))]
                hold = Reserve(os.urandom(32), now + self._hold_for)
            outcome = self._store.apply([*attempts, *draw], now=now, reserve=hold, ledger=ledger)
            if outcome.verdict is Verdict.REFUSED and outcome.number < len(attempts):
                return outcome._replace(number=charges.index(attempts[outcome.number]))
            if outcome.verdict is Verdict.REFUSED:
                self._give_back([each.key for each in charges], now)
                return self._store.apply(charges, now=now, ledger=ledger)
            if outcome.verdict is not Verdict.APPLIED:
                return outcome
            found = outcome.found
            for each, beyond in zip(draw, found[len(attempts) :], strict=True):
                assert hold is not None
                self._purses[each.key] = _Purse(hold.id, each.amount, beyond, each.until)
        self._head = ledger, began
        for each, register in zip(attempts, found, strict=False):
            self._registers[each.key] = register, began
        if len(self._purses) + len(self._registers) > 100_000:
            self._forget(began, now)
        return self._spent(charges)

    def _give_back(self, keys: Sequence[bytes], now: int) -> None:
        """Settle the chunks of these counters for what was spent; one that has expired stays charged."""
        for key in keys:
            purse = self._purses.pop(key, None)
            if purse is not None:
                self._store.settle(purse.hold, State.COMMITTED, {key: purse.reserved - purse.left}, now=now)

    def _forget(self, at: float, now: int) -> None:
        self._registers = {key: seen for key, seen in self._registers.items() if seen[1] >= at - self._ttl}
        self._give_back([key for key, purse in self._purses.items() if purse.until <= now], now)

    def give_back(self, *, now: int) -> None:
        """Return what was drawn and not spent; raises Unavailable, and then it stays charged."""
        with self._lock:
            self._give_back(list(self._purses), now)

    def _after_fork(self) -> None:
        """The chunks are the parent's: the child must not spend them again."""
        self._lock = threading.Lock()
        self._purses = {}

    # --- everything else is the other store's ---------------------------------------------------------
    @property
    def identity(self) -> bytes:
        """The other store's."""
        return self._store.identity

    def wait(self, after: int, timeout: float) -> None:
        """Do as the other store."""
        self._store.wait(after, timeout)

    def info(self) -> StoreInfo:
        """Return the other store's numbers: calls that were spared are not among them."""
        return self._store.info()

    def close(self) -> None:
        """Close the other store. Call `give_back` before, or what is left stays charged."""
        self._store.close()

    def _settle(self, hold_id: bytes, state: State, amounts: dict[bytes, int], now: int) -> Hold | None:
        return self._store.settle(hold_id, state, amounts, now=now)

    def _hold(self, hold_id: bytes) -> Hold | None:
        return self._store.hold(hold_id)

    def _holds(self, limit: int) -> list[Hold]:
        return self._store.holds(limit=limit)

    def _read(self, keys: list[bytes]) -> list[Counter | None]:
        return self._store.read(keys)

    def _top_up(self, counter: Counter) -> Counter:
        return self._store.top_up(counter)

    def _sweep(self, now: int, limit: int) -> Swept:
        return self._store.sweep(now=now, limit=limit)

    def _append(self, bodies: list[bytes], at: int, until: list[int], note: str) -> int:
        return self._store.append(bodies, at=at, until=until, note=note)

    def _entries(self, after: int, limit: int) -> tuple[int, list[Entry]]:
        return self._store.entries(after, limit=limit)

    def _note(self, lease: bytes, selectors: list[bytes], issued_at: int, until: int) -> None:
        self._store.note(lease, selectors, issued_at=issued_at, until=until)

    def _count(self, selector: bytes, before: int, now: int) -> int:
        return self._store.count(selector, before=before, now=now)
