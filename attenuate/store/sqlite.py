"""A store in one SQLite file: the default, for all processes of one machine.

One connection writes, in a thread of its own, and takes whatever waits into one transaction (group
commit); what only looks is read by the caller. WAL with synchronous=FULL: an outcome is returned
after it is on the disk.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeVar

from .. import limits
from ..charges import Charge
from ..errors import Unavailable
from .base import ANEW, ANOTHER, ANSWERS, ROOM, VERSIONS, Store
from .model import (
    Counter,
    Entry,
    Hold,
    Outcome,
    Reserve,
    State,
    Swept,
    Verdict,
    decide,
    held_by,
    settle,
)
from .writer import Writer

T = TypeVar("T")
VERSION: Final = 1
"""Of the tables; each version has a file sql/sqlite-N.sql that makes it from the one before."""
POLL: Final = 0.002
"""Seconds between two looks at whether another process has appended to the ledger."""
_REPLACED: Final = "the file was replaced"
_BACK: Final = "the same request when the file is back in its place"
_ABANDONED: Final[list[sqlite3.Connection]] = []
"""Connections of the process that this one was forked from: SQLite must not even close them here."""


class SqliteStore(Store):
    """Counters in a file, exact under threads and processes, kept through crash and power loss.

    path: of the file; it is made, with its tables, where it is missing, readable by its owner only.
    A file that vanishes or is replaced while it is open is Unavailable, never a fresh start.
    Consistency: serializable (BEGIN IMMEDIATE). Not for network file systems, which lock badly.

    Raises Unavailable where the file cannot be opened or is no store of this version.
    """

    name = "sqlite"

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = limits.STORE_TIMEOUT) -> None:
        super().__init__(timeout=timeout)
        self._path = Path(path).absolute()
        self._local = threading.local()
        self._open = True
        self._pid = os.getpid()
        refusal = None
        try:
            with _connected(self._path, self.timeout) as connection:
                _migrate(connection)
                self._identity = bytes(connection.execute("SELECT identity FROM meta").fetchone()[0])
            self._inode = self._path.stat().st_ino
        except (sqlite3.Error, OSError) as error:
            refusal = self._failure(error)
            if isinstance(error, FileNotFoundError) and not self._path.parent.exists():
                why = f"the folder {self._path.parent} does not exist"
                refusal = self.unavailable(why, would_pass="the same address when the folder was made")
        if refusal is not None:
            raise refusal
        self._writer = Writer(self._write)

    # --- counters -----------------------------------------------------------------------------------
    def _apply(
        self, charges: Sequence[Charge], now: int, reserve: Reserve | None, ledger: int | None
    ) -> Outcome:
        if not reserve and not any(charge.amount for charge in charges if charge.kind != "attempt"):
            with self._reading() as connection:
                outcome, changed = _decide(connection, charges, now, None, ledger)[:2]
            if not changed:
                return outcome
        return self._written(_charged, charges, now, reserve, ledger)

    def _settle(self, hold_id: bytes, state: State, amounts: dict[bytes, int], now: int) -> Hold | None:
        return self._written(_settled, hold_id, state, amounts, now)

    def _hold(self, hold_id: bytes) -> Hold | None:
        with self._reading() as connection:
            return _hold(connection, hold_id)

    def _holds(self, limit: int) -> list[Hold]:
        ask = "SELECT id FROM holds WHERE state = 0 ORDER BY expires, id LIMIT ?"
        with self._reading() as connection:
            ids = [row[0] for row in connection.execute(ask, (limit,)).fetchall()]
            return [hold for each in ids if (hold := _hold(connection, each))]

    def _read(self, keys: list[bytes]) -> list[Counter | None]:
        with self._reading() as connection:
            rows = _rows(connection, keys)
        return [rows.get(key) for key in keys]

    def _top_up(self, counter: Counter) -> Counter:
        return self._written(_topped_up, counter)

    def _sweep(self, now: int, limit: int) -> Swept:
        return self._written(_swept, now, limit)

    # --- the ledger ---------------------------------------------------------------------------------
    def _append(self, bodies: list[bytes], at: int, until: list[int], note: str) -> int:
        return self._written(_appended, bodies, at, until, note)

    def _entries(self, after: int, limit: int) -> tuple[int, list[Entry]]:
        ask = "SELECT seq, at, until, body, note FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?"
        with self._reading() as connection:
            head = int(connection.execute("SELECT head FROM meta").fetchone()[0])
            return head, [Entry(*row) for row in connection.execute(ask, (after, limit)).fetchall()]

    def wait(self, after: int, timeout: float) -> None:
        """Look at the file every two milliseconds until an entry is there."""
        end = time.monotonic() + timeout
        try:
            self._check()
            with self._reader() as connection:
                seen = None
                while self._open:
                    now = connection.execute("PRAGMA data_version").fetchone()[0]
                    if now != seen:
                        seen = now
                        if connection.execute("SELECT head FROM meta").fetchone()[0] > after:
                            return
                    left = end - time.monotonic()
                    if left <= 0:
                        return
                    time.sleep(min(POLL, left))
        except (sqlite3.Error, OSError, Unavailable):
            time.sleep(max(0.0, min(POLL * 10, end - time.monotonic())))

    # --- leases that were seen ----------------------------------------------------------------------
    def _note(self, lease: bytes, selectors: list[bytes], issued_at: int, until: int) -> None:
        self._written(_noted, lease, selectors, issued_at, until)

    def _count(self, selector: bytes, before: int, now: int) -> int:
        ask = "SELECT count(*) FROM seen WHERE selector = ? AND issued_at < ? AND until > ?"
        with self._reading() as connection:
            return int(connection.execute(ask, (selector, before, now)).fetchone()[0])

    def close(self) -> None:
        """Write what waits, then refuse."""
        self._open = False
        self._writer.close()
        self._local = threading.local()

    # --- connections --------------------------------------------------------------------------------
    def _write(self, jobs: Sequence[tuple[Callable[..., Any], tuple[Any, ...]]]) -> list[Any]:
        """Do jobs in one transaction, in the writer's thread. A ValueError is raised before a job writes."""
        out: list[Any] = []
        with self._reader() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                for work, arguments in jobs:
                    try:
                        out.append(work(connection, *arguments))
                    except ValueError as error:
                        out.append(error)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        return out

    def _written(self, work: Callable[..., T], *arguments: Any) -> T:
        self._check()
        future: Future[T] = self._writer.submit(work, arguments)
        try:
            return future.result(self.timeout)
        except TimeoutError:
            future.cancel()
            raise

    def _check(self) -> None:
        if not self._open:
            raise self.unavailable("it is closed", would_pass=ANEW)
        if self._pid != os.getpid():  # a fork has neither the thread nor the right to the connections
            self._pid = os.getpid()
            self._local = threading.local()
            self._writer = Writer(self._write)

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """Give this thread's connection; after an error it is not used again."""
        if self._path.stat().st_ino != self._inode:
            raise self.unavailable(_REPLACED, would_pass=ANOTHER)
        kept: _Kept | None = getattr(self._local, "kept", None)
        if kept is None:
            kept = _Kept(_connect(self._path, self.timeout))
            if bytes(kept.connection.execute("SELECT identity FROM meta").fetchone()[0]) != self._identity:
                raise self.unavailable(_REPLACED, would_pass=ANOTHER)
            self._local.kept = kept
        try:
            yield kept.connection
        except sqlite3.Error:
            self._local.kept = None
            kept.connection.close()
            raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection in a transaction that sees one moment."""
        self._check()
        with self._reader() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def _failure(self, error: Exception) -> Unavailable | None:
        if isinstance(error, TimeoutError):
            return self.unavailable(f"no answer within {self.timeout:g} s")
        if isinstance(error, FileNotFoundError):
            return self.unavailable("its file is gone", would_pass=_BACK)
        if isinstance(error, _Version):
            return self.unavailable(str(error), would_pass=VERSIONS)
        if isinstance(error, sqlite3.Error):
            full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            return self.unavailable(str(error), would_pass=ROOM if full else ANSWERS)
        return self.unavailable(error.strerror or "no access") if isinstance(error, OSError) else None


class _Version(sqlite3.DatabaseError):
    """The file is of another version, or of another program."""


class _Kept:
    """A connection that is closed when its thread or its store is gone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._pid = os.getpid()

    def __del__(self) -> None:
        if self._pid == os.getpid():
            self.connection.close()
        else:
            _ABANDONED.append(self.connection)


def _connect(path: Path, timeout: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, timeout=timeout, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA synchronous = FULL")
    return connection


@contextmanager
def _connected(path: Path, timeout: float) -> Iterator[sqlite3.Connection]:
    """Make the file where it is missing, and give a connection to it."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = _connect(path, timeout)
    try:
        yield connection
    finally:
        connection.close()


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables to this version, each step in one transaction."""
    connection.execute("PRAGMA journal_mode = WAL")
    while True:
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            if version > VERSION or (not version and tables):
                raise _Version(f"no store that this version knows (user_version {version})")
            if version == VERSION:
                return
            script = (files(__package__) / "sql" / f"sqlite-{version + 1}.sql").read_text("utf-8")
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _statements(script: str) -> Iterator[str]:
    """Split a script; executescript would end the transaction that it should be in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


# --- within a transaction -----------------------------------------------------------------------------
def _rows(connection: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, Counter]:
    ask = "SELECT key, spent, held, extra, ceiling, until FROM counters WHERE key = ?"
    rows = [connection.execute(ask, (key,)).fetchone() for key in keys]
    return {row[0]: Counter(*row) for row in rows if row}


def _hold(connection: sqlite3.Connection, hold_id: bytes) -> Hold | None:
    row = connection.execute("SELECT state, expires, until FROM holds WHERE id = ?", (hold_id,)).fetchone()
    if row is None:
        return None
    ask = "SELECT key, reserved, charged FROM items WHERE hold = ? ORDER BY number"
    items = connection.execute(ask, (hold_id,)).fetchall()
    return Hold(hold_id, State(row[0]), row[1], row[2], tuple(items))


def _decide(
    connection: sqlite3.Connection,
    charges: Sequence[Charge],
    now: int,
    reserve: Reserve | None,
    ledger: int | None,
) -> tuple[Outcome, list[Counter], Hold | None]:
    head, horizon = connection.execute("SELECT head, horizon FROM meta").fetchone()
    if ledger is not None and ledger != head:
        return Outcome(Verdict.BEHIND, head), [], None
    hold = _hold(connection, reserve.id) if reserve else None
    rows = _rows(connection, [charge.key for charge in charges])
    return *decide(charges, rows, horizon, reserve, hold, now), hold


def _charged(
    connection: sqlite3.Connection,
    charges: Sequence[Charge],
    now: int,
    reserve: Reserve | None,
    ledger: int | None,
) -> Outcome:
    outcome, changed, hold = _decide(connection, charges, now, reserve, ledger)
    connection.executemany("INSERT OR REPLACE INTO counters VALUES (?, ?, ?, ?, ?, ?)", changed)
    if reserve and hold is None and outcome.verdict is Verdict.APPLIED:
        made = held_by(reserve, charges)
        connection.execute("INSERT INTO holds VALUES (?, 0, ?, ?)", (made.id, made.expires, made.until))
        items = [(reserve.id, number, *item) for number, item in enumerate(made.items)]
        connection.executemany("INSERT INTO items VALUES (?, ?, ?, ?, ?)", items)
    return outcome


def _settled(
    connection: sqlite3.Connection, hold_id: bytes, state: State, amounts: dict[bytes, int], now: int
) -> Hold | None:
    hold = _hold(connection, hold_id)
    settled = None if hold is None else settle(hold, state, amounts, now)
    if hold is None or settled is None:
        return hold and hold._replace(state=hold.at(now))
    if hold.state is State.HELD:
        connection.execute("UPDATE holds SET state = ? WHERE id = ?", (settled.state, hold_id))
        for key, reserved, charged in settled.items:
            connection.execute(
                "UPDATE counters SET spent = spent + ?, held = held - ? WHERE key = ?",
                (charged, reserved, key),
            )
            connection.execute(
                "UPDATE items SET charged = ? WHERE hold = ? AND key = ?", (charged, hold_id, key)
            )
    return settled


def _topped_up(connection: sqlite3.Connection, counter: Counter) -> Counter:
    row = _rows(connection, [counter.key]).get(counter.key) or counter._replace(extra=0)
    if row.extra + counter.extra > limits.SAFE_MAX:
        raise ValueError("topped up beyond 2^53-1")
    row = row._replace(extra=row.extra + counter.extra, until=max(row.until, counter.until))
    connection.execute("INSERT OR REPLACE INTO counters VALUES (?, ?, ?, ?, ?, ?)", row)
    return row


def _swept(connection: sqlite3.Connection, now: int, limit: int) -> Swept:
    ask = "SELECT id FROM holds WHERE state = 0 AND expires <= ? ORDER BY expires LIMIT ?"
    due = connection.execute(ask, (now, limit)).fetchall()
    for (hold_id,) in due:
        _settled(connection, hold_id, State.EXPIRED, {}, now)
    forgotten = 0
    ask = "SELECT id FROM holds WHERE state > 0 AND until <= ? LIMIT ?"
    for (hold_id,) in connection.execute(ask, (now, limit)).fetchall():
        connection.execute("DELETE FROM items WHERE hold = ?", (hold_id,))
        connection.execute("DELETE FROM holds WHERE id = ?", (hold_id,))
        forgotten += 1
    newest = " AND seq < (SELECT head FROM meta)"  # by the newest a gate notices that the history is another
    for table, key, also in (
        ("counters", "key", " AND held = 0"),
        ("seen", "(selector, lease)", ""),
        ("ledger", "seq", newest),
    ):
        ask = f"DELETE FROM {table} WHERE {key} IN (SELECT {key.strip('()')} FROM {table} WHERE until <= ?{also} LIMIT ?)"  # noqa: S608
        forgotten += connection.execute(ask, (now, limit)).rowcount
    connection.execute("UPDATE meta SET horizon = max(horizon, ?)", (now,))
    return Swept(len(due), forgotten)


def _appended(
    connection: sqlite3.Connection, bodies: list[bytes], at: int, until: list[int], note: str
) -> int:
    head = int(connection.execute("SELECT head FROM meta").fetchone()[0])
    rows = [
        (head + number, at, end, body, note)
        for number, (body, end) in enumerate(zip(bodies, until, strict=True), 1)
    ]
    connection.executemany("INSERT INTO ledger VALUES (?, ?, ?, ?, ?)", rows)
    connection.execute("UPDATE meta SET head = ?", (head + len(rows),))
    return head + len(rows)


def _noted(
    connection: sqlite3.Connection, lease: bytes, selectors: list[bytes], issued_at: int, until: int
) -> None:
    rows = [(selector, lease, issued_at, until) for selector in selectors]
    connection.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)", rows)
