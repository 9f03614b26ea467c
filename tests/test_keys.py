"""Keys: one algorithm each, text forms that say what they are, and strict Ed25519."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any

import build
import pytest
import wire

from attenuate.block import ED25519, HMAC
from attenuate.keys import Key, algorithm

HMAC_KEY, ED_KEY = build.KEYS["hmac"], build.KEYS["ed25519"]
PUBLIC = Key(ED25519, public=ED_KEY.public)
SEED = build.SECRETS["ed25519"]


def test_what_a_key_is() -> None:
    assert (HMAC_KEY.alg, ED_KEY.alg, PUBLIC.alg) == (5, -19, -19)
    assert (HMAC_KEY.can_mint, ED_KEY.can_mint, PUBLIC.can_mint) == (True, True, False)
    assert HMAC_KEY.material == HMAC_KEY.seed() == build.SECRETS["hmac"]
    assert ED_KEY.material == ED_KEY.public == wire.public_of(SEED)
    assert ED_KEY.seed() == SEED
    assert ED_KEY.key_id == ED_KEY.public.hex()
    assert [repr(key) for key in (HMAC_KEY, ED_KEY, PUBLIC)] == [
        "<Key hmac, secret>", "<Key ed25519, secret>", "<Key ed25519, public>",
    ]  # fmt: skip


def test_rfc_8032_test_1() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    assert (
        Key(ED25519, secret=seed).key_id == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: Key(HMAC, secret=b"k" * 31), lambda: Key(HMAC, secret=b"k" * 33), lambda: Key(HMAC), lambda: Key(HMAC, public=b"k" * 32),
        lambda: Key(HMAC, secret=b"k" * 32, public=b"k" * 32), lambda: Key(ED25519, public=b""), lambda: Key(-8, secret=b"k" * 32),
        lambda: Key(ED25519, secret=SEED, public=b"k" * 32), lambda: Key(HMAC, secret="k" * 32), lambda: Key(True, secret=b"k" * 32),
        lambda: Key.generate("rsa"), lambda: Key.generate(None), lambda: algorithm(["hmac"]),
    ],
)  # fmt: skip
def test_what_is_no_key(make: Any) -> None:
    with pytest.raises(ValueError, match=r"key|algorithm"):
        make()


def test_a_pair_that_fits_is_taken() -> None:
    assert Key(ED25519, secret=SEED, public=ED_KEY.public) == ED_KEY


@pytest.mark.parametrize(
    "ask", [HMAC_KEY.public_text, PUBLIC.secret_text, PUBLIC.seed, lambda: HMAC_KEY.public, lambda: HMAC_KEY.key_id,
            lambda: ED_KEY.for_audience("a")]
)  # fmt: skip
def test_what_a_key_has_not_is_refused(ask: Any) -> None:
    with pytest.raises(ValueError, match="key"):
        ask()


# --- text -------------------------------------------------------------------------------------------
TEXTS = {
    "attenuate_hmac_secret_": HMAC_KEY.secret_text(),
    "attenuate_ed25519_secret_": ED_KEY.secret_text(),
    "attenuate_ed25519_public_": ED_KEY.public_text(),
}


@pytest.mark.parametrize("prefix", TEXTS)
def test_a_text_begins_with_what_it_is_and_is_read_back(prefix: str) -> None:
    text = TEXTS[prefix]
    assert text.startswith(prefix)
    key = Key.from_text(text)
    assert (
        key == {"h": HMAC_KEY, "s": ED_KEY, "p": PUBLIC}["h" if "hmac" in prefix else prefix.split("_")[2][0]]
    )
    assert (key.public_text() if "public" in prefix else key.secret_text()) == text


@pytest.mark.parametrize("prefix", TEXTS)
@pytest.mark.parametrize(
    "bend",
    [
        lambda text: text[:-1], lambda text: text + "A", lambda text: text + "=", lambda text: f" {text}", lambda text: f"{text}\n",
        lambda text: text.upper(), lambda text: text.replace("attenuate", "lease1"), lambda text: text[:-1] + "B",
        lambda text: text[:24], lambda text: text.encode(), lambda text: None, lambda text: text.replace("hmac", "rsa").replace("ed25519", "rsa"),
    ],
)  # fmt: skip
def test_another_text_is_refused_and_not_repeated(prefix: str, bend: Any) -> None:
    body = TEXTS[prefix].removeprefix(prefix)
    with pytest.raises(ValueError, match="key") as caught:
        Key.from_text(bend(TEXTS[prefix]))
    assert body[:20] not in str(caught.value)


def test_a_secret_of_one_algorithm_is_no_key_of_another() -> None:
    as_hmac = Key.from_text(TEXTS["attenuate_ed25519_secret_"].replace("ed25519", "hmac"))
    assert as_hmac != ED_KEY
    assert as_hmac.fingerprint != ED_KEY.fingerprint
    assert Key(HMAC, secret=ED_KEY.public).fingerprint != ED_KEY.fingerprint


def test_keys_are_equal_by_what_they_can_do() -> None:
    assert PUBLIC != ED_KEY
    assert Key(ED25519, public=ED_KEY.public) == PUBLIC
    assert hash(PUBLIC) == hash(ED_KEY)
    assert len({HMAC_KEY, Key(HMAC, secret=HMAC_KEY.seed()), ED_KEY, PUBLIC}) == 3
    assert HMAC_KEY.seed() != HMAC_KEY


def test_generated_keys_differ() -> None:
    assert len({Key.generate(alg) for alg in ("hmac", "ed25519") for _ in range(5)}) == 10


def test_an_audience_key_is_derived_as_specified() -> None:
    want = hmac.digest(build.SECRETS["hmac"], b"attenuate/1 audience\0" + "gïthub".encode(), "sha256")
    assert HMAC_KEY.for_audience("gïthub") == Key(HMAC, secret=want)


def test_fingerprints_do_not_give_the_secret_away() -> None:
    assert HMAC_KEY.fingerprint == sha256(b"attenuate/1 key\0\x05" + HMAC_KEY.seed()).digest()
    assert len({HMAC_KEY.fingerprint, ED_KEY.fingerprint, HMAC_KEY.seed(), ED_KEY.public}) == 4
