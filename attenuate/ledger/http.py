"""Both ends of a feed over HTTP.

GET /ledger?after=SEQ&wait=SECONDS answers 200 with one frame, as soon as there is an entry after
SEQ, at the latest after `wait` seconds with a heartbeat. It says nothing that is secret, and nothing
without its signature.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .. import limits
from ..errors import Unavailable
from ..keys import Key
from .feed import MAX_WAIT, Feed
from .frame import MAX_FRAME, Frame, opened


class HttpSource:
    """A feed over HTTP. url: of its `/ledger`. key: the feed's, ed25519. timeout: seconds beyond `wait`."""

    def __init__(self, url: str, key: Key, *, timeout: float = 2.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError("no address of a feed; give http://HOST:PORT/ledger or https://…")
        key.public  # noqa: B018 (an hmac key cannot be a feed's)
        self._https = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._path = parts.path or "/ledger"
        self._key = key
        self._timeout = timeout
        self._idle: list[http.client.HTTPConnection] = []
        self._open = True

    def fetch(self, after: int, wait: float) -> Frame:
        """Ask for the next frame, and look at its signature."""
        ask = f"{self._path}?after={after}&wait={wait}"
        try:
            connection = self._idle.pop()
        except IndexError:
            data = self._asked(self._connection(), ask, wait)
        else:
            try:
                data = self._asked(connection, ask, wait)
            except (BrokenPipeError, ConnectionResetError):  # it was closed while it idled
                data = self._asked(self._connection(), ask, wait)
        return opened(data, self._key)

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
        return kind(self._host, self._port)

    def _asked(self, connection: http.client.HTTPConnection, ask: str, wait: float) -> bytes:
        """Return what the feed answers; keep the connection if the answer was whole."""
        connection.timeout = wait + self._timeout
        if connection.sock is not None:
            connection.sock.settimeout(wait + self._timeout)
        ended = threading.Timer(wait + self._timeout, _cut, (connection,))  # of all of it, in drops too
        ended.daemon = True
        ended.start()
        try:
            connection.request("GET", ask)
            answer = connection.getresponse()
            data = answer.read(MAX_FRAME + 1)
            if answer.status != 200 or len(data) > MAX_FRAME:
                raise ConnectionError(f"the feed answered {answer.status} with {len(data)} bytes")
        except BaseException:
            connection.close()
            raise
        finally:
            ended.cancel()
        self._idle.append(connection)
        if not self._open:
            self.close()
        return data

    def close(self) -> None:
        """Close the connections."""
        self._open = False
        while self._idle:
            self._idle.pop().close()


def _cut(connection: http.client.HTTPConnection) -> None:
    sock = connection.sock
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def serve(feed: Feed, *, host: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
    """Return an HTTP server of a feed, bound and not yet running: `serve_forever` runs it.

    It has no TLS: beyond one machine, put it behind something that has.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30
        disable_nagle_algorithm = True
        wbufsize = -1  # one packet for an answer

        def do_GET(self) -> None:
            where = urlsplit(self.path)
            if where.path != "/ledger":
                return self._answer(404, b"")
            try:
                asked = parse_qs(where.query, strict_parsing=bool(where.query), max_num_fields=4)
                after, wait = int(asked.get("after", ["0"])[0]), float(asked.get("wait", ["0"])[0])
                if not 0 <= after <= limits.SAFE_MAX or not 0 <= wait <= MAX_WAIT:
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

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say nothing of a follower that left; what else fails is told."""
            if not isinstance(sys.exc_info()[1], OSError):
                super().handle_error(request, client_address)

    return Server((host, port), Handler)
