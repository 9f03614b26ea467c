"""What a gate takes on top of the verification that is within it, over a store in memory.

The same token and the same request for `Verifier.verify` and for `Gate.check`, one after the other in
each round; what is reported is the difference. `1 M`: the ledger has 1,000,000 revoked block ids.

warm            a lease without budgets that the gate has seen
budget          a lease with a budget of calls in two of its blocks: each check moves two counters
followed        warm, with a `Follower` of a ledger instead of the store's own
first sight     chain, plan and registers of each lease are new, to both
look            `View.against` alone, with the 8 selectors of a lease; a warm gate skips it until the
                ledger changes
"""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Callable
from functools import cache, partial
from itertools import cycle
from time import perf_counter, process_time
from typing import Any
from unittest import mock

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from attenuate import Gate, KeyRing, Lease, Verifier
from attenuate.charges import Charge, plan_of
from attenuate.fields import Terms
from attenuate.gate import charging
from attenuate.ledger import Follower, Mark, Selector, StoreSource, View
from attenuate.ledger.entry import ALWAYS, REVOKE
from attenuate.store import MemoryStore
from benchmarks import ours
from benchmarks.engines import ENGINES, Way
from benchmarks.paired import Work, paired, spread, timed

MILLION = 1_000_000
LEDGERS = {"none revoked": 0, "1 M revoked": MILLION}
KINDS = ("warm", "budget", "followed", "first sight")
INNER, FRESH = 30, 5
ROUNDS, FEWER = 150, 60
OTHERS = 2000
FOLLOWERS: list[Follower] = []


def revocations(count: int) -> list[bytes]:
    """Return entries of a ledger that revoke so many block ids, all distinct."""
    model = Mark(REVOKE, Selector("block", "5a" * 16), ALWAYS, ALWAYS).encode()
    before, found, after = model.partition(b"\x5a" * 16)
    assert found
    noise = os.urandom(12)
    out = [before + noise + number.to_bytes(4, "big") + after for number in range(count)]
    assert not out or Mark.decode(out[-1]).selector.kind == "block"
    return out


@cache
def _store(count: int) -> MemoryStore:
    """Return a store whose ledger has so many entries."""
    store = MemoryStore()
    store.append(revocations(count), at=ours.NOW * 1000, until=[ALWAYS] * count)
    return store


@cache
def _follower(count: int) -> Follower:
    follower = Follower(StoreSource(_store(count)), start=False)
    follower.refresh()
    assert len(follower.view) == count
    FOLLOWERS.append(follower)
    return follower


@cache
def _ring() -> KeyRing:
    return KeyRing.generate("k1", "hmac")


def _lease(*, budget: bool = False) -> Lease:
    """Return a lease of 3 blocks with 8 selectors: blocks, runs, agent, subject and key."""
    own: Terms = {**ours.OWN, "notes": {"agent": "triage", "subject": "u1"}}
    later: Terms = {**ours.LATER}
    if budget:
        own["budget"] = later["budget"] = {"calls": 2**50}
    return _ring().mint(now=ours.NOW, **own).narrow(now=ours.NOW, **later).narrow(now=ours.NOW, **ours.LATER)


def _gate(engine: str, count: int, *, followed: bool = False) -> Gate:
    """Return a gate of this engine; a Verifier of engines.py is one of another module's."""
    verifier = Way(engine).verifier(_ring(), ours.MEMORY)
    follower = _follower(count) if followed else None
    with mock.patch.object(charging, "Verifier", type(verifier)):
        return Gate(verifier, _store(count), ledger=follower)


@cache
def _kept(engine: str, count: int) -> Gate:
    """Return one gate for all that reads the store's ledger: each has a view of it of its own."""
    return _gate(engine, count)


def _asking(ask: Callable[..., object], text: str) -> Work:
    """Return a question by `verify` or by `check`, whose arguments are the same."""
    return lambda: ask(text, action="repo.read", run=ours.CHILD, facts=ours.FACTS, now=ours.NOW)


def _pair(engine: str, kind: str, count: int) -> tuple[Work, Work]:
    """Return the verification and the check of one lease."""
    verifier: Verifier = Way(engine).verifier(_ring(), ours.MEMORY)
    gate = _gate(engine, count, followed=True) if kind == "followed" else _kept(engine, count)
    text = _lease(budget=kind == "budget").token
    verify, check = _asking(verifier.verify, text), _asking(gate.check, text)
    verify()
    check()
    return verify, check


def _firsts(engine: str, count: int, size: int) -> tuple[Work, Work]:
    """Return the verification and the check of a lease that is new each time, of `size` leases."""
    verifier: Verifier = Way(engine).verifier(_ring(), ours.MEMORY)
    gate = _kept(engine, count)
    texts = [_lease().token for _ in range(size)]
    mine, other = iter(texts), iter(texts)
    return (
        lambda: _asking(verifier.verify, next(mine))(),
        lambda: _asking(gate.check, next(other))(),
    )


def _charges(lease: Lease) -> tuple[Charge, ...]:
    verified = Verifier(_ring(), audience="github").verify(
        lease.token, action="repo.read", run=ours.CHILD, facts=ours.FACTS, now=ours.NOW
    )
    evidence = verified._evidence
    return plan_of(evidence.chain, evidence.run, 0).revoked


def _looks(view: View) -> dict[str, Work]:
    """Return looks at 8 selectors: of the same lease, and of another each time."""
    one = _charges(_lease())
    assert len(one) == 8, one
    others = [
        tuple(c._replace(key=c.key[:-16] + os.urandom(16)) if b"block" in c.key else c for c in one)
        for _ in range(OTHERS)
    ]
    each = cycle(others)
    return {
        "look": partial(view.against, one),
        "look, another lease": lambda: view.against(next(each)),
    }


def _name(engine: str, kind: str, ledger: str) -> str:
    return f"{engine} {kind}, {ledger}"


def _both(pairs: dict[str, tuple[Work, Work]], rounds: int, calls: int) -> dict[str, list[list[float]]]:
    """Return seconds of verify and of check by name: the two of a pair one right after the other, in turn."""
    order, shuffle = list(pairs), random.Random(1).shuffle
    out: dict[str, list[list[float]]] = {name: [[], []] for name in pairs}
    gc.collect()
    gc.freeze()  # as in paired.py
    try:
        for number in range(rounds):
            for follower in FOLLOWERS:
                follower.refresh()  # one that is too old would refuse
            shuffle(order)
            for name in order:
                for which in (0, 1) if number % 2 else (1, 0):
                    do = pairs[name][which]
                    do()
                    out[name][which].append(timed(do, calls) / calls)
    finally:
        gc.unfreeze()
    return out


def measure(rounds: int = ROUNDS, fewer: int = FEWER) -> dict[str, Any]:
    """Return µs of verify, of check, and of check over verify by pairs; and of a look at the ledger."""
    known: dict[str, tuple[Work, Work]] = {}
    firsts: dict[str, tuple[Work, Work]] = {}
    looks: dict[str, Work] = {}
    for ledger, count in LEDGERS.items():
        for engine in ENGINES:
            for kind in KINDS[:3]:
                known[f"{engine} {kind}, {ledger}"] = _pair(engine, kind, count)
            firsts[f"{engine} {KINDS[3]}, {ledger}"] = _firsts(engine, count, fewer * (FRESH + 1))
        found = _looks(_follower(count).view)
        looks |= {f"{name}, {ledger}": look for name, look in found.items()}
    wall, ran = perf_counter(), process_time()
    both = _both(known, rounds, INNER) | _both(firsts, fewer, FRESH)
    looked = paired(looks, rounds, INNER)
    busy = (process_time() - ran) / (perf_counter() - wall)
    over = {name: [b - a for a, b in zip(*taken, strict=True)] for name, taken in both.items()}
    us = {f"{what}: {name}": spread(taken[which]).of(1e6)
          for name, taken in both.items() for which, what in enumerate(("verify", "check"))}  # fmt: skip
    us |= {name: spread(taken).of(1e6) for name, taken in looked.items()}
    more = {name: spread(taken).of(1e6) for name, taken in over.items()}
    return {"rounds": rounds, "inner": INNER, "busy": busy, "us": us, "more": more}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", KINDS[:2])
@pytest.mark.parametrize("what", ["verify", "check"])
def test_gate(benchmark: BenchmarkFixture, engine: str, kind: str, what: str) -> None:
    benchmark.group = f"gate over verify, {kind}"
    benchmark(_pair(engine, kind, 0)[what == "check"])


@pytest.mark.parametrize("name", ["look", "look, another lease"])
def test_look(benchmark: BenchmarkFixture, name: str) -> None:
    benchmark.group = "a look at 100,000 revoked ids"
    view = View()
    view.apply(revocations(100_000), 100_000)
    benchmark(_looks(view)[name])
