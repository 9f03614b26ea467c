"""The words for what did not hold: what was asked, what was allowed, and what would pass.

An agent developer should be able to act on the message alone. Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from .block import (
    ALLOW,
    APPROVAL,
    AUDIENCE,
    BOUND,
    BUDGET,
    DENY,
    DEPTH,
    EXPIRES,
    FOR,
    ISSUED_AT,
    NOT_BEFORE,
    RUN,
    WHERE,
    caveat_name,
)  # fmt: skip
from .clear import Case, Failure
from .constraints import Constraint
from .errors import Finding
from .grants import ABSENT, Grant, holds, look_up, matches, where_words
from .request import OPAQUE, Request, run_text
from .words import cut, listed, shown


def clock(seconds: int) -> str:
    """Return a time as people read it, in UTC."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return f"second {seconds}"
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")


def describe(failure: Failure, case: Case) -> Finding:
    """Return the finding of a failure."""
    key = failure.key
    caveat = None if key is None else caveat_name(key)
    index = failure.block or 0
    value = case.blocks[index].fields.get(key) if key is not None else None
    if failure.code in ("structure", "lifetime", "for"):
        words = _STRUCTURE[failure.code](value, case, index)
    elif isinstance(key, int) and key in _WORDS:
        words = _WORDS[key](value, case, index)
    elif failure.code == "unknown_caveat":
        hint = f"a verifier with a handler for {key}" if isinstance(key, str) else "a later version"
        words = (f"a request under caveat {key}", "caveats that this verifier knows", hint)
    else:
        words = (f"what caveat {key} decides", f"what its handler says yes to: {value!r:.80}", "")
    asked = "; ".join((words[0], *failure.notes))
    return Finding("forbidden", failure.code, failure.block, caveat, asked, *words[1:])


Words = tuple[str, str, str]


def _structure(value: Any, case: Case, index: int) -> Words:
    if index:
        return "issued_at after block 0", "issued_at in block 0 only", ""
    needs = "run with every attempt, audience, expires, allow and issued_at before expires"
    return "a lease whose block 0 is not complete", needs, "a lease minted by KeyRing.mint"


def _lifetime(value: Any, case: Case, index: int) -> Words:
    fields = case.blocks[0].fields
    lived = fields.get(EXPIRES, 0) - fields.get(ISSUED_AT, 0)
    cap = case.rules.max_lifetime
    return f"a lease of {lived} s", f"at most {cap} s here", f"a lease minted with ttl={cap} or less"


def _for(value: Any, case: Case, index: int) -> Words:
    return "an approval used as a lease", "approvals only beside the lease they are for", ""


_STRUCTURE: dict[str, Callable[[Any, Case, int], Words]] = {
    "structure": _structure,
    "lifetime": _lifetime,
    "for": _for,
}


def _issued_at(value: Any, case: Case, index: int) -> Words:
    return f"a lease issued at {clock(value)}", f"up to 60 s after now, {clock(case.now)}", "a correct clock"


def _depth(value: Any, case: Case, index: int) -> Words:
    after = len(case.blocks) - 1 - index
    return f"block {index + after} after block {index}", f"{value} more", "the lease before it was narrowed"


def _bound(value: Any, case: Case, index: int) -> Words:
    return "a proof that is not bound", "a proof bound to one call", "lease.present(call_binding(…))"


def _run(value: Any, case: Case, index: int) -> Words:
    asked = f"run {run_text(case.run)}" if case.run else "no run"
    if case.run and any(attempt is None for _, attempt in case.run):
        return asked, f"run {run_text(value)} and what it starts", "the run with its attempts, as in agt_1@2"
    return asked, f"run {run_text(value)} and what it starts", f"a lease for {asked}"


def _audience(value: Any, case: Case, index: int) -> Words:
    asked = f"audience {shown(case.request.audience)}"
    return asked, cut(listed(value)), f"a lease whose {asked.replace('audience', 'audience has', 1)}"


def _not_before(value: Any, case: Case, index: int) -> Words:
    return clock(case.now), f"from {clock(value)}", f"the same request in {value - case.now} s"


def _expires(value: Any, case: Case, index: int) -> Words:
    late = case.now - value
    return clock(case.now), f"before {clock(value)} ({late} s ago)", "a fresh lease"


def _allow(value: Any, case: Case, index: int) -> Words:
    request = case.request
    right: list[Grant] = [grant for grant in value if matches(grant.actions, request.action)]
    if not right:
        actions = sorted({action for grant in value for action in grant.actions})
        return f"action {request.action}", cut(", ".join(actions)), "one of the allowed actions"
    nearest = min(right, key=lambda grant: len(_missing(grant, request)))
    missing = _missing(nearest, request)
    asked = " and ".join(_fact(request, name) for name in missing)
    wanted = {name: nearest.where[name] for name in missing if name in nearest.where}
    words = where_words(wanted)
    extra = nearest.unnamed(request) if nearest.only else []
    if extra:
        asked += f"{' and ' if asked else ''}the unnamed {listed(extra[:4])}"
        words = " and ".join(
            filter(
                None,
                (words, f"no arguments but {listed(nearest.where)}" if nearest.where else "no arguments"),
            )
        )
    return f"{request.action} with {asked}", cut(nearest.words()), words


def _missing(grant: Grant, request: Request) -> list[str]:
    return [name for name, constraint in grant.where.items() if not holds(constraint, request, name)]


def _fact(request: Request, name: str) -> str:
    fact, name = look_up(request, name), shown(name)
    if fact is ABSENT:
        return f"no {name}"
    if fact is OPAQUE:
        return f"{name} that cannot be told"
    return f"{name} {cut(repr(list(fact) if isinstance(fact, tuple) else fact))}"


def _deny(value: Any, case: Case, index: int) -> Words:
    request = case.request
    for grant in value:
        if grant.denies(request):
            facts = " and ".join(_fact(request, name) for name in grant.where)
            asked = f"{request.action} with {facts}" if facts else request.action
            hint = (
                f"facts that certainly are not {where_words(grant.where)}"
                if grant.where
                else "another action"
            )
            return asked, f"nothing that is, or cannot be told not to be, {cut(grant.words())}", hint
    return request.action, "", ""


def _where(value: Any, case: Case, index: int) -> Words:
    failing: dict[str, Constraint] = {
        name: constraint for name, constraint in value.items() if not holds(constraint, case.request, name)
    }
    asked = " and ".join(_fact(case.request, name) for name in failing)
    return asked, cut(where_words(value)), cut(where_words(failing))


def _budget(value: Any, case: Case, index: int) -> Words:
    units = [unit for unit in value if unit != "calls" and unit not in case.request.cost]
    return "no cost stated", f"a cost in {cut(listed(units))}", "the guard states cost={unit: amount}"


def _approval(value: Any, case: Case, index: int) -> Words:
    action = case.request.action
    demands = [demand for demand in value if matches(demand.actions, action)]
    wanted = "; ".join(
        f"{demand.quorum} of " + ", ".join(key.hex()[:12] + "…" for key in demand.keys) for demand in demands
    )
    return (
        f"{action} without enough approvals",
        f"{action} approved by {wanted}",
        "an approval for this block",
    )


_WORDS: dict[int, Callable[[Any, Case, int], Words]] = {
    ISSUED_AT: _issued_at,
    DEPTH: _depth,
    BOUND: _bound,
    FOR: _for,
    RUN: _run,
    AUDIENCE: _audience,
    NOT_BEFORE: _not_before,
    EXPIRES: _expires,
    ALLOW: _allow,
    DENY: _deny,
    WHERE: _where,
    BUDGET: _budget,
    APPROVAL: _approval,
}


# --- approvals that do not count (V8) ---------------------------------------------------------------
class Uncounted(IntEnum):
    """What keeps an attached approval from counting before it is verified; the native kernel's numbers."""

    NOT_ASKED = 0
    NOT_SIGNED = 1
    BEARER = 2
    OTHER_BLOCK = 3
    NO_CALLS = 4
    ASKS = 5


UNCOUNTED = (
    "its key is not asked for, or is counted already",
    "it is not ed25519",
    "it is neither sealed nor bound",
    "it is for another block",
    "it has no budget of calls",
    "it asks for approvals itself",
)


def refusing(failure: Failure, case: Case) -> str:
    """Return why an authentic approval does not count."""
    return f"its block {failure.block} refuses, {failure.code}: {describe(failure, case).asked}"


def uncounted(number: int, why: str) -> str:
    """Return the note on attached approval `number`, counted from 0."""
    return f"approval {number + 1} does not count: {why}"
