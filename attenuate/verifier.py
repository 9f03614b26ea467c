"""The check a tool service makes: a key ring, an audience, a clock, and one call.

verifier = Verifier(keys, audience="github")
verified = verifier.verify(token, action="repo.read", run="agt_1@2", facts={"repo": "clord"})
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, NoReturn, final

from . import _engine, limits
from .block import EXTENSION
from .cache import CacheInfo
from .call import call_binding, call_digest, flatten
from .clear import Handler, Rules
from .errors import Finding, LeaseError, Malformed, bare
from .fields import moment, seconds
from .lease import Lease
from .request import Request
from .ring import KeyRing
from .verified import Verified
from .words import steady


class Explanation(NamedTuple):
    """Every reason why a request would be refused; none where it would pass. It grants nothing."""

    findings: tuple[Finding, ...]

    @property
    def would_pass(self) -> bool:
        """Whether nothing stands against the request but charges that a gate looks at."""
        return not self.findings

    def __bool__(self) -> NoReturn:
        raise TypeError("an Explanation decides nothing; call verify, or read would_pass")

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings)) or "would pass"


def make_rules(max_lifetime: int | str | None, leeway: int, handlers: Mapping[str, Handler] | None) -> Rules:
    """Return the settings of a verifier, checked.

    max_lifetime: in seconds or as "15m", None for any. leeway: 0 to 60 seconds. handlers: by vendor/name.
    Raises TypeError or ValueError for others.
    """
    if type(leeway) is not int or not 0 <= leeway <= limits.MAX_LEEWAY:
        raise ValueError(f"leeway {leeway!r:.40} is not from 0 to {limits.MAX_LEEWAY} seconds")
    cap = None if max_lifetime is None else seconds(max_lifetime)
    for name, handler in (handlers or {}).items():
        if not isinstance(name, str) or not EXTENSION.fullmatch(name) or not callable(handler):
            raise ValueError(f"handler {name!r:.80}; give vendor/name -> function")
    return Rules(leeway, cap, dict(handlers or {}))


@final
class Verifier:
    """Verifies leases for one audience, with a cache of authentic chains (never of decisions).

    keys: the ring of this service. audience: its name. max_lifetime: the longest lease taken, in
    seconds or as "15m", None for any. leeway: seconds of clock difference allowed at not_before and expires,
    0 to 60. handlers: "vendor/name" -> function of (value, request) that returns True where that
    extension caveat holds. cache: bytes of memory for authentic chains, about; 0 for none. clock: seconds since 1970.
    allow_unstated_run: take the run from the blocks where the caller passes run=None; only for a
    service that cannot know the run, such as another organisation's.

    Raises TypeError or ValueError for anything else, ImportError for an engine that is missing.
    """

    __slots__ = ("_allow_unstated_run", "_cache", "_rules", "audience", "clock", "keys")

    def __init__(
        self,
        keys: KeyRing,
        *,
        audience: str,
        max_lifetime: int | str | None = None,
        leeway: int = 0,
        handlers: Mapping[str, Handler] | None = None,
        cache: int = limits.CACHE_BYTES,
        clock: Callable[[], float] = time.time,
        allow_unstated_run: bool = False,
    ) -> None:
        _engine.require()
        if not isinstance(keys, KeyRing):
            raise TypeError(f"keys is a {type(keys).__name__}, not a KeyRing")
        if not isinstance(audience, str) or not audience:
            raise TypeError(f"audience {audience!r:.80}; give the name of this service")
        self.keys = keys
        self.audience = audience
        self._rules = make_rules(max_lifetime, leeway, handlers)
        self._cache = _engine.ChainCache(cache) if cache else None
        self.clock = clock
        self._allow_unstated_run = allow_unstated_run is True

    def verify(
        self,
        token: str,
        *,
        action: str,
        run: str | Iterable[Iterable[object]] | None = None,
        facts: Mapping[str, object] | None = None,
        cost: Mapping[str, int] | None = None,
        binding: bytes | None = None,
        now: int | None = None,
    ) -> Verified:
        """Return the proof that a token allows a request now (V1 to V8), or raise why it does not.

        token: the text, approvals included. action, run, facts, cost, binding: as for `Request`;
        a run of None is refused as `facts` unless this verifier has allow_unstated_run.
        now: seconds since 1970, by default the clock's.

        Raises Malformed, Untrusted or Forbidden, each with what was asked, allowed and would pass.
        """
        found: Verified | BaseException
        try:
            if run is None:
                self._check_unstated()
            request = _engine.make_request(
                action, audience=self.audience, run=run, facts=facts, cost=cost, binding=binding
            )
            at = moment(now, self.clock)
            found = _engine.outcome(token, request, self.keys, at, self._rules, self._cache)
        except BaseException as error:
            found = bare(error)
        if type(found) is Verified:
            return found
        del token
        try:
            raise found
        finally:
            del found  # the error's traceback holds this frame: the two would hold each other

    def verify_call(
        self,
        token: str,
        *,
        action: str,
        run: str | None,
        args: Mapping[str, object],
        facts: Mapping[str, object] | None = None,
        cost: Mapping[str, int] | None = None,
        now: int | None = None,
    ) -> Verified:
        """Do as `verify` for a tool call, stating all that its JSON arguments say.

        args: the arguments that will be passed on, as `flatten` takes them: they become the facts
        under "args.", the fact `call` (their digest, for approvals of one call) and the binding (for
        bound proofs). facts: what else the service states; names outside those. run: as text.

        Raises ValueError where `facts` states an argument itself, and what `verify` raises.
        """
        try:
            stated = {**flatten(args), "call": call_digest(args).hex()}
            for name in facts or ():
                if name == "call" or name == "args" or str(name).startswith("args."):
                    raise ValueError(f"fact {name!r:.80} comes from args")
            known = run if run is not None else Lease.parse(token).run
            binding = call_binding(self.audience, known, action, args) if known else None
            stated.update(facts or {})  # type: ignore[arg-type]
            return self.verify(
                token, action=action, run=run, facts=stated, cost=cost, binding=binding, now=now
            )
        except BaseException as error:
            del token
            raise bare(error) from None

    def explain(
        self,
        token: str,
        *,
        action: str,
        run: str | Iterable[Iterable[object]] | None = None,
        facts: Mapping[str, object] | None = None,
        cost: Mapping[str, int] | None = None,
        binding: bytes | None = None,
        now: int | None = None,
    ) -> Explanation:
        """Return every reason why a token would be refused; nothing is granted by it.

        The arguments are those of `verify`. Raises Malformed `facts` for a request that is none.
        """
        try:
            if run is None:
                self._check_unstated()
            request = _engine.make_request(
                action, audience=self.audience, run=run, facts=facts, cost=cost, binding=binding
            )
            at = moment(now, self.clock)
            return Explanation(_engine.explain(token, request, self.keys, at, self._rules, self._cache))
        except BaseException as error:
            del token
            raise bare(error) from None

    def verify_many(
        self, asked: Iterable[tuple[str, Request]], *, now: int | None = None
    ) -> list[Verified | LeaseError]:
        """Verify many tokens at one time, each for its request: a Verified or a LeaseError for each.

        Nothing is raised for a token that is refused; look at the type of what comes back. The native
        engine lets other threads run meanwhile, unless there are handlers.

        Raises TypeError, ValueError or Malformed for a request that `check` would not take, before any
        token is looked at.
        """
        pairs: list[tuple[str, Request]] = []
        try:
            for token, request in asked:
                self._mine(request)
                pairs.append((token, request))
            at = moment(now, self.clock)
            return _engine.verify_many(pairs, self.keys, at, self._rules, self._cache)
        except BaseException as error:
            token = ""
            del asked, pairs
            raise bare(error) from None

    def check(self, token: str, request: Request, *, now: int | None = None) -> Verified:
        """Do as `verify` for a request that is at hand, and may be asked again at less cost.

        Raises ValueError where its audience is not this verifier's, and what `verify` raises.
        """
        found: Verified | BaseException
        try:
            self._mine(request)
            at = moment(now, self.clock)
            found = _engine.outcome(token, request, self.keys, at, self._rules, self._cache)
        except BaseException as error:
            found = bare(error)
        if type(found) is Verified:
            return found
        del token
        try:
            raise found
        finally:
            del found  # the error's traceback holds this frame: the two would hold each other

    def _mine(self, request: Request) -> None:
        if not isinstance(request, Request):
            raise TypeError(f"request is a {type(request).__name__}, not a Request")
        if request.audience != self.audience:
            raise ValueError(f"a request for {request.audience!r} at the verifier of {self.audience!r}")
        if request.run is None:
            self._check_unstated()

    def _check_unstated(self) -> None:
        if not self._allow_unstated_run:
            raise Malformed(
                "facts",
                "a request without a run",
                allowed="the run that this process executes",
                would_pass='run="agt_1@2", or a Verifier made with allow_unstated_run=True',
            )

    def cache_info(self) -> CacheInfo | None:
        """Return what the cache holds and how often it was asked; None where there is none."""
        return None if self._cache is None else self._cache.info()

    @steady
    def __repr__(self) -> str:
        return f"<Verifier for {self.audience}, keys {', '.join(self.keys)}, {_engine.NAME} engine>"
