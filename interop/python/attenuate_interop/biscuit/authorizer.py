"""What the service states: one request, as one fact, and the two policies (specs/verify.md, V6 and V7).

    authorizer = authorizer_for(request, biscuit, now=now)
    authorizer.authorize()

The template is text, so that a service in another language fills in the same.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import biscuit_auth as ba
from biscuit_auth import Authorizer, Biscuit

from attenuate import Malformed, Request, limits
from attenuate.fields import moment, seconds
from attenuate.request import OPAQUE, Fact

from .exact import exact
from .grants import FACT
from .literals import literal

NO_CAP: Final = limits.SAFE_MAX
"""The `max_lifetime` of a service that has none: no lease lasts longer."""
MAX_TIME: Final = 1.0
"""Seconds that an evaluation may take. It takes about a millisecond; but the library's own limit, 1 ms,
fails at once on a busy machine, and one of 100 ms was seen to. What a lease can cost is bounded anyway."""
MAX_MATCHES: Final = 4096
"""Regular expressions that the checks may ask of a request: the library compiles each anew, which takes
70 microseconds, and it does not look at its time limit inside of a check. So this is 0.3 s."""
MAX_DERIVED: Final = 1000
MAX_ITERATIONS: Final = 100
"""What rules in blocks that holders appended may cost; a lease has none."""

_DAY: Final = 86_400
_NOT_TAKEN: Final = (
    ba.AuthorizationError,
    ba.BiscuitBlockError,
    ba.BiscuitBuildError,
    ba.BiscuitSerializationError,
    ba.BiscuitValidationError,
    ba.DataLogError,
)

AUTHORIZER: Final = """\
request({request});
check all request($r), $r.all($kv -> !$kv.get(0).starts_with("fact:") || $kv.get(1).type() == "array");
allow if lease(1);
deny if true;
"""
"""The authorizer's Datalog, with one parameter: a map of what the service states of the request.

action, audience: text. names, attempts: of the run, outermost first; an open attempt is null. time,
leeway: seconds. max_lifetime: seconds, NO_CAP for none. blocks: how many blocks the token has.
fact:NAME: a list; a scalar is a list of one, what is opaque null, and a list of one opaque [null, null].
The check is for who fills it in: a fact stated as a bare null would read as absent.
"""


def authorizer_source(
    request: Request,
    blocks: int,
    *,
    now: int | None = None,
    max_lifetime: int | str | None = None,
    leeway: int = 0,
) -> str:
    """Return the template filled in for one request.

    blocks: of the token. now: seconds since 1970, by default the clock's. max_lifetime: seconds that a
    lease may last, or text as "15m", None for any. leeway: seconds, 0 to 60.

    Raises Malformed `facts` for a request without a run, TypeError or ValueError for settings.
    """
    if request.run is None:
        raise Malformed("facts", "a request without a run", allowed="the run that this service executes")
    stated = {
        "action": request.action,
        "audience": request.audience,
        "names": [name for name, _ in request.run],
        "attempts": [attempt for _, attempt in request.run],
        "time": moment(now),
        "leeway": _number("leeway", leeway, limits.MAX_LEEWAY),
        "max_lifetime": NO_CAP if max_lifetime is None else seconds(max_lifetime),
        "blocks": _number("blocks", blocks, NO_CAP),
    }
    facts = {f"{FACT}{name}": _listed(fact) for name, fact in request.facts.items()}
    return AUTHORIZER.replace("{request}", literal({**stated, **facts}))


def authorizer_for(
    request: Request,
    biscuit: Biscuit,
    *,
    now: int | None = None,
    max_lifetime: int | str | None = None,
    leeway: int = 0,
    max_time: float = MAX_TIME,
    foreign: bool = False,
) -> Authorizer:
    """Return the authorizer of a verified biscuit for one request, to be asked at once, and once.

    The time is in it as it was made: one that is kept goes on allowing what has expired. Its
    `authorize()` passes or raises biscuit_auth.AuthorizationError; the authorizer itself is no verdict,
    and is true in an `if`. A text of that error that does not begin with "authorization failed" is no
    verdict of the checks: the evaluation ended before one, by a limit or by a value of another type in the
    request, and nothing is granted.

    max_time: seconds above 0, looked at between checks. foreign: True to take blocks that are no lease's
    as well. They only narrow, but whoever appended one decides how long this process computes.

    Raises NotPortable for a foreign block (see `lease_blocks`); Malformed `too_large` where lists in the
    request and the lease's `under` and `host` make more than MAX_MATCHES regular expressions, and, with
    `foreign`, `shape` for a block that the library does not take; ValueError for another max_time; the rest
    as for `authorizer_source`.
    """
    if not isinstance(max_time, (int, float)) or not 0 < max_time < _DAY:
        raise ValueError(f"max_time {max_time!r:.40}; give seconds above 0, and less than a day")
    text = authorizer_source(
        request, biscuit.block_count(), now=now, max_lifetime=max_lifetime, leeway=leeway
    )
    if not foreign:
        _check_cost(exact(biscuit).matches, request)
    builder: Any = ba.AuthorizerBuilder(text)  # its stubs do not know of limits
    bounds = builder.limits()
    bounds.max_time = timedelta(seconds=max_time)
    bounds.max_facts = MAX_DERIVED
    bounds.max_iterations = MAX_ITERATIONS
    builder.set_limits(bounds)
    try:
        authorizer: Authorizer = builder.build(biscuit)
    except _NOT_TAKEN:
        pass
    else:
        return authorizer
    raise Malformed("shape", "a block that the library does not take", allowed="blocks of exported leases")


def _check_cost(matches: int, request: Request) -> None:
    """Refuse what would compute for long: each expression is asked of each element of a list."""
    longest = max((len(fact) for fact in request.facts.values() if isinstance(fact, tuple)), default=1)
    if matches * max(longest, 1) > MAX_MATCHES:
        raise Malformed(
            "too_large",
            f"{matches} regular expressions for each of {longest} elements of a fact",
            allowed=f"{MAX_MATCHES} in all",
            would_pass="a shorter list, or fewer grants with under or host",
        )


def _listed(fact: Fact) -> list[Any]:
    """Return a fact as a list. A list of one opaque becomes two: only an opaque fact itself is [null]."""
    if not isinstance(fact, tuple):
        return [fact]
    return [OPAQUE, OPAQUE] if fact == (OPAQUE,) else [*fact]


def _number(name: str, value: object, most: int) -> int:
    if type(value) is not int:
        raise TypeError(f"{name} is a {type(value).__name__}, not an int")
    if not 0 <= value <= most:
        raise ValueError(f"{name} is not from 0 to {most}")
    return value
