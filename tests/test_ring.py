"""Key rings: which key answers for a key id, rotation, audience keys, files."""

from __future__ import annotations

from typing import Any

import build
import pytest

from attenuate import KeyRing
from attenuate.block import ED25519, HMAC
from attenuate.keys import Key

HMAC_KEY, ED_KEY = build.KEYS["hmac"], build.KEYS["ed25519"]
PUBLIC = Key(ED25519, public=ED_KEY.public)


def test_the_last_key_that_can_mint_is_active() -> None:
    assert build.RING.active == "e1"
    assert build.RINGS["hmac"].active == "k1"
    assert KeyRing({"k1": HMAC_KEY, "p": PUBLIC}).active == "k1"
    assert KeyRing({"p": PUBLIC}).active is None
    assert KeyRing({}).active is None


def test_a_ring_is_a_collection_of_its_keys() -> None:
    assert list(build.RING) == ["k1", "e1"]
    assert len(build.RING) == 2
    assert build.RING["k1"] is HMAC_KEY
    assert "k1" in build.RING
    with pytest.raises(KeyError):
        build.RING["k2"]
    assert repr(build.RINGS["hmac"]) == "<KeyRing k1, e1; mints with k1>"


@pytest.mark.parametrize("key_id", ["", "k\n", "ü", "k" * 129, "k\x7f", 1, None, b"k"])
def test_another_key_id_is_refused(key_id: Any) -> None:
    assert KeyRing({"k" * 128: HMAC_KEY, " k~!": HMAC_KEY})
    with pytest.raises(ValueError, match="key id"):
        KeyRing({key_id: HMAC_KEY})


def test_what_is_no_key_is_refused() -> None:
    with pytest.raises(TypeError, match="not a Key"):
        KeyRing({"k1": b"k" * 32})  # type: ignore[dict-item]


@pytest.mark.parametrize("active", ["p", "k2"])
def test_only_a_key_that_can_mint_is_active(active: str) -> None:
    with pytest.raises(ValueError, match="can mint"):
        KeyRing({"k1": HMAC_KEY, "p": PUBLIC}, active)


def test_only_an_audience_key_has_a_slash() -> None:
    assert len(KeyRing({"k1/github": HMAC_KEY})) == 1
    with pytest.raises(ValueError, match="audience key"):
        KeyRing({"e1/github": ED_KEY})


def test_a_ring_that_only_verifies_does_not_mint() -> None:
    with pytest.raises(ValueError, match="only verifies"):
        KeyRing({"e1": PUBLIC}).mint(now=build.NOW, **build.terms())


# --- find (V3) --------------------------------------------------------------------------------------
def test_a_key_id_names_its_key_for_any_audience() -> None:
    assert build.RING.find("k1", "github") == (HMAC_KEY, None)
    assert build.RING.find("e1", "other") == (ED_KEY, None)
    assert build.RING.find("k2", "github") is None


def test_a_ring_with_the_root_answers_for_its_audience_keys() -> None:
    derived = HMAC_KEY.for_audience("github")
    assert build.RING.find("k1/github", "github") == (derived, "github")
    assert build.RING.find("k1/github", "github") == (derived, "github"), "and again, from memory"
    assert KeyRing({"k1/github": derived}).find("k1/github", "github") == (derived, "github")
    assert KeyRing({"k1/github": derived}).find("k1", "github") is None
    assert KeyRing({"k1/github": derived}).find("k1/other", "other") is None
    assert build.RING.find("k1/a/b", "a/b") == (HMAC_KEY.for_audience("a/b"), "a/b")


def test_a_ring_keeps_few_of_the_keys_that_it_derives() -> None:
    """Who exports leases asks for whatever audience a holder names."""
    ring = KeyRing({"k1": HMAC_KEY})
    for number in range(1000):
        name = f"service {number}"
        assert ring.find(f"k1/{name}", name) == (HMAC_KEY.for_audience(name), name)
    assert len(ring._derived) == 256


def test_no_key_is_derived_for_another_audience() -> None:
    found = build.RING.find("k1/other", "github")
    assert found == (HMAC_KEY, "other")
    assert found != (HMAC_KEY.for_audience("other"), "other")


def test_an_ed25519_root_has_no_audience_keys() -> None:
    assert build.RING.find("e1/github", "github") is None


# --- rotate, retire, publish ------------------------------------------------------------------------
#   k1 mints ── rotate k2 ──> k2 mints, k1 verifies ── retire k1 ──> k1 is refused
def test_rotation_keeps_old_leases_and_retiring_ends_them(engine: Any) -> None:
    ring = KeyRing({"k1": HMAC_KEY})
    old = ring.mint(now=build.NOW, **build.terms())
    rotated = ring.rotate("k2")
    new = rotated.mint(now=build.NOW, **build.terms())
    assert (old.key_id, new.key_id) == ("k1", "k2")
    assert build.verdict(engine, old, ring=rotated) == build.verdict(engine, new, ring=rotated) == build.OK
    retired = rotated.retire("k1")
    assert build.verdict(engine, old, ring=retired) == build.untrusted("unknown_key")
    assert build.verdict(engine, new, ring=retired) == build.OK
    assert build.verdict(engine, new, ring=ring) == build.untrusted("unknown_key")


def test_rotation_keeps_the_algorithm_unless_another_is_named() -> None:
    assert KeyRing({"k1": HMAC_KEY}).rotate("k2")["k2"].alg == HMAC
    assert KeyRing({"e1": ED_KEY}).rotate("e2")["e2"].alg == ED25519
    assert KeyRing({"e1": ED_KEY}).rotate("k2", "hmac")["k2"].alg == HMAC
    assert KeyRing({}).rotate("k1").active == "k1"
    assert KeyRing({"p": PUBLIC}).rotate("k1")["k1"].alg == HMAC


def test_a_key_id_is_not_taken_twice_and_the_active_key_not_retired() -> None:
    ring = KeyRing.generate("k1")
    with pytest.raises(ValueError, match="taken"):
        ring.rotate("k1")
    with pytest.raises(ValueError, match="rotate first"):
        ring.retire("k1")
    assert list(ring.rotate("k2").retire("k1")) == ["k2"]


def test_what_a_service_gets_has_no_root_secret() -> None:
    service = build.RING.for_audience("github")
    assert dict(zip(service, map(service.__getitem__, service), strict=True)) == {
        "k1/github": HMAC_KEY.for_audience("github"),
        "e1": PUBLIC,
    }
    assert service.active == "k1/github"
    assert list(service.for_audience("other")) == ["e1"], "an audience key derives no further keys"


def test_what_everybody_gets_is_public() -> None:
    public = build.RING.publish()
    assert [public[key_id] for key_id in public] == [PUBLIC]
    assert public.active is None
    with pytest.raises(ValueError, match="for_audience"):
        KeyRing({"k1": HMAC_KEY}).publish()


def test_a_service_verifies_its_leases_and_mints_none_for_another(engine: Any) -> None:
    service = build.RING.for_audience("github")
    own = service.mint(now=build.NOW, **build.terms())
    assert own.key_id == "k1/github"
    assert build.verdict(engine, own, ring=service) == build.OK
    assert build.verdict(engine, own) == build.OK, "who holds the root answers for it"
    other = service.mint(now=build.NOW, **build.terms(audience="other"))
    asked = build.ask(audience="other")
    assert build.verdict(engine, other, asked) == build.forbidden("audience")
    assert build.verdict(engine, other, asked, ring=build.RING.for_audience("other")) == build.untrusted(
        "unknown_key"
    )
