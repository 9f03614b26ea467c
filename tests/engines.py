"""Both engines asked the same, by the million: every answer must be one, to the word.

    python tests/engines.py --random 1000000 --mutated 1000000 --out tests/results/engines.json
    python tests/engines.py --controls                  faults put into either engine, all of them found

Half of the tokens are drawn (agree.py: text, frame, block, lease, approvals, kin), half are mutants of
valid ones (mutate.py, and bent bytes of drawn leases). Each is verified cold by both; some are explained,
verified twice with a memory, or verified many at once; and requests of odd values are made by both.
The same seed gives the same cases on any number of cores.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import agree
import build
import cases
import mutate
import odd
import records
import wire
from cases import Case, Kin, Rng

from attenuate import Request, native
from attenuate import verify as python

ENGINES: tuple[Any, ...] = (python, native)
BATCH = 2000
MANY = 20
BOUND_US = 50_000
"""No single verification may take longer: 10 ms, five times over for a noisy machine."""
SIZES = (20_000, 200_000, 5_000_000)
LAX = (
    build.raw(build.root(b6=[{0: ["*"]}])).text,
    build.raw(build.root(b6=[{0: ["*"], 1: {"args.a": [6, True]}, 2: True}])).text,
)


class Work(NamedTuple):
    """One batch: what it draws depends on nothing else."""

    section: str
    seed: int
    number: int
    size: int


class Batch:
    """One batch of cases, and what was found."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.rng = random.Random(f"{work.section}/{work.seed}/{work.number}")
        size = self.rng.choice(SIZES)
        self.caches = [engine.ChainCache(size) for engine in ENGINES]
        self.pool: list[Kin] = []
        self.answers: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.slowest = [0, 0]
        self.different: list[dict[str, Any]] = []
        self.together: list[Case] = []
        self.recent: list[Case] = []

    def run(self, until_found: bool = False) -> dict[str, Any]:
        """Do all of it, or until one difference is found."""
        for number in range(self.work.size):
            if until_found and self.different:
                break
            case = self.draw()
            first = self.look(case)
            if number % 4 == 0:
                self.agree("explained", case, *(agree.explained(engine, case) for engine in ENGINES))
            if number % 5 == 0:
                self.remembered(case, first)
            if number % 8 == 0:
                self.together.append(case._replace(ring="root", now=build.NOW + 1, rules=self.rules()))
            if number % 10 == 0:
                self.requests()
            if len(self.together) == MANY:
                self.many()
        return {
            "section": self.work.section,
            "answers": self.answers,
            "asked": self.asked,
            "slowest": self.slowest,
            "different": self.different[:20],
            "differences": len(self.different),
        }

    def remembered(self, case: Case, cold: agree.Answer) -> None:
        """Ask with a memory: this case twice, and one before it for something else."""
        for _ in range(2):
            self.agree("with a memory", case, *self.warm(case), cold)
        if self.recent:
            again = another(self.rng, self.rng.choice(self.recent))
            self.agree("with a memory, again", again, *self.warm(again), agree.verified(native, again))
        self.recent = [*self.recent[-5:], case]

    def warm(self, case: Case) -> list[agree.Answer]:
        return [
            agree.verified(engine, case, cache) for engine, cache in zip(ENGINES, self.caches, strict=True)
        ]

    def rules(self) -> cases.Rules:
        """Return the settings of the cases that are asked together: those of the first."""
        if self.together:
            return self.together[0].rules
        drawn = cases.rules(self.rng)
        return drawn._replace(handlers={}) if self.rng.random() < 0.9 else drawn

    def draw(self) -> Case:
        rng = self.rng
        if self.work.section == "random":
            return agree.draw(rng, self.pool)
        if rng.random() < 0.6:
            return agree.draw(rng, self.pool, "mutant")
        if len(self.pool) < 12 or rng.random() < 0.02:
            return agree.draw(rng, self.pool, "lease")
        return bent(rng, rng.choice(self.pool))

    def look(self, case: Case) -> agree.Answer:
        """Ask both cold, and count."""
        found = []
        for at, engine in enumerate(ENGINES):
            start = time.perf_counter_ns()
            found.append(agree.verified(engine, case))
            took = time.perf_counter_ns() - start
            if took > BOUND_US * 200:  # a machine pauses, a bad input stays
                took = min(timed(engine, case) for _ in range(5))
            self.slowest[at] = max(self.slowest[at], took)
        first, second = found
        stage_code = "ok" if first[0] == "ok" else "/".join(map(str, first[1:3]))
        self.answers[f"{case.kind}: {stage_code}"] += 1
        self.agree("verified", case, first, second)
        if first[0] == "crash":
            self.different.append({"how": "a crash of both", **told(case), "answers": [repr(first)]})
        return first

    def agree(self, how: str, case: Case, *answers: Any) -> None:
        self.asked[how] += 1
        if any(answer != answers[0] for answer in answers[1:]):
            self.different.append({"how": how, **told(case), "answers": [repr(answer) for answer in answers]})

    def many(self) -> None:
        asked, self.together = self.together, []
        caches = self.caches if self.rng.random() < 0.5 else [None, None]
        found = [agree.many(engine, asked, cache) for engine, cache in zip(ENGINES, caches, strict=True)]
        self.agree("many at once", asked[0], *found)

    def requests(self) -> None:
        """Make one request in three ways, and ask with each."""
        arguments = odd.arguments(self.rng)
        made = (lambda **given: native._plain(native.make_request(**given)), Request)
        first, second = (agree.made(make, arguments) for make in made)
        case = Case("request", self.rng.choice(LAX), build.ask(), "root", build.NOW + 1, cases.Rules())
        self.agree(f"requests, {second[0]}", case._replace(request=arguments), first, second)  # type: ignore[arg-type]
        if second[0] == "made":
            plain = case._replace(request=Request(**arguments))
            direct = case._replace(request=native.make_request(**arguments))  # type: ignore[arg-type]
            self.agree(
                "odd requests",
                plain,
                agree.verified(python, plain),
                agree.verified(native, plain),
                agree.verified(native, direct),
            )


def bent(rng: Rng, of: Kin) -> Case:
    """Return a drawn lease with some of its bytes or characters changed, asked for what it nearly allows."""
    parts = cases.ended(rng, of.parts)
    if rng.random() < 0.7:
        data = bytearray(wire.from_text(parts.text))
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        text = wire.to_text(bytes(data))
    else:
        name = rng.choice(list(mutate.MUTATIONS))
        try:
            made = mutate.MUTATIONS[name](parts, rng)
        except IndexError:  # a drawn block may have no field to change
            made = parts
        text = made if isinstance(made, str) else made.text
    return Case(
        "bent", text, cases.request(rng, of.blocks), "root", cases.now_of(rng, of.blocks), cases.rules(rng)
    )


def another(rng: Rng, case: Case) -> Case:
    """Return a case with the same token, asked for something else, at another time, or by another ring."""
    asked = case.request
    parts = {name: getattr(asked, name) for name in ("action", "audience", "run", "facts", "cost", "binding")}
    kind = rng.randrange(5)
    if kind == 0:
        return case._replace(ring=rng.choice(list(cases.RINGS)))
    if kind == 1:
        return case._replace(now=case.now + rng.choice((1, 61, 900)))
    if kind == 3 and rng.random() < 0.5:
        case = case._replace(ring="audience")  # the same key, which now serves one audience
    changed = {2: {"binding": rng.choice((None, b"c" * 32))}, 3: {"audience": "other"}, 4: {"facts": {}}}
    return case._replace(request=Request(**{**parts, **changed[kind]}))


def timed(engine: Any, case: Case) -> int:
    start = time.perf_counter_ns()
    agree.verified(engine, case)
    return time.perf_counter_ns() - start


def told(case: Case) -> dict[str, Any]:
    """Return a case as it may be written down and tried again."""
    asked: Any = case.request
    if isinstance(asked, Request):
        asked = {
            name: getattr(asked, name) for name in ("action", "audience", "run", "facts", "cost", "binding")
        }
    request = ascii(agree.safely(repr, asked))[:4000]  # an integer may have more digits than Python writes
    return {"kind": case.kind, "text": ascii(case.text)[:20_000], "request": request, "ring": case.ring, "now": case.now,
            "rules": repr(case.rules)}  # fmt: skip


# --- the whole --------------------------------------------------------------------------------------
def batch(work: Work, until_found: bool = False) -> dict[str, Any]:
    return Batch(work).run(until_found)


def batches(section: str, count: int, seed: int) -> Iterator[Work]:
    for number, done in enumerate(range(0, count, BATCH)):
        yield Work(section, seed, number, min(BATCH, count - done))


def total(results: Iterable[dict[str, Any]], show: int = 0) -> dict[str, Any]:
    """Add up the results of batches; show: of how many cases progress is told."""
    sections: dict[str, Counter[str]] = {}
    asked: Counter[str] = Counter()
    slowest = [0, 0]
    out: dict[str, Any] = {"cases": 0, "differences": 0, "different": []}
    for result in results:
        sections.setdefault(result["section"], Counter()).update(result["answers"])
        asked.update(result["asked"])
        slowest = [max(pair) for pair in zip(slowest, result["slowest"], strict=True)]
        out["different"] += result["different"][: max(0, 20 - len(out["different"]))]
        out["differences"] += result["differences"]
        before, out["cases"] = out["cases"], out["cases"] + result["answers"].total()
        if show and out["cases"] * 20 // show > before * 20 // show:
            said = f"{out['cases']:,} of {show:,}, {out['differences']} differences"
            print(said, file=sys.stderr, flush=True)
    out["compared"] = dict(sorted(asked.items()))
    out["slowest_us"] = dict(zip(("python", "native"), (took // 1000 for took in slowest), strict=True))
    out["by_answer"] = {
        section: dict(sorted(answers.items())) for section, answers in sorted(sections.items())
    }
    return out


def campaign(
    count: int, mutated: int, seed: int, *, processes: int = 1, show: bool = False
) -> dict[str, Any]:
    """Run it all and return the record."""
    start = time.monotonic()
    work = [*batches("random", count, seed), *batches("mutated", mutated, seed)]
    shown = count + mutated if show else 0
    if processes == 1:
        out = total(map(batch, work), shown)
    else:
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            out = total(pool.imap_unordered(batch, work), shown)
    slow = [name for name, took in out["slowest_us"].items() if took > BOUND_US]
    out["ok"] = out["differences"] == 0 and not slow and out["cases"] == count + mutated
    head = {
        "date": records.today(),
        "versions": versions(),
        "seed": seed,
        "random": count,
        "mutated": mutated,
        "processes": processes,
        "seconds": round(time.monotonic() - start),
        "bound_us": BOUND_US,
    }
    return {**head, **out}


def versions() -> dict[str, str]:
    names = ("cbor2", "cryptography")
    return {
        "attenuate": native.VERSION,
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{name: version(name) for name in names},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--random", type=int, default=50_000)
    parser.add_argument("--mutated", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, help="write the record here; default: standard output")
    parser.add_argument(
        "--until-found", action="store_true", help="stop at the first difference and exit with 3"
    )
    parser.add_argument(
        "--controls", action="store_true", help="put faults into either engine: all must be found"
    )
    parser.add_argument("--only", default="", help="of the controls those whose name has this")
    asked = parser.parse_args()
    if asked.until_found:
        return until_found(asked.random, asked.mutated, asked.seed)
    if asked.controls:
        import seeded

        record = seeded.controls(asked.seed, only=asked.only, processes=asked.processes)
    else:
        record = campaign(asked.random, asked.mutated, asked.seed, processes=asked.processes, show=True)
    return records.write(record, asked.out)


def first_difference(count: int, mutated: int, seed: int) -> dict[str, Any]:
    """Look for one difference, in turns at what is drawn and at mutants."""
    work = [*batches("random", count, seed), *batches("mutated", mutated, seed)]
    done = 0
    for each in sorted(work, key=lambda each: each.number):
        result = batch(each, until_found=True)
        done += result["answers"].total()
        if result["differences"]:
            return {"found": True, "cases": done, **result["different"][0]}
    return {"found": False, "cases": done}


def until_found(count: int, mutated: int, seed: int) -> int:
    """Write the first difference and exit with 3 where there is one."""
    import attenuate_kernel

    found = first_difference(count, mutated, seed)
    print(json.dumps({"kernel": attenuate_kernel.__file__, **found}))
    return 3 if found["found"] else 0


if __name__ == "__main__":
    sys.exit(main())
