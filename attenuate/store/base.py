"""A store: one table of counters with one atomic verb, the reservations over it, and the ledger.

    outcome = store.apply(charges, now=now)          all of them, or none

What a store promises, whichever it is: a batch applies wholly or not at all; an outcome that was
returned stays; two batches never both take what is left for one; a sequence number of the ledger is
given without a gap, and an entry can be read only when all before it can. Where it cannot answer
within its time it raises `Unavailable`, and then a batch was applied wholly or not at all, and what
became of it stays so. Each adapter says how it keeps this, and what a crash can cost.
"""

from __future__ import annotations

import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from types import TracebackType
from typing import Any, ClassVar, Final, NamedTuple, NoReturn, Self, TypeVar

from .. import limits
from ..charges import Charge
from ..errors import LeaseError, Unavailable
from .model import Counter, Entry, Hold, Outcome, Reserve, State, Swept, Verdict, merged

T = TypeVar("T")
ANSWERS: Final = "the same request when the store answers again"
ANEW: Final = "the same request when the store was opened anew"
ANOTHER: Final = (
    "the same request when the store was opened anew, if its counters may be those that are there now"
)
ROOM: Final = "the same request when there is room for what it keeps"
VERSIONS: Final = "the same request with the version of attenuate that its data are of"

_OPEN: weakref.WeakSet[Store] = weakref.WeakSet()


def _forked() -> None:
    for store in list(_OPEN):
        store._counting = threading.Lock()
        store._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class StoreInfo(NamedTuple):
    """Plain numbers since the start: calls, those that failed, their time in seconds and the longest."""

    name: str
    calls: int
    failed: int
    seconds: float
    longest: float


class Store(ABC):
    """Base of all stores. timeout: seconds within which every call answers or raises Unavailable.

    name: of the backend. shared: whether other processes see the same counters. durable: whether
    an outcome that was returned survives a crash of the machine.
    """

    name: ClassVar[str] = ""
    shared: ClassVar[bool] = True
    durable: bool = True
    _identity: bytes

    def __init__(self, *, timeout: float = limits.STORE_TIMEOUT) -> None:
        if not isinstance(timeout, int | float) or not 0 < timeout <= 60:
            raise ValueError(f"timeout {timeout!r:.40}; give seconds, above 0 and at most 60")
        self.timeout = float(timeout)
        self._calls = self._failed = 0
        self._seconds = self._longest = 0.0
        self._counting = threading.Lock()
        _OPEN.add(self)

    # --- counters -----------------------------------------------------------------------------------
    def apply(
        self,
        charges: Sequence[Charge],
        *,
        now: int,
        reserve: Reserve | None = None,
        ledger: int | None = None,
    ) -> Outcome:
        """Apply a batch wholly, or not at all, and return what became of it.

        charges: of any kind but "revoked", which the ledger decides. now: seconds since 1970.
        reserve: hold what budgets are charged until an outcome is told. ledger: the last sequence
        number that the caller knows; where the ledger has more, the answer is BEHIND.

        Raises ValueError for charges that are none, Unavailable where the store does not answer.
        """
        for charge in charges:
            _check(charge)
        _number("now", now)
        if reserve is not None:
            _bytes("id of a reservation", reserve.id, 32)
            _number("expires", reserve.expires)
        if ledger is not None:
            _number("ledger", ledger)
        if len({charge.key for charge in charges}) != len(charges):
            fewer, numbers = merged(charges)
            outcome = self._timed(self._apply, fewer, now, reserve, ledger)
            if outcome.verdict is Verdict.REFUSED:
                return outcome._replace(number=numbers.index(outcome.number))
            return outcome._replace(found=tuple([outcome.found[n] for n in numbers if outcome.found]))
        return self._timed(self._apply, charges, now, reserve, ledger)

    def stands(self, attempts: Sequence[Charge], ledger: int | None) -> bool:
        """Say whether these registers stand at these attempts, and the ledger at this number if one is given.

        True only where the store knows without asking anybody; then `apply` would change nothing.
        """
        return False

    def settle(self, hold_id: bytes, state: State, amounts: Mapping[bytes, int], *, now: int) -> Hold | None:
        """Settle a reservation, once; the same again changes nothing.

        state: COMMITTED, or RELEASED. amounts: by counter, at most what was reserved. Return it as
        it stands, whose state is another where it was settled otherwise; None where there is none.

        Raises ValueError for an amount above what was reserved, Unavailable.
        """
        _bytes("id of a reservation", hold_id, 32)
        _number("now", now)
        if state not in (State.COMMITTED, State.RELEASED):
            raise ValueError(f"settle to {state!r:.40}; give COMMITTED or RELEASED")
        for key, amount in amounts.items():
            _bytes("key", key)
            _number("amount", amount)
        return self._timed(self._settle, hold_id, State(state), dict(amounts), now)

    def hold(self, hold_id: bytes) -> Hold | None:
        """Return one reservation, None where there is none."""
        _bytes("id of a reservation", hold_id, 32)
        return self._timed(self._hold, hold_id)

    def holds(self, *, limit: int = 100) -> list[Hold]:
        """Return reservations without an outcome, those that expire first before others."""
        _number("limit", limit, 1)
        return self._timed(self._holds, limit)

    def read(self, keys: Sequence[bytes]) -> list[Counter | None]:
        """Return counters by key; None where there is none."""
        for key in keys:
            _bytes("key", key)
        return self._timed(self._read, list(keys)) if keys else []

    def top_up(self, counter: Counter) -> Counter:
        """Allow `counter.extra` more for a budget than its block says, and return the counter.

        An operator's word, not a holder's: whoever can write to the store can widen budgets.
        Raises ValueError for an amount below 1 or beyond 2^53-1 with what was topped up before.
        """
        if type(counter.extra) is not int or not 0 < counter.extra <= limits.SAFE_MAX:
            raise ValueError(f"top up by {counter.extra!r:.40}; give 1 or more")
        _bytes("key", counter.key)
        _number("ceiling", counter.ceiling)
        _number("until", counter.until)
        return self._timed(self._top_up, counter._replace(spent=0, held=0))

    def sweep(self, *, now: int, limit: int = 1000) -> Swept:
        """Settle reservations that expired and forget what nobody can ask for; at most `limit` of each.

        Gates do this now and then. What a reservation held that expired stays charged. The ledger's newest
        entry is never forgotten. A store on a server takes its own clock where `now` is ahead of that.
        """
        _number("now", now)
        _number("limit", limit, 1)
        return self._timed(self._sweep, now, limit)

    # --- the ledger ---------------------------------------------------------------------------------
    def append(self, bodies: Sequence[bytes], *, at: int, until: Sequence[int], note: str = "") -> int:
        """Append entries to the ledger in one step, and return the last sequence number.

        at: milliseconds since 1970. until: seconds, for each, when it may be forgotten.
        """
        if len(bodies) != len(until):
            raise ValueError(f"{len(bodies)} entries, {len(until)} times; give one for each")
        for body, end in zip(bodies, until, strict=True):
            _bytes("entry", body)
            _number("until", end)
        _number("at", at)
        note.encode()
        return self._timed(self._append, list(bodies), at, list(until), note)

    def entries(self, after: int, *, limit: int = 10_000) -> tuple[int, list[Entry]]:
        """Return the ledger's last sequence number, and entries after one, in order.

        Both are of one moment. Where fewer than `limit` come, there are no others; entries that may
        be forgotten can be missing, others never.
        """
        _number("after", after)
        _number("limit", limit, 1)
        return self._timed(self._entries, after, limit)

    @abstractmethod
    def wait(self, after: int, timeout: float) -> None:
        """Return when the ledger may have an entry after this one, at the latest after `timeout` seconds.

        A hint, never an answer: it may return early, and never raises.
        """

    @property
    def identity(self) -> bytes:
        """16 bytes that this store's ledger was given when it was made."""
        return self._identity

    # --- leases that were seen ----------------------------------------------------------------------
    def note(self, lease: bytes, selectors: Sequence[bytes], *, issued_at: int, until: int) -> None:
        """Remember that a lease was used, by what a revocation could name it by."""
        for each in (lease, *selectors):
            _bytes("selector", each)
        _number("issued_at", issued_at)
        _number("until", until)
        self._timed(self._note, lease, list(selectors), issued_at, until)

    def count(self, selector: bytes, *, before: int, now: int) -> int:
        """Return how many leases were seen, alive now, that an entry for this selector would catch."""
        _bytes("selector", selector)
        _number("before", before)
        _number("now", now)
        return self._timed(self._count, selector, before, now)

    # --- all in all ---------------------------------------------------------------------------------
    def info(self) -> StoreInfo:
        """Return counts since the start."""
        return StoreInfo(self.name, self._calls, self._failed, self._seconds, self._longest)

    @abstractmethod
    def close(self) -> None:
        """Let go of what the store holds open. Calls after it raise Unavailable."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a store does not pickle: open it where it is used")

    # --- what an adapter does -----------------------------------------------------------------------
    @abstractmethod
    def _apply(
        self, charges: Sequence[Charge], now: int, reserve: Reserve | None, ledger: int | None
    ) -> Outcome: ...
    @abstractmethod
    def _settle(self, hold_id: bytes, state: State, amounts: dict[bytes, int], now: int) -> Hold | None: ...
    @abstractmethod
    def _hold(self, hold_id: bytes) -> Hold | None: ...
    @abstractmethod
    def _holds(self, limit: int) -> list[Hold]: ...
    @abstractmethod
    def _read(self, keys: list[bytes]) -> list[Counter | None]: ...
    @abstractmethod
    def _top_up(self, counter: Counter) -> Counter: ...
    @abstractmethod
    def _sweep(self, now: int, limit: int) -> Swept: ...
    @abstractmethod
    def _append(self, bodies: list[bytes], at: int, until: list[int], note: str) -> int: ...
    @abstractmethod
    def _entries(self, after: int, limit: int) -> tuple[int, list[Entry]]: ...
    @abstractmethod
    def _note(self, lease: bytes, selectors: list[bytes], issued_at: int, until: int) -> None: ...
    @abstractmethod
    def _count(self, selector: bytes, before: int, now: int) -> int: ...

    def _after_fork(self) -> None:  # noqa: B027
        """Make the child of a fork safe: called in it, before anything else runs."""

    def _failure(self, error: Exception) -> Unavailable | None:
        """Return what an error of the backend's library means, in words; None for an error of ours.

        The words name no address with a password in it.
        """
        return None

    def _timed(self, work: Callable[..., T], *arguments: Any) -> T:
        began = perf_counter()
        failed = True
        try:
            out = work(*arguments)
            failed = False
            return out
        except LeaseError:
            raise
        except Exception as error:
            refusal = self._failure(error)
            if refusal is None:
                raise
        finally:
            took = perf_counter() - began
            with self._counting:
                self._calls += 1
                self._failed += failed
                self._seconds += took
                self._longest = max(self._longest, took)
        raise refusal  # here: inside `except` it would carry the library's error, whose frames have the address

    def unavailable(self, why: str, *, would_pass: str = ANSWERS) -> Unavailable:
        """Return the error of a store that cannot answer. would_pass: what has to be done first."""
        return Unavailable(
            "store",
            f"the {self.name} store: {why}",
            allowed="nothing while counters cannot be moved",
            would_pass=would_pass,
        )


def _check(charge: Charge) -> None:
    """Raise ValueError for a charge that no store takes."""
    kind, key, amount, ceiling, until, *_ = charge
    if kind not in ("budget", "final", "attempt", "replay") or type(key) is not bytes:
        raise ValueError(f"a store takes no charge of kind {kind!r:.40}")
    for number in (amount, ceiling, until):
        if type(number) is not int or not 0 <= number <= limits.SAFE_MAX:
            raise ValueError(f"a charge of {number!r:.40}; give 0 to 2^53-1")


def _number(name: str, value: object, least: int = 0) -> None:
    if type(value) is not int or not least <= value <= limits.SAFE_MAX:
        raise ValueError(f"{name} {value!r:.40}; give {least} to 2^53-1")


def _bytes(name: str, value: object, size: int | None = None) -> None:
    if type(value) is not bytes or (size is not None and len(value) != size):
        raise ValueError(f"{name} {value!r:.40}; give {'' if size is None else f'{size} '}bytes")
