"""Verifiers of both engines in one process, so that they can be timed in turn.

ATTENUATE_ENGINE chooses at import, and `attenuate.verifier` looks into the module `_engine` at each call. So
both modules are executed once more for each engine, from the same files, and nothing is changed in them: a
Verifier of here runs the instructions of a service that has that engine alone, and no other code between.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import NamedTuple, cast
from unittest import mock

from attenuate import KeyRing, Request, Verified, Verifier, _engine

AUDIENCE = "github"
ENGINES = ("python",) if os.environ.get("ATTENUATE_ENGINE") == "python" else _engine.AVAILABLE
"""Engines that are measured: Python always."""
NATIVE = "native" in ENGINES


def _again(name: str) -> ModuleType:
    """Return a new module of the same file, which is in nobody's reach but ours."""
    spec = find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _verifier(engine: str) -> type[Verifier]:
    with mock.patch.dict(os.environ, ATTENUATE_ENGINE=engine):
        chosen = _again("attenuate._engine")
    module = _again("attenuate.verifier")
    vars(module)["_engine"] = chosen
    return cast(type[Verifier], module.Verifier)


class Way(NamedTuple):
    """How a service asks: by an engine, with a request at hand or with keyword arguments each time."""

    engine: str
    prepared: bool = False

    def __str__(self) -> str:
        return f"{self.engine} prepared" if self.prepared else self.engine

    def verifier(self, ring: KeyRing, cache: int = 0) -> Verifier:
        """Return a verifier of this engine."""
        return _verifier(self.engine)(ring, audience=AUDIENCE, cache=cache)

    def asking(
        self,
        verifier: Verifier,
        *,
        run: str,
        now: int,
        action: str = "repo.read",
        facts: Mapping[str, object],
        binding: bytes | None = None,
    ) -> Callable[[str], Verified]:
        """Return what verifies a text: `check` where the request is at hand, else `verify`."""
        if self.prepared:
            check = verifier.check
            request = Request(action, audience=AUDIENCE, run=run, facts=facts, binding=binding)
            return lambda text: check(text, request, now=now)
        verify = verifier.verify
        if binding is None:
            return lambda text: verify(text, action=action, run=run, facts=facts, now=now)
        return lambda text: verify(text, action=action, run=run, facts=facts, binding=binding, now=now)


PYTHON = Way("python")
PREPARED = Way("native", prepared=True)
WAYS = (PYTHON, Way("native"), PREPARED) if NATIVE else (PYTHON,)
ENDS = (PYTHON, PREPARED) if NATIVE else (PYTHON,)
"""The way in which each engine's targets are judged."""
