"""Whether a denial costs more than a pass.

For attenuate, 3 blocks: an action outside, which block 0 refuses, and a path outside, which the
last block refuses. The work ends with the error caught and its code looked at; `message` reads its
words as well, which are made only then. For the peers, an action outside, with their message.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from attenuate import KeyRing, Verified
from benchmarks import ours, peers
from benchmarks.engines import WAYS, Way
from benchmarks.paired import Question, Work

N = 3
NEVER = {"path": "other/a.py", "repo": "clord"}


def _ours(alg: str, way: Way, warm: bool) -> Iterator[tuple[str, Work]]:
    made = ours.chain(N, alg)
    text, verifier = made.lease.token, made.verifier(way, ours.MEMORY if warm else 0)

    def do(
        facts: dict[str, str] = ours.FACTS, action: str = "repo.read", now: int = ours.NOW
    ) -> partial[Verified]:
        return partial(way.asking(verifier, run=made.run, action=action, facts=facts, now=now), text)

    delete = do(action="repo.delete")
    yield "allowed", ours.allowed(do())
    yield "action", ours.refused(delete, "allow")
    yield "path", ours.refused(do(facts=NEVER), "allow")
    yield "action, message", ours.refused(delete, "allow", read=True)
    yield "expired", ours.refused(do(now=peers.EXPIRES), "expires")
    if not warm:
        ask = way.asking(verifier, run=made.run, facts=ours.FACTS, now=ours.NOW)
        stranger = way.verifier(KeyRing.generate("k2", alg))
        lost = way.asking(stranger, run=made.run, facts=ours.FACTS, now=ours.NOW)
        forged = text[:-9] + ("A" if text[-9] != "A" else "B") + text[-8:]
        yield "forged", ours.refused(partial(ask, forged), "proof")
        yield "unknown key", ours.refused(partial(lost, text), "unknown_key")
        short = text[: len("lease1_") + len(text) // 8 * 4]  # whole bytes
        yield "cut short", ours.refused(partial(ask, short), "cbor")


def _question() -> Question:
    work: dict[str, Work] = {}
    pairs = []
    for alg in ("hmac", "ed25519"):
        for way in WAYS:
            for warm in (False, True):
                mine = f"attenuate {alg} {way} {'warm' if warm else 'cold'}"
                for kind, do in _ours(alg, way, warm):
                    work[f"{mine}: {kind}"] = do
                    if kind != "allowed":
                        pairs.append((f"{mine}: {kind}", f"{mine}: allowed"))
    many = (peers.macaroon(N), peers.biscuit(N), peers.tenuo(N), peers.tenuo(N, possession=True))
    for peer in (*many, peers.jwt_hs256(), peers.jwt_eddsa()):
        work[f"{peer.name}: allowed"], work[f"{peer.name}: action"] = peer.allow, peer.deny
        pairs.append((f"{peer.name}: action", f"{peer.name}: allowed"))
    return Question("denied against allowed, 3 blocks", work, tuple(pairs), rounds=200)


QUESTION = _question()


@pytest.mark.parametrize("name", QUESTION.work)
def test_denied(benchmark: BenchmarkFixture, name: str) -> None:
    QUESTION.bench(benchmark, name)
