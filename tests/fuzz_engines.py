"""The native engine against the Python engine, on what a coverage-guided fuzzer makes up (atheris).

    pip install atheris                                          needs both engines installed too
    python tests/fuzz_engines.py -runs=100000 [FOLDER …]         options and folders of libFuzzer
    ATTENUATE_FUZZ_FAULT=deny python tests/fuzz_engines.py …     the control: a check of Python's is gone

Bytes choose a token, a request, a time and a verifier's settings. Most tokens are edited before
they are authenticated under keys of the ring, so that what is wrong with them is found at its own step.
Both engines must give the same verdict, code, block, words and charges, with and without a cache,
and the same explanation; and one that says yes must explain nothing. A difference ends the run with
both answers, and libFuzzer keeps the bytes in a file, which is an argument to run it again.
kernel/fuzz/README.md has results. pytest does not collect this file.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from typing import Any
from unittest import mock

try:
    import atheris
except ImportError:
    print("atheris is not installed: pip install atheris", file=sys.stderr)
    sys.exit(2)

with atheris.instrument_imports(include=["attenuate"]):
    from attenuate import KeyRing, LeaseError, _engine, verify
    from attenuate.clear import Rules
    from attenuate.request import OPAQUE, Request

    if _engine.WHY:
        print(f"both engines are needed: {_engine.WHY}", file=sys.stderr)
        sys.exit(2)
    from attenuate import native

import build
import mutate
import wire

NOW = build.NOW
FAULTS: dict[str, tuple[str, Any]] = {
    "deny": ("attenuate.grants.Grant.denies", lambda self, request: False),
    "skew": ("attenuate.clear.limits.SKEW", 61),
    "path": ("attenuate.constraints.Under.grammar", lambda value: value != ""),
    "proof": ("attenuate.verify._proves", lambda frame, last, h: True),
    "run": ("attenuate.clear._run_failure", lambda run, stated: ""),
    "words": ("attenuate.verify.refusing", lambda failure, case: "refused"),
}
"""Faults for the control: what is replaced in the Python engine, and by what."""


class Chosen(random.Random):
    """Choices that come from the fuzzer's bytes; when these end, from a fixed seed.

    So every function of mutate.py is the fuzzer's too.
    """

    def __init__(self, data: bytes) -> None:
        self.rest = data
        super().__init__(0)

    def getrandbits(self, k: int) -> int:
        size = (k + 7) // 8
        if not self.rest:
            return super().getrandbits(k)
        taken, self.rest = self.rest[:size], self.rest[size:]
        return int.from_bytes(taken, "little") & ((1 << k) - 1)

    def random(self) -> float:
        return self.getrandbits(16) / 65536

    def once_in(self, n: int) -> bool:
        """True once in n times, and never when the bytes have ended."""
        return bool(self.rest) and self.getrandbits(8) % n == n - 1

    def count(self, most: int) -> int:
        """A number from 0 to `most`, and 0 when the bytes have ended."""
        return self.getrandbits(8) % (most + 1) if self.rest else 0


# --- tokens -----------------------------------------------------------------------------------------
ACTIONS = ("repo.read", "repo.write.all", "mail:send", "repo.", "x")
PATTERNS = ("repo.read", "repo.*", "*", "repo.write.*", "mail:*", "x")
NAMES = ("repo", "path", "args.o", "args", "args.o.x", "host", "n", "a.b.c", "a.b", "")
WORDS = (
    "clord", "src", "src/a.py", "/", ".", "/etc", "/etc/passwd", "..", "src//a", "~x", "a%2e", "é", "\x85", "😀",
    "github.com", "api.github.com", "1.2.3.4", "0x7f.1", "evil-github.com", "", "a\\b", "com", "CLORD", "a" * 300,
)  # fmt: skip
INTS = (0, 1, 2, -1, 23, 24, 255, 256, 2**53 - 1, 2**53, 2**63 - 1, -(2**63), NOW, NOW + 60)
BINDING = mutate.BINDING


def scalar(rng: Chosen) -> Any:
    return rng.choice((rng.choice(WORDS), rng.choice(WORDS), rng.choice(INTS), rng.random() < 0.5))


def some(rng: Chosen, make: Callable[[Chosen], Any], most: int = 3) -> list[Any]:
    return [make(rng) for _ in range(1 + rng.count(most - 1))]


def patterns(rng: Chosen) -> list[str]:
    if rng.once_in(48):
        return [rng.choice(("repo.re*", "", "*x", "a b", "é"))]
    return some(rng, lambda rng: rng.choice(PATTERNS))


PATHS = ("src", "src/a.py", "/", ".", "/etc", "/etc/passwd", "clord", "é", "..")
HOSTS = ("github.com", "api.github.com", "1.2.3.4", "com", "evil-github.com", "clord", "0x7f.1")


def constraint(rng: Chosen, denied: bool) -> list[Any]:
    kind = rng.randrange(7)
    operand: Any = some(rng, scalar, 4)
    if kind == 2:
        operand = [rng.choice((None, *INTS[:4])), rng.choice((None, *INTS))]
    elif kind == 6:
        operand = True
    elif kind > 2:
        words = WORDS if kind == 4 else (PATHS, HOSTS)[kind == 5][: 999 if rng.once_in(4) else -1]
        operand = some(rng, lambda rng: rng.choice(words))
    return [kind, operand, True] if rng.once_in(4) and (not denied or rng.once_in(16)) else [kind, operand]


def facts(rng: Chosen, denied: bool = False) -> dict[str, Any]:
    return {rng.choice(NAMES): constraint(rng, denied) for _ in range(1 + rng.count(2))}


def grant(rng: Chosen, denied: bool = False) -> dict[int, Any]:
    made: dict[int, Any] = {0: patterns(rng)}
    if rng.random() < 0.5:
        made[1] = facts(rng, denied)
    if rng.once_in(4) and (not denied or rng.once_in(16)):
        made[2] = True
    return made


def run(rng: Chosen) -> list[list[Any]]:
    made: list[list[Any]] = [["agt_1", 2]]
    for _ in range(rng.count(3)):
        made.append(rng.choice((["reader"], ["reader", 1], ["reader", 2], ["b", 1])))
    if rng.once_in(4):
        made[0] = rng.choice((["agt_1"], ["agt_1", 1], ["agt_1", 3], ["agt_2", 2]))
    if rng.once_in(48):
        made[0] = rng.choice((["a/b", 2], ["agt_1", 2**53], ["agt_1", 0], [], ["agt_1", 1, 1]))
    return made


def demand(rng: Chosen) -> list[Any]:
    count = 1 + rng.count(2)
    return [patterns(rng), [key.public for key in build.APPROVERS[:count]], 1 + rng.count(count - 1)]


def field(rng: Chosen) -> tuple[Any, Any]:
    """Return a field of a block: mostly one that can stand there."""
    key: Any = rng.randrange(-1, 19)
    if rng.once_in(32):
        return key, rng.choice(mutate.VALUES)
    values: dict[int, Callable[[], Any]] = {
        0: lambda: rng.randbytes(rng.choice((8, 32, 15, 33, 7)) if rng.once_in(8) else 16),
        2: lambda: run(rng),
        3: lambda: some(rng, lambda rng: rng.choice(("github", "github", "mail", "git"))),
        4: lambda: NOW + rng.choice((-60, 0, 1, 2, 60, 61)),
        5: lambda: NOW + rng.choice((900, 900, 899, 1, 2, 0, -59, 901)),
        6: lambda: some(rng, grant),
        7: lambda: some(rng, lambda rng: grant(rng, True)),
        8: lambda: facts(rng),
        9: lambda: {
            unit: rng.choice(INTS if rng.once_in(32) else INTS[:3])
            for unit in some(rng, lambda rng: rng.choice(("calls", "usd", "eur")))
        },
        10: lambda: some(rng, demand, 2),
        11: lambda: rng.choice((0, 1, 2, 3, 15, 16 if rng.once_in(8) else 2)),
        12: lambda: patterns(rng),
        13: lambda: True,
        14: lambda: b"i" * 16,
        15: lambda: NOW + rng.choice((0, 0, -1, 60, 61, 62, 900)),
        16: lambda: {rng.choice(("agent", "subject", *WORDS)): scalar(rng) for _ in range(rng.count(3))},
    }
    if key in values:
        return key, values[key]()
    key = rng.choice(
        (key, "ok/a", "ok/a", "no/a", "error/a", "one/a", "x/y", "x" if rng.once_in(8) else "ok/a")
    )
    nested = rng.choice((scalar(rng), some(rng, scalar), {rng.choice(WORDS): some(rng, scalar)}))
    return key, nested


def edited(fields: dict[Any, Any], rng: Chosen, alg: int, index: int, most: int = 4) -> bytes:
    """Return the bytes of a block that is a little off."""
    fields = dict(fields)
    for _ in range(rng.count(most)):
        place = rng.choice(list(fields))
        if rng.once_in(16):
            fields[place] = mutate.bend(fields[place], rng)
        elif rng.once_in(16):
            del fields[place]
        else:
            key, value = field(rng)
            fields[key] = value
        if not fields:
            break
    if alg == wire.ED25519 and 1 not in fields and not rng.once_in(16):
        fields[1] = wire.public_of(bytes([0x80 + index]) * 32)
    raw = bytearray(wire.encode(fields))
    if rng.once_in(12):
        places = mutate.items(bytes(raw))
        for _ in range(1 + rng.count(2)):
            start, end = rng.choice(places)
            raw[rng.choice((start, rng.randrange(start, end)))] = rng.getrandbits(8)
    return bytes(raw)


def proved(parts: wire.Parts, rng: Chosen) -> str:
    kind = rng.count(3)
    if kind < 2:
        return parts.text
    if kind == 2:
        return parts.sealed().text
    iat = NOW + rng.choice((1, 0, 61, 62, -59, -60, 2**62))
    return parts.bound(iat, b"n" * 16, rng.choice((BINDING, BINDING, bytes(32)))).text


def approval(parts: wire.Parts, rng: Chosen) -> str:
    """Return an approval of some block of a token, in order or not quite."""
    key = rng.choice(build.APPROVERS[:4])
    about = parts.ids[rng.randrange(len(parts.ids))] if rng.once_in(4) else parts.ids[0]
    fields = {**build.ROOT, 6: [{0: ["*"]}], 9: {"calls": 1}, 14: about}
    alg = wire.HMAC if rng.once_in(16) else wire.ED25519
    key_id = rng.choice((key.key_id.upper(), "e1", key.key_id[:-1])) if rng.once_in(12) else key.key_id
    secret = bytes(32) if rng.once_in(16) else key.seed()
    blocks = [edited(fields, rng, alg, 0, 1)]
    blocks += [edited({0: b"nonce 01"}, rng, alg, 1, 1)] if rng.once_in(6) else []
    made = wire.mint(blocks, alg, key_id, secret)
    return made.text if rng.once_in(12) else made.sealed().text


def token(rng: Chosen) -> str:
    """Return the text of a token with its approvals."""
    original = rng.choice(mutate.ORIGINALS)
    if rng.once_in(4):
        return mutate.mutant(original, rng)[1]
    alg = original.parts.alg
    count = 1 + rng.count(2)
    if rng.once_in(64):
        count = rng.choice((15, 16, 17))
    asks = rng.choice((0, 0, 0, 0, 1, 1, 2, 2, 4, 5 if rng.once_in(8) else 3))
    blocks = []
    for index in range(count):
        fields = {0: b"nonce %02d" % index} if index else {**build.ROOT, 6: [{0: ["*"]}]}
        if index < len(original.parts.fields) and rng.once_in(3):
            fields = original.parts.fields[index]
        if asks and not index:
            fields = {**fields, 10: some(rng, demand, 2)}
        blocks.append(edited(fields, rng, alg, index))
    secrets = {"k1": build.SECRETS["hmac"], "e1": build.SECRETS["ed25519"]}
    secrets["k1/github"] = build.KEYS["hmac"].for_audience("github").seed()
    key_id = original.parts.header[-9:].decode("ascii", "replace")
    key_id = next((name for name in ("k1/github", "k1", "e1") if key_id.endswith(name)), "k1")
    parts = wire.mint(blocks, alg, key_id, secrets[key_id])
    return "~".join((proved(parts, rng), *(approval(parts, rng) for _ in range(asks))))


# --- requests ---------------------------------------------------------------------------------------
def stated(rng: Chosen) -> Any:
    if rng.once_in(64):
        return rng.choice((1.5, {"a": 1}, [[1]], 2**63, "\ud800", b"x", list(range(257)), (1, "a"), [None]))
    if rng.once_in(4):
        return [rng.choice((scalar(rng), None, OPAQUE)) for _ in range(rng.count(4))]
    return rng.choice((None, OPAQUE)) if rng.once_in(5) else scalar(rng)


def asked(rng: Chosen) -> dict[str, Any]:
    """Return what a request is made of."""
    out: dict[str, Any] = {
        "action": rng.choice(ACTIONS) if rng.once_in(2) else "repo.read",
        "audience": "github",
    }
    out["run"] = rng.choice(
        (None, "agt_1@2", run(rng), "agt_1@2/reader@1", "agt_1@2", tuple(map(tuple, run(rng))))
    )
    facts = {"repo": "clord", **{rng.choice(NAMES): stated(rng) for _ in range(rng.count(5))}}
    # the kernel keeps facts in this order, and words list them as they come
    out["facts"] = dict(sorted(facts.items(), key=lambda fact: (len(fact[0]), fact[0])))
    out["cost"] = dict.fromkeys(("usd", "eur")[: rng.count(2)], 5)
    out["binding"] = rng.choice((BINDING, BINDING, BINDING, BINDING, None, bytes(32)))
    if rng.once_in(24):
        odd = {
            "action": ("", "*", "a b", "é", "x" * 129, None),
            "audience": ("", "mail", "é", "\ud800", None, 1),
            "run": (
                "",
                "a@0",
                "a@01",
                "a@",
                "a@x",
                "/",
                [],
                [[]],
                [["a", 1, 2]],
                [["a", True]],
                "a@9007199254740992",
            ),
            "facts": (None, [], {1: 2}, {str(n): n for n in range(257)}, {"\ud800": 1}),
            "cost": (None, {"calls": 1}, {"calls": 2}, {"usd": -1}, {"usd": 2**53}, {"usd": True}, {1: 1}),
            "binding": (b"", b"x" * 31, "x" * 32),
        }
        name = rng.choice(list(odd))
        out[name] = rng.choice(odd[name])
    return out


def raising(value: object, request: Request) -> bool:
    raise RuntimeError("a handler that fails")


HANDLERS: dict[str, Callable[[Any, Request], Any]] = {
    "ok/a": lambda value, request: isinstance(request, Request),
    "no/a": lambda value, request: False,
    "one/a": lambda value, request: 1,
    "error/a": raising,
}
RINGS = (*[build.RING] * 15, KeyRing({}))


# --- both engines -----------------------------------------------------------------------------------
def outcome(work: Callable[[], Any]) -> Any:
    """Return all that can be seen of a verification, an explanation or a request."""
    try:
        found = work()
    except LeaseError as error:
        return type(error).__name__, error.code, error.block, tuple(error.finding)
    except (TypeError, ValueError) as error:
        return type(error).__name__, str(error)
    if not hasattr(found, "charges"):
        return found
    members = (found.key_id, found.alg, found.proof, found.run, found.block_ids, found.notes, found.expires)
    request = found.request
    told = (request.action, request.audience, request.run, request.cost, request.binding, dict(request.facts))
    return "ok", members, found.approvals, found.charges, told


def answers(engine: Any, make: Any, text: str, given: dict[str, Any], *rest: Any) -> dict[str, Any]:
    """Return what an engine says of a token, in each of the ways to ask."""
    try:
        request = make(**given)
    except LeaseError as error:
        return {"request": (error.code, tuple(error.finding))}
    except (TypeError, ValueError) as error:
        return {"request": (type(error).__name__, str(error))}
    cache = engine.ChainCache(1 << 20)
    return {
        "verify": outcome(lambda: engine.verify(text, request, *rest)),
        "cold": outcome(lambda: engine.verify(text, request, *rest, cache)),
        "warm": outcome(lambda: engine.verify(text, request, *rest, cache)),
        "explain": outcome(lambda: tuple(map(tuple, engine.explain(text, request, *rest, cache)))),
        "many": outcome(lambda: [kind(one) for one in engine.verify_many([(text, request)], *rest)]),
    }


def kind(found: Any) -> Any:
    return (found.stage, found.code, found.block) if isinstance(found, LeaseError) else found.block_ids


def one_input(data: bytes) -> None:
    """Make a case of bytes and compare."""
    rng = Chosen(data)
    text, given = token(rng), asked(rng)
    now = NOW + rng.choice((1, 1, 1, 1, 1, 0, 60, 899, 900, 960, -60, -61, -(10**9), 2**52))
    handlers = HANDLERS if rng.once_in(3) else {}
    rules = Rules(rng.choice((0, 0, 60, 1)), rng.choice((None, None, None, 900, 901, 899)), handlers)
    rest = (rng.choice(RINGS), now, rules)
    python = answers(verify, Request, text, given, *rest)
    other = answers(native, native.make_request, text, given, *rest)
    says = python.get("verify", ("",))[0] == "ok"
    same = python == other and python.get("cold") == python.get("warm") == python.get("verify")
    if not same or says != (python.get("explain") == ()):
        for way in python:
            print(f"{way}\n  python {python[way]}\n  native {other.get(way)}", file=sys.stderr)
        print(f"token {text!r}\nrequest {given}\nring {rest[0]!r}, now {now}, {rules}", file=sys.stderr)
        raise AssertionError("the engines differ")


def main() -> None:
    """Run libFuzzer with the arguments given."""
    fault = os.environ.get("ATTENUATE_FUZZ_FAULT")
    if fault:
        mock.patch(*FAULTS[fault]).start()
        print(f"control: without {FAULTS[fault][0]}", file=sys.stderr)
    given = "".join(sys.argv[1:])
    usual = [option for option in ("-max_len=512", "-len_control=0") if option.split("=")[0] not in given]
    atheris.Setup([sys.argv[0], *usual, *sys.argv[1:]], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
