"""The seven constraints as Datalog, for one element `$x` of a fact (specs/caveats.md, constraints).

Each constraint has two expressions, because it has three values: `holds` is true where it certainly
holds, `fails` where it certainly fails, and where it cannot be told both are false. Neither ever ends
in an error, whatever the element is: the type is looked at first, and `&&` is lazy.
"""

from __future__ import annotations

from typing import Final

from attenuate import limits
from attenuate.constraints import Constraint

from .literals import literal

# A regular expression that an engine cannot read matches nothing. So what is well formed is said
# positively, and what is excluded (a percent escape, a label that is too long) needs no more than
# every dialect has.
_CONTROLS = r"\\\x00-\x1f\x7f-\x9f"
_REST = rf"[^/{_CONTROLS}]*"
_PATH = (
    rf"\A/?(?:\.{{1,2}}~|\.{{0,2}}[^~./{_CONTROLS}]|\.{{3}}){_REST}"
    rf"(?:/(?:\.{{0,2}}[^./{_CONTROLS}]|\.{{3}}){_REST})*\z"
)
_ESCAPE = "%[0-9A-Fa-f]{2}"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
# the last label: digits alone and what begins with 0x are numbers to somebody, so only a quad may have them
_LAST = "(?:(?:[1-9][0-9]*|0[0-9]+)?[a-z_-][a-z0-9_-]*|0[a-wyz_-][a-z0-9_-]*)"
_HOST = rf"\A(?:(?:[a-z0-9_-]+\.)*{_LAST}|{_BYTE}(?:\.{_BYTE}){{3}})\z"
_LONG_LABEL = "[a-z0-9_-]{64}"

_TEXT: Final = '$x.type() == "string"'
IS_PATH: Final = f"$x.matches({literal(_PATH)}) && !$x.matches({literal(_ESCAPE)})"
"""Say of text `$x` whether it is a well-formed path."""
IS_HOST: Final = (
    f"$x.length() <= {limits.MAX_HOST} && $x.matches({literal(_HOST)}) && !$x.matches({literal(_LONG_LABEL)})"
)
"""Say of text `$x` whether it is a well-formed host; one that matches is ASCII, so its length is in bytes."""
_TYPES: Final = {str: "string", int: "integer", bool: "bool"}


def holds(constraint: Constraint) -> str:
    """Return the Datalog that is true where a constraint other than `any` holds for `$x`."""
    return _HOLDS[constraint.name](constraint)


def fails(constraint: Constraint) -> str:
    """Return the Datalog that is true where a constraint fails for `$x`; empty where it never does."""
    return _FAILS[constraint.name](constraint)


def _equal(constraint: Constraint) -> str:
    return f"{literal(constraint.operand)}.contains($x)"


def _unequal(constraint: Constraint) -> str:
    types = sorted({_TYPES[type(value)] for value in constraint.operand if value is not None})
    return f"{literal(types)}.contains($x.type()) && !{_equal(constraint)}"


def _between(constraint: Constraint) -> str:
    least, most = constraint.operand
    parts = ['$x.type() == "integer"']
    parts += [] if least is None else [f"$x >= {literal(least)}"]
    parts += [] if most is None else [f"$x <= {literal(most)}"]
    return " && ".join(parts)


def _outside(constraint: Constraint) -> str:
    least, most = constraint.operand
    parts = [] if least is None else [f"$x < {literal(least)}"]
    parts += [] if most is None else [f"$x > {literal(most)}"]
    return f'$x.type() == "integer" && ({" || ".join(parts)})'


def _below(constraint: Constraint) -> str:
    """Say whether text is an operand or continues one after a "/"; `/` and `.` take their beginnings."""
    paths = [str(path) for path in constraint.operand if path not in ("/", ".")]
    prefixes = [f"{path}/" for path in paths] + ["/"] * ("/" in constraint.operand)
    parts = [f"{literal(paths)}.contains($x)"] if paths else []
    parts += [f"{literal(prefixes)}.any($p -> $x.starts_with($p))"] if prefixes else []
    parts += ['!$x.starts_with("/")'] if "." in constraint.operand else []
    return f"({' || '.join(parts)})"


def _under(constraint: Constraint) -> str:
    return f"{_TEXT} && {_below(constraint)} && {IS_PATH}"


def _not_under(constraint: Constraint) -> str:
    absolute = {str(path).startswith("/") for path in constraint.operand}
    if len(absolute) == 2:
        return ""  # a path of either beginning may be what an operand of the other means
    begins = '$x.starts_with("/")' if True in absolute else '!$x.starts_with("/")'
    return f"{_TEXT} && {begins} && !{_below(constraint)} && {IS_PATH}"


def _begins(constraint: Constraint) -> str:
    return f"{literal(constraint.operand)}.any($p -> $x.starts_with($p))"


def _starts(constraint: Constraint) -> str:
    return f"{_TEXT} && {_begins(constraint)}"


def _not_starts(constraint: Constraint) -> str:
    return f"{_TEXT} && !{_begins(constraint)}"


def _within(constraint: Constraint) -> str:
    dotted = [f".{host}" for host in constraint.operand]
    return f"({_equal(constraint)} || {literal(dotted)}.any($p -> $x.ends_with($p)))"


def _host(constraint: Constraint) -> str:
    return f"{_TEXT} && {_within(constraint)} && {IS_HOST}"


def _not_host(constraint: Constraint) -> str:
    return f"{_TEXT} && !{_within(constraint)} && {IS_HOST}"


def _never(constraint: Constraint) -> str:
    return ""


_HOLDS: Final = {
    "one_of": _equal, "none_of": _unequal, "between": _between, "under": _under, "starts": _starts, "host": _host,
}  # fmt: skip
_FAILS: Final = {
    "one_of": _unequal, "none_of": _equal, "between": _outside, "under": _not_under, "starts": _not_starts,
    "host": _not_host, "any": _never,
}  # fmt: skip
