"""The tool service: one git repository over HTTP, every call checked against a lease.

    POST /call   Authorization: Bearer lease1_…   Attenuate-Session: …
    {"action": "repo.read", "args": {"repo": "clord", "branch": "main", "path": "src/greeting.py"}}

It holds the key of its own audience and nothing else; a gate charges each call in a store that the
operator shares. Facts come from the call after parsing, what it costs from a list of prices, and
what is forwarded is what was checked. The run is what the orchestrator said of the session, never
what a caller says of itself. As a process it reads JSON lines on stdin: where its keys, its
repository and its store are, then sessions; it ends when stdin does.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..call import call_binding, call_digest
from ..errors import Finding, LeaseError, Malformed, Untrusted
from ..gate import Gate
from ..gate.grant import Grant
from ..jcs import load_json
from ..ring import KeyRing
from ..store import Store, open_store
from ..verifier import Verifier
from .repository import Repository, RepositoryError, canonical

AUDIENCE: Final = "repo"
REPOSITORY: Final = "clord"
STATUS: Final = {"malformed": 401, "untrusted": 401, "forbidden": 403, "refused": 409, "unavailable": 503}
"""HTTP status of each stage: 401 asks for another token, 403 for another lease."""
MAX_BODY: Final = 64 * 1024

TOOLS: Final[dict[str, tuple[str, ...]]] = {
    "repo.read": ("repo", "branch", "path"),
    "repo.commit": ("repo", "branch", "path", "content", "message"),
    "repo.branch.create": ("repo", "branch", "from"),
    "repo.branch.delete": ("repo", "branch"),
}
"""Actions and their arguments: all text, all needed, no others. What is not here does not run."""
PRICES: Final = {"repo.read": 1, "repo.commit": 5, "repo.branch.create": 2, "repo.branch.delete": 2}
"""What a call costs, in cents: the service's word, which nobody who calls can change."""
FACTS: Final[tuple[str, ...]] = ("repo", "branch", "path", "from")


class Call(NamedTuple):
    """A call after parsing. received: the arguments as they came, which a proof is bound to.

    args: those that are checked and forwarded, with paths in canonical form. facts: what they
    state, for the lease to be held against.
    """

    action: str
    received: dict[str, str]
    args: dict[str, str]
    facts: dict[str, str]


def read_call(body: bytes) -> Call:
    """Return the call of a body; raises ValueError, or Malformed for JSON without one spelling."""
    data = load_json(body)
    if not isinstance(data, dict) or set(data) != {"action", "args"}:
        raise ValueError('a call is {"action": …, "args": {…}}')
    action, received = data["action"], data["args"]
    if not isinstance(action, str) or action not in TOOLS:
        raise ValueError(f"no such tool; there are {', '.join(TOOLS)}")
    if not isinstance(received, dict) or set(received) != set(TOOLS[action]):
        raise ValueError(f"{action} takes {', '.join(TOOLS[action])}")
    if not all(isinstance(value, str) for value in received.values()):
        raise ValueError("every argument is text")
    args = {name: canonical(value) if name == "path" else value for name, value in received.items()}
    facts = {name: args[name] for name in FACTS if name in args}
    return Call(action, received, args, {**facts, "call": call_digest(received).hex()})


class Service:
    """The service without its wire: it checks calls and carries them out."""

    def __init__(self, keys: KeyRing, repository: Repository, store: Store) -> None:
        self.verifier = Verifier(keys, audience=AUDIENCE)
        self.gate = Gate(self.verifier, store)
        self.repository = repository
        self._sessions: dict[bytes, str] = {}

    def admit(self, session: str, run: str) -> None:
        """Note which run the process with this session executes: the orchestrator's word."""
        self._sessions[sha256(session.encode("utf-8")).digest()] = run

    def check(self, authorization: str, session: str, call: Call) -> Grant:
        """Return the proof that a call is allowed and was charged; raises LeaseError."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Malformed("text", "no token", allowed="Authorization: Bearer lease1_…")
        run = self._sessions.get(sha256(session.encode("utf-8", "replace")).digest())
        if run is None:
            raise Untrusted("session", "a process that nobody announced", allowed="those of the orchestrator")
        return self.gate.check(
            token,
            action=call.action,
            run=run,
            facts=call.facts,
            cost={"cents": PRICES[call.action]},
            binding=call_binding(AUDIENCE, run, call.action, call.received),
        )

    def answer(self, authorization: str, session: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Return the HTTP status and the JSON answer of a call."""
        try:
            call = read_call(body)
        except (LeaseError, ValueError, RecursionError) as error:
            return 400, _problem(400, str(error))
        try:
            grant = self.check(authorization, session, call)
            return 200, {"result": self.perform(grant, call)}
        except LeaseError as error:
            status = STATUS[error.stage]
            return status, _problem(status, str(error), error.finding)
        except RepositoryError as error:
            return 422, _problem(422, str(error))

    def perform(self, grant: Grant, call: Call) -> str:
        """Carry out a call that was checked, with the arguments that were checked."""
        if call.args["repo"] != REPOSITORY:
            raise RepositoryError("no such repository")
        return _WORK[call.action](self.repository, call.args)


_WORK: Final[dict[str, Callable[[Repository, dict[str, str]], str]]] = {
    "repo.read": lambda git, a: git.read(a["branch"], a["path"]),
    "repo.commit": lambda git, a: git.commit(a["branch"], a["path"], a["content"], a["message"]),
    "repo.branch.create": lambda git, a: git.create_branch(a["branch"], a["from"]),
    "repo.branch.delete": lambda git, a: git.delete_branch(a["branch"]),
}


def _problem(status: int, detail: str, finding: Finding | None = None) -> dict[str, Any]:
    """Return problem details (RFC 9457) with the finding, which never holds a token."""
    out: dict[str, Any] = {"status": status, "detail": detail}
    return out if finding is None else {**out, "finding": finding.to_json()}


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_POST(self) -> None:
        size = self.headers.get("Content-Length", "")
        if self.path != "/call" or not size.isdecimal() or len(size) > 9 or int(size) > MAX_BODY:
            self.close_connection = True  # what follows was not read
            status, data = 400, _problem(400, f"POST /call with at most {MAX_BODY} bytes")
        else:
            body = self.rfile.read(int(size))
            authorization = self.headers.get("Authorization", "")
            status, data = self.server.service.answer(
                authorization, self.headers.get("Attenuate-Session", ""), body
            )
        raw = json.dumps(data).encode("ascii")
        self.send_response(status)
        self.send_header("Content-Type", f"application/{'json' if status == 200 else 'problem+json'}")
        self.send_header("Content-Length", str(len(raw)))
        if status == 401:
            self.send_header("WWW-Authenticate", 'Bearer error="invalid_token"')
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a request line or a header could hold what nobody should keep."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    service: Service


def serve(service: Service) -> tuple[ThreadingHTTPServer, int]:
    """Serve on 127.0.0.1 in a thread; return the server, to shut it down, and its port."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.service = service
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server, int(server.server_address[1])


def main() -> int:
    """Run as a process: {"keys", "repository", "store"}, then {"session", "run"}, one JSON line each."""
    told = json.loads(sys.stdin.readline())
    with open_store(told["store"]) as store:
        service = Service(KeyRing.load(told["keys"]), Repository(Path(told["repository"])), store)
        server, port = serve(service)
        print(json.dumps({"port": port}), flush=True)
        for line in sys.stdin:
            said = json.loads(line)
            service.admit(said["session"], said["run"])
            print(json.dumps({"admitted": said["run"]}), flush=True)
        server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
