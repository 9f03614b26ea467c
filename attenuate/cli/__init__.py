"""The command line: text over the public API, with an exit code for each stage.

`main` takes the arguments and returns the exit code; nothing here decides about a lease.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from .. import __version__
from . import budget, doctor, keys, leases, ledger, revoke, verify
from .output import FAILED, USAGE, CommandError, Console

__all__ = ["main"]

INTERRUPTED: Final = 130
EPILOG: Final = """\
tokens  A token comes as an argument, with --token-file FILE, or on stdin (- or nothing). Every
        process of the machine can see an argument: prefer a file or stdin. A token is printed
        only by issue, narrow, seal and present, and a key's secret by nothing.

facts   name=value is text; name:=JSON is any JSON value, null being opaque.

stores  --store ADDRESS, or ATTENUATE_STORE: sqlite:PATH, redis://… or postgresql://…. Of an address
        that may hold a password only the host is ever printed.

exit codes
  0  ok          3  malformed: not a token, or not a request
  1  other       4  untrusted: not authentic under the keys given
  2  usage       5  forbidden: authentic, and does not allow it
  130  Ctrl-C    6  refused: a counter stands against it (budget, replay, revocation)
                 7  unavailable: a store or the log is out of reach

Every command takes --json: one JSON object on stdout, {"error": …} where it failed.
Colour is for terminals, and never where NO_COLOR is set or TERM is "dumb".
"""


class _Parser(argparse.ArgumentParser):
    """Raises what argparse would print, so that errors look alike and no secret is repeated."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **kwargs})

    def error(self, message: str) -> NoReturn:
        # a part of a token that a line end cut off has no prefix to know it by
        raise CommandError(re.sub(r"[A-Za-z0-9_-]{32,}", "…", message), f"{self.prog} --help", USAGE)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    argv: the arguments without the program's name, by default the process's. Raises nothing:
    every error becomes `error:` and `hint:` lines, or {"error": …} with --json.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # an encoding without "…" must not end in a traceback
            reconfigure(errors="backslashreplace")
    out = Console(as_json="--json" in words)
    try:
        args = _parser().parse_args(words)
        code: int = args.handler(args, out)
        sys.stdout.flush()
        return code
    except SystemExit as done:  # --help, --version
        return int(done.code or 0)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # the reader has gone; keep the interpreter from saying so when it flushes at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED
    except Exception as error:
        return out.fail(error)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="attenuate",
        description="Leases for AI agents: mint, narrow offline, verify locally.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"attenuate {__version__}")
    common = _Parser(add_help=False)
    common.add_argument("--json", action="store_true", help="one JSON object on stdout")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for module in (keys, leases, verify, revoke, budget, ledger):
        module.add(commands, common)
    demo = commands.add_parser(
        "demo", help="see leases work: real processes, a real repository", parents=[common]
    )
    demo.add_argument("--keep", action="store_true", help="keep the repository that it makes")
    demo.set_defaults(handler=_demo)
    doctor.add(commands, common)
    return parser


def _demo(args: argparse.Namespace, out: Console) -> int:
    from ..demo.orchestrator import run  # brings an HTTP server along, which no other command needs

    return run(out, keep=args.keep)
