"""The figures of one run, as report.py wrote them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.paired import Spread

FOLDER = Path(__file__).parent / "results"
FILE = FOLDER / "results.json"


@dataclass(frozen=True)
class Results:
    """Figures by question and name. data: the JSON."""

    data: dict[str, Any]

    @classmethod
    def load(cls) -> Results:
        """Read results.json."""
        return cls(json.loads(FILE.read_text(encoding="utf-8")))

    def names(self, question: str) -> list[str]:
        """Return the names of what was timed."""
        return list(self.data["questions"][question]["us"])

    def by_size(self, question: str) -> list[str]:
        """Return the names, without their number of blocks, of what was timed with several numbers of them."""
        names = self.names(question)
        found = dict.fromkeys(name.rsplit(" ", 1)[0] for name in names if name[-1].isdigit())
        return [name for name in found if f"{name} 8" in names or name.startswith("jwt")]

    def us(self, question: str, name: str) -> Spread:
        """Return microseconds a call."""
        return Spread(*self.data["questions"][question]["us"][name])

    def ratio(self, question: str, mine: str, other: str) -> Spread:
        """Return mine / other, round by round."""
        return Spread(*self.data["questions"][question]["ratios"][f"{mine} / {other}"])

    def pairs(self, question: str) -> list[tuple[str, str]]:
        """Return the pairs that have a ratio."""
        found = []
        for pair in self.data["questions"][question]["ratios"]:
            mine, _, other = pair.partition(" / ")
            found.append((mine, other))
        return found

    @property
    def native(self) -> bool:
        """Say whether the native engine was measured."""
        return "native" in self.data["engines"]

    def more_ms(self, engine: str) -> Spread:
        """Return what importing attenuate takes over a bare interpreter, in milliseconds."""
        return Spread(*self.data["import"][f"attenuate {engine}, over interpreter"])

    def chars(self, name: str, n: int) -> int:
        """Return the characters of a token of n blocks."""
        return int(self.data["sizes"][name][str(n)])

    def gate(self, name: str) -> Spread:
        """Return the microseconds that a gate takes over the verification within it."""
        return Spread(*self.data["gate"]["more"][name])
