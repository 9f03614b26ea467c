"""Opens a store of each kind on fresh data, and as many clients on these data as a test asks for."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from attenuate.store import MemoryStore, Store

_NUMBERS = itertools.count()
AHEAD = 10**12
"""Seconds that a test's clock may be ahead of a server's: tests sweep in the future."""


@contextmanager
def opener(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Callable[..., Store]]:
    """Give what opens a client; all of them are closed and the data are removed in the end."""
    made: list[Store] = []
    patch = pytest.MonkeyPatch()
    name = f"t{os.getpid()}_{next(_NUMBERS)}"

    def opened(**options: Any) -> Store:
        if kind == "memory":
            if not made:
                made.append(MemoryStore(allow_proofs_from_before=True, **options))
            return made[0]
        if kind == "sqlite":
            from attenuate.store.sqlite import SqliteStore

            made.append(SqliteStore(folder / f"{name}.db", **options))
        elif kind == "redis":
            from attenuate.store import redis
            from attenuate.store.redis import RedisStore

            patch.setattr(redis, "AHEAD", AHEAD)
            made.append(RedisStore(request.getfixturevalue("redis_server").url, prefix=name, **options))
        else:
            from attenuate.store import postgres
            from attenuate.store.postgres import PostgresStore

            patch.setattr(postgres, "AHEAD", AHEAD)
            url = request.getfixturevalue("postgres_server").url
            made.append(PostgresStore(url, schema=name, **options))
        return made[-1]

    try:
        yield opened
    finally:
        patch.undo()
        for store in made:
            store.close()
        if made and kind == "postgresql":
            words = f"DROP SCHEMA IF EXISTS {name} CASCADE"
            request.getfixturevalue("postgres_server").ask(words)
