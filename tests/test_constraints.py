"""Each kind of constraint, and its three values: holds, fails, cannot be told."""

from __future__ import annotations

from typing import Any

import build
import model
import pytest
import strategies as own
from hypothesis import given, settings

from attenuate import Malformed, between, constraints, host, none_of, one_of, present, starts, under
from attenuate.constraints import Constraint, from_json, read_constraint

YES, NO, UNTOLD = True, False, None


TOLD: list[tuple[Constraint, dict[Any, bool | None]]] = [
    (one_of("clord", 1), {"clord": YES, "other": NO, 1: YES, 2: NO, "1": NO, "": NO, "Clord": NO, "clord ": NO}),
    (one_of("a"), {1: UNTOLD, 0: UNTOLD}),
    (one_of(1), {"1": UNTOLD, 1: YES, -1: NO, 2**63 - 1: NO}),
    (one_of(-(2**63), 2**63 - 1), {-(2**63): YES, 2**63 - 1: YES, 0: NO}),
    (one_of("ü"), {"u\u0308": NO, "ü": YES}),
    (none_of("main", 3), {"main": NO, "dev": YES, 3: NO, 4: YES}),
    (none_of("main"), {3: UNTOLD}),
    (between(1, 9), {1: YES, 9: YES, 5: YES, 0: NO, 10: NO, "5": UNTOLD}),
    (between(most=0), {0: YES, -(2**63): YES, 1: NO}),
    (between(5), {5: YES, 2**63 - 1: YES, 4: NO}),
    (between(7, 7), {7: YES, 8: NO}),
    (under("src"), {"src": YES, "src/a": YES, "src/a/b.py": YES, "src2": NO, "sr": NO, "a/src": NO, "Src": NO}),
    (under("src"), {"/src": UNTOLD, "src/": UNTOLD, "src//a": UNTOLD, "src/../x": UNTOLD, "./src": UNTOLD, 7: UNTOLD}),
    (under("/etc"), {"/etc": YES, "/etc/passwd": YES, "/etcetera": NO, "etc": UNTOLD, "/": UNTOLD, "//etc": UNTOLD}),
    (under("/"), {"/a": YES, "/a/b": YES, "a": UNTOLD, "/": UNTOLD}),
    (under("."), {"a": YES, "a/b": YES, "/a": UNTOLD, ".": UNTOLD, "..": UNTOLD}),
    (under("/a", "b"), {"/a/x": YES, "b/x": YES, "/c": UNTOLD, "c": UNTOLD}),
    (under("/a", "."), {"x": YES, "/a": YES, "/b": UNTOLD}),
    (starts("agent/", "x"), {"agent/1": YES, "agent/": YES, "agent": NO, "xyz": YES, "": NO, 1: UNTOLD}),
    (starts(""), {"": YES, "anything": YES, 3: UNTOLD}),
    (host("example.com"), {"example.com": YES, "a.example.com": YES, "a.b.example.com": YES, "com": NO}),
    (host("example.com"), {"badexample.com": NO, "example.com.evil.org": NO, "example.org": NO}),
    (host("example.com"), {"Example.com": UNTOLD, "example.com.": UNTOLD, "a..example.com": UNTOLD, "": UNTOLD}),
    (host("example.com"), {"1.2.3.4": NO, "01.2.3.4": UNTOLD, "0x7f.1": UNTOLD, 7: UNTOLD, "exämple.com": UNTOLD}),
    (host("1.2.3.4"), {"1.2.3.4": YES, "1.2.3.5": NO, "2.3.4": UNTOLD, "0.1.2.3.4": UNTOLD, "a.1.2.3.4": UNTOLD}),
    (present(), {"": YES, 0: YES, "..": YES}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("constraint", "value", "want"),
    [(constraint, value, want) for constraint, table in TOLD for value, want in table.items()],
    ids=repr,
)
def test_what_is_told(constraint: Constraint, value: Any, want: bool | None) -> None:
    assert build.told(constraint, value) is want


@pytest.mark.parametrize(
    ("made", "value"), [(one_of(1), True), (one_of(0), False), (between(0, 1), True)], ids=repr
)
def test_a_boolean_is_no_integer(made: Constraint, value: bool) -> None:
    assert build.told(made, value) is UNTOLD
    assert build.told(made, int(value)) is YES


@pytest.mark.parametrize("value", [True, False])
def test_booleans_are_told_from_booleans(value: bool) -> None:
    assert build.told(one_of(True), value) is value
    assert build.told(none_of(True), value) is not value
    assert build.told(one_of(True, int(value)), int(value)) is YES
    assert build.told(one_of(True, int(value)), 1 - int(value)) is NO


@settings(max_examples=400)
@given(own.constraints, own.scalars)
def test_the_model_says_the_same(wire_form: list[Any], value: Any) -> None:
    want = {"holds": YES, "fails": NO, "cannot be told": UNTOLD}[model.tell(wire_form, value)]
    assert build.told(read_constraint(list(wire_form)), value) is want


# --- operands -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: one_of(), ValueError), (lambda: none_of(), ValueError), (lambda: under(), ValueError),
        (lambda: starts(), ValueError), (lambda: host(), ValueError), (lambda: between(), ValueError),
        (lambda: between(2, 1), ValueError), (lambda: between(1, True), ValueError), (lambda: between("1"), ValueError),
        (lambda: between(2**63), ValueError), (lambda: between(None, -(2**63) - 1), ValueError),
        (lambda: one_of(2**63), ValueError), (lambda: one_of(1.0), ValueError), (lambda: one_of(None), ValueError),
        (lambda: one_of(["a"]), ValueError), (lambda: one_of(b"a"), ValueError), (lambda: starts(1), ValueError),
        (lambda: under(1), ValueError), (lambda: host(True), ValueError), (lambda: under("a", ".."), ValueError),
        (lambda: one_of("\ud800"), ValueError), (lambda: one_of("a", optional=1), TypeError),
        (lambda: present(optional=None), TypeError),
    ],
)  # fmt: skip
def test_a_constraint_that_is_none_is_not_made(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


WIRE: list[tuple[Constraint, list[Any], dict[str, Any]]] = [
    (one_of("a", 1, True), [0, ["a", 1, True]], {"one_of": ["a", 1, True]}),
    (none_of("a", optional=True), [1, ["a"], True], {"none_of": ["a"], "optional": True}),
    (between(1, 9), [2, [1, 9]], {"min": 1, "max": 9}),
    (between(1), [2, [1, None]], {"min": 1}),
    (between(most=9, optional=True), [2, [None, 9], True], {"max": 9, "optional": True}),
    (under("src", "/"), [3, ["src", "/"]], {"under": ["src", "/"]}),
    (starts("a"), [4, ["a"]], {"starts": ["a"]}),
    (host("a.b"), [5, ["a.b"]], {"host": ["a.b"]}),
    (present(), [6, True], {"any": True}),
    (present(optional=True), [6, True, True], {"any": True, "optional": True}),
]


@pytest.mark.parametrize(("made", "numbers", "words"), WIRE, ids=repr)
def test_the_forms_of_a_constraint(made: Constraint, numbers: list[Any], words: dict[str, Any]) -> None:
    assert made.to_wire() == numbers
    assert made.to_json() == words
    assert read_constraint(numbers) == made
    assert from_json(words) == made
    again = eval(repr(made), {**vars(constraints), "any": present})  # a repr is what would make it
    assert again == made


@pytest.mark.parametrize(
    "value",
    [
        None, 1, "x", {}, [], [0], [0, ["a"], False], [0, ["a"], 1], [0, ["a"], True, True], [7, ["a"]], [-1, ["a"]],
        [True, ["a"]], ["0", ["a"]], [0, []], [0, "a"], [0, {"a": 1}], [0, [None]], [0, [b"a"]], [0, [["a"]]],
        [2, [1]], [2, [1, 2, 3]], [2, [None, None]], [2, [2, 1]], [2, [True, 2]], [3, [".."]], [3, [1]], [5, ["A"]],
        [6, False], [6, [True]], [6, 1], [6], [4, []],
    ],
    ids=repr,
)  # fmt: skip
def test_another_array_is_no_constraint(engine: Any, value: Any) -> None:
    with pytest.raises(Malformed) as caught:
        read_constraint(value)
    assert caught.value.code == "shape"
    token = build.raw(build.root(b8={"f": value}))
    assert build.verdict(engine, token) == ("malformed", "shape", None)


@pytest.mark.parametrize(
    "value",
    [
        None, [], "a", {}, {"one_of": "a"}, {"one_of": []}, {"one_of": ["a"], "host": ["a"]}, {"min": None}, {"min": 1, "max": None},
        {"min": "1"}, {"any": False}, {"any": 1}, {"optional": True}, {"one_of": ["a"], "optional": False}, {"what": 1},
        {"one_of": ["a"], "optional": 1}, {"one_of": ["a"], "optional": None}, {"min": 1, "one_of": [1]}, {1: 2},
    ],
    ids=repr,
)  # fmt: skip
def test_other_json_is_no_constraint(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_json(value)


def test_constraints_are_equal_by_kind_value_and_type() -> None:
    made = [
        one_of(1),
        one_of(True),
        one_of("1"),
        none_of(1),
        one_of(1, optional=True),
        between(1),
        one_of(1, 2),
    ]
    assert len(set(made)) == len(made)
    assert one_of(1) == one_of(1)
    assert hash(one_of(1)) == hash(one_of(1))
    assert one_of(1) != [0, [1]]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (one_of("a", 1, True), "a or 1 or true"), (none_of("a b"), "not 'a b'"), (between(1, 9), "from 1 to 9"),
        (between(most=9), "at most 9"), (between(1), "at least 1"), (under("src"), "under src"), (present(), "anything"),
        (starts("a/", "\n"), "starting with a/ or '\\n'"), (host("a.b"), "on host a.b"), (one_of("7", ""), "'7' or ''"),
    ],
    ids=repr,
)  # fmt: skip
def test_a_constraint_in_words(made: Constraint, words: str) -> None:
    assert made.words() == words
