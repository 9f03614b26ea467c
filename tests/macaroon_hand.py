"""What the tests of macaroons start from: a rich lease, a macaroon made by hand, whether one passes."""

from __future__ import annotations

import random
from functools import lru_cache
from typing import Any

import build
import interop_base  # noqa: F401
import macaroons
import pymacaroons
from attenuate_interop.macaroon import macaroon_key
from attenuate_interop.macaroon.satisfy import Satisfier
from macaroons import enforced

from attenuate import KeyRing, between, grant, present, under
from attenuate.clear import Rules
from attenuate.lease import Lease

NOW, RING, ISSUER = build.NOW, build.RING, build.RINGS["hmac"]


def rich() -> Lease:
    """Return a lease with every caveat that a macaroon can carry."""
    lease = build.lease(
        not_before=NOW,
        deny=[grant("repo.write.x", path=under("src/secret"))],
        where={"args.n": between(1, 9, optional=True), 'a "b" | c': present(optional=True)},
        notes={"agent": 'a "b"\u2028', "n": 2**63 - 1, "t": True},
    )
    return lease.narrow(
        run="agt_1@2/reader@1", expires=NOW + 300, allow=[grant("repo.read", path=under("src"))], now=NOW
    )


ASKED = build.ask(run="agt_1@2/reader@1")


def passes(m: Any, asked: Any = ASKED, ring: KeyRing = RING, now: int = NOW + 1) -> bool:
    return enforced(m, ring, asked, now, Rules())


def texts(m: Any) -> list[str]:
    return [caveat.caveat_id_bytes.decode() for caveat in m.caveats]


def holds(line: Any, **rest: Any) -> bool:
    said = [line] if isinstance(line, str) else []
    answer = Satisfier(said, ASKED, NOW + 1, Rules(**rest))(line)
    assert type(answer) is bool
    return answer


def with_lines(m: Any, changed: list[str]) -> Any:
    """Return a macaroon with other lines under the same signature."""
    other = m.copy()
    other.caveats = [pymacaroons.Caveat(line, version=pymacaroons.MACAROON_V2) for line in changed]
    return other


def hand_made(key_id: str, *added: str, audience: str = "github", ring: KeyRing = RING) -> Any:
    """Return what whoever has the key can make: any identifier, any lines."""
    identifier = f"lease/1 {'ab' * 16} {key_id}"
    key = macaroon_key(key_id, ring, audience)
    m = pymacaroons.Macaroon("", identifier, key, version=pymacaroons.MACAROON_V2)
    for line in added:
        m.add_first_party_caveat(line)
    return m


WHOLE = ("run agt_1@2", 'audience "github"', "allow *", f"issued_at {NOW} expires {NOW + 9}", "end")


def asked_of(case: macaroons.Drawn) -> tuple[Any, ...]:
    """Return what `verdict` and `native` take."""
    return case.text, RING, case.request, case.now, case.rules


@lru_cache(maxsize=1)
def drawn() -> list[macaroons.Drawn]:
    """Return the same few thousand cases for every test."""
    rng = random.Random(20)
    return [macaroons.draw(rng) for _ in range(4000)]
