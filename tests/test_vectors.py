"""Every vector through the public API: verdict, stage, code, block and ids; cold, warm and explained."""

from __future__ import annotations

import json
from types import ModuleType

import pytest
import vectors
from vectors import Vector

from attenuate import Lease, LeaseError, Malformed, Verifier, blockjson, jcs
from attenuate.block import make_block

ALL = vectors.load()
READABLE = [v for v in ALL if v["expect"].get("stage") != "malformed"]
VALID = [v for v in ALL if v["expect"]["ok"]]
NOT_IN_JSON = {"unknown-value-of-any-shape"}  # bytes and integer keys under an unknown number

every = pytest.mark.parametrize("vector", ALL, ids=vectors.named)
readable = pytest.mark.parametrize("vector", READABLE, ids=vectors.named)


def check(vector: Vector, verifier: Verifier, engine: ModuleType) -> None:
    got, want = vectors.answer(vector, verifier), vectors.expected(vector)
    assert got == want, vector["comment"]


@every
def test_verdict_cold_then_warm(engine: ModuleType, vector: Vector) -> None:
    verifier = vectors.make_verifier(vector)
    check(vector, verifier, engine)
    check(vector, verifier, engine)


@every
def test_verdict_without_a_cache(engine: ModuleType, vector: Vector) -> None:
    check(vector, vectors.make_verifier(vector, cache=0), engine)


def test_verdicts_of_one_warm_verifier(engine: ModuleType) -> None:
    """One verifier, all tokens: what it remembers of one changes nothing for another."""
    shared: dict[str, Verifier] = {}
    for _ in range(2):
        for vector in ALL:
            parts = (vector["keys"], vector["request"]["audience"], vector.get("options"))
            key = json.dumps(parts)
            if key not in shared:
                shared[key] = vectors.make_verifier(vector)
            check(vector, shared[key], engine)
    assert len(shared) < len(ALL) / 4


@every
def test_explanation_begins_with_the_refusal(engine: ModuleType, vector: Vector) -> None:
    request = dict(vector["request"])
    del request["audience"]
    if "binding" in request:
        request["binding"] = bytes.fromhex(request["binding"])
    verifier = vectors.make_verifier(vector)
    try:
        found = verifier.explain(vector["token"], now=vector["now"], **request).findings
    except Malformed as error:  # the request is none
        found = (error.finding,)
    result = vectors.answer(vector, verifier)
    assert bool(found) is not result["ok"]
    if found:
        first = (found[0].stage, found[0].code, found[0].block)
        assert first == (result["stage"], result["code"], result.get("block"))


@every
def test_errors_tell_no_secret(engine: ModuleType, vector: Vector) -> None:
    try:
        vectors.verify(vector, vectors.make_verifier(vector))
    except LeaseError as error:
        shown = f"{error} {error!r} {error.finding.to_json()}"
        assert "lease1_hE" not in shown
        for row in vector["keys"]:
            assert row["alg"] == -19 or row["key"] not in shown


def test_the_first_approval_of_a_key_counts(engine: ModuleType) -> None:
    vector = next(v for v in ALL if v["name"] == "approved-by-two-with-one-to-spare")
    ids = [Lease.parse(text).block_ids for text in vector["token"].split("~")[1:]]
    assert vectors.verify(vector, vectors.make_verifier(vector)).approvals == (ids[0], ids[2])


@readable
def test_reading_and_writing_gives_the_same_text(vector: Vector) -> None:
    assert Lease.parse(vector["token"]).token == vector["token"]


@readable
def test_ids_of_what_can_be_read(vector: Vector) -> None:
    assert list(Lease.parse(vector["token"]).block_ids) == vector["block_ids"]


@readable
def test_json_reads_back_to_the_same_bytes(vector: Vector) -> None:
    for text in vector["token"].split("~"):
        lease = Lease.parse(text)
        for index, block in enumerate(lease.unverified_blocks):
            data = jcs.load_json(json.dumps(blockjson.block_to_json(block)))
            again = make_block(blockjson.fields_from_json(data), index, lease.alg)
            assert (again.raw == block.raw) is (vector["name"] not in NOT_IN_JSON)


# --- controls: a fault put in must be noticed ---------------------------------------------------------
def faults(vector: Vector) -> dict[str, Vector]:
    """Return a vector with one fault each in what is expected or in the token."""
    expect, ids, token = vector["expect"], vector["block_ids"], vector["token"]
    if not expect["ok"]:
        code = {"code": "run" if expect["code"] != "run" else "audience"}
        block = {"block": expect["block"] + 1} if "block" in expect else {"block": 0}
        return {
            "verdict": {**vector, "expect": {"ok": True}},
            "stage": {**vector, "expect": {**expect, "stage": "refused"}},
            "code": {**vector, "expect": {**expect, **code}},
            "block": {**vector, "expect": {**expect, **block}},
        }
    other = "A" if token[-1] != "A" else "g"
    return {
        "verdict": {**vector, "expect": {"ok": False, "stage": "untrusted", "code": "proof"}},
        "block_ids": {**vector, "block_ids": [ids[0][:-1] + ("0" if ids[0][-1] != "0" else "1"), *ids[1:]]},
        "token": {**vector, "token": token[:60] + ("A" if token[60] != "A" else "B") + token[61:]},
        "proof": {**vector, "token": token[:-1] + other},
    }


@every
def test_a_fault_put_in_is_noticed(engine: ModuleType, vector: Vector) -> None:
    for name, faulty in faults(vector).items():
        if name == "proof" and "~" in vector["token"]:
            continue  # the last character is an approval's, and one that is not needed may change
        with pytest.raises(AssertionError):
            check(faulty, vectors.make_verifier(faulty), engine)


@pytest.mark.parametrize("vector", VALID, ids=vectors.named)
def test_no_character_can_change(engine: ModuleType, vector: Vector) -> None:
    """Every 7th character of the token itself, exchanged: what passed is refused, and not by chance."""
    token, *approvals = vector["token"].split("~")
    verifier = vectors.make_verifier(vector)
    check(vector, verifier, engine)
    for place in range(len("lease1_"), len(token), 7):
        other = "A" if token[place] != "A" else "B"
        changed = "~".join((token[:place] + other + token[place + 1 :], *approvals))
        result = vectors.answer({**vector, "token": changed}, verifier)
        unread = {"ok": False, "stage": "forbidden", "code": "audience", "block": 0}  # V3: another key id
        assert result.get("stage") in ("malformed", "untrusted") or result == unread, place


@pytest.mark.skipif(not vectors.SHARED.exists(), reason="no ../shared/vectors beside this checkout")
def test_the_copies_are_as_they_came() -> None:
    copies = {v["path"].name: v["path"].read_bytes() for v in vectors.load(vectors.FOLDERS[1])}
    assert copies == {path.name: path.read_bytes() for path in vectors.SHARED.glob("*.json")}
