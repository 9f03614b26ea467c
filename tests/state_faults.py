"""Stores under races and kill -9, by the thousand: exact, whole, and nothing accepted twice.

    python tests/state_faults.py --all --out tests/results/state.json
    python tests/state_faults.py --race --stores sqlite redis          one part, some stores
    python tests/state_faults.py --all --small                         seconds instead of minutes

race: 8 processes charge one budget until they are refused. kill: processes that charge, reserve,
commit and release are ended at random moments, and servers with them; what they had been told and
what is in the store are compared. ledger: 8 processes append, one follows. replay: proofs are
offered, many of them again, by two processes, over moving clocks and restarts. Each part has its
controls (state_twins.py): the same work over a store with a known fault, which must be found.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import multiprocessing
import os
import platform
import random
import signal
import struct
import sys
import tempfile
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import records
from state_twins import Raw, budget, kind_of, opened, rows_of

from attenuate import codec, limits
from attenuate.charges import Charge
from attenuate.errors import LeaseError
from attenuate.ledger.entry import REVOKE, Mark, Selector
from attenuate.ledger.follow import Follower, StoreSource
from attenuate.ledger.frame import Frame
from attenuate.ledger.ledger import catch_up
from attenuate.ledger.view import View
from attenuate.store import Reserve, State, Store, Verdict

NOW = 1_800_000_000
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["attenuate.store.sqlite", "attenuate.store.redis", "attenuate.store.postgres", "attenuate.ledger.follow"]
)
PATIENCE = 120.0
"""Seconds without a word from a process after which the campaign gives up."""


class Place(Protocol):
    """Where a store lives: a file, or a server that can be killed and started again."""

    address: str

    def fresh(self) -> Place:
        """Return the place with nothing in it."""

    def kill(self) -> None: ...
    def start(self) -> None: ...


class File:
    """Files for SQLite, a new one each time."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.number = folder, 0

    @property
    def address(self) -> str:
        return f"sqlite:{self.folder / str(self.number)}.db"

    def fresh(self) -> File:
        self.number += 1
        return self

    def kill(self) -> None:
        raise NotImplementedError

    start = kill


class Served:
    """A real server (servers.py). Redis writes each operation to its file before it answers."""

    def __init__(self, kind: str) -> None:
        import servers  # not at the top: each process would load pytest with it

        durable = {"appendonly": "yes", "appendfsync": "always"}
        self.server: Any = servers.Redis(**durable) if kind == "redis" else servers.Postgres()
        self.address = self.server.url
        self.kill, self.start = self.server.kill, self.server.start

    def fresh(self) -> Served:
        if kind_of(self.address) == "redis":
            self.server.ask("FLUSHALL")
        else:
            self.server.ask("DROP SCHEMA IF EXISTS attenuate CASCADE")
        return self


@contextlib.contextmanager
def placed(kind: str) -> Iterator[Place]:
    """Give a place for a store; what is not installed is skipped in the words of pytest."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="state-faults-") as folder:
            yield File(Path(folder))
        return
    place = Served(kind)
    try:
        yield place
    finally:
        place.server.remove()


def said(*words: object) -> None:
    print(time.strftime("%H:%M:%S"), *words, file=sys.stderr, flush=True)


# --- processes ----------------------------------------------------------------------------------------
class Worker:
    """A process that talks over a pipe, and can be killed."""

    def __init__(self, target: Callable[..., None], *args: Any) -> None:
        self.conn, other = PROCESSES.Pipe()
        self.process = PROCESSES.Process(target=target, args=(other, *args), daemon=True)
        self.process.start()
        other.close()

    def hear(self, patience: float = PATIENCE) -> Any:
        if not self.conn.poll(patience):
            raise TimeoutError("a process says nothing")
        return self.conn.recv()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid or 0, signal.SIGKILL)

    def close(self) -> None:
        self.process.join(10)
        if self.process.is_alive():
            self.kill()
            self.process.join(10)
        self.process.close()
        self.conn.close()


@contextlib.contextmanager
def crew(target: Callable[..., None], each: Iterable[tuple[Any, ...]]) -> Iterator[list[Worker]]:
    """Start processes, wait until all are ready, and end them afterwards."""
    workers: list[Worker] = []
    try:
        workers += [Worker(target, *args) for args in each]
        for worker in workers:
            assert worker.hear() == "ready"
        yield workers
    except BaseException:
        for worker in workers:
            worker.kill()
        raise
    finally:
        for worker in workers:
            worker.close()


# --- 1. a race for one budget ---------------------------------------------------------------------------
def racer(conn: Connection, address: str, twin: str, number: int, total: int) -> None:
    """Charge a child's budget and the parent's until there is nothing left."""
    rng = random.Random(number)
    store = opened(address, twin)
    conn.send("ready")
    conn.recv()
    granted = calls = 0
    most = 5
    while True:
        amount = rng.randint(1, most)
        charges = [
            budget(codec.encode(["budget", b"root", "calls"]), amount, total),
            budget(codec.encode(["budget", b"child %d" % (number % 2), "calls"]), amount, total * 3 // 4),
            Charge(
                "attempt",
                codec.encode(["attempt", b"root", "run"]),
                1,
                limits.SAFE_MAX,
                limits.SAFE_MAX,
                True,
            ),
        ]
        rng.shuffle(charges)
        outcome = store.apply(charges, now=NOW)
        calls += 1
        if outcome.verdict is Verdict.APPLIED:
            granted += amount
        elif most == 1:
            break
        else:
            most = 1
    conn.send((granted, calls))
    store.close()


def race(address: str, total: int, twin: str = "", processes: int = 8) -> dict[str, Any]:
    """Let processes race; return what they were granted, and what the counters say."""
    began = time.perf_counter()
    with crew(racer, [(address, twin, number, total) for number in range(processes)]) as workers:
        for worker in workers:
            worker.conn.send("go")
        told = [worker.hear(600) for worker in workers]
    with opened(address) as store:
        keys = [codec.encode(["budget", name, "calls"]) for name in (b"root", b"child 0", b"child 1")]
        spent = [row.spent if row else 0 for row in store.read(keys)]
    granted = sum(g for g, _ in told)
    return {
        "budget": total,
        "processes": processes,
        "granted": granted,
        "counted": spent[0],
        "counted_of_children": spent[1:],
        "requests": sum(calls for _, calls in told),
        "seconds": round(time.perf_counter() - began, 1),
        "exact": granted == total == spent[0] == sum(spent[1:]) and max(spent[1:]) <= total * 3 // 4,
    }


# --- 2. kill -9 -------------------------------------------------------------------------------------------
ACK = struct.Struct("<BIB")
"""Thread, number of its step, verdict."""
UNKNOWN = 99
CHILD, PARENT = codec.encode(["budget", b"child", "usd"]), codec.encode(["budget", b"parent", "usd"])
REGISTER = codec.encode(["attempt", b"parent", "run"])
HOLD = 60


class Step(NamedTuple):
    """What one thread of one process does as its nth step; known without asking it."""

    kind: str
    id: bytes
    amount: int
    part: int
    value: int
    to: State

    @property
    def mark(self) -> bytes:
        """A counter that only this step charges."""
        return codec.encode(["budget", self.id[:16], "mark"])

    def charges(self) -> list[Charge]:
        both = [budget(CHILD, self.amount), budget(PARENT, self.amount)]
        if self.kind == "reserve":
            return both
        out = [*both, budget(self.mark, 1, 1)]
        if self.kind == "attempt":
            out.append(Charge("attempt", REGISTER, self.value, limits.SAFE_MAX, limits.SAFE_MAX, True))
        return out

    def parts(self) -> dict[bytes, int]:
        return {CHILD: self.part, PARENT: self.part} if self.to is State.COMMITTED else {}


def step(name: str, thread: int, n: int, plain: bool = False) -> Step:
    """Return the nth step. The settlement has the id of the reservation just before it."""
    kind = "charge" if plain else ("charge", "reserve", "settle", "attempt")[n % 4]
    first = n - 1 if kind == "settle" else n
    digest = hashlib.sha256(f"{name}/{thread}/{first}".encode()).digest()
    amount = 1 + digest[0] % 50
    to = (State.COMMITTED, State.RELEASED, State.HELD)[digest[1] % 3]
    return Step(kind, digest, amount, digest[2] % (amount + 1), int(name.split("/")[1]) * 1_000_000 + n, to)


def do(store: Any, what: Step, now: int) -> int:
    """Do a step, and return the verdict."""
    if what.kind == "settle":
        if what.to is not State.HELD:
            hold = store.settle(what.id, what.to, what.parts(), now=now)
            return int(Verdict.APPLIED if hold and hold.state is what.to else Verdict.SETTLED)
        return int(Verdict.APPLIED)  # left alone, to expire
    reserve = Reserve(what.id, now + HOLD) if what.kind == "reserve" else None
    return int(store.apply(what.charges(), now=now, reserve=reserve).verdict)


def charger(conn: Connection, address: str, twin: str, name: str, threads: int, now: int) -> None:
    """Do steps until killed, and tell of each after it was answered."""
    store = opened(address, twin, timeout=5.0)
    out = conn.fileno()

    def run(thread: int) -> None:
        n = 0
        while True:
            try:
                verdict = do(store, step(name, thread, n, bool(twin)), now)
            except LeaseError:
                os.write(out, ACK.pack(thread, n, UNKNOWN))
                return
            os.write(out, ACK.pack(thread, n, verdict))
            n += 1

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(threads)))


class Heard:
    """What one process told before it ended: by thread, the verdict of each step."""

    def __init__(self, worker: Worker, name: str, threads: int) -> None:
        self.worker, self.name = worker, name
        self.fd = worker.conn.fileno()
        self.told: list[list[int]] = [[] for _ in range(threads)]
        self.data = b""

    def hear(self, timeout: float) -> bool:
        """Read what is there; say whether more can come."""
        if not self.worker.conn.poll(timeout):
            return True
        try:
            data = os.read(self.fd, 65536)
        except ConnectionResetError:
            data = b""
        self.data += data
        whole = len(self.data) // ACK.size * ACK.size
        for thread, n, verdict in ACK.iter_unpack(self.data[:whole]):
            assert n == len(self.told[thread]), "a step was told of twice"
            self.told[thread].append(verdict)
        self.data = self.data[whole:]
        return bool(data)

    def drain(self) -> None:
        while self.hear(10.0):
            pass


class Kills:
    """Rounds of processes that are killed, over one store. found: what should never be, by kind."""

    def __init__(
        self, place: Place, twin: str = "", *, seed: int = 1, threads: int = 3, workers: int = 2
    ) -> None:
        self.place, self.twin = place, twin
        self.rng = random.Random(seed)
        self.threads, self.workers = (1, 1) if twin else (threads, workers)
        self.store: Store = opened(place.address)
        self.raw = Raw(place.address)
        self.found: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        self.spent = 0
        self.last = (0, 0, 0)
        self.now = NOW
        self.look()
        self.known = self.raw.others()

    def close(self) -> None:
        self.raw.close()
        self.store.close()

    def look(self) -> tuple[int, int]:
        """Read the counters: both levels alike, and nothing goes back. Return spent and held."""
        child, parent, register = self.store.read([CHILD, PARENT, REGISTER])
        spent = child.spent if child else 0, parent.spent if parent else 0, register.spent if register else 0
        held = child.held if child else 0, parent.held if parent else 0
        if spent[0] != spent[1] or held[0] != held[1]:
            self.found["levels that differ"] += 1
        if any(now < before for now, before in zip(spent, self.last, strict=True)):
            self.found["went back"] += 1
        self.last = spent
        self.seen["looks"] += 1
        return spent[0], held[0]

    def round(self, number: int, server: bool = False) -> None:
        """Start processes, kill them (or the server) at a random moment, and compare."""
        names = [f"{number}/{number * self.workers + each}" for each in range(self.workers)]
        heard: list[Heard] = []
        try:
            for name in names:
                args = self.place.address, self.twin, name, self.threads, self.now
                heard.append(Heard(Worker(charger, *args), name, self.threads))
            end = time.monotonic() + PATIENCE
            for each in heard:
                while not any(each.told) and time.monotonic() < end:
                    assert each.hear(1.0), "a process ended by itself"
            if server:
                time.sleep(self.rng.uniform(0, 0.05))
                self.place.kill()
                self.seen["kills of the server"] += 1
                for each in heard:
                    each.drain()
                self.restart()
            else:
                for each in heard:
                    pause = time.monotonic() + self.rng.expovariate(1 / 0.015)
                    while time.monotonic() < pause:
                        self.look()
                    each.worker.kill()
                    self.seen["kills"] += 1
                for each in heard:
                    each.drain()
        finally:
            for each in heard:
                each.worker.kill()
                each.worker.close()
        self.raw.quiet(self.known)
        self.compare(heard)

    def restart(self) -> None:
        """Start the server again, and wait until it answers."""
        self.raw.close()
        self.place.start()
        end = time.monotonic() + 30
        while True:
            try:
                self.look()
                break
            except LeaseError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def compare(self, heard: list[Heard]) -> None:
        """Compare what was told with what is there, then let expire what is held."""
        self.look()
        held = 0
        highest = self.last[2]
        for each in heard:
            for thread, verdicts in enumerate(each.told):
                told = [v for v in verdicts if v != UNKNOWN]
                self.seen["acknowledged"] += len(told)
                steps = [step(each.name, thread, n, bool(self.twin)) for n in range(len(told) + 2)]
                for n, row in enumerate(self.store.read([s.mark for s in steps])):
                    verdict = told[n] if n < len(told) else None
                    if steps[n].kind in ("charge", "attempt"):
                        self.charged(steps[n], verdict, row.spent if row else 0, n > len(told), highest)
                for n, what in enumerate(steps):
                    if what.kind == "reserve":
                        after = told[n + 1] if n + 1 < len(told) else None
                        reach = n + 1 <= len(told)
                        held += self.reserved(
                            what, told[n] if n < len(told) else None, n > len(told), after, reach
                        )
        spent, now_held = self.look()
        if spent != self.spent or now_held != held:
            self.found["sums that do not agree"] += 1
            self.spent, held = spent, now_held  # so that one fault counts once
        self.now += 1000
        while self.store.sweep(now=self.now, limit=1000).expired:
            pass
        after_sweep, left = self.look()
        if left or self.store.holds(limit=1):
            self.found["held after expiry"] += 1
        if after_sweep != spent + held:
            self.found["expired and not charged"] += 1
        self.seen["expired amounts"] += held
        self.spent = after_sweep

    def charged(self, what: Step, verdict: int | None, marked: int, beyond: bool, highest: int) -> None:
        if marked > 1:
            self.found["applied twice"] += 1
        if beyond:
            self.found["applied and never asked"] += bool(marked)
        elif verdict is None:
            self.seen["unknown, applied" if marked else "unknown, not applied"] += 1
        elif verdict == Verdict.APPLIED:
            self.found["acknowledged and lost"] += not marked
            self.found["register below what was acknowledged"] += (
                what.kind == "attempt" and what.value > highest
            )
        else:
            self.seen["refused"] += 1
            self.found["refused and applied"] += bool(marked)
        self.spent += what.amount * bool(marked)

    def reserved(
        self, what: Step, verdict: int | None, beyond: bool, settled: int | None, reached: bool
    ) -> int:
        """Look at one reservation, retry what is not known of it, and return what it holds."""
        hold = self.store.hold(what.id)
        if beyond:
            self.found["reserved and never asked"] += hold is not None
            return 0
        if verdict is None:
            self.seen["unknown, reserved" if hold else "unknown, not reserved"] += 1
            again = self.store.apply(what.charges(), now=self.now, reserve=Reserve(what.id, self.now + HOLD))
            wanted = Verdict.REPEATED if hold else Verdict.APPLIED
            self.found["a retry with another outcome"] += again.verdict is not wanted
            hold = self.store.hold(what.id)
        if hold is None:
            self.found["acknowledged and lost"] += 1
            return 0
        amounts = [(key, reserved) for key, reserved, _ in hold.items]
        self.found["half reserved"] += amounts != [(CHILD, what.amount), (PARENT, what.amount)]
        if what.to is not State.HELD and reached and verdict is not None:
            if settled is None:
                self.seen[f"unknown, {'settled' if hold.state else 'not settled'}"] += 1
                self.found["settled otherwise"] += hold.state not in (State.HELD, what.to)
                hold = self.store.settle(what.id, what.to, what.parts(), now=self.now) or hold
            self.found["acknowledged and lost"] += hold.state is not what.to
            charged = what.part if what.to is State.COMMITTED else 0
            self.found["settled otherwise"] += [c for _, _, c in hold.items] != [charged, charged]
            self.spent += charged
            return 0
        self.found["settled otherwise"] += hold.state is not State.HELD
        return what.amount


def kills(
    place: Place, times: int, twin: str = "", *, server: int = 0, seed: int = 1, until_found: bool = False
) -> dict[str, Any]:
    """Kill processes this many times, and the server some; return what was found."""
    began = time.perf_counter()
    work = Kills(place, twin, seed=seed)
    try:
        number = 0
        while work.seen["kills"] < times and not (until_found and work.found.total()):
            work.round(number)
            number += 1
            if not twin and number % 50 == 0:
                said(f"kill {kind_of(place.address)}: {work.seen['kills']} of {times}")
        for _ in range(server):
            work.round(number, server=True)
            number += 1
    finally:
        work.close()
    found = {name: n for name, n in sorted(work.found.items()) if n}
    out = {"found": found, **dict(sorted(work.seen.items()))}
    return {**out, "seconds": round(time.perf_counter() - began, 1)}


# --- 3. the ledger -----------------------------------------------------------------------------------------
def body(writer: int, n: int) -> bytes:
    return Mark(REVOKE, Selector("run", f"w{writer}.{n}@1")).encode()


def appender(conn: Connection, address: str, number: int, batch: int) -> None:
    """Append so many entries, in batches of random size, whenever asked."""
    rng = random.Random(number)
    with opened(address) as store:
        conn.send("ready")
        n = 0
        while count := conn.recv():
            end = n + count
            while n < end:
                some = [body(number, each) for each in range(n, min(end, n + rng.randint(1, batch)))]
                store.append(some, at=NOW * 1000, until=[limits.SAFE_MAX] * len(some))
                n += len(some)
            conn.send(n)


class Recorder(Follower):
    """A follower that keeps what it took."""

    bodies: list[bytes]
    gaps = 0

    def take(self, frame: Frame, *, sent: float, wall: float) -> None:
        super().take(frame, sent=sent, wall=wall)
        self.__dict__.setdefault("bodies", []).extend(frame.bodies)
        self.gaps += frame.end - frame.start != len(frame.bodies)


class Recording(View):
    """A view that keeps what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[bytes] = []

    def apply(self, bodies: Iterable[bytes], seq: int) -> None:
        some = list(bodies)
        super().apply(some, seq)
        self.bodies += some


def ledger(address: str, repeats: int, entries: int, *, writers: int = 8, batch: int = 7) -> dict[str, Any]:
    """Let processes append while a follower reads; return what it missed or read twice."""
    began = time.perf_counter()
    out: Counter[str] = Counter()
    share = entries // writers
    store = opened(address)
    follower = Recorder(StoreSource(store), wait=0.2)
    warm = Recording()
    written: set[bytes] = set()
    try:
        assert follower.ready()
        with crew(appender, [(address, number, batch) for number in range(writers)]) as workers:
            for repeat in range(1, repeats + 1):
                for worker in workers:
                    worker.conn.send(share)
                while not all(worker.conn.poll(0) for worker in workers):
                    catch_up(warm, store)
                    time.sleep(0.002)
                for worker in workers:
                    assert worker.hear() == repeat * share
                end = time.monotonic() + 10
                while follower.view.seq < repeat * share * writers and time.monotonic() < end:
                    time.sleep(0.002)
                catch_up(warm, store)
                numbers = range((repeat - 1) * share, repeat * share)
                written |= {body(writer, n) for writer in range(writers) for n in numbers}
                for name, read in (
                    ("follower", follower.__dict__.get("bodies", [])),
                    ("catch_up", warm.bodies),
                ):
                    out[f"missed by {name}"] += len(written - set(read))
                    out[f"twice by {name}"] += len(read) - len(set(read))
                out["repeats"] += 1
                if repeat % 5 == 0:
                    said(f"ledger {kind_of(address)}: {repeat} of {repeats}")
            for worker in workers:
                worker.conn.send(0)
        cold = Recording()
        catch_up(cold, store)
        first = follower.bodies
        out["differences between three readers"] = (first != cold.bodies) + (warm.bodies != cold.bodies)
        _, seqs = store.entries(0, limit=1_000_000)
        out["gaps"] = follower.gaps + ([e.seq for e in seqs] != list(range(1, len(seqs) + 1)))
        info = follower.info()
        out["refused or failed"] = info.refused + info.failed
        order = [each.split(b"w", 1)[1][:1] for each in first]
        out["changes of writer"] = sum(a != b for a, b in pairwise(order))
    finally:
        follower.close()
        store.close()
    wrong = sum(n for name, n in out.items() if name not in ("repeats", "changes of writer"))
    head = {"entries": entries, "writers": writers, "read": len(first), "frames": info.frames}
    return {**head, **out, "exact": not wrong, "seconds": round(time.perf_counter() - began, 1)}


def inserter(conn: Connection, address: str, number: int, count: int) -> None:
    """Insert into a table that numbers by itself, each time in a transaction that takes a while."""
    import psycopg

    rng = random.Random(number)
    with psycopg.connect(address) as connection:
        connection.execute("SET synchronous_commit = off")
        conn.send("ready")
        conn.recv()
        for n in range(count):
            connection.execute("INSERT INTO naive (body) VALUES (%s)", (body(number, n),))
            time.sleep(rng.expovariate(1 / 0.001))
            connection.commit()
        conn.send("done")


def naive(address: str, entries: int, writers: int = 8) -> dict[str, Any]:
    """Control: numbers from an auto-increment, read with WHERE seq > last."""
    import psycopg

    last, read = 0, []
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS naive")
        connection.execute("CREATE TABLE naive (seq bigserial PRIMARY KEY, body bytea NOT NULL)")
        ask = "SELECT seq, body FROM naive WHERE seq > %s ORDER BY seq"
        with crew(inserter, [(address, number, entries // writers) for number in range(writers)]) as workers:
            for worker in workers:
                worker.conn.send("go")
            while True:
                done = all(worker.conn.poll(0) for worker in workers)
                rows = connection.execute(ask, (last,)).fetchall()
                read += [each for _, each in rows]
                last = rows[-1][0] if rows else last
                if done:
                    break
        there = connection.execute("SELECT count(*) FROM naive").fetchone()
        connection.execute("DROP TABLE naive")
    assert there
    return {"reads": "WHERE seq > last", "entries": there[0], "missed": there[0] - len(set(read))}


# --- 4. replay ---------------------------------------------------------------------------------------------
TICK = 20
"""Seconds of the clock from one phase to the next."""
BACK = {0.4: 45, 0.7: 100}
"""After which part of the phases the clock is set back, by how many seconds: within what the window covers, beyond."""


class Clock(NamedTuple):
    """The clock of each phase, and when each proof was made. size: proofs of one phase."""

    times: tuple[int, ...]
    size: int

    @classmethod
    def make(cls, start: int, phases: int, size: int) -> Clock:
        times, at = [], start
        back = {int(part * phases): by for part, by in BACK.items()}
        for phase in range(phases):
            at += TICK - back.get(phase, 0)
            times.append(at)
        return cls(tuple(times), size)

    def iat(self, proof: int) -> int:
        """Return when a proof was made, by a clock that may differ by nearly SKEW."""
        return self.times[proof // self.size] + proof * 37 % 119 - 59

    def charge(self, proof: int) -> Charge:
        key = codec.encode(["replay", b"h" * 32, proof.to_bytes(8, "big")])
        return Charge("replay", key, 1, 1, self.iat(proof) + limits.REPLAY_WINDOW)

    def offers(self, phase: int, slot: int, slots: int) -> Iterator[int]:
        """Yield the proofs that one thread offers in a phase: those of its own, and others again."""
        rng = random.Random(f"{phase}/{slot}")
        now, base = self.times[phase], phase * self.size
        oldest = max(0, phase - 9)
        for own in range(base + slot, base + self.size, slots):
            yield own
            drawn = rng.random()
            if drawn < 0.3:  # what a neighbour offers at this moment
                yield own - slot + rng.randrange(min(slots, base + self.size - own + slot))
            elif drawn < 0.7:
                again = rng.randrange(oldest * self.size, base + self.size)
                if abs(now - self.iat(again)) <= limits.SKEW:  # others the verifier refuses
                    yield again


def offerer(
    conn: Connection, address: str, twin: str, log: str, slots: tuple[int, int, int], clock: Clock
) -> None:
    """Offer the proofs of a phase by threads, and write down each that was accepted."""
    first, threads, every = slots
    store = opened(address, twin, timeout=10.0)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def run(phase: int, slot: int) -> tuple[int, int]:
        offered = failed = 0
        for proof in clock.offers(phase, slot, every):
            offered += 1
            try:
                outcome = store.apply([clock.charge(proof)], now=clock.times[phase])
            except LeaseError:
                failed += 1
                continue
            if outcome.verdict is Verdict.APPLIED:
                os.write(out, struct.pack("<I", proof))
        return offered, failed

    conn.send("ready")
    with ThreadPoolExecutor(threads) as pool:
        while (asked := conn.recv()) != "end":
            if asked == "reopen":
                store.close()
                store = opened(address, twin, timeout=10.0, proofs_from_before=False)
                conn.send(asked)
            elif isinstance(asked, tuple):  # sweep, and count
                swept = 0
                while gone := store.sweep(now=asked[1], limit=5000).forgotten:
                    swept += gone
                conn.send((swept, rows_of(store, address)))
            else:
                done = list(pool.map(run, [asked] * threads, range(first, first + threads)))
                conn.send((sum(n for n, _ in done), sum(n for _, n in done)))
    store.close()


class Replay:
    """One run over one store."""

    def __init__(
        self, place: Place | None, folder: Path, charges: int, phases: int, threads: int, twin: str
    ) -> None:
        self.place, self.twin, self.folder, self.threads = place, twin, folder, threads
        self.address = place.address if place else "memory:"
        self.processes = 2 if place else 1
        start = (
            int(time.time()) - (phases + 10) * TICK
        )  # a server forgets nothing that its clock holds for alive
        self.clock = Clock.make(start, phases, max(1, int(charges / phases / 1.55)))
        self.seen: Counter[str] = Counter()
        self.workers: list[Worker] = []
        self.horizon = 0

    def start(self, number: int) -> Worker:
        slots = number * self.threads, self.threads, self.processes * self.threads
        log = str(self.folder / f"accepted {number}")
        worker = Worker(offerer, self.address, self.twin, log, slots, self.clock)
        assert worker.hear() == "ready"
        return worker

    def run(self, kill_in: set[int], server_in: set[int], reopen_after: set[int]) -> dict[str, Any]:
        began = time.perf_counter()
        rng = random.Random(len(self.clock.times))
        took = 0.0
        uncertain: set[int] = set()
        most = 0
        self.workers = [self.start(number) for number in range(self.processes)]
        try:
            for phase, now in enumerate(self.clock.times):
                phase_began = time.perf_counter()
                for worker in self.workers:
                    worker.conn.send(phase)
                if phase in kill_in:
                    number = rng.randrange(self.processes)
                    self.workers[number].conn.poll(rng.uniform(0.2, 0.8) * took)
                    self.workers[number].kill()
                    self.workers[number].close()
                    self.workers[number] = self.start(number)
                    self.seen["kills"] += 1
                    skipped: set[int] = {number}
                elif phase in server_in and self.place:
                    time.sleep(rng.uniform(0.2, 0.8) * took)
                    self.place.kill()
                    self.place.start()
                    self.seen["kills of the server"] += 1
                    skipped = set()
                else:
                    skipped = set()
                if phase in kill_in | server_in:
                    uncertain.add(phase)
                for number, worker in enumerate(self.workers):
                    if number not in skipped:
                        offered, failed = worker.hear(600)
                        self.seen["charges"] += offered - failed
                        self.seen["unavailable"] += failed
                if phase in reopen_after:
                    self.seen["reopened"] += 1
                    for worker in self.workers:
                        worker.conn.send("reopen")
                        assert worker.hear() == "reopen"
                self.horizon = max(self.horizon, now)
                self.workers[0].conn.send(("sweep", now))
                _, rows = self.workers[0].hear(600)
                most = max(most, rows)
                alive = self.alive(phase, self.horizon)
                if not self.twin and rows > alive:
                    self.seen["rows beyond the window"] += rows - alive
                if not kill_in & {phase} and not server_in & {phase}:
                    took = time.perf_counter() - phase_began
                if not self.twin and (phase + 1) % 10 == 0:
                    name = kind_of(self.address)
                    said(
                        f"replay {name}: phase {phase + 1} of {len(self.clock.times)}, {self.seen['charges']:,}"
                    )
            for worker in self.workers:
                worker.conn.send("end")
        except BaseException:
            for worker in self.workers:
                worker.kill()
            raise
        finally:
            for worker in self.workers:
                worker.close()
        return self.result(uncertain, most, began)

    def alive(self, phase: int, horizon: int) -> int:
        """Return how many of the proofs up to a phase have to be remembered."""
        size, window = self.clock.size, range(max(0, phase - 30), phase + 1)
        numbers = (proof for each in window for proof in range(each * size, (each + 1) * size))
        return sum(self.clock.iat(proof) + limits.REPLAY_WINDOW > horizon for proof in numbers)

    def result(self, uncertain: set[int], most: int, began: float) -> dict[str, Any]:
        total = len(self.clock.times) * self.clock.size
        times = bytearray(total)
        for path in self.folder.glob("accepted *"):
            numbers = array("I")
            data = path.read_bytes()
            numbers.frombytes(data[: len(data) // 4 * 4])
            for proof in numbers:
                times[proof] += 1
        never = 0
        highest = 0
        for phase, now in enumerate(self.clock.times):
            behind = phase in uncertain
            for proof in range(phase * self.clock.size, (phase + 1) * self.clock.size):
                if not times[proof] and not behind and self.clock.iat(proof) + limits.REPLAY_WINDOW > highest:
                    never += 1
            highest = max(highest, now)
        return {
            "charges": self.seen["charges"],
            "proofs": total,
            "processes": self.processes,
            "threads": self.threads,
            "accepted": sum(map(bool, times)),
            "accepted_twice": sum(n > 1 for n in times),
            "fresh_and_refused": never,
            "clock_seconds": max(self.clock.times) - self.clock.times[0],
            "most_rows": most,
            "rows_beyond_the_window": self.seen["rows beyond the window"],
            **{name: self.seen[name] for name in ("kills", "kills of the server", "reopened", "unavailable")},
            "seconds": round(time.perf_counter() - began, 1),
        }


def replay(
    place: Place | None,
    charges: int,
    *,
    phases: int = 60,
    threads: int = 24,
    twin: str = "",
    server: bool = False,
) -> dict[str, Any]:
    """Offer proofs over phases of the clock; place: None for memory."""
    with tempfile.TemporaryDirectory(prefix="replay") as folder:
        work = Replay(place, Path(folder), charges, phases, threads, twin)
        plain = place is None or bool(twin)
        kill_in = set() if plain else {int(phases * part) for part in (0.15, 0.35, 0.55, 0.75, 0.9)}
        server_in = {int(phases * part) for part in (0.25, 0.85)} if server else set()
        reopen_after = set() if plain else {int(phases * part) for part in (0.2, 0.65)}
        out = work.run(kill_in, server_in - kill_in, reopen_after)
    out["ok"] = not (out["accepted_twice"] or out["fresh_and_refused"] or out["rows_beyond_the_window"])
    return out


def forgotten(careless: bool = False) -> dict[str, Any]:
    """A store in memory that restarts refuses proofs that the one before it may have accepted.

    careless: control, it takes proofs that were made before its start.
    """
    now = int(time.time())
    accepted = [0, 0]
    proofs = range(now - limits.SKEW, now + limits.SKEW + 1)
    for life in range(2):
        with opened("memory:", proofs_from_before=careless or not life) as store:
            for iat in proofs:
                key = codec.encode(["replay", b"h" * 32, iat.to_bytes(8, "big")])
                charge = Charge("replay", key, 1, 1, iat + limits.REPLAY_WINDOW)
                accepted[life] += store.apply([charge], now=now).verdict is Verdict.APPLIED
    return {"proofs": len(proofs), "accepted": accepted[0], "accepted_again_after_restart": accepted[1]}


# --- all of it -------------------------------------------------------------------------------------------
PARTS = ("race", "kill", "ledger", "replay")
STORES = ("memory", "sqlite", "redis", "postgresql")


class Sizes(NamedTuple):
    """How much of each. kills, charges: by store. control: a budget, entries and charges of controls."""

    budget: int
    kills: dict[str, int]
    server: int
    repeats: int
    entries: int
    charges: dict[str, int]
    phases: int
    control: int


FULL = Sizes(
    budget=20_000,
    kills={"sqlite": 500, "redis": 200, "postgresql": 200},
    server=20,
    repeats=20,
    entries=4000,
    charges={"memory": 480_000, "sqlite": 320_000, "redis": 180_000, "postgresql": 150_000},
    phases=60,
    control=4000,
)
SMALL = Sizes(
    budget=600,
    kills={"sqlite": 12, "redis": 6, "postgresql": 6},
    server=1,
    repeats=2,
    entries=400,
    charges={"memory": 6000, "sqlite": 3000, "redis": 3000, "postgresql": 3000},
    phases=20,
    control=2000,
)


def race_part(place: Place, sizes: Sizes) -> dict[str, Any]:
    out = race(place.fresh().address, sizes.budget)
    control = race(place.fresh().address, sizes.control // 4, "read-then-write")
    out["control"] = {"twin": "reads, then writes", **control}
    out["ok"] = out["exact"] and control["granted"] > control["budget"]
    return out


def kill_part(place: Place, sizes: Sizes) -> dict[str, Any]:
    kind = kind_of(place.address)
    out = kills(place.fresh(), sizes.kills[kind], server=0 if kind == "sqlite" else sizes.server)
    out["controls"] = {
        twin: kills(place.fresh(), 60, twin, until_found=True) for twin in ("one-by-one", "early-answer")
    }
    out["ok"] = not out["found"] and all(control["found"] for control in out["controls"].values())
    return out


def ledger_part(place: Place, sizes: Sizes) -> dict[str, Any]:
    out = ledger(place.fresh().address, sizes.repeats, sizes.entries)
    out["ok"] = out["exact"]
    if kind_of(place.address) == "postgresql":
        out["control"] = naive(place.address, sizes.entries)
        out["ok"] = out["ok"] and out["control"]["missed"] > 0
    return out


def replay_part(place: Place | None, sizes: Sizes) -> dict[str, Any]:
    kind = kind_of(place.address) if place else "memory"
    fresh = place.fresh() if place else None
    out = replay(fresh, sizes.charges[kind], phases=sizes.phases, server=kind in ("redis", "postgresql"))
    if place:
        out["controls"] = {
            twin: replay(place.fresh(), sizes.control, phases=20, threads=8, twin=twin)
            for twin in ("forgetful", "read-then-write")
        }
        out["ok"] = out["ok"] and all(control["accepted_twice"] for control in out["controls"].values())
    else:
        out["restarted"], control = forgotten(), forgotten(careless=True)
        out["controls"] = {"takes proofs from before its start": control}
        again = out["restarted"]["accepted_again_after_restart"], control["accepted_again_after_restart"]
        out["ok"] = out["ok"] and not again[0] and again[1] > 0
    return out


PART: dict[str, Callable[..., dict[str, Any]]] = {
    "race": race_part,
    "kill": kill_part,
    "ledger": ledger_part,
    "replay": replay_part,
}


def campaign(parts: list[str], stores: list[str], sizes: Sizes) -> dict[str, Any]:
    """Run it, and return the record."""
    import pytest

    began = time.perf_counter()
    out: dict[str, Any] = {
        "date": records.today(),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "stores": {},
        **{part: {} for part in parts},
    }
    for kind in stores:
        if kind == "memory":
            out["stores"][kind] = f"Python {platform.python_version()}"
            if "replay" in parts:
                out["replay"][kind] = replay_part(None, sizes)
            continue
        try:
            with placed(kind) as place:
                raw = Raw(place.address)
                out["stores"][kind] = raw.version()
                raw.close()
                for part in parts:
                    said(f"{part} {kind}")
                    out[part][kind] = PART[part](place, sizes)
                    said(f"{part} {kind}: {'ok' if out[part][kind]['ok'] else 'NOT OK'}")
        except pytest.skip.Exception as why:
            out["stores"][kind] = f"skipped: {why}"
            said(f"{kind} skipped: {why}")
    if "replay" in parts:
        out["replay"]["charges"] = sum(run["charges"] for run in out["replay"].values())
        twice = sum(run["accepted_twice"] for run in out["replay"].values() if isinstance(run, dict))
        out["replay"]["accepted_twice"] = twice
    results = [run for part in parts for run in out[part].values() if isinstance(run, dict)]
    out["seconds"] = round(time.perf_counter() - began)
    out["ok"] = bool(results) and all(run["ok"] for run in results)
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--all", action="store_true", help="every part")
    for part in PARTS:
        parser.add_argument(f"--{part}", action="store_true")
    parser.add_argument("--stores", nargs="+", choices=STORES, default=list(STORES))
    parser.add_argument("--small", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--budget", type=int, help="of the race")
    parser.add_argument("--kills", type=int, help="of processes, for each store")
    parser.add_argument("--repeats", type=int, help="of the ledger's entries")
    parser.add_argument("--charges", type=int, help="of proofs, for each store")
    parser.add_argument("--out", type=Path, help="write the record here; default: standard output")
    asked = parser.parse_args()
    parts = [part for part in PARTS if asked.all or getattr(asked, part)]
    if not parts:
        parser.error("give --all, or some of " + ", ".join(f"--{part}" for part in PARTS))
    sizes = SMALL if asked.small else FULL
    for name in ("budget", "repeats"):
        if getattr(asked, name):
            sizes = sizes._replace(**{name: getattr(asked, name)})
    for name in ("kills", "charges"):
        if getattr(asked, name):
            sizes = sizes._replace(**{name: dict.fromkeys(STORES, getattr(asked, name))})
    record = campaign(parts, asked.stores, sizes)
    code = records.write(record, asked.out)
    said(f"{'ok' if record['ok'] else 'NOT OK'} after {record['seconds']} s")
    return code


if __name__ == "__main__":
    import state_faults  # so that what runs in other processes has one name, however this was started

    sys.exit(state_faults.main())
