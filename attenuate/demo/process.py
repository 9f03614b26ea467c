"""A child process that is spoken to in JSON lines: secrets go by its stdin, never in arguments."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

_SOURCE = str(Path(__file__).resolve().parents[2])


class Process:
    """A module of this package in a process of its own; ends when it is left or we end."""

    def __init__(self, module: str, first: Mapping[str, Any]) -> None:
        """Start it and send it what it needs first; `told` is its answer, waited for when it is wanted."""
        paths = [_SOURCE, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._child = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-m", module],  # -P: nothing is imported from where we happen to be
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for us; closing its stdin ends the child
        )
        self.pid = self._child.pid
        self._told: dict[str, Any] | None = None
        self._send(first)

    @property
    def told(self) -> dict[str, Any]:
        """The answer to what it was sent first; raises RuntimeError where the child has ended."""
        if self._told is None:
            self._told = self._answer()
        return self._told

    def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Send one message and return the answer; raises RuntimeError where the child has ended."""
        self.told  # noqa: B018 (answers come in order)
        self._send(message)
        return self._answer()

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # there will be no answer, which is told then
            self._child.stdin.write(json.dumps(message) + "\n")
            self._child.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"the process {self._child.args[-1]!s} ended")  # type: ignore[index]
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the child: by closing its stdin, and by force after two seconds."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.close()
        try:
            self._child.wait(2)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child.stdout.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
