"""V6 and V7 once more, straight from the specification and as naively as can be: a second opinion.

It reads a token's blocks as cbor2 decodes them and shares no code with attenuate. A refusal is
(code, block), in the order of the contract: by step, then block, then key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

HOLDS, FAILS, UNKNOWN = "holds", "fails", "cannot be told"


class _Opaque:
    def __repr__(self) -> str:
        return "OPAQUE"


OPAQUE = _Opaque()
ABSENT = object()


@dataclass
class Asked:
    """A request: facts are plain Python with None for opaque."""

    action: str
    audience: str = "github"
    run: list[tuple[str, int | None]] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    cost: dict[str, int] = field(default_factory=dict)


# --- constraints ----------------------------------------------------------------------------------
def is_path(text: str) -> bool:
    rest = text[1:] if text.startswith("/") else text
    segments = rest.split("/")
    if any(segment in ("", ".", "..") for segment in segments) or segments[0].startswith("~"):
        return False
    if any(c == "\\" or ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F for c in text):
        return False
    digits = "0123456789abcdefABCDEF"
    return not any(text[i] == "%" and i + 2 < len(text) and text[i + 1] in digits and text[i + 2] in digits
                   for i in range(len(text)))  # fmt: skip


def is_host(text: str) -> bool:
    labels = text.split(".")
    if len(text) > 253 or not all(1 <= len(label) <= 63 for label in labels):
        return False
    if not all(c in "abcdefghijklmnopqrstuvwxyz0123456789_-" for label in labels for c in label):
        return False
    last = labels[-1]
    if all(c in "0123456789" for c in last) or last.startswith("0x"):
        return len(labels) == 4 and all(_is_byte(label) for label in labels)
    return True


def _is_byte(label: str) -> bool:
    return all(c in "0123456789" for c in label) and str(int(label)) == label and int(label) <= 255


def any_of(answers: list[str]) -> str:
    """Return the three-valued "or"."""
    for answer in (HOLDS, UNKNOWN):
        if answer in answers:
            return answer
    return FAILS


def same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and a == b


def tell(constraint: list[Any], value: Any) -> str:
    """Answer for one scalar."""
    kind, operand = constraint[0], constraint[1]
    if kind == 6:
        return HOLDS
    if value is OPAQUE:
        return UNKNOWN
    if kind in (0, 1):
        if not any(type(value) is type(one) for one in operand):
            return UNKNOWN
        inside = any(same(value, one) for one in operand)
        return HOLDS if inside is (kind == 0) else FAILS
    if kind == 2:
        if type(value) is not int:
            return UNKNOWN
        least, most = operand
        return HOLDS if (least is None or least <= value) and (most is None or value <= most) else FAILS
    if type(value) is not str:
        return UNKNOWN
    if kind == 3:
        return any_of([_under(one, value) for one in operand]) if is_path(value) else UNKNOWN
    if kind == 4:
        return any_of([HOLDS if value[: len(one)] == one else FAILS for one in operand])
    assert kind == 5
    return any_of([_host(one, value) for one in operand]) if is_host(value) else UNKNOWN


def _under(above: str, path: str) -> str:
    if above.startswith("/") != path.startswith("/"):
        return UNKNOWN
    if above in ("/", "."):
        return HOLDS
    up, down = above.split("/"), path.split("/")
    return HOLDS if down[: len(up)] == up else FAILS


def _host(above: str, name: str) -> str:
    up, down = above.split("."), name.split(".")
    return HOLDS if down[-len(up) :] == up else FAILS


# --- facts ----------------------------------------------------------------------------------------
def look_up(facts: dict[str, Any], name: str) -> Any:
    parts = name.split(".")
    for n in range(len(parts) - 1, 0, -1):
        above = ".".join(parts[:n])
        if name not in facts and above in facts and facts[above] is None:
            return OPAQUE
    if name not in facts:
        return ABSENT
    value = facts[name]
    if isinstance(value, (list, tuple)):
        return [OPAQUE if one is None else one for one in value]
    return OPAQUE if value is None else value


def outcome(constraint: list[Any], fact: Any) -> list[str]:
    """Return the answers that count: one for a scalar, one for each element of a list."""
    if fact is ABSENT:
        return [UNKNOWN]
    if constraint[0] == 6:
        return [HOLDS]
    if isinstance(fact, list):
        return [tell(constraint, one) for one in fact] or [UNKNOWN]
    return [tell(constraint, fact)]


def passes(constraint: list[Any], facts: dict[str, Any], name: str) -> bool:
    fact = look_up(facts, name)
    if fact is ABSENT and len(constraint) == 3:
        return True
    return all(answer == HOLDS for answer in outcome(constraint, fact))


def fits_deny(constraint: list[Any], facts: dict[str, Any], name: str) -> bool:
    return not all(answer == FAILS for answer in outcome(constraint, look_up(facts, name)))


def takes(patterns: list[str], action: str) -> bool:
    for pattern in patterns:
        if pattern == action or pattern == "*":
            return True
        if pattern.endswith("*") and action.startswith(pattern[:-1]) and len(action) > len(pattern) - 1:
            return True
    return False


def allows(grant: dict[int, Any], asked: Asked) -> bool:
    where = grant.get(1, {})
    if not takes(grant[0], asked.action):
        return False
    if grant.get(2):
        if any(name.startswith("args.") and name not in where for name in asked.facts):
            return False
        if "args" in asked.facts and asked.facts["args"] is None:
            return False  # arguments that nobody can name are there
    return all(passes(constraint, asked.facts, name) for name, constraint in where.items())


def denies(grant: dict[int, Any], asked: Asked) -> bool:
    where = grant.get(1, {})
    return takes(grant[0], asked.action) and all(fits_deny(c, asked.facts, name) for name, c in where.items())


# --- blocks ---------------------------------------------------------------------------------------
def run_of(blocks: list[dict[Any, Any]]) -> list[tuple[str, int | None]] | None:
    runs = [block[2] for block in blocks if 2 in block]
    if not runs:
        return None
    longest = next(run for run in runs if len(run) == max(len(other) for other in runs))
    out: list[tuple[str, int | None]] = []
    for level in range(len(longest)):
        stated = [run[level][1] for run in runs if len(run) > level and len(run[level]) == 2]
        out.append((longest[level][0], stated[0] if stated else None))
    return out


def refusals(
    blocks: list[dict[Any, Any]], asked: Asked, now: int, *, bound: bool = False, cap: int | None = None
) -> list[tuple[str, int]]:
    """Return every refusal of V6 and V7 for a lease that is no approval."""
    return [*structure(blocks, now, bound, cap), *caveats(blocks, asked, now)]


def structure(blocks: list[dict[Any, Any]], now: int, bound: bool, cap: int | None) -> list[tuple[str, int]]:
    out = []
    first = blocks[0]
    complete = all(key in first for key in (2, 3, 5, 6, 15)) and all(
        len(segment) == 2 for segment in first[2]
    )
    if not complete or not first[15] < first[5]:
        out.append(("structure", 0))
    if 15 in first and not first[15] <= now + 60:
        out.append(("issued_at", 0))
    for i, block in enumerate(blocks):
        if i > 0 and 15 in block:
            out.append(("structure", i))
        if 11 in block and not (len(blocks) - 1) - i <= block[11]:
            out.append(("depth", i))
        if i == 0 and cap is not None and not first.get(5, 2**53 - 1) - first.get(15, 0) <= cap:
            out.append(("lifetime", 0))
        if 14 in block:
            out.append(("for", i))
        if 13 in block and not bound:
            out.append(("bound", i))
    return out


def caveats(blocks: list[dict[Any, Any]], asked: Asked, now: int) -> list[tuple[str, int]]:
    run = run_of(blocks) if asked.run is None else asked.run
    out = []
    for i, block in enumerate(blocks):
        if 2 in block:
            names = [segment[0] for segment in block[2]]
            if run is None or [name for name, _ in run[: len(names)]] != names:
                out.append(("run", i))
            elif any(len(s) == 2 and s[1] != run[level][1] for level, s in enumerate(block[2])):
                out.append(("attempt", i))
        if 3 in block and asked.audience not in block[3]:
            out.append(("audience", i))
        if 4 in block and not now >= block[4]:
            out.append(("not_before", i))
        if 5 in block and not now < block[5]:
            out.append(("expires", i))
        if 6 in block and not any(allows(grant, asked) for grant in block[6]):
            out.append(("allow", i))
        if 7 in block and any(denies(grant, asked) for grant in block[7]):
            out.append(("deny", i))
        if 8 in block and not all(passes(c, asked.facts, name) for name, c in block[8].items()):
            out.append(("where", i))
        if 9 in block and not all(unit == "calls" or unit in asked.cost for unit in block[9]):
            out.append(("budget", i))
        out += [("unknown_caveat", i) for key in block if key not in range(17)]
    return out
