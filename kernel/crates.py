"""The crates of the native engine, held as a lock file holds them, but without addresses.

python kernel/crates.py lock     before a build: make Cargo.lock say what crates.txt says
python kernel/crates.py check    sources, licences and doubles, by the lists of deny.toml; Rust's version
python kernel/crates.py write    after `cargo update`: make crates.txt say what Cargo.lock says
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, TypeAlias

HERE = Path(__file__).parent
LOCK = HERE / "Cargo.lock"
LIST = HERE / "crates.txt"
HEAD = "# Every crate that a build of the kernel may take: name, version, sha256. By kernel/crates.py.\n"

Crates: TypeAlias = dict[tuple[str, str], str]
"""(name, version) -> sha256."""


def listed() -> Crates:
    """Return the crates of crates.txt."""
    lines = LIST.read_text(encoding="utf-8").splitlines() if LIST.exists() else []
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return {(name, version): sha for name, version, sha in rows}


def locked() -> Crates:
    """Return the crates of Cargo.lock but those of this folder; one that no registry vouches for has ""."""
    if not LOCK.exists():
        return {}
    packages = tomllib.loads(LOCK.read_text(encoding="utf-8"))["package"]
    return {(p["name"], p["version"]): p.get("checksum", "") for p in packages if "source" in p}


def cargo(*words: str) -> str:
    """Run cargo and return what it prints; its errors go where ours go."""
    return subprocess.run(["cargo", *words], cwd=HERE, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603, S607


def line_of(version: str) -> str:
    """Return what all versions that may replace this one begin with, such as 0.11. or 2."""
    return re.match(r"(?:0\.)*\d+\.", version)[0]  # type: ignore[index]


def lock() -> None:
    """Make Cargo.lock say what crates.txt says."""
    want = listed()
    if locked() == want:
        return
    cargo("metadata", "--quiet", "--format-version=1")  # writes Cargo.lock, or mends it
    for _ in range(len(want)):  # one may hold another back, so as often as something moves
        before = locked()
        for name, version in before.keys() - want.keys():
            for other, exact in want:
                if other == name and line_of(exact) == line_of(version):
                    words = ["cargo", "update", "--quiet", f"{name}@{version}", "--precise", exact]
                    subprocess.run(words, cwd=HERE, check=False, capture_output=True)  # noqa: S603
        if locked() == before:
            break


def faults() -> list[str]:
    """Return what stands against building with Cargo.lock."""
    got, want = locked(), listed()
    out = [f"{name} {version} is not in crates.txt" for name, version in sorted(got.keys() - want.keys())]
    out += [f"{name} {version} is not in Cargo.lock" for name, version in sorted(want.keys() - got.keys())]
    for crate in sorted(got.keys() & want.keys()):
        if got[crate] != want[crate]:
            out.append(f"{' '.join(crate)} is another one than was listed: its sha256 differs")
    return out


def holds(licence: str, allowed: list[str]) -> bool:
    """Say whether a licence expression (SPDX) can be met with the allowed licences."""
    words = re.findall(r"[()]|[^\s()/]+", licence.replace("/", " OR ").replace(" WITH ", "+WITH+"))

    def term() -> bool:
        word = words.pop(0) if words else ""
        if word == "(":
            inside = either()
            assert words.pop(0) == ")", licence
            return inside
        return word.replace("+WITH+", " WITH ") in allowed

    def both() -> bool:
        out = term()
        while words and words[0] == "AND":
            words.pop(0)
            out = term() and out
        return out

    def either() -> bool:
        out = both()
        while words and words[0] == "OR":
            words.pop(0)
            out = both() or out
        return out

    return either() and not words


def number(version: str) -> tuple[int, ...]:
    """Return a version of Rust as what can be compared: 1.88 and 1.88.0 are one."""
    return tuple([int(part) for part in version.split(".")][:2])


def refused() -> list[str]:
    """Return what deny.toml does not allow, and what needs a newer Rust than is said."""
    rules: dict[str, Any] = tomllib.loads((HERE / "deny.toml").read_text(encoding="utf-8"))
    packages = json.loads(cargo("metadata", "--quiet", "--format-version=1", "--locked"))["packages"]
    allowed = rules["licenses"]["allow"]
    out = [
        f"{p['name']} {p['version']} is under {p['license'] or 'no stated licence'}"
        for p in packages
        if not holds(p["license"] or "none", allowed)
    ]
    own = tomllib.loads((HERE / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]["package"]
    out += [
        f"{p['name']} {p['version']} needs Rust {p['rust_version']}, and Cargo.toml says {own['rust-version']}"
        for p in packages
        if number(p["rust_version"] or "0") > number(own["rust-version"])
    ]
    skipped = {skip["crate"] for skip in rules["bans"]["skip"]}
    versions: dict[str, list[str]] = {}
    for p in packages:
        if f"{p['name']}@{p['version']}" not in skipped:
            versions.setdefault(p["name"], []).append(p["version"])
    out += [f"{name} is there as {', '.join(v)}" for name, v in sorted(versions.items()) if len(v) > 1]
    return out


def main(words: list[str]) -> int:
    """Do what is asked; the exit code is 1 where something must be mended."""
    if words == ["write"]:
        cargo("metadata", "--quiet", "--format-version=1")
        rows = [f"{name} {version} {sha}\n" for (name, version), sha in sorted(locked().items())]
        LIST.write_text(HEAD + "".join(rows), encoding="utf-8")
        return 0
    if words not in (["lock"], ["check"]):
        print(__doc__, file=sys.stderr)
        return 2
    lock()
    found = faults()
    hint = "read what changed, then: python kernel/crates.py write"
    if words == ["check"] and not found:
        found, hint = refused(), "take another crate, or say in kernel/deny.toml why it is right"
    for fault in found:
        print(f"error: {fault}", file=sys.stderr)
    if found:
        print(f"hint: {hint}", file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, subprocess.CalledProcessError) as fault:
        sys.exit(f"error: {fault}")
