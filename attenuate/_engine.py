"""The one place that knows which engine verifies: the native kernel, or Python.

The environment variable ATTENUATE_ENGINE asks for one by name (`python` or `native`); one that is
missing is an error, never a silent change. Both give the same verdict on every input.
"""

from __future__ import annotations

import os
from typing import Final

from .verify import ChainCache, explain, verify

__all__ = ["AVAILABLE", "NAME", "ChainCache", "explain", "require", "verify"]

AVAILABLE: Final = ("python",)
"""Engines that this installation has."""
NAME: Final = os.environ.get("ATTENUATE_ENGINE") or AVAILABLE[-1]
"""The engine that was asked for, or the fastest there is."""


def require() -> None:
    """Raise ImportError where the engine that was asked for is missing."""
    if NAME not in AVAILABLE:
        raise ImportError(f"ATTENUATE_ENGINE={NAME!r:.40}: this installation has {', '.join(AVAILABLE)}")
