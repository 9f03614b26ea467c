"""Each step of a verification, with the nearest request or token that passes beside each that does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import build
import pytest
import wire
from build import NOW, OK, forbidden, untrusted

from attenuate import KeyRing, Malformed, Verifier, one_of
from attenuate.clear import Rules
from attenuate.keys import Key

MALFORMED = "malformed"
BINDING = b"b" * 32


@pytest.fixture(params=build.ALGS)
def alg(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# --- V1, V2: sizes and shapes -------------------------------------------------------------------------
def block_of(size: int) -> dict[Any, Any]:
    """Return a block 1 of exactly `size` bytes."""
    made = {0: b"8 bytes!", 16: {"a": "y" * (size - 20)}}
    return {**made, 16: {"a": "y" * (2 * size - 20 - len(wire.encode(made)))}}


#                         the largest that is taken                        one more
V1: dict[str, tuple[Callable[[str], wire.Parts], Callable[[str], wire.Parts], str]] = {
    "a block of 4 KiB": (
        lambda alg: build.raw(build.root(), wire.encode(block_of(4096 - 35 * (alg == "ed25519"))) if alg == "hmac" else block_of(4061), alg=alg),
        lambda alg: build.raw(build.root(), block_of(4097 - 35 * (alg == "ed25519")), alg=alg),
        "too_large",
    ),
    "16 blocks": (
        lambda alg: build.raw(build.root(), *[{0: b"8 bytes!"}] * 15, alg=alg),
        lambda alg: build.raw(build.root(), *[{0: b"8 bytes!"}] * 16, alg=alg),
        "too_large",
    ),
    "64 grants": (
        lambda alg: build.raw(build.root(), {0: b"8 bytes!", 6: [{0: ["*"]}] * 40, 7: [{0: ["x"]}] * 24}, alg=alg),
        lambda alg: build.raw(build.root(), {0: b"8 bytes!", 6: [{0: ["*"]}] * 40, 7: [{0: ["x"]}] * 25}, alg=alg),
        "too_large",
    ),
    "32 units over all blocks": (
        lambda alg: build.raw(build.root(), *[{0: b"8 bytes!", 9: {"calls": n}} for n in (1,)] * 1,
                              *[{0: b"8 bytes!", 9: {"calls": 1}}] * 13, alg=alg),
        lambda alg: build.raw(build.root(), *[{0: b"8 bytes!", 9: {f"u{n}": 1 for n in range(11)}}] * 3, alg=alg),
        "too_large",
    ),
    "a run of 8": (
        lambda alg: build.raw(build.root(b2=[["agt_1", 2]]), {0: b"8 bytes!", 2: [["agt_1"]]}, alg=alg),
        lambda alg: build.raw(build.root(b2=[["agt_1", 2]] * 9), alg=alg),
        "shape",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", V1)
def test_sizes(engine: Any, alg: str, name: str) -> None:
    fits, more, code = V1[name]
    assert build.verdict(engine, fits(alg)) == OK
    assert build.verdict(engine, more(alg)) == (MALFORMED, code, None)


def test_the_budget_units_of_all_blocks_count_together(engine: Any) -> None:
    units = {f"u{n}": 1 for n in range(16)}
    ask = build.ask(cost={**units, "u16": 1})
    two = [{0: b"8 bytes!", 9: units}] * 2
    assert build.verdict(engine, build.raw(build.root(), *two), ask) == OK
    more = build.raw(build.root(b9={"u16": 1}), *two)
    assert build.verdict(engine, more, ask) == (MALFORMED, "too_large", None)


#   key: values that are taken, values that are not
FIELDS: dict[int, tuple[list[Any], list[Any]]] = {
    0: ([b"n" * 8, b"n" * 32], [b"n" * 7, b"n" * 33, "n" * 16, None, 1]),
    2: ([[["agt_1"]], [["agt_1", 2]]], [[], [[]], [["agt_1", 0]], [["agt_1", 2, 3]], ["agt_1"], "agt_1@2", [["a b"]], [["x" * 129]],
                                       [["agt_1", None]], [["agt_1", True]], [[1]], [["agt_1", 2**53]], {}]),
    3: ([["github"], ["x", "github"]], [[], "github", [1], [b"github"], [None], {}]),
    4: ([0, NOW], [-1, 2**53, "1", True, None, [1]]),
    5: ([NOW + 9, 2**53 - 1], [-1, 2**53, "1", True, None]),
    6: ([[{0: ["*"]}]], [[], {}, "*", [[]], [1], None]),
    7: ([[{0: ["x"]}]], [[], {}, "x", [1]]),
    8: ([{"repo": [0, ["clord"]]}], [{}, [], {1: [0, ["a"]]}, None, {"repo": 1}]),
    9: ([{"calls": 0}, {"calls": 2**53 - 1}], [{}, [], {"calls": -1}, {"calls": 2**53}, {"calls": True}, {1: 1}, {"calls": "1"}]),
    10: ([[[["x"], [b"k" * 32], 1]]], [[], {}, [[]], None]),
    11: ([0, 15], [-1, 16, True, "1", None]),
    12: ([["x"], ["x", "y.*"]], [[], "x", [1], ["re*"], {}]),
    14: ([], [b"i" * 15, b"i" * 17, "i" * 16, 1]),
    15: ([], [-1, 2**53, "1"]),
    16: ([{}, {"a": "b"}, {"a": -1, "b": True}], [[], {1: "a"}, {"a": None}, {"a": b"b"}, {"a": ["b"]}, {"a": {}}]),
}  # fmt: skip


@pytest.mark.parametrize("key", FIELDS)
def test_the_shape_of_each_field(engine: Any, alg: str, key: int) -> None:
    taken, refused = FIELDS[key]
    for value in taken:
        assert build.verdict(engine, build.raw(build.root(), {0: b"8 bytes!", key: value}, alg=alg)) == OK, (
            value
        )
    for value in refused:
        stage, code, _ = build.verdict(engine, build.raw(build.root(), {0: b"8 bytes!", key: value}, alg=alg))
        assert (stage, code in ("shape", "cbor")) == (MALFORMED, True), value


def test_bound_is_true_or_absent(engine: Any) -> None:
    assert build.verdict(engine, build.raw(build.root(b13=True))) == forbidden("bound")
    for value in (False, 1, None):
        token = build.raw({**build.root(), 13: value})
        assert build.verdict(engine, token) == (MALFORMED, "shape", None)


@pytest.mark.parametrize("value", ["a", 1, -1, True, ["a"], {"a": [1, {"b": "c"}]}], ids=repr)
@pytest.mark.parametrize("other", [None, [], {}, b"a", [b"a"], {"a": None}, {1: "a"}, {"a": []}], ids=repr)
def test_the_values_of_an_extension(engine: Any, value: Any, other: Any) -> None:
    rules = Rules(handlers={"acme/x": lambda got, _: got == value})
    assert (
        build.verdict(engine, build.raw(build.root(), {0: b"8 bytes!", "acme/x": value}), rules=rules) == OK
    )
    token = build.raw(build.root(), {0: b"8 bytes!", "acme/x": other})
    assert build.verdict(engine, token, rules=rules) == (MALFORMED, "shape", None)


@pytest.mark.parametrize(
    "name", ["acme", "Acme/x", "acme/", "/x", "acme/x y", "acme/x/y", "acmé/x", "acme/x\n", ""]
)
def test_the_name_of_an_extension(engine: Any, name: str) -> None:
    assert build.verdict(engine, build.raw(build.root(), {0: b"8 bytes!", "a-c.me1/X._-9": 1})) == forbidden(
        "unknown_caveat", 1
    )
    assert build.verdict(engine, build.raw(build.root(), {0: b"8 bytes!", name: 1})) == (
        MALFORMED,
        "shape",
        None,
    )


@pytest.mark.parametrize(
    "block", [b"", b"\x00", b"\x80", b"\xa0", b"\xa1\x00\x41\x00\x00", wire.encode([]), wire.encode({1: 2})]
)
def test_what_is_no_block(engine: Any, block: bytes) -> None:
    assert build.verdict(engine, build.raw(build.root(), wire.encode({0: b"8 bytes!"}))) == OK
    assert build.verdict(engine, build.raw(build.root(), block))[0] == MALFORMED


def test_every_block_has_a_nonce_and_block_0_a_long_one(engine: Any, alg: str) -> None:
    assert build.verdict(engine, build.raw(build.root(b0=b"n" * 16), {0: b"n" * 8}, alg=alg)) == OK
    assert build.verdict(engine, build.raw(build.root(b0=b"n" * 15), alg=alg)) == (MALFORMED, "shape", None)
    assert build.verdict(engine, build.raw(build.root(b0=None), alg=alg)) == (MALFORMED, "shape", None)
    assert build.verdict(engine, build.raw(build.root(), {5: NOW + 9}, alg=alg)) == (MALFORMED, "shape", None)


def test_next_key_is_in_every_ed25519_block_and_in_no_other(engine: Any) -> None:
    assert build.verdict(engine, build.raw(build.root(b1=wire.public_of(b"\x80" * 32)), alg="ed25519")) == OK
    assert build.verdict(engine, build.raw(build.root(b1=b"p" * 32))) == (MALFORMED, "shape", None)
    for missing in (build.root(), build.root(b1=b"p" * 31)):
        token = build.raw(wire.encode(missing), alg="ed25519")
        assert build.verdict(engine, token) == (MALFORMED, "shape", None)


PARTS: dict[str, Callable[[wire.Parts], wire.Parts]] = {
    "no block": lambda parts: replace(parts, blocks=()),
    "no header": lambda parts: replace(parts, header=b""),
    "another version": lambda parts: replace(parts, header=wire.encode([2, parts.alg, "k1"])),
    "another algorithm": lambda parts: replace(parts, header=wire.encode([1, -8, "k1"])),
    "an empty key id": lambda parts: replace(parts, header=wire.encode([1, parts.alg, ""])),
    "a long key id": lambda parts: replace(parts, header=wire.encode([1, parts.alg, "k" * 129])),
    "a key id with a line": lambda parts: replace(parts, header=wire.encode([1, parts.alg, "k1\n"])),
    "a header of four": lambda parts: replace(parts, header=wire.encode([1, parts.alg, "k1", 0])),
    "a header with a long head": lambda parts: replace(parts, header=b"\x83\x01\x05\x78\x02k1"),
    "a header and more": lambda parts: replace(parts, header=parts.header + b"\x00"),
    "a signature too many": lambda parts: replace(parts, sigs=(*parts.sigs, b"s" * 64)),
    "a signature too few": lambda parts: replace(parts, sigs=parts.sigs[1:], blocks=parts.blocks * (1 + (not parts.sigs)) * 9),
    "a short signature": lambda parts: replace(parts, sigs=(b"s" * 63,)),
    "proof of kind 3": lambda parts: replace(parts, proof=(3, b"s" * 32)),
    "proof of kind true": lambda parts: replace(parts, proof=(True, b"s" * 32)),
    "an empty proof": lambda parts: replace(parts, proof=()),
    "a short secret": lambda parts: replace(parts, proof=(0, b"s" * 31)),
    "a secret and more": lambda parts: replace(parts, proof=(*parts.proof, 0)),
    "a seal of another size": lambda parts: replace(parts, proof=(1, b"s" * (64 if parts.alg == 5 else 32))),
    "a bound proof without a nonce": lambda parts: replace(parts, proof=(2, NOW, b"b" * 32, b"s" * 32)),
    "a negative iat": lambda parts: replace(parts, proof=(2, -1, b"n" * 16, b"b" * 32, b"s" * (32 if parts.alg == 5 else 64))),
    "a short nonce": lambda parts: replace(parts, proof=(2, NOW, b"n" * 15, b"b" * 32, b"s" * (32 if parts.alg == 5 else 64))),
    "a short binding": lambda parts: replace(parts, proof=(2, NOW, b"n" * 16, b"b" * 31, b"s" * (32 if parts.alg == 5 else 64))),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_the_shape_around_the_blocks(engine: Any, alg: str, name: str) -> None:
    good = build.raw(build.root(), alg=alg)
    assert build.verdict(engine, good) == OK
    assert build.verdict(engine, PARTS[name](good))[0] == MALFORMED


FRAMES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda data: b"",
    "no array": lambda data: b"\x00",
    "an array of five": lambda data: b"\x85" + data[1:] + b"\x00",
    "an array of three": lambda data: b"\x83" + data[1:-37],
    "a byte more": lambda data: data + b"\x00",
    "a byte less": lambda data: data[:-1],
    "a tag": lambda data: b"\xd8\x18" + data,
    "an open array": lambda data: b"\x9f" + data[1:] + b"\xff",
    "a longer head": lambda data: b"\x98\x04" + data[1:],
    "a map": lambda data: b"\xa2" + data[1:],
    "only the head": lambda data: data[:1],
    "up to the blocks": lambda data: data[:8],
}


@pytest.mark.parametrize("name", FRAMES)
def test_the_frame(engine: Any, alg: str, name: str) -> None:
    data = wire.from_text(build.raw(build.root(), alg=alg).text)
    assert build.verdict(engine, wire.to_text(data)) == OK
    assert build.verdict(engine, wire.to_text(FRAMES[name](data)))[0] == MALFORMED


def test_what_is_no_text_is_malformed(engine: Any) -> None:
    for text in (None, b"lease1_AAAA", 7):
        with pytest.raises(Malformed):
            engine.verify(text, build.ask(), build.RING, NOW)


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


# --- the Verifier -------------------------------------------------------------------------------------
def test_a_verifier_checks_what_it_is_given(engine: Any) -> None:
    lease = build.lease()
    verifier = Verifier(build.RING, audience="github", clock=lambda: NOW + 1.9)
    verified = verifier.verify(lease.token, action="repo.read", run="agt_1@2", facts=build.FACTS)
    assert verified.block_ids == lease.block_ids
    assert verifier.check(lease.token, build.ask()).run == "agt_1@2"
    assert verifier.explain(
        lease.token, action="repo.read", run="agt_1@2", facts=build.FACTS, now=NOW
    ).would_pass
    assert repr(verifier) == f"<Verifier for github, keys k1, e1, {engine.NAME} engine>"


def test_the_clock_is_looked_at_each_time(engine: Any) -> None:
    times = iter((NOW + 899.9, NOW + 900.0))
    verifier = Verifier(build.RING, audience="github", clock=lambda: next(times))
    token = build.lease().token
    assert verifier.check(token, build.ask())
    with pytest.raises(Exception, match="expires"):
        verifier.check(token, build.ask())


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"keys": {"k1": 1}}, TypeError), ({"audience": ""}, TypeError), ({"audience": None}, TypeError), ({"leeway": 61}, ValueError),
        ({"leeway": -1}, ValueError), ({"leeway": 1.0}, ValueError), ({"max_lifetime": 0}, ValueError), ({"max_lifetime": "900"}, ValueError),
        ({"handlers": {"acme": len}}, ValueError), ({"handlers": {"acme/x": 1}}, ValueError), ({"handlers": {1: len}}, ValueError),
        ({"cache": -1}, ValueError), ({"cache": 1.5}, ValueError),
    ],
)  # fmt: skip
def test_a_verifier_that_is_set_wrongly_is_not_made(changes: Any, error: type[Exception]) -> None:
    good: Any = {
        "keys": build.RING,
        "audience": "github",
        "leeway": 60,
        "max_lifetime": 900,
        "handlers": {"acme/x": len},
        "cache": 0,
    }
    assert Verifier(**good)
    with pytest.raises(error):
        Verifier(**{**good, **changes})


def test_a_verifier_takes_its_own_requests_only(engine: Any) -> None:
    verifier = Verifier(build.RING, audience="github")
    token = build.lease().token
    assert verifier.check(token, build.ask(), now=NOW)
    with pytest.raises(ValueError, match="'other'"):
        verifier.check(token, build.ask(audience="other"), now=NOW)
    with pytest.raises(TypeError, match="not a Request"):
        verifier.check(token, "repo.read", now=NOW)  # type: ignore[arg-type]
    for now in (1.5, True, "1"):
        with pytest.raises(TypeError, match="now"):
            verifier.check(token, build.ask(), now=now)  # type: ignore[arg-type]


def test_a_change_to_what_was_given_does_not_reach_the_verifier(engine: Any) -> None:
    handlers = {"acme/x": lambda value, request: True}
    verifier = Verifier(build.RING, audience="github", handlers=handlers)
    token = build.lease(extensions={"acme/x": 1}, where={"repo": one_of("clord")}).token
    handlers.clear()
    assert verifier.check(token, build.ask(), now=NOW)
