"""Write the README's section of figures from benchmarks/results/README.md.

python docs/bench.py            # after: make bench
python docs/bench.py --check    # fail where they differ
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results" / "README.md"
SECTION = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.DOTALL)
COLUMNS = ("1 block", "3 blocks", "8 blocks", "characters, 3 blocks")
ROWS = (
    "attenuate hmac",
    "attenuate hmac warm",
    "pymacaroons",
    "pymacaroons, one caveat a block",
    "PyJWT HS256 (no chain)",
    "attenuate ed25519",
    "attenuate ed25519 warm",
    "biscuit-python",
    "tenuo",
    "PyJWT EdDSA (no chain)",
)
PAIRS = {
    "attenuate hmac / pymacaroons": "pymacaroons",
    "attenuate hmac / pymacaroons, one caveat a block": "pymacaroons with one caveat a block",
    "attenuate ed25519 / biscuit-python": "biscuit-python",
    "attenuate ed25519 / tenuo": "tenuo",
}


def cells(line: str) -> list[str]:
    """Return the cells of a table's line."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def tables(text: str) -> dict[str, dict[str, str]]:
    """Return the rows of all tables of a text, each by its first cell, as column -> cell."""
    out: dict[str, dict[str, str]] = {}
    head: list[str] = []
    for line in text.splitlines():
        if not line.startswith("| "):
            head = []
        elif not head:
            head = cells(line)
        elif not line.startswith("| ---"):
            out[cells(line)[0]] = dict(zip(head, cells(line), strict=True))
    return out


def section(results: str) -> str:
    """Return the README's section for these results."""
    made = re.search(r"^(\d{4}-\d\d-\d\d)T\S+, .*?(\w+ engine)\.$", results, re.MULTILINE)
    machine = re.search(r"^(\S[^\n]*?; CPython [^,;]+)", results, re.MULTILINE)
    if not made or not machine:
        raise SystemExit(f"error: {RESULTS} has another form")
    found = tables(results.partition("\n## From text to decision, allowed\n")[2].split("\n## ")[0])
    ratios = [
        f"{found[row]['3'].split()[0]} times that of {name}" for row, name in PAIRS.items() if row in found
    ]
    told = (
        f"Measured {made[1]} on {machine[1]}, {made[2]}, by `make bench`. Microseconds are of that machine; "
        f"only ratios travel. For three blocks, cold, attenuate's time is {', '.join(ratios)}. biscuit-python "
        "and tenuo verify in Rust. All figures, targets missed included, are in "
        "[benchmarks/results](benchmarks/results/README.md)."
    )
    out = [
        "From text to decision, in µs (medians); *warm* knows the chain and decides anew.",
        "",
        f"| | {' | '.join(COLUMNS)} |",
        "| --- |" + " --- |" * len(COLUMNS),
        *(
            f"| {row} | {' | '.join(found[row].get(column, '') for column in COLUMNS)} |"
            for row in ROWS
            if row in found
        ),
        "",
        *textwrap.wrap(told, 100, break_on_hyphens=False),
    ]
    return "\n".join(out) + "\n"


def main() -> int:
    """Write the section, or with --check compare it."""
    text = README.read_text(encoding="utf-8")
    made = section(RESULTS.read_text(encoding="utf-8"))
    new = SECTION.sub(lambda match: match[1] + made + match[2], text)
    if "--check" in sys.argv:
        return int(new != text)
    README.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
