"""Stages charge and record: what a gate does with a request that verified.

`peek` asks nobody: it grants what moves no counter where all is known to stand. `charge` looks at the
ledger, charges, records, and grants; it may block, at most as long as the store and the recorder do.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter as Tally
from collections.abc import Mapping
from typing import Final, NamedTuple

from ..cache import CacheInfo
from ..chain import ID_SIZE
from ..charges import Charge, Plan, Priced
from ..errors import Forbidden, LeaseError, Refused, Unavailable, bare
from ..fields import moment
from ..findings import clock
from ..ledger.follow import Follower
from ..ledger.ledger import catch_up
from ..ledger.view import View
from ..store.base import Store, StoreInfo
from ..store.model import Hold, Outcome, Reserve, State, Verdict
from ..token import BOUND_PROOF, Proof
from ..verified import Tip, Verified, asked_of, plans_of, tips_of
from ..verifier import Verifier
from ..words import shown
from .freshness import SPEND, Freshness
from .grant import Grant, Held, Recorder, Use, make_grant
from .refusals import revoked, settled, stale, standing
from .reservations import reservation, settle

SWEEP: Final = 10
"""Seconds between two sweeps of the store by one gate."""
SWEPT: Final = 1000
"""Of each, how much one step of a sweep takes; a sweep goes on until less comes."""
PLANS: Final = 8192
"""Leases and runs whose charges are remembered, twice: somebody who mints many costs others no more than time."""
TRIES: Final = 8
"""Times that the ledger is read anew for one request before the store counts as too busy."""


class GateInfo(NamedTuple):
    """Plain numbers since the start. refused: by code, of every stage. age: of the ledger, in seconds; 0
    where it is read with each charge.
    """

    allowed: int
    refused: dict[str, int]
    seq: int
    age: float
    cache: CacheInfo | None
    store: StoreInfo


class _Known:
    """What is charged under one lease and run. mark: of the view under which it was last found clear."""

    __slots__ = ("attempts", "mark", "noted", "plans", "quiet", "revoked", "units")

    def __init__(self, found: tuple[Plan, ...]) -> None:
        plans = self.plans = (found[0], *[_beside(plan, found[0].ends) for plan in found[1:]])
        self.revoked = tuple([charge for plan in plans for charge in plan.revoked])
        self.attempts = tuple([charge for plan in plans for charge in plan.attempts])
        self.units = tuple([budget.unit for plan in plans for budget in plan.budgets])
        self.quiet = not self.units and not any(plan.finals for plan in plans)
        self.mark: object = None
        self.noted = False


def _beside(plan: Plan, ends: int) -> Plan:
    """Return what an approval is charged beside its token.

    Its registers are left out: they stand under the approver's key, for runs that a holder chose, and
    the token's own fence already. Its counters end with the token, whatever the approver wrote.
    """
    budgets = tuple([budget._replace(until=min(budget.until, ends)) for budget in plan.budgets])
    finals = tuple([final._replace(until=min(final.until, ends)) for final in plan.finals])
    return plan._replace(budgets=budgets, finals=finals, attempts=())


def _check_end(known: _Known, at: int) -> None:
    """Raise Forbidden for a lease that ended since it was verified: the request may have waited for a thread."""
    ends = known.plans[0].ends
    if at >= ends:
        raise Forbidden("expires", clock(at), allowed=f"before {clock(ends)}", would_pass="a fresh lease")


class Charging:
    """What is behind a gate, whichever way it is asked. The arguments are those of `Gate`."""

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
        if record is not None and not callable(getattr(record, "record", None)):
            raise TypeError("record= takes an object with a method record(use)")
        if fresh is not None and ledger is None:
            raise TypeError("fresh= is for a gate with ledger=; without one the store is asked each time")
        self.verifier = verifier
        self.store = store
        self._follower = ledger
        self._view = View() if ledger is None else ledger.view
        self._fresh = Freshness(fresh)
        self._recorder = record
        self._plans: dict[tuple[object, ...], _Known] = {}
        self._before: dict[tuple[object, ...], _Known] = {}
        self._catching = threading.Lock()
        self._swept = 0
        self._allowed = 0
        self._refused: Tally[str] = Tally()

    def peek(self, verified: Verified, run: object) -> Grant | None:
        """Return the grant where that is known without asking anybody: nothing is to move, and all stands."""
        if self._recorder is not None:
            return None
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
        elif self._follower.age() >= self._limit(asked_of(verified)):  # 0 is always asked for
            return None
        mark = view.mark
        if known.mark is not mark:
            if view.against(known.revoked):
                return None
            known.mark = mark  # the one that was read before looking
        if not self.store.stands(known.attempts, number):
            return None
        self._allowed += 1
        return make_grant(verified)

    def charge(
        self, verified: Verified, run: object, reserve: str | None, hold_for: int | str, now: int | None
    ) -> Grant:
        """Look at the ledger, charge and record."""
        at = moment(now, self.verifier.clock)
        request = asked_of(verified)
        tips = tips_of(verified)
        known = self._known(verified, tips, run if type(run) is str else verified.run)
        proofs = [Proof(kind, b"", iat, nonce) for _, kind, iat, nonce in tips]
        charges = [
            charge
            for plan, proof in zip(known.plans, proofs, strict=True)
            for charge in plan.counters(request, proof)
        ]
        charges.sort(key=lambda charge: charge.kind != "budget")  # those first that a grant tells of
        held = None
        if reserve is not None and known.units:
            held = reservation(known.plans, verified.request, verified.run, reserve, hold_for, at)
        outcome, refusal = None, None
        try:
            _check_end(known, at)
            self._check_age(request)
            outcome = self._applied(charges, known, held, at)
            if outcome.verdict is Verdict.REFUSED:
                raise standing(charges[outcome.number], outcome.found[0], known.plans)
            if outcome.verdict is Verdict.SETTLED:
                raise settled(shown(reserve), outcome.number)
            # what came to stand against it while the store was asked; what was charged stays
            self._check_age(request, ask=False)
            if self._follower is not None:
                self._check_revoked(known)
            _check_end(known, moment(now, self.verifier.clock))
        except (Refused, Forbidden) as error:
            refusal = bare(error)
        finding = None if refusal is None else refusal.finding
        self._record(Use(at, verified, tuple(charges), held and held.id, finding))
        if refusal is not None:
            raise refusal
        self._allowed += 1
        self._note(known)
        self._sweep()
        hold_id, expires = (held.id, held.expires) if held else (None, 0)
        if hold_id is not None and outcome is not None and outcome.verdict is Verdict.REPEATED:
            hold = self.store.hold(hold_id)
            expires = hold.expires if hold else 0  # as it was made then
        return make_grant(Held(verified, tuple(charges), known.units, outcome, hold_id, expires))

    def _applied(self, charges: list[Charge], known: _Known, held: Reserve | None, at: int) -> Outcome:
        view, store = self._view, self.store
        for _ in range(TRIES):
            number = view.seq if self._follower is None else None  # read before what it stands for
            if view.against(known.revoked):
                if number is not None:
                    number = self._caught_up()  # it may have been resumed
                self._check_revoked(known)
            outcome = store.apply(charges, now=at, reserve=held, ledger=number)
            if outcome.verdict is not Verdict.BEHIND:
                return outcome
            self._caught_up()
        raise store.unavailable(f"its ledger moved {TRIES} times during one request")

    def _caught_up(self) -> int:
        """Read what the ledger has that is not known yet, and return its number."""
        if not self._catching.acquire(timeout=self.store.timeout):
            raise self.store.unavailable(f"its ledger could not be read within {self.store.timeout:g} s")
        try:
            catch_up(self._view, self.store)
            return self._view.seq
        finally:
            self._catching.release()

    def _check_revoked(self, known: _Known) -> None:
        against = self._view.against(known.revoked)
        if against is not None:
            raise revoked(*against, known.plans)

    def _check_age(self, request: Priced, ask: bool = True) -> None:
        follower = self._follower
        if follower is None:
            return
        limit = self._limit(request)
        if limit == 0:
            try:
                if ask:
                    follower.refresh()
            except Exception:
                raise stale(request.action, follower.age(), limit) from None
            limit = SPEND  # an answer can have been held back
        if (age := follower.age()) > limit:
            raise stale(request.action, age, limit)

    def _limit(self, request: Priced) -> float:
        spends = any(unit != "calls" for unit in request.cost)
        return self._fresh.limit(request.action, spends)

    def _known(self, verified: Verified, tips: tuple[Tip, ...], run: str) -> _Known:
        """Return what is charged under a lease and run."""
        key = (*[h for h, *_ in tips], run)
        known = self._plans.get(key)
        if known is not None:
            return known
        known = self._before.get(key)
        if known is None:
            known = _Known(plans_of(verified))
        if len(self._plans) >= PLANS:  # what is used moves on; what is not is forgotten with the older half
            self._before, self._plans = self._plans, {}
        self._plans[key] = known
        return known

    def _note(self, known: _Known) -> None:
        """Note a lease that was granted for the first time here, for whoever counts what a revocation ends."""
        if not known.noted:
            known.noted = True
            plan = known.plans[0]
            names = [charge.key for charge in plan.revoked]
            with contextlib.suppress(Unavailable):
                self.store.note(
                    plan.tip[:ID_SIZE], names, issued_at=plan.revoked[0].issued_at, until=plan.ends
                )

    def _sweep(self) -> None:
        """Now and then let a thread settle what expired and forget what ended: no request waits for it."""
        at = moment(None, self.verifier.clock)  # never a caller's
        if not self._swept - SWEEP < at < self._swept + SWEEP:
            self._swept = at
            threading.Thread(target=self._sweep_all, args=(at,), name="attenuate-sweep", daemon=True).start()

    def _sweep_all(self, at: int) -> None:
        with contextlib.suppress(Unavailable):  # there is a next time
            if self._follower is None:
                self._caught_up()  # a ledger that was put in another's place has the same number for a moment
            while sum(self.store.sweep(now=at, limit=SWEPT)) >= SWEPT:
                pass

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
    def settle(
        self, grant: Grant | str, state: State, cost: Mapping[str, int] | None, now: int | None
    ) -> Hold | None:
        """Settle a reservation: `Gate.commit` and `Gate.release`."""
        if isinstance(grant, Grant) and grant.hold is None and not grant.charged:
            return None  # a lease without budgets had nothing to reserve
        return settle(self.store, grant, state, cost, now=moment(now, self.verifier.clock))

    # --- numbers ------------------------------------------------------------------------------------
    def failed(self, error: BaseException) -> BaseException:
        """Count a refusal, and return it without the frames that hold the token."""
        if isinstance(error, LeaseError):
            self._refused[error.code] += 1
        return bare(error)

    def info(self) -> GateInfo:
        """Return counts since the start; under many threads a few may be missed."""
        view, age = self._view, 0.0 if self._follower is None else self._follower.age()
        counts = self._allowed, dict(self._refused), view.seq, age
        return GateInfo(*counts, self.verifier.cache_info(), self.store.info())
