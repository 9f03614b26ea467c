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
        self.last = b""
        """`digest` of the entry at `seq`; empty where there is none, or it was forgotten."""
        self.mark = object()
        self._said: tuple[dict[bytes, int], set[bytes]] = {}, set()  # before which time, and suspended

    def apply(self, bodies: Iterable[bytes], seq: int) -> None:
        """Take the entries that lead to `seq`, all of them or, with ValueError, none."""
        entries = [fields_of(_loaded(body)) for body in bodies]
        revoked, suspended = self._said
        for verb, key, before, _ in entries:
            if verb == REVOKE:
                if before > revoked.get(key, -1):
                    revoked[key] = before
            elif verb == RESUME:
                suspended.discard(key)
            else:
                suspended.add(key)
        if entries:
            self.mark = object()  # after the change: who looked before it looks again
        self.seq = seq

    def become(self, other: View) -> None:
        """Say what another view says; who looks meanwhile sees the one or the other."""
        self._said, self.last = other._said, other.last
        self.mark = object()
        self.seq = other.seq

    def against(self, charges: Sequence[Charge]) -> tuple[Charge, str] | None:
        """Return the first charge of kind "revoked" that stands, with "revoked" or "suspended"."""
        before, suspended = self._said
        for charge in charges:
            key = charge[1]
            if charge[6] < before.get(key, -1):
                return charge, "revoked"
            if key in suspended:
                return charge, "suspended"
        return None

    def __len__(self) -> int:
        return sum(map(len, self._said))


def _loaded(body: bytes) -> Any:
    try:
        return cbor2.loads(body)
    except Exception:
        raise ValueError("an entry that is no CBOR") from None
