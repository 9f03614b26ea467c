"""The cost of a lease that the verifier has seen, or whose parent it has seen.

Warm: the whole chain is known. New block: the parent is known and one block is not, which takes
one link and one proof to verify; for ed25519 that is paired with 2 bare verifications. (A bearer
child's proof is its key, so it takes one verification and one derivation of a public key.) Bound:
the chain is known, the proof is new, as it always is.
"""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import bare, ours
from benchmarks.engines import NATIVE, WAYS
from benchmarks.paired import Question, Work

SIZES = (1, 2, 3, 4, 8)
INNER = 10
BARE = {"python": "bare", "native": "bare native"}


def _question() -> Question:
    work: dict[str, Work] = {f"bare {n}": bare.verifications(n) for n in (1, 2)}
    if NATIVE:
        work.update({f"bare native {n}": bare.native_verifications(n) for n in (1, 2)})
    before: dict[str, Work] = {}
    pairs = []
    for alg in ("hmac", "ed25519"):
        for way in WAYS:
            mine = f"attenuate {alg} {way}"
            for n in SIZES:
                work[f"{mine} warm {n}"] = ours.attenuate(n, alg, way, warm=True)
            work[f"{mine} cold 3"] = ours.attenuate(3, alg, way)
            pairs.append((f"{mine} warm 3", f"{mine} cold 3"))
            kinds = {
                "new block": ours.Children(3, alg, way, size=INNER + 1),
                "new block, sealed": ours.Children(3, alg, way, sealed=True, size=INNER + 1),
                "first sight": ours.Children(3, alg, way, known=False, size=INNER + 1),
            }
            for kind, children in kinds.items():
                name = f"{mine} {kind} 3"
                work[name], before[name] = children, children.reset
                pairs.append((name, f"{mine} cold 3"))
            work[f"{mine} bound, chain known 3"] = ours.bound(3, alg, way, warm=True)
    work["hmac.digest x 4"] = bare.hmacs(4)
    for way in WAYS:
        pairs.append((f"attenuate hmac {way} warm 3", "hmac.digest x 4"))
        mine, least = f"attenuate ed25519 {way}", BARE[way.engine]
        pairs += [(f"{mine} {kind} 3", f"{least} 2") for kind in ("new block", "new block, sealed")]
        pairs.append((f"{mine} bound, chain known 3", f"{least} 1"))
    return Question("warm, and one new block", work, tuple(pairs), rounds=150, inner=INNER, before=before)


QUESTION = _question()


@pytest.mark.parametrize("name", QUESTION.work)
def test_warm(benchmark: BenchmarkFixture, name: str) -> None:
    QUESTION.bench(benchmark, name)
