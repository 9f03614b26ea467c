"""The cost of minting a lease of one block, and of adding a second, to text.

The grants are made once; `grants anew` makes them at every call, as tenuo's capability and
biscuit's parameters are. The others' narrow starts from a parsed token, and so does this one. Leases
are made in Python with either engine.
"""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from attenuate import grant, one_of, under
from attenuate.fields import Terms
from benchmarks import ours, peers
from benchmarks.paired import Question, Work


def _question() -> Question:
    work: dict[str, Work] = {}
    for alg in ("hmac", "ed25519"):
        work[f"attenuate {alg}: mint"], work[f"attenuate {alg}: narrow"] = ours.mint(alg), ours.narrow(alg)
    chains = (peers.macaroon(1), peers.biscuit(1), peers.tenuo(1))
    for peer in (*chains, peers.jwt_hs256(), peers.jwt_eddsa()):
        work[f"{peer.name}: mint"], work[f"{peer.name}: narrow"] = peer.mint, peer.narrow
    made = ours.chain(1)

    def mint() -> str:
        own: Terms = {**ours.OWN, "allow": [grant(*peers.ACTIONS, repo=one_of("clord"))]}
        return made.ring.mint(now=ours.NOW, **own).token

    def narrow() -> str:
        later: Terms = {**ours.LATER, "allow": [grant(*peers.ACTIONS, path=under("src"))]}
        return made.lease.narrow(now=ours.NOW, **later).token

    work["attenuate hmac, grants anew: mint"] = mint
    work["attenuate hmac, grants anew: narrow"] = narrow
    pairs = [(f"attenuate hmac{anew}: {what}", f"{peer}: {what}")
             for what in ("mint", "narrow") for anew in ("", ", grants anew")
             for peer in ("macaroon", "jwt-hs256")]  # fmt: skip
    pairs += [(f"attenuate ed25519: {what}", f"{peer}: {what}")
              for what in ("mint", "narrow") for peer in ("biscuit", "tenuo", "jwt-eddsa")]  # fmt: skip
    return Question("mint and narrow", work, tuple(pairs))


QUESTION = _question()


@pytest.mark.parametrize("name", QUESTION.work)
def test_mint_narrow(benchmark: BenchmarkFixture, name: str) -> None:
    QUESTION.bench(benchmark, name)
