"""The seven constraints on a fact, and the grammar of paths and hosts (specs/caveats.md).

`told(value)` answers for one scalar with one of three values: True (holds), False (fails) or None
(cannot be told). A path or host is looked at first, by the kind's `grammar`; what is not of it
cannot be told. What absence and lists mean is decided where constraints are used (grants.py), once
for all kinds.

    one_of("clord")   none_of("main")   between(1, 9)   under("src")   starts("agent/")
    host("example.com")   present()

Text is compared by code point: nothing is normalised or folded. Work is linear in the operands.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Final, Self

from . import codec, limits
from .faults import Fault, malformed
from .request import Scalar
from .words import brief, either, steady

_PATH = re.compile(
    r"/?(?!~)(?!\.{1,2}(?:/|\Z))[^/\\\x00-\x1f\x7f-\x9f]+"
    r"(?:/(?!\.{1,2}(?:/|\Z))[^/\\\x00-\x1f\x7f-\x9f]+)*"
)
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_QUAD = re.compile(rf"{_BYTE}(?:\.{_BYTE}){{3}}")
_NUMBER_LAST = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[^.]*)", re.DOTALL)


def is_path(value: str) -> bool:
    """Say whether `value` is a well-formed path: no way up, no second spelling of anything."""
    return _PATH.fullmatch(value) is not None and not ("%" in value and _ESCAPE.search(value))


def is_host(value: str) -> bool:
    """Say whether `value` is a lower-case host name or a canonical dotted quad."""
    if len(value) > limits.MAX_HOST or not _HOST.fullmatch(value):
        return False
    return _NUMBER_LAST.fullmatch(value) is None or _QUAD.fullmatch(value) is not None


class Constraint(ABC):
    """One constraint: a kind, an operand, and whether the fact may be absent.

    kind: the number on the wire; name: the word in JSON. grammar: what text must be for it to be
    told, None for any value. Equality is by value.
    """

    __slots__ = ("operand", "optional")
    kind: ClassVar[int]
    name: ClassVar[str]
    grammar: ClassVar[Callable[[str], bool] | None] = None
    operand: tuple[Scalar | None, ...]
    optional: bool

    def __init__(self, *operand: Scalar | None, optional: bool = False) -> None:
        if type(optional) is not bool:
            raise TypeError(f"optional is a {type(optional).__name__}, not a bool")
        for value in operand:
            if isinstance(value, str):
                value.encode("utf-8")  # a lone surrogate is no text
        fault = self._fault(operand)
        if fault:
            raise ValueError(f"{self.name}: {fault}")
        self._prepare(operand, optional)

    @classmethod
    def read(cls, operand: tuple[Scalar | None, ...], optional: bool) -> Self:
        """Make a constraint from what was on the wire; raises Malformed `shape`."""
        if cls._fault(operand):
            raise malformed(Fault.OPERAND, cls.kind)
        self = cls.__new__(cls)
        self._prepare(operand, optional)
        return self

    def _prepare(self, operand: tuple[Scalar | None, ...], optional: bool) -> None:
        self.operand = operand
        self.optional = optional

    @classmethod
    @abstractmethod
    def _fault(cls, operand: tuple[Scalar | None, ...]) -> str:
        """Return what is wrong with an operand, or the empty text."""

    @abstractmethod
    def told(self, value: Any) -> bool | None:
        """Return whether it holds for a value of the grammar, None where that cannot be told."""

    def to_wire(self) -> list[object]:
        """Return the array of token.cddl."""
        return [self.kind, self._wire_operand(), True] if self.optional else [self.kind, self._wire_operand()]

    def _wire_operand(self) -> object:
        return list(self.operand)

    def to_json(self) -> dict[str, object]:
        """Return the JSON form."""
        body = self._json_body()
        return {**body, "optional": True} if self.optional else body

    def _json_body(self) -> dict[str, object]:
        return {self.name: list(self.operand)}

    @abstractmethod
    def words(self) -> str:
        """Return it in words, to stand after the name of a fact."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and codec.encode(self.to_wire()) == codec.encode(other.to_wire())

    def __hash__(self) -> int:
        return hash((self.kind, self.operand, self.optional))

    @steady
    def __repr__(self) -> str:
        return (
            f"{self.name}({', '.join(map(repr, self.operand))}{', optional=True' if self.optional else ''})"
        )


class OneOf(Constraint):
    """Kind 0: the value equals one of the operands. Types count: 1, "1" and True differ."""

    __slots__ = ("_by_type",)
    kind = 0
    name = "one_of"
    holds_inside: ClassVar[bool] = True

    @classmethod
    def _fault(cls, operand: tuple[Scalar | None, ...]) -> str:
        if not operand:
            return "no value; give at least one"
        for value in operand:
            if type(value) is int:
                if not limits.INT_MIN <= value <= limits.INT_MAX:
                    return f"{brief(value)} is beyond 64 bits signed"
            elif type(value) is not str and type(value) is not bool:
                return f"a {type(value).__name__}; values are text, integers or booleans"
        return ""

    def _prepare(self, operand: tuple[Scalar | None, ...], optional: bool) -> None:
        self.operand = operand
        self.optional = optional
        self._by_type: dict[type, set[Scalar | None]] | None = None

    def told(self, value: Any) -> bool | None:
        # 1 == True in Python, so the operands of each type are kept apart
        if self._by_type is None:
            self._by_type = {}
            for operand in self.operand:
                self._by_type.setdefault(type(operand), set()).add(operand)
        same = self._by_type.get(type(value))
        return None if same is None else (value in same) is self.holds_inside

    def words(self) -> str:
        shown = either(self.operand)
        return shown if self.holds_inside else f"not {shown}"


class NoneOf(OneOf):
    """Kind 1: the value equals none of the operands, and has the type of one of them."""

    __slots__ = ()
    kind = 1
    name = "none_of"
    holds_inside = False


class Between(Constraint):
    """Kind 2: an integer between two bounds, both included; one of them may be None."""

    __slots__ = ()
    kind = 2
    name = "between"

    def __init__(self, least: int | None = None, most: int | None = None, *, optional: bool = False) -> None:
        super().__init__(least, most, optional=optional)

    @classmethod
    def _fault(cls, operand: tuple[Scalar | None, ...]) -> str:
        if len(operand) != 2 or operand == (None, None):
            return "give a least or a most value, or both"
        for bound in operand:
            if bound is not None and type(bound) is not int:
                return f"a {type(bound).__name__}; bounds are integers"
            if bound is not None and not limits.INT_MIN <= bound <= limits.INT_MAX:
                return f"{brief(bound)} is beyond 64 bits signed"
        least, most = operand
        if least is not None and most is not None and least > most:  # type: ignore[operator]
            return f"least {least} is above most {most}"
        return ""

    def told(self, value: Any) -> bool | None:
        if type(value) is not int:
            return None
        least, most = self.operand
        return (least is None or value >= least) and (most is None or value <= most)  # type: ignore[operator]

    def _json_body(self) -> dict[str, object]:
        names = zip(("min", "max"), self.operand, strict=True)
        return {name: bound for name, bound in names if bound is not None}

    def words(self) -> str:
        least, most = self.operand
        if least is None:
            return f"at most {most}"
        return f"at least {least}" if most is None else f"from {least} to {most}"


class _Texts(Constraint):
    """What the kinds with text operands share."""

    __slots__ = ("_prefixes",)
    wanted: ClassVar[str] = "text"

    @classmethod
    def _fault(cls, operand: tuple[Scalar | None, ...]) -> str:
        if not operand:
            return f"no value; give at least one {cls.wanted}"
        for value in operand:
            if type(value) is not str:
                return f"a {type(value).__name__}; values are text"
            if not cls._well_formed(value):
                return f"{value!r:.80} is not a well-formed {cls.wanted}"
        return ""

    @classmethod
    def _well_formed(cls, value: str) -> bool:
        return True

    def _prepare(self, operand: tuple[Scalar | None, ...], optional: bool) -> None:
        self.operand = operand
        self.optional = optional
        self._prefixes: tuple[str, ...] = operand  # type: ignore[assignment]

    def words(self) -> str:
        return f"{self.name} " + either(self.operand)


class Under(_Texts):
    """Kind 3: the path is one of the operands or below it, segment by segment.

    "/" takes every absolute path and "." every relative one. Against a path with the other kind
    of beginning an operand cannot be told, because nobody here knows where the path starts.
    """

    __slots__ = ("_absolute", "_exact", "_relative")
    kind = 3
    name = "under"
    wanted = "path"
    grammar = is_path

    @classmethod
    def _well_formed(cls, value: str) -> bool:
        return value in ("/", ".") or is_path(value)

    def _prepare(self, operand: tuple[Scalar | None, ...], optional: bool) -> None:
        self.operand = operand
        self.optional = optional
        self._absolute = self._relative = False
        prefixes = []
        for path in operand:
            if path[0] == "/":  # type: ignore[index]
                self._absolute = True
            else:
                self._relative = True
            prefixes.append("/" if path == "/" else f"{path}/")
        self._prefixes = tuple(prefixes)
        self._exact = frozenset(operand)

    def told(self, value: Any) -> bool | None:
        if value in self._exact or value.startswith(self._prefixes):
            return True
        if value[0] == "/":
            return None if self._relative else False
        if "." in self._exact:
            return True
        return None if self._absolute else False


class Starts(_Texts):
    """Kind 4: the text starts with one of the operands. For opaque text; not for paths or hosts."""

    __slots__ = ()
    kind = 4
    name = "starts"

    def told(self, value: Any) -> bool | None:
        return value.startswith(self._prefixes) if type(value) is str else None

    def words(self) -> str:
        return "starting with " + either(self.operand)


class Host(_Texts):
    """Kind 5: the host is one of the operands or a subdomain; an IPv4 address only itself."""

    __slots__ = ()
    kind = 5
    name = "host"
    wanted = "host"
    grammar = is_host

    @classmethod
    def _well_formed(cls, value: str) -> bool:
        return is_host(value)

    def _prepare(self, operand: tuple[Scalar | None, ...], optional: bool) -> None:
        self.operand = operand
        self.optional = optional
        # No well-formed host ends in ".1.2.3.4" but an address itself, so one rule serves both.
        self._prefixes = tuple(f".{o}" for o in operand)

    def told(self, value: Any) -> bool | None:
        return value in self.operand or value.endswith(self._prefixes)

    def words(self) -> str:
        return "on host " + either(self.operand)


class Present(Constraint):
    """Kind 6 (`any`): the fact is there, whatever it is: opaque, an empty list, anything."""

    __slots__ = ()
    kind = 6
    name = "any"

    def __init__(self, *, optional: bool = False) -> None:
        super().__init__(True, optional=optional)

    @classmethod
    def _fault(cls, operand: tuple[Scalar | None, ...]) -> str:
        return ""  # `__init__` gives the one there is; `read_constraint` looks at that of the wire

    def told(self, value: Any) -> bool | None:
        return True

    def _wire_operand(self) -> object:
        return True

    def _json_body(self) -> dict[str, object]:
        return {"any": True}

    def words(self) -> str:
        return "anything"

    @steady
    def __repr__(self) -> str:
        return f"present({'optional=True' if self.optional else ''})"


KINDS: Final[tuple[type[Constraint], ...]] = (OneOf, NoneOf, Between, Under, Starts, Host, Present)
"""The closed set, by number on the wire."""


def read_constraint(value: object) -> Constraint:
    """Return the constraint of a decoded array (token.cddl, `constraint`); raises Malformed."""
    if type(value) is not list or not 2 <= len(value) <= 3:
        raise malformed(Fault.CONSTRAINT)
    kind, operand = value[0], value[1]
    if type(kind) is not int or not 0 <= kind < len(KINDS):
        raise malformed(Fault.CONSTRAINT)
    if kind == Present.kind:
        if operand is not True:
            raise malformed(Fault.OPERAND, kind)
        operand = [True]
    if type(operand) is not list:
        raise malformed(Fault.CONSTRAINT)
    read = KINDS[kind].read(tuple(operand), len(value) == 3)
    if len(value) == 3 and value[2] is not True:
        raise malformed(Fault.CONSTRAINT)
    return read


def from_json(value: object) -> Constraint:
    """Return the constraint of a JSON form such as {"one_of": ["clord"], "optional": true}.

    Raises ValueError with what was expected.
    """
    if not isinstance(value, dict):
        raise ValueError(f"a constraint is an object, not a {type(value).__name__}")
    members = dict(value)
    optional = members.pop("optional", False)
    if (optional is not False and optional is not True) or ("optional" in value and not optional):
        raise ValueError('"optional" is true or left out')
    names = set(members)
    if names and names <= {"min", "max"}:
        if None in members.values():
            raise ValueError('"min" and "max" are integers; leave out the open one')
        return Between(members.get("min"), members.get("max"), optional=optional)
    if names == {"any"}:
        if members["any"] is not True:
            raise ValueError('"any" is true')
        return Present(optional=optional)
    for kind in (OneOf, NoneOf, Under, Starts, Host):
        if names == {kind.name}:
            operand = members[kind.name]
            if not isinstance(operand, list):
                raise ValueError(f'"{kind.name}" is a list, not a {type(operand).__name__}')
            return kind(*operand, optional=optional)
    known = "one_of, none_of, min and max, under, starts, host, any"
    raise ValueError(f"a constraint with {', '.join(sorted(map(str, names))) or 'no member'}; known: {known}")


one_of = OneOf
none_of = NoneOf
between = Between
starts = Starts
host = Host
present = Present


def under(*paths: str, optional: bool = False) -> Under:
    """Return the constraint that a path is one of these or below; "/" for any absolute, "." relative.

    Raises ValueError for a path that is not well formed, or that has a "*", which a path may have
    and whoever writes one here does not mean.
    """
    for path in paths:
        if isinstance(path, str) and "*" in path:
            raise ValueError(f"under {path!r:.80}: no patterns; under('src') takes src and all below it")
    return Under(*paths, optional=optional)
