"""Facts, grants and patterns as Datalog over `request($r)` (specs/caveats.md, grants and facts).

`$r` is a map of what the service states. A fact stands in it under its name after "fact:", as a list: a
scalar as a list of one, what is opaque as null. A name that is not in the map reads as null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attenuate.constraints import Constraint, Present
from attenuate.grants import Grant

from .constraints import fails, holds
from .literals import literal

MAX_ABOVE = 32
"""Dots in a fact's name: each is a name above, to be asked for."""
FACT = "fact:"
"""What stands before a fact's name, so that no fact can be taken for anything else of the request."""
_ACTION = '$r.get("action")'


def matches(patterns: Iterable[str]) -> str:
    """Return the Datalog of whether a pattern takes the action; "repo.*" does not take "repo."."""
    exact = [pattern for pattern in patterns if pattern[-1] != "*"]
    prefixes = [pattern[:-1] for pattern in patterns if pattern[-1] == "*"]
    if "" in prefixes:
        return "true"  # an action has at least one character
    parts = [f"{literal(exact)}.contains({_ACTION})"] if exact else []
    if prefixes:
        parts.append(f"{literal(prefixes)}.any($p -> {_ACTION}.starts_with($p) && {_ACTION} != $p)")
    return _either(parts)


def allowed(grants: Iterable[Grant]) -> str:
    """Return the Datalog of an allow: some grant fits."""
    return " || ".join(_fits(grant) for grant in grants)


def denied(grant: Grant) -> str:
    """Return the Datalog of one grant of a deny: its action does not match, or a constraint is ruled out."""
    parts = [_ruled_out(name, constraint) for name, constraint in grant.where.items()]
    return " || ".join([f"!{_grouped(matches(grant.actions))}", *filter(None, parts)])


def certain(name: str, constraint: Constraint) -> str:
    """Return the Datalog of whether a constraint holds in an allow or a where, for every element."""
    if constraint.kind == Present.kind:
        if constraint.optional:
            return "true"  # there, opaque or absent: all pass
        hidden = [f"({_fact(above)} != null && {_fact(above)}.contains(null))" for above in _above(name)]
        return _either([f"{_fact(name)} != null", *hidden])
    told = _every(name, holds(constraint))
    if not constraint.optional:
        return told
    clear = [f"({_fact(above)} == null || !{_fact(above)}.contains(null))" for above in _above(name)]
    return _either([" && ".join([f"{_fact(name)} == null", *clear]), told])


def _ruled_out(name: str, constraint: Constraint) -> str:
    """Return the Datalog of whether a constraint of a deny certainly fails; empty where it never can."""
    never = fails(constraint)
    return _every(name, never) if never else ""


def _fits(grant: Grant) -> str:
    parts = [matches(grant.actions)]
    parts += [certain(name, constraint) for name, constraint in grant.where.items()]
    if grant.only:
        parts += _only(grant.where)
    return " && ".join(parts)


def _only(where: Mapping[str, Constraint]) -> list[str]:
    """Say that no argument is there that `where` does not name, and that `args` is not opaque."""
    named = [f"{FACT}{name}" for name in where if name.startswith("args.")]
    mine = f" || {literal(named)}.contains($kv.get(0))" if named else ""
    unnamed = f"!$kv.get(0).starts_with({literal(f'{FACT}args.')})"
    return [f"$r.all($kv -> {unnamed}{mine})", f"{_fact('args')} != [null]"]


def _every(name: str, element: str) -> str:
    """Say that a fact is there, not empty, and that `element` is true for each `$x` of it."""
    fact = _fact(name)
    return f"{fact} != null && {fact}.length() > 0 && {fact}.all($x -> {element})"


def _fact(name: str) -> str:
    return f"$r.get({literal(FACT + name)})"


def _above(name: str) -> list[str]:
    """Return the names up to each dot: what is opaque there hides what is absent here.

    Raises ValueError for more dots than MAX_ABOVE.
    """
    if name.count(".") > MAX_ABOVE:
        raise ValueError(f"a fact name with more than {MAX_ABOVE} dots")
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]


def _either(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({' || '.join(parts)})"


def _grouped(expression: str) -> str:
    return expression if expression == "true" or expression.startswith("(") else f"({expression})"
