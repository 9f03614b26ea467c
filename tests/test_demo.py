"""The demo comes out as announced, and would not if the service did not check."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from attenuate import KeyRing, call_binding
from attenuate.charges import Charge
from attenuate.cli.output import CommandError, Console
from attenuate.demo import orchestrator
from attenuate.demo.process import Process
from attenuate.demo.repository import Repository, RepositoryError, canonical
from attenuate.demo.scenes import REFUSED, WORKS, Answer, Scene, call
from attenuate.demo.service import AUDIENCE, Service, serve
from attenuate.demo.spending import SPENDING
from attenuate.demo.world import FILES, Result, World, effects, open_world, play
from attenuate.ledger import View
from attenuate.limits import SAFE_MAX
from attenuate.store import Outcome, Store
from attenuate.store.sqlite import SqliteStore

ROOT = Path(__file__).parent.parent
SCENES = (*WORKS, *REFUSED, *SPENDING)
NAMES = [scene.name for scene in SCENES] + ["main-untouched", "only-branch", "committed"]
ON_THE_WIRE = [scene.name for scene in SCENES if scene.expected.status not in (None, 200)]

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="the demo needs git")


def demo(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(tmp_path),
        "GIT_DIR": "/nowhere",
        "NO_COLOR": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", "attenuate", "demo", *words],
        capture_output=True,
        text=True,
        env=env,
        timeout=60,
        cwd=tmp_path,
    )


def test_every_scene_comes_out_as_announced(tmp_path: Path) -> None:
    began = time.monotonic()
    done = demo(tmp_path, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - began < 20
    said = json.loads(done.stdout)
    assert said["ok"] is True
    assert [scene["name"] for scene in said["scenes"]] == NAMES
    for scene in said["scenes"]:
        assert scene["ok"] is True, scene
        assert scene["got"] == scene["expected"], scene
        if scene["expected"]["stage"] != "ok":
            finding = scene["finding"]
            assert (finding["stage"], finding["code"]) == (scene["got"]["stage"], scene["got"]["code"])
            assert finding["asked"], scene
    [revoked] = [scene for scene in said["scenes"] if "seconds_since_revoked" in scene]
    assert (revoked["name"], 0 < revoked["seconds_since_revoked"] < 2) == ("revoked", True)
    assert list(tmp_path.iterdir()) == []  # nothing is left


def test_the_text_fits_and_holds_no_secret(tmp_path: Path) -> None:
    done = demo(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "\x1b" not in done.stdout
    assert done.stdout.count("lease1_") == done.stdout.count("lease1_…") > 0
    assert f"all {len(NAMES)} scenes as announced" in done.stdout
    left = re.findall(r"cents  (█+)░* +([0-9]+) left of 11", done.stdout)
    assert [int(number) for _, number in left] == [11, 10, 5, 4, 4, 3]
    assert [len(bar) for bar, _ in left] == sorted((len(bar) for bar, _ in left), reverse=True)
    assert re.search(r"[0-9.]+ ms from the operator's word to this answer", done.stdout)


def test_the_repository_may_be_kept_and_no_key_with_it(tmp_path: Path) -> None:
    done = demo(tmp_path, "--keep", "--json")
    kept = Path(json.loads(done.stdout)["repository"])
    assert sorted(Repository(kept).heads()) == ["agent/greeting", "main"]
    assert [path.name for path in kept.parent.iterdir()] == ["clord.git"]
    assert kept.parent.stat().st_mode & 0o077 == 0


def test_without_git_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CommandError, match="needs git"):
        orchestrator.run(Console(as_json=True))


def test_a_scene_that_comes_out_otherwise_fails_the_demo(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = Scene("wrong", "read outside", Answer(200), call("repo.read", branch="main", path="README.md"))
    empty = Scene(
        "empty",
        "another text",
        Answer(200),
        call("repo.read", branch="main", path="src/limits.py"),
        shows="no",
    )
    monkeypatch.setattr(orchestrator, "WORKS", (*WORKS, wrong, empty))
    assert orchestrator.run(Console(as_json=False)) == 1
    said = capsys.readouterr().out
    assert f"2 of {len(NAMES) + 2} scenes NOT as announced: wrong, empty" in said
    assert "announced: 200 ok; came: 403 forbidden allow" in said


# --- controls: the same scenes against a service in this process, with a check taken out ----------
class Here:
    """A service in this process, as the orchestrator sees it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.server, self.port = serve(service)

    def admit(self, session: str, run: str) -> None:
        self.service.admit(session, run)


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing.generate("k1")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with SqliteStore(tmp_path / "state.db") as store:
        yield store


@pytest.fixture
def here(ring: KeyRing, store: Store, tmp_path: Path) -> Iterator[Here]:
    here = Here(Service(ring.for_audience(AUDIENCE), Repository.create(tmp_path / "r.git", FILES), store))
    yield here
    here.server.shutdown()
    here.server.server_close()


@pytest.fixture
def world(ring: KeyRing, here: Here, store: Store) -> Iterator[World]:
    with ExitStack() as stack:
        yield open_world(ring, here, here.service.repository, store, stack)


def failed(world: World) -> list[str]:
    """Play everything and return the names of what did not come out as announced."""
    results: list[Result] = [play(world, scene) for scene in SCENES]
    return [result.scene.name for result in (*results, *effects(world)) if not result.ok]


def test_with_its_checks_the_service_passes(world: World) -> None:
    assert failed(world) == []


def test_without_verification_every_refusal_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Service, "check", lambda self, authorization, session, call: None)
    # its branch was deleted by a call that should have been refused, so the writer cannot commit either
    names = {*ON_THE_WIRE, "budget-writer", "main-untouched", "only-branch", "committed"}
    assert failed(world) == [name for name in NAMES if name in names]


def without(kind: str) -> Callable[..., Outcome]:
    """Return a `Store.apply` that lets one kind of charge count for nothing."""
    apply = Store.apply

    def nothing(charge: Charge) -> Charge:
        if charge.kind != kind:
            return charge
        return charge._replace(amount=SAFE_MAX if kind == "attempt" else 0, raises=False)

    def applied(self: Store, charges: Sequence[Charge], **more: Any) -> Outcome:
        return apply(self, [nothing(charge) for charge in charges], **more)

    return applied


@pytest.mark.parametrize(
    ("kind", "names"),
    [("replay", ["bound-twice"]), ("budget", ["budget-ended"]), ("attempt", ["fenced"])],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_without_one_kind_of_charge_only_its_scene_fails(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str, names: list[str]
) -> None:
    monkeypatch.setattr(Store, "apply", without(kind))
    assert failed(world) == names


def test_without_the_ledger_only_the_revocation_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(View, "against", lambda self, charges: None)
    assert failed(world) == ["revoked"]


def test_with_everybodys_session_the_same_the_runs_fail(here: Here, world: World) -> None:
    for session in here.service._sessions:
        here.service._sessions[session] = "agt_1@2/editor@1"
    names = {scene.name for scene in REFUSED}
    assert [name for name in failed(world) if name in names] == ["other-run", "stale-attempt"]


def test_with_the_root_key_in_the_service_another_service_fails_otherwise(
    ring: KeyRing, here: Here, world: World
) -> None:
    here.service.verifier.keys = ring
    result = play(world, next(scene for scene in REFUSED if scene.name == "other-service"))
    assert (result.ok, str(result.got)) == (False, "403 forbidden audience")


# --- the service ----------------------------------------------------------------------------------
READ = {"repo": "clord", "branch": "main", "path": "src/greeting.py"}
RUN = "agt_1@2"


@pytest.fixture
def ask(ring: KeyRing, here: Here) -> Callable[..., tuple[int, dict[str, object]]]:
    """Ask the service in this process, as a run that it knows."""
    here.admit("s", RUN)

    def ask(
        action: str = "repo.read", *, body: bytes | None = None, session: str = "s", **terms: object
    ) -> tuple[int, dict[str, object]]:
        given = {"run": RUN, "audience": AUDIENCE, "ttl": "5m", "allow": ["*"], **terms}
        token = ring.for_audience(AUDIENCE).mint(**given).token  # type: ignore[arg-type]
        raw = json.dumps({"action": action, "args": READ}).encode() if body is None else body
        return here.service.answer(f"Bearer {token}", session, raw)

    return ask


def test_a_session_that_nobody_announced_is_untrusted(
    ask: Callable[..., tuple[int, dict[str, object]]],
) -> None:
    assert ask()[0] == 200
    assert ask(session="")[0] == ask(session="t")[0] == 401


def test_a_store_that_is_gone_is_unavailable(
    ask: Callable[..., tuple[int, dict[str, object]]], store: Store
) -> None:
    assert ask(budget={"calls": 3})[0] == 200
    store.close()
    status, said = ask(budget={"calls": 3})
    assert (status, said["finding"]["stage"]) == (503, "unavailable")  # type: ignore[index]


def test_a_budget_in_a_unit_without_a_price_is_forbidden(
    ask: Callable[..., tuple[int, dict[str, object]]],
) -> None:
    status, said = ask(budget={"hours": 3})
    assert (status, said["finding"]["stage"]) == (403, "forbidden")  # type: ignore[index]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"action": "repo.read", "action": "repo.read", "args": {}}',
        b'{"action": "repo.read", "args": {"repo": "clord"}}',
        b'{"action": "repo.none", "args": {}}',
        b'{"action": ["repo.read"], "args": {}}',
        json.dumps({"action": "repo.read", "args": {**READ, "more": "x"}}).encode(),
        json.dumps({"action": "repo.read", "args": {**READ, "path": 7}}).encode(),
        json.dumps({"action": "repo.read", "args": {**READ, "path": "\ud800"}}).encode(),
    ],
    ids=range(11),
)
def test_what_is_no_call_is_refused_before_anything(
    body: bytes, ask: Callable[..., tuple[int, dict[str, object]]]
) -> None:
    assert ask(body=body)[0] == 400


def test_the_wire_takes_one_method_one_path_and_a_bounded_body(here: Here) -> None:
    for method, path, headers, status in (
        ("POST", "/other", {"Content-Length": "0"}, 400),
        ("POST", "/call?token=x", {"Content-Length": "0"}, 400),
        ("POST", "/call", {"Content-Length": "9999999"}, 400),
        ("POST", "/call", {"Content-Length": "-1"}, 400),
        ("POST", "/call", {"Transfer-Encoding": "chunked"}, 400),
        ("GET", "/call", {}, 501),
    ):
        wire = http.client.HTTPConnection("127.0.0.1", here.port, timeout=5)
        wire.putrequest(method, path)
        for name, value in headers.items():
            wire.putheader(name, value)
        wire.endheaders()
        assert wire.getresponse().status == status, (method, path, headers)
        wire.close()


def test_of_one_proof_used_at_once_one_counts(ring: KeyRing, here: Here) -> None:
    here.admit("s", RUN)
    lease = ring.for_audience(AUDIENCE).mint(run=RUN, audience=AUDIENCE, ttl="5m", allow=["repo.read"])
    token = lease.present(call_binding(AUDIENCE, RUN, "repo.read", READ)).token
    body = json.dumps({"action": "repo.read", "args": READ}).encode()
    came: list[int] = []
    begin = threading.Barrier(12)

    def use() -> None:
        begin.wait()
        came.append(here.service.answer(f"Bearer {token}", "s", body)[0])

    threads = [threading.Thread(target=use) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came) == [200] + [409] * 11


# --- processes and the repository -----------------------------------------------------------------
def test_no_secret_is_in_a_processs_arguments_or_environment(world: World) -> None:
    for child in world.agents.values():
        assert isinstance(child, Process)
        for name in ("cmdline", "environ"):
            path = Path(f"/proc/{child.pid}/{name}")
            if path.exists():
                assert b"lease1_" not in path.read_bytes()


def test_a_process_that_ended_is_an_error_and_not_a_wait() -> None:
    with pytest.raises(RuntimeError, match="ended"), Process("attenuate.demo.process", {}) as process:
        process.ask({})


def test_paths_have_one_form() -> None:
    for path, form in (
        ("src//a", "src/a"),
        ("./src/a/.", "src/a"),
        ("src/../a", "a"),
        ("../a", "../a"),
        ("/a", "/a"),
    ):
        assert canonical(path) == form


def test_git_gets_no_name_that_means_something_else(tmp_path: Path) -> None:
    git = Repository.create(tmp_path / "r.git", FILES)
    assert git.read("main", "README.md") == FILES["README.md"]
    for branch in ("main:ops", "-d", "main^", "main@{0}", "../main", "", "a..b", "main/", "HEAD~1", "A"):
        with pytest.raises(RepositoryError):
            git.read(branch, "README.md")
        with pytest.raises(RepositoryError):
            git.create_branch(branch, "main")
    for path in ("../x", "/etc/passwd", "a/../b", "", ".", "a\nb", "~/x"):
        with pytest.raises(RepositoryError):
            git.read("main", path)
        with pytest.raises(RepositoryError):
            git.commit("main", path, "", "m")
    with pytest.raises(RepositoryError):
        git.create_branch("main", "main")
    assert len(git.heads()) == 1
