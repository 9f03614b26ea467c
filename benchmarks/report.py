"""Measure every question in pairs and write benchmarks/results: figures, tables and plots.

python -m benchmarks.report           # measure, then write
python -m benchmarks.report --read    # write again from results.json
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from importlib import import_module
from time import perf_counter, process_time
from typing import Any

from attenuate import __version__
from benchmarks import machine, tables
from benchmarks.engines import ENGINES
from benchmarks.paired import Question
from benchmarks.results import FILE, FOLDER, Results

QUESTIONS = ("cold_hmac", "cold_ed25519", "warm", "denied", "profile", "mint_narrow", "worst")
OTHERS = ("import", "throughput", "sizes", "gate", "stores", "revocation")


def measure() -> dict[str, Any]:
    """Return all figures as JSON data: a spread is [median, 10th percentile, 90th percentile]."""
    out: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "attenuate": __version__,
        "commit": machine.commit(),
        "engines": ENGINES,
        "machine": machine.machine(),
        "questions": {},
    }
    start = perf_counter()
    for number, name in enumerate((*QUESTIONS, *OTHERS), 1):
        print(f"[{perf_counter() - start:4.0f} s] {number}/{len(QUESTIONS) + len(OTHERS)} {name}", flush=True)
        module = import_module(f"benchmarks.test_{name}")
        if name in QUESTIONS:
            if module.QUESTION.work:  # there are no layers without the native engine
                out["questions"][name] = answered(module.QUESTION)
        else:
            out[name] = module.sizes() if name == "sizes" else module.measure()
    print(f"[{perf_counter() - start:4.0f} s] done", flush=True)
    return out


def answered(question: Question) -> dict[str, Any]:
    """Return what a question's work took, as JSON data."""
    wall, ran = perf_counter(), process_time()
    answer = question.answer()
    busy = (process_time() - ran) / (perf_counter() - wall)
    ratios = {f"{mine} / {other}": found for (mine, other), found in answer.ratios.items()}
    sizes = {"title": question.title, "rounds": question.rounds, "inner": question.inner, "busy": busy}
    return {**sizes, "us": answer.us, "ratios": ratios}


def _rounded(value: Any) -> Any:
    """Return the data with four significant digits: more would be noise."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(member) for key, member in value.items()}
    return [_rounded(member) for member in value] if isinstance(value, (list, tuple)) else value


def main() -> None:
    """Measure unless told to read, then write."""
    from benchmarks import plots  # slow to import, and processes that are started import this module

    FOLDER.mkdir(exist_ok=True)
    if "--read" not in sys.argv[1:]:
        FILE.write_text(json.dumps(_rounded(measure()), indent=1) + "\n", encoding="utf-8")
    results = Results.load()
    (FOLDER / "README.md").write_text(tables.page(results), encoding="utf-8")
    plots.draw(results)
    print(tables.targets(results))


if __name__ == "__main__":
    main()
