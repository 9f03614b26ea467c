"""How long one hostile token of the greatest size can take, against an ordinary one of 3 blocks.

Nothing is cached. Text is at most 8 KiB for a token and 16 KiB together with its approvals.

Malformed: anybody can send it, who has no lease. The last byte of the last block is wrong, so all before
it is read. The others are authentic, because whoever holds a lease may narrow it into what costs the most.
In `lists` the holder states the longest lists as arguments of the call as well, and every constraint
looks at every element of them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from string import ascii_lowercase

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from attenuate import KeyRing, Lease, LeaseError, chain, codec, demand, grant, host, under
from attenuate.fields import Terms, make_fields
from attenuate.keys import Key
from attenuate.token import read_token
from benchmarks import ours
from benchmarks.engines import ENDS, Way
from benchmarks.paired import Question, Work

NAMES = [a + b for a in ["", *ascii_lowercase] for b in ascii_lowercase]
OPEN: Terms = {**ours.OWN, "allow": ["*"]}
LIST = {**ours.FACTS, "a": ["src/a"] * 256}
ORDINARY = "ordinary, 3 blocks"
MALFORMED = "malformed"
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
    count, best = 0, ring.mint(now=ours.NOW, **OPEN)
    for step in (32, 16, 8, 4, 2, 1):
        lease = ring.mint(now=ours.NOW, **OPEN)
        try:
            for _ in range(15):
                lease = lease.narrow(now=ours.NOW, **terms(count + step))
        except ValueError:  # longer than anybody reads
            continue
        count, best = count + step, lease
    return best


def _tokens(ring: KeyRing) -> dict[str, str]:
    """Return the longest lease of each kind."""
    names = NAMES[:64]
    terms: dict[str, Callable[[int], Terms]] = {
        "constraints": lambda n: {"where": {name: host("x") for name in names[:n]}},
        "denials": lambda n: {"deny": [grant("*", a=under("x"))] * n},
        "grants": lambda n: {"allow": [grant("*", a=under("x"))] * n},
        "notes": lambda n: {"notes": dict.fromkeys(names[:n], 0)},
        "nested arrays": lambda n: {"extensions": {"x/y": [[[[0]]]] * n}},
    }
    return {kind: _wide(ring, make).token for kind, make in terms.items()}


def _ruined(text: str, last: bytes = b"") -> str:
    """Return a token whose last block ends wrong, or is `last`; nobody asks about its proof."""
    header, raws = read_token(text).header, [block.raw for block in read_token(text).blocks]
    raws = [*raws[:1], last] if last else [*raws[:-1], raws[-1][:-1] + b"\xff"]
    return codec.to_text(codec.encode([header, raws, [], [0, bytes(32)]]))


def _malformed(ring: KeyRing, tokens: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield what is in a token, its text, and the code of its refusal."""
    for kind, text in tokens.items():
        yield f"2 x 8 KiB of {kind}", f"{text}~{_ruined(text)}", "cbor"
    deep = _ruined(ring.mint(now=ours.NOW, **OPEN).token, b"\x81" * 4000)
    yield "4,000 arrays, each in another", deep, "too_large"
    yield "10 MB", "lease1_" + "A" * 10_000_000, "too_large"


def _cases() -> Iterator[tuple[str, KeyRing, str, Mapping[str, object], str, str]]:
    """Yield name, ring, text, facts, run, and the code of a refusal where there is one."""
    for alg in ("hmac", "ed25519"):
        made = ours.chain(3, alg)
        yield f"{alg}, {ORDINARY}", made.ring, made.lease.token, ours.FACTS, made.run, ""
        yield f"{alg}, 16 blocks", made.ring, _deep(made.ring).token, ours.FACTS, ours.RUN, ""
        if alg == "ed25519":
            yield (
                "ed25519, 16 blocks, 4 approvals of 16",
                made.ring,
                _approved(made.ring).token,
                {},
                ours.RUN,
                "",
            )
    ring = KeyRing.generate("k1")
    tokens = _tokens(ring)
    for what, text, code in _malformed(ring, tokens):
        yield f"hmac, {MALFORMED}, {what}", ring, text, {}, ours.RUN, code
    hosts, strings = tokens["constraints"], dict.fromkeys(NAMES[:64], "x")
    lost = KeyRing.generate("k2")
    yield "hmac, 2 x 8 KiB of constraints, unknown key", lost, f"{hosts}~{hosts}", {}, ours.RUN, "unknown_key"
    yield "hmac, 8 KiB of constraints", ring, hosts, strings, ours.RUN, ""
    yield "hmac, 8 KiB of denials, a list of 256", ring, tokens["denials"], LIST, ours.RUN, ""
    yield "hmac, 8 KiB of constraints, 60 lists of 256", ring, hosts, LISTS, ours.RUN, ""


def _work(way: Way, ring: KeyRing, text: str, facts: Mapping[str, object], run: str, code: str) -> Work:
    """Return the verification of a text, which is allowed (no code) or refused with this code."""
    ask = way.asking(way.verifier(ring), run=run, facts=facts, now=ours.NOW)

    def do() -> None:
        found = ""
        try:
            ask(text)
        except LeaseError as error:
            found = error.code
        assert found == code, f"{found or 'allowed'} and not {code or 'allowed'}"

    do()
    return do


def _question() -> Question:
    work = {f"{way}: {name}": _work(way, *case) for name, *case in _cases() for way in ENDS}  # type: ignore[arg-type]
    pairs = []
    for name in work:
        if ORDINARY not in name:
            pairs.append((name, f"{name.split(',')[0]}, {ORDINARY}"))
        if not name.startswith("python: "):
            pairs.append((name, f"python: {name.partition(': ')[2]}"))
    return Question("hostile tokens", work, tuple(pairs), rounds=9, inner=1)


QUESTION = _question()


@pytest.mark.parametrize("name", QUESTION.work)
def test_worst(benchmark: BenchmarkFixture, name: str) -> None:
    QUESTION.bench(benchmark, name)
