"""How long `import attenuate` takes, over a bare interpreter and over what it depends on,
with either engine.

New processes, in turn: their processor time. The byte code is written before the first one counts.
"""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
from functools import partial

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.engines import ENGINES
from benchmarks.machine import ROOT
from benchmarks.paired import Spread, spread

CODE = {
    "interpreter": "pass",
    "cbor2, cryptography": "import cbor2; from cryptography.hazmat.primitives.asymmetric import ed25519",
    **{f"attenuate {name}": f"import os; os.environ['ATTENUATE_ENGINE'] = '{name}'; import attenuate"
       for name in ENGINES},
}  # fmt: skip


def children_time() -> float:
    """Return seconds of processor time of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(name: str) -> None:
    env = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", CODE[name]], env=env, check=True)


def measure(rounds: int = 25) -> dict[str, Spread]:
    """Return milliseconds of each, and over the interpreter and over the dependencies by pairs."""
    taken: dict[str, list[float]] = {name: [] for name in CODE}
    order, shuffle = list(CODE), random.Random(1).shuffle
    for number in range(rounds + 1):
        shuffle(order)
        for name in order:
            start = children_time()
            run(name)
            if number:
                taken[name].append((children_time() - start) * 1e3)
    out = {name: spread(each) for name, each in taken.items()}
    for engine in ENGINES:
        for base in ("interpreter", "cbor2, cryptography"):
            more = [
                mine - other for mine, other in zip(taken[f"attenuate {engine}"], taken[base], strict=True)
            ]
            out[f"attenuate {engine}, over {base}"] = spread(more)
    return out


@pytest.mark.benchmark(timer=children_time)
@pytest.mark.parametrize("name", CODE)
def test_import(benchmark: BenchmarkFixture, name: str) -> None:
    benchmark.group = "import, in a new process"
    benchmark.pedantic(partial(run, name), rounds=8, warmup_rounds=1)  # type: ignore[no-untyped-call]
