"""The terms of a block as words: `--allow 'repo.read repo.write.* repo=clord path=under:src'`.

A grant is words with spaces between them, quoted as in a shell. A word without `=` is an action or
a pattern; `only` refuses arguments that the grant does not name. The others constrain facts:

    fact=a  fact=a|b            one of these texts        fact=is:any        the text "any"
    fact=not:a|b                none of these texts       fact=1..9  1..  ..9   an integer
    fact=under:src              a path                    fact=starts:agent/    text
    fact=host:example.com       a host                    fact=any              there at all
    fact?=…                     holds if the fact is absent, too
    fact:=JSON                  a value, a list of values, or a constraint in JSON

An action or a fact whose name has `=` takes the JSON form of a block (--block).
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterable
from typing import Any, Final, cast

from .. import constraints
from ..block import FOR, ISSUED_AT, NAMES, NEXT_KEY, NONCE, RUN
from ..blockjson import fields_from_json
from ..constraints import Constraint
from ..fields import Terms
from ..grants import Grant
from ..request import run_text
from .output import CommandError
from .values import duration, merged, moment, read_file, read_json, read_limits, read_pairs

GRAMMAR: Final = __doc__.partition("\n\n")[2]
_KINDS: Final[dict[str, type[Constraint]]] = {
    "is": constraints.OneOf,
    "not": constraints.NoneOf,
    "under": constraints.Under,
    "starts": constraints.Starts,
    "host": constraints.Host,
}
_KIND = re.compile(rf"({'|'.join(_KINDS)}):(.*)", re.DOTALL)
_RANGE = re.compile(r"(-?[0-9]{1,19})?\.\.(-?[0-9]{1,19})?")


def add_terms(parser: argparse.ArgumentParser) -> None:
    """Add the terms of a block to a command."""
    add = parser.add_argument_group("terms").add_argument
    add("--run", help="run with attempts, such as agt_1@2/reader@1")
    add("--audience", action="append", metavar="NAME", help="a service that may take it; repeat for more")
    add("--ttl", type=duration, metavar="TIME", help="how long it lives: 90s, 15m, 1h, or seconds")
    add("--expires", type=moment, metavar="TIME", help="when it ends, instead of --ttl")
    add("--not-before", type=moment, metavar="TIME", help="when it begins")
    add(
        "--allow",
        action="append",
        metavar="GRANT",
        help="what it allows, in the words below; repeat for more",
    )
    add("--deny", action="append", metavar="GRANT", help="what it never allows, in the same words")
    add("--where", action="append", metavar="FACTS", help="constraints on every action, in the same words")
    add("--budget", action="append", metavar="UNIT=N", help="at most so much: calls=30")
    add("--depth", type=int, metavar="N", help="how many blocks may follow, 0 to 15")
    add("--final", action="append", metavar="ACTION", help="its first use ends the lease")
    add("--bound", action="store_true", default=None, help="only proofs bound to one call (see present)")
    add("--note", action="append", metavar="NAME=TEXT", help="a note; NAME:=JSON for a number or true")
    add("--block", metavar="FILE", help="a block in JSON, for what has no option (approval, extensions)")


def read_terms(args: argparse.Namespace) -> Terms:
    """Return the terms that a command was given, those of --block included; raises CommandError."""
    terms: dict[str, Any] = {
        name: getattr(args, name)
        for name in ("run", "audience", "ttl", "expires", "not_before", "depth", "final", "bound")
        if getattr(args, name) is not None
    }
    for name in ("allow", "deny"):
        if getattr(args, name):
            terms[name] = [read_grant(text, f"--{name}") for text in getattr(args, name)]
    if args.where:
        terms["where"] = read_where(
            [word for text in args.where for word in _words(text, "--where")], "--where"
        )
    if args.budget:
        terms["budget"] = read_limits(args.budget, "--budget")
    if args.note:
        terms["notes"] = read_pairs(args.note, "--note")
    if args.block:
        terms = merged(
            block_terms(read_file(args.block, "--block"), args.block), terms, "--block and options"
        )
    return cast(Terms, terms)


def block_terms(data: object, name: str) -> dict[str, Any]:
    """Return the terms of a block's JSON form; name: of its file. Raises CommandError."""
    try:
        fields = fields_from_json(data)
    except ValueError as fault:
        raise CommandError(f"--block {name}: {fault}") from None
    terms: dict[str, Any] = {}
    extensions: dict[str, Any] = {}
    for key, value in fields.items():
        if isinstance(key, str):
            extensions[key] = value
        elif not 0 <= key < len(NAMES) or key in (NONCE, NEXT_KEY, FOR, ISSUED_AT):
            known = NAMES[key] if 0 <= key < len(NAMES) else key
            raise CommandError(f"--block {name}: {known} is not given but made", "leave it out")
        else:
            terms[NAMES[key]] = run_text(value) if key == RUN else value
    return {**terms, "extensions": extensions} if extensions else terms


def read_grant(text: str, option: str = "--allow") -> Grant:
    """Return the grant of words such as "repo.read path=under:src"; raises CommandError."""
    words = _words(text, option)
    facts = [word for word in words if "=" in word]
    actions = [word for word in words if "=" not in word]
    only = "only" in actions
    where = read_where(facts, option)
    try:
        return Grant([action for action in actions if action != "only"], where, only=only)
    except ValueError as fault:
        raise CommandError(f"{option} {text!r}: {fault}") from None


def read_where(words: Iterable[str], option: str = "--where") -> dict[str, Constraint]:
    """Return fact -> constraint of words such as "path=under:src"; raises CommandError."""
    where: dict[str, Constraint] = {}
    for word in words:
        name, equals, text = word.partition("=")
        as_json = name.endswith(":")
        name = name.removesuffix(":")
        optional = name.endswith("?")
        name = name.removesuffix("?")
        if not equals or not name:
            raise CommandError(f"{option} {word}: no fact and value", "write fact=value, such as repo=clord")
        try:
            value = read_json(text, f"{option} {name}") if as_json else None
            constraint = _from_json(value, optional) if as_json else read_constraint(text, optional)
        except ValueError as fault:
            raise CommandError(f"{option} {word}: {fault}") from None
        where = merged(where, {name: constraint}, option)
    return where


def read_constraint(text: str, optional: bool = False) -> Constraint:
    """Return the constraint of what stands after "fact=": "a|b", "under:src", "1..9", "any".

    Raises ValueError with what was expected.
    """
    if text == "any":
        return constraints.Present(optional=optional)
    bounds = _RANGE.fullmatch(text)
    if bounds:
        least, most = (None if bound is None else int(bound) for bound in bounds.groups())
        return constraints.Between(least, most, optional=optional)
    kind, values = constraints.OneOf, text
    found = _KIND.fullmatch(text)
    if found:
        kind, values = _KINDS[found[1]], found[2]  # type: ignore[assignment]
    elif re.match(r"[a-z]+:(?!//)", text) or (".." in text and "/" not in text):
        known = ", ".join(f"{each}:" for each in _KINDS)
        raise ValueError(
            f"{text!r:.60} is no kind: {known} 1..9, any; is:{text:.40} if the text itself is meant"
        )
    operand = values.split("|")
    if "" in operand:
        raise ValueError("an empty value; if the empty text is meant, write it as JSON: fact:='\"\"'")
    return kind(*operand, optional=optional)


def _from_json(value: Any, optional: bool) -> Constraint:
    if isinstance(value, dict):
        return constraints.from_json({**value, "optional": True} if optional else value)
    return constraints.OneOf(*(value if isinstance(value, list) else [value]), optional=optional)


def _words(text: str, option: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as fault:
        raise CommandError(f"{option} {text!r}: {fault}", "quote as in a shell") from None
    if not words:
        raise CommandError(f"{option} is empty", f"leave it out, or write {option} 'repo.read repo=clord'")
    return words
