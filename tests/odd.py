"""Arguments of a request, many of them wrong or odd: what a service that is written in haste passes on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

import cases
from cases import BINDING, Rng

from attenuate.request import OPAQUE


class Word(StrEnum):
    READ = "repo.read"
    CLORD = "clord"


class Number(IntEnum):
    TWO = 2


class Text(str):
    """Text that tells another story than it holds."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1


class Whole(int):
    pass


class Bytes(bytes):
    pass


class Step(NamedTuple):
    name: str
    attempt: int | None


class Table(dict[str, Any]):
    """A dict with a lie: what it says for a name is not what it lists."""

    def __getitem__(self, name: str) -> Any:
        return "something else"


_TEXTS = (
    "",
    "é",
    "\ud800",
    "x" * 128,
    "x" * 129,
    Word.READ,
    Text("repo.read"),
    None,
    5,
    b"repo.read",
    "a b",
    "a*",
    "~",
)
_RUNS: tuple[Any, ...] = (
    "agt_1@2", "agt_1@2/reader@1", "agt_1", "a@0", "a@01", "a@", "@1", "", "/", "a//b", "a@1@2", "a@-1", "a@ 1", "a@1 ", "a@+1",
    "a@１", "é@1", "a@9007199254740991", "a@9007199254740992", "a@99999999999999999999", "a@1_0", "\ud800", "a b",
    "/".join(["a@1"] * 8), "/".join(["a@1"] * 9), "x" * 128, "x" * 129, Text("agt_1@2"), "a@1\n",
    (), [], (("agt_1", 2),), [("agt_1", 2)], [["agt_1", 2]], (["agt_1", 2],), [("agt_1",)], (("agt_1",),), (("agt_1", None),),
    (("agt_1", 2, "more"),), [("agt_1", 2, 3)], ((),), (("agt_1", True),), (("agt_1", Number.TWO),), (("agt_1", 2.0),),
    (("agt_1", 0),), (("agt_1", 2**53),), (("agt_1", 2**70),), ((Text("agt_1"), 2),), ((5, 2),), (("", 2),), ("agt_1@2",), ("ab",),
    (Step("agt_1", 2),), [Step("agt_1", None)], {"agt_1": 2}.items(), {"ab": 1}, 5, b"ab", (("é", 1),), (("a", "1"),), (None,),
    (("agt_1", 2),) * 8, (("agt_1", 2),) * 9, (("a\ud800", 1),),
)  # fmt: skip
_FACTS: tuple[Any, ...] = (
    1.5, 1.0, float("nan"), float("inf"), b"x", bytearray(b"x"), {}, {"a": 1}, {1}, frozenset((1,)), object, OPAQUE, None, (), [],
    [[1]], [(1,)], ((1,),), [None, OPAQUE, 1, "a", True], (1.5,), [b"x"], [{}], Word.CLORD, Number.TWO, Text("clord"), Whole(7),
    [Word.CLORD, Number.TWO, Text("x"), Whole(8)], 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**100, 10**5000, Whole(2**64), [2**63],
    "\ud800", "a\udfff", ["\ud800"], "é\x00", "x" * 100_000, list(range(256)), list(range(257)), tuple(range(256)), range(3), 1j,
    Step("a", 1), MappingProxyType({}), True, False, [True, 1],
)  # fmt: skip
_NAMES: tuple[Any, ...] = (
    "repo",
    "args.a",
    "args.b",
    "",
    "é",
    "a\ud800",
    5,
    None,
    b"repo",
    Text("repo"),
    Word.CLORD,
    "n" * 5000,
)
_COSTS: tuple[Any, ...] = (
    {}, {"calls": 1}, {"calls": 2}, {"calls": 0}, {"calls": True}, {"usd": 5, "calls": 1}, {"usd": -1}, {"usd": True}, {"usd": 1.0},
    {"usd": Number.TWO}, {"usd": 2**53 - 1}, {"usd": 2**53}, {"usd": 2**70}, {"usd": None}, {"": 1}, {5: 1}, {None: 1}, {b"usd": 1},
    {"\ud800": 1}, {"é": 1}, {Text("usd"): 1}, {Word.CLORD: 1}, MappingProxyType({"usd": 1}), OrderedDict(usd=1), [("usd", 1)], 5, "usd",
    Table(usd=1),
)  # fmt: skip
_BINDINGS = (
    b"b" * 32,
    b"",
    b"b" * 31,
    b"b" * 33,
    bytearray(32),
    memoryview(bytes(32)),
    Bytes(32),
    Bytes(31),
    "b" * 32,
    32,
    [0] * 32,
)


def arguments(rng: Rng) -> dict[str, Any]:
    """Return the arguments of a Request: about half of all draws make one."""
    out: dict[str, Any] = {"action": "repo.read", "audience": "github", "run": "agt_1@2"}
    out["facts"] = (
        {"repo": "clord", "args.zz": 1, "args.a": rng.choice(("x", True)), "path": ["a"]}
        if rng.random() < 0.6
        else None
    )
    out["binding"] = BINDING
    for name, odd in (
        ("action", _TEXTS),
        ("audience", _TEXTS),
        ("run", _RUNS),
        ("cost", _COSTS),
        ("binding", _BINDINGS),
    ):
        if rng.random() < (0.4 if name == "run" else 0.15):
            out[name] = rng.choice(odd)
    if rng.random() < 0.5:
        out["facts"] = _facts(rng)
    return out


def _facts(rng: Rng) -> Any:
    made: dict[Any, Any] = {}
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        name = (
            rng.choice(_NAMES)
            if rng.random() < 0.3
            else rng.choice(("repo", "path", "args.n", "args.m", "n"))
        )
        made[name] = rng.choice(_FACTS) if rng.random() < 0.5 else cases.scalar(rng)
    kind = rng.randrange(12)
    odd: dict[int, Any] = {
        0: MappingProxyType(made), 1: OrderedDict(made), 2: list(made.items()), 3: rng.choice((5, "facts", (), [], b"")),
        4: {f"n{n}": n for n in range(rng.choice((255, 256, 257, 300)))}, 5: Table(made), 6: _Odd(made),
    }  # fmt: skip
    return odd.get(kind, made)


class _Odd(Mapping[Any, Any]):
    """A mapping that is no dict."""

    def __init__(self, made: dict[Any, Any]) -> None:
        self._made = made

    def __getitem__(self, name: Any) -> Any:
        return self._made[name]

    def __iter__(self) -> Any:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)
