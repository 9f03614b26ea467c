"""The cost of a lease under a public key, from text to decision, with nothing cached.

Against biscuit-python and tenuo, which verify with their own Rust (dalek), and against as many bare
verifications by the library that attenuate uses (cryptography, OpenSSL). A bearer lease is paired
with the bearer peers, a bound one with tenuo's possession proof.
"""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import bare, ours, peers
from benchmarks.paired import Question, Work

SIZES = (1, 2, 3, 4, 8)


def _question() -> Question:
    work: dict[str, Work] = {}
    pairs = []
    for n in SIZES:
        mine, held = f"attenuate ed25519 {n}", f"attenuate ed25519 bound {n}"
        work[mine] = ours.attenuate(n, "ed25519").allow
        work[held] = ours.bound(n, "ed25519")
        for peer in (peers.biscuit(n), peers.tenuo(n), peers.tenuo(n, possession=True)):
            work[f"{peer.name} {n}"] = peer.allow
        work[f"bare n+1 {n}"] = bare.verifications(n + 1)
        pairs += [(mine, f"{other} {n}") for other in ("biscuit", "tenuo", "bare n+1")]
        pairs += [(held, f"{other} {n}") for other in ("tenuo+pop", "bare n+1")]
        pairs += [(f"bare n+1 {n}", f"{other} {n}") for other in ("biscuit", "tenuo", "tenuo+pop")]
    work["attenuate ed25519, another lease each time 3"] = ours.Others(3, "ed25519")
    work["jwt-eddsa 1"] = peers.jwt_eddsa().allow
    pairs.append(("attenuate ed25519, another lease each time 3", "attenuate ed25519 3"))
    pairs.append(("attenuate ed25519 1", "jwt-eddsa 1"))
    return Question("ed25519, cold, allowed", work, tuple(pairs), rounds=120)


QUESTION = _question()


@pytest.mark.parametrize("name", QUESTION.work)
def test_cold_ed25519(benchmark: BenchmarkFixture, name: str) -> None:
    QUESTION.bench(benchmark, name)
