"""The gate for asyncio: the same answers as `Gate`, many at once, and what a cancelled caller has spent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import build
import pytest
from build import NOW
from test_gate import ASK, STORES, Book, everything, ledger_of, verifier

from attenuate import AsyncGate, Forbidden, Gate, Lease, LeaseError, Refused, Unavailable, call_binding
from attenuate.ledger import Selector
from attenuate.store.base import Store
from attenuate.store.memory import MemoryStore
from attenuate.store.model import Outcome, State


def gate_of(store: Store, **more: Any) -> AsyncGate:
    return AsyncGate(verifier(), store, **more)


def ask(**changes: Any) -> dict[str, Any]:
    return {**ASK, **changes}


def say(work: Callable[[], Any]) -> tuple[Any, ...]:
    """Return what a gate answers, as values."""
    try:
        out = work()
    except (LeaseError, ValueError, TypeError) as error:
        return type(error).__name__, str(error)
    return out.charged, out.left, out.hold, out.expires, out.repeated, repr(out)


LEASES = {
    "quiet": build.lease(),
    "calls": build.lease(budget={"calls": 3}),
    "usd": build.lease(budget={"usd": 5}).narrow(budget={"usd": 4}, now=NOW),
    "final": build.lease(final="repo.write.*"),
    "newer": build.lease(run="agt_1@3"),
    "bound": build.lease().present(call_binding("github", "agt_1@2", "repo.read", {}), now=NOW),
}
SCRIPT: list[tuple[str, dict[str, Any]]] = [
    ("quiet", {}), ("quiet", {}), ("quiet", {"action": "x"}), ("quiet", {"run": None}), ("quiet", {"now": "z"}),
    *[("calls", {})] * 4, ("usd", {}), ("usd", {"cost": {"usd": 3}}), ("usd", {"cost": {"usd": 3}}),
    ("usd", {"cost": {"usd": 1}, "reserve": "r"}), ("usd", {"cost": {"usd": 1}, "reserve": "r"}), ("usd", {"cost": {"usd": 1}, "reserve": ""}),
    ("final", {"action": "repo.write.x"}), ("final", {}),
    *[("bound", {"binding": call_binding("github", "agt_1@2", "repo.read", {})})] * 2,
    ("quiet", {"reserve": "r"}), ("newer", {"run": "agt_1@3"}), ("quiet", {}),
]  # fmt: skip


@pytest.mark.parametrize("name", STORES)
def test_the_answers_are_those_of_a_gate(engine: Any, tmp_path: Path, name: str) -> None:
    (tmp_path / "a").mkdir()
    with STORES[name](tmp_path) as one, STORES[name](tmp_path / "a") as other, asyncio.Runner() as runner:
        plain, made = Gate(verifier(), one), gate_of(other)
        for lease, changes in SCRIPT:
            token = LEASES[lease].token
            said = say(lambda: plain.check(token, **ask(**changes)))  # noqa: B023
            assert say(lambda: runner.run(made.check(token, **ask(**changes)))) == said, (lease, changes)  # noqa: B023
        for store in (one, other):
            ledger_of(store).revoke(Selector.make("key", "k1"))
        token = LEASES["quiet"].token
        assert say(lambda: runner.run(made.check(token, **ASK))) == say(lambda: plain.check(token, **ASK))
        found, wanted = made.info(), plain.info()
        assert (found.allowed, found.refused, found.seq) == (wanted.allowed, wanted.refused, wanted.seq)
        made.close()


def test_reservations_calls_and_shadows(engine: Any) -> None:
    store, lease = MemoryStore(), build.lease(budget={"usd": 9})
    gate = gate_of(store)

    async def main() -> None:
        held = await gate.check(lease.token, **ask(cost={"usd": 5}, reserve="r1"))
        assert (await gate.commit(held, {"usd": 2})).state is State.COMMITTED
        with pytest.raises(Refused, match="committed"):
            await gate.release(held)
        other = await gate.check(lease.token, **ask(cost={"usd": 5}, reserve="r2"))
        assert (await gate.release(other)).state is State.RELEASED
        with pytest.raises(ValueError, match="reserved nothing"):
            await gate.commit(await gate.check(lease.token, **ask(cost={"usd": 0})))
        call: dict[str, Any] = {
            "action": "repo.read",
            "run": "agt_1@2",
            "cost": {"usd": 1},
            "facts": {"repo": "clord"},
        }
        assert (await gate.check_call(lease.token, args={"n": 1}, **call)).left == {"usd": 6}
        with pytest.raises(Forbidden):
            await gate.check_call(lease.token, args={"n": 1}, **{**call, "facts": {}})
        assert (await gate.shadow(lease.token, **ask(cost={"usd": 9}))).grant is None
        assert (await gate.shadow(lease.token, **ask(cost={"usd": 6}))).finding is None
        with pytest.raises(TypeError):
            await gate.shadow(lease.token, **ask(now="z"))

    asyncio.run(main())
    assert everything(store, lease, cost={"usd": 1}) == [(9, 0)]
    gate.close()


def test_many_at_once_get_what_there_is(engine: Any, tmp_path: Path) -> None:
    for name, open_store in STORES.items():
        with open_store(tmp_path) as store:
            lease, gate = build.lease(budget={"calls": 30}), gate_of(store)

            async def main(gate: AsyncGate, lease: Lease) -> list[Any]:
                works = [gate.check(lease.token, **ASK) for _ in range(60)]
                return await asyncio.gather(*works, return_exceptions=True)

            said = [getattr(each, "code", "granted") for each in asyncio.run(main(gate, lease))]
            assert (said.count("granted"), said.count("budget")) == (30, 30), name
            gate.close()


class Slow(MemoryStore):
    """A store that answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()
        self.began = threading.Event()

    def _apply(self, *arguments: Any) -> Outcome:
        self.began.set()
        assert self.let.wait(5)
        return super()._apply(*arguments)


def test_a_caller_that_is_cancelled_gets_nothing_and_has_paid(engine: Any) -> None:
    store, lease, got = Slow(), build.lease(budget={"calls": 3}), []
    gate = gate_of(store)

    async def main() -> None:
        async def ask_and_keep() -> None:
            got.append(await gate.check(lease.token, **ASK))

        task = asyncio.create_task(ask_and_keep())
        while not store.began.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        store.let.set()

    asyncio.run(main())
    gate.close()
    assert got == []
    assert everything(store, lease) == [(1, 0)]


def test_the_loop_goes_on_while_a_store_is_slow(engine: Any) -> None:
    store, lease = Slow(), build.lease(budget={"calls": 3})
    gate = gate_of(store)

    async def ticks() -> int:
        task = asyncio.create_task(gate.check(lease.token, **ASK))
        count = 0
        while not store.began.is_set() or count < 5:
            await asyncio.sleep(0.001)
            count += 1
            assert not task.done()
        store.let.set()
        await task
        return count

    assert asyncio.run(asyncio.wait_for(ticks(), 4)) >= 5
    gate.close()


def test_what_is_known_is_granted_without_a_thread(engine: Any) -> None:
    gate, lease = gate_of(MemoryStore(), threads=1), build.lease()

    async def main() -> None:
        await gate.check(lease.token, **ASK)
        with mock.patch.object(gate, "_run", side_effect=AssertionError("a thread was asked")):
            await gate.check(lease.token, **ASK)
            with pytest.raises(AssertionError, match="a thread"):
                await gate.check(build.lease().token, **ASK)  # the control: one that is new

    asyncio.run(main())
    gate.close()


def test_what_is_not_recorded_is_not_granted(engine: Any) -> None:
    gate = gate_of(MemoryStore(), record=Book(OSError("full")))

    async def main() -> None:
        with pytest.raises(Unavailable) as caught:
            await gate.check(build.lease().token, **ASK)
        assert caught.value.code == "log"

    asyncio.run(main())
    assert gate.info().allowed == 0
    gate.close()


def test_a_gate_that_loses_its_refusals_would_be_seen(python: Any, tmp_path: Path) -> None:
    """The control: two gates of which one charges nothing do not answer alike."""
    with mock.patch("attenuate.charges.Plan.counters", return_value=[]):
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            test_many_at_once_get_what_there_is(python, tmp_path)
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            test_a_caller_that_is_cancelled_gets_nothing_and_has_paid(python)
    with mock.patch.object(AsyncGate, "_granted", _gone), pytest.raises(AssertionError):
        test_the_answers_are_those_of_a_gate(python, tmp_path, "memory")


async def _gone(self: AsyncGate, *arguments: Any) -> Any:
    raise Refused("budget")
