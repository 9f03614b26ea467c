"""What each store does when its file or its server fails, each with a control where nothing fails."""

from __future__ import annotations

import contextlib
import os
import pickle
import sqlite3
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import servers
from test_store import APPLIED, LATER, NOW, REFUSED, A, at, attempt, budget, final, replay, run

from attenuate.errors import Unavailable
from attenuate.store import MemoryStore, Reserve, State, Store, open_store, sqlite
from attenuate.store.sqlite import SqliteStore

Reopen = Callable[..., Store]


@contextlib.contextmanager
def unavailable(words: str, most: float = 5.0) -> Iterator[None]:
    """Expect Unavailable with these words, within `most` seconds."""
    began = time.monotonic()
    with pytest.raises(Unavailable, match=words) as caught:
        yield
    assert time.monotonic() - began < most
    assert caught.value.__cause__ is None
    assert "secret" not in str(caught.value)


def spent(store: Store) -> int:
    row = at(store, budget(0))
    return row.spent if row else 0


def hammer(store: Store, disturb: Callable[[], None]) -> tuple[int, int]:
    """Charge from four threads while the server is disturbed; return what was granted and what was asked."""
    granted: list[bool] = []
    asked: list[int] = []
    stop = threading.Event()

    def work(_: int) -> None:
        while not stop.is_set():
            asked.append(1)
            try:
                pair = [budget(1, 10**6), budget(1, 10**6, name="y")]
                granted.append(store.apply(pair, now=NOW).verdict is APPLIED)
            except Unavailable:
                time.sleep(0.01)

    def end() -> None:
        try:
            time.sleep(0.3)
            disturb()
            time.sleep(0.3)
        finally:
            stop.set()

    run(5, lambda number: end() if number == 4 else work(number))
    return sum(granted), len(asked)


def check_whole(store: Store, granted: int, asked: int) -> None:
    """What was granted is there; what was not answered is there wholly or not at all."""
    rows = store.read([budget(0).key, budget(0, name="y").key])
    one, two = [row.spent for row in rows if row]
    assert one == two
    assert 0 < granted <= one <= asked


# --- every store -----------------------------------------------------------------------------------
def test_nothing_tells_the_address(store: Store) -> None:
    assert "@" not in repr(store) + str(store)
    assert "127.0.0.1" not in repr(store)
    with pytest.raises(TypeError):
        pickle.dumps(store)


def test_the_child_of_a_fork_is_safe(reopen: Reopen) -> None:
    store = reopen()
    store.apply([budget(1)], now=NOW)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        code = 1
        try:
            code = 0 if store.apply([budget(1)], now=NOW).verdict is APPLIED else 2
        except Unavailable:
            code = 3
        finally:
            os._exit(code)
    for _ in range(20):
        store.apply([budget(0), attempt(1)], now=NOW)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == (0 if store.shared else 3)
    assert spent(store) == (2 if store.shared else 1)
    assert store.apply([budget(1)], now=NOW).verdict is APPLIED


def test_more_threads_than_connections_all_get_their_turn(reopen: Reopen) -> None:
    store = reopen(timeout=10)
    run(24, lambda _: [store.apply([budget(1, 1000)], now=NOW) for _ in range(5)])
    assert spent(store) == 120


def shown_by(error: BaseException | None, needle: str) -> list[str]:
    """Return where a collector of errors would show a text: the variables of every frame it can reach."""
    out: list[str] = []
    while error is not None:
        assert error.__cause__ is None
        trace = error.__traceback__
        while trace is not None:
            for name, value in trace.tb_frame.f_locals.items():
                if needle in repr(value) and not trace.tb_frame.f_code.co_name.startswith("test_"):
                    out.append(f"{trace.tb_frame.f_code.co_name}: {name}")
            trace = trace.tb_next
        error = error.__context__
    return out


@pytest.mark.parametrize(
    "address",
    [
        "redis://:{}@127.0.0.1:1/0",
        "postgresql://u:{}@127.0.0.1:1/x",
        "redis://h:{}",
        "postgresql://u:{}@[h/d",
    ],
)
def test_an_error_shows_no_password_in_its_frames(address: str) -> None:
    pytest.importorskip("redis" if address.startswith("redis") else "psycopg")
    with pytest.raises((Unavailable, ValueError)) as caught:
        open_store(address.format("hunter" + "2"))
    assert shown_by(caught.value, "hunter" + "2") == []
    assert caught.value.__context__ is None


def ahead(store: Store) -> None:
    """One machine's clock is two hours ahead, and its gate sweeps: nothing ends that others still count."""
    hours, now = 7200, int(time.time())  # not when the suite began
    assert store.apply([budget(10, until=now + 60)], now=now).verdict is APPLIED
    assert store.apply([budget(1, name="y")], now=now, reserve=Reserve(A, now + 60)).verdict is APPLIED
    store.append([b"x", b"y"], at=1, until=[now + 60, now + 60])
    proof = replay(until=int(time.time()) + 120)
    assert store.apply([proof], now=now).verdict is APPLIED
    assert store.sweep(now=now + hours) == (0, 0)
    assert store.apply([budget(1)], now=now).verdict is REFUSED
    assert [hold.id for hold in store.holds()] == [A]
    assert len(store.entries(0)[1]) == 2
    assert store.apply([proof], now=now).verdict is REFUSED
    assert store.apply([replay(b"fresh", proof.until)], now=now).verdict is APPLIED
    store._ahead = hours  # type: ignore[attr-defined]  # the control
    assert store.sweep(now=now + hours) == (1, 6)
    assert store.apply([replay(b"newer", proof.until)], now=now).verdict is REFUSED


def test_one_clock_that_is_ahead_ends_nothing_in_redis(redis_server: servers.Redis) -> None:
    with redis_store(redis_server.url, prefix="ahead") as store:
        ahead(store)


def test_one_clock_that_is_ahead_ends_nothing_in_postgres(postgres: Reopen) -> None:
    ahead(postgres())


# --- memory ----------------------------------------------------------------------------------------
def test_a_memory_that_is_full_drops_nothing() -> None:
    store = MemoryStore(limit=2)
    store.apply([budget(1), budget(1, name="y")], now=NOW)
    with unavailable("it is full"):
        store.apply([budget(1, name="z")], now=NOW)
    assert store.apply([budget(1), budget(1, name="y")], now=NOW).verdict is APPLIED
    assert MemoryStore(limit=3).apply([budget(1, name=n) for n in "xyz"], now=NOW).verdict is APPLIED


def test_a_memory_counts_reservations_and_sightings_too() -> None:
    store = MemoryStore(limit=3)
    store.apply([budget(1)], now=NOW, reserve=Reserve(A, LATER))
    with unavailable("it is full.*when there is room"):
        store.apply([budget(1), budget(1, name="y")], now=NOW, reserve=Reserve(b"b" * 32, LATER))
    with unavailable("it is full"):
        MemoryStore(limit=1).apply([budget(1)], now=NOW, reserve=Reserve(A, LATER))
    assert store.apply([budget(1)], now=NOW, reserve=Reserve(A, LATER)).verdict is not APPLIED
    assert store.apply([budget(1)], now=NOW, reserve=Reserve(b"c" * 32, LATER)).verdict is APPLIED
    for _ in range(2):
        store.note(b"one", [b"s", b"t", b"t"], issued_at=1, until=LATER)
    store.note(b"two", [b"s"], issued_at=1, until=NOW - 1)
    store.note(b"new", [b"s"], issued_at=1, until=LATER)  # in the place of one that ended
    with unavailable("3 sightings"):
        store.note(b"more", [b"s"], issued_at=1, until=LATER)
    assert store.count(b"s", before=2, now=NOW) == 2


def test_a_new_memory_refuses_proofs_that_an_earlier_one_may_have_seen() -> None:
    proof = replay(until=int(time.time()) + 120)
    assert MemoryStore().apply([proof], now=NOW).verdict is REFUSED
    assert MemoryStore().apply([proof._replace(until=proof.until + 100)], now=NOW).verdict is APPLIED
    assert MemoryStore(allow_proofs_from_before=True).apply([proof], now=NOW).verdict is APPLIED


def test_a_counter_that_ended_while_it_was_held_is_forgotten_later() -> None:
    store = MemoryStore()
    store.apply([budget(1, until=NOW)], now=NOW, reserve=Reserve(A, LATER * 2))
    late = LATER + 10_000
    store.sweep(now=late)
    assert at(store, budget(0))
    store.settle(A, State.COMMITTED, {}, now=late)
    store.sweep(now=late)
    assert at(store, budget(0)) is None


# --- SQLite ----------------------------------------------------------------------------------------
@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def test_sqlite_deleted(file: Path) -> None:
    with SqliteStore(file) as store:
        store.apply([budget(1)], now=NOW)
        file.rename(file.with_name("away"))
        for call in (lambda: store.apply([budget(1)], now=NOW), lambda: store.read([b"k"])):
            with unavailable("its file is gone.*back in its place"):
                call()
        file.with_name("away").rename(file)  # the control: the same file is there again
        assert store.apply([budget(1)], now=NOW).found == (8,)


def test_sqlite_replaced(file: Path) -> None:
    with SqliteStore(file) as store:
        store.apply([budget(1)], now=NOW)
        SqliteStore(file.with_name("new")).close()
        file.with_name("new").rename(file)
        with unavailable("replaced.*opened anew"):
            store.apply([budget(1)], now=NOW)
        with unavailable("replaced.*opened anew"):
            store.apply([budget(0)], now=NOW)


def test_sqlite_replaced_in_place(file: Path) -> None:
    """The same inode with another store in it: noticed by its identity, at the next connection."""
    store = SqliteStore(file)
    SqliteStore(file.with_name("new")).close()
    for name in (file, file.with_name("state.db-wal")):
        name.write_bytes(file.with_name("new").read_bytes() if name == file else b"")
    with store, unavailable("replaced"):
        store.read([b"k"])


def test_sqlite_of_a_newer_version_and_of_another_program(file: Path) -> None:
    SqliteStore(file).close()
    for version, words in ((99, "user_version 99.*the version of attenuate"), (1, None)):
        with contextlib.closing(sqlite3.connect(file)) as other:
            other.execute(f"PRAGMA user_version = {version}")
        if words:
            with unavailable(words):
                SqliteStore(file)
    SqliteStore(file).close()
    with contextlib.closing(sqlite3.connect(file.with_name("other"))) as other:
        other.execute("CREATE TABLE t (x)")
    with unavailable("no store"):
        SqliteStore(file.with_name("other"))
    file.with_name("text").write_text("hello " * 500)
    with unavailable("not a database"):
        SqliteStore(file.with_name("text"))
    with unavailable("[Dd]irectory"):
        SqliteStore(file / "under" / "a-file")
    with unavailable(f"folder {file.parent}/nodir does not exist.*was made"):
        SqliteStore(file.parent / "nodir" / "state.db")


def test_sqlite_locked(file: Path) -> None:
    with SqliteStore(file, timeout=0.3) as store:
        store.apply([budget(1)], now=NOW)
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with unavailable("locked|no answer", 1.5):
                store.apply([budget(1)], now=NOW)
            assert store.apply([budget(0)], now=NOW).found == (9,)  # who only looks is not stopped
            other.execute("ROLLBACK")
        time.sleep(0.5)
        left = store.apply([budget(1)], now=NOW).found[0]
        assert left == 10 - spent(store)


@pytest.mark.parametrize(
    ("pragma", "words"),
    [("query_only = 1", "readonly"), ("max_page_count = 1", "full.*there is room"), ("user_version", None)],
)
def test_sqlite_read_only_and_full(
    file: Path, monkeypatch: pytest.MonkeyPatch, pragma: str, words: str | None
) -> None:
    SqliteStore(file).close()
    connect = sqlite._connect

    def limited(path: Path, timeout: float) -> sqlite3.Connection:
        connection = connect(path, timeout)
        connection.execute(f"PRAGMA {pragma}").fetchall()
        return connection

    with SqliteStore(file) as store:
        monkeypatch.setattr(sqlite, "_connect", limited)
        batch = [budget(1, name=f"{n}{'x' * 400}") for n in range(50)]
        if words is None:
            assert store.apply(batch, now=NOW).verdict is APPLIED
            return
        with unavailable(words):
            store.apply(batch, now=NOW)
        assert store.read([charge.key for charge in batch]) == [None] * 50


def test_sqlite_made_by_many_at_once(file: Path) -> None:
    made: list[bytes] = []

    def work(_: int) -> None:
        with SqliteStore(file, timeout=10) as store:
            made.append(store.identity)
            store.apply([budget(1, 100)], now=NOW)

    run(8, work)
    assert len(set(made)) == 1
    with SqliteStore(file) as store:
        assert spent(store) == 8


# --- Redis -----------------------------------------------------------------------------------------
@contextlib.contextmanager
def redis(**options: str) -> Iterator[servers.Redis]:
    pytest.importorskip("redis")
    server = servers.Redis(**options)
    try:
        yield server
    finally:
        server.remove()


def redis_store(url: str, **options: Any) -> Store:
    from attenuate.store.redis import RedisStore

    return RedisStore(url, **options)


def test_redis_that_evicts_is_refused(redis_server: servers.Redis) -> None:
    try:
        for policy in ("allkeys-lru", "volatile-ttl"):
            redis_server.ask("CONFIG", "SET", "maxmemory-policy", policy)
            with unavailable(f"{policy}.*would pass: .*RedisStore.url, allow_eviction=True"):
                redis_store(redis_server.url)
            redis_store(redis_server.url, allow_eviction=True).close()
    finally:
        redis_server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    redis_store(redis_server.url).close()


def test_redis_that_does_not_tell_is_refused(redis_server: servers.Redis) -> None:
    rules = {"told": ["+@all", "-config"], "silent": ["+@all", "-config", "-info"]}
    for name, rule in rules.items():
        redis_server.ask("ACL", "SETUSER", name, "on", ">secret", "~*", "&*", *rule)
    told, silent = (redis_server.url.replace("//", f"//{name}:secret@") for name in rules)
    with redis_store(told) as store:
        assert not store.durable
    with unavailable("does not tell.*would pass: RedisStore.url, allow_eviction=True"):
        redis_store(silent)
    with redis_store(silent, allow_eviction=True) as store:
        assert store.apply([budget(1)], now=NOW).verdict is APPLIED


@pytest.mark.parametrize(
    ("options", "durable"),
    [
        ({"appendonly": "yes", "appendfsync": "always"}, True),
        ({"appendonly": "yes", "appendfsync": "everysec"}, False),
        ({"appendonly": "no", "appendfsync": "always"}, False),
    ],
)
def test_redis_says_whether_it_is_durable(options: dict[str, str], durable: bool) -> None:
    with redis(**options) as server, redis_store(server.url) as store:
        assert store.durable is durable


def test_redis_flushed_is_noticed() -> None:
    with redis() as server, redis_store(server.url) as store:
        store.apply([budget(10)], now=NOW)
        server.ask("SCRIPT", "FLUSH")  # the control: what is lost with it comes back by itself
        assert store.apply([budget(1)], now=NOW).verdict is REFUSED
        server.ask("FLUSHALL")
        for call in (
            lambda: store.apply([budget(1)], now=NOW),
            lambda: store.apply([], now=NOW, ledger=0),
            lambda: store.read([b"k"]),
            lambda: store.append([b"x"], at=1, until=[LATER]),
        ):
            with unavailable("its data are gone.*would pass: .*opened anew"):
                call()
        assert server.ask("DBSIZE") == 0
        with redis_store(server.url) as new:
            assert new.identity != store.identity
            assert new.apply([budget(1)], now=NOW).verdict is APPLIED
            with unavailable("its data are gone"):
                store.apply([budget(1)], now=NOW)


def test_redis_with_another_store_is_noticed() -> None:
    with redis() as server, redis_store(server.url) as store:
        store.apply([budget(1)], now=NOW)
        server.ask("FLUSHALL")
        with redis_store(server.url) as new:
            for _ in range(5):
                new.apply([budget(1)], now=NOW)
            with unavailable("another store"):
                store.apply([budget(1)], now=NOW)
            assert spent(new) == 5


def test_redis_without_its_meta_key_is_not_begun_anew() -> None:
    with redis() as server:
        with redis_store(server.url) as store:
            store.apply([budget(1)], now=NOW)
        server.ask("DEL", "{attenuate}:meta")
        with unavailable("meta key is gone"):
            redis_store(server.url)
        server.ask("FLUSHALL")
        redis_store(server.url).close()


@pytest.mark.parametrize("kept", [False, True])
def test_redis_that_comes_back_without_its_last_operations(kept: bool) -> None:
    options = {"appendonly": "yes", "appendfsync": "always"} if kept else {}
    with redis(**options) as server, redis_store(server.url) as store:
        store.apply([budget(1)], now=NOW)
        server.ask("SAVE")
        store.apply([budget(1)], now=NOW)
        server.kill()
        with unavailable("no connection"):
            store.apply([budget(1)], now=NOW)
        server.start()
        if kept:  # the control
            assert store.apply([budget(1)], now=NOW).found == (7,)
            return
        with unavailable("older than before"):
            store.apply([budget(1)], now=NOW)
        with redis_store(server.url) as new:
            assert spent(new) == 1
            new.apply([budget(1)], now=NOW)
            new.apply([budget(1)], now=NOW)
        with unavailable("older than before"):  # for good, though the number is reached again
            store.apply([budget(1)], now=NOW)


def test_redis_without_room_changes_nothing() -> None:
    with redis() as server, redis_store(server.url) as store:
        store.apply([budget(1)], now=NOW)
        server.ask("CONFIG", "SET", "maxmemory", "1")
        with unavailable("no memory left.*there is room"):
            store.apply([budget(1), budget(1, name="y")], now=NOW, reserve=Reserve(A, LATER))
        assert spent(store) == 1
        server.ask("CONFIG", "SET", "maxmemory", "0")
        assert store.hold(A) is None
        assert store.apply([budget(1)], now=NOW).found == (8,)


def test_redis_that_stands_still() -> None:
    with redis() as server, redis_store(server.url, timeout=0.5) as store:
        store.apply([budget(1)], now=NOW)
        with server.standing_still():
            for _ in range(2):
                with unavailable("no answer within 0.5 s", 0.9):
                    store.apply([budget(1)], now=NOW)
            with unavailable("no answer within 0.5 s", 0.9):
                redis_store(server.url, timeout=0.5)
            began = time.monotonic()
            store.wait(0, 0.4)
            assert time.monotonic() - began < 1.2
        left = store.apply([budget(1)], now=NOW).found[0]
        assert left == 10 - spent(store)


def test_redis_killed_in_mid_batch() -> None:
    with (
        redis(appendonly="yes", appendfsync="always") as server,
        redis_store(server.url) as store,
    ):
        granted, asked = hammer(store, lambda: (server.kill(), time.sleep(0.1), server.start())[0])
        check_whole(store, granted, asked)


def test_redis_refuses_to_connect_or_to_authenticate() -> None:
    url = f"redis://name:secret@127.0.0.1:{servers.free_port()}"
    with unavailable("no connection to the server", 1):
        redis_store(url)
    with redis(requirepass="right-secret") as server:
        for name in ("", ":wrong-secret@"):
            with unavailable("password"):
                redis_store(server.url.replace("//", f"//{name}"))
        with redis_store(server.url.replace("//", "//:right-secret@")) as store:
            assert store.apply([budget(1)], now=NOW).verdict is APPLIED
            assert "secret" not in repr(store) + repr(vars(store))
    for wrong in ("redis://h:secret", "redis://u:secret@h:x"):
        with pytest.raises(ValueError) as caught:
            open_store(wrong)
        assert "secret" not in str(caught.value)
        assert caught.value.__context__ is None


def test_redis_forgets_as_fast_as_it_learns(redis_server: servers.Redis) -> None:
    with redis_store(redis_server.url, prefix="fast") as store:
        for number in range(30):
            store.apply([replay(bytes([number]), NOW - 5)], now=NOW - 100)
        assert redis_server.ask("ZCARD", "{fast}:ends") == 30
        store.apply([replay(b"a"), replay(b"b")], now=NOW)
        assert redis_server.ask("ZCARD", "{fast}:ends") == 28
        assert store.apply([replay(b"\0", NOW - 5)], now=NOW).verdict is REFUSED
        ttl = redis_server.ask("TTL", b"{fast}:c:" + replay(b"a").key)
        assert ttl == -1  # by no clock of the server


# --- PostgreSQL ------------------------------------------------------------------------------------
@pytest.fixture
def postgres(postgres_server: servers.Postgres) -> Iterator[Callable[..., Store]]:
    from attenuate.store.postgres import PostgresStore

    made: list[Store] = []

    def opened(**options: Any) -> Store:
        made.append(PostgresStore(postgres_server.url, schema="faults", **options))
        return made[-1]

    yield opened
    for store in made:
        store.close()
    postgres_server.ask("DROP SCHEMA IF EXISTS faults CASCADE")


def test_postgres_that_stands_still(postgres_server: servers.Postgres, postgres: Reopen) -> None:
    store = postgres(timeout=0.5)
    store.apply([budget(1)], now=NOW)
    with postgres_server.standing_still():
        for _ in range(2):
            with unavailable("no answer within 0.5 s", 0.9):
                store.apply([budget(1)], now=NOW)
        with unavailable("no answer within 0.5 s", 0.9):
            postgres(timeout=0.5)
        began = time.monotonic()
        store.wait(0, 0.4)
        assert time.monotonic() - began < 1.2
    servers.wait_until(postgres_server.answers, 10)
    left = store.apply([budget(1)], now=NOW).found[0]
    assert left == 10 - spent(store)


def test_postgres_killed_in_mid_batch(postgres_server: servers.Postgres, postgres: Reopen) -> None:
    store = postgres()

    def disturb() -> None:
        postgres_server.kill()
        time.sleep(0.2)
        postgres_server.start()

    granted, asked = hammer(store, disturb)
    check_whole(store, granted, asked)


def test_postgres_sessions_that_end(postgres_server: servers.Postgres, postgres: Reopen) -> None:
    store = postgres()
    run(4, lambda _: store.apply([budget(0), attempt(1)], now=NOW))
    postgres_server.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    )
    time.sleep(0.1)
    assert store.apply([budget(1)], now=NOW).verdict is APPLIED  # idle ones are not used again


def test_postgres_locked(postgres_server: servers.Postgres, postgres: Reopen) -> None:
    import psycopg

    store = postgres(timeout=0.5)
    with psycopg.connect(postgres_server.url) as other:
        other.execute("LOCK TABLE faults.counters IN EXCLUSIVE MODE")
        with unavailable("no answer within 0.5 s", 0.9):
            store.apply([budget(1)], now=NOW)
        assert store.apply([budget(0)], now=NOW).found == (10,)  # who only looks is not stopped
    assert store.apply([budget(1)], now=NOW).found == (9,)


def test_postgres_locks_what_a_batch_decides_by(postgres_server: servers.Postgres, postgres: Reopen) -> None:
    """Someone else has the lock of one name; who decides by it waits, also where it is not there yet."""
    import psycopg

    store = postgres(timeout=0.4)
    store.apply([budget(1)], now=NOW, reserve=Reserve(b"c" * 32, LATER))
    calls: dict[bytes, Callable[[], object]] = {
        final(0).key: lambda: store.apply([budget(1), final(0)], now=NOW),
        attempt(1).key: lambda: store.apply([budget(1), attempt(1, raises=False)], now=NOW),
        A: lambda: store.apply([budget(1)], now=NOW, reserve=Reserve(A, LATER)),
        budget(0).key: lambda: store.settle(b"c" * 32, State.COMMITTED, {}, now=NOW),
        b"c" * 32: lambda: store.settle(b"c" * 32, State.COMMITTED, {}, now=NOW),
    }
    before = store.read([budget(0).key]), store.holds()
    for name, call in calls.items():
        with psycopg.connect(postgres_server.url) as other:
            other.execute("SELECT pg_advisory_xact_lock(faults.place(%s))", (name,))
            with unavailable("no answer within 0.4 s"):
                call()
            assert store.apply([budget(1, name="other")], now=NOW).verdict is APPLIED
        assert (store.read([budget(0).key]), store.holds()) == before
    for call in calls.values():  # the control: nobody has them now
        call()


def test_postgres_without_its_tables(postgres_server: servers.Postgres, postgres: Reopen) -> None:
    store = postgres()
    store.apply([budget(1)], now=NOW)
    postgres_server.ask("DROP SCHEMA faults CASCADE")
    with unavailable("tables are gone.*opened anew"):
        store.apply([budget(1)], now=NOW)
    new = postgres()
    for call in (
        lambda: store.apply([budget(1)], now=NOW),
        lambda: store.apply([], now=NOW),
        lambda: store.settle(A, State.RELEASED, {}, now=NOW),
        lambda: store.hold(A),
        lambda: store.holds(),
        lambda: store.read([b"k"]),
        lambda: store.top_up(at(new, budget(1)) or _counter()),
        lambda: store.sweep(now=NOW),
        lambda: store.append([b"x"], at=1, until=[LATER]),
        lambda: store.entries(0),
        lambda: store.note(A, [b"s"], issued_at=1, until=LATER),
        lambda: store.count(b"s", before=1, now=1),
    ):
        with unavailable("another one"):
            call()
    assert new.entries(0) == (0, [])
    assert new.apply([budget(1)], now=NOW).found == (9,)


def _counter() -> Any:
    from attenuate.store import Counter

    return Counter(b"k", extra=1)


def test_postgres_takes_no_function_of_another_role(
    postgres_server: servers.Postgres, postgres: Reopen
) -> None:
    """Who may create in `public` puts functions there whose arguments fit better than the built-in's."""
    postgres_server.ask("""CREATE FUNCTION public.cardinality(bytea[]) RETURNS integer LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'this ran as the user of the store'; END $$""")
    try:
        store = postgres()
        assert store.append([b"x", b"y"], at=1, until=[LATER, LATER]) == 2
        assert [entry.seq for entry in store.entries(0)[1]] == [1, 2]
        made = postgres_server.ask("""SELECT proname, proconfig FROM pg_proc p
            JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = 'faults'""")
        assert len(made) >= 10
        assert [name for name, config in made if config != ["search_path=pg_catalog, pg_temp"]] == []
        with store._pool.lent(time.monotonic() + 5) as connection:  # type: ignore[attr-defined]
            row = connection.execute("SHOW search_path").fetchone()
        assert row == ("pg_catalog, pg_temp",)
        identity = store.identity  # and where the session of who calls has another path
        ask = "SELECT faults.append(%s, %s::bytea[], 1::bigint, %s::bigint[], ''::bytea, 'x')"
        assert postgres_server.ask(ask, identity, [b"z"], [LATER]) == [(3,)]
    finally:
        postgres_server.ask("DROP FUNCTION public.cardinality(bytea[])")


def test_postgres_of_a_newer_version(postgres_server: servers.Postgres, postgres: Reopen) -> None:
    postgres().close()
    postgres().close()
    postgres_server.ask("INSERT INTO faults.version VALUES (2)")
    with unavailable("of version 2; this program knows 1.*the version of attenuate"):
        postgres()


def test_postgres_says_whether_it_is_durable(postgres_server: servers.Postgres, postgres: Reopen) -> None:
    assert not postgres().durable
    postgres_server.ask("ALTER SYSTEM SET fsync = on")
    postgres_server.ask("ALTER ROLE tests SET synchronous_commit = off")  # each session of ours sets it on
    try:
        postgres_server.ask("SELECT pg_reload_conf()")
        servers.wait_until(lambda: postgres_server.ask("SHOW fsync") == [("on",)], 5)
        assert postgres().durable
    finally:
        postgres_server.ask("ALTER SYSTEM RESET fsync")
        postgres_server.ask("ALTER ROLE tests RESET synchronous_commit")
        postgres_server.ask("SELECT pg_reload_conf()")


def test_postgres_made_by_many_at_once(postgres: Reopen) -> None:
    made: list[bytes] = []
    run(6, lambda _: made.append(postgres(timeout=10).identity))
    assert len(set(made)) == 1


def test_postgres_takes_no_writes(postgres_server: servers.Postgres, postgres: Reopen) -> None:
    store = postgres()
    postgres_server.ask("ALTER ROLE tests SET default_transaction_read_only = on")
    try:
        other = postgres()
        with unavailable("takes no writes"):
            other.apply([budget(1)], now=NOW)
        assert other.apply([budget(0), final(0)], now=NOW).verdict is APPLIED
    finally:
        import psycopg

        with psycopg.connect(postgres_server.url, autocommit=True) as repair:
            repair.execute("SET default_transaction_read_only = off")
            repair.execute("ALTER ROLE tests RESET default_transaction_read_only")
    assert store.apply([budget(1)], now=NOW).verdict is APPLIED


def test_postgres_refuses_to_connect(postgres_server: servers.Postgres) -> None:
    pytest.importorskip("psycopg")
    url = f"postgresql://name:secret@127.0.0.1:{servers.free_port()}/secret"
    with unavailable("Connection refused", 1):
        open_store(url)
    with unavailable("no connection"):
        open_store("postgresql://u:secret@127.0.0.1:secret/d")
    with unavailable("no connection|no such database"):
        open_store(postgres_server.url.replace("tests@", "tests:secret@") + "-secret")
    for wrong in ("postgresql://u:secret@[h/d", "postgresql://u:secret@h/d?secret=1"):
        with pytest.raises(ValueError) as caught:
            open_store(wrong)
        assert "secret" not in str(caught.value)
        assert caught.value.__context__ is None
    from attenuate.store.postgres import PostgresStore

    with PostgresStore(postgres_server.url.replace("tests@", "tests:secret@"), schema="told") as store:
        assert "secret" not in repr(store) + repr(vars(store))
