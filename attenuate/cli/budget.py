"""budget show, top-up: what is left of a lease's budgets, and more of it by an operator's word."""

from __future__ import annotations

import argparse
from typing import Any

from .. import limits
from ..errors import LeaseError
from ..lease import Lease
from ..ledger import Selector
from ..store import Store
from ..words import either, shown
from . import holds
from .bars import LEGEND, Budget, budgets_at, budgets_of, row, tightest
from .output import FAILED, OK, CommandError, Console
from .stores import add_store, address_of, opened
from .values import add_token, read_limits, read_token


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    group = commands.add_parser("budget", help="look at budgets and reservations, and top budgets up")
    verbs = group.add_subparsers(metavar="VERB", dest="verb", required=True)

    told = "what is left of each block's budgets"
    parser = verbs.add_parser("show", help=told, description=f"{told}. {LEGEND}", parents=[common])
    _add_block(parser)
    add_store(parser)
    parser.set_defaults(handler=show)

    told = "allow more than a block says; this widens it"
    parser = verbs.add_parser("top-up", help=told, description=f"{told}. {LEGEND}", parents=[common])
    told = "how much more, such as calls=20; again for another unit"
    parser.add_argument("--add", action="append", required=True, metavar="UNIT=N", help=told)
    told = "the block of the token, where several have the unit; budget show has the numbers"
    parser.add_argument("--number", type=int, metavar="N", help=told)
    _add_block(parser, units=False)
    add_store(parser)
    parser.set_defaults(handler=top_up)

    holds.add(verbs, common)


def _add_block(parser: argparse.ArgumentParser, *, units: bool = True) -> None:
    add_token(parser)
    parser.add_argument("--block", metavar="ID", help="a block's id, 32 hex digits, in place of a token")
    if units:
        parser.add_argument(
            "--unit", action="append", metavar="UNIT", help="with --block: which (default: calls)"
        )


def show(args: argparse.Namespace, out: Console) -> int:
    """Say what is left of each budget."""
    lease = _lease(args)
    with opened(address_of(args)) as store:
        if lease is not None:
            if args.unit:
                raise CommandError("--unit is for --block", "a token says its units itself")
            budgets = budgets_of(store, lease)
        else:
            budgets = budgets_at(store, args.block, args.unit or ["calls"])
    left = tightest(budgets)
    out.show(
        {"budgets": [each.to_json() for each in budgets], "left": left}, _text(budgets, lease, left, out)
    )
    return OK


def top_up(args: argparse.Namespace, out: Console) -> int:
    """Allow more for budgets, and show each before and after. Nothing is changed where one cannot be."""
    lease = _lease(args)
    done: list[dict[str, Any]] = []
    lines: list[str] = []
    failed: LeaseError | None = None
    with opened(address_of(args)) as store:
        found = []
        for unit, amount in read_limits(args.add, "--add").items():
            before = _one(_having(store, args, lease, unit), args, unit)
            if amount < 1 or before.counter.extra + amount > limits.SAFE_MAX:
                raise CommandError(f"top up by {amount}; give 1 or more, and at most 2^53-1 in all")
            found.append((before, amount))
        for before, amount in found:
            try:
                counter = store.top_up(before.counter._replace(extra=amount))
            except ValueError as fault:  # topped up by somebody else meanwhile
                raise CommandError(str(fault)) from None
            except LeaseError as fault:
                failed = fault
                break
            after = before._replace(counter=counter._replace(ceiling=before.counter.ceiling), used=True)
            done.append({"before": before.to_json(), "after": after.to_json(), "added": amount})
            lines += _topped_up(before, after, amount, out)
    lines.append(
        "This widens it for every lease that descends from it. Budgets of other blocks hold as before."
    )
    data = {"budgets": done}
    if failed is not None:
        if not done:
            raise failed
        return out.partly(data, "\n".join(lines), failed)
    out.show(data, "\n".join(lines))
    return OK


def _topped_up(before: Budget, after: Budget, amount: int, out: Console) -> list[str]:
    where = "that block" if before.block is None else f"block {before.block}"
    told = f"{where}, {before.block_id}, may now spend {amount} more {shown(before.unit)}"
    width = len(shown(before.unit))
    return [
        out.paint(told, "yellow bold"),
        out.paint("before", "dim"),
        row(before, out, width),
        out.paint("after", "dim"),
        row(after, out, width),
    ]


def _lease(args: argparse.Namespace) -> Lease | None:
    """Return the lease of the token, None where a block's id was given."""
    if args.block is None:
        return Lease.parse(read_token(args))
    if args.token is not None or args.token_file is not None:
        raise CommandError("a token and --block; give exactly one")
    try:
        Selector.make("block", args.block)
    except ValueError as fault:
        raise CommandError(str(fault)) from None
    return None


def _having(store: Store, args: argparse.Namespace, lease: Lease | None, unit: str) -> list[Budget]:
    if lease is None:
        if args.number is not None:
            raise CommandError("--number is for a token", "--block names the block itself")
        return budgets_at(store, args.block, [unit])
    found = [each for each in budgets_of(store, lease) if each.unit == unit]
    return [each for each in found if args.number in (None, each.block)]


def _one(found: list[Budget], args: argparse.Namespace, unit: str) -> Budget:
    """Return the one budget that is meant; raises CommandError."""
    if len(found) == 1:
        return found[0]
    if found:
        numbers = ", ".join(str(each.block) for each in found)
        raise CommandError(
            f"blocks {numbers} have a budget of {unit}",
            "--number N says which, as attenuate budget show numbers them; "
            "a call is charged to all of them, so the tightest decides",
        )
    if args.block is not None:
        raise CommandError(
            f"no counter of {unit} for this block, which was never charged",
            "give the token in place of --block: it says what the budget is",
            FAILED,
        )
    which = "no block of this lease has a" if args.number is None else f"block {args.number} has no"
    raise CommandError(f"{which} budget of {unit}", "attenuate budget show tells what there is", FAILED)


def _text(budgets: list[Budget], lease: Lease | None, left: dict[str, int], out: Console) -> str:
    if not budgets:
        if lease is None:
            return "no counter of this block and unit: it was never charged, or has no such budget"
        return "no block of this lease has a budget"
    width = max(len(each.unit) for each in budgets)
    lines, last = [], ""
    for each in budgets:
        if each.block_id != last:
            last = each.block_id
            name = f"block {last}" if each.block is None else f"block {each.block}  {last}"
            lines.append(out.paint(name, "dim"))
        lines.append(row(each, out, width))
    gone = [unit for unit, amount in left.items() if not amount]
    if gone or len(budgets) > len(left):
        told = ", ".join(f"{amount} {shown(unit)}" for unit, amount in left.items())
        so = "; every block is charged" if len(budgets) > len(left) else ""
        if "calls" in gone:
            so = ", so none passes"
        elif gone:
            so = f", so none passes that costs {either(gone)}"
        lines.append(f"left for the next call: {out.paint(told, 'bold')}{out.paint(so, '')}")
    return "\n".join(lines)
