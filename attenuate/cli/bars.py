"""Budgets as rows and as bars: full while all is left, and emptying from the right."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .. import charges, limits
from ..charges import Charge, ends_of, key_of
from ..lease import Lease
from ..store import Counter, Store
from ..store.model import kept
from ..words import shown
from .output import Console

WIDTH = 24
"""Columns of a bar."""
_BLOCKS = "█▒░"
_ASCII = "#=."
LEGEND = "In a bar █ is left, ▒ is held, ░ is spent; # = . where these cannot be shown."


class Budget(NamedTuple):
    """One unit of one block's budget. block: its number, None where only its id is known.

    used: whether it was ever charged, held or topped up; before that, it is what the block says.
    """

    block: int | None
    block_id: str
    unit: str
    counter: Counter
    used: bool

    @property
    def limit(self) -> int:
        """What may be charged in all, top-ups included."""
        return min(self.counter.ceiling + self.counter.extra, limits.SAFE_MAX)

    def to_json(self) -> dict[str, Any]:
        """Return the budget as JSON data."""
        counter = self.counter
        amounts = {"limit": counter.ceiling, "topped_up": counter.extra, "spent": counter.spent}
        amounts |= {"held": counter.held, "left": max(counter.left, 0)}
        return {"block": self.block, "block_id": self.block_id, "unit": self.unit, **amounts}


def budgets_of(store: Store, lease: Lease) -> list[Budget]:
    """Return every budget of a lease as it stands; raises Unavailable.

    What the blocks say is unverified, and cannot be wrong for their ids, which are hashes of it.
    """
    blocks, ids = lease.unverified_blocks, [bytes.fromhex(block_id) for block_id in lease.block_ids]
    out = []
    for key, number, unit, limit, until in charges.budgets_of(
        blocks, ids, ends_of(blocks, limits.MAX_LEEWAY)
    ):
        until = kept(Charge("budget", key, 0, limit, until))
        counter = Counter(key, ceiling=limit, until=until)
        out.append(Budget(number, lease.block_ids[number], unit, counter, False))
    rows = store.read([budget.counter.key for budget in out])
    return [_as_found(budget, row) for budget, row in zip(out, rows, strict=True)]


def _as_found(budget: Budget, row: Counter | None) -> Budget:
    if row is None:
        return budget
    ceiling, until = budget.counter.ceiling, max(row.until, budget.counter.until)
    return budget._replace(counter=row._replace(ceiling=ceiling, until=until), used=True)


def budgets_at(store: Store, block_id: str, units: Sequence[str]) -> list[Budget]:
    """Return the budgets of a block whose token is not at hand; those never used are not known."""
    rows = store.read([key_of("budget", bytes.fromhex(block_id), unit) for unit in units])
    return [
        Budget(None, block_id, unit, row, True)
        for unit, row in zip(units, rows, strict=True)
        if row is not None
    ]


def tightest(budgets: Iterable[Budget]) -> dict[str, int]:
    """Return what is left of each unit over all blocks: what a call can have."""
    out: dict[str, int] = {}
    for budget in budgets:
        left = max(budget.counter.left, 0)
        out[budget.unit] = min(left, out.get(budget.unit, left))
    return out


def bar(counter: Counter, out: Console, width: int = WIDTH) -> str:
    """Return a counter drawn: what is left, what is held, what is spent."""
    left = max(counter.left, 0)
    total = left + counter.held + counter.spent
    marks = _BLOCKS if _drawable() else _ASCII
    sizes = cells((left, counter.held, counter.spent), width)
    styles = ("yellow" if left * 4 <= total else "green", "yellow", "dim")
    parts = zip(marks, sizes, styles, strict=True)
    return "".join(out.paint(mark * size, style) for mark, size, style in parts)


def cells(amounts: Sequence[int], width: int) -> list[int]:
    """Share columns by amounts: what there is of has one at least, however little it is."""
    total = sum(amounts)
    if not total:
        return [0] * (len(amounts) - 1) + [width]
    sizes = [max(amount * width // total, 1 if amount else 0) for amount in amounts]
    sizes[sizes.index(max(sizes))] += width - sum(sizes)
    return sizes


def row(budget: Budget, out: Console, width: int) -> str:
    """Return one budget as a line: its unit in `width` columns, its bar, its numbers."""
    counter = budget.counter
    left = max(counter.left, 0)
    of = f"{counter.ceiling}+{counter.extra}" if counter.extra else f"{counter.ceiling}"
    rest = [f"{counter.spent} spent"] + ([f"{counter.held} held"] if counter.held else [])
    style = "red bold" if not left else "bold"
    numbers = f"{out.paint(str(left), style)} left of {of} · {', '.join(rest)}"
    return f"  {out.paint(shown(budget.unit).ljust(width), '')}  {bar(counter, out)}  {numbers}"


def _drawable() -> bool:
    try:
        _BLOCKS.encode(sys.stdout.encoding or "utf-8")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
