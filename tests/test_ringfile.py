"""Key rings as JSON and as files that only their owner reads."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import build
import pytest

from attenuate import KeyRing
from attenuate.block import ED25519
from attenuate.keys import Key

HMAC_KEY = build.KEYS["hmac"]
PUBLIC = Key(ED25519, public=build.KEYS["ed25519"].public)


@pytest.mark.parametrize(
    "ring", [build.RING, build.RINGS["hmac"], build.RING.publish(), build.RING.for_audience("x"), KeyRing({})]
)
def test_json_round_trips(ring: KeyRing) -> None:
    again = KeyRing.from_json(json.loads(json.dumps(ring.to_json())))
    assert again.to_json() == ring.to_json()
    assert again.active == ring.active
    assert [again[key_id] for key_id in again] == [ring[key_id] for key_id in ring]


SECRET = HMAC_KEY.secret_text()


@pytest.mark.parametrize(
    "data",
    [
        None, [], {}, {"keys": {}}, {"keys": [1]}, {"keys": [{}]}, {"keys": [{"id": 1, "key": SECRET}]}, {"keys": [{"id": "k1"}]},
        {"keys": [{"id": "k1", "key": SECRET[:-1]}]}, {"keys": [{"id": "k1", "key": 7}]}, {"keys": [{"id": "k1", "key": SECRET}] * 2},
        {"keys": [{"id": "", "key": SECRET}]}, {"keys": [{"id": "p", "key": PUBLIC.public_text(), "active": True}]},
    ],
)  # fmt: skip
def test_other_json_is_refused_and_no_key_repeated(data: Any) -> None:
    with pytest.raises(ValueError, match="key") as caught:
        KeyRing.from_json(data)
    assert SECRET[25:40] not in str(caught.value)


def test_a_saved_ring_is_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "ring.keys"
    build.RING.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KeyRing.load(path).to_json() == build.RING.to_json()
    assert [each.name for each in tmp_path.iterdir()] == ["ring.keys"], "nothing half written stays"


def test_a_file_that_is_there_stays_unless_one_says_so(tmp_path: Path) -> None:
    path = tmp_path / "ring.keys"
    build.RING.save(path)
    with pytest.raises(FileExistsError):
        build.RINGS["hmac"].save(path)
    assert KeyRing.load(path).active == "e1"
    build.RINGS["hmac"].save(path, overwrite=True)
    assert KeyRing.load(path).active == "k1"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_disk_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ring.keys"
    build.RING.save(path)

    def broken(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="No space"):
        build.RINGS["hmac"].save(path, overwrite=True)
    assert KeyRing.load(path).active == "e1"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_secrets_that_others_can_read_are_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "ring.keys"
    build.RING.save(path)
    path.chmod(mode)
    with pytest.raises(PermissionError, match="chmod 600"):
        KeyRing.load(path)
    assert len(KeyRing.load(path, allow_open_file=True)) == 2
    path.chmod(0o600)
    assert len(KeyRing.load(path)) == 2


def test_public_keys_may_be_open(tmp_path: Path) -> None:
    path = tmp_path / "public.keys"
    build.RING.publish().save(path)
    path.chmod(0o644)
    assert KeyRing.load(path)["e1"] == PUBLIC


def test_a_file_that_is_no_ring_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ring.keys"
    path.write_text(SECRET)
    with pytest.raises(ValueError, match="not JSON") as caught:
        KeyRing.load(path)
    assert SECRET not in str(caught.value)
    with pytest.raises(FileNotFoundError):
        KeyRing.load(tmp_path / "none")
