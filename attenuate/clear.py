"""Stage clear: every caveat of every block, for one request at one time (V6, V7).

`failures` yields what does not hold, in the order that is the contract: V6 of block 0, V6 of each
block, then V7 by block and key. Verification stops at the first; `explain` reads them all. There
is no second implementation, so an explanation never disagrees with a decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any, NamedTuple, TypeAlias

from . import limits
from .block import (
    ALLOW,
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
    Block,
    Key,
)  # fmt: skip
from .grants import holds
from .request import Request, Run

Handler: TypeAlias = Callable[[Any, Request], bool]
"""Decides an extension caveat: (value, request) -> exactly True where it holds."""


class Rules(NamedTuple):
    """What a verifier is set to. leeway: seconds; max_lifetime: seconds or None; handlers by key."""

    leeway: int = 0
    max_lifetime: int | None = None
    handlers: Mapping[str, Handler] = {}


class Failure(NamedTuple):
    """One check that did not hold: its code, the block, the key of the caveat (or None), and notes.

    notes: for an approval, why each attached one does not count.
    """

    code: str
    block: int | None = None
    key: Key | None = None
    notes: tuple[str, ...] = ()


class Case(NamedTuple):
    """Everything that is looked at together. asked_for: the id an approval must be for, or None."""

    blocks: tuple[Block, ...]
    request: Request
    run: Run | None
    now: int
    rules: Rules
    bound: bool
    asked_for: bytes | None = None


def run_of(blocks: tuple[Block, ...]) -> Run | None:
    """Return the longest run that blocks state, each attempt from the first block that states it.

    None where no block states a run, which V6 refuses.
    """
    stated = [block.fields[RUN] for block in blocks if RUN in block.fields]
    if not stated:
        return None
    longest = max(stated, key=len)  # the first of equals
    out = []
    for level, (name, _) in enumerate(longest):
        attempts = (run[level][1] for run in stated if len(run) > level)
        out.append((name, next((attempt for attempt in attempts if attempt is not None), None)))
    return tuple(out)


def _complete(fields: Mapping[Key, Any]) -> bool:
    if RUN not in fields or AUDIENCE not in fields or EXPIRES not in fields or ALLOW not in fields:
        return False
    if fields.get(ISSUED_AT, limits.SAFE_MAX) >= fields[EXPIRES]:
        return False
    for segment in fields[RUN]:
        if segment[1] is None:
            return False
    return True


def failures(case: Case) -> Iterator[Failure]:
    """Yield every check of V6 and V7 that does not hold, in order."""
    blocks, request, run, now, rules, bound, asked_for = case

    # V6: the shape of authority, before any caveat is looked at
    root = blocks[0].fields
    if not _complete(root):
        yield Failure("structure", 0)
    issued_at = root.get(ISSUED_AT, 0)
    if issued_at > now + limits.SKEW:
        yield Failure("issued_at", 0, ISSUED_AT)
    cap = rules.max_lifetime
    for index, block in enumerate(blocks):
        if block.structural or not index:
            fields = block.fields
            if index and ISSUED_AT in fields:
                yield Failure("structure", index, ISSUED_AT)
            if DEPTH in fields and len(blocks) - 1 - index > fields[DEPTH]:
                yield Failure("depth", index, DEPTH)
            if not index and cap is not None and fields.get(EXPIRES, limits.SAFE_MAX) - issued_at > cap:
                yield Failure("lifetime", 0, EXPIRES)
            if FOR in fields and (asked_for is None or index):
                yield Failure("for", index, FOR)
            if BOUND in fields and not bound:
                yield Failure("bound", index, BOUND)

    # V7: every caveat
    for index, block in enumerate(blocks):
        for key, value in block.caveats:
            if key == RUN:
                if run is None or run[: len(value)] != value:
                    code = _run_failure(run, value)
                    if code:
                        yield Failure(code, index, key)
            elif key == EXPIRES:
                if now >= value + rules.leeway:
                    yield Failure("expires", index, key)
            elif key == ALLOW:
                for grant in value:
                    if grant.fits(request):
                        break
                else:
                    yield Failure("allow", index, key)
            elif key == AUDIENCE:
                if request.audience not in value:
                    yield Failure("audience", index, key)
            elif key == DENY:
                for grant in value:
                    if grant.denies(request):
                        yield Failure("deny", index, key)
                        break
            elif key == WHERE:
                for name, constraint in value.items():
                    if not holds(constraint, request, name):
                        yield Failure("where", index, key)
                        break
            elif key == NOT_BEFORE:
                if now < value - rules.leeway:
                    yield Failure("not_before", index, key)
            elif key == BUDGET:
                for unit in value:
                    if unit != "calls" and unit not in request.cost:
                        yield Failure("budget", index, key)
                        break
            elif not _extension_holds(key, value, case):
                known = isinstance(key, str) and key in rules.handlers
                yield Failure(str(key) if known else "unknown_caveat", index, key)


def _run_failure(run: Run | None, stated: Run) -> str:
    """Return "run", "attempt", or the empty text where open attempts make it hold."""
    if run is None or len(run) < len(stated):
        return "run"
    if any(mine[0] != theirs[0] for mine, theirs in zip(run, stated, strict=False)):
        return "run"
    if any(theirs[1] not in (None, mine[1]) for mine, theirs in zip(run, stated, strict=False)):
        return "attempt"
    return ""


def _extension_holds(key: Key, value: Any, case: Case) -> bool:
    handler = case.rules.handlers.get(key) if isinstance(key, str) else None
    if handler is None:
        return False
    try:
        return handler(deepcopy(value), case.request) is True  # its own copy: the chain is cached
    except Exception:
        return False  # a handler that raises has not said yes
