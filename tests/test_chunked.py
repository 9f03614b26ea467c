"""Chunks: budgets are spent here out of what was charged there, never more, and given back.

worker 1 ─ ChunkedStore ─┐
                         ├─ one store, a budget of 1000 calls
worker 2 ─ ChunkedStore ─┘
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from build import RING, lease
from test_store import NOW, attempt, budget, final, replay

from attenuate import Gate, Refused, Unavailable, Verifier
from attenuate.ledger import Ledger, Selector
from attenuate.store import MemoryStore, Reserve, State, Store, Verdict, chunked
from attenuate.store.chunked import ChunkedStore

APPLIED, REPEATED, REFUSED, BEHIND, SETTLED = Verdict
Reopen = Callable[..., Store]


def calls(store: Store) -> int:
    return store.info().calls


def spend(store: Store, most: int = 10_000) -> int:
    """Charge one at a time until refused; return how many were granted."""
    for count in range(most):
        if store.apply([budget(1, 1000), attempt(1)], now=NOW).verdict is not APPLIED:
            return count
    return most


def at(store: Store) -> Any:
    return store.read([budget(1).key])[0]


def test_workers_together_grant_what_the_budget_has(reopen: Reopen) -> None:
    workers = [ChunkedStore(reopen(), size=70) for _ in range(2)]
    granted = [0, 0]

    def work(number: int) -> None:
        granted[number] = spend(workers[number])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # what one could not draw the other may have had in hand: nothing is lost when it is given back
    for worker in workers:
        worker.give_back(now=NOW)
    assert sum(granted) + spend(workers[0]) == 1000
    assert at(reopen()).spent + at(reopen()).held == 1000


def test_a_round_trip_for_each_chunk_and_not_for_each_call() -> None:
    store = MemoryStore()
    worker = ChunkedStore(store, size=100)
    before = calls(store)
    for _ in range(100):
        assert worker.apply([budget(1, 1000), attempt(1)], now=NOW).verdict is APPLIED
    assert calls(store) - before == 1
    plain = calls(store)
    for _ in range(100):  # the control: without chunks each call is one
        store.apply([budget(1, 1000), attempt(1)], now=NOW)
    assert calls(store) - plain == 100


def test_what_is_left_is_told_and_given_back(reopen: Reopen) -> None:
    worker = ChunkedStore(reopen(), size=50)
    assert worker.apply([budget(3, 1000)], now=NOW).found == (997,)
    assert worker.apply([budget(3, 1000)], now=NOW).found == (994,)
    assert at(worker).held == 150
    worker.give_back(now=NOW)
    assert (at(worker).spent, at(worker).held) == (6, 0)
    worker.give_back(now=NOW)
    assert (at(worker).spent, at(worker).held) == (6, 0)


def test_what_a_dead_worker_had_stays_charged(reopen: Reopen) -> None:
    ChunkedStore(reopen(), size=50, hold_for=5).apply([budget(1, 1000)], now=NOW)
    other = reopen()
    assert other.sweep(now=NOW + 5).expired == 1
    assert (at(other).spent, at(other).held) == (50, 0)


def test_the_end_of_a_budget_is_charged_as_it_is(reopen: Reopen) -> None:
    worker = ChunkedStore(reopen(), size=100)
    for amount, left in ((4, 6), (4, 2)):
        assert worker.apply([budget(amount)], now=NOW).found == (left,)
    assert worker.apply([budget(3)], now=NOW) == (REFUSED, 0, (2,))
    assert worker.apply([budget(2)], now=NOW).verdict is APPLIED
    assert (at(worker).spent, at(worker).held) == (10, 0)


def test_every_level_of_a_chain_is_spent(reopen: Reopen) -> None:
    worker = ChunkedStore(reopen(), size=10)
    parent = budget(1, 25, "parent")
    granted = dict.fromkeys(("left", "right"), 0)
    for turn in range(60):
        name = ("left", "right")[turn % 2]
        if worker.apply([parent, budget(1, 20, name)], now=NOW).verdict is APPLIED:
            granted[name] += 1
    assert sum(granted.values()) == 25
    worker.give_back(now=NOW)
    for name, count in (("parent", 25), *granted.items()):
        row = worker.read([budget(1, 1, name).key])[0]
        assert row is not None
        assert (row.spent, row.held) == (count, 0)


def test_what_ends_a_lease_or_reserves_goes_through(reopen: Reopen) -> None:
    worker = ChunkedStore(reopen(), size=10)
    assert worker.apply([budget(1), final(1)], now=NOW).verdict is APPLIED
    assert worker.apply([budget(1), final(0)], now=NOW) == (REFUSED, 1, (1,))
    reserve = Reserve(b"i" * 32, NOW + 60)
    assert worker.apply([budget(2)], now=NOW, reserve=reserve).verdict is APPLIED
    assert worker.apply([budget(2)], now=NOW, reserve=reserve).verdict is REPEATED
    hold = worker.settle(reserve.id, State.COMMITTED, {budget(1).key: 1}, now=NOW)
    assert hold is not None
    assert hold.items[0][2] == 1
    proof = replay(until=int(time.time()) + 120)
    verdicts = [worker.apply([proof], now=NOW).verdict for _ in range(2)]
    assert verdicts[-1] is REFUSED


def test_a_stale_attempt_is_refused_after_ttl_and_a_raise_at_once(reopen: Reopen) -> None:
    with mock.patch.object(chunked, "monotonic", side_effect=lambda: clock[0]):
        clock = [100.0]
        worker = ChunkedStore(reopen(), size=10, ttl=1.0)
        assert worker.apply([budget(1), attempt(1)], now=NOW).verdict is APPLIED
        assert reopen().apply([attempt(2)], now=NOW).verdict is APPLIED
        assert worker.apply([budget(1), attempt(1)], now=NOW).verdict is APPLIED  # not older than ttl
        clock[0] += 1.1
        assert worker.apply([budget(1), attempt(1)], now=NOW) == (REFUSED, 1, (2,))
        assert worker.apply([budget(1), attempt(3)], now=NOW).verdict is APPLIED
        assert reopen().apply([attempt(2)], now=NOW).verdict is REFUSED


def test_the_ledger_is_looked_at_after_ttl(reopen: Reopen) -> None:
    with mock.patch.object(chunked, "monotonic", side_effect=lambda: clock[0]):
        clock = [100.0]
        worker = ChunkedStore(reopen(), size=10, ttl=1.0)
        gate = Gate(Verifier(RING, audience="github"), worker)
        token = lease(budget={"calls": 100}).token
        ask: Any = {"action": "repo.read", "run": "agt_1@2", "facts": {"repo": "clord"}, "now": NOW_OF_LEASE}
        gate.check(token, **ask)
        Ledger(reopen()).revoke(Selector.make("run", "agt_1@2"))
        clock[0] += 1.1
        with pytest.raises(Refused, match="revoked"):
            gate.check(token, **ask)


NOW_OF_LEASE = 1_800_000_001


def test_a_fork_does_not_spend_the_same_chunk_again() -> None:
    worker = ChunkedStore(MemoryStore(), size=10)
    worker.apply([budget(1)], now=NOW)
    assert worker._purses
    child = os.fork()
    if not child:
        refused = False
        try:
            worker.apply([budget(1)], now=NOW)
        except Unavailable:
            refused = True  # a store in memory refuses in a fork; a shared one would be asked
        os._exit(0 if refused and not worker._purses else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert worker._purses


@pytest.mark.parametrize("options", [{"size": 1}, {"size": 2.5}, {"ttl": 0}, {"ttl": 61}, {"hold_for": 0}])
def test_what_is_no_chunk_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="give"):
        ChunkedStore(MemoryStore(), **options)
