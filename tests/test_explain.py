"""What a refusal tells the developer: what was asked, what was allowed, and what would pass."""

from __future__ import annotations

from typing import Any

import build
import pytest
from build import NOW

from attenuate import Malformed, Verifier, between, demand, grant, host, one_of, present, under
from attenuate.clear import Rules
from attenuate.findings import clock

SRC = [grant("repo.read", repo=one_of("clord"), path=under("src"))]
APPROVER = build.APPROVERS[0]

#  name, block 0, block 1, request, (code, block, caveat), words that must be there
WORDS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], tuple[str, int, str | None], tuple[str, ...]]] = [
    ("another action", {}, {}, {"action": "mail.send"}, ("allow", 0, "allow"),
     ("action mail.send", "repo.read, repo.write.*", "one of the allowed actions")),
    ("another fact", {"allow": SRC}, {}, {"facts": {"repo": "clord", "path": "doc/a"}}, ("allow", 0, "allow"),
     ("repo.read with path 'doc/a'", "path under src")),
    ("no fact", {"allow": SRC}, {}, {"facts": {"repo": "clord"}}, ("allow", 0, "allow"), ("no path", "path under src")),
    ("an opaque fact", {"allow": SRC}, {}, {"facts": {"repo": "clord", "path": None}}, ("allow", 0, "allow"),
     ("path that cannot be told",)),
    ("a list", {"allow": SRC}, {}, {"facts": {"repo": "clord", "path": ["src", "doc"]}}, ("allow", 0, "allow"), ("['src', 'doc']",)),
    ("the nearest grant", {"allow": [grant("repo.read", a=one_of(1), b=one_of(1)), grant("repo.*", b=one_of(2))]}, {}, {},
     ("allow", 0, "allow"), ("no b", "repo.* on b 2")),
    ("an argument without a name", {"allow": [grant("repo.read", where={"args.a": present()}, only=True)]}, {},
     {"facts": {"args.a": 1, "args.b": 2}}, ("allow", 0, "allow"), ("unnamed args.b", "no arguments but args.a")),
    ("arguments and none named", {"allow": [grant("repo.read", only=True)]}, {}, {"facts": {"args.b": 2}}, ("allow", 0, "allow"),
     ("unnamed args.b", "would pass: no arguments")),
    ("a deny", {"deny": [grant("repo.*", repo=one_of("clord"))]}, {}, {}, ("deny", 0, "deny"),
     ("repo.read with repo 'clord'", "repo.* on repo clord", "certainly are not repo clord")),
    ("a deny without facts", {"deny": ["other", "repo.read"]}, {}, {}, ("deny", 0, "deny"), ("another action",)),
    ("where", {"where": {"n": between(1, 9), "h": host("a.b")}}, {}, {"facts": {"repo": "clord", "n": 10, "h": "x.a.b"}},
     ("where", 0, "where"), ("n 10", "h on host a.b and n from 1 to 9", "would pass: n from 1 to 9")),
    ("another run", {}, {}, {"run": "agt_2@1"}, ("run", 0, "run"), ("run agt_2@1", "run agt_1@2 and what it starts")),
    ("another attempt", {}, {}, {"run": "agt_1@3"}, ("attempt", 0, "run"), ("run agt_1@3", "agt_1@2")),
    ("another audience", {"audience": ["x", "y"]}, {}, {}, ("audience", 0, "audience"), ("audience github", "x, y")),
    ("not yet", {"not_before": NOW + 31}, {}, {}, ("not_before", 0, "not_before"), ("2027-01-15 08:00:01Z", "in 30 s")),
    ("expired", {"ttl": 1}, {}, {}, ("expires", 0, "expires"), ("2027-01-15 08:00:01Z", "(0 s ago)", "a fresh lease")),
    ("no cost", {"budget": {"usd": 5, "calls": 1}}, {}, {}, ("budget", 0, "budget"), ("a cost in usd", "cost={unit: amount}")),
    ("too deep", {"depth": 0}, {}, {}, ("depth", 0, "depth"), ("block 1 after block 0", "0 more")),
    ("not bound", {}, {"bound": True}, {}, ("bound", 1, "bound"), ("not bound", "lease.present")),
    ("no approval", {"approval": [demand("repo.read", keys=[APPROVER])]}, {}, {}, ("approval", 0, "approval"),
     ("repo.read without enough approvals", f"1 of {APPROVER.key_id[:12]}")),
    ("an unknown extension", {"extensions": {"acme/x": 1}}, {}, {}, ("unknown_caveat", 0, "acme/x"), ("handler for acme/x",)),
    ("a handler", {"extensions": {"acme/y": [1]}}, {}, {}, ("acme/y", 0, "acme/y"), ("says yes to: [1]",)),
]  # fmt: skip
RULES = Rules(handlers={"acme/y": lambda value, request: False})


@pytest.mark.parametrize(
    ("first", "second", "asked", "where", "words"), [row[1:] for row in WORDS], ids=[row[0] for row in WORDS]
)
def test_a_refusal_says_why(
    engine: Any, first: Any, second: Any, asked: Any, where: Any, words: tuple[str, ...]
) -> None:
    lease = build.lease(**first).narrow(now=NOW, **second)
    found = engine.explain(lease.token, build.ask(**asked), build.RING, NOW + 1, RULES)
    assert [(finding.code, finding.block, finding.caveat) for finding in found] == [where]
    assert found[0].stage == "forbidden"
    assert found[0].asked
    for word in words:
        assert word in str(found[0])
    error = build.refusal(engine, lease, build.ask(**asked), rules=RULES)
    assert error is not None
    assert str(error) == str(found[0])


def test_all_reasons_are_given_in_order(engine: Any) -> None:
    lease = build.lease(ttl=60, bound=True).narrow(audience="other", now=NOW)
    asked = build.ask("mail.send", run="agt_9@1")
    found = engine.explain(lease.token, asked, build.RING, NOW + 60)
    assert [(finding.code, finding.block) for finding in found] == [
        ("bound", 0), ("run", 0), ("expires", 0), ("allow", 0), ("audience", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"b5": NOW}, "structure", "issued_at before expires"), ({"b2": None}, "structure", "run with every attempt"),
        ({"b15": NOW + 99}, "issued_at", "up to 60 s after now"), ({"b14": b"i" * 16}, "for", "an approval used as a lease"),
    ],
)  # fmt: skip
def test_a_lease_that_nobody_here_would_mint(engine: Any, change: Any, code: str, words: str) -> None:
    found = engine.explain(build.raw(build.root(**change)).text, build.ask(), build.RING, NOW)
    assert found[0].code == code
    assert words in str(found[0])


def test_an_issued_at_that_is_not_in_block_0(engine: Any) -> None:
    found = engine.explain(
        build.raw(build.root(), {0: b"8 bytes!", 15: NOW}).text, build.ask(), build.RING, NOW
    )
    assert [(each.code, each.block, each.asked) for each in found] == [
        ("structure", 1, "issued_at after block 0")
    ]


def test_no_run_at_all(engine: Any) -> None:
    found = engine.explain(
        build.raw(build.root(b2=None), {0: b"8 bytes!"}).text, build.ask(run=None), build.RING, NOW
    )
    assert [each.code for each in found] == ["structure"]
    text = build.raw(build.root(b2=None), {0: b"8 bytes!", 2: [["a"], ["b"]]}).text
    found = engine.explain(text, build.ask(run="a"), build.RING, NOW)
    assert [(each.code, each.block) for each in found] == [("structure", 0), ("run", 1)]


def test_the_lifetime_cap(engine: Any) -> None:
    found = engine.explain(build.lease().token, build.ask(), build.RING, NOW, Rules(max_lifetime=60))
    assert [each.code for each in found] == ["lifetime"]
    assert "a lease of 900 s" in found[0].asked
    assert "60 s" in found[0].allowed


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [("x", "text", "lease1_"), (build.raw(build.root(), key_id="k9").text, "unknown_key", "'k9'"),
     (build.raw(build.root(), alg="ed25519", key_id="k1").text, "algorithm", "algorithm of key 'k1'")],
)  # fmt: skip
def test_what_is_not_authentic_has_one_reason(engine: Any, text: str, code: str, words: str) -> None:
    found = engine.explain(text, build.ask("mail.send"), build.RING, NOW + 9999)
    assert [each.code for each in found] == [code]
    assert words in str(found[0])


def test_an_unknown_number_hints_at_a_later_version(engine: Any) -> None:
    found = engine.explain(build.raw(build.root(b17=1)).text, build.ask(), build.RING, NOW)
    assert (found[0].caveat, found[0].would_pass) == ("17", "a later version")


def test_what_a_holder_wrote_is_cut_and_cannot_forge_a_line(engine: Any) -> None:
    evil = "x\n\x1b[2Jallowed: everything " + "y" * 500
    lease = (
        build.lease(audience=["github"])
        .narrow(audience=[evil], now=NOW)
        .narrow(where={evil: one_of(evil)}, now=NOW)
    )
    for found in engine.explain(lease.token, build.ask(facts={"repo": "clord", evil: evil}), build.RING, NOW):
        assert "\n" not in str(found)
        assert "\x1b" not in str(found)
        assert len(found.allowed) < 200


# --- Explanation -----------------------------------------------------------------------------------------
def test_an_explanation_decides_nothing(engine: Any) -> None:
    verifier, lease = Verifier(build.RING, audience="github"), build.lease()
    good = verifier.explain(lease.token, action="repo.read", run="agt_1@2", facts=build.FACTS, now=NOW)
    bad = verifier.explain(lease.token, action="mail.send", run="agt_1@2", now=NOW + 900)
    assert (good.would_pass, bad.would_pass) == (True, False)
    assert [each.code for each in bad.findings] == ["expires", "allow"]
    assert str(good) == "would pass"
    assert str(bad) == "\n".join(map(str, bad.findings))
    for explanation in (good, bad):
        with pytest.raises(TypeError, match="decides nothing"):
            bool(explanation)


def test_a_request_that_is_none_has_no_explanation(engine: Any) -> None:
    verifier = Verifier(build.RING, audience="github")
    with pytest.raises(Malformed, match="facts"):
        verifier.explain(build.lease().token, action="re*", run="agt_1@2", now=NOW)
    with pytest.raises(Malformed, match="without a run"):
        verifier.explain(build.lease().token, action="repo.read", now=NOW)
    with pytest.raises(Malformed, match="without a run"):
        verifier.verify(build.lease().token, action="repo.read", facts=build.FACTS, now=NOW)
    lax = Verifier(build.RING, audience="github", allow_unstated_run=True)
    assert lax.verify(build.lease().token, action="repo.read", facts=build.FACTS, now=NOW)


@pytest.mark.parametrize("seconds", [0, NOW, 2**53 - 1, 2**62, -1, -(2**62)])
def test_any_time_can_be_written(seconds: int) -> None:
    assert clock(seconds)
    assert clock(NOW) == "2027-01-15 08:00:00Z"
    assert clock(2**53 - 1) == "second 9007199254740991"
