"""Following a ledger: a thread that keeps a view up to date, and knows how old it is.

    follower = Follower(HttpSource("https://broker/ledger", key))
    gate = Gate(verifier, store, ledger=follower)

Freshness is counted on a clock that no step moves and no sleep of the machine stops, from when a
request was sent, or from the broker's own time where that is older: an answer held back or repeated
makes nothing fresher. Before the first frame nothing is fresh.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from ..errors import LeaseError, Untrusted
from ..store.base import Store
from ..words import brief
from .frame import Frame, read
from .view import View

WAIT: Final = 0.5
"""Seconds for which a source may keep a request: so old, and no older, is what is known in quiet times."""
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady() -> float:
    """Return seconds on a clock that only runs forward, also while the machine sleeps."""
    return time.clock_gettime(_CLOCK)


class Source(Protocol):
    """Where frames come from."""

    def fetch(self, after: int, wait: float) -> Frame:
        """Return the frame after a sequence number, authentic, within about `wait` seconds; or raise.

        Threads may ask at the same time.
        """

    def close(self) -> None:
        """Let go of what it holds open."""


class StoreSource:
    """The ledger of a store that is shared; what it says is believed, because the store is."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def fetch(self, after: int, wait: float) -> Frame:
        """Return what follows, as soon as there is something."""
        self._store.wait(after, wait)
        return read(self._store, after, self._clock)

    def close(self) -> None:
        """Nothing to let go: whoever opened the store closes it."""


class FollowerInfo(NamedTuple):
    """Plain numbers: sequence number, age in seconds (inf before the first frame), marks held.

    frames: taken; failed: requests without one; refused: frames that were not taken. last_error: words.
    """

    seq: int
    age: float
    marks: int
    frames: int
    failed: int
    refused: int
    last_error: str


class Follower:
    """Keeps `view` as the ledger is, by a thread of its own until `close`.

    identity: 16 bytes of the ledger that it must be; by default that of the first frame. wait: seconds
    that the source may keep a request. clock: wall time, compared with the broker's. start: begin now;
    without it, `refresh` is the only way that it learns anything.
    """

    def __init__(
        self,
        source: Source,
        *,
        identity: bytes | None = None,
        wait: float = WAIT,
        clock: Callable[[], float] = time.time,
        start: bool = True,
    ) -> None:
        self.view = View()
        self._source = source
        self._identity = identity
        self._wait = wait
        self._clock = clock
        self._fresh = float("-inf")
        self._last = -1
        self._frames = self._failed = self._refused = 0
        self._error = ""
        self._taking = threading.Lock()
        self._asking = threading.Lock()
        self._asked = float("-inf")
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        if start:
            self._thread = threading.Thread(target=self._run, name="attenuate-follower", daemon=True)
            self._thread.start()

    def age(self) -> float:
        """Return for how many seconds the view may have been behind; infinite before the first frame."""
        return steady() - self._fresh

    def refresh(self) -> None:
        """Ask now, and take what comes; raises what the source raises, Untrusted for a frame not taken.

        An answer that is no newer than what is known raises nothing, and makes nothing fresher: look
        at `age` afterwards.
        """
        called = steady()
        with self._asking:
            if self._asked > called:
                return  # somebody else's question, put after this call
            sent = steady()
            while self._step(0.0, again=True):
                pass
            self._asked = sent

    def ready(self, timeout: float = 10.0) -> bool:
        """Wait for the first frame, and say whether it came."""
        end = time.monotonic() + timeout
        while self._fresh == float("-inf") and time.monotonic() < end:
            self._ended.wait(0.002)
        return self._fresh > float("-inf")

    def info(self) -> FollowerInfo:
        """Return how it stands."""
        view = self.view
        counts = self._frames, self._failed, self._refused
        return FollowerInfo(view.seq, self.age(), len(view), *counts, self._error)

    def close(self) -> None:
        """End the thread. The view is as it was, and ages."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(self._wait + 3)
        self._source.close()

    def _run(self) -> None:
        pause = 0.05
        while not self._ended.is_set():
            try:
                self._step(self._wait)
                pause = 0.05
            except Exception as error:
                self._error = brief(error)
                self._ended.wait(pause)
                pause = min(pause * 2, 1.0)

    def _step(self, wait: float, again: bool = False) -> bool:
        """Fetch and take one frame; say whether there is more. again: a repeated heartbeat is no error."""
        seq = self.view.seq
        sent, wall = steady(), self._clock()
        try:
            frame = self._source.fetch(seq, wait)
        except LeaseError:
            self._refused += 1
            raise
        except Exception:
            self._failed += 1
            raise
        with self._taking:
            if self.view.seq != seq:
                return True  # another thread's answer was faster
            if again and frame.start == frame.end == frame.head == seq and frame.at <= self._last:
                if frame.identity == self._identity:
                    return False
            try:
                self.take(frame, sent=sent, wall=wall)
            except Exception:
                self._refused += 1
                raise
        return frame.end < frame.head

    def take(self, frame: Frame, *, sent: float, wall: float) -> None:
        """Apply one authentic frame. sent, wall: when it was asked for, by `steady` and by the wall clock.

        Raises Untrusted for one that is of another ledger, leaves a gap, repeats or goes back; then
        nothing changed, and nothing became fresher.
        """
        if self._identity is not None and frame.identity != self._identity:
            raise _untaken("a frame of another ledger", "the ledger that was followed before")
        if frame.start != self.view.seq:
            raise _untaken(f"a frame after {frame.start}", f"the frame after {self.view.seq}")
        if not frame.start <= frame.end <= frame.head:
            raise _untaken(f"a ledger that ends at {frame.head}", f"one that ends at {frame.start} or later")
        if frame.start == frame.end != frame.head:
            raise _untaken("a frame that leads nowhere", f"one with an entry after {frame.start}")
        if frame.at <= self._last and frame.end == frame.start:
            raise _untaken("a heartbeat that is not newer than the last", "a newer one")
        try:
            self.view.apply(frame.bodies, frame.end)
        except ValueError as fault:
            raise _untaken(f"a frame with {fault}", "entries of version 1") from None
        self._identity = frame.identity
        self._last = max(self._last, frame.at)
        self._frames += 1
        self._error = ""
        if frame.end == frame.head:
            # the older of when it was asked for and when the broker says it was made
            self._fresh = max(self._fresh, sent - max(0.0, wall - frame.at / 1000))


def _untaken(asked: str, would_pass: str) -> Untrusted:
    return Untrusted("frame", asked, would_pass=would_pass)
