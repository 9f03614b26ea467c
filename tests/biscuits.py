"""Leases as biscuits, decided by biscuit-auth, beside the verdict of attenuate itself.

`verdict` answers for one lease and one request; `drawn` draws such cases from cases.py so that most of
them can travel; `disagreement` compares. An evaluation that ends without a verdict is a `Fault` of the
generated Datalog and never a "no".
"""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import build
import cases
import strategies as own

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "interop" / "python"))

import biscuit_auth as ba
from attenuate_interop import NotPortable
from attenuate_interop.biscuit import (
    authorizer_for,
    blocks,
    constraints,
    exact,
    from_biscuit,
    grants,
    lease_blocks,
    read_biscuit,
    to_biscuit,
)
from attenuate_interop.biscuit.blocks import CARRIED, Signer
from attenuate_interop.biscuit.literals import literal

from attenuate import KeyRing, Lease, LeaseError, Request, verify
from attenuate.clear import Rules

ROOT = ba.KeyPair.from_private_key(ba.PrivateKey("ed25519-private/" + bytes(range(32)).hex()))
"""The root key of biscuits in tests."""
PATIENCE = 20.0
"""Seconds that an evaluation may take: longer than any machine is busy."""


class Fault(AssertionError):
    """An evaluation that ended without a verdict."""


class Case(NamedTuple):
    """A lease and a request that states a run."""

    text: str
    ring: KeyRing
    request: Request
    now: int
    rules: Rules


def decide(authorizer: Any) -> bool:
    """Return whether an authorizer allows; raises Fault where it did not come to its checks' end."""
    try:
        authorizer.authorize()
    except ba.AuthorizationError as error:
        if str(error).startswith("authorization failed: an allow policy matched"):
            return False
        raise Fault(str(error)) from None
    return True


def verdict(lease_text: str, ring: KeyRing, request: Request, now: int, rules: Rules = Rules()) -> bool | str:
    """Return what the exported biscuit's authorizer says, or the name of what refused the export.

    The name is that of a NotPortable, or the stage of a LeaseError. Extension handlers of `rules` are
    not asked: no biscuit carries an extension.
    """
    try:
        biscuit = to_biscuit(Lease.parse(lease_text), ring, ROOT.private_key)
    except NotPortable as refused:
        return refused.name
    except LeaseError as refused:
        return refused.stage
    there = read_biscuit(biscuit.to_base64(), ROOT.public_key)
    return decide(asked(there, request, now, rules))


def asked(biscuit: Any, request: Request, now: int, rules: Rules = Rules(), *, foreign: bool = False) -> Any:
    """Return the authorizer of a request, with time enough."""
    return authorizer_for(
        request, biscuit, now=now, max_lifetime=rules.max_lifetime, leeway=rules.leeway,
        max_time=PATIENCE, foreign=foreign,
    )  # fmt: skip


def native(lease_text: str, ring: KeyRing, request: Request, now: int, rules: Rules = Rules()) -> bool:
    """Return whether attenuate's own verifier allows."""
    try:
        verify.verify(lease_text, request, ring, now, rules)
    except LeaseError:
        return False
    return True


def disagreement(case: Case) -> tuple[bool, bool | str] | None:
    """Return both verdicts where they differ; a refused export differs from none."""
    there = verdict(*case)
    if isinstance(there, str):
        return None
    here = native(*case)
    return None if here is there else (here, there)


# --- drawing --------------------------------------------------------------------------------------
_KEY_IDS = ("k1",) * 12 + ("e1",) * 3 + ("k1/github",)


def drawn(rng: cases.Rng) -> Case:
    """Return a case: mostly of what a biscuit can carry, asked for what the lease nearly allows."""
    drawn = tuple(_mostly_carried(rng, index) for index in range(rng.choice((1, 1, 2, 2, 3, 5))))
    parts = cases.chain(rng, drawn, rng.choice(_KEY_IDS))
    text = (cases.ended(rng, parts) if rng.random() < 0.01 else parts).text
    case = _asking(rng, text, drawn)
    for _ in range(rng.choice((0, 3))):  # so that about as many pass as fail
        if native(*case):
            break
        case = _asking(rng, text, drawn)
    return case


def _asking(rng: cases.Rng, text: str, drawn: tuple[Any, ...]) -> Case:
    request = with_run(cases.request(rng, drawn))
    return Case(text, build.RING, request, cases.now_of(rng, drawn), cases.rules(rng))


def with_run(request: Request) -> Request:
    """Return a request that states a run: its own, or agt_1@2."""
    if request.run is not None:
        return request
    return Request(
        request.action, audience=request.audience, run="agt_1@2/reader@2/page@2", facts=request.facts,
        cost=request.cost, binding=request.binding,
    )  # fmt: skip


def _mostly_carried(rng: cases.Rng, index: int) -> dict[Any, Any]:
    fields = cases.fields(rng, index)
    if rng.random() < 0.05:
        return fields
    return {key: value for key, value in fields.items() if key in CARRIED and (key != 15 or index == 0)}


# --- what the tests of biscuits start from ----------------------------------------------------------
def exported(lease: Lease | None = None) -> Any:
    """Return the biscuit of a lease, by default the usual one."""
    return to_biscuit(lease or build.lease(), build.RING, ROOT.private_key)


def allows(biscuit: Any, request: Any = None, now: int = build.NOW, foreign: bool = False) -> bool:
    """Say whether a biscuit allows a request, by default the usual one."""
    return decide(asked(biscuit, request or build.ask(), now, foreign=foreign))


def refused(work: Any, *given: Any, **named: Any) -> str:
    """Return the name of what cannot travel, of work that must be refused for that."""
    try:
        work(*given, **named)
    except NotPortable as fault:
        return fault.name
    raise AssertionError("not refused")


def back(biscuit: Any, ring: KeyRing = build.RINGS["hmac"], **rest: Any) -> Lease:
    """Return the lease of a biscuit."""
    return from_biscuit(biscuit, ring, ROOT.public_key, **rest)


def raws(lease: Lease) -> list[bytes]:
    return [block.raw for block in lease.unverified_blocks]


USUAL = literal({
    "action": "repo.read", "audience": "github", "names": ["agt_1"], "attempts": [2], "time": build.NOW, "leeway": 0,
    "max_lifetime": 2**53 - 1, "blocks": 1, "fact:repo": ["clord"], "fact:path": ["src"],
})  # fmt: skip
"""A request that the usual lease allows, as somebody else than the service would state it."""
INJECTED = [
    'a"', "a\\", '\\"', "a\nb", "a\r", ";", "{request}", "{x}", "$x", "//", "/*", "\u2028", "\x00", "hex:00",
    '"); check if false; f("', '"] || true || ["', "\\n", "é\U0001f600", "\x1b[0m",
]  # fmt: skip


# --- faults put into the generator ----------------------------------------------------------------
class Drawn(NamedTuple):
    """A case that travels: its blocks, their Datalog without a fault, and attenuate's own verdict."""

    case: Case
    blocks: list[Any]
    sources: list[str]
    allowed: bool
    signer: Signer


def pool(size: int, seed: int) -> list[Drawn]:
    """Return cases that a biscuit can carry, the same for a seed."""
    out: list[Drawn] = []
    rng = random.Random(seed)
    while len(out) < size:
        case = drawn(rng)
        try:
            out.append(_travelling(case))
        except (NotPortable, LeaseError):
            continue
    return out


def edges() -> list[Drawn]:
    """Return every constraint of a few, in each of its places, for every fact of many."""
    out = []
    for limit in _LIMITS:
        for changes in (
            {8: {"args.x": limit}}, {8: {"args.x": [*limit, True]}}, {7: [{0: ["*"], 1: {"args.x": limit}}]},
            {6: [{0: ["*"], 1: {"args.x": [*limit, True]}, 2: True}]},
        ):  # fmt: skip
            text = build.raw({**build.root(b6=[{0: ["*"]}]), **changes}).text
            first = _travelling(Case(text, build.RING, build.ask(facts={}), build.NOW, Rules()))
            for facts in _FACTS:
                case = first.case._replace(request=build.ask(facts=facts))
                out.append(first._replace(case=case, allowed=native(*case)))
    served = build.RING.for_audience("github").mint(
        now=build.NOW, **build.terms(audience=["github", "other"])
    )
    for audience in ("github", "other"):
        asking = build.ask(audience=audience)
        out.append(_travelling(Case(served.token, build.RING, asking, build.NOW, Rules())))
    return out


def _travelling(case: Case) -> Drawn:
    lease = Lease.parse(case.text)
    made, signer = lease_blocks(to_biscuit(lease, case.ring, ROOT.private_key)), signer_of(lease)
    sources = [exact.source(fields, number, signer) for number, fields in enumerate(made)]
    return Drawn(case, made, sources, native(*case), signer)


def signer_of(lease: Lease) -> Signer:
    """Return the key that a lease is under."""
    return Signer(lease.key_id, lease.alg)


_LIMITS: list[list[Any]] = [
    [0, ["agent/", 1]], [1, ["agent/", 1]], [2, [0, 9]], [2, [None, 9]], [3, ["src"]], [3, ["/etc"]],
    [3, ["src", "/etc"]], [3, ["/"]], [3, ["."]], [4, ["agent/"]], [5, ["example.com", "1.2.3.4"]], [6, True],
]  # fmt: skip
_SCALARS = (
    *own.TEXTS, *own.PATHS, *own.NO_PATHS, *own.HOSTS, *own.NO_HOSTS, *own.INTS, True, False, "src/%2e",
    "badexample.com", "agent/y", "/etc2", "...", "src/...", "src/..a", ".~", "~", "x" * 64 + ".example.com",
    ".".join(["x" * 60] * 4) + ".example.com", ".".join(["x" * 48] * 5) + ".example.com",
)  # fmt: skip
_FACTS: list[dict[str, Any]] = [
    {}, {"args": None}, {"args": [None]}, {"args": "src"}, {"args.x": None}, {"args.x": []},
    {"args.x": [None]}, {"args.y": "src"}, {"args.x": "src", "args.y": 1}, {"args.x": "src", "args": None},
    {"args.x": 1, "args": [None]}, {"args.x.y": 1}, {"call": None},
    *({"args.x": value} for value in _SCALARS),
    *({"args.x": ["src/a", value]} for value in (*own.PATHS, *own.NO_PATHS, 1, True, None)),
    *({"args.x": [value, value]} for value in (1, "agent/", "example.com", "/etc")),
]  # fmt: skip


def verdict_of(case: Drawn) -> bool:
    """Return what the biscuit of a case says, by the generator as it is now."""
    biscuit = exact.signed(case.blocks, case.signer, ROOT.private_key)
    return decide(asked(biscuit, case.case.request, case.case.now, case.case.rules, foreign=True))


def found(fault: Any, among: list[Drawn]) -> bool:
    """Say whether one of the cases shows a fault: another verdict, or none."""
    with fault:
        for case in among:
            made = [exact.source(fields, number, case.signer) for number, fields in enumerate(case.blocks)]
            try:
                if made != case.sources and verdict_of(case) is not case.allowed:
                    return True
            except Fault:
                return True
    return False


def _rewritten(pattern: str, new: Any) -> Any:
    return patch.object(exact, "source", lambda *block: re.sub(pattern, new, blocks.source(*block)))


def _without(text: str) -> Any:
    return _rewritten(re.escape(text), "")


def _plus(amount: int) -> Any:
    return lambda match: f"{match[1]}{int(match[2]) + amount}"


_certain, _ruled_out = grants.certain, grants._ruled_out


def _never_optional(name: str, constraint: Any) -> str:
    return _certain(name, type(constraint).read(constraint.operand, False))


def _missing_passes(name: str, constraint: Any) -> str:
    made = _ruled_out(name, constraint)
    return made and f"{grants._fact(name)} == null || {made}"


def _never_both(constraint: Any) -> str:
    return f"{constraints._TEXT} && !{constraints._below(constraint)} && {constraints.IS_PATH}"


def _dotless(constraint: Any) -> str:
    return f"{literal(constraint.operand)}.any($p -> $x.ends_with($p))"


FAULTS: dict[str, Any] = {
    "under is starts_with": patch.object(constraints, "_below", constraints._begins),
    "a missing fact passes a deny": patch.object(grants, "_ruled_out", _missing_passes),
    "optional is dropped": patch.multiple(grants, certain=_never_optional),
    "optional is dropped from where": patch.multiple(blocks, certain=_never_optional),
    "expires a second late": _rewritten(r'(leeway"\) < )(\d+)', _plus(1)),
    "no first anchor": _without(r"\\A"),
    "no last anchor": _without(r"\\z"),
    "percent escapes are paths": _without(' && !$x.matches("%[0-9A-Fa-f]{2}")'),
    "nothing above is looked at": patch.object(grants, "_above", lambda name: []),
    "an empty list passes": _rewritten(r'\$r\.get\("fact:[^"]*"\)\.length\(\) > 0 && ', ""),
    "repo.* takes repo.": _without(' && $r.get("action") != $p'),
    "none_of takes every type": _rewritten(r"\[[^\]]*\]\.contains\(\$x\.type\(\)\) && ", ""),
    "under of both beginnings fails": patch.dict(constraints._FAILS, under=_never_both),
    "hosts without the dot": patch.object(constraints, "_within", _dotless),
    "every text is a host": patch.object(constraints, "IS_HOST", "true"),
    "every text is a path": patch.object(constraints, "IS_PATH", "true"),
    "attempts are not compared": _rewritten(r' && \$r\.get\("attempts"\)\.get\(\d\) == \d+', ""),
    "one block more than depth": _rewritten(r'(blocks"\) <= )(\d+)', _plus(1)),
    "not_before without leeway": _without(' + $r.get("leeway")'),
    "issued_at without its minute": _rewritten(r'(get\("time"\) >= )(\d+)', _plus(60)),
    "no cap of lifetime": _rewritten(r'(max_lifetime"\) >= )(\d+)', _plus(-(2**40))),
    "only is ignored": patch.object(grants, "_only", lambda where: []),
    "only takes opaque args": _without(' && $r.get("fact:args") != [null]'),
    "one element is enough": _rewritten(r'(fact:[^"]*"\))\.all\(\$x', r"\1.any($x"),
    "a range without its end": _rewritten(r"\$x <= ", "$x < "),
    "the audience is not compared": _rewritten(r'\[[^\]]*\]\.contains\(\$r\.get\("audience"\)\)', "true"),
    "the key's audience is not asked": _rewritten(r'\$r\.get\("audience"\) == "[^"]*"', "true"),
    "nothing is denied": patch.object(blocks, "denied", lambda grant: "true"),
}
"""Each is found by cases that `drawn` draws; what only a direct attack shows is in test_biscuit_attacks.py."""
