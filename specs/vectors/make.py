"""Make the vectors: one file for each named function in cases/, and the table in README.md.

python specs/vectors/make.py            writes them
python specs/vectors/make.py --check    says what differs, and exits with 1 where anything does
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cases  # noqa: F401  (registers them)
from builder import CASES, CHAINS, Entry

HERE = Path(__file__).resolve().parent
START, END = "<!-- table: made by make.py -->\n", "<!-- end of table -->\n"


def document(name: str, entry: Entry) -> dict[str, Any]:
    """Return one vector as JSON data."""
    case = entry.make(entry.alg)
    expect: dict[str, Any] = {"ok": entry.expect == "ok"}
    if not expect["ok"]:
        stage, code, *block = entry.expect.split()
        expect |= {"stage": stage, "code": code, **({"block": int(block[0])} if block else {})}
    out: dict[str, Any] = {
        "name": name,
        "comment": what(entry),
        "token": case.token,
        "now": case.now,
        "keys": [{"id": key_id, "alg": alg, "key": key.hex()} for key_id, alg, key in case.ring],
        "request": case.request,
    }
    if case.options:
        out["options"] = case.options
    return {**out, "expect": expect, "block_ids": case.block_ids, "seeds": case.seeds}


def what(entry: Entry) -> str:
    """Return what a case shows: the first line of its function's docstring."""
    return (entry.make.__doc__ or "").strip().splitlines()[0].removesuffix(".")


def text(vector: dict[str, Any]) -> str:
    """Return a vector's file: one member a line."""
    members = (f" {json.dumps(name)}: {json.dumps(value)}" for name, value in vector.items())
    return "{\n" + ",\n".join(members) + "\n}\n"


def table() -> str:
    """Return the index as it stands in README.md."""
    rows = ["| name | what | expect |\n", "| --- | --- | --- |\n"]
    for name in sorted(CASES):
        entry = CASES[name]
        shown = what(entry).replace("|", "\\|")
        rows.append(f"| [{name}]({name}.json) | {shown} | {entry.expect} |\n")
    return "".join(rows)


def files() -> dict[Path, str]:
    """Return every file and its content."""
    out = {HERE / f"{name}.json": text(document(name, entry)) for name, entry in CASES.items()}
    readme = HERE / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    out[readme] = before + START + "\n" + table() + "\n" + END + after
    return out


def main(arguments: list[str]) -> int:
    """Write or check; return the exit code."""
    wanted = files()
    stale = [path for path in HERE.glob("*.json") if path not in wanted]
    if arguments == ["--check"]:
        differ = [path for path, content in wanted.items() if not _same(path, content)]
        for path in differ + stale:
            print(f"{path.name} is not what make.py makes")
        return 1 if differ or stale else 0
    if arguments:
        print(__doc__)
        return 2
    for path in stale:
        path.unlink()
    for path, content in wanted.items():
        path.write_text(content, encoding="utf-8")
    print(f"{len(CASES)} vectors, {', '.join(CHAINS.values())}")
    return 0


def _same(path: Path, content: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == content


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
