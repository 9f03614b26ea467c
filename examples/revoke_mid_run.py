"""A run is revoked while it works, at a service that only follows the ledger of another process.

Then that process is killed. The service goes on with reads, and no longer merges.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from attenuate import Gate, KeyRing, Refused, Verifier, open_store
from attenuate.keys import Key
from attenuate.ledger import Feed, Follower, HttpSource, Ledger, Selector, serve


def feed(address: str) -> None:
    """The other process: serve the ledger of a store, and say at which port and under which key."""
    key = Key.generate("ed25519")
    server = serve(Feed(open_store(address), key))
    print(server.server_port, key.public_text(), flush=True)
    server.serve_forever()


def main(folder: Path) -> None:
    """The service."""
    ledger = f"sqlite:{folder / 'ledger.db'}"
    other = subprocess.Popen([sys.executable, __file__, ledger], stdout=subprocess.PIPE, text=True)
    port, public = other.stdout.readline().split()
    follower = Follower(HttpSource(f"http://127.0.0.1:{port}/ledger", Key.from_text(public)))
    if not follower.ready():
        raise SystemExit("no word from the ledger")

    ring = KeyRing.generate("k1")
    runs = ("agt_1@1", "agt_2@1")
    leases = {run: ring.mint(run=run, audience="repo", ttl="5m", allow=["repo.*"]) for run in runs}
    store = open_store(f"sqlite:{folder / 'service.db'}")
    fresh = {"repo.read": 60, "repo.merge": 0}
    gate = Gate(Verifier(ring, audience="repo"), store, ledger=follower, fresh=fresh)

    def until_refused(run: str, action: str, most: int) -> str:
        for _ in range(most):
            try:
                gate.check(leases[run].token, action=action, run=run)
            except Refused as refusal:
                print(f"{run}: {refusal}")
                return refusal.code
        return "granted"

    assert until_refused("agt_1@1", "repo.read", 1) == "granted"
    Ledger(open_store(ledger)).revoke(Selector.make("run", "agt_1@1"), note="it went astray")
    assert until_refused("agt_1@1", "repo.read", 1_000_000) == "revoked"
    assert until_refused("agt_2@1", "repo.merge", 1) == "granted"
    other.kill()
    other.communicate()
    assert until_refused("agt_2@1", "repo.read", 1) == "granted"
    assert until_refused("agt_2@1", "repo.merge", 1) == "stale_ledger"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        feed(sys.argv[1]) if sys.argv[1:] else main(Path(temporary))
