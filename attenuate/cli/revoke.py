"""lease revoke, suspend, resume: end leases for good, stop them for a while, and let them go on."""

from __future__ import annotations

import argparse
import json
import shlex
from typing import Any

from .. import limits
from ..charges import Charge, ends_of
from ..fields import moment
from ..findings import clock
from ..lease import Lease
from ..ledger import ALWAYS, KINDS, Ledger, Selector, View
from ..ledger.entry import CLASSES
from ..store.model import kept
from .output import FAILED, OK, CommandError, Console
from .stores import add_store, address_of, opened
from .values import Ago, add_now, add_token, moment_or_ago, read_json, read_token

_HELP = {
    "revoke": "end a lease and all that descends from it, or every lease of a run, agent, key …",
    "suspend": "refuse them until they are resumed, those issued meanwhile as well",
    "resume": "undo a suspension; what was revoked stays revoked",
}
_META = {
    "block": "ID",
    "agent": "A",
    "subject": "S",
    "key": "K",
    "template": "T",
    "policy": "P",
    "run": "RUN",
}
_DONE = {"revoke": "revoked", "suspend": "suspended", "resume": "resumed"}


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    group = commands.add_parser("lease", help="revoke, suspend and resume leases")
    verbs = group.add_subparsers(metavar="VERB", dest="verb", required=True)
    for verb, told in _HELP.items():
        parser = verbs.add_parser(verb, help=told, description=told, parents=[common])
        add_token(parser)
        put = parser.add_argument
        put("--block", metavar="ID", help="a block's id, 32 hex digits, in place of a token")
        put("--run", metavar="RUN", help="a run and all below it, as in agt_1@2/reader@1")
        for kind in CLASSES:
            told = f"leases of a {kind}" if kind == "key" else f"leases whose issuer noted this {kind}"
            put(f"--{kind}", metavar=_META[kind], help=f"{told}; :=JSON for other than text")
        if verb == "revoke":
            told = (
                "only leases issued before that second: a time as --now takes it, or 10m for ten minutes ago"
            )
            put("--before", metavar="TIME", type=moment_or_ago, help=told)
            put("--all", action="store_true", help="those issued afterwards too, for a class of leases")
        put("--note", default="", metavar="TEXT", help="why, for people; verifiers are not told")
        put("--dry-run", action="store_true", help="say how many leases it would catch, and change nothing")
        add_store(parser)
        add_now(parser)
        parser.set_defaults(handler=change, before=None, all=False)


def change(args: argparse.Namespace, out: Console) -> int:
    """Append one entry to the ledger of a store, or say what it would do."""
    selector, until = _selector(args)
    if args.before is not None and args.all:
        raise CommandError("--before and --all", "give one: --all is for every lease, whenever it was issued")
    with opened(address_of(args)) as store:
        ledger = Ledger(store, clock=(lambda: args.now)) if args.now is not None else Ledger(store)
        before = ALWAYS
        if args.verb == "revoke":
            before = ledger.before(selector, ALWAYS if args.all else _before(args))
        more = _resumable(ledger.state(), selector) if args.verb == "resume" else []
        count, seq = ledger.count(selector, before=before), None
        if args.verb != "resume" and not (count or ledger.count(selector, before=ALWAYS)):
            more.append(("", "no gate of this store has seen one; look at the name"))
        if not args.dry_run:
            seq = _append(ledger, args, selector, before, until)
            if args.verb == "suspend":
                more.append(("undo", f"attenuate lease resume {_option(selector)}"))
    data = {"verb": args.verb, "selector": {"kind": selector.kind, "value": selector.value}}
    ends = None if before == ALWAYS else before
    shown = {**data, "before": ends, "leases": count, "dry_run": args.dry_run, "seq": seq}
    out.show(shown, _text(args.verb, selector, ends, count, seq, more, out))
    return OK


def _before(args: argparse.Namespace) -> int | None:
    """Return the time of --before, None where it was not given."""
    if not isinstance(args.before, Ago):
        return None if args.before is None else int(args.before)
    return max(0, moment(args.now) - args.before.seconds)


def _resumable(view: View, selector: Selector) -> list[tuple[str, str]]:
    """Return what else to say of something that is suspended; raises CommandError for what is not."""
    name = name_of(selector)
    revoked = ""
    if _stands(view, selector, ALWAYS - 1) == "revoked":
        revoked = "it is revoked"
    elif _stands(view, selector, 0) == "revoked":
        revoked = "what was issued before its revocation is revoked"
    if _stands(view, selector, ALWAYS) == "suspended":
        return [("but", f"{revoked}, and stays so")] if revoked else []
    if revoked:
        raise CommandError(f"{name} is not suspended; {revoked}, and stays so", "issue a fresh lease", FAILED)
    hint = "attenuate ledger status shows what was; resume names the same, as in --run or --agent"
    raise CommandError(f"nothing was suspended: {name} is not", hint, FAILED)


def _stands(view: View, selector: Selector, issued_at: int) -> str:
    """Return "revoked" or "suspended" as a ledger says it of leases issued at a time, else ""."""
    found = view.against([Charge("revoked", selector.key, 0, 0, 0, False, issued_at)])
    return found[1] if found else ""


def _option(selector: Selector) -> str:
    """Return the option that names the same, as it is pasted in a shell."""
    kind, value = selector
    text = str(value)
    if kind in CLASSES and kind != "key":
        if not isinstance(value, str) or value.startswith(":=") or not value.isprintable():
            text = f":={json.dumps(value)}"
    equals = "=" if text.startswith("-") else " "
    return f"--{kind}{equals}{shlex.quote(text)}"


def _append(
    ledger: Ledger, args: argparse.Namespace, selector: Selector, before: int, until: int | None
) -> int:
    try:
        if args.verb == "revoke":
            return ledger.revoke(selector, before=before, until=until, note=args.note)
        return (ledger.suspend if args.verb == "suspend" else ledger.resume)(selector, note=args.note)
    except ValueError as fault:
        raise CommandError(str(fault)) from None


def _selector(args: argparse.Namespace) -> tuple[Selector, int | None]:
    """Return what is named, and until when it can catch anything, None for always."""
    named = [(kind, getattr(args, kind)) for kind in KINDS if getattr(args, kind) is not None]
    token = args.token is not None or args.token_file is not None
    if len(named) + token > 1:
        given = [*(["a token"] if token else []), *(f"--{kind}" for kind, _ in named)]
        raise CommandError(f"{' and '.join(given)}; give exactly one", "two commands name two")
    if not named:
        lease = Lease.parse(read_token(args))
        ends = ends_of(lease.unverified_blocks, limits.MAX_LEEWAY)[-1]
        return Selector("block", lease.block_ids[-1]), kept(Charge("revoked", b"", 0, 0, ends))
    [(kind, text)] = named
    value: Any = text
    if kind in CLASSES and kind != "key" and text.startswith(":="):
        value = read_json(text[2:], f"--{kind}")
    try:
        selector = Selector.make(kind, value)
    except ValueError as fault:
        raise CommandError(str(fault)) from None
    return selector, None


def _text(
    verb: str,
    selector: Selector,
    before: int | None,
    count: int,
    seq: int | None,
    more: list[tuple[str, str]],
    out: Console,
) -> str:
    done = _DONE[verb] if seq is not None else f"would {verb}"
    style = "green bold" if verb == "resume" else "red bold"
    what = "the block and all that descends from it, never what it descends from"
    if selector.kind == "run":
        what = "the run and all below it"
    elif selector.kind == "key":
        what = "every lease under the key and its audience keys"
    elif selector.kind != "block":
        what = f"every lease with this {selector.kind}"
    rows = [("what", what)]
    if before is not None:
        rows.append(
            ("issued", f"before {clock(before)}; what is issued afterwards lives (--all for that too)")
        )
    leases = "1 lease" if count == 1 else f"{count} leases"
    rows.append(("seen", f"{leases}, not yet expired; those never used are not known here"))
    rows += more
    rows.append(("ledger", "nothing was changed" if seq is None else f"entry {seq}"))
    head = f"{out.paint(done, style)} {out.paint(name_of(selector), 'bold')}"
    return "\n".join(
        [head, *(f"  {out.paint(name.ljust(8), 'dim')}{out.paint(text, '')}" for name, text in rows)]
    )


def name_of(selector: Selector) -> str:
    """Return what a selector names, a block's id as it is pasted elsewhere."""
    return f"block {selector.value}" if selector.kind == "block" else str(selector)
