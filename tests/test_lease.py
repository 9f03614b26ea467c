"""A lease in its holder's hands: mint, narrow, seal, present, attach, parse."""

from __future__ import annotations

import copy
import time
from typing import Any

import build
import pytest
import wire

from attenuate import Forbidden, Lease, Malformed, approve, call_binding, demand, grant, under

NOW = build.NOW
BINDING = b"b" * 32


@pytest.fixture(params=build.ALGS)
def alg(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_minted_lease_says_what_it_is(alg: str) -> None:
    lease = build.lease(alg)
    assert (lease.key_id, lease.alg, lease.proof) == (build.KEY_IDS[alg], build.KEYS[alg].alg, "bearer")
    assert (lease.run, lease.approvals) == ("agt_1@2", ())
    assert lease.block_ids == tuple(h.hex() for h in wire.parse(lease.token).ids)
    assert [block.get("audience") for block in lease.unverified_blocks] == [("github",)]
    assert repr(lease) == f"<Lease {lease.block_ids[0]}, bearer, 1 block(s), key {lease.key_id}>"


#   block 0   agt_1@2            ── the parent's
#   block 1   agt_1@2/reader@1   ── the child's; what it takes away is gone, what it adds changes nothing
def test_narrowing_only_takes_away(engine: Any, alg: str) -> None:
    lease = build.lease(alg)
    child = lease.narrow(run="agt_1@2/reader@1", ttl="2h", allow=[grant("*", path=under("src"))], now=NOW)
    run = "agt_1@2/reader@1"
    assert build.verdict(engine, child, build.ask(run=run)) == build.OK
    assert build.verdict(
        engine, child, build.ask(run=run, facts={"repo": "clord", "path": "doc"})
    ) == build.forbidden("allow", 1)
    assert build.verdict(engine, child, build.ask("mail.send", run=run)) == build.forbidden("allow", 0)
    assert build.verdict(engine, child, build.ask()) == build.forbidden("run", 1)
    assert build.verdict(engine, child, build.ask(run=run), now=NOW + 900) == build.forbidden("expires", 0)
    assert build.verdict(engine, lease, build.ask(facts={"repo": "clord", "path": "doc"})) == build.OK
    assert child.block_ids[0] == lease.block_ids[0]
    assert child.run == run


def test_a_childs_token_does_not_hold_the_parents_secret(engine: Any, alg: str) -> None:
    parent = wire.parse(build.lease(alg).token)
    child = wire.parse(Lease.parse(parent.text).narrow(ttl=60, now=NOW).token)
    assert child.proof[1] not in wire.from_text(parent.text)
    assert parent.proof[1] not in wire.from_text(child.text)
    back = wire.Parts(child.header, child.blocks[:1], child.sigs[:1], child.proof)
    assert build.verdict(engine, back) == build.untrusted("proof")
    again = wire.Parts(back.header, back.blocks, back.sigs, parent.proof)
    assert build.verdict(engine, again) == build.OK


@pytest.mark.parametrize("ended", ["seal", "present"])
@pytest.mark.parametrize("verb", ["narrow", "seal", "present"])
def test_a_sealed_or_bound_lease_is_used_as_it_is(alg: str, ended: str, verb: str) -> None:
    lease = build.lease(alg)
    done = lease.seal() if ended == "seal" else lease.present(BINDING, now=NOW)
    verbs: dict[str, Any] = {
        "narrow": lambda each: each.narrow(ttl=60, now=NOW),
        "seal": lambda each: each.seal(),
        "present": lambda each: each.present(BINDING, now=NOW),
    }
    assert isinstance(verbs[verb](lease), Lease)
    with pytest.raises(Forbidden) as caught:
        verbs[verb](done)
    assert caught.value.code == "structure"
    assert (done.proof, len(done.unverified_blocks)) == ({"seal": "sealed", "present": "bound"}[ended], 1)


def test_seal_and_use_tags_are_as_specified(alg: str) -> None:
    lease = build.lease(alg)
    by_hand = wire.parse(lease.token)
    assert lease.seal().token == by_hand.sealed().text
    assert (
        lease.present(BINDING, now=NOW, nonce=b"n" * 16).token == by_hand.bound(NOW, b"n" * 16, BINDING).text
    )


def test_the_same_by_hand_is_read_the_same(alg: str) -> None:
    by_hand = build.raw(build.root(), {0: b"8 bytes!", 5: NOW + 60}, alg=alg)
    lease = Lease.parse(by_hand.text)
    assert lease.token == by_hand.text
    assert lease.block_ids == tuple(each.hex() for each in by_hand.ids)


def test_each_presentation_is_new() -> None:
    lease = build.lease()
    assert len({lease.present(BINDING, now=NOW).token for _ in range(20)}) == 20
    fixed = {lease.present(BINDING, now=NOW, nonce=b"n" * 16).token for _ in range(20)}
    assert len(fixed) == 1


def test_a_bound_token_passes_for_its_call_only(engine: Any, alg: str) -> None:
    binding = call_binding("github", "agt_1@2", "repo.read", {"n": 1})
    token = build.lease(alg).present(binding, now=NOW)
    assert build.verdict(engine, token, build.ask(binding=binding)) == build.OK
    other = call_binding("github", "agt_1@2", "repo.read", {"n": 2})
    assert build.verdict(engine, token, build.ask(binding=other)) == build.forbidden("binding", None)


@pytest.mark.parametrize(
    ("binding", "nonce"),
    [(b"b" * 31, None), (b"b" * 33, None), (b"", None), (BINDING, b"n" * 15), (BINDING, b"")],
)
def test_a_binding_and_a_nonce_have_their_sizes(binding: bytes, nonce: bytes | None) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        build.lease().present(binding, now=NOW, nonce=nonce)


def test_17_blocks_are_too_many() -> None:
    lease = build.lease()
    for _ in range(15):
        lease = lease.narrow(now=NOW)
    assert len(Lease.parse(lease.token).unverified_blocks) == 16
    with pytest.raises(ValueError, match="17 blocks; at most 16"):
        lease.narrow(now=NOW)
    by_hand = wire.parse(lease.token)
    with pytest.raises(Malformed, match="too_large"):
        Lease.parse(by_hand.add({0: b"8 bytes!"}).text)


@pytest.mark.parametrize("alg", build.ALGS)
def test_nothing_is_made_that_is_too_long_to_be_read(alg: str) -> None:
    lease = build.lease(alg, notes={"a": "y" * 3800})
    Lease.parse(lease.narrow(notes={"a": "y" * 1500}, now=NOW).token)
    with pytest.raises(ValueError, match="characters; at most 8192"):
        lease.narrow(notes={"a": "y" * 3000}, now=NOW)
    units = build.lease(alg, budget={f"u{n}": 1 for n in range(32)})
    with pytest.raises(ValueError, match="33 budget units"):
        units.narrow(budget={"calls": 1}, now=NOW)


# --- approvals ----------------------------------------------------------------------------------------
def test_approvals_travel_along() -> None:
    key = build.APPROVERS[0]
    lease = build.lease(approval=[demand("repo.*", keys=[key])])
    yes = approve(key, lease, "repo.read", allow_any_arguments=True, now=NOW)
    carried = lease.attach(yes)
    assert carried.token == f"{lease.token}~{yes.token}"
    assert (lease.approvals, carried.approvals) == ((), (yes.block_ids,))
    assert carried.attach(yes).approvals == (yes.block_ids, yes.block_ids)
    assert Lease.parse(carried.token) == carried
    for later in (carried.narrow(now=NOW), carried.seal(), carried.present(BINDING, now=NOW)):
        assert later.approvals == (yes.block_ids,)
        assert later.token.endswith(f"~{yes.token}")
    with pytest.raises(Malformed, match="5 approvals"):
        carried.attach(yes, yes, yes, yes)


# --- parse --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["", "lease1_", "lease1_AAAA", "~", "lease1_~lease1_", None, 7, b"lease1_"])
def test_what_is_no_token_is_malformed(text: Any) -> None:
    with pytest.raises(Malformed):
        Lease.parse(text)


def test_each_approval_is_parsed_too() -> None:
    good = build.lease().token
    assert len(Lease.parse(f"{good}~{good}").approvals) == 1
    for bad in ("", "x", good[:-1], "lease1_AAAA"):
        with pytest.raises(Malformed):
            Lease.parse(f"{good}~{bad}")


def test_a_lease_is_not_built_from_text() -> None:
    with pytest.raises(TypeError, match=r"Lease\.parse"):
        Lease("lease1_AAAA")  # type: ignore[arg-type]


# --- values -------------------------------------------------------------------------------------------
def test_leases_are_equal_by_their_text() -> None:
    lease = build.lease()
    assert lease == Lease.parse(lease.token)
    assert hash(lease) == hash(Lease.parse(lease.token))
    assert lease != build.lease()
    assert lease != lease.seal()
    assert lease != lease.token


def test_a_copy_is_the_lease_itself() -> None:
    lease = build.lease()
    assert copy.copy(lease) is lease
    assert copy.deepcopy([lease])[0] is lease


def test_a_block_says_its_fields_by_name_and_shows_no_values() -> None:
    block = build.lease(notes={"why": "hidden"}).unverified_blocks[0]
    assert block.get("notes") == {"why": "hidden"}
    assert block.get("budget") is None
    assert block.get("acme/x") is None
    assert repr(block) == "Block(nonce, run, audience, expires, allow, issued_at, notes)"
    assert block == copy.copy(block)
    assert len({block, copy.copy(block)}) == 1
    assert block != block.raw


def test_the_clock_is_read_where_no_time_is_given() -> None:
    before = int(time.time())
    lease = build.RING.mint(**build.terms())
    child = lease.narrow(ttl=60).unverified_blocks[1]
    presented = wire.parse(lease.present(BINDING).token).proof[1]
    times = [lease.unverified_blocks[0].get("issued_at"), child.get("expires") - 60, presented]
    assert all(before <= each <= time.time() for each in times)


def test_a_presentation_before_1970_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="now"):
        build.lease().present(BINDING, now=-1)
