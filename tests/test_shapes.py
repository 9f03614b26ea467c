"""V1 and V2: the largest of each kind that is taken, one more, and every shape that is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import build
import pytest
import wire
from build import NOW, OK, forbidden

from attenuate import Malformed
from attenuate.clear import Rules

MALFORMED = "malformed"


@pytest.fixture(params=build.ALGS)
def alg(request: pytest.FixtureRequest) -> str:
    return str(request.param)


EMPTY: dict[Any, Any] = {0: b"8 bytes!"}


def block_of(size: int, alg: str) -> dict[Any, Any]:
    """Return a block of exactly `size` bytes, the next_key of an ed25519 chain counted."""
    size -= 35 * (alg == "ed25519")
    made = {**EMPTY, 16: {"a": "y" * (size - 20)}}
    return {**EMPTY, 16: {"a": "y" * (2 * size - 20 - len(wire.encode(made)))}}


def grants(allowed: int, denied: int) -> dict[Any, Any]:
    return {**EMPTY, 6: [{0: ["*"]}] * allowed, 7: [{0: ["x"]}] * denied}


RUN = [["agt_1"], *([name] for name in "bcdefghi")]
#  the blocks after block 0 that are taken at most, and with one more; each for an algorithm
V1: dict[str, tuple[Callable[[str], list[Any]], Callable[[str], list[Any]], str]] = {
    "a block of 4 KiB": (lambda alg: [block_of(4096, alg)], lambda alg: [block_of(4097, alg)], "too_large"),
    "16 blocks": (lambda alg: [EMPTY] * 15, lambda alg: [EMPTY] * 16, "too_large"),
    "64 grants": (lambda alg: [grants(40, 24)], lambda alg: [grants(40, 25)], "too_large"),
    "a run of 8": (lambda alg: [{**EMPTY, 2: RUN[:8]}], lambda alg: [{**EMPTY, 2: RUN}], "shape"),
}


@pytest.mark.parametrize("name", V1)
def test_sizes(engine: Any, alg: str, name: str) -> None:
    fits, more, code = V1[name]
    ask = build.ask(run="agt_1@2/b/c/d/e/f/g/h")
    assert build.verdict(engine, build.raw(build.root(), *fits(alg), alg=alg), ask) == OK
    assert build.verdict(engine, build.raw(build.root(), *more(alg), alg=alg), ask) == (MALFORMED, code, None)


def test_a_block_of_4_kib_is_that() -> None:
    for alg in build.ALGS:
        assert len(build.raw(build.root(), block_of(4096, alg), alg=alg).blocks[1]) == 4096


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
