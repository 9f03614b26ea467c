"""V7, constraints: each kind with its three values.

A `where` passes only what holds; a `deny` lets through only what certainly fails. So the pair of a
refusing `where` and a passing `deny` shows "fails", and of two refusals "cannot be told".
"""

from __future__ import annotations

from typing import Any

from builder import HMAC, Case, ask, mint, vector

ALL = [{0: ["*"]}]


def _x(fact: tuple[Any, ...]) -> dict[str, Any]:
    return {"x": fact[0]} if fact else {}


def where(constraint: list[Any], *fact: Any) -> Case:
    """Return the case of a `where` on x, and a request whose x is this, or that has none."""
    return ask(mint(HMAC, {6: ALL, 8: {"x": constraint}}), facts=_x(fact))


def deny(constraint: list[Any], *fact: Any) -> Case:
    """Return the case of a `deny` on x."""
    denied = [{0: ["*"], 1: {"x": constraint}}]
    return ask(mint(HMAC, {6: ALL, 7: denied}), facts=_x(fact))


@vector("ok")
def one_of_holds(alg: int) -> Case:
    """One of two texts."""
    return where([0, ["a", "b"]], "b")


@vector("ok")
def one_of_fails(alg: int) -> Case:
    """Another text, in a deny: ruled out."""
    return deny([0, ["a", "b"]], "c")


@vector("forbidden where 0")
def one_of_true_is_not_1(alg: int) -> Case:
    """The value true for the integer 1."""
    return where([0, [1]], True)


@vector("forbidden where 0")
def one_of_text_is_not_integer(alg: int) -> Case:
    """The text 1 for the integer 1."""
    return where([0, [1]], "1")


@vector("forbidden deny 0")
def one_of_cannot_be_told(alg: int) -> Case:
    """A text where the operands are integers, in a deny: not ruled out."""
    return deny([0, [1, 2]], "1")


@vector("ok")
def one_of_mixed_types(alg: int) -> Case:
    """An integer that no operand equals, with operands of two types, in a deny: ruled out."""
    return deny([0, ["1", 2]], 1)


@vector("forbidden where 0")
def one_of_compares_code_points(alg: int) -> Case:
    """A letter with a combining accent for the letter with its accent: nothing is normalised."""
    return where([0, ["caf\u00e9"]], "cafe\u0301")


@vector("ok")
def none_of_holds(alg: int) -> Case:
    """A text that is none of the operands."""
    return where([1, ["main"]], "topic")


@vector("forbidden where 0")
def none_of_fails(alg: int) -> Case:
    """The one text that may not be."""
    return where([1, ["main"]], "main")


@vector("forbidden where 0")
def none_of_cannot_be_told(alg: int) -> Case:
    """An integer where the operands are texts."""
    return where([1, ["main"]], 1)


@vector("ok")
def none_of_fails_in_a_deny(alg: int) -> Case:
    """Deny all but main, and main: ruled out."""
    return deny([1, ["main"]], "main")


@vector("ok")
def range_at_its_bounds(alg: int) -> Case:
    """Both bounds are included."""
    return where([2, [-5, 9]], [-5, 9])


@vector("forbidden where 0")
def range_above(alg: int) -> Case:
    """One above the most."""
    return where([2, [None, 9]], 10)


@vector("forbidden where 0")
def range_below(alg: int) -> Case:
    """One below the least."""
    return where([2, [0, None]], -1)


@vector("ok")
def range_fails_in_a_deny(alg: int) -> Case:
    """One above the most, in a deny: ruled out."""
    return deny([2, [None, 9]], 10)


@vector("forbidden deny 0")
def range_cannot_be_told(alg: int) -> Case:
    """A text of digits, in a deny."""
    return deny([2, [None, 9]], "10")


@vector("forbidden where 0")
def range_of_true(alg: int) -> Case:
    """The value true in a range from 0 to 1."""
    return where([2, [0, 1]], True)


@vector("ok")
def starts_holds(alg: int) -> Case:
    """A text that starts with the operand."""
    return where([4, ["agent/", "bot/"]], "bot/7")


@vector("ok")
def starts_fails(alg: int) -> Case:
    """A text that starts otherwise, in a deny: ruled out."""
    return deny([4, ["agent/"]], "Agent/7")


@vector("forbidden deny 0")
def starts_cannot_be_told(alg: int) -> Case:
    """An integer, in a deny."""
    return deny([4, ["4"]], 42)


@vector("ok")
def any_takes_null(alg: int) -> Case:
    """An opaque fact under `any`, which null stands for."""
    return where([6, True], None)


@vector("ok")
def any_takes_an_empty_list(alg: int) -> Case:
    """An empty list under `any`."""
    return where([6, True], [])


@vector("forbidden where 0")
def any_is_not_absence(alg: int) -> Case:
    """No fact under `any`."""
    return where([6, True])


@vector("forbidden deny 0")
def any_in_a_deny(alg: int) -> Case:
    """A deny with `any` and no such fact: absence cannot be told, so it fits whatever is asked."""
    return deny([6, True])


@vector("forbidden where 0")
def absent_refuses(alg: int) -> Case:
    """No fact."""
    return where([0, ["a"]])


@vector("forbidden deny 0")
def absent_is_denied(alg: int) -> Case:
    """No fact, in a deny: not ruled out."""
    return deny([0, ["a"]])


@vector("forbidden where 0")
def opaque_refuses(alg: int) -> Case:
    """An opaque fact."""
    return where([1, ["a"]], None)


@vector("forbidden deny 0")
def opaque_is_denied(alg: int) -> Case:
    """An opaque fact, in a deny."""
    return deny([0, ["a"]], None)


@vector("ok")
def optional_absent(alg: int) -> Case:
    """No fact where it is optional."""
    return where([0, ["a"], True])


@vector("forbidden where 0")
def optional_present(alg: int) -> Case:
    """Another value where the fact is optional."""
    return where([0, ["a"], True], "b")


@vector("forbidden where 0")
def optional_opaque(alg: int) -> Case:
    """An opaque fact where it is optional: it is there."""
    return where([0, ["a"], True], None)


@vector("ok")
def list_holds(alg: int) -> Case:
    """A list whose elements all hold."""
    return where([0, ["a", "b"]], ["a", "b", "a"])


@vector("forbidden where 0")
def list_with_one_bad(alg: int) -> Case:
    """A list with one element that fails."""
    return where([0, ["a", "b"]], ["a", "c"])


@vector("forbidden where 0")
def list_empty(alg: int) -> Case:
    """A list of nothing, of which every element holds."""
    return where([0, ["a"], True], [])


@vector("ok")
def list_ruled_out(alg: int) -> Case:
    """A list whose elements all fail, in a deny."""
    return deny([0, ["a"]], ["b", "c"])


@vector("forbidden deny 0")
def list_with_one_denied(alg: int) -> Case:
    """A list with one element that holds, in a deny."""
    return deny([0, ["a"]], ["b", "a"])


@vector("forbidden deny 0")
def list_with_one_junk(alg: int) -> Case:
    """A list with one element of another type, in a deny."""
    return deny([0, ["a"]], ["b", 7])


@vector("forbidden where 0")
def list_with_one_opaque(alg: int) -> Case:
    """A list with an opaque element."""
    return where([1, ["a"]], ["b", None])


@vector("ok")
def deny_needs_all_its_facts(alg: int) -> Case:
    """A deny of two facts, one of which certainly fails: ruled out."""
    denied = [{0: ["*"], 1: {"x": [0, ["a"]], "y": [0, ["b"]]}}]
    return ask(mint(HMAC, {6: ALL, 7: denied}), facts={"x": "a", "y": "c"})


@vector("ok")
def deny_of_another_action(alg: int) -> Case:
    """A deny of another action, with facts that are not there."""
    denied = [{0: ["repo.delete"], 1: {"x": [0, ["a"]]}}]
    return ask(mint(HMAC, {6: ALL, 7: denied}), facts={})
