"""Which fault a malformed token is told, and in which words: the same on every way and in every engine.

size ── frame ── header ── counts ── proof ── each block: size, then its encoding byte by byte, then its shape
"""

from __future__ import annotations

import random
import re
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from unittest import mock

import build
import mutate
import pytest
import wire
from build import NOW

from attenuate import Malformed, codec
from attenuate.block import HMAC, read_block
from attenuate.codec import unlike
from attenuate.faults import Fault, malformed

NONCE = b"8 bytes!"
LONG = "y" * (codec._LONGEST + 1)
"""A text that only the slow way takes."""
GOOD = build.raw(build.root())
GOOD_ED25519 = build.raw(build.root(), alg="ed25519")
HEADER = wire.encode(GOOD.header)


def block(raw: bytes) -> str:
    """Return a token with this block as its last."""
    return build.raw(build.root(), raw).text


def fields(**values: Any) -> str:
    """Return a token whose last block has these fields: b5=… for key 5."""
    return build.raw(
        build.root(), {0: NONCE, **{int(name[1:]): value for name, value in values.items()}}
    ).text


def where(*constraint: Any) -> str:
    return fields(b8={"f": list(constraint)})


def frame(*parts: bytes) -> str:
    return wire.to_text(b"\x84" + b"".join(parts))


def but(parts: wire.Parts = GOOD, **changes: Any) -> str:
    return replace(parts, **changes).text


def pairs(*members: tuple[Any, Any]) -> bytes:
    """Encode a map with its members in this order; bytes in an `Exact` stand as they are."""
    encoded = [
        each.data if isinstance(each, Exact) else wire.encode(each) for pair in members for each in pair
    ]
    return wire.head(5, len(members)) + b"".join(encoded)


class Exact:
    """Bytes that are part of an encoding already."""

    def __init__(self, data: bytes) -> None:
        self.data = data


def deep(depth: int) -> Any:
    """Return empty arrays in arrays."""
    return [deep(depth - 1)] if depth > 1 else []


UNSORTED = Exact(pairs(("b", 1), ("a", 1)))
UNITS = {f"u{n:02}": 1 for n in range(17)}
SAFE_MAX = 2**53 - 1
#   each fault, its number, and tokens that show it
TOLD: list[tuple[Fault, int, list[str]]] = [
    (Fault.TOKEN_SIZE, 8193, ["lease1_" + "A" * 8186, "x" * 8193]),
    (Fault.WHOLE_SIZE, 16385, ["x" * 16385, "~" * 16385]),
    (Fault.APPROVALS, 5, [GOOD.text + "~x" * 5]),
    (Fault.UNUSED_BITS, 0, ["lease1_AB", "lease1_AAB", "lease1_A", "lease1_+B"]),
    (Fault.ALPHABET, 0, ["lease1_AA+A", "lease1_AA A", "lease1_AAA=", "lease1_+A"]),
    (Fault.TRUNCATED, 0, [
        block(b""), block(b"\xa1\x00"), block(b"\xa1\x19\x01"), frame(), frame(HEADER), frame(b"\x42a"), frame(b"\x58"),
        but(header=b"\x83\x01"), but(header=b"\x83\x01\x05\x62k"), wire.to_text(wire.from_text(GOOD.text)[:-1]),
    ]),
    (Fault.TRAILING, 0, [block(pairs((0, NONCE)) + b"\x00"), but(header=GOOD.header + b"x"), wire.to_text(wire.from_text(GOOD.text) + b"\x00")]),
    (Fault.NOT_UTF8, 0, [block(b"\xa1\x61\xff\x00"), block(b"\xa1\x00\x63\xed\xa0\x80")]),
    (Fault.INITIAL_BYTE, 0x9F, [block(b"\x9f\xff"), frame(b"\x9f"), but(header=b"\x9f\xff")]),
    (Fault.INITIAL_BYTE, 0xFB, [block(b"\xa1\x00\xfb" + bytes(8))]),
    (Fault.INITIAL_BYTE, 0xD8, [block(b"\xa1\x00\xd8\x18\x00"), frame(b"\xd8\x18\x40")]),
    (Fault.OTHER_VALUE, 0xF7, [block(b"\xf7"), block(b"\xa1\x00\xf7")]),
    (Fault.OTHER_VALUE, 0xC1, [block(b"\xa1\x00\xc1\x00")]),
    (Fault.LONG_SPELLING, 23, [block(b"\xa1\x18\x17\x00"), block(b"\xb9\x00\x17"), frame(b"\x58\x17" + bytes(23))]),
    (Fault.LONG_SPELLING, 255, [block(b"\xa1\x00\x39\x00\xff")]),
    (Fault.BEYOND, 0, [block(b"\xa1\x00\x1b\x80" + bytes(7)), block(b"\xa1\x00\x3b\xff" + bytes(7)), frame(b"\x5b\x80" + bytes(7))]),
    (Fault.KEY_TYPE, 0, [
        block(b"\xa1\xf5\x00"), block(b"\xa1\x41a\x00"), block(b"\xa1\x80\x00"), block(b"\xa1\xa0\x00"), block(b"\xa1\xf6\x00"),
        block(pairs((0, NONCE), (6, [{0: ["x"], True: {"f": [6, True]}}]))), fields(b8={True: [6, True]}), fields(b16={b"a": 1}),
        fields(b9={False: 1}),
    ]),
    (Fault.KEY_ORDER, 0, [
        block(pairs((5, NOW), (0, NONCE))), block(pairs((0, NONCE), (0, NONCE))), block(pairs((0, NONCE), (16, UNSORTED))),
        block(pairs((0, NONCE), (-1, 1), (99, 1))), block(pairs((0, NONCE), (99, UNSORTED))), block(pairs((0, NONCE), ("a/b", UNSORTED))),
        block(pairs((0, NONCE), (9, UNSORTED))), block(pairs((0, NONCE), (8, Exact(pairs(("g", [6, True]), ("f", [6, True])))))),
        block(pairs((0, NONCE), (6, Exact(b"\x81" + pairs((2, True), (0, ["x"])))))),
    ]),
    (Fault.NESTING, 7, [fields(b99=deep(6)), fields(b3=deep(6)), block(wire.encode({0: NONCE, "a/b": deep(6)})), but(header=wire.encode(deep(7)))]),
    (Fault.FRAME, 0, [wire.to_text(b""), wire.to_text(b"\x83"), wire.to_text(b"\x98\x04")]),
    (Fault.STRINGS, 0, [frame(HEADER, b"\x00"), frame(HEADER, b"\x40"), frame(HEADER, b"\x80\xa0"), frame(HEADER, b"\xf4")]),
    (Fault.STRING, 0, [frame(b"\x00"), frame(b"\x60"), frame(HEADER, b"\x81\x60"), frame(HEADER, b"\x80\x81\x80"), frame(b"\xf6")]),
    (Fault.ELEMENTS, 17, [but(blocks=[b""] * 17), but(sigs=[b""] * 17), frame(HEADER, b"\x91")]),
    (Fault.HEADER, 0, [but(header=wire.encode([2, 5, "k1"])), but(header=wire.encode([1, 5, "k\n"])), but(header=wire.encode({}))]),
    (Fault.COUNTS, 0, [but(blocks=[])]),
    (Fault.COUNTS, 1 << 8 | 1, [but(sigs=[b"s"])]),
    (Fault.COUNTS, 16 << 8, [but(GOOD_ED25519, blocks=[b""] * 16, sigs=[])]),
    (Fault.FIXED, 64, [but(GOOD_ED25519, sigs=[b"s"]), but(GOOD_ED25519, proof=(1, b"s" * 32))]),
    (Fault.FIXED, 32, [but(proof=(0, b"s")), but(proof=(0, "s" * 32)), but(proof=(1, b"s" * 64)), but(proof=(2, NOW, b"n" * 16, b"", b""))]),
    (Fault.FIXED, 16, [but(proof=(2, NOW, b"", b"", b""))]),
    (Fault.PROOF, 0, [but(proof=()), but(proof=(3, b"")), but(proof=(True, b"s" * 32)), but(proof=(2, -1, b"", b"", b"")), but(proof=(0, b"", b""))]),
    (Fault.BLOCK_SIZE, 4097, [block(bytes(4097))]),
    (Fault.BLOCK, 0, [block(b"\x00"), block(b"\x80"), block(b"\xa0"), block(wire.encode(LONG))]),
    (Fault.RUN, 0, [fields(b2=[]), fields(b2=[["a", 0]]), fields(b2=[["a b"]]), fields(b2="a")]),
    (Fault.TEXTS, 0, [fields(b3=[]), fields(b3="github"), fields(b3=["github", 1])]),
    (Fault.NUMBER, SAFE_MAX, [fields(b4=-1), fields(b5=True), fields(b15=2**53), fields(b9={"calls": -1})]),
    (Fault.NUMBER, 15, [fields(b11=16), fields(b11=None)]),
    (Fault.EMPTY, 0, [fields(b6=[]), fields(b7={}), fields(b10="x")]),
    (Fault.BUDGET, 0, [fields(b9={}), fields(b9=[]), fields(b9={1: 1}), fields(b9={1: -1, "a": -1})]),
    (Fault.BOUND, 0, [fields(b13=False), fields(b13=1)]),
    (Fault.SIZED, 8 << 8 | 32, [fields(b0=b"short"), fields(b0=None), fields(b0=bytes(33))]),
    (Fault.SIZED, 16 << 8 | 16, [fields(b14=b""), fields(b14="about")]),
    (Fault.SIZED, 32 << 8 | 32, [fields(b1=bytes(31))]),
    (Fault.NOTES, 0, [fields(b16=[]), fields(b16={1: 1}), fields(b16={"a": None})]),
    (Fault.TEXT_KEY, 0, [block(wire.encode({0: NONCE, "x": 1})), block(wire.encode({0: NONCE, "": None}))]),
    (Fault.EXTENSION, 0, [block(wire.encode({0: NONCE, "a/b": value})) for value in (None, [], b"", {1: 1}, {"a": [1, {}]})]),
    (Fault.NONCE, 0, [build.raw(build.root(b0=None)).text, build.raw(build.root(b0=NONCE)).text]),
    (Fault.NONCE, 1, [block(wire.encode({5: NOW})), block(wire.encode({1: bytes(32)}))]),
    (Fault.NEXT_KEY, 0, [fields(b1=bytes(32)), build.raw(wire.encode(build.root()), alg="ed25519").text]),
    (Fault.NEXT_KEY, 0, [fields(b1=bytes(32), b6=[{0: ["x"]}] * 65)]),
    (Fault.GRANTS, 65, [fields(b6=[{0: ["x"]}] * 65), fields(b6=[{0: ["x"]}] * 64, b7=[{0: ["x"]}])]),
    (Fault.UNITS, 34, [build.raw(build.root(b9=UNITS), {0: NONCE, 9: UNITS}).text]),
    (Fault.PATTERNS, 0, [
        fields(b12=[]), fields(b12=["re*"]), fields(b12=["x\nx"]), fields(b6=[{0: []}]), fields(b7=[{0: "x", 1: {}}]),
        fields(b10=[[[], [], 0]]), fields(b12=["x", "y" * 129]),
    ]),
    (Fault.FACTS, 0, [fields(b8={}), fields(b8=[]), fields(b6=[{0: ["x"], 1: {}}]), fields(b7=[{0: ["x"], 1: 1, 2: True}])]),
    (Fault.FACT_NAME, 0, [fields(b8={1: [9]}), fields(b6=[{0: ["x"], 1: {1: [6, True]}}])]),
    (Fault.GRANT, 0, [fields(b6=[{}]), fields(b6=["x"]), fields(b7=[{0: ["x"], 2: False}]), fields(b6=[{0: ["x"], 1: {"f": [6, True]}, 3: 1}]), fields(b6=[{1: {}}])]),
    (Fault.DENY_ONLY, 0, [fields(b7=[{0: ["x"], 2: True}]), fields(b7=[{0: ["x"], 1: {"f": [6, True, True]}, 2: True}])]),
    (Fault.DENY_OPTIONAL, 0, [fields(b7=[{0: ["x"], 1: {"f": [6, True, True]}}]), fields(b7=[{0: ["x"], 1: {"f": [6, True, True]}}, {}])]),
    (Fault.DEMAND, 0, [
        fields(b10=[[]]), fields(b10=[{}]), fields(b10=[[["x"], b"", 1]]), fields(b10=[[["x"], [], 1]]), fields(b10=[[["x"], [b"k"], 1]]),
        fields(b10=[[["x"], [bytes(32)] * 2, 1]]), fields(b10=[[["x"], [bytes(32)], 2]]), fields(b10=[[["x"], [bytes(32)], True]]),
    ]),
    (Fault.CONSTRAINT, 0, [where(), where(0), where(7, []), where(True, []), where(0, "a"), where(0, ["a"], 1), where(6, True, False), fields(b8={"f": 1})]),
    (Fault.OPERAND, 0, [where(0, []), where(0, [None], True), where(0, [[1]])]),
    (Fault.OPERAND, 1, [where(1, []), where(1, [b"a"])]),
    (Fault.OPERAND, 2, [where(2, []), where(2, [2, 1]), where(2, [None, None]), where(2, [1, True]), where(2, [1, 2, 3])]),
    (Fault.OPERAND, 3, [where(3, []), where(3, [".."]), where(3, [1])]),
    (Fault.OPERAND, 4, [where(4, []), where(4, [1])]),
    (Fault.OPERAND, 5, [where(5, []), where(5, ["A"])]),
    (Fault.OPERAND, 6, [where(6, False), where(6, []), where(6, 1, True)]),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "number", "tokens"), TOLD, ids=lambda value: getattr(value, "name", ""))
def test_what_is_told(engine: Any, fault: Fault, number: int, tokens: list[str]) -> None:
    for token in tokens:
        error = build.refusal(engine, token)
        assert isinstance(error, Malformed), token
        assert error.finding == malformed(fault, number).finding
        assert not isinstance(error.__context__, Malformed)


PREFIXES = {
    "lease2_AAAA": ("other text", "the token itself, as lease.token or attenuate issue give it"),
    "": ("other text", "the token itself, as lease.token or attenuate issue give it"),
    "lease1_ü": ("other text", "the token itself, as lease.token or attenuate issue give it"),
    f"{GOOD.text}\n": ("text with white space around it", "the text without it: text.strip()"),
    f"Bearer {GOOD.text}": ("a header's whole value", 'what comes after "Bearer "'),
    "<Lease k1>": ("the repr of a Lease, which is redacted", "lease.token"),
}


@pytest.mark.parametrize("text", PREFIXES)
def test_a_text_that_is_no_token_is_told_what_it_is_like(engine: Any, text: str) -> None:
    error = build.refusal(engine, text)
    assert error is not None
    plain = malformed(Fault.PREFIX).finding
    asked, would_pass = PREFIXES[text]
    assert error.finding == plain._replace(asked=asked, would_pass=would_pass)
    assert error.finding == unlike(text).finding


def test_each_fault_is_shown_by_a_token() -> None:
    assert {fault for fault, _, _ in TOLD} | {Fault.PREFIX} == set(Fault)


NUMBERS = {Fault.COUNTS: 1 << 8 | 2, Fault.SIZED: 3 << 8 | 4, Fault.OPERAND: 5}


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name)
def test_each_fault_has_words(fault: Fault) -> None:
    finding = malformed(fault, NUMBERS.get(fault, 77)).finding
    assert finding.stage == "malformed"
    assert finding.code in ("text", "cbor", "shape", "too_large")
    assert (finding.code == "too_large") == (not re.search(r"\D", finding.allowed) and finding.allowed != "")
    assert finding.asked
    assert "{}" not in finding.asked + finding.allowed


def test_the_numbers_in_the_words() -> None:
    words = {
        (Fault.TOKEN_SIZE, 9000): ("9000 characters", "8192"),
        (Fault.INITIAL_BYTE, 0x1F): ("initial byte 0x1f", "definite lengths, no tags, no floats"),
        (Fault.LONG_SPELLING, 7): ("a long spelling of 7", "the shortest spelling"),
        (Fault.COUNTS, 2 << 8 | 3): (
            "2 blocks and 3 signatures",
            "1 to 16 blocks; a signature for each in ed25519, none in hmac",
        ),
        (Fault.FIXED, 32): ("another byte string", "32 bytes"),
        (Fault.SIZED, 8 << 8 | 32): ("another byte string", "8 to 32 bytes"),
        (Fault.SIZED, 32 << 8 | 32): ("another byte string", "32 bytes"),
        (Fault.NUMBER, 15): ("another number", "0 to 15"),
        (Fault.NONCE, 0): ("block 0 without a long nonce", "16 to 32 bytes"),
        (Fault.NONCE, 2): ("block 2 without a long nonce", "8 to 32 bytes"),
        (Fault.OPERAND, 3): ("another operand of under", "at least one well-formed path"),
    }
    for (fault, number), expected in words.items():
        finding = malformed(fault, number).finding
        assert (finding.asked, finding.allowed) == expected


# --- the encoding goes first ------------------------------------------------------------------------
#   members in their order, the last ones with the fault that is told
FIRST: dict[str, tuple[Fault, list[tuple[Any, Any]]]] = {
    "keys in a later map": (Fault.KEY_ORDER, [(5, -1), (8, UNSORTED)]),
    "keys in a later extension": (Fault.KEY_ORDER, [(6, []), ("a/b", UNSORTED)]),
    "the block's own keys": (Fault.KEY_ORDER, [(9, {}), (5, NOW)]),
    "a key twice": (Fault.KEY_ORDER, [(13, 1), (14, NONCE * 2), (14, NONCE * 2)]),
    "another key": (Fault.KEY_TYPE, [(6, [{0: []}]), (b"a", 1)]),
    "true for 1": (Fault.KEY_TYPE, [(5, -1), (6, [{0: ["x"], True: {"f": [6, True]}}])]),
    "nesting": (Fault.NESTING, [(6, []), (99, deep(6))]),
    "nesting, then keys": (Fault.NESTING, [(99, deep(6)), (5, NOW)]),
    "keys, then nesting": (Fault.KEY_ORDER, [(6, []), (5, deep(6))]),
    "a later unknown key": (Fault.TRUNCATED, [(5, -1), (99, Exact(b"\x82\x00"))]),
}


def told(members: list[tuple[Any, Any]], *, long: bool) -> Malformed:
    """Return the error of a block of these members; a long text in it takes the slow way."""
    raw = pairs((0, NONCE), *([(4, LONG)] if long else []), *members)
    with pytest.raises(Malformed) as caught:
        read_block(raw, 1, HMAC)
    return caught.value


@pytest.mark.parametrize("long", [False, True], ids=["fast", "slow"])
@pytest.mark.parametrize("name", FIRST)
def test_a_fault_of_the_encoding_goes_before_one_of_the_shape(engine: Any, name: str, long: bool) -> None:
    fault, members = FIRST[name]
    error = told(members, long=long)
    expected = malformed(fault, 7 if fault is Fault.NESTING else 0).finding
    assert error.finding == expected
    assert not isinstance(error.__context__, Malformed)
    token = block(pairs((0, NONCE), *([(4, LONG)] if long else []), *members))
    by_engine = build.refusal(engine, token)
    assert by_engine is not None
    assert by_engine.finding == expected


def met_first(data: bytes) -> object:
    """Decode without the rule: where the fast way gives a value, nobody looks at the bytes again."""
    try:
        with mock.patch.object(codec, "decode_slowly", side_effect=Malformed("cbor")):
            return codec.decode_unordered(data)
    except Malformed:
        return SLOWLY(data)


SLOWLY = codec.decode_slowly


def without_the_rule() -> AbstractContextManager[Any]:
    """Put in the fault: what the fast way met first is told."""
    return mock.patch.object(codec, "decode_slowly", met_first)


def test_without_the_second_look_the_shape_would_be_told() -> None:
    """The control: the same blocks, told by what the fast way met first."""
    with without_the_rule():
        first = {name: told(members, long=False).code for name, (_, members) in FIRST.items()}
        slowly = {name: told(members, long=True).code for name, (_, members) in FIRST.items()}
    assert first["keys in a later map"] == "shape"
    assert sum(code == "shape" for code in first.values()) >= 5, first
    assert "shape" not in slowly.values()


@pytest.mark.parametrize("long", [False, True], ids=["fast", "slow"])
def test_decode_tells_the_first_fault_byte_by_byte(long: bool) -> None:
    more = [(4, LONG)] if long else []
    data = pairs((3, 0), *more, (9, deep(6)), (5, UNSORTED))
    for fault, number, cut in (
        (Fault.NESTING, 7, data),
        (Fault.KEY_ORDER, 0, pairs((3, 0), *more, (3, deep(6)))),
    ):
        with pytest.raises(Malformed) as caught:
            codec.decode(cut)
        assert caught.value.finding == malformed(fault, number).finding
        assert caught.value.__context__ is None
    with pytest.raises(Malformed) as caught:  # the control: by itself, the look at the values goes otherwise
        codec.check_order({3: 0, 9: deep(6), 5: 0})
    assert caught.value.code == "cbor"


# --- both ways, over mutated blocks -----------------------------------------------------------------
BLOCKS = [
    (raw, index, original.parts.alg)
    for original in mutate.ORIGINALS
    for index, raw in enumerate(original.parts.blocks)
]


def bent(rng: random.Random) -> tuple[bytes, int, int]:
    """Return a block with a few bytes changed, moved or put in."""
    raw, index, alg = rng.choice(BLOCKS)
    starts = [start for start, _ in mutate.items(raw)]
    out = bytearray(raw)
    for _ in range(rng.randrange(1, 4)):
        out[rng.choice(starts)] ^= rng.choice((1, 1, 2, 4, 32, 64, 128))
    return bytes(out), index, alg


def finding(block: tuple[bytes, int, int]) -> Any:
    try:
        read_block(*block)
    except Malformed as error:
        return error.finding
    return None


def ways_differ(seed: int, count: int) -> tuple[Counter[str], int]:
    """Return how often each code was told, and how often the fast and the slow way told another fault."""
    rng = random.Random(seed)
    codes: Counter[str] = Counter()
    differ = 0
    for _ in range(count):
        made = bent(rng)
        fast = finding(made)
        with mock.patch.object(codec, "_LEXICON", re.compile(rb"(?!)")):
            slow = finding(made)
        codes[slow.code if slow else "read"] += 1
        differ += fast != slow
    return codes, differ


def test_both_ways_tell_the_same_fault() -> None:
    codes, differ = ways_differ(1, 3000)
    assert differ == 0
    assert min(codes[code] for code in ("cbor", "shape")) > 100, codes


def test_ways_that_tell_other_faults_are_found() -> None:
    """The control: what the fast way met first, against the definition."""
    with without_the_rule():
        assert ways_differ(1, 3000)[1] > 0
