"""Lines for the conformance executables of all languages: verifications, and every other op with odd input.

verify(case)         a case of cases.py as a line
drawn(rng, pool)     a line with a token that was drawn: mostly leases, some nearly
mutated(rng)         a line with a mutant of a valid token
other(rng)           mint, narrow, seal, present, inspect, audience_key, bindings, flatten, and lines
that are JSON and nothing else
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import agree
import build
import cases
import mutate
import wire
from cases import Case, Kin, Rng

from attenuate import KeyRing, Lease, LeaseError
from attenuate.blockjson import block_to_json
from attenuate.request import OPAQUE

Line = dict[str, Any]


def rows(ring: KeyRing) -> list[Line]:
    """Return a ring as the lines have it."""
    return [{"id": key_id, "alg": ring[key_id].alg, "key": ring[key_id].material.hex()} for key_id in ring]


ROWS = {name: rows(ring) for name, ring in cases.RINGS.items()}


def verify(case: Case) -> Line:
    """Return the line of a case; its handlers are left out, a line has none."""
    asked = case.request
    request: Line = {"audience": asked.audience, "action": asked.action}
    request["run"] = None if asked.run is None else [list(segment) for segment in asked.run]
    request["facts"] = {name: plain(fact) for name, fact in asked.facts.items()}
    request["cost"] = dict(asked.cost)
    if asked.binding is not None:
        request["binding"] = asked.binding.hex()
    options = {"max_lifetime": case.rules.max_lifetime, "leeway": case.rules.leeway}
    given = {name: value for name, value in options.items() if value}
    return {"op": "verify", "token": case.text, "keys": ROWS[case.ring], "request": request, "now": case.now, "options": given}  # fmt: skip


def plain(fact: Any) -> Any:
    """Return a fact as JSON has it."""
    if isinstance(fact, tuple):
        return [plain(element) for element in fact]
    return None if fact is OPAQUE else fact


def drawn(rng: Rng, pool: list[Kin]) -> Line:
    line = verify(agree.draw(rng, pool))
    return odd(rng, line) if rng.random() < 0.05 else line


def mutated(rng: Rng, original: mutate.Original | None = None) -> Line:
    original = original or rng.choice(mutate.ORIGINALS)
    text = mutate.mutant(original, rng)[1]
    while text in mutate.TEXTS:  # the mutation changed nothing
        text = mutate.mutant(original, rng)[1]
    return verify(Case("mutant", text, original.request, "root", mutate.NOW + 1, cases.Rules()))


# --- the other ops ----------------------------------------------------------------------------------
def _hex(rng: Rng, size: int) -> str:
    return rng.randbytes(size).hex()


def token(rng: Rng) -> str:
    """Return a token that parses, more often than not, with approvals now and then."""
    parts = cases.ended(rng, cases.lease(rng).parts)
    if rng.random() < 0.6:
        parts = cases.lease(rng).parts
    text = parts.text
    return text + "~" + build.lease().token if rng.random() < 0.05 else text


def block(rng: Rng, index: int = 1) -> Any:
    """Return a block in JSON."""
    for _ in range(8):
        raw = wire.mint([cases.fields(rng, index)], 5, "k1", build.SECRETS["hmac"])
        try:
            made = block_to_json(Lease.parse(raw.text).unverified_blocks[0])
        except LeaseError:
            continue
        made.pop("next_key", None)
        return odd(rng, made) if rng.random() < 0.2 else made
    return {"nonce": "00" * 16}


def mint(rng: Rng) -> Line:
    count = rng.choice((1, 1, 2, 3))
    alg = rng.choice((5, 5, -19))
    blocks = [block(rng, index) for index in range(count)]
    seeds = [_hex(rng, 32) for _ in range(count)]
    return {"op": "mint", "alg": alg, "key_id": rng.choice(("k1", "k1/github", "e1", "", "é", "x" * 128, "x" * 129)),
            "key": _hex(rng, 32), "blocks": blocks, "seeds": seeds}  # fmt: skip


def narrow(rng: Rng) -> Line:
    return {"op": "narrow", "token": token(rng), "block": block(rng), "seed": _hex(rng, 32)}


def present(rng: Rng) -> Line:
    iat = rng.choice((0, cases.NOW, 2**53, 2**63 - 1, 2**63, -1))
    return {
        "op": "present",
        "token": token(rng),
        "iat": iat,
        "nonce": _hex(rng, 16),
        "binding": _hex(rng, 32),
    }


def binding(rng: Rng) -> Line:
    run = rng.choice(
        ("agt_1@2", "agt_1@2/reader@1", "agt_1", "", "a@0", [["agt_1", 2]], [["a"]], [["a", None]])
    )
    named = {"op": "call_binding", "audience": cases.text(rng) or "x", "run": run, "action": "repo.read"}
    return {**named, "args": document(rng, 0)}


def http(rng: Rng) -> Line:
    words = {name: cases.text(rng) for name in ("method", "scheme", "authority", "target")}
    return {"op": "http_binding", "audience": "github", "run": "agt_1@2", **words, "body": _hex(rng, rng.choice((0, 1, 99)))}  # fmt: skip


_NUMBERS = (0, -0.0, 1, -1, 1.0, 1.5, -2.5e-9, 1e20, 1e21, 1e30, 5e-324, 1.7976931348623157e308, 2**53 - 1, 2**53, -(2**53) + 1,
            -(2**53), 2**63 - 1, 2**63, 2**70, 0.1, 1e-6, 1e-7, 123456789012345680000.0, 333333333.33333329)  # fmt: skip
_MEMBERS = (
    "a",
    "b",
    "c",
    "a.b",
    "",
    "é",
    "\u20ac",
    "\ufb33",
    "\U0001f600",
    "__proto__",
    "constructor",
    "length",
    "0",
    "10",
    "2",
    "\x00",
)


def document(rng: Rng, depth: int) -> Any:
    """Return a JSON value: numbers of every spelling, names that a language may mind."""
    kind = rng.randrange(8 if depth < 4 else 5)
    if kind == 0:
        return rng.choice((None, True, False))
    if kind == 1:
        return rng.choice(_NUMBERS)
    if kind < 5:
        return cases.text(rng)
    if kind == 5:
        return [document(rng, depth + 1) for _ in range(rng.choice((0, 1, 2, 2, 3)))]
    if kind == 6 and rng.random() < 0.3:  # an array of objects that are alike
        names = rng.sample(_MEMBERS, 2)
        return [{name: document(rng, depth + 2) for name in names[: rng.choice((1, 2, 2))]} for _ in range(3)]
    return {rng.choice(_MEMBERS): document(rng, depth + 1) for _ in range(rng.choice((0, 1, 2, 4)))}


def flatten(rng: Rng) -> Line:
    names = rng.sample(_MEMBERS, rng.choice((0, 1, 2, 4)))
    return {"op": "flatten", "args": {name: document(rng, 1) for name in names}}


def sizes(rng: Rng) -> Line:
    """Return what is just within a limit, or just beyond."""
    count = rng.choice((255, 256, 257))
    args = rng.choice((
        {"a": list(range(count))}, {f"a{n}": n for n in range(count)}, {"a": [{"b": n} for n in range(count)]},
        {"a" * rng.choice((4090, 4091, 4092)): 1},
    ))  # fmt: skip
    deep: Any = 1
    for _ in range(rng.choice((5, 61, 62, 63, 64, 65))):
        deep = rng.choice(([deep], {"a": deep}))
    return {"op": "flatten", "args": rng.choice((args, {"a": deep}))}


_ODD: tuple[Any, ...] = (None, True, 0, -1, 1.0, 1.5, 2**64, "", "x", "\ud800", "a\udfff", [], [[]], {}, {"op": "verify"}, "00", "0", "AB", "zz")  # fmt: skip


def odd(rng: Rng, line: Line) -> Line:
    """Return an object with one member gone, replaced or added, here or below."""
    out = dict(line)
    name = rng.choice(list(out) or ["x"])
    kind = rng.randrange(5)
    if kind == 0:
        out.pop(name, None)
    elif kind == 1:
        out[rng.choice(("more", "", "op ", "__proto__"))] = rng.choice(_ODD)
    elif kind < 4 and isinstance(out.get(name), dict):
        out[name] = odd(rng, out[name])
    elif kind < 4 and isinstance(out.get(name), list) and out[name]:
        at = rng.randrange(len(out[name]))
        member = out[name][at]
        changed = odd(rng, member) if isinstance(member, dict) else rng.choice(_ODD)
        out[name] = [*out[name][:at], changed, *out[name][at + 1 :]]
    else:
        out[name] = rng.choice(_ODD)
    return out


_SPELLINGS = ("1", "1.0", "1e0", "10e-1", "1E+2", "100", "-0", "-0.0", "0e5", "1e400", "-1e400", "9007199254740991", "9007199254740992",
              "9007199254740993.0", "9007199254740991.5", "12345678901234567890", "1e16", "1e-400", "0.1e1", "4.35", "1.0000000000000001",
              "123456789012345678901234567890e-10", "5e-324", "2.5e-324", "1" * 400, "1" * 20 + "e-19")  # fmt: skip


def spelled(rng: Rng) -> str:
    """Return, as text, a line with a number in some spelling, a member twice, or space where JSON has it."""
    number = rng.choice(_SPELLINGS)
    args = rng.choice((f'{{"a":{number}}}', f'{{"a":[{number},{number}]}}', f'{{"a":{number},"a":1}}', f'{{"a" :\t{{ "b" : {number} }} }}',
                       f'{{"a":"\\ud83d\\ude00","b":"\\ud83d","c":{number}}}', f'{{"\\u0061":{number}}}', '{"a":"\\/\\b\\u0000"}'))  # fmt: skip
    if rng.random() < 0.5:
        return f'{{"op":"flatten","args":{args}}}'
    return f'{{"op":"call_binding","audience":"x","run":"a@1","action":"b","args":{args}}}'


OPS: tuple[Callable[[Rng], Line], ...] = (mint, narrow, present, binding, http, flatten, flatten, sizes)


def other(rng: Rng) -> Line | str:
    kind = rng.randrange(12)
    if kind == 0:
        return spelled(rng)
    if kind == 1:
        return {"op": rng.choice(("inspect", "seal")), "token": token(rng)}
    if kind == 2:
        return {"op": "audience_key", "key": _hex(rng, 32), "audience": cases.text(rng)}
    if kind == 3:
        return rng.choice(
            (
                json.dumps(rng.choice(_ODD)),
                '{"op":"nothing"}',
                '{"op":"flatten","op":"flatten","args":{}}',
                '{"op":1}',
            )
        )
    line = rng.choice(OPS)(rng)
    return odd(rng, line) if rng.random() < 0.15 else line
