"""Leases as biscuits: the same verdict, the same blocks back, and nothing that a holder appends widens.

The Datalog is asked beside attenuate itself, over cases that meet every edge of every constraint and
over drawn ones. Faults put into the generator are found by the same cases.
"""

from __future__ import annotations

import random
from collections import Counter
from functools import cache
from typing import Any

import biscuit_auth as ba
import biscuits
import build
import cases
import interop_base  # noqa: F401  # first: it skips
import macaroon_gate
import pytest
import strategies as own
from attenuate_interop.biscuit import (
    lease_blocks,
    narrow,
    read_biscuit,
    to_biscuit,
)  # fmt: skip
from attenuate_interop.biscuit.constraints import IS_HOST, IS_PATH
from attenuate_interop.biscuit.literals import literal
from biscuits import INJECTED, ROOT, allows, back, exported, refused
from build import NOW

from attenuate import KeyRing, Lease, Untrusted, demand, grant, one_of, under
from attenuate.block import HMAC
from attenuate.constraints import is_host, is_path

RING = build.RING


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


@pytest.mark.parametrize("text", INJECTED)
def test_nothing_in_a_value_or_a_name_is_datalog(text: str) -> None:
    where = {text: one_of(text), f"{text}.b": one_of(text, optional=True)}
    lease = build.lease(audience=[text], allow=[grant("*", where=where)], notes={text: text})
    biscuit = exported(lease.narrow(now=NOW, deny=[grant("*", where={text: one_of("x")})]))
    assert allows(biscuit, build.ask(audience=text, facts={text: text}))
    assert not allows(biscuit, build.ask(audience=text, facts={text: "x"}))
    assert not allows(biscuit, build.ask(audience=text, facts={text + "x": text}))
    assert not allows(biscuit, build.ask(audience="y", facts={text: text}))
    assert back(biscuit).unverified_blocks[0].get("notes") == {text: text}


# --- there and back -------------------------------------------------------------------------------
def test_the_same_lease_comes_back() -> None:
    lease = build.lease(notes={"agent": "x", "n": 1, "yes": True}, depth=3, not_before=NOW)
    lease = lease.narrow(now=NOW, run="agt_1@2/reader@1", ttl="5m", where={"path": under("src")})
    again = back(read_biscuit(exported(lease).to_base64(), ROOT.public_key))
    assert again.token == lease.token
    assert again.block_ids == lease.block_ids
    assert biscuits.native(again.token, RING, build.ask(run="agt_1@2/reader@1"), NOW)


def test_every_drawn_lease_comes_back() -> None:
    told = Counter[str]()
    for case in biscuits.pool(200, 11):
        lease = Lease.parse(case.case.text)
        biscuit = to_biscuit(lease, case.case.ring, ROOT.private_key)
        told[lease.key_id] += 1
        if lease.alg == HMAC:
            again = back(biscuit)
            assert (again.token, again.block_ids) == (lease.token, lease.block_ids)
        else:
            assert refused(back, biscuit) == "ed25519"
            again = back(biscuit, allow_new_ids=True)
            assert lease_blocks(exported(again)) == lease_blocks(biscuit)
    assert min(told[name] for name in ("k1", "e1", "k1/github")) > 5


def test_what_stands_against_a_lease_stands_against_its_import() -> None:
    def again(lease: Lease, ring: KeyRing) -> Lease:
        return back(to_biscuit(lease, ring, ROOT.private_key), ring)

    assert macaroon_gate.said(again) == macaroon_gate.KEPT
    assert macaroon_gate.said(macaroon_gate.reminted) == macaroon_gate.SHED  # the control


def test_an_ed25519_lease_comes_back_with_new_ids_only_where_that_is_said() -> None:
    lease = build.lease("ed25519").narrow(now=NOW, ttl="5m")
    biscuit = exported(lease)
    assert allows(biscuit)
    assert refused(back, biscuit) == "ed25519"
    again = back(biscuit, allow_new_ids=True)
    assert again.key_id == "e1"
    assert not set(again.block_ids) & set(lease.block_ids)
    assert biscuits.native(again.token, RING, build.ask(), NOW)
    for ring, code in ((RING.publish(), "unknown_key"), (KeyRing({"e1": build.KEYS["hmac"]}), "algorithm")):
        with pytest.raises(Untrusted) as caught:
            back(biscuit, ring, allow_new_ids=True)
        assert caught.value.code == code


def test_a_biscuit_narrows_offline_and_comes_back() -> None:
    biscuit = narrow(exported(), now=NOW, run="agt_1@2/reader@1", ttl="1m", allow=["repo.read"], depth=0)
    deeper = build.ask(run="agt_1@2/reader@1")
    assert allows(biscuit, deeper)
    assert not allows(biscuit)
    assert not allows(biscuit, deeper, NOW + 60)
    assert not allows(biscuit, build.ask("repo.write.x", run="agt_1@2/reader@1"))
    lease = back(biscuit)
    assert len(lease.unverified_blocks) == 2
    assert biscuits.native(lease.token, RING, deeper, NOW)
    assert not biscuits.native(lease.token, RING, build.ask(), NOW)
    assert not allows(narrow(biscuit), deeper)  # depth
    for _ in range(14):
        biscuit = narrow(biscuit)
    assert refused(narrow, biscuit) == "blocks"
    assert refused(lambda: narrow(exported(), budget={"calls": 1})) == "budget"


def test_an_import_is_under_the_key_that_the_biscuit_states() -> None:
    service = KeyRing({"k1/github": RING.for_audience("github")["k1/github"]})
    own = service.mint(now=NOW, **build.terms(audience=["github", "other"]))
    for ring in (RING, RING.rotate("k2", "hmac"), RING.rotate("e2", "ed25519"), service):
        again = back(to_biscuit(own, ring, ROOT.private_key), ring)
        assert (again.token, again.key_id) == (own.token, "k1/github")
    biscuit = exported(own)
    assert allows(biscuit)
    assert not allows(biscuit, build.ask(audience="other"))
    for other, ring, code in (
        (exported(), service, "unknown_key"), (exported(), KeyRing.generate("k2"), "unknown_key"),
        (exported(), KeyRing.generate("k1", "ed25519"), "algorithm"), (biscuit, RING.publish(), "unknown_key"),
    ):  # fmt: skip
        with pytest.raises(Untrusted) as caught:
            back(other, ring)
        assert caught.value.code == code
    odd = KeyRing(dict.fromkeys(('k"\\1', "admin", "lease", 'x", "ed25519")'), build.KEYS["hmac"]))
    for name in odd:
        lease = KeyRing({name: build.KEYS["hmac"]}).mint(now=NOW, **build.terms())
        assert back(to_biscuit(lease, odd, ROOT.private_key), odd).token == lease.token


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
