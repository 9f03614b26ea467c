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
from typing import Final

from ..charges import Charge
from ..fields import steady
from .base import ANEW, Store, StoreInfo
from .model import CHUNK_ID, Counter, Entry, Hold, Outcome, Reserve, State, Swept, Verdict

STRIPES: Final = 64
"""Locks by counter: who draws a chunk of one waits for others that draw of it, and mostly for no one else."""
TRIES: Final = 4
"""Times that a chunk is drawn for one request before it is charged as it is."""
MOST: Final = 100_000
"""Purses, registers and counters without a whole chunk that are remembered before what ended is forgotten."""


class _Purse:
    """What is left here of a chunk. beyond: what the store had left after it. hold: None where nothing was drawn."""

    __slots__ = ("beyond", "hold", "left", "reserved", "until")

    def __init__(self, hold: bytes | None, reserved: int, beyond: int, until: int) -> None:
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
        self._identity = store.identity
        self._size, self._ttl, self._hold_for = size, ttl, hold_for
        self.durable = store.durable
        self._open = True
        self._lock = threading.Lock()  # short: never held while the other store is asked
        self._stripes = [threading.Lock() for _ in range(STRIPES)]
        self._purses: dict[bytes, _Purse] = {}
        self._registers: dict[bytes, tuple[int, float]] = {}
        self._dry: dict[bytes, float] = {}
        self._head: tuple[int | None, float] = (None, 0.0)
        self._forgot = float("-inf")

    def stands(self, attempts: Sequence[Charge], ledger: int | None) -> bool:
        """Say whether registers and ledger stood so at most `ttl` seconds ago."""
        if not self._open:
            return False
        oldest = steady() - self._ttl
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
        budgets = [charge for charge in charges if charge.kind == "budget"]
        attempts = [charge for charge in charges if charge.kind == "attempt"]
        if reserve or len(budgets) + len(attempts) < len(charges):
            return self._through(charges, now, reserve, ledger)
        end = monotonic() + self.timeout
        stripe = self._stripes[hash((budgets or charges)[0].key) % STRIPES] if charges else threading.Lock()
        for _ in range(TRIES):
            outcome = self._known(charges, attempts, ledger)
            if outcome is not None:
                return outcome
            if self._is_dry(budgets):
                break
            if not stripe.acquire(timeout=max(0.0, end - monotonic())):
                raise self.unavailable(f"no answer within {self.timeout:g} s")
            try:
                outcome = self._known(charges, attempts, ledger)  # who had the lock may have drawn for us too
                if outcome is None and not self._is_dry(budgets):
                    outcome = self._asked(charges, budgets, attempts, now, ledger)
            finally:
                stripe.release()
            if outcome is not None:
                return outcome
        return self._through(charges, now, None, ledger)

    def _is_dry(self, budgets: list[Charge]) -> bool:
        """Say whether one of these counters had no whole chunk a moment ago."""
        oldest = steady() - self._ttl
        return any(self._dry.get(charge.key, float("-inf")) > oldest for charge in budgets)

    def _known(self, charges: Sequence[Charge], attempts: list[Charge], ledger: int | None) -> Outcome | None:
        """Spend out of purses without asking; None where that cannot be."""
        return self._spent(charges) if self.stands(attempts, ledger) else None

    def _spent(self, charges: Sequence[Charge]) -> Outcome | None:
        """Spend out of purses; None where one has not enough. Registers and ledger were looked at."""
        with self._lock:
            if not self._open:
                raise self.unavailable("it is closed", would_pass=ANEW)
            if self._short(charges):
                return None
            found = []
            for charge in charges:
                if charge.kind == "budget":
                    purse = self._purses[charge.key]
                    purse.left -= charge.amount
                    found.append(purse.left + purse.beyond)
                else:
                    found.append(charge.amount)
            return Outcome(Verdict.APPLIED, 0, tuple(found))

    def _short(self, charges: Sequence[Charge]) -> list[Charge]:
        """Return the budgets whose purse has not enough or is not there. Under the lock."""
        out = []
        for charge in charges:
            if charge.kind == "budget":
                purse = self._purses.get(charge.key)
                if purse is None or purse.left < charge.amount:
                    out.append(charge)
        return out

    def _asked(
        self,
        charges: Sequence[Charge],
        budgets: list[Charge],
        attempts: list[Charge],
        now: int,
        ledger: int | None,
    ) -> Outcome | None:
        """Draw a chunk for each budget that is short. None: look again; what refuses otherwise is returned."""
        began = steady()
        with self._lock:
            short: list[Charge | None] = [*self._short(budgets)]
        for charge in short or (None,):
            draw, hold = [], None
            if charge is not None:
                self._give_back([charge.key], now)
                draw = [
                    charge._replace(
                        amount=max(min(charge.amount * self._size, charge.ceiling), charge.amount)
                    )
                ]
                if charge.amount:
                    hold = Reserve(CHUNK_ID + os.urandom(32 - len(CHUNK_ID)), now + self._hold_for)
            outcome = self._store.apply([*attempts, *draw], now=now, reserve=hold, ledger=ledger)
            if outcome.verdict is Verdict.REFUSED and outcome.number < len(attempts):
                return outcome._replace(number=charges.index(attempts[outcome.number]))
            if outcome.verdict is Verdict.REFUSED:
                with self._lock:
                    self._dry[draw[0].key] = steady()
                return None
            if outcome.verdict is not Verdict.APPLIED:
                return outcome
            spare = self._learnt(attempts, draw, hold, outcome.found, began, ledger)
            if spare is not None:
                self._settled(draw[0].key, spare, now)
        many = len(self._purses) + len(self._registers) + len(self._dry) > MOST
        if many and self._forgot < began - self._ttl:
            self._forgot = began
            self._forget(began, now)
        return self._spent(charges)

    def _learnt(
        self,
        attempts: list[Charge],
        draw: list[Charge],
        hold: Reserve | None,
        found: tuple[int, ...],
        began: float,
        ledger: int | None,
    ) -> _Purse | None:
        """Keep what the store answered; return a purse to give back, where another was drawn meanwhile."""
        with self._lock:
            if ledger is not None and began >= self._head[1]:
                self._head = ledger, began
            for each, register in zip(attempts, found, strict=False):
                if began >= self._registers.get(each.key, (0, 0.0))[1]:
                    self._registers[each.key] = register, began
            if not draw:
                return None
            key = draw[0].key
            new = _Purse(hold and hold.id, draw[0].amount, found[-1], draw[0].until)
            other = self._purses.get(key)
            if other is not None and other.left >= new.left:
                return new
            self._purses[key] = new
            return other

    def _through(
        self, charges: Sequence[Charge], now: int, reserve: Reserve | None, ledger: int | None
    ) -> Outcome:
        """Charge as it is. Where a budget refuses of which a chunk is here, give that back and ask once more."""
        if not self._open:
            raise self.unavailable("it is closed", would_pass=ANEW)
        outcome = self._store.apply(charges, now=now, reserve=reserve, ledger=ledger)
        if outcome.verdict is Verdict.REFUSED and charges[outcome.number].kind == "budget":
            given = self._give_back([each.key for each in charges if each.kind == "budget"], now)
            if given:
                outcome = self._store.apply(charges, now=now, reserve=reserve, ledger=ledger)
        return outcome

    def _give_back(self, keys: Sequence[bytes], now: int) -> int:
        """Settle the chunks of these counters, and return how many; one that has expired stays charged."""
        given = 0
        for key in keys:
            with self._lock:
                purse = self._purses.pop(key, None)  # from here on nobody spends of it
            if purse is not None:
                given += self._settled(key, purse, now)
        return given

    def _settled(self, key: bytes, purse: _Purse, now: int) -> bool:
        """Settle a chunk that is in no purse any more, for what was spent."""
        if purse.hold is not None:
            self._store.settle(purse.hold, State.COMMITTED, {key: purse.reserved - purse.left}, now=now)
        return purse.hold is not None

    def _forget(self, at: float, now: int) -> None:
        oldest = at - self._ttl
        with self._lock:
            self._registers = {key: seen for key, seen in self._registers.items() if seen[1] >= oldest}
            self._dry = {key: seen for key, seen in self._dry.items() if seen >= oldest}
            ended = [key for key, purse in self._purses.items() if purse.until <= now]
        self._give_back(ended, now)

    def give_back(self, *, now: int) -> None:
        """Return what was drawn and not spent; raises Unavailable, and then it stays charged."""
        with self._lock:
            keys = list(self._purses)
        self._give_back(keys, now)

    def _after_fork(self) -> None:
        """The chunks are the parent's: the child must not spend them again."""
        self._lock = threading.Lock()
        self._stripes = [threading.Lock() for _ in range(STRIPES)]
        self._purses = {}

    # --- everything else is the other store's ---------------------------------------------------------
    def wait(self, after: int, timeout: float) -> None:
        """Do as the other store."""
        self._store.wait(after, timeout)

    def info(self) -> StoreInfo:
        """Return the other store's numbers: calls that were spared are not among them."""
        return self._store.info()

    def close(self) -> None:
        """Refuse, and close the other store. Call `give_back` before, or what is left stays charged."""
        with self._lock:
            self._open = False
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
