"""What a careless or hostile caller in the same process hands over, and what it may find afterwards.

Over every engine: odd types, one text in many places, requests changed later, forks, and what stays behind
in tracebacks and in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import pickle
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import build
import pytest
from build import NOW

from attenuate import Forbidden, KeyRing, Lease, Malformed, Request, Verifier, call_binding, grant
from attenuate.keys import Key

HERE = Path(__file__).parent


def verifier(**more: Any) -> Verifier:
    return Verifier(build.RING, audience="github", clock=lambda: NOW, **more)


def verify(token: str, **asked: Any) -> Any:
    return verifier().verify(
        token, **{"action": "repo.read", "run": "agt_1@2", "facts": build.FACTS, **asked}
    )


# --- odd types --------------------------------------------------------------------------------------
@pytest.mark.parametrize("segment", [("agt_1", 2, "more"), ("agt_1", 2, None), ("agt_1",) * 3, ()])
def test_a_segment_is_a_name_and_an_attempt_and_nothing_more(engine: Any, segment: tuple[Any, ...]) -> None:
    with pytest.raises(Malformed):
        verify(build.lease().token, run=(segment,))
    assert verify(build.lease().token, run=(("agt_1", 2),)), "the control: the two alone"


class Folded(str):
    """A text that answers equality as it likes."""

    def __eq__(self, other: object) -> bool:
        return self.lower() == str(other).lower()

    def __hash__(self) -> int:
        return hash(self.lower())


def test_a_run_is_its_plain_text(engine: Any) -> None:
    assert verify(build.lease().token, run=Folded("agt_1@2")).run == "agt_1@2"
    with pytest.raises(Forbidden) as refused:
        verify(build.lease().token, run=Folded("AGT_1@2"))
    assert refused.value.code == "run"


def test_a_unit_is_its_plain_text(engine: Any) -> None:
    with pytest.raises(Malformed):
        Request("a", audience="b", cost={Folded("calls"): 5})
    cost = Request("a", audience="b", cost={Folded("usd"): 5}).cost
    assert [type(unit) for unit in cost] == [str]


class Twice(Mapping[str, Any]):
    """A mapping that says one thing the first time and another the second, and another length."""

    def __init__(self, first: dict[str, Any], then: dict[str, Any], length: int) -> None:
        self.answers, self.length = [then, first], length

    def items(self) -> Any:
        return (self.answers.pop() if len(self.answers) > 1 else self.answers[0]).items()

    def __getitem__(self, name: str) -> Any:
        return self.answers[-1][name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.answers[-1])

    def __len__(self) -> int:
        return self.length


def test_a_cost_is_looked_at_once(engine: Any) -> None:
    assert dict(Request("a", audience="b", cost=Twice({"usd": 3}, {"usd": -5}, 1)).cost) == {"usd": 3}


def test_facts_are_counted_and_not_asked_for_their_number(engine: Any) -> None:
    many = {f"f{n}": n for n in range(257)}
    with pytest.raises(Malformed) as refused:
        verify(build.lease().token, facts=Twice(many, many, 1))
    assert refused.value.code == "too_large"


class Hex(bytes):
    """Bytes of a kind of their own, as some libraries have."""


def test_a_binding_is_its_plain_bytes(engine: Any) -> None:
    binding = call_binding("github", "agt_1@2", "repo.read", {})
    bound = build.lease().present(binding, now=NOW).token
    request = build.ask(binding=Hex(binding))
    assert type(request.binding) is bytes
    assert verifier().check(bound, request)
    assert verifier().verify_many([(bound, request)])


@pytest.mark.parametrize("clock", [1e30, -1e30, -1.0, 2.0**53])
def test_a_clock_beyond_all_times_is_an_error(engine: Any, clock: float) -> None:
    odd = Verifier(build.RING, audience="github", clock=lambda: clock)
    with pytest.raises(ValueError, match="now"):
        odd.check(build.lease().token, build.ask())


# --- much ---------------------------------------------------------------------------------------------
MUCH = """
import sys
from attenuate import KeyRing, LeaseError, Verifier, grant
ring = KeyRing.generate("k1")
token = ring.mint(run="a@1", audience="s", ttl=900, allow=["x"]).token
def most():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
before = most()
text = "a" * 2**20
facts = {"refused": [text] * 2000} if sys.argv[1] == "refused" else {f"f{n}": [text] * 250 for n in range(6)}
try:
    Verifier(ring, audience="s").verify(token, action="x", run="a@1", facts=facts)
    print("ok", end=" ")
except LeaseError as error:
    print(error.code, end=" ")
copies = [("b" * 2**20).upper() for _ in range(64)] if sys.argv[2] == "control" else []
print(most() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize(("which", "says"), [("refused", "facts"), ("granted", "ok")])
def test_one_text_in_many_places_takes_no_room_for_each(engine: Any, which: str, says: str) -> None:
    def grown(control: str) -> int:
        words = [sys.executable, "-c", MUCH, which, control]
        env = {**os.environ, "ATTENUATE_ENGINE": engine.NAME}
        said, kib = subprocess.check_output(words, text=True, env=env, cwd=HERE.parent).split()
        assert said == says
        return int(kib)

    assert grown("") < 30_000
    assert grown("control") > 60_000, "the control: 64 MiB are seen"


# --- afterwards ---------------------------------------------------------------------------------------
def test_a_request_is_made_once(engine: Any) -> None:
    request = build.ask(cost={"usd": 3})
    verified = verifier().check(build.lease(budget={"usd": 9}).token, request)
    with pytest.raises(AttributeError):
        request.__init__("repo.delete", audience="github", run="agt_9@9", cost={"usd": 0})  # type: ignore[misc]
    assert (verified.request.action, verified.run) == ("repo.read", "agt_1@2")


def test_a_key_does_not_change() -> None:
    key = Key.generate()
    for name in ("material", "alg", "fingerprint", "_seed"):
        with pytest.raises(AttributeError):
            setattr(key, name, b"\0" * 32)
        with pytest.raises(AttributeError):
            delattr(key, name)


def test_facts_are_named_in_the_order_in_which_they_were_stated(engine: Any) -> None:
    lease = build.lease(allow=[grant("repo.read", only=True)])
    facts = {"args.zzzz": 1, "args.b": 2, "args.ccc": 3}
    with pytest.raises(Forbidden) as refused:
        verify(lease.token, facts=facts)
    assert "args.zzzz, args.b, args.ccc" in str(refused.value)


def test_a_memory_of_chains_does_not_pickle(engine: Any) -> None:
    made = verifier()
    made.check(build.lease().token, build.ask())
    with pytest.raises(TypeError):
        pickle.dumps(made._cache)


def _frames(error: BaseException) -> str:
    whole = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in whole.stack if "attenuate" in frame.filename and "tests" not in frame.filename]
    assert ours
    return "".join(str(frame.locals) for frame in ours)


def raising(fault: BaseException) -> Callable[[Any, Request], bool]:
    def handler(value: Any, request: Request) -> bool:
        raise fault

    return handler


@pytest.mark.parametrize("fault", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("method", ["verify", "check", "explain"])
def test_what_ends_a_handler_carries_no_token(engine: Any, fault: type[BaseException], method: str) -> None:
    token = build.lease(extensions={"acme/x": 1}).token
    made = verifier(handlers={"acme/x": raising(fault())})
    asked = {"action": "repo.read", "run": "agt_1@2", "facts": build.FACTS}
    works = {
        "verify": lambda: made.verify(token, **asked),
        "check": lambda: made.check(token, build.ask()),
        "explain": lambda: made.explain(token, **asked),
    }
    with pytest.raises(fault) as caught:
        works[method]()
    assert token[-40:] not in _frames(caught.value)


def test_a_handler_that_ends_all_is_the_last_to_be_asked(engine: Any) -> None:
    asked: list[Any] = []

    def handler(value: Any, request: Request) -> bool:
        asked.append(value)
        raise KeyboardInterrupt

    lease = build.lease(extensions={"acme/x": 1}).narrow(extensions={"acme/x": 2}, now=NOW)
    with pytest.raises(KeyboardInterrupt):
        verifier(handlers={"acme/x": handler}).explain(
            lease.token, action="repo.read", run="agt_1@2", facts=build.FACTS
        )
    assert asked == [1]


@pytest.mark.parametrize(
    "asked",
    [[("TOKEN", build.ask(audience="other"))], [("TOKEN", None)], [("TOKEN", build.ask(), 3)]],
    ids=["another audience", "no request", "three things"],
)
def test_a_batch_that_is_none_carries_no_token(engine: Any, asked: list[Any]) -> None:
    token = build.lease().token
    batch = [(token, build.ask()), *((token, *rest) for _, *rest in asked)]
    with pytest.raises((ValueError, TypeError)) as caught:
        verifier().verify_many(batch)
    assert token[-40:] not in _frames(caught.value)


def test_a_denial_leaves_nothing_behind(engine: Any) -> None:
    token, made = build.lease().token, verifier()

    def denied() -> None:
        with contextlib.suppress(Forbidden):
            made.check(token, build.ask("repo.delete"))
        with contextlib.suppress(Forbidden):
            made.verify(token, action="x", run="agt_1@2")

    denied()
    gc.collect()
    gc.disable()
    try:
        for _ in range(100):
            denied()
        assert gc.collect() < 50
    finally:
        gc.enable()


# --- forks --------------------------------------------------------------------------------------------
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@pytest.mark.parametrize("derived", [False, True], ids=["cache", "derived keys"])
def test_a_process_forked_in_the_middle_of_a_verification_verifies(engine: Any, derived: bool) -> None:
    root = KeyRing({"k1": build.KEYS["hmac"]})
    lease: Lease = (root.for_audience("github") if derived else root).mint(now=NOW, **build.terms())
    made = Verifier(root, audience="github", cache=0 if derived else 2**20, clock=lambda: NOW)
    batch, over = [(lease.token, build.ask())] * 2000, threading.Event()

    def busy() -> None:
        while not over.is_set():
            made.verify_many(batch)

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(25):
            child = os.fork()
            if child == 0:
                for _ in range(50):
                    made.check(lease.token, batch[0][1])
                os._exit(0)
            assert _ends(child), "a forked process hangs"
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _ends(child: int) -> bool:
    """Wait ten seconds for a process; end it if it goes on."""
    for _ in range(1000):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False


def test_the_wait_would_notice() -> None:
    child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(1)"])
    assert not _ends(child.pid)
    child.returncode = 1


# --- the choice of an engine ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "content", ["raise ImportError('wrong ABI')", "__version__ = '0'", "", "__version__ = 1"], ids=repr
)
@pytest.mark.parametrize("asked", ["python", None])
def test_a_kernel_that_is_none_is_not_used(tmp_path: Path, content: str, asked: str | None) -> None:
    (tmp_path / "attenuate_kernel.py").write_text(content)
    env = {name: value for name, value in os.environ.items() if name != "ATTENUATE_ENGINE"}
    env |= {"PYTHONPATH": str(tmp_path)} | ({"ATTENUATE_ENGINE": asked} if asked else {})
    words = [sys.executable, "-c", "from attenuate import _engine; print(_engine.NAME, _engine.WHY)"]
    found = subprocess.run(words, text=True, env=env, capture_output=True, cwd=HERE.parent)
    assert found.stdout.startswith("python "), found.stderr
    assert ("kernel" in found.stdout) is True
