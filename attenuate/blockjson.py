"""Blocks as JSON, both ways: every field by its name (specs/token.md, JSON).

    {"run": "agt_1@2", "allow": [{"actions": ["repo.read"], "where": {"repo": {"one_of": ["clord"]}}}]}

Bytes are lower-case hex, times are integers, an unknown number is its digits, extension keys are
as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from . import constraints
from .block import (
    ALLOW,
    APPROVAL,
    AUDIENCE,
    BUDGET,
    DENY,
    EXTENSION,
    FINAL,
    FOR,
    NAMES,
    NEXT_KEY,
    NONCE,
    NOTES,
    RUN,
    WHERE,
    Block,
    Fields,
)  # fmt: skip
from .errors import Malformed
from .grants import Demand, Grant
from .request import make_run, run_text


def block_to_json(block: Block) -> dict[str, Any]:
    """Return a block as JSON data."""
    out: dict[str, Any] = {}
    for key, value in block.fields.items():
        name = NAMES[key] if isinstance(key, int) and 0 <= key < len(NAMES) else str(key)
        if key == RUN:
            out[name] = run_text(value)
        elif key in (ALLOW, DENY, APPROVAL):
            out[name] = [each.to_json() for each in value]
        elif key == WHERE:
            out[name] = {fact: constraint.to_json() for fact, constraint in value.items()}
        else:
            out[name] = _plain(value)
    return out


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [_plain(member) for member in value]
    if isinstance(value, dict):
        return {str(name): _plain(member) for name, member in value.items()}
    return value


def fields_from_json(data: object) -> Fields:
    """Return the fields of a block's JSON form, to be made into a block by `make_block`.

    Raises ValueError with the member and what was expected of it. What only the bytes can show
    (sizes, the block's place) `make_block` refuses.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"a block is an object, not a {type(data).__name__}")
    fields: Fields = {}
    for name, value in data.items():
        if name in NAMES:
            key = NAMES.index(name)
            reader = _READERS.get(key)
            try:
                fields[key] = reader(value) if reader else value
            except (ValueError, TypeError, Malformed) as fault:
                raise ValueError(f"{name}: {fault}") from None
        elif isinstance(name, str) and re.fullmatch(r"0|-?[1-9][0-9]{0,18}", name):
            if 0 <= int(name) < len(NAMES):
                raise ValueError(f"{name}: write {NAMES[int(name)]!r}")
            fields[int(name)] = value
        elif isinstance(name, str) and EXTENSION.fullmatch(name):
            fields[name] = value
        else:
            raise ValueError(f"{name!r:.80} is no caveat; known: {', '.join(NAMES)}, or vendor/name")
    return fields


def _hex(value: Any) -> bytes:
    if not isinstance(value, str) or not re.fullmatch(r"(?:[0-9a-f]{2})*", value):
        raise ValueError("bytes are lower-case hex")
    return bytes.fromhex(value)


def _members(value: Any, known: set[str], needed: str) -> dict[str, Any]:
    if not isinstance(value, dict) or needed not in value or not set(value) <= known:
        raise ValueError(f"an object with {', '.join(sorted(known))}")
    return value


def _list(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read_list(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or not value:
            raise ValueError("a list of at least one element")
        return tuple(read(each) for each in value)

    return read_list


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"text, not a {type(value).__name__}")
    return value


def _run(value: Any) -> Any:
    return make_run(_text(value))


def where_from_json(value: Any) -> dict[str, constraints.Constraint]:
    """Return fact -> constraint of a JSON form; raises ValueError."""
    if not isinstance(value, dict) or not value:
        raise ValueError("an object of fact to constraint")
    return {name: constraints.from_json(each) for name, each in value.items()}


def grant_from_json(value: Any) -> Grant:
    """Return the grant of a JSON form; raises ValueError."""
    members = _members(value, {"actions", "where", "only"}, "actions")
    if members.get("only", True) is not True:
        raise ValueError('"only" is true or left out')
    where = where_from_json(members["where"]) if "where" in members else {}
    return Grant(_list(_text)(members["actions"]), where, only="only" in members)


def _demand(value: Any) -> Demand:
    members = _members(value, {"actions", "keys", "quorum"}, "keys")
    keys = _list(_hex)(members["keys"])
    return Demand(_list(_text)(members.get("actions")), keys, members.get("quorum", 1))


def _map(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("an object")
    return dict(value)


_READERS: dict[int, Callable[[Any], Any]] = {
    NONCE: _hex,
    NEXT_KEY: _hex,
    RUN: _run,
    AUDIENCE: _list(_text),
    ALLOW: _list(grant_from_json),
    DENY: _list(grant_from_json),
    WHERE: where_from_json,
    BUDGET: _map,
    APPROVAL: _list(_demand),
    FINAL: _list(_text),
    FOR: _hex,
    NOTES: _map,
}
