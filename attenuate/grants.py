"""Grants, patterns and approval demands: which actions, on which facts (specs/caveats.md).

    grant("repo.read", "repo.write.*", repo=one_of("clord"))
    grant("mail.send", where={"args.to": host("example.com")}, only=True)
    demand("pull_request.merge", keys=[maintainer.public], quorum=1)

A grant *fits* a request when its actions do and every constraint holds. In a deny, what cannot be
told counts as fitting, so an odd spelling never slips past.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, final

from . import codec, constraints, limits
from .constraints import Constraint, Present
from .errors import Malformed
from .faults import PATTERN_HINT, Fault, malformed
from .request import OPAQUE, Fact, Opaque, Request, Scalar
from .words import shown, steady

PATTERN = re.compile(r"[!-)+-}]{0,127}(?:[!-)+-}]|[.:/]\*)|\*")
"""An action; or text ending in "*" right after ".", ":" or "/"; or "*" alone."""


_PATTERNS = re.compile(f"(?:{PATTERN.pattern})(?:\n(?:{PATTERN.pattern}))*")
_GRANT_KEYS: Final = ([0], [0, 1], [0, 2], [0, 1, 2])


def check_patterns(patterns: tuple[str, ...]) -> None:
    """Raise ValueError for what is not a pattern."""
    for pattern in patterns:
        if not isinstance(pattern, str) or len(pattern) > limits.MAX_NAME or not PATTERN.fullmatch(pattern):
            raise ValueError(f"pattern {pattern!r:.160}; give {PATTERN_HINT}")


def matches(patterns: tuple[str, ...], action: str) -> bool:
    """Say whether one of the patterns takes an action; "repo.*" does not take "repo."."""
    if action in patterns:
        return True
    for pattern in patterns:
        if pattern[-1] == "*" and len(action) >= len(pattern) and action.startswith(pattern[:-1]):
            return True
    return False


class _Absent:
    __slots__ = ()


ABSENT: Final = _Absent()


def look_up(request: Request, name: str) -> Fact | _Absent:
    """Return a fact, ABSENT, or OPAQUE for what lies below an opaque fact or list element."""
    fact = request.facts.get(name, ABSENT)
    if fact is ABSENT and request.has_opaque:
        above = name
        while "." in above:
            above = above[: above.rindex(".")]
            fact_above = request.facts.get(above)
            if fact_above is OPAQUE or (type(fact_above) is tuple and OPAQUE in fact_above):
                return OPAQUE
    return fact


def holds(constraint: Constraint, request: Request, name: str) -> bool:
    """Say whether a constraint holds in an allow or a where: certain, for every element."""
    fact = request.facts.get(name, ABSENT)
    if fact is ABSENT:
        fact = look_up(request, name)
    if isinstance(fact, _Absent):
        return constraint.optional
    if constraint.kind == Present.kind:
        return True
    if type(fact) is Opaque:
        return False
    return _all_told(constraint, request, name, fact, True)


def ruled_out(constraint: Constraint, request: Request, name: str) -> bool:
    """Say whether a constraint of a deny certainly fails, for every element."""
    fact = request.facts.get(name, ABSENT)
    if isinstance(fact, (_Absent, Opaque)) or constraint.kind == Present.kind:
        return False
    return _all_told(constraint, request, name, fact, False)


def _all_told(constraint: Constraint, request: Request, name: str, fact: Fact, want: bool) -> bool:
    """Say whether a fact, or every element of a list that is not empty, is told to be `want`."""
    told, grammar = constraint.told, type(constraint).grammar
    if grammar is not None:
        if not request.grammatical(name, grammar):
            return False
    elif type(fact) is tuple and OPAQUE in fact:
        return False
    if type(fact) is not tuple:
        return told(fact) is want
    for element in fact:
        if told(element) is not want:
            return False
    return bool(fact)


@final
class Grant:
    """Actions, the constraints on facts, and whether unnamed arguments are refused.

    actions: patterns. where: fact -> constraint. only: no fact under "args." may be present that
    `where` does not name.
    """

    __slots__ = ("actions", "only", "where")

    actions: tuple[str, ...]
    where: dict[str, Constraint]
    only: bool

    def __init__(
        self, actions: Iterable[str], where: Mapping[str, Constraint] | None = None, *, only: bool = False
    ) -> None:
        if isinstance(actions, str):
            raise TypeError("actions is one str; give a list, or use grant(...)")
        self.actions = tuple(actions)
        if not self.actions:
            raise ValueError("a grant without an action; name at least one")
        check_patterns(self.actions)
        self.where = check_where(where or {})
        if type(only) is not bool:
            raise TypeError(f"only is a {type(only).__name__}, not a bool")
        self.only = only

    def fits(self, request: Request) -> bool:
        """Say whether this grant allows a request."""
        action = request.action
        if action not in self.actions and not matches(self.actions, action):
            return False
        for name, constraint in self.where.items():
            if not holds(constraint, request, name):
                return False
        if self.only:
            for name in request.arguments:
                if name not in self.where:
                    return False
            return not (request.has_opaque and request.facts.get("args") is OPAQUE)
        return True

    def unnamed(self, request: Request) -> list[str]:
        """Return the arguments of a request that `where` does not name."""
        extra = [name for name in request.arguments if name not in self.where]
        if request.has_opaque and request.facts.get("args") is OPAQUE:
            extra.append("args")
        return extra

    def denies(self, request: Request) -> bool:
        """Say whether this grant, in a deny, fits a request or cannot be told not to."""
        if not matches(self.actions, request.action):
            return False
        for name, constraint in self.where.items():
            if ruled_out(constraint, request, name):
                return False
        return True

    def to_wire(self) -> dict[int, object]:
        """Return the map of token.cddl."""
        out: dict[int, object] = {0: list(self.actions)}
        if self.where:
            out[1] = {name: constraint.to_wire() for name, constraint in self.where.items()}
        if self.only:
            out[2] = True
        return out

    def to_json(self) -> dict[str, object]:
        """Return the JSON form."""
        out: dict[str, object] = {"actions": list(self.actions)}
        if self.where:
            out["where"] = {name: constraint.to_json() for name, constraint in self.where.items()}
        if self.only:
            out["only"] = True
        return out

    def words(self) -> str:
        """Return the grant in words: "repo.read on repo clord"."""
        out = ", ".join(self.actions)
        if self.where:
            out += " on " + where_words(self.where)
        return out + (", no other arguments" if self.only else "")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grant) and codec.encode(self.to_wire()) == codec.encode(other.to_wire())

    def __hash__(self) -> int:
        return hash(codec.encode(self.to_wire()))

    @steady
    def __repr__(self) -> str:
        return f"Grant({self.to_json()!r})"


def where_words(where: Mapping[str, Constraint]) -> str:
    """Return constraints by fact in words."""
    return " and ".join(
        f"{shown(name)} {constraint.words()}{' (if given)' if constraint.optional else ''}"
        for name, constraint in where.items()
    )


def grant(
    *actions: str,
    where: Mapping[str, Constraint] | None = None,
    only: bool = False,
    **facts: Constraint,
) -> Grant:
    """Return a grant: `grant("repo.read", "repo.write.*", repo=one_of("clord"))`.

    Keyword arguments are facts; `where` takes names that are no Python names ("args.path"). only:
    no fact under "args." that is not named here.
    Raises TypeError or ValueError for what is no pattern or no constraint.
    """
    if where is not None and not isinstance(where, Mapping):
        raise TypeError(f"where is a {type(where).__name__}, not a mapping of fact to constraint")
    named = {**(where or {}), **facts}
    if only and named and not any(name.startswith("args.") for name in named):
        raise ValueError('only looks at facts under "args."; name them so, as in where={"args.path": …}')
    return Grant(actions, named, only=only)


def check_where(where: Mapping[str, Constraint]) -> dict[str, Constraint]:
    """Return a copy of `where` after checking its types; raises TypeError."""
    if not isinstance(where, Mapping):
        raise TypeError(f"where is a {type(where).__name__}, not a mapping of fact to constraint")
    for name, constraint in where.items():
        if not isinstance(name, str):
            raise TypeError(f"fact {name!r} is a {type(name).__name__}; names are text")
        if not isinstance(constraint, Constraint):
            hint = f"one_of({constraint!r:.40})" if isinstance(constraint, Scalar) else "one_of(…), under(…)"
            raise TypeError(f"fact {name!r}: a {type(constraint).__name__} is no constraint; write {hint}")
    return dict(where)


@final
class Demand:
    """An approval demand: for these actions, `quorum` distinct keys of `keys` must have signed."""

    __slots__ = ("actions", "keys", "quorum")

    actions: tuple[str, ...]
    keys: tuple[bytes, ...]
    quorum: int

    def __init__(self, actions: Iterable[str], keys: Iterable[bytes], quorum: int = 1) -> None:
        self.actions = tuple(actions)
        self.keys = tuple(keys)
        self.quorum = quorum
        fault = self.fault()
        if fault:
            raise ValueError(fault)
        check_patterns(self.actions)

    def fault(self) -> str:
        """Return what is wrong with keys and quorum, or the empty text."""
        if not self.actions:
            return "an approval demand without an action"
        if any(type(key) is not bytes or len(key) != 32 for key in self.keys):
            return "approver keys are 32 bytes each"
        if not self.keys or len(set(self.keys)) != len(self.keys):
            return "approver keys are at least one, and distinct"
        most = min(limits.MAX_QUORUM, len(self.keys))
        if type(self.quorum) is not int or not 1 <= self.quorum <= most:
            return f"quorum {self.quorum!r} is not from 1 to {most}"
        return ""

    def to_wire(self) -> list[object]:
        """Return the array of token.cddl."""
        return [list(self.actions), list(self.keys), self.quorum]

    def to_json(self) -> dict[str, object]:
        """Return the JSON form."""
        return {"actions": list(self.actions), "keys": [k.hex() for k in self.keys], "quorum": self.quorum}

    def words(self) -> str:
        """Return the demand in words."""
        return f"{', '.join(self.actions)} with approval by {self.quorum} of {len(self.keys)}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Demand) and self.to_wire() == other.to_wire()

    def __hash__(self) -> int:
        return hash((self.actions, self.keys, self.quorum))

    @steady
    def __repr__(self) -> str:
        return f"Demand({self.to_json()!r})"


# --- reading decoded values (token.cddl); each raises Malformed `shape` ------------------------------
def read_where(value: object) -> dict[str, Constraint]:
    """Return a map of fact to constraint."""
    if type(value) is not dict or not value:
        raise malformed(Fault.FACTS)
    if len(value) > 1:
        codec.ordered(value)
    for name, constraint in value.items():
        if type(name) is not str:
            raise malformed(Fault.FACT_NAME)
        value[name] = constraints.read_constraint(constraint)
    return value


def read_patterns(value: object) -> tuple[str, ...]:
    """Return an array of patterns."""
    if type(value) is list and value:
        try:
            joined = "\n".join(value)  # no pattern has a line feed, so one look does for all
        except TypeError:
            joined = ""
        whole = _PATTERNS.fullmatch(joined) and joined.count("\n") == len(value) - 1
        if whole and (len(joined) <= limits.MAX_NAME or _short(value)):
            return tuple(value)
    raise malformed(Fault.PATTERNS)


def _short(patterns: list[str]) -> bool:
    return max(map(len, patterns)) <= limits.MAX_NAME


def read_grant(value: object) -> Grant:
    """Return a grant of an allow."""
    if type(value) is not dict or [*value] not in _GRANT_KEYS or value.get(2, True) is not True:
        raise _grant_fault(value)
    if bool in map(type, value):  # True == 1 in Python: {0: …, true: …} looks like {0: …, 1: …}
        raise malformed(Fault.KEY_TYPE)
    self = Grant.__new__(Grant)
    self.actions = read_patterns(value[0])
    self.where = read_where(value[1]) if 1 in value else {}
    self.only = 2 in value
    return self


def _grant_fault(value: object) -> Malformed:
    """Return what is wrong with another grant, or raise what is wrong with a member before that."""
    if type(value) is dict and [*value][:1] == [0]:
        read_patterns(value[0])
        if [*value][1:2] == [1]:
            read_where(value[1])
    return malformed(Fault.GRANT)


def deny_fault(denied: Grant) -> str:
    """Return why a grant cannot stand in a deny, or the empty text."""
    if denied.only:
        return "`only` has no meaning in a deny"
    if any(constraint.optional for constraint in denied.where.values()):
        return "`optional` has no meaning in a deny"
    return ""


def read_demand(value: object) -> Demand:
    """Return an approval demand."""
    if type(value) is not list or len(value) != 3:
        raise malformed(Fault.DEMAND)
    self = Demand.__new__(Demand)
    self.actions = read_patterns(value[0])
    if type(value[1]) is not list:
        raise malformed(Fault.DEMAND)
    self.keys = tuple(value[1])
    self.quorum = value[2]
    if self.fault():
        raise malformed(Fault.DEMAND)
    return self
