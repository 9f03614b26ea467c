"""The same lease-like work as in peers.py, done with attenuate.

Block 0 has audience, run, attempt, two actions, repo and expiry; each later block the child's run
and attempt, the actions, a path and an expiry. From text to decision; `warm` keeps a verifier with
its cache of authentic chains, `cold` has none.
"""

from __future__ import annotations

from dataclasses import dataclass

from attenuate import Forbidden, KeyRing, Lease, Verifier, grant, one_of, under
from attenuate.fields import Terms
from benchmarks.peers import ACTIONS, EXPIRES, Peer

NOW = 1_800_000_000
RUN, CHILD = "agt_1@2", "agt_1@2/reader@2"
FACTS = {"repo": "clord", "path": "src/a.py"}
OWN: Terms = {
    "run": RUN,
    "audience": "github",
    "expires": EXPIRES,
    "allow": [grant(*ACTIONS, repo=one_of("clord"))],
}
LATER: Terms = {"run": CHILD, "expires": EXPIRES, "allow": [grant(*ACTIONS, path=under("src"))]}


@dataclass(frozen=True)
class Chain:
    """A minted chain of n blocks: its ring, its lease, and the run it is for."""

    ring: KeyRing
    lease: Lease
    run: str


def chain(n: int, alg: str = "hmac") -> Chain:
    """Return a lease of n blocks under a fresh key of this algorithm."""
    ring = KeyRing.generate("k1", alg)
    lease = ring.mint(now=NOW, **OWN)
    for _ in range(n - 1):
        lease = lease.narrow(now=NOW, **LATER)
    return Chain(ring, lease, RUN if n == 1 else CHILD)


def attenuate(n: int, alg: str = "hmac", *, warm: bool = False) -> Peer:
    """Return the work on a chain of n blocks, cold or warm."""
    made = chain(n, alg)
    text, root = made.lease.token, chain(1, alg).lease
    verifier = Verifier(made.ring, audience="github", cache=4 * 1024 * 1024 if warm else 0)

    def allow() -> object:
        return verifier.verify(text, action="repo.read", run=made.run, facts=FACTS, now=NOW)

    def deny() -> None:
        try:
            verifier.verify(text, action="repo.delete", run=made.run, facts=FACTS, now=NOW)
        except Forbidden as error:
            assert error.code == "allow"
            return
        raise AssertionError("attenuate did not refuse an action outside")

    allow()
    deny()
    return Peer(
        f"attenuate {alg}{' warm' if warm else ''}",
        text,
        allow=allow,
        deny=deny,
        mint=lambda: made.ring.mint(now=NOW, **OWN).token,
        narrow=lambda: root.narrow(now=NOW, **LATER).token,
    )
