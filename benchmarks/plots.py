"""The plots, as SVG and PNG: colour-blind-safe (Okabe and Ito), labelled where the line ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import matplotlib as mpl
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from benchmarks.paired import Spread
from benchmarks.results import FOLDER, Results
from benchmarks.targets import short

BLUE, SKY, ORANGE, RED, GREEN, PINK, GREY, BLACK = (
    "#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#009E73", "#CC79A7", "#767676", "#222222",
)  # fmt: skip
SIZES = (1, 2, 3, 4, 8)
STYLE: Any = {
    "font.family": "DejaVu Sans", "font.size": 10, "axes.titlesize": 11, "axes.titleweight": "bold",
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY,
    "axes.grid": True, "grid.color": "#E4E4E4", "grid.linewidth": 0.8, "axes.axisbelow": True,
    "axes.titlelocation": "left", "figure.facecolor": "white", "svg.hashsalt": "attenuate",
    "xtick.color": BLACK, "ytick.color": BLACK, "text.color": BLACK, "axes.labelcolor": BLACK,
}  # fmt: skip

Line = tuple[str, str, str, str, str]  # question, name, label, colour, style
SECRET: tuple[Line, ...] = (
    ("cold_hmac", "macaroon", "pymacaroons", ORANGE, "s-"),
    ("cold_hmac", "macaroon, joined", "pymacaroons, one caveat a block", ORANGE, "s:"),
    ("cold_hmac", "libmacaroons prepared", "libmacaroons (C)", PINK, "s-"),
    ("cold_hmac", "libmacaroons prepared, joined", "libmacaroons (C), one caveat a block", PINK, "s:"),
    ("cold_hmac", "attenuate hmac python", "attenuate, Python", SKY, "o-"),
    ("cold_hmac", "attenuate hmac native prepared", "attenuate, native", BLUE, "o-"),
    ("cold_hmac", "jwt-hs256", "PyJWT", GREY, "D"),
    ("warm", "attenuate hmac python warm", "attenuate, Python, warm", SKY, "o--"),
    ("warm", "attenuate hmac native prepared warm", "attenuate, native, warm", BLUE, "o--"),
)
PUBLIC: tuple[Line, ...] = (
    ("cold_ed25519", "attenuate ed25519 python", "attenuate, Python", SKY, "o-"),
    ("cold_ed25519", "attenuate ed25519 native prepared", "attenuate, native", BLUE, "o-"),
    ("cold_ed25519", "bare n+1", "n+1 bare verifications, OpenSSL", BLACK, ":"),
    ("cold_ed25519", "bare native n+1", "n+1 bare verifications, dalek", BLACK, "--"),
    ("cold_ed25519", "biscuit", "biscuit-python", RED, "^-"),
    ("cold_ed25519", "tenuo", "tenuo", GREEN, "v-"),
    ("cold_ed25519", "jwt-eddsa", "PyJWT", GREY, "D"),
    ("warm", "attenuate ed25519 python warm", "attenuate, Python, warm", SKY, "o--"),
    ("warm", "attenuate ed25519 native prepared warm", "attenuate, native, warm", BLUE, "o--"),
)
ENGINES = {"python": "Python", "native prepared": "native"}


def _ink(colour: str) -> tuple[float, float, float]:
    """Return a colour dark enough for letters on white."""
    red, green, blue = to_rgb(colour)
    return 0.72 * red, 0.72 * green, 0.72 * blue


def _spread_out(wanted: list[float], apart: float) -> list[float]:
    """Return positions near the wanted ones (rising) that are at least so far apart."""
    placed = list(wanted)
    for _ in range(200):
        for i in range(len(placed) - 1):
            short = apart - (placed[i + 1] - placed[i])
            if short > 1e-9:
                placed[i] -= short / 2
                placed[i + 1] += short / 2
    return placed


def _label_ends(axes: Any, ends: list[tuple[float, float, str, str]], apart: float, *, log: bool) -> None:
    """Write labels beside the ends of lines: (x, y, text, colour). apart: in log10, or in units."""
    ends = sorted(ends, key=lambda end: end[1])
    scale: Callable[[float], float] = math.log10 if log else float
    places = _spread_out([scale(y) for _, y, _, _ in ends], apart)
    for (x, y, text, colour), place in zip(ends, places, strict=True):
        at = 10**place if log else place
        axes.annotate(
            text, (x, y), (x * 1.09 if log else x + 0.25, at), color=_ink(colour), va="center", fontsize=9,
            linespacing=0.95, annotation_clip=False,
        )  # fmt: skip


def _lines(axes: Any, results: Results, lines: Iterable[Line]) -> None:
    ends: list[tuple[float, float, str, str]] = []
    for question, name, label, colour, style in lines:
        timed = results.names(question)
        points = [(n, results.us(question, f"{name} {n}").median) for n in SIZES if f"{name} {n}" in timed]
        if not points:
            continue
        xs, ys = [n for n, _ in points], [us for _, us in points]
        axes.plot(xs, ys, style, color=colour, linewidth=1.8, markersize=5)
        if len(points) == 1:
            axes.annotate(
                label, (1, ys[0]), (-7, 0), textcoords="offset points", color=_ink(colour), ha="right", va="center",
                fontsize=9, linespacing=0.95, annotation_clip=False,
            )  # fmt: skip
        else:
            ends.append((xs[-1], ys[-1], label, colour))
    _label_ends(axes, ends, 0.115, log=True)


def blocks(results: Results) -> Figure:
    """Cost against blocks, all libraries."""
    figure = Figure(figsize=(12, 6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, lines, title in (
        (left, SECRET, "Shared secret (HMAC)"),
        (right, PUBLIC, "Public keys (Ed25519)"),
    ):
        axes.set(xscale="log", yscale="log", xlim=(0.62, 8.5), title=title, xlabel="blocks in the token")
        axes.set_xticks(SIZES, [str(n) for n in SIZES])
        axes.minorticks_off()
        _lines(axes, results, lines)
        ticks = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
        axes.set_yticks(ticks, [f"{tick:,}".replace(",", " ") for tick in ticks])
        axes.tick_params(axis="y", labelleft=True)
    left.set_ylabel("from text to decision, µs (median, log scale)")
    return figure


def _engines(results: Results) -> dict[str, str]:
    """Return the ways that are drawn, with how they are called."""
    return ENGINES if results.native else {"python": "Python"}


def known(results: Results) -> Figure:
    """Cold, one new block, bound proof, warm: a row for each engine."""
    kinds = ("cold", "new block, sealed", "new block", "bound, chain known", "warm")
    labels = (
        "cold: nothing known",
        "one new block, sealed",
        "one new block",
        "new bound proof,\nchain known",
        "warm: all known",
    )
    ways = _engines(results)
    figure = Figure(figsize=(10, 3.6 * len(ways)), layout="constrained")
    grid = figure.subplots(len(ways), 2, sharey=True, squeeze=False)
    for (way, engine), row_of in zip(ways.items(), grid, strict=True):
        for axes, alg in zip(row_of, ("hmac", "ed25519"), strict=True):
            found = [results.us("warm", f"attenuate {alg} {way} {kind} 3") for kind in kinds]
            rows = list(range(len(kinds)))[::-1]
            axes.barh(rows, [each.median for each in found], height=0.62, color=[GREY, SKY, SKY, SKY, BLUE])
            most = max(each.median for each in found)
            axes.set(title=f"{alg}, 3 blocks, {engine}", xlabel="µs (median)", xlim=(0, most * 1.15))
            axes.set_yticks(rows, labels)
            axes.grid(visible=False)
            axes.tick_params(axis="y", length=0)
            if alg == "ed25519":
                bare = results.us("warm", "bare native 2" if engine == "native" else "bare 2").median
                axes.axvline(bare, color=BLACK, linestyle=":", linewidth=1.4)
                axes.text(bare + most * 0.015, -0.02, "2 bare verifications", fontsize=9, va="center")
            for row, each in zip(rows, found, strict=True):
                white = {"facecolor": "white", "edgecolor": "none", "pad": 1}
                axes.text(
                    each.median + most * 0.02, row, short(each.median), va="center", fontsize=10, bbox=white
                )
    return figure


def denied(results: Results) -> Figure:
    """Denied against allowed."""
    who = {
        f"attenuate {alg} {way} {heat}": f"attenuate {alg}, {engine}, {heat}"
        for alg in ("hmac", "ed25519")
        for heat in ("cold", "warm")
        for way, engine in _engines(results).items()
    }
    who |= {
        "macaroon": "pymacaroons", "biscuit": "biscuit-python", "tenuo": "tenuo", "tenuo+pop": "tenuo + possession",
    }  # fmt: skip
    kinds = (
        ("action, message", "^", RED, "an action outside, and its message is read"),
        ("path", "s", ORANGE, "a path outside: the last block refuses"),
        ("action", "o", BLUE, "an action outside: block 0 refuses"),
    )
    figure = Figure(figsize=(10, 0.45 * len(who) + 1.3), layout="constrained")
    axes = figure.subplots()
    timed = results.names("denied")
    axes.axvline(1, color=BLACK, linewidth=1.2)
    axes.axvline(1.1, color=BLACK, linewidth=1.2, linestyle=":")
    axes.text(1.1, -0.75, "  target: at most 10 % more", fontsize=9, va="center")
    for kind, mark, colour, says in kinds:
        rows = [row for row, name in enumerate(who) if f"{name}: {kind}" in timed]
        names = list(who)
        found = [
            results.ratio("denied", f"{names[row]}: {kind}", f"{names[row]}: allowed").median for row in rows
        ]
        axes.plot(found, rows, mark, color=colour, markersize=9, markeredgecolor="white", label=says)
    shown = [
        f"{label}  ({short(results.us('denied', f'{name}: allowed').median)} µs)"
        for name, label in who.items()
    ]
    axes.set(
        xscale="log",
        ylim=(len(who) - 0.5, -1.1),
        xlabel="cost of a denial / cost of the same, allowed (median of ratios, 3 blocks, log scale)",
    )
    axes.set_yticks(range(len(who)), shown)
    low, high = axes.get_xlim()
    axes.set_xlim(min(0.75, low), max(2.2, high * 1.1))
    ticks = [
        tick for tick in (0.5, 0.8, 1, 1.5, 2, 3, 5, 10, 20) if axes.get_xlim()[0] < tick < axes.get_xlim()[1]
    ]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_title("A denial against a pass (in brackets: the pass)")
    axes.legend(loc="lower right", frameon=True, framealpha=1, edgecolor="#DDDDDD", fontsize=9)
    return figure


def threads(results: Results) -> Figure:
    """Two threads against one, in one process."""
    found = {name: Spread(*each["gain"]) for name, each in results.data["throughput"].items()}
    rates = {name: (each["1"][0], each["2"][0]) for name, each in results.data["throughput"].items()}
    names = [name for name in found if "native cold" not in name]
    figure = Figure(figsize=(10, 0.38 * len(names) + 1.4), layout="constrained")
    axes = figure.subplots()
    for at, says in ((1, "as one thread"), (1.8, "target: 1.8")):
        axes.axvline(at, color=BLACK, linewidth=1.2, linestyle="-" if at == 1 else ":")
        axes.text(at, -0.8, f"  {says}", fontsize=9, va="center")
    for row, name in enumerate(names):
        colour = BLUE if "native" in name else SKY if "python" in name else GREY
        axes.plot((found[name].low, found[name].high), (row, row), "-", color=colour, linewidth=2, alpha=0.6)
        axes.plot(found[name].median, row, "o", color=colour, markersize=9, markeredgecolor="white")
        one, two = (f"{rate:,.0f}".replace(",", " ") for rate in rates[name])
        axes.annotate(
            f"{one} → {two}", (1.01, row), xycoords=("axes fraction", "data"), fontsize=9, va="center",
        )  # fmt: skip
    axes.annotate("per second", (1.01, -0.8), xycoords=("axes fraction", "data"), fontsize=9, va="center")
    axes.set(
        ylim=(len(names) - 0.5, -1.2),
        xlim=(
            min(0.5, *(each.low for each in found.values())),
            max(2.2, *(each.high for each in found.values())),
        ),
        xlabel="throughput of two threads / of one (median, and 10 % to 90 % of the rounds; 3 blocks)",
        title="Two threads against one",
    )
    axes.set_yticks(range(len(names)), [name.replace("native prepared", "native") for name in names])
    return figure


def sizes(results: Results) -> Figure:
    """Characters of a token."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    axes = figure.subplots()
    inks = {"attenuate hmac": (BLUE, "o-"), "attenuate ed25519": (SKY, "o-"), "macaroon": (ORANGE, "s-"),
            "biscuit": (RED, "^-"), "tenuo": (GREEN, "v-")}  # fmt: skip
    ends = []
    for name, (colour, style) in inks.items():
        ns = (1, 3, 8)
        chars = [results.chars(name, n) for n in ns]
        axes.plot(ns, chars, style, color=colour, linewidth=1.8, markersize=6)
        shown = {"macaroon": "pymacaroons", "biscuit": "biscuit-python"}.get(name, name)
        ends.append((8.0, float(chars[-1]), f"{shown}: {chars[0]}, {chars[1]}, {chars[2]}", colour))
    most = max(y for _, y, _, _ in ends)
    _label_ends(axes, ends, most * 0.065, log=False)
    axes.set(
        xlabel="blocks in the token",
        ylabel="characters",
        xlim=(0.8, 8.15),
        ylim=(0, most * 1.05),
        title="Characters with 1, 3 and 8 blocks",
    )
    axes.set_xticks((1, 3, 8))
    return figure


def stores(results: Results) -> Figure:
    """Requests a second by store, with and without chunks."""
    rates = results.data["stores"]["rates"]
    kinds = (
        ("bare", GREY, "bare, 1 connection"), ("1 thread", SKY, "1 thread"), ("8 threads", BLUE, "8 threads"),
        ("chunks, 1 thread", ORANGE, "1 thread, chunks of 100"), ("chunks, 8 threads", RED, "8 threads, chunks of 100"),
    )  # fmt: skip
    figure = Figure(figsize=(10, 1.15 * len(rates) + 1.3), layout="constrained")
    axes = figure.subplots()
    least = min(each[kind][0] for each in rates.values() for kind, _, _ in kinds)
    for number, (kind, colour, label) in enumerate(kinds):
        rows = [row - 0.34 + 0.17 * number for row in range(len(rates))]
        found = [each[kind] for each in rates.values()]
        axes.barh(rows, [median for median, _, _ in found], height=0.15, color=colour, label=label)
        for row, (median, low, high) in zip(rows, found, strict=True):
            axes.plot((low, high), (row, row), "-", color=BLACK, linewidth=1)
            axes.annotate(
                f"{median:,.0f}".replace(",", " "), (max(median, high) * 1.06, row), va="center", fontsize=8
            )
    durable = results.data["stores"]["durable"]
    names = [name if durable[name] else f"{name}\n(not durable)" for name in rates]
    axes.set(
        xscale="log", xlim=(least * 0.5, None), ylim=(len(rates) - 0.45, -0.6), title="Charges by store, one process",
        xlabel="requests a second (median, 10 % to 90 % of the rounds, log scale)",
    )  # fmt: skip
    axes.set_yticks(range(len(rates)), names)
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside lower center", ncols=len(kinds), frameon=False, fontsize=9)
    return figure


def revoked(results: Results) -> Figure:
    """Share of revocations that were refused after so many milliseconds."""
    inks = {
        "feed": (BLUE, "feed over HTTP"),
        "followed": (GREEN, "store followed"),
        "direct": (RED, "store asked"),
    }
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    axes = figure.subplots()
    for name, found in results.data["revocation"]["ways"].items():
        how, backend, *busy = name.split(", ")
        colour, says = inks[how]
        style = "--" if busy else "-" if backend == "sqlite" else ":" if backend == "redis" else "-."
        label = f"{says}, {backend}{', busy' if busy else ''}: {short(found['ms'][99])}"
        axes.plot(found["ms"], range(101), style, color=colour, linewidth=1.8, label=label)
    axes.axvline(10, color=BLACK, linewidth=1.2, linestyle=":")
    axes.axhline(99, color=BLACK, linewidth=1.2, linestyle=":")
    axes.set(
        xscale="log", ylim=(0, 101.5), ylabel="refused by then, %",
        xlabel="ms from the call of revoke to the refusal in another process (2 verifiers, log scale)",
        title="From revoked to refused (target: 99 % within 10 ms)",
    )  # fmt: skip
    ticks = [
        tick
        for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500)
        if axes.get_xlim()[0] < tick < axes.get_xlim()[1]
    ]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.legend(
        title="p99, ms",
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        frameon=False,
        fontsize=9,
        alignment="left",
    )
    return figure


def draw(results: Results) -> None:
    """Write every plot as SVG and PNG."""
    made = [blocks, known, denied, sizes, threads]
    made += [make for make, name in ((stores, "stores"), (revoked, "revocation")) if name in results.data]
    with mpl.rc_context(STYLE):
        for make in made:
            figure = make(results)
            figure.savefig(FOLDER / f"{make.__name__}.svg", metadata={"Date": None, "Creator": None})
            figure.savefig(FOLDER / f"{make.__name__}.png", dpi=160, metadata={"Software": None})
