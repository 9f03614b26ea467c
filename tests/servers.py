"""Real servers for the tests: a redis-server and a PostgreSQL in a temporary directory, on loopback only.

A program that is not installed skips its tests by name; with ATTENUATE_STORES=all a missing server fails
them. With ATTENUATE_INSTALL=1, as root where apt-get is, a missing one is installed first, and so is the
browser that the TypeScript package is tested in.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

PACKAGES = {"redis-server": "redis-server", "initdb": "postgresql", "chromium": "chromium"}


def program(name: str) -> str:
    """Return the path of a server's program, or skip."""
    path = installed(name)
    if path is None:
        missing(f"{PACKAGES[name]} is not installed")
    return path


def installed(name: str) -> str | None:
    """Return the path of a program, installed first where that may be; None where there is none."""
    path = _found(name)
    if path is None and os.environ.get("ATTENUATE_INSTALL") == "1" and os.geteuid() == 0:
        _install(PACKAGES[name])
        path = _found(name)
    return path


def missing(why: str) -> None:
    """Skip, or fail where all stores were asked for."""
    if os.environ.get("ATTENUATE_STORES") == "all":
        pytest.fail(f"{why}, and ATTENUATE_STORES=all asks for it")
    pytest.skip(why)


def _found(name: str) -> str | None:
    newest = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda p: int(p.parts[4]))
    return shutil.which(name) or (str(newest[-1]) if newest else None)


def _install(package: str) -> None:
    """Install a package of the system, without the daemon that it would start."""
    if shutil.which("apt-get") is None:
        return
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", package]):
            subprocess.run(["apt-get", *words], env=quiet, check=False, stdout=subprocess.DEVNULL)
    finally:
        if ours:
            policy.unlink()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Server:
    """A server's process. It is started, stopped, killed and started again on the same data."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="attenuate-server-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        atexit.register(self.remove)

    def command(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def user(self) -> str | None:
        return None

    def start(self) -> None:
        log = (self.home / "log").open("ab")
        with log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
                start_new_session=True,  # Ctrl-C ends the tests, and they end this
                **({"user": self.user(), "group": self.user()} if self.user() else {}),
            )
        wait_until(self.answers, 30, lambda: (self.home / "log").read_text()[-2000:])

    def pids(self) -> list[int]:
        assert self.process is not None
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def signal(self, number: int) -> None:
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    @contextlib.contextmanager
    def standing_still(self):
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGKILL)
            self.process.wait(10)
        self.process = None

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)
        atexit.unregister(self.remove)


def wait_until(done: Callable[[], bool], seconds: float, words: Callable[[], str] = str) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {words()}")
        time.sleep(0.02)


class Redis(Server):
    """options: of redis-server, as {"appendonly": "yes"}."""

    def __init__(self, **options: str) -> None:
        self.program = program("redis-server")
        self.options = {"save": "", "appendonly": "no", **options}
        super().__init__()
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        words = [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.home)]
        for name, value in self.options.items():
            words += [f"--{name}", value]
        return words

    def ask(self, *words: str) -> object:
        import redis

        with redis.Redis(port=self.port, password=self.options.get("requirepass")) as client:
            return client.execute_command(*words)

    def answers(self) -> bool:
        import redis

        try:
            return bool(self.ask("PING"))
        except redis.RedisError:
            return False


class Postgres(Server):
    """A cluster of its own. fsync is off, because it is slow and no machine crashes here."""

    def __init__(self) -> None:
        self.initdb = program("initdb")
        super().__init__()
        if self.user():
            shutil.chown(self.home, self.user(), self.user())
        options = {"user": self.user(), "group": self.user()} if self.user() else {}
        words = [
            self.initdb,
            "-D",
            "data",
            "-A",
            "trust",
            "-U",
            "tests",
            "-E",
            "UTF8",
            "--no-sync",
            "--locale=C",
        ]
        subprocess.run(words, cwd=self.home, check=True, stdout=subprocess.DEVNULL, **options)
        with (self.home / "data" / "postgresql.conf").open("a") as conf:
            conf.write("fsync = off\nshared_buffers = 16MB\nmax_connections = 60\n")
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://tests@127.0.0.1:{self.port}/postgres"

    def user(self) -> str | None:
        return "postgres" if os.geteuid() == 0 else None  # it refuses to run as root

    def command(self) -> list[str]:
        words = [str(Path(self.initdb).parent / "postgres"), "-D", "data", "-p", str(self.port)]
        return [*words, "-k", str(self.home), "-c", "listen_addresses=127.0.0.1"]

    def start(self) -> None:
        for _ in range(50):  # children of one that was killed may hold its memory for a moment
            try:
                super().start()
                return
            except AssertionError:
                if self.process is None or self.process.poll() is None:
                    raise
                time.sleep(0.1)
        super().start()

    def ask(self, text: str, *values: object) -> list[tuple[object, ...]]:
        import psycopg

        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(text.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def answers(self) -> bool:
        import psycopg

        if self.process is not None and self.process.poll() is not None:
            raise AssertionError("postgres ended")
        try:
            return bool(self.ask("SELECT 1"))
        except psycopg.Error:
            return False
