"""The public names: exactly these, few, and each says what it does."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import pytest

import attenuate
from attenuate import _engine

EXPECTED = [
    "AsyncGate", "Forbidden", "Gate", "Grant", "KeyRing", "Lease", "LeaseError", "Malformed", "Refused", "Request", "Unavailable", "Untrusted", "Verified",
    "Verifier", "approve", "between", "call_binding", "demand", "flatten", "grant", "host", "http_binding", "none_of", "one_of",
    "open_store", "present", "starts", "under",
]  # fmt: skip


def test_the_names_are_exactly_these() -> None:
    assert attenuate.__all__ == EXPECTED
    assert len(EXPECTED) <= 28
    assert sorted(EXPECTED) == EXPECTED
    for name in EXPECTED:
        assert hasattr(attenuate, name)


def test_a_star_import_brings_these_and_no_more() -> None:
    names: dict[str, Any] = {}
    exec("from attenuate import *", names)
    assert sorted(set(names) - {"__builtins__"}) == EXPECTED


def public_members(thing: type) -> list[tuple[str, Any]]:
    """Return what a class of this package adds for its users."""
    out = []
    for name, member in vars(thing).items():
        if not name.startswith("_") and (
            callable(member) or isinstance(member, (property, classmethod, staticmethod))
        ):
            out.append((f"{thing.__name__}.{name}", member))
    return out


def documented() -> list[tuple[str, Any]]:
    """Return every public module, class, function and method of the library, by name."""
    out: list[tuple[str, Any]] = []
    for info in pkgutil.walk_packages(attenuate.__path__, "attenuate."):
        name = info.name.removeprefix("attenuate.")
        if name.partition(".")[0] in ("__main__", "cli", "demo"):
            continue  # programs; importing one runs it
        if name == "native" and name not in _engine.AVAILABLE:
            continue  # it needs the kernel
        module = importlib.import_module(info.name)
        where = name
        out.append((where, module))
        for name, thing in vars(module).items():
            own = getattr(thing, "__module__", None) == module.__name__
            if name.startswith("_") or not own or not (inspect.isclass(thing) or inspect.isfunction(thing)):
                continue
            out.append((f"{where}.{name}", thing))
            if inspect.isclass(thing):
                out += [(f"{where}.{path}", member) for path, member in public_members(thing)]
    return out


def said(thing: Any) -> str:
    """Return the docstring of a thing, or the one that its class inherits for it."""
    return (inspect.getdoc(thing) or "").strip()


def undocumented(things: list[tuple[str, Any]]) -> list[str]:
    return [name for name, thing in things if len(said(thing)) < 10]


def inherited(name: str) -> bool:
    """Say whether a method overrides one that has a docstring."""
    *module, kind_name, method = name.split(".")
    try:
        kind = getattr(importlib.import_module(".".join(["attenuate", *module])), kind_name)
    except (ImportError, AttributeError):
        return False
    return any(said(vars(base).get(method)) for base in kind.__mro__[1:] if method in vars(base))


def test_every_public_name_says_what_it_does() -> None:
    things = documented()
    assert len(things) > 150
    assert [name for name in undocumented(things) if not inherited(name)] == []


def test_a_name_without_a_word_would_be_noticed() -> None:
    class Silent:
        def method(self) -> None: ...

    assert undocumented([("Silent", Silent), *public_members(Silent)]) == ["Silent", "Silent.method"]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_public_name_is_told_for_its_user(name: str) -> None:
    thing = getattr(attenuate, name)
    assert len(said(thing).split()) >= 6
    if inspect.isfunction(thing):
        assert "Raises" in said(thing), "what it refuses, and how"


def test_the_version_is_a_version() -> None:
    assert [part.isdigit() for part in attenuate.__version__.split(".")] == [True] * 3
