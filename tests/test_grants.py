"""Grants: patterns, lists, what cannot be told, `only`, and what is no grant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import build
import model
import pytest
import strategies as own
from hypothesis import given, settings

from attenuate import (
    Malformed,
    Request,
    between,
    demand,
    flatten,
    grant,
    host,
    none_of,
    one_of,
    present,
    under,
)
from attenuate.grants import Demand, Grant, read_demand, read_grant
from attenuate.request import OPAQUE


# --- three values in an allow and in a deny ---------------------------------------------------------
def allows(facts: Mapping[str, Any], **where: Any) -> bool:
    return grant("x", **where).fits(Request("x", audience="s", facts=facts))


def denies(facts: Mapping[str, Any], **where: Any) -> bool:
    return grant("x", **where).denies(Request("x", audience="s", facts=facts))


#                 fact                          allow  deny      of one_of("a", "b")
TABLE: list[tuple[Any, bool, bool]] = [
    ("a", True, True),
    ("c", False, False),
    (["a", "b"], True, True),
    (["a", "c"], False, True),
    (["c", "d"], False, False),
    ([], False, True),
    (None, False, True),
    (OPAQUE, False, True),
    (1, False, True),
    (["c", 1], False, True),
    (["c", None], False, True),
    (["a", None], False, True),
]


@pytest.mark.parametrize(("fact", "allow", "deny"), TABLE, ids=repr)
def test_what_a_fact_does(fact: Any, allow: bool, deny: bool) -> None:
    for optional in (False, True):
        assert allows({"f": fact}, f=one_of("a", "b", optional=optional)) is allow
    assert denies({"f": fact}, f=one_of("a", "b")) is deny


def test_absence_refuses_an_allow_and_does_not_slip_past_a_deny() -> None:
    assert not allows({}, f=one_of("a"))
    assert allows({}, f=one_of("a", optional=True))
    assert denies({}, f=one_of("a"))
    assert not denies({"f": "b"}, f=one_of("a"))


@pytest.mark.parametrize("fact", ["", 0, False, None, [], [None], ["a"], OPAQUE])
def test_present_takes_whatever_is_there(fact: Any) -> None:
    assert allows({"f": fact}, f=present())
    assert denies({"f": fact}, f=present())
    assert not allows({}, f=present())
    assert denies({}, f=present())


def test_every_constraint_must_hold_and_one_that_fails_rules_a_deny_out() -> None:
    where = {"f": one_of("a"), "g": between(1)}
    assert allows({"f": "a", "g": 1}, **where)
    assert not allows({"f": "a", "g": 0}, **where)
    assert denies({"f": "a", "g": 1}, **where)
    assert not denies({"f": "a", "g": 0}, **where)
    assert denies({"f": "a"}, **where)


def test_a_grant_for_another_action_does_not_fit_in_either() -> None:
    request = Request("y", audience="s")
    assert not grant("x").fits(request)
    assert not grant("x").denies(request)
    assert grant("y").fits(request)
    assert grant("y").denies(request)


@pytest.mark.parametrize("name", ["a.b", "a.b.c", "a"])
def test_below_an_opaque_fact_nothing_is_absent(name: str) -> None:
    where = {name: one_of("x", optional=True)}
    assert not Grant(("x",), where).fits(Request("x", audience="s", facts={"a": None}))
    assert Grant(("x",), where).fits(Request("x", audience="s", facts={"ab": None}))
    assert Grant(("x",), {name: present()}).fits(Request("x", audience="s", facts={"a": None}))


def test_below_an_opaque_element_nothing_is_absent() -> None:
    """{"x": [{"y": {"z": "evil", "a.b": 1}}]}: the object y is opaque, and the tool would read z."""
    guarded = Grant(("x",), {"args.x.y.z": one_of("good", optional=True)})
    assert not guarded.fits(Request("x", audience="s", facts=flatten({"x": [{"y": {"z": "evil"}}]})))
    assert not guarded.fits(Request("x", audience="s", facts=flatten({"x": {"y": {"z": "evil", "a.b": 1}}})))
    assert not guarded.fits(
        Request("x", audience="s", facts=flatten({"x": [{"y": {"z": "evil", "a.b": 1}}]}))
    )


# --- only -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("facts", "fits"),
    [
        ({"args.to": "a"}, True),
        ({"args.to": "a", "repo": "x", "argsx": 1}, True),
        ({"args.to": "a", "args.cc": "b"}, False),
        ({"args.to": "a", "args.to.x": "b"}, False),
        ({"args.to": "a", "args.cc": []}, False),
        ({"args.to": "a", "args.cc": None}, False),
        ({"args": None}, False),
        ({"args.to": "b"}, False),
        ({}, False),
    ],
)
def test_only_refuses_arguments_without_a_name(facts: dict[str, Any], fits: bool) -> None:
    where = {"args.to": one_of("a")}
    request = Request("x", audience="s", facts=facts)
    assert grant("x", where=where, only=True).fits(request) is fits
    assert grant("x", where=where).fits(request) is (facts.get("args.to") == "a")


def test_only_without_a_name_takes_no_argument() -> None:
    assert grant("x", only=True).fits(Request("x", audience="s", facts={"repo": "a"}))
    assert not grant("x", only=True).fits(Request("x", audience="s", facts={"args.a": "a"}))


@pytest.mark.parametrize("fault", [{2: True}, {1: {"f": [0, ["a"], True]}}])
def test_only_and_optional_are_malformed_in_a_deny(engine: Any, fault: dict[int, Any]) -> None:
    token = build.raw(build.root(b6=[{0: ["*"], **fault}]))
    assert build.verdict(engine, token, build.ask(facts={"f": "a"})) == build.OK
    token = build.raw(build.root(b7=[{0: ["nothing"], **fault}]))
    assert build.verdict(engine, token) == ("malformed", "shape", None)


# --- the model ------------------------------------------------------------------------------------
@settings(max_examples=300)
@given(own.grants, own.deny_grants, own.asks())
def test_the_model_says_the_same(allowed: dict[int, Any], denied: dict[int, Any], asked: model.Asked) -> None:
    request = own.to_request(asked)
    want = model.allows(allowed, asked), model.denies(denied, asked)
    assert (
        read_grant(sorted_map(allowed)).fits(request),
        read_grant(sorted_map(denied)).denies(request),
    ) == want


def sorted_map(value: dict[int, Any]) -> dict[int, Any]:
    """Return a grant as the codec reads it: keys in order, and nothing shared with the draw."""
    where = (
        {1: dict(sorted(value[1].items(), key=lambda pair: (len(pair[0]), pair[0])))} if 1 in value else {}
    )
    return {0: list(value[0]), **where, **({2: True} if 2 in value else {})}


# --- making and reading -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: grant(), ValueError), (lambda: Grant("repo.read"), TypeError), (lambda: Grant([]), ValueError),
        (lambda: grant("x", repo="clord"), TypeError), (lambda: grant("x", where=[1]), TypeError), (lambda: Grant(["x"], [1]), TypeError),
        (lambda: grant("x", where={1: one_of("a")}), TypeError), (lambda: grant("x", only=1), TypeError),
        (lambda: grant(1), ValueError), (lambda: grant("x", f=object()), TypeError),
        (lambda: demand(keys=build.APPROVERS[:1]), ValueError), (lambda: demand("x", keys=[]), ValueError),
        (lambda: demand("x", keys=[b"k" * 31]), ValueError), (lambda: demand("x", keys=[b"k" * 32] * 2), ValueError),
        (lambda: demand("x", keys=[b"k" * 32], quorum=2), ValueError), (lambda: demand("x", keys=[b"k" * 32], quorum=0), ValueError),
        (lambda: demand("x", keys=build.APPROVERS, quorum=5), ValueError), (lambda: demand("x", keys=build.APPROVERS, quorum=True), ValueError),
        (lambda: demand("re*", keys=build.APPROVERS), ValueError), (lambda: demand("x", keys=[build.KEYS["hmac"]]), ValueError),
    ],
)  # fmt: skip
def test_what_is_no_grant_or_demand_is_not_made(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


def test_a_type_that_is_wrong_is_answered_with_what_to_write() -> None:
    with pytest.raises(TypeError, match=r"write one_of\('clord'\)"):
        grant("x", repo="clord")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [
        None, [], {}, {1: {"f": [0, ["a"]]}}, {0: []}, {0: "x"}, {0: ["x"], 2: False}, {0: ["x"], 2: 1}, {0: ["x"], 3: True},
        {0: ["x"], 1: {}}, {0: ["x"], 1: [1]}, {0: ["x"], 1: {1: [0, ["a"]]}}, {0: [1]}, {0: ["x", b"x"]}, {0: ["x"], "a": 1},
        {0: ["x"], -1: 1},
    ],
    ids=repr,
)  # fmt: skip
def test_another_map_is_no_grant(engine: Any, value: Any) -> None:
    with pytest.raises(Malformed):
        read_grant(value)
    for key in (6, 7):
        token = build.raw(build.root(), {0: b"8 bytes!", key: [value]})
        assert build.verdict(engine, token) == ("malformed", "shape", None)


@pytest.mark.parametrize(
    ("encoded", "good"),
    [("a1008161 78", True), ("a1f4816178", False), ("a2008161 78f5a1616682008161 61", False)],
)
def test_a_key_of_a_grant_is_an_integer(engine: Any, encoded: str, good: bool) -> None:
    """In Python False == 0 and True == 1; in a token they are other keys."""
    data = bytes.fromhex("a2004838206279746573210681") + bytes.fromhex(encoded)
    token = build.raw(build.root(b6=[{0: ["*"]}]), data)
    assert build.verdict(engine, token, build.ask("x"))[0] == (build.OK[0] if good else "malformed")


KEY = build.APPROVERS[0].public


@pytest.mark.parametrize(
    "value",
    [
        None, [], [["x"], [KEY]], [["x"], [KEY], 1, 1], [[], [KEY], 1], [["x"], [], 1], [["x"], KEY, 1], [["x"], [KEY, KEY], 1],
        [["x"], [KEY], 0], [["x"], [KEY], 2], [["x"], [KEY], True], [["x"], [KEY], None], [["x"], [KEY[:31]], 1],
        [["x"], ["k" * 32], 1], [["x"], [[1]], 1], {0: 1},
    ],
    ids=repr,
)  # fmt: skip
def test_another_array_is_no_demand(engine: Any, value: Any) -> None:
    with pytest.raises(Malformed):
        read_demand(value)
    token = build.raw(build.root(), {0: b"8 bytes!", 10: [value]})
    assert build.verdict(engine, token) == ("malformed", "shape", None)


def test_grants_and_demands_have_forms_and_are_equal_by_value() -> None:
    made = grant("x", "y.*", where={"args.n": between(1)}, only=True, f=host("a.b"))
    assert made.to_json() == {
        "actions": ["x", "y.*"], "where": {"args.n": {"min": 1}, "f": {"host": ["a.b"]}}, "only": True,
    }  # fmt: skip
    assert made.words() == "x, y.* on args.n at least 1 and f on host a.b, no other arguments"
    assert grant("x", f=under("a", optional=True)).words() == "x on f under a (if given)"
    assert read_grant({0: ["x"], 1: {"f": [1, ["a"]]}}) == grant("x", f=none_of("a"))
    assert len({grant("x"), grant("x"), grant("y"), grant("x", only=True)}) == 3
    asked = demand("x", keys=[build.APPROVERS[0], build.APPROVERS[1].public], quorum=2)
    assert read_demand(asked.to_wire()) == asked
    assert asked.words() == "x with approval by 2 of 2"
    assert len({asked, read_demand(asked.to_wire()), demand("x", keys=build.APPROVERS[:2])}) == 2
    assert asked != made
    assert repr(asked).startswith("Demand({'actions': ['x']")
    assert isinstance(asked, Demand)


# --- what would pass silently ----------------------------------------------------------------------------
def test_a_pattern_is_no_path() -> None:
    with pytest.raises(ValueError, match="no patterns"):
        under("secret/**")
    assert under("secret")


def test_only_names_arguments() -> None:
    with pytest.raises(ValueError, match="args"):
        grant("f.read", only=True, path=under("src"))
    assert grant("f.read", only=True).only
    assert grant("f.read", only=True, where={"args.path": under("src")}).only


def test_where_is_a_mapping() -> None:
    with pytest.raises(TypeError, match="where"):
        grant("f.read", where="path")  # type: ignore[arg-type]
