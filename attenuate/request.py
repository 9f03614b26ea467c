"""What a tool service asks a lease for: run, audience, action, facts and cost.

A request is the verifier's own statement. The guard builds it from the call it is about to make,
never from what the caller says about the call. All of it is checked when it is made (V1, V2), so
a wrong type fails here with a message and not inside a verification.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, TypeAlias, final

from . import limits
from .errors import Malformed
from .words import brief, steady


@final
class Opaque:
    """The type of OPAQUE: a fact that is there and cannot be told (specs/caveats.md, facts)."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "OPAQUE"

    def __reduce__(self) -> str:
        return "OPAQUE"


OPAQUE: Final = Opaque()
"""The one opaque value; in JSON, null stands for it."""

Scalar: TypeAlias = str | int | bool
Fact: TypeAlias = Scalar | Opaque | tuple[Scalar | Opaque, ...]
Segment: TypeAlias = tuple[str, int | None]
Run: TypeAlias = tuple[Segment, ...]
"""A path of (name, attempt); an attempt of None is open."""

ACTION = re.compile(r"[!-)+-}]{1,128}")
"""An action: printable ASCII without space, "*" and "~" (specs/caveats.md)."""
NAME = re.compile(r"[A-Za-z0-9._:+-]{1,128}")


def make_run(value: object) -> Run:
    """Return a run from "agt_1@2/reader@1" or from a list of (name, attempt) or (name,).

    Raises Malformed `facts` for anything else.
    """
    if isinstance(value, str):
        return _run_of_text(str.__str__(value))
    if not isinstance(value, Iterable):
        raise _no_run(value)
    segments: list[Segment] = []
    for segment in value:
        if isinstance(segment, str) or not isinstance(segment, Iterable):
            raise _no_run(value)
        pair = tuple(segment)
        if len(pair) not in (1, 2):
            raise _no_run(value)
        segments.append((pair[0], pair[1] if len(pair) == 2 else None))
    return _checked_run(tuple(segments), value)


@lru_cache(maxsize=256)  # a process states the same few runs again and again
def _run_of_text(value: str) -> Run:
    parts: list[Segment] = []
    for part in value.split("/"):
        name, at, attempt = part.partition("@")
        if at and not re.fullmatch(r"[1-9][0-9]{0,15}", attempt):
            raise _no_run(value)
        parts.append((name, int(attempt) if at else None))
    return _checked_run(tuple(parts), value)


def _checked_run(run: Run, value: object) -> Run:
    if not 1 <= len(run) <= limits.MAX_RUN:
        raise _no_run(value)
    for name, attempt in run:
        if type(name) is not str or not NAME.fullmatch(name):
            raise _no_run(value)
        if attempt is not None and (type(attempt) is not int or not 1 <= attempt <= limits.SAFE_MAX):
            raise _no_run(value)
    return run


def _no_run(value: object) -> Malformed:
    return Malformed(
        "facts",
        f"run {brief(value)}",
        allowed='a path of names with attempts, such as "agt_1@2/reader@1"',
        would_pass="1 to 8 names of [A-Za-z0-9._:+-], attempts from 1",
    )


def run_text(run: Run) -> str:
    """Return a run as text; an open attempt is written without "@"."""
    return "/".join(name if attempt is None else f"{name}@{attempt}" for name, attempt in run)


def make_fact(name: object, value: object) -> Fact:
    """Return `value` as a fact; None becomes OPAQUE, a list becomes a tuple.

    Raises Malformed `facts` for a float, a mapping, a list in a list, an integer beyond 64 bits
    signed, text that is not Unicode, or a list longer than 256.
    """
    kind = type(value)
    if kind is str:
        if not value.isascii():  # type: ignore[attr-defined]
            _unicode(name, value)  # type: ignore[arg-type]
        return value  # type: ignore[return-value]
    if kind is bool or value is OPAQUE:
        return value  # type: ignore[return-value]
    if kind is int:
        if limits.INT_MIN <= value <= limits.INT_MAX:  # type: ignore[operator]
            return value  # type: ignore[return-value]
        raise _no_fact(name, "an integer beyond 64 bits")
    if value is None:
        return OPAQUE
    if kind is list or kind is tuple:
        if len(value) > limits.MAX_FACTS:  # type: ignore[arg-type]
            raise _no_fact(name, f"a list of {len(value)}")  # type: ignore[arg-type]
        out: list[Scalar | Opaque] = []
        for element in value:  # type: ignore[attr-defined]
            if isinstance(element, (list, tuple)):
                raise _no_fact(name, "a list in a list")
            out.append(make_fact(name, element))  # type: ignore[arg-type]
        return tuple(out)
    if isinstance(value, (str, int)):  # a subclass (StrEnum, IntEnum): take its plain value
        return make_fact(name, str.__str__(value) if isinstance(value, str) else int(value))
    raise _no_fact(name, f"a {kind.__name__}")


def _unicode(name: object, value: str) -> None:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise _no_fact(name, "text with a lone surrogate") from None


def _no_fact(name: object, what: str) -> Malformed:
    return Malformed(
        "facts",
        f"fact {brief(name)} is {what}",
        allowed="text, integers, booleans, OPAQUE (None), or a list of up to 256 of these",
        would_pass="flatten(args) makes facts of a tool's JSON arguments",
    )


_NONE: Final[Mapping[str, object]] = MappingProxyType({})
_NO_COST: Final[Mapping[str, int]] = MappingProxyType({})


class Request:
    """One request, checked when it is made and never changed.

    action: 1 to 128 printable ASCII characters without space, "*" and "~".
    audience: the name of the service that verifies.
    run: "agt_1@2/reader@1", a list of (name, attempt), or None where the service knows none.
    facts: name -> text, int, bool, OPAQUE or None, or a list of these; at most 256.
    cost: unit -> 0 to 2^53-1, stated by the guard; a call always costs one `calls`.
    binding: the 32 bytes that a bound proof must be bound to (`call_binding`, `http_binding`).

    Raises Malformed `facts`, or `too_large` for more than 256 facts (V1, V2).
    """

    __slots__ = (
        "_grammatical",
        "action",
        "arguments",
        "audience",
        "binding",
        "cost",
        "facts",
        "has_opaque",
        "prepared",
        "run",
    )

    action: str
    audience: str
    run: Run | None
    facts: Mapping[str, Fact]
    cost: Mapping[str, int]
    binding: bytes | None
    arguments: tuple[str, ...]
    has_opaque: bool
    prepared: object
    """What an engine made of this request, so that nothing is converted twice."""
    _grammatical: dict[tuple[str, Callable[[str], bool]], bool]

    def __init__(
        self,
        action: str,
        *,
        audience: str,
        run: str | Iterable[Iterable[object]] | None = None,
        facts: Mapping[str, object] | None = None,
        cost: Mapping[str, int] | None = None,
        binding: bytes | None = None,
    ) -> None:
        if hasattr(self, "action"):
            raise AttributeError("a Request does not change; make another")
        put = object.__setattr__
        if not isinstance(action, str) or not ACTION.fullmatch(str.__str__(action)):
            raise Malformed(
                "facts",
                f"action {brief(action)}",
                allowed='1 to 128 printable ASCII characters without space, "*" and "~"',
            )
        # a subclass could answer equality or its length as it likes: its plain value is asked
        named = str.__str__(audience) if isinstance(audience, str) else ""
        if not named:
            raise Malformed("facts", f"audience {brief(audience)}", allowed="the service's name, a str")
        if not named.isascii():
            _unicode("audience", named)
        if isinstance(binding, bytes) and type(binding) is not bytes:
            binding = bytes.join(b"", (binding,))
        if binding is not None and (type(binding) is not bytes or len(binding) != 32):
            raise Malformed("facts", "another binding", allowed="32 bytes, or None")
        put(self, "action", str.__str__(action))
        put(self, "audience", named)
        put(self, "run", None if run is None else make_run(run))
        put(self, "binding", binding)
        checked, arguments, has_opaque = _facts(_NONE if facts is None else facts)
        put(self, "facts", MappingProxyType(checked))
        put(self, "arguments", arguments)
        put(self, "has_opaque", has_opaque)
        put(self, "_grammatical", {})
        put(self, "prepared", None)
        put(self, "cost", _NO_COST if cost is None else _cost(cost))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Request does not change; make another")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Request does not change; make another")

    def __copy__(self) -> Request:
        return self

    def __deepcopy__(self, memo: object) -> Request:
        return self

    def grammatical(self, name: str, grammar: Callable[[str], bool]) -> bool:
        """Say whether a fact is text, or all text, of a grammar; each is looked at once."""
        key = name, grammar
        known = self._grammatical.get(key)
        if known is None:
            fact = self.facts[name]
            if type(fact) is str:
                known = grammar(fact)
            else:
                known = type(fact) is tuple and all(type(part) is str and grammar(part) for part in fact)
            self._grammatical[key] = known
        return known

    @steady
    def __repr__(self) -> str:
        run = None if self.run is None else run_text(self.run)
        return f"Request({self.action!r}, audience={self.audience!r}, run={run!r}, facts={list(self.facts)})"


def _facts(facts: Mapping[str, object]) -> tuple[dict[str, Fact], tuple[str, ...], bool]:
    """Return the checked facts, the names under "args.", and whether one of them is opaque."""
    if not isinstance(facts, Mapping):
        raise Malformed("facts", f"facts are a {type(facts).__name__}", allowed="a mapping by name")
    if len(facts) > limits.MAX_FACTS:
        raise _many_facts(len(facts))
    out: dict[str, Fact] = {}
    arguments = []
    has_opaque = False
    for name, value in facts.items():
        if type(name) is not str:
            raise Malformed("facts", f"a fact named {brief(name)}", allowed="names are text")
        if not name.isascii():
            _unicode(name, name)
        if type(value) is str and value.isascii():
            out[name] = value
        else:
            out[name] = fact = make_fact(name, value)
            has_opaque = has_opaque or fact is OPAQUE or (type(fact) is tuple and OPAQUE in fact)
        if name[:5] == "args.":
            arguments.append(name)
    if len(out) > limits.MAX_FACTS:  # a mapping may say one length and give more
        raise _many_facts(len(out))
    return out, tuple(arguments), has_opaque


def _many_facts(count: int) -> Malformed:
    return Malformed("too_large", f"{count} facts", allowed=f"{limits.MAX_FACTS}")


def _cost(cost: Mapping[str, int]) -> Mapping[str, int]:
    if not isinstance(cost, Mapping):
        raise Malformed("facts", f"cost is a {type(cost).__name__}", allowed="a mapping by unit")
    out: dict[str, int] = {}
    for unit, amount in cost.items():
        if not isinstance(unit, str) or type(amount) is not int or not 0 <= amount <= limits.SAFE_MAX:
            raise Malformed("facts", f"cost {brief(unit)}: {brief(amount)}", allowed="a unit and 0 to 2^53-1")
        name = str.__str__(unit)
        if not name.isascii():
            _unicode("cost", name)
        if name == "calls" and amount != 1:
            raise Malformed("facts", f"cost calls: {brief(amount)}", allowed="a request is one call")
        out[name] = amount
    return MappingProxyType(out)
