"""Following a ledger: a thread that keeps a view up to date, and knows how old it is.

    follower = Follower(HttpSource("https://broker/ledger", key))
    gate = Gate(verifier, store, ledger=follower)

Freshness is counted on a clock that no step moves and no sleep of the machine stops, from when a
request was sent, or from the broker's own time where that is older: an answer held back or repeated
makes nothing fresher. Before the first frame nothing is fresh.

Where the broker's history is another, because its store was restored from a backup, all of it is
read anew; until that is done the view says what it said, and ages.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple, Protocol

from .. import limits
from ..errors import LeaseError, Untrusted
from ..fields import steady
from ..store.base import Store
from ..words import brief
from .frame import Frame, read
from .view import View

WAIT: Final = 0.5
"""Seconds for which a source may keep a request: so old, and no older, is what is known in quiet times."""
QUEUE: Final = 5.0
"""Seconds that a question may stand behind another's."""
_LOG: Final = logging.getLogger("attenuate.ledger")
_ALL: weakref.WeakSet[Follower] = weakref.WeakSet()


def _forked() -> None:
    for follower in list(_ALL):
        follower._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


@contextmanager
def _held(lock: threading.Lock) -> Iterator[None]:
    if not lock.acquire(timeout=QUEUE):
        raise TimeoutError(f"the ledger could not be asked for within {QUEUE:g} s")
    try:
        yield
    finally:
        lock.release()


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
    without it, `refresh` is the only way that it learns anything, and so it is in the child of a fork.

    The logger "attenuate.ledger" gets a warning when the feed is lost, and one when it is back.
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
        self._anew: View | None = None  # what becomes the view, where the history is another
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
        self._asked = self._unheard = float("-inf")
        self._lost = False
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        _ALL.add(self)
        if start:
            self._thread = threading.Thread(target=self._run, name="attenuate-follower", daemon=True)
            self._thread.start()

    def age(self) -> float:
        """Return for how many seconds the view may have been behind; infinite before the first frame."""
        return steady() - self._fresh

    def refresh(self) -> None:
        """Ask now, and take what comes; raises what the source raises, Untrusted for a frame not taken.

        Who waits for another's question shares its failure, and its answer where it was put after the
        call. Raises TimeoutError after QUEUE seconds of waiting.
        An answer that is no newer than what is known raises nothing, and makes nothing fresher: look
        at `age` afterwards.
        """
        called = steady()
        with _held(self._asking):
            if self._asked > called:
                return  # somebody else's question, put after this call
            if self._unheard > called:
                raise ConnectionError("the ledger was asked meanwhile, and there was no answer")
            sent = steady()
            try:
                while self._step(0.0, again=True):
                    pass
            except Exception:
                self._unheard = steady()
                raise
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
        view, frames = self._next, self._frames
        seq = view.seq
        sent, wall = steady(), self._clock()
        try:
            frame = self._source.fetch(seq, wait)
        except Exception as error:
            if isinstance(error, LeaseError):
                self._refused += 1
            else:
                self._failed += 1
            self._lose(error)
            raise
        with _held(self._taking):
            if self._next is not view or view.seq != seq:
                return True  # another thread's answer was faster
            if frame.start == frame.end == frame.head == seq and frame.at <= self._last:
                known = frame.identity == self._identity and frame.before == view.last and view is self.view
                if known and (again or self._frames != frames):
                    return False
            try:
                self.take(frame, sent=sent, wall=wall)
            except Exception as error:
                self._refused += 1
                if self._anew is not None and view is self.view:
                    _LOG.warning("the ledger has another history after %d; it is read anew", seq)
                    return True
                self._lose(error)
                raise
            if self._lost:
                self._lost = False
                _LOG.warning("the feed of the ledger is back, at %d", frame.end)
        return frame.end < frame.head

    @property
    def _next(self) -> View:
        """The view that the next frame is for."""
        anew = self._anew
        return self.view if anew is None else anew

    def _lose(self, error: Exception) -> None:
        if not self._lost:
            self._lost = True  # other libraries' words can have an address with a password in them
            why = brief(error) if isinstance(error, LeaseError) else type(error).__name__
            _LOG.warning("the feed of the ledger is lost: %s", why)

    def _after_fork(self) -> None:
        """In the child nobody holds the locks, and no thread follows: the view ages."""
        self._asking, self._taking, self._ended = threading.Lock(), threading.Lock(), threading.Event()
        if self._thread is not None:
            self._thread = None
            self._error = "no thread follows in the child of a fork; make a Follower there"

    def take(self, frame: Frame, *, sent: float, wall: float) -> None:
        """Apply one authentic frame. sent, wall: when it was asked for, by `steady` and by the wall clock.

        Raises Untrusted for one that is of another ledger or history, leaves a gap, repeats or goes back,
        or is ahead of the wall clock; then the view is as it was, and nothing became fresher. After
        one of another history the next is to begin at 0.
        """
        view = self._next
        if self._identity is not None and frame.identity != self._identity:
            raise _untaken("a frame of another ledger", "the ledger that was followed before")
        if frame.at > (wall + limits.SKEW) * 1000:
            ahead = f"a frame made {frame.at / 1000 - wall:.0f} s ahead of the clock here"
            raise _untaken(ahead, f"clocks at most {limits.SKEW} s apart")
        if frame.start != view.seq:
            raise _untaken(f"a frame after {frame.start}", f"the frame after {view.seq}")
        if not frame.start <= frame.end <= frame.head:
            raise _untaken(f"a ledger that ends at {frame.head}", f"one that ends at {frame.start} or later")
        if frame.start == frame.end != frame.head:
            raise _untaken("a frame that leads nowhere", f"one with an entry after {frame.start}")
        if frame.at <= self._last and frame.end == frame.start:
            raise _untaken("a heartbeat that is not newer than the last", "a newer one")
        if frame.at <= self._last and self._anew is not None:
            raise _untaken("an old frame of a ledger that is read anew", "a newer one")
        if frame.before != view.last:
            if frame.at > self._last:  # not one of a history that was left
                self._anew = View()
            raise _untaken(f"another history after {frame.start}", "the one that was followed, or all from 0")
        try:
            view.apply(frame.bodies, frame.end)
        except ValueError as fault:
            raise _untaken(f"a frame with {fault}", "entries of version 1") from None
        view.last = frame.last
        self._frames += 1
        if self._anew is not None:
            if frame.end < frame.head:
                return
            self.view.become(self._anew)
            self._anew = None
        self._identity = frame.identity
        self._last = max(self._last, frame.at)
        self._error = ""
        if frame.end == frame.head:
            # the older of when it was asked for and when the broker says it was made
            self._fresh = max(self._fresh, sent - max(0.0, wall - frame.at / 1000))


def _untaken(asked: str, would_pass: str) -> Untrusted:
    return Untrusted("frame", asked, would_pass=would_pass)
