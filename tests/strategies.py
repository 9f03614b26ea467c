"""Hypothesis strategies over a small vocabulary, so that requests and leases often meet.

Blocks are drawn as they are on the wire (maps by number) and requests as plain Python, so that a
test can hand the same draw to attenuate, to `model` and to `wire`.
"""

from __future__ import annotations

from typing import Any

import build
import wire
from hypothesis import strategies as st
from model import Asked

from attenuate import Request

ACTIONS = ("repo.read", "repo.write", "repo.write.all", "mail:send")
PATTERNS = (*ACTIONS, "repo.*", "repo.write.*", "mail:*", "*")
TEXTS = ("clord", "other", "1", "true", "agent/x", "agent/", "")
PATHS = ("src", "src/a.py", "src2", "/etc", "/etc/passwd", "a/b/c", "…/ü")
NO_PATHS = ("src/../x", "src//a", "src/", "~/x", "a\\b", "a%2eb", "a\x00", "..", "./a", "", "src\n")
HOSTS = ("example.com", "api.example.com", "com", "1.2.3.4", "10.1.2.3.example.com", "localhost")
NO_HOSTS = (
    "Example.com",
    "example.com.",
    ".com",
    "a..b",
    "01.2.3.4",
    "2.3.4",
    "0x7f",
    "a_b.0x1",
    "256.1.1.1",
)
INTS = (0, 1, 2, -1, 9, 10, 2**53 - 1, 2**63 - 1, -(2**63))
NAMES = ("repo", "path", "args.host", "args.n", "args.to.name", "args.x.y", "call")
UNITS = ("calls", "usd", "bytes")

# Strategies are built once, here: building them at each draw takes longer than the draws.
_MASK = st.integers(0, 2**32 - 1)
_KIND = st.sampled_from((0, 0, 1, 2, 3, 4, 5, 6))
_INT = st.sampled_from(INTS)
_GAP = st.sampled_from((None, None, 0, 1))
_EVEN = st.booleans()
_RARE = st.sampled_from((False, False, False, True))

scalars = st.sampled_from((*TEXTS, *PATHS, *NO_PATHS, *HOSTS, *NO_HOSTS, *INTS, True, False))
_elements = st.one_of(scalars, scalars, st.none())
facts_values = st.one_of(scalars, scalars, st.none(), st.lists(_elements, max_size=3), st.text(max_size=5))
fact_names = st.sampled_from(NAMES)


def _some(values: Any, most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(
        st.sampled_from(values) if isinstance(values, tuple) else values, min_size=1, max_size=most
    )


_OPERANDS = {
    0: _some(scalars),
    1: _some(scalars),
    3: _some((*PATHS, "/", ".")),
    4: _some((*TEXTS, *PATHS)),
    5: _some(HOSTS),
}


@st.composite
def _constraints(draw: st.DrawFn, optional: bool) -> list[Any]:
    kind = draw(_KIND)
    if kind == 2:
        a, b = draw(_INT), draw(_INT)
        operand: Any = [min(a, b), max(a, b)]
        gap = draw(_GAP)
        if gap is not None:
            operand[gap] = None
    else:
        operand = True if kind == 6 else draw(_OPERANDS[kind])
    return [kind, operand, True] if optional and draw(_RARE) else [kind, operand]


@st.composite
def _grants(draw: st.DrawFn, deny: bool) -> dict[int, Any]:
    out: dict[int, Any] = {0: draw(_some_patterns)}
    if draw(_EVEN):
        out[1] = draw(certain_wheres if deny else wheres)
    if not deny and draw(_RARE):
        out[2] = True
    return out


_some_patterns = _some(PATTERNS)
constraints = _constraints(True)
"""A constraint on the wire: [kind, operand, ? true]."""
wheres = st.dictionaries(fact_names, constraints, min_size=1, max_size=2)
"""A map of fact to constraint, not empty."""
certain_wheres = st.dictionaries(fact_names, _constraints(False), min_size=1, max_size=2)
"""The same without `optional`, for a deny."""
grants = _grants(False)
"""A grant on the wire."""
deny_grants = _grants(True)
"""A grant of a deny: neither `only` nor `optional`."""

_LEVELS = st.sampled_from((1, 1, 2, 3))
_NAME = st.sampled_from((True,) * 9 + (False,))
_ATTEMPT = st.sampled_from((2, 2, 2, 2, 3, None))


@st.composite
def _runs(draw: st.DrawFn, closed: bool) -> list[list[Any]]:
    out: list[list[Any]] = []
    for name in ("agt_1", "reader", "page")[: draw(_LEVELS)]:
        attempt = draw(_ATTEMPT) or (2 if closed else None)
        out.append([name if draw(_NAME) else "other", *([] if attempt is None else [attempt])])
    return out


open_runs, closed_runs = _runs(False), _runs(True)
"""A run on the wire: agt_1@2 more often than not, and what it starts."""

_PARTS: dict[int, st.SearchStrategy[Any]] = {
    2: open_runs,
    3: st.sampled_from((["github"], ["github", "other"], ["other"])),
    4: st.sampled_from((build.NOW - 9, build.NOW + 1, build.NOW + 2, build.NOW + 9)),
    5: st.sampled_from((build.NOW + 9, build.NOW + 9, build.NOW + 2, build.NOW + 1, build.NOW)),
    6: _some(grants),
    7: _some(deny_grants, most=2),
    8: wheres,
    9: st.dictionaries(st.sampled_from(UNITS), st.sampled_from((0, 1, 30)), min_size=1),
    11: st.sampled_from((0, 1, 2, 15)),
    12: _some(PATTERNS, most=2),
    13: st.just(True),
    16: st.dictionaries(st.sampled_from(("agent", "why")), st.sampled_from(("x", 1, True))),
}
_RARITIES: tuple[tuple[Any, Any], ...] = (
    (14, b"for a block, 16b"), (17, [b"\x00", {1: None}]), (-1, 0), (15, build.NOW), ("acme/x", ["y"]),
    (2, [["agt_1"]]),
)  # fmt: skip
_ISSUED = st.sampled_from((0,) * 12 + (61, 62, 900))


@st.composite
def blocks(draw: st.DrawFn, index: int, fine: int = 2) -> dict[Any, Any]:
    """Block number `index` on the wire: each caveat is there once in 2^fine, oddities more rarely."""
    out: dict[Any, Any] = {0: b"nonce of %08d!" % draw(_MASK)}
    mask = rare = -1
    for _ in range(fine):
        mask &= draw(_MASK)
    for _ in range(fine + 3):
        rare &= draw(_MASK)
    if index == 0:
        out = build.root(b6=[{0: ["*"]}], b15=build.NOW + draw(_ISSUED))
        for bit, key in enumerate((2, 3, 5, 6, 15)):
            if rare >> 20 + bit & 1:
                del out[key]
    for bit, (key, values) in enumerate(_PARTS.items()):
        if mask >> bit & 1:
            out[key] = draw(closed_runs if key == 2 and index == 0 else values)
    for bit, (key, value) in enumerate(_RARITIES):
        if rare >> bit & 1:
            out[key] = value
    return out


_BLOCKS = {(index, fine): blocks(index, fine) for index in range(4) for fine in (1, 2, 3)}
_COUNT, _ALG, _HMAC = st.integers(1, 4), st.sampled_from(build.ALGS), st.just("hmac")


@st.composite
def chains(draw: st.DrawFn, fine: int = 2) -> wire.Parts:
    """An authentic bearer token of one to four blocks."""
    drawn = [draw(_BLOCKS[index, fine]) for index in range(draw(_COUNT))]
    return build.raw(*drawn, alg=draw(_ALG))


_FACTS = st.dictionaries(fact_names, facts_values, max_size=4)
_ACTION = st.sampled_from(ACTIONS)
_AUDIENCE = st.sampled_from(("github",) * 12 + ("other",))
_COST = st.sampled_from(({}, {"usd": 1}, {"usd": 0, "bytes": 9}, {"usd": 9, "bytes": 1}))
_ABOVE = st.sampled_from((None,) * 6 + ("args", "args.x", "args.to"))
_RUN = st.sampled_from(("none", "none", "drawn", "top", "deep", "deep"))
_FIXED = {
    "none": None,
    "top": [("agt_1", 2)],
    "deep": [("agt_1", 2), ("reader", 2), ("page", 2)],
}


@st.composite
def asks(draw: st.DrawFn) -> Asked:
    """A request, as plain Python."""
    which = draw(_RUN)
    run: Any = draw(open_runs) if which == "drawn" else _FIXED[which]
    if which == "drawn":
        run = [tuple(segment) if len(segment) == 2 else (segment[0], None) for segment in run]
    facts: dict[str, Any] = draw(_FACTS)
    above = draw(_ABOVE)
    if above is not None and not any(name.startswith(f"{above}.") for name in facts):
        facts[above] = None
    return Asked(draw(_ACTION), draw(_AUDIENCE), run, facts, draw(_COST))


def to_request(asked: Asked, **changes: Any) -> Request:
    """Return what attenuate is asked for the same request."""
    return Request(
        asked.action, audience=asked.audience, run=asked.run, facts=asked.facts, cost=asked.cost, **changes
    )


# --- JSON ---
SAFE = 2**53 - 1
doubles = st.floats(allow_nan=False, allow_infinity=False)
documents = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-SAFE, SAFE), doubles, st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=10,
)
"""JSON that has one spelling: no Python integer beyond 2^53-1."""

nows = st.sampled_from((build.NOW, build.NOW + 1, build.NOW + 1, build.NOW + 2, build.NOW + 900))
