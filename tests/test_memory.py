"""The native engine's memory of chains under pressure, and what it lets others do meanwhile.

Whoever holds a lease makes children of it without end. Prefixes stand in shards by their block 0, so a
flood of children pushes out its own kind:

    shard 1   lease a ── …          known
    shard 2   flood ──┬─ child 1    the last few thousand
                      └─ child 50000
    shard 3   lease b ── …          known
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import build
import pytest
import wire
from build import NOW

from attenuate import KeyRing, LeaseError, Request
from attenuate.keys import Key

pytest.importorskip("attenuate_kernel", reason="the native engine is missing")

from attenuate import native

FLOOD = 50_000
BYTES = 8 * 1024 * 1024


def lease(n: int, alg: str = "hmac") -> wire.Parts:
    """Return a chain of two blocks whose block 0 is like no other's."""
    return build.raw(build.root(b16={"n": n}), {0: b"nonce 01"}, alg=alg)


def child(of: wire.Parts, n: int) -> str:
    return of.add({0: b"child%09d" % n}, b"\x99" * 32).text


def ask_all(texts: list[str], cache: Any, ring: KeyRing = build.RING) -> None:
    found = native.verify_many([(text, build.ask()) for text in texts], ring, NOW + 1, cache=cache)
    assert not [each for each in found if isinstance(each, LeaseError)]


def known(leases: list[wire.Parts], cache: Any, n: int) -> int:
    """Return of how many leases the chain is known: then a new child of it finds a beginning."""
    out = 0
    for each in leases:
        before = cache.info().hits
        ask_all([child(each, n)], cache)
        out += cache.info().hits > before
    return out


# --- pressure ---------------------------------------------------------------------------------------
def test_a_flood_of_children_leaves_the_other_leases_known() -> None:
    leases = [lease(n) for n in range(64)]
    cache = native.ChainCache(BYTES)
    ask_all([each.text for each in leases], cache)
    assert known(leases, cache, 1) == 64
    flood = lease(-1)
    ask_all([child(flood, n) for n in range(FLOOD)], cache)
    assert cache.info().bytes <= BYTES
    assert known(leases, cache, 2) > 48, "one shard of sixteen is lost, and by chance two or three"


def test_a_flood_of_leases_leaves_none_known() -> None:
    """The control: what is known is counted rightly, and the memory is full."""
    leases = [lease(n) for n in range(16)]
    cache = native.ChainCache(BYTES)
    ask_all([each.text for each in leases], cache)
    ask_all([lease(1000 + n).text for n in range(FLOOD // 5)], cache)
    assert cache.info().bytes <= BYTES
    assert known(leases, cache, 2) == 0


def test_what_is_flooded_is_verified_rightly() -> None:
    flood, cache = lease(-1), native.ChainCache(60_000)
    for n in range(3000):
        forged = wire.parse(child(flood, n))
        bad = wire.Parts(forged.header, forged.blocks, (), (0, b"x" * 32)).text
        found = native.verify_many(
            [(bad, build.ask()), (child(flood, n), build.ask())], build.RING, NOW, cache=cache
        )
        assert isinstance(found[0], LeaseError)
        assert not isinstance(found[1], LeaseError)
    assert cache.info().bytes <= 60_000


# --- keys -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("alg", build.ALGS)
def test_rotated_and_retired_keys_are_honoured_by_a_warm_memory(alg: str) -> None:
    key_id, cache = build.KEY_IDS[alg], native.ChainCache(10**6)
    number = {"hmac": 5, "ed25519": -19}[alg]
    parts = lease(1, alg)
    texts = [parts.text, parts.sealed().text, child(parts, 1)]
    ask_all(texts * 2, cache)
    rotated = build.RINGS[alg].rotate("new")
    ask_all(texts, cache, rotated)
    same_name = KeyRing({key_id: Key(number, secret=b"another secret".ljust(32, b"!"))})
    for ring, code in (
        (rotated.retire(key_id), "unknown_key"),
        (same_name, {"hmac": "proof", "ed25519": "signature"}[alg]),
    ):
        for text in texts:
            for _ in range(2):
                error = build.refusal(native, text, ring=ring, cache=cache)
                assert error is not None
                assert error.code == code
    ask_all(texts, cache)


# --- what is never remembered -----------------------------------------------------------------------
@pytest.mark.parametrize("alg", build.ALGS)
def test_a_bound_proof_is_never_remembered(alg: str) -> None:
    parts, asked = lease(1, alg), build.ask(binding=b"b" * 32)
    entries = {}
    for kind, text in (
        ("bearer", parts.text),
        ("sealed", parts.sealed().text),
        ("bound", parts.bound(NOW, b"n" * 16, b"b" * 32).text),
    ):
        cache = native.ChainCache(10**6)
        for _ in range(3):
            native.verify(text, asked, build.RING, NOW, cache=cache)
        entries[kind] = cache.info().entries
        wrong = (
            [(build.ask(), NOW), (build.ask(binding=b"c" * 32), NOW), (asked, NOW + 61)]
            if kind == "bound"
            else []
        )
        for request, now in wrong:
            assert build.refusal(native, text, request, now=now, cache=cache) is not None
    assert entries == {"bearer": 2, "sealed": 2, "bound": 1}, (
        "the chain; and the text, where it is no bound one"
    )


def test_time_caveats_and_handlers_are_looked_at_each_time() -> None:
    said = iter((True, False, True))
    rules = build.Rules(handlers={"acme/x": lambda value, request: next(said)})
    text = wire.mint(
        [{**build.root(b11=3), "acme/x": 1}, {0: b"nonce 01", 8: {"path": [3, ["src"]]}}],
        5,
        "k1",
        build.SECRETS["hmac"],
    ).text
    cache = native.ChainCache(10**6)
    codes = [build.verdict(native, text, rules=rules, cache=cache)[:2] for _ in range(3)]
    assert codes == [("ok",), ("forbidden", "acme/x"), ("ok",)]
    yes = build.Rules(handlers={"acme/x": lambda value, request: True})
    for _ in range(2):
        for request, now, code in (
            (build.ask(), NOW + 900, "expires"), (build.ask(facts={"repo": "clord", "path": "doc"}), NOW, "where"),
            (build.ask("mail.send"), NOW, "allow"), (build.ask(run="agt_1@3"), NOW, "attempt"), (build.ask(), NOW - 61, "issued_at"),
        ):  # fmt: skip
            assert build.verdict(native, text, request, now=now, rules=yes, cache=cache)[1] == code
        assert build.verdict(native, text, rules=yes, cache=cache) == build.OK


# --- threads ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [20_000, 10**6])
def test_four_threads_share_a_memory(size: int) -> None:
    cache, wrong, done = native.ChainCache(size), [], []
    good = [lease(n, alg) for alg in build.ALGS for n in range(12)]
    texts = [
        (each.text, tuple(id.hex() for id in each.ids)) for each in (*good, *(each.sealed() for each in good))
    ]
    texts += [(wire.Parts(each.header, each.blocks, each.sigs, (0, b"x" * 32)).text, None) for each in good]
    start = threading.Barrier(4)

    def work(number: int) -> None:
        start.wait()
        for turn in range(40):
            some = [texts[(number * 7 + turn * 5 + n) % len(texts)] for n in range(9)]
            found: list[Any] = native.verify_many(
                [(text, build.ask()) for text, _ in some], build.RING, NOW, cache=cache
            )
            for (text, _), each in zip(some[:2], found, strict=False):
                error = build.refusal(native, text, cache=cache)
                if (error is None) is isinstance(each, LeaseError):
                    wrong.append((text, error))
            wrong.extend(
                (text, each)
                for (text, ids), each in zip(some, found, strict=True)
                if (None if isinstance(each, LeaseError) else each.block_ids) != ids
            )
        done.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert sorted(done) == [0, 1, 2, 3]
    assert cache.info().bytes <= size


@contextmanager
def counting() -> Iterator[list[int]]:
    """Let another thread count, where it gets to: nobody is made to give way to it for a minute."""
    count, stop = [0], threading.Event()

    def work() -> None:
        while not stop.is_set():
            count[0] += 1
            time.sleep(0)  # gives way to whoever waits

    before = sys.getswitchinterval()
    sys.setswitchinterval(60)
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield count
    finally:
        stop.set()
        sys.setswitchinterval(before)
        thread.join()


def counted(count: list[int], work: Callable[[], Any]) -> int:
    """Return how far the other thread got while this one worked."""
    before = count[0]
    work()
    return count[0] - before


def test_others_run_while_signatures_are_verified() -> None:
    request: Request = build.ask()
    signed = [(lease(n, "ed25519").text, request) for n in range(200)]
    single = build.raw(build.root(), *({0: b"nonce 01"} for _ in range(15)), alg="ed25519").text
    short = lease(1).text
    native.verify_many([(short, request), signed[0]], build.RING, NOW)  # everything is prepared
    with counting() as count:
        while not count[0]:
            time.sleep(0.001)
        assert any(counted(count, lambda: native.verify_many(signed, build.RING, NOW)) for _ in range(50))
        assert any(
            counted(count, lambda: native.verify(single, request, build.RING, NOW)) for _ in range(500)
        )
        held = [counted(count, lambda: native.verify(short, request, build.RING, NOW)) for _ in range(500)]
        assert not any(held), "the control: a tag takes microseconds, and nobody gets to run meanwhile"
