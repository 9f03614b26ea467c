"""How many requests a second each store charges: `Store.apply`, without a gate around it.

A request is what the gate asks for a lease of a run with a budget: 1 call of the budget, and two registers of
attempts that stand. Each worker has a lease of its own, but for `one budget`, which all share. `look`: the
registers alone, so nothing moves. `chunks`: ChunkedStore with size=100 in front. `bare`: the least that one
durable count costs there by the same client library (backends.py), a connection for each worker.

Time is wall-clock time, because the waiting for a disk or a server is what is measured.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from threading import Barrier, Thread
from time import perf_counter
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from attenuate import codec, limits
from attenuate.charges import Charge
from attenuate.store import Store
from attenuate.store.chunked import ChunkedStore
from benchmarks.backends import NAMES, Backend, Backends, backends
from benchmarks.paired import Spread, Work, ratio, spread
from benchmarks.processes import charging, started, told

SIZE = 100
SECONDS = 0.1
ROUNDS = 5
THREADS, PROCESSES = 8, 2
UNTIL = 4_102_444_800
KINDS = (
    "bare", "bare, 8 threads", "1 thread", "8 threads", "8 threads, one budget", "look", "2 processes",
    "chunks, 1 thread", "chunks, 8 threads", "chunks, 2 processes",
)  # fmt: skip
PAIRS = (
    ("1 thread", "bare"), ("8 threads", "1 thread"), ("8 threads", "bare, 8 threads"),
    ("8 threads, one budget", "8 threads"), ("2 processes", "1 thread"), ("look", "1 thread"),
    ("chunks, 1 thread", "1 thread"), ("chunks, 8 threads", "8 threads"), ("chunks, 2 processes", "2 processes"),
)  # fmt: skip


class Bench:
    """The requests of one process. name: so that its leases are its own."""

    def __init__(self, store: Store, name: str, backend: Backend | None = None) -> None:
        self._store, self._name = store, name
        self._chunked = ChunkedStore(store, size=SIZE)
        self._bare = [backend.bare() for _ in range(THREADS)] if backend is not None else []

    def work(self, kind: str, number: int) -> Work:
        """Return what the worker of this number does again and again."""
        if kind.startswith("bare"):
            return self._bare[number]
        store = self._chunked if kind.startswith("chunks") else self._store
        who = "all" if kind.endswith("one budget") else f"{self._name} {number} {store.name}"
        charges = registers(who) if kind == "look" else [budget(who), *registers(who)]
        return lambda: store.apply(charges, now=int(time.time()))

    def close(self) -> None:
        """Give back what chunks have left."""
        self._chunked.give_back(now=int(time.time()))


def budget(who: str) -> Charge:
    return Charge("budget", codec.encode(["budget", who.encode(), "calls"]), 1, limits.SAFE_MAX, UNTIL)


def registers(who: str) -> list[Charge]:
    return [
        Charge(
            "attempt", codec.encode(["attempt", who.encode(), path]), 2, limits.SAFE_MAX, UNTIL, raises=True
        )
        for path in ("agt_1", "agt_1@2/reader")
    ]


def rate(bench: Bench, kind: str, threads: int, seconds: float = SECONDS) -> float:
    """Return requests per second of all threads together."""
    work = [bench.work(kind, number) for number in range(threads)]
    for do in work:
        do()
    counts = [0] * threads
    ready = Barrier(threads + 1)

    def loop(number: int) -> None:
        do, count = work[number], 0
        ready.wait()
        end = perf_counter() + seconds
        while perf_counter() < end:
            do()
            count += 1
        counts[number] = count

    running = [Thread(target=loop, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    ready.wait()
    start = perf_counter()
    for thread in running:
        thread.join()
    return sum(counts) / (perf_counter() - start)


def rate_of_processes(pipes: list[Any], kind: str, seconds: float = SECONDS) -> float:
    """Return requests per second of all processes together, each with one thread."""
    start = time.monotonic() + 0.02
    for pipe in pipes:
        pipe.send((kind, start, seconds))
    answers = [told(pipe) for pipe in pipes]
    return float(sum(calls for calls, _ in answers) / (max(ended for _, ended in answers) - start))


def threads_of(kind: str) -> int:
    return THREADS if "8 threads" in kind else 1


def measure(rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Any]:
    """Return requests per second by store and kind, ratios of pairs, what is missing, and versions."""
    taken: dict[tuple[str, str], list[float]] = {}
    with backends() as there, ExitStack() as stack:
        benches, pipes = {}, {}
        for name, backend in there.found.items():
            store = stack.enter_context(backend.open())
            benches[name] = Bench(store, "main", backend)
            stack.callback(benches[name].close)
            if backend.shared:
                each = (started(charging, backend.address, number) for number in range(PROCESSES))
                pipes[name] = [stack.enter_context(one) for one in each]
        cases = [(name, kind) for name in there.found for kind in KINDS
                 if name in pipes or "processes" not in kind]  # fmt: skip
        shuffle = random.Random(1).shuffle
        for number in range(rounds + 1):
            shuffle(cases)
            for name, kind in cases:
                there.found[name].begin()
                if "processes" in kind:
                    found = rate_of_processes(pipes[name], kind, seconds)
                else:
                    found = rate(benches[name], kind, threads_of(kind), seconds)
                if number:
                    taken.setdefault((name, kind), []).append(found)
        durable = {name: store_of.durable for name, store_of in _stores(benches).items()}
        missing, versions = there.missing, there.versions
    rates: dict[str, dict[str, Spread]] = {}
    ratios: dict[str, dict[str, Spread]] = {}
    for name in NAMES:
        kinds = [kind for kind in KINDS if (name, kind) in taken]
        if kinds:
            rates[name] = {kind: spread(taken[name, kind]) for kind in kinds}
            ratios[name] = {f"{mine} / {other}": ratio(taken[name, mine], taken[name, other])
                            for mine, other in PAIRS if mine in kinds}  # fmt: skip
    return {"rates": rates, "ratios": ratios, "durable": durable, "missing": missing, "versions": versions,
            "rounds": rounds, "seconds": seconds, "size": SIZE}  # fmt: skip


def _stores(benches: dict[str, Bench]) -> dict[str, Store]:
    return {name: bench._store for name, bench in benches.items()}


@pytest.fixture(scope="module")
def there() -> Iterator[Backends]:
    with backends() as found:
        yield found


@pytest.mark.benchmark(timer=perf_counter)
@pytest.mark.parametrize("kind", ["bare", "1 thread", "look", "chunks, 1 thread"])
@pytest.mark.parametrize("name", NAMES)
def test_stores(benchmark: BenchmarkFixture, there: Backends, name: str, kind: str) -> None:
    if name not in there.found:
        pytest.skip(f"{name}: {there.missing[name]}")
    backend = there.found[name]
    benchmark.group = f"one request, {name}"
    with backend.open() as store:
        bench = Bench(store, "alone", backend)
        benchmark(bench.work(kind, 0))
        bench.close()
