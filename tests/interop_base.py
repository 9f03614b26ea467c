"""Imported first by all about other tokens and languages: skips where the libraries are missing, unless all must be there."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import NoReturn

import pytest

ALL = os.environ.get("ATTENUATE_INTEROP") == "all"


def missing(why: str) -> NoReturn:
    """Skip for this reason, or fail where ATTENUATE_INTEROP=all is set."""
    if ALL:
        pytest.fail(f"{why}, and ATTENUATE_INTEROP=all asks for it")
    pytest.skip(why, allow_module_level=True)


for _name in ("pymacaroons", "biscuit_auth", "attenuate_interop"):
    if not find_spec(_name):
        missing(f"{_name} is not installed")
