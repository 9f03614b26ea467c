"""The gate for asyncio: the same decisions, with what may block in threads of its own.

    gate = AsyncGate(verifier, store)
    granted = await gate.check(token, action="repo.read", run="agt_1@2")

Verification, and what is known without asking anybody, stay in the loop: they take microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar, Unpack

from ..errors import LeaseError, Unavailable, bare
from ..ledger.follow import Follower
from ..store.base import Store
from ..store.model import Hold, State
from ..verified import Verified
from ..verifier import Verifier
from .charging import Charging, GateInfo
from .grant import Grant, Recorder
from .shadow import Ask, Shadow, shadowed

T = TypeVar("T")


class AsyncGate:
    """A `Gate` whose methods are awaited; arguments, results and errors are the same.

    threads: calls of the store or the recorder at one time. A caller that is cancelled while it
    waits gets no grant, and what was charged stays charged.
    """

    def __init__(
        self,
        verifier: Verifier,
        store: Store,
        *,
        ledger: Follower | None = None,
        fresh: Mapping[str, float] | None = None,
        record: Recorder | None = None,
        threads: int = 16,
    ) -> None:
        self.charging = Charging(verifier, store, ledger=ledger, fresh=fresh, record=record)
        self._closed = False
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="attenuate-gate")

    async def check(
        self,
        token: str,
        *,
        action: str,
        run: str | Iterable[Iterable[object]] | None = None,
        facts: Mapping[str, object] | None = None,
        cost: Mapping[str, int] | None = None,
        binding: bytes | None = None,
        reserve: str | None = None,
        hold_for: int | str = "2m",
        now: int | None = None,
    ) -> Grant:
        """Do as `Gate.check`."""
        try:
            verified = self.charging.verifier.verify(
                token, action=action, run=run, facts=facts, cost=cost, binding=binding, now=now
            )
            return await self._granted(verified, run, reserve, hold_for, now)
        except BaseException as error:
            token = ""
            failed = self.charging.failed(error)
        try:
            raise failed
        finally:
            del failed

    async def check_call(
        self,
        token: str,
        *,
        action: str,
        run: str | None,
        args: Mapping[str, object],
        facts: Mapping[str, object] | None = None,
        cost: Mapping[str, int] | None = None,
        reserve: str | None = None,
        hold_for: int | str = "2m",
        now: int | None = None,
    ) -> Grant:
        """Do as `Gate.check_call`."""
        try:
            verified = self.charging.verifier.verify_call(
                token, action=action, run=run, args=args, facts=facts, cost=cost, now=now
            )
            return await self._granted(verified, run, reserve, hold_for, now)
        except BaseException as error:
            token = ""
            failed = self.charging.failed(error)
        try:
            raise failed
        finally:
            del failed

    async def shadow(self, token: str, **asked: Unpack[Ask]) -> Shadow:
        """Do as `Gate.shadow`: NOTHING IS ENFORCED by this."""
        try:
            check: Any = self.check_call if "args" in asked else self.check  # each takes what it takes
            return Shadow(await check(token, **asked), None)
        except LeaseError as error:
            token = ""
            return shadowed(bare(error), asked.get("run"))
        except BaseException:
            token = ""  # `check` has left it out of its frame, and this is the only other one
            raise

    async def commit(
        self, grant: Grant | str, cost: Mapping[str, int] | None = None, *, now: int | None = None
    ) -> Hold | None:
        """Do as `Gate.commit`."""
        return await self._run(self.charging.settle, grant, State.COMMITTED, cost, now)

    async def release(self, grant: Grant | str, *, now: int | None = None) -> Hold | None:
        """Do as `Gate.release`."""
        return await self._run(self.charging.settle, grant, State.RELEASED, None, now)

    def info(self) -> GateInfo:
        """Return counts since the start; under many threads a few may be missed."""
        return self.charging.info()

    def close(self) -> None:
        """End the threads, when what they do is done. The store is left open."""
        self._closed = True
        self._threads.shutdown()

    async def _granted(
        self, verified: Verified, run: object, reserve: str | None, hold_for: int | str, now: int | None
    ) -> Grant:
        grant = self.charging.peek(verified, run) if reserve is None else None
        if grant is None:
            grant = await self._run(self.charging.charge, verified, run, reserve, hold_for, now)
        return grant

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        import asyncio  # loaded already where this is awaited, and slow to load where it is not

        if self._closed:
            raise Unavailable("store", "a gate that was closed", would_pass="the same request at a new one")
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *arguments))
