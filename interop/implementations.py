"""The implementations there are, as processes that answer one line of JSON with another.

    python       attenuate's engine in Python        interop/conformance.py
    native       attenuate's engine in Rust          the same, by way of Python
    rust         the rules crate, without Python     kernel/rules
    go           a module of its own                 interop/go
    typescript   a package of its own                interop/typescript

Each builds itself from what is in the repository. One whose tools are missing is left out and says why;
who needs it asks for it by name, and then its absence is an error.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, NamedTuple, Self

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent
BUILD: Final = HERE / "build"

Line = dict[str, Any]
Answer = dict[str, Any]


class Missing(Exception):
    """An implementation cannot run here; the text says what it needs."""


class Implementation(NamedTuple):
    """One implementation. needs: programs; build: makes it and returns the command to start it."""

    name: str
    needs: tuple[str, ...]
    build: Callable[[], list[str]]
    environment: dict[str, str] = {}

    def command(self) -> list[str]:
        """Build it and return the command that starts it; raises Missing."""
        for program in self.needs:
            if shutil.which(program) is None:
                raise Missing(f"{self.name} needs {program}")
        return self.build()


def _do(*command: str | Path, at: Path) -> None:
    done = subprocess.run(command, cwd=at, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise RuntimeError(f"{' '.join(map(str, command[:3]))} failed in {at.name}:\n{said}")


def _python() -> list[str]:
    return [sys.executable, str(HERE / "conformance.py")]


def _native() -> list[str]:
    if importlib.util.find_spec("attenuate_kernel") is None:
        raise Missing("native needs attenuate-kernel; `make kernel` builds it")
    return _python()


def _rust() -> list[str]:
    kernel = ROOT / "kernel"
    if not (kernel / "Cargo.lock").exists():
        _do(sys.executable, kernel / "crates.py", "lock", at=kernel)
    _do("cargo", "build", "--quiet", "--release", "--locked", "--package", "attenuate-rules",
        "--example", "conformance", at=kernel)  # fmt: skip
    target = Path(os.environ.get("CARGO_TARGET_DIR", kernel / "target"))
    return [str(target / "release" / "examples" / "conformance")]


def _go() -> list[str]:
    made = BUILD / "go-conformance"
    _do("go", "build", "-o", made, "./cmd/conformance", at=HERE / "go")
    return [str(made)]


def _typescript() -> list[str]:
    folder = HERE / "typescript"
    lock, done = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
        _do("npm", "ci", "--no-audit", "--no-fund", at=folder)
    _do("npm", "run", "build", at=folder)
    return ["node", str(folder / "dist" / "conformance.js")]


ALL: Final[dict[str, Implementation]] = {
    each.name: each
    for each in (
        Implementation("python", (), _python, {"ATTENUATE_ENGINE": "python"}),
        Implementation("native", (), _native, {"ATTENUATE_ENGINE": "native"}),
        Implementation("rust", ("cargo",), _rust),
        Implementation("go", ("go",), _go),
        Implementation("typescript", ("node", "npm"), _typescript),
    )
}


class Process:
    """A running implementation. `ask` returns an answer for each line, in order; close it, or use `with`."""

    def __init__(self, implementation: Implementation) -> None:
        self.name = implementation.name
        environment = {**os.environ, **implementation.environment}
        self._process = subprocess.Popen(
            implementation.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )

    def ask(self, lines: Iterable[Line | str]) -> list[Answer]:
        """Return what it answers to each line, an object or its JSON text (ASCII, for odd spellings).

        Raises RuntimeError if it ends before the last answer.
        """
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        writer = threading.Thread(target=self._write, args=(texts,), daemon=True)
        writer.start()
        answers = []
        for text in texts:
            found = self._pipe(self._process.stdout).readline()
            if not found:
                raise RuntimeError(f"{self.name} ended without an answer to {text[:2000]}")
            answers.append(json.loads(found))
        writer.join()
        return answers

    def _write(self, texts: list[str]) -> None:
        pipe = self._pipe(self._process.stdin)
        try:
            for text in texts:
                pipe.write(text.encode("ascii") + b"\n")
            pipe.flush()
        except BrokenPipeError:
            pass  # the reader finds that it has ended, and says at which line

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe

    def close(self) -> None:
        """End it."""
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                self._pipe(pipe).close()
        self._process.wait(timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def there(names: Iterable[str], required: Iterable[str] = ()) -> Iterator[Process]:
    """Start each of these implementations that can run here; raises Missing for a required one.

    One that is left out says why on standard error. The caller closes each.
    """
    needed = set(required)
    for name in names:
        try:
            yield Process(ALL[name])
        except Missing as why:
            if name in needed:
                raise
            print(f"left out: {why}", file=sys.stderr)


def same(first: Answer, second: Answer) -> bool:
    """Say whether two answers are one: for malformed tokens the stage is the contract, the code is help."""
    stages = first.get("stage"), second.get("stage")
    return stages == ("malformed", "malformed") or first == second
