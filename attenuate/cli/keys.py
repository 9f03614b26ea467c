"""keys: make, rotate, list and publish. A secret goes to a file of its owner's and nowhere else."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..block import HMAC
from ..keys import ALGORITHMS
from ..ring import KeyRing
from .output import OK, CommandError, Console
from .values import KEY_FILE, add_keys, load_ring, save_ring


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    group = commands.add_parser("keys", help="make, rotate, show and publish keys")
    verbs = group.add_subparsers(metavar="VERB", dest="verb", required=True)

    parser = verbs.add_parser("new", help="make a key ring of one new key", parents=[common])
    parser.add_argument("key_id", metavar="KEYID")
    parser.add_argument("--alg", choices=tuple(ALGORITHMS), default="hmac", help="(default: %(default)s)")
    parser.add_argument("--out", metavar="FILE", default=KEY_FILE, help="(default: %(default)s)")
    parser.set_defaults(handler=new)

    parser = verbs.add_parser("rotate", help="add a key that mints from now on", parents=[common])
    parser.add_argument("key_id", metavar="KEYID")
    parser.add_argument("--alg", choices=tuple(ALGORITHMS), help="(default: that of the key that mints now)")
    add_keys(parser)
    parser.set_defaults(handler=rotate)

    parser = verbs.add_parser("show", help="list ids and algorithms, never secrets", parents=[common])
    add_keys(parser)
    parser.set_defaults(handler=show)

    parser = verbs.add_parser("publish", help="the ring for a service, or the public keys", parents=[common])
    parser.add_argument("--audience", metavar="NAME", help="the service the ring is for (needed for hmac)")
    parser.add_argument("--out", metavar="FILE", help="where to write it; without, public keys go to stdout")
    add_keys(parser)
    parser.set_defaults(handler=publish)


def new(args: argparse.Namespace, out: Console) -> int:
    """Make a key ring file."""
    try:
        ring = KeyRing.generate(args.key_id, args.alg)
    except ValueError as fault:
        raise CommandError(str(fault)) from None
    save_ring(ring, args.out)
    return _saved(ring, args.out, out)


def rotate(args: argparse.Namespace, out: Console) -> int:
    """Add a key that mints to a key ring file."""
    try:
        ring = load_ring(args.keys).rotate(args.key_id, args.alg)
    except ValueError as fault:
        raise CommandError(str(fault)) from None
    save_ring(ring, args.keys, overwrite=True)
    return _saved(ring, args.keys, out)


def show(args: argparse.Namespace, out: Console) -> int:
    """List the keys of a ring."""
    ring = load_ring(args.keys)
    out.show(_data(ring, args.keys), _table(ring, out))
    return OK


def publish(args: argparse.Namespace, out: Console) -> int:
    """Write the ring for one service, or the public keys."""
    ring = load_ring(args.keys)
    try:
        given = ring.publish() if args.audience is None else ring.for_audience(args.audience)
    except ValueError as fault:
        mend = "attenuate keys publish --audience NAME --out FILE"
        hint = mend if args.audience is None else "use the root's key ring"
        raise CommandError(str(fault), hint) from None
    if args.out is not None:
        save_ring(given, args.out)
        return _saved(given, args.out, out)
    if any(given[key_id].can_mint for key_id in given):
        raise CommandError("the ring for a service holds a secret", "write it to a file: --out FILE")
    out.show(given.to_json(), json.dumps(given.to_json(), indent=1))
    return OK


def _saved(ring: KeyRing, path: str, out: Console) -> int:
    secret = any(ring[key_id].can_mint for key_id in ring)
    told = "secret; only you can read it" if secret else "public keys only"
    out.show(_data(ring, path), f"{out.paint(path, 'bold')} ({told})\n{_table(ring, out)}")
    return OK


def _rows(ring: KeyRing) -> list[dict[str, Any]]:
    rows = []
    for key_id in ring:
        key = ring[key_id]
        row: dict[str, Any] = {"id": key_id, "alg": "hmac" if key.alg == HMAC else "ed25519"}
        row |= {"secret": key.can_mint, "active": key_id == ring.active}
        if key.alg != HMAC:
            row["public"] = key.public_text()
        if "/" in key_id:
            row["audience"] = key_id.partition("/")[2]
        rows.append(row)
    return rows


def _data(ring: KeyRing, path: str) -> dict[str, Any]:
    return {"file": path, "keys": _rows(ring)}


def _table(ring: KeyRing, out: Console) -> str:
    rows = _rows(ring)
    width = max((len(row["id"]) for row in rows), default=0)
    lines = []
    for row in rows:
        words = [row["alg"].ljust(8), "secret" if row["secret"] else "public"]
        if "audience" in row:
            words.append(f"for {row['audience']} only")
        line = f"  {out.paint(row['id'].ljust(width), 'bold')}  {'  '.join(words)}"
        lines.append(line + (out.paint("  mints", "green") if row["active"] else ""))
    return "\n".join(lines) or "  no keys"
