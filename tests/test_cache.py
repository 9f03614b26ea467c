"""The memory of authentic chains: bounded, never a decision, and honest about what it weighs."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import build
import pytest
import wire
from build import NOW

from attenuate import Forbidden, KeyRing, LeaseError, Untrusted, Verifier
from attenuate.cache import Cache
from attenuate.keys import Key


def verifier(cache: int = 10**7, ring: KeyRing = build.RING) -> Verifier:
    return Verifier(ring, audience="github", cache=cache)


def info(of: Verifier) -> Any:
    found = of.cache_info()
    assert found is not None
    return found


# --- the cache by itself --------------------------------------------------------------------------------
def test_what_is_put_is_found_and_counted() -> None:
    cache: Cache[str] = Cache(10**6)
    assert cache.get("a") is None
    cache.put("a", "A", 100)
    assert cache.get("a") == "A"
    assert cache.info()[:3] == (1, 1, 1)
    assert 100 <= cache.info().bytes <= cache.info().max_bytes == 10**6


def test_a_full_cache_forgets_what_is_not_used() -> None:
    cache: Cache[int] = Cache(10**6)
    for n in range(2000):
        cache.put(n, n, 1000)
        assert cache.get("used") == (n if n else None) or n == 0
        cache.put("used", n + 1, 0)
    assert cache.get(0) is None
    assert cache.get(1999) == 1999
    assert cache.info().entries < 200
    assert cache.info().bytes <= 10**6


def test_what_is_used_stays() -> None:
    cache: Cache[int] = Cache(10**6)
    cache.put("used", 7, 10)
    for n in range(2000):
        cache.put(n, n, 1000)
        assert cache.get("used") == 7


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_nothing_is_kept_that_does_not_fit(size: int) -> None:
    cache: Cache[int] = Cache(size)
    cache.put("a", 1, 10**6)
    assert cache.get("a") is None
    assert cache.info().entries == 0


@pytest.mark.parametrize("size", [-1, 1.5, None, "1", True])
def test_a_size_is_an_integer(size: Any) -> None:
    with pytest.raises(ValueError, match="cache"):
        Cache(size)


def test_the_same_entry_weighs_once() -> None:
    cache: Cache[int] = Cache(10**6)
    cache.put("a", 1, 100)
    before = cache.info().bytes
    for _ in range(10):
        cache.put("a", 1, 100)
    assert cache.info().bytes == before


# --- in a verifier ----------------------------------------------------------------------------------------
def test_no_cache_where_none_is_wanted() -> None:
    assert verifier(0).cache_info() is None
    assert info(verifier()).max_bytes == 10**7


def test_the_second_look_is_a_hit(engine: Any) -> None:
    one, token = verifier(), build.lease().token
    first = one.check(token, build.ask(), now=NOW)
    before = info(one)
    again = one.check(token, build.ask(), now=NOW)
    assert info(one).hits > before.hits
    assert again.block_ids == first.block_ids
    assert again.charges == first.charges


#   block 0 ── block 1            a child of a known parent costs one link
def test_a_known_prefix_is_a_hit(engine: Any) -> None:
    one, lease = verifier(), build.lease("ed25519")
    one.check(lease.token, build.ask(), now=NOW)
    before = info(one)
    one.check(lease.narrow(now=NOW).token, build.ask(), now=NOW)
    assert info(one).hits > before.hits


@pytest.mark.parametrize("alg", build.ALGS)
def test_a_decision_is_never_kept(engine: Any, alg: str) -> None:
    one, token = verifier(), build.lease(alg, ttl=60).token
    for _ in range(2):
        assert one.check(token, build.ask(), now=NOW + 59)
        for asked, now, code in (
            (build.ask(), NOW + 60, "expires"),
            (build.ask("mail.send"), NOW, "allow"),
            (build.ask(run="agt_1@3"), NOW, "attempt"),
            (build.ask(facts={}), NOW, "allow"),
        ):
            with pytest.raises(Forbidden, match=code):
                one.check(token, asked, now=now)


@pytest.mark.parametrize("alg", build.ALGS)
def test_what_is_refused_leaves_nothing(engine: Any, alg: str) -> None:
    one = verifier()
    token = build.raw(build.root(), alg=alg)
    forged = wire.Parts(token.header, token.blocks, token.sigs, (0, b"x" * 32)).text
    for _ in range(3):
        with pytest.raises(Untrusted):
            one.check(forged, build.ask(), now=NOW)
    assert info(one).entries == 0
    one.check(token.text, build.ask(), now=NOW)
    assert info(one).entries > 0


def test_an_expired_token_is_authentic_still(engine: Any) -> None:
    one, token = verifier(), build.lease().token
    with pytest.raises(Forbidden, match="expires"):
        one.check(token, build.ask(), now=NOW + 900)
    assert one.check(token, build.ask(), now=NOW)


def test_a_bound_proof_is_looked_at_each_time(engine: Any) -> None:
    one = verifier()
    token = build.lease().present(b"b" * 32, now=NOW).token
    asked = build.ask(binding=b"b" * 32)
    for _ in range(2):
        assert one.check(token, asked, now=NOW)
        with pytest.raises(Forbidden, match="binding"):
            one.check(token, build.ask(), now=NOW)
        with pytest.raises(Forbidden, match="stale_proof"):
            one.check(token, asked, now=NOW + 61)


def test_another_ring_with_the_same_cache_is_not_fooled(engine: Any) -> None:
    """The key itself is part of what is remembered: swap the ring under a warm cache."""
    one = verifier()
    token = build.lease().token
    one.check(token, build.ask(), now=NOW)
    one.keys = KeyRing({"k1": Key(5, secret=b"x" * 32)})
    with pytest.raises(Untrusted, match="proof"):
        one.check(token, build.ask(), now=NOW)
    one.keys = KeyRing({})
    with pytest.raises(Untrusted, match="unknown_key"):
        one.check(token, build.ask(), now=NOW)
    one.keys = build.RING
    assert one.check(token, build.ask(), now=NOW)


def test_a_bound_lease_that_is_used_often_pushes_no_other_out(engine: Any) -> None:
    one = verifier(200_000)
    kept, busy = build.lease(), build.lease()
    one.check(kept.token, build.ask(), now=NOW)
    for n in range(300):
        one.check(
            busy.present(b"b" * 32, now=NOW, nonce=b"%016d" % n).token, build.ask(binding=b"b" * 32), now=NOW
        )
    before = info(one)
    one.check(kept.token, build.ask(), now=NOW)
    assert info(one).hits > before.hits


def test_memory_is_about_what_it_says(python: Any) -> None:
    """Chains of real tokens weigh no more than the cache counts for them."""
    tokens = [build.lease(alg, notes={"n": n}).narrow(now=NOW).token for alg in build.ALGS for n in range(60)]
    one = verifier()
    one.check(tokens[0], build.ask(), now=NOW)
    counted = info(one).bytes
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for token in tokens[1:]:
            one.check(token, build.ask(), now=NOW)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown <= 1.2 * (info(one).bytes - counted)
    assert grown > 1000 * len(tokens), "the control: something was kept"


def fill(alg: str, blocks: int, count: int, kept: int) -> tuple[int, int]:
    """Return by how much this process grew while it verified tokens, and what the cache counts for them."""
    asked = build.ask()

    def text(n: int) -> str:
        more = ({0: b"nonce %02d" % at} for at in range(1, blocks))
        return build.raw(build.root(b16={"n": n}), *more, alg=alg).text

    def resident() -> int:
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    one = verifier(kept)
    for n in range(200):
        one.check(text(n), asked, now=NOW)
    texts = [text(1000 + n) for n in range(count)]
    before, counted = resident(), info(one).bytes
    for each in texts:
        one.check(each, asked, now=NOW)
    return resident() - before, info(one).bytes - counted


def filled(*arguments: Any) -> tuple[int, int]:
    """Do as `fill` in a process of its own, by the native engine."""
    build.engine_named("native")
    code = f"import test_cache; print(*test_cache.fill{arguments!r})"
    paths = [str(Path(__file__).parent), str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "ATTENUATE_ENGINE": "native", "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True)
    grown, counted = map(int, done.stdout.split())
    return grown, counted


#   tracemalloc does not see what Rust allocates: here the process as a whole is looked at
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")


@on_linux
@pytest.mark.parametrize(
    ("alg", "blocks", "count"), [("hmac", 1, 16_000), ("hmac", 16, 3_000), ("ed25519", 2, 1_500)]
)
def test_native_memory_is_about_what_it_says(alg: str, blocks: int, count: int) -> None:
    grown, counted = filled(alg, blocks, count, 10**9)
    assert grown <= counted
    assert grown > counted / 5, "the control: what is counted is kept"


@on_linux
def test_a_native_cache_that_is_full_does_not_grow() -> None:
    grown, counted = filled("hmac", 1, 16_000, 4 * 10**6)
    assert counted <= 4 * 10**6
    assert grown <= 6 * 10**6


def test_threads_share_a_cache(engine: Any) -> None:
    one = verifier(100_000)
    leases = [build.lease(alg, notes={"n": n}) for alg in build.ALGS for n in range(10)]
    wrong: list[Any] = []

    def work(start: int) -> None:
        for n in range(60):
            lease = leases[(start + n) % len(leases)]
            try:
                ids = list(one.check(lease.token, build.ask(), now=NOW).block_ids)
                if ids != list(lease.block_ids):
                    wrong.append(ids)
            except LeaseError as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
