"""The gate: verify, charge, record, and then a Grant; or the reason why not, and nothing done.

    gate = Gate(Verifier(keys, audience="github"), open_store("sqlite:state.db"))
    granted = gate.check(token, action="repo.read", run="agt_1@2", facts={"repo": "clord"})
    granted.left                                                                     # {"calls": 27}

Without `ledger` the gate reads revocations from its own store, in the same step as it charges: what
was revoked before that step is refused, always. With a `Follower` it goes by what that knows, if
that is not older than the action allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Unpack

from ..errors import LeaseError, bare
from ..ledger.follow import Follower
from ..store.base import Store
from ..store.model import Hold, State
from ..verifier import Verifier
from .charging import Charging, GateInfo
from .grant import Grant, Recorder
from .shadow import Ask, Shadow, shadowed


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
        self.charging = Charging(verifier, store, ledger=ledger, fresh=fresh, record=record)
        self._verify = verifier.verify

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
        unit. reserve: a name for a reservation, for a cost that is only known afterwards: what the
        budgets are charged is held until `commit` or `release`, and stays charged where neither
        comes within `hold_for` (seconds, or text such as "2m", at most a day). The same
        name for the same call under the same lease changes nothing, and gives a grant that is `repeated`.

        Raises Malformed, Untrusted or Forbidden as `verify` does; Refused `budget`, `final`,
        `stale_attempt`, `replay`, `revoked`, `stale_ledger` or `hold`; Unavailable where the store
        or the recorder does not answer: what was charged then stays charged.
        """
        try:
            verified = self._verify(
                token, action=action, run=run, facts=facts, cost=cost, binding=binding, now=now
            )
            grant = self.charging.peek(verified, run) if reserve is None else None
            if grant is None:
                grant = self.charging.charge(verified, run, reserve, hold_for, now)
            return grant
        except BaseException as error:
            token = ""
            failed = self.charging.failed(error)
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
            verified = self.charging.verifier.verify_call(
                token, action=action, run=run, args=args, facts=facts, cost=cost, now=now
            )
            grant = self.charging.peek(verified, run) if reserve is None else None
            if grant is None:
                grant = self.charging.charge(verified, run, reserve, hold_for, now)
            return grant
        except BaseException as error:
            token = ""
            failed = self.charging.failed(error)
        try:
            raise failed
        finally:
            del failed

    def shadow(self, token: str, **asked: Unpack[Ask]) -> Shadow:
        """Ask as `check` does, or with `args` as `check_call`, and answer also where it would refuse: for the time before enforcing.

        What passes is charged and recorded. What would be refused is logged as a warning to
        "attenuate.shadow", counted as refused, and nothing is charged for it. NOTHING IS ENFORCED by this.
        """
        try:
            check: Any = self.check_call if "args" in asked else self.check  # each takes what it takes
            return Shadow(check(token, **asked), None)
        except LeaseError as error:
            token = ""
            return shadowed(bare(error), asked.get("run"))
        except BaseException:
            token = ""  # `check` has left it out of its frame, and this is the only other one
            raise

    def commit(
        self, grant: Grant | str, cost: Mapping[str, int] | None = None, *, now: int | None = None
    ) -> Hold | None:
        """Charge what a reservation came to, at most what was reserved, and free the rest.

        grant: or the id of its reservation. cost: by unit; a unit that is not named costs what was
        reserved. The same again changes nothing. Return the reservation as it stands; None for the
        grant of a lease without budgets, which had nothing to reserve.

        Raises ValueError for a unit or an amount that was not reserved, Refused `hold` where there is no
        such reservation or its outcome was another, Unavailable.
        """
        return self.charging.settle(grant, State.COMMITTED, cost, now)

    def release(self, grant: Grant | str, *, now: int | None = None) -> Hold | None:
        """Free what a reservation held, because the action was not carried out; raises as `commit`."""
        return self.charging.settle(grant, State.RELEASED, None, now)

    def info(self) -> GateInfo:
        """Return counts since the start; under many threads a few may be missed."""
        return self.charging.info()
