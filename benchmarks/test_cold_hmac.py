"""The cost of a lease under a shared secret, from text to decision, with nothing cached.

Against pymacaroons with a caveat for each term, so 5 n + 1 HMACs where a lease has n + 1; against its
best use, with one caveat a block (joined.py); and against libmacaroons in C, where it is installed.
"""

from __future__ import annotations

from functools import partial

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import bare, joined, libmacaroons, ours, peers
from benchmarks.engines import ENDS, PYTHON, WAYS
from benchmarks.paired import Question, Work

SIZES = (1, 2, 3, 4, 8)
IN_C = libmacaroons.LIBRARY is not None


def _question() -> Question:
    work: dict[str, Work] = {}
    for n in SIZES:
        for way in WAYS:
            work[f"attenuate hmac {way} {n}"] = ours.attenuate(n, "hmac", way)
        work[f"macaroon {n}"] = peers.macaroon(n).allow
        work[f"macaroon, joined {n}"] = joined.macaroon(n)
        if IN_C:
            work[f"libmacaroons {n}"] = libmacaroons.macaroon(n, prepared=False)
            work[f"libmacaroons prepared {n}"] = libmacaroons.macaroon(n)
            work[f"libmacaroons prepared, joined {n}"] = libmacaroons.macaroon(n, one_caveat=True)
    if IN_C:
        work["ctypes x 3"] = libmacaroons.three_calls
    work["jwt-hs256 1"] = peers.jwt_hs256().allow
    work["hmac.digest x 4"] = bare.hmacs(4)
    work["nothing"] = partial(bare.nothing, "")
    pairs = []
    for way in WAYS:
        others = ["macaroon", "macaroon, joined"]
        if IN_C and way.prepared:
            others += ["libmacaroons prepared", "libmacaroons prepared, joined"]
        elif IN_C and way != PYTHON:
            others += ["libmacaroons"]
        pairs += [(f"attenuate hmac {way} {n}", f"{other} {n}") for other in others for n in SIZES]
        pairs += [(f"attenuate hmac {way} 1", "jwt-hs256 1"), (f"attenuate hmac {way} 3", "hmac.digest x 4")]
    for way in ENDS:
        again = f"attenuate hmac {way}, another lease each time 3"
        work[again] = ours.Others(3, "hmac", way)
        pairs.append((again, f"attenuate hmac {way} 3"))
    return Question("hmac, cold, allowed", work, tuple(pairs), rounds=300)


QUESTION = _question()


@pytest.mark.parametrize("name", QUESTION.work)
def test_cold_hmac(benchmark: BenchmarkFixture, name: str) -> None:
    QUESTION.bench(benchmark, name)
