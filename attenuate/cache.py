"""A bounded memory of chains that were found authentic. It never holds a decision.

An entry has what authenticates the next thing, so the memory is as secret as the leases: it does not
pickle. An entry says that certain bytes are authentic under a certain key; time, caveats, audience,
binding and counters are looked at every time. Two generations keep it bounded without a queue:
what is used moves to the young one, and when that is full the old one is dropped. Somebody who
mints many valid children can push entries out, which costs the others a cold verification each
and nothing else.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, NamedTuple, NoReturn, TypeVar

from . import limits

V = TypeVar("V")
OVERHEAD: Final = 1024
FACTOR: Final = 48


class CacheInfo(NamedTuple):
    """hits and misses since the start; entries and estimated bytes held now; max_bytes."""

    hits: int
    misses: int
    entries: int
    bytes: int
    max_bytes: int


def check_bytes(max_bytes: int) -> None:
    """Raise ValueError for what is no size of a memory."""
    if type(max_bytes) is not int or not 0 <= max_bytes <= limits.SAFE_MAX:
        raise ValueError(f"cache of {max_bytes!r} bytes; give 0 or more")


class Cache(Generic[V]):
    """About `max_bytes` of memory: the caller says how many token bytes an entry stands for.

    Parsed values take more room than the bytes they came from, so an entry weighs OVERHEAD plus
    FACTOR for each of its bytes (measured: benchmarks, or `tests/test_cache.py`). Safe to share between threads: every step is one operation of a dict, and a
    lost race loses an entry, never mixes two up.
    """

    def __init__(self, max_bytes: int = limits.CACHE_BYTES) -> None:
        check_bytes(max_bytes)
        self._max = max_bytes
        self._young: dict[Hashable, tuple[V, int]] = {}
        self._old: dict[Hashable, tuple[V, int]] = {}
        self._weight = self._old_weight = 0
        self._hits = self._misses = 0

    def get(self, key: Hashable) -> V | None:
        """Return the entry of a key, or None."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is None:
                self._misses += 1
                return None
            self._put(key, *found)
        self._hits += 1
        return found[0]

    def put(self, key: Hashable, value: V, size: int) -> None:
        """Remember an entry that stands for `size` bytes of token."""
        self._put(key, value, OVERHEAD + FACTOR * size)

    def _put(self, key: Hashable, value: V, weight: int) -> None:
        if weight > self._max // 2:
            return
        if self._weight + weight > self._max // 2:
            self._old, self._old_weight = self._young, self._weight
            self._young, self._weight = {}, 0
        replaced = self._young.get(key)
        if replaced is not None:
            self._weight -= replaced[1]
        self._young[key] = value, weight
        self._weight += weight

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Cache does not pickle: what it holds is as secret as the leases")

    def info(self) -> CacheInfo:
        """Return counts since the start."""
        entries = len(self._young) + len(self._old)
        return CacheInfo(self._hits, self._misses, entries, self._weight + self._old_weight, self._max)
