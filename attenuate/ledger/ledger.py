"""The ledger of a store: what an operator writes to it, and what it would do.

ledger = Ledger(store)
ledger.count(Selector.make("agent", "triage"))          how many leases seen would end
ledger.revoke(Selector.make("agent", "triage"), note="laptop stolen")
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from ..fields import moment
from ..store.base import Store
from ..store.model import Entry
from ..words import brief
from .entry import ALWAYS, CLASSES, RESUME, REVOKE, SUSPEND, Mark, Selector, digest
from .view import View


class Line(NamedTuple):
    """One entry as a person reads it. at: milliseconds since 1970."""

    seq: int
    at: int
    mark: Mark
    note: str


class Ledger:
    """Appends to the ledger of a store. clock: seconds since 1970.

    Raises TypeError for what is no Store, and each method for what is no Selector.
    Every method raises Unavailable where the store does not answer, and then the entry may be there.
    Revoking again, suspending what is suspended and resuming what is not are harmless.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        if not isinstance(store, Store):
            raise TypeError(f"the ledger of {brief(store)}; give a Store: Ledger(open_store(…))")
        self._store = store
        self._clock = clock

    def revoke(
        self, selector: Selector, *, before: int | None = None, until: int | None = None, note: str = ""
    ) -> int:
        """End leases for good, and return the ledger's sequence number.

        before: only leases issued before that second. By default every one for a block or a run,
        and for other kinds those issued up to now, so that what is issued afterwards lives; ALWAYS
        for those too. until: seconds since 1970, when all that it names has expired; by default
        never. note: for people, kept in the store and not sent to verifiers.
        """
        selector = _selector(selector)
        return self._append(Mark(REVOKE, selector, self.before(selector, before), _end(until)), note)

    def suspend(self, selector: Selector, *, note: str = "") -> int:
        """Refuse leases until `resume`, those issued meanwhile as well."""
        return self._append(Mark(SUSPEND, _selector(selector)), note)

    def resume(self, selector: Selector, *, note: str = "") -> int:
        """Undo `suspend`; what was revoked stays revoked."""
        return self._append(Mark(RESUME, _selector(selector)), note)

    def before(self, selector: Selector, before: int | None = None) -> int:
        """Return what `revoke` takes "issued before" to be."""
        _selector(selector)
        if before is not None:
            return moment(before)
        # this second too: what was issued in it may be what is to be stopped
        return moment(None, self._clock) + 1 if selector.kind in CLASSES else ALWAYS

    def count(self, selector: Selector, *, before: int | None = None) -> int:
        """Return how many leases that gates of this store saw, alive now, `revoke` would end.

        A lease that was never used is not known here.
        """
        now = moment(None, self._clock)
        issued = self.before(selector, before)
        return self._store.count(selector.key, before=issued, now=now)

    def lines(self, *, last: int = 20) -> list[Line]:
        """Return the last entries, the newest first."""
        head, _ = self._store.entries(0, limit=1)
        _, entries = self._store.entries(max(0, head - last), limit=last)
        return [_line(entry) for entry in reversed(entries)]

    def state(self) -> View:
        """Return what all entries together say now."""
        view = View()
        catch_up(view, self._store)
        return view

    def _append(self, mark: Mark, note: str) -> int:
        if len(note) > 500:
            raise ValueError(f"a note of {len(note)} characters; give at most 500")
        at = int(self._clock() * 1000)
        return self._store.append([mark.encode()], at=at, until=[mark.until], note=note)


def catch_up(view: View, store: Store) -> None:
    """Bring a view to where the store's ledger stands; raises Unavailable.

    The last entry that is known is read again with those after it. Where it is another, or gone, the
    ledger may be another history (a restored backup that grew), so all of it is read anew.
    """
    most = 10_000
    while True:
        head, entries = store.entries(max(0, view.seq - 1), limit=most)
        if head < view.seq:
            raise store.unavailable(f"its ledger ends at {head}, and had {view.seq} before")
        full = len(entries) == most
        if view.seq:
            known = entries and entries[0].seq == view.seq and _digest(entries[0]) == view.last
            if not known:
                anew = View()
                catch_up(anew, store)
                view.become(anew)
                return
            del entries[0]
        last = entries[-1].seq if full else head
        view.apply([entry.body for entry in entries], last)
        if entries and entries[-1].seq == last:
            view.last = _digest(entries[-1])
        if not full:
            return


def _end(until: int | None) -> int:
    return ALWAYS if until is None else moment(until)


def _digest(entry: Entry) -> bytes:
    return digest(entry.at, entry.body)


def _selector(value: object) -> Selector:
    if not isinstance(value, Selector):
        raise TypeError(f"{brief(value)} selects nothing; give Selector.make(kind, value)")
    return value


def _line(entry: Entry) -> Line:
    return Line(entry.seq, entry.at, Mark.decode(entry.body), entry.note)
