"""One caveat of a lease as one line, and a line as one caveat (interop/macaroon-grammar.md).

Reading is strict: a line is read, made into a block by attenuate's own rules, and written again. Only
where that gives the same line is it of the grammar. So a value has one spelling, and nothing that a
lease could not say is ever looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from attenuate import LeaseError
from attenuate.block import (
    ALLOW,
    AUDIENCE,
    DENY,
    EXPIRES,
    EXTENSION,
    HMAC,
    ISSUED_AT,
    NONCE,
    NOT_BEFORE,
    NOTES,
    RUN,
    WHERE,
    Block,
    Fields,
    Key,
    make_block,
)  # fmt: skip
from attenuate.request import make_run, run_text

from . import words
from .words import Tokens

MAX_LINE: Final = 16 * 1024
"""Characters of a line. What a block of 4096 bytes says nearly always takes less."""
BLOCK: Final = "block"
END: Final = "end"
CARRIED: Final = (
    NONCE, RUN, AUDIENCE, NOT_BEFORE, EXPIRES, ALLOW, DENY, WHERE, ISSUED_AT, NOTES, "*",
)  # fmt: skip
"""What a line can say, for `portable_blocks`: these, and every extension."""

_ASCII: Final = re.compile(r"[ -~]+")
_TIME: Final = re.compile(r"0|[1-9][0-9]{0,15}")
_DATED: Final = re.compile(r"([0-9]{1,16}) expires ([0-9]{1,16})")
_NO_NONCE: Final = bytes(16)


class Line(NamedTuple):
    """A line of the grammar. word: its first word. block: what it says, as a block that says only that."""

    word: str
    block: Block


# --- writing --------------------------------------------------------------------------------------
def write_lines(fields: Fields) -> Iterator[str]:
    """Yield the lines of a block's caveats, in the order of its keys; issued_at goes with expires."""
    for key, value in fields.items():
        if key == ISSUED_AT:
            yield f"issued_at {value} expires {fields[EXPIRES]}"
        elif not (key == NONCE or (key == EXPIRES and ISSUED_AT in fields)):
            name, writer = _WRITERS.get(key, (str(key), words.json_text))
            yield f"{name} {writer(value)}"


def _grants(value: Any) -> str:
    return " | ".join(map(words.grant_text, value))


def _texts(value: Iterable[str]) -> str:
    return " ".join(map(words.json_text, value))


_WRITERS: Final[dict[Key, tuple[str, Callable[[Any], str]]]] = {
    RUN: ("run", run_text),
    AUDIENCE: ("audience", _texts),
    NOT_BEFORE: ("not_before", str),
    EXPIRES: ("expires", str),
    ALLOW: ("allow", _grants),
    DENY: ("deny", _grants),
    WHERE: ("where", words.where_text),
    NOTES: ("notes", words.json_text),
}


# --- reading --------------------------------------------------------------------------------------
def read_line(line: str) -> Line:
    """Return what a line says; raises ValueError for one that is not of the grammar."""
    if type(line) is not str or len(line) > MAX_LINE or not _ASCII.fullmatch(line):
        raise ValueError(f"a line is 1 to {MAX_LINE} printable ASCII characters")
    first, _, rest = line.partition(" ")
    if line == END:
        return Line(END, make_block({NONCE: _NO_NONCE}, 1, HMAC))
    if first == BLOCK:
        block = make_block({NONCE: _nonce(rest)}, 1, HMAC)
        again = f"{BLOCK} {block.fields[NONCE].hex()}"
    else:
        reader = _READERS.get(first, _extension if EXTENSION.fullmatch(first) else _unknown)
        try:
            block = make_block({NONCE: _NO_NONCE, **reader(first, rest)}, 1, HMAC)
        except (LeaseError, TypeError) as fault:  # a run that is none; an operand of another type
            raise ValueError(str(fault)) from None
        except RecursionError:
            raise ValueError("nested too deep") from None
        again = "\n".join(write_lines(block.fields))
    if again != line:
        raise ValueError("another spelling of it")
    return Line(first, block)


def _nonce(text: str) -> bytes:
    if not re.fullmatch(r"(?:[0-9a-f]{2})+", text):
        raise ValueError("a nonce is lower-case hex")
    return bytes.fromhex(text)


def _by_tokens(key: Key, read: Callable[[Tokens], Any]) -> Callable[[str, str], Fields]:
    def reader(first: str, rest: str) -> Fields:
        tokens = Tokens(rest)
        value = read(tokens)
        tokens.end()
        return {key: value}

    return reader


def _run(first: str, rest: str) -> Fields:
    return {RUN: make_run(rest)}


def _time(key: Key) -> Callable[[str, str], Fields]:
    def reader(first: str, rest: str) -> Fields:
        if not _TIME.fullmatch(rest):
            raise ValueError("a time is seconds since 1970")
        return {key: int(rest)}

    return reader


def _dated(first: str, rest: str) -> Fields:
    found = _DATED.fullmatch(rest)
    if not found or int(found[1]) >= int(found[2]):
        raise ValueError("issued_at TIME expires TIME, the second after the first")
    return {EXPIRES: int(found[2]), ISSUED_AT: int(found[1])}


def _notes(first: str, rest: str) -> Fields:
    return {NOTES: words.from_json(rest)}


def _extension(first: str, rest: str) -> Fields:
    return {first: words.from_json(rest)}


def _unknown(first: str, rest: str) -> Fields:
    raise ValueError("no caveat of a lease")


_READERS: Final[dict[str, Callable[[str, str], Fields]]] = {
    "run": _run,
    "audience": _by_tokens(AUDIENCE, words.read_texts),
    "not_before": _time(NOT_BEFORE),
    "expires": _time(EXPIRES),
    "issued_at": _dated,
    "allow": _by_tokens(ALLOW, words.read_grants),
    "deny": _by_tokens(DENY, words.read_grants),
    "where": _by_tokens(WHERE, words.read_where),
    "notes": _notes,
}
