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
COLUMNS = ("1 block", "3 blocks", "8 blocks")
CHARACTERS = "characters, 3 blocks"
ROWS = {
    "attenuate hmac native prepared": "attenuate hmac, native, `check`",
    "attenuate hmac native": "attenuate hmac, native, `verify`",
    "attenuate hmac native prepared warm": "attenuate hmac, native, `check`, warm",
    "attenuate hmac native warm": "attenuate hmac, native, `verify`, warm",
    "attenuate hmac python": "attenuate hmac, Python",
    "attenuate hmac python warm": "attenuate hmac, Python, warm",
    "libmacaroons (C) prepared": "libmacaroons (C)",
    "pymacaroons": "pymacaroons",
    "pymacaroons, one caveat a block": "pymacaroons, one caveat a block",
    "PyJWT HS256 (no chain)": "PyJWT HS256 (no chain)",
    "attenuate ed25519 native prepared": "attenuate ed25519, native, `check`",
    "attenuate ed25519 native": "attenuate ed25519, native, `verify`",
    "attenuate ed25519 native prepared warm": "attenuate ed25519, native, `check`, warm",
    "attenuate ed25519 native warm": "attenuate ed25519, native, `verify`, warm",
    "attenuate ed25519 python": "attenuate ed25519, Python",
    "attenuate ed25519 python warm": "attenuate ed25519, Python, warm",
    "biscuit-python": "biscuit-python",
    "tenuo": "tenuo",
    "PyJWT EdDSA (no chain)": "PyJWT EdDSA (no chain)",
}
"""Rows of the results, with their names here."""
IN_C = "libmacaroons (C) prepared"
ENGINES = {"native prepared": "native", "python": "Python"}
PAIRS = {
    "hmac": {
        "pymacaroons": "pymacaroons",
        "pymacaroons, one caveat a block": "pymacaroons with one caveat a block",
        "libmacaroons (C) prepared": "libmacaroons in C",
        "libmacaroons (C) prepared, one caveat a block": "libmacaroons in C with one caveat a block",
    },
    "ed25519": {"biscuit-python": "biscuit-python", "tenuo": "tenuo"},
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
    made = re.search(r"^(\d{4}-\d\d-\d\d)T\S+, .*, ([\w ]+ engines?)\.$", results, re.MULTILINE)
    machine = re.search(r"^(\S[^\n]*?; CPython [^,;]+)", results, re.MULTILINE)
    if not made or not machine:
        raise SystemExit(f"error: {RESULTS} has another form")
    found = tables(results.partition("\n## From text to decision, allowed\n")[2].split("\n## ")[0])
    sizes = tables(results.partition("\n## Mint, narrow and sizes\n")[2].split("\n## ")[0])
    rows = [
        (name, *(found[row].get(column, "") for column in COLUMNS), _characters(sizes, row))
        for row, name in ROWS.items()
        if row in found
    ]
    notes = [
        *["`check` has its request at hand, `verify` makes it anew each time; Python's rows are `verify`. "]
        * ("native" in made[2]),
        *["The C library has its caveats at hand and only compares texts. "] * (IN_C in found),
    ]
    told = (
        f"Measured {made[1]} on {machine[1]}, {made[2]}, by `make bench`. Microseconds are of that machine; "
        f"only ratios travel. For three blocks, cold, {'; '.join(_compared(found))}. "
        f"{''.join(notes)}biscuit-python and tenuo verify in Rust. All figures, "
        "targets missed included, are in [benchmarks/results](benchmarks/results/README.md)."
    )
    out = [
        *textwrap.wrap(_lead(found), 100, break_on_hyphens=False),
        "",
        "From text to decision, in µs (medians); *warm* knows the chain and decides anew.",
        "",
        f"| | {' | '.join((*COLUMNS, CHARACTERS))} |",
        "| --- |" + " --- |" * (len(COLUMNS) + 1),
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        *textwrap.wrap(told, 100, break_on_hyphens=False),
        *_state(results),
    ]
    return "\n".join(out) + "\n"


def _characters(sizes: dict[str, dict[str, str]], row: str) -> str:
    """Return a token's characters, which are the same with each engine."""
    return sizes.get(row.removesuffix(" python").removesuffix(" native prepared"), {}).get(CHARACTERS, "")


LEAD: dict[str, dict[str, str]] = {
    "With a shared secret": {
        "attenuate hmac native": "native",
        "attenuate hmac python": "in Python",
        "libmacaroons (C) prepared": "libmacaroons in C",
        "pymacaroons": "pymacaroons",
    },
    "With public keys": {
        "attenuate ed25519 native": "native",
        "attenuate ed25519 python": "in Python",
        "biscuit-python": "biscuit-python",
        "tenuo": "tenuo",
    },
}


def _lead(found: dict[str, dict[str, str]]) -> str:
    """Say it in two sentences."""
    sentences = []
    for keys, rows in LEAD.items():
        times = [f"{found[row]['3 blocks'].split()[0]} {name}" for row, name in rows.items() if row in found]
        sentences.append(f"{keys}, µs: {', '.join(times)}.")
    return f"Three blocks, from text to decision, nothing known before. {' '.join(sentences)}"


def _compared(found: dict[str, dict[str, str]]) -> list[str]:
    """Say for each engine what its time is of that of others."""
    out = []
    for way, engine in ENGINES.items():
        ratios = [
            f"{found[pair]['3'].split()[0]} times that of {name}"
            for alg, others in PAIRS.items()
            for other, name in others.items()
            if (pair := f"attenuate {alg} {way} / {other}") in found
        ]
        if ratios:
            out.append(f"the {engine} engine's time is {', '.join(ratios)}")
    return out


STORES = {
    "sqlite": "SQLite",
    "redis": "Redis",
    "redis, always": "Redis with appendfsync always",
    "postgresql": "PostgreSQL",
}


def _state(results: str) -> list[str]:
    """Say in two sentences what the gate, the stores and a revocation take; nothing where they were not measured."""

    def part(title: str) -> dict[str, dict[str, str]]:
        return tables(results.partition(f"\n## {title}\n")[2].split("\n## ")[0])

    gate, rates, ways = part("The gate, over verify"), part("Stores"), part("From revoked to refused")
    if not (gate and rates and ways):
        return []
    more = [
        f"{gate[f'{engine} warm']['more, 1 M revoked'].split()[0]} µs ({engine.replace('python', 'Python')})"
        for engine in ("native", "python")
        if f"{engine} warm" in gate
    ]
    charges = [
        f"{rates['8 threads'][store]} in {name} ({rates['chunks, 8 threads'][store]} with chunks of 100)"
        for store, name in STORES.items()
        if rates["8 threads"].get(store)
    ]
    feed = ways["feed, sqlite"]
    told = (
        f"A gate over a store in memory, with a million ids revoked, adds {' or '.join(more)} to a warm "
        f"verification; charges a second with eight threads: {', '.join(charges)}. A revoked lease is "
        f"refused in two other processes, which follow the feed, {feed['p50']} ms (median) and {feed['p99']} ms "
        "(99 of 100) after the operator asked for it."
    )
    return ["", *textwrap.wrap(told, 100, break_on_hyphens=False)]


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
