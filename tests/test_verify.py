"""V3 to V7, with the nearest request or token that passes beside each that does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import build
import pytest
import wire
from build import NOW, OK, forbidden, untrusted

from attenuate import KeyRing
from attenuate.clear import Rules
from attenuate.keys import Key

BINDING = b"b" * 32


@pytest.fixture(params=build.ALGS)
def alg(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# --- V3: keys -----------------------------------------------------------------------------------------
def test_a_key_id_that_the_ring_has_not(engine: Any, alg: str) -> None:
    good = build.raw(build.root(), alg=alg)
    assert build.verdict(engine, good) == OK
    assert build.verdict(engine, good, ring=KeyRing({"k9": build.KEYS[alg]})) == untrusted("unknown_key")
    assert build.verdict(engine, good, ring=KeyRing({})) == untrusted("unknown_key")


#   the oldest trick: a header that says hmac, and the public key as its secret
def test_the_key_decides_the_algorithm(engine: Any) -> None:
    public = build.KEYS["ed25519"].public
    forged = wire.mint([build.root()], 5, "e1", public)
    assert build.verdict(engine, forged) == untrusted("algorithm")
    assert build.verdict(engine, forged, ring=KeyRing({"e1": Key(5, secret=public)})) == OK, "the control"
    forged = build.raw(build.root(), alg="ed25519", key_id="k1")
    assert build.verdict(engine, forged) == untrusted("algorithm")


def test_an_audience_key_serves_its_audience(engine: Any) -> None:
    key = build.KEYS["hmac"].for_audience("other")
    token = wire.mint([build.root(b3=["github", "other"])], 5, "k1/other", key.seed())
    assert build.verdict(engine, token, build.ask(audience="other")) == OK
    assert build.verdict(engine, token) == forbidden("audience")
    assert build.verdict(engine, token, ring=KeyRing({"k1/other": key})) == forbidden("audience")
    mislabelled = wire.mint([build.root()], 5, "k1", key.seed())
    assert build.verdict(engine, mislabelled) == untrusted("proof")
    stolen = wire.mint([build.root()], 5, "k1/github", key.seed())
    assert build.verdict(engine, stolen) == untrusted("proof")


# --- V4, V5: links and proofs -------------------------------------------------------------------------
def test_another_key_of_the_same_name(engine: Any, alg: str) -> None:
    good = build.raw(build.root(), alg=alg)
    other = KeyRing({build.KEY_IDS[alg]: Key(build.KEYS[alg].alg, secret=b"x" * 32)})
    assert build.verdict(engine, good, ring=other) == untrusted("signature" if alg == "ed25519" else "proof")


#   block 0 ── block 1 ── block 2       each link is broken in turn
@pytest.mark.parametrize("index", [0, 1, 2])
def test_each_link_is_looked_at(engine: Any, index: int) -> None:
    good = build.raw(build.root(), {0: b"8 bytes1"}, {0: b"8 bytes2"}, alg="ed25519")
    assert build.verdict(engine, good) == OK
    bad = bytes([good.sigs[index][0] ^ 1]) + good.sigs[index][1:]
    broken = replace(good, sigs=(*good.sigs[:index], bad, *good.sigs[index + 1 :]))
    assert build.verdict(engine, broken) == untrusted("signature")


@pytest.mark.parametrize("kind", ["bearer", "sealed", "bound"])
def test_each_proof_is_looked_at(engine: Any, alg: str, kind: str) -> None:
    bearer = build.raw(build.root(), {0: b"8 bytes!"}, alg=alg)
    good = {"bearer": bearer, "sealed": bearer.sealed(), "bound": bearer.bound(NOW, b"n" * 16, BINDING)}[kind]
    ask = build.ask(binding=BINDING)
    assert build.verdict(engine, good, ask) == OK
    tag = good.proof[-1]
    broken = replace(good, proof=(*good.proof[:-1], bytes([tag[0] ^ 1]) + tag[1:]))
    assert build.verdict(engine, broken, ask) == untrusted("proof")


@pytest.mark.parametrize("index", [1, 2, 3])
def test_a_use_tag_covers_time_nonce_and_binding(engine: Any, alg: str, index: int) -> None:
    good = build.raw(build.root(), alg=alg).bound(NOW, b"n" * 16, BINDING)
    for binding in (BINDING, b"c" * 32):
        other = {1: NOW + 1, 2: b"m" * 16, 3: b"c" * 32}[index]
        proof = (*good.proof[:index], other, *good.proof[index + 1 :])
        assert build.verdict(engine, replace(good, proof=proof), build.ask(binding=binding)) == untrusted(
            "proof"
        )
    assert build.verdict(engine, good, build.ask(binding=BINDING)) == OK


@pytest.mark.parametrize("binding", [None, b"c" * 32])
def test_a_bound_proof_is_for_its_call(engine: Any, alg: str, binding: bytes | None) -> None:
    good = build.raw(build.root(), alg=alg).bound(NOW, b"n" * 16, BINDING)
    assert build.verdict(engine, good, build.ask(binding=BINDING)) == OK
    assert build.verdict(engine, good, build.ask(binding=binding)) == forbidden("binding", None)


@pytest.mark.parametrize(
    ("off", "want"),
    [(-61, "stale_proof"), (-60, ""), (0, ""), (60, ""), (61, "stale_proof"), (2**62, "stale_proof")],
)
def test_a_bound_proof_is_good_for_a_minute(engine: Any, alg: str, off: int, want: str) -> None:
    token = build.raw(build.root(), alg=alg).bound(NOW + 90 + off, b"n" * 16, BINDING)
    got = build.verdict(engine, token, build.ask(binding=BINDING), now=NOW + 90)
    assert got == (forbidden(want, None) if want else OK)


def test_a_bound_proof_says_binding_before_time(engine: Any) -> None:
    token = build.raw(build.root()).bound(NOW + 999, b"n" * 16, BINDING)
    assert build.verdict(engine, token, build.ask(binding=b"c" * 32)) == forbidden("binding", None)
    assert build.verdict(engine, token, build.ask(binding=BINDING)) == forbidden("stale_proof", None)


# --- V6, V7 (the model in test_properties.py has every caveat; here are the edges) ----------------------
EDGES: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], tuple[Any, ...]]] = [
    # name, block 0, block 1, request or now or rules, want
    ("complete", {}, {}, {}, OK),
    *((f"block 0 without {key}", {f"b{key}": None}, {}, {}, forbidden("structure")) for key in (2, 3, 5, 6, 15)),
    ("an open attempt in block 0", {"b2": [["agt_1"]]}, {}, {}, forbidden("structure")),
    ("an open attempt in block 1", {}, {2: [["agt_1"]]}, {}, OK),
    ("issued when it expires", {"b5": NOW}, {}, {"now": NOW - 1}, forbidden("structure")),
    ("issued a second before", {"b5": NOW + 1}, {}, {"now": NOW}, OK),
    ("issued 60 s ahead", {}, {}, {"now": NOW - 60}, OK),
    ("issued 61 s ahead", {}, {}, {"now": NOW - 61}, forbidden("issued_at")),
    ("issued in block 1", {}, {15: NOW}, {}, forbidden("structure", 1)),
    ("depth 1, one more block", {"b11": 1}, {}, {}, OK),
    ("depth 0, one more block", {"b11": 0}, {}, {}, forbidden("depth")),
    ("depth 0 in the last block", {}, {11: 0}, {}, OK),
    ("as long as may be", {}, {}, {"rules": Rules(max_lifetime=900)}, OK),
    ("a second too long", {}, {}, {"rules": Rules(max_lifetime=899)}, forbidden("lifetime")),
    ("shortened by a block", {}, {5: NOW + 9}, {"rules": Rules(max_lifetime=899)}, forbidden("lifetime")),
    ("for in block 0", {"b14": b"i" * 16}, {}, {}, forbidden("for")),
    ("for in block 1", {}, {14: b"i" * 16}, {}, forbidden("for", 1)),
    ("bound in block 1", {}, {13: True}, {}, forbidden("bound", 1)),
    ("the last second", {"b5": NOW + 9}, {}, {"now": NOW + 8}, OK),
    ("expired to the second", {"b5": NOW + 9}, {}, {"now": NOW + 9}, forbidden("expires")),
    ("expired, with leeway", {"b5": NOW + 9}, {}, {"now": NOW + 13, "rules": Rules(leeway=5)}, OK),
    ("expired beyond leeway", {"b5": NOW + 9}, {}, {"now": NOW + 14, "rules": Rules(leeway=5)}, forbidden("expires")),
    ("from this second", {}, {4: NOW + 9}, {"now": NOW + 9}, OK),
    ("not yet", {}, {4: NOW + 9}, {"now": NOW + 8}, forbidden("not_before", 1)),
    ("not yet, with leeway", {}, {4: NOW + 9}, {"now": NOW + 4, "rules": Rules(leeway=5)}, OK),
    ("not yet, beyond leeway", {}, {4: NOW + 9}, {"now": NOW + 3, "rules": Rules(leeway=5)}, forbidden("not_before", 1)),
    ("leeway is not for issued_at", {}, {}, {"now": NOW - 61, "rules": Rules(leeway=60)}, forbidden("issued_at")),
    ("the run below", {}, {}, {"run": "agt_1@2/x@1"}, OK),
    ("the run above", {"b2": [["agt_1", 2], ["x", 1]]}, {}, {"run": "agt_1@2"}, forbidden("run")),
    ("another run", {}, {}, {"run": "agt_2@2"}, forbidden("run")),
    ("another attempt", {}, {}, {"run": "agt_1@3"}, forbidden("attempt")),
    ("an open attempt asked", {}, {}, {"run": "agt_1"}, forbidden("attempt")),
    ("another attempt of a child", {}, {2: [["agt_1"], ["x", 2]]}, {"run": "agt_1@2/x@1"}, forbidden("attempt", 1)),
    ("a run from the blocks", {}, {2: [["agt_1"], ["x"]]}, {"run": None}, OK),
    ("a run from blocks that disagree", {}, {2: [["agt_9"], ["x"]]}, {"run": None}, forbidden("run")),
    ("attempts from blocks that disagree", {}, {2: [["agt_1", 3]]}, {"run": None}, forbidden("attempt", 1)),
    ("one of the audiences", {"b3": ["x", "github"]}, {}, {}, OK),
    ("no audience in common", {}, {3: ["x"]}, {}, forbidden("audience", 1)),
    ("no allow in block 1", {}, {}, {"action": "repo.write.x"}, OK),
    ("a deny in block 1", {}, {7: [{0: ["repo.write.*"]}]}, {"action": "repo.write.x"}, forbidden("deny", 1)),
    ("a cost that is stated", {}, {9: {"usd": 5}}, {"cost": {"usd": 9}}, OK),
    ("a cost that is not stated", {}, {9: {"usd": 5}}, {"cost": {"eur": 1}}, forbidden("budget", 1)),
    ("calls need no statement", {}, {9: {"calls": 0}}, {}, OK),
    ("notes satisfy nothing", {"b16": {"repo": "clord"}}, {}, {"facts": {}}, forbidden("allow")),
    ("a number from later", {}, {17: 0}, {}, forbidden("unknown_caveat", 1)),
    ("a number below", {}, {-1: 0}, {}, forbidden("unknown_caveat", 1)),
    ("an extension without a handler", {}, {"acme/x": 1}, {}, forbidden("unknown_caveat", 1)),
    ("final allows its action once", {"b12": ["repo.read"]}, {}, {}, OK),
]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "terms", "want"), [row[1:] for row in EDGES], ids=[row[0] for row in EDGES]
)
def test_an_edge(
    engine: Any,
    alg: str,
    first: dict[str, Any],
    second: dict[Any, Any],
    terms: dict[str, Any],
    want: tuple[Any, ...],
) -> None:
    token = build.raw(build.root(**first), {0: b"8 bytes!", **second}, alg=alg)
    rest = {name: value for name, value in terms.items() if name in ("now", "rules")}
    asked = build.ask(**{name: value for name, value in terms.items() if name not in rest})
    assert build.verdict(engine, token, asked, **rest) == want


@pytest.mark.parametrize(
    ("answer", "holds"), [(True, True), (False, False), (1, False), ("yes", False), (None, False)]
)
def test_a_handler_says_exactly_true(engine: Any, answer: Any, holds: bool) -> None:
    token = build.raw(build.root(), {0: b"8 bytes!", "acme/x": [1]})
    seen = []

    def handler(value: Any, request: Any) -> Any:
        seen.append((value, request.action))
        return answer

    rules = Rules(handlers={"acme/x": handler})
    assert build.verdict(engine, token, rules=rules) == (OK if holds else forbidden("acme/x", 1))
    assert seen == [([1], "repo.read")]


def test_a_handler_that_raises_has_not_said_yes(engine: Any) -> None:
    token = build.raw(build.root(), {0: b"8 bytes!", "acme/x": 1})
    rules = Rules(handlers={"acme/x": lambda value, request: 1 / (value - 1)})
    assert build.verdict(engine, token, rules=rules) == forbidden("acme/x", 1)
