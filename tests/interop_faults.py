"""Faults, one in each, that the vectors or a few thousand drawn lines must find in an implementation.

A fault is a line of an implementation's source, changed in a copy that is built as the original is. The
faults of the exports are in macaroon_faults.py and biscuits.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import biscuits
import interop_campaign
import macaroon_faults
from hypothesis import HealthCheck, Phase, given, seed, settings
from macaroons import verdict

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "interop"))

import run
from implementations import ALL, HERE, Implementation, Process


class Fault(NamedTuple):
    """One fault. file: below the implementation's folder; old: text that stands in it once."""

    implementation: str
    name: str
    file: str
    old: str
    new: str


GO: tuple[tuple[str, str, str, str], ...] = (
    ("under is starts_with", "constraint.go", 'strings.HasPrefix(path, operand+"/")', "strings.HasPrefix(path, operand)"),
    ("expires a second late", "clear.go", "m.now >= b.expires+m.Leeway", "m.now > b.expires+m.Leeway"),
    ("small orders are taken", "ed25519.go", "canonical && !slices.Contains(smallOrder, hex.EncodeToString(y))",
     'canonical && !slices.Contains(smallOrder, hex.EncodeToString(y)+"?")'),
    ("y above the prime is taken", "ed25519.go", "canonical := y[0] < 0xED ||", "canonical := y[0] < 0xFF ||"),
    ("a missing fact passes a deny", "clear.go", "return there && c.certain(fact, false)", "return !there || c.certain(fact, false)"),
    ("a proof of another call", "verify.go", "case !hmac.Equal(m.Binding, []byte(p.binding)):", "case len(m.Binding) == 0:"),
    ("only takes opaque args", "clear.go", 'return !g.only || m.facts["args"] != Opaque', "return true"),
    ("an empty list passes", "clear.go", "len(elements) > 0 && !slices", "!slices"),
    ("nothing above is looked at", "clear.go", "name = name[:at]", "name = name[:0]"),
    ("none_of takes every type", "constraint.go", "reflect.TypeOf(operand) == reflect.TypeOf(value)", "reflect.TypeOf(operand) != nil"),
    ("attempts are not compared", "clear.go", "part.attempt != 0 && part.attempt != m.run[level].attempt", "part.attempt > m.run[level].attempt"),
    ("counters end without leeway", "charges.go", "min(end+leeway, strict.SafeInt)", "min(end, strict.SafeInt-leeway)"),
    ("a member name twice is taken", "internal/strict/strict.go", "p.unclear || twice", 'p.unclear || twice && name == ""'),
)  # fmt: skip
TYPESCRIPT: tuple[tuple[str, str, str, str], ...] = (
    ("under is starts_with", "src/grant.ts", "value === text || value.startsWith(`${text}/`)", "value.startsWith(text)"),
    ("expires a second late", "src/clear.ts", "now - expires >= rules.leeway", "now - expires > rules.leeway"),
    ("small orders are taken", "src/ed25519.ts", "!expected.isSmallOrder() && equal", "equal"),
    ("a missing fact passes a deny", "src/grant.ts", "return fact !== undefined && constraint.kind !== ANY &&",
     "return fact === undefined || constraint.kind !== ANY &&"),
    ("s above the order is taken", "src/ed25519.ts", "if (s >= ORDER) return false;", ""),
    ("repo.* takes repo.", "src/grant.ts", "action.length >= pattern.length && ", ""),
    ("not_before a second early", "src/clear.ts", "not_before - now > rules.leeway", "not_before - now > rules.leeway + 1"),
    ("a proof from the future", "src/trust.ts", "age <= SKEW && age >= -SKEW", "age <= SKEW"),
    ("only takes opaque args", "src/grant.ts", ' && facts.byName.get("args") !== null', ""),
    ("an empty list passes", "src/grant.ts", "values.length === 0 || values", "values"),
    ("hosts without the dot", "src/grant.ts", "value.endsWith(`.${text}`)", "value.endsWith(text)"),
    ("nothing above is looked at", "src/grant.ts", "this.byName.get(name.slice(0, dot))", 'this.byName.get(name.slice(0, dot) + "?")'),
    ("counters end without leeway", "src/charges.ts", "Math.min(end + leeway, SAFE_MAX)", "Math.min(end, SAFE_MAX - leeway)"),
    ("a member name twice is taken", "src/json.ts", "if (out.size !== count) throw", "if (out.size > count) throw"),
    (
        "arguments that are all null are opaque",
        "src/call.ts",
        'if (!allNull(members)) put("args"',
        'if (members.size) put("args"',
    ),
)  # fmt: skip
FAULTS = (*(Fault("go", *row) for row in GO), *(Fault("typescript", *row) for row in TYPESCRIPT))
QUICK = tuple(
    fault
    for name in ("go", "typescript")
    for fault in [each for each in FAULTS if each.implementation == name][-4:]
)
"""Those that the tests put in each time; `make campaign` puts in all."""

MACAROON = ("optional is dropped", "the deny line is omitted", "expires + 1", "a grant's where is dropped")
BISCUIT = (
    "optional is dropped",
    "a missing fact passes a deny",
    "expires a second late",
    "nothing is denied",
)
"""Of the faults of the exports those that the campaign puts in; the tests put in all, with draws of their own."""


def copied(fault: Fault, folder: Path) -> Path:
    """Return a copy of an implementation with the fault in it; the packages that it needs are shared."""
    ALL[fault.implementation].command()  # so that what it needs is there
    source, copy = HERE / fault.implementation, folder / fault.implementation
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("node_modules", "dist"))
    if (source / "node_modules").exists():
        os.symlink(source / "node_modules", copy / "node_modules")
    file = copy / fault.file
    text = file.read_text(encoding="utf-8")
    assert text.count(fault.old) == 1, f"{fault.name}: {text.count(fault.old)} times in {fault.file}"
    file.write_text(text.replace(fault.old, fault.new), encoding="utf-8")
    return copy


@contextmanager
def seeded(fault: Fault, folder: Path) -> Iterator[Process]:
    """Run an implementation with a fault in it."""
    copy = copied(fault, folder)
    if fault.implementation == "go":
        command = [str(copy / "conformance")]
        build_it = ["go", "build", "-o", command[0], "./cmd/conformance"]
    else:
        command = ["node", str(copy / "dist" / "conformance.js")]
        build_it = ["npm", "run", "--silent", "build"]
    done = subprocess.run(build_it, cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, f"{fault.name} does not build: {(done.stdout + done.stderr)[-2000:]}"
    with Process(Implementation(fault.implementation, (), lambda: command)) as process:
        yield process


def found(process: Process, lines: int, first: int) -> str:
    """Return what shows a difference from the Python engine: "vectors", a section, or the empty text."""
    cases = run.vectors()
    if run.judge(process, cases, [case.expect or {} for case in cases], {}).wrong:
        return "vectors"
    with Process(ALL["python"]) as python:
        for section in interop_campaign.SECTIONS:
            for drawn in interop_campaign.chunks(section, lines, first):
                if interop_campaign.compared([python, process], drawn)[1]:
                    return section
    return ""


def _in_a_language(fault: Fault, lines: int, first: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, seeded(fault, Path(folder)) as process:
        by = found(process, lines, first)
    return {"found": bool(by), "by": by}


def _in_an_export(
    name: str, fault: Callable[[], AbstractContextManager[Any]], count: int, first: int
) -> dict[str, Any]:
    """Compare leases with a faulty export, as the campaign does, until one differs."""

    def judged(*asked: Any) -> bool | str:
        try:
            with fault():
                return verdict(*asked) if name == "macaroon" else biscuits.verdict(*asked)
        except (ValueError, LookupError):
            return "fault"  # it fails on this case, and shows nothing

    with Process(ALL["python"]) as python:
        carriers = interop_campaign.Carriers([python], (interop_campaign.Export(name, judged),))

        @seed(first)
        @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck), report_multiple_bugs=False)  # fmt: skip
        @given(interop_campaign.questions())
        def compare(case: Any) -> None:
            carriers.ask(case)

        try:
            compare()
        except AssertionError:
            return {
                "found": True,
                "cases": sum(n for key, n in carriers.counts.items() if key[:5] == "lease"),
            }
    return {"found": False, "cases": count}


def controls(first: int, *, lines: int = 20_000, cases: int = 20_000) -> dict[str, Any]:
    """Put in every fault and return, for each, whether and by what it was found."""
    out: dict[str, Any] = {}
    work: list[tuple[str, Callable[[], dict[str, Any]]]] = []
    for fault in FAULTS:
        work.append(
            (f"{fault.implementation}: {fault.name}", lambda fault=fault: _in_a_language(fault, lines, first))
        )
    for name in MACAROON:
        make = macaroon_faults.EXPORTING[name]
        work.append((f"macaroon: {name}", lambda make=make: _in_an_export("macaroon", make, cases, first)))
    for name in BISCUIT:
        patch = biscuits.FAULTS[name]
        work.append(
            (f"biscuit: {name}", lambda patch=patch: _in_an_export("biscuit", lambda: patch, cases, first))
        )
    for name, do in work:
        began = time.monotonic()
        out[name] = do()
        said = out[name].get("by") or out[name].get("cases") if out[name]["found"] else "NOT FOUND"
        print(f"control: {name}: {said} ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
    return out
