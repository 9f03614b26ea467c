"""How many verifications a second one process makes, with one thread and with two.

The same work for each thread, all threads started together. Two threads help only where the
interpreter's lock is let go: the bare verification shows whether the library does that.
"""

from __future__ import annotations

import random
from functools import partial
from threading import Barrier, Thread
from time import perf_counter

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import bare, ours
from benchmarks.paired import Spread, Work, ratio, spread

N = 3


def _work() -> dict[str, tuple[Work, int]]:
    """Return by name what each thread calls, and how often."""
    return {
        "attenuate hmac cold": (ours.attenuate(N).allow, 250),
        "attenuate hmac warm": (ours.attenuate(N, warm=True).allow, 2000),
        "attenuate ed25519 cold": (ours.attenuate(N, "ed25519").allow, 60),
        "attenuate ed25519 warm": (ours.attenuate(N, "ed25519", warm=True).allow, 2000),
        "bare Ed25519 verification": (bare.verifications(1), 250),
    }


WORK = _work()
CASES = [(name, threads) for name in WORK for threads in (1, 2)]


def run(name: str, threads: int) -> float:
    """Return calls per second of all threads together."""
    do, calls = WORK[name]
    ready = Barrier(threads + 1)

    def loop() -> None:
        ready.wait()
        for _ in range(calls):
            do()

    running = [Thread(target=loop) for _ in range(threads)]
    for thread in running:
        thread.start()
    ready.wait()
    start = perf_counter()
    for thread in running:
        thread.join()
    return threads * calls / (perf_counter() - start)


def measure(rounds: int = 11) -> dict[str, dict[str, Spread]]:
    """Return by name calls per second with 1 and with 2 threads, and the gain round by round."""
    taken: dict[tuple[str, int], list[float]] = {case: [] for case in CASES}
    order, shuffle = list(CASES), random.Random(1).shuffle
    for number in range(rounds + 1):
        shuffle(order)
        for case in order:
            rate = run(*case)
            if number:
                taken[case].append(rate)
    return {
        name: {
            "1": spread(taken[name, 1]),
            "2": spread(taken[name, 2]),
            "gain": ratio(taken[name, 2], taken[name, 1]),
        }
        for name in WORK
    }


@pytest.mark.benchmark(timer=perf_counter)
@pytest.mark.parametrize(("name", "threads"), CASES)
def test_throughput(benchmark: BenchmarkFixture, name: str, threads: int) -> None:
    benchmark.group = "throughput, 3 blocks"
    benchmark.pedantic(partial(run, name, threads), rounds=8, warmup_rounds=1)  # type: ignore[no-untyped-call]
