"""The feed of a ledger: signed frames for followers, from the store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from ..keys import Key
from ..store.base import Store
from .frame import read, sign

MAX_WAIT: Final = 5.0
MOST: Final = 64
MAX_MADE: Final = 16 * 1024 * 1024
"""Frames that are kept for others who ask for the same, and their bytes."""


class Feed:
    """Frames of a store's ledger. key: an ed25519 secret; followers have its public part.

    clock: seconds since 1970. All that ask for the same while a frame is made share the next one.
    """

    def __init__(self, store: Store, key: Key, *, clock: Callable[[], float] = time.time) -> None:
        key.public, key.seed()
        self._store = store
        self._key = key
        self._clock = clock
        self._lock = threading.Lock()
        self._made: dict[int, tuple[float, bytes, bool]] = {}
        self._size = 0

    def frame(self, after: int, wait: float = 0.0) -> bytes:
        """Return the signed frame that follows `after`, as soon as it has an entry or `wait` seconds passed.

        Raises Unavailable where the store does not answer.
        """
        asked = time.monotonic()
        end = asked + min(max(wait, 0.0), MAX_WAIT)
        data, news = self._signed(after, asked)
        while not news and (left := end - time.monotonic()) > 0:
            self._store.wait(after, left)
            data, news = self._signed(after, time.monotonic())
        return data

    def _signed(self, after: int, asked: float) -> tuple[bytes, bool]:
        """Return a signed frame that was read after the time of asking, and whether it has news."""
        with self._lock:
            made, data, news = self._made.get(after, (float("-inf"), b"", False))
            if made < asked:
                made = time.monotonic()
                frame = read(self._store, after, self._clock)
                data, news = sign(frame, self._key), frame.end != after
                self._size += len(data) - len(self._made.pop(after, (0.0, b"", False))[1])
                if len(self._made) >= MOST or self._size > MAX_MADE:
                    self._made.clear()
                    self._size = len(data)
                self._made[after] = made, data, news
            return data, news
