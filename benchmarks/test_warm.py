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
from benchmarks.paired import Question, Work

SIZES = (1, 2, 3, 4, 8)
INNER = 3


def _question() -> Question:
    work: dict[str, Work] = {"bare 1": bare.verifications(1), "bare 2": bare.verifications(2)}
    before: dict[str, Work] = {}
    pairs = []
    for alg in ("hmac", "ed25519"):
        for n in SIZES:
            work[f"attenuate {alg} warm {n}"] = ours.attenuate(n, alg, warm=True).allow
        work[f"attenuate {alg} cold 3"] = ours.attenuate(3, alg).allow
        pairs.append((f"attenuate {alg} warm 3", f"attenuate {alg} cold 3"))
        kinds = {
            "new block": ours.Children(3, alg, size=INNER + 1),
            "new block, sealed": ours.Children(3, alg, sealed=True, size=INNER + 1),
            "first sight": ours.Children(3, alg, known=False, size=INNER + 1),
        }
        for kind, children in kinds.items():
            name = f"attenuate {alg} {kind} 3"
            work[name], before[name] = children, children.reset
            pairs.append((name, f"attenuate {alg} cold 3"))
        work[f"attenuate {alg} bound, chain known 3"] = ours.bound(3, alg, warm=True)
    pairs += [(f"attenuate ed25519 {kind} 3", "bare 2") for kind in ("new block", "new block, sealed")]
    pairs.append(("attenuate ed25519 bound, chain known 3", "bare 1"))
    return Question("warm, and one new block", work, tuple(pairs), rounds=300, inner=INNER, before=before)


QUESTION = _question()


@pytest.mark.parametrize("name", QUESTION.work)
def test_warm(benchmark: BenchmarkFixture, name: str) -> None:
    QUESTION.bench(benchmark, name)
