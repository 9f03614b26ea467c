"""Load the vectors of specs/ and run one through the public API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeAlias

from attenuate import KeyRing, LeaseError, Verified, Verifier
from attenuate.keys import Key

ROOT = Path(__file__).resolve().parent.parent
SPECS = ROOT / "specs"
FOLDERS = (SPECS / "vectors", SPECS / "vectors" / "independent")
SHARED = ROOT.parent / "shared" / "vectors"
"""Vectors that may lie beside the checkout; specs/vectors/independent is a copy of them."""

Vector: TypeAlias = dict[str, Any]


def load(*folders: Path) -> list[Vector]:
    """Return the vectors of folders, each with its file as `path`."""
    out: list[Vector] = []
    for folder in folders or FOLDERS:
        for path in sorted(folder.glob("*.json")):
            out.append({**json.loads(path.read_text(encoding="utf-8")), "path": path})
    return out


def named(vector: Vector) -> str:
    """Return what pytest calls a vector."""
    return str(vector["path"].relative_to(vector["path"].parent.parent).with_suffix(""))


def make_ring(vector: Vector) -> KeyRing:
    """Return the ring of a vector."""
    ring: dict[str, Key] = {}
    for row in vector["keys"]:
        key = bytes.fromhex(row["key"])
        ring[row["id"]] = Key(5, secret=key) if row["alg"] == 5 else Key(-19, public=key)
    return KeyRing(ring)


def make_verifier(vector: Vector, **settings: Any) -> Verifier:
    """Return the verifier of a vector: it takes the blocks' run where the request states none."""
    options = {**vector.get("options", {}), **settings}
    audience = vector["request"]["audience"]
    return Verifier(make_ring(vector), audience=audience, allow_unstated_run=True, **options)


def verify(vector: Vector, verifier: Verifier) -> Verified:
    """Return what a verifier says; raises LeaseError."""
    request = dict(vector["request"])
    request.pop("audience")
    if "binding" in request:
        request["binding"] = bytes.fromhex(request["binding"])
    return verifier.verify(vector["token"], now=vector["now"], **request)


def answer(vector: Vector, verifier: Verifier) -> Vector:
    """Return a verifier's answer in the form of `expect`, with block_ids where it said yes."""
    try:
        verified = verify(vector, verifier)
    except LeaseError as error:
        block = {} if error.block is None else {"block": error.block}
        return {"ok": False, "stage": error.stage, "code": error.code, **block}
    return {"ok": True, "block_ids": list(verified.block_ids)}


def expected(vector: Vector) -> Vector:
    """Return the answer that a vector asks for."""
    ids = {"block_ids": vector["block_ids"]} if vector["expect"]["ok"] else {}
    return {**vector["expect"], **ids}
