"""What a command answers: text or one JSON object on stdout, errors on stderr, an exit code.

    0 ok   1 anything else   2 usage   3 malformed   4 untrusted   5 forbidden   6 refused
    7 unavailable

Only `Console.secret` writes a token, and only commands whose product is a token call it.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Mapping
from typing import Any, Final

from ..errors import Finding, LeaseError
from .style import paint, redacted, safe, wants_colour

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
EXIT: Final = {"malformed": 3, "untrusted": 4, "forbidden": 5, "refused": 6, "unavailable": 7}
"""Exit code of each stage."""


class CommandError(Exception):
    """What a command cannot do, in words. hint: what to do instead. code: the exit code."""

    def __init__(self, message: str, hint: str = "", code: int = USAGE) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


class Console:
    """Where a command writes. as_json: one JSON object on stdout instead of text."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.colour = not as_json and wants_colour(sys.stdout)

    def show(self, data: Mapping[str, Any], text: str) -> None:
        """Write a result, `data` where JSON was asked for, else `text`; without what looks like a secret."""
        print(redacted(json.dumps(data) if self.as_json else text))

    def secret(self, token: str, data: Mapping[str, Any], summary: str) -> None:
        """Write a token alone on stdout, because it was asked for; a summary for who watches."""
        if self.as_json:
            print(json.dumps({"token": token, **data}))
            return
        print(token)
        if sys.stderr.isatty():
            print(paint(safe(summary), "dim", wants_colour(sys.stderr)), file=sys.stderr)

    def paint(self, text: str, style: str) -> str:
        """Return untrusted text, made safe and painted where stdout shows colour."""
        return paint(safe(text), style, self.colour)

    def fail(self, error: Exception) -> int:
        """Write an error and return the exit code."""
        if isinstance(error, LeaseError):
            finding = error.finding
            data, code = finding.to_json(), EXIT.get(finding.stage, FAILED)
            head, hint = headline(finding), finding.would_pass and f"would pass: {finding.would_pass}"
            rows = [(name, text) for name, text in _rows(finding) if name != "would pass"]
        else:
            head, hint, code = _plain(error)
            stage = "usage" if code == USAGE else "error"
            data = {"stage": stage, "code": stage, "message": head, **({"hint": hint} if hint else {})}
            rows = []
        if self.as_json:
            print(redacted(json.dumps({"error": data})))
            return code
        colour = wants_colour(sys.stderr)
        lines = [f"{paint('error:', 'red bold', colour)} {_line(head)}"]
        lines += [f"       {paint(name.ljust(9), 'dim', colour)}{_line(text)}" for name, text in rows]
        if hint:
            lines.append(f"{paint('hint:', 'cyan', colour)} {_line(hint)}")
        print("\n".join(lines), file=sys.stderr)
        return code

    def partly(self, data: Mapping[str, Any], text: str, error: LeaseError) -> int:
        """Write what was found or done before an error, then the error; return the exit code."""
        if self.as_json:
            self.show({**data, "error": error.finding.to_json()}, "")
            return EXIT.get(error.finding.stage, FAILED)
        self.show(data, text)
        sys.stdout.flush()
        return self.fail(error)

    def finding(self, finding: Finding, indent: str, width: int = 0) -> str:
        """Return a finding as aligned lines: asked, allowed, would pass; wrapped to a width, if one is given."""
        styles = {"asked": "red", "allowed": "green", "would pass": "cyan"}
        lines = []
        for name, text in _rows(finding):
            flat = _line(text)
            columns = max(width - len(indent) - 12, 20) if width else len(flat) + 1
            for number, part in enumerate(textwrap.wrap(flat, columns, break_on_hyphens=False) or [""]):
                head = self.paint((name if number == 0 else "").ljust(12), "dim")
                lines.append(f"{indent}{head}{paint(part, styles[name], self.colour)}")
        return "\n".join(lines)


def headline(finding: Finding) -> str:
    """Return stage, block and code of a finding in words: "forbidden by block 1: allow"."""
    where = "" if finding.block is None else f" by block {finding.block}"
    return f"{finding.stage}{where}: {finding.code}"


def _rows(finding: Finding) -> list[tuple[str, str]]:
    rows = [("asked", finding.asked), ("allowed", finding.allowed), ("would pass", finding.would_pass)]
    return [(name, text) for name, text in rows if text]


def _line(text: str) -> str:
    """Return text on one line: a line end in a name must not look like another line of ours."""
    return redacted(safe(text).replace("\n", "\\n"))


def _plain(error: Exception) -> tuple[str, str, int]:
    if isinstance(error, CommandError):
        return str(error), error.hint, error.code
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}", "", FAILED
    return f"unexpected {type(error).__name__}: {error}", "this is a fault of attenuate; report it", FAILED
