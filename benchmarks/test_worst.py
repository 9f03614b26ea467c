"""How long one hostile token of the greatest size can take, against an ordinary one of 3 blocks.

Nothing is cached. Text is at most 8 KiB for a token and 16 KiB together with its approvals. All but
one are authentic, because whoever holds a lease may narrow it into what costs the most. In `lists`
the holder states the longest lists as arguments of the call as well, and every constraint looks at
every element of them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from string import ascii_lowercase

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from attenuate import KeyRing, Lease, LeaseError, Verifier, chain, demand, grant, host, under
from attenuate.fields import Terms, make_fields
from attenuate.keys import Key
from benchmarks import ours
from benchmarks.paired import Question, Work

NAMES = [a + b for a in ["", *ascii_lowercase] for b in ascii_lowercase]
OPEN: Terms = {**ours.OWN, "allow": ["*"]}
LIST = {**ours.FACTS, "a": ["src/a"] * 256}
LISTS = {name: ["x.x"] * 256 for name in NAMES[:60]}


def _deep(ring: KeyRing, count: int = 15) -> Lease:
    lease = ring.mint(now=ours.NOW, **OPEN)
    for _ in range(count):
        lease = lease.narrow(now=ours.NOW)
    return lease


def _approval(key: Key, asked_for: bytes) -> Lease:
    """Return an approval of 16 blocks: who may narrow may also ask for it, by keys of their own."""
    terms: Terms = {**OPEN, "budget": {"calls": 1}}
    fields = make_fields(terms, index=0, now=ours.NOW, asked_for=asked_for)
    token = chain.start(key, key.key_id, fields, secrets.token_bytes(32))
    for index in range(1, 16):
        fields = make_fields({}, index=index, now=ours.NOW)
        token = chain.extend(token, fields, secrets.token_bytes(32))
    return Lease(chain.seal(token))


def _approved(ring: KeyRing) -> Lease:
    """Return 5 chains of 16 blocks: 85 signatures."""
    keys = [Key.generate("ed25519") for _ in range(4)]
    lease = _deep(ring, 14).narrow(now=ours.NOW, approval=[demand("*", keys=keys, quorum=4)])
    return lease.attach(*(_approval(key, bytes.fromhex(lease.block_ids[-1])) for key in keys))


def _wide(ring: KeyRing, terms: Callable[[int], Terms]) -> Lease:
    """Return the longest lease of 15 blocks with `terms(count)`, the count being the same in all."""
    best = ring.mint(now=ours.NOW, **OPEN)
    for count in range(1, 65):
        lease = ring.mint(now=ours.NOW, **OPEN)
        try:
            for _ in range(15):
                lease = lease.narrow(now=ours.NOW, **terms(count))
        except ValueError:  # longer than anybody reads
            return best
        best = lease
    return best


def _work(ring: KeyRing, text: str, facts: Mapping[str, object], run: str, code: str) -> Work:
    """Return the verification of a text, which is allowed (no code) or refused with this code."""
    verifier = Verifier(ring, audience="github", cache=0)

    def do() -> None:
        found = ""
        try:
            verifier.verify(text, action="repo.read", run=run, facts=facts, now=ours.NOW)
        except LeaseError as error:
            found = error.code
        assert found == code, f"{found or 'allowed'} and not {code or 'allowed'}"

    do()
    return do


def _question() -> Question:
    work: dict[str, Work] = {}
    for alg in ("hmac", "ed25519"):
        made = ours.chain(3, alg)
        work[f"{alg}, ordinary, 3 blocks"] = _work(made.ring, made.lease.token, ours.FACTS, made.run, "")
        work[f"{alg}, 16 blocks"] = _work(made.ring, _deep(made.ring).token, ours.FACTS, ours.RUN, "")
        if alg == "ed25519":
            text = _approved(made.ring).token
            work["ed25519, 16 blocks, 4 approvals of 16"] = _work(made.ring, text, {}, ours.RUN, "")
    ring = KeyRing.generate("k1")
    hosts = _wide(ring, lambda count: {"where": {name: host("x") for name in NAMES[:count]}}).token
    denies = _wide(ring, lambda count: {"deny": [grant("*", a=under("x"))] * count}).token
    stranger = KeyRing.generate("k2")
    both = f"{hosts}~{hosts}"
    work["hmac, 2 x 8 KiB of constraints, unknown key"] = _work(stranger, both, {}, ours.RUN, "unknown_key")
    work["hmac, 8 KiB of constraints"] = _work(ring, hosts, dict.fromkeys(NAMES[:60], "x"), ours.RUN, "")
    work["hmac, 8 KiB of denials, a list of 256"] = _work(ring, denies, LIST, ours.RUN, "")
    work["hmac, 8 KiB of constraints, 60 lists of 256"] = _work(ring, hosts, LISTS, ours.RUN, "")
    pairs = tuple(
        (name, f"{name.split(',')[0]}, ordinary, 3 blocks") for name in work if "ordinary" not in name
    )
    return Question("hostile tokens", work, pairs, rounds=9, inner=1)


QUESTION = _question()


@pytest.mark.parametrize("name", QUESTION.work)
def test_worst(benchmark: BenchmarkFixture, name: str) -> None:
    QUESTION.bench(benchmark, name)
