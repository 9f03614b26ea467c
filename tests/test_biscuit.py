"""Leases as biscuits: the same verdict, the same blocks back, and nothing that a holder appends widens.

The Datalog is asked beside attenuate itself, over cases that meet every edge of every constraint and
over drawn ones. Faults put into the generator are found by the same cases.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import build
import cases
import pytest
import strategies as own
from build import NOW

if os.environ.get("ATTENUATE_INTEROP") != "all":
    pytest.importorskip("biscuit_auth", reason="biscuit-python is missing")

import biscuit_auth as ba
import biscuits
from attenuate_interop import NotPortable
from attenuate_interop.biscuit import (
    AUTHORIZER,
    MAX_TEXT,
    authorizer_for,
    authorizer_source,
    from_biscuit,
    lease_blocks,
    narrow,
    read_biscuit,
    to_biscuit,
)  # fmt: skip
from attenuate_interop.biscuit.blocks import source
from attenuate_interop.biscuit.constraints import IS_HOST, IS_PATH
from attenuate_interop.biscuit.frame import _fields
from attenuate_interop.biscuit.literals import literal
from biscuits import ROOT, Fault, decide

from attenuate import KeyRing, Lease, Malformed, Untrusted, demand, grant, one_of, under
from attenuate.constraints import is_host, is_path

PEER = Path(__file__).resolve().parent.parent / "interop" / "peers" / "biscuit"
RING = build.RING
OTHER = ba.KeyPair()


def exported(lease: Lease | None = None) -> Any:
    return to_biscuit(lease or build.lease(), RING, ROOT.private_key)


def allows(biscuit: Any, request: Any = None, now: int = NOW, foreign: bool = False) -> bool:
    return decide(biscuits.asked(biscuit, request or build.ask(), now, foreign=foreign))


def refused(work: Any, *given: Any) -> str:
    with pytest.raises(NotPortable) as caught:
        work(*given)
    return caught.value.name


@cache
def pool() -> list[biscuits.Drawn]:
    return biscuits.pool(500, 7) + biscuits.edges()


# --- the same verdict -----------------------------------------------------------------------------
def test_every_edge_has_the_same_verdict() -> None:
    told = Counter(case.allowed for case in biscuits.edges() if _same(case))
    assert told[True] > 1000
    assert told[False] > 3000


def _same(case: biscuits.Drawn) -> bool:
    assert biscuits.verdict_of(case) is case.allowed, case.case.request
    return True


def test_drawn_leases_have_the_same_verdict_or_a_name() -> None:
    rng, told = random.Random(3), Counter[Any]()
    for _ in range(2500):
        case = biscuits.drawn(rng)
        verdict = biscuits.verdict(*case)
        told[verdict] += 1
        if isinstance(verdict, bool):
            assert verdict is biscuits.native(*case)
    decided = told[True] + told[False]
    assert decided > 1700
    assert min(told[True], told[False]) > 0.3 * decided
    names = {name for name in told if isinstance(name, str)}
    assert {"budget", "final", "sealed", "structure", "malformed", "untrusted"} <= names


@pytest.mark.parametrize("name", biscuits.FAULTS)
def test_control_a_fault_in_the_generator_is_found(name: str) -> None:
    assert biscuits.found(biscuits.FAULTS[name], pool())


def _told(expression: str, texts: list[str]) -> set[str]:
    """Return the texts for which an expression of `$x` is true."""
    builder: Any = ba.AuthorizerBuilder(
        "".join(f"v({literal(text)});\n" for text in texts) + f"w($x) <- v($x), {expression}; allow if true;"
    )
    limits = builder.limits()
    limits.max_facts, limits.max_time = 10**6, limits.max_time * 10**5
    builder.set_limits(limits)
    authorizer = builder.build_unauthenticated()
    authorizer.authorize()
    return {fact.terms[0] for fact in authorizer.query(ba.Rule("w($x) <- w($x)"))}


def test_paths_and_hosts_are_read_as_the_core_reads_them() -> None:
    rng = random.Random(5)
    texts = {
        *own.PATHS,
        *own.NO_PATHS,
        *own.HOSTS,
        *own.NO_HOSTS,
        "x" * 64,
        "a." * 126 + "b",
        "a." * 126 + "bc",
    }
    texts |= {f"a{chr(code)}b" for code in range(0x120)} | {chr(code) for code in range(0x120)}
    texts |= {"".join(rng.choices(cases.PIECES, k=rng.randrange(1, 6))) for _ in range(2000)}
    texts |= {"".join(rng.choices("a0x19~._/-\n%", k=rng.randrange(1, 8))) for _ in range(2000)}
    texts |= {
        ".".join(rng.choices(("0", "1", "01", "255", "256", "0x1", "00x", "1a"), k=4)) for _ in range(300)
    }
    every = sorted(texts)
    assert _told(IS_PATH, every) == set(filter(is_path, every))
    assert _told(IS_HOST, every) == set(filter(is_host, every))
    assert _told(IS_PATH.replace(r"\\z", ""), every) != set(filter(is_path, every))  # the control


def test_a_string_is_read_back_whatever_is_in_it() -> None:
    codes = [*range(0x3000), 0xFEFF, 0xFFFF, 0x1F600, 0x10FFFF]
    texts = [f"a{chr(code)}b" for code in codes] + INJECTED + ["\\" * n + '"' for n in range(5)]
    assert _told("true", texts) == set(texts)


INJECTED = [
    'a"', "a\\", '\\"', "a\nb", "a\r", ";", "{request}", "{x}", "$x", "//", "/*", "\u2028", "\x00", "hex:00",
    '"); check if false; f("', '"] || true || ["', "\\n", "é\U0001f600", "\x1b[0m",
]  # fmt: skip


@pytest.mark.parametrize("text", INJECTED)
def test_nothing_in_a_value_or_a_name_is_datalog(text: str) -> None:
    where = {text: one_of(text), f"{text}.b": one_of(text, optional=True)}
    lease = build.lease(audience=[text], allow=[grant("*", where=where)], notes={text: text})
    biscuit = exported(lease.narrow(now=NOW, deny=[grant("*", where={text: one_of("x")})]))
    assert allows(biscuit, build.ask(audience=text, facts={text: text}))
    assert not allows(biscuit, build.ask(audience=text, facts={text: "x"}))
    assert not allows(biscuit, build.ask(audience=text, facts={text + "x": text}))
    assert not allows(biscuit, build.ask(audience="y", facts={text: text}))
    assert from_biscuit(biscuit, RING).unverified_blocks[0].get("notes") == {text: text}


# --- there and back -------------------------------------------------------------------------------
HMAC_RING = build.RINGS["hmac"]


def raws(lease: Lease) -> list[bytes]:
    return [block.raw for block in lease.unverified_blocks]


def test_the_same_blocks_come_back() -> None:
    lease = build.lease(notes={"agent": "x", "n": 1, "yes": True}, depth=3, not_before=NOW)
    lease = lease.narrow(now=NOW, run="agt_1@2/reader@1", ttl="5m", where={"path": under("src")})
    back = from_biscuit(read_biscuit(exported(lease).to_base64(), ROOT.public_key), HMAC_RING)
    assert raws(back) == raws(lease)
    assert back.block_ids == lease.block_ids
    assert biscuits.native(back.token, RING, build.ask(run="agt_1@2/reader@1"), NOW)
    signed = from_biscuit(exported(lease), build.RINGS["ed25519"])
    assert lease_blocks(exported(signed)) == lease_blocks(exported(lease))


def test_every_drawn_lease_comes_back() -> None:
    for case in biscuits.pool(200, 11):
        lease = Lease.parse(case.case.text)
        back = from_biscuit(to_biscuit(lease, case.case.ring, ROOT.private_key), HMAC_RING)
        if lease.key_id == "k1":
            assert raws(back) == raws(lease)


def test_a_biscuit_narrows_offline_and_comes_back() -> None:
    biscuit = narrow(exported(), now=NOW, run="agt_1@2/reader@1", ttl="1m", allow=["repo.read"], depth=0)
    deeper = build.ask(run="agt_1@2/reader@1")
    assert allows(biscuit, deeper)
    assert not allows(biscuit)
    assert not allows(biscuit, deeper, NOW + 60)
    assert not allows(biscuit, build.ask("repo.write.x", run="agt_1@2/reader@1"))
    lease = from_biscuit(biscuit, HMAC_RING)
    assert len(lease.unverified_blocks) == 2
    assert biscuits.native(lease.token, RING, deeper, NOW)
    assert not biscuits.native(lease.token, RING, build.ask(), NOW)
    assert not allows(narrow(biscuit), deeper)  # depth
    for _ in range(14):
        biscuit = narrow(biscuit)
    assert refused(narrow, biscuit) == "blocks"
    assert refused(lambda: narrow(exported(), budget={"calls": 1})) == "budget"


def test_an_import_goes_to_a_ring_that_serves_the_same() -> None:
    biscuit = exported(build.lease(audience=["github", "other"]))
    served = RING.for_audience("github")
    assert refused(from_biscuit, biscuit, KeyRing({"k1/github": served["k1/github"]})) == "audience"
    assert from_biscuit(exported(), KeyRing({"k1/github": served["k1/github"]})).key_id == "k1/github"
    with pytest.raises(ValueError, match="only verifies"):
        from_biscuit(biscuit, RING.publish())


CANNOT = {
    "budget": {"budget": {"calls": 1}}, "final": {"final": ["repo.read"]}, "bound": {"bound": True},
    "approval": {"approval": [demand("repo.read", keys=[build.APPROVERS[0].public])]},
    "acme/x": {"extensions": {"acme/x": 1}},
    "allow": {"allow": [grant("*", where={"." * 40: one_of(1, optional=True)})]},
}  # fmt: skip


@pytest.mark.parametrize("name", CANNOT)
def test_what_cannot_travel_is_refused_by_name(name: str) -> None:
    assert refused(exported, build.lease(**CANNOT[name])) == name
    assert refused(exported, build.lease().narrow(now=NOW, **CANNOT[name])) == name


def test_proofs_approvals_and_odd_blocks_are_refused_by_name() -> None:
    lease = build.lease()
    approval = Lease.parse(build.approval(b"b" * 16, build.APPROVERS[0]).sealed().text)
    assert refused(exported, lease.seal()) == "sealed"
    assert refused(exported, lease.present(b"b" * 32)) == "bound"
    assert refused(exported, lease.attach(approval)) == "approvals"
    for changes, name in (({"b2": None}, "structure"), ({"b17": 1}, "17"), ({"b14": b"b" * 16}, "for")):
        assert refused(exported, Lease.parse(build.raw(build.root(**changes)).text)) == name
    late = build.raw(build.root(), {0: b"12345678", 15: NOW})
    assert refused(exported, Lease.parse(late.text)) == "structure"
    with pytest.raises(Untrusted):
        to_biscuit(lease, cases.RINGS["rotated"], ROOT.private_key)


def test_the_root_key_is_no_key_of_the_ring() -> None:
    seed = build.SECRETS["ed25519"].hex()
    for ring in (RING, RING.publish()):
        with pytest.raises(ValueError, match="generate one") as caught:
            to_biscuit(build.lease("ed25519"), ring, ba.PrivateKey(f"ed25519-private/{seed}"))
        assert seed not in str(caught.value)
    with pytest.raises(TypeError, match="not a PrivateKey"):
        to_biscuit(build.lease(), RING, ROOT.public_key)  # type: ignore[arg-type]


# --- what a holder may try ------------------------------------------------------------------------
GOOD = literal({
    "action": "repo.read", "audience": "github", "names": ["agt_1"], "attempts": [2], "time": NOW, "leeway": 0,
    "max_lifetime": 2**53 - 1, "blocks": 1, "fact:repo": ["clord"], "fact:path": ["src"],
})  # fmt: skip
"""A request that the usual lease allows, as somebody else than the service would state it."""
HOSTILE = [
    f"request({GOOD});",
    f"request({GOOD}) <- lease_block($x) trusting previous;",
    "lease(1); lease_block(hex:00); allow(true);",
    "lease($x) <- lease($x); lease_note($x, $x) <- lease($x) trusting authority, previous;",
    "check if lease(1) trusting authority, previous;",
    f"request({GOOD}); check if request($r) trusting authority, previous;",
    "check all request($r), true;",
    "check if true or lease(2);",
]
REFUSED = build.ask("repo.delete")


def third_party(biscuit: Any, text: str) -> Any:
    block = biscuit.third_party_request().create_block(OTHER.private_key, ba.BlockBuilder(text))
    return biscuit.append_third_party(OTHER.public_key, block)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_is_appended_widens(text: str) -> None:
    for biscuit in (exported(), narrow(exported(), ttl=5, now=NOW)):
        for name, more in (
            ("lease_block", biscuit.append(ba.BlockBuilder(text))),
            ("third_party", third_party(biscuit, text)),
        ):
            assert not allows(more, REFUSED, foreign=True)
            assert not allows(more, now=NOW + 900, foreign=True)
            assert refused(allows, more) in (name, "foreign")
            assert refused(from_biscuit, more, RING) in (name, "foreign")


def test_a_plain_block_of_ordinary_checks_narrows() -> None:
    more = exported().append(ba.BlockBuilder('check if request($r), $r.get("action") == "repo.write.x";'))
    assert allows(more, build.ask("repo.write.x"), foreign=True)
    assert not allows(more, foreign=True)
    assert not allows(
        more.append(ba.BlockBuilder("check if false;")), build.ask("repo.write.x"), foreign=True
    )


def test_a_request_that_the_token_states_does_not_answer_for_the_service() -> None:
    lease = build.lease()
    made = source(lease.unverified_blocks[0].fields, 0)
    stated = ba.BiscuitBuilder(made + f"request({GOOD});").build(ROOT.private_key)
    assert not allows(stated, REFUSED, foreign=True)
    assert allows(stated, foreign=True)
    some = ba.BiscuitBuilder(made.replace("check all ", "check if ") + f"request({GOOD});").build(
        ROOT.private_key
    )
    assert allows(some, REFUSED, foreign=True)  # the control: one request that passes is enough
    nobody = ba.AuthorizerBuilder("allow if lease(1); deny if true;").build(exported())
    assert not decide(nobody)


def test_only_an_exported_lease_is_allowed() -> None:
    for text in ("user(1);", "lease(2);", f"request({GOOD});"):
        other = ba.BiscuitBuilder(text).build(ROOT.private_key).append(ba.BlockBuilder("lease(1);"))
        with pytest.raises(Fault, match="deny policy"):
            allows(other, foreign=True)
        assert refused(allows, other) == "lease_block"
    with pytest.raises(Untrusted):
        read_biscuit(exported().to_base64(), OTHER.public_key)
    with pytest.raises(TypeError, match="no verified"):
        allows(ba.UnverifiedBiscuit.from_base64(exported().to_base64()))
    alone = ba.BiscuitBuilder("lease(1);").build(ROOT.private_key)
    assert allows(alone, foreign=True)  # the control: nobody but the root's holder can make one


def _varint(number: int) -> bytes:
    return bytes([number & 127 | 128]) + _varint(number >> 7) if number > 127 else bytes([number])


def _parts(biscuit: Any) -> list[tuple[int, bytes]]:
    return list(_fields(bytes(biscuit.to_bytes())))


def _joined(parts: list[tuple[int, bytes]]) -> Any:
    data = b"".join(_varint(number << 3 | 2) + _varint(len(part)) + part for number, part in parts)
    return ba.Biscuit.from_bytes(data, ROOT.public_key)


def test_no_block_can_be_dropped_or_moved() -> None:
    authority, one, two, proof = _parts(narrow(narrow(exported(), depth=3), allow=["x"]))
    assert _joined([authority, one, two, proof]).block_count() == 3  # the control
    for parts in (
        [authority, one, proof],
        [authority, proof],
        [authority, two, one, proof],
        [one, two, proof],
    ):
        with pytest.raises((ba.BiscuitValidationError, ba.BiscuitSerializationError)):
            _joined(parts)


# --- imports --------------------------------------------------------------------------------------
def _of(text: str, more: str = "") -> Any:
    biscuit = ba.BiscuitBuilder(text).build(ROOT.private_key)
    return biscuit.append(ba.BlockBuilder(more)) if more else biscuit


def test_what_is_no_lease_is_refused_by_name() -> None:
    first = build.lease().unverified_blocks[0].fields
    made, later = source(first, 0), source({0: b"12345678", 3: ("a", "b")}, 1)
    assert raws(from_biscuit(_of(made, later), HMAC_RING))
    for name, biscuit in (
        ("foreign", _of(made + "check if true;")), ("foreign", _of(made + "user(1);")),
        ("foreign", _of(made.replace("1800000900;", "1800000901;"))), ("foreign", _of(made.replace("lease(1)", "lease(2)"))),
        ("foreign", _of("\n".join(made.splitlines()[:-1]))), ("foreign", _of(made, later.replace('"));', '")) trusting previous;'))),
        ("foreign", _of(made, later + "f(1) <- g(1);")), ("foreign", _of(made, later.replace("check all", "check if"))),
        ("lease_block", _of("user(1);")), ("lease_block", _of(made, "check if true;")),
        ("lease_block", _of(made, "lease_block(hex:a0);")), ("lease_block", _of(made, 'lease_block("a");')),
        ("structure", _of(source({0: b"1234567812345678", 3: ("a", "b")}, 1))), ("structure", _of(made, source({0: b"12345678", 15: NOW}, 1))),
        ("third_party", third_party(_of(made), later)),
    ):  # fmt: skip
        assert refused(from_biscuit, biscuit, HMAC_RING) == name
        assert refused(lease_blocks, biscuit) == name


def test_a_block_is_compared_as_bytes_and_not_as_it_prints() -> None:
    made, later = (
        source(build.lease().unverified_blocks[0].fields, 0),
        source({0: b"12345678", 3: ("a", "b")}, 1),
    )
    twin = _of(made, later.replace('["a", "b"]', r'["a\", \"b"]'))
    assert twin.block_source(1) == _of(made, later).block_source(1)  # the library prints no escapes
    assert refused(from_biscuit, twin, HMAC_RING) == "foreign"


def test_sizes_have_bounds() -> None:
    for text in ("A" * (MAX_TEXT + 1), 1, None):
        with pytest.raises(Malformed):
            read_biscuit(text, ROOT.public_key)  # type: ignore[arg-type]
    for text in ("", "A" * 100, "é", "\x00", exported().to_base64()[:-9]):
        with pytest.raises(Untrusted):
            read_biscuit(text, ROOT.public_key)
    long = exported()
    for _ in range(17):
        long = long.append(ba.BlockBuilder("check if true;"))
    assert refused(from_biscuit, long, RING) == "blocks"
    assert refused(lease_blocks, exported().append(ba.BlockBuilder(f'f("{"x" * MAX_TEXT}");'))) == "size"
    many = [grant("x", where={"args.a.b.c": under("src", optional=True)}) for _ in range(64)]
    lease = build.lease(allow=many)
    for _ in range(2):
        lease = lease.narrow(allow=many)
    assert refused(exported, lease) == "size"


# --- the authorizer -------------------------------------------------------------------------------
def test_the_service_states_what_it_must() -> None:
    with pytest.raises(Malformed, match="run"):
        authorizer_source(build.ask(run=None), 1)
    for wrong in (
        {"leeway": 61},
        {"leeway": True},
        {"now": 1.5},
        {"max_lifetime": -1},
        {"max_lifetime": "9"},
    ):
        with pytest.raises((TypeError, ValueError)):
            authorizer_source(build.ask(), 1, **wrong)  # type: ignore[arg-type]


def test_a_request_that_lacks_something_or_states_it_otherwise_is_refused() -> None:
    stated = json.loads(GOOD)
    optional = exported(
        build.lease(allow=[grant("repo.read", repo=one_of("clord", optional=True))], not_before=1, depth=1)
    )

    def decided(request: dict[str, Any]) -> bool:
        text = AUTHORIZER.replace("{request}", literal(request))
        return decide(ba.AuthorizerBuilder(text).build(optional))

    def fails(request: dict[str, Any]) -> bool:
        try:
            return not decided(request)
        except Fault:
            return True

    assert decided(stated)
    for name in stated:
        less = {key: value for key, value in stated.items() if key != name}
        assert fails(less) is (name[:5] != "fact:"), name
    for changes in (
        {"fact:repo": None}, {"fact:repo": "clord"}, {"time": "1"}, {"names": "agt_1"}, {"leeway": None},
        {"attempts": ["2"]}, {"attempts": 2}, {"audience": ["github"]}, {"blocks": None},
    ):  # fmt: skip
        assert fails({**stated, **changes}), changes


def test_no_error_shows_a_token_or_a_key() -> None:
    biscuit = exported().append(ba.BlockBuilder("check if true;"))
    secret, text = ROOT.private_key.to_bytes(), biscuit.to_base64()
    for work in (
        lambda: from_biscuit(biscuit, RING), lambda: read_biscuit(text, OTHER.public_key),
        lambda: read_biscuit(text * 9 + "A" * MAX_TEXT, ROOT.public_key), lambda: allows(biscuit),
        lambda: to_biscuit(build.lease().seal(), RING, ROOT.private_key),
    ):  # fmt: skip
        with pytest.raises((NotPortable, Untrusted, Malformed)) as caught:
            work()
        said = str(caught.value) + repr(caught.value) + repr(caught.value.__cause__)
        assert text[-40:] not in said
        assert bytes(secret).hex() not in said


def test_an_evaluation_without_a_verdict_is_no_verdict() -> None:
    numbers = ",".join(map(str, range(300)))
    slow = exported().append(
        ba.BlockBuilder(f"check if [{numbers}].all($x -> [{numbers}].all($y -> $x + $y >= 0));")
    )
    with pytest.raises(Fault, match="limits"):
        decide(authorizer_for(build.ask(), slow, now=NOW, max_time=1e-5, foreign=True))
    with pytest.raises(Fault, match="Overflow"):
        allows(exported().append(ba.BlockBuilder("check if 9223372036854775807 + 1 > 0;")), foreign=True)


# --- the WebAssembly build ------------------------------------------------------------------------
def peer(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the peer's answers; skips where it cannot run."""
    missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    if not missing and not (PEER / "node_modules").is_dir():
        got = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund"], cwd=PEER, capture_output=True, timeout=120
        )
        missing = ["biscuit-wasm"] * (got.returncode != 0)
    if missing:
        give_up = pytest.fail if os.environ.get("ATTENUATE_INTEROP") == "all" else pytest.skip
        give_up(f"the biscuit peer needs {', '.join(missing)}")
    done = subprocess.run(
        ["node", "--experimental-wasm-modules", "peer.js"], cwd=PEER, text=True, capture_output=True, timeout=120,
        input="".join(json.dumps({"root": ROOT.public_key.to_bytes().hex(), **line}) + "\n" for line in lines),
    )  # fmt: skip
    answers = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
    assert len(answers) == len(lines), done.stderr
    return answers


def _line(case: biscuits.Drawn, biscuit: Any = None) -> dict[str, Any]:
    biscuit = biscuit or biscuits.exact.signed(case.blocks, ROOT.private_key)
    _, _, request, now, rules = case.case
    text = authorizer_source(
        request, biscuit.block_count(), now=now, max_lifetime=rules.max_lifetime, leeway=rules.leeway
    )
    return {"biscuit": biscuit.to_base64(), "authorizer": text}


def _differ(among: list[biscuits.Drawn], answers: list[dict[str, Any]]) -> int:
    for answer in answers:
        assert answer["ok"] or "FailedLogic" in answer["error"], answer
    return sum(answer["ok"] is not case.allowed for case, answer in zip(among, answers, strict=True))


def test_the_peer_says_the_same() -> None:
    among = pool()[:400] + pool()[500::10]
    assert _differ(among, peer([_line(case) for case in among])) == 0
    with biscuits.FAULTS["under is starts_with"]:
        assert _differ(among, peer([_line(case) for case in among])) > 0  # the control


def test_the_peer_fills_in_the_template_and_checks_the_root() -> None:
    line = {"biscuit": exported().to_base64(), "authorizer": AUTHORIZER, "request": json.loads(GOOD)}
    odd = exported(build.lease(allow=[grant("*", where={text: one_of(text) for text in INJECTED})]))
    facts = {f"fact:{text}": [text] for text in INJECTED}
    answers = peer([
        line,
        {**line, "request": {**line["request"], "action": "repo.delete"}},
        {**line, "root": OTHER.public_key.to_bytes().hex()},
        {**line, "biscuit": odd.to_base64(), "request": {**line["request"], **facts}},
        {**line, "biscuit": odd.to_base64(), "request": {**line["request"], **facts, "fact:;": ["x"]}},
    ])  # fmt: skip
    assert [answer["ok"] for answer in answers] == [True, False, False, True, False]
    assert "Signature" in answers[2]["error"]


def test_what_the_peer_appends_is_enforced_here() -> None:
    text, fields = exported().to_base64(), {0: b"12345678", 6: (grant("repo.read"),)}
    plain, lease = peer([
        {"op": "append", "biscuit": text, "block": 'check if request($r), $r.get("action") == "repo.read";'},
        {"op": "append", "biscuit": text, "block": source(fields, 1)},
    ])  # fmt: skip
    there = read_biscuit(plain["biscuit"], ROOT.public_key)
    assert allows(there, foreign=True)
    assert not allows(there, build.ask("repo.write.x"), foreign=True)
    assert refused(allows, there) == "lease_block"
    there = read_biscuit(lease["biscuit"], ROOT.public_key)
    assert allows(there)
    assert not allows(there, build.ask("repo.write.x"))
    assert from_biscuit(there, HMAC_RING).unverified_blocks[1].get("allow") == fields[6]
