"""How text looks: colour only where a terminal shows it, control characters and secrets never."""

from __future__ import annotations

import os
import re
from typing import Final, TextIO

_CODES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_SECRET = re.compile(r"(lease1_|attenuate_(?:hmac|ed25519)_secret_)[A-Za-z0-9_~-]+")
_PASSWORD = re.compile(r"((?:rediss?|unix|postgres(?:ql)?)://)[^\s\"']+(?=@)|(password=)[^&\s\"']+")


def wants_colour(stream: TextIO) -> bool:
    """Say whether colour goes to a stream: a terminal, NO_COLOR not set, TERM other than "dumb"."""
    return "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb" and stream.isatty()


def paint(text: str, style: str, on: bool) -> str:
    """Return text in a style ("bold", "dim", a colour, several with spaces, or none); as it is if not on."""
    if not (on and text and style):
        return text
    return f"\x1b[{';'.join(_CODES[each] for each in style.split())}m{text}\x1b[0m"


def safe(text: str) -> str:
    """Return text with what a terminal would obey, or not show, escaped; line ends stay.

    Words of a lease are anybody's: a service name could carry an escape sequence.
    """
    return "".join(
        c if c == "\n" or c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii")
        for c in text
    )


def redacted(text: str) -> str:
    """Return text without the secrets in it: what was mistyped is often repeated in an error."""
    return _PASSWORD.sub(r"\1\2…", _SECRET.sub(r"\1…", text))
