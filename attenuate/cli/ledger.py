"""ledger status, serve: how the ledger of a store stands, and its feed for followers elsewhere."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import Any
from urllib.parse import urlsplit

from ..block import HMAC
from ..errors import LeaseError, Unavailable
from ..findings import clock
from ..keys import Key
from ..ledger import ALWAYS, Feed, Follower, FollowerInfo, Ledger, Line
from ..ledger.entry import VERBS
from .output import FAILED, OK, CommandError, Console
from .revoke import name_of
from .stores import add_store, address_of, has_store, is_missing, opened, shown_address
from .values import load_ring

FEED_KEYS = "feed.keys"


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    group = commands.add_parser("ledger", help="look at the ledger of revocations, and serve it")
    verbs = group.add_subparsers(metavar="VERB", dest="verb", required=True)

    parser = verbs.add_parser(
        "status", help="where it stands, its last entries, a feed's age", parents=[common]
    )
    put = parser.add_argument
    put("--last", type=int, default=10, metavar="N", help="entries of the store shown (default: %(default)s)")
    put("--feed", metavar="URL", help="ask a feed, http://HOST:PORT/ledger, with a store or without one")
    put("--feed-key", metavar="KEY", help="its public key, attenuate_ed25519_public_…")
    add_store(parser)
    parser.set_defaults(handler=status)

    parser = verbs.add_parser("serve", help="serve its feed over HTTP until Ctrl-C", parents=[common])
    put = parser.add_argument
    put(
        "--keys",
        metavar="FILE",
        default=FEED_KEYS,
        help="a ring with an ed25519 secret (default: %(default)s)",
    )
    put("--host", default="127.0.0.1", help="(default: %(default)s; it has no TLS)")
    put("--port", type=int, default=0, help="(default: one that is free)")
    put("--make", action="store_true", help="make the file of the store where it is not there: a first start")
    add_store(parser)
    parser.set_defaults(handler=serving)


def status(args: argparse.Namespace, out: Console) -> int:
    """Say how a ledger stands, and how a feed of it does."""
    if args.last < 0 or (args.feed is None) != (args.feed_key is None):
        raise CommandError(
            "a feed needs both --feed and --feed-key"
            if args.last >= 0
            else f"--last {args.last}; give 0 or more"
        )
    if args.feed is not None and not has_store(args):
        return _feed_alone(args, out)
    address = address_of(args)
    with opened(address) as store:
        ledger = Ledger(store)
        lines = ledger.lines(last=args.last) if args.last else []
        state = ledger.state()
        identity = store.identity
    feed, failed = None, None
    if args.feed is not None:
        try:
            feed = _feed(args.feed, args.feed_key, identity)
        except LeaseError as fault:
            failed = fault
    data: dict[str, Any] = {"store": shown_address(address), "identity": identity.hex(), "seq": state.seq}
    data |= {"marks": len(state), "entries": [_entry(line) for line in lines]}
    if feed is not None:
        data["feed"] = _feed_data(feed)
    rows = [("ledger", f"{identity.hex()[:12]}…, in {shown_address(address)}")]
    rows.append(("sequence", str(state.seq)))
    rows.append(("marks", f"{len(state)} in force"))
    if feed is not None:
        behind = state.seq - feed.seq
        told = f", {behind} behind the store" if behind > 0 else ""
        rows.append(("feed", f"of this ledger, {feed.age:.1f} s old, sequence {feed.seq}{told}"))
    text = "\n".join([_rows(rows, out), *(_row(line, out) for line in lines)])
    if failed is not None:
        return out.partly(data, text, failed)
    out.show(data, text)
    return OK


def _rows(rows: list[tuple[str, str]], out: Console) -> str:
    return "\n".join(f"{out.paint(name.ljust(8), 'dim')}  {out.paint(words, '')}" for name, words in rows)


def _feed_alone(args: argparse.Namespace, out: Console) -> int:
    """Say how a feed stands where there is no store: on the machine of a follower."""
    feed = _feed(args.feed, args.feed_key, None)
    rows = [("feed", f"of {urlsplit(args.feed).hostname}, {feed.age:.1f} s old")]
    rows += [("sequence", str(feed.seq)), ("marks", f"{feed.marks} in force")]
    rows.append(("store", "none was given, so its entries are not shown"))
    out.show({"feed": _feed_data(feed)}, _rows(rows, out))
    return OK


def _feed_data(feed: FollowerInfo) -> dict[str, Any]:
    return {"seq": feed.seq, "age": round(feed.age, 3), "marks": feed.marks}


def _feed(url: str, key: str, identity: bytes | None) -> FollowerInfo:
    """Return how a feed stands that was asked once; raises Untrusted, Unavailable or CommandError."""
    from http.client import HTTPException  # what no other command needs, and takes long to import

    from ..ledger import HttpSource

    try:
        source = HttpSource(url, Key.from_text(key))
    except ValueError as fault:
        raise CommandError(str(fault)) from None
    follower = Follower(source, identity=identity, start=False)
    try:
        follower.refresh()
        return follower.info()
    except (OSError, HTTPException) as fault:
        why = getattr(fault, "strerror", None) or str(fault) or type(fault).__name__
        raise Unavailable(
            "store",
            f"the feed at {urlsplit(url).hostname}: {why}",
            would_pass="the same command when the feed answers",
        ) from None
    finally:
        follower.close()


def _entry(line: Line) -> dict[str, Any]:
    mark, kind = line.mark, line.mark.selector.kind
    out = {"seq": line.seq, "at": line.at // 1000, "verb": VERBS[mark.verb], "kind": kind}
    before = None if mark.before == ALWAYS else mark.before
    return {**out, "value": mark.selector.value, "before": before, "note": line.note}


def _row(line: Line, out: Console) -> str:
    mark = line.mark
    what = f"{VERBS[mark.verb].ljust(7)} {name_of(mark.selector)}"
    if mark.before != ALWAYS:
        what += f", issued before {clock(mark.before)}"
    note = f"  {out.paint(line.note, 'dim')}".replace("\n", "\\n") if line.note else ""
    return f"{line.seq:8}  {clock(line.at // 1000)}  {out.paint(what, '')}{note}"


def serving(args: argparse.Namespace, out: Console) -> int:
    """Serve the feed until Ctrl-C."""
    from ..ledger import serve

    ring = load_ring(args.keys)
    key = ring[ring.active] if ring.active else None
    if key is None or key.alg == HMAC:
        raise CommandError(
            f"{args.keys} has no ed25519 secret to sign a feed with"
            + ("" if key is None else ": whoever can verify an hmac could forge it"),
            f"attenuate keys new feed --alg ed25519 --out {FEED_KEYS}",
            FAILED,
        )
    address = address_of(args)
    made = args.make and is_missing(address)
    with opened(address, make=args.make, hint="--make makes it, with an empty ledger") as store:
        try:
            server = serve(Feed(store, key), host=args.host, port=args.port)
        except OverflowError:
            raise CommandError(f"--port {args.port}; give 0 to 65535") from None
        with server:
            host = f"[{args.host}]" if ":" in args.host else args.host
            url = f"http://{host}:{server.server_address[1]}/ledger"
            data = {"url": url, "key": key.public_text(), "identity": store.identity.hex(), "made": made}
            text = [
                f"{out.paint('serving', 'green bold')} ledger {store.identity.hex()[:12]}… of {shown_address(address)}",
                f"  {out.paint('at ', 'dim')} {out.paint(url, 'bold')}",
                f"  {out.paint('key', 'dim')} {key.public_text()}",
                out.paint("Ctrl-C ends it", "dim"),
            ]
            if made:
                text.insert(1, f"  {out.paint('made now, with an empty ledger', 'yellow bold')}")
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # what a supervisor sends
            try:
                out.show({**data, "store": shown_address(address)}, "\n".join(text))
                sys.stdout.flush()
                server.serve_forever(poll_interval=0.1)
            except KeyboardInterrupt:
                return OK
    return OK
