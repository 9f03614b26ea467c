"""How long from `revoke` to the first refusal in other processes, and what a million revoked ids take.

An operator process revokes one lease after the other, each at a random time, while two verifier processes
check it. Time runs from before `Ledger.revoke` was called, so the commit of the entry is in it, to when the
refusal was there; the clock is the system's.

feed            the verifiers follow the ledger over HTTP, from a process that serves its feed
followed        they share the operator's store and follow its ledger
direct          they share the store and have no follower: nothing is granted that was begun after `revoke` returned

A verifier checks 2,000 times a second, or, *busy*, does nothing else: then the thread of its follower has
to wait for the interpreter's lock, which Python hands over every 5 ms.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from attenuate import KeyRing, Lease
from attenuate.keys import Key
from attenuate.ledger import Frame, Ledger, Selector
from attenuate.ledger.frame import sign
from attenuate.store import Store
from benchmarks import ours
from benchmarks.backends import Backend, Backends, backends
from benchmarks.paired import Work
from benchmarks.processes import checking, feeding, holding, started, told
from benchmarks.test_gate import MILLION, revocations

VERIFIERS = 2
MANY = 300
PAUSE = 0.0005
FRAME = 10_000


class Way(NamedTuple):
    """How verifiers learn of a revocation. pause: seconds between two checks."""

    how: str
    backend: str = "sqlite"
    pause: float = PAUSE
    share: float = 1.0

    def __str__(self) -> str:
        return f"{self.how}, {self.backend}" + ("" if self.pause else ", busy")


WAYS = (
    Way("feed"), Way("followed"), Way("direct"), Way("feed", pause=0, share=0.34),
    Way("followed", pause=0, share=0.34), Way("direct", pause=0, share=0.34),
    Way("followed", "redis", share=0.34), Way("followed", "postgresql", share=0.34),
)  # fmt: skip


class Seen(NamedTuple):
    """One revocation as one verifier saw it, in milliseconds.

    after_call, after_return: from when `revoke` was called and when it returned to the refusal. late: granted
    by a check that was begun so long after `revoke` had returned; 0 or less for none.
    """

    after_call: float
    after_return: float
    late: float


class Field:
    """The operator of one store, and verifiers that ask about one lease at a time."""

    def __init__(self, store: Store, ring: KeyRing, verifiers: list[Connection]) -> None:
        self._ledger, self._ring, self._verifiers = Ledger(store), ring, verifiers

    def lease(self) -> Lease:
        return self._ring.mint(**ours.OWN)

    def revoke(self, lease: Lease, wait: float) -> list[Seen]:
        """Let all verifiers grant a lease, revoke it after `wait` seconds, and return what they saw."""
        for pipe in self._verifiers:
            pipe.send(lease.token)
        for pipe in self._verifiers:
            assert told(pipe) == "granted"
        time.sleep(wait)
        called = time.monotonic()
        self._ledger.revoke(Selector.make("block", lease.block_ids[0]))
        returned = time.monotonic()
        out = []
        for pipe in self._verifiers:
            granted, refused = told(pipe)
            out.append(Seen((refused - called) * 1e3, (refused - returned) * 1e3, (granted - returned) * 1e3))
        return out


@contextmanager
def field(backend: Backend, way: Way) -> Iterator[Field]:
    """Start what a way needs."""
    with ExitStack() as stack:
        store = stack.enter_context(backend.open())
        ring, key = KeyRing.generate("k1", "hmac"), Key.generate("ed25519")
        feed = None
        if way.how == "feed":
            served = stack.enter_context(started(feeding, backend.address, key.secret_text()))
            feed = f"http://127.0.0.1:{told(served)}/ledger", key.public_text()
        arguments = backend.address, ring.to_json(), way.how, feed, way.pause
        pipes = [stack.enter_context(started(checking, *arguments)) for _ in range(VERIFIERS)]
        yield Field(store, ring, pipes)


def seen(there: Backends, way: Way, count: int) -> list[Seen]:
    """Return what each verifier saw of so many revocations."""
    wait = random.Random(1)
    with field(there.found[way.backend], way) as made:
        made.revoke(made.lease(), 0)  # what is loaded at the first refusal is not counted
        return [one for _ in range(count) for one in made.revoke(made.lease(), wait.uniform(0.002, 0.012))]


def _told(found: list[Seen]) -> dict[str, Any]:
    """Return milliseconds: percentiles 0 to 100 from the call, three of them from the return, and what was late."""
    calls = statistics.quantiles([one.after_call for one in found], n=100, method="inclusive")
    returns = statistics.quantiles([one.after_return for one in found], n=100, method="inclusive")
    late = [one.late for one in found if one.late > 0]
    least, most = min(one.after_call for one in found), max(one.after_call for one in found)
    return {
        "seen": len(found),
        "ms": [least, *calls, most],
        "returned": [returns[49], returns[98], max(one.after_return for one in found)],
        "granted_late": len(late),
        "latest": max(late, default=0.0),
    }


def memory(entries: int = MILLION, times: int = 2) -> dict[str, Any]:
    """Return what a snapshot of so many revoked ids takes: seconds from signed frames, and bytes of memory."""
    key = Key.generate("ed25519")
    with tempfile.TemporaryDirectory(prefix="attenuate-bench-") as folder:
        bodies = revocations(entries)
        for start in range(0, entries, FRAME):
            part = tuple(bodies[start : start + FRAME])
            frame = Frame(bytes(16), start, start + len(part), entries, ours.NOW * 1000, part)
            (Path(folder) / f"{start:09}").write_bytes(sign(frame, key))
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        taken = []
        for _ in range(times):
            with started(holding, folder, key.public_text()) as pipe:
                seconds, held, marks = told(pipe)
            assert marks == entries
            taken.append((seconds, held))
    return {"entries": entries, "frames": size, "seconds": [seconds for seconds, _ in taken],
            "bytes": [held for _, held in taken]}  # fmt: skip


def measure(count: int = MANY, entries: int = MILLION) -> dict[str, Any]:
    """Return by way what was seen, what is missing, and what a snapshot takes."""
    with backends({way.backend for way in WAYS}) as there:
        ways = {
            str(way): _told(seen(there, way, max(5, round(count * way.share))))
            for way in WAYS
            if way.backend in there.found
        }
        missing = {str(way): there.missing[way.backend] for way in WAYS if way.backend in there.missing}
    return {"verifiers": VERIFIERS, "ways": ways, "missing": missing, "memory": memory(entries)}


@pytest.mark.benchmark(timer=perf_counter)
@pytest.mark.parametrize("way", WAYS[:3], ids=str)
def test_revocation(benchmark: BenchmarkFixture, way: Way) -> None:
    benchmark.group = "from revoke to refused by both of two processes"
    with backends(("sqlite",)) as there, field(there.found["sqlite"], way) as made:
        made.revoke(made.lease(), 0)

        def ready() -> tuple[tuple[Any, ...], dict[str, Any]]:
            return (made.lease(),), {}

        revoke: Work = partial(made.revoke, wait=0)
        benchmark.pedantic(revoke, setup=ready, rounds=20)  # type: ignore[no-untyped-call]
