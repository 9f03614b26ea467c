"""issue, narrow, seal, present: commands whose product is a token. inspect: what one says."""

from __future__ import annotations

import argparse
import re
from typing import Any

from ..call import call_binding
from ..describe import authority, describe
from ..fields import Terms
from ..findings import clock
from ..lease import Lease
from ..words import shown as shown_text
from .output import OK, CommandError, Console
from .terms import GRAMMAR, add_terms, read_terms
from .values import add_keys, add_now, add_token, load_ring, read_object, read_token


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add these commands to the parser."""
    look: dict[str, Any] = {
        "parents": [common],
        "formatter_class": argparse.RawDescriptionHelpFormatter,
        "epilog": GRAMMAR,
    }
    parser = commands.add_parser("issue", help="mint a lease and print its token", **look)
    add_keys(parser)
    add_terms(parser)
    add_now(parser)
    parser.set_defaults(handler=issue)

    parser = commands.add_parser(
        "narrow", help="print a narrower token, made offline and without a key", **look
    )
    add_token(parser)
    add_terms(parser)
    parser.add_argument("--seal", action="store_true", help="seal it as well: nobody can narrow it further")
    add_now(parser)
    parser.set_defaults(handler=narrow)

    parser = commands.add_parser(
        "seal", help="print the token sealed: good for use, not for narrowing", parents=[common]
    )
    add_token(parser)
    parser.set_defaults(handler=seal)

    parser = commands.add_parser(
        "present", help="print the token bound to one call, good for a minute", parents=[common]
    )
    add_token(parser)
    parser.add_argument("--audience", required=True, metavar="NAME", help="the service that is called")
    parser.add_argument("--action", required=True, help="the action that is called")
    parser.add_argument(
        "--args", required=True, metavar="JSON", dest="arguments", help="the call's arguments"
    )
    parser.add_argument(
        "--as", metavar="RUN", dest="caller", help="the run that calls (default: the lease's)"
    )
    add_now(parser)
    parser.set_defaults(handler=present)

    parser = commands.add_parser(
        "inspect", help="say what a token claims, without verifying it", parents=[common]
    )
    add_token(parser)
    add_now(parser)
    parser.set_defaults(handler=inspect)


def issue(args: argparse.Namespace, out: Console) -> int:
    """Mint a lease and print its token."""
    ring = load_ring(args.keys)
    terms = read_terms(args)
    try:
        lease = ring.mint(now=args.now, **terms)
    except (TypeError, ValueError) as fault:
        raise _unfit(fault) from None
    return _print(lease, out)


def narrow(args: argparse.Namespace, out: Console) -> int:
    """Print a token with one more block, and sealed where asked."""
    lease, terms = Lease.parse(read_token(args)), read_terms(args)
    if not terms and not args.seal:
        raise CommandError("nothing to narrow by", "give --allow, --where, --ttl or another term, or --seal")
    if terms:
        lease = _narrowed(lease, terms, args.now)
    return _print(lease.seal() if args.seal else lease, out)


def _narrowed(lease: Lease, terms: Terms, now: int | None) -> Lease:
    try:
        return lease.narrow(now=now, **terms)
    except (TypeError, ValueError) as fault:
        raise _unfit(fault) from None


def seal(args: argparse.Namespace, out: Console) -> int:
    """Print a token sealed."""
    return _print(Lease.parse(read_token(args)).seal(), out)


def present(args: argparse.Namespace, out: Console) -> int:
    """Print a token bound to one call."""
    lease = Lease.parse(read_token(args))
    run = args.caller or lease.run
    if not run:
        raise CommandError("the lease states no run", "give --as RUN")
    call = read_object(args.arguments, "--args")
    binding = call_binding(args.audience, run, args.action, call)
    try:
        return _print(lease.present(binding, now=args.now), out)
    except ValueError as fault:
        raise CommandError(str(fault)) from None


def inspect(args: argparse.Namespace, out: Console) -> int:
    """Say what a token claims."""
    lease = Lease.parse(read_token(args))
    lines = describe(lease, now=args.now).split("\n")
    if lease.approvals:
        lines.insert(-1, f"with {len(lease.approvals)} approval(s) attached")
    out.show(authority(lease), "\n".join(_painted(line, out) for line in lines))
    return OK


def _painted(line: str, out: Console) -> str:
    """Return a line of `describe` with its weight: who and until when, what never, where it is said."""
    text, mark = line, ""
    found = re.fullmatch(r"(.*?)(  +block [0-9]+(?:, key .*)?)", line)
    if found:
        text, mark = found.groups()
    style = (
        "bold" if mark else "red" if text.startswith("  never ") else "dim" if text.startswith("(") else ""
    )
    if "(expired)" in text:
        style = "red bold"
    return out.paint(text, style) + out.paint(mark, "dim")


def _print(lease: Lease, out: Console) -> int:
    data = authority(lease)
    until = f", until {clock(data['expires'])}" if data["expires"] is not None else ""
    count = len(lease.block_ids)
    summary = f"{lease.run or 'no run'}{until}: {count} block{'s' if count > 1 else ''}, {lease.proof}, key {shown_text(lease.key_id)}"
    shown = {name: data[name] for name in ("key_id", "proof", "run", "audience", "expires", "block_ids")}
    out.secret(lease.token, shown, summary)
    return OK


def _unfit(fault: Exception) -> CommandError:
    """Return the library's words for terms that make no block, as a usage error."""
    return CommandError(str(fault), "attenuate issue --help tells the terms")
