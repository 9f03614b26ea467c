"""The one place that knows which engine verifies: the native kernel, or Python.

The environment variable ATTENUATE_ENGINE asks for one by name (`python` or `native`); one that is
missing is an error, never a silent change. Both give the same verdict on every input.
"""

from __future__ import annotations

import os
from typing import Final

from .verify import ChainCache, explain, verify

__all__ = ["AVAILABLE", "NAME", "ChainCache", "explain", "verify"]

AVAILABLE: Final = ("python",)
"""Engines that this installation has."""


def _chosen() -> str:
    asked = os.environ.get("ATTENUATE_ENGINE", AVAILABLE[-1])
    if asked not in AVAILABLE:
        raise ImportError(f"ATTENUATE_ENGINE={asked!r:.40}: this installation has {', '.join(AVAILABLE)}")
    return asked


NAME: Final = _chosen()
"""The engine that verifies."""
