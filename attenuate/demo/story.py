"""The demo's text: drawings of the chain and of the hand-off, and a scene as lines. 100 columns."""

from __future__ import annotations

import textwrap
from itertools import zip_longest
from typing import Final

from ..block import ALLOW, AUDIENCE, EXPIRES, NOTES, RUN, Block
from ..cli.bars import budgets_of, row
from ..cli.output import Console, headline
from ..findings import clock
from ..lease import Lease
from ..request import run_text
from .service import PRICES
from .world import Result, World

WIDTH: Final = 100
_BOX: Final = 43
"""Columns of a block's drawing, so that two and an arrow fit."""


def heading(number: int, title: str, out: Console) -> str:
    """Return the heading of a part."""
    return "\n" + out.paint(f" {number} · {title} ".ljust(WIDTH, "─"), "bold cyan") + "\n"


def processes(orchestrator: int, service: int, agent: int, out: Console) -> str:
    """Return who talks to whom, with process ids."""
    rows = (
        (f"orchestrator ({orchestrator})", f"tool service ({service})", "git repository"),
        ("has the root key k1", "has k1/repo, the key of one service", "clord.git"),
        ("mints and narrows leases", "verifies every call", "   ▲"),
        ("    │", "    ▲                 │", "   │"),
        ("    │ the narrowed lease,", "    │                 └─ what was checked ─", "───┘"),
        ("    │ on stdin", "    │", ""),
        ("    ▼", "    │ HTTP on 127.0.0.1, Authorization: Bearer lease1_…", ""),
        (f"child agent ({agent}) ".ljust(33, "─"), "────┘", ""),
        ("has its lease, and no key", "", ""),
    )
    return "\n".join(out.paint(f"  {a:<33}{b:<42}{c}".rstrip(), "") for a, b, c in rows)


def chain(lease: Lease, out: Console) -> str:
    """Return the blocks of a lease drawn side by side, each with what it says."""
    boxes = [
        _box(index, block_id, block)
        for index, (block_id, block) in enumerate(zip(lease.block_ids, lease.unverified_blocks, strict=True))
    ]
    lines = []
    for number, parts in enumerate(zip_longest(*boxes, fillvalue=" " * _BOX)):
        lines.append("  " + (" ──▶ " if number == 2 else "     ").join(parts).rstrip())
    return "\n".join(out.paint(line, "") for line in lines)


def _box(index: int, block_id: str, block: Block) -> list[str]:
    fields, inner = block.fields, _BOX - 4
    rows: list[tuple[str, str]] = []
    if RUN in fields:
        rows.append(("run", run_text(fields[RUN])))
    if AUDIENCE in fields:
        rows.append(("at", ", ".join(fields[AUDIENCE])))
    for grant in fields.get(ALLOW, ()):
        rows.append(("only" if index else "may", grant.words()))
    if EXPIRES in fields:
        rows.append(("until", clock(fields[EXPIRES])))
    for name, note in fields.get(NOTES, {}).items():
        rows.append(("note", f"{name}: {note}"))
    lines = []
    for name, text in rows:
        wrapped = textwrap.wrap(text, inner - 6, break_on_hyphens=False) or [""]
        lines += [f"{name if n == 0 else '':<6}{part}" for n, part in enumerate(wrapped)]
    title = f"┌─ block {index} ─ {block_id[:12]}… "
    body = [f"│ {line.ljust(inner)} │" for line in lines]
    return [title.ljust(_BOX - 1, "─") + "┐", *body, "└" + "─" * (_BOX - 2) + "┘"]


def shared(world: World, out: Console) -> str:
    """Return the lead's budget as it stands at the start, and what calls cost."""
    prices = ", ".join(f"{action} {PRICES[action]}" for action in ("repo.read", "repo.commit"))
    told = (
        "  Three more agents, each a process. A call is charged to every block of its chain, so the children\n"
        f"  spend the lead's budget. Prices in cents: {prices}."
    )
    return f"{out.paint(told, '')}\n\n{left(world, out)}"


def left(world: World, out: Console) -> str:
    """Return what is left of the shared budget, drawn; asked of the store as an operator would."""
    [budget] = budgets_of(world.store, world.shared)
    return f"           {row(budget, out, len(budget.unit))}\n"


def scene(result: Result, out: Console) -> str:
    """Return a played scene as lines: what was tried, what came, and why."""
    refused = result.scene.expected.stage != "ok"
    if not result.ok:
        mark, style = "NOT AS ANNOUNCED", "yellow bold"
    elif refused:
        mark, style = "✗ refused", "red bold"
    else:
        mark, style = "✓ done", "green bold"
    lines = [f"  {out.paint(mark.ljust(10), style)} {out.paint(result.scene.title, 'bold')}"]
    asked = _asked(result)
    if asked:
        lines.append(f"             {out.paint(asked, 'dim')}")
    if not result.ok:
        lines.append(f"             announced: {result.scene.expected}; came: {result.got}")
    if result.finding is not None:
        status = "before it was sent" if result.got.status is None else f"HTTP {result.got.status}"
        lines.append(
            f"             {out.paint(headline(result.finding), 'red')} {out.paint(f'({status})', 'dim')}"
        )
        lines.append(out.finding(result.finding, " " * 13, WIDTH))
        if result.took is not None:
            told = f"{result.took * 1e3:.1f} ms from the operator's word to this answer"
            lines.append(f"             {out.paint(told, 'bold')}")
    elif result.result:
        lines.append(f"             {out.paint('→ ' + result.result.strip(), 'green')}")
    text = "\n".join(line for line in lines if line)
    return f"{text}\n" if result.finding is not None else text


def _asked(result: Result) -> str:
    """Return the call of a scene in one line."""
    order = result.scene.order
    if order.get("do") != "call":
        return ""
    shown = [
        f"{name}={value}"
        for name, value in order["args"].items()
        if name not in ("content", "message", "repo")
    ]
    return f"{order['action']}  {'  '.join(shown)}"
