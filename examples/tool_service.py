"""An HTTP tool service that holds a public key only, and takes only proofs bound to the request.

A bound proof that is stolen is good for the same request, at the same service, for a minute. The
service here has a verifier and no store, so within that minute the same request can be sent again;
with a Gate around the verifier a proof passes once (docs/how-to/gate.md).
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from attenuate import KeyRing, Lease, LeaseError, Verifier, flatten, grant, http_binding, under

NOTES = {"notes/today.txt": "ship it", "private/diary.txt": "dear diary"}
STATUS = {"malformed": 401, "untrusted": 401, "forbidden": 403}

issuer = KeyRing.generate("e1", "ed25519")
# The runs are executed elsewhere and this service knows none: it takes the one in the blocks.
verifier = Verifier(issuer.publish(), audience="notes", max_lifetime=900, allow_unstated_run=True)


class Service(BaseHTTPRequestHandler):
    """POST /read with {"path": …} and a lease as bearer token."""

    def do_POST(self) -> None:
        """Answer one request. Nothing is read before the lease was verified."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length", "0")), 4096))
        try:
            answer = self.read_note(body)
        except LeaseError as refusal:
            status = 400 if refusal.code == "facts" else STATUS[refusal.stage]
            self.answer(status, refusal.finding.to_json())
        except (KeyError, ValueError):
            self.answer(404, {"code": "not_found"})
        else:
            self.answer(200, {"text": answer})

    def read_note(self, body: bytes) -> str:
        """Verify what is about to be done, then do that and nothing else."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        args = json.loads(body)
        run = Lease.parse(token).run  # unverified; the binding and the verification both look at it
        binding = http_binding("notes", run, "POST", "http", authority, self.path, body)
        verifier.verify(token, action="note.read", facts=flatten(args), binding=binding)
        return NOTES[args["path"]]

    def answer(self, status: int, data: dict[str, object]) -> None:
        """Send JSON."""
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Write no log: headers hold tokens."""


def ask(lease: Lease, path: str, sent: str | None = None) -> tuple[int, dict[str, object]]:
    """Call the service as an agent does: present the lease for this request, and send it.

    sent: another path to send than the one the proof was made for, as a thief would.
    """
    body = json.dumps({"path": path}).encode()
    bound = lease.present(http_binding("notes", lease.run, "POST", "http", authority, "/read", body))
    body = body if sent is None else json.dumps({"path": sent}).encode()
    headers = {"Authorization": f"Bearer {bound.token}"}
    try:
        with urlopen(Request(f"http://{authority}/read", body, headers), timeout=10) as response:
            return response.status, json.load(response)
    except HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal)


lease = issuer.mint(
    run="agt_1@1",
    audience="notes",
    ttl="5m",
    allow=[grant("note.read", where={"args.path": under("notes")}, only=True)],
    bound=True,
)

server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
server.daemon_threads = True
authority = f"127.0.0.1:{server.server_port}"  # the service's own word, not a header's
threading.Thread(target=server.serve_forever, daemon=True).start()
try:
    for path, sent, expected in (
        ("notes/today.txt", None, 200),
        ("private/diary.txt", None, 403),
        ("notes/../private/diary.txt", None, 403),
        ("notes/today.txt", "private/diary.txt", 403),
    ):
        status, answer = ask(lease, path, sent)
        print(status, path if sent is None else f"{path}, changed to {sent}")
        print("   ", answer.get("text") or f"{answer['code']}: asked {answer['asked']}")
        assert status == expected
finally:
    server.shutdown()
    server.server_close()
