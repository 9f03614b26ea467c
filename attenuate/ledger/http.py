"""Both ends of a feed over HTTP.

GET /ledger?after=SEQ&wait=SECONDS answers 200 with one frame, as soon as there is an entry after
SEQ, at the latest after `wait` seconds with a heartbeat. It says nothing that is secret, and nothing
without its signature.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from .. import limits
from ..errors import Unavailable
from ..keys import Key
from .feed import MAX_WAIT, Feed
from .frame import MAX_FRAME, Frame, opened

MAX_CONNECTIONS: Final = 256
"""That a server has at once; one more is closed."""


class HttpSource:
    """A feed over HTTP. url: of its `/ledger`. key: the feed's, ed25519. timeout: seconds beyond `wait`.

    They are for all of it, however it comes; only looking up a name can take the resolver's own time.
    """

    def __init__(self, url: str, key: Key, *, timeout: float = 2.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError("no address of a feed; give http://HOST:PORT/ledger or https://…")
        key.public  # noqa: B018 (an hmac key cannot be a feed's)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host, self._port = parts.hostname, parts.port or (80 if self._tls is None else 443)
        self._path = parts.path or "/ledger"
        self._key = key
        self._timeout = timeout
        self._idle: list[http.client.HTTPConnection] = []
        self._open = True
        self._process = os.getpid()

    def fetch(self, after: int, wait: float) -> Frame:
        """Ask for the next frame, and look at its signature."""
        end = time.monotonic() + wait + self._timeout
        ask = f"{self._path}?after={after}&wait={wait}"
        if self._process != os.getpid():  # the parent of a fork reads from these
            self._process, self._idle = os.getpid(), []
        try:
            connection = self._idle.pop()
        except IndexError:
            data = self._asked(self._connection(), ask, end)
        else:
            try:
                data = self._asked(connection, ask, end)
            except (BrokenPipeError, ConnectionResetError):  # it was closed while it idled
                data = self._asked(self._connection(), ask, end)
        return opened(data, self._key)

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPConnection if self._tls is None else http.client.HTTPSConnection
        return kind(self._host, self._port)

    def _asked(self, connection: http.client.HTTPConnection, ask: str, end: float) -> bytes:
        """Return what the feed answers; keep the connection if the answer was whole."""
        if connection.sock is None:
            connection.sock = self._dialled(end)
        sock = connection.sock
        ended = threading.Timer(max(0.0, end - time.monotonic()), _cut, (sock,))  # of all of it, in drops too
        ended.daemon = True
        ended.start()
        try:
            sock.settimeout(_left(end))
            if isinstance(sock, ssl.SSLSocket):
                sock.do_handshake()  # once
            connection.request("GET", ask)
            with connection.getresponse() as answer:
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

    def _dialled(self, end: float) -> socket.socket:
        """Return a socket that is connected, by the first address that answers; no TLS was spoken yet."""
        failed: OSError = TimeoutError("no address answered")
        for family, kind, number, _, where in socket.getaddrinfo(
            self._host, self._port, type=socket.SOCK_STREAM
        ):
            sock = socket.socket(family, kind, number)
            try:
                sock.settimeout(_left(end))
                sock.connect(where)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._tls is None:
                    return sock
                return self._tls.wrap_socket(sock, server_hostname=self._host, do_handshake_on_connect=False)
            except OSError as error:
                sock.close()
                failed = error
        raise failed

    def close(self) -> None:
        """Close the connections."""
        self._open = False
        while self._idle:
            self._idle.pop().close()


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left


def _cut(sock: socket.socket) -> None:
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
            if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
                self.close_connection = True  # what follows is no request of this one's
                return self._answer(400, b"")
            try:
                where = urlsplit(self.path)
                if where.path != "/ledger":
                    return self._answer(404, b"")
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
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: followers ask twice a second."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        free = threading.BoundedSemaphore(MAX_CONNECTIONS)

        def process_request(self, request: Any, client_address: Any) -> None:
            if not self.free.acquire(blocking=False):
                return self.shutdown_request(request)
            try:
                super().process_request(request, client_address)
            except BaseException:  # no thread was to be had
                self.free.release()
                raise

        def process_request_thread(self, request: Any, client_address: Any) -> None:
            try:
                super().process_request_thread(request, client_address)
            finally:
                self.free.release()

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say nothing of a follower that left; what else fails is told."""
            if not isinstance(sys.exc_info()[1], OSError):
                super().handle_error(request, client_address)

    return Server((host, port), Handler)
