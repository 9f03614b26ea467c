"""The same lease-like work as in peers.py, done with attenuate.

Block 0 has audience, run, attempt, two actions, repo and expiry; each later block the child's run
and attempt, the actions, a path and an expiry. From text to decision; `warm` keeps a verifier with
its cache of authentic chains, `cold` has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle

from attenuate import KeyRing, Lease, LeaseError, Verified, Verifier, call_binding, grant, one_of, under
from attenuate.fields import Terms
from benchmarks.peers import ACTIONS, EXPIRES, Peer

NOW = 1_800_000_000
RUN, CHILD = "agt_1@2", "agt_1@2/reader@2"
FACTS = {"repo": "clord", "path": "src/a.py"}
MEMORY = 4 * 1024 * 1024
HMAC = 5  # COSE
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

    def child(self) -> Chain:
        """Return the chain with one more block."""
        return Chain(self.ring, self.lease.narrow(now=NOW, **LATER), CHILD)

    def verifier(self, cache: int = 0) -> Verifier:
        """Return a verifier of the service, which holds what a service would hold."""
        ring = self.ring if self.lease.alg == HMAC else self.ring.publish()
        return Verifier(ring, audience="github", cache=cache)


def chain(n: int, alg: str = "hmac", ring: KeyRing | None = None) -> Chain:
    """Return a lease of n blocks, under a fresh key of this algorithm unless there is a ring."""
    ring = ring or KeyRing.generate("k1", alg)
    made = Chain(ring, ring.mint(now=NOW, **OWN), RUN)
    for _ in range(n - 1):
        made = made.child()
    return made


def ask(verifier: Verifier, text: str, run: str, action: str = "repo.read") -> Verified:
    """Verify from text: the request is made here, as a service would."""
    return verifier.verify(text, action=action, run=run, facts=FACTS, now=NOW)


def refused(do: Callable[[], object], code: str, *, read: bool = False) -> Callable[[], None]:
    """Return work that is refused with this code or stage. read: its message is worked out too."""

    def refuse() -> None:
        try:
            do()
        except LeaseError as error:
            if code in (error.code, error.stage) and (not read or str(error)):
                return
        raise AssertionError(f"not refused for {code}")

    refuse()
    return refuse


def attenuate(n: int, alg: str = "hmac", *, warm: bool = False) -> Peer:
    """Return the work on a chain of n blocks, cold or warm."""
    made = chain(n, alg)
    text, root = made.lease.token, chain(1, alg).lease
    verifier = made.verifier(MEMORY if warm else 0)

    def allow() -> object:
        return ask(verifier, text, made.run)

    allow()
    return Peer(
        f"attenuate {alg}{' warm' if warm else ''}",
        text,
        allow=allow,
        deny=refused(lambda: ask(verifier, text, made.run, "repo.delete"), "allow"),
        mint=lambda: made.ring.mint(now=NOW, **OWN).token,
        narrow=lambda: root.narrow(now=NOW, **LATER).token,
    )


def bound(n: int, alg: str, *, warm: bool = False) -> Callable[[], object]:
    """Return the work on a proof bound to one call; the service works out the call's binding.

    warm: the chain is known. The proof is never cached, and is checked each time.
    """
    made = chain(n, alg)
    text = made.lease.present(call_binding("github", made.run, "repo.read", FACTS), now=NOW).token
    verifier = made.verifier(MEMORY if warm else 0)

    def allow() -> object:
        binding = call_binding("github", made.run, "repo.read", FACTS)
        return verifier.verify(text, action="repo.read", run=made.run, facts=FACTS, binding=binding, now=NOW)

    allow()
    return allow


class Others:
    """Work on another lease of n blocks at each call, all under one key, with nothing cached.

    The control of what is called cold: a memory of values anywhere would make it the slower one.
    """

    def __init__(self, n: int, alg: str, size: int = 64) -> None:
        first = chain(n, alg)
        self._run, self._verifier = first.run, first.verifier()
        self._texts = cycle([chain(n, alg, first.ring).lease.token for _ in range(size)])

    def __call__(self) -> object:
        return ask(self._verifier, next(self._texts), self._run)


class Children:
    """Work on a child of n blocks that the verifier sees for the first time, at each call.

    known: its parent of n - 1 blocks has been verified, so one block is new. `reset` is to be
    called before every `size` calls: it makes a verifier that knows the parent alone.
    """

    def __init__(self, n: int, alg: str, *, sealed: bool = False, known: bool = True, size: int) -> None:
        self._parent = chain(n - 1, alg)
        made = [self._parent.child().lease for _ in range(size)]
        self._texts = [(lease.seal() if sealed else lease).token for lease in made]
        self._known = known
        self.reset()

    def reset(self) -> None:
        """Start again with a verifier that has seen none of the children."""
        self._verifier = self._parent.verifier(MEMORY)
        if self._known:
            ask(self._verifier, self._parent.lease.token, self._parent.run)
        self._left: Iterator[str] = iter(self._texts)

    def __call__(self) -> object:
        return ask(self._verifier, next(self._left), CHILD)
