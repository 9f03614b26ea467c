"""Leases as macaroons: the same verdict in a stock verifier, round trips, keys, what cannot travel."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import Any

import build
import interop_base  # noqa: F401
import macaroon_faults as faults
import macaroons
import pymacaroons
import pytest
from attenuate_interop import NotPortable
from attenuate_interop.macaroon import (
    from_macaroon,
    macaroon_key,
    narrow,
    read,
    satisfy,
    to_macaroon,
    write,
)  # fmt: skip
from macaroon_hand import (
    ASKED,
    ISSUER,
    NOW,
    RING,
    WHOLE,
    asked_of,
    drawn,
    hand_made,
    passes,
    rich,
)  # fmt: skip
from macaroons import native, verdict

from attenuate import Forbidden, KeyRing, Malformed, Untrusted, demand
from attenuate.chain import start
from attenuate.clear import Rules
from attenuate.keys import Key
from attenuate.lease import Lease


# --- the same verdict, and the faults that show it ---------------------------------------------------
@lru_cache(maxsize=1)
def told() -> list[bool | str]:
    """Return what a stock verifier says of each drawn case."""
    return [
        verdict(*asked_of(case), form=("binary", "json")[number % 2]) for number, case in enumerate(drawn())
    ]


def test_a_macaroon_gives_the_verdict_of_its_lease() -> None:
    for case, says in zip(drawn(), told(), strict=True):
        if isinstance(says, bool):
            assert says is native(*asked_of(case)), case
    seen = Counter[Any](told())
    assert seen[True] + seen[False] > 3400
    assert min(seen[True], seen[False]) > 0.3 * (seen[True] + seen[False])
    assert {"budget", "final", "structure"} < {name for name in seen if isinstance(name, str)}


def test_the_import_and_lines_of_a_stock_library_give_it_too() -> None:
    for case in drawn()[:400]:
        assert [*macaroons.differences(case)] == [], case


def test_every_fault_is_found_by_the_same_cases() -> None:
    portable = [(case, says) for case, says in zip(drawn(), told(), strict=True) if isinstance(says, bool)]
    both = [(name, {"exporting": fault}) for name, fault in faults.EXPORTING.items()]
    both += [(name, {"verifying": fault}) for name, fault in faults.VERIFYING.items()]
    missed = [
        name for name, fault in both if not any(faults.found(case, says, **fault) for case, says in portable)
    ]
    assert len(both) == 27
    assert missed == []


# --- round trips --------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["binary", "json"])
def test_round_trip(how: str) -> None:
    lease = rich()
    m = read(write(to_macaroon(lease, RING), how))
    back = from_macaroon(m, ISSUER)
    assert [b.raw for b in back.unverified_blocks] == [b.raw for b in lease.unverified_blocks]
    assert back.token == lease.token  # the same key, the same bytes
    assert passes(m)
    assert native(back.token, RING, ASKED, NOW + 1, Rules())


def test_rotation() -> None:
    m = to_macaroon(rich(), RING)
    ring = RING.rotate("k2", "hmac")
    assert passes(m, ring=ring)
    assert from_macaroon(m, ring).key_id == "k1"
    with pytest.raises(Untrusted, match="unknown_key"):
        macaroon_key("k1", ring.retire("k1"), "github")


def test_a_holder_narrows() -> None:
    m = to_macaroon(build.lease(), RING)
    before = write(m)
    child = narrow(m, allow="repo.read", ttl=5, notes={"why": "x"}, now=NOW)
    assert write(m) == before
    assert passes(child, build.ask())
    assert not passes(child, build.ask(), now=NOW + 5)
    assert not passes(child, build.ask("repo.write.x"))
    assert passes(m, build.ask("repo.write.x"))
    assert len(from_macaroon(child, ISSUER).unverified_blocks) == 2


def test_lines_of_another_library_become_blocks() -> None:
    m = to_macaroon(build.lease(), RING)
    for line in ("allow repo.read", 'notes {"subject": "root"}', f"expires {NOW + 9}", f"expires {NOW + 5}"):
        m.add_first_party_caveat(line)
    m = narrow(m, run="agt_1@2", now=NOW)
    first, *more = from_macaroon(m, ISSUER).unverified_blocks
    assert "notes" not in repr(first)  # a holder's word is not the issuer's
    said = [[*block.fields][1:] for block in more]
    assert said == [[5, 6, 16], [5], [2]]
    again = from_macaroon(read(write(m)), ISSUER)
    assert [block.raw for block in again.unverified_blocks[1:]] == [block.raw for block in more]
    assert len({block.fields[0] for block in more}) == 3


# --- keys ---------------------------------------------------------------------------------------------
def test_audience_keys() -> None:
    service = ISSUER.for_audience("github")
    own = service.mint(now=NOW, **build.terms())
    m = to_macaroon(own, RING)
    assert m.identifier_bytes.endswith(b" k1/github")
    assert passes(m, build.ask(), ring=service)
    assert passes(m, build.ask())
    assert not passes(m, build.ask(), ring=ISSUER.for_audience("other"))
    assert not passes(to_macaroon(build.lease(), RING), build.ask(), ring=service)
    elsewhere = service.mint(now=NOW, **build.terms(audience="other"))  # its key and its block agree on none
    for audience in ("github", "other"):
        assert not passes(to_macaroon(elsewhere, RING), build.ask(audience=audience))


def test_a_service_cannot_have_its_macaroon_made_wider() -> None:
    service = ISSUER.for_audience("github")
    forged = hand_made("k1/github", WHOLE[0], 'audience "github" "other"', *WHOLE[2:], ring=service)
    back = from_macaroon(forged, ISSUER)
    assert back.key_id == "k1/github"
    for audience, passing in (("github", True), ("other", False)):
        asked = build.ask(audience=audience)
        assert passes(forged, asked) is passing
        assert native(back.token, RING, asked, NOW + 1, Rules()) is passing
    mine = KeyRing({"k1": Key(5, secret=b"s" * 32)})
    with pytest.raises(Untrusted, match="proof"):
        from_macaroon(hand_made("k1", *WHOLE, ring=mine), ISSUER)
    with pytest.raises(Untrusted, match="proof"):
        from_macaroon(hand_made("k1/anywhere", *WHOLE, audience="anywhere", ring=mine), ISSUER)


def test_key_and_identifier() -> None:
    m = to_macaroon(build.lease(), RING)
    key = macaroon_key("k1", RING, "github")
    assert len(key) == 32
    assert key not in (build.SECRETS["hmac"], macaroon_key("k1/github", RING, "github"))
    for key_id, audience, kind, code in (
        ("e1", "github", Untrusted, "algorithm"),
        ("k9", "github", Untrusted, "unknown_key"),
        ("k1/github", "other", Forbidden, "audience"),
    ):
        with pytest.raises(kind) as caught:
            macaroon_key(key_id, RING, audience)
        assert caught.value.code == code
    for wrong in ((b"k1", RING, "github"), ("k1", {}, "github"), ("k1", RING, None)):
        with pytest.raises(TypeError):
            macaroon_key(*wrong)  # type: ignore[arg-type]
    odd = [
        m.identifier_bytes.replace(b"lease/1", change)
        for change in (b"lease/2", b"lease/1  ", b" lease/1", b"Lease/1")
    ]
    odd += [b"", b"lease/1 00 k1", b"lease/1 " + b"AB" * 16 + b" k1", m.identifier_bytes + b"\n", b"\xff"]
    for identifier in odd:
        other = pymacaroons.Macaroon("", identifier, key, version=pymacaroons.MACAROON_V2)
        with pytest.raises(Malformed, match="shape"):
            satisfy(pymacaroons.Verifier(), other, build.ask(), RING)
    stripped = hand_made("k1", *WHOLE[:2], *WHOLE[3:], "allow *")
    with pytest.raises(Forbidden, match="without allow"):
        satisfy(pymacaroons.Verifier(), stripped, build.ask(), RING)
    other = m.copy()
    other.identifier = m.identifier_bytes.replace(b"k1", b"k2")
    ring = KeyRing({"k1": build.KEYS["hmac"], "k2": Key(5, secret=b"2" * 32)})
    assert passes(m, build.ask(), ring=ring)
    assert not passes(other, build.ask(), ring=ring)
    other.location = m.location = "anywhere"  # a hint, which nothing covers
    assert passes(m, build.ask())


# --- what cannot travel ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("budget", {"budget": {"calls": 1}}),
        ("approval", {"approval": demand("*", keys=[build.APPROVERS[0].public])}),
        ("depth", {"depth": 1}),
        ("final", {"final": "repo.read"}),
        ("bound", {"bound": True}),
    ],
)
def test_what_a_macaroon_cannot_carry(name: str, terms: Any) -> None:
    with pytest.raises(NotPortable, match=f"cannot carry {name} .block 0.") as caught:
        to_macaroon(build.lease(**terms), RING)
    assert (caught.value.name, caught.value.block) == (name, 0)
    with pytest.raises(NotPortable, match=name):
        narrow(to_macaroon(build.lease(), RING), **terms)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("for", {"b14": b"f" * 16}),
        ("17", {"b17": None}),
        ("structure", {"b15": None}),
        ("structure", {"b2": [["agt_1"]]}),
    ],
)
def test_what_only_bytes_say(name: str, changes: Any) -> None:
    root = {**build.root(), **{int(key[1:]): value for key, value in changes.items()}}
    root = {key: value for key, value in root.items() if key == 17 or value is not None}
    assert verdict(build.raw(root).text, RING, build.ask(), NOW + 1) == name
    assert verdict(build.raw(build.root()).text, RING, build.ask(), NOW + 1) is True


def test_proofs_and_approvals() -> None:
    lease = build.lease()
    attached = lease.attach(Lease.parse(build.approval(b"x" * 16, build.APPROVERS[0]).sealed().text))
    for name, other in (
        ("sealed", lease.seal()),
        ("bound", lease.present(b"b" * 32, now=NOW)),
        ("approvals", attached),
    ):
        assert verdict(other.token, RING, build.ask(), NOW + 1) == name
    forged = start(Key(5, secret=b"f" * 32), "k1", lease.unverified_blocks[0].fields, b"")
    with pytest.raises(Untrusted, match="proof"):
        to_macaroon(Lease(forged), RING)
    wide = build.lease(notes={str(n): "\x01" * 100 for n in range(35)})
    with pytest.raises(NotPortable, match="size"):
        to_macaroon(wide, RING)


@pytest.mark.parametrize(
    ("name", "added"),
    [
        ("caveat", (*WHOLE, "budget calls 30")),
        ("caveat", (*WHOLE, "expires 07")),
        ("structure", WHOLE[:-1]),
        ("structure", (*WHOLE[:1], *WHOLE)),
        ("structure", (*WHOLE, "end")),
        ("structure", (*WHOLE, f"issued_at {NOW} expires {NOW + 9}")),
        ("structure", (*WHOLE[1:],)),
        ("structure", ("run agt_1", *WHOLE[1:])),
        ("structure", (*WHOLE, "block 0011223344556677", "expires 9")),
        ("size", (*WHOLE, *(f"expires {n}" for n in range(16)))),
    ],
)
def test_what_a_lease_cannot_carry(name: str, added: tuple[str, ...]) -> None:
    with pytest.raises(NotPortable) as caught:
        from_macaroon(hand_made("k1", *added), ISSUER)
    assert caught.value.name == name
    assert len(from_macaroon(hand_made("k1", *WHOLE), ISSUER).unverified_blocks) == 1
