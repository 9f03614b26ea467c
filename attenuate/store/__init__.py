"""Where counters live: one verb over four backends, chosen by an address.

store = open_store("sqlite:state.db")          memory: · sqlite:PATH · redis://… · postgresql://…
"""

from __future__ import annotations

from .. import limits
from .base import Store, StoreInfo
from .chunked import ChunkedStore
from .memory import MemoryStore
from .model import Counter, Hold, Outcome, Reserve, State, Swept, Verdict

__all__ = [
    "ChunkedStore",
    "Counter",
    "Hold",
    "MemoryStore",
    "Outcome",
    "Reserve",
    "State",
    "Store",
    "StoreInfo",
    "Swept",
    "Verdict",
    "open_store",
]


def open_store(address: str, *, timeout: float = limits.STORE_TIMEOUT) -> Store:
    """Return the store at an address: "memory:", "sqlite:PATH", "redis://…" or "postgresql://…".

    timeout: seconds within which each of its calls answers or raises Unavailable. redis:// (or
    rediss://, with TLS) needs the package redis, postgresql:// the package psycopg.

    Raises ValueError for another kind of address, ImportError with what to install, Unavailable.
    """
    kind, colon, rest = address.partition(":")
    if not colon or (kind != "memory" and not rest):
        raise ValueError("no address of a store; give memory:, sqlite:PATH, redis://… or postgresql://…")
    if kind == "memory":
        return MemoryStore(timeout=timeout)
    if kind == "sqlite":
        if rest.startswith("//"):
            raise ValueError(
                "two slashes in the address of a file; write sqlite:state.db or sqlite:/abs/state.db"
            )
        from .sqlite import SqliteStore

        return SqliteStore(rest, timeout=timeout)
    try:
        if kind in ("redis", "rediss"):
            from .redis import RedisStore

            return RedisStore(address, timeout=timeout)
        if kind in ("postgresql", "postgres"):
            from .postgres import PostgresStore

            return PostgresStore(address, timeout=timeout)
    except BaseException:
        del address, rest  # they may hold a password, and collectors show the variables of frames
        raise
    raise ValueError(f"no store is called {kind!r:.40}; there are memory, sqlite, redis, postgresql")
