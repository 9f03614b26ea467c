"""The control of all ratios: a planted difference is found, and none where there is none."""

from __future__ import annotations

from functools import partial

from benchmarks.paired import paired, ratio


def _count(to: int) -> int:
    return sum(range(to))


def test_paired() -> None:
    work = {name: partial(_count, to) for name, to in (("once", 4000), ("again", 4000), ("more", 6000))}
    samples = paired(work, rounds=200, inner=3)
    assert 0.95 < ratio(samples["again"], samples["once"]).median < 1.05
    assert 1.4 < ratio(samples["more"], samples["once"]).median < 1.6
