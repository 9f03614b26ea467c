"""What a stock `pymacaroons.Verifier` asks of each line: whether it holds for this request, now.

A verifier shows a satisfier one caveat at a time. So each line is made back into a block that says
only that, and attenuate's own rules (V6, V7) decide about it. There is no second evaluator here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, final

from pymacaroons import Macaroon, Verifier

from attenuate import KeyRing, Malformed, Request, limits
from attenuate.block import (
    ALLOW,
    AUDIENCE,
    EXPIRES,
    HMAC,
    ISSUED_AT,
    NONCE,
    RUN,
    Block,
    make_block,
)  # fmt: skip
from attenuate.clear import Case, Handler, Rules, failures
from attenuate.fields import moment
from attenuate.grants import Grant
from attenuate.verifier import make_rules

from .form import check
from .keys import authenticate, check_whole, key_of, read_identifier
from .lines import BLOCK, END, read_line

# A complete block 0 for a line to stand behind; what is found of it says nothing and is not looked at.
_ROOT: Final = make_block(
    {
        NONCE: bytes(16),
        RUN: (("-", 1),),
        AUDIENCE: ("-",),
        EXPIRES: limits.SAFE_MAX,
        ALLOW: (Grant(["*"]),),
        ISSUED_AT: 0,
    },
    0,
    HMAC,
)
_DATES: Final = (ISSUED_AT, EXPIRES)


@final
class Satisfier:
    """Answers for the lines of one macaroon: exactly True or False, and never raises.

    lines: those that were found signed. now: None for the clock's, read each time. For any other line, for
    what is not of the grammar, and for an extension without a handler, the answer is False.
    """

    __slots__ = ("_lines", "_now", "_request", "_rules")

    def __init__(self, lines: Iterable[str], request: Request, now: int | None, rules: Rules) -> None:
        self._lines = frozenset(lines)
        self._request = request
        self._now = now
        self._rules = rules

    def __call__(self, caveat: object) -> bool:
        """Say whether a caveat holds. caveat: its text, as pymacaroons gives it; anything else does not."""
        try:
            return type(caveat) is str and caveat in self._lines and self._holds(caveat)
        except Exception:  # not of the grammar, or a fault: whatever it was, nothing has said yes
            return False

    def _holds(self, caveat: str) -> bool:
        word, block = read_line(caveat)
        if word in (BLOCK, END):
            return True
        if word == "issued_at":  # block 0's dates: V6 looks at both, V7 at the second
            return not any(failure.key in _DATES for failure in failures(self._case(block)))
        return not any(failure.block == 1 for failure in failures(self._case(_ROOT, block)))

    def _case(self, *blocks: Block) -> Case:
        return Case(blocks, self._request, self._request.run, moment(self._now), self._rules, False)


def satisfy(
    verifier: Verifier,
    macaroon: Macaroon,
    request: Request,
    ring: KeyRing,
    *,
    now: int | None = None,
    max_lifetime: int | str | None = None,
    leeway: int = 0,
    handlers: Mapping[str, Handler] | None = None,
) -> bytes:
    """Let a stock verifier decide about one macaroon and one request as attenuate would (V6, V7).

    Return the key, 32 bytes, a secret, for `verifier.verify(macaroon, key)`. The macaroon is authentic
    then, with every line of it, so that no handler ever sees a line that nobody signed: pymacaroons asks
    about the lines before it looks at the signature.

    verifier: a new `pymacaroons.Verifier()` for each macaroon and request. request: with its run, and this
    service's own name as its audience. ring: as for `attenuate.Verifier`. now: seconds since 1970; by
    default the clock's, each time it is asked. max_lifetime: the longest lease taken, in seconds or as
    "15m". leeway: 0 to 60 seconds. handlers: "vendor/name" -> function of (value, request), as for
    `attenuate.Verifier`.

    Raises Malformed for another macaroon or a request without a run, Untrusted `unknown_key`, `algorithm`
    or `proof`, Forbidden `audience` (V3) or `structure` (V6: block 0 is not whole), TypeError or ValueError
    for another type, and ValueError for a verifier that has satisfiers already: a caveat may hold for either.
    """
    if not isinstance(verifier, Verifier):
        raise TypeError(f"verifier is a {type(verifier).__name__}, not a pymacaroons.Verifier")
    if not isinstance(request, Request):
        raise TypeError(f"request is a {type(request).__name__}, not a Request")
    if not isinstance(ring, KeyRing):
        raise TypeError(f"ring is a {type(ring).__name__}, not a KeyRing")
    if request.run is None:
        raise Malformed("facts", "a request without a run", allowed="the run that this process executes")
    if any(isinstance(callback, Satisfier) for callback in verifier.callbacks):
        raise ValueError("this verifier has a request; make a pymacaroons.Verifier() for each")
    rules = make_rules(max_lifetime, leeway, handlers)
    moment(now)
    check(macaroon)
    key_id = read_identifier(macaroon.identifier_bytes).key_id
    authenticate(macaroon, key_id, ring, request.audience)
    check_whole(macaroon)
    lines = [caveat.caveat_id_bytes.decode("ascii") for caveat in macaroon.caveats]
    verifier.satisfy_general(Satisfier(lines, request, now, rules))
    return key_of(key_id, ring, request.audience)  # last: no error above may have it in its frames
