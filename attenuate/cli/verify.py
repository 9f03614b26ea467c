"""verify: whether a token allows a request, what remains to be charged, or why not.

With --store it is a gate: it charges, and says what is left.
"""

from __future__ import annotations

import argparse
import textwrap
from typing import Any

from ..call import call_binding, call_digest, flatten
from ..charges import Charge
from ..errors import Finding
from ..findings import clock
from ..gate import Gate
from ..gate.grant import Grant
from ..lease import Lease
from ..verified import Verified
from ..verifier import Verifier
from .output import EXIT, FAILED, OK, CommandError, Console, headline
from .stores import opened, shown_address
from .values import (
    add_keys,
    add_now,
    add_token,
    duration,
    load_ring,
    merged,
    read_limits,
    read_object,
    read_pairs,
    read_token,
)

ID_SHOWN = 12
"""Hex digits of a block id that are shown to people; --json has all 32."""


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "verify", help="verify a token for a request; counts nothing without --store", parents=[common]
    )
    add_token(parser)
    add_keys(parser)
    put = parser.add_argument
    put("--audience", required=True, metavar="NAME", help="the service that verifies")
    put("--action", required=True, help="the action asked for")
    put("--run", dest="caller", metavar="RUN", help="the run that asks (default: the one the lease states)")
    put(
        "--fact",
        action="append",
        default=[],
        metavar="NAME=TEXT",
        help="a fact; NAME:=JSON for other than text",
    )
    put("--facts", metavar="JSON", help="facts as a JSON object; null is opaque")
    put(
        "--args",
        metavar="JSON",
        dest="arguments",
        help="a tool call's arguments: facts args.…, call, and the binding",
    )
    put("--cost", action="append", default=[], metavar="UNIT=N", help="what it costs in a budget's unit")
    put("--leeway", type=duration, default=0, metavar="TIME", help="clock difference allowed, up to 60s")
    put("--max-lifetime", type=duration, metavar="TIME", help="longest lease taken")
    put("--store", metavar="ADDRESS", help="charge it there as a gate does (never by ATTENUATE_STORE alone)")
    put("--reserve", metavar="ID", help="with --store: hold what it costs until an outcome is told")
    put("--hold-for", metavar="TIME", default="2m", help="with --reserve (default: %(default)s)")
    put("--explain", action="store_true", help="all reasons against it, not only the first")
    add_now(parser)
    parser.set_defaults(handler=verify)


def verify(args: argparse.Namespace, out: Console) -> int:
    """Verify a token for a request."""
    ring = load_ring(args.keys)
    token = read_token(args)
    try:
        verifier = Verifier(
            ring,
            audience=args.audience,
            leeway=args.leeway,
            max_lifetime=args.max_lifetime,
            cache=0,
            allow_unstated_run=args.caller is None,  # whoever asks here may not know the run
        )
    except (TypeError, ValueError) as fault:
        raise CommandError(str(fault)) from None
    asked = _asked(args, token)
    if args.explain:
        findings = verifier.explain(token, action=args.action, now=args.now, **asked).findings
        if findings:
            return _explained(findings, out)
    if args.store is not None:
        return _charged(verifier, token, args, asked, out)
    if args.reserve is not None:
        raise CommandError("--reserve needs a store", "give --store ADDRESS")
    verified = verifier.verify(token, action=args.action, now=args.now, **asked)
    out.show(_data(verified), _text(verified, args.caller is None, out))
    return OK


def _charged(verifier: Verifier, token: str, args: argparse.Namespace, asked: Any, out: Console) -> int:
    """Ask a gate: the request is charged, and what is left is told."""
    with opened(args.store, make=True) as store:
        try:
            grant = Gate(verifier, store).check(
                token,
                action=args.action,
                now=args.now,
                reserve=args.reserve,
                hold_for=args.hold_for,
                **asked,
            )
        except ValueError as fault:  # of --reserve and --hold-for
            raise CommandError(str(fault)) from None
    data = {**_data(grant.verified), "charged": grant.charged, "left": grant.left}
    if grant.hold is not None:
        data["hold"] = {"id": grant.hold, "expires": grant.expires, "repeated": grant.repeated}
    out.show(data, _granted(grant, args, out))
    return OK


def _granted(grant: Grant, args: argparse.Namespace, out: Console) -> str:
    lines = _head("granted", grant.verified, args.caller is None, out)
    doing = "reserved" if grant.hold is not None else "charged"
    lines.append(out.paint(f"{doing} in {shown_address(args.store)}:", "dim"))
    left = grant.left
    rows = [(unit, f"{amount}, and {left[unit]} left") for unit, amount in grant.charged.items()]
    if grant.hold is not None:
        again = "; it was made before" if grant.repeated else ""
        rows += [("hold", grant.hold), ("outcome", f"to be told until {clock(grant.expires)}{again}")]
    lines += [_row(name, text, out) for name, text in rows or [("budget", "none to charge")]]
    return "\n".join(lines)


def _asked(args: argparse.Namespace, token: str) -> Any:
    """Return run, facts, cost and binding of the request that the options state."""
    facts = read_pairs(args.fact, "--fact")
    if args.facts is not None:
        facts = merged(read_object(args.facts, "--facts"), facts, "facts")
    binding = None
    if args.arguments is not None:
        call = read_object(args.arguments, "--args")
        own = {**flatten(call), "call": call_digest(call).hex()}
        facts = merged(own, facts, "facts")
        run = args.caller or Lease.parse(token).run
        binding = call_binding(args.audience, run, args.action, call) if run else None
    return {"run": args.caller, "facts": facts, "cost": read_limits(args.cost, "--cost"), "binding": binding}


def _explained(findings: tuple[Finding, ...], out: Console) -> int:
    lines = [out.paint(f"refused, for {len(findings)} reason{'s' if len(findings) > 1 else ''}", "bold")]
    for number, finding in enumerate(findings, 1):
        lines += [f"{number:3}  {out.paint(headline(finding), 'red')}", out.finding(finding, " " * 5)]
    data = {"error": findings[0].to_json(), "findings": [finding.to_json() for finding in findings]}
    out.show(data, "\n".join(filter(None, lines)))
    return EXIT.get(findings[0].stage, FAILED)


def _data(verified: Verified) -> dict[str, Any]:
    return {
        "allowed": True,
        "action": verified.request.action,
        "audience": verified.request.audience,
        "run": verified.run,
        "key_id": verified.key_id,
        "alg": verified.alg,
        "proof": verified.proof,
        "block_ids": list(verified.block_ids),
        "expires": verified.expires,
        "notes": verified.notes,
        "approvals": [list(ids) for ids in verified.approvals],
        "charges": [charge.to_json() for charge in verified.charges],
    }


def _text(verified: Verified, unstated: bool, out: Console) -> str:
    lines = _head("allowed", verified, unstated, out)
    lines.append(out.paint("still to be charged, all or nothing (verify counts nothing):", "dim"))
    lines += [_row(name, text, out) for name, text in charge_words(verified.charges)]
    return "\n".join(lines)


def _head(word: str, verified: Verified, unstated: bool, out: Console) -> list[str]:
    request, count = verified.request, len(verified.block_ids)
    head = f"{request.action} at {request.audience} for {verified.run}"
    blocks = f"{count} block{'s' if count > 1 else ''}"
    rows = [("key", f"{verified.key_id}, {verified.proof}, {blocks}"), ("until", clock(verified.expires))]
    if unstated:
        rows.append(("run", "the lease's own, because no --run was given"))
    rows += [("note", f"{name}: {note}") for name, note in verified.notes.items()]
    return [
        f"{out.paint(word, 'green bold')} {out.paint(head, 'bold')}",
        *[_row(name, text, out) for name, text in rows],
    ]


def _row(name: str, text: str, out: Console) -> str:
    flat = text.replace("\n", " ")  # a line end in a name must not look like another row
    first, *more = textwrap.wrap(flat, 86, break_long_words=False, break_on_hyphens=False) or [""]
    lines = [f"  {out.paint(name.ljust(10), 'dim')}{out.paint(first, '')}"]
    return "\n".join(lines + [f"{' ' * 12}{out.paint(line, '')}" for line in more])


def charge_words(charges: tuple[Charge, ...]) -> list[tuple[str, str]]:
    """Return what remains to be charged in words: (kind, what is asked of the counter)."""
    rows: list[tuple[str, str]] = []
    revoked = []
    for charge in charges:
        parts: Any = charge.to_json()["key"]
        key = parts[1:]
        if charge.kind == "budget":
            rows.append(
                ("budget", f"{charge.amount} {key[1]}, of {charge.ceiling} for block {_short(key[0])}")
            )
        elif charge.kind == "final":
            ends = "; this ends it" if charge.amount else ""
            rows.append(("final", f"block {_short(key[0])} has not ended{ends}"))
        elif charge.kind == "attempt":
            rows.append(("attempt", f"{key[1]} has no attempt above {charge.amount}"))
        elif charge.kind == "replay":
            rows.append(("replay", f"this proof was not used before, looked at until {clock(charge.until)}"))
        else:
            revoked.append(f"{key[0]} {_short(key[1]) if key[0] == 'block' else key[1]}")
    # each selector once: an approval's chain repeats the run
    return [*rows, ("revoked", "none of " + ", ".join(dict.fromkeys(revoked)))]


def _short(block_id: str) -> str:
    return f"{block_id[:ID_SHOWN]}…"
