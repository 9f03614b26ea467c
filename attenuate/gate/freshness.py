"""How old a followed ledger may be, by what is asked: reads longest, money least."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..grants import check_patterns, matches

CHANGE: Final = 10.0
SPEND: Final = 2.0
"""Seconds; an action that no pattern names is a change, and one with a cost in a unit is at most SPEND."""


class Freshness:
    """Seconds by action pattern. ages: {"repo.read": 60, "pay.*": 0}; the first that matches counts.

    0 asks the ledger before every such action, and takes an answer at most SPEND old. What no pattern
    matches may be CHANGE old. A request with a cost is held to SPEND, unless a pattern for its action
    says otherwise.

    Raises TypeError or ValueError for what is no pattern or no age, at most an hour.
    """

    def __init__(self, ages: Mapping[str, float] | None = None) -> None:
        self._ages: list[tuple[tuple[str, ...], float]] = []
        for pattern, age in (ages or {}).items():
            check_patterns((pattern,))
            if isinstance(age, bool) or not isinstance(age, int | float) or not 0 <= age <= 3600:
                raise ValueError(f"{pattern}: {age!r:.40}; give seconds, 0 to 3600")
            self._ages.append(((pattern,), float(age)))

    def limit(self, action: str, spends: bool) -> float:
        """Return the seconds that an action allows. spends: whether it has a cost in a unit but calls."""
        for patterns, age in self._ages:
            if matches(patterns, action):
                return age
        return SPEND if spends else CHANGE
