"""The terms of a block as people write them, checked into fields.

    run="agt_1@2", audience=["github"], ttl="15m", allow=[grant("repo.read"), "pull_request.create"]

Each wrong type fails here, with what was expected.
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypedDict

from . import limits
from .block import (
    ALLOW,
    APPROVAL,
    AUDIENCE,
    BOUND,
    BUDGET,
    DENY,
    DEPTH,
    EXPIRES,
    EXTENSION,
    FINAL,
    FOR,
    ISSUED_AT,
    NONCE,
    NOT_BEFORE,
    NOTES,
    RUN,
    WHERE,
    Fields,
)  # fmt: skip
from .constraints import Constraint
from .errors import Malformed
from .grants import Demand, Grant, check_patterns, check_where, deny_fault
from .request import make_run
from .words import brief

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Terms(TypedDict, total=False):
    """What a block may say.

    run: "agt_1@2/reader@1"; attempts may be left open after block 0. audience: names of services.
    ttl: seconds, or text such as "90s", "15m", "1h", "1d"; or expires: seconds since 1970.
    not_before: seconds since 1970. allow, deny: grants, or action patterns as text.
    where: fact -> constraint. budget: unit -> limit. approval: demands. depth: blocks that may
    follow, 0 to 15. final: patterns whose first use ends the lease. bound: True to accept only
    proofs bound to a call. notes: text -> text, int or bool. extensions: "vendor/name" -> value.
    """

    run: str
    audience: str | Iterable[str]
    ttl: int | str
    expires: int
    not_before: int
    allow: Grant | str | Iterable[Grant | str]
    deny: Grant | str | Iterable[Grant | str]
    where: Mapping[str, Constraint]
    budget: Mapping[str, int]
    approval: Demand | Iterable[Demand]
    depth: int
    final: str | Iterable[str]
    bound: bool
    notes: Mapping[str, str | int | bool]
    extensions: Mapping[str, Any]


def seconds(value: int | str) -> int:
    """Return a duration in seconds from an int or text such as "90s", "15m", "1h", "1d"."""
    if type(value) is int and 0 < value <= limits.SAFE_MAX:
        return value
    found = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", value) if isinstance(value, str) else None
    if not found:
        raise ValueError(f'duration {value!r:.40}; give seconds above 0, or text such as "90s", "15m", "1h"')
    return int(found[1]) * _UNITS[found[2]]


def moment(now: int | None, clock: Callable[[], float] | None = None) -> int:
    """Return `now`, whole seconds since 1970, or the clock's where it is None.

    Raises TypeError or ValueError for anything else.
    """
    if now is None:
        now = math.floor((clock or time.time)())
    if type(now) is not int:
        raise TypeError(f"now is a {type(now).__name__}; give whole seconds since 1970")
    if not 0 <= now <= limits.SAFE_MAX:
        raise ValueError(f"now is {brief(now)}; give whole seconds since 1970")
    return now


def steady() -> float:
    """Return seconds on a clock that only runs forward, also while the machine sleeps."""
    return time.clock_gettime(_CLOCK)


def make_fields(
    terms: Terms, *, index: int, now: int, nonce: bytes | None = None, asked_for: bytes | None = None
) -> Fields:
    """Return the fields of block number `index`; raises TypeError or ValueError with what was expected.

    now: seconds since 1970, the issued_at of block 0 and the start of `ttl`. nonce: random by
    default, 16 bytes in block 0 and 8 in others. asked_for: the id that an approval is for.
    """
    unknown = set(terms) - set(Terms.__annotations__)
    if unknown:
        raise TypeError(f"no term {', '.join(sorted(unknown))}; known: {', '.join(Terms.__annotations__)}")
    fields: Fields = {NONCE: nonce or os.urandom(8 if index else 16)}
    if index == 0:
        fields[ISSUED_AT] = now
    for name, value in terms.items():
        if value is not None:
            _TAKERS[name](fields, value, now)
    if asked_for is not None:
        fields[FOR] = asked_for
    if index == 0:
        for key, name in ((RUN, "run"), (AUDIENCE, "audience"), (ALLOW, "allow"), (EXPIRES, "ttl")):
            if key not in fields:
                raise TypeError(f"a lease needs {name}: none is all-powerful by omission")
        if any(attempt is None for _, attempt in fields[RUN]):
            raise ValueError('the run of a lease states every attempt, as in "agt_1@2"')
        if fields[EXPIRES] <= now:
            raise ValueError(f"expires {fields[EXPIRES]} is not after now, {now}")
    return fields


def _take_run(fields: Fields, value: Any, now: int) -> None:
    try:
        fields[RUN] = make_run(value)
    except Malformed as fault:
        raise ValueError(str(fault.finding)) from None


def _take_audience(fields: Fields, value: Any, now: int) -> None:
    names = (value,) if isinstance(value, str) else tuple(value)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise TypeError(f"audience {value!r:.80}; give the names of one or more services")
    fields[AUDIENCE] = names


def _take_ttl(fields: Fields, value: Any, now: int) -> None:
    if EXPIRES in fields:
        raise TypeError("give ttl or expires, not both")
    fields[EXPIRES] = now + seconds(value)


def _take_expires(fields: Fields, value: Any, now: int) -> None:
    if EXPIRES in fields:
        raise TypeError("give ttl or expires, not both")
    fields[EXPIRES] = _number("expires", value, limits.SAFE_MAX)


def _take_not_before(fields: Fields, value: Any, now: int) -> None:
    fields[NOT_BEFORE] = _number("not_before", value, limits.SAFE_MAX)


def _number(name: str, value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise TypeError(f"{name} {value!r:.40}; give an int from 0 to {most}")
    return value


def _grants(name: str, value: Any) -> tuple[Grant, ...]:
    value = (value,) if isinstance(value, (str, Grant)) else value
    out = tuple(Grant((each,)) if isinstance(each, str) else each for each in value)
    for each in out:
        if not isinstance(each, Grant):
            raise TypeError(f"{name}: a {type(each).__name__} is no grant; write grant(…) or an action")
    if not out:
        raise ValueError(f"{name} is empty; leave it out or name a grant")
    return out


def _take_allow(fields: Fields, value: Any, now: int) -> None:
    fields[ALLOW] = _grants("allow", value)


def _take_deny(fields: Fields, value: Any, now: int) -> None:
    denied = _grants("deny", value)
    for each in denied:
        fault = deny_fault(each)
        if fault:
            raise ValueError(fault)
    fields[DENY] = denied


def _take_where(fields: Fields, value: Any, now: int) -> None:
    where = check_where(value)
    if not where:
        raise ValueError("where is empty; leave it out or name a fact")
    fields[WHERE] = where


def _take_budget(fields: Fields, value: Any, now: int) -> None:
    if not isinstance(value, Mapping) or not value:
        raise TypeError(f"budget {value!r:.40}; give unit -> limit, such as {{'calls': 30}}")
    for unit, limit in value.items():
        if not isinstance(unit, str):
            raise TypeError(f"budget unit {unit!r:.40}; units are text")
        _number(f"budget {unit}", limit, limits.SAFE_MAX)
    fields[BUDGET] = dict(value)


def _take_approval(fields: Fields, value: Any, now: int) -> None:
    demands = (value,) if isinstance(value, Demand) else tuple(value)
    if not demands or not all(isinstance(each, Demand) for each in demands):
        raise TypeError("approval is a list of demand(…)")
    fields[APPROVAL] = demands


def _take_depth(fields: Fields, value: Any, now: int) -> None:
    fields[DEPTH] = _number("depth", value, limits.MAX_DEPTH_CAVEAT)


def _take_final(fields: Fields, value: Any, now: int) -> None:
    patterns = (value,) if isinstance(value, str) else tuple(value)
    if not patterns:
        raise ValueError("final is empty; leave it out or name an action")
    check_patterns(patterns)
    fields[FINAL] = patterns


def _take_bound(fields: Fields, value: Any, now: int) -> None:
    if type(value) is not bool:
        raise TypeError(f"bound is a {type(value).__name__}, not a bool")
    if value:
        fields[BOUND] = True


def _take_notes(fields: Fields, value: Any, now: int) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"notes is a {type(value).__name__}, not a mapping")
    for name, note in value.items():
        if not isinstance(name, str) or type(note) not in (str, int, bool):
            raise TypeError(f"note {name!r:.40}: notes are text -> text, int or bool")
    fields[NOTES] = dict(value)


def _take_extensions(fields: Fields, value: Any, now: int) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"extensions is a {type(value).__name__}, not a mapping")
    for name in value:
        if not isinstance(name, str) or not EXTENSION.fullmatch(name):
            raise ValueError(f"extension {name!r:.80}; names are vendor/name")
    fields.update(value)


_TAKERS = {
    "run": _take_run, "audience": _take_audience, "ttl": _take_ttl, "expires": _take_expires,
    "not_before": _take_not_before, "allow": _take_allow, "deny": _take_deny, "where": _take_where,
    "budget": _take_budget, "approval": _take_approval, "depth": _take_depth, "final": _take_final,
    "bound": _take_bound, "notes": _take_notes, "extensions": _take_extensions,
}  # fmt: skip
