"""A store in Redis: for several machines that share counters, where its durability is accepted.

Each verb is one Lua script, which Redis runs alone (`lua/`). Nothing here expires by Redis' own clock:
what ended is forgotten by a script, which says so in the same step, so a clock that jumps lets no
proof through twice and refills no budget.
"""

from __future__ import annotations

import hashlib
import os
import select
import struct
import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any, Final, TypeVar

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError as missing:
    raise ImportError("a store in Redis needs the package redis: pip install redis") from missing

from .. import limits
from ..charges import Charge
from ..errors import Unavailable
from .base import ANOTHER, ANSWERS, ROOM, VERSIONS
from .model import Counter, Entry, Hold, Outcome, Reserve, State, Swept, Verdict, held_by, kept, settle
from .pool import Pool
from .served import ServedStore

T = TypeVar("T")
VERSION: Final = b"1"
AHEAD: Final = 0
"""Seconds that a caller's clock may be ahead of the server's in a sweep; tests sweep in the future."""
POLL: Final = 0.05
"""Seconds between two looks at the ledger where Redis cannot be listened to."""
KINDS: Final = {"budget": "b", "final": "f", "replay": "r"}
_ENTRY: Final = struct.Struct(">QQI")
"""Of an entry of the ledger: at, until, length of the note; then the note and the body."""
_GONE: Final = {
    -1: "its data are gone: the server was flushed or replaced, or came back without them; open it again "
    "only where counters may start at zero",
    -2: "its data are those of another store; open it again only where these counters may count",
    -3: "its data are older than before: the server came back without its last operations; open it again "
    "only where what they charged may be lost",
}


class RedisStore(ServedStore):
    """Counters in Redis, exact under threads, processes and machines as long as Redis keeps its data.

    url: redis://, rediss:// (TLS) or unix://. prefix: of all its keys, which share one hash tag, so that
    one node of a cluster has them all; the address is this node's. allow_eviction: take a server that
    may evict keys, or that does not tell; a key that was evicted is a counter that starts at zero.
    durable is True only with appendonly yes and appendfsync always. Otherwise a crash can lose
    the last operations; who saw them raises Unavailable until reopened, others cannot tell. The same
    holds after a failover to a replica that lagged behind.

    Raises ValueError for no address, Unavailable where the server cannot be used as it is.
    """

    name = "redis"

    def __init__(
        self,
        url: str,
        *,
        timeout: float = limits.STORE_TIMEOUT,
        prefix: str = "attenuate",
        allow_eviction: bool = False,
    ) -> None:
        super().__init__(timeout=timeout)
        if not prefix or not prefix.isprintable() or set(prefix) & set("{}*?[] "):
            raise ValueError(f"prefix {prefix!r:.40}; give letters and digits")
        self._prefix = f"{{{prefix}}}:".encode()
        connect = _connector(url, self.timeout)
        del url  # of this frame, which collectors show
        if connect is None:
            raise ValueError("no address of a Redis; give redis://HOST:PORT/NUMBER")
        self._pool = Pool(connect, _disconnect, _sound)
        self._listeners = Pool(self._listening(connect), _disconnect, _connected)
        self._lost = ""
        self._op = 0
        self._ahead = AHEAD
        try:
            self._identity, self._op, self.durable = self._timed(self._begin, allow_eviction)
        except BaseException:
            self.close()
            raise

    # --- counters -----------------------------------------------------------------------------------
    def _apply(
        self, charges: Sequence[Charge], now: int, reserve: Reserve | None, ledger: int | None
    ) -> Outcome:
        numbers: list[Any] = [now, "" if ledger is None else ledger, "", "", ""]
        if reserve:
            numbers[2:] = reserve.id, reserve.expires, held_by(reserve, charges).until
        for charge in charges:
            kind = KINDS.get(charge.kind) or ("A" if charge.raises else "a")
            numbers += kind, charge.key, charge.amount, charge.ceiling, charge.until, kept(charge)
        verdict, number, *found = self._run("apply", *numbers)
        return Outcome(Verdict(verdict), number, tuple(found))

    def _settle(self, hold_id: bytes, state: State, amounts: dict[bytes, int], now: int) -> Hold | None:
        while True:
            hold = self._hold(hold_id)
            settled = None if hold is None else settle(hold, state, amounts, now)
            if hold is None or settled is None:
                return hold and hold._replace(state=hold.at(now))
            if hold.state is not State.HELD:
                return settled
            charged = [charged for _, _, charged in settled.items]
            if self._run("settle", hold_id, int(state), *charged)[0]:
                return settled
            # another settled it meanwhile, and that is final

    def _hold(self, hold_id: bytes) -> Hold | None:
        found = self._run("hold", hold_id)
        return _hold(found[0]) if found else None

    def _holds(self, limit: int) -> list[Hold]:
        return [_hold(flat) for flat in self._run("hold", "", limit)]

    def _read(self, keys: list[bytes]) -> list[Counter | None]:
        rows = self._run("read", *keys)
        return [Counter(key, *row) if row else None for key, row in zip(keys, rows, strict=True)]

    def _top_up(self, counter: Counter) -> Counter:
        out = self._run("top_up", counter.key, counter.extra, counter.ceiling, counter.until)
        if not out:
            raise ValueError("topped up beyond 2^53-1")
        return Counter(counter.key, *out[0])

    def _sweep(self, now: int, limit: int) -> Swept:
        return Swept(*self._run("sweep", now, limit, self._ahead))

    # --- the ledger ---------------------------------------------------------------------------------
    def _append(self, bodies: list[bytes], at: int, until: list[int], note: str) -> int:
        words = note.encode()
        out: list[Any] = []
        for body, end in zip(bodies, until, strict=True):
            out += end, _ENTRY.pack(at, end, len(words)) + words + body
        return int(self._run("append", *out)[0])

    def _entries(self, after: int, limit: int) -> tuple[int, list[Entry]]:
        head, members = self._run("entries", after, limit)
        return head, [_entry(member) for member in members]

    def wait(self, after: int, timeout: float) -> None:
        """Listen for the next entry; where that fails, return after a moment."""
        end = time.monotonic() + timeout
        try:
            with self._listeners.lent(min(end, time.monotonic() + self.timeout)) as connection:
                if self._run("entries", after, 1)[0] > after:
                    return
                while self._open and (left := end - time.monotonic()) > 0:
                    if not connection.can_read(timeout=min(left, 0.5)):
                        continue
                    message = connection.read_response()
                    if message[0] == b"message" and int(message[2]) > after:
                        return
        except Exception:
            time.sleep(max(0.0, min(POLL, end - time.monotonic())))

    # --- leases that were seen ----------------------------------------------------------------------
    def _note(self, lease: bytes, selectors: list[bytes], issued_at: int, until: int) -> None:
        if selectors:
            self._run("note", lease, issued_at, until, *selectors)

    def _count(self, selector: bytes, before: int, now: int) -> int:
        return int(self._run("count", selector, before, now)[0])

    # --- the server ---------------------------------------------------------------------------------
    def _run(self, script: str, *arguments: Any) -> list[Any]:
        """Run a script once and return its answer, without the number of the operation in front."""
        if self._lost:
            raise self.unavailable(self._lost, would_pass=ANOTHER)
        out = self._command(script, self._identity, self._op, *arguments)
        op = out.pop(0)
        if op < 0:
            self._lost = _GONE[op]
            raise self.unavailable(self._lost, would_pass=ANOTHER)
        # a smaller one, from a thread that was overtaken, may win here: then less is noticed, nothing is wrong
        self._op = max(self._op, op)
        return out

    def _command(self, script: str, *arguments: Any) -> list[Any]:
        self._check_open()
        end = time.monotonic() + self.timeout
        text, digest = _script(script)
        rest = (1, self._prefix + b"meta", self._prefix, *arguments)
        with self._pool.lent(end, (redis.ResponseError,)) as connection:
            _limit(connection, end)
            try:
                return _ran(connection, "EVALSHA", digest, *rest)
            except redis.exceptions.NoScriptError:  # so it has not run
                _limit(connection, end)
                return _ran(connection, "EVAL", text, *rest)

    def _begin(self, allow_eviction: bool) -> tuple[bytes, int, bool]:
        """Look at the server, and make the store where there is none."""
        with self._pool.lent(time.monotonic() + self.timeout, (redis.ResponseError,)) as connection:
            policy, durable = _asked(connection)
        if not allow_eviction and policy is None:
            raise self.unavailable(
                "the server does not tell its maxmemory-policy (CONFIG and INFO are not allowed); see that it is "
                "noeviction, then open the store with allow_eviction=True",
                would_pass="RedisStore(url, allow_eviction=True), where the policy is noeviction",
            )
        if not allow_eviction and policy != "noeviction":
            raise self.unavailable(
                f"the server evicts keys (maxmemory-policy {policy}), and a counter that was evicted starts at "
                "zero; set maxmemory-policy noeviction, or accept it with allow_eviction=True",
                would_pass="maxmemory-policy noeviction, or RedisStore(url, allow_eviction=True)",
            )
        out = self._command("open", os.urandom(16))
        if not out:
            raise self.unavailable(
                "its meta key is gone and other keys of it are there; restore or remove them",
                would_pass=ANOTHER,
            )
        identity, version, op = out
        if version != VERSION or identity is None:
            raise self.unavailable("its keys are those of another version", would_pass=VERSIONS)
        return identity, int(op), durable

    def _listening(self, connect: Callable[[], Any]) -> Callable[[], Any]:
        def listen() -> Any:
            connection = connect()
            _sent(connection, "SUBSCRIBE", self._prefix + b"news")
            return connection

        return listen

    def _failure(self, error: Exception) -> Unavailable | None:
        words = self._words(error)
        if words is None:
            return None
        return self.unavailable(words, would_pass=ROOM if words == _ANSWERS["OOM"] else ANSWERS)

    def _words(self, error: Exception) -> str | None:
        if isinstance(error, TimeoutError | redis.TimeoutError):
            return f"no answer within {self.timeout:g} s"
        if isinstance(error, redis.AuthenticationError):
            return "the server refused the name or password"
        if isinstance(error, redis.exceptions.BusyLoadingError):
            return "the server is loading its data"
        if isinstance(error, redis.ResponseError):
            code = _CODES.get(type(error).__name__) or str(error).partition(" ")[0]
            return _ANSWERS.get(code, "the server answered with an error")
        if isinstance(error, redis.ConnectionError | OSError):
            return "no connection to the server"
        return "an error of the client" if isinstance(error, redis.RedisError) else None


_CODES: Final = {
    "OutOfMemoryError": "OOM",
    "ReadOnlyError": "READONLY",
    "NoPermissionError": "NOPERM",
    "MovedError": "MOVED",
}
_ANSWERS: Final = {
    "OOM": "the server has no memory left (maxmemory)",
    "READONLY": "the server is a replica, which takes no writes",
    "MISCONF": "the server takes no writes, because it cannot save them",
    "MOVED": "another node of the cluster has the keys; give its address",
    "NOREPLICAS": "the server takes no writes, because too few replicas follow it",
    "NOPERM": "the server does not allow this user what a store needs: EVAL, EVALSHA and its own keys",
}


def _connector(url: str, timeout: float) -> Callable[[], Any] | None:
    """Return what opens a connection, with the address inside it; None where it is none."""
    try:
        pool = redis.ConnectionPool.from_url(url, protocol=2)
    except Exception:
        return None  # the error would repeat the address
    options = {name: v for name, v in pool.connection_kwargs.items() if not name.startswith("maint")}
    options.update(
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        retry_on_timeout=False,
        health_check_interval=0,
        decode_responses=False,
        protocol=2,
    )

    def connect() -> Any:
        connection = pool.connection_class(**options)
        connection.connect()
        return connection

    return connect


def _disconnect(connection: Any) -> None:
    connection.disconnect()


def _connected(connection: Any) -> bool:
    return connection._sock is not None


def _sound(connection: Any) -> bool:
    """Say whether an idle connection is open and silent: the end of it would be there to read."""
    if connection._sock is None:
        return False
    poll = select.poll()
    poll.register(connection._sock, select.POLLIN)
    return not poll.poll(0)


def _limit(connection: Any, end: float) -> None:
    connection._sock.settimeout(max(0.001, end - time.monotonic()))


def _sent(connection: Any, *command: Any) -> Any:
    connection.send_command(*command)
    return connection.read_response()


def _ran(connection: Any, *command: Any) -> list[Any]:
    out: list[Any] = _sent(connection, *command)
    return out


def _asked(connection: Any) -> tuple[str | None, bool]:
    """Return the server's policy of eviction, None where it does not tell, and whether it is durable."""
    told: dict[str, str] = {}
    for name in ("maxmemory-policy", "appendonly", "appendfsync"):
        try:
            found = _sent(connection, "CONFIG", "GET", name)
        except redis.ResponseError:
            break
        told |= {name: found[1].decode()} if found else {}
    if "maxmemory-policy" not in told:
        try:
            lines = _sent(connection, "INFO", "memory").decode().splitlines()
        except redis.ResponseError:
            lines = []
        for line in lines:
            if line.startswith("maxmemory_policy:"):
                told["maxmemory-policy"] = line[17:]
    durable = told.get("appendonly") == "yes" and told.get("appendfsync") == "always"
    return told.get("maxmemory-policy"), durable


_SCRIPTS: Final[dict[str, tuple[bytes, str]]] = {}


def _script(name: str) -> tuple[bytes, str]:
    """Return the text of a script and its digest, by which Redis knows it."""
    found = _SCRIPTS.get(name)
    if found is None:
        folder = files(__package__) / "lua"
        text = (folder / f"{name}.lua").read_bytes()
        if name != "open":
            text = (folder / "common.lua").read_bytes() + text
        found = _SCRIPTS[name] = text, hashlib.sha1(text, usedforsecurity=False).hexdigest()
    return found


def _hold(flat: list[Any]) -> Hold:
    hold_id, state, expires, until, *items = flat
    triples = zip(items[0::3], items[1::3], items[2::3], strict=True)
    return Hold(hold_id, State(state), expires, until, tuple(triples))


def _entry(member: bytes) -> Entry:
    at, until, size = _ENTRY.unpack_from(member, 16)
    start = 16 + _ENTRY.size
    return Entry(int(member[:16]), at, until, member[start + size :], member[start : start + size].decode())
