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

from attenuate import Gate, Refused, Unavailable, Verifier, fields
from attenuate.ledger import Ledger, Selector
from attenuate.store import MemoryStore, Reserve, State, Store, Verdict, chunked
from attenuate.store.chunked import ChunkedStore
from attenuate.store.model import CHUNK_ID

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
    with mock.patch.object(chunked, "steady", side_effect=lambda: clock[0]):
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
    with mock.patch.object(chunked, "steady", side_effect=lambda: clock[0]):
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


class Slow(MemoryStore):
    """Every answer takes a round trip."""

    def _apply(self, *arguments: Any) -> Any:
        time.sleep(0.02)
        return super()._apply(*arguments)

    def _settle(self, *arguments: Any) -> Any:
        time.sleep(0.02)
        return super()._settle(*arguments)


def test_who_has_no_budget_left_keeps_nobody_waiting() -> None:
    worker = ChunkedStore(Slow(timeout=0.5), size=1000, ttl=60)
    victim, spent = budget(1, 100_000, "victim"), budget(1, 1, "spent")
    for charge in (victim, spent):
        assert worker.apply([charge], now=NOW).verdict is APPLIED
    stop = threading.Event()
    failed: list[Unavailable] = []

    def ask() -> None:
        while not stop.is_set():
            try:
                assert worker.apply([spent], now=NOW).verdict is REFUSED
            except Unavailable as error:
                failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(30)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    took = []
    for _ in range(30):
        began = time.perf_counter()
        assert worker.apply([victim], now=NOW).verdict is APPLIED
        took.append(time.perf_counter() - began)
    stop.set()
    for thread in threads:
        thread.join()
    assert sorted(took)[15] < 0.01  # not one round trip
    assert not failed


def test_who_stands_still_stops_one_counter_only() -> None:
    worker = ChunkedStore(MemoryStore(timeout=0.3), size=10, ttl=60)
    names = [f"n{number}" for number in range(200)]
    worker.apply([budget(1, 100, "n0")], now=NOW)
    stripe = worker._stripes[hash(budget(1, name="new").key) % chunked.STRIPES]
    with stripe:
        assert worker.apply([budget(1, 100, "n0")], now=NOW).verdict is APPLIED  # out of its purse
        with pytest.raises(Unavailable, match=r"no answer within 0.3 s"):
            worker.apply([budget(1, 100, "new")], now=NOW)
        other = next(
            n for n in names if worker._stripes[hash(budget(1, name=n).key) % chunked.STRIPES] != stripe
        )
        assert worker.apply([budget(1, 100, other)], now=NOW).verdict is APPLIED


def test_threads_that_draw_of_one_counter_in_two_orders_lose_nothing(reopen: Reopen) -> None:
    worker = ChunkedStore(reopen(timeout=20), size=5, ttl=60)
    parent = budget(1, 150, "parent")
    granted: list[int] = []

    def work(number: int) -> None:
        child = budget(1, 40, f"child{number % 4}")
        batch = [parent, child] if number % 2 else [child, parent]
        granted.append(sum(worker.apply(batch, now=NOW).verdict is APPLIED for _ in range(40)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    worker.give_back(now=NOW)
    keys = [parent.key, *[budget(1, 40, f"child{n}").key for n in range(4)]]
    rows = [row for row in worker.read(keys) if row]
    assert len(granted) == 8
    assert sum(granted) == rows[0].spent == sum(row.spent for row in rows[1:])
    assert 140 < rows[0].spent <= 150
    assert [row.held for row in rows] == [0] * 5
    assert worker.holds() == []


def test_a_purse_that_another_emptied_is_asked_for_again() -> None:
    worker = ChunkedStore(MemoryStore(), size=2)
    learnt = worker._learnt
    tries: list[int] = []

    def emptied(*arguments: Any) -> Any:
        out = learnt(*arguments)
        tries.append(1)
        if len(tries) < 3:
            worker._purses[budget(1).key].left = 0
        return out

    with mock.patch.object(worker, "_learnt", emptied):
        assert worker.apply([budget(1, 100)], now=NOW).verdict is APPLIED
    assert len(tries) == 3
    with mock.patch.object(worker, "_learnt", lambda *a: (learnt(*a), worker._purses.clear())[0]):
        assert worker.apply([budget(3, 100)], now=NOW).verdict is APPLIED  # in the end as it is
    assert at(worker).spent == 4 + 1 + 3  # of two chunks that were emptied, of the third, and as it is
    assert at(worker).held == chunked.TRIES * 6


def test_a_cost_of_nothing_is_charged(reopen: Reopen) -> None:
    worker = ChunkedStore(reopen(), size=10)
    assert worker.apply([budget(0)], now=NOW) == (APPLIED, 0, (10,))
    assert worker.apply([budget(0)], now=NOW) == (APPLIED, 0, (10,))
    assert worker.holds() == []
    assert worker.apply([budget(1)], now=NOW) == (APPLIED, 0, (9,))
    assert worker.apply([budget(0), budget(0, 5, "y")], now=NOW) == (APPLIED, 0, (9, 5))


def test_its_own_chunks_refuse_nothing_of_its_own(reopen: Reopen) -> None:
    worker = ChunkedStore(reopen(), size=10)
    worker.apply([budget(1)], now=NOW)
    assert at(worker).held == 10
    assert worker.apply([budget(2)], now=NOW, reserve=Reserve(b"i" * 32, NOW + 60)).verdict is APPLIED
    worker.apply([budget(1)], now=NOW)
    proof = replay(until=int(time.time()) + 300)
    assert worker.apply([budget(1), proof], now=NOW).verdict is APPLIED
    worker.apply([budget(1)], now=NOW)
    assert worker.apply([final(1), budget(1)], now=NOW).verdict is APPLIED
    assert worker.apply([final(1), budget(1)], now=NOW) == (REFUSED, 0, (1,))
    assert worker.apply([replay(b"m", proof.until), budget(4)], now=NOW) == (REFUSED, 1, (3,))
    worker.give_back(now=NOW)
    assert (at(worker).spent, at(worker).held) == (5, 2)


def test_after_close_nothing_is_granted() -> None:
    worker = ChunkedStore(MemoryStore(), size=10, ttl=60)
    for _ in range(2):
        worker.apply([budget(1), attempt(1)], now=NOW, ledger=0)
    assert worker.stands([attempt(1)], 0)
    worker.close()
    assert not worker.stands([attempt(1)], 0)
    for charges in ([budget(1), attempt(1)], [attempt(1)], [final(1)], []):
        with pytest.raises(Unavailable, match=r"closed.*opened anew"):
            worker.apply(charges, now=NOW, ledger=0)


def test_chunks_are_told_from_reservations(reopen: Reopen) -> None:
    worker = ChunkedStore(reopen(), size=10)
    worker.apply([budget(1), budget(1, name="y")], now=NOW)
    ids = [hold.id for hold in worker.holds()]
    assert len(set(ids)) == 2
    assert all(each.startswith(CHUNK_ID) and len(each) == 32 for each in ids)


def test_what_is_known_grows_old_while_the_machine_sleeps() -> None:
    assert chunked.steady is fields.steady
    assert abs(fields.steady() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 5


def test_what_ended_is_forgotten() -> None:
    worker = ChunkedStore(MemoryStore(), size=2, ttl=0.01)
    with mock.patch.object(chunked, "MOST", 10):
        for number in range(12):
            worker.apply([budget(1, 4, str(number), until=NOW), attempt(1, name=str(number))], now=NOW)
            time.sleep(0.011)
    assert len(worker._purses) + len(worker._registers) < 12
    assert all(row.spent == 1 for row in worker.read([budget(1, name="0").key]) if row)


@pytest.mark.parametrize("options", [{"size": 1}, {"size": 2.5}, {"ttl": 0}, {"ttl": 61}, {"hold_for": 0}])
def test_what_is_no_chunk_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="give"):
        ChunkedStore(MemoryStore(), **options)
