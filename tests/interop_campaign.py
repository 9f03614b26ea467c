"""Every implementation asked the same by the million, and every export compared with its lease.

python tests/interop_campaign.py --mutated 1000000 --drawn 100000 --other 100000 --exports 100000 --out FILE
python tests/interop_campaign.py --controls                 faults put into each of them, all found

mutated   a mutant of a valid token             every implementation gives the same answer
drawn     a lease that was drawn, and a request  the same
other     mint, narrow, seal, present, …         the same
exports   a lease and a request of Hypothesis: the lease in native, Go and TypeScript, as a macaroon
under pymacaroons and as a biscuit under biscuit-python: one verdict, or a refusal to export
that has a name
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import biscuits
import build
import interop_lines
import macaroons
import records
import strategies
import wire
from cases import Case
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from model import Asked

from attenuate.clear import Rules

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "interop"))

import implementations
import run
from implementations import ALL, Process, same

SECTIONS = ("mutated", "drawn", "other")
CHUNK = 5000
DRAWS: dict[str, Callable[[random.Random, list[Any]], Any]] = {
    "mutated": lambda rng, pool: interop_lines.mutated(rng),
    "drawn": interop_lines.drawn,
    "other": lambda rng, pool: interop_lines.other(rng),
}


def chunks(section: str, count: int, first: int) -> Iterator[list[Any]]:
    """Draw the lines of a section; the same seed gives the same lines."""
    for number, done in enumerate(range(0, count, CHUNK)):
        rng, pool = random.Random(f"{section}/{first}/{number}"), []
        yield [DRAWS[section](rng, pool) for _ in range(min(CHUNK, count - done))]


def op_of(line: Any) -> Any:
    """Return the op of a line, which may be text."""
    line = json.loads(line) if isinstance(line, str) else line
    return line.get("op") if isinstance(line, dict) else None


def told(answer: dict[str, Any]) -> str:
    """Return what an answer says, for counting."""
    return f"{answer['stage']}/{answer['code']}" if answer.get("ok") is False else "ok"


def compared(processes: list[Process], lines: list[Any]) -> tuple[Counter[str], list[dict[str, Any]]]:
    """Ask all at once; return the first one's answers, counted, and every answer that is another."""
    answers: dict[str, list[Any]] = {}
    threads = [
        threading.Thread(target=lambda one=one: answers.update({one.name: one.ask(lines)}))
        for one in processes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, *others = (answers[process.name] for process in processes)
    gaps = run.xfails()
    wrong = [
        {"implementation": process.name, "line": line, "expected": want, "found": found}
        for process, given in zip(processes[1:], others, strict=True)
        for line, want, found in zip(lines, first, given, strict=True)
        if not same(want, found) and (process.name, f"op:{op_of(line)}") not in gaps
    ]
    return Counter(map(told, first)), wrong


def agreed(
    section: str, count: int, first: int, names: list[str], until_found: bool = False
) -> dict[str, Any]:
    """Ask implementations the lines of a section; the first of them says what is expected."""
    began = time.monotonic()
    answers: Counter[str] = Counter()
    wrong: list[dict[str, Any]] = []
    processes = list(implementations.there(names, names))
    try:
        for lines in chunks(section, count, first):
            found, differences = compared(processes, lines)
            answers += found
            wrong += differences
            print(f"{section}: {answers.total():,} of {count:,}, {len(wrong)} differences", file=sys.stderr)
            if wrong and until_found:
                break
    finally:
        for process in processes:
            process.close()
    return {"lines": answers.total(), "implementations": names, "differences": len(wrong), "different": wrong[:20],
            "answers": dict(sorted(answers.items())), "seconds": round(time.monotonic() - began)}  # fmt: skip


# --- exports ----------------------------------------------------------------------------------------
class Export(NamedTuple):
    """A way to carry a lease: its name, and what it says: a verdict, or the name of what it refuses."""

    name: str
    verdict: Callable[..., bool | str]


EXPORTS = (Export("macaroon", macaroons.verdict), Export("biscuit", biscuits.verdict))


class Different(AssertionError):
    """Two carriers of one lease disagree."""


_FINE = st.sampled_from((1, 2, 3, 3, 3, 3))
_RULES = st.sampled_from((Rules(), Rules(), Rules(60), Rules(0, 900), Rules(1, 899)))
_STATED = ([("agt_1", 2)], [("agt_1", 2), ("reader", 2), ("page", 2)], [("agt_1", 2), ("reader", 2)])


@st.composite
def questions(draw: st.DrawFn) -> Case:
    """A lease, and a request that nearly fits; a run is always stated, an export knows no other."""
    parts: wire.Parts = draw(strategies.chains(draw(_FINE)))
    asked: Asked = draw(strategies.asks())
    if asked.run is None:
        asked = replace(asked, run=draw(st.sampled_from(_STATED)))
    now = draw(strategies.nows)
    return Case("export", parts.text, strategies.to_request(asked), "root", now, draw(_RULES))


class Carriers:
    """The lease itself in every implementation, and its exports: one verdict."""

    def __init__(self, processes: list[Process], exports: tuple[Export, ...] = EXPORTS) -> None:
        self.processes = processes
        self.exports = exports
        self.counts: Counter[str] = Counter()

    def ask(self, case: Case) -> None:
        """Raise Different where two disagree."""
        line = interop_lines.verify(case)
        answers = [process.ask([line])[0] for process in self.processes]
        for process, answer in zip(self.processes, answers, strict=True):
            if not same(answers[0], answer):
                raise Different(f"{process.name}: {answer} is not {answers[0]} for {line}")
        allowed = answers[0]["ok"]
        self.counts[f"lease: {'allowed' if allowed else 'refused'}"] += 1
        for export in self.exports:
            verdict = export.verdict(case.text, build.RING, case.request, case.now, case.rules)
            if isinstance(verdict, str):
                self.counts[f"{export.name}: not exported, {verdict}"] += 1
                continue
            self.counts[f"{export.name}: {'allowed' if verdict else 'refused'}"] += 1
            if verdict is not allowed:
                raise Different(f"{export.name}: {verdict}, and the lease {answers[0]} for {line}")


def exported(work: tuple[int, int, list[str]]) -> dict[str, Any]:
    """Compare `count` leases with their exports; stops at the first difference, which Hypothesis shrinks."""
    count, first, names = work
    processes = list(implementations.there(names, names))
    carriers = Carriers(processes)
    different = ""

    @seed(first)
    @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate, Phase.shrink],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(questions())
    def compare(case: Case) -> None:
        carriers.ask(case)

    try:
        compare()
    except AssertionError as found:  # Different, or an export whose evaluation ended without a verdict
        different = f"{type(found).__name__}: {found}"
    finally:
        for process in processes:
            process.close()
    return {"counts": carriers.counts, "different": different}


def exports(count: int, first: int, names: list[str], processes: int = 1) -> dict[str, Any]:
    """Compare leases with their exports in several processes; returns the record."""
    began = time.monotonic()
    share = [count // processes + (n < count % processes) for n in range(processes)]
    work = [(size, first * 1000 + n, names) for n, size in enumerate(share)]
    if processes == 1:
        results = [exported(work[0])]
    else:
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            results = pool.map(exported, work)
    counts = sum((result["counts"] for result in results), Counter())
    different = [result["different"] for result in results if result["different"]]
    asked = sum(count for name, count in counts.items() if name.startswith("lease: "))
    return {"leases": asked, "implementations": names, "differences": len(different), "different": different,
            "answers": dict(sorted(counts.items())), "seconds": round(time.monotonic() - began)}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for section in (*SECTIONS, "exports"):
        parser.add_argument(f"--{section}", type=int, default=0, help=f"how many of {section}")
    parser.add_argument("--only", default="native,python,rust,go,typescript", help=f"of {', '.join(ALL)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--controls", action="store_true", help="put faults into the implementations")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, help="write the record here; default: standard output")
    asked = parser.parse_args()
    names = asked.only.split(",")
    record: dict[str, Any] = {"date": records.today(), "seed": asked.seed}
    for section in SECTIONS:
        if getattr(asked, section):
            record[section] = agreed(section, getattr(asked, section), asked.seed, names)
    if asked.exports:
        carriers = [name for name in names if name in ("native", "go", "typescript")]
        record["exports"] = exports(asked.exports, asked.seed, carriers, asked.processes)
    if asked.controls:
        import interop_faults

        record["controls"] = interop_faults.controls(asked.seed)
    accepted = record.get("mutated", {}).get("answers", {}).get("ok", 0)
    missed = [name for name, each in record.get("controls", {}).items() if not each["found"]]
    record["ok"] = (
        not missed
        and not accepted
        and not any(record[name]["differences"] for name in (*SECTIONS, "exports") if name in record)
    )
    return records.write(record, asked.out)


if __name__ == "__main__":
    import interop_campaign  # so that what runs in other processes has one name, however this was started

    sys.exit(interop_campaign.main())
