"""A store in PostgreSQL: for several machines that share counters, kept through crash and power loss.

Each verb is one function in the database (`sql/postgres-1.sql`), called in one round trip. A deadline
of our own bounds every call, because the client library waits for a server that stands still.
"""

from __future__ import annotations

import re
import select
import time
from collections.abc import Callable, Generator, Sequence
from importlib.resources import files
from typing import Any, Final, TypeVar

try:
    import psycopg
    from psycopg import conninfo, errors
    from psycopg.types.numeric import Int8
except ImportError as missing:
    raise ImportError(
        "a store in PostgreSQL needs the package psycopg: pip install 'psycopg[binary]'"
    ) from missing

from .. import limits
from ..charges import Charge
from ..errors import Unavailable
from .base import ANOTHER, ANSWERS, ROOM, VERSIONS
from .model import Counter, Entry, Hold, Outcome, Reserve, State, Swept, Verdict, held_by, kept, settle
from .pool import Pool
from .served import ServedStore

T = TypeVar("T")
VERSION: Final = 1
"""Of the tables; each version has a file sql/postgres-N.sql that makes it from the one before."""
AHEAD: Final = 0
"""Seconds that a caller's clock may be ahead of the server's in a sweep; tests sweep in the future."""
POLL: Final = 0.05
"""Seconds between two looks at the ledger where the server cannot be listened to."""
CHUNK: Final = 20
"""Reservations that one transaction of a sweep settles."""
KINDS: Final = {"budget": "b", "final": "f", "replay": "r"}
_SETTINGS: Final = {
    "search_path": "'pg_catalog, pg_temp'",  # or who may create in `public` could put functions before the built-in
    "statement_timeout": "%(time)s",
    "lock_timeout": "%(time)s",
    "idle_in_transaction_session_timeout": "%(time)s",
    "synchronous_commit": "CASE WHEN pg_catalog.current_setting('synchronous_commit') "
    "OPERATOR(pg_catalog.=) 'remote_apply' THEN 'remote_apply' ELSE 'on' END",
    "default_transaction_isolation": "'read committed'",
    "enable_seqscan": "'off'",
    "enable_hashjoin": "'off'",
    "enable_mergejoin": "'off'",
    "jit": "'off'",
}
_SESSION: Final = "SELECT " + ", ".join(
    f"pg_catalog.set_config('{name}', {value}, false)" for name, value in _SETTINGS.items()
)


class PostgresStore(ServedStore):
    """Counters in PostgreSQL, exact under threads, processes and machines; 13 or later.

    url: postgresql://… or another conninfo of libpq. schema: where its tables are; it is made where
    it is missing. Consistency: batches that share a counter are serialised by locks, in an order that
    excludes deadlocks; a batch that only looks takes none. durable is False where fsync is off.
    After a failover to a replica that lagged behind, its last operations are lost.

    Raises ValueError for no address, Unavailable where the database cannot be used as it is.
    """

    name = "postgresql"

    def __init__(self, url: str, *, timeout: float = limits.STORE_TIMEOUT, schema: str = "attenuate") -> None:
        super().__init__(timeout=timeout)
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,40}", schema):
            raise ValueError(f"schema {schema!r:.40}; give a name of small letters, digits and _")
        self._schema = schema
        self._ahead = AHEAD
        connect = _connector(url, self.timeout)
        del url  # of this frame, which collectors show
        if connect is None:
            raise ValueError("no address of a PostgreSQL; give postgresql://HOST:PORT/DATABASE")
        self._pool = Pool(connect, _close, _sound)
        self._listeners = Pool(self._listening(connect), _close, _alive)
        try:
            self._identity, self.durable = self._timed(self._begin)
        except BaseException:
            self.close()
            raise

    # --- counters -----------------------------------------------------------------------------------
    def _apply(
        self, charges: Sequence[Charge], now: int, reserve: Reserve | None, ledger: int | None
    ) -> Outcome:
        hold_id, expires, until = None, None, None
        if reserve:
            hold_id, expires, until = reserve.id, reserve.expires, held_by(reserve, charges).until
        row = self._one(
            "SELECT * FROM attenuate.apply(%b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b)",
            self._identity,
            Int8(now),
            "".join([KINDS.get(c.kind) or ("A" if c.raises else "a") for c in charges]),
            [c.key for c in charges],
            [Int8(c.amount) for c in charges],
            [Int8(c.ceiling) for c in charges],
            [Int8(c.until) for c in charges],
            [Int8(kept(c)) for c in charges],
            None if ledger is None else Int8(ledger),
            hold_id,
            None if expires is None else Int8(expires),
            None if until is None else Int8(until),
        )
        verdict, number, found = row
        return Outcome(Verdict(self._told(verdict)), number, tuple(found))

    def _settle(self, hold_id: bytes, state: State, amounts: dict[bytes, int], now: int) -> Hold | None:
        end = time.monotonic() + self.timeout
        while True:
            hold = self._hold(hold_id, end)
            settled = None if hold is None else settle(hold, state, amounts, now)
            if hold is None or settled is None:
                return hold and hold._replace(state=hold.at(now))
            if hold.state is not State.HELD:
                return settled
            charged = [charged for _, _, charged in settled.items]
            ask = "SELECT attenuate.settle(%s, %s, %s, %s::bigint[])"
            if self._told(self._one(ask, self._identity, hold_id, int(state), charged, end=end)[0]):
                return settled
            # another settled it meanwhile, and that is final

    def _hold(self, hold_id: bytes, end: float | None = None) -> Hold | None:
        where = "h.id = %s"
        return next(iter(self._found(where, hold_id, end=end)), None)

    def _holds(self, limit: int) -> list[Hold]:
        return self._found("h.state = 0 ORDER BY h.expires, h.id LIMIT %s", limit)

    def _found(self, where: str, *arguments: Any, end: float | None = None) -> list[Hold]:
        ask = f"""SELECT x.* FROM attenuate.meta m LEFT JOIN LATERAL (
            SELECT h.id, h.state, h.expires, h.until, h.keys, h.reserved, h.charged FROM attenuate.holds h
            WHERE {where}) x ON true WHERE m.identity = %s ORDER BY x.expires, x.id"""  # noqa: S608
        rows = self._all(ask, *arguments, self._identity, end=end)
        self._told(rows or None)
        out = []
        for hold_id, state, expires, until, *items in rows:
            if hold_id is not None:
                out.append(Hold(hold_id, State(state), expires, until, tuple(zip(*items, strict=True))))
        return out

    def _read(self, keys: list[bytes]) -> list[Counter | None]:
        ask = """SELECT c.key, c.spent, c.held, c.extra, c.ceiling, c.until FROM attenuate.meta m
            LEFT JOIN attenuate.counters c ON c.key = ANY (%s) WHERE m.identity = %s"""
        rows = self._all(ask, keys, self._identity)
        self._told(rows or None)
        found = {row[0]: Counter(*row) for row in rows}
        return [found.get(key) for key in keys]

    def _top_up(self, counter: Counter) -> Counter:
        ask = """SELECT m.identity, t.* FROM (SELECT) one LEFT JOIN attenuate.meta m ON m.identity = %s
            LEFT JOIN LATERAL attenuate.top_up(m.identity, %s, %s, %s, %s) t ON m.identity IS NOT NULL"""
        numbers = counter.key, counter.extra, counter.ceiling, counter.until
        identity, *row = self._one(ask, self._identity, *numbers)
        self._told(identity)
        if row[0] is None:
            raise ValueError("topped up beyond 2^53-1")
        return Counter(*row)

    def _sweep(self, now: int, limit: int) -> Swept:
        end = time.monotonic() + self.timeout
        expired = 0
        while expired < limit and time.monotonic() < end - self.timeout / 2:
            chunk = min(CHUNK, limit - expired)
            ask = "SELECT attenuate.expire(%s, %s, %s, %s)"
            done = self._told(self._one(ask, self._identity, now, chunk, self._ahead, end=end)[0])
            if not done:
                break
            expired += done
        ask = "SELECT attenuate.forget(%s, %s, %s, %s)"
        row = self._one(ask, self._identity, now, limit, self._ahead, end=end)
        return Swept(expired, self._told(row[0]))

    # --- the ledger ---------------------------------------------------------------------------------
    def _append(self, bodies: list[bytes], at: int, until: list[int], note: str) -> int:
        ask = "SELECT attenuate.append(%s, %s::bytea[], %s, %s::bigint[], %s, %s)"
        row = self._one(ask, self._identity, bodies, at, until, note.encode(), self._schema)
        return int(self._told(row[0]))

    def _entries(self, after: int, limit: int) -> tuple[int, list[Entry]]:
        ask = """SELECT m.head, e.* FROM attenuate.meta m LEFT JOIN LATERAL (
            SELECT seq, at, until, body, note FROM attenuate.ledger WHERE seq > %s ORDER BY seq LIMIT %s) e ON true
            WHERE m.identity = %s ORDER BY e.seq"""
        rows = self._all(ask, after, limit, self._identity)
        self._told(rows or None)
        out = [
            Entry(seq, at, until, body, words.decode())
            for _, seq, at, until, body, words in rows
            if seq is not None
        ]
        return int(rows[0][0]), out

    def wait(self, after: int, timeout: float) -> None:
        """Listen for the next entry; where that fails, return after a moment."""
        end = time.monotonic() + timeout
        try:
            with self._listeners.lent(min(end, time.monotonic() + self.timeout)) as connection:
                if self._entries(after, 1)[0] > after:
                    return
                while self._open and (left := end - time.monotonic()) > 0:
                    connection.end = float("inf")
                    for news in connection.notifies(timeout=min(left, 0.5), stop_after=1):
                        if int(news.payload) > after:
                            return
        except Exception:
            time.sleep(max(0.0, min(POLL, end - time.monotonic())))

    # --- leases that were seen ----------------------------------------------------------------------
    def _note(self, lease: bytes, selectors: list[bytes], issued_at: int, until: int) -> None:
        ask = """INSERT INTO attenuate.seen SELECT DISTINCT s, %s::bytea, %s::bigint, %s::bigint
            FROM unnest(%s::bytea[]) s, attenuate.meta WHERE identity = %s ORDER BY s
            ON CONFLICT (selector, lease) DO UPDATE SET issued_at = excluded.issued_at, until = excluded.until
            RETURNING true"""
        if selectors:
            self._told(self._all(ask, lease, issued_at, until, selectors, self._identity) or None)

    def _count(self, selector: bytes, before: int, now: int) -> int:
        ask = """SELECT (SELECT count(*) FROM attenuate.seen
            WHERE selector = %s AND issued_at < %s AND until > %s) FROM attenuate.meta WHERE identity = %s"""
        rows = self._all(ask, selector, before, now, self._identity)
        return int(self._told(rows or None)[0][0])

    # --- the server ---------------------------------------------------------------------------------
    def _told(self, value: T | None) -> T:
        if value is None:
            raise self.unavailable(
                "the database is another one, or its data were replaced", would_pass=ANOTHER
            )
        return value

    def _one(self, ask: str, *arguments: Any, end: float | None = None) -> tuple[Any, ...]:
        return self._all(ask, *arguments, end=end)[0]

    def _all(self, ask: str, *arguments: Any, end: float | None = None) -> list[tuple[Any, ...]]:
        """Run one statement once, in its own transaction, and return its rows."""
        self._check_open()
        end = time.monotonic() + self.timeout if end is None else end
        with self._pool.lent(end, (psycopg.Error,)) as connection:
            connection.end = end
            query = self._named(ask).encode()
            rows: list[tuple[Any, ...]] = connection.execute(
                query, arguments, prepare=True, binary=True
            ).fetchall()
        return rows

    def _named(self, text: str) -> str:
        return text if self._schema == "attenuate" else text.replace("attenuate.", f"{self._schema}.")

    def _begin(self) -> tuple[bytes, bool]:
        """Bring the tables to this version, and return the identity and whether an outcome is on the disk."""
        end = time.monotonic() + self.timeout
        with self._pool.lent(end) as connection:
            connection.end = end
            with connection.transaction():
                self._migrate(connection)
            ask = self._named(
                "SELECT m.identity, current_setting('fsync') = 'on' AND "
                "current_setting('synchronous_commit') IN ('on', 'remote_apply') FROM attenuate.meta m"
            )
            row = connection.execute(ask.encode()).fetchone()
        identity, durable = self._told(row)
        return bytes(identity), bool(durable)

    def _migrate(self, connection: _Bounded) -> None:
        connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"attenuate {self._schema}",)
        )
        ask = "SELECT to_regclass(%s) IS NOT NULL, EXISTS (SELECT FROM pg_namespace WHERE nspname = %s)"
        there, schema = self._told(
            connection.execute(ask, (f"{self._schema}.version", self._schema)).fetchone()
        )
        version = 0
        if there:
            ask = self._named("SELECT max(version) FROM attenuate.version")
            version = int(self._told(connection.execute(ask.encode()).fetchone())[0])
        if version > VERSION:
            why = f"its tables are of version {version}; this program knows {VERSION}"
            raise self.unavailable(why, would_pass=VERSIONS)
        if not version:
            if not schema:
                connection.execute(f"CREATE SCHEMA {self._schema}".encode())
            connection.execute(self._named("CREATE TABLE attenuate.version (version integer)").encode())
        while version < VERSION:
            version += 1
            script = (files(__package__) / "sql" / f"postgres-{version}.sql").read_text("utf-8")
            connection.execute(self._named(script).encode())
            ask = self._named("INSERT INTO attenuate.version VALUES (%s)")
            connection.execute(ask.encode(), (version,))

    def _listening(self, connect: Callable[[], _Bounded]) -> Callable[[], _Bounded]:
        def listen() -> _Bounded:
            connection = connect()
            connection.execute(f"LISTEN {self._schema}".encode())
            return connection

        return listen

    def _failure(self, error: Exception) -> Unavailable | None:
        words = self._words(error)
        if words is None:
            return None
        state = getattr(error, "sqlstate", None) or ""
        hint = ANOTHER if words == _NO_TABLES else ROOM if state.startswith("53") else ANSWERS
        return self.unavailable(words, would_pass=hint)

    def _words(self, error: Exception) -> str | None:
        if isinstance(error, TimeoutError | errors.QueryCanceled | errors.LockNotAvailable):
            return f"no answer within {self.timeout:g} s"
        if isinstance(error, errors.InvalidSchemaName | errors.UndefinedTable | errors.UndefinedFunction):
            return _NO_TABLES
        if not isinstance(error, psycopg.Error):
            return "no connection to the server" if isinstance(error, OSError) else None
        state = error.sqlstate
        if state is None:
            text = str(error)
            for words in ("Connection refused", "password authentication failed", "No such file"):
                if words in text:
                    return f"no connection to the server: {words}"
            return "no connection to the server"
        return f"the server answered: {_STATES.get(state[:2], 'an error')} (SQLSTATE {state})"


_NO_TABLES: Final = "its tables are gone"
_STATES: Final = {
    "08": "the connection is broken",
    "25": "it takes no writes",
    "28": "it refused the name or password",
    "3D": "there is no such database",
    "42": "it does not allow this user what a store needs, or has other tables",
    "53": "it has no room left",
    "57": "it is stopping",
}


class _Bounded(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose calls raise TimeoutError at `end`, of time.monotonic()."""

    end: float = float("inf")

    def wait(self, gen: Generator[Any, Any, T], *arguments: Any, **options: Any) -> T:
        """Wait as the library does, and look at the clock whenever nothing came."""
        return super().wait(_until(gen, self.end), *arguments, **options)


def _until(gen: Generator[Any, Any, T], end: float) -> Generator[Any, Any, T]:
    try:
        ready = next(gen)
        while True:
            got = yield ready
            if not got and time.monotonic() >= end:
                raise TimeoutError("no answer in time")
            ready = gen.send(got)
    except StopIteration as done:
        out: T = done.value
        return out


def _connector(url: str, timeout: float) -> Callable[[], _Bounded] | None:
    """Return what opens a connection, with the address inside it; None where it is none."""
    try:
        given: dict[str, Any] = dict(conninfo.conninfo_to_dict(url))
    except Exception:
        return None  # the error would repeat the address
    given["connect_timeout"] = max(2, round(timeout))
    given.setdefault("application_name", "attenuate")
    session = {"time": f"{max(1, round(timeout * 1000))}ms"}

    def connect() -> _Bounded:
        connection = _Bounded.connect(autocommit=True, **given)
        try:
            connection.end = time.monotonic() + timeout
            connection.execute(_SESSION.encode(), session)
        except BaseException:
            connection.close()
            raise
        return connection

    return connect


def _close(connection: _Bounded) -> None:
    connection.close()


def _alive(connection: _Bounded) -> bool:
    return not connection.closed


def _sound(connection: _Bounded) -> bool:
    """Say whether an idle connection is open and silent: the end of it would be there to read."""
    if connection.closed or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)
