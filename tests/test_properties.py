"""What holds for any lease and any request. Each property has a control: a fault that it finds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import build
import model
import pytest
import strategies as own
import wire
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import attenuate.verify
from attenuate import Lease, LeaseError, Verifier
from attenuate.block import Block, make_block
from attenuate.blockjson import block_to_json, fields_from_json
from attenuate.cache import Cache
from attenuate.clear import Case, Failure, Rules

COUNT = settings.default.max_examples if settings.default else 100
FEW = settings(max_examples=COUNT)
MANY = settings(max_examples=4 * COUNT)
CONTROL = settings(max_examples=2000, phases=[Phase.generate], report_multiple_bugs=False)


def finds(prop: Callable[[], None]) -> None:
    """Fail unless a property fails: it must find the fault that was put in."""
    with pytest.raises(AssertionError):
        settings(CONTROL)(prop)()


def faulty(monkeypatch: pytest.MonkeyPatch, forgives: Callable[[Case, Failure], bool]) -> None:
    """Put in a clear that forgives some failures."""
    sound = attenuate.verify.failures

    def broken(case: Case) -> Iterator[Failure]:
        return (failure for failure in sound(case) if not forgives(case, failure))

    monkeypatch.setattr(attenuate.verify, "failures", broken)


# --- (a) a child never allows what its parent denies ------------------------------------------------
#   parent  block 0 ── … ── block n-1
#   child   block 0 ── … ── block n-1 ── block n
def child_within_parent(engine: Any) -> Callable[[], None]:
    @given(own.chains(3), own.blocks(1, 3), own.asks(), own.nows)
    def prop(parent: wire.Parts, more: dict[Any, Any], asked: model.Asked, now: int) -> None:
        child = parent.add(more, b"\x99" * 32)
        request = own.to_request(asked)
        if build.verdict(engine, child, request, now=now) == build.OK:
            assert build.verdict(engine, parent, request, now=now) == build.OK

    return prop


def test_a_child_never_allows_what_its_parent_denies(engine: Any) -> None:
    MANY(child_within_parent(engine))()


def test_a_clear_that_forgets_block_0_is_found(python: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    faulty(monkeypatch, lambda case, failure: failure.block == 0 and len(case.blocks) > 1)
    finds(child_within_parent(python))


# --- (b) any changed byte refuses -------------------------------------------------------------------
GOOD = {
    f"{alg} {proof}": (made, request)
    for alg in build.ALGS
    for parts in [build.raw(build.root(), {0: b"8 bytes!", 5: build.NOW + 60, 16: {"why": "x"}}, alg=alg)]
    for proof, made, request in [
        ("bearer", parts, build.ask()),
        ("sealed", parts.sealed(), build.ask()),
        ("bound", parts.bound(build.NOW, b"n" * 16, b"b" * 32), build.ask(binding=b"b" * 32)),
    ]
}


def changed_byte_refuses(engine: Any) -> Callable[[], None]:
    @given(st.sampled_from(sorted(GOOD)), st.integers(0, 10**6), st.integers(1, 255))
    def prop(name: str, place: int, change: int) -> None:
        parts, request = GOOD[name]
        data = bytearray(wire.from_text(parts.text))
        data[place % len(data)] ^= change
        assert build.verdict(engine, wire.to_text(bytes(data)), request) != build.OK

    return prop


def test_any_changed_byte_refuses(engine: Any) -> None:
    for parts, request in GOOD.values():
        assert build.verdict(engine, parts, request) == build.OK
    MANY(changed_byte_refuses(engine))()


def test_a_verifier_without_the_last_proof_is_found(python: Any) -> None:
    with build.without_proof():
        finds(changed_byte_refuses(python))


@pytest.mark.parametrize("name", sorted(GOOD))
def test_every_bit_of_every_byte_counts(engine: Any, name: str) -> None:
    parts, request = GOOD[name]
    data = wire.from_text(parts.text)
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        assert build.verdict(engine, wire.to_text(bytes(changed)), request) != build.OK, place


# --- (c) JSON and text round-trip to the same bytes -------------------------------------------------
def json_round_trip(again: Callable[[Block], dict[str, Any]]) -> Callable[[], None]:
    @given(own.chains(1))
    def prop(parts: wire.Parts) -> None:
        lease = Lease.parse(parts.text)
        assert lease.token == parts.text
        assert [block.raw for block in lease.unverified_blocks] == list(parts.blocks)
        for index, block in enumerate(lease.unverified_blocks):
            if not any(type(key) is int and key not in range(17) for key in block.fields):
                fields = fields_from_json(again(block))
                assert make_block(fields, index, lease.alg).raw == block.raw

    return prop


def test_a_block_as_json_is_the_same_block() -> None:
    FEW(json_round_trip(lambda block: json.loads(json.dumps(block_to_json(block)))))()


def test_json_that_forgets_optional_is_found() -> None:
    def forgetful(block: Block) -> dict[str, Any]:
        return json.loads(json.dumps(block_to_json(block)).replace(', "optional": true', ""))

    finds(json_round_trip(forgetful))


# --- (d) explain and verify agree -------------------------------------------------------------------
def explain_agrees(engine: Any) -> Callable[[], None]:
    @given(own.chains(), own.asks(), own.nows, st.sampled_from((None, None, None, 7)))
    def prop(parts: wire.Parts, asked: model.Asked, now: int, byte: int | None) -> None:
        data = bytearray(wire.from_text(parts.text))
        if byte is not None:
            data[-byte] ^= 1
        text, request = wire.to_text(bytes(data)), own.to_request(asked)
        found = engine.explain(text, request, build.RING, now)
        error = build.refusal(engine, text, request, now=now)
        assert (found[0] if found else None) == (error.finding if error else None)
        if error:
            assert (error.stage, error.code, error.block) == (found[0].stage, found[0].code, found[0].block)

    return prop


def test_explain_is_empty_iff_verify_passes_and_begins_with_its_error(engine: Any) -> None:
    MANY(explain_agrees(engine))()


def test_an_explain_in_another_order_is_found(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = engine.explain
    monkeypatch.setattr(engine, "explain", lambda *args: sound(*args)[::-1])
    finds(explain_agrees(engine))


# --- (e) warm is cold -------------------------------------------------------------------------------
#   block 0 ─┬─ block 1 ─┬─ block 2          prefixes are shared; some signatures, keys and proofs are
#            └─ block 1' └─ block 2'         wrong; the cache holds only a few
def family(alg: str) -> list[tuple[str, dict[str, Any]]]:
    trunk = build.raw(build.root(alg, b10=None), alg=alg)
    out = []
    for n, parts in enumerate([trunk, *(trunk.add({0: b"sibling%d" % i, 8: {"path": [3, [f]]}}, bytes([i]) * 32)
                               for i, f in ((1, "src"), (2, "doc")))]):  # fmt: skip
        grand = parts.add({0: b"nonce %d" % n + b"!", 5: build.NOW + 30}, b"\x77" * 32)
        for each in (parts, grand):
            out += [each, each.sealed(), each.bound(build.NOW, b"n" * 16, b"b" * 32)]
    texts = [(parts.text, {"binding": b"b" * 32}) for parts in out]
    for parts in out:
        if parts.sigs:
            bad = bytes([parts.sigs[0][0] ^ 1]) + parts.sigs[0][1:]
            texts.append(
                (wire.Parts(parts.header, parts.blocks, (bad, *parts.sigs[1:]), parts.proof).text, {})
            )
        other = wire.encode([1, parts.alg, "k9"])
        texts.append((wire.Parts(other, parts.blocks, parts.sigs, parts.proof).text, {}))
        texts.append((wire.Parts(parts.header, parts.blocks, parts.sigs, (0, b"\x00" * 32)).text, {}))
    return texts


def approvals() -> list[tuple[str, dict[str, Any]]]:
    """A lease that asks two people, with their approvals in several states, and tokens of an audience key."""
    keys = build.APPROVERS[:2]
    asks = build.raw(build.root(b10=[[["repo.read"], [key.public for key in keys], 2]]))
    said = [build.approval(asks.ids[0], key, b8={"path": [3, ["src"]]}).sealed().text for key in keys]
    parts = wire.parse(said[0])
    broken = wire.Parts(parts.header, parts.blocks, (b"s" * 64,), parts.proof).text
    other = wire.Parts(parts.header, parts.blocks, parts.sigs, wire.parse(said[1]).proof).text
    texts = [
        said,
        said[::-1],
        said[:1],
        [said[0]] * 2,
        [broken, said[1]],
        [other, said[1]],
        [broken, *said],
        ["x"],
    ]
    derived = build.KEYS["hmac"].for_audience("github").seed()
    forged = [
        wire.mint([build.root()], 5, key_id, derived).text for key_id in ("k1/github", "k1/other", "k1")
    ]
    return [*(("~".join([asks.text, *each]), {}) for each in texts), *((text, {}) for text in forged)]


FAMILIES = [*approvals(), *(member for alg in build.ALGS for member in family(alg))]
STEPS = st.tuples(
    st.sampled_from(FAMILIES),
    st.sampled_from(("repo.read", "repo.read", "repo.delete")),
    st.sampled_from((build.NOW + 1, build.NOW + 1, build.NOW + 31, build.NOW + 61)),
)


def outcome(verifier: Verifier, text: str, action: str, now: int, more: dict[str, Any]) -> Any:
    try:
        made = verifier.verify(text, action=action, run="agt_1@2", facts=build.FACTS, now=now, **more)
    except LeaseError as error:
        return error.stage, error.code, error.block
    return made.block_ids, made.charges, made.proof


def warm_is_cold() -> Callable[[], None]:
    @given(st.lists(STEPS, min_size=2, max_size=12), st.sampled_from((1500, 15_000, 40_000, 10**7)))
    def prop(steps: list[Any], size: int) -> None:
        warm = Verifier(build.RING, audience="github", cache=size)
        cold = Verifier(build.RING, audience="github", cache=0)
        for (text, more), action, now in steps:
            want = outcome(cold, text, action, now, more)
            assert outcome(warm, text, action, now, more) == want
            assert outcome(warm, text, action, now, more) == want

    return prop


def test_a_warm_verifier_answers_as_a_cold_one(engine: Any) -> None:
    FEW(warm_is_cold())()


def test_a_cache_that_forgets_signatures_is_found(python: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    get, put = Cache.get, Cache.put

    def less(key: Any) -> Any:
        return key[:2] if isinstance(key, tuple) else key

    monkeypatch.setattr(Cache, "get", lambda self, key: get(self, less(key)))
    monkeypatch.setattr(Cache, "put", lambda self, key, *rest: put(self, less(key), *rest))
    finds(warm_is_cold())


# --- (f) the order of refusals is the contract ------------------------------------------------------
def model_agrees(engine: Any, seen: Counter[str] | None = None) -> Callable[[], None]:
    @given(
        own.chains(), own.asks(), own.nows, st.sampled_from((None, None, 600)), st.sampled_from((0, 0, 1, 2))
    )
    def prop(parts: wire.Parts, asked: model.Asked, now: int, cap: int | None, proof: int) -> None:
        made = (parts, parts.sealed(), parts.bound(now, b"n" * 16, b"b" * 32))[proof]
        request = own.to_request(asked, binding=b"b" * 32)
        rules = Rules(max_lifetime=cap)
        want = model.refusals(parts.fields, asked, now, bound=proof == 2, cap=cap)
        got = build.verdict(engine, made, request, now=now, rules=rules)
        assert got == (build.forbidden(*want[0]) if want else build.OK)
        all_found = engine.explain(made.text, request, build.RING, now, rules)
        assert [(finding.code, finding.block) for finding in all_found] == want
        if seen is not None:
            seen.update(code for code, _ in want)
            seen["pass"] += not want

    return prop


CODES = {
    "structure", "issued_at", "depth", "lifetime", "for", "bound", "run", "attempt", "audience",
    "not_before", "expires", "allow", "deny", "where", "budget", "unknown_caveat", "pass",
}  # fmt: skip


def test_refusals_and_their_order_are_the_models(engine: Any) -> None:
    seen: Counter[str] = Counter()
    settings(max_examples=8 * COUNT)(model_agrees(engine, seen))()
    assert set(seen) == CODES, "the draws must reach every code"
    assert seen["pass"] > 30  # Hypothesis draws from the constants of whatever is imported


@pytest.mark.parametrize("code", sorted(CODES - {"pass"}))
def test_a_check_that_is_left_out_is_found(python: Any, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    faulty(monkeypatch, lambda case, failure: failure.code == code)
    finds(model_agrees(python))
