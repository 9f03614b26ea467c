"""Arguments flattened into facts, rule by rule."""

from __future__ import annotations

import math
from typing import Any

import build
import pytest
import strategies as own
from hypothesis import given
from hypothesis import strategies as st

from attenuate import Request, flatten
from attenuate.request import OPAQUE

SAFE = 2**53 - 1


@pytest.mark.parametrize(
    ("args", "facts"),
    [
        ({}, {}),
        ({"a": "x", "b": 1, "c": True}, {"args.a": "x", "args.b": 1, "args.c": True}),
        ({"a": {"b": {"c": 1}}}, {"args.a.b.c": 1}),
        # null is absent
        ({"a": None, "b": 1}, {"args.b": 1}),
        ({"a": {"b": None, "c": 1}}, {"args.a.c": 1}),
        ({"a": {"b": None}}, {}),
        ({"a": {"b": {"c": None}}}, {}),
        ({"a": [{"b": None}]}, {"args.a": OPAQUE}),
        ({"a": [{}]}, {"args.a": OPAQUE}),
        ({"a": [{}, {"b": 1}]}, {"args.a.b": (OPAQUE, 1)}),
        ({"a": [None]}, {"args.a": (OPAQUE,)}),
        # numbers with an integer value are integers, however spelled
        ({"a": 1.0, "b": -0.0, "c": 1e3}, {"args.a": 1, "args.b": 0, "args.c": 1000}),
        ({"a": SAFE, "b": float(SAFE), "c": -SAFE}, {"args.a": SAFE, "args.b": SAFE, "args.c": -SAFE}),
        ({"a": SAFE + 1, "b": 1.5, "c": math.nan, "d": 1e20, "e": math.inf, "f": -SAFE - 1},
         dict.fromkeys([f"args.{name}" for name in "abcdef"], OPAQUE)),
        # empty objects, and names that are empty or have a dot
        ({"a": {}}, {"args.a": OPAQUE}),
        ({"a": {"": 1, "b": 2}}, {"args.a": OPAQUE}),
        ({"a": {"b.c": 1, "b": 2}}, {"args.a": OPAQUE}),
        ({"": 1}, {"args": OPAQUE}),
        ({"a.b": 1, "c": 2}, {"args": OPAQUE}),
        ({"a": {1: 2}}, {"args.a": OPAQUE}),
        # lists
        ({"a": ["x", 1, True, None, 1.5]}, {"args.a": ("x", 1, True, OPAQUE, OPAQUE)}),
        ({"a": []}, {"args.a": ()}),
        ({"a": ("x",)}, {"args.a": ("x",)}),
        ({"a": [0] * 256}, {"args.a": (0,) * 256}),
        ({"a": [0] * 257}, {"args.a": OPAQUE}),
        ({"a": [["x"]]}, {"args.a": OPAQUE}),
        ({"a": ["x", {"b": 1}]}, {"args.a": OPAQUE}),
        ({"a": [None, {"b": 1}]}, {"args.a": OPAQUE}),
        # an array of objects is a list for each member
        ({"a": [{"b": 1}, {"b": 2}]}, {"args.a.b": (1, 2)}),
        ({"a": [{"b": 1}, {"c": 2}]}, {"args.a.b": (1, OPAQUE), "args.a.c": (OPAQUE, 2)}),
        ({"a": [{"b": 1}, {"b": None, "c": 1}]}, {"args.a.b": (1, OPAQUE), "args.a.c": (OPAQUE, 1)}),
        ({"a": [{"b": {"c": 1}}, {"b": {"c": "x"}}]}, {"args.a.b.c": (1, "x")}),
        ({"a": [{"b": {"c": 1}}, {"b": 2}]}, {"args.a.b.c": (1, OPAQUE), "args.a.b": (OPAQUE, 2)}),
        ({"a": [{"b": 1.5}, {"b": {}}]}, {"args.a.b": (OPAQUE, OPAQUE)}),
        ({"a": [{"b": [1]}, {"b": [2]}]}, {"args.a": OPAQUE}),
        ({"a": [{"b": 1}, {"c.d": 2}]}, {"args.a": OPAQUE}),
        ({"a": [{"b": 1}] * 257}, {"args.a": OPAQUE}),
    ],
    ids=lambda value: repr(value)[:60],
)  # fmt: skip
def test_arguments_become_facts(args: dict[str, Any], facts: dict[str, Any]) -> None:
    made = flatten(args)
    assert repr(sorted(made.items())) == repr(sorted(facts.items()))
    assert Request("x", audience="s", facts=made).facts == made


def test_another_root_name() -> None:
    assert flatten({"a": 1}, "body") == {"body.a": 1}


@pytest.mark.parametrize("args", [None, [], "a", 1, [("a", 1)]])
def test_arguments_are_an_object(args: Any) -> None:
    build.malformed(lambda: flatten(args))


@pytest.mark.parametrize("value", [object(), b"a", {1, 2}, 1j, [b"a"]])
def test_what_json_has_not_is_refused(value: Any) -> None:
    build.malformed(lambda: flatten({"a": value}))


def test_256_facts_are_the_most() -> None:
    assert len(flatten({f"a{n}": n for n in range(256)})) == 256
    build.malformed(lambda: flatten({f"a{n}": n for n in range(257)}), "too_large")
    build.malformed(
        lambda: flatten({"a": [{f"a{n}": n} for n in range(129)] + [{f"b{n}": n for n in range(128)}]}),
        "too_large",
    )
    build.malformed(lambda: flatten({"a" * 5000: 1}), "too_large")


@pytest.mark.parametrize("around", [lambda value: {"a": value}, lambda value: {"a": [value]}])
@pytest.mark.parametrize("levels", [65, 100_000])
def test_nesting_without_end_is_refused(around: Any, levels: int) -> None:
    def nested(depth: int) -> Any:
        value: Any = 1
        for _ in range(depth):
            value = {"a": value}
        return value

    assert flatten(around(nested(60)))
    build.malformed(lambda: flatten(around(nested(levels))))


def says(value: Any) -> bool:
    """Say whether a value is more than null: an object with no member but null is absent, an empty one is not."""
    if isinstance(value, dict):
        return not value or any(not key or "." in key for key in value) or any(map(says, value.values()))
    return value is not None


@given(st.dictionaries(st.text(max_size=3), own.documents, max_size=4))
def test_every_argument_is_there_or_opaque_above(args: dict[str, Any]) -> None:
    """Nothing that a tool would see is missing from the facts: it is named, or lies below an opaque."""
    facts = flatten(args)
    for name, value in args.items():
        above = ("args", f"args.{name}")
        assert not says(value) or any(fact in above or fact.startswith(f"args.{name}.") for fact in facts), (
            name
        )


def test_a_value_that_is_left_out_would_be_noticed() -> None:
    facts = flatten({"a": {"b": 1}, "c": 2})
    assert says({"b": 1})
    assert not any(fact.startswith("args.d") for fact in facts)
    assert [says(value) for value in (None, {"a": None}, {}, {"a.b": None}, [], [None], "")] == [
        False,
        False,
        True,
        True,
        True,
        True,
        True,
    ]
