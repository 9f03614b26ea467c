"""The cost of a lease under a shared secret, from text to decision, with nothing cached.

Against pymacaroons with a caveat for each term, so 5 n + 1 HMACs where a lease has n + 1; and
against its best use, with one caveat a block (joined.py).
"""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import bare, joined, ours, peers
from benchmarks.paired import Question, Work

SIZES = (1, 2, 3, 4, 8)


def _question() -> Question:
    work: dict[str, Work] = {}
    for n in SIZES:
        work[f"attenuate hmac {n}"] = ours.attenuate(n).allow
        work[f"macaroon {n}"] = peers.macaroon(n).allow
        work[f"macaroon, joined {n}"] = joined.macaroon(n)
    work["attenuate hmac, another lease each time 3"] = ours.Others(3, "hmac")
    work["jwt-hs256 1"] = peers.jwt_hs256().allow
    work["hmac.digest x 4"] = bare.hmacs(4)
    pairs = [
        (f"attenuate hmac {n}", f"{other} {n}") for other in ("macaroon", "macaroon, joined") for n in SIZES
    ]
    pairs.append(("attenuate hmac, another lease each time 3", "attenuate hmac 3"))
    pairs += [("attenuate hmac 1", "jwt-hs256 1"), ("attenuate hmac 3", "hmac.digest x 4")]
    return Question("hmac, cold, allowed", work, tuple(pairs), rounds=300)


QUESTION = _question()


@pytest.mark.parametrize("name", QUESTION.work)
def test_cold_hmac(benchmark: BenchmarkFixture, name: str) -> None:
    QUESTION.bench(benchmark, name)
