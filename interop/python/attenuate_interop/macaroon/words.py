"""Words, constraints and grants in a line, both ways (interop/macaroon-grammar.md).

    repo.read "a|b" where repo one_of "clord" 1 true and args.n range 1..9 optional only

Writing gives printable ASCII and nothing else. Reading raises ValueError for what is not of the
grammar. That a value has one spelling is not looked at here: `lines.read_line` writes again what it
read, and compares.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn

from attenuate.constraints import Between, Constraint, Host, NoneOf, OneOf, Present, Starts, Under
from attenuate.grants import Grant
from attenuate.request import Scalar

_RANGE: Final = "range"
_KINDS: Final[dict[str, type[Constraint]]] = {
    **{kind.name: kind for kind in (OneOf, NoneOf, Under, Starts, Host, Present)},
    _RANGE: Between,
}
_WORD_OF: Final = {kind: word for word, kind in _KINDS.items()}
_RESERVED: Final = frozenset(("where", "and", "only", "optional", "true", "false", *_KINDS))

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:/-]*\*?|\*")
_TOKEN: Final = re.compile(r'("(?:[^"\\]|\\.)*"|[^ "]+)(?: |\Z)')
_BOUNDS: Final = re.compile(r"(-?[0-9]{1,19})?\.\.(-?[0-9]{1,19})?")
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")


# --- writing --------------------------------------------------------------------------------------
def json_text(value: object) -> str:
    """Return JSON in printable ASCII, maps in the order they have."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


def word(text: str) -> str:
    """Return an action, a pattern or a fact's name: as it is where that is plain, else quoted."""
    return text if _PLAIN.fullmatch(text) and text not in _RESERVED else json_text(text)


def constraint_text(constraint: Constraint) -> str:
    """Return a constraint as it stands after a fact's name."""
    if isinstance(constraint, Between):
        operands = ["..".join("" if bound is None else str(bound) for bound in constraint.operand)]
    elif isinstance(constraint, Present):
        operands = []
    else:
        operands = [json_text(value) for value in constraint.operand]
    words = [_WORD_OF[type(constraint)], *operands, *(["optional"] if constraint.optional else [])]
    return " ".join(words)


def where_text(where: Mapping[str, Constraint]) -> str:
    """Return constraints by fact, joined by `and`."""
    return " and ".join(f"{word(fact)} {constraint_text(limit)}" for fact, limit in where.items())


def grant_text(grant: Grant) -> str:
    """Return a grant: patterns, then `where …`, then `only`."""
    words = [word(pattern) for pattern in grant.actions]
    if grant.where:
        words += ["where", where_text(grant.where)]
    return " ".join([*words, *(["only"] if grant.only else [])])


# --- reading --------------------------------------------------------------------------------------
def from_json(text: str) -> Any:
    """Return the value of JSON without fractions; raises ValueError, or RecursionError for deep nesting."""
    return json.loads(text, parse_float=_no_number, parse_constant=_no_number)


def _no_number(text: str) -> NoReturn:
    raise ValueError("a number that is no integer")


class Tokens:
    """The tokens of a line after its first word, one space between each two."""

    __slots__ = ("_at", "_tokens")

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        self._at = 0
        end = 0
        while found := _TOKEN.match(text, end):
            self._tokens.append(found[1])
            end = found.end()
        if end != len(text) or text[-1:] == " " or not text:
            raise ValueError("words are apart by one space, and texts in quotes")

    def peek(self) -> str:
        """Return the next token, the empty text at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self, wanted: str) -> bool:
        """Go past the next token if it is `wanted`, and say so."""
        if self.peek() != wanted:
            return False
        self._at += 1
        return True

    def next(self) -> str:
        """Return the next token and go past it; raises ValueError at the end."""
        token = self.peek()
        if not token:
            raise ValueError("the line ends early")
        self._at += 1
        return token

    def end(self) -> None:
        """Raise ValueError where a token is left."""
        if self.peek():
            raise ValueError("a word too many")


def read_word(tokens: Tokens) -> str:
    """Return what `word` wrote."""
    token = tokens.next()
    return text_of(token) if token[0] == '"' else token


def text_of(token: str) -> str:
    """Return the text of a JSON string."""
    value = from_json(token)
    if type(value) is not str:
        raise ValueError("a text in quotes is expected")
    return value


def read_texts(tokens: Tokens) -> tuple[str, ...]:
    """Return one or more texts in quotes."""
    out = [text_of(tokens.next())]
    while tokens.peek()[:1] == '"':
        out.append(text_of(tokens.next()))
    return tuple(out)


def _operands(tokens: Tokens) -> Iterable[Scalar]:
    while token := tokens.peek():
        if token[0] == '"':
            yield text_of(token)
        elif token in ("true", "false"):
            yield token == "true"
        elif _INTEGER.fullmatch(token):
            yield int(token)
        else:
            return
        tokens.next()


def _constraint(tokens: Tokens) -> Constraint:
    kind = _KINDS.get(tokens.next())
    operands: Iterable[Any] = ()
    if kind is None:
        raise ValueError(f"a constraint is one of {', '.join(_KINDS)}")
    if kind is Between:
        bounds = _BOUNDS.fullmatch(tokens.next())
        if not bounds:
            raise ValueError("a range is LEAST..MOST, one of them may be left out")
        operands = [None if bound is None else int(bound) for bound in bounds.groups()]
    elif kind is not Present:
        operands = tuple(_operands(tokens))
    return kind(*operands, optional=tokens.take("optional"))


def read_where(tokens: Tokens) -> dict[str, Constraint]:
    """Return constraints by fact."""
    where: dict[str, Constraint] = {}
    while True:
        fact = read_word(tokens)
        if fact in where:
            raise ValueError("a fact twice")
        where[fact] = _constraint(tokens)
        if not tokens.take("and"):
            return where


def read_grants(tokens: Tokens) -> tuple[Grant, ...]:
    """Return grants, joined by `|`."""
    out = [_grant(tokens)]
    while tokens.take("|"):
        out.append(_grant(tokens))
    return tuple(out)


def _grant(tokens: Tokens) -> Grant:
    patterns = [read_word(tokens)]
    while tokens.peek() not in ("", "where", "only", "|"):
        patterns.append(read_word(tokens))
    where = read_where(tokens) if tokens.take("where") else {}
    return Grant(patterns, where, only=tokens.take("only"))
