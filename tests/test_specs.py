"""The specifications hold together: every vector is indexed, made as it says, and fits the CDDL."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from base64 import urlsafe_b64decode
from collections import defaultdict
from typing import Any

import cbor2
import cddl
import pycddl
import pytest
import vectors
from vectors import SPECS, Vector

from attenuate import Lease, codec, ed25519

ALL = vectors.load()
OWN = vectors.load(vectors.FOLDERS[0])
NAMES = {vector["name"] for vector in ALL}
CDDL = (SPECS / "token.cddl").read_text(encoding="utf-8")
SCHEMA = cddl.Schema(CDDL)
READABLE = [vector for vector in ALL if vector["expect"].get("stage") != "malformed"]
SHAPELESS = [vector for vector in ALL if vector["expect"].get("code") == "shape"]
BEYOND_CDDL = {
    "caveat-approval-key-twice", "caveat-approval-quorum-above-keys", "caveat-range-upside-down",
    "caveat-under-dot-dot", "caveat-under-trailing-slash", "caveat-host-in-capitals",
    "caveat-host-short-address", "shape-nonce-of-15", "shape-ed25519-signature-missing",
    "shape-ed25519-signature-more",
}  # fmt: skip


def page(name: str) -> str:
    return (SPECS / name).read_text(encoding="utf-8")


def frames(vector: Vector) -> list[Any]:
    """Return the decoded frames of a token and its approvals."""
    return [cbor2.loads(codec.from_text(text)) for text in vector["token"].split("~")]


# --- token.cddl -----------------------------------------------------------------------------------
@pytest.mark.parametrize("vector", READABLE, ids=vectors.named)
def test_cddl_takes_what_can_be_read(vector: Vector) -> None:
    for frame in frames(vector):
        assert SCHEMA.matches("lease", frame)


@pytest.mark.parametrize("vector", SHAPELESS, ids=vectors.named)
def test_cddl_refuses_what_has_another_shape(vector: Vector) -> None:
    if vector["token"] == "lease1_":
        return  # no bytes, no value
    assert SCHEMA.matches("lease", frames(vector)[0]) is (vector["name"] in BEYOND_CDDL)


def test_what_cddl_cannot_say_is_what_it_says_it_cannot() -> None:
    assert {vector["name"] for vector in SHAPELESS} >= BEYOND_CDDL
    assert len(SHAPELESS) > 70


RULES = {
    "header": 'start = [1, alg, key]\nalg = 5 / -19\nkey = tstr .regexp "^[ -~]{1,128}$"',
    "frame": "start = [bstr, blocks, sigs, proof]\nblocks = [1*16 bstr]\nsigs = [*16 sig]\nsig = bstr .size 64\n"
    "proof = bearer / sealed / bound\nbearer = [0, mac]\nsealed = [1, tag]\n"
    "bound = [2, uint, nonce, mac, tag]\ntag = mac / sig\nmac = bstr .size 32\n"
    "nonce = bstr .size 16",
}


def test_pycddl_reads_the_file_and_checks_header_and_frame() -> None:
    """A second validator: it reads the whole grammar, and checks the two levels that it can."""
    pycddl.Schema(CDDL)
    header, frame = (pycddl.Schema(RULES[level]) for level in ("header", "frame"))
    for vector in READABLE:
        for parts in frames(vector):
            header.validate_cbor(parts[0])
            frame.validate_cbor(cbor2.dumps(parts))
    refused = 0
    for vector in SHAPELESS:
        parts = frames(vector)[0] if vector["token"] != "lease1_" else [b""]
        try:
            frame.validate_cbor(cbor2.dumps(parts))
            header.validate_cbor(parts[0])
        except pycddl.ValidationError:
            refused += 1
    assert refused > 15  # the others are wrong inside a block


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("run", [["a", 1], ["b"]], [["a", 0]]),
        ("run", [["a"]] * 8, [["a"]] * 9),
        ("pattern", "repo.*", "repo*"),
        ("pattern", "a" * 126 + ".*", "a" * 127 + ".*"),
        ("constraint", [0, [1, "a", True], True], [0, [1], False]),
        ("constraint", [2, [None, 5]], [2, [None, None]]),
        ("denied", {0: ["*"], 1: {"x": [0, [1]]}}, {0: ["*"], 1: {"x": [0, [1], True]}}),
        ("demand", [["*"], [bytes(32)], 1], [["*"], [], 1]),
        ("extension", {"a": [1, True]}, {"a": []}),
        ("notes", {}, {"a": None}),
        ("hmac-block", {0: bytes(8), 17: {1: None}}, {0: bytes(8), 1: bytes(32)}),
        ("hmac-block", {0: bytes(8), "a/b": 1}, {0: bytes(8), "ab": 1}),
    ],
)
def test_the_validator_tells_good_from_bad(rule: str, good: Any, bad: Any) -> None:
    assert SCHEMA.matches(rule, good)
    assert not SCHEMA.matches(rule, bad)


# --- vectors --------------------------------------------------------------------------------------
def test_vectors_are_as_made() -> None:
    make = SPECS / "vectors" / "make.py"
    done = subprocess.run([sys.executable, str(make), "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def index() -> dict[str, tuple[str, str]]:
    rows = re.findall(
        r"^\| \[([a-z0-9-]+)\]\(\1\.json\) \| (.*) \| (.*) \|$", page("vectors/README.md"), re.M
    )
    assert len({name for name, _, _ in rows}) == len(rows)
    return {name: (what, expect) for name, what, expect in rows}


def test_the_index_is_the_files() -> None:
    rows = index()
    assert sorted(rows) == sorted(path.stem for path in (SPECS / "vectors").glob("*.json"))
    for vector in OWN:
        expect = vector["expect"]
        parts = ["ok"] if expect["ok"] else [expect["stage"], expect["code"], str(expect.get("block", ""))]
        assert rows[vector["name"]] == (vector["comment"].replace("|", "\\|"), " ".join(parts).strip())
        assert vector["path"].stem == vector["name"]


def test_every_code_of_v1_to_v8_has_vectors_in_both_chains() -> None:
    """Told by the token's own bytes; the exceptions are what a chain cannot be refused for."""
    table = re.findall(r"^\| (malformed|untrusted|forbidden) \| (.*) \|$", page("verify.md"), re.M)
    wanted = {(stage, code) for stage, codes in table for code in re.findall(r"[a-z_]+(?=,| or |$)", codes)}
    wanted -= {("forbidden", "or"), ("forbidden", "key"), ("untrusted", "frame")}  # the last is a follower's
    seen: dict[tuple[str, str], set[int]] = defaultdict(set)
    for vector in ALL:
        expect = vector["expect"]
        if not expect["ok"]:
            chain = 5 if vector["token"][:60] and b"\x83\x01\x05" in _start(vector) else -19
            seen[expect["stage"], expect["code"]].add(chain)
    assert set(seen) == wanted
    either = {("malformed", code) for code in ("text", "cbor", "facts")}  # read before the chain is known
    one_chain = {("untrusted", "signature"): {-19}}
    for pair in wanted - either:
        assert seen[pair] == one_chain.get(pair, {5, -19}), pair


def _start(vector: Vector) -> bytes:
    try:
        return urlsafe_b64decode(vector["token"][7:47])
    except ValueError:
        return b""


def test_every_ok_vector_has_a_refused_neighbour() -> None:
    """A control of the set: it is not all one verdict, for any prefix of names."""
    verdicts = [vector["expect"]["ok"] for vector in OWN]
    assert verdicts.count(True) > 80
    assert verdicts.count(False) > 200


# --- pages ----------------------------------------------------------------------------------------
def shown() -> dict[str, set[str]]:
    """Return what each line of attacks.md names as its proof."""
    out: dict[str, set[str]] = {}
    for line in page("attacks.md").splitlines():
        cells = line.strip("|").split(" | ")
        if line.startswith("| ") and len(cells) == 4 and not line.startswith(("| who ", "| bug ", "| ---")):
            out[line] = set(re.findall(r"`([^`]+)`", cells[3]))
    return out


def test_attacks_name_what_shows_them() -> None:
    tests = {
        name
        for path in (vectors.ROOT / "tests").glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.M)
    }
    lines = shown()
    assert len(lines) > 50
    for line, names in lines.items():
        assert names, line
        assert names <= NAMES | tests, names - NAMES - tests


def test_what_shows_an_attack_refuses() -> None:
    refused = {vector["name"] for vector in ALL if not vector["expect"]["ok"]}
    controls = {"curve-key-with-torsion"}  # taken by every engine, which is the point
    for names in shown().values():
        assert {name for name in names if not name.startswith("test_")} <= refused | controls


def test_signing_takes_a_seed_only() -> None:
    """No function signs with a public key that the caller brings (specs/attacks.md)."""
    assert list(inspect.signature(ed25519.sign).parameters) == ["seed", "message"]


@pytest.mark.parametrize("name", ["token.md", "caveats.md", "verify.md", "attacks.md", "vectors/README.md"])
def test_pages_are_short_and_link_to_files(name: str) -> None:
    text = page(name)
    prose = text.split("<!-- table")[0]
    assert len([line for line in prose.splitlines() if not line.startswith("|")]) < 200
    for target in re.findall(r"\]\(([^)#]+)\)", prose):
        assert ((SPECS / name).parent / target).exists(), target


def test_the_example_of_token_md_is_a_token() -> None:
    begin = re.search(r"^lease1_[A-Za-z0-9_-]+", page("token.md"), re.M)
    assert begin is not None
    assert any(vector["token"].startswith(begin[0]) for vector in ALL)


def test_every_code_file_is_of_a_readable_size() -> None:
    for path in [*(SPECS / "vectors").rglob("*.py"), *(vectors.ROOT / "interop").glob("*.py")]:
        assert len(path.read_text(encoding="utf-8").splitlines()) < 400, path.name


def test_ids_in_vectors_are_lower_case_hex() -> None:
    for vector in READABLE:
        lease = Lease.parse(vector["token"])
        assert [len(block_id) for block_id in lease.block_ids] == [32] * len(vector["block_ids"])
