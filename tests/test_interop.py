"""Every implementation, asked the same: vectors, what is drawn, mutants, and leases in other forms.

An implementation whose tools are missing skips its tests by name; with ATTENUATE_INTEROP=all it fails them.
The million is `make campaign`.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import agree
import interop_base
import pytest
import servers
import vectors

sys.path.insert(0, str(vectors.ROOT / "interop"))

import implementations
import interop_campaign
import interop_faults
import run
import speed
from implementations import ALL, Implementation, Missing, Process

OTHERS = ("native", "rust", "go", "typescript")


def started(name: str) -> Process:
    """Return a running implementation; skips where it cannot run."""
    try:
        return Process(ALL[name])
    except Missing as why:
        interop_base.missing(str(why))


@pytest.fixture(scope="module")
def reference() -> Iterator[Process]:
    """The Python engine, which says what is expected."""
    with Process(ALL["python"]) as process:
        yield process


@pytest.fixture(scope="module", params=OTHERS)
def other(request: pytest.FixtureRequest) -> Iterator[Process]:
    """Each other implementation."""
    with started(request.param) as process:
        yield process


# --- one verdict --------------------------------------------------------------------------------------
def test_every_vector(other: Process) -> None:
    cases = run.vectors()
    expected = [case.expect or {} for case in cases]
    result = run.judge(other, cases, expected, run.xfails())
    assert result.ok, run.show([result], len(cases))
    assert result.right + result.known == len(cases) > 600


@pytest.mark.parametrize(("section", "count"), [("mutated", 2000), ("drawn", 2500), ("other", 2500)])
def test_what_is_drawn(reference: Process, other: Process, section: str, count: int) -> None:
    lines = next(interop_campaign.chunks(section, count, 7))
    answers, wrong = interop_campaign.compared([reference, other], lines)
    assert wrong == []
    assert answers.total() == count
    assert section != "mutated" or not answers["ok"]
    assert len(answers) > 5  # many kinds of refusal, and not one again and again


@pytest.mark.parametrize("name", ["go", "typescript", "rust"])
def test_it_ends_at_what_is_no_json(name: str) -> None:
    command = built(name)
    for text in (b"{\n", b"\xff\n", b'{"op":"flatten","args":{}}\nnothing\n', b"\n", b"{} {}\n"):
        done = subprocess.run(command, input=text, capture_output=True, timeout=60)
        assert done.returncode == 1, text
        assert done.stdout.count(b"\n") == text.count(b"flatten")


def built(name: str) -> list[str]:
    try:
        return ALL[name].command()
    except Missing as why:
        interop_base.missing(str(why))


def test_an_answer_comes_before_the_next_line(other: Process) -> None:
    for _ in range(3):
        assert "ok" in other.ask([{"op": "verify"}])[0]


# --- the controls -------------------------------------------------------------------------------------
@pytest.mark.parametrize("fault", interop_faults.QUICK, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_fault_is_found(fault: interop_faults.Fault, tmp_path: Path) -> None:
    """A line of an implementation is changed: the vectors alone, or a few thousand lines, must tell."""
    built(fault.implementation)
    with interop_faults.seeded(fault, tmp_path) as process:
        assert interop_faults.found(process, 3000, 1)


def test_a_wrong_answer_is_shown(reference: Process) -> None:
    cases = run.vectors()[:40]
    expected = [dict(case.expect or {}) for case in cases]
    expected[3] = {"ok": False, "stage": "forbidden", "code": "run", "block": 15}
    result = run.judge(reference, cases, expected, {})
    assert [name for name, _, _ in result.wrong] == [cases[3].name]
    assert not result.ok
    assert cases[3].name in run.show([result], len(cases))


def test_a_gap_that_is_none_is_shown(reference: Process) -> None:
    cases = run.vectors()[:40]
    expected = [case.expect or {} for case in cases]
    result = run.judge(
        reference, cases, expected, {("python", cases[5].name): "it does not", ("go", "x"): "no"}
    )
    assert result.stale == [cases[5].name]
    assert not result.ok


def test_known_gaps_have_reasons(tmp_path: Path) -> None:
    assert all(len(reason.split()) > 3 for reason in run.xfails().values())
    for bad in ("go some-vector\n", "cobol some-vector because of its age\n"):
        (tmp_path / "x").write_text(bad)
        with pytest.raises(ValueError, match="a reason"):
            run.xfails(tmp_path / "x")


def test_what_cannot_run_is_named(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Implementation("go", ("no-such-program",), list)
    monkeypatch.setitem(ALL, "go", absent)
    assert list(implementations.there(["go"])) == []
    assert "go needs no-such-program" in capfd.readouterr().err
    assert run.main(["--only", "go", "--require", "all"]) == 2
    assert run.main(["--only", "go"]) == 1  # nothing was compared, so nothing was shown


def test_lines_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "lines"
    file.write_text('{"op": "flatten", "args": {"a": 1}}\n{"op": "nothing"}\n')
    assert run.main(["--only", "python,native", "--lines", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cases"] == 2


# --- leases in other forms ------------------------------------------------------------------------------
def test_exports_give_one_verdict() -> None:
    names = [name for name in ("native", "go", "typescript") if all(map(shutil.which, ALL[name].needs))]
    record = interop_campaign.exports(400, 3, names)
    assert record["different"] == []
    counts = record["answers"]
    for carrier in ("lease", "macaroon", "biscuit"):
        assert min(counts[f"{carrier}: allowed"], counts[f"{carrier}: refused"]) > 20, counts


@pytest.mark.parametrize("name", ["macaroon", "biscuit"])
def test_an_export_that_lies_is_found(name: str) -> None:
    """The control: an export that always says what the lease would not."""
    lying = interop_campaign.Export(name, lambda *asked: True)
    carriers = interop_campaign.Carriers([Process(ALL["python"])], (lying,))
    rng, pool = random.Random(1), []
    with carriers.processes[0], pytest.raises(interop_campaign.Different, match=name):
        for _ in range(200):
            carriers.ask(agree.draw(rng, pool, "lease")._replace(ring="root"))


# --- each language's own tests ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "command"),
    [("go", ["go", "vet", "./..."]), ("go", ["go", "test", "./..."]), ("typescript", ["npm", "test"])],
    ids=["go-vet", "go-test", "npm-test"],
)
def test_its_own_tests(name: str, command: list[str]) -> None:
    built(name)
    folder = implementations.HERE / name
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def test_go_is_formatted() -> None:
    built("go")
    done = subprocess.run(
        ["gofmt", "-l", "."], cwd=implementations.HERE / "go", capture_output=True, text=True
    )
    assert done.stdout == ""


def test_in_a_browser() -> None:
    """Every vector, verified in Chromium; and one whose expected answer was turned round, which must be told."""
    built("typescript")
    chromium = servers.installed("chromium")
    if chromium is None:
        interop_base.missing("chromium is not installed")
    environment = {**os.environ, "CHROMIUM": str(chromium)}
    for arguments, code in ([], 0), (["--control"], 1):
        command = ["npm", "run", "--silent", "browser", "--", *arguments]
        done = subprocess.run(
            command, cwd=implementations.HERE / "typescript", env=environment, capture_output=True, text=True, timeout=180
        )  # fmt: skip
        assert done.returncode == code, (done.stdout + done.stderr)[-4000:]


# --- figures --------------------------------------------------------------------------------------------
def test_the_work_to_be_timed_is_always_the_same() -> None:
    assert json.loads(speed.LINES.read_text()) == speed.make()


def test_the_work_to_be_timed_is_allowed(other: Process) -> None:
    lines = json.loads(speed.LINES.read_text())
    assert [answer["ok"] for answer in other.ask(lines)] == [True] * len(lines)
