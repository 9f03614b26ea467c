"""The gate: what is charged, what is refused and in which words, and that nothing is half done.

parent  agt_1@2, 5 calls
        ├─ one child   3 calls
        └─ another     3 calls       together they have 5
"""

from __future__ import annotations

import copy
import logging
import pickle
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest import mock

import build
import pytest
from build import NOW
from hypothesis import given
from hypothesis import strategies as st

import attenuate.gate.charging as charging
from attenuate import (
    AsyncGate,
    Forbidden,
    Gate,
    Grant,
    Lease,
    LeaseError,
    Malformed,
    Refused,
    Unavailable,
    Untrusted,
    Verifier,
    approve,
    call_binding,
    demand,
    limits,
)
from attenuate.charges import Plan, parts_of
from attenuate.gate.freshness import CHANGE, SPEND, Freshness
from attenuate.gate.reservations import reservation
from attenuate.ledger import ALWAYS, Follower, Ledger, Selector, StoreSource
from attenuate.limits import SAFE_MAX
from attenuate.store.base import Store
from attenuate.store.memory import MemoryStore
from attenuate.store.model import CHUNK_ID, Outcome, Reserve, State, Verdict, decide
from attenuate.store.sqlite import SqliteStore

STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda path: MemoryStore(allow_proofs_from_before=True),
    "sqlite": lambda path: SqliteStore(path / "state.db"),
}


def verifier(**more: Any) -> Verifier:
    return Verifier(build.RING, audience="github", **{"clock": lambda: NOW + 1, **more})


def gate_of(store: Store, **more: Any) -> Gate:
    return Gate(verifier(), store, **more)


def ledger_of(store: Store) -> Ledger:
    return Ledger(store, clock=lambda: NOW)


ASK: dict[str, Any] = {"action": "repo.read", "run": "agt_1@2", "facts": build.FACTS}


def check(gate: Gate, lease: Lease | str, **changes: Any) -> Grant:
    return gate.check(build.text_of(lease), **{**ASK, **changes})


def refused(gate: Gate, lease: Lease | str, code: str, block: int | None = None, **changes: Any) -> Refused:
    """Check what must be refused by a charge, with this code, by this block."""
    with pytest.raises(Refused) as caught:
        check(gate, lease, **changes)
    assert (caught.value.code, caught.value.block) == (code, block)
    return caught.value


def words(error: LeaseError) -> tuple[str, str, str]:
    found = error.finding
    return found.asked, found.allowed, found.would_pass


def counted(store: Store, granted: Grant) -> dict[str, int]:
    """Return what the store has counted under a lease, by kind and unit; the root's and the last block's apart."""
    keys = [charge.key for charge in granted.verified.charges if charge.kind != "revoked"]
    out: dict[str, int] = {}
    for number, (key, row) in enumerate(zip(keys, store.read(keys), strict=True)):
        name = "/".join(str(part) for part in parts_of(key) if not isinstance(part, bytes))
        out[f"{number} {name}"] = 0 if row is None else row.spent + row.held
    return out


def everything(store: Store, lease: Lease | str, **changes: Any) -> list[Any]:
    """Return every counter that a request would move."""
    charges = verifier().verify(build.text_of(lease), **{**ASK, **changes}).charges
    rows = store.read([charge.key for charge in charges if charge.kind in ("budget", "final", "replay")])
    return [row if row is None else (row.spent, row.held) for row in rows]


# --- budgets ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("alg", build.ALGS)
def test_a_parent_and_two_children_share(engine: Any, store: Store, alg: str) -> None:
    parent, gate = build.lease(alg, budget={"calls": 5}), gate_of(store)
    one, other = (parent.narrow(budget={"calls": 3}, now=NOW) for _ in range(2))
    assert [check(gate, one).left["calls"] for _ in range(3)] == [2, 1, 0]
    refused(gate, one, "budget", 1)
    assert check(gate, other).left == {"calls": 1}, "the parent is the tighter one"
    assert check(gate, other).left == {"calls": 0}
    error = refused(gate, other, "budget", 0)
    assert words(error) == ("1 calls", "0 left of 5", "a fresh lease, or a top-up by an operator")
    refused(gate, parent, "budget", 0)
    assert everything(store, other) == [(5, 0), (2, 0)], "a refusal takes nothing at any level"


def test_each_unit_is_charged_at_every_level(engine: Any, store: Store) -> None:
    gate = gate_of(store)
    child = build.lease(budget={"usd": 10}).narrow(budget={"usd": 4, "calls": 9}, now=NOW)
    granted = check(gate, child, cost={"usd": 3, "eur": 5})
    assert granted.charged == {"usd": 3, "calls": 1}
    assert granted.left == {"usd": 1, "calls": 8}
    error = refused(gate, child, "budget", 1, cost={"usd": 2})
    assert words(error) == ("2 usd", "1 left of 4", "a cost of at most 1 usd")
    assert error.finding.caveat == "budget"
    assert check(gate, child, cost={"usd": 0}).charged == {"usd": 0, "calls": 1}
    assert everything(store, child, cost={"usd": 0}) == [(3, 0), (3, 0), (2, 0)]


BAD_COSTS: list[tuple[Any, type[LeaseError], str]] = [
    (None, Forbidden, "budget"), ({}, Forbidden, "budget"), ({"eur": 1}, Forbidden, "budget"), ({"USD": 1}, Forbidden, "budget"),
    ({"usd": -1}, Malformed, "facts"), ({"usd": SAFE_MAX + 1}, Malformed, "facts"), ({"usd": 2**64}, Malformed, "facts"),
    ({"usd": 1.0}, Malformed, "facts"), ({"usd": "1"}, Malformed, "facts"), ({"usd": None}, Malformed, "facts"),
    ({"usd": 1, "calls": 2}, Malformed, "facts"), ({"usd": 1, "eur": -1}, Malformed, "facts"), ({"usd": 11}, Refused, "budget"),
    ({"usd": SAFE_MAX}, Refused, "budget"),
]  # fmt: skip


def test_a_cost_that_is_none_is_refused_and_charges_nothing(engine: Any, store: Store) -> None:
    lease, gate = build.lease(budget={"usd": 10}), gate_of(store)
    for cost, error, code in BAD_COSTS:
        with pytest.raises(error) as caught:
            check(gate, lease, cost=cost)
        assert caught.value.code == code, cost
    assert everything(store, lease, cost={"usd": 1}) == [None]
    assert check(gate, lease, cost={"usd": 10}).left == {"usd": 0}, "the control: all of it is there"


def test_a_counter_does_not_overflow(engine: Any, store: Store) -> None:
    lease, gate = build.lease(budget={"usd": SAFE_MAX}), gate_of(store)
    assert check(gate, lease, cost={"usd": SAFE_MAX - 1}).left == {"usd": 1}
    refused(gate, lease, "budget", 0, cost={"usd": 2})
    refused(gate, lease, "budget", 0, cost={"usd": SAFE_MAX})
    assert check(gate, lease, cost={"usd": 1}).left == {"usd": 0}


def test_single_use(engine: Any, store: Store) -> None:
    gate, lease = gate_of(store), build.lease(budget={"calls": 1})
    check(gate, lease)
    refused(gate, lease, "budget", 0)
    refused(gate, lease.narrow(ttl="1m", now=NOW), "budget", 0)
    refused(gate_of(store), lease.seal(), "budget", 0)
    check(gate, build.lease(budget={"calls": 1}))


def test_an_action_that_ends_the_lease(engine: Any, store: Store) -> None:
    gate = gate_of(store)
    lease = build.lease(budget={"calls": 9}).narrow(final="repo.write.*", now=NOW)
    sibling = build.lease(final="repo.write.*")
    check(gate, lease)
    check(gate, lease, action="repo.write.x")
    for action in ("repo.read", "repo.write.x"):
        error = refused(gate, lease, "final", 1, action=action)
        assert words(error) == (
            "an action after the one that ends the lease",
            "nothing any more",
            "a fresh lease",
        )
    assert everything(store, lease) == [(2, 0), (1, 0)], "what was refused cost no call"
    check(gate, sibling)


# --- attempts -----------------------------------------------------------------------------------------
def test_a_stale_attempt_is_refused_at_every_level(engine: Any, store: Store) -> None:
    gate = gate_of(store)
    top = build.lease(budget={"calls": 99})
    first, second = (top.narrow(run=f"agt_1@2/w@{n}", now=NOW) for n in (1, 2))
    other = top.narrow(run="agt_1@2/v@1", now=NOW)
    check(gate, first, run="agt_1@2/w@1")
    check(gate, second, run="agt_1@2/w@2")
    error = refused(gate, first, "stale_attempt", run="agt_1@2/w@1")
    assert words(error) == (
        "attempt 1 of agt_1@2/w",
        "attempt 2 and those after it",
        "a lease of attempt 2 or later; a newer worker has taken over",
    )
    check(gate, other, run="agt_1@2/v@1")
    check(gate, second, run="agt_1@2/w@2")
    check(gate, build.lease(run="agt_1@3"), run="agt_1@3")
    for lease, run in ((second, "agt_1@2/w@2"), (other, "agt_1@2/v@1"), (top, "agt_1@2")):
        assert refused(gate, lease, "stale_attempt", run=run).finding.asked == "attempt 2 of agt_1"
    assert everything(store, top) == [(4, 0)]


def test_an_attempt_is_not_forgotten(engine: Any, tmp_path: Path) -> None:
    lease = build.lease()
    with SqliteStore(tmp_path / "s.db") as before:
        check(gate_of(before), lease)
        check(gate_of(before), build.lease(run="agt_1@3"), run="agt_1@3")
    with SqliteStore(tmp_path / "s.db") as after:
        refused(gate_of(after), lease, "stale_attempt")
    with SqliteStore(tmp_path / "other.db") as empty:
        check(gate_of(empty), lease)  # the control: it is the store that knows


def test_what_a_request_claims_fences_nobody_out(engine: Any, store: Store) -> None:
    gate, top = gate_of(store), build.lease()
    named = top.narrow(run="agt_1@2/w", now=NOW)
    honest = top.narrow(run="agt_1@2/w@1", now=NOW)
    check(gate, named, run="agt_1@2/w@9")
    check(gate, top, run="agt_1@2/w@9")
    check(gate, honest, run="agt_1@2/w@1")
    check(gate, top.narrow(run="agt_1@2/w@3", now=NOW), run="agt_1@2/w@3")
    refused(gate, named, "stale_attempt", run="agt_1@2/w@2")  # a claim is compared
    stranger = build.lease("ed25519", run="agt_1@9")
    check(gate, stranger, run="agt_1@9")
    check(gate, top)  # a lease under another key is another's run


# --- proofs and approvals -----------------------------------------------------------------------------
def bound(lease: Lease, now: int = NOW) -> tuple[str, bytes]:
    binding = call_binding("github", "agt_1@2", "repo.read", {})
    return lease.present(binding, now=now).token, binding


@pytest.mark.parametrize("alg", build.ALGS)
def test_a_bound_proof_counts_once(engine: Any, store: Store, alg: str) -> None:
    gate, lease = gate_of(store), build.lease(alg, budget={"calls": 9})
    token, binding = bound(lease)
    check(gate, token, binding=binding)
    error = refused(gate, token, "replay", binding=binding)
    assert words(error)[:2] == (
        "a proof that was used, or cannot be told from one (it counts until 2027-01-15 08:02:00Z)",
        "each proof once",
    )
    refused(gate_of(store), token, "replay", binding=binding)
    assert everything(store, lease) == [(1, 0)], "a replay costs its victim nothing"
    check(gate, bound(lease)[0], binding=binding)


def test_a_proof_is_not_forgotten(engine: Any, tmp_path: Path) -> None:
    token, binding = bound(build.lease())
    with SqliteStore(tmp_path / "s.db") as before:
        check(gate_of(before), token, binding=binding)
    with SqliteStore(tmp_path / "s.db") as after:
        refused(gate_of(after), token, "replay", binding=binding)


def test_a_memory_that_has_just_begun_takes_no_proof_from_before(engine: Any) -> None:
    now = int(time.time())
    lease = build.RING.mint(now=now, **build.terms())
    token, binding = bound(lease, now)
    gate = Gate(verifier(clock=time.time), MemoryStore())
    assert "one made a minute after that" in words(refused(gate, token, "replay", binding=binding))[2]
    check(gate, lease)  # a bearer has no such trouble
    allowed = MemoryStore(allow_proofs_from_before=True)
    check(Gate(verifier(clock=time.time), allowed), token, binding=binding)


def test_a_call_is_checked_with_its_arguments(engine: Any, store: Store) -> None:
    lease, gate = build.lease(budget={"calls": 2}), gate_of(store)
    args = {"n": 1}
    token = lease.present(call_binding("github", "agt_1@2", "repo.read", args), now=NOW).token
    call: dict[str, Any] = {"action": "repo.read", "run": "agt_1@2", "facts": {"repo": "clord"}}
    with pytest.raises(Forbidden):
        gate.check_call(token, args={"n": 2}, **call)
    assert gate.check_call(token, args=args, **call).left == {"calls": 1}
    with pytest.raises(Refused, match="replay"):
        gate.check_call(token, args=args, **call)


def test_an_approval_is_charged(engine: Any, store: Store) -> None:
    key = build.APPROVERS[0]
    lease = build.lease(budget={"calls": 9}, approval=[demand("repo.read", keys=[key])])

    def yes(calls: int) -> Lease:
        return approve(key, lease, "repo.read", allow_any_arguments=True, calls=calls, now=NOW)

    gate, once = gate_of(store), lease.attach(yes(1))
    assert check(gate, once).left == {"calls": 0}
    error = refused(gate, once, "budget", None)  # of no block of the token
    assert words(error)[:2] == ("1 calls", "0 left of 1")
    twice = lease.attach(yes(2))
    assert [check(gate, twice).left["calls"] for _ in range(2)] == [1, 0]
    refused(gate, twice, "budget", None)
    approval = yes(9)
    check(gate, lease.attach(approval))
    ledger_of(store).revoke(Selector.make("block", approval.block_ids[0]))
    refused(gate, lease.attach(approval), "revoked", None)
    check(gate, lease.attach(yes(1)))


def test_an_approved_child_fences_nobody_out(engine: Any, store: Store) -> None:
    """Its approval says its run, under the approver's key, which approves for all."""
    key, most = build.APPROVERS[0], 2**53 - 1
    lease = build.lease(approval=[demand("repo.read", keys=[key])])

    def asked(run: str, holder: Lease = lease) -> Grant:
        child = holder.narrow(run=run, now=NOW)
        yes = approve(key, child, "repo.read", allow_any_arguments=True, now=NOW)
        return check(gate, child.attach(yes), run=run)

    gate = gate_of(store)
    asked(f"agt_1@2/b@{most}", lease.narrow(now=NOW))  # a child that was handed a lease of its own
    asked("agt_1@2/b@1")
    keys = [c.key for c in asked("agt_1@2/b@3").verified.charges if c.kind == "attempt"]
    ends = [row.until for row in store.read(keys) if row]
    assert len(ends) < len(keys), "no register under the approver's key"


def test_what_an_approval_counts_ends_with_its_token(engine: Any) -> None:
    store, key = MemoryStore(), build.APPROVERS[0]
    lease = build.lease(approval=[demand("repo.read", keys=[key])])
    yes = approve(key, lease, "repo.read", allow_any_arguments=True, ttl="9d", now=NOW)
    gate = gate_of(store)
    verified = check(gate, lease.attach(yes)).verified
    of_approval = [charge for charge in verified.charges if charge.kind == "budget"][-1]
    row = store.read([of_approval.key])[0]
    assert row is not None
    assert row.until == NOW + 900 + limits.CLOCK_SLACK < of_approval.until


def test_who_is_refused_writes_nothing(engine: Any, store: Store) -> None:
    gate, lease = gate_of(store), build.lease(budget={"calls": 1})
    run = Selector.make("run", "agt_1@2")
    check(gate, lease)
    assert store.count(run.key, before=ALWAYS, now=NOW) == 1, "the control: what is granted is seen"
    for _ in range(3):
        refused(gate, lease.narrow(now=NOW), "budget", 0)
    ledger_of(store).revoke(run)
    for _ in range(3):
        refused(gate, lease.narrow(now=NOW), "revoked")
    assert store.count(run.key, before=ALWAYS, now=NOW) == 1


def test_a_lease_that_ended_while_it_waited_is_refused(engine: Any) -> None:
    at = [NOW + 1]

    class Slow(MemoryStore):
        def _apply(self, *arguments: Any) -> Outcome:
            at[0] += wait
            return super()._apply(*arguments)

    gate = Gate(verifier(clock=lambda: at[0]), Slow())
    wait, lease = 0, build.lease(ttl=60, budget={"calls": 9})
    check(gate, lease)
    wait = 60
    with pytest.raises(Forbidden) as caught:
        check(gate, lease)
    assert caught.value.code == "expires"
    verified = verifier().verify(lease.token, **ASK)
    with pytest.raises(Forbidden, match="expires"):  # in a queue of threads
        gate.charging.charge(verified, "agt_1@2", None, "2m", None)


def test_a_followed_revocation_that_came_meanwhile_is_refused(engine: Any) -> None:
    ledger = MemoryStore()
    follower = Follower(StoreSource(ledger, clock=lambda: NOW), clock=lambda: NOW, start=False)

    class Slow(MemoryStore):
        def _apply(self, *arguments: Any) -> Outcome:
            if slow:
                ledger_of(ledger).revoke(Selector.make("run", "agt_1@2"))
                follower.refresh()
            return super()._apply(*arguments)

    slow = False
    follower.refresh()
    gate = Gate(verifier(), Slow(), ledger=follower)
    check(gate, build.lease(budget={"calls": 9}))
    slow = True
    refused(gate, build.lease(budget={"calls": 9}), "revoked")


def test_a_sweep_goes_by_the_clock_and_not_by_a_caller(engine: Any) -> None:
    store = MemoryStore()
    gate, lease = gate_of(store), build.lease(ttl="1d", budget={"calls": 1})
    with mock.patch.object(store, "sweep") as sweep:
        check(gate, lease, now=NOW + 80_000)
        for thread in threading.enumerate():
            if thread.name == "attenuate-sweep":
                thread.join()
    assert [call.kwargs["now"] for call in sweep.mock_calls if call.kwargs] == [NOW + 1]


def test_what_is_no_recorder() -> None:
    with pytest.raises(TypeError, match="a method record"):
        gate_of(MemoryStore(), record=print)


# --- reservations -------------------------------------------------------------------------------------
def test_a_reservation_is_committed(engine: Any, store: Store) -> None:
    lease, gate = build.lease(budget={"usd": 10}), gate_of(store)
    held = check(gate, lease, cost={"usd": 6}, reserve="r1", hold_for="1m")
    assert (held.charged, held.left, held.repeated) == ({"usd": 6}, {"usd": 4}, False)
    assert held.hold is not None
    assert len(held.hold) == 64
    assert held.expires == NOW + 61
    assert everything(store, lease, cost={"usd": 1}) == [(0, 6)]
    refused(gate, lease, "budget", 0, cost={"usd": 5})
    again = check(gate, lease, cost={"usd": 6}, reserve="r1")
    assert (again.repeated, again.hold, again.left) == (True, held.hold, {"usd": 4})
    error = refused(gate, lease, "hold", None, cost={"usd": 5}, reserve="r1")
    assert "held, with other amounts" in error.finding.asked
    for cost in ({"usd": 7}, {"eur": 1}, {"usd": -1}, {"usd": 1.0}, {"usd": True}):
        with pytest.raises(ValueError, match="reserved is 6 usd"):
            gate.commit(held, cost)
    assert gate.commit(held, {"usd": 2}).state is State.COMMITTED
    assert gate.commit(held.hold, {"usd": 2}).state is State.COMMITTED, "the same again"
    for settle in (
        lambda: gate.commit(held, {"usd": 3}),
        lambda: gate.commit(held),
        lambda: gate.release(held),
    ):
        with pytest.raises(Refused) as caught:
            settle()
        assert caught.value.code == "hold"
        assert "committed" in caught.value.finding.asked
    assert "committed" in refused(gate, lease, "hold", None, cost={"usd": 6}, reserve="r1").finding.asked
    assert everything(store, lease, cost={"usd": 1}) == [(2, 0)]
    assert check(gate, lease, cost={"usd": 8}).left == {"usd": 0}


def test_a_reservation_is_released(engine: Any, store: Store) -> None:
    parent, gate = build.lease(budget={"usd": 10}), gate_of(store)
    lease = parent.narrow(budget={"usd": 7}, now=NOW)
    held = check(gate, lease, cost={"usd": 7}, reserve="r1")
    refused(gate, lease, "budget", 1, cost={"usd": 1})
    assert gate.release(held).state is State.RELEASED
    assert gate.release(held).state is State.RELEASED
    with pytest.raises(Refused, match="released"):
        gate.commit(held)
    refused(gate, lease, "hold", None, cost={"usd": 7}, reserve="r1")
    assert everything(store, lease, cost={"usd": 1}) == [(0, 0), (0, 0)]


def test_a_reservation_without_an_outcome_stays_charged(engine: Any, store: Store) -> None:
    lease, gate = build.lease(budget={"usd": 10}), gate_of(store)
    held = check(gate, lease, cost={"usd": 7}, reserve="r1", hold_for=10)
    late = NOW + 1 + 10
    for settle in (gate.commit, gate.release):
        with pytest.raises(Refused, match="expired"):
            settle(held, now=late)
    refused(gate, lease, "budget", 0, cost={"usd": 4}, now=late)
    store.sweep(now=late)
    assert everything(store, lease, cost={"usd": 1}) == [(7, 0)]
    with pytest.raises(Refused, match="expired"):
        gate.release(held, now=late)


def test_another_lease_cannot_use_a_reservation(engine: Any, store: Store) -> None:
    gate, lease = gate_of(store), build.lease(budget={"usd": 10})
    child = lease.narrow(ttl="5m", now=NOW)
    held = check(gate, lease, cost={"usd": 3}, reserve="r1")
    for other in (child, build.lease(budget={"usd": 10})):
        granted = check(gate, other, cost={"usd": 3}, reserve="r1")
        assert not granted.repeated, "it is charged anew"
        assert granted.hold != held.hold
    assert everything(store, child, cost={"usd": 1}) == [(0, 6)]
    assert check(gate, lease.seal(), cost={"usd": 3}, reserve="r1").repeated, "the same lease, sealed"


def test_another_call_cannot_use_a_reservation(engine: Any, store: Store) -> None:
    gate, lease = gate_of(store), build.lease(budget={"usd": 50})
    asked: dict[str, Any] = {"cost": {"usd": 3}, "reserve": "r1"}
    held = check(gate, lease, **asked)
    others = (
        {"action": "repo.write.file"},
        {"facts": {"repo": "clord", "path": "other"}},
        {"facts": {"repo": "clord", "path": None}},
    )
    names = {held.hold}
    for other in others:
        granted = check(gate, lease, **asked, **other)
        assert not granted.repeated, "it is charged anew"
        names.add(granted.hold)
    assert len(names) == 4
    assert check(gate, lease, **asked).repeated, "the control: the same call again"
    assert not check(gate, lease, **asked, run="agt_1@2/other@7").repeated
    opaque: dict[str, Any] = {**asked, "facts": {"repo": "clord", "x": [1, None]}}
    assert [check(gate, lease, **opaque).repeated for _ in range(2)] == [False, False], "it cannot be told"
    told = {**opaque, "facts": {**opaque["facts"], "call": "digest"}}
    assert [check(gate, lease, **told).repeated for _ in range(2)] == [False, True]


def test_a_repeated_reservation_ends_when_it_was_made_to(store: Store) -> None:
    gate, lease = gate_of(store), build.lease(budget={"calls": 3})
    first = check(gate, lease, reserve="r1", hold_for=30)
    again = check(gate, lease, reserve="r1", hold_for=90, now=NOW + 11)
    assert (again.repeated, again.expires) == (True, first.expires)


def test_a_replayed_proof_with_its_reservation_is_a_replay(engine: Any, store: Store) -> None:
    gate, lease = gate_of(store), build.lease(budget={"calls": 3})
    token, binding = bound(lease)
    check(gate, token, binding=binding, reserve="r1")
    refused(gate, token, "replay", binding=binding, reserve="r1")
    again = check(gate, bound(lease)[0], binding=binding, reserve="r1")
    assert again.repeated
    assert again.left == {"calls": 2}


def test_what_is_no_reservation(engine: Any, store: Store) -> None:
    gate, lease = gate_of(store), build.lease(budget={"calls": 3})
    for wrong in (
        {"reserve": ""},
        {"reserve": "x" * 201},
        {"reserve": 1},
        {"hold_for": 0},
        {"hold_for": "2d"},
        {"hold_for": "soon"},
    ):
        with pytest.raises(ValueError):
            check(gate, lease, **{"reserve": "r1", **wrong})
    nothing = check(gate, build.lease(), reserve="r1")
    assert (nothing.hold, gate.commit(nothing), gate.release(nothing)) == (None, None, None)
    with pytest.raises(ValueError, match="unit: amount"):
        gate.commit(check(gate, lease, reserve="r2"), 3)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="not there"):
        gate.release((CHUNK_ID + b"x" * 27).hex())
    for hold in (check(gate, lease), "zz", "00", 1):
        with pytest.raises(ValueError):
            gate.commit(hold)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="not there"):
        gate.commit("00" * 32)
    assert everything(store, lease) == [(1, 1)]


# --- the grant ----------------------------------------------------------------------------------------
def test_a_grant_is_made_by_a_gate_only(engine: Any) -> None:
    made = check(gate_of(MemoryStore()), build.lease(budget={"calls": 3}))
    assert repr(made) == "<Grant repo.read for agt_1@2>"
    assert (made.hold, made.expires, made.repeated) == (None, 0, False)
    with pytest.raises(TypeError, match="made by a Gate"):
        Grant()
    for name in ("_held", "verified", "left", "new"):
        with pytest.raises(AttributeError):
            setattr(made, name, 1)
        with pytest.raises(AttributeError):
            delattr(made, name)
    for work in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="does not pickle"):
            work(made)
    made.left["calls"] = made.charged["calls"] = 99
    assert (made.left, made.charged) == ({"calls": 2}, {"calls": 1})
    with pytest.raises(AttributeError):
        Grant.__new__(Grant).verified


@pytest.mark.parametrize(
    "wrong",
    [lambda: Gate(None, MemoryStore()), lambda: Gate(verifier(), None), lambda: Gate(verifier(), MemoryStore(), fresh={"x": 1})],  # type: ignore[arg-type]
)  # fmt: skip
def test_a_gate_that_is_set_wrongly_is_not_made(wrong: Callable[[], Gate]) -> None:
    with pytest.raises(TypeError):
        wrong()


@pytest.mark.parametrize(
    "ages",
    [{"x": -1}, {"x": 3601}, {"x": True}, {"x": "1"}, {"x": float("nan")}, {"x y": 1}, {"": 1}, {1: 1}],
)
def test_what_is_no_age(ages: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        Freshness(ages)


def test_ages_by_action() -> None:
    ages = Freshness({"repo.read": 60, "repo.*": 5, "pay.*": 0})
    asked = [("repo.read", True), ("repo.x", False), ("pay.x", True), ("x", False), ("x", True)]
    assert [ages.limit(*each) for each in asked] == [60, 5, 0, CHANGE, SPEND]


# --- revocation ---------------------------------------------------------------------------------------
def test_a_revocation_is_told_with_its_block_and_what_would_pass(engine: Any, store: Store) -> None:
    gate, ledger = gate_of(store), ledger_of(store)
    child = build.lease(notes={"agent": "triage"}).narrow(ttl="5m", now=NOW)
    check(gate, child)
    agent, block = Selector.make("agent", "triage"), Selector.make("block", child.block_ids[1])
    ledger.suspend(agent)
    assert words(refused(gate, child, "revoked", None)) == (
        "a lease whose agent triage is suspended", "leases whose agent is not", "the same request after agent triage is resumed"
    )  # fmt: skip
    ledger.resume(agent)
    check(gate, child)
    ledger.revoke(block)
    name = f"block {child.block_ids[1]}"
    assert words(refused(gate, child, "revoked", 1)) == (
        f"a lease whose {name} is revoked", "leases whose block is not", "a fresh lease"
    )  # fmt: skip
    ledger.resume(block)
    refused(gate, child, "revoked", 1)


def test_a_refusal_by_the_ledger_charges_nothing(engine: Any, store: Store) -> None:
    gate, lease = gate_of(store), build.lease(budget={"calls": 3})
    check(gate, lease)
    ledger_of(store).suspend(Selector.make("run", "agt_1@2"))
    refused(gate, lease, "revoked", None)
    refused(gate_of(store), lease, "revoked", None)  # one that starts now
    assert everything(store, lease) == [(1, 0)]


def test_a_ledger_that_moves_all_the_time_is_unavailable(engine: Any) -> None:
    class Busy(MemoryStore):
        def _apply(self, *arguments: Any) -> Outcome:
            ledger_of(self).resume(Selector.make("key", "k9"))
            return super()._apply(*arguments)

    with pytest.raises(Unavailable, match="moved 8 times"):
        check(gate_of(Busy()), build.lease())


def test_a_store_that_does_not_answer_grants_nothing(engine: Any, store: Store) -> None:
    gate, quiet, lease = gate_of(store), build.lease(), build.lease(budget={"calls": 1})
    check(gate, quiet)
    store.close()
    for each in (quiet, lease):
        with pytest.raises(Unavailable) as caught:
            check(gate, each)
        assert caught.value.code == "store"
    assert gate.info().allowed == 1


# --- the recorder -------------------------------------------------------------------------------------
class Book:
    """A recorder that keeps what it is told, and raises on demand."""

    def __init__(self, fault: BaseException | None = None) -> None:
        self.uses: list[Any] = []
        self.fault = fault

    def record(self, use: Any) -> None:
        self.uses.append(use)
        if self.fault is not None:
            raise self.fault


def test_a_use_is_recorded_before_it_is_granted(engine: Any, store: Store) -> None:
    lease, quiet, book = build.lease(budget={"calls": 1}), build.lease(), Book()
    gate = gate_of(store, record=book)
    granted = check(gate, lease, reserve="r1")
    use = book.uses[0]
    assert (use.at, use.finding, use.verified) == (NOW + 1, None, granted.verified)
    assert use.hold is not None
    assert use.hold.hex() == granted.hold
    assert [charge.kind for charge in use.charges] == ["budget", "attempt"]
    refused(gate, lease, "budget", 0)
    assert book.uses[1].finding.code == "budget"
    with pytest.raises(Forbidden):
        check(gate, lease, action="repo.delete")
    for _ in range(3):
        check(gate, quiet)  # nothing to charge, and recorded all the same
    assert len(book.uses) == 5, "what did not verify is not the recorder's"
    ledger_of(store).revoke(Selector.make("key", "k1"))
    refused(gate, quiet, "revoked", None)
    assert book.uses[5].finding.code == "revoked"


@pytest.mark.parametrize(
    "fault", [OSError("full"), Unavailable("log", "gone"), KeyboardInterrupt()], ids=repr
)
def test_what_is_not_recorded_is_not_granted(engine: Any, store: Store, fault: BaseException) -> None:
    lease, quiet, book = build.lease(budget={"calls": 3}), build.lease(), Book(fault)
    gate = gate_of(store, record=book)
    for each in (lease, quiet, quiet):
        with pytest.raises((Unavailable, KeyboardInterrupt)) as caught:
            check(gate, each)
        if isinstance(caught.value, LeaseError):
            assert caught.value.code == "log"
    if isinstance(fault, OSError):
        assert words(caught.value) == (  # type: ignore[arg-type]
            "a record of repo.read, which failed with OSError",
            "nothing that is not recorded; what was charged stays charged",
            "the same request when the log takes records again",
        )
    assert gate.info().allowed == 0
    assert everything(store, lease) == [(1, 0)], "what was charged stays charged"
    book.fault = None
    check(gate, quiet)


# --- shadow, numbers ------------------------------------------------------------------------------------
def test_a_shadow_says_loudly_what_it_does_not_enforce(
    engine: Any, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    gate, lease = gate_of(store), build.lease(budget={"calls": 1})
    with caplog.at_level(logging.WARNING, "attenuate.shadow"):
        seen = gate.shadow(lease.token, **ASK)
        assert seen.finding is None
        assert seen.grant is not None
        assert seen.grant.left == {"calls": 0}
        assert not caplog.records
        for changes, code in (({}, "budget"), ({"action": "x"}, "allow"), ({"run": None}, "facts")):
            seen = gate.shadow(lease.token, **{**ASK, **changes})
            assert seen.grant is None
            assert seen.finding is not None
            assert seen.finding.code == code
        assert gate.shadow(lease.token[:-1], **ASK).grant is None
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 4
    assert (
        caplog.records[0]
        .getMessage()
        .startswith(
            "SHADOW MODE, NOT ENFORCED: refused by block 0: budget; asked: 1 calls; allowed: 0 left of 1"
        )
    )
    assert lease.token[20:50] not in caplog.text
    assert everything(store, lease) == [(1, 0)]
    assert gate.info().refused["budget"] == 1


def test_the_numbers(engine: Any, store: Store) -> None:
    gate, lease = gate_of(store), build.lease(budget={"calls": 2})
    assert gate.info()[:4] == (0, {}, 0, 0.0)
    for _ in range(2):
        check(gate, lease)
    for _ in range(3):
        refused(gate, lease, "budget", 0)
    with pytest.raises(Untrusted):
        check(gate, build.lease().token[:-4] + "AAAA")
    quiet = build.lease()
    for _ in range(4):
        check(gate, quiet)
    ledger_of(store).revoke(Selector.make("block", quiet.block_ids[0]))
    refused(gate, quiet, "revoked", 0)
    info = gate.info()
    assert info.allowed == 6
    assert info.refused == {"budget": 3, "proof": 1, "revoked": 1}
    assert (info.seq, info.age, info.store.name, info.store.failed) == (1, 0.0, store.name, 0)
    assert info.cache is not None
    assert info.store.calls > 0


def test_what_expired_is_swept(engine: Any, store: Store) -> None:
    clock = [NOW + 1]
    gate = Gate(verifier(clock=lambda: clock[0]), store)
    check(gate, build.lease(budget={"usd": 9}), cost={"usd": 5}, reserve="r", hold_for=5)
    assert len(store.holds()) == 1
    clock[0] += 5
    check(gate, build.lease(budget={"usd": 9}), cost={"usd": 5})
    assert len(store.holds()) == 1, "a gate sweeps every ten seconds"
    clock[0] += 5
    check(gate, build.lease(budget={"usd": 9}), cost={"usd": 5})
    end = time.monotonic() + 2
    while store.holds() and time.monotonic() < end:
        time.sleep(0.002)  # a thread does it
    assert store.holds() == []


# --- the fast path ------------------------------------------------------------------------------------
_TOP = build.lease(notes={"agent": "triage"})
_LEASES: list[tuple[Lease, str]] = [
    (_TOP, "agt_1@2"),
    (build.lease(run="agt_1@3", notes={"agent": "other"}), "agt_1@3"),
    (_TOP.narrow(run="agt_1@2/w@1", now=NOW), "agt_1@2/w@1"),
    (_TOP.narrow(run="agt_1@2/w@2", now=NOW), "agt_1@2/w@2"),
    (build.lease("ed25519", run="agt_9@1", notes={"agent": "triage"}), "agt_9@1"),
]
_NAMES: list[Selector] = [
    Selector.make("block", _TOP.block_ids[0]),
    Selector.make("block", _LEASES[2][0].block_ids[1]),
    Selector.make("run", "agt_1@2"),
    Selector.make("run", "agt_1@2/w@2"),
    Selector.make("agent", "triage"),
    Selector.make("key", "e1"),
]
_CAUGHT = [{0, 2, 3}, {2}, {0, 2, 3}, {3}, {0, 2, 3, 4}, {4}]
"""The leases that each name catches."""
_REGISTERS = [{"a": 2}, {"a": 3}, {"a": 2, "w": 1}, {"a": 2, "w": 2}, {"e": 1}]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("check"), st.integers(0, 4)),
        st.tuples(st.just("check"), st.integers(0, 4)),
        st.tuples(st.sampled_from(["revoke", "suspend", "resume", "resume"]), st.integers(0, 5)),
    ),
    max_size=30,
)


def answers(gates: list[Gate], stores: list[Store], steps: list[tuple[str, int]]) -> tuple[list[Any], int]:
    """Return what each gate answers, beside what a model of twenty lines does; and grants without a question."""
    revoked: set[int] = set()
    suspended: set[int] = set()
    registers: dict[str, int] = {}
    out, fast = [], 0
    for verb, n in steps:
        if verb != "check":
            for store in stores:
                getattr(ledger_of(store), verb)(_NAMES[n])
            {"revoke": revoked.add, "suspend": suspended.add, "resume": suspended.discard}[verb](n)
            continue
        said = []
        for gate in gates:
            before = gate.charging.store.info().calls
            try:
                granted = check(gate, _LEASES[n][0], run=_LEASES[n][1])
                fast += granted.left == {} and gate.charging.store.info().calls == before
                said.append("granted")
            except Refused as error:
                said.append(error.code)
        if any(n in _CAUGHT[name] for name in revoked | suspended):
            wanted = "revoked"
        elif any(registers.get(name, 0) > attempt for name, attempt in _REGISTERS[n].items()):
            wanted = "stale_attempt"
        else:
            registers |= _REGISTERS[n]
            wanted = "granted"
        out.append((*said, wanted))
    return out, fast


def slow(gate: Gate) -> Gate:
    gate.charging.peek = lambda *_: None  # type: ignore[method-assign]
    return gate


def test_the_fast_path_answers_as_the_slow_one(engine: Any) -> None:
    asked_nobody = 0

    @given(STEPS)
    def compare(steps: list[tuple[str, int]]) -> None:
        nonlocal asked_nobody
        one, other = MemoryStore(), MemoryStore()
        found, fast = answers([gate_of(one), slow(gate_of(other))], [one, other], steps)
        assert all(len(set(each)) == 1 for each in found), found
        asked_nobody += fast

    compare()
    assert asked_nobody > 50, "the fast path was taken"


def test_gates_that_share_a_store_agree(engine: Any) -> None:
    @given(STEPS)
    def compare(steps: list[tuple[str, int]]) -> None:
        with MemoryStore() as one:
            found, _ = answers([gate_of(one), gate_of(one)], [one], steps)
        assert all(len(set(each)) == 1 for each in found), found

    compare()


# --- threads ------------------------------------------------------------------------------------------
def test_threads_get_what_there_is_and_no_more(engine: Any, store: Store) -> None:
    many = 24
    gate, lease = gate_of(store), build.lease(budget={"calls": many // 2})
    start = threading.Barrier(many)

    def one(_: int) -> str:
        start.wait()
        try:
            check(gate, lease)
        except Refused as error:
            return error.code
        return "granted"

    with ThreadPoolExecutor(many) as pool:
        said = list(pool.map(one, range(many)))
    assert (said.count("granted"), said.count("budget")) == (many // 2, many // 2)
    assert everything(store, lease) == [(many // 2, 0)]


def test_what_is_revoked_is_refused_by_every_check_that_starts_later(engine: Any, store: Store) -> None:
    gate = gate_of(store)
    for budget in (None, {"calls": 10**6}):
        for _ in range(4):
            lease = build.lease(budget=budget)
            told = threading.Event()
            late: list[str] = []
            early = [0] * 3

            def work(
                number: int, lease: Lease, told: threading.Event, early: list[int], late: list[str]
            ) -> None:
                after = 0
                while after < 20:
                    began_after = told.is_set()
                    after += began_after
                    try:
                        check(gate, lease)
                        early[number] += 1
                        if began_after:
                            late.append("granted")
                    except Refused as error:
                        if error.code != "revoked":
                            late.append(error.code)
                    except BaseException as error:
                        late.append(repr(error))
                        raise

            threads = [threading.Thread(target=work, args=(n, lease, told, early, late)) for n in range(3)]
            for thread in threads:
                thread.start()
            while not all(early) and not late:
                time.sleep(0.0005)
            ledger_of(store).revoke(Selector.make("block", lease.block_ids[0]))
            told.set()
            for thread in threads:
                thread.join()
            assert late == []


# --- what an error carries ----------------------------------------------------------------------------
def shown(work: Callable[[], Any]) -> str:
    try:
        work()
    except BaseException as error:
        frames = error.__traceback__ and error.__traceback__.tb_next  # without this one, which has the work
        return "".join(traceback.TracebackException(type(error), error, frames, capture_locals=True).format())
    raise AssertionError("nothing was refused")


def ran(method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Run a method of an AsyncGate to its end, without a frame of asyncio's that holds its arguments."""
    import asyncio

    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(method(*arguments, **named))
    finally:
        del arguments, named
        loop.close()


@pytest.mark.parametrize("kind", ["gate", "async"])
def test_no_error_carries_the_token_in_its_frames(engine: Any, kind: str) -> None:
    token, spent = build.lease(budget={"calls": 9}).token, build.lease(budget={"calls": 1}).token
    book, store = Book(), MemoryStore()
    gates = {
        name: Gate(verifier(), each, record=recorder)
        if kind == "gate"
        else AsyncGate(verifier(), each, record=recorder)
        for name, each, recorder in (
            ("plain", store, None),
            ("book", store, book),
            ("closed", MemoryStore(), None),
        )
    }
    gates["closed"].charging.store.close()
    book.fault = OSError("full")
    check(gate_of(store), spent)
    call = (lambda method, *a, **k: partial(method, *a, **k)) if kind == "gate" else partial(partial, ran)
    plain = gates["plain"]
    works = [
        call(plain.check, spent, **ASK),
        call(gates["book"].check, token, **ASK),
        call(gates["closed"].check, token, **ASK),
        call(plain.check_call, token, action="x", run="agt_1@2", args={}),
        call(plain.check_call, spent, action="repo.read", run="agt_1@2", args={}, facts={"repo": "clord"}),
        call(plain.shadow, token, **{**ASK, "now": "z"}),
        call(plain.shadow, token, **ASK, unknown=1),
        *(
            call(plain.check, token, **{**ASK, **more})
            for more in ({"action": "x"}, {"run": None}, {"now": "z"}, {"reserve": ""}, {"reserve": "r", "hold_for": "z"}, {"facts": {"f": 1.5}})
        ),
        call(plain.check, token[:-1], **ASK),
        call(plain.check, token[:60], **ASK),
    ]  # fmt: skip
    for work in works:
        report = shown(work)
        assert token[20:50] not in report, report
        assert spent[20:50] not in report, report

    def leaky(token: str) -> None:
        raise ValueError("the control: a frame that shows it")

    assert token[20:50] in shown(partial(leaky, token))
    if kind == "async":
        for gate in gates.values():
            gate.close()


def test_the_look_at_frames_finds_a_gate_that_keeps_them() -> None:
    with (
        mock.patch("attenuate.gate.gate.bare", lambda error: error),
        mock.patch("attenuate.gate.charging.bare", lambda error: error),
    ):
        gate = gate_of(MemoryStore())
        real = gate.check

        def check(token: str, **asked: Any) -> Any:
            return real(token, **asked)

        gate.check = check  # type: ignore[method-assign]
        token = build.lease().token
        assert token[20:50] in shown(partial(gate.shadow, token, **{**ASK, "now": "z"}))


# --- controls: each fault, put into the source, is found by the test that is named -----------------------
_counters = Plan.counters
_plan_of = charging.plans_of


def _without(kind: str) -> Callable[..., Any]:
    return lambda self, request, proof: [c for c in _counters(self, request, proof) if c.kind != kind]


def _last_block_only(self: Plan, request: Any, proof: Any) -> Any:
    budgets = self.budgets[-1:]
    return _counters(self._replace(budgets=budgets), request, proof)


def _claims_count(verified: Any) -> Any:
    return tuple(
        plan._replace(attempts=tuple(c._replace(raises=True) for c in plan.attempts))
        for plan in _plan_of(verified)
    )


def _id_of_the_name(plans: Any, request: Any, run: str, name: str, hold_for: Any, at: int) -> Reserve:
    return reservation(plans, request, run, name, hold_for, at)._replace(id=sha256(name.encode()).digest())


def _racy(self: Any, charges: Any, now: int, reserve: Any, ledger: Any) -> Outcome:
    rows = {c.key: self._counters[c.key] for c in charges if c.key in self._counters}
    time.sleep(0.002)
    outcome, changed = decide(charges, rows, 0, reserve, None, now)
    self._counters.update({row.key: row for row in changed})
    return outcome


def _half(self: Any, charges: Any, now: int, reserve: Any, ledger: Any) -> Outcome:
    """Apply one charge at a time."""
    for number, charge in enumerate(charges):
        rows = {charge.key: self._counters[charge.key]} if charge.key in self._counters else {}
        outcome, changed = decide([charge], rows, 0, None, None, now)
        if outcome.verdict is Verdict.REFUSED:
            return outcome._replace(number=number)
        self._counters.update({row.key: row for row in changed})
    return Outcome(Verdict.APPLIED, 0, tuple(charge.ceiling for charge in charges))


def _quiet(self: Any, use: Any) -> None:
    try:
        if self._recorder is not None:
            self._recorder.record(use)
    except Exception:
        pass


def _revoked_between(engine: Any, store: Store) -> None:
    steps = [("check", 0), ("check", 0), ("revoke", 0), ("check", 0)]
    found, _ = answers([gate_of(store)], [store], steps)
    assert all(len(set(each)) == 1 for each in found), found


FAULTS: dict[str, tuple[str, Any, Callable[..., None]]] = {
    "only the last block is charged": ("attenuate.charges.Plan.counters", _last_block_only, test_a_parent_and_two_children_share),
    "no budget": ("attenuate.charges.Plan.counters", _without("budget"), test_single_use),
    "no budget in threads": ("attenuate.charges.Plan.counters", _without("budget"), test_threads_get_what_there_is_and_no_more),
    "no final": ("attenuate.charges.Plan.counters", _without("final"), test_an_action_that_ends_the_lease),
    "no attempt": ("attenuate.charges.Plan.counters", _without("attempt"), test_a_stale_attempt_is_refused_at_every_level),
    "a claim raises the register": ("attenuate.gate.charging.plans_of", _claims_count, test_what_a_request_claims_fences_nobody_out),
    "no replay": ("attenuate.charges.Plan.counters", _without("replay"), test_a_bound_proof_counts_once),
    "no replay, reserved": ("attenuate.charges.Plan.counters", _without("replay"), test_a_replayed_proof_with_its_reservation_is_a_replay),
    "an approval is free": ("attenuate.gate.charging.plans_of", lambda verified: tuple(p if not n else p._replace(budgets=()) for n, p in enumerate(_plan_of(verified))), test_an_approval_is_charged),
    "an approval is not revoked": ("attenuate.gate.charging.plans_of", lambda verified: tuple(p if not n else p._replace(revoked=()) for n, p in enumerate(_plan_of(verified))), test_an_approval_is_charged),
    "a reservation is of every call": ("attenuate.gate.charging.reservation", _id_of_the_name, test_another_call_cannot_use_a_reservation),
    "a reservation is anybody's": ("attenuate.gate.charging.reservation", _id_of_the_name, test_another_lease_cannot_use_a_reservation),
    "a batch by halves": ("attenuate.store.memory.MemoryStore._apply", _half, test_a_parent_and_two_children_share),
    "a replay costs": ("attenuate.store.memory.MemoryStore._apply", _half, test_a_bound_proof_counts_once),
    "read, then write": ("attenuate.store.memory.MemoryStore._apply", _racy, test_threads_get_what_there_is_and_no_more),
    "nobody is revoked": ("attenuate.ledger.view.View.against", lambda self, charges: None, test_a_revocation_is_told_with_its_block_and_what_would_pass),
    "revoked is not charged for": ("attenuate.ledger.view.View.against", lambda self, charges: None, test_a_refusal_by_the_ledger_charges_nothing),
    "resume undoes all": ("attenuate.ledger.view.REVOKE", 99, test_a_revocation_is_told_with_its_block_and_what_would_pass),
    "the fast path asks no ledger": ("attenuate.store.memory.MemoryStore.stands", lambda self, attempts, ledger: True, test_what_is_revoked_is_refused_by_every_check_that_starts_later),
    "the fast path looks at nothing": ("attenuate.store.memory.MemoryStore.stands", lambda self, attempts, ledger: True, _revoked_between),
    "nothing is caught up": ("attenuate.store.base.Store.apply", lambda self, charges, *, now, reserve=None, ledger=None, real=Store.apply: real(self, charges, now=now, reserve=reserve), test_what_is_revoked_is_refused_by_every_check_that_starts_later),
    "a recorder may fail": ("attenuate.gate.charging.Charging._record", _quiet, partial(test_what_is_not_recorded_is_not_granted, fault=OSError("full"))),
    "the fast path is not recorded": ("attenuate.gate.charging.Charging.peek", lambda self, verified, run, real=charging.Charging.peek: _unrecorded(self, verified, run, real), test_a_use_is_recorded_before_it_is_granted),
    "nothing is swept": ("attenuate.gate.charging.Charging._sweep", lambda self: None, test_what_expired_is_swept),
    "a proof of before is taken": ("attenuate.store.memory.decide", lambda charges, rows, horizon, *rest: decide(charges, rows, 0, *rest), lambda engine, store: test_a_memory_that_has_just_begun_takes_no_proof_from_before(engine)),
}  # fmt: skip


def _unrecorded(self: Any, verified: Any, run: Any, real: Any) -> Any:
    recorder, self._recorder = self._recorder, None
    try:
        return real(self, verified, run)
    finally:
        self._recorder = recorder


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(python: Any, fault: str) -> None:
    target, instead, test = FAULTS[fault]
    more = {"alg": "hmac"} if getattr(test, "__name__", "") in (
        "test_a_parent_and_two_children_share", "test_a_bound_proof_counts_once"
    ) else {}  # fmt: skip
    store = MemoryStore(allow_proofs_from_before=True)
    test(python, store=store, **more)
    with mock.patch(target, instead), pytest.raises((AssertionError, pytest.fail.Exception, LeaseError)):
        test(python, store=MemoryStore(allow_proofs_from_before=True), **more)
