"""What is read from the command line: tokens, key files, times, facts, JSON.

An argument is visible to every process of the machine, so a token is better in a file or on stdin.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from .. import limits
from ..errors import Malformed
from ..fields import seconds
from ..jcs import load_json
from ..ring import KeyRing
from .output import FAILED, CommandError

KEY_FILE: Final = "attenuate.keys"


def add_token(parser: argparse.ArgumentParser) -> None:
    """Add TOKEN and --token-file to a command."""
    told = "the token; - or nothing reads stdin. Other processes can see an argument: prefer a file or stdin"
    parser.add_argument("token", nargs="?", metavar="TOKEN", help=told)
    parser.add_argument("--token-file", metavar="FILE", help="read the token from a file")


def add_keys(parser: argparse.ArgumentParser, default: str | None = KEY_FILE) -> None:
    """Add --keys to a command."""
    parser.add_argument("--keys", metavar="FILE", default=default, help="key ring (default: %(default)s)")


def add_now(parser: argparse.ArgumentParser) -> None:
    """Add --now to a command."""
    told = "time to take instead of the clock's: seconds since 1970, or like 2027-01-15T08:00:00Z"
    parser.add_argument("--now", metavar="TIME", type=moment, help=told)


def read_token(args: argparse.Namespace) -> str:
    """Return the token of an argument, a file or stdin, without one line end; raises CommandError."""
    if args.token is not None and args.token_file is not None:
        raise CommandError("a token as an argument and in a file; give one")
    if args.token not in (None, "-"):
        return str(args.token)
    if args.token_file not in (None, "-"):
        with open(args.token_file, "rb") as file:
            raw = file.read(limits.MAX_TEXT + 3)
    elif sys.stdin is None or (args.token is None and args.token_file is None and sys.stdin.isatty()):
        raise CommandError("no token", "give --token-file FILE, or the token on stdin")
    else:
        raw = sys.stdin.buffer.read(limits.MAX_TEXT + 3)  # one more than is taken, and a line end
    token = re.sub(r"\r?\n\Z", "", raw.decode("utf-8", "replace"))
    if not token:
        raise CommandError(
            "no token: what was read is empty", "give --token-file FILE, or the token on stdin"
        )
    return token


def load_ring(path: str) -> KeyRing:
    """Return the ring of a key file; raises CommandError, and OSError for no such file."""
    try:
        return KeyRing.load(path)
    except PermissionError as fault:
        if fault.errno is not None:
            raise
        raise CommandError(
            f"{path} holds secrets and others can read it", f"chmod 600 {path}", FAILED
        ) from None
    except FileNotFoundError:
        raise CommandError(f"{path}: no such file", "attenuate keys new KEYID makes one", FAILED) from None
    except (ValueError, RecursionError) as fault:
        hint = "attenuate keys new KEYID makes a key ring"
        raise CommandError(ring_fault(path, fault), hint, FAILED) from None


def ring_fault(path: str, fault: Exception) -> str:
    """Return why a file is no key ring, with its name once."""
    return str(fault) if str(fault).startswith(path) else f"{path}: {fault}"


def save_ring(ring: KeyRing, path: str, *, overwrite: bool = False) -> None:
    """Write a ring to a file for its owner alone; raises CommandError for one that is there."""
    try:
        ring.save(path, overwrite=overwrite)
    except FileExistsError:
        raise CommandError(
            f"{path} is there, and is not overwritten",
            "--out FILE names another; keys rotate adds a key to this one",
            FAILED,
        ) from None
    except OSError as fault:  # its file name is that of a temporary one
        raise CommandError(f"{path}: {fault.strerror or fault}", code=FAILED) from None


def moment(text: str) -> int:
    """Return seconds since 1970 of digits or of an ISO 8601 time with its zone."""
    at = -1
    if re.fullmatch(r"[0-9]{1,16}", text):
        at = int(text)
    else:
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            time = None
        if time is not None and time.tzinfo is not None:
            at = int(time.timestamp())
    if not 0 <= at <= limits.SAFE_MAX:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is no time; give seconds, or 2027-01-15T08:00:00Z")
    return at


class Ago(NamedTuple):
    """A time by how long ago it is."""

    seconds: int


def moment_or_ago(text: str) -> int | Ago:
    """Return what `moment` does, or of "90s", "15m", "1h" or "1d" the time so long ago."""
    if re.fullmatch(r"[1-9][0-9]{0,8}[smhd]", text):
        return Ago(duration(text))
    try:
        return moment(text)
    except argparse.ArgumentTypeError as fault:
        raise argparse.ArgumentTypeError(f"{fault}, or 10m for ten minutes ago") from None


def duration(text: str) -> int:
    """Return seconds of "900", "90s", "15m", "1h" or "1d"."""
    try:
        return seconds(int(text) if re.fullmatch(r"[0-9]{1,12}", text) else text)
    except ValueError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from None


def read_json(text: str, what: str) -> Any:
    """Return the value of a JSON text; raises CommandError that names `what`."""
    try:
        return load_json(text)
    except Malformed as fault:
        raise CommandError(f"{what}: {fault.finding.asked}", f"give {fault.finding.allowed}") from None
    except (ValueError, RecursionError) as fault:
        raise CommandError(f"{what} is not JSON: {fault}") from None


def read_object(text: str, what: str) -> dict[str, Any]:
    """Return a JSON object; raises CommandError."""
    value = read_json(text, what)
    if not isinstance(value, dict):
        raise CommandError(
            f"{what} is a {type(value).__name__}", 'give a JSON object such as {"path": "src/a.py"}'
        )
    return value


def read_file(path: str | os.PathLike[str], what: str) -> Any:
    """Return the JSON value of a file; raises CommandError or OSError."""
    with open(path, "rb") as file:
        return read_json(file.read().decode("utf-8", "replace"), f"{what} {path}")


def read_pairs(words: Iterable[str], option: str, hint: str = "") -> dict[str, Any]:
    """Return name -> value of words such as `repo=clord` (text) and `number:=42` (JSON).

    Raises CommandError, with `hint`, for a word without `=`, and for a name twice.
    """
    out: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        as_json = name.endswith(":")
        name = name.removesuffix(":")
        if not equals or not name:
            told = hint or f"write {option} name=text, or {option} 'name:=JSON'"
            raise CommandError(f"{option} {word}: no name and value", told)
        value = read_json(text, f"{option} {name}") if as_json else text
        out = merged(out, {name: value}, option)
    return out


def read_limits(words: Iterable[str], option: str) -> dict[str, int]:
    """Return unit -> number of words such as `calls=30`; raises CommandError."""
    out: dict[str, int] = {}
    hint = f"write {option} unit=number, such as calls=30"
    for unit, text in read_pairs(words, option, hint).items():
        if not isinstance(text, str) or not re.fullmatch(r"[0-9]{1,16}", text):
            raise CommandError(f"{option} {unit}: {text!r:.40} is no number", hint)
        out[unit] = int(text)
    return out


def merged(one: Mapping[str, Any], other: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return two mappings as one; raises CommandError for a name that both have."""
    both = sorted(set(one) & set(other))
    if both:
        raise CommandError(f"{what}: {', '.join(both)} is given twice", "give it once")
    return {**one, **other}
