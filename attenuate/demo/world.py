"""What the scenes happen in: keys, leases, sessions and processes; and playing a scene in it.

`play` sends a scene's orders to an agent's process and holds the last answer against what was
announced: status, stage, code, and for a success what the answer must show.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Protocol

from .. import grant, one_of, starts, under
from ..errors import Finding
from ..lease import Lease
from ..ledger import Ledger, Selector
from ..ring import KeyRing
from ..store import Store
from .agent import OWN
from .process import Process
from .repository import Repository
from .scenes import BRANCH, Answer, Scene
from .service import AUDIENCE, REPOSITORY
from .spending import CENTS, LEAD, NEW, OLD, READER, WRITER

FILES: Final = {
    "README.md": "# clord\n",
    "src/greeting.py": 'GREETING = "hello"\n',
    "src/limits.py": "MOST = 9\n",
    "ops/deploy.env": "REGION=here\n",
}
RUN: Final = "agt_1@2"
EDITOR: Final = "agt_1@2/editor@1"
RESTARTED: Final = "agt_1@2/editor@2"
STRANGER: Final = "agt_9@1"


@dataclass(frozen=True)
class Result:
    """A scene that was played: what came, and whether it is what was announced.

    took: seconds from a revocation to the answer, None where nothing was revoked.
    """

    scene: Scene
    got: Answer
    ok: bool
    finding: Finding | None = None
    result: str = ""
    took: float | None = None

    def to_json(self) -> dict[str, object]:
        """Return the result as JSON data."""
        out: dict[str, object] = {"name": self.scene.name, "title": self.scene.title}
        out |= {"expected": asdict(self.scene.expected), "got": asdict(self.got), "ok": self.ok}
        if self.took is not None:
            out["seconds_since_revoked"] = round(self.took, 4)
        return out if self.finding is None else {**out, "finding": self.finding.to_json()}


class Door(Protocol):
    """The tool service as the orchestrator sees it."""

    port: int

    def admit(self, session: str, run: str) -> None:
        """Say which run the process with this session executes."""


@dataclass
class World:
    """What the scenes happen in. handed: the child's lease. before: the branches at the start.

    store: the service's, in which the operator looks and revokes. shared: the lease whose budget
    the lead and its children spend.
    """

    repository: Repository
    handed: Lease
    store: Store
    shared: Lease
    agents: dict[str, Process] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)


def open_world(ring: KeyRing, door: Door, repository: Repository, store: Store, stack: ExitStack) -> World:
    """Return the world with its leases minted and handed out; `stack` ends the processes.

    ring: the orchestrator's, with the root key. store: the one that the service charges.
    """
    now = int(time.time())
    lease = ring.for_audience(AUDIENCE).mint(
        run=RUN,
        audience=AUDIENCE,
        ttl="15m",
        allow=[grant("repo.read", "repo.commit", "repo.branch.*", repo=one_of(REPOSITORY))],
        notes={"purpose": "a friendlier greeting"},
    )
    handed = lease.narrow(
        run=EDITOR,
        ttl="5m",
        allow=[
            grant("repo.read", path=under("src")),
            grant("repo.branch.create", branch=starts("agent/")),
            grant("repo.commit", path=under("src"), branch=starts("agent/")),
        ],
    )
    expired = ring.for_audience(AUDIENCE).mint(
        run=RUN, audience=AUDIENCE, now=now - 600, ttl="5m", allow=["repo.read"]
    )
    elsewhere = ring.for_audience("mail").mint(run=RUN, audience="mail", ttl="5m", allow=["*"])
    tokens = {OWN: handed, "sealed": handed.seal(), "expired": expired, "elsewhere": elsewhere}
    shared = _minted(ring, LEAD, budget={"cents": CENTS})
    world = World(repository, handed, store, shared, before=repository.heads())
    for name, run, given in (
        ("editor", EDITOR, tokens),
        ("restarted", RESTARTED, {OWN: handed}),
        ("stranger", STRANGER, {OWN: handed}),
        ("lead", LEAD, {OWN: shared}),
        ("reader", READER, {OWN: shared.narrow(run=READER, allow=["repo.read"])}),
        ("writer", WRITER, {OWN: shared.narrow(run=WRITER, ttl="5m")}),
        ("old", OLD, {OWN: _minted(ring, OLD)}),
        ("new", NEW, {OWN: _minted(ring, NEW)}),
    ):
        session = secrets.token_hex(16)
        door.admit(session, run)
        told = {"port": door.port, "session": session, "run": run, "audience": AUDIENCE}
        texts = {key: each.token for key, each in given.items()}
        child = Process("attenuate.demo.agent", {**told, "tokens": texts})
        world.agents[name] = stack.enter_context(child)
    return world


def _minted(ring: KeyRing, run: str, **terms: Any) -> Lease:
    """Return a lease to read and to commit under src."""
    return ring.for_audience(AUDIENCE).mint(
        run=run,
        audience=AUDIENCE,
        ttl="15m",
        allow=[grant("repo.read", "repo.commit", repo=one_of(REPOSITORY), path=under("src"))],
        **terms,
    )


def play(world: World, scene: Scene) -> Result:
    """Play one scene."""
    agent = world.agents[scene.who]
    for order in scene.before:
        agent.ask(order)
    began = time.perf_counter()
    if scene.revokes:
        Ledger(world.store).revoke(Selector.make("run", scene.revokes), note="the demo's operator")
    came = agent.ask(scene.order)
    took = time.perf_counter() - began if scene.revokes else None
    status, data = came.get("status"), came.get("finding")
    finding = None if data is None else Finding(**data)
    result = came.get("result", "")
    if finding is not None:
        got = Answer(status, finding.stage, finding.code)
    else:
        got = Answer(status, "ok" if status in (None, 200) else "error")
    ok = got == scene.expected and scene.shows in result
    return Result(scene, got, ok, finding, result, took)


def effects(world: World) -> Iterator[Result]:
    """Look at the repository itself: what was refused did not happen, what was allowed did."""
    heads = world.repository.heads()
    untouched = heads.get("main") == world.before["main"]
    yield _effect("main-untouched", "main is the commit it was", untouched)
    yield _effect(
        "only-branch", f"{BRANCH} is there, and no other", sorted(heads) == sorted(["main", BRANCH])
    )
    moved = BRANCH in heads and heads[BRANCH] != world.before["main"]
    yield _effect("committed", "its commit is there", moved)


def _effect(name: str, title: str, ok: bool) -> Result:
    scene = Scene(name, title, Answer(None), {})
    return Result(scene, Answer(None, "ok" if ok else "error"), ok)
