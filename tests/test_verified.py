"""The answer of a verification, and each of its charges (V9), worked out by hand.

block 0   agt_1@2, calls 30, until +900        id0, the issuer's
block 1   reader@1, calls 5 and usd 9, +60     id1, the child's
"""

from __future__ import annotations

import pickle
from typing import Any

import build
import cbor2
import pytest
import wire
from build import NOW

from attenuate import Request, Verified, Verifier, approve, demand
from attenuate.limits import SAFE_MAX

pytestmark = pytest.mark.usefixtures("engine")


def check(text: str, request: Request, now: int) -> Verified:
    verifier = Verifier(build.RING, audience="github", allow_unstated_run=True)
    return verifier.check(text, request, now=now)


def charges(parts: Any, kind: str, request: Request | None = None) -> list[dict[str, Any]]:
    """Return the charges of one kind as JSON, without the kind."""
    verified = check(build.text_of(parts), request or build.ask(cost={"usd": 7}), now=NOW + 1)
    out = []
    for charge in verified.charges:
        if charge.kind == kind:
            row = charge.to_json()
            assert row.pop("kind") == kind
            assert cbor2.loads(charge.key) == [bytes.fromhex(part) if isinstance(part, str) and part in ids(parts) else part
                                               for part in row["key"]]  # fmt: skip
            assert wire.encode(cbor2.loads(charge.key)) == charge.key
            out.append(row)
    return out


def ids(parts: Any) -> list[str]:
    made = wire.parse(build.text_of(parts).split("~")[0])
    return [*(each.hex() for each in made.ids), *(each.hex() for each in made.hashes), (b"n" * 16).hex()]


def budget(block_id: str, unit: str, amount: int, ceiling: int, until: int = NOW + 900) -> dict[str, Any]:
    return {"key": ["budget", block_id, unit], "amount": amount, "ceiling": ceiling, "until": until}


# --- what a Verified says -------------------------------------------------------------------------------
@pytest.mark.parametrize("alg", build.ALGS)
def test_a_verified_says_what_was_checked(engine: Any, alg: str) -> None:
    parts = build.raw(
        build.root(b16={"agent": "a"}), {0: b"8 bytes!", 5: NOW + 60, 16: {"agent": "claimed"}}, alg=alg
    )
    request = build.ask()
    verified = check(parts.text, request, now=NOW + 1)
    assert (verified.key_id, verified.alg, verified.proof) == (build.KEY_IDS[alg], parts.alg, "bearer")
    assert verified.block_ids == tuple(each.hex() for each in parts.ids)
    assert verified.notes == {"agent": "a"}, "block 0's: later ones are claims"
    assert (verified.expires, verified.run, verified.approvals) == (NOW + 60, "agt_1@2", ())
    assert verified.request is request
    assert repr(verified) == f"<Verified repo.read for agt_1@2, key {verified.key_id}>"
    assert check(parts.sealed().text, request, now=NOW + 1).proof == "sealed"


def test_nobody_makes_a_verified() -> None:
    with pytest.raises(TypeError, match=r"Verifier\.verify"):
        Verified()
    verified = check(build.lease().token, build.ask(), now=NOW)
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(verified)
    with pytest.raises(AttributeError):
        verified.anything = 1  # type: ignore[attr-defined]
    for change in (lambda: setattr(verified, "request", None), lambda: delattr(verified, "request")):
        with pytest.raises(AttributeError, match="does not change"):
            change()


def test_the_notes_are_a_copy() -> None:
    token = build.lease(notes={"agent": "a"}).token
    verifier = Verifier(build.RING, audience="github")
    verified = verifier.check(token, build.ask(), now=NOW)
    verified.notes["agent"] = "b"
    assert verified.notes == verifier.check(token, build.ask(), now=NOW).notes == {"agent": "a"}


# --- budgets ----------------------------------------------------------------------------------------------
def test_every_block_with_a_budget_is_charged() -> None:
    parts = build.raw(
        build.root(b9={"calls": 30}), {0: b"8 bytes!"}, {0: b"8 bytes!", 9: {"usd": 9, "calls": 5}}
    )
    id0, _, id2 = ids(parts)[:3]
    assert charges(parts, "budget") == [
        budget(id0, "calls", 1, 30),
        budget(id2, "usd", 7, 9),
        budget(id2, "calls", 1, 5),
    ]


def test_no_budget_is_no_charge() -> None:
    assert charges(build.lease(), "budget") == []


@pytest.mark.parametrize("kind", ["budget", "final"])
def test_a_parents_counter_outlives_a_short_child(kind: str) -> None:
    """Else a child that lives for a second spends the parent's budget, and the store forgets it."""
    more = {0: b"8 bytes!", 5: NOW + 2, 9: {"calls": 1}, 12: ["x"]}
    parts = build.raw(build.root(b9={"calls": 1}, b12=["repo.read"]), more)
    assert check(parts.text, build.ask(), now=NOW + 1).expires == NOW + 2
    first, *rest = charges(parts, kind)
    assert first["until"] == NOW + 900
    assert [row["until"] for row in rest] == [NOW + 2] * len(rest)


@pytest.mark.parametrize("leeway", [0, 30])
def test_a_counter_is_kept_for_as_long_as_the_lease_is_taken(leeway: int) -> None:
    verifier = Verifier(build.RING, audience="github", leeway=leeway)
    parts = build.raw(build.root(b9={"calls": 1}), {0: b"8 bytes!", 4: NOW + 1})
    made = [
        charge
        for charge in verifier.check(parts.text, build.ask(), now=NOW + 1).charges
        if charge.kind == "budget"
    ]
    assert [charge.until for charge in made] == [NOW + 900 + leeway]
    assert verifier.check(parts.text, build.ask(), now=NOW + 899 + leeway)


# --- final ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("action", "ends"), [("repo.read", 1), ("repo.write.x", 0)])
def test_a_final_action_moves_the_counter_and_others_look_at_it(action: str, ends: int) -> None:
    parts = build.raw(build.root(b12=["repo.read"]), {0: b"8 bytes!", 12: ["*"]})
    id0, id1 = ids(parts)[:2]
    request = build.ask(action)
    assert charges(parts, "final", request) == [
        {"key": ["final", id0], "amount": ends, "ceiling": ends, "until": NOW + 900},
        {"key": ["final", id1], "amount": 1, "ceiling": 1, "until": NOW + 900},
    ]


# --- attempts -----------------------------------------------------------------------------------------------
def attempt(above: str, path: str, amount: int, raises: bool = True) -> dict[str, Any]:
    """A register below a key is kept for good, as another lease may come; one below a block, until that expires."""
    until = SAFE_MAX if above == "k1" else NOW + 900
    key = ["attempt", above, path]
    return {"key": key, "amount": amount, "ceiling": SAFE_MAX, "until": until, "raises": raises}


#   block 0 agt_1@2 ── block 1 (no run) ── block 2 agt_1/reader@1
def test_each_level_has_a_register_below_the_block_before_it() -> None:
    parts = build.raw(build.root(), {0: b"8 bytes!"}, {0: b"8 bytes!", 2: [["agt_1"], ["reader", 1]]})
    _, id1, _ = ids(parts)[:3]
    want = [attempt("k1", "agt_1", 2), attempt(id1, "agt_1@2/reader", 1)]
    assert charges(parts, "attempt", build.ask(run="agt_1@2/reader@1")) == want
    assert charges(parts, "attempt", build.ask(run=None)) == want
    assert charges(parts, "attempt", build.ask(run="agt_1@2/reader@1/x@9")) == want, (
        "deeper: the request's own affair"
    )


def test_a_claim_compares_and_does_not_raise() -> None:
    parts = build.raw(build.root(), {0: b"8 bytes!", 2: [["agt_1"], ["reader"]]})
    id0 = ids(parts)[0]
    want = [attempt("k1", "agt_1", 2), attempt(id0, "agt_1@2/reader", 9, raises=False)]
    assert charges(parts, "attempt", build.ask(run="agt_1@2/reader@9")) == want
    assert charges(parts, "attempt", build.ask(run="agt_1@2/reader")) == want[:1], (
        "an open attempt is skipped"
    )
    assert charges(parts, "attempt", build.ask(run=None)) == want[:1]


def test_the_first_block_that_states_an_attempt_raises_it() -> None:
    more = [{0: b"8 bytes!", 2: [["agt_1"], ["reader"]]}, {0: b"8 bytes!", 2: [["agt_1"], ["reader", 3]]}]
    parts = build.raw(build.root(), *more)
    id0, id1, _ = ids(parts)[:3]
    want = attempt(id1, "agt_1@2/reader", 3)
    assert charges(parts, "attempt", build.ask(run="agt_1@2/reader@3")) == [attempt("k1", "agt_1", 2), want]
    assert id0 != id1


# --- replay -------------------------------------------------------------------------------------------------
def test_a_bound_proof_is_charged_once_for_its_chain_and_nonce() -> None:
    parts = build.raw(build.root(), {0: b"8 bytes!"}).bound(NOW - 5, b"n" * 16, b"b" * 32)
    request = build.ask(binding=b"b" * 32)
    assert charges(parts, "replay", request) == [
        {
            "key": ["replay", parts.hashes[-1].hex(), (b"n" * 16).hex()],
            "amount": 1,
            "ceiling": 1,
            "until": NOW + 115,
        }
    ]
    assert charges(build.lease(), "replay") == []


# --- revocation -----------------------------------------------------------------------------------------------
def test_what_a_revocation_can_name() -> None:
    notes = {"agent": "a", "subject": "s", "template": "t", "policy": 7, "purpose": "p"}
    claims = {0: b"8 bytes!", 2: [["agt_1"], ["reader", 1]], 16: {"agent": "claimed", "subject": "claimed"}}
    parts = build.raw(build.root(b16=notes), claims)
    id0, id1 = ids(parts)[:2]
    rows = charges(parts, "revoked", build.ask(run="agt_1@2/reader@1"))
    assert [row["key"][1:] for row in rows] == [
        ["block", id0], ["block", id1], ["run", "agt_1@2"], ["run", "agt_1@2/reader@1"], ["agent", "a"], ["subject", "s"],
        ["template", "t"], ["policy", 7], ["key", "k1"],
    ]  # fmt: skip
    assert {(row["amount"], row["ceiling"], row["issued_at"]) for row in rows} == {(0, 0, NOW)}


def test_an_audience_key_is_revoked_with_its_root() -> None:
    parts = wire.mint([build.root()], 5, "k1/github", build.KEYS["hmac"].for_audience("github").seed())
    keys = [row["key"][1:] for row in charges(parts, "revoked") if row["key"][1] == "key"]
    assert keys == [["key", "k1/github"], ["key", "k1"]]


# --- all together -------------------------------------------------------------------------------------------
def test_an_approval_that_counted_is_charged_after_the_token() -> None:
    key = build.APPROVERS[0]
    lease = build.lease(approval=[demand("repo.read", keys=[key])], budget={"calls": 30})
    yes = approve(key, lease, "repo.read", allow_any_arguments=True, ttl=60, now=NOW)
    verified = check(lease.attach(yes).token, build.ask(), now=NOW + 1)
    rows = [charge.to_json() for charge in verified.charges]
    assert [row["kind"] for row in rows] == [
        "budget",
        "attempt",
        *["revoked"] * 3,
        "budget",
        "attempt",
        *["revoked"] * 3,
    ]
    assert rows[5] == {"kind": "budget", **budget(yes.block_ids[0], "calls", 1, 1, NOW + 60)}
    assert rows[6]["key"] == ["attempt", key.key_id, "agt_1"]
    assert ["revoked", "key", key.key_id] in [row["key"] for row in rows]
    assert verified.approvals == ((yes.block_ids[0],),)


def test_no_two_questions_share_a_counter() -> None:
    parts = build.raw(
        build.root(b9={"calls": 1}, b12=["x"], b16={"agent": "k1"}), {0: b"8 bytes!", 9: {"calls": 1}}
    )
    made = check(parts.text, build.ask(), now=NOW + 1).charges
    assert len({charge.key for charge in made}) == len(made)
