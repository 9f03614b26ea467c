"""A store in the memory of one process: for tests, and where losing it is accepted."""

from __future__ import annotations

import heapq
import os
import threading
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Final, Generic, TypeVar

from .. import limits
from ..charges import Charge
from .base import ANEW, ROOM, Store
from .model import (
    Counter,
    Entry,
    Hold,
    Outcome,
    Reserve,
    State,
    Swept,
    Verdict,
    decide,
    held_by,
    settle,
)

N = TypeVar("N")
_CLOSED: Final = "it is closed, or was copied by a fork; open one that is shared"


class MemoryStore(Store):
    """Counters in this process: exact under threads, lost when it ends, seen by nobody else; in the
    child of a fork it refuses.

    Because it forgets, it refuses bound proofs that were made before its start or within 60 s after
    it: a proof that an earlier process took could come again. allow_proofs_from_before: take them, for a
    service that never ran before. It has to be the only instance for its audience.
    limit: of counters and reservations, and again of sightings; one more is Unavailable, and none is
    ever dropped for another.
    """

    name = "memory"
    shared = False
    durable = False

    def __init__(
        self,
        *,
        limit: int = limits.MAX_COUNTERS,
        timeout: float = limits.STORE_TIMEOUT,
        allow_proofs_from_before: bool = False,
    ) -> None:
        super().__init__(timeout=timeout)
        self._limit = limit
        self._lock = threading.Lock()
        self._news = threading.Condition()
        self._identity = os.urandom(16)
        self._open = True
        self._counters: dict[bytes, Counter] = {}
        self._reserved: dict[bytes, Hold] = {}
        self._ledger: list[Entry] = []
        self._head = 0
        self._seen: dict[bytes, dict[bytes, tuple[int, int]]] = defaultdict(dict)
        self._ends: _Ends[bytes] = _Ends()
        self._due: _Ends[bytes] = _Ends()
        self._sightings = 0
        self._unseen: _Ends[tuple[bytes, bytes]] = _Ends()
        born = int(time.time()) + limits.SKEW + limits.REPLAY_WINDOW
        self._horizon = 0 if allow_proofs_from_before else born

    def _apply(
        self, charges: Sequence[Charge], now: int, reserve: Reserve | None, ledger: int | None
    ) -> Outcome:
        counters = self._counters
        with self._lock:
            if not self._open:
                raise self.unavailable(_CLOSED, would_pass=ANEW)
            if ledger is not None and ledger != self._head:
                return Outcome(Verdict.BEHIND, self._head)
            rows = {c.key: counters[c.key] for c in charges if c.key in counters}
            known = self._reserved.get(reserve.id) if reserve else None
            outcome, changed = decide(charges, rows, self._horizon, reserve, known, now)
            fresh = 1 if reserve and outcome.verdict is Verdict.APPLIED else 0
            if (changed or fresh) and self._room() < len(changed) + fresh:
                self._forget(now, limits.MAX_COUNTERS)
                fresh += sum(row.key not in counters for row in changed)
                if fresh and self._room() < fresh:
                    why = f"it is full: {len(counters)} counters, {len(self._reserved)} reservations"
                    raise self.unavailable(why, would_pass=ROOM)
            for row in changed:
                before = counters.get(row.key)
                counters[row.key] = row
                if before is None or before.until != row.until:
                    self._ends.add(row.until, row.key)
            if reserve and outcome.verdict is Verdict.APPLIED:
                held = held_by(reserve, charges)
                self._reserved[reserve.id] = held
                self._due.add(reserve.expires, reserve.id)
            if self._ends.first <= now:
                self._forget(now, 100)
        return outcome

    def _room(self) -> int:
        return self._limit - len(self._counters) - len(self._reserved)

    def stands(self, attempts: Sequence[Charge], ledger: int | None) -> bool:
        """Say whether registers and ledger stand where the caller knows them to."""
        if not self._open or (ledger is not None and ledger != self._head):
            return False
        counters = self._counters
        for charge in attempts:
            row = counters.get(charge.key)
            if row is None or row.spent != charge.amount:
                return False
        return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock:
            if not self._open:
                raise self.unavailable("it is closed", would_pass=ANEW)
            yield

    def _settle(self, hold_id: bytes, state: State, amounts: dict[bytes, int], now: int) -> Hold | None:
        with self._locked():
            hold = self._reserved.get(hold_id)
            settled = None if hold is None else settle(hold, state, amounts, now)
            if hold is None or settled is None:
                return hold and hold._replace(state=hold.at(now))
            if hold.state is State.HELD:
                self._move(settled)
            return settled

    def _move(self, hold: Hold) -> None:
        """Take what a reservation held, and spend what was charged."""
        self._reserved[hold.id] = hold
        self._ends.add(hold.until, hold.id)
        for key, reserved, charged in hold.items:
            row = self._counters.get(key)
            if row is None:
                continue  # nothing was reserved of it
            self._counters[key] = row._replace(spent=row.spent + charged, held=row.held - reserved)
            if row.until <= self._horizon:
                self._ends.add(row.until, key)  # it may have been passed over while it was held

    def _hold(self, hold_id: bytes) -> Hold | None:
        with self._locked():
            return self._reserved.get(hold_id)

    def _holds(self, limit: int) -> list[Hold]:
        with self._locked():
            held = [hold for hold in self._reserved.values() if hold.state is State.HELD]
        return sorted(held, key=lambda hold: (hold.expires, hold.id))[:limit]

    def _read(self, keys: list[bytes]) -> list[Counter | None]:
        with self._locked():
            return [self._counters.get(key) for key in keys]

    def _top_up(self, counter: Counter) -> Counter:
        with self._locked():
            row = self._counters.get(counter.key) or counter._replace(extra=0)
            if row.extra + counter.extra > limits.SAFE_MAX:
                raise ValueError("topped up beyond 2^53-1")
            row = row._replace(extra=row.extra + counter.extra, until=max(row.until, counter.until))
            self._counters[counter.key] = row
            self._ends.add(row.until, row.key)
            return row

    def _sweep(self, now: int, limit: int) -> Swept:
        with self._locked():
            expired = 0
            for hold_id in self._due.pop(now, limit):
                hold = self._reserved.get(hold_id)
                if hold is not None and hold.state is State.HELD:
                    self._move(hold._replace(state=State.EXPIRED))
                    expired += 1
            forgotten = self._forget(now, limit) + self._unsee(now, limit)
            # the newest stays: by it a gate notices that the history is another
            old = (number for number, entry in enumerate(self._ledger[:-1]) if entry.until <= now)
            ended = list(islice(old, limit))
            for number in reversed(ended):
                del self._ledger[number]
            return Swept(expired, forgotten + len(ended))

    def _unsee(self, now: int, limit: int) -> int:
        """Drop sightings that ended."""
        dropped = 0
        for pair in self._unseen.pop(now, limit):
            selector, lease = pair
            seen = self._seen.get(selector, {})
            if seen.get(lease, (0, now + 1))[1] <= now:
                del seen[lease]
                self._sightings -= 1
                dropped += 1
                if not seen:
                    del self._seen[selector]
        return dropped

    def _forget(self, now: int, limit: int) -> int:
        """Drop counters and reservations that nobody can ask for any more."""
        self._horizon = max(self._horizon, now)
        dropped = 0
        for key in self._ends.pop(now, limit):
            row = self._counters.get(key)
            if row is not None and row.until <= now and not row.held:
                del self._counters[key]
                dropped += 1
            hold = self._reserved.get(key)
            if hold is not None and hold.until <= now:
                del self._reserved[key]
                dropped += 1
        return dropped

    # --- the ledger ---------------------------------------------------------------------------------
    def _append(self, bodies: list[bytes], at: int, until: list[int], note: str) -> int:
        with self._locked():
            for body, end in zip(bodies, until, strict=True):
                self._ledger.append(Entry(self._head + 1, at, end, body, note))
                self._head += 1
            head = self._head
        with self._news:
            self._news.notify_all()
        return head

    def _entries(self, after: int, limit: int) -> tuple[int, list[Entry]]:
        with self._locked():
            start = bisect_right(self._ledger, after, key=lambda entry: entry.seq)
            return self._head, self._ledger[start : start + limit]

    def wait(self, after: int, timeout: float) -> None:
        """Return at the next entry, or after `timeout` seconds."""
        with self._news:
            self._news.wait_for(lambda: self._head > after or not self._open, timeout)

    # --- leases that were seen ----------------------------------------------------------------------
    def _note(self, lease: bytes, selectors: list[bytes], issued_at: int, until: int) -> None:
        with self._locked():
            fresh = sum(lease not in self._seen.get(selector, ()) for selector in set(selectors))
            if fresh and self._sightings + fresh > self._limit:
                self._unsee(int(time.time()), limits.MAX_COUNTERS)
                if self._sightings + fresh > self._limit:
                    raise self.unavailable(f"it is full: {self._sightings} sightings", would_pass=ROOM)
            self._sightings += fresh
            for selector in selectors:
                if lease not in self._seen[selector]:
                    self._unseen.add(until, (selector, lease))
                self._seen[selector][lease] = issued_at, until

    def _count(self, selector: bytes, before: int, now: int) -> int:
        with self._locked():
            seen = self._seen.get(selector, {}).values()
            return sum(issued_at < before and until > now for issued_at, until in seen)

    def _after_fork(self) -> None:
        """Refuse: two copies of the same counters would each grant what is left."""
        self._lock, self._news = threading.Lock(), threading.Condition()
        self._open = False

    def close(self) -> None:
        """Refuse from now on."""
        self._open = False
        with self._news:
            self._news.notify_all()


class _Ends(Generic[N]):
    """What ends when: names by second, the first to end at hand; each step is O(log seconds)."""

    def __init__(self) -> None:
        self._at: dict[int, list[N]] = {}
        self._heap: list[int] = []
        self.first: float = float("inf")

    def add(self, second: int, name: N) -> None:
        names = self._at.get(second)
        if names is None:
            self._at[second] = [name]
            heapq.heappush(self._heap, second)
            self.first = self._heap[0]
        else:
            names.append(name)

    def pop(self, now: int, limit: int) -> list[N]:
        """Return names that end by now, a few seconds' worth: about `limit`."""
        out: list[N] = []
        while self._heap and self._heap[0] <= now and len(out) < limit:
            out += self._at.pop(heapq.heappop(self._heap))
        self.first = self._heap[0] if self._heap else float("inf")
        return out
