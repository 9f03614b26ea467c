"""How many tokens a second each implementation verifies, on one core, from text to decision.

    python interop/speed.py                      a table
    python interop/speed.py --json               the same for programs
    python interop/speed.py --write              results/speed.json, a plot, and the table in CONFORMANCE.md
    python interop/speed.py --make               write speed.json again: the tokens, always the same

The work is the same in each language: the lines of speed.json, a lease of 1, 3 and 8 blocks in each
chain and a request that it allows, with nothing remembered from one verification to the next. Each
language times its own loop (a second a line, after a second to warm up) and prints a line of JSON for
each: {"name", "per_second"}. So a figure is of a library and not of the pipe to its process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from implementations import ALL, HERE, ROOT, Line, Missing, Process

LINES: Final = HERE / "speed.json"
RESULTS: Final = HERE / "results"
PAGE: Final = HERE / "CONFORMANCE.md"
NOW: Final = 1_800_000_000
SEED: Final = "5e" * 32


def make() -> list[Line]:
    """Return the work: minted by the conformance executable, from fixed keys and nonces."""
    made = []
    with Process(ALL["python"]) as python:
        for chain, alg in (("hmac", 5), ("ed25519", -19)):
            for count in (1, 3, 8):
                blocks = [_block(number) for number in range(count)]
                seeds = [f"{0x80 + number:02x}" * 32 for number in range(count)]
                mint = {
                    "op": "mint",
                    "alg": alg,
                    "key_id": "k1",
                    "key": SEED,
                    "blocks": blocks,
                    "seeds": seeds,
                }
                token = python.ask([mint])[0]["token"]
                run = [["agt_1", 2]] if count == 1 else [["agt_1", 2], ["reader", 2]]
                request = {"run": run, "audience": "github", "action": "repo.read",
                           "facts": {"repo": "clord", "path": "src/a.py"}}  # fmt: skip
                keys = [{"id": "k1", "alg": alg, "key": SEED if alg == 5 else public(SEED)}]
                made.append({"name": f"{chain} {count}", "op": "verify", "token": token, "keys": keys,
                             "request": request, "now": NOW + 1})  # fmt: skip
    return made


def public(seed: str) -> str:
    """Return the public key of a seed, both in hex."""
    from attenuate.keys import Key

    return Key(-19, secret=bytes.fromhex(seed)).public.hex()


def _block(number: int) -> dict[str, Any]:
    """Return the usual block: lease-like caveats, as in the benchmarks."""
    actions = ["repo.read", "repo.write"]
    if number == 0:
        return {"nonce": "00" * 16, "run": "agt_1@2", "audience": ["github"], "issued_at": NOW, "expires": NOW + 900,
                "allow": [{"actions": actions, "where": {"repo": {"one_of": ["clord"]}}}]}  # fmt: skip
    return {"nonce": f"{number:016x}", "run": "agt_1@2/reader@2", "expires": NOW + 900,
            "allow": [{"actions": actions, "where": {"path": {"under": ["src"]}}}]}  # fmt: skip


def python(seconds: float = 1.0) -> list[dict[str, Any]]:
    """Time attenuate itself, by the engine that ATTENUATE_ENGINE names; a verifier without a memory."""
    sys.path.insert(0, str(ROOT))
    from conformance import make_ring

    from attenuate import Verifier

    out = []
    for line in json.loads(LINES.read_text(encoding="utf-8")):
        asked = dict(line["request"])
        verifier = Verifier(make_ring(line["keys"]), audience=asked.pop("audience"), cache=0)
        for span in (seconds / 2, seconds):
            count, start = 0, time.perf_counter()
            while time.perf_counter() - start < span:
                for _ in range(20):
                    verifier.verify(line["token"], now=line["now"], **asked)
                count += 20
            rate = count / (time.perf_counter() - start)
        out.append({"name": line["name"], "per_second": round(rate)})
    return out


COMMANDS: Final[dict[str, tuple[Path, tuple[str, ...]]]] = {
    "python": (HERE, (sys.executable, "speed.py", "--own")),
    "native": (HERE, (sys.executable, "speed.py", "--own")),
    "rust": (ROOT / "kernel", ("cargo", "run", "--quiet", "--release", "--locked", "--package", "attenuate-rules",
                               "--example", "speed", "--", str(LINES))),
    "go": (HERE / "go", ("go", "run", "./cmd/speed", str(LINES))),
    "typescript": (HERE / "typescript", ("node", "dist/speed.js", str(LINES))),
}  # fmt: skip


def measure(names: list[str]) -> dict[str, dict[str, int]]:
    """Return verifications a second by implementation and work; one that cannot run here is left out."""
    out = {}
    for name in names:
        try:
            ALL[name].command()
        except Missing as why:
            print(f"left out: {why}", file=sys.stderr)
            continue
        print(f"timing {name}", file=sys.stderr, flush=True)
        folder, command = COMMANDS[name]
        environment = {**os.environ, **ALL[name].environment}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
        rows = [json.loads(row) for row in done.stdout.splitlines()]
        out[name] = {row["name"]: round(row["per_second"]) for row in rows}
    return out


def table(found: dict[str, dict[str, int]]) -> str:
    """Return the figures as a Markdown table."""
    names = [line["name"] for line in json.loads(LINES.read_text(encoding="utf-8"))]
    rows = [
        "| verifications a second, one core | " + " | ".join(names) + " |",
        "| --- |" + " --- |" * len(names),
    ]
    for name, rates in found.items():
        rows.append(f"| {name} | " + " | ".join(f"{rates[each]:,}" for each in names) + " |")
    return "\n".join(rows)


def drawn(found: dict[str, dict[str, int]]) -> Any:
    """Return the figures as a plot: microseconds a verification, a row for each language."""
    sys.path.insert(0, str(ROOT))
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from benchmarks.plots import BLUE, ORANGE, STYLE

    mpl.rcParams.update(STYLE)
    figure = Figure(figsize=(10, 1 + 0.55 * len(found)), layout="constrained")
    both = figure.subplots(1, 2, sharey=True)
    for axes, chain, colour, title in zip(
        both,
        ("hmac", "ed25519"),
        (BLUE, ORANGE),
        ("Shared secret (HMAC)", "Public keys (Ed25519)"),
        strict=True,
    ):
        took = [1e6 / rates[f"{chain} 3"] for rates in found.values()]
        bars = axes.barh(list(found), took, color=colour, height=0.6)
        axes.bar_label(bars, [f"{each:,.3g} µs" for each in took], padding=4)
        axes.set(xscale="log", title=title, xlabel="µs a verification of three blocks, cold (log scale)")
        axes.margins(x=0.25)
    both[0].invert_yaxis()
    return figure


def write(found: dict[str, dict[str, int]]) -> None:
    """Write the figures: as JSON, as a plot, and as the table of the page."""
    sys.path.insert(0, str(ROOT))
    from benchmarks.machine import machine

    about = machine()
    date = time.strftime("%Y-%m-%d", time.gmtime())
    RESULTS.mkdir(exist_ok=True)
    record = {
        "date": date,
        "machine": {name: about[name] for name in ("cpu", "platform", "python")},
        "per_second": found,
    }
    (RESULTS / "speed.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    drawn(found).savefig(RESULTS / "speed.svg", metadata={"Date": None})
    words = f"Measured {date} on {about['cpu']}, two cores shared with others. Only ratios travel."
    made = f"{table(found)}\n\n{words}\n\n![Microseconds a verification, by language.](results/speed.svg)\n"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition("<!-- speed -->\n")
    _, end, after = rest.partition("<!-- /speed -->")
    PAGE.write_text(f"{before}<!-- speed -->\n{made}{end}{after}", encoding="utf-8")


def main() -> int:
    """Time all of them and print the figures; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default=",".join(ALL), help=f"of {', '.join(ALL)}")
    parser.add_argument("--json", action="store_true", help="write the figures as JSON")
    parser.add_argument("--write", action="store_true", help="write the figures beside the page")
    parser.add_argument("--make", action="store_true", help="write speed.json again")
    parser.add_argument("--own", action="store_true", help="time attenuate in this process")
    asked = parser.parse_args()
    if asked.make:
        LINES.write_text(json.dumps(make(), indent=1) + "\n", encoding="utf-8")
    elif asked.own:
        for row in python():
            print(json.dumps(row))
    else:
        found = measure(asked.only.split(","))
        if asked.write:
            write(found)
        print(json.dumps(found, indent=1) if asked.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
