"""Each test that takes `engine` runs over every engine there is, or over the one that was asked for.

--engine NAME, or the environment variable ATTENUATE_ENGINE, asks for one; a missing one is an error.
Hypothesis profiles: "ci" (the default: the same examples each time), "dev" (fresh ones), "deep".
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import backends
import pytest
import servers
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from attenuate.store import Store

settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, database=None)
settings.register_profile("deep", settings.get_profile("dev"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", default=None, help="run over this engine only: python or native")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--engine"):
        os.environ["ATTENUATE_ENGINE"] = config.getoption("--engine")
    from attenuate import _engine

    try:
        importlib.reload(_engine)  # the stores that are imported above have it already
        _engine.require()
    except ImportError as missing:
        raise pytest.UsageError(str(missing)) from None


def engines() -> tuple[str, ...]:
    """Return the engines that this run is over."""
    from attenuate import _engine

    return (_engine.NAME,) if "ATTENUATE_ENGINE" in os.environ else _engine.AVAILABLE


def pytest_report_header() -> str:
    return f"attenuate engines: {', '.join(engines())}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", engines(), indirect=True, scope="session")


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """The module attenuate._engine with this engine chosen; `Verifier` uses the same one."""
    from attenuate import _engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTENUATE_ENGINE", request.param)
        yield importlib.reload(_engine)


@pytest.fixture
def python() -> Iterator[ModuleType]:
    """The module attenuate._engine with the Python engine in it, for controls that put a fault there."""
    import build

    from attenuate import _engine

    with build.using("python"):
        yield _engine


# --- stores -------------------------------------------------------------------------------------
STORES = ("memory", "sqlite", "redis", "postgresql")


@pytest.fixture(scope="session")
def redis_server() -> Iterator[servers.Redis]:
    """A Redis for the whole run; `url` is its address."""
    pytest.importorskip("redis")
    server = servers.Redis()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[servers.Postgres]:
    """A PostgreSQL for the whole run; `url` is its address."""
    pytest.importorskip("psycopg")
    server = servers.Postgres()
    yield server
    server.remove()


@pytest.fixture(params=STORES)
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """What opens a client on the same data, empty at first; options as the store takes them."""
    with backends.opener(request.param, request, tmp_path) as opened:
        yield opened


@pytest.fixture
def store(reopen: Callable[..., Store]) -> Store:
    """A store, empty, of each kind."""
    return reopen()
