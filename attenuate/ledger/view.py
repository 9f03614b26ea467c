"""The ledger in the memory of a verifier: what is revoked or suspended, as of one sequence number.

Looking is a few lookups in a dict, and none at all where nothing changed since the same lease was
last looked at: `mark` is another object after every change, so who remembers that a chain was clear
under a mark may skip it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import cbor2

from ..charges import Charge
from .entry import RESUME, REVOKE, fields_of


class View:
    """What entries up to `seq` say. One thread applies; any number look."""

    def __init__(self) -> None:
        self.seq = 0
        self.last: tuple[int, bytes] = 0, b""
        """Time and bytes of the entry at `seq`, where it was there."""
        self.mark = object()
        self._before: dict[bytes, int] = {}
        self._suspended: set[bytes] = set()

    def apply(self, bodies: Iterable[bytes], seq: int) -> None:
        """Take the entries that lead to `seq`, all of them or, with ValueError, none."""
        entries = [fields_of(_loaded(body)) for body in bodies]
        for verb, key, before, _ in entries:
            if verb == REVOKE:
                if before > self._before.get(key, -1):
                    self._before[key] = before
            elif verb == RESUME:
                self._suspended.discard(key)
            else:
                self._suspended.add(key)
        if entries:
            self.mark = object()  # after the change: who looked before it looks again
        self.seq = seq

    def become(self, other: View) -> None:
        """Say what another view says."""
        self._before, self._suspended, self.last = other._before, other._suspended, other.last
        self.mark = object()
        self.seq = other.seq

    def against(self, charges: Sequence[Charge]) -> tuple[Charge, str] | None:
        """Return the first charge of kind "revoked" that stands, with "revoked" or "suspended"."""
        before, suspended = self._before.get, self._suspended
        for charge in charges:
            key = charge[1]
            if charge[6] < before(key, -1):
                return charge, "revoked"
            if key in suspended:
                return charge, "suspended"
        return None

    def __len__(self) -> int:
        return len(self._before) + len(self._suspended)


def _loaded(body: bytes) -> Any:
    try:
        return cbor2.loads(body)
    except Exception:
        raise ValueError("an entry that is no CBOR") from None
