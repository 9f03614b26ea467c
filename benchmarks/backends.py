"""The stores that are measured, and the servers behind them; one that is missing is named, and not measured.

The servers are those of the tests, on loopback, here with their data made durable: SQLite with
synchronous=FULL, PostgreSQL with fsync, Redis twice, with appendfsync everysec and with always.
"""

from __future__ import annotations

import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from attenuate.ledger import Mark, Selector
from attenuate.ledger.entry import RESUME
from attenuate.store import Store, open_store
from benchmarks.machine import ROOT
from benchmarks.paired import Work

NAMES = ("memory", "sqlite", "redis", "redis, always", "postgresql")


FILLER, FILLERS = 1000, 8000
"""Bytes written to a file of SQLite before it is measured: its log has the length that it keeps then. To
make a log longer costs the disk more than to write over it, and happens in the first seconds only."""


@dataclass
class Backend:
    """A store that can be measured. begin: what to do before a measurement of it. shared: see `Store`.

    bare: return the least that one durable count can cost there, by a connection of its own: nothing of
    ours runs in it.
    """

    name: str
    address: str
    bare: Callable[[], Work]
    shared: bool = True
    begin: Work = field(default=lambda: None)

    def open(self) -> Store:
        """Return a new store at this address; the first call makes its tables."""
        self.begin()
        store = open_store(self.address, timeout=10)
        if store.name == "sqlite" and not store.entries(0)[0]:
            mark = Mark(RESUME, Selector("agent", "nobody"))
            store.append([mark.encode()] * FILLERS, at=0, until=[mark.until] * FILLERS, note="x" * FILLER)
        return store


@dataclass
class Backends:
    """What there is, what is missing and why, and versions of servers."""

    found: dict[str, Backend] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


def _servers() -> Any:
    """Return the module tests/servers.py."""
    spec = spec_from_file_location("attenuate_servers", ROOT / "tests" / "servers.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def backends(wanted: Iterable[str] = NAMES) -> Iterator[Backends]:
    """Start what there is of the wanted ones, and end it afterwards."""
    out = Backends(versions={"sqlite": sqlite3.sqlite_version})
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="attenuate-bench-")))
        starts: tuple[tuple[tuple[str, ...], Callable[[], None]], ...] = (
            (("memory",), lambda: _memory(out)),
            (("sqlite",), lambda: _sqlite(out, home, stack)),
            (("redis", "redis, always"), lambda: _redis(out, stack)),
            (("postgresql",), lambda: _postgres(out, stack)),
        )
        for names, start in starts:
            if not set(names) & set(wanted):
                continue
            try:
                start()
            except (ImportError, OSError, AssertionError) as why:
                out.missing |= dict.fromkeys(names, str(why) or type(why).__name__)
            except (pytest.skip.Exception, pytest.fail.Exception) as why:
                out.missing |= dict.fromkeys(names, str(why))
        yield out


def _memory(out: Backends) -> None:
    def bare() -> Work:
        counters: dict[bytes, int] = {}
        lock = threading.Lock()

        def do() -> None:
            with lock:
                counters[b"key"] = counters.get(b"key", 0) + 1

        return do

    out.found["memory"] = Backend("memory", "memory:", bare, shared=False)


def _sqlite(out: Backends, home: Path, stack: ExitStack) -> None:
    path = home / "bare.db"
    made = stack.enter_context(_bare_file(path))  # the log goes with the last connection
    made.execute("PRAGMA journal_mode = WAL")
    made.execute("CREATE TABLE counters (key BLOB PRIMARY KEY, spent INTEGER NOT NULL) WITHOUT ROWID")
    made.execute("CREATE TABLE filler (body BLOB)")
    made.execute("BEGIN")
    made.executemany("INSERT INTO filler VALUES (?)", [(bytes(FILLER),)] * FILLERS)
    made.execute("COMMIT")
    text = "INSERT INTO counters VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET spent = spent + 1"

    def bare() -> Work:
        connection = stack.enter_context(_bare_file(path))
        key = b"key %d" % id(connection)
        return lambda: connection.execute(text, (key,))

    out.found["sqlite"] = Backend("sqlite", f"sqlite:{home / 'state.db'}", bare)


@contextmanager
def _bare_file(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        yield connection
    finally:
        connection.close()


def _redis(out: Backends, stack: ExitStack) -> None:
    import redis

    server = _servers().Redis(appendonly="yes", appendfsync="everysec")
    stack.callback(server.remove)
    control = stack.enter_context(redis.Redis(port=server.port))
    out.versions["redis"] = str(control.info("server")["redis_version"])

    def bare() -> Work:
        connect: Callable[..., Any] = redis.Connection
        connection = connect(port=server.port, protocol=2)
        connection.connect()
        stack.callback(connection.disconnect)
        key = b"bare %d" % id(connection)
        connection.send_command("SCRIPT", "LOAD", "return redis.call('INCRBY', KEYS[1], 1)")
        digest = connection.read_response()

        def do() -> None:
            connection.send_command("EVALSHA", digest, 1, key)
            connection.read_response()

        return do

    for number, (name, fsync) in enumerate((("redis", "everysec"), ("redis, always", "always"))):

        def begin(fsync: str = fsync) -> None:
            control.config_set("appendfsync", fsync)

        url = f"redis://127.0.0.1:{server.port}/{number}"
        out.found[name] = Backend(name, url, bare, begin=begin)


def _postgres(out: Backends, stack: ExitStack) -> None:
    import psycopg

    servers = _servers()
    server = servers.Postgres()
    stack.callback(server.remove)
    server.ask("ALTER SYSTEM SET fsync = on")
    server.ask("SELECT pg_reload_conf()")
    servers.wait_until(lambda: server.ask("SHOW fsync") == [("on",)], 10)
    server.ask("CREATE TABLE bare (key bytea PRIMARY KEY, spent bigint NOT NULL) WITH (fillfactor = 50)")
    out.versions["postgresql"] = str(server.ask("SHOW server_version")[0][0]).split()[0]

    def bare() -> Work:
        connection = stack.enter_context(psycopg.connect(server.url, autocommit=True))
        key = b"bare %d" % id(connection)
        connection.execute("INSERT INTO bare VALUES (%b, 0)", (key,))
        text = "UPDATE bare SET spent = spent + 1 WHERE key = %b"
        return lambda: connection.execute(text, (key,), prepare=True, binary=True)

    out.found["postgresql"] = Backend("postgresql", server.url, bare)
