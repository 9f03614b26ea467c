"""The feed of a ledger: signed frames for followers, from the store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from ..keys import Key
from ..store.base import Store
from .frame import read, sign

TICK: Final = 0.005
"""Seconds for which one signature serves all that ask for the same."""
MAX_WAIT: Final = 5.0


class Feed:
    """Frames of a store's ledger. key: an ed25519 secret; followers have its public part.

    clock: seconds since 1970. However many ask for the same, it is read and signed once.
    """

    def __init__(self, store: Store, key: Key, *, clock: Callable[[], float] = time.time) -> None:
        key.public, key.seed()
        self._store = store
        self._key = key
        self._clock = clock
        self._lock = threading.Lock()
        self._made: dict[int, tuple[float, bytes, bool]] = {}

    def frame(self, after: int, wait: float = 0.0) -> bytes:
        """Return the signed frame that follows `after`, as soon as it has an entry or `wait` seconds passed.

        Raises Unavailable where the store does not answer.
        """
        end = time.monotonic() + min(max(wait, 0.0), MAX_WAIT)
        data, news = self._signed(after)
        while not news and (left := end - time.monotonic()) > 0:
            self._store.wait(after, left)
            data, news = self._signed(after, waited=True)
        return data

    def _signed(self, after: int, waited: bool = False) -> tuple[bytes, bool]:
        """Return the signed frame after a number, and whether it has news."""
        with self._lock:
            now = time.monotonic()
            made, data, news = self._made.get(after, (0.0, b"", False))
            if not data or now - made > TICK or (waited and not news):
                frame = read(self._store, after, self._clock)
                data, news = sign(frame, self._key), frame.end != after
                if len(self._made) > 64:
                    self._made.clear()
                self._made[after] = now, data, news
            return data, news
