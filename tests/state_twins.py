"""Stores as a careless hand would write them: the controls of state_faults.py must find each.

    store = opened("sqlite:state.db", "read-then-write")

`Raw` writes counters past the store, into the tables of each backend.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Sequence
from typing import Any

from attenuate import limits
from attenuate.charges import Charge
from attenuate.store import Counter, MemoryStore, Outcome, Reserve, Store, Verdict, open_store
from attenuate.store.model import decide

AHEAD = 10**12
TTL = 60
"""Seconds for which the forgetful twin keeps a proof, from when it saw it."""
PUT = {
    "sqlite": "INSERT OR REPLACE INTO counters VALUES (?, ?, ?, ?, ?, ?)",
    "postgresql": "INSERT INTO attenuate.counters VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO UPDATE "
    "SET spent = EXCLUDED.spent, held = EXCLUDED.held, extra = EXCLUDED.extra, until = EXCLUDED.until",
}


def kind_of(address: str) -> str:
    return address.partition(":")[0]


class Raw:
    """What is in a backend, without its store; one connection for each thread."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.kind = kind_of(address)
        self._local = threading.local()
        self._all: list[Any] = []

    def connection(self) -> Any:
        found = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = self._connect()
            self._all.append(found)
        return found

    def _connect(self) -> Any:
        if self.kind == "sqlite":
            path = self.address.partition(":")[2]
            made = sqlite3.connect(path, timeout=20, isolation_level=None, check_same_thread=False)
            made.execute("PRAGMA synchronous = OFF")  # a twin need not be slow
            return made
        if self.kind == "redis":
            import redis

            return redis.Redis.from_url(self.address)
        import psycopg

        made = psycopg.connect(self.address, autocommit=True)
        made.execute("SET synchronous_commit = off")
        return made

    def put(self, rows: Sequence[Counter]) -> None:
        """Write counters as they are given, in one transaction, whatever stands there now."""
        connection = self.connection()
        if self.kind == "redis":
            pipe = connection.pipeline(transaction=True)
            for key, *numbers in rows:
                name = b"{attenuate}:c:" + key
                pipe.hset(name, mapping=dict(zip(("s", "h", "e", "c", "u"), numbers, strict=True)))
            pipe.execute()
        elif self.kind == "sqlite":
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(PUT["sqlite"], rows)
            connection.execute("COMMIT")
        else:
            with connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(PUT["postgresql"], sorted(rows))  # or they deadlock

    def rows(self) -> int:
        """Return how many counters there are."""
        if self.kind == "redis":
            return sum(1 for _ in self.connection().scan_iter(match="{attenuate}:c:*", count=10_000))
        table = "counters" if self.kind == "sqlite" else "attenuate.counters"
        return int(self.connection().execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def others(self) -> int:
        """Return how many clients but this one have something under way at a server."""
        connection = self.connection()
        if self.kind == "sqlite":
            return 0
        if self.kind == "redis":
            mine = connection.client_id()
            return sum(1 for each in connection.client_list() if int(each["id"]) != mine)
        ask = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        return int(connection.execute(ask).fetchone()[0])

    def quiet(self, known: int, timeout: float = 10.0) -> None:
        """Wait until a server has noticed the end of those that were killed: all but `known` are gone."""
        end = time.monotonic() + timeout
        while self.kind != "sqlite" and self.others() > known:
            if time.monotonic() > end:
                raise TimeoutError("the server still has clients that were killed")
            time.sleep(0.002)

    def version(self) -> str:
        if self.kind == "redis":
            sync = self.connection().config_get("appendfsync")["appendfsync"]
            return f"Redis {self.connection().info('server')['redis_version']}, appendfsync {sync}"
        if self.kind == "sqlite":
            return f"SQLite {sqlite3.sqlite_version}"
        names = ("server_version", "fsync")
        shown = [
            self.connection().execute(f"SELECT current_setting('{name}')").fetchone()[0] for name in names
        ]
        return f"PostgreSQL {shown[0]}, fsync {shown[1]}"

    def close(self) -> None:
        for each in self._all:
            each.close()
        self._all.clear()
        self._local = threading.local()


class Twin:
    """A store but for what a twin does otherwise."""

    def __init__(self, inner: Store, address: str) -> None:
        self.inner = inner
        self.raw = Raw(address)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def close(self) -> None:
        self.raw.close()
        self.inner.close()


class ReadThenWrite(Twin):
    """Reads the counters, decides by the right rule, then writes what it thinks they are."""

    def apply(
        self,
        charges: Sequence[Charge],
        *,
        now: int,
        reserve: Reserve | None = None,
        ledger: int | None = None,
    ) -> Outcome:
        if reserve:
            return self.inner.apply(charges, now=now, reserve=reserve, ledger=ledger)
        rows = {row.key: row for row in self.inner.read([c.key for c in charges]) if row}
        outcome, changed = decide(charges, rows, 0)
        self.write(changed)
        return outcome

    def write(self, rows: list[Counter]) -> None:
        if rows:
            self.raw.put(rows)


class OneByOne(ReadThenWrite):
    """Writes its counters one after the other, each in its own transaction."""

    def write(self, rows: list[Counter]) -> None:
        for row in rows:
            self.raw.put([row])


class EarlyAnswer(Twin):
    """Answers, and commits afterwards."""

    def __init__(self, inner: Store, address: str) -> None:
        super().__init__(inner, address)
        self.waiting: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        threading.Thread(target=self.run, daemon=True).start()

    def apply(
        self,
        charges: Sequence[Charge],
        *,
        now: int,
        reserve: Reserve | None = None,
        ledger: int | None = None,
    ) -> Outcome:
        self.waiting.put((charges, now, reserve, ledger))
        return Outcome(Verdict.APPLIED)

    def run(self) -> None:
        while True:
            charges, now, reserve, ledger = self.waiting.get()
            self.inner.apply(charges, now=now, reserve=reserve, ledger=ledger)


class Forgetful(Twin):
    """Keeps a proof for as long after it was seen as clocks may differ, as if no proof could be of later."""

    def apply(
        self,
        charges: Sequence[Charge],
        *,
        now: int,
        reserve: Reserve | None = None,
        ledger: int | None = None,
    ) -> Outcome:
        kept = [c._replace(until=now + TTL) if c.kind == "replay" else c for c in charges]
        return self.inner.apply(kept, now=now, reserve=reserve, ledger=ledger)


TWINS: dict[str, type[Twin]] = {
    "read-then-write": ReadThenWrite,
    "one-by-one": OneByOne,
    "early-answer": EarlyAnswer,
    "forgetful": Forgetful,
}


def opened(address: str, twin: str = "", timeout: float = 30.0, proofs_from_before: bool = True) -> Any:
    """Open the store at an address, or its twin. proofs_from_before: for a store in memory."""
    if address == "memory:":
        inner: Store = MemoryStore(allow_proofs_from_before=proofs_from_before)
    else:
        inner = open_store(address, timeout=timeout)
        if hasattr(inner, "_ahead"):
            inner._ahead = AHEAD  # runs sweep in the future
    return TWINS[twin](inner, address) if twin else inner


def rows_of(store: Any, address: str) -> int:
    """Return how many counters a store has."""
    inner = store.inner if isinstance(store, Twin) else store
    if isinstance(inner, MemoryStore):
        return len(inner._counters)
    raw = Raw(address)
    try:
        return raw.rows()
    finally:
        raw.close()


def budget(key: bytes, amount: int, ceiling: int = limits.SAFE_MAX) -> Charge:
    return Charge("budget", key, amount, ceiling, limits.SAFE_MAX)
