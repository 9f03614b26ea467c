"""V7, facts of a tool's arguments: `only`, opaque values, and what lies below them."""

from __future__ import annotations

from typing import Any

from builder import HMAC, Case, ask, mint, vector


def granted(where: dict[str, Any], facts: dict[str, Any], only: bool = True) -> Case:
    """Return the case of one grant on arguments, and a request with these facts."""
    grant = {0: ["mail.send"], 1: where, **({2: True} if only else {})}
    return ask(mint(HMAC, {6: [grant]}), action="mail.send", facts=facts)


TO = {"args.to": [5, ["example.com"]]}


@vector("ok")
def only_what_is_named(alg: int) -> Case:
    """The one argument that is named, and facts that are no arguments."""
    return granted(TO, {"args.to": "example.com", "call": "00", "argsx": 1})


@vector("forbidden allow 0")
def only_refuses_another(alg: int) -> Case:
    """An argument that is not named."""
    return granted(TO, {"args.to": "example.com", "args.bcc": "evil.org"})


@vector("forbidden allow 0")
def only_refuses_below_a_name(alg: int) -> Case:
    """An argument below one that is named: names are exact."""
    named = {**TO, "args.options": [6, True, True]}
    return granted(named, {"args.to": "example.com", "args.options.bcc": "evil.org"})


@vector("forbidden allow 0")
def only_refuses_opaque_arguments(alg: int) -> Case:
    """Arguments that are opaque as a whole, where none is named."""
    return granted({"call": [6, True, True]}, {"args": None})


@vector("ok")
def only_without_arguments(alg: int) -> Case:
    """No arguments, where all that is named is optional."""
    return granted({"args.to": [5, ["example.com"], True]}, {})


@vector("ok")
def not_only_takes_another(alg: int) -> Case:
    """An argument that is not named, where `only` is not said."""
    return granted(TO, {"args.to": "example.com", "args.subject": "x"}, only=False)


@vector("forbidden allow 0")
def below_opaque(alg: int) -> Case:
    """An optional fact below an opaque one: it may be there."""
    return granted({"args.o.to": [5, ["example.com"], True]}, {"args.o": None}, only=False)


@vector("forbidden allow 0")
def below_opaque_far_up(alg: int) -> Case:
    """An optional fact two names below an opaque one."""
    return granted({"args.o.p.to": [5, ["example.com"], True]}, {"args.o": None}, only=False)


@vector("forbidden allow 0")
def below_an_opaque_element(alg: int) -> Case:
    """An optional fact below a list with an opaque element: it may be in there."""
    where = {"args.list.o.to": [5, ["example.com"], True]}
    return granted(where, {"args.list.o": ["x", None]}, only=False)


@vector("ok")
def beside_opaque(alg: int) -> Case:
    """An optional fact whose name begins like an opaque one's, and is not below it."""
    return granted({"args.other": [0, ["x"], True]}, {"args.o": None}, only=False)


@vector("ok")
def below_text(alg: int) -> Case:
    """An optional fact below a text, below which nothing can be."""
    return granted({"args.o.to": [0, ["x"], True]}, {"args.o": "plain"}, only=False)


@vector("forbidden allow 0")
def any_below_opaque(alg: int) -> Case:
    """A fact below an opaque one under a kind that it cannot be told for."""
    return granted({"args.o.to": [1, ["x"]]}, {"args.o": None}, only=False)
