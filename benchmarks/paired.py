"""Interleaved timing, for machines that are shared and noisy.

Every round times every piece of work once, in an order of its own, so what slows the machine down
slows down both sides of a pair. A ratio is taken within a round; the median of these is what is
reported, with the 10th and 90th percentile. Time is the processor time of the process, all threads
of it: waiting for a processor that somebody else has is not counted, and nothing here waits for
anything else. The garbage collector stays on, as in a service.
"""

from __future__ import annotations

import gc
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from time import process_time
from typing import NamedTuple, TypeAlias

from pytest_benchmark.fixture import BenchmarkFixture

Work: TypeAlias = Callable[[], object]
SHORT = 200e-6


class Spread(NamedTuple):
    """A median, and the 10th and 90th percentile around it."""

    median: float
    low: float
    high: float

    def of(self, factor: float) -> Spread:
        """Return it in another unit."""
        return Spread(self.median * factor, self.low * factor, self.high * factor)


def spread(samples: Sequence[float]) -> Spread:
    """Return median, 10th and 90th percentile of at least two samples."""
    tenths = statistics.quantiles(samples, n=10, method="inclusive")
    return Spread(statistics.median(samples), tenths[0], tenths[-1])


def ratio(mine: Sequence[float], other: Sequence[float]) -> Spread:
    """Return the spread of mine / other, round by round."""
    return spread([a / b for a, b in zip(mine, other, strict=True)])


def paired(
    work: Mapping[str, Work], rounds: int, inner: int, *, before: Mapping[str, Work] | None = None
) -> dict[str, list[float]]:
    """Return seconds per call of each work, one figure per round.

    inner: timed calls in one figure, after one that is not timed; more where that is under SHORT.
    before: what is to be done, untimed, ahead of the calls of a name, which are then `inner`.
    """
    before = before or {}
    calls = {name: inner if name in before else _enough(do, inner) for name, do in work.items()}
    order, shuffle = list(work), random.Random(1).shuffle
    samples: dict[str, list[float]] = {name: [] for name in work}
    gc.collect()
    gc.freeze()  # what the harness has loaded is not the garbage of anybody's call
    try:
        for _ in range(rounds):
            shuffle(order)
            for name in order:
                if name in before:
                    before[name]()
                work[name]()
                samples[name].append(timed(work[name], calls[name]) / calls[name])
    finally:
        gc.unfreeze()
    return samples


def timed(do: Work, calls: int) -> float:
    """Return seconds of processor time of so many calls."""
    start = process_time()
    for _ in range(calls):
        do()
    return process_time() - start


def _enough(do: Work, inner: int) -> int:
    """Return how many calls take long enough for what reading the clock takes not to show."""
    return max(inner, ceil(SHORT / min(timed(do, 1) for _ in range(5))))


class Answer(NamedTuple):
    """Microseconds a call by name, and ratios by (mine, other)."""

    us: dict[str, Spread]
    ratios: dict[tuple[str, str], Spread]


@dataclass(frozen=True)
class Question:
    """One question: the work that is timed together, and the pairs whose ratio answers it.

    before: see `paired`. pairs: (mine, other), names of work.
    """

    title: str
    work: dict[str, Work]
    pairs: tuple[tuple[str, str], ...]
    rounds: int = 200
    inner: int = 3
    before: dict[str, Work] = field(default_factory=dict)

    def answer(self) -> Answer:
        """Time all of it, interleaved."""
        samples = paired(self.work, self.rounds, self.inner, before=self.before)
        us = {name: spread(taken).of(1e6) for name, taken in samples.items()}
        return Answer(us, {pair: ratio(samples[pair[0]], samples[pair[1]]) for pair in self.pairs})

    def bench(self, benchmark: BenchmarkFixture, name: str) -> None:
        """Time one work alone, with pytest-benchmark."""
        benchmark.group = self.title
        if name in self.before:
            benchmark.pedantic(  # type: ignore[no-untyped-call]
                self.work[name], setup=self.before[name], rounds=self.rounds
            )
        else:
            benchmark(self.work[name])
