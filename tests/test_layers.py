"""Modules import downwards only, stay small, and load little."""

from __future__ import annotations

import ast
import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import attenuate

ROOT = Path(attenuate.__file__).parent
LAYERS = [
    "version", "limits", "words", "errors", "faults",
    "request", "codec", "jcs", "ed25519",
    "constraints", "grants", "block",
    "keys", "token", "chain", "clear", "findings",
    "call", "fields", "lease", "ring", "approval",
    "cache", "evidence", "charges", "verified", "doubts", "verify", "native", "_engine", "verifier",
    "store", "ledger", "gate",
    "blockjson", "describe",
    "__init__",
    "cli", "demo", "__main__",
]  # fmt: skip
"""Each module may import those before it. The last are programs: nothing of the library imports them."""
PROGRAMS = {"cli", "demo", "__main__"}
SOURCES = {path.relative_to(ROOT): path.read_text("utf-8") for path in sorted(ROOT.rglob("*.py"))}


def layer(path: Path) -> str:
    """Return the name of a file's layer: its module, or its folder."""
    return path.parts[0].removesuffix(".py")


def imported(source: str, path: Path) -> set[str]:
    """Return the layers of attenuate that a file imports, wherever in it the import stands."""
    out = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            out |= {(name[1:] or ["__init__"])[0] for name in names if name[0] == "attenuate"}
        elif isinstance(node, ast.ImportFrom):
            inside = node.level == len(
                path.parts
            )  # "from ." in attenuate/x.py, "from .." in attenuate/cli/x.py
            module = (node.module or "").split(".")
            if node.level == 0 and module[0] == "attenuate":
                inside, module = True, module[1:] or [""]
            if inside and module[0]:
                out.add(module[0])
            elif inside:
                out |= {alias.name if alias.name in LAYERS else "__init__" for alias in node.names}
    return out


def upward(source: str, path: Path) -> set[str]:
    """Return the layers that a file imports and may not."""
    own = layer(path)
    below = set(LAYERS) if own in PROGRAMS else set(LAYERS[: LAYERS.index(own)])
    return imported(source, path) - below


def code_lines(source: str) -> int:
    """Count the lines that are no blank, comment or docstring."""
    silent: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            silent |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(source.splitlines(), start=1)
    return sum(
        1 for number, line in lines if line.strip() and line.strip()[0] != "#" and number not in silent
    )


def test_every_module_has_its_layer() -> None:
    assert {layer(path) for path in SOURCES} == set(LAYERS)
    assert len(LAYERS) == len(set(LAYERS))


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_imports_point_downwards(path: Path) -> None:
    assert upward(SOURCES[path], path) == set()


@pytest.mark.parametrize(
    "line",
    [
        "from .verify import verify", "from . import verify", "import attenuate.verify", "from attenuate.verify import verify",
        "from attenuate import verify", "from attenuate import Lease", "import attenuate", "from . import __version__",
        "def late():\n    from .cli import main", "from .request import Request",
    ],
)  # fmt: skip
def test_an_import_that_points_upwards_is_found(line: str) -> None:
    assert upward("from . import limits\nfrom .errors import Malformed\n", Path("request.py")) == set()
    assert upward(f"from . import limits\n{line}\n", Path("request.py"))


def test_a_program_may_import_the_library_and_not_the_other_way() -> None:
    assert (
        upward("from ..verify import verify\nfrom .. import grant\nfrom . import x", Path("cli/x.py"))
        == set()
    )
    assert upward("from .cli import main", Path("describe.py")) == {"cli"}


def test_modules_are_small() -> None:
    sizes = {str(path): code_lines(source) for path, source in SOURCES.items()}
    assert {name: size for name, size in sizes.items() if size > 400} == {}
    assert statistics.median(sizes.values()) <= 150


def test_what_counts_as_a_line() -> None:
    source = '"""A\n\ndocstring."""\n\n# a comment\nX = 1  # code\n"""About X."""\n\ndef f():\n    """Say."""\n    return """\n"""\n'
    assert code_lines(source) == 4
    assert code_lines("x = 1\n" * 401) == 401


LOADED = """
import sys
before = set(sys.modules)
import {}
import json
print(json.dumps(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}} - sys.stdlib_module_names)))
"""


def loaded(what: str) -> set[str]:
    """Return the top-level modules outside the standard library that an import loads in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(what)], check=True, capture_output=True, text=True
    )
    return set(json.loads(done.stdout))


def test_importing_loads_no_package_but_two() -> None:
    allowed = {"attenuate", "cbor2", "cryptography"} | {
        "_cbor2",
        "_cffi_backend",
        "_openssl",
        "attenuate_kernel",
    }  # what these two are made of, and the native engine where there is one
    assert loaded("attenuate") <= allowed
    assert {"attenuate", "cbor2", "cryptography"} <= loaded("attenuate.ed25519, cbor2")


def test_a_package_more_would_be_noticed() -> None:
    assert "hypothesis" in loaded("attenuate, hypothesis")


def test_importing_loads_no_program() -> None:
    check = "import attenuate, sys; print([name for name in sys.modules if name.startswith(('attenuate.cli', 'attenuate.demo'))])"
    done = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
