"""What holders, strangers and services try with the macaroon of a lease, and texts that are none."""

from __future__ import annotations

import base64
import json
import random
import time
import traceback
from typing import Any

import build
import interop_base  # noqa: F401
import pymacaroons
import pytest
from attenuate_interop.macaroon import (
    form,
    from_macaroon,
    lines,
    narrow,
    read,
    satisfy,
    to_macaroon,
    write,
)
from macaroon_hand import (
    ISSUER,
    NOW,
    RING,
    WHOLE,
    hand_made,
    holds,
    passes,
    rich,
    texts,
    with_lines,
)
from macaroons import exported

from attenuate import Malformed, Untrusted, one_of, present

NASTY = (
    '"',
    "\\",
    "\n",
    " | ",
    '" and "',
    "\x00",
    "\u2028",
    "\x7f",
    "é\U0001f600",
    "",
    " ",
    "a\nallow *",
    "\\u0041",
)


# --- attacks by holders ----------------------------------------------------------------------------------
def test_no_line_can_go_or_change() -> None:
    m = to_macaroon(rich(), RING)
    all_lines = texts(m)
    assert passes(m)
    for at, line in enumerate(all_lines):
        fewer = [*all_lines[:at], *all_lines[at + 1 :]]
        moved = (
            [*fewer[:at], *reversed(all_lines[at : at + 2]), *fewer[at + 1 :]]
            if at + 1 < len(all_lines)
            else fewer
        )
        edited = [*all_lines[:at], line.replace("1", "2") + " ", *all_lines[at + 1 :]]
        for changed in (fewer, moved, edited):
            assert not passes(with_lines(m, changed)), line
            with pytest.raises(Untrusted, match="proof"):
                from_macaroon(with_lines(m, changed), ISSUER)


def test_a_line_of_another_macaroon() -> None:
    one, two = (to_macaroon(build.lease(expires=NOW + n, ttl=None), RING) for n in (5, 900))
    assert passes(one, build.ask())
    assert not passes(one, build.ask(), now=NOW + 6)
    mixed = with_lines(one, texts(two))
    assert not passes(mixed, build.ask())
    mixed._signature = two._signature  # its nonce is in the identifier
    assert not passes(mixed, build.ask())


def test_a_line_nobody_signed_is_left_out_by_pymacaroons_and_refused_here() -> None:
    m = to_macaroon(build.lease(), RING)
    more = with_lines(m, [*texts(m), "budget calls 30"])
    verifier = pymacaroons.Verifier()
    assert verifier.verify(more, satisfy(verifier, m, build.ask(), RING, now=NOW + 1))  # nothing reads it
    assert not passes(more, build.ask())
    for refuse in (
        lambda: from_macaroon(more, ISSUER),
        lambda: satisfy(pymacaroons.Verifier(), more, build.ask(), RING),
    ):
        with pytest.raises(Untrusted, match="proof"):
            refuse()
    m.add_first_party_caveat("budget calls 30")
    assert not passes(m, build.ask())


def test_third_party_caveats() -> None:
    m = to_macaroon(build.lease(), RING)
    m.add_third_party_caveat("elsewhere", "a key of the holder's", "allow *")
    for refuse in (
        lambda: satisfy(pymacaroons.Verifier(), m, build.ask(), RING, now=NOW + 1),
        lambda: from_macaroon(m, ISSUER),
        lambda: write(m),
        lambda: narrow(m),
        lambda: read(m.serialize()),
    ):
        with pytest.raises(Malformed, match="third-party"):
            refuse()
    with pytest.raises(Malformed, match="third-party"):
        read(m.serialize(form.JsonSerializer()))


def test_values_cannot_break_out_of_a_line() -> None:
    for value in NASTY:
        lease = build.lease(
            where={value: one_of(value), "repo": present()},
            notes={value: value},
            audience=["github", value or "x"],
        )
        m = exported(lease.token, RING)
        assert len(m.caveats) == 7
        assert all(line.isascii() and line.isprintable() for line in texts(m))
        assert passes(m, build.ask(facts={**build.FACTS, value: value}))
        assert not passes(m, build.ask(facts={**build.FACTS, value: value + "x"}))
        assert passes(read(write(m, "json")), build.ask(facts={**build.FACTS, value: value}))
        assert from_macaroon(read(write(m)), ISSUER).token == lease.token


GOOD = (
    "end", "block 0011223344556677", "run agt_1@2", "run agt_1/reader@1", 'audience "github"', 'audience "other" "github"',
    f"expires {NOW + 2}", f"not_before {NOW}", f"issued_at {NOW} expires {NOW + 9}", "allow repo.read", "allow x | *",
    'allow "repo!" repo.* where x range 1..9 optional and repo one_of "clord" 1 true', "deny repo.write.*",
    'where path under "src"', "where x any optional", 'where "x y" range ..9 optional', 'notes {"agent": "x"}', "notes {}",
)  # fmt: skip
NEAR = (
    "", " ", "END", "end ", " end", "end\n", "end\x00", "block", "block 00112233445566", "block 00112233445566FF", "block 0x11223344556677",
    "run", "run agt_1@02", "run agt_1@2/", "run  agt_1@2", "run agt_1@2 ", "run 'agt_1@2'", "run agt_1@2\n", "audience github",
    "audience", 'audience "github', 'audience "\\u0067ithub"', 'audience "github"  "x"', 'audience "github", "x"', 'audience "github"x',
    f"expires +{NOW + 2}", f"expires 0{NOW}", "expires 9e99", "expires 9007199254740992", "expires -1", "expires", f"expires {NOW + 2}.0",
    f"expires ١{NOW}", f"issued_at {NOW}", f"issued_at {NOW} expires {NOW}", f"issued_at {NOW} expires 9{NOW} ", "issued_at 1 expires 9e99",
    'allow "repo.read"', "allow", "allow repo.read |", "allow | repo.read", "allow repo.read where", "allow repo.read  x", "allow rep*d",
    "allow repo.read only only", "allow repo.read where x any any", "allow repo.read where repo one_of clord", "allow repo.read||*",
    "allow repo.read where repo one_of", "deny x only", "deny x where y any optional", "where", "where x", "where x under", "where and any",
    'where path under "../x"', "where x range 9..1", "where x range ..", "where x range 01..9", "where x range -0..9", "where x any true",
    "where x any optional and x any optional", "where x any optional and", 'where x host "A.b"', "where x one_of 9223372036854775808",
    "notes", 'notes {"a": 1, "a": 1}', 'notes {"bb": 1, "a": 1}', 'notes {"a":1}', 'notes {"a": 1.0}', 'notes {"a": null}', 'notes {"a": NaN}',
    'notes {"a": "\\ud800"}', "notes []", "notes {} ", "budget calls 30", "depth 1", "bound", "approval", "final *", "for", "17 1", "-1 {}",
    "acme/x 1.5", "acme/x null", "acme/x []", "acme/x", 'acme/x {"b": 1, "a": []}', "Acme/x 1", "nonce 00", "time < 2030-01-01", "é", "\u2028",
)  # fmt: skip


def test_nearly_a_line_is_none() -> None:
    yes = {"handlers": {"acme/x": lambda value, request: True}}
    assert [line for line in GOOD if not holds(line)] == []
    assert [line for line in NEAR if holds(line, **yes)] == []
    assert holds('acme/x {"a": [1], "b": true}', **yes)
    assert not holds("acme/x 1")
    assert not holds("acme/x 1", handlers={"acme/x": lambda value, request: 1})
    assert not holds("acme/x 1", handlers={"acme/x": lambda value, request: 1 / 0})
    assert not any(map(holds, (None, b"end", 1, True, ["end"], object(), "\ud800")))


def test_a_line_has_one_spelling() -> None:
    rng, seen = random.Random(3), 0
    for _ in range(20_000):
        line = list(rng.choice(GOOD))
        for _ in range(rng.choice((1, 1, 2))):
            at = rng.randrange(len(line) + 1)
            line[at : at + rng.randrange(2)] = rng.choice(' "|.*0129\\aeltu{}[]:,-_é\n')
        text = "".join(line)
        try:
            said = lines.read_line(text)
        except ValueError:
            assert not holds(text)
            continue
        if said.word not in (lines.END, lines.BLOCK):
            assert [*lines.write_lines(said.block.fields)] == [text]
            seen += 1
    assert seen > 1000


@pytest.mark.parametrize(
    "much", ['"', "\\", "[", '{"a":', "9", " ", "a ", '"a" ', "1 ", "where ", "| ", "a any and "]
)
@pytest.mark.parametrize(
    "first", ["allow ", "where a one_of ", "notes ", "acme/x ", "run ", "audience ", "expires ", "where "]
)
def test_a_long_line_takes_no_time(first: str, much: str) -> None:
    line = (first + much * lines.MAX_LINE)[: lines.MAX_LINE]
    started = time.process_time()
    assert not holds(line)
    assert not holds(line + "a")
    assert time.process_time() - started < 0.5


def test_one_request_for_one_verifier() -> None:
    verifier, m = pymacaroons.Verifier(), to_macaroon(build.lease(), RING)
    with pytest.raises(Malformed, match="run"):
        satisfy(verifier, m, build.ask(run=None), RING)
    for given in (
        (None, m, build.ask(), RING),
        (verifier, "m", build.ask(), RING),
        (verifier, m, None, RING),
        (verifier, m, build.ask(), {}),
    ):
        with pytest.raises(TypeError):
            satisfy(*given)  # type: ignore[arg-type]
    for wrong in (
        {"leeway": 61},
        {"leeway": True},
        {"max_lifetime": "x"},
        {"handlers": {"x": len}},
        {"now": -1},
    ):
        with pytest.raises(ValueError):
            satisfy(verifier, m, build.ask(), RING, **wrong)
    satisfy(verifier, m, build.ask(), RING, max_lifetime="15m")
    with pytest.raises(ValueError, match="for each"):
        satisfy(verifier, m, build.ask("repo.write"), RING)


# --- texts --------------------------------------------------------------------------------------------
def test_texts_that_are_none() -> None:
    m = to_macaroon(build.lease(), RING)
    good, good_json = write(m), write(m, "json")
    members = json.loads(good_json)
    first = pymacaroons.Macaroon("x", "y", "z").serialize()
    many = with_lines(m, ["end"] * 513)
    odd: list[Any] = [
        "", "{", "[]", "{}", "A", good + "=", good + "A", good[:-2], f" {good}", good + "\n", "é", None, b"", first, "{" * 60_000,
        "A" * 65_537, many.serialize(), with_lines(m, ["a" * 16_385]).serialize(), good_json + "x", good_json.replace('"i"', '"I"', 1),
        json.dumps({**members, "v": 1}), json.dumps({**members, "v": True}), json.dumps({**members, "x": ""}),
        json.dumps({**members, "s64": members["s64"] + "="}), json.dumps({**members, "i64": "AA"}), json.dumps({**members, "c": {}}),
        good_json.replace('{"i"', '{"i": "x", "i"', 1), json.dumps({**members, "c": [{"i": 1}]}), with_lines(m, ["é"]).serialize(),
    ]  # fmt: skip
    for text in odd:
        with pytest.raises(Malformed) as caught:
            read(text)
        assert caught.value.code in ("text", "too_large", "shape")
        assert members["s64"][:20] not in repr(caught.value) + str(caught.value)
        assert caught.value.__context__ is None
        frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)][1:]
        assert not any(local is text for frame in frames for local in frame.f_locals.values() if text)
    assert (
        texts(read(good))
        == texts(read(good_json))
        == texts(read(json.dumps({"v": 2, **members})))
        == texts(m)
    )
    with pytest.raises(ValueError, match="form"):
        write(m, "xml")
    nowhere = hand_made("k1", *WHOLE)  # other libraries leave an empty location out
    data = form.BinarySerializer().serialize_raw(nowhere)
    shorter = base64.urlsafe_b64encode(data[:1] + data[3:]).rstrip(b"=").decode()
    assert write(read(shorter)) == write(nowhere)


def _text(*parts: bytes) -> str:
    return base64.urlsafe_b64encode(b"".join(parts)).rstrip(b"=").decode()


def test_many_packets_take_no_time() -> None:
    head, tail = b"\x02\x01\x00\x02\x01x\x00", b"\x00\x06\x20" + b"s" * 32
    started = time.process_time()
    assert len(read(_text(head, b"\x02\x00\x00" * 512, tail)).caveats) == 512
    for count in (513, 16_000):
        with pytest.raises(Malformed, match="more caveats"):
            read(_text(head, b"\x02\x00\x00" * count, tail))
    for body in (
        b"\x00" * 49_000,
        b"\x04\x00" * 24_000,
        b"\xff" * 49_000,
        b"\x02" + b"\x80" * 48_000,
        b"\x02\x83\x80\x80\x00abc",
    ):
        with pytest.raises(Malformed):
            read(_text(head, body))
    assert time.process_time() - started < 0.3


def test_no_text_gets_anything_else_out_of_read() -> None:
    rng = random.Random(4)
    m = to_macaroon(build.lease(), RING)
    both, taken = [write(m), write(m, "json")], 0
    for _ in range(4000):
        text = list(rng.choice(both))
        for _ in range(rng.choice((1, 2, 8))):
            at = rng.randrange(len(text))
            text[at : at + rng.choice((0, 1, 1, 9))] = rng.choice('AZ09_-={}[]":,\\\x00é')
        try:
            other = read("".join(text))
        except Malformed:
            continue
        taken += 1
        assert not passes(other, build.ask()) or (other.identifier_bytes, texts(other)) == (
            m.identifier_bytes,
            texts(m),
        )
    assert taken > 100
