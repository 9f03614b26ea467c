"""V8: who must have said yes, to what, and for which block.

lease      block 0 [asks A, B] ── block 1 [asks C]
approvals  by A for block 0 ~ by B for block 0 ~ by C for block 1
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import build
import pytest
import wire
from build import APPROVERS, NOW, OK, forbidden

from attenuate import Forbidden, Lease, Verifier, approve, between, demand, flatten, one_of
from attenuate.call import call_digest
from attenuate.keys import Key

A, B, C = APPROVERS[:3]
MISSING = forbidden("approval")


@pytest.fixture(params=build.ALGS)
def alg(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def asking(alg: str = "hmac", *demands: Any, **changes: Any) -> Lease:
    return build.lease(alg, approval=demands or [demand("repo.read", keys=[A, B])], **changes)


def yes(lease: Lease, key: Key = A, **terms: Any) -> Lease:
    return approve(key, lease, "repo.read", **{"allow_any_arguments": True, "now": NOW, **terms})


# --- by hand: an approval as it is on the wire --------------------------------------------------------
def by_hand(lease: Lease, key: Key = A, *more: dict[Any, Any], **changes: Any) -> wire.Parts:
    return build.approval(wire.parse(lease.token).ids[0], key, *more, **changes)


def join(lease: Lease, *approvals: wire.Parts | Lease) -> str:
    return "~".join([lease.token, *(build.text_of(approval) for approval in approvals)])


# --- what counts --------------------------------------------------------------------------------------
def test_an_approval_is_asked_for_and_counts(engine: Any, alg: str) -> None:
    lease = asking(alg)
    assert build.verdict(engine, lease) == MISSING
    assert build.verdict(engine, lease.attach(yes(lease))) == OK
    assert build.verdict(engine, lease.attach(yes(lease, B))) == OK


def test_another_action_asks_for_nothing(engine: Any) -> None:
    lease = asking("hmac", demand("repo.write.*", keys=[A]))
    assert build.verdict(engine, lease) == OK
    assert build.verdict(engine, lease, build.ask("repo.write.x")) == MISSING


def test_an_approval_by_hand_counts(engine: Any, alg: str) -> None:
    lease = asking(alg)
    assert build.verdict(engine, join(lease, by_hand(lease).sealed())) == OK
    binding = b"b" * 32
    bound = by_hand(lease).bound(NOW, b"n" * 16, binding)
    assert build.verdict(engine, join(lease, bound), build.ask(binding=binding)) == OK
    assert build.verdict(engine, join(lease, bound)) == MISSING
    assert build.verdict(engine, join(lease, bound), build.ask(binding=binding), now=NOW + 61) == MISSING


NOT_COUNTED: dict[str, Any] = {
    "a bearer": lambda lease: by_hand(lease),
    "by somebody who was not asked": lambda lease: by_hand(lease, C).sealed(),
    "for another block": lambda lease: by_hand(lease, b14=b"i" * 16).sealed(),
    "for no block": lambda lease: by_hand(lease, b14=None).sealed(),
    "for a block, said later": lambda lease: by_hand(lease, A, {0: b"8 bytes!", 14: wire.parse(lease.token).ids[0]}).sealed(),
    "without a budget": lambda lease: by_hand(lease, b9=None).sealed(),
    "without calls in its budget": lambda lease: by_hand(lease, b9={"usd": 1}).sealed(),
    "with calls in a later budget": lambda lease: by_hand(lease, A, {0: b"8 bytes!", 9: {"calls": 1}}, b9=None).sealed(),
    "which asks for approval itself": lambda lease: by_hand(lease, b10=[[["x"], [B.public], 1]]).sealed(),
    "whose child asks for approval": lambda lease: by_hand(lease, A, {0: b"8 bytes!", 10: [[["x"], [B.public], 1]]}).sealed(),
    "expired": lambda lease: by_hand(lease, b5=NOW + 1).sealed(),
    "not yet": lambda lease: by_hand(lease, b4=NOW + 9).sealed(),
    "issued later": lambda lease: by_hand(lease, b15=NOW + 62).sealed(),
    "without a run": lambda lease: by_hand(lease, b2=None).sealed(),
    "without an expiry": lambda lease: by_hand(lease, b5=None).sealed(),
    "of another run": lambda lease: by_hand(lease, b2=[["agt_2", 2]]).sealed(),
    "of another attempt": lambda lease: by_hand(lease, b2=[["agt_1", 3]]).sealed(),
    "of another audience": lambda lease: by_hand(lease, b3=["other"]).sealed(),
    "of another action": lambda lease: by_hand(lease, b6=[{0: ["repo.write"]}]).sealed(),
    "of other facts": lambda lease: by_hand(lease, b6=[{0: ["repo.read"], 1: {"repo": [0, ["other"]]}}]).sealed(),
    "narrowed to other facts": lambda lease: by_hand(lease, A, {0: b"8 bytes!", 8: {"repo": [0, ["other"]]}}).sealed(),
    "that denies": lambda lease: by_hand(lease, b7=[{0: ["repo.*"]}]).sealed(),
    "with an unknown caveat": lambda lease: by_hand(lease, b17=0).sealed(),
    "with a cost that is not stated": lambda lease: by_hand(lease, b9={"calls": 1, "usd": 1}).sealed(),
    "too deep": lambda lease: by_hand(lease, A, {0: b"8 bytes!"}, b11=0).sealed(),
    "that must be bound": lambda lease: by_hand(lease, b13=True).sealed(),
    "with a broken seal": lambda lease: replace(by_hand(lease), proof=(1, b"s" * 64)),
    "with a broken link": lambda lease: replace(by_hand(lease).sealed(), sigs=(b"s" * 64,)),
    "by another under that name": lambda lease: wire.mint([by_hand(lease).fields[0]], -19, A.key_id, B.seed()).sealed(),
    "of the symmetric chain": lambda lease: wire.mint([{k: v for k, v in by_hand(lease).fields[0].items() if k != 1}], 5,
                                                      A.key_id, A.public).sealed(),
    "by an upper-case name": lambda lease: wire.mint([{k: v for k, v in by_hand(lease).fields[0].items() if k != 1}], -19,
                                                     A.key_id.upper(), A.seed()).sealed(),
    "the lease itself": lambda lease: lease,
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_COUNTED)
def test_an_approval_that_does_not_count_is_ignored(engine: Any, alg: str, name: str) -> None:
    lease = asking(alg)
    other = NOT_COUNTED[name](lease)
    assert build.verdict(engine, join(lease, other)) == MISSING
    assert build.verdict(engine, join(lease, other, by_hand(lease).sealed())) == OK
    assert build.verdict(engine, join(lease, by_hand(lease).sealed(), other)) == OK


@pytest.mark.parametrize("bad", ["", "x", "lease1_", "lease1_AAAA"])
def test_an_approval_that_is_no_token_makes_the_whole_malformed(engine: Any, bad: str) -> None:
    lease = asking()
    good = join(lease, by_hand(lease).sealed())
    assert build.verdict(engine, good) == OK
    assert build.verdict(engine, f"{good}~{bad}")[0] == "malformed"
    assert build.verdict(engine, f"{build.lease().token}~{bad}")[0] == "malformed"


def test_an_approval_is_no_lease(engine: Any) -> None:
    lease = asking()
    approval = yes(lease)
    ring = build.KeyRing({A.key_id: A})
    assert build.verdict(engine, approval, ring=ring) == forbidden("for")
    assert build.verdict(engine, by_hand(lease, b14=None).sealed(), ring=ring) == OK, "the control"


def test_the_ring_is_not_asked_for_an_approvers_key(engine: Any) -> None:
    lease = asking()
    ring = build.KeyRing({"k1": build.KEYS["hmac"], A.key_id: B})
    assert build.verdict(engine, lease.attach(yes(lease)), ring=ring) == OK


# --- descendants, and blocks that were not asked for ----------------------------------------------------
#   block 0 [asks A] ── block 1 (the child)       an approval for block 0 serves the child too
#                   └── block 1' (a sibling)
def test_an_approval_serves_the_block_and_its_descendants(engine: Any, alg: str) -> None:
    lease = asking(alg)
    carried = lease.attach(yes(lease))
    child = carried.narrow(ttl=60, now=NOW)
    assert build.verdict(engine, child) == OK
    assert build.verdict(engine, child.seal()) == OK
    stranger = asking(alg)
    assert build.verdict(engine, stranger.attach(yes(lease))) == MISSING
    assert build.verdict(engine, stranger.attach(yes(stranger))) == OK


def test_an_approval_of_the_child_serves_no_sibling(engine: Any) -> None:
    lease = build.lease()
    one, other = (lease.narrow(approval=[demand("repo.read", keys=[A])], now=NOW) for _ in range(2))
    approval = yes(one)
    assert build.verdict(engine, one.attach(approval)) == OK
    assert build.verdict(engine, other.attach(approval)) == forbidden("approval", 1)


def test_each_block_asks_for_itself(engine: Any) -> None:
    lease = asking("hmac", demand("repo.read", keys=[A]))
    child = lease.narrow(approval=[demand("repo.read", keys=[C])], now=NOW)
    assert build.verdict(engine, child) == forbidden("approval", 0)
    assert build.verdict(engine, child.attach(yes(child, A))) == forbidden("approval", 1)
    assert build.verdict(engine, child.attach(yes(child, C))) == forbidden("approval", 0)
    assert build.verdict(engine, child.attach(yes(child, A), yes(child, C))) == OK
    assert build.verdict(engine, child.attach(yes(child, C), yes(child, A))) == OK


def test_the_same_key_asked_by_two_blocks_answers_twice(engine: Any) -> None:
    lease = asking("hmac", demand("repo.read", keys=[A]))
    child = lease.narrow(approval=[demand("repo.read", keys=[A])], now=NOW)
    first = yes(lease)
    second = by_hand(child, b14=wire.parse(child.token).ids[1]).sealed()
    assert build.verdict(engine, join(child, first)) == forbidden("approval", 1)
    assert build.verdict(engine, join(child, first, second)) == OK


# --- quorum -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("quorum", [1, 2, 3, 4])
def test_a_quorum_is_of_distinct_keys(engine: Any, quorum: int) -> None:
    keys = APPROVERS[:4]
    lease = asking("hmac", demand("repo.read", keys=keys, quorum=quorum))
    said = [yes(lease, key) for key in keys]
    for count in range(5):
        assert build.verdict(engine, lease.attach(*said[:count])) == (OK if count >= quorum else MISSING)
    again = [yes(lease, A) for _ in range(4)]
    assert build.verdict(engine, lease.attach(*again)) == (OK if quorum == 1 else MISSING)


def test_one_approval_may_serve_several_demands_of_its_block(engine: Any) -> None:
    lease = asking("hmac", demand("repo.read", keys=[A, B], quorum=2), demand("repo.*", keys=[B]))
    assert build.verdict(engine, lease.attach(yes(lease, B))) == MISSING
    assert build.verdict(engine, lease.attach(yes(lease, A), yes(lease, B))) == OK
    assert len(_verified(lease.attach(yes(lease, A), yes(lease, B))).approvals) == 2


def _verified(lease: Lease, **facts: Any) -> Any:
    return Verifier(build.RING, audience="github").check(lease.token, build.ask(**facts), now=NOW + 1)


def test_only_the_first_that_count_are_charged(engine: Any) -> None:
    lease = asking("hmac", demand("repo.read", keys=[A, B, C], quorum=2))
    said = [yes(lease, C), yes(lease, A), yes(lease, C), yes(lease, B)]
    verified = _verified(lease.attach(*said))
    assert verified.approvals == tuple((each.block_ids[0],) for each in said[:2])
    charged = [charge.to_json()["key"] for charge in verified.charges if charge.kind == "budget"]
    assert charged == [["budget", each.block_ids[0], "calls"] for each in said[:2]]


def test_the_first_valid_approval_of_a_key_counts(engine: Any) -> None:
    lease = asking("hmac", demand("repo.read", keys=[A]))
    expired, good, later = (yes(lease, ttl=ttl) for ttl in (1, 60, 90))
    assert _verified(lease.attach(expired, good, later)).approvals == ((good.block_ids[0],),)


# --- V8 comes last --------------------------------------------------------------------------------------
def test_an_approval_is_missed_only_where_nothing_else_is(engine: Any) -> None:
    lease = asking()
    other = build.ask(facts={"repo": "other"})
    assert build.verdict(engine, lease, other) == forbidden("allow")
    assert [found.code for found in engine.explain(lease.token, other, build.RING, NOW + 1)] == ["allow"]
    found = engine.explain(lease.token, build.ask(), build.RING, NOW + 1)
    assert [(each.code, each.block, each.caveat) for each in found] == [("approval", 0, "approval")]
    assert A.key_id[:12] in found[0].allowed
    assert engine.explain(lease.attach(yes(lease)).token, build.ask(), build.RING, NOW + 1) == ()


WHY = {
    "a bearer": "it is neither sealed nor bound",
    "by somebody who was not asked": "its key is not asked for",
    "for another block": "it is for another block",
    "without a budget": "it has no budget of calls",
    "which asks for approval itself": "it asks for approvals itself",
    "expired": "its block 0 refuses, expires",
    "narrowed to other facts": "its block 1 refuses, where",
    "with a broken seal": "untrusted, proof",
    "of the symmetric chain": "it is not ed25519",
}


@pytest.mark.parametrize("name", WHY)
def test_a_refusal_says_why_an_approval_does_not_count(engine: Any, name: str) -> None:
    lease = asking("hmac", demand("repo.read", keys=[A, B], quorum=2))
    other = NOT_COUNTED[name](lease)
    said = str(build.refusal(engine, join(lease, yes(lease, B), other)))
    assert f"approval 2 does not count: {WHY[name]}" in said
    assert "approval 1 does not count" not in said


def test_an_approval_is_checked_against_the_run_that_the_lease_is(engine: Any) -> None:
    lease = asking()
    child = lease.narrow(run="agt_1@2/reader@1", now=NOW)
    assert build.verdict(engine, child.attach(yes(child)), build.ask(run=None)) == OK
    assert build.verdict(engine, child.attach(yes(child)), build.ask(run="agt_1@2/reader@1")) == OK
    assert build.verdict(engine, child.attach(yes(child)), build.ask(run="agt_1@2/reader@1/x")) == OK
    assert build.verdict(engine, lease.attach(yes(child))) == MISSING, "the approval is for the child's run"


# --- approve ------------------------------------------------------------------------------------------
def test_what_an_approval_says() -> None:
    lease = asking("hmac", audience=["github", "x"])
    approval = approve(
        A, lease, "repo.read", where={"n": between(1, 2)}, only=True, calls=3, ttl="1m", now=NOW
    )
    block = approval.unverified_blocks[0]
    assert (approval.key_id, approval.alg, approval.proof) == (A.key_id, -19, "sealed")
    assert block.get("for").hex() == lease.block_ids[0]
    assert (block.get("budget"), block.get("expires"), block.get("audience")) == (
        {"calls": 3},
        NOW + 60,
        ("github", "x"),
    )
    assert [grant.to_json() for grant in block.get("allow")] == [
        {"actions": ["repo.read"], "where": {"n": {"min": 1, "max": 2}}, "only": True}
    ]


def test_allow_once_is_for_one_call(engine: Any) -> None:
    """Exact actions, a one_of on the fact `call`, and one call."""
    lease = asking()
    args = {"number": 42}
    once = lease.attach(yes(lease, where={"call": one_of(call_digest(args).hex())}))

    def ask(given: dict[str, Any]) -> Any:
        return build.ask(facts={"repo": "clord", **flatten(given), "call": call_digest(given).hex()})

    assert build.verdict(engine, once, ask(args)) == OK
    assert build.verdict(engine, once, ask({"number": 43})) == MISSING
    assert build.verdict(engine, once, ask({**args, "force": True})) == MISSING
    assert build.verdict(engine, once) == MISSING


@pytest.mark.parametrize(
    ("key", "actions"),
    [
        (C, ["repo.read"]),
        (A, ["repo.write"]),
        (A, ["repo.read", "repo.write"]),
        (build.KEYS["hmac"], ["repo.read"]),
    ],
)
def test_nobody_approves_what_they_were_not_asked(key: Key, actions: list[str]) -> None:
    lease = asking()
    assert yes(lease)
    with pytest.raises(ValueError, match=r"approve|approver"):
        approve(key, lease, *actions, args={}, now=NOW)
    with pytest.raises(ValueError, match="approve"):
        approve(A, build.lease(), "repo.read", args={}, now=NOW)


def test_an_approval_cannot_be_narrowed() -> None:
    lease = asking()
    with pytest.raises(Forbidden):
        yes(lease).narrow(ttl=60, now=NOW)


def test_an_approval_is_made_now_where_no_time_is_given() -> None:
    before = int(time.time())
    made = approve(A, asking(), "repo.read", args={}).unverified_blocks[0].get("issued_at")
    assert before <= made <= time.time()


@pytest.mark.parametrize(
    "terms", [{}, {"where": {}}, {"where": {"n": one_of(1, optional=True)}}, {"only": True}]
)
def test_an_approval_says_what_it_approves(terms: dict[str, Any]) -> None:
    lease = asking()
    assert approve(A, lease, "repo.read", **{**terms, "args": {"n": 1}}, now=NOW)
    assert approve(A, lease, "repo.read", **terms, allow_any_arguments=True, now=NOW)
    with pytest.raises(ValueError, match="what is approved"):
        approve(A, lease, "repo.read", **terms, now=NOW)


def test_an_approval_is_of_exact_actions() -> None:
    lease = asking("hmac", demand("repo.*", keys=[A]))
    assert approve(A, lease, "repo.read", "repo.close", args={}, now=NOW)
    with pytest.raises(ValueError, match="exact actions"):
        approve(A, lease, "repo.*", args={}, now=NOW)


def test_a_lease_whose_run_is_open_below_can_be_approved(engine: Any) -> None:
    lease = asking().narrow(run="agt_1@2/reader", now=NOW)
    assert build.verdict(engine, lease.attach(yes(lease)), build.ask(run="agt_1@2/reader@1")) == OK
