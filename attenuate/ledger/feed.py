"""The feed of a ledger: frames for followers, from the store, and an HTTP server for them.

GET /ledger?after=SEQ&wait=SECONDS answers 200 with one frame, as soon as there is an entry after
SEQ, at the latest after `wait` seconds with a heartbeat. It says nothing that is secret, and nothing
without its signature.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from ..errors import Unavailable
from ..keys import Key
from ..store.base import Store
from .frame import read, sign

TICK: Final = 0.005
"""Seconds for which one signature serves all that ask for the same."""
MAX_WAIT: Final = 5.0


class Feed:
    """Frames of a store's ledger. key: an ed25519 secret; followers have its public part.

    clock: seconds since 1970. However many ask for the same, it is read and signed once.
    """

    def __init__(self, store: Store, key: Key, *, clock: Callable[[], float] = time.time) -> None:
        key.public, key.seed()
        self._store = store
        self._key = key
        self._clock = clock
        self._lock = threading.Lock()
        self._made: dict[int, tuple[float, bytes, bool]] = {}

    def frame(self, after: int, wait: float = 0.0) -> bytes:
        """Return the signed frame that follows `after`, as soon as it has an entry or `wait` seconds passed.

        Raises Unavailable where the store does not answer.
        """
        end = time.monotonic() + min(max(wait, 0.0), MAX_WAIT)
        data, news = self._signed(after)
        while not news and (left := end - time.monotonic()) > 0:
            self._store.wait(after, left)
            data, news = self._signed(after, waited=True)
        return data

    def _signed(self, after: int, waited: bool = False) -> tuple[bytes, bool]:
        """Return the signed frame after a number, and whether it has news."""
        with self._lock:
            now = time.monotonic()
            made, data, news = self._made.get(after, (0.0, b"", False))
            if not data or now - made > TICK or (waited and not news):
                frame = read(self._store, after, self._clock)
                data, news = sign(frame, self._key), frame.end != after
                if len(self._made) > 64:
                    self._made.clear()
                self._made[after] = now, data, news
            return data, news


def serve(feed: Feed, *, host: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
    """Return an HTTP server of a feed, bound and not yet running: `serve_forever` runs it.

    It has no TLS: beyond one machine, put it behind something that has.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            where = urlsplit(self.path)
            if where.path != "/ledger":
                return self._answer(404, b"")
            try:
                asked = parse_qs(where.query, strict_parsing=bool(where.query), max_num_fields=4)
                after, wait = int(asked.get("after", ["0"])[0]), float(asked.get("wait", ["0"])[0])
                if after < 0 or not 0 <= wait <= MAX_WAIT:
                    raise ValueError
            except ValueError:
                return self._answer(400, b"")
            try:
                return self._answer(200, feed.frame(after, wait))
            except Unavailable:
                return self._answer(503, b"")

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: followers ask twice a second."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    return Server((host, port), Handler)
