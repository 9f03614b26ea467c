"""Every store does the same: one suite over memory, SQLite, Redis and PostgreSQL."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import backends
import pytest
from conftest import STORES
from hypothesis import given, settings
from hypothesis import strategies as st

from attenuate import codec, limits
from attenuate.charges import Charge
from attenuate.errors import Unavailable
from attenuate.store import Counter, Reserve, State, Store, Verdict, open_store

NOW = int(time.time())
LATER = NOW + 1000
MOST = limits.SAFE_MAX
APPLIED, REPEATED, REFUSED, BEHIND, SETTLED = Verdict
A, B = b"a" * 32, b"b" * 32

Reopen = Callable[..., Store]


def key(*parts: object) -> bytes:
    return codec.encode(list(parts))


def budget(amount: int, ceiling: int = 10, name: str = "x", until: int = LATER) -> Charge:
    return Charge("budget", key("budget", b"b" * 16, name), amount, ceiling, until)


def final(amount: int, name: str = "x") -> Charge:
    return Charge("final", key("final", name.encode()), amount, amount, LATER)


def attempt(number: int, *, raises: bool = True, name: str = "run", until: int = MOST) -> Charge:
    return Charge("attempt", key("attempt", "key", name), number, MOST, until, raises)


def replay(nonce: bytes = b"n", until: int = NOW + 120) -> Charge:
    return Charge("replay", key("replay", b"h" * 32, nonce), 1, 1, until)


def at(store: Store, charge: Charge) -> Counter | None:
    return store.read([charge.key])[0]


# --- the verb --------------------------------------------------------------------------------------
def test_a_budget_is_spent_and_then_refuses(store: Store) -> None:
    assert store.apply([budget(7)], now=NOW) == (APPLIED, 0, (3,))
    assert store.apply([budget(4)], now=NOW) == (REFUSED, 0, (3,))
    assert store.apply([budget(3)], now=NOW) == (APPLIED, 0, (0,))
    assert store.apply([budget(1)], now=NOW) == (REFUSED, 0, (0,))
    row = at(store, budget(1))
    assert row == Counter(budget(1).key, 10, 0, 0, 10, LATER + limits.CLOCK_SLACK)
    assert row
    assert row.left == 0


def test_a_batch_is_all_or_nothing(store: Store) -> None:
    store.apply([budget(9, name="z")], now=NOW)
    batch = [budget(1), attempt(5), replay(), final(1), budget(2, name="z")]
    assert store.apply(batch, now=NOW) == (REFUSED, 4, (1,))
    assert store.read([charge.key for charge in batch])[:4] == [None] * 4
    batch[-1] = budget(1, name="z")
    assert store.apply(batch, now=NOW) == (APPLIED, 0, (9, 5, 1, 1, 0))
    assert [row and row.spent for row in store.read([c.key for c in batch])] == [1, 5, 1, 1, 10]


def test_a_smaller_ceiling_binds_and_what_is_left_can_be_below_zero(store: Store) -> None:
    store.apply([budget(7)], now=NOW)
    assert store.apply([budget(1, 5)], now=NOW) == (REFUSED, 0, (-2,))
    assert store.apply([budget(0, 5)], now=NOW) == (REFUSED, 0, (-2,))
    assert store.apply([budget(1, 20)], now=NOW) == (APPLIED, 0, (12,))


def test_the_latest_until_counts(store: Store) -> None:
    for charge in (budget(1, until=LATER + 7), budget(1, until=LATER), attempt(1, until=LATER + 7)):
        store.apply([charge], now=NOW)
    store.apply([attempt(2, until=LATER)], now=NOW)
    for row in store.read([budget(0).key, attempt(0).key]):
        assert row
        assert row.until == LATER + 7 + limits.CLOCK_SLACK
    assert store.top_up(Counter(budget(0).key, extra=1, until=1)).until == LATER + 7 + limits.CLOCK_SLACK


def test_attempts_only_rise_and_only_where_a_block_states_them(store: Store) -> None:
    assert store.apply([attempt(3, raises=False)], now=NOW) == (APPLIED, 0, (0,))
    assert at(store, attempt(3)) is None
    assert store.apply([attempt(3)], now=NOW) == (APPLIED, 0, (3,))
    assert store.apply([attempt(9, raises=False)], now=NOW) == (APPLIED, 0, (3,))
    assert store.apply([attempt(2)], now=NOW) == (REFUSED, 0, (3,))
    assert store.apply([attempt(2, raises=False)], now=NOW) == (REFUSED, 0, (3,))
    assert store.apply([attempt(MOST)], now=NOW) == (APPLIED, 0, (MOST,))
    assert store.apply([attempt(MOST - 1)], now=NOW) == (REFUSED, 0, (MOST,))


def test_final_ends(store: Store) -> None:
    assert store.apply([final(0)], now=NOW) == (APPLIED, 0, (0,))
    assert at(store, final(0)) is None
    assert store.apply([final(1)], now=NOW) == (APPLIED, 0, (1,))
    assert store.apply([final(0)], now=NOW) == (REFUSED, 0, (1,))
    assert store.apply([final(1)], now=NOW) == (REFUSED, 0, (1,))


def test_a_proof_passes_once_and_never_after_it_may_be_forgotten(store: Store) -> None:
    assert store.apply([replay()], now=NOW) == (APPLIED, 0, (1,))
    assert store.apply([replay()], now=NOW) == (REFUSED, 0, (1,))
    store.apply([replay(b"other")], now=NOW)
    assert store.sweep(now=NOW + 119).forgotten == 0
    assert store.apply([replay()], now=NOW) == (REFUSED, 0, (1,))
    assert store.sweep(now=NOW + 120).forgotten == 2
    assert at(store, replay()) is None
    assert store.apply([replay()], now=NOW) == (REFUSED, 0, (0,))
    assert store.apply([replay(b"new")], now=NOW) == (REFUSED, 0, (0,))
    assert store.sweep(now=NOW) == (0, 0)
    assert store.apply([replay(b"new")], now=NOW) == (REFUSED, 0, (0,))  # the horizon never goes back
    assert store.apply([replay(b"new", NOW + 121)], now=NOW).verdict is APPLIED


def test_a_batch_that_only_looks_writes_nothing(store: Store) -> None:
    looks = [budget(0), final(0), attempt(4, raises=False), replay()._replace(amount=0)]
    assert store.apply(looks, now=NOW) == (APPLIED, 0, (10, 0, 0, 0))
    assert store.read([charge.key for charge in looks]) == [None] * 4


def test_charges_of_one_counter_count_together(store: Store) -> None:
    assert store.apply([budget(4), attempt(1), budget(4)], now=NOW) == (APPLIED, 0, (2, 1, 2))
    assert store.apply([attempt(1), budget(1), budget(2)], now=NOW) == (REFUSED, 1, (2,))
    assert store.apply([budget(1), budget(1, 9)], now=NOW) == (REFUSED, 0, (1,))
    assert store.apply([budget(MOST, MOST)] * 2000, now=NOW) == (REFUSED, 0, (MOST - 8,))
    with pytest.raises(ValueError, match="do not go together"):
        store.apply([attempt(1), attempt(2)], now=NOW)


def test_the_largest_numbers_are_exact(store: Store) -> None:
    assert store.apply([budget(MOST - 1, MOST)], now=NOW) == (APPLIED, 0, (1,))
    assert store.apply([budget(2, MOST)], now=NOW) == (REFUSED, 0, (1,))
    assert store.apply([budget(MOST, MOST)], now=NOW) == (REFUSED, 0, (1,))
    assert store.apply([budget(1, MOST)], now=NOW) == (APPLIED, 0, (0,))
    assert store.apply([budget(1, MOST)], now=NOW) == (REFUSED, 0, (0,))
    assert store.apply([budget(0, 0)], now=NOW) == (REFUSED, 0, (-MOST,))
    assert store.apply([budget(MOST, MOST, "y")], now=NOW, reserve=Reserve(A, LATER)).verdict is APPLIED
    assert store.apply([budget(1, MOST, "y")], now=NOW) == (REFUSED, 0, (0,))
    store.top_up(Counter(budget(1).key, extra=MOST))
    assert store.apply([budget(1, MOST)], now=NOW) == (REFUSED, 0, (0,))
    row = at(store, budget(1))
    assert row
    assert (row.spent, row.extra, row.left) == (MOST, MOST, 0)
    wide = budget(MOST, MOST, "u", MOST)
    assert store.apply([wide], now=NOW).verdict is APPLIED
    assert at(store, wide) == Counter(wide.key, MOST, 0, 0, MOST, MOST)


def test_an_empty_batch_asks_the_ledger_only(store: Store) -> None:
    assert store.apply([], now=NOW) == (APPLIED, 0, ())
    assert store.apply([], now=NOW, ledger=0) == (APPLIED, 0, ())
    assert store.apply([], now=NOW, ledger=3) == (BEHIND, 0, ())


@pytest.mark.parametrize(
    "wrong",
    [
        budget(-1),
        budget(MOST + 1),
        budget(1, MOST + 1),
        budget(1, -1),
        budget(1, until=-1),
        budget(1)._replace(amount=1.0),
        budget(1)._replace(amount=True),
        budget(1)._replace(kind="revoked"),
        budget(1)._replace(key="text"),
    ],
    ids=repr,
)
def test_what_is_no_charge_is_refused(store: Store, wrong: Charge) -> None:
    with pytest.raises(ValueError):
        store.apply([budget(1), wrong], now=NOW)
    assert at(store, budget(1)) is None


def test_other_numbers_are_refused_too(store: Store) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: store.apply([budget(1)], now=-1),
        lambda: store.apply([budget(1)], now=NOW + 0.5),
        lambda: store.apply([budget(1)], now=NOW, ledger=-1),
        lambda: store.apply([budget(1)], now=NOW, reserve=Reserve(b"short", LATER)),
        lambda: store.apply([budget(1)], now=NOW, reserve=Reserve(A, MOST + 1)),
        lambda: store.settle(A, State.EXPIRED, {}, now=NOW),
        lambda: store.settle(A, State.HELD, {}, now=NOW),
        lambda: store.settle(b"", State.COMMITTED, {}, now=NOW),
        lambda: store.settle(A, State.COMMITTED, {budget(1).key: -1}, now=NOW),
        lambda: store.top_up(Counter(budget(1).key, extra=0)),
        lambda: store.top_up(Counter(budget(1).key, extra=MOST + 1)),
        lambda: store.top_up(Counter(budget(1).key, extra=1, until=MOST + 1)),
        lambda: store.append([b"x"], at=0, until=[]),
        lambda: store.append([b"x"], at=2**63, until=[LATER]),
        lambda: store.append([b"x", b"y"], at=1, until=[LATER, -1]),
        lambda: store.append([b"x"], at=1, until=[LATER], note="\ud800"),
        lambda: store.entries(-1),
        lambda: store.entries(0, limit=0),
        lambda: store.holds(limit=0),
        lambda: store.sweep(now=NOW, limit=0),
        lambda: store.note(A, [b"s"], issued_at=-1, until=1),
        lambda: store.count("s", before=1, now=1),
        lambda: store.read(["k"]),
    ]
    for call in calls:
        with pytest.raises(ValueError):
            call()
    assert at(store, budget(1)) is None
    assert store.entries(0) == (0, [])


# --- reservations ----------------------------------------------------------------------------------
def test_a_reservation_is_held_then_charged_what_it_cost(store: Store) -> None:
    batch, hold = [budget(4), attempt(1), final(0)], Reserve(A, NOW + 60)
    assert store.apply(batch, now=NOW, reserve=hold) == (APPLIED, 0, (6, 1, 0))
    row = at(store, budget(0))
    assert row
    assert (row.spent, row.held, row.left) == (0, 4, 6)
    assert store.apply([budget(7)], now=NOW) == (REFUSED, 0, (6,))
    made = store.hold(A)
    assert made
    assert made.state is State.HELD
    assert made.items == ((budget(0).key, 4, 4),)
    assert store.holds() == [made]
    done = store.settle(A, State.COMMITTED, {budget(0).key: 1}, now=NOW)
    assert done == made._replace(state=State.COMMITTED, items=((budget(0).key, 4, 1),))
    assert store.hold(A) == done
    assert store.holds() == []
    row = at(store, budget(0))
    assert row
    assert (row.spent, row.held, row.left) == (1, 0, 9)


def test_the_same_reservation_again_changes_nothing(store: Store) -> None:
    batch, hold = [budget(4), attempt(1), final(1)], Reserve(A, NOW + 60)
    store.apply(batch, now=NOW, reserve=hold)
    assert store.apply(batch, now=NOW, reserve=hold) == (REPEATED, 0, (6, 1, 1))
    assert store.apply([budget(5)], now=NOW, reserve=hold) == (SETTLED, State.HELD, ())
    assert store.apply([budget(4, name="y")], now=NOW, reserve=hold) == (SETTLED, State.HELD, ())
    assert store.apply([*batch, budget(1, name="y")], now=NOW, reserve=hold).verdict is SETTLED
    assert store.apply([attempt(1)], now=NOW, reserve=hold).verdict is SETTLED
    assert store.apply([budget(4), attempt(0)], now=NOW, reserve=hold) == (REFUSED, 1, (1,))
    assert store.apply([budget(4), attempt(2), replay()], now=NOW, reserve=hold) == (REPEATED, 0, (6, 2, 1))
    assert store.apply([budget(4), replay()], now=NOW, reserve=hold) == (REFUSED, 1, (1,))
    row = at(store, budget(0))
    assert row
    assert (row.spent, row.held) == (0, 4)
    assert store.apply(batch[:1], now=NOW + 60, reserve=hold) == (SETTLED, State.EXPIRED, ())
    store.settle(A, State.RELEASED, {}, now=NOW)
    assert store.apply(batch[:1], now=NOW, reserve=hold) == (SETTLED, State.RELEASED, ())


def test_a_refused_reservation_is_not_there(store: Store) -> None:
    assert store.apply([budget(11)], now=NOW, reserve=Reserve(A, LATER)).verdict is REFUSED
    assert store.hold(A) is None
    assert store.settle(A, State.COMMITTED, {}, now=NOW) is None


def test_a_release_gives_all_back(store: Store) -> None:
    store.apply([budget(4), budget(2, name="y")], now=NOW, reserve=Reserve(A, LATER))
    done = store.settle(A, State.RELEASED, {}, now=NOW)
    assert done
    assert done.items == ((budget(0).key, 4, 0), (budget(0, name="y").key, 2, 0))
    rows = store.read([budget(0).key, budget(0, name="y").key])
    assert [(row.spent, row.held) for row in rows if row] == [(0, 0), (0, 0)]


def test_a_reservation_is_settled_once(store: Store) -> None:
    store.apply([budget(4)], now=NOW, reserve=Reserve(A, LATER))
    amounts = {budget(0).key: 3}
    done = store.settle(A, State.COMMITTED, amounts, now=NOW)
    assert store.settle(A, State.COMMITTED, amounts, now=NOW) == done
    assert store.settle(A, State.COMMITTED, amounts, now=LATER * 2) == done
    assert store.settle(A, State.RELEASED, {}, now=NOW) == done
    assert store.settle(A, State.COMMITTED, {budget(0).key: 2}, now=NOW) == done
    row = at(store, budget(0))
    assert row
    assert (row.spent, row.held) == (3, 0)


def test_no_more_is_charged_than_was_reserved(store: Store) -> None:
    store.apply([budget(4)], now=NOW, reserve=Reserve(A, LATER))
    for amounts in ({budget(0).key: 5}, {budget(0, name="y").key: 1}, {budget(0, name="y").key: 0}):
        with pytest.raises(ValueError):
            store.settle(A, State.COMMITTED, amounts, now=NOW)
    row = at(store, budget(0))
    assert row
    assert (row.spent, row.held) == (0, 4)
    assert store.settle(A, State.COMMITTED, {budget(0).key: 4}, now=NOW)


def test_what_a_lost_reservation_held_stays_charged(store: Store) -> None:
    store.apply([budget(4)], now=NOW, reserve=Reserve(A, NOW + 60))
    assert store.sweep(now=NOW + 59).expired == 0
    late = store.settle(A, State.COMMITTED, {budget(0).key: 1}, now=NOW + 60)
    assert late
    assert late.state is State.EXPIRED
    assert store.sweep(now=NOW + 60) == (1, 0)
    late = store.settle(A, State.RELEASED, {}, now=NOW)
    assert late
    assert late.state is State.EXPIRED
    assert late.items == ((budget(0).key, 4, 4),)
    row = at(store, budget(0))
    assert row
    assert (row.spent, row.held) == (4, 0)
    assert store.sweep(now=NOW + 60) == (0, 0)


def test_a_reservation_of_nothing_settles_too(store: Store) -> None:
    assert store.apply([budget(0)], now=NOW, reserve=Reserve(A, LATER)).verdict is APPLIED
    assert store.apply([attempt(1)], now=NOW, reserve=Reserve(B, LATER)).verdict is APPLIED
    assert len(store.holds()) == 2
    done = store.settle(A, State.COMMITTED, {}, now=NOW)
    assert done
    assert done.items == ((budget(0).key, 0, 0),)
    assert store.settle(B, State.RELEASED, {}, now=NOW)
    assert at(store, budget(0)) is None


def test_a_sweep_settles_a_bounded_number(store: Store) -> None:
    for number in range(25):
        expires = NOW + 60 - number
        store.apply([budget(1, 100)], now=NOW, reserve=Reserve(bytes([number]) * 32, expires))
    assert [hold.id[0] for hold in store.holds(limit=3)] == [24, 23, 22]
    assert store.sweep(now=NOW + 60, limit=22).expired == 22
    assert [hold.id[0] for hold in store.holds()] == [2, 1, 0]
    assert store.sweep(now=NOW + 60, limit=22).expired == 3
    row = at(store, budget(0))
    assert row
    assert (row.spent, row.held) == (25, 0)


# --- topping up, sweeping, sightings ----------------------------------------------------------------
def test_a_budget_is_topped_up(store: Store) -> None:
    store.apply([budget(10)], now=NOW)
    assert store.top_up(Counter(budget(0).key, extra=5)).left == 5
    assert store.apply([budget(6)], now=NOW) == (REFUSED, 0, (5,))
    assert store.apply([budget(5)], now=NOW) == (APPLIED, 0, (0,))
    row = store.top_up(Counter(budget(0).key, spent=9, held=9, extra=MOST - 5))
    assert (row.spent, row.held, row.extra) == (15, 0, MOST)
    with pytest.raises(ValueError, match="2\\^53-1"):
        store.top_up(Counter(budget(0).key, extra=1))
    assert at(store, budget(0)) == row
    new = store.top_up(Counter(b"new", spent=9, held=9, extra=2, ceiling=3, until=LATER))
    assert new == Counter(b"new", 0, 0, 2, 3, LATER) == store.read([b"new"])[0]


def test_a_sweep_forgets_what_ended_and_nothing_else(store: Store) -> None:
    soon, long = NOW + 10, LATER + limits.CLOCK_SLACK * 3
    held = [budget(1, name="held", until=soon)]
    store.apply([budget(1, name="soon", until=soon), budget(1, name="long", until=long)], now=NOW)
    store.apply([attempt(1)], now=NOW)
    store.apply(held, now=NOW, reserve=Reserve(A, long))
    store.apply([budget(1, name="done", until=soon)], now=NOW, reserve=Reserve(B, soon))
    store.append([b"soon", b"long"], at=1, until=[soon, long])
    store.note(A, [b"s"], issued_at=1, until=soon)
    store.note(B, [b"s"], issued_at=1, until=long)
    keys = [budget(0, name=name).key for name in ("soon", "long", "held", "done")] + [attempt(1).key]
    end = soon + limits.CLOCK_SLACK
    assert store.sweep(now=end - 1) == (1, 2)  # an entry and a sighting
    assert all(store.read(keys))
    assert store.sweep(now=end) == (0, 3)  # two counters and a reservation
    assert [bool(row) for row in store.read(keys)] == [False, True, True, False, True]
    assert store.hold(A)
    assert not store.hold(B)
    assert [entry.body for entry in store.entries(0)[1]] == [b"long"]
    assert store.append([b"next"], at=1, until=[long]) == 3
    assert store.count(b"s", before=2, now=NOW) == 1
    store.settle(A, State.RELEASED, {}, now=end)
    assert store.sweep(now=end) == (0, 1)  # what was held


def test_a_sweep_keeps_the_newest_entry_of_the_ledger(store: Store) -> None:
    """By it a gate notices that the history is another."""
    store.append([b"x", b"y"], at=1, until=[NOW + 5, NOW + 1])
    assert store.sweep(now=NOW + 5, limit=1).forgotten == 1  # though the newest ended before
    assert store.sweep(now=NOW + 5) == (0, 0)
    assert [entry.seq for entry in store.entries(0)[1]] == [2]
    store.append([b"z"], at=1, until=[NOW + 1])
    assert store.sweep(now=NOW + 5) == (0, 1)
    assert [entry.seq for entry in store.entries(0)[1]] == [3]


def test_leases_that_were_seen_are_counted(store: Store) -> None:
    store.note(b"one", [b"s", b"t"], issued_at=100, until=NOW + 50)
    store.note(b"one", [b"s"], issued_at=100, until=NOW + 50)
    store.note(b"two", [b"s", b"s"], issued_at=200, until=NOW + 90)
    store.note(b"none", [], issued_at=1, until=1)
    assert store.count(b"s", before=300, now=NOW) == 2
    assert store.count(b"s", before=200, now=NOW) == 1
    assert store.count(b"s", before=100, now=NOW) == 0
    assert store.count(b"t", before=300, now=NOW) == 1
    assert store.count(b"u", before=300, now=NOW) == 0
    assert store.count(b"s", before=300, now=NOW + 50) == 1
    assert store.count(b"s", before=300, now=NOW + 90) == 0
    assert store.count(b"s", before=300, now=NOW) == 2


# --- the ledger ------------------------------------------------------------------------------------
def test_the_ledger_numbers_without_a_gap(store: Store) -> None:
    assert store.entries(0) == (0, [])
    assert store.append([b"x", b"y"], at=5, until=[LATER, MOST], note="wegen \0 ö") == 2
    assert store.append([], at=5, until=[]) == 2
    assert store.append([b"x"], at=MOST, until=[LATER]) == 3
    head, entries = store.entries(0)
    assert head == 3
    assert [tuple(entry) for entry in entries] == [
        (1, 5, LATER, b"x", "wegen \0 ö"),
        (2, 5, MOST, b"y", "wegen \0 ö"),
        (3, MOST, LATER, b"x", ""),
    ]
    assert store.entries(1, limit=1) == (3, entries[1:2])
    assert store.entries(3) == (3, [])


def test_who_does_not_know_the_ledger_is_behind(store: Store) -> None:
    assert store.apply([budget(1)], now=NOW, ledger=0).verdict is APPLIED
    store.append([b"x"], at=1, until=[LATER])
    assert store.apply([budget(1)], now=NOW, ledger=0) == (BEHIND, 1, ())
    assert store.apply([budget(0)], now=NOW, ledger=0) == (BEHIND, 1, ())
    assert store.apply([budget(1)], now=NOW, ledger=0, reserve=Reserve(A, LATER)) == (BEHIND, 1, ())
    assert store.apply([budget(1)], now=NOW, ledger=1) == (APPLIED, 0, (8,))


def test_waiting_ends_at_news_of_another_client(reopen: Reopen) -> None:
    one, other = reopen(), reopen()
    one.wait(0, 0.05)  # listens from now on
    timer = threading.Timer(0.2, lambda: other.append([b"x"], at=1, until=[LATER]))
    timer.start()
    began = time.monotonic()
    while one.entries(0)[0] < 1 and time.monotonic() < began + 5:
        one.wait(0, 5)
    assert 0.15 < time.monotonic() - began < 2
    timer.join()
    began = time.monotonic()
    one.wait(0, 5)  # it is there already
    assert time.monotonic() - began < 1


def test_waiting_ends_in_time(store: Store) -> None:
    store.append([b"x"], at=1, until=[LATER])
    began = time.monotonic()
    store.wait(1, 0.3)
    assert 0.25 < time.monotonic() - began < 1
    store.close()
    store.wait(1, 0.1)  # and never raises


# --- clients ---------------------------------------------------------------------------------------
def test_another_client_sees_the_same(reopen: Reopen) -> None:
    one, other = reopen(), reopen()
    one.apply([budget(4)], now=NOW, reserve=Reserve(A, LATER))
    one.append([b"x"], at=1, until=[LATER])
    assert other.identity == one.identity
    assert len(one.identity) == 16
    assert other.read([budget(0).key]) == one.read([budget(0).key])
    assert other.hold(A) == one.hold(A) is not None
    assert other.entries(0) == one.entries(0)
    assert other.apply([budget(7)], now=NOW).verdict is REFUSED


def test_a_store_that_was_opened_again_goes_on(reopen: Reopen) -> None:
    one = reopen()
    if not one.shared:
        return
    one.apply([budget(4), replay()], now=NOW)
    one.close()
    other = reopen()
    assert other.identity == one.identity
    assert other.apply([budget(0), attempt(0)], now=NOW) == (APPLIED, 0, (6, 0))
    assert other.apply([replay()], now=NOW).verdict is REFUSED


def test_a_closed_store_answers_nothing(store: Store) -> None:
    store.apply([budget(1)], now=NOW)
    store.close()
    store.close()
    for call in (
        lambda: store.apply([budget(1)], now=NOW),
        lambda: store.apply([budget(0)], now=NOW),
        lambda: store.read([b"k"]),
        lambda: store.hold(A),
        lambda: store.holds(),
        lambda: store.settle(A, State.RELEASED, {}, now=NOW),
        lambda: store.sweep(now=NOW),
        lambda: store.entries(0),
        lambda: store.append([b"x"], at=1, until=[1]),
        lambda: store.count(b"s", before=1, now=1),
        lambda: store.note(b"l", [b"s"], issued_at=1, until=1),
        lambda: store.top_up(Counter(b"k", extra=1)),
    ):
        with pytest.raises(Unavailable, match=r"closed.*opened anew"):
            call()


def test_calls_are_counted(store: Store) -> None:
    before = store.info()
    store.apply([budget(1)], now=NOW)
    store.entries(0)
    after = store.info()
    assert (after.calls - before.calls, after.failed) == (2, 0)
    assert 0 < after.longest <= after.seconds


def run(count: int, work: Callable[[int], object]) -> None:
    errors: list[BaseException] = []

    def each(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=each, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors[0]


def test_exactly_as_many_are_granted_as_there_are(reopen: Reopen) -> None:
    stores = [reopen(timeout=20) for _ in range(3)]
    granted: list[int] = []

    def work(number: int) -> None:
        for turn in range(15):
            batch = [
                budget(1, 60),
                budget(1, 50, name="y"),
                attempt(turn % 2, raises=turn > 7, name=str(number)),
            ]
            if number % 2:
                batch.reverse()
            with contextlib.suppress(ValueError):
                granted.append(stores[number % 3].apply(batch, now=NOW).verdict is APPLIED)

    run(10, work)
    assert sum(granted) == 50
    rows = stores[0].read([budget(0).key, budget(0, name="y").key])
    assert [row.spent for row in rows if row] == [50, 50]


def test_one_of_many_makes_a_reservation_and_one_proof_passes_once(reopen: Reopen) -> None:
    stores = [reopen(timeout=20) for _ in range(3)]
    made: list[Verdict] = []
    passed: list[Verdict] = []

    def work(number: int) -> None:
        store = stores[number % 3]
        for turn in range(5):
            hold = Reserve(bytes([turn]) * 32, LATER)
            made.append(store.apply([budget(1, 100)], now=NOW, reserve=hold).verdict)
            passed.append(store.apply([replay(bytes([turn]))], now=NOW).verdict)
            store.settle(hold.id, State.COMMITTED, {}, now=NOW) if turn == 4 else None

    run(8, work)
    assert made.count(APPLIED) == 5
    assert set(made) <= {APPLIED, REPEATED, SETTLED}
    assert passed.count(APPLIED) == 5
    row = at(stores[0], budget(0))
    assert row
    assert (row.spent, row.held) == (1, 4)


def test_two_that_exclude_each_other_never_both_pass(reopen: Reopen) -> None:
    """Each looks at what the other writes; in any order, one of them is refused."""
    stores = [reopen(timeout=20) for _ in range(2)]
    for turn in range(15):
        start = threading.Barrier(2)
        out: list[Verdict] = []

        def work(number: int, turn: int = turn, start: Any = start, out: Any = out) -> None:
            register, end = str(turn), str(turn)
            batch = (
                [attempt(2, name=register), final(0, end)],
                [attempt(1, raises=False, name=register), final(1, end)],
            )
            start.wait(5)
            out.append(stores[number].apply(batch[number], now=NOW).verdict)

        run(2, work)
        assert sorted(out) == [APPLIED, REFUSED]


def test_numbers_of_the_ledger_become_visible_in_their_order(reopen: Reopen) -> None:
    stores = [reopen(timeout=20) for _ in range(3)]
    done = threading.Event()
    seen: list[int] = []

    def read() -> None:
        while not done.is_set():
            head, entries = stores[2].entries(seen[-1] if seen else 0)
            seen.extend(entry.seq for entry in entries)
            assert not entries or entries[-1].seq <= head

    reader = threading.Thread(target=read)
    reader.start()
    run(6, lambda n: [stores[n % 2].append([b"x", b"y"], at=1, until=[LATER] * 2) for _ in range(10)])
    time.sleep(0.05)
    done.set()
    reader.join()
    rest = stores[2].entries(seen[-1] if seen else 0)[1]
    assert seen + [entry.seq for entry in rest] == list(range(1, 121))


# --- all alike -------------------------------------------------------------------------------------
NAMES = st.sampled_from("xy")
AMOUNTS = st.sampled_from([0, 1, 2, 3, 7, MOST - 1, MOST])
CEILINGS = st.sampled_from([0, 5, 10, MOST])
CHARGES = st.one_of(
    st.builds(budget, AMOUNTS, CEILINGS, NAMES),
    st.builds(final, st.integers(0, 1), NAMES),
    st.builds(lambda n, r, name: attempt(n, raises=r, name=name), AMOUNTS, st.booleans(), NAMES),
    st.builds(lambda n, until: replay(n.encode(), until), NAMES, st.sampled_from([LATER, LATER + 9])),
    st.builds(
        lambda n, a, c: replay(n.encode(), LATER)._replace(amount=a, ceiling=c), NAMES, AMOUNTS, CEILINGS
    ),
)
IDS = st.sampled_from([A, B])
TIMES = st.sampled_from([NOW, NOW + 30, NOW + 60])
RESERVES = st.none() | st.builds(Reserve, IDS, st.sampled_from([NOW + 30, NOW + 60, LATER]))
STEPS = st.one_of(
    st.tuples(
        st.just("apply"),
        st.lists(CHARGES, max_size=4),
        TIMES,
        RESERVES,
        st.sampled_from([None, None, 0, 1]),
    ),
    st.tuples(
        st.just("settle"),
        IDS,
        st.sampled_from([State.COMMITTED, State.RELEASED]),
        st.dictionaries(NAMES, st.integers(0, 4), max_size=2),
        TIMES,
    ),
    st.tuples(st.just("top_up"), NAMES, st.sampled_from([1, 5, MOST])),
    st.tuples(st.just("sweep"), TIMES | st.just(LATER + 5)),
    st.tuples(st.just("append")),
)


def step(store: Store, words: Any) -> object:
    """Do one step and return what came of it, or its ValueError."""
    verb, *rest = words
    try:
        match verb:
            case "apply":
                return store.apply(rest[0], now=rest[1], reserve=rest[2], ledger=rest[3])
            case "settle":
                amounts = {budget(0, name=name).key: n for name, n in rest[2].items()}
                return store.settle(rest[0], rest[1], amounts, now=rest[3])
            case "top_up":
                return store.top_up(Counter(budget(0, name=rest[0]).key, extra=rest[1], until=LATER))
            case "sweep":
                return store.sweep(now=rest[0])
            case _:
                return store.append([b"x"], at=1, until=[LATER])
    except ValueError as error:
        return str(error)


def everything(store: Store) -> object:
    keys = [budget(0, name=n).key for n in "xy"] + [final(0, n).key for n in "xy"]
    keys += [attempt(0, name=n).key for n in "xy"] + [replay(n.encode()).key for n in "xy"]
    return store.read(keys), store.hold(A), store.hold(B), store.holds(), store.entries(0)


@pytest.mark.parametrize("kind", STORES[1:])
def test_any_sequence_gives_the_same_as_in_memory(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    @settings(max_examples=40)
    @given(st.lists(STEPS, min_size=1, max_size=12))
    def same(steps: list[Any]) -> None:
        with (
            backends.opener("memory", request, tmp_path) as memory,
            backends.opener(kind, request, tmp_path) as other,
        ):
            model, store = memory(), other()
            for words in steps:
                assert step(store, words) == step(model, words), words
            assert everything(store) == everything(model)

    same()


@pytest.mark.parametrize(
    "address", ["", "memory", "sqlite:", "file:x", "http://x", "redis:", "mysql://x", "sqlite://s.db"]
)
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(ValueError):
        open_store(address)


def test_addresses(tmp_path: Path) -> None:
    for address, name in (("memory:", "memory"), (f"sqlite:{tmp_path}/s.db", "sqlite")):
        with open_store(address, timeout=1) as store:
            assert (store.name, store.timeout) == (name, 1.0)
    with pytest.raises(ValueError, match=r"sqlite:state.db or sqlite:/abs/state.db"):
        open_store(f"sqlite://{tmp_path}/s.db")
