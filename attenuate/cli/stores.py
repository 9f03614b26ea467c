"""The store of a command: by --store or the environment. An address is shown without what may be secret."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ..store import Store, open_store
from .output import FAILED, CommandError

STORE: Final = "ATTENUATE_STORE"
"""The environment variable with the address of the store."""
_FORMS: Final = "sqlite:PATH, redis://… or postgresql://…"


def add_store(parser: argparse.ArgumentParser) -> None:
    """Add --store to a command."""
    parser.add_argument("--store", metavar="ADDRESS", help=f"{_FORMS} (default: ${STORE})")


def has_store(args: argparse.Namespace) -> bool:
    """Say whether a store was given."""
    return bool(args.store or os.environ.get(STORE))


def address_of(args: argparse.Namespace) -> str:
    """Return the address that was given; raises CommandError where none was."""
    if not has_store(args):
        raise CommandError("no store", f"give --store ADDRESS ({_FORMS}), or set {STORE}")
    return str(args.store or os.environ[STORE])


def is_missing(address: str) -> bool:
    """Say whether an address is of a file that is not there."""
    kind, _, path = address.partition(":")
    return kind == "sqlite" and bool(path) and not Path(path).exists()


def opened(address: str, *, make: bool = False, hint: str = "a gate makes it at its first use") -> Store:
    """Return the store at an address. make: also where its file is not there yet. hint: else, what makes it.

    Raises CommandError, which never repeats an address, and Unavailable.
    """
    kind, _, path = address.partition(":")
    if kind == "memory":
        raise CommandError("memory: is seen by one process alone, and ends with it", f"give {_FORMS}")
    if not make and is_missing(address):
        raise CommandError(f"{path}: no such file", f"{hint}; look at the path", FAILED)
    try:
        return open_store(address)
    except ImportError as fault:
        raise CommandError(str(fault), code=FAILED) from None
    except ValueError:  # whose words may have a part of the address
        raise CommandError("no address of a store", f"give {_FORMS}") from None


def shown_address(address: str) -> str:
    """Return an address as it may be shown: a path; of a server its host, and never user or password."""
    kind, _, rest = address.partition(":")
    if kind == "sqlite":
        return f"sqlite:{rest}"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return f"{kind}://…"
    host = f"[{host}]" if ":" in host else host
    return f"{kind}://{host}{f':{port}' if port else ''}{'/' if host else ''}…"
