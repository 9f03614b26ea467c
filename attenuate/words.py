"""Values from a token or a request, fit to stand in a line that a person reads.

A holder chooses most of what is shown. What could forge a line, hide in it or run into the words
around it is written with quotes and escapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Final, TypeVar

T = TypeVar("T")

MOST = 120
"""Characters of one list or condition that an error shows."""


_PLAIN: Final = re.compile(r"[A-Za-z_./:@*+-][A-Za-z0-9_./:@*+-]*")
_TAKEN: Final = frozenset(("true", "false", "None", "or", "and", "not", "anything"))


def shown(value: object) -> str:
    """Return a scalar as it stands in a sentence: plain where that is safe, else quoted."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value not in _TAKEN
        return value if plain else repr(value)
    return repr(value)


def steady(method: Callable[[T], str]) -> Callable[[T], str]:
    """Let a __repr__ not fail on a value that was refused while it was made: reports show those."""

    @wraps(method)
    def text(self: T) -> str:
        try:
            return method(self)
        except AttributeError:
            return f"<{type(self).__name__}, not made>"

    return text


def brief(value: object) -> str:
    """Return what somebody passed, shortened; never raises, whatever it is."""
    try:
        return cut(repr(value))
    except Exception:  # thousands of digits, or a repr that fails
        return f"a {type(value).__name__}"


def either(values: Iterable[object]) -> str:
    """Return scalars joined by "or"."""
    return " or ".join(map(shown, values))


def listed(values: Iterable[object]) -> str:
    """Return scalars joined by commas."""
    return ", ".join(map(shown, values))


def cut(text: str) -> str:
    """Return a text, shortened where it is long."""
    return text if len(text) <= MOST else text[:MOST] + "…"
