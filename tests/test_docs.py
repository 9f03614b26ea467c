"""Every claim of the documents that can run, runs.

A page is one story: its `python` blocks share one namespace and run in order, its `console` blocks
run in the same folder. A `text` block right after a `python` block is what that block prints; what
follows a `$` line of a `console` block is what that command prints. `…` in what is shown stands for
anything on a line, a line of `…` alone for any lines, and two spaces for any number of them.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import inspect
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest

import attenuate
from attenuate import block, constraints

ROOT = Path(__file__).parent.parent
TOP = [ROOT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md")]
INTEROP = [*sorted((ROOT / "interop").glob("*.md")), ROOT / "interop" / "python" / "README.md"]
PAGES = [*TOP, *sorted((ROOT / "docs").rglob("*.md")), *INTEROP]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
FENCE = re.compile(r"^```([a-z]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TOKEN = re.compile(r"lease1_[A-Za-z0-9_-]{8}|attenuate_[a-z0-9]+_secret_[A-Za-z0-9_-]{8}")
MARK = "--- end of command"


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Fence:
    """A fenced block: its language, its text, its first line, and the output shown after it."""

    kind: str
    text: str
    line: int
    shown: str | None


def fences(page: Path) -> list[Fence]:
    text = page.read_text(encoding="utf-8")
    found = list(FENCE.finditer(text))
    out = []
    for index, match in enumerate(found):
        after = found[index + 1] if index + 1 < len(found) else None
        follows = after is not None and after[1] == "text" and not text[match.end() : after.start()].strip()
        line = text.count("\n", 0, match.start(2))
        out.append(Fence(match[1], match[2], line, after[2] if after is not None and follows else None))
    return out


def pattern_of(line: str) -> str:
    if line.strip() == "…":
        return r"(?:.*\n)*?"
    parts = [re.escape(part).replace("…", ".*?") for part in re.split(r" {2,}", line.rstrip())]
    return " +".join(parts) + r" *\n"


def assert_shown(shown: str, printed: str, where: str) -> None:
    lines = [pattern_of(line) for line in shown.strip("\n").split("\n")]
    if not re.fullmatch("".join(lines), printed.strip("\n") + "\n"):
        raise AssertionError(f"{where} shows\n{shown}\nand prints\n{printed}")


def run_python(fence: Fence, space: dict[str, object], page: Path) -> None:
    printed = python(fence, space, page)
    where = f"{name_of(page)}, line {fence.line}"
    assert not TOKEN.search(printed), f"{where} prints a secret"
    if fence.shown is None:
        assert not printed, f"{where} prints what the page does not show:\n{printed}"
    else:
        assert_shown(fence.shown, printed, where)


def python(fence: Fence, space: dict[str, object], page: Path) -> str:
    """Run a python block and return what it prints."""
    printed = io.StringIO()
    code = compile("\n" * fence.line + fence.text, str(page), "exec")
    with contextlib.redirect_stdout(printed):
        exec(code, space)
    return printed.getvalue()


def commands(text: str) -> list[tuple[str, str]]:
    """Return the commands of a console block and what is shown after each."""
    out: list[tuple[str, str]] = []
    for line in text.splitlines():
        if out and not out[-1][1] and out[-1][0].endswith("\\"):
            out[-1] = (f"{out[-1][0]}\n{line}", "")
        elif line.startswith("$ "):
            out.append((line[2:], ""))
        else:
            assert out, "a console block begins with a command"
            out[-1] = (out[-1][0], f"{out[-1][1]}{line}\n")
    return out


def run_console(fence: Fence, folder: Path, page: Path) -> None:
    for step, shown, printed in console(fence, folder):
        where = f"{name_of(page)}, line {fence.line}, $ {step}"
        assert_shown(shown, printed, where)
        assert not TOKEN.search(printed), f"{where} prints a secret"


def console(fence: Fence, folder: Path) -> list[tuple[str, str, str]]:
    """Run a console block; return each command with what is shown and what is printed."""
    steps = commands(fence.text)
    script = "".join(f"{{ {step}\n}} 2>&1; s=$?; printf '\\n{MARK}\\n'; (exit $s)\n" for step, _ in steps)
    env = {"HOME": str(folder), "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    env["PATH"] = f"{folder / '.bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    printed = done.stdout.split(f"\n{MARK}\n")
    assert len(printed) == len(steps) + 1, done.stdout + done.stderr
    return [(step, shown, out) for (step, shown), out in zip(steps, printed, strict=False)]


def renewed(shown: str, printed: str) -> str:
    """Return what is printed, with the lines of what was shown wherever they still fit."""
    old = [line for line in shown.split("\n") if line.strip() != "…"]
    lines = printed.strip("\n").split("\n")
    return "".join(
        next((each for each in old if each and re.fullmatch(pattern_of(each), f"{line}\n")), line) + "\n"
        for line in lines
    )


def put_command(folder: Path) -> None:
    """Put the `attenuate` of this checkout where a console block finds it."""
    (folder / ".bin").mkdir()
    shim = folder / ".bin" / "attenuate"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m attenuate "$@"\n')
    shim.chmod(0o755)


RUN = [page for page in PAGES if any(f.kind in ("python", "console") for f in fences(page))]


def run_all(page: Path) -> None:
    space: dict[str, object] = {"__name__": "page"}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        put_command(Path(folder))
        for fence in fences(page):
            if fence.kind == "python":
                run_python(fence, space, page)
            elif fence.kind == "console":
                run_console(fence, Path(folder), page)


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_the_code_of_a_page_runs_and_prints_what_it_shows(page):
    if shutil.which("bash") is None and any(fence.kind == "console" for fence in fences(page)):
        pytest.skip("no bash")
    run_all(page)


def test_the_runner_sees_a_wrong_output(tmp_path):
    """The control: a page that shows what is not printed fails."""
    page = ROOT / "README.md"
    run_python(Fence("python", "print('a 1 b')\nprint('c')", 1, "a … b\nc\n"), {}, page)
    for shown in ("a … c\nc\n", "a 1 b\n", None):
        with pytest.raises(AssertionError):
            run_python(Fence("python", "print('a 1 b')\nprint('c')", 1, shown), {}, page)
    run_console(Fence("console", "$ echo a; false\na\n$ echo $?\n1\n", 1, None), tmp_path, page)
    with pytest.raises(AssertionError):
        run_console(Fence("console", "$ echo a\nb\n", 1, None), tmp_path, page)


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_an_example_runs_and_prints_no_secret(example, tmp_path):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, str(example)],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout, "an example shows something"
    assert not TOKEN.search(done.stdout + done.stderr)
    page = ROOT / "examples" / "README.md"
    assert f"({example.name})" in page.read_text(encoding="utf-8"), f"{page} does not name it"


PEERS = ("pymacaroons", "biscuit_auth", "tenuo", "jwt")


@pytest.mark.skipif(
    any(importlib.util.find_spec(peer) is None for peer in PEERS), reason="the bench group is not installed"
)
def test_the_comparison_holds_for_the_libraries_installed(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "comparison.py")],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = [fence.text for fence in fences(ROOT / "docs" / "coming-from.md") if fence.kind == "text"]
    assert any(done.stdout.split("\n", 1)[1] == text.split("\n", 1)[1] for text in shown), done.stdout


@pytest.mark.skipif(not (ROOT / "benchmarks" / "results" / "README.md").exists(), reason="no results")
def test_the_figures_of_the_readme_are_those_of_the_results():
    done = subprocess.run([sys.executable, str(ROOT / "docs" / "bench.py"), "--check"], check=False)
    assert done.returncode == 0, "run: python docs/bench.py"


# --- the reference names what there is -------------------------------------------------------------
def sections(page: str) -> dict[str, str]:
    """Return a page's level-3 sections by the first name in the heading's code."""
    parts = re.split(r"^### ", (ROOT / "docs" / page).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    out: dict[str, str] = {}
    for part in parts:
        named = re.match(r"`([A-Za-z_]+)", part)
        if named:
            out[named[1]] = re.split(r"^## ", part, maxsplit=1, flags=re.MULTILINE)[0]
    return out


def test_the_python_reference_names_exactly_the_public_names():
    assert sorted(sections("reference/python.md")) == sorted(attenuate.__all__)


INTERNAL = {"grammatical"}
"""Methods of public classes that one module of the package has for another."""


def public_methods(kind: type) -> list[str]:
    names = [name for name in vars(kind) if not name.startswith("_") and name not in INTERNAL]
    return [name for name in names if callable(getattr(kind, name))]


@pytest.mark.parametrize("name", attenuate.__all__)
def test_the_python_reference_has_every_parameter_and_method(name):
    thing, section = getattr(attenuate, name), sections("reference/python.md")[name]
    takes = [thing]
    if isinstance(thing, type) and not issubclass(thing, Exception):
        if issubclass(thing, constraints.Constraint):
            takes = []
        else:
            methods = public_methods(thing)
            assert [
                each for each in methods if f"`{each}(" not in section and f".{each}(" not in section
            ] == []
            takes = [getattr(thing, each) for each in methods]
    elif isinstance(thing, type):
        takes = []
    for each in takes:
        for parameter in inspect.signature(each).parameters.values():
            if parameter.name not in ("self", "terms", "asked"):
                assert re.search(rf"\b{parameter.name}\b", section), f"{name}: {parameter.name}"


def test_the_tables_of_caveats_and_constraints_are_complete():
    text = (ROOT / "docs" / "reference" / "caveats.md").read_text(encoding="utf-8")
    for number, name in enumerate(block.NAMES):
        assert f"| {number} | `{name}` |" in text
    for kind in constraints.KINDS:
        assert f"| {kind.kind} |" in text


def codes_in_the_code() -> set[str]:
    """Return every code that the package can raise, by reading it."""
    raised = {"Malformed", "Untrusted", "Forbidden", "Refused", "Unavailable", "Failure", "_Words"}
    out: set[str] = set()
    for path in (ROOT / "attenuate").rglob("*.py"):
        if "demo" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in raised:
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    out.add(first.value)
                elif isinstance(first, ast.IfExp):
                    out |= {n.value for n in ast.walk(first) if isinstance(n, ast.Constant)}
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "CODES":
                out |= set(ast.literal_eval(node.value))
            if isinstance(node, ast.FunctionDef) and node.name == "_run_failure":
                returned = [n.value for n in ast.walk(node) if isinstance(n, ast.Return)]
                out |= {n.value for n in returned if isinstance(n, ast.Constant) and n.value}
    return out


def test_the_page_of_errors_lists_every_code():
    page = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (\w+)$", page, flags=re.M)[1:]
    listed = {
        stage.lower(): set(re.findall(r"^\| `([a-z_]+)` \|", part, re.M))
        for stage, part in zip(parts[::2], parts[1::2], strict=True)
    }
    found = codes_in_the_code()
    assert {"text", "unknown_key", "attempt", "unknown_caveat", "stale_proof"} <= found, (
        "the search is broken"
    )
    assert found <= set().union(*listed.values())
    spec = (ROOT / "specs" / "verify.md").read_text(encoding="utf-8").partition("\n## Codes\n")[2]
    for stage, codes in re.findall(r"^\| (\w+) \| ([a-z_, ]+)", spec.partition("\n## ")[0], re.M):
        if stage != "stage":
            assert listed[stage] == set(re.findall(r"[a-z]+(?:_[a-z]+)*(?=[,\s(])", f"{codes} ")) - {
                "or",
                "an",
                "extension",
                "s",
                "key",
            }, stage
    assert listed["unavailable"] == {"store", "log"}


def test_modules_import_as_the_table_of_contributing_says():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = [re.findall(r"`([a-z_0-9]+)`", row) for row in re.findall(r"^\| (`[a-z_].*?) \|", text, re.M)]
    line = {name: number for number, row in enumerate(rows) for name in row}
    package = ROOT / "attenuate"
    there = {path.stem for path in [*package.glob("*.py"), *package.glob("[a-z]*/")]} - {"py"}
    assert set(line) == there - {"__init__", "__main__"}
    for name in line:
        files = (
            [package / f"{name}.py"] if (package / f"{name}.py").exists() else package.glob(f"{name}/*.py")
        )
        for path in files:
            up = 1 if path.parent == package else 2
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.level == up:
                    for other in [node.module.split(".")[0]] if node.module else [n.name for n in node.names]:
                        assert line.get(other, -1) <= line[name], f"{name} imports {other}"


# --- the pages themselves --------------------------------------------------------------------------
def slug(heading: str) -> str:
    """Return the anchor of a heading, as hosting pages and MkDocs make it for plain headings."""
    plain = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)).strip().lower()
    return plain.replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return {slug(found) for found in re.findall(r"^#{1,4} (.*)$", text, re.M)}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_of_a_page_leads_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{name_of(page)}: {target}"
        if anchor:
            assert anchor in anchors(there), f"{name_of(page)}: {target}"


@pytest.mark.parametrize("page", [*PAGES, *EXAMPLES], ids=name_of)
def test_a_page_names_no_machine_and_keeps_its_fences_closed(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"/(?:work|home|root|tmp|Users)/", text)
    assert text.count("\n```") % 2 == 0 or page.suffix == ".py"
    assert not TOKEN.search(text)


@pytest.mark.parametrize("image", sorted((ROOT / "docs" / "images").glob("*.svg")), ids=name_of)
def test_a_picture_is_well_formed_and_says_what_it_shows(image):
    root = ET.parse(image).getroot()
    assert root.get("viewBox")
    assert root.find("{http://www.w3.org/2000/svg}title") is not None


# --- writing what is printed now --------------------------------------------------------------------
def renew(page: Path) -> None:
    """Write into a page what its blocks print now."""
    text, space = page.read_text(encoding="utf-8"), {"__name__": "page"}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        put_command(Path(folder))
        for fence in fences(page):
            if fence.kind == "python":
                printed = python(fence, space, page)
                if fence.shown is not None:
                    old = f"```text\n{fence.shown}```"
                    text = text.replace(old, f"```text\n{renewed(fence.shown, printed)}```", 1)
            elif fence.kind == "console":
                new = "".join(
                    f"$ {step}\n" + (renewed(shown, printed) if printed.strip() else "")
                    for step, shown, printed in console(fence, Path(folder))
                )
                text = text.replace(fence.text, new, 1)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for each in RUN:
        try:
            run_all(each)
        except AssertionError:
            print("renewed", name_of(each))
            renew(each)
