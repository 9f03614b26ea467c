"""The same lease-like work as in peers.py, done with attenuate.

Block 0 has audience, run, attempt, two actions, repo and expiry; each later block the child's run
and attempt, the actions, a path and an expiry. From text to decision; `warm` keeps a verifier with
its cache of authentic chains, `cold` has none. A name says engine and way (engines.py):
`attenuate hmac native prepared warm`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle

from attenuate import KeyRing, Lease, LeaseError, Verified, Verifier, call_binding, grant, one_of, under
from attenuate.fields import Terms
from benchmarks.engines import AUDIENCE, PYTHON, Way
from benchmarks.paired import Work
from benchmarks.peers import ACTIONS, EXPIRES

NOW = 1_800_000_000
RUN, CHILD = "agt_1@2", "agt_1@2/reader@2"
FACTS = {"repo": "clord", "path": "src/a.py"}
MEMORY = 4 * 1024 * 1024
HMAC = 5  # COSE
OWN: Terms = {
    "run": RUN,
    "audience": AUDIENCE,
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

    def verifier(self, way: Way = PYTHON, cache: int = 0) -> Verifier:
        """Return a verifier of the service, which holds what a service would hold."""
        return way.verifier(self.ring if self.lease.alg == HMAC else self.ring.publish(), cache)


def chain(n: int, alg: str = "hmac", ring: KeyRing | None = None) -> Chain:
    """Return a lease of n blocks, under a fresh key of this algorithm unless there is a ring."""
    ring = ring or KeyRing.generate("k1", alg)
    made = Chain(ring, ring.mint(now=NOW, **OWN), RUN)
    for _ in range(n - 1):
        made = made.child()
    return made


def refused(do: Callable[[], object], code: str, *, read: bool = False) -> Work:
    """Return work that is refused with this code, and looks at it. read: its message is worked out too."""

    def refuse() -> None:
        try:
            do()
        except LeaseError as error:
            if error.code == code:
                if read:
                    str(error)
                return
        raise AssertionError(f"not refused for {code}")

    refuse()
    return refuse


def allowed(do: Callable[[], object]) -> Work:
    """Return work that is allowed, in the same surroundings as `refused`."""

    def allow() -> None:
        try:
            found = do()
        except LeaseError:
            found = None
        if found is None:
            raise AssertionError("not allowed")

    allow()
    return allow


def attenuate(n: int, alg: str = "hmac", way: Way = PYTHON, *, warm: bool = False) -> Work:
    """Return the verification of a chain of n blocks, cold or warm."""
    made = chain(n, alg)
    ask = way.asking(made.verifier(way, MEMORY if warm else 0), run=made.run, facts=FACTS, now=NOW)
    allow = partial(ask, made.lease.token)
    allow()
    return allow


def mint(alg: str) -> Work:
    """Return the minting of a lease of one block, to text."""
    ring = KeyRing.generate("k1", alg)
    return lambda: ring.mint(now=NOW, **OWN).token


def narrow(alg: str) -> Work:
    """Return the adding of a block to a lease of one, to text."""
    root = chain(1, alg).lease
    return lambda: root.narrow(now=NOW, **LATER).token


def bound(n: int, alg: str, way: Way = PYTHON, *, warm: bool = False) -> Work:
    """Return the work on a proof bound to one call; the service works out the call's binding.

    warm: the chain is known. The proof is never cached, and is checked each time. A prepared
    request has the binding in it.
    """
    made = chain(n, alg)
    binding = call_binding(AUDIENCE, made.run, "repo.read", FACTS)
    text = made.lease.present(binding, now=NOW).token
    verifier = made.verifier(way, MEMORY if warm else 0)

    def anew() -> Verified:
        binding = call_binding(AUDIENCE, made.run, "repo.read", FACTS)
        return verifier.verify(text, action="repo.read", run=made.run, facts=FACTS, binding=binding, now=NOW)

    ask = way.asking(verifier, run=made.run, facts=FACTS, binding=binding, now=NOW)
    allow = partial(ask, text) if way.prepared else anew
    allow()
    return allow


class Others:
    """Work on another lease of n blocks at each call, all under one key, with nothing cached.

    The control of what is called cold: a memory of values anywhere would make it the slower one.
    """

    def __init__(self, n: int, alg: str, way: Way = PYTHON, size: int = 64) -> None:
        first = chain(n, alg)
        self._ask = way.asking(first.verifier(way), run=first.run, facts=FACTS, now=NOW)
        self._texts = cycle([chain(n, alg, first.ring).lease.token for _ in range(size)])

    def __call__(self) -> object:
        return self._ask(next(self._texts))


class Children:
    """Work on a child of n blocks that the verifier sees for the first time, at each call.

    known: its parent of n - 1 blocks has been verified, so one block is new. `reset` is to be
    called before every `size` calls: it makes a verifier that knows the parent alone.
    """

    def __init__(
        self, n: int, alg: str, way: Way = PYTHON, *, sealed: bool = False, known: bool = True, size: int
    ) -> None:
        self._parent, self._way = chain(n - 1, alg), way
        made = [self._parent.child().lease for _ in range(size)]
        self._texts = [(lease.seal() if sealed else lease).token for lease in made]
        self._known = known
        self.reset()

    def reset(self) -> None:
        """Start again with a verifier that has seen none of the children."""
        verifier = self._parent.verifier(self._way, MEMORY)
        if self._known:
            knows = self._way.asking(verifier, run=self._parent.run, facts=FACTS, now=NOW)
            knows(self._parent.lease.token)
        self._ask = self._way.asking(verifier, run=CHILD, facts=FACTS, now=NOW)
        self._left: Iterator[str] = iter(self._texts)

    def __call__(self) -> object:
        return self._ask(next(self._left))
