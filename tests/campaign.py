"""Mutations of valid tokens, by the million: none may be accepted, crash the verifier, or be slow.

    python tests/campaign.py --tokens 1000000 --seed 1 --out mutation.json      (make campaign)
    python tests/campaign.py --tokens 1000000 --random                          byte strings from nowhere

Each mutant is of a token that allows its request, and differs from it in its text. The control is
the same work against a verifier whose last proof check is taken out: it must accept some.
The same seed gives the same mutants on any number of cores.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import build
import mutate
import records

from attenuate import Forbidden, LeaseError, Malformed, Untrusted, _engine

BATCH = 2000
BOUND_US = 50_000
"""No single verification may take longer: 10 ms, five times over for a noisy machine."""


def judge(original: mutate.Original, text: str) -> tuple[str, str, int]:
    """Return stage, code and nanoseconds of a verification; "accepted" and "crash" are stages too."""
    start = time.perf_counter_ns()
    try:
        _engine.verify(text, original.request, mutate.RING, mutate.NOW + 1)
        stage, code = "accepted", "ok"
    except (Malformed, Untrusted, Forbidden) as error:
        stage, code = error.stage, error.code
    except LeaseError as error:
        stage, code = "crash", f"{error.stage} {error.code}"
    except Exception as error:
        stage, code = "crash", type(error).__name__
    return stage, code, time.perf_counter_ns() - start


def settled(original: mutate.Original, text: str, took: int) -> int:
    """Return the best of five more runs for one that was slow: a machine pauses, a bad input stays."""
    if took < BOUND_US * 20:
        return took
    return min(judge(original, text)[2] for _ in range(5))


def batch(work: tuple[int, int, int, bool]) -> dict[str, Any]:
    """Judge one batch of mutants."""
    seed, number, size, from_nowhere = work
    rng = random.Random(f"{seed}/{number}")
    counts: dict[str, Counter[str]] = {}
    skipped = slowest = 0
    bad: list[dict[str, str]] = []
    for _ in range(size):
        original = rng.choice(mutate.ORIGINALS)
        name, text = mutate.nowhere(rng) if from_nowhere else mutate.mutant(original, rng)
        while text in mutate.TEXTS:  # the mutation changed nothing
            skipped += 1
            name, text = mutate.mutant(original, rng)
        stage, code, took = judge(original, text)
        took = settled(original, text, took)
        slowest = max(slowest, took)
        counts.setdefault(name, Counter())[f"{stage}/{code}"] += 1
        if stage in ("accepted", "crash") or took > BOUND_US * 1000:
            bad.append({"mutation": name, "outcome": f"{stage}/{code}", "of": original.name, "text": text})
    return {"counts": counts, "skipped": skipped, "slowest": slowest, "bad": bad}


def batches(tokens: int, seed: int, from_nowhere: bool) -> Iterator[tuple[int, int, int, bool]]:
    for number, done in enumerate(range(0, tokens, BATCH)):
        yield seed, number, min(BATCH, tokens - done), from_nowhere


def total(
    results: Iterator[dict[str, Any]], tokens: int, label: str = "", show: bool = False
) -> dict[str, Any]:
    """Add up the results of batches."""
    counts: dict[str, Counter[str]] = {}
    out: dict[str, Any] = {"judged": 0, "skipped": 0, "slowest_us": 0, "accepted": 0, "crashed": 0, "bad": []}
    for result in results:
        for name, codes in result["counts"].items():
            counts.setdefault(name, Counter()).update(codes)
        out["skipped"] += result["skipped"]
        out["slowest_us"] = max(out["slowest_us"], result["slowest"] // 1000)
        out["bad"] += result["bad"][: max(0, 20 - len(out["bad"]))]
        before, out["judged"] = out["judged"], sum(map(Counter.total, counts.values()))
        if show and (sys.stderr.isatty() or out["judged"] * 10 // tokens > before * 10 // tokens):
            done = f"{label}{out['judged']:,} of {tokens:,} ({out['judged'] * 100 // tokens} %)"
            print(done, end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)
    every = sum(counts.values(), Counter())
    out["accepted"] = sum(n for code, n in every.items() if code.startswith("accepted/"))
    out["crashed"] = sum(n for code, n in every.items() if code.startswith("crash/"))
    out["by_mutation"] = {name: dict(sorted(codes.items())) for name, codes in sorted(counts.items())}
    return out


def control(tokens: int, seed: int) -> dict[str, Any]:
    """Do the same to a verifier without its last proof check."""
    with build.without_proof():
        out = total(map(batch, batches(tokens, seed, False)), tokens)
    return {"without": "the proof (V5)", "judged": out["judged"], "accepted": out["accepted"]}


def campaign(
    tokens: int, seed: int, *, from_nowhere: bool = False, processes: int = 1, show: bool = False
) -> dict[str, Any]:
    """Run it all and return the record."""
    label = "random " if from_nowhere else "mutants "
    work = batches(tokens, seed, from_nowhere)
    if processes == 1:
        out = total(map(batch, work), tokens, label, show)
    else:
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            out = total(pool.imap_unordered(batch, work), tokens, label, show)
    out["control"] = control(min(tokens, 2 * BATCH), seed)
    found = out["control"]["accepted"] > 0
    out["ok"] = not out["bad"] and out["accepted"] == out["crashed"] == 0 and found
    head = {
        "date": records.today(),
        "engine": _engine.NAME,
        "seed": seed,
        "tokens": tokens,
        "kind": "random bytes" if from_nowhere else "structure-aware mutations",
        "bound_us": BOUND_US,
    }
    return {**head, **out}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tokens", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--random", action="store_true", help="random byte strings instead of mutants")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, help="write the record here; default: standard output")
    asked = parser.parse_args()
    record = campaign(
        asked.tokens, asked.seed, from_nowhere=asked.random, processes=asked.processes, show=True
    )
    code = records.write(record, asked.out)
    summary = f"{record['judged']:,} judged, {record['accepted']} accepted, {record['crashed']} crashed, "
    summary += f"slowest {record['slowest_us']} µs; control accepted {record['control']['accepted']}"
    print(summary, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
