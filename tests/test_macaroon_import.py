"""Macaroons and the lease they came from: one key, one set of ids, and what stands against it."""

from __future__ import annotations

import time
import traceback
from typing import Any

import build
import interop_base  # noqa: F401
import macaroon_gate
import pymacaroons
import pytest
from attenuate_interop import NotPortable
from attenuate_interop.macaroon import from_macaroon, macaroon_key, narrow, read, satisfy, to_macaroon, write
from macaroon_hand import ISSUER, NOW, RING, WHOLE, hand_made, passes, rich, texts, with_lines

from attenuate import Forbidden, KeyRing, Lease, Malformed, Untrusted


def again(lease: Lease, ring: KeyRing) -> Lease:
    return from_macaroon(read(write(to_macaroon(lease, ring))), ring)


# --- the same lease -----------------------------------------------------------------------------------
def test_what_stands_against_a_lease_stands_against_its_import() -> None:
    assert macaroon_gate.said(again) == macaroon_gate.KEPT
    assert macaroon_gate.said(macaroon_gate.reminted) == macaroon_gate.SHED  # the control


@pytest.mark.parametrize("active", ["k2", "e2"])
def test_an_import_is_under_the_key_that_the_macaroon_names(active: str) -> None:
    ring = ISSUER.rotate(active, "ed25519" if active == "e2" else "hmac")
    service = KeyRing({"k1/github": ISSUER.for_audience("github")["k1/github"]})
    own = service.mint(now=NOW, **build.terms(audience=["github", "other"]))
    for lease in (rich(), own, own.narrow(ttl=5, now=NOW)):
        back = again(lease, ring)
        assert back.token == lease.token
        assert back.block_ids == lease.block_ids
        assert back.key_id == lease.key_id
    assert again(own, service).token == own.token
    assert passes(to_macaroon(own, ring), build.ask(), ring=ring)
    assert not passes(to_macaroon(own, ring), build.ask(audience="other"), ring=ring)
    m = to_macaroon(rich(), RING)
    with pytest.raises(Untrusted, match="unknown_key"):
        from_macaroon(m, KeyRing.generate("k2"))
    with pytest.raises(Untrusted, match="algorithm"):
        from_macaroon(m, KeyRing.generate("k1", "ed25519"))
    with pytest.raises(Untrusted, match="unknown_key"):
        from_macaroon(m, service)


def test_an_ed25519_lease_is_refused_by_name() -> None:
    with pytest.raises(NotPortable, match="hmac key") as caught:
        to_macaroon(build.lease("ed25519"), RING)
    assert caught.value.name == "ed25519"
    with pytest.raises(TypeError):
        to_macaroon(build.lease(), RING, "k1")  # type: ignore[call-arg]


# --- what is looked at before a line is read ------------------------------------------------------------
def asks(m: Any, **rest: Any) -> tuple[Any, list[Any]]:
    """Return what a verifier says, and what a handler was asked meanwhile."""
    seen: list[Any] = []

    def ticket(value: Any, request: Any) -> bool:
        seen.append(value)
        return bool(value == "T-1")

    verifier = pymacaroons.Verifier()
    try:
        key = satisfy(verifier, m, build.ask(), RING, now=NOW + 1, handlers={"acme/ticket": ticket}, **rest)
        return verifier.verify(m, key), seen
    except (Untrusted, Forbidden, Malformed) as refused:
        return refused.code, seen
    except pymacaroons.exceptions.MacaroonException:
        return False, seen


def test_no_handler_sees_what_nobody_signed() -> None:
    stranger = KeyRing.generate("k1")
    forged = hand_made("k1", *WHOLE[:-1], 'acme/ticket "T-1"', "end", ring=stranger)
    assert asks(forged) == ("proof", [])
    m = to_macaroon(build.lease(extensions={"acme/ticket": "T-1"}), RING)
    assert asks(m) == (True, ["T-1"])
    assert asks(with_lines(m, [*texts(m), 'acme/ticket "T-999"'])) == ("proof", [])
    m.add_first_party_caveat('acme/ticket "T-2"')
    assert asks(m) == (False, ["T-1", "T-2"])


def test_a_verifier_is_for_one_macaroon() -> None:
    verifier, m = pymacaroons.Verifier(), to_macaroon(build.lease(), RING)
    key = satisfy(verifier, m, build.ask(), RING, now=NOW + 1)
    assert verifier.verify(m, key)
    other = to_macaroon(build.lease(expires=NOW + 5, ttl=None), RING)
    with pytest.raises(pymacaroons.exceptions.MacaroonException):
        verifier.verify(other, key)
    with pytest.raises(ValueError, match="for each"):
        satisfy(verifier, other, build.ask(), RING, now=NOW + 1)
    assert narrow(m, ttl=5, now=NOW) is not m


def test_the_audience_is_the_requests() -> None:
    service = ISSUER.for_audience("github")
    own = service.mint(now=NOW, **build.terms(audience=["github", "other"]))
    m = to_macaroon(own, RING)
    for ring, audience, kind, code in (
        (RING, "other", Forbidden, "audience"),
        (ISSUER.for_audience("other"), "other", Untrusted, "unknown_key"),
        (KeyRing.generate("k1", "ed25519"), "github", Untrusted, "unknown_key"),
        (KeyRing.generate("k1"), "github", Untrusted, "proof"),
    ):
        with pytest.raises(kind) as caught:
            satisfy(pymacaroons.Verifier(), m, build.ask(audience=audience), ring)
        assert caught.value.code == code
    assert satisfy(pymacaroons.Verifier(), m, build.ask(), service) == macaroon_key(
        "k1/github", RING, "github"
    )


def test_a_clock_is_read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    m, verifier = to_macaroon(build.lease(), RING), pymacaroons.Verifier()
    monkeypatch.setattr(time, "time", lambda: NOW + 1.5)
    key = satisfy(verifier, m, build.ask(), RING)
    assert verifier.verify(m, key)
    monkeypatch.setattr(time, "time", lambda: NOW + 900)
    with pytest.raises(pymacaroons.exceptions.MacaroonException):
        verifier.verify(m, key)


# --- errors ---------------------------------------------------------------------------------------------
def test_an_export_that_is_refused_leaves_no_token_in_the_frames() -> None:
    lease = rich()
    for ring in (KeyRing.generate("k1"), KeyRing.generate("k9")):
        with pytest.raises(Untrusted) as caught:
            to_macaroon(lease, ring)
        frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
        held = [repr(value) for frame in frames[1:] for value in frame.f_locals.values()]
        assert len(frames) > 1
        assert held
        assert not any(lease.token in each for each in held)
        assert caught.value.__context__ is None


def test_macaroons_that_a_stock_library_read() -> None:
    m = to_macaroon(build.lease(), RING)
    m._location = b"\xff"
    for work in (lambda: from_macaroon(m, ISSUER), lambda: narrow(m), lambda: write(m)):
        with pytest.raises(Malformed, match="UTF-8"):
            work()
    with pytest.raises(Malformed, match="UTF-8"):
        satisfy(pymacaroons.Verifier(), m, build.ask(), RING)
