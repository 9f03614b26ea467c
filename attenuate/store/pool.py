"""A few connections to a server, lent one at a time: nothing waits longer than it may.

A connection that failed is closed and never lent again, and those that lay idle meanwhile go with
it, because what broke one mostly broke all. Nothing is sent twice.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeVar

C = TypeVar("C")
MOST: Final = 8
"""Connections of one pool."""
_ABANDONED: Final[list[Any]] = []
"""Connections of the process that this one was forked from: closing them here would disturb it."""


class Pool(Generic[C]):
    """connect: opens a connection; close: closes one; sound: whether an idle one may still be used."""

    def __init__(
        self,
        connect: Callable[[], C],
        close: Callable[[C], None],
        sound: Callable[[C], bool],
        most: int = MOST,
    ) -> None:
        self._connect, self._close, self._sound, self._most = connect, close, sound, most
        self._open = True
        self._idle: list[C] = []
        self._free = _Places(most)

    def after_fork(self) -> None:
        """Leave the connections to the parent; called in the child."""
        _ABANDONED.append(self._idle)
        self._idle = []
        self._free = _Places(self._most)

    @contextmanager
    def lent(self, end: float, kept: tuple[type[Exception], ...] = ()) -> Iterator[C]:
        """Lend a connection until time.monotonic() is `end`; the borrower keeps to it too.

        kept: errors after which it is lent again, because they say nothing about the connection.
        Raises TimeoutError where none is to be had in time, and what connecting raises.
        """
        free = self._free
        if not free.take(end - time.monotonic()):
            raise TimeoutError("all connections are in use")
        connection = self._from_idle()
        if connection is None:
            connection = self._connected(end, free)  # where it raises, it gives the place back
        try:
            yield connection
        except BaseException as error:
            if not isinstance(error, kept):
                self._close(connection)
                self._drop_idle()
            else:
                self._back(connection)
            raise
        else:
            self._back(connection)
        finally:
            free.give()

    def close(self) -> None:
        """Close what lies idle now, and what is lent when it comes back."""
        self._open = False
        self._drop_idle()

    def _back(self, connection: C) -> None:
        self._idle.append(connection)
        if not self._open:
            self._drop_idle()

    def _from_idle(self) -> C | None:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            try:
                if self._sound(connection):
                    return connection
            except Exception:
                pass
            self._close(connection)

    def _drop_idle(self) -> None:
        while self._idle:
            try:
                self._close(self._idle.pop())
            except IndexError:
                return

    def _connected(self, end: float, free: _Places) -> C:
        """Connect in a thread, because names are looked up without a bound; it frees its place itself."""
        out: list[C | BaseException] = []
        done, given_up, lock = threading.Event(), threading.Event(), threading.Lock()

        def connect() -> None:
            try:
                made: C | BaseException = self._connect()
            except BaseException as error:
                made = error
            with lock:
                out.append(made)
                done.set()
                late = given_up.is_set()
            if late:
                if not isinstance(made, BaseException):
                    self._close(made)
                free.give()

        threading.Thread(target=connect, name="attenuate-connect", daemon=True).start()
        done.wait(max(0.0, end - time.monotonic()))
        with lock:
            if not out:
                given_up.set()
                raise TimeoutError("no connection in time")
        if isinstance(out[0], BaseException):
            free.give()
            raise out[0]
        return out[0]


class _Places:
    """Places that are given to who waits longest; a semaphore would give them back to who had them."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()

    def take(self, timeout: float) -> bool:
        """Take a place within `timeout` seconds; say whether that was done."""
        with self._lock:
            if self._count:
                self._count -= 1
                return True
            turn = threading.Event()
            self._waiting.append(turn)
        try:
            turn.wait(max(0.0, timeout))
        finally:
            with self._lock:
                if not turn.is_set():
                    self._waiting.remove(turn)
        return turn.is_set()

    def give(self) -> None:
        """Give a place back."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._count += 1
