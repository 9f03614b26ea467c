"""A request is checked when it is made: what is no fact, run, cost or action fails there."""

from __future__ import annotations

import copy
import enum
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attenuate import Malformed, Request
from attenuate.request import OPAQUE, Opaque, make_run, run_text


def ask(action: Any = "x", **terms: Any) -> Request:
    return Request(action, **{"audience": "s", **terms})


def refused(code: str = "facts", **terms: Any) -> str:
    with pytest.raises(Malformed) as caught:
        ask(**terms)
    assert caught.value.code == code
    return str(caught.value)


class Word(enum.StrEnum):
    A = "a"


class Number(enum.IntEnum):
    ONE = 1


class Pair(tuple[str, str]):
    """A list of another type: not one that JSON makes."""


# --- actions ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("action", ["a", "!", "}", "repo.read", "a" * 128, "a/b:c.d", "a|\\^"])
def test_an_action(action: str) -> None:
    assert ask(action).action == action


@pytest.mark.parametrize(
    "action", ["", "a b", "a*", "*", "a~", "ü", "a\n", "\x7f", "a" * 129, None, 1, b"a", ["a"]]
)
def test_another_action(action: Any) -> None:
    refused(action=action)


# --- runs -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "run"),
    [
        ("agt_1@2", (("agt_1", 2),)),
        ("agt_1", (("agt_1", None),)),
        ("a@1/b/c@9007199254740991", (("a", 1), ("b", None), ("c", 2**53 - 1))),
        ([("a", 1), ("b",), ["c", None]], (("a", 1), ("b", None), ("c", None))),
        ((part for part in [("a", 1)]), (("a", 1),)),
        ("/".join("abcdefgh"), tuple((name, None) for name in "abcdefgh")),
        ("A.-_:+z9" + "x" * 120, (("A.-_:+z9" + "x" * 120, None),)),
    ],
    ids=repr,
)
def test_a_run(value: Any, run: Any) -> None:
    assert ask(run=value).run == run
    assert make_run(run_text(run)) == run


@pytest.mark.parametrize(
    "value",
    [
        "", "/", "a/", "/a", "a//b", "a@", "@1", "a@0", "a@01", "a@-1", "a@x", "a@1@2", "a@9007199254740992", "a@1 ", "a b", "ü",
        "a\n", "x" * 129, "/".join("abcdefghi"), "a@99999999999999999", "a@१", [], [()], [("a", 1, 2)], ["a"], [("a", 0)], [("a", "1")],
        [("a", True)], [(1,)], [("a", 2**53)], [("a", 1.0)], 1, b"a", {"a": 1}, [("a\n",)],
    ],
    ids=repr,
)  # fmt: skip
def test_another_run(value: Any) -> None:
    assert "run" in refused(run=value)


# --- facts ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "fact"),
    [
        ("a", "a"), ("ü\U0001f600", "ü\U0001f600"), (1, 1), (True, True), (-(2**63), -(2**63)), (2**63 - 1, 2**63 - 1), (None, OPAQUE),
        (OPAQUE, OPAQUE), ([], ()), (["a", 1, True, None], ("a", 1, True, OPAQUE)), (("a",), ("a",)), ([0] * 256, (0,) * 256),
        (Word.A, "a"), (Number.ONE, 1), ([Word.A], ("a",)),
    ],
    ids=repr,
)  # fmt: skip
def test_a_fact(value: Any, fact: Any) -> None:
    made = ask(facts={"f": value}).facts["f"]
    assert repr(made) == repr(fact)
    assert type(made) is type(fact)


@pytest.mark.parametrize(
    "value",
    [
        1.0, float("nan"), b"a", {}, {"a": 1}, {1}, object(), 2**63, -(2**63) - 1, [1.5], [["a"]], [("a",)], [{}], [b""], [0] * 257,
        "\ud800", ["\udfff"], Pair(("a", "b")), [2**63],
    ],
    ids=repr,
)  # fmt: skip
def test_another_fact(value: Any) -> None:
    assert "fact 'f'" in refused(facts={"f": value})


def test_the_names_of_facts_are_text() -> None:
    assert ask(facts={"ü": 1}).facts == {"ü": 1}
    refused(facts={1: "a"})
    refused(facts={"\ud800": "a"})
    refused(facts=[("a", 1)])


def test_256_facts_are_the_most() -> None:
    many = {f"f{n}": n for n in range(257)}
    refused("too_large", facts=many)
    many.popitem()
    assert len(ask(facts=many).facts) == 256


@given(
    st.dictionaries(
        st.text(max_size=4),
        st.one_of(st.none(), st.integers(), st.text(max_size=4), st.floats(), st.binary()),
        max_size=4,
    )
)
def test_any_facts_are_taken_or_malformed(facts: dict[str, Any]) -> None:
    none = [value for value in facts.values() if isinstance(value, (float, bytes)) or beyond(value)]
    if none:
        refused(facts=facts)
    else:
        plain = {name: OPAQUE if value is None else value for name, value in facts.items()}
        assert ask(facts=facts).facts == plain


def beyond(value: Any) -> bool:
    return isinstance(value, int) and not -(2**63) <= value < 2**63


def test_opaque_is_one_value_and_shows_nothing() -> None:
    assert repr(OPAQUE) == "OPAQUE"
    assert pickle.loads(pickle.dumps(OPAQUE)) is OPAQUE
    assert copy.deepcopy(OPAQUE) is OPAQUE
    assert isinstance(OPAQUE, Opaque)


# --- cost, audience, binding ------------------------------------------------------------------------
@pytest.mark.parametrize("cost", [{}, {"usd": 0}, {"usd": 2**53 - 1, "bytes": 1}, {"calls": 1}])
def test_a_cost(cost: dict[str, int]) -> None:
    assert ask(cost=cost).cost == cost


@pytest.mark.parametrize(
    "cost",
    [
        {"usd": -1},
        {"usd": 2**53},
        {"usd": 1.0},
        {"usd": True},
        {"usd": "1"},
        {1: 1},
        [("usd", 1)],
        {"calls": 0},
        {"calls": 2},
    ],
)
def test_another_cost(cost: Any) -> None:
    refused(cost=cost)


@pytest.mark.parametrize("binding", [None, b"b" * 32])
def test_a_binding(binding: Any) -> None:
    assert ask(binding=binding).binding == binding


@pytest.mark.parametrize("binding", ["b" * 32, b"b" * 31, b"b" * 33, b"", bytearray(32), 1])
def test_another_binding(binding: Any) -> None:
    refused(binding=binding)


@pytest.mark.parametrize("audience", [None, b"s", 1, "\ud800"])
def test_another_audience(audience: Any) -> None:
    assert ask(audience="ü").audience == "ü"
    refused(audience=audience)


def test_a_request_does_not_change_and_shows_no_values() -> None:
    request = ask(facts={"password": "hunter2"}, run="a@1")
    with pytest.raises(AttributeError):
        request.action = "y"
    with pytest.raises(AttributeError):
        del request.action
    assert request.action == "x"
    assert repr(request) == "Request('x', audience='s', run='a@1', facts=['password'])"
    assert "hunter2" not in repr(request)


def test_what_is_given_may_change_afterwards() -> None:
    facts, values, cost = {"f": "a"}, ["a"], {"usd": 1}
    request = ask(facts={**facts, "g": values}, cost=cost)
    values.append("b")
    cost["usd"] = 0
    assert request.facts == {"f": "a", "g": ("a",)}
    assert request.cost == {"usd": 1}


def test_a_copy_is_the_request_itself() -> None:
    request = Request("repo.read", audience="github", facts={"a": [1]})
    assert copy.copy(request) is copy.deepcopy({"r": request})["r"] is request
