"""Leases and their macaroons must give the same verdict: drawn cases, the verdict, and faults put in.

    python tests/macaroons.py [--cases 100000] [--seed 1]      # ends with 1 where they differ

A macaroon is asked after it went through a text, by a stock `pymacaroons.Verifier`. Its import, and a
macaroon whose last block a stock library added by lines, must give that verdict too.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import build
import cases
import interop_base  # noqa: F401
import pymacaroons
from attenuate_interop import NotPortable
from attenuate_interop.macaroon import (
    from_macaroon,
    lines,
    read,
    satisfy,
    to_macaroon,
    write,
)
from attenuate_interop.portable import portable_blocks
from pymacaroons.exceptions import MacaroonException

from attenuate import KeyRing, Lease, LeaseError, Request, _engine
from attenuate.clear import Rules

Fault = Callable[[], AbstractContextManager[Any]]
NOTHING: Fault = nullcontext


class Drawn(NamedTuple):
    """A case: a bearer lease's blocks as they are on the wire, the lease, and what it is asked."""

    blocks: tuple[dict[Any, Any], ...]
    key_id: str
    request: Request
    now: int
    rules: Rules

    @property
    def text(self) -> str:
        return cases.chain(random.Random(9), self.blocks, self.key_id).text


# --- verdicts ---------------------------------------------------------------------------------------
def native(text: str, ring: KeyRing, request: Request, now: int, rules: Rules) -> bool:
    """Return what attenuate says."""
    return not isinstance(_engine.outcome(text, request, ring, now, rules), LeaseError)


def exported(text: str, ring: KeyRing) -> pymacaroons.Macaroon:
    """Return the macaroon of a lease."""
    return to_macaroon(Lease.parse(text), ring)


def enforced(m: pymacaroons.Macaroon, ring: KeyRing, request: Request, now: int, rules: Rules) -> bool:
    """Return what a stock verifier says."""
    verifier = pymacaroons.Verifier()
    leeway, cap, handlers = rules
    try:
        key = satisfy(verifier, m, request, ring, now=now, max_lifetime=cap, leeway=leeway, handlers=handlers)
        return verifier.verify(m, key) is True
    except (MacaroonException, LeaseError):
        return False


def verdict(
    text: str,
    ring: KeyRing,
    request: Request,
    now: int,
    rules: Rules = Rules(),
    *,
    form: str = "binary",
    exporting: Fault = NOTHING,
    verifying: Fault = NOTHING,
) -> bool | str:
    """Return what a stock verifier says of a lease's macaroon, or the name of why there is none.

    request: with a run. exporting, verifying: faults to put in meanwhile.
    """
    try:
        with exporting():
            m = exported(text, ring)
    except NotPortable as fault:
        return fault.name
    except LeaseError as fault:
        return fault.code
    with verifying():
        return enforced(read(write(m, form)), ring, request, now, rules)


# --- cases ------------------------------------------------------------------------------------------
_CARRIED = frozenset((0, 2, 3, 4, 5, 6, 7, 8, 15, 16))
_ODD = (
    "where", "only", "optional", "and", "|", '"', "a|b", '"x"', "true", "1..9", "\\", "!;{}", "end", "block", "one_of",
)  # fmt: skip
_ODD_TEXTS = (
    *_ODD, "a b", 'a" and "b', " | ", "\n", "\x00", "\u2028", "\x7f", "\ud7ff\U0001f600", "a\nallow *", "\\u0041", " ", "é",
)  # fmt: skip


def _odd(rng: random.Random, blocks: list[dict[Any, Any]]) -> list[dict[Any, Any]]:
    """Give some words of the usual vocabulary another spelling, everywhere."""
    names = {
        word: rng.choice(_ODD_TEXTS) + str(n) for n, word in enumerate(("repo", "path", "args.n", "call"))
    }
    texts: dict[str, Any] = {word: rng.choice(_ODD_TEXTS) for word in ("clord", "other", "agent/x", "agent/")}
    scalars = {**texts, "1": rng.choice((True, 1)), "true": rng.choice((True, False, 0))}
    action = rng.choice(_ODD)

    def pattern(text: Any) -> Any:
        return text.replace("repo", action) if isinstance(text, str) else text

    def limit(value: Any) -> Any:
        if (
            isinstance(value, list)
            and len(value) > 1
            and value[0] in (0, 1, 4)
            and isinstance(value[1], list)
        ):
            new = texts if value[0] == 4 else scalars
            return [value[0], [new.get(v, v) if isinstance(v, str) else v for v in value[1]], *value[2:]]
        return value

    def where(value: Any) -> Any:
        return {names.get(k, k): limit(v) for k, v in value.items()} if isinstance(value, dict) else value

    def grant(value: Any) -> Any:
        if not isinstance(value, dict) or not isinstance(value.get(0), list):
            return value
        out = {**value, 0: [pattern(each) for each in value[0]]}
        return {**out, 1: where(out[1])} if 1 in out else out

    for block in blocks:
        for key in (6, 7):
            if isinstance(block.get(key), list):
                block[key] = [grant(each) for each in block[key]]
        if 8 in block:
            block[8] = where(block[8])
    return blocks


def _blocks(rng: random.Random) -> tuple[dict[Any, Any], ...]:
    """Return blocks that say what a macaroon can carry, but for one case in twenty."""
    while True:
        count = rng.choice((1, 1, 1, 2, 2, 3))
        blocks = [cases.fields(rng, index) for index in range(count)]
        if rng.random() < 0.95:
            blocks = [
                {
                    k: v
                    for k, v in block.items()
                    if (k in _CARRIED or isinstance(k, str)) and not (k == 15 and i)
                }
                for i, block in enumerate(blocks)
            ]
            for block in blocks[1:]:  # most cases are about other things than times and audiences
                for key in (3, 4, 5):
                    if rng.random() < 0.6:
                        block.pop(key, None)
        drawn = _odd(rng, blocks) if rng.random() < 0.4 else blocks
        try:
            text = cases.chain(rng, tuple(drawn), "k1").text
            Lease.parse(text)
        except (LeaseError, TypeError, ValueError, OverflowError):
            continue
        return tuple(drawn)


def draw(rng: random.Random) -> Drawn:
    """Return a case; the ring is build.RING."""
    blocks = _blocks(rng)
    key_id = rng.choice(("k1",) * 15 + ("e1",) + ("k1/github",) * 4 + ("k1/other",) * 2)
    if key_id == "k1/other" or rng.random() < 0.05:
        for block in blocks:
            block[3] = ["github", "other"]
    tries = rng.choice((1, 1, 4))
    for _ in range(tries):  # so that enough of them pass
        case = Drawn(blocks, key_id, _request(rng, blocks), cases.now_of(rng, blocks), _rules(rng, blocks))
        if native(case.text, build.RING, case.request, case.now, case.rules):
            break
    return case


def _request(rng: random.Random, blocks: tuple[dict[Any, Any], ...]) -> Request:
    while True:
        asked = cases.request(rng, blocks)
        if asked.run is not None:
            break
    audience = "other" if blocks[0].get(3) == ["github", "other"] and rng.random() < 0.5 else asked.audience
    return Request(asked.action, audience=audience, run=asked.run, facts=asked.facts)


def _rules(rng: random.Random, blocks: tuple[dict[Any, Any], ...]) -> Rules:
    rules = cases.rules(rng)
    if any(isinstance(key, str) for block in blocks for key in block) and rng.random() < 0.6:
        rules = rules._replace(handlers=dict.fromkeys(cases.EXTENSIONS, cases.HANDLERS["yes"]))
    return rules


# --- what must be equal -------------------------------------------------------------------------------
def differences(case: Drawn) -> Iterator[str]:
    """Yield in what a case's macaroon, its import, and its last block by lines, differ from the lease."""
    ring, text, asked = build.RING, case.text, (case.request, case.now, case.rules)
    if isinstance(verdict(text, ring, *asked), str):
        return
    says = native(text, ring, *asked)
    m = exported(text, ring)
    for form in ("binary", "json"):
        if enforced(read(write(m, form)), ring, *asked) is not says:
            yield form
    back = from_macaroon(m, build.RINGS["hmac"])
    if native(back.token, ring, *asked) is not says:
        yield "import"
    blocks = portable_blocks(Lease.parse(text), ring, "macaroon", lines.CARRIED)
    if back.token != text:  # the same key, the same bytes, the same ids
        yield "token"
    if len(case.blocks) > 1:
        m = exported(case._replace(blocks=case.blocks[:-1]).text, ring)
        for line in lines.write_lines(blocks[-1]):
            m.add_first_party_caveat(line)
        if enforced(m, ring, *asked) is not says:
            yield "lines"
        if native(from_macaroon(m, build.RINGS["hmac"]).token, ring, *asked) is not says:
            yield "import of lines"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng, seen = random.Random(options.seed), Counter[str]()
    for number in range(options.cases):
        case = draw(rng)
        asked = case.text, build.RING, case.request, case.now, case.rules
        says = verdict(*asked)
        seen[f"refused: {says}" if isinstance(says, str) else f"allowed: {says}"] += 1
        differing = [*differences(case)]
        if differing or (isinstance(says, bool) and says is not native(*asked)):
            sys.exit(f"case {number} of seed {options.seed}: {', '.join(differing)}\n{case}")
    print(dict(seen))


if __name__ == "__main__":
    main()
