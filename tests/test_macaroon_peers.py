"""Macaroons of leases in libraries that nobody here wrote."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import build
import interop_base  # noqa: F401
import macaroon_peers as peers
import pytest
from attenuate_interop.macaroon import (
    from_macaroon,
    macaroon_key,
    read,
    to_macaroon,
    write,
)
from attenuate_interop.macaroon.satisfy import Satisfier
from macaroon_hand import (
    ISSUER,
    NOW,
    RING,
    asked_of,
    drawn,
    passes,
    texts,
    with_lines,
)
from macaroons import exported, native, verdict

from attenuate import LeaseError
from attenuate.clear import Rules


# --- libraries that nobody here wrote -------------------------------------------------------------------
@pytest.mark.parametrize("peer", [peers.go, peers.javascript], ids=["go", "javascript"])
def test_peers(peer: Any, tmp_path: Path) -> None:
    ask = peer(tmp_path)
    questions, expected, seen = [], [], Counter[bool]()
    for case in drawn()[:400]:
        if isinstance(verdict(*asked_of(case)), str):
            continue
        m, says = exported(case.text, RING), native(*asked_of(case))
        try:
            key = macaroon_key(case.key_id, RING, case.request.audience)
        except LeaseError:
            continue
        leeway, cap, handlers = case.rules
        satisfier = Satisfier(texts(m), case.request, case.now, Rules(leeway, cap, handlers))
        listed = [line for line in texts(m) if satisfier(line)]
        flipped = m.copy()
        flipped.signature = m.signature[:-1] + ("0" if m.signature[-1] != "0" else "1")
        for how in ("binary", "json"):
            for each, passing in ((m, says), (flipped, False)):
                questions.append({"macaroon": write(each, how), "key": key.hex(), "holds": listed})
                expected.append({"ok": passing, "caveats": texts(m)})
        seen[says] += 1
    assert ask(questions) == expected
    assert min(seen.values()) > 50


@pytest.mark.parametrize("peer", [peers.go, peers.javascript], ids=["go", "javascript"])
def test_peers_narrow(peer: Any, tmp_path: Path) -> None:
    ask = peer(tmp_path)
    m = to_macaroon(build.lease(), RING)
    given = [write(m, how) for how in ("binary", "json") if peer is peers.go or how == "json"]
    for line, request in (
        (f"expires {NOW + 2}", None),
        ("allow repo.write.*", build.ask()),
        ("wishes", build.ask()),
    ):
        for answer in ask([{"op": "narrow", "macaroon": text, "caveat": line} for text in given]):
            child = read(answer["macaroon"])
            assert texts(child) == [*texts(m), line]
            if request is None:
                assert passes(child, build.ask())
                assert not passes(child, build.ask(), now=NOW + 2)
                assert from_macaroon(child, ISSUER).unverified_blocks[1].get("expires") == NOW + 2
            else:
                assert not passes(child, request)


@pytest.mark.parametrize("peer", [peers.go, peers.javascript], ids=["go", "javascript"])
def test_a_peer_refuses_a_line_nobody_signed(peer: Any, tmp_path: Path) -> None:
    m = to_macaroon(build.lease(), RING)
    key = macaroon_key("k1", RING, "github").hex()
    more = with_lines(m, [*texts(m), "budget calls 30"])
    asked = [{"macaroon": write(each), "key": key, "holds": texts(m)} for each in (m, more)]
    assert [answer["ok"] for answer in peer(tmp_path)(asked)] == [True, False]


def test_c() -> None:
    seen = Counter[bool]()
    for case in drawn()[:400]:
        if isinstance(verdict(*asked_of(case)), str) or case.key_id != "k1":
            continue
        m = exported(case.text, RING)
        satisfier = Satisfier(texts(m), case.request, case.now, case.rules)
        key = macaroon_key(case.key_id, RING, case.request.audience)
        assert peers.in_c(m, key, satisfier) is native(*asked_of(case))
        assert not peers.in_c(m, key[::-1], satisfier)
        seen[native(*asked_of(case))] += 1
    assert min(seen.values()) > 50
    m = to_macaroon(build.lease(), RING)
    key, satisfier = macaroon_key("k1", RING, "github"), Satisfier(texts(m), build.ask(), NOW + 1, Rules())
    assert peers.in_c(m, key, satisfier)
    assert not peers.in_c(with_lines(m, [*texts(m), "budget calls 30"]), key, satisfier)
