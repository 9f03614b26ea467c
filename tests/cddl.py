"""A small validator for CDDL (RFC 8610): as much of it as specs/token.cddl uses, and no more.

pycddl 0.6 reads that file, and answers wrongly for some of it (repetition in arrays, choices inside
arrays, nested `.cbor`, regular expressions as keys), so the values are checked here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import cbor2

Node: TypeAlias = tuple[Any, ...]
_TOKEN = re.compile(
    r'\s+|;[^\n]*|(?P<text>"[^"]*")|(?P<number>-?\d+)|(?P<control>\.(?:size|regexp|cbor))|(?P<range>\.\.)'
    r"|(?P<name>[a-z][a-z0-9-]*)|(?P<sign>=>|[=/\[\]{}(),:?*+])"
)


class Entry(NamedTuple):
    """One entry of an array, map or group: how often, under which key (None in arrays), what."""

    least: int
    most: int
    key: Node | None
    value: Node


class Schema:
    """The rules of a CDDL text; `matches(name, value)` answers for one of them."""

    def __init__(self, text: str) -> None:
        self._tokens = [m[0] for m in _TOKEN.finditer(text) if m.lastgroup]
        assert "".join(m[0] for m in _TOKEN.finditer(text)) == text, "a character that no token has"
        self.rules: dict[str, Node] = {}
        while self._tokens:
            name = self._take()
            self._take("=")
            assert name not in self.rules, name
            self.rules[name] = self._type()
        for rule in self.rules.values():
            for name in _names(rule):
                assert name in self.rules or name in _PRELUDE, name

    def matches(self, name: str, value: Any) -> bool:
        """Say whether a decoded value is one of a rule's."""
        return self._match(self.rules[name], value)

    # --- reading ----------------------------------------------------------------------------------
    def _take(self, wanted: str | None = None) -> str:
        token = self._tokens.pop(0)
        assert wanted in (None, token), f"{token} for {wanted}"
        return token

    def _next(self, *tokens: str) -> bool:
        return bool(self._tokens) and self._tokens[0] in tokens

    def _type(self) -> Node:
        choices = [self._bounded()]
        while self._next("/"):
            self._take()
            choices.append(self._bounded())
        return choices[0] if len(choices) == 1 else ("choice", choices)

    def _bounded(self) -> Node:
        first = self._simple()
        if self._next("..", ".size", ".regexp", ".cbor"):
            return (self._take(), first, self._simple())
        return first

    def _simple(self) -> Node:
        token = self._take()
        if token in ("[", "{", "("):
            end = {"[": "]", "{": "}", "(": ")"}[token]
            entries = self._entries(end)
            single = len(entries) == 1 and entries[0][:3] == (1, 1, None)
            return entries[0].value if token == "(" and single else (token, entries)
        if token.startswith('"'):
            return ("literal", token[1:-1])
        if re.fullmatch(r"-?\d+", token):
            return ("literal", int(token))
        return ("name", token)

    def _entries(self, end: str) -> list[Entry]:
        out = []
        while not self._next(end):
            least, most = self._occurrence()
            value = self._type()
            key = None
            if self._next("=>", ":"):
                key = value if self._take() == "=>" else None
                value = self._type()
            out.append(Entry(least, most, key, value))
            if self._next(","):
                self._take()
        self._take(end)
        return out

    def _occurrence(self) -> tuple[int, int]:
        if self._next("?"):
            self._take()
            return 0, 1
        if self._next("+"):
            self._take()
            return 1, 10**9
        least = 0
        if len(self._tokens) > 1 and self._tokens[1] == "*":
            least = int(self._take())
        if self._next("*"):
            self._take()
            return least, int(self._take()) if self._tokens[0].isdigit() else 10**9
        return 1, 1

    # --- matching ---------------------------------------------------------------------------------
    def _match(self, node: Node, value: Any) -> bool:
        kind = node[0]
        if kind == "choice":
            return any(self._match(each, value) for each in node[1])
        if kind == "literal":
            return type(value) is type(node[1]) and value == node[1]
        if kind == "name":
            if node[1] in self.rules:
                return self._match(self.rules[node[1]], value)
            return _PRELUDE[node[1]](value)
        if kind == "..":
            return type(value) is int and node[1][1] <= value <= node[2][1]
        if kind == ".size":
            return self._match(node[1], value) and self._match(node[2], len(value))
        if kind == ".regexp":
            return self._match(node[1], value) and re.fullmatch(node[2][1], value) is not None
        if kind == ".cbor":
            return self._match(node[1], value) and self._match(node[2], cbor2.loads(value))
        if kind == "[":
            return type(value) is list and any(rest == [] for rest in self._sequence(node[1], value))
        assert kind == "{", kind
        return type(value) is dict and self._members(list(self._spread(node[1])), dict(value))

    def _sequence(self, entries: list[Entry], values: list[Any]) -> Iterator[list[Any]]:
        if not entries:
            yield values
            return
        first, *others = entries
        if first.least <= 0:
            yield from self._sequence(others, values)
        if first.most > 0 and values and self._match(first.value, values[0]):
            again = first._replace(least=first.least - 1, most=first.most - 1)
            yield from self._sequence([again, *others], values[1:])

    def _spread(self, entries: list[Entry]) -> Iterator[Entry]:
        for entry in entries:
            if entry.key is None:  # a group, by its name
                yield from self._spread(self.rules[entry.value[1]][1])
            else:
                yield entry

    def _members(self, entries: list[Entry], members: dict[Any, Any]) -> bool:
        for entry in entries:
            assert entry.key is not None
            found = [
                k for k, v in members.items() if self._match(entry.key, k) and self._match(entry.value, v)
            ]
            if not entry.least <= len(found) <= entry.most:
                return False
            for key in found:
                del members[key]
        return not members


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, tuple) and len(node) == 2 and node[0] == "name":
        yield node[1]
    elif isinstance(node, (tuple, list)):
        for part in node:
            yield from _names(part)


_PRELUDE = {
    "tstr": lambda value: type(value) is str,
    "bstr": lambda value: type(value) is bytes,
    "bool": lambda value: type(value) is bool,
    "true": lambda value: value is True,
    "null": lambda value: value is None,
}
