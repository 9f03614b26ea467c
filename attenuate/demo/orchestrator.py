"""The orchestrator: makes the world, plays the scenes and tells them (see the package)."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..cli.output import FAILED, OK, CommandError, Console
from ..ring import KeyRing
from ..store import open_store
from . import story
from .process import Process
from .repository import Repository
from .scenes import REFUSED, WORKS
from .service import AUDIENCE
from .spending import BUDGET, FENCING, REVOCATION
from .world import FILES, Result, World, effects, open_world, play


class ServiceProcess:
    """The tool service in its own process; see `Door`."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.port: int = process.told["port"]
        self.pid = process.pid

    def admit(self, session: str, run: str) -> None:
        """Tell the service, by its stdin, which run a session is."""
        self._process.ask({"session": session, "run": run})


def run(out: Console, *, keep: bool = False) -> int:
    """Run the demo and return its exit code: 0 where every scene came out as announced.

    keep: leave the repository in its temporary folder and say where.
    Raises CommandError where there is no git.
    """
    if shutil.which("git") is None:
        raise CommandError("the demo needs git, and there is none", "install git", FAILED)
    began = time.monotonic()
    with ExitStack() as stack:
        folder = stack.enter_context(_folder(keep))
        repository = Repository.create(folder / "clord.git", FILES)
        private = stack.enter_context(_folder(False))  # nothing of it should outlive the demo
        address = f"sqlite:{private / 'state.db'}"
        store = stack.enter_context(open_store(address))
        ring = KeyRing.generate("k1")
        keys = private / "service.keys"
        ring.for_audience(AUDIENCE).save(keys)
        told = {"keys": str(keys), "repository": str(repository.path), "store": address}
        service = ServiceProcess(stack.enter_context(Process("attenuate.demo.service", told)))
        keys.unlink()  # the service has read it
        world = open_world(ring, service, repository, store, stack)
        results = list(_tell(world, service.pid, out))
        failed = [result.scene.name for result in results if not result.ok]
        seconds = round(time.monotonic() - began, 1)
        data = {"ok": not failed, "seconds": seconds, "scenes": [result.to_json() for result in results]}
        kept = {"repository": str(repository.path)} if keep else {}
        out.show({**data, **kept}, _ending(results, seconds, repository if keep else None, out))
    return FAILED if failed else OK


@contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    """Make a folder of ours alone, and remove it unless it is to be kept."""
    path = Path(tempfile.mkdtemp(prefix="attenuate-demo-"))
    try:
        yield path
    finally:
        if not keep:
            shutil.rmtree(path, ignore_errors=True)


def _tell(world: World, service: int, out: Console) -> Iterator[Result]:
    """Play all scenes in order, and say what happens where text is wanted."""
    editor = world.agents["editor"]
    view = editor.ask({"do": "view"})["text"]
    _say(
        out,
        story.heading(1, "three processes and a repository", out),
        story.processes(os.getpid(), service, editor.pid, out),
        story.heading(2, "the orchestrator mints a lease, and narrows it for the child", out),
        story.chain(world.handed, out),
        "  Both blocks must hold. The child got a token that does not contain the parent's: adding a\n"
        "  block replaces the secret, offline, without a key, and there is no way back.",
        story.heading(3, "what the child sees of its lease", out),
        *(f"  {out.paint(line, '')}" for line in view.split("\n")),
        story.heading(4, "what works", out),
    )
    for scene in WORKS:
        yield _played(play(world, scene), out)
    _say(out, story.heading(5, "what is refused, and why", out))
    for scene in REFUSED:
        yield _played(play(world, scene), out)
    yield from _spending(world, out)
    _say(out, story.heading(9, "what the repository says", out))
    for result in effects(world):
        yield _played(result, out)
    _say(out, *(f"             {out.paint(line, 'dim')}" for line in world.repository.graph().split("\n")))


def _spending(world: World, out: Console) -> Iterator[Result]:
    """Play what the store is for: budgets, revocation, attempts."""
    _say(out, story.heading(6, "a budget that a lead and its two children share", out))
    _say(out, story.shared(world, out))
    for scene in BUDGET:
        yield _played(play(world, scene), out)
        _say(out, story.left(world, out))
    _say(out, story.heading(7, "a revocation, while they work", out))
    for scene in REVOCATION:
        yield _played(play(world, scene), out)
    _say(out, story.heading(8, "a worker that was replaced", out))
    for scene in FENCING:
        yield _played(play(world, scene), out)


def _played(result: Result, out: Console) -> Result:
    _say(out, story.scene(result, out))
    return result


def _say(out: Console, *lines: str) -> None:
    if not out.as_json:
        print("\n".join(lines), flush=True)


def _ending(results: list[Result], seconds: float, kept: Repository | None, out: Console) -> str:
    failed = [result.scene.name for result in results if not result.ok]
    told = f"\n  the repository is at {kept.path}" if kept else ""
    if failed:
        text = f"{len(failed)} of {len(results)} scenes NOT as announced: {', '.join(failed)}"
        return f"\n  {out.paint(text, 'yellow bold')}{told}"
    return f"\n  {out.paint(f'all {len(results)} scenes as announced', 'green bold')}, in {seconds} s{told}"
