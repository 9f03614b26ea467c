"""What is handed out: two distributions of one version, each with what it needs and nothing of this machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from attenuate import __version__

ROOT = Path(__file__).parent.parent
KERNEL = ROOT / "kernel"
INTEROP = ROOT / "interop"
NATIVE = find_spec("attenuate_kernel") is not None
WANTED = os.environ.get("ATTENUATE_ENGINE") != "python"
ADDRESS = re.compile(rb"crates\.io|index\.[a-z]|pypi\.org|registry\+|path\+file|/(?:work|home|root|tmp)/")
"""What no file that is handed out may have, but for compiled code, whose panics name its sources."""

needs_hatchling = pytest.mark.skipif(find_spec("hatchling") is None, reason="hatchling is not installed")
needs_maturin = pytest.mark.skipif(find_spec("maturin") is None, reason="maturin is not installed")
needs_cargo = pytest.mark.skipif(
    not WANTED or shutil.which("cargo") is None, reason="no cargo here, or only Python is wanted"
)


def run(*words: str, cwd: Path, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def read_toml(path: Path) -> dict:
    return tomllib.loads(path.read_text(encoding="utf-8"))


# --- one version ----------------------------------------------------------------------------------
def test_the_kernel_has_the_version_of_the_package() -> None:
    cargo = read_toml(KERNEL / "Cargo.toml")
    assert cargo["workspace"]["package"]["version"] == __version__
    for crate in (cargo, read_toml(KERNEL / "rules" / "Cargo.toml")):
        assert crate["package"]["version"] == {"workspace": True}
    project = read_toml(ROOT / "pyproject.toml")["project"]
    # neither name is ours on a package index: nothing here may fetch one from there
    extras = project["optional-dependencies"]
    assert set(extras) == {"postgres", "prometheus", "redis"}
    assert not [need for needs in extras.values() for need in needs if need.startswith("attenuate")]
    assert read_toml(KERNEL / "pyproject.toml")["project"]["dynamic"] == ["version"]


def test_the_other_distributions_have_the_version_of_the_package() -> None:
    project = read_toml(INTEROP / "python" / "pyproject.toml")["project"]
    assert project["version"] == __version__
    needs = [need for needs in project["optional-dependencies"].values() for need in needs]
    assert not [need for need in (*project["dependencies"], *needs) if need.startswith("attenuate")]
    assert json.loads((INTEROP / "typescript" / "package.json").read_text())["version"] == __version__


def test_all_distributions_have_the_same_licence() -> None:
    for folder in (KERNEL, INTEROP / "python", INTEROP / "go", INTEROP / "typescript"):
        assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_no_file_of_the_other_languages_has_an_address() -> None:
    files = subprocess.run(
        ["git", "ls-files", "-z", "interop"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    names = [name for name in files.decode().split("\0") if name]
    assert len(names) > 80
    registry = re.compile(
        rb"registry\.npmjs|(?:proxy|sum)\.golang|crates\.io|pypi\.org|/(?:work|home|root|tmp)/"
    )
    assert registry.search(b'"resolved": "https://registry.npmjs.org/x"')  # the control
    files = [ROOT / name for name in names]
    assert [file for file in files if file.is_file() and registry.search(file.read_bytes())] == []


@needs_hatchling
def test_attenuate_interop_builds(tmp_path: Path) -> None:
    run("-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path), cwd=INTEROP / "python")
    [wheel] = tmp_path.iterdir()
    inside = members(wheel)
    here = {path.relative_to(INTEROP / "python").as_posix() for path in (INTEROP / "python").rglob("*.py")}
    info = f"attenuate_interop-{__version__}.dist-info"
    assert {name for name in inside if not name.startswith(info)} == {*here, "attenuate_interop/py.typed"}
    assert f"{info}/licenses/LICENSE" in inside
    assert addresses(inside) == []


ENGINES = "from attenuate import _engine as e; print(*e.AVAILABLE, e.NAME, e.WHY, sep='|')"


def engines(before: str = "", **env: str) -> str:
    given = {"ATTENUATE_ENGINE": "", **env}
    return run("-c", before + ENGINES, cwd=ROOT, **given).strip()


@pytest.mark.skipif(not NATIVE, reason="the native engine is not installed")
def test_a_kernel_of_another_version_is_refused() -> None:
    give = "import attenuate_kernel; attenuate_kernel.__version__ = {!r}; "
    assert engines(give.format(__version__)) == "python|native|native|"  # the control
    refused = f"python|python|attenuate-kernel is {{}}, and attenuate {__version__}"
    for other in ("0.0.9", f"{__version__}.post1", ""):
        assert engines(give.format(other)) == refused.format(other)


def test_an_engine_of_another_version_is_an_error_where_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "attenuate_kernel.py").write_text("__version__ = '0.0.9'\n")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    assert engines(PYTHONPATH=path).startswith("python|python|attenuate-kernel is 0.0.9")
    require = "from attenuate import _engine; _engine.require()"
    run("-c", require, cwd=ROOT, PYTHONPATH=path, ATTENUATE_ENGINE="python")
    with pytest.raises(AssertionError, match=r"attenuate-kernel is 0\.0\.9"):
        run("-c", require, cwd=ROOT, PYTHONPATH=path, ATTENUATE_ENGINE="native")


# --- attenuate ------------------------------------------------------------------------------------
def members(archive: Path) -> dict[str, bytes]:
    """Return the files of an archive; those of an sdist without its top folder."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist()}
    with tarfile.open(archive) as sdist:
        found = {each.name: sdist.extractfile(each) for each in sdist.getmembers() if each.isfile()}
        return {name.partition("/")[2]: file.read() for name, file in found.items() if file}


def unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as sdist:
        sdist.extractall(folder, filter="data")
    [top] = folder.iterdir()
    return top


def addresses(files: dict[str, bytes]) -> list[str]:
    return [name for name, data in files.items() if not name.endswith(".so") and ADDRESS.search(data)]


def modules(files: dict[str, bytes]) -> set[str]:
    return {name for name in files if name.startswith("attenuate/")}


@needs_hatchling
def test_attenuate_builds_from_its_own_sdist(tmp_path: Path) -> None:
    run("-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path / "out"), cwd=ROOT)
    [sdist] = (tmp_path / "out").iterdir()
    assert sdist.name == f"attenuate-{__version__}.tar.gz"
    top = unpacked(sdist, tmp_path / "clean")
    run("-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "wheel"), cwd=top)
    [wheel] = (tmp_path / "wheel").iterdir()
    assert wheel.name == f"attenuate-{__version__}-py3-none-any.whl"

    here = {path.relative_to(ROOT).as_posix() for path in (ROOT / "attenuate").rglob("*.py")}
    here.add("attenuate/py.typed")
    here |= {
        path.relative_to(ROOT).as_posix()
        for kind in ("*.sql", "*.lua")
        for path in (ROOT / "attenuate").rglob(kind)
    }
    inside, source = members(wheel), members(sdist)
    assert modules(inside) == modules(source) == here
    info = f"attenuate-{__version__}.dist-info"
    assert {name.partition("/")[0] for name in inside} == {"attenuate", info}
    assert inside[f"{info}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    assert b"Requires-Dist: attenuate" not in inside[f"{info}/METADATA"]
    assert {name.partition("/")[0] for name in source} == {
        "attenuate", "specs", "README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", "PKG-INFO", ".gitignore",
    }  # fmt: skip
    assert addresses(inside) == addresses(source) == []


# --- attenuate-kernel -----------------------------------------------------------------------------
@pytest.fixture(scope="module")
def kernel_sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("kernel")
    run("-m", "maturin", "sdist", "--out", str(out), cwd=KERNEL)
    [sdist] = out.iterdir()
    return sdist


@needs_maturin
@needs_cargo
def test_the_kernels_sdist_has_its_sources_and_no_address(kernel_sdist: Path) -> None:
    assert kernel_sdist.name == f"attenuate_kernel-{__version__}.tar.gz"
    source = members(kernel_sdist)
    folders = (KERNEL / "src", KERNEL / "rules" / "src")
    sources = {path.relative_to(KERNEL).as_posix() for each in folders for path in each.rglob("*.rs")}
    assert {"src/lib.rs", "rules/src/lib.rs"} <= sources
    assert sources | {
        "Cargo.toml", "rules/Cargo.toml", "pyproject.toml", "attenuate_kernel.pyi", "README.md",
        "rules/README.md", "LICENSE", "crates.txt", "PKG-INFO",
    } <= set(source)  # fmt: skip
    assert "Cargo.lock" not in source
    assert not [name for name in source if "target/" in name]
    assert addresses(source) == []
    assert addresses({"Cargo.lock": b'source = "registry+"', "lib.so": b"crates.io"}) == ["Cargo.lock"]


@needs_maturin
@needs_cargo
def test_the_kernel_builds_from_its_own_sdist(kernel_sdist: Path, tmp_path: Path) -> None:
    """With the crates at hand: those of another day may be newer, so nothing is fetched here."""
    top = unpacked(kernel_sdist, tmp_path / "clean")
    target = tmp_path / "target"
    words = (
        "build",
        "--profile",
        "dev",
        "--offline",
        "--target-dir",
        str(target),
        "--out",
        str(tmp_path / "wheel"),
    )
    run("-m", "maturin", *words, "--interpreter", sys.executable, cwd=top)
    [wheel] = (tmp_path / "wheel").iterdir()
    assert re.fullmatch(rf"attenuate_kernel-{__version__}-cp311-abi3-\w+\.whl", wheel.name)

    inside = members(wheel)
    info = f"attenuate_kernel-{__version__}.dist-info"
    assert {name for name in inside if not name.endswith((".so", ".pyd"))} == {
        "attenuate_kernel/__init__.py", "attenuate_kernel/__init__.pyi", "attenuate_kernel/py.typed",
        f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD", f"{info}/licenses/LICENSE",
    }  # fmt: skip
    assert inside["attenuate_kernel/__init__.pyi"] == (KERNEL / "attenuate_kernel.pyi").read_bytes()
    assert addresses(inside) == []

    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    path = os.pathsep.join([str(tmp_path / "site"), str(ROOT)])
    asked = (
        "import attenuate_kernel; print(attenuate_kernel.__file__); from attenuate import _engine; "
        "from attenuate.cli import main; raise SystemExit(main(['doctor']))"
    )
    said = run("-c", asked, cwd=tmp_path, PYTHONPATH=path, ATTENUATE_ENGINE="native")
    assert said.startswith(str(tmp_path / "site"))
    assert "ed25519 chain  mints, narrows, verifies and refuses" in said


# --- the page -------------------------------------------------------------------------------------
def test_the_kernels_page_names_every_file_of_the_rules() -> None:
    page = (ROOT / "docs" / "kernel.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+\.rs)` \|", page, re.MULTILINE)
    assert sorted(named) == sorted(path.name for path in (KERNEL / "rules" / "src").iterdir())
