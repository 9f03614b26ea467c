"""A lease in words and as data; unverified, and it says so."""

from __future__ import annotations

import json
from typing import Any

import build
import pytest
from build import NOW

from attenuate import Lease, approve, demand, grant, one_of, under
from attenuate.describe import authority, describe

KEY = build.APPROVERS[0]


def lines(lease: Lease, now: int = NOW) -> list[str]:
    return describe(lease, now=now).splitlines()


#   block 0   agt_1@2        ── block 1   reader@1
def test_the_example_of_the_specification() -> None:
    lease = build.lease(ttl="12m", allow=[grant("repo.read", repo=one_of("clord"))])
    child = lease.narrow(run="agt_1@2/reader@1", ttl="5m", where={"path": under("src")}, now=NOW)
    assert [" ".join(line.split()) for line in lines(child, NOW)] == [
        "agt_1@2 may, until 2027-01-15 08:12:00Z (in 12m00s) block 0, key k1",
        "repo.read on repo clord",
        "at github",
        "and only, as agt_1@2/reader@1, until 2027-01-15 08:05:00Z (in 5m00s) block 1",
        "where path under src",
        "(bearer; unverified: this says what the lease claims)",
    ]


@pytest.mark.parametrize(
    ("terms", "line"),
    [
        ({"deny": ["repo.write.*"]}, "never repo.write.*"), ({"budget": {"calls": 30}}, "at most 30 calls"),
        ({"approval": [demand("repo.*", keys=[KEY])]}, "repo.* with approval by 1 of 1"), ({"depth": 1}, "with at most 1 more block"), ({"depth": 2}, "with at most 2 more blocks"),
        ({"final": ["repo.close", "x"]}, "until the first repo.close, x"), ({"bound": True}, "with a proof bound to the call"),
        ({"notes": {"agent": "a"}}, "note agent: 'a'"), ({"extensions": {"acme/x": [1]}}, "and acme/x: [1]"),
    ],
)  # fmt: skip
def test_each_caveat_has_its_line(terms: dict[str, Any], line: str) -> None:
    assert line in map(str.strip, lines(build.lease(**terms)))
    assert line not in map(str.strip, lines(build.lease()))


def test_a_later_note_is_a_claim() -> None:
    assert "  claims agent: 'a'" in lines(build.lease().narrow(notes={"agent": "a"}, now=NOW))


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (1, "in 1s"),
        (59, "in 59s"),
        (60, "in 1m00s"),
        (3599, "in 59m59s"),
        (3600, "in 1h00m"),
        (0, "expired"),
        (-9, "expired"),
    ],
)
def test_the_time_that_is_left(left: int, said: str) -> None:
    assert f"({said})" in lines(build.lease(), NOW + 900 - left)[0]


def test_a_time_to_come() -> None:
    assert "from 2027-01-15 08:00:30Z until" in lines(build.lease(not_before=NOW + 30))[0]


def test_a_block_without_a_word() -> None:
    assert lines(build.lease().narrow(now=NOW))[-2].split() == ["and", "only", "block", "1"]
    bare = Lease.parse(build.raw(build.root(b2=None, b5=None, b6=None, b3=None)).text)
    assert lines(bare)[0].split() == ["no", "run", "may", "block", "0,", "key", "k1"]


def test_an_approval_says_what_it_is_for() -> None:
    lease = build.lease(approval=[demand("repo.read", keys=[KEY])])
    said = lines(approve(KEY, lease, "repo.read", args={"n": 1}, now=NOW))
    assert f"  as an approval for block {lease.block_ids[0]}" in said
    assert said[-1].startswith("(sealed")


def test_what_a_holder_wrote_cannot_forge_a_line() -> None:
    evil = "x\nagt_1@2 may\x1b[2J"
    plain = build.lease(notes={"n": "a"}, where={"n": one_of("a")}, budget={"u": 1}).narrow(
        audience=["a"], now=NOW
    )
    lease = build.lease(notes={evil: evil}, where={evil: one_of(evil)}, budget={evil: 1}).narrow(
        audience=[evil], now=NOW
    )
    assert len(lines(lease)) == len(lines(plain))
    assert "\x1b" not in describe(lease, now=NOW)


def test_authority_is_what_all_blocks_leave() -> None:
    lease = build.lease(audience=["a", "b"], not_before=NOW + 1).narrow(
        audience=["c", "b"], ttl=60, not_before=NOW + 5, run="agt_1@2/x@1", now=NOW
    )
    data = authority(lease)
    assert {name: data[name] for name in ("key_id", "alg", "proof", "run", "audience", "not_before", "expires", "approvals")} == {
        "key_id": "k1", "alg": 5, "proof": "bearer", "run": "agt_1@2/x@1", "audience": ["b"], "not_before": NOW + 5,
        "expires": NOW + 60, "approvals": 0,
    }  # fmt: skip
    assert data["block_ids"] == list(lease.block_ids)
    assert [block["nonce"] for block in data["blocks"]] == [
        block.get("nonce").hex() for block in lease.unverified_blocks
    ]
    assert json.loads(json.dumps(data)) == data


def test_authority_where_nothing_is_said_or_left() -> None:
    assert authority(build.lease(audience=["a"]).narrow(audience=["b"], now=NOW))["audience"] == []
    bare = authority(Lease.parse(build.raw(build.root(b2=None, b3=None, b5=None)).text))
    assert (bare["run"], bare["audience"], bare["expires"], bare["not_before"]) == (None, None, None, None)


def test_the_clock_is_read_where_no_time_is_given() -> None:
    assert "(expired)" in describe(Lease.parse(build.raw(build.root(b5=1)).text))
    assert "(in " in describe(Lease.parse(build.raw(build.root(b5=2**40)).text))
