"""One thread that writes for all: what waits while one transaction runs goes into the next, together."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final, TypeAlias, TypeVar

T = TypeVar("T")
Job: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...]]
MOST: Final = 256
"""Jobs in one transaction."""


class Writer:
    """write: does jobs in one transaction and returns for each what it returned or raised; or raises
    itself, and none is done. A job whose caller stopped waiting before it was begun is never done.
    """

    def __init__(self, write: Callable[[Sequence[Job]], list[Any]]) -> None:
        self._write = write
        self._waiting: queue.SimpleQueue[tuple[Job, Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="attenuate-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[..., T], arguments: tuple[Any, ...]) -> Future[T]:
        """Queue a job; cancelling its future before it is begun undoes that."""
        future: Future[T] = Future()
        self._waiting.put(((work, arguments), future))
        return future

    def close(self) -> None:
        """Do what waits, then end."""
        self._waiting.put(None)
        if self._thread is not threading.current_thread():
            self._thread.join(5)

    def _run(self) -> None:
        while True:
            taken = [self._waiting.get()]
            while len(taken) < MOST and taken[-1] is not None:
                try:
                    taken.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            self._do([each for each in taken if each and each[1].set_running_or_notify_cancel()])
            if taken[-1] is None:
                return

    def _do(self, taken: list[tuple[Job, Future[Any]]]) -> None:
        if not taken:
            return
        try:
            results = self._write([job for job, _ in taken])
        except BaseException as error:
            results = [error] * len(taken)
        for (_, future), result in zip(taken, results, strict=True):
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)
