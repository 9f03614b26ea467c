"""Ask every implementation the same, and show where they differ.

    python interop/run.py                        every vector, over every implementation there is
    python interop/run.py --only go,typescript   over these
    python interop/run.py --require all          one that cannot run here is an error
    python interop/run.py --lines FILE           lines of the conformance executable instead of vectors:
                                                 the first implementation's answers are what is expected
    python interop/run.py --json                 the result for programs

Known gaps are in `.xfails`, each with its reason; a gap that is no longer one is a failure too.
Exits with 0 where all is as expected, 1 where it is not, 2 where something that is required is missing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import implementations
from implementations import ALL, ROOT, Answer, Line, Missing, Process, same

VECTORS: Final = (ROOT / "specs" / "vectors", ROOT / "specs" / "vectors" / "independent")
XFAILS: Final = Path(__file__).resolve().parent / ".xfails"


class Case(NamedTuple):
    """One line and the answer that is expected; None where an answer of the first implementation is."""

    name: str
    line: Line
    expect: Answer | None


def vectors(folders: Iterable[Path] = VECTORS) -> list[Case]:
    """Return a case for each vector of folders; those of `independent` are named so."""
    cases = []
    for folder in folders:
        for path in sorted(folder.glob("*.json")):
            vector = json.loads(path.read_text(encoding="utf-8"))
            expect = dict(vector["expect"])
            if expect["ok"]:
                expect["block_ids"] = vector["block_ids"]
            name = path.stem if folder.name == "vectors" else f"{folder.name}/{path.stem}"
            cases.append(Case(name, {"op": "verify", **vector}, expect))
    return cases


def lines(path: Path) -> list[Case]:
    """Return a case for each line of a file; its name is its number and its op."""
    cases = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = json.loads(text)
        cases.append(Case(f"line {number} ({line.get('op')})", line, None))
    return cases


def xfails(path: Path = XFAILS) -> dict[tuple[str, str], str]:
    """Return reason by implementation and case: a vector's name, or `op:NAME` for all lines of an op."""
    out = {}
    for number, row in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not row.strip() or row.startswith("#"):
            continue
        parts = row.split(maxsplit=2)
        if len(parts) < 3 or parts[0] not in ALL:
            raise ValueError(f"{path.name}, line {number}: an implementation, a case and a reason")
        out[parts[0], parts[1]] = parts[2]
    return out


class Result(NamedTuple):
    """What one implementation did. wrong: name, expected, found. stale: gaps that are none."""

    name: str
    right: int
    known: int
    wrong: list[tuple[str, Answer, Answer]]
    stale: list[str]

    @property
    def ok(self) -> bool:
        """Whether every answer is as expected or a known gap, and every known gap is one."""
        return not self.wrong and not self.stale


def judge(
    process: Process, cases: list[Case], expected: list[Answer], gaps: dict[tuple[str, str], str]
) -> Result:
    """Ask one implementation every case and compare."""
    right = known = 0
    wrong: list[tuple[str, Answer, Answer]] = []
    used: dict[str, bool] = {}
    answers = process.ask(case.line for case in cases)
    for case, want, found in zip(cases, expected, answers, strict=True):
        if case.expect is not None:
            found = {name: value for name, value in found.items() if name != "charges"}
        gap = next(
            (each for each in (case.name, f"op:{case.line.get('op')}") if (process.name, each) in gaps), ""
        )
        good = same(want, found)
        if gap:
            used[gap] = used.get(gap, False) or not good
            known += not good
        elif not good:
            wrong.append((case.name, want, found))
        right += good
    return Result(process.name, right, known, wrong, [gap for gap, needed in used.items() if not needed])


def run(cases: list[Case], names: Iterable[str], required: Iterable[str]) -> list[Result]:
    """Ask each implementation; where a case has no answer of its own, the first one's is expected."""
    gaps = xfails()
    expected: list[Answer] | None = None
    results = []
    for process in implementations.there(names, required):
        with process:
            if expected is None:
                own = process.ask(case.line for case in cases if case.expect is None)
                first = iter(own)
                expected = [next(first) if case.expect is None else case.expect for case in cases]
            results.append(judge(process, cases, expected, gaps))
    return results


def show(results: list[Result], total: int) -> str:
    """Return a table for people."""
    out = [f"{'implementation':<16}{'as expected':>12}{'known gaps':>12}{'wrong':>8}   of {total:,}"]
    for result in results:
        out.append(f"{result.name:<16}{result.right:>12,}{result.known:>12,}{len(result.wrong):>8,}")
    for result in results:
        for name, want, found in result.wrong[:10]:
            out.append(
                f"\n{result.name}, {name}\n  expected {json.dumps(want)[:400]}\n  found    {json.dumps(found)[:400]}"
            )
        for gap in result.stale:
            out.append(f"\n{result.name}: .xfails names {gap}, which is as expected now; take the line out")
    return "\n".join(out)


def main(arguments: list[str] | None = None) -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default=",".join(ALL), help=f"of {', '.join(ALL)}")
    parser.add_argument("--require", default="", help="names, or all: an error where one cannot run here")
    parser.add_argument("--lines", type=Path, help="a file of lines instead of the vectors")
    parser.add_argument("--json", action="store_true", help="write the result as JSON")
    asked = parser.parse_args(arguments)
    names = [name for name in asked.only.split(",") if name]
    unknown = [name for name in names if name not in ALL]
    if unknown:
        parser.error(f"no implementation {', '.join(unknown)}; there are {', '.join(ALL)}")
    required = names if asked.require == "all" else asked.require.split(",")
    cases = lines(asked.lines) if asked.lines else vectors()
    try:
        results = run(cases, names, required)
    except Missing as why:
        print(why, file=sys.stderr)
        return 2
    if asked.json:
        print(json.dumps(told(results, len(cases)), indent=1))
    else:
        print(show(results, len(cases)))
    return 0 if results and all(result.ok for result in results) else 1


def told(results: list[Result], total: int) -> dict[str, Any]:
    """Return the results as JSON data."""
    rows = [{**result._asdict(), "ok": result.ok} for result in results]
    return {"cases": total, "implementations": rows}


if __name__ == "__main__":
    sys.exit(main())
