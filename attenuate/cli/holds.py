"""budget holds: reservations without an outcome, and giving them one."""

from __future__ import annotations

import argparse
from typing import Any

from ..charges import parts_of
from ..fields import moment
from ..gate.reservations import settle
from ..store import Hold, State
from ..words import shown
from .output import OK, CommandError, Console
from .stores import add_store, address_of, opened
from .values import add_now, read_limits


def add(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the parser."""
    told = "reservations without an outcome; release or commit one"
    parser = verbs.add_parser("holds", help=told, description=told, parents=[common])
    put = parser.add_argument
    put("--release", metavar="ID", help="free what it holds: the action was not carried out")
    put("--commit", metavar="ID", help="charge what it holds, or --cost of it, and free the rest")
    put("--cost", action="append", default=[], metavar="UNIT=N", help="with --commit: what it came to")
    put("--limit", type=int, default=100, metavar="N", help="how many are listed (default: %(default)s)")
    add_store(parser)
    add_now(parser)
    parser.set_defaults(handler=holds)


def holds(args: argparse.Namespace, out: Console) -> int:
    """List reservations, or settle one."""
    cost = read_limits(args.cost, "--cost")
    if args.release is not None and args.commit is not None:
        raise CommandError("--release and --commit; give one")
    if cost and args.commit is None:
        raise CommandError("--cost is for --commit", "a release charges nothing")
    if args.limit < 1:
        raise CommandError(f"--limit {args.limit}; give 1 or more")
    now = moment(args.now)
    with opened(address_of(args)) as store:
        if args.release is None and args.commit is None:
            return _listed(store.holds(limit=args.limit), now, out)
        state = State.RELEASED if args.commit is None else State.COMMITTED
        try:
            hold = settle(store, args.commit or args.release, state, cost, now=now)
        except ValueError as fault:
            raise CommandError(str(fault)) from None
    told = "freed" if state is State.RELEASED else f"charged {_amounts(hold, 2)}"
    out.show(hold.to_json(), f"{out.paint(state.name.lower(), 'green bold')} {hold.id.hex()}: {told}")
    return OK


def _listed(found: list[Hold], now: int, out: Console) -> int:
    overdue = sum(hold.expires <= now for hold in found)
    lines = [out.paint(f"{len(found)} open, {overdue} of them overdue", "bold")]
    for hold in found:
        late = hold.expires <= now
        due = f"overdue for {now - hold.expires} s" if late else f"expires in {hold.expires - now} s"
        lines.append(f"{hold.id.hex()}  {out.paint(due, 'yellow bold' if late else '')}")
        lines.append(f"  {out.paint(_amounts(hold, 1), '')}")
        blocks = dict.fromkeys(parts_of(key)[1].hex()[:12] for key, _, _ in hold.items)
        if blocks:
            name = "block" if len(blocks) == 1 else "blocks"
            lines.append(f"  {name} {', '.join(f'{each}…' for each in blocks)}")
    if overdue:
        lines.append("What is overdue stays charged; the next sweep of a gate settles it.")
    data = [{**hold.to_json(), "overdue": hold.expires <= now} for hold in found]
    out.show({"holds": data, "overdue": overdue}, "\n".join(lines))
    return OK


def _amounts(hold: Hold, place: int) -> str:
    """Return by unit what is held (place 1) or was charged (place 2), and for how many blocks."""
    units: dict[tuple[str, int], int] = {}
    for item in hold.items:
        name = parts_of(item[0])[2], int(item[place])
        units[name] = units.get(name, 0) + 1
    words = [
        f"{amount} {shown(unit)}" + (f" of {n} blocks each" if n > 1 else "")
        for (unit, amount), n in units.items()
    ]
    return ", ".join(words) or "nothing"
