"""Which engine verifies: the one that was asked for, or an error; never another one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
MAKE = "from attenuate import KeyRing, Verifier; print(Verifier(KeyRing({}), audience='s'))"


def run(*arguments: str, engine: str | None) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "ATTENUATE_ENGINE"}
    env |= {} if engine is None else {"ATTENUATE_ENGINE": engine}
    return subprocess.run(
        [sys.executable, *arguments], env=env, cwd=HERE.parent, capture_output=True, text=True
    )


def test_an_engine_that_is_asked_for_and_missing_is_an_error() -> None:
    assert "python engine" in run("-c", MAKE, engine="python").stdout
    assert "engine" in run("-c", MAKE, engine=None).stdout
    missing = run("-c", MAKE, engine="abacus")
    assert missing.returncode != 0
    assert "ATTENUATE_ENGINE='abacus'" in missing.stderr


def test_these_tests_ask_for_an_engine_too() -> None:
    asked = ("-m", "pytest", "--collect-only", "-p", "no:cacheprovider", str(HERE / "test_errors.py"))
    assert run(*asked, "--engine", "python", engine=None).returncode == 0
    for missing in (run(*asked, "--engine", "abacus", engine=None), run(*asked, engine="abacus")):
        assert missing.returncode == pytest.ExitCode.USAGE_ERROR
        assert "abacus" in missing.stderr


def test_the_fixture_is_the_engine_that_it_names(engine: Any, request: pytest.FixtureRequest) -> None:
    assert f"[{engine.NAME}]" in request.node.name
    assert os.environ["ATTENUATE_ENGINE"] == engine.NAME
    assert engine.NAME in engine.AVAILABLE
