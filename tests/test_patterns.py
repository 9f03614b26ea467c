"""Patterns: which actions they take."""

from __future__ import annotations

from typing import Any

import build
import pytest

from attenuate import (
    grant,
)
from attenuate.grants import matches


@pytest.mark.parametrize(
    ("pattern", "taken", "other"),
    [
        ("repo.read", ["repo.read"], ["repo.rea", "repo.read.x", "Repo.read", "repo.reads"]),
        ("repo.*", ["repo.read", "repo.a.b", "repo.."], ["repo", "repo.", "repox", "arepo.read"]),
        ("repo:*", ["repo:x"], ["repo:", "repo.x"]),
        ("repo/*", ["repo/x", "repo//"], ["repo/", "repo"]),
        ("*", ["a", ".", "repo.read"], []),
        (".*", [".a"], [".", "a"]),
    ],
)
def test_what_a_pattern_takes(pattern: str, taken: list[str], other: list[str]) -> None:
    for action in taken:
        assert matches((pattern,), action)
        assert grant(pattern).fits(build.ask(action))
    for action in other:
        assert not matches((pattern,), action)
        assert not grant("nothing", pattern).fits(build.ask(action))


NO_PATTERNS = [
    "",
    "re*",
    "repo*",
    "*.read",
    "a.*.b",
    "**",
    "a.**",
    "a b",
    "a~",
    "ü",
    "a\n",
    "a\nb",
    "a" * 129,
    "a" * 127 + ".*",
]


@pytest.mark.parametrize("pattern", NO_PATTERNS)
def test_what_is_no_pattern(engine: Any, pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        grant("repo.read", pattern)
    for key, value in {
        6: [{0: [pattern]}],
        7: [{0: ["a", pattern]}],
        12: [pattern],
        10: [[[pattern], [b"k" * 32], 1]],
    }.items():
        token = build.raw(build.root(), {0: b"8 bytes!", key: value})
        assert build.verdict(engine, token) == ("malformed", "shape", None), key


@pytest.mark.parametrize("pattern", ["a" * 128, "a" * 126 + ".*", "!", "}", "a|b", "*"])
def test_what_is_a_pattern(engine: Any, pattern: str) -> None:
    assert build.verdict(engine, build.raw(build.root(b6=[{0: [pattern, "repo.read"]}]))) == build.OK
