"""The gate: verify, charge, record, and then a Grant; or the reason why not, and nothing done.

    gate = Gate(Verifier(keys, audience="github"), open_store("sqlite:state.db"))
    grant = gate.check(token, action="repo.read", run="agt_1@2", facts={"repo": "clord"})
    grant.left                                                                     # {"calls": 27}

Without `ledger` the gate reads revocations from its own store, in the same step as it charges: what
was revoked before that step is refused, always. With a `Follower` it goes by what that knows, if
that is not older than the action allows.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, Required, TypedDict, Unpack

from .cache import Cache, CacheInfo
from .chain import ID_SIZE
from .charges import Charge, Plan
from .errors import Finding, LeaseError, Refused, Unavailable, bare
from .fields import moment
from .freshness import Freshness
from .grant import Grant, Held, Recorder, Use, make_grant
from .ledger.follow import Follower
from .ledger.ledger import catch_up
from .ledger.view import View
from .refusals import revoked, settled, stale, standing
from .request import Request
from .reservations import amounts_of, id_of, no_such, outcome_of, reservation
from .store.base import Store, StoreInfo
from .store.model import Hold, Outcome, Reserve, State, Verdict
from .token import BOUND_PROOF, Proof
from .verified import Tip, Verified, plans_of, tips_of
from .verifier import Verifier

_SHADOW: Final = logging.getLogger("attenuate.shadow")
SWEEP: Final = 10
"""Seconds between two sweeps of the store by one gate."""
TRIES: Final = 8
"""Times that a gate reads the ledger anew for one request before it says that the store is too busy."""


class GateInfo(NamedTuple):
    """Plain numbers since the start. refused: by code, of every stage. age: of the ledger, in seconds; 0
    where it is read with each charge. shadowed: let pass by `shadow` although refused.
    """

    allowed: int
    refused: dict[str, int]
    shadowed: int
    seq: int
    age: float
    cache: CacheInfo | None
    store: StoreInfo


class Ask(TypedDict, total=False):
    """What `check` is asked, beside the token."""

    action: Required[str]
    run: str | Iterable[Iterable[object]] | None
    facts: Mapping[str, object] | None
    cost: Mapping[str, int] | None
    binding: bytes | None
    reserve: str | None
    hold_for: int | str
    now: int | None


class Shadow(NamedTuple):
    """What `check` would have done: the grant, or the finding that it would have refused with."""

    grant: Grant | None
    finding: Finding | None


class _Known:
    """What is charged under one lease and run. mark: of the view under which it was last found clear."""

    __slots__ = ("attempts", "mark", "plans", "quiet", "revoked")

    def __init__(self, plans: tuple[Plan, ...]) -> None:
        self.plans = plans
        self.revoked = tuple([charge for plan in plans for charge in plan.revoked])
        self.attempts = tuple([charge for plan in plans for charge in plan.attempts])
        self.quiet = not any(plan.budgets or plan.finals for plan in plans)
        self.mark: object = None


class Gate:
    """Grants requests that verify, whose charges apply, and that were recorded.

    verifier: of this service. store: of its counters. ledger: a follower of a ledger elsewhere; by
    default the store's own is read. fresh: with a follower, how old it may be in seconds, by action
    pattern (see `Freshness`). record: called with each use before it is granted.
    """

    def __init__(
        self,
        verifier: Verifier,
        store: Store,
        *,
        ledger: Follower | None = None,
        fresh: Mapping[str, float] | None = None,
        record: Recorder | None = None,
    ) -> None:
        if not isinstance(verifier, Verifier) or not isinstance(store, Store):
            raise TypeError("a gate is made of a Verifier and a Store: Gate(Verifier(…), open_store(…))")
        if fresh is not None and ledger is None:
            raise TypeError("fresh= is for a gate with ledger=; without one the store is asked each time")
        self.verifier = verifier
        self.store = store
        self._follower = ledger
        self._view = View() if ledger is None else ledger.view
        self._fresh = Freshness(fresh)
        self._recorder = record
        self._plans: Cache[_Known] = Cache()
        self._catching = threading.Lock()
        self._swept = 0
        self._allowed = self._shadowed = 0
        self._refused: Tally[str] = Tally()

    def check(
        self,
        token: str,
        *,
        action: str,
        run: str | Iterable[Iterable[object]] | None = None,
        facts: Mapping[str, object] | None = None,
        cost: Mapping[str, int] | None = None,
        binding: bytes | None = None,
        reserve: str | None = None,
        hold_for: int | str = "2m",
        now: int | None = None,
    ) -> Grant:
        """Return the grant of a request, or raise why it is refused; then nothing was charged.

        token to binding, now: as for `Verifier.verify`. cost: what the guard knows it costs, by
        unit. reserve: the id of a reservation, for a cost that is only known afterwards: what the
        budgets are charged is held until `commit` or `release`, and stays charged where neither
        comes within `hold_for` (seconds, or text such as "2m", at most a day). The same id under
        the same lease again changes nothing, and gives a grant that is `repeated`.

        Raises Malformed, Untrusted or Forbidden as `verify` does; Refused `budget`, `final`,
        `stale_attempt`, `replay`, `revoked`, `stale_ledger` or `hold`; Unavailable where the store
        or the recorder does not answer: what was charged then stays charged.
        """
        try:
            verified = self.verifier.verify(
                token, action=action, run=run, facts=facts, cost=cost, binding=binding, now=now
            )
            return self._granted(verified, run, reserve, hold_for, now)
        except BaseException as error:
            token = ""
            failed = self._failed(error)
        try:
            raise failed
        finally:
            del failed

    def check_call(
        self,
        token: str,
        *,
        action: str,
        run: str | None,
        args: Mapping[str, object],
        facts: Mapping[str, object] | None = None,
        cost: Mapping[str, int] | None = None,
        reserve: str | None = None,
        hold_for: int | str = "2m",
        now: int | None = None,
    ) -> Grant:
        """Do as `check` for a tool call, stating all that its JSON arguments say (`Verifier.verify_call`)."""
        try:
            verified = self.verifier.verify_call(
                token, action=action, run=run, args=args, facts=facts, cost=cost, now=now
            )
            return self._granted(verified, run, reserve, hold_for, now)
        except BaseException as error:
            token = ""
            failed = self._failed(error)
        try:
            raise failed
        finally:
            del failed

    def shadow(self, token: str, **asked: Unpack[Ask]) -> Shadow:
        """Ask as `check` does, and answer also where it would refuse: for the time before enforcing.

        What passes is charged and recorded. What would be refused is logged as a warning to
        "attenuate.shadow", counted, and nothing is charged for it. NOTHING IS ENFORCED by this.
        """
        try:
            return Shadow(self.check(token, **asked), None)
        except LeaseError as error:
            token = ""
            finding = bare(error).finding
        self._shadowed += 1
        _SHADOW.warning("SHADOW MODE, NOT ENFORCED: %s for run %s", finding, asked.get("run"))
        return Shadow(None, finding)

    def commit(
        self, grant: Grant | str, cost: Mapping[str, int] | None = None, *, now: int | None = None
    ) -> Hold:
        """Charge what a reservation came to, at most what was reserved, and free the rest.

        grant: or the id of its reservation. cost: by unit; a unit that is not named costs what was
        reserved. The same again changes nothing.

        Raises ValueError for a unit or an amount that was not reserved, Refused `hold` where there is no
        such reservation or its outcome was another, Unavailable.
        """
        return self._settled(grant, State.COMMITTED, cost, now)

    def release(self, grant: Grant | str, *, now: int | None = None) -> Hold:
        """Free what a reservation held, because the action was not carried out; raises as `commit`."""
        return self._settled(grant, State.RELEASED, None, now)

    def info(self) -> GateInfo:
        """Return counts since the start; under many threads a few may be missed."""
        view, age = self._view, 0.0 if self._follower is None else self._follower.age()
        counts = self._allowed, dict(self._refused), self._shadowed
        return GateInfo(*counts, view.seq, age, self.verifier.cache_info(), self.store.info())

    # --- stage charge -------------------------------------------------------------------------------
    def _granted(
        self, verified: Verified, run: object, reserve: str | None, hold_for: int | str, now: int | None
    ) -> Grant:
        if reserve is None and self._recorder is None:
            grant = self._peek(verified, run)
            if grant is not None:
                return grant
        return self._charged(verified, run, reserve, hold_for, now)

    def _peek(self, verified: Verified, run: object) -> Grant | None:
        """Return the grant where that is known without asking anybody: nothing is to move, and all stands."""
        tips = tips_of(verified)
        h, kind, *_ = tips[0]
        if len(tips) > 1 or kind == BOUND_PROOF or type(run) is not str:
            return None
        known = self._plans.get((h, run))
        if known is None or not known.quiet:
            return None
        view, number = self._view, None
        if self._follower is None:
            number = view.seq
        elif self._follower.age() > self._fresh.least:
            return None
        mark = view.mark
        if known.mark is not mark:
            if view.against(known.revoked):
                return None
            known.mark = mark  # the one that was read before looking
        if not self.store.stands(known.attempts, number):
            return None
        self._allowed += 1
        return make_grant(Held(verified, (), (), None, None, 0))

    def _charged(
        self, verified: Verified, run: object, reserve: str | None, hold_for: int | str, now: int | None
    ) -> Grant:
        """Look at the ledger, charge and record."""
        at = moment(now, self.verifier.clock)
        request = verified.request
        tips = tips_of(verified)
        known = self._known(verified, tips, run if type(run) is str else verified.run)
        proofs = [Proof(kind, b"", iat, nonce) for _, kind, iat, nonce in tips]
        charges = [
            charge
            for plan, proof in zip(known.plans, proofs, strict=True)
            for charge in plan.counters(request, proof)
        ]
        charges.sort(key=lambda charge: charge.kind != "budget")  # those first that a grant tells of
        held = None if reserve is None else reservation(known.plans, reserve, hold_for, at)
        outcome, refusal = None, None
        try:
            self._check_age(request)
            outcome = self._applied(charges, known, held, at)
            if outcome.verdict is Verdict.REFUSED:
                refusal = standing(charges[outcome.number], outcome.found[0], known.plans)
            elif outcome.verdict is Verdict.SETTLED:
                refusal = settled(reserve or "", outcome.number)
        except Refused as late:
            refusal = bare(late)
        finding = None if refusal is None else refusal.finding
        self._record(Use(at, verified, tuple(charges), held and held.id, finding))
        if refusal is not None:
            raise refusal
        self._allowed += 1
        self._sweep(at)
        units = tuple([budget.unit for plan in known.plans for budget in plan.budgets])
        hold_id, expires = (held.id, held.expires) if held else (None, 0)
        return make_grant(Held(verified, tuple(charges), units, outcome, hold_id, expires))

    def _applied(self, charges: list[Charge], known: _Known, held: Reserve | None, at: int) -> Outcome:
        view, store = self._view, self.store
        for _ in range(TRIES):
            number = view.seq if self._follower is None else None  # read before what it stands for
            against = view.against(known.revoked)
            if against is not None and number is not None:
                number = self._caught_up()  # it may have been resumed
                against = view.against(known.revoked)
            if against is not None:
                raise revoked(*against, known.plans)
            outcome = store.apply(charges, now=at, reserve=held, ledger=number)
            if outcome.verdict is not Verdict.BEHIND:
                return outcome
            self._caught_up()
        raise store.unavailable(f"its ledger moved {TRIES} times during one request")

    def _caught_up(self) -> int:
        """Read what the ledger has that is not known yet, and return its number."""
        with self._catching:
            catch_up(self._view, self.store)
            return self._view.seq

    def _check_age(self, request: Request) -> None:
        follower = self._follower
        if follower is None:
            return
        spends = any(unit != "calls" for unit in request.cost)
        limit = self._fresh.limit(request.action, spends)
        if limit == 0:
            try:
                follower.refresh()
            except Exception:
                raise stale(request.action, follower.age(), limit) from None
        elif (age := follower.age()) > limit:
            raise stale(request.action, age, limit)

    def _known(self, verified: Verified, tips: tuple[Tip, ...], run: str) -> _Known:
        """Return what is charged under a lease and run; what is new is noted in the store."""
        key = (*[h for h, *_ in tips], run)
        known = self._plans.get(key)
        if known is None:
            known = _Known(plans_of(verified))
            plan = known.plans[0]
            names = [charge.key for charge in plan.revoked]
            self.store.note(plan.tip[:ID_SIZE], names, issued_at=plan.revoked[0].issued_at, until=plan.ends)
            self._plans.put(key, known, sum(len(charge.key) for charge in known.revoked))
        return known

    def _sweep(self, at: int) -> None:
        if at < self._swept + SWEEP:
            return
        self._swept = at
        try:
            self.store.sweep(now=at, limit=200)
        except Unavailable:
            self._swept = 0  # whoever comes next may try

    # --- stage record -------------------------------------------------------------------------------
    def _record(self, use: Use) -> None:
        if self._recorder is None:
            return
        try:
            self._recorder.record(use)
        except LeaseError:
            raise
        except Exception as error:
            raise Unavailable(
                "log",
                f"a record of {use.verified.request.action}, which failed with {type(error).__name__}",
                allowed="nothing that is not recorded; what was charged stays charged",
                would_pass="the same request when the log takes records again",
            ) from None

    # --- reservations -------------------------------------------------------------------------------
    def _settled(
        self, grant: Grant | str, state: State, cost: Mapping[str, int] | None, now: int | None
    ) -> Hold:
        hold_id = id_of(grant)
        hold = self.store.hold(hold_id)
        if hold is None:
            raise no_such(hold_id)
        amounts = amounts_of(hold, cost or {})
        return outcome_of(
            hold_id,
            state,
            amounts,
            self.store.settle(hold_id, state, amounts, now=moment(now, self.verifier.clock)),
        )

    def _failed(self, error: BaseException) -> BaseException:
        if isinstance(error, LeaseError):
            self._refused[error.code] += 1
        return bare(error)
