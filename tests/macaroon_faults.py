"""Faults put into the export and the satisfiers: the differential of macaroons.py must find each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import build
import cases
import interop_base  # noqa: F401
from attenuate_interop.macaroon import lines, words
from macaroons import NOTHING, Drawn, Fault, verdict

from attenuate import clear
from attenuate.block import AUDIENCE, DENY, NOT_BEFORE, RUN, Fields
from attenuate.constraints import Between, OneOf, Starts, Under
from attenuate.grants import Grant


def _without(key: int) -> Fault:
    """Leave a caveat out."""
    whole = lines.write_lines

    def fewer(fields: Fields) -> Iterator[str]:
        return whole({name: value for name, value in fields.items() if name != key})

    return lambda: mock.patch("attenuate_interop.macaroon.convert.write_lines", fewer)


def _writing(key: int, writer: Callable[[Any], str]) -> Fault:
    name = lines._WRITERS[key][0]
    return lambda: mock.patch.dict(lines._WRITERS, {key: (name, writer)})


def _in_words(name: str, changed: Callable[..., Any]) -> Fault:
    return lambda: mock.patch.object(words, name, changed)


def _limit(change: Callable[[Any], Any]) -> Fault:
    whole = words.constraint_text
    return _in_words("constraint_text", lambda limit: whole(change(limit)))


def _changed(limit: Any, kind: type, make: Callable[[Any], Any]) -> Any:
    return make(limit) if type(limit) is kind else limit


def _said(change: Callable[[str], str | None]) -> Fault:
    """Change lines after they were written; None leaves one out."""
    whole = lines.write_lines

    def others(fields: Fields) -> Iterator[str]:
        return iter([new for line in whole(fields) if (new := change(line)) is not None])

    return lambda: mock.patch("attenuate_interop.macaroon.convert.write_lines", others)


def _by_rules(**changes: Any) -> Fault:
    """Let the satisfiers be set otherwise than they were told."""
    whole = clear.failures

    def others(case: Any) -> Any:
        return whole(case._replace(rules=case.rules._replace(**changes)))

    return lambda: mock.patch("attenuate_interop.macaroon.satisfy.failures", others)


_WHERE, _GRANT = words.where_text, words.grant_text
EXPORTING: dict[str, Fault] = {
    "under is written as starts": _limit(lambda c: _changed(c, Under, lambda c: Starts(*c.operand, optional=c.optional))),
    "optional is dropped": _limit(lambda c: type(c).read(c.operand, False)),
    "a range of one more": _limit(lambda c: _changed(c, Between, lambda c: Between(c.operand[0], None if c.operand[1] is None else min(2**63 - 1, c.operand[1] + 1)))),
    "none_of is written as one_of": _in_words("_WORD_OF", {**words._WORD_OF, words.NoneOf: "one_of"}),
    "one value too few": _limit(lambda c: _changed(c, OneOf, lambda c: OneOf(*(c.operand[:-1] or c.operand), optional=c.optional))),
    "true is written as 1": _limit(lambda c: _changed(c, OneOf, lambda c: OneOf(*[int(v) if v is True else v for v in c.operand], optional=c.optional))),
    "only is dropped": _in_words("grant_text", lambda g: _GRANT(Grant(g.actions, g.where))),
    "a grant's where is dropped": _in_words("grant_text", lambda g: _GRANT(Grant(g.actions, {}, only=g.only))),
    "one pattern of a grant": _in_words("grant_text", lambda g: _GRANT(Grant(g.actions[:1], g.where, only=g.only))),
    "one condition of a where": _in_words("where_text", lambda w: _WHERE(dict([*w.items()][:1]))),
    "texts are not escaped": _in_words("json_text", lambda value: f'"{value}"' if isinstance(value, str) and value.isascii() and value.isprintable() else __import__("json").dumps(value)),
    "words are not quoted": _in_words("word", lambda text: text if text.isascii() and text.isprintable() and text else words.json_text(text)),
    "the deny line is omitted": _without(DENY),
    "not_before is omitted": _without(NOT_BEFORE),
    "a later run is omitted": _said(lambda line: None if line.startswith("run") and "/" in line else line),
    "attempts are dropped": _writing(RUN, lambda run: "/".join(name if n else f"{name}@{attempt or 2}" for n, (name, attempt) in enumerate(run))),
    "the first audience alone": _writing(AUDIENCE, lambda names: words.json_text(names[0])),
    "expires + 1": _said(lambda line: " ".join([*line.split(" ")[:-1], str(int(line.split(" ")[-1]) + 1)]) if "expires " in line and line[:2] in ("is", "ex") else line),
    "issued_at is made earlier": _said(lambda line: "issued_at 0 " + line.split(" ", 2)[2] if line.startswith("issued_at") else line),
    "issued_at is made later": _said(lambda line: f"issued_at {int(line.split(' ')[3]) - 1} " + line.split(" ", 2)[2] if line.startswith("issued_at") else line),
    "extensions are omitted": _said(lambda line: None if "/" in line.split(" ")[0] else line),
    "the last line is omitted": _said(lambda line: None if line.startswith("where") else line),
}  # fmt: skip
VERIFYING: dict[str, Fault] = {
    "leeway is not taken": _by_rules(leeway=0),
    "the lifetime is not looked at": _by_rules(max_lifetime=None),
    "handlers are not asked": _by_rules(handlers={}),
    "every extension holds": _by_rules(handlers=dict.fromkeys(cases.EXTENSIONS, cases.HANDLERS["yes"])),
    "the run is the caveat's": lambda: mock.patch.object(clear, "_run_failure", return_value=""),
}


def found(case: Drawn, says: bool, exporting: Fault = NOTHING, verifying: Fault = NOTHING) -> bool:
    """Say whether a case shows a fault: another verdict than the lease's."""
    try:
        asked = case.text, build.RING, case.request, case.now, case.rules
        return verdict(*asked, exporting=exporting, verifying=verifying) is not says
    except (ValueError, LookupError):
        return False  # this fault fails on this case, and shows nothing
