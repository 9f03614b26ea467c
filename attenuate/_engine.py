"""The one place that knows which engine verifies: the native kernel, or Python.

The environment variable ATTENUATE_ENGINE asks for one by name (`python` or `native`); one that is
missing is an error, never a silent change. Both give the same verdict on every input. A kernel of
another version than this package is no engine of it.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from .version import __version__

__all__ = [
    "AVAILABLE",
    "NAME",
    "WHY",
    "ChainCache",
    "explain",
    "make_request",
    "outcome",
    "require",
    "verify",
    "verify_many",
]


_ASKED = os.environ.get("ATTENUATE_ENGINE")


def _missing() -> str:
    """Return why there is no native engine, or the empty text."""
    if _ASKED == "python":
        return "ATTENUATE_ENGINE=python, so the kernel is not looked at"
    if find_spec("attenuate_kernel") is None:
        return "attenuate-kernel is not installed"
    try:
        import attenuate_kernel
    except Exception as fault:  # built for another machine, or not ours
        return f"attenuate-kernel cannot be imported: {fault!r:.200}"
    found = getattr(attenuate_kernel, "__version__", "of no version")
    return "" if found == __version__ else f"attenuate-kernel is {found}, and attenuate {__version__}"


WHY: Final = _missing()
"""Why there is no native engine; empty where there is one."""
AVAILABLE: Final = ("python",) if WHY else ("python", "native")
"""Engines that this installation has."""
NAME: Final = _ASKED or AVAILABLE[-1]
"""The engine that was asked for, or the fastest there is."""

if TYPE_CHECKING or NAME != "native" or WHY:
    from .request import Request as make_request
    from .verify import ChainCache, explain, outcome, verify, verify_many
else:
    from .native import ChainCache, explain, make_request, outcome, verify, verify_many


def require() -> None:
    """Raise ImportError where the engine that was asked for is missing."""
    if NAME not in AVAILABLE:
        why = f"; {WHY}" if NAME == "native" else ""
        raise ImportError(f"ATTENUATE_ENGINE={NAME!r:.40}: this installation has {', '.join(AVAILABLE)}{why}")
