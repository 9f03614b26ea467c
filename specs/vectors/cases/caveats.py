"""V2, the shape of caveats: nothing unknown, nothing empty, nothing more."""

from __future__ import annotations

from typing import Any

from builder import ALLOW, APPROVERS, Case, ask, mint, public_of, vector

KEYS = [public_of(each) for each in APPROVERS]


def block(key: int | str, value: Any) -> Case:
    """Return the case of a block 0 with this value under this key."""
    return ask(mint(5, {key: value}))


def where(constraint: Any) -> Case:
    """Return the case of a `where` with this constraint."""
    return block(8, {"repo": constraint})


@vector("malformed shape")
def caveat_run_empty(alg: int) -> Case:
    """A run without a segment, which every run would start with."""
    return block(2, [])


@vector("malformed shape")
def caveat_run_of_nine(alg: int) -> Case:
    """A run one segment too long."""
    return block(2, [[f"r{n}", 1] for n in range(9)])


@vector("malformed shape")
def caveat_run_attempt_zero(alg: int) -> Case:
    """An attempt of 0."""
    return block(2, [["agt_1", 0]])


@vector("malformed shape")
def caveat_run_attempt_of_2_to_the_53(alg: int) -> Case:
    """An attempt that some JSON readers do not keep."""
    return block(2, [["agt_1", 2**53]])


@vector("malformed shape")
def caveat_run_attempt_true(alg: int) -> Case:
    """An attempt of true."""
    return block(2, [["agt_1", True]])


@vector("malformed shape")
def caveat_run_name_with_a_slash(alg: int) -> Case:
    """A name that would read as two segments in text."""
    return block(2, [["agt_1@2/reader", 2]])


@vector("malformed shape")
def caveat_audience_empty(alg: int) -> Case:
    """An audience of nobody."""
    return block(3, [])


@vector("malformed shape")
def caveat_audience_is_text(alg: int) -> Case:
    """An audience that is text, which `in` would search for a part."""
    return block(3, "github")


@vector("malformed shape")
def caveat_expires_negative(alg: int) -> Case:
    """A time before 1970."""
    return block(5, -1)


@vector("malformed shape")
def caveat_expires_2_to_the_53(alg: int) -> Case:
    """A time that some JSON readers do not keep."""
    return block(5, 2**53)


@vector("malformed shape")
def caveat_allow_empty(alg: int) -> Case:
    """An allow without a grant."""
    return block(6, [])


@vector("malformed shape")
def caveat_grant_with_an_unknown_key(alg: int) -> Case:
    """A grant with a key that a later version might add: to ignore it would widen the grant."""
    return block(6, [{**ALLOW[0], 3: True}])


@vector("malformed shape")
def caveat_grant_only_false(alg: int) -> Case:
    """An `only` of false: absence has one spelling."""
    return block(6, [{**ALLOW[0], 2: False}])


@vector("malformed shape")
def caveat_pattern_star_in_a_word(alg: int) -> Case:
    """The pattern repo.re*, whose star is not after a separator."""
    return block(6, [{0: ["repo.re*"]}])


@vector("malformed shape")
def caveat_pattern_star_first(alg: int) -> Case:
    """The pattern *.read."""
    return block(6, [{0: ["*.read"]}])


@vector("malformed shape")
def caveat_pattern_of_129(alg: int) -> Case:
    """A pattern one character too long."""
    return block(6, [{0: ["a" * 129]}])


@vector("malformed shape")
def caveat_deny_with_only(alg: int) -> Case:
    """An `only` in a deny, where it would make the deny narrower."""
    return block(7, [{0: ["*"], 1: {"repo": [0, ["x"]]}, 2: True}])


@vector("malformed shape")
def caveat_deny_with_optional(alg: int) -> Case:
    """An `optional` in a deny, where absence fits already."""
    return block(7, [{0: ["*"], 1: {"repo": [0, ["x"], True]}}])


@vector("malformed shape")
def caveat_where_empty(alg: int) -> Case:
    """A `where` without a fact."""
    return block(8, {})


@vector("malformed shape")
def caveat_constraint_of_no_kind(alg: int) -> Case:
    """A constraint of kind 7."""
    return where([7, ["x"]])


@vector("malformed shape")
def caveat_constraint_optional_false(alg: int) -> Case:
    """An `optional` of false."""
    return where([0, ["clord"], False])


@vector("malformed shape")
def caveat_one_of_nothing(alg: int) -> Case:
    """A one_of without an operand."""
    return where([0, []])


@vector("malformed shape")
def caveat_one_of_null(alg: int) -> Case:
    """A one_of with null, which is no scalar."""
    return where([0, [None]])


@vector("malformed shape")
def caveat_range_of_everything(alg: int) -> Case:
    """A range with neither bound."""
    return where([2, [None, None]])


@vector("malformed shape")
def caveat_range_upside_down(alg: int) -> Case:
    """A range whose least is above its most."""
    return where([2, [5, 4]])


@vector("malformed shape")
def caveat_range_to_true(alg: int) -> Case:
    """A range whose most is true."""
    return where([2, [0, True]])


@vector("malformed shape")
def caveat_under_dot_dot(alg: int) -> Case:
    """An operand of `under` that goes up."""
    return where([3, ["src/.."]])


@vector("malformed shape")
def caveat_under_trailing_slash(alg: int) -> Case:
    """An operand of `under` that ends in a slash."""
    return where([3, ["src/"]])


@vector("malformed shape")
def caveat_host_in_capitals(alg: int) -> Case:
    """An operand of `host` that no well-formed host equals."""
    return where([5, ["Example.com"]])


@vector("malformed shape")
def caveat_host_short_address(alg: int) -> Case:
    """An operand of `host` that is an address in two parts."""
    return where([5, ["127.1"]])


@vector("malformed shape")
def caveat_any_false(alg: int) -> Case:
    """An `any` of false."""
    return where([6, False])


@vector("malformed shape")
def caveat_budget_empty(alg: int) -> Case:
    """A budget without a unit."""
    return block(9, {})


@vector("malformed shape")
def caveat_budget_negative(alg: int) -> Case:
    """A limit below 0."""
    return block(9, {"calls": -1})


@vector("malformed shape")
def caveat_approval_key_twice(alg: int) -> Case:
    """One approver twice, so that one person would be two."""
    return block(10, [[["*"], [KEYS[0], KEYS[0]], 2]])


@vector("malformed shape")
def caveat_approval_quorum_zero(alg: int) -> Case:
    """A quorum of 0."""
    return block(10, [[["*"], KEYS, 0]])


@vector("malformed shape")
def caveat_approval_quorum_above_keys(alg: int) -> Case:
    """A quorum that nobody can meet."""
    return block(10, [[["*"], KEYS, 4]])


@vector("malformed shape")
def caveat_approval_quorum_of_five(alg: int) -> Case:
    """A quorum above the approvals that may travel."""
    return block(10, [[["*"], [bytes((n,)) * 32 for n in range(5)], 5]])


@vector("malformed shape")
def caveat_depth_16(alg: int) -> Case:
    """A depth that no chain reaches."""
    return block(11, 16)


@vector("malformed shape")
def caveat_final_empty(alg: int) -> Case:
    """A final without a pattern."""
    return block(12, [])


@vector("malformed shape")
def caveat_bound_false(alg: int) -> Case:
    """A bound of false."""
    return block(13, False)


@vector("malformed shape")
def caveat_for_of_15(alg: int) -> Case:
    """The id of a block, one byte short."""
    return block(14, bytes(15))


@vector("malformed shape")
def caveat_note_of_bytes(alg: int) -> Case:
    """A note that is a byte string."""
    return block(16, {"agent": b"x"})


@vector("ok")
def caveat_notes_empty(alg: int) -> Case:
    """Notes without a note: the one collection that may be empty."""
    return block(16, {})


@vector("malformed shape")
def caveat_extension_without_a_vendor(alg: int) -> Case:
    """A text key without a slash."""
    return block("region", "eu")


@vector("malformed shape")
def caveat_extension_null(alg: int) -> Case:
    """An extension's value of null."""
    return block("acme/region", None)


@vector("malformed shape")
def caveat_extension_of_bytes(alg: int) -> Case:
    """An extension's value with bytes inside, which JSON could not tell from text."""
    return block("acme/region", ["eu", b"eu"])


@vector("malformed shape")
def caveat_extension_empty(alg: int) -> Case:
    """An extension with an empty map inside."""
    return block("acme/region", {"in": {}})


@vector("malformed shape")
def caveat_extension_with_a_number_for_a_name(alg: int) -> Case:
    """An extension with a map whose key is an integer."""
    return block("acme/region", {1: "eu"})
