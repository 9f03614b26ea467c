"""What runs in processes of its own: charging, following a ledger, serving its feed, holding a view.

Each is started anew (spawn), told what to do over a pipe, and ends when the pipe does. Times that are
compared between processes are of time.monotonic, which is the system's.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from attenuate import Gate, KeyRing, Refused, Verifier
from attenuate.keys import Key
from attenuate.ledger import Feed, Follower, HttpSource, Source, StoreSource, serve
from attenuate.ledger.frame import opened
from attenuate.store import open_store

TIMEOUT = 10.0


class Started(Protocol):
    """The function that a process runs."""

    def __call__(self, pipe: Connection, /, *arguments: Any) -> None: ...


@contextmanager
def started(work: Started, *arguments: Any) -> Iterator[Connection]:
    """Run a function of (pipe, *arguments) in a new process, and give the other end once it is ready."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        told(mine)
        yield mine
    finally:
        mine.close()
        process.join(5)
        if process.is_alive():
            process.terminate()
            process.join(5)
        process.close()


def told(pipe: Connection, timeout: float = 60.0) -> Any:
    """Return what a process says next."""
    if not pipe.poll(timeout):
        raise TimeoutError(f"a process said nothing for {timeout:g} s")
    return pipe.recv()


def charging(pipe: Connection, address: str, number: int) -> None:
    """Charge in one thread when told to: (kind, start, seconds); answer calls and when the last ended."""
    from benchmarks.test_stores import Bench

    with open_store(address, timeout=TIMEOUT) as store:
        bench = Bench(store, f"process {number}")
        pipe.send("ready")
        while True:
            try:
                kind, start, seconds = pipe.recv()
            except EOFError:
                bench.close()
                return
            do = bench.work(kind, 0)
            do()
            time.sleep(max(0.0, start - time.monotonic()))
            calls, end = 0, start + seconds
            while (now := time.monotonic()) < end:
                do()
                calls += 1
            pipe.send((calls, now))


def feeding(pipe: Connection, address: str, secret: str) -> None:
    """Serve the feed of a store, and say on which port."""
    with open_store(address, timeout=TIMEOUT) as store:
        server = serve(Feed(store, Key.from_text(secret)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        pipe.send("ready")
        pipe.send(server.server_address[1])
        _until_end(pipe)
        server.shutdown()
        server.server_close()


def _until_end(pipe: Connection) -> None:
    with suppress(EOFError):
        pipe.recv()


def checking(
    pipe: Connection,
    address: str,
    ring: dict[str, object],
    how: str,
    feed: tuple[str, str] | None,
    pause: float,
) -> None:
    """Check one lease after the other until it is refused as revoked, `pause` seconds between two checks.

    how: "feed" follows feed (its address, its public key), "followed" follows the ledger of the store
    at `address`, "direct" has no follower. A token that comes over the pipe is checked; when it was
    granted for the first time that is said, and in the end when the last granted check was begun and
    when the refusal was there.
    """
    source: Source | None = None
    with open_store("memory:" if how == "feed" else address, timeout=TIMEOUT) as store:
        if feed is not None:
            source = HttpSource(feed[0], Key.from_text(feed[1]))
        elif how == "followed":
            source = StoreSource(store)
        follower = Follower(source) if source is not None else None
        if follower is not None and not follower.ready(10):
            raise TimeoutError(f"no first frame: {follower.info().last_error}")
        gate = Gate(Verifier(KeyRing.from_json(ring), audience="github"), store, ledger=follower)
        pipe.send("ready")
        while True:
            try:
                token = pipe.recv()
            except EOFError:
                break
            _ask(gate, token)
            pipe.send("granted")
            pipe.send(_refused(gate, token, pause))
        if follower is not None:
            follower.close()


def _ask(gate: Gate, token: str) -> None:
    gate.check(token, action="repo.read", run="agt_1@2", facts={"repo": "clord"})


def _refused(gate: Gate, token: str, pause: float) -> tuple[float, float]:
    begun = granted = time.monotonic()
    try:
        while True:
            if pause:
                time.sleep(pause)
            begun = time.monotonic()
            _ask(gate, token)
            granted = begun
    except Refused as refusal:
        if refusal.code != "revoked":
            raise
        return granted, time.monotonic()


def holding(pipe: Connection, folder: str, public: str) -> None:
    """Take a snapshot from the signed frames in a folder; say seconds, bytes of memory that it takes, entries."""
    key = Key.from_text(public)
    pipe.send("ready")
    paths = sorted(Path(folder).iterdir())
    opened(paths[0].read_bytes(), key)  # what is loaded at the first use is not counted
    gc.collect()
    before, began = _resident(), time.perf_counter()
    follower = Follower(
        _Files([path.read_bytes for path in paths], key), clock=lambda: float("inf"), start=False
    )  # frames of any time
    follower.refresh()
    took, view = time.perf_counter() - began, follower.view
    gc.collect()
    pipe.send((took, _resident() - before, len(view)))
    _until_end(pipe)


class _Files:
    """A source of frames that are files."""

    def __init__(self, reads: list[Callable[[], bytes]], key: Key) -> None:
        self._reads, self._key = iter(reads), key

    def fetch(self, after: int, wait: float) -> Any:
        return opened(next(self._reads)(), self._key)

    def close(self) -> None:
        pass


def _resident() -> int:
    """Return bytes of memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
