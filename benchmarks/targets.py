"""The targets of both engines, each with what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.paired import Spread
from benchmarks.results import Results

SIZES = (1, 2, 4, 8)
PREPARED = "native prepared"
DIGESTS, DIGEST = "hmac.digest x 4", 2.4


class Target(NamedTuple):
    """One target. share: measured / limit, so that at most 1 is met; None where nothing was measured."""

    what: str
    engine: str
    limit: str
    measured: str
    share: float | None

    @property
    def verdict(self) -> str:
        """Return met, missed, or not measured."""
        if self.share is None:
            return "not measured"
        return "met" if self.share <= 1 else "**missed**"


def targets(results: Results) -> list[Target]:
    """Return all targets, in their order."""
    out = [*_cold_hmac(results), *_cold_ed25519(results), *_warm(results), *_denied(results)]
    return [*out, *_native(results), *_rest(results), *_gate(results), *_revocation(results)]


def times(found: Spread) -> str:
    """Write a ratio with its spread."""
    return f"× {found.median:.2f} ({found.low:.2f} to {found.high:.2f})"


def short(value: float) -> str:
    """Write a figure with as many digits as mean something."""
    if value < 0.9995:
        return f"{value:.3f}"
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def microseconds(found: Spread) -> str:
    """Write microseconds with their spread."""
    return f"{short(found.median)} µs ({short(found.low)} to {short(found.high)})"


def _row(ratios: list[float]) -> str:
    return ", ".join(f"{ratio:.2f}" for ratio in ratios)


def _scaled(of_digests: Spread) -> str:
    """Say how many µs that is where four HMACs take as long as they did where the targets were set."""
    return f"; {short(of_digests.median * 4 * DIGEST)} µs where `hmac.digest` takes {DIGEST} µs"


def _cold_hmac(results: Results) -> Iterator[Target]:
    what = "hmac, 3 blocks, cold"

    def against(way: str, other: str) -> Spread:
        return results.ratio("cold_hmac", f"attenuate hmac {way} 3", f"{other} 3")

    found, joined = against("python", "macaroon"), against("python", "macaroon, joined")
    shown = f"{times(found)} pymacaroons; × {joined.median:.2f} where it has one caveat a block"
    yield Target(what, "Python", "pymacaroons / 3", shown, found.median * 3)
    if not results.native:
        return
    us = [results.us("cold_hmac", f"attenuate hmac {way} 3") for way in (PREPARED, "native")]
    shown = f"{microseconds(us[0])}; {short(us[1].median)} µs with keyword arguments"
    shown += _scaled(results.ratio("cold_hmac", f"attenuate hmac {PREPARED} 3", DIGESTS))
    yield Target(what, "native", "5 µs", shown, us[0].median / 5)
    found, joined = against(PREPARED, "macaroon"), against(PREPARED, "macaroon, joined")
    shown = (
        f"/ {1 / found.median:.1f}; / {1 / joined.median:.1f} where it has one caveat a block; "
        f"with keyword arguments / {1 / against('native', 'macaroon').median:.1f}"
    )
    yield Target(what, "native", "pymacaroons / 20", shown, found.median * 20)
    if "libmacaroons prepared 3" in results.names("cold_hmac"):
        found = against(PREPARED, "libmacaroons prepared, joined")
        terms, anew = against(PREPARED, "libmacaroons prepared"), against("native", "libmacaroons")
        shown = (
            f"{times(found)} with one caveat a block; × {terms.median:.2f} with one a term; "
            f"× {anew.median:.2f} where both make the request anew"
        )
        yield Target(what, "native", "libmacaroons in C, at its best", shown, found.median)
    else:
        shown = (
            f"no libmacaroons here. It took 0.094 of pymacaroons where the targets were set; "
            f"attenuate takes {against(PREPARED, 'macaroon').median:.3f} here"
        )
        yield Target(what, "native", "libmacaroons in C", shown, None)


def _cold_ed25519(results: Results) -> Iterator[Target]:
    def against(mine: str, other: str) -> list[float]:
        return [results.ratio("cold_ed25519", f"{mine} {n}", f"{other} {n}").median for n in SIZES]

    peers = (
        ("", "biscuit", "biscuit-python"),
        ("", "tenuo", "tenuo"),
        (" bound", "tenuo+pop", "tenuo + possession"),
    )
    for kind, other, name in peers:
        found, least = against(f"attenuate ed25519{kind} python", other), against("bare n+1", other)
        shown = f"× {_row(found)} (bare verifications alone: {_row(least)})"
        yield Target(f"ed25519{kind}, 1, 2, 4, 8 blocks, cold", "Python", name, shown, max(found))
    if not results.native:
        return
    for kind, other, name in (peers[1], peers[2]):
        what = f"ed25519{kind}, 1, 2, 4, 8 blocks, cold"
        mine, plain = f"attenuate ed25519{kind} {PREPARED}", f"attenuate ed25519{kind} native"
        found, more = against(mine, "bare native n+1"), against(plain, "bare native n+1")
        shown = f"× {_row(found)}; with keyword arguments {_row(more)}"
        yield Target(what, "native", "1.15 × n+1 bare verifications", shown, max(found) / 1.15)
        found, least = against(mine, other), against("bare native n+1", other)
        shown = f"/ {_row([1 / one for one in found])} (bare verifications alone: / {_row([1 / one for one in least])})"
        yield Target(what, "native", f"{name} / 2.5", shown, max(found) * 2.5)


def _warm(results: Results) -> Iterator[Target]:
    ways = (("Python", "python", 7, "bare 2"), ("native", PREPARED, 1.5, "bare native 2"))
    for engine, way, limit, _ in ways[: 1 + results.native]:
        found = results.us("warm", f"attenuate hmac {way} warm 3")
        shown = microseconds(found)
        if engine == "native":
            plain = results.us("warm", "attenuate hmac native warm 3")
            shown += f"; {short(plain.median)} µs with keyword arguments"
        shown += _scaled(results.ratio("warm", f"attenuate hmac {way} warm 3", DIGESTS))
        yield Target("hmac, 3 blocks, warm", engine, f"{limit} µs", shown, found.median / limit)
    for kind in ("new block", "new block, sealed"):
        for engine, way, _, least in ways[: 1 + results.native]:
            found = results.ratio("warm", f"attenuate ed25519 {way} {kind} 3", least)
            what = f"ed25519, one {kind} on a known prefix"
            limit_text = "1.3 × 2 bare verifications"
            yield Target(what, engine, limit_text, f"{times(found)} of these 2", found.median / 1.3)


def _denied(results: Results) -> Iterator[Target]:
    for engine, way in (("Python", "python"), ("native", PREPARED))[: 1 + results.native]:
        found = {
            f"{alg} {heat}, {kind}": results.ratio(
                "denied", f"attenuate {alg} {way} {heat}: {kind}", f"attenuate {alg} {way} {heat}: allowed"
            ).median
            for alg in ("hmac", "ed25519")
            for heat in ("cold", "warm")
            for kind in ("action", "path")
        }
        worst = max(found, key=lambda name: found[name])
        within = sum(ratio <= 1.1 for ratio in found.values())
        measured = f"{within} of {len(found)} within; worst × {found[worst]:.2f} ({worst})"
        yield Target("denied", engine, "allowed + 10 %", measured, found[worst] / 1.1)


def _native(results: Results) -> Iterator[Target]:
    if not results.native:
        return
    gains = {name: Spread(*found["gain"]) for name, found in results.data["throughput"].items()}
    mine = gains[f"attenuate ed25519 {PREPARED} cold"]
    shown = (
        f"{times(mine)}; verify_many × {gains['attenuate ed25519 native verify_many cold'].median:.2f}; "
        f"most that two threads gained here × {gains['control: sha256 of 1 MiB'].median:.2f}"
    )
    yield Target("ed25519, cold, two threads", "native", "≥ 1.8 × one", shown, 1.8 / mine.median)
    names = [name for name in results.names("worst") if name.startswith(PREPARED) and "malformed" in name]
    worst = max(names, key=lambda name: results.us("worst", name).median)
    found = results.us("worst", worst).of(1e-3)
    shown = (
        f"{found.median:.2f} ms ({found.low:.2f} to {found.high:.2f}): {worst.partition('malformed, ')[2]}"
    )
    yield Target("malformed input, the worst", "native", "0.3 ms", shown, found.median / 0.3)


def _rest(results: Results) -> Iterator[Target]:
    for what in ("mint", "narrow"):
        found = results.us("mint_narrow", f"attenuate hmac: {what}")
        yield Target(f"{what}, hmac", "both", "40 µs", microseconds(found), found.median / 40)
    for alg, limit in (("hmac", 350), ("ed25519", 800)):
        size = results.chars(f"attenuate {alg}", 3)
        shown = f"{size} characters"
        yield Target(f"token, 3 blocks, {alg}", "both", f"{limit} characters", shown, size / limit)
    for engine in ("python", "native")[: 1 + results.native]:
        more = results.more_ms(engine)
        shown = f"{more.median:.0f} ms ({more.low:.0f} to {more.high:.0f})"
        name = engine.replace("python", "Python")
        yield Target("import, more than the interpreter", name, "60 ms", shown, more.median / 60)


def _gate(results: Results) -> Iterator[Target]:
    what, look = "gate over verify, warm, 1 M revoked", "a look at 1 M revoked ids"
    if "gate" not in results.data:
        yield Target(what, "both", "2 µs", "", None)
        return
    for engine in ("native", "python") if results.native else ("python",):
        found = results.gate(f"{engine} warm, 1 M revoked")
        others = ", ".join(
            f"{kind} {short(results.gate(f'{engine} {kind}, 1 M revoked').median)} µs"
            for kind in ("followed", "budget", "first sight")
        )
        shown = (
            f"{microseconds(found)}; none revoked {short(results.gate(f'{engine} warm, none revoked').median)} µs; "
            + others
        )
        yield Target(what, engine.replace("python", "Python"), "2 µs", shown, found.median / 2)
    us = {name: Spread(*each) for name, each in results.data["gate"]["us"].items()}
    found, none, other = (
        us[f"look{name}"] for name in (", 1 M revoked", ", none revoked", ", another lease, 1 M revoked")
    )
    shown = (
        f"{microseconds(found)}, 8 selectors; none revoked {short(none.median)} µs; "
        f"another lease each time {short(other.median)} µs"
    )
    yield Target(look, "both", "1 µs", shown, found.median)


def _revocation(results: Results) -> Iterator[Target]:
    what, names = "revoked to refused, 2 verifiers, p99", ("feed over HTTP", "store followed", "store asked")
    engine = "native" if results.native else "Python"
    if "revocation" not in results.data:
        yield Target(what, engine, "10 ms", "", None)
        return
    ways = results.data["revocation"]["ways"]
    for name, how in zip(names, ("feed", "followed", "direct"), strict=True):
        found, busy = ways[f"{how}, sqlite"], ways[f"{how}, sqlite, busy"]
        shown = (
            f"{short(found['ms'][99])} ms (median {short(found['ms'][50])}, longest {short(found['ms'][100])}); "
            f"from the commit {short(found['returned'][1])} ms; where a verifier does nothing else "
            f"{short(busy['ms'][99])} ms"
        )
        yield Target(f"{what}, {name}", engine, "10 ms", shown, found["ms"][99] / 10)
    late = sum(found["granted_late"] for name, found in ways.items() if name.startswith("direct"))
    seen = sum(found["seen"] for name, found in ways.items() if name.startswith("direct"))
    yield Target(
        "granted after revoke had returned, store asked", engine, "0", f"{late} of {seen}", late * 2.0
    )
