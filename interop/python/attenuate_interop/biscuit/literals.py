"""Values as Datalog source, so that nothing in a value is ever read as Datalog.

biscuit-python's own parameters cannot serve here: they have no null, and a list of small integers
becomes bytes. In a string, the Datalog of biscuits gives a meaning to the backslash and the quote and
to nothing else; every other character, NUL and U+2028 too, stands for itself, and `{name}` in a string
is no parameter. tests/test_biscuit.py asks the library for each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attenuate.request import OPAQUE


def literal(value: Any) -> str:
    """Return the Datalog of text, integers, booleans, bytes, None or OPAQUE, lists, and maps from text.

    Raises TypeError for anything else.
    """
    if value is None or value is OPAQUE:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, bytes):
        return f"hex:{value.hex()}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(name)}: {literal(member)}" for name, member in value.items()) + "}"
    raise TypeError(f"a {type(value).__name__} has no Datalog")
