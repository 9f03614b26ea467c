"""Terms as people write them: what each becomes, and what each wrong one is told."""

from __future__ import annotations

import re
from typing import Any

import build
import pytest
import wire

from attenuate import Lease, demand, grant, one_of
from attenuate.fields import Terms, seconds

NOW = build.NOW


def fields(**changes: Any) -> dict[Any, Any]:
    """Return block 0 on the wire of the usual terms with these changes."""
    return wire.parse(build.lease(**changes).token).fields[0]


def later(**terms: Any) -> dict[Any, Any]:
    """Return block 1 on the wire."""
    return wire.parse(build.lease().narrow(now=NOW, **terms).token).fields[1]


def test_the_usual_block_0() -> None:
    made = fields()
    assert len(made.pop(0)) == 16
    assert made == {key: value for key, value in build.root(b6=made[6]).items() if key != 0}
    assert made[6] == [{0: ["repo.read", "repo.write.*"], 1: {"repo": [0, ["clord"]]}}]


def test_a_block_without_terms_is_a_nonce() -> None:
    assert [len(value) for value in later().values()] == [8]


KEY = build.APPROVERS[0]


@pytest.mark.parametrize(
    ("terms", "key", "value"),
    [
        ({"run": "agt_1/reader@1"}, 2, [["agt_1"], ["reader", 1]]),
        ({"audience": "github"}, 3, ["github"]),
        ({"audience": ("a", "b")}, 3, ["a", "b"]),
        ({"not_before": NOW}, 4, NOW),
        ({"ttl": 60}, 5, NOW + 60),
        ({"ttl": "90s"}, 5, NOW + 90),
        ({"ttl": "2h"}, 5, NOW + 7200),
        ({"ttl": "1d"}, 5, NOW + 86400),
        ({"expires": 7}, 5, 7),
        ({"allow": ["a", grant("b", f=one_of(1))]}, 6, [{0: ["a"]}, {0: ["b"], 1: {"f": [0, [1]]}}]),
        ({"allow": "a"}, 6, [{0: ["a"]}]),
        ({"allow": grant("a")}, 6, [{0: ["a"]}]),
        ({"deny": ["a.*"]}, 7, [{0: ["a.*"]}]),
        ({"where": {"f": one_of(1, optional=True)}}, 8, {"f": [0, [1], True]}),
        ({"budget": {"calls": 30, "usd": 0}}, 9, {"usd": 0, "calls": 30}),
        ({"approval": demand("a", keys=[KEY])}, 10, [[["a"], [KEY.public], 1]]),
        ({"approval": [demand("a", keys=[KEY])]}, 10, [[["a"], [KEY.public], 1]]),
        ({"depth": 0}, 11, 0),
        ({"final": "a"}, 12, ["a"]),
        ({"final": ["a", "b.*"]}, 12, ["a", "b.*"]),
        ({"bound": True}, 13, True),
        ({"notes": {"agent": "x", "n": 1, "b": False}}, 16, {"b": False, "n": 1, "agent": "x"}),
        ({"notes": {}}, 16, {}),
        ({"extensions": {"acme/x": [1, {"a": "b"}]}}, "acme/x", [1, {"a": "b"}]),
    ],
    ids=repr,
)
def test_a_term(terms: Any, key: Any, value: Any) -> None:
    made = later(**terms)
    assert made[key] == value
    assert set(made) == {0, key}


@pytest.mark.parametrize(
    "name", [name for name in Terms.__annotations__ if name not in ("run", "audience", "ttl", "allow")]
)
def test_none_leaves_a_term_out(name: str) -> None:
    assert set(later(**{name: None})) == {0}


def test_bound_false_is_left_out() -> None:
    assert set(later(bound=False)) == {0}


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"run": ""}, ValueError, "run ''"),
    ({"run": 7}, ValueError, "run 7"),
    ({"audience": []}, TypeError, "services"),
    ({"audience": [""]}, TypeError, "services"),
    ({"audience": [1]}, TypeError, "services"),
    ({"ttl": 0}, ValueError, "duration"),
    ({"ttl": -1}, ValueError, "duration"),
    ({"ttl": True}, ValueError, "duration"),
    ({"ttl": 1.5}, ValueError, "duration"),
    ({"ttl": "15"}, ValueError, "duration"),
    ({"ttl": "15m\n"}, ValueError, "duration"),
    ({"ttl": "0m"}, ValueError, "duration"),
    ({"ttl": "1w"}, ValueError, "duration"),
    ({"ttl": 60, "expires": NOW + 60}, TypeError, "not both"),
    ({"expires": NOW + 60, "ttl": 60}, TypeError, "not both"),
    ({"expires": -1}, TypeError, "expires"),
    ({"expires": 2**53}, TypeError, "expires"),
    ({"expires": "1"}, TypeError, "expires"),
    ({"not_before": 1.0}, TypeError, "not_before"),
    ({"not_before": True}, TypeError, "not_before"),
    ({"allow": []}, ValueError, "empty"),
    ({"allow": [1]}, TypeError, "no grant"),
    ({"allow": ["re*"]}, ValueError, "pattern"),
    ({"deny": []}, ValueError, "empty"),
    ({"deny": [grant("a", only=True)]}, ValueError, "only"),
    ({"deny": [grant("a", f=one_of(1, optional=True))]}, ValueError, "optional"),
    ({"where": {}}, ValueError, "empty"),
    ({"where": {"f": "x"}}, TypeError, "no constraint"),
    ({"budget": {}}, TypeError, "budget"),
    ({"budget": [1]}, TypeError, "budget"),
    ({"budget": {"calls": -1}}, TypeError, "calls"),
    ({"budget": {"calls": 2**53}}, TypeError, "calls"),
    ({"budget": {"calls": True}}, TypeError, "calls"),
    ({"budget": {1: 1}}, TypeError, "units are text"),
    ({"approval": []}, TypeError, "demand"),
    ({"approval": ["a"]}, TypeError, "demand"),
    ({"depth": 16}, TypeError, "0 to 15"),
    ({"depth": -1}, TypeError, "0 to 15"),
    ({"depth": True}, TypeError, "0 to 15"),
    ({"final": []}, ValueError, "empty"),
    ({"final": "a*"}, ValueError, "pattern"),
    ({"bound": 1}, TypeError, "bool"),
    ({"notes": [1]}, TypeError, "mapping"),
    ({"notes": {"a": 1.5}}, TypeError, "note 'a'"),
    ({"notes": {1: "a"}}, TypeError, "note 1"),
    ({"extensions": [1]}, TypeError, "mapping"),
    ({"extensions": {"acme": 1}}, ValueError, "vendor/name"),
    ({"extensions": {1: 1}}, ValueError, "vendor/name"),
    ({"extensions": {"acme/x": None}}, ValueError, "extension value"),
    ({"extensions": {"acme/x": []}}, ValueError, "extension value"),
    ({"extensions": {"acme/x": {"a": b"b"}}}, ValueError, "extension value"),
    ({"extensions": {"acme/x": 1.5}}, ValueError, "float"),
    ({"what": 1}, TypeError, "no term what"),
    ({"notes": {"a": "x" * 5000}}, ValueError, "too_large"),
    ({"allow": ["a"] * 40, "deny": ["b"] * 25}, ValueError, "65 grants"),
    ({"notes": {"a": "\ud800"}}, ValueError, "surrogates"),
    ({"notes": {"a": 2**63}}, ValueError, "64 bits"),
]


@pytest.mark.parametrize(("terms", "error", "said"), WRONG, ids=lambda value: repr(value)[:60])
def test_a_wrong_term_says_what_was_expected(
    terms: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        later(**terms)


@pytest.mark.parametrize("name", ["run", "audience", "allow", "ttl"])
def test_no_lease_is_all_powerful_by_omission(name: str) -> None:
    with pytest.raises(TypeError, match=f"needs {name}"):
        build.lease(**{name: None})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"run": "agt_1"}, "every attempt"),
        ({"run": "agt_1@2/reader"}, "every attempt"),
        ({"ttl": None, "expires": NOW}, "not after now"),
        ({"ttl": None, "expires": NOW - 1}, "not after now"),
    ],
)
def test_block_0_is_complete(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build.lease(**changes)


@pytest.mark.parametrize("name", ["now", "1800000000", 1.5, True])
def test_now_is_whole_seconds(name: Any) -> None:
    with pytest.raises(TypeError, match="now"):
        build.RING.mint(**{**build.terms(), "now": name})
    with pytest.raises(TypeError, match="now"):
        build.lease().narrow(now=name)


def test_a_time_before_1970_is_refused() -> None:
    with pytest.raises(ValueError, match="now is -5"):
        build.RING.mint(**{**build.terms(), "now": -5})


@pytest.mark.parametrize("text", ["1s", "15m", "24h", "7d", "999999999d"])
def test_durations(text: str) -> None:
    unit = {"s": 1, "m": 60, "h": 3600, "d": 86400}[text[-1]]
    assert seconds(text) == int(re.sub(r"\D", "", text)) * unit


def test_nonces_are_fresh() -> None:
    made = [Lease.parse(build.lease().token).unverified_blocks[0].get("nonce") for _ in range(20)]
    assert len(set(made)) == 20
