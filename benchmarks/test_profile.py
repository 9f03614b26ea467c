"""Where the time of the native engine goes: each layer of one call, timed alone and in turn.

kernel      attenuate_kernel.verify, with everything prepared: text in, numbers out
outcome     attenuate.native.outcome around it: rules taken apart, Verified or LeaseError made
check       Verifier.check around that: the request looked at, the time of the call, the error raised
verify      Verifier.verify instead: the request made of keyword arguments
request     attenuate.native.make_request alone
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from attenuate import Request
from attenuate.clear import Rules
from benchmarks import bare, ours
from benchmarks.engines import AUDIENCE, NATIVE, PREPARED, Way
from benchmarks.paired import Question, Work

N = 3
LAYERS = ("kernel", "outcome", "check", "verify")
KINDS = {
    "allowed": ("repo.read", ours.FACTS),
    "denied": ("repo.delete", ours.FACTS),
}


def _layers(alg: str, memory: int, kind: str) -> Iterator[tuple[str, Work]]:
    import attenuate_kernel as kernel

    from attenuate import native

    made, (action, facts) = ours.chain(N, alg), KINDS[kind]
    text, ring = made.lease.token, made.ring if alg == "hmac" else made.ring.publish()
    request, rules = Request(action, audience=AUDIENCE, run=made.run, facts=facts), Rules()
    cache = native.ChainCache(memory) if memory else None

    def outcome() -> object:
        return native.outcome(text, request, ring, ours.NOW, rules, cache)

    outcome()  # request and ring are prepared
    asked, keys, known = request.prepared, ring.prepared, None if cache is None else cache.kernel
    assert isinstance(asked, kernel.Request)
    assert isinstance(keys, kernel.Ring)

    def alone() -> object:
        return kernel.verify(text, asked, keys, ours.NOW, 0, None, known, None, False)

    alone()
    ends: Callable[[Callable[[], object]], Work] = ours.allowed
    if kind == "denied":
        ends = partial(ours.refused, code="allow")
    yield "kernel", alone
    yield "outcome", outcome
    for layer, way in (("check", PREPARED), ("verify", Way("native"))):
        verifier = made.verifier(way, memory)
        ask = way.asking(verifier, run=made.run, action=action, facts=facts, now=ours.NOW)
        yield layer, ends(partial(ask, text))


def _question() -> Question:
    work: dict[str, Work] = {}
    if NATIVE:
        from attenuate.native import make_request

        run = ours.CHILD
        work["request"] = lambda: make_request("repo.read", audience=AUDIENCE, run=run, facts=ours.FACTS)
        work["nothing"] = partial(bare.nothing, "")
        for alg in ("hmac", "ed25519"):
            for heat, memory in (("cold", 0), ("warm", ours.MEMORY)):
                for kind in KINDS:
                    for layer, do in _layers(alg, memory, kind):
                        work[f"{alg} {heat}, {kind}: {layer}"] = do
    pairs = []
    for name in work:
        case, _, layer = name.rpartition(": ")
        if layer in LAYERS[1:]:
            pairs.append((name, f"{case}: {LAYERS[LAYERS.index(layer) - 1]}"))
    return Question("layers of a native verification, 3 blocks", work, tuple(pairs), rounds=200)


QUESTION = _question()


@pytest.mark.parametrize("name", QUESTION.work)
def test_profile(benchmark: BenchmarkFixture, name: str) -> None:
    QUESTION.bench(benchmark, name)
