"""How many verifications a second one process makes, with one thread and with two.

The same work for each thread, all threads started together. Two threads help only where the
interpreter's lock is let go; `control` does nothing else, so it shows what two threads can gain
on this machine at this time.
"""

from __future__ import annotations

import hashlib
import random
from functools import partial
from math import ceil
from threading import Barrier, Thread
from time import perf_counter

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from attenuate import Request
from benchmarks import bare, ours
from benchmarks.engines import ENGINES, NATIVE, PREPARED, WAYS, Way
from benchmarks.paired import Spread, Work, ratio, spread

N = 3
MANY = 64
CEILING = "control: sha256 of 1 MiB"
SECONDS = 0.06


def many(alg: str, engine: str) -> Work:
    """Return the verification of MANY leases in one call, with nothing cached."""
    made = ours.chain(N, alg)
    verifier = made.verifier(Way(engine))
    request = Request("repo.read", audience="github", run=made.run, facts=ours.FACTS)
    asked = [(ours.chain(N, alg, made.ring).lease.token, request) for _ in range(MANY)]
    return lambda: verifier.verify_many(asked, now=ours.NOW)


def _work() -> dict[str, tuple[Work, int]]:
    """Return by name what each thread calls, and how many verifications that makes."""
    out: dict[str, tuple[Work, int]] = {}
    for alg in ("ed25519", "hmac"):
        for way in WAYS:
            out[f"attenuate {alg} {way} cold"] = ours.attenuate(N, alg, way), 1
        for engine in ENGINES:
            out[f"attenuate {alg} {engine} verify_many cold"] = many(alg, engine), MANY
    out["attenuate hmac python warm"] = ours.attenuate(N, "hmac", warm=True), 1
    if NATIVE:
        out["attenuate hmac native prepared warm"] = ours.attenuate(N, "hmac", PREPARED, warm=True), 1
    out["bare Ed25519 verification (OpenSSL)"] = bare.verifications(1), 1
    out[CEILING] = partial(hashlib.sha256, bytes(1 << 20)), 1
    return out


WORK = _work()
CASES = [(name, threads) for name in WORK for threads in (1, 2)]


def calls_of(do: Work) -> int:
    """Return how many calls take about SECONDS."""
    least = float("inf")
    for _ in range(5):
        start = perf_counter()
        do()
        least = min(least, perf_counter() - start)
    return ceil(SECONDS / least)


def run(name: str, threads: int, calls: int) -> float:
    """Return verifications per second of all threads together."""
    do, each = WORK[name]
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
    return threads * calls * each / (perf_counter() - start)


def measure(rounds: int = 11) -> dict[str, dict[str, Spread]]:
    """Return by name verifications per second with 1 and with 2 threads, and the gain round by round."""
    taken: dict[tuple[str, int], list[float]] = {case: [] for case in CASES}
    calls = {name: calls_of(do) for name, (do, _) in WORK.items()}
    order, shuffle = list(WORK), random.Random(1).shuffle
    for number in range(rounds + 1):
        shuffle(order)
        for name in order:
            for threads in (1, 2) if number % 2 else (2, 1):
                rate = run(name, threads, calls[name])
                if number:
                    taken[name, threads].append(rate)
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
    calls = calls_of(WORK[name][0])
    benchmark.pedantic(  # type: ignore[no-untyped-call]
        partial(run, name, threads, calls), rounds=5, warmup_rounds=1
    )
