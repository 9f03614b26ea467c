"""The worst that fits into the allowed sizes ends in the right class, and in time.

The target is 10 ms; here it may take ten times that, best of five runs, because the machine
may be busy. `pytest tests/test_bounds.py -s` prints what was measured.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import build
import pytest
import wire

from attenuate import Request, approve, demand, flatten, one_of


def _measured_lines() -> bool:
    coverage = sys.modules.get("coverage")
    return coverage is not None and coverage.Coverage.current() is not None


ALLOWED_MS = 100.0 * (5 if _measured_lines() else 1)  # counting lines takes several times the time
MAX_TEXT = 8 * 1024
ANY: dict[Any, Any] = {"b6": [{0: ["*"]}]}
OK = build.OK
SHAPE = ("malformed", "shape", None)
CBOR = ("malformed", "cbor", None)
LARGE = ("malformed", "too_large", None)


def best(work: Callable[[], Any], allowed: float = ALLOWED_MS) -> float:
    """Return the best of five runs in ms; one within the bound is enough."""
    least = float("inf")
    for _ in range(5):
        start = time.process_time()  # of this process: others may be busy
        work()
        least = min(least, (time.process_time() - start) * 1000)
        if least < allowed:
            break
    return least


def root(**more: Any) -> dict[Any, Any]:
    return build.root(**{**ANY, **more})


def fill(
    block: Callable[[int], dict[Any, Any]], *, first: Any = None, alg: str = "hmac", most: int = 16
) -> wire.Parts:
    """Add blocks, each with as much in it as fits into 4 KiB, until the token is as long as it may be."""
    parts = build.raw(first or root(), alg=alg)
    while len(parts.blocks) < most:
        for size in (4000, 2000, 1000, 500, 200, 100, 50, 20, 8, 4, 2, 1):
            made = {0: b"8 bytes!", **block(size)}
            longer = parts.add(made, b"\x55" * 32)
            if len(wire.encode(made)) <= 4064 and len(longer.text) <= MAX_TEXT:
                break
        else:
            break
        parts = longer
    return parts


def tiny(grant: dict[int, Any], key: int = 6) -> wire.Parts:
    """Fill a token with copies of a grant; the last of each allow fits, so that all blocks are looked at."""
    last = [{0: ["*"]}] if key == 6 else []
    return fill(lambda n: {key: [grant] * min(n, 63) + last})


def ints(kind: int) -> Callable[[int], dict[Any, Any]]:
    return lambda n: {8: {"f": [kind, [0] * n + ["x"]]}}


PATHS = [f"/a/b/c/d/e/{n}" for n in range(256)]
HOSTS = [f"h{n}.b.c.d.example.com" for n in range(256)]
LISTS = {"f": ["x"] * 256, "none": ["y"] * 256, "paths": PATHS, "hosts": HOSTS}
NEVER: dict[str, Any] = {"the last": [0, [1]]}  # fails, so that the next grant is tried


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


CASES: dict[str, tuple[wire.Parts, dict[str, Any], tuple[Any, ...]]] = {
    "nesting to the end": (build.raw(root(), b"\x81" * 4000), {}, LARGE),
    "maps in maps": (build.raw(root(), b"\xa1\x00" * 2000), {}, LARGE),
    "wide and as deep as may be": (fill(lambda n: {99: [nested(4)] * n}), {}, build.forbidden("unknown_caveat", 1)),
    "many keys": (fill(lambda n: {16: {f"k{i}": i for i in range(n)}}), {}, OK),
    "many unknown keys": (fill(lambda n: {100 + i: 0 for i in range(n)}), {}, build.forbidden("unknown_caveat", 1)),
    "one long note": (fill(lambda n: {16: {"a": "y" * n}}), {}, OK),
    "long patterns": (fill(lambda n: {6: [{0: ["a" * 126 + ".*"] * (n // 100) + ["*"]}]}), {}, OK),
    "short patterns": (fill(lambda n: {6: [{0: ["a.*"] * n + ["*"]}]}), {}, OK),
    "many final patterns": (fill(lambda n: {12: ["a.*"] * n}), {}, OK),
    "many audiences": (fill(lambda n: {3: ["a"] * n + ["github"]}), {}, OK),
    "16 blocks, hmac": (fill(lambda n: {16: {"a": "y" * min(n, 200)}}), {}, OK),
    "16 blocks, ed25519": (fill(lambda n: {16: {"a": "y" * min(n, 200)}}, alg="ed25519"), {}, OK),
    "32 units": (build.raw(root(), {0: b"8 bytes!", 9: {f"u{i}": 1 for i in range(32)}}),
                 {"cost": {f"u{i}": 1 for i in range(32)}}, OK),
    "64 grants, long lists": (fill(lambda n: {6: [{0: ["*"], 1: {"s": [0, ["y"] * (n // 64)]}}] * 63 + [{0: ["*"]}]}),
                              {"facts": {"s": "z"}}, OK),
    "a long path": (fill(lambda n: {8: {"p": [3, ["/a"] * n]}}), {"facts": {"p": "/a" * 4000}}, OK),
    "a long host": (fill(lambda n: {8: {"h": [5, ["a"] * n]}}), {"facts": {"h": "a." * 126 + "a"}}, OK),
    "a long text": (fill(lambda n: {8: {"t": [4, ["b"] * n + ["a"]]}}), {"facts": {"t": "a" * 100_000}}, OK),
    "a dotted name below an opaque": (fill(lambda n: {8: {"a" + "." * n: [6, True, True]}}), {"facts": {"z": None}}, OK),
    "256 arguments, only": (tiny({0: ["*"], 2: True}), {"facts": {f"args.a{n}": n for n in range(256)}}, OK),
    "a huge array head": (build.raw(root(), b"\xa1\x18\x63\x9b\x7f" + b"\xff" * 7 + b"\x00" * 4000), {}, CBOR),
    "a huge map head": (build.raw(root(), b"\xa1\x18\x63\xbb\x7f" + b"\xff" * 7 + bytes(range(24)) * 100), {}, CBOR),
    "a huge text head": (build.raw(root(), b"\xa1\x18\x63\x7b\x7f" + b"\xff" * 7 + b"a" * 4000), {}, CBOR),
    "a big array head": (build.raw(root(), b"\xa1\x18\x63\x99\xff\xff" + b"\x00" * 4000), {}, CBOR),
    "one_of, list fact": (fill(ints(0)), {"facts": LISTS}, OK),
    "none_of, list fact": (fill(lambda n: {8: {"none": [1, [0] * n + ["x"]]}}), {"facts": LISTS}, OK),
    "grants with under, list fact": (
        tiny({0: ["*"], 1: {"paths": [3, ["/"]], **NEVER}}),
        {"facts": LISTS},
        OK,
    ),
    "grants with host, list fact": (
        tiny({0: ["*"], 1: {"hosts": [5, ["com"]], **NEVER}}),
        {"facts": LISTS},
        OK,
    ),
    "deny with under, list fact": (tiny({0: ["*"], 1: {"paths": [3, ["/b"]]}}, key=7), {"facts": LISTS}, OK),
}  # fmt: skip


def _measured(
    engine: Any, name: str, parts: wire.Parts, asked: dict[str, Any], want: tuple[Any, ...]
) -> None:
    assert len(parts.text) <= MAX_TEXT
    request = Request("repo.read", audience="github", run="agt_1@2", **asked)
    assert build.verdict(engine, parts, request) == want
    print(f"\n{name:32}{len(parts.text):6} characters {len(parts.blocks):3} blocks", end="")
    for what in (
        lambda: build.verdict(engine, parts, request),
        lambda: engine.explain(parts.text, request, build.RING, build.NOW + 1),
    ):
        took = best(what)
        print(f"{took:9.2f} ms", end="")
        assert took < ALLOWED_MS


@pytest.mark.parametrize("name", CASES)
def test_the_worst_of_its_kind_is_quick(engine: Any, name: str) -> None:
    _measured(engine, name, *CASES[name])


def test_the_cases_are_as_large_as_may_be() -> None:
    large = [
        name for name, (parts, _, want) in CASES.items() if want == OK and len(parts.text) > MAX_TEXT * 0.6
    ]
    assert len(large) >= 12
    assert sum(len(parts.blocks) == 16 for parts, _, _ in CASES.values()) >= 2
    assert max(len(block) for parts, _, _ in CASES.values() for block in parts.blocks) > 4000


#   lease ~ approval ~ approval ~ approval ~ approval          16 KiB, each approval by another key
@pytest.mark.parametrize("alg", build.ALGS)
def test_16_kib_with_four_approvals_is_quick(engine: Any, alg: str) -> None:
    keys = build.APPROVERS[:4]
    asks = build.lease(alg, allow=["*"], approval=[demand("repo.read", keys=keys, quorum=4)])
    asks = asks.narrow(notes={"long": "y" * 2800}, now=build.NOW)
    where = {f"args.{n}" + "x" * 800: one_of(n, optional=True) for n in range(2)}
    asked = [
        approve(key, asks, "repo.read", where=where, allow_any_arguments=True, now=build.NOW) for key in keys
    ]
    lease = asks.attach(*asked)
    assert 12 * 1024 < len(lease.token) <= 16 * 1024 + 1
    _time = best(lambda: build.verdict(engine, lease))
    print(f"\n{alg} with four approvals {_time:8.2f} ms", end="")
    assert build.verdict(engine, lease) == OK
    assert _time < ALLOWED_MS


TOKEN = build.raw(build.root()).text


def sized(*sizes: int) -> str:
    return "~".join("lease1_" + "A" * (size - 7) for size in sizes)


@pytest.mark.parametrize(
    ("fits", "too_large"),
    [
        (sized(8 * 1024), sized(8 * 1024 + 1)),
        (f"{TOKEN}~{sized(8 * 1024)}", f"{TOKEN}~{sized(8 * 1024 + 1)}"),
        (sized(8 * 1024, 8 * 1024 - 1), sized(8 * 1024, 4 * 1024, 4 * 1024 - 1)),
        (sized(7, 7, 7, 7, 7), sized(7, 7, 7, 7, 7, 7)),
    ],
    ids=["token", "approval", "whole", "approvals"],
)
def test_one_more_is_too_large(engine: Any, fits: str, too_large: str) -> None:
    stage, code, _ = build.verdict(engine, fits)
    assert (stage, code == "too_large") == ("malformed", False)
    assert build.verdict(engine, too_large) == LARGE


@pytest.mark.parametrize("text", ["lease1_" + "A" * 10**7, "~" * 10**7])
def test_text_beyond_the_limit_is_not_read(engine: Any, text: str) -> None:
    assert build.verdict(engine, text) == LARGE
    assert best(lambda: build.verdict(engine, text), 1.0) < 1.0


def test_flatten_of_deep_arguments_is_quick() -> None:
    deep: Any = "x"
    for _ in range(63):
        deep = {"a": deep}
    assert best(lambda: flatten(deep)) < ALLOWED_MS


def test_the_timer_would_notice() -> None:
    def busy() -> None:
        end = time.process_time() + 1.2 * ALLOWED_MS / 1000
        while time.process_time() < end:
            pass

    assert best(busy) > ALLOWED_MS
