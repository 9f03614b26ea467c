"""The cost of a lease under a public key, from text to decision, with nothing cached.

Against biscuit-python and tenuo, which verify with their own Rust (dalek), and against as many bare
verifications by the library that the engine uses (OpenSSL for Python, dalek for the native one). A
bearer lease is paired with the bearer peers, a bound one with tenuo's possession proof.
"""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import bare, ours, peers
from benchmarks.engines import ENDS, NATIVE, WAYS
from benchmarks.paired import Question, Work

SIZES = (1, 2, 3, 4, 8)
BARE = {"python": "bare n+1", "native": "bare native n+1"}


def _question() -> Question:
    work: dict[str, Work] = {}
    pairs = []
    for n in SIZES:
        for peer in (peers.biscuit(n), peers.tenuo(n), peers.tenuo(n, possession=True)):
            work[f"{peer.name} {n}"] = peer.allow
        work[f"bare n+1 {n}"] = bare.verifications(n + 1)
        if NATIVE:
            work[f"bare native n+1 {n}"] = bare.native_verifications(n + 1)
    for way in WAYS:
        least = BARE[way.engine]
        for n in SIZES:
            work[f"attenuate ed25519 {way} {n}"] = ours.attenuate(n, "ed25519", way)
            work[f"attenuate ed25519 bound {way} {n}"] = ours.bound(n, "ed25519", way)
        for mine, others in (("", ("biscuit", "tenuo", least)), (" bound", ("tenuo+pop", least))):
            pairs += [(f"attenuate ed25519{mine} {way} {n}", f"{other} {n}")
                      for other in others for n in SIZES]  # fmt: skip
    for least in BARE.values() if NATIVE else ("bare n+1",):
        pairs += [
            (f"{least} {n}", f"{other} {n}") for other in ("biscuit", "tenuo", "tenuo+pop") for n in SIZES
        ]
    work["jwt-eddsa 1"] = peers.jwt_eddsa().allow
    for way in ENDS:
        again = f"attenuate ed25519 {way}, another lease each time 3"
        work[again] = ours.Others(3, "ed25519", way)
        pairs.append((again, f"attenuate ed25519 {way} 3"))
    pairs += [(f"attenuate ed25519 {way} 1", "jwt-eddsa 1") for way in WAYS]
    return Question("ed25519, cold, allowed", work, tuple(pairs), rounds=100)


QUESTION = _question()


@pytest.mark.parametrize("name", QUESTION.work)
def test_cold_ed25519(benchmark: BenchmarkFixture, name: str) -> None:
    QUESTION.bench(benchmark, name)
