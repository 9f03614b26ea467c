"""The targets of the Python engine, each with what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.paired import Spread
from benchmarks.results import Results

SIZES = (1, 2, 4, 8)


class Target(NamedTuple):
    """One target. share: measured / limit, so that at most 1 is met; None where nothing was measured."""

    what: str
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
    return [*_cold(results), *_warm(results), _denied(results), *_rest(results)]


def times(found: Spread) -> str:
    """Write a ratio with its spread."""
    return f"× {found.median:.2f} ({found.low:.2f} to {found.high:.2f})"


def _row(ratios: list[float]) -> str:
    return ", ".join(f"{ratio:.2f}" for ratio in ratios)


def _cold(results: Results) -> Iterator[Target]:
    found = results.ratio("cold_hmac", "attenuate hmac 3", "macaroon 3")
    joined = results.ratio("cold_hmac", "attenuate hmac 3", "macaroon, joined 3")
    shown = f"{times(found)} pymacaroons; × {joined.median:.2f} where it has one caveat a block"
    yield Target("hmac, 3 blocks, cold", "pymacaroons / 3", shown, found.median * 3)
    pairs = (
        ("", "biscuit", "biscuit-python"),
        ("", "tenuo", "tenuo"),
        (" bound", "tenuo+pop", "tenuo + possession"),
    )
    for mine, other, name in pairs:
        all_n, bare = (
            [results.ratio("cold_ed25519", f"{who} {n}", f"{other} {n}").median for n in SIZES]
            for who in (f"attenuate ed25519{mine}", "bare n+1")
        )
        shown = f"× {_row(all_n)} (bare verifications alone: {_row(bare)})"
        yield Target(f"ed25519{mine}, 1, 2, 4, 8 blocks, cold", name, shown, max(all_n))


def _warm(results: Results) -> Iterator[Target]:
    found = results.us("warm", "attenuate hmac warm 3")
    yield Target("hmac, 3 blocks, warm", "7 µs", microseconds(found), found.median / 7)
    for kind in ("new block", "new block, sealed"):
        found = results.ratio("warm", f"attenuate ed25519 {kind} 3", "bare 2")
        what = f"ed25519, one {kind} on a known prefix"
        yield Target(what, "1.3 × 2 bare verifications", f"{times(found)} of these 2", found.median / 1.3)


def microseconds(found: Spread) -> str:
    """Write microseconds with their spread."""
    return f"{found.median:.1f} µs ({found.low:.1f} to {found.high:.1f})"


def _denied(results: Results) -> Target:
    found = {
        f"{alg} {heat}, {kind}": results.ratio(
            "denied", f"attenuate {alg} {heat}: {kind}", f"attenuate {alg} {heat}: allowed"
        ).median
        for alg in ("hmac", "ed25519")
        for heat in ("cold", "warm")
        for kind in ("action", "path")
    }
    worst = max(found, key=lambda name: found[name])
    within = sum(ratio <= 1.1 for ratio in found.values())
    measured = f"{within} of {len(found)} within; worst × {found[worst]:.2f} ({worst})"
    return Target("denied", "allowed + 10 %", measured, found[worst] / 1.1)


def _rest(results: Results) -> Iterator[Target]:
    for what in ("mint", "narrow"):
        found = results.us("mint_narrow", f"attenuate hmac: {what}")
        yield Target(f"{what}, hmac", "40 µs", microseconds(found), found.median / 40)
    for alg, limit in (("hmac", 350), ("ed25519", 800)):
        size = results.chars(f"attenuate {alg}", 3)
        yield Target(f"token, 3 blocks, {alg}", f"{limit} characters", f"{size} characters", size / limit)
    yield Target("gate with revocation on top of verify", "2 µs", "there is no gate yet", None)
    more = results.more_ms()
    shown = f"{more.median:.0f} ms ({more.low:.0f} to {more.high:.0f})"
    yield Target("import, more than the interpreter", "60 ms", shown, more.median / 60)
