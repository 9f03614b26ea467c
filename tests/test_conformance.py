"""The conformance executable as a process: every vector, every op, and lines that are wrong."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from hashlib import sha256
from types import ModuleType
from typing import Any

import pytest
import vectors
from vectors import Vector

from attenuate import Lease
from attenuate.keys import Key
from attenuate.token import BOUND_PROOF, read_token

ALL = vectors.load()
PROGRAM = vectors.ROOT / "interop" / "conformance.py"
LATER = {"nonce": "00" * 8}


def run(text: bytes, engine: str = "python") -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "ATTENUATE_ENGINE": engine}
    command = [sys.executable, str(PROGRAM)]
    return subprocess.run(command, input=text, capture_output=True, env=environment, timeout=300)


def ask(*lines: Any, engine: ModuleType) -> list[Any]:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = run(text.encode(), engine.NAME)
    assert done.returncode == 0, done.stderr.decode()
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(lines)
    return answers


def malformed(code: str) -> Vector:
    return {"ok": False, "stage": "malformed", "code": code}


# --- verify ---------------------------------------------------------------------------------------
def test_every_vector(engine: ModuleType) -> None:
    lines = [{"op": "verify", **{k: v for k, v in vector.items() if k != "path"}} for vector in ALL]
    for vector, result in zip(ALL, ask(*lines, engine=engine), strict=True):
        charges = result.pop("charges", None)
        want = vectors.expected(vector)
        assert result == want, vector["name"]
        assert (charges is not None) is vector["expect"]["ok"]


def test_charges_are_data(engine: ModuleType) -> None:
    vector = next(v for v in ALL if v["name"] == "budget-cost-stated")
    (result,) = ask({"op": "verify", **{k: v for k, v in vector.items() if k != "path"}}, engine=engine)
    (block_id,) = result["block_ids"]
    end = vector["now"] + 900
    budgets = [charge for charge in result["charges"] if charge["kind"] == "budget"]
    assert budgets == [
        {"kind": "budget", "key": ["budget", block_id, "usd"], "amount": 0, "ceiling": 100, "until": end},
        {"kind": "budget", "key": ["budget", block_id, "calls"], "amount": 1, "ceiling": 0, "until": end},
    ]
    assert {"revoked", "attempt"} <= {charge["kind"] for charge in result["charges"]}


# --- mint, narrow, seal, present: the same input gives the vectors' own bytes --------------------------
NOT_MINTED = {
    "unknown-value-of-any-shape": "its JSON form shows bytes and integer keys and cannot be read back",
}


def honest(vector: Vector) -> bool:
    """Say whether a vector's token is authentic and its key at hand, so that it can be made again."""
    if vector["expect"].get("stage", "forbidden") != "forbidden" or vector["name"] in NOT_MINTED:
        return False
    token = read_token(vector["token"].split("~")[0])
    if token.alg == -19:
        seeds = vector["seeds"]
        return bool(seeds) and len(seeds["next"]) == len(token.blocks) and "curve" not in vector["name"]
    return secret_of(vector, token.key_id) is not None and "refused-before" not in vector["name"]


def secret_of(vector: Vector, key_id: str) -> str | None:
    """Return the hmac key of a key id in hex, derived from its root where the ring has that."""
    keys = {row["id"]: row["key"] for row in vector["keys"] if row["alg"] == 5}
    root, slash, audience = key_id.partition("/")
    if key_id not in keys and slash and root in keys:
        key = Key(5, secret=bytes.fromhex(keys[root])).for_audience(audience)
        return key.material.hex()
    return keys.get(key_id)


HONEST = [vector for vector in ALL if honest(vector)]


def test_vectors_are_minted_again(engine: ModuleType) -> None:
    texts = [vector["token"].split("~")[0] for vector in HONEST]
    looked = ask(*({"op": "inspect", "token": text} for text in texts), engine=engine)
    for blocks in looked:
        for block in blocks["blocks"]:
            block.pop("next_key", None)
    mints: list[Any] = []
    for vector, seen in zip(HONEST, looked, strict=True):
        key = vector["seeds"].get("root") or secret_of(vector, seen["key_id"])
        seeds = vector["seeds"].get("next", [])
        named = {"alg": seen["alg"], "key_id": seen["key_id"], "key": key}
        mints.append({"op": "mint", **named, "blocks": seen["blocks"], "seeds": seeds})
    made = ask(*mints, engine=engine)
    assert made == ask(*mints, engine=engine)

    ends: list[Any] = []
    for text, new in zip(texts, made, strict=True):
        proof = read_token(text).proof
        op = {"op": ("inspect", "seal", "present")[proof.kind], "token": new["token"]}
        if proof.kind == BOUND_PROOF:
            op |= {"iat": proof.iat, "nonce": proof.nonce.hex(), "binding": proof.binding.hex()}
        ends.append(op)
    finished = ask(*ends, engine=engine)
    kinds = set()
    for vector, text, new, seen, end in zip(HONEST, texts, made, looked, finished, strict=True):
        again = new["token"] if seen["proof"] == "bearer" else end["token"]
        assert again == text, vector["name"]
        kinds.add((seen["alg"], seen["proof"]))
    assert len(kinds) == 6  # both chains, all proofs
    assert len(HONEST) > 200


def test_narrowing_is_minting_one_block_more(engine: ModuleType) -> None:
    lines, whole = [], []
    for vector in HONEST:
        lease = Lease.parse(vector["token"].split("~")[0])
        if lease.proof != "bearer" or len(lease.unverified_blocks) < 2:
            continue
        key = vector["seeds"].get("root") or secret_of(vector, lease.key_id)
        seeds = vector["seeds"].get("next", [])
        blocks = ask({"op": "inspect", "token": lease.token}, engine=engine)[0]["blocks"]
        for block in blocks:
            block.pop("next_key", None)
        named = {"op": "mint", "alg": lease.alg, "key_id": lease.key_id, "key": key}
        lines.append(({**named, "blocks": blocks[:-1], "seeds": seeds[:-1]}, blocks[-1], seeds[-1:]))
        whole.append(lease.token)
        if len(whole) == 12:
            break
    parents = ask(*(line for line, _, _ in lines), engine=engine)
    narrowed = [
        {"op": "narrow", "token": parent["token"], "block": block, **({"seed": seed[0]} if seed else {})}
        for parent, (_, block, seed) in zip(parents, lines, strict=True)
    ]
    assert [each["token"] for each in ask(*narrowed, engine=engine)] == whole


def test_what_is_not_bearer_is_not_narrowed(engine: ModuleType) -> None:
    tokens = [
        next(v["token"] for v in ALL if v["name"] == name)
        for name in ("hmac-proof-sealed", "hmac-proof-bound")
    ]
    use = {"iat": 1, "nonce": "00" * 16, "binding": "00" * 32}
    lines = [
        {"op": op, "token": token, "block": LATER, **use}
        for token in tokens
        for op in ("narrow", "seal", "present")
    ]
    refused = {"ok": False, "stage": "forbidden", "code": "structure"}
    assert ask(*lines, engine=engine) == [refused] * 6


def test_approvals_travel_along(engine: ModuleType) -> None:
    token = next(v["token"] for v in ALL if v["name"] == "hmac-approved")
    sealed, looked = ask({"op": "seal", "token": token}, {"op": "inspect", "token": token}, engine=engine)
    assert sealed["token"].split("~")[1:] == token.split("~")[1:]
    assert looked["proof"] == "bearer"
    assert len(looked["blocks"]) == 1


def test_what_nobody_could_read_is_not_minted(engine: ModuleType) -> None:
    token = next(v["token"] for v in ALL if v["name"] == "hmac-size-16-blocks")
    root = {"op": "mint", "alg": 5, "key": "00" * 32, "key_id": "k1"}
    good = {"nonce": "00" * 16}
    lines = [
        {"op": "narrow", "token": token, "block": LATER},
        {**root, "blocks": [{"nonce": "00"}]},
        {**root, "blocks": [{**good, "budget": {}}]},
        {**root, "blocks": [{**good, "expires": 1.0}]},
        {**root, "blocks": [{**good, "what": 1}]},
        {**root, "blocks": [{**good, "notes": {"n": "x" * 5000}}]},
        {**root, "blocks": [good], "key_id": ""},
        {**root, "blocks": [good], "key_id": "k" * 200},
        {**root, "blocks": [good], "key_id": "k\u00e9"},
        {**root, "blocks": []},
    ]
    for result in ask(*lines, engine=engine):
        assert (result["ok"], result["stage"]) == (False, "malformed")


# --- keys, bindings, facts ------------------------------------------------------------------------
def test_audience_key_is_that_of_the_vectors(engine: ModuleType) -> None:
    vector = next(v for v in ALL if v["name"] == "hmac-one-block")
    keys = {row["id"]: row["key"] for row in vector["keys"]}
    (result,) = ask({"op": "audience_key", "key": keys["k1"], "audience": "github"}, engine=engine)
    assert result == {"key": keys["k1/github"]}


def test_bindings_are_those_of_the_specification(engine: ModuleType) -> None:
    """Worked out by hand: the CBOR of the texts and a digest, after the label."""
    args = b'{"a":1,"b":[1.5,true,null],"\xc3\xa9":"\\u001f"}'
    call = b"\x84\x66github\x6bagt_1@2/r@1\x69repo.read\x58\x20" + sha256(args).digest()
    http = b"\x87\x66github\x67agt_1@2\x63GET\x65https\x61a\x61/\x58\x20" + sha256(b"").digest()
    spelled = {"\u00e9": "\x1f", "b": [1.50, True, None], "a": 1.0}
    run = [["agt_1", 2], ["r", 1]]
    first = {"op": "call_binding", "audience": "github", "action": "repo.read", "args": spelled}
    second = {
        "op": "http_binding",
        "audience": "github",
        "run": "agt_1@2",
        "method": "GET",
        "scheme": "https",
    }
    second |= {"authority": "a", "target": "/"}
    lines = [{**first, "run": "agt_1@2/r@1"}, {**first, "run": run}, second, {**second, "body": ""}]
    results = [result["binding"] for result in ask(*lines, engine=engine)]
    assert results[0] == results[1] == sha256(b"attenuate/1 call\0" + call).hexdigest()
    assert results[2] == results[3] == sha256(b"attenuate/1 http\0" + http).hexdigest()


FLAT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"a": 1.0, "b": -0.0, "c": 1e2, "d": 2**53 - 1}, {"a": 1, "b": 0, "c": 100, "d": 2**53 - 1}),
    ({"a": 1.5, "b": 2**53, "c": 1e20, "d": {}}, {"a": None, "b": None, "c": None, "d": None}),
    ({"a": None, "b": 1}, {"b": 1}),
    ({"o": {"p": {"q": "x"}, "r": True}}, {"o.p.q": "x", "o.r": True}),
    ({"o": {"a.b": 1, "c": 2}, "p": {"": 1}}, {"o": None, "p": None}),
    ({"l": [1, "a", None, 1.5]}, {"l": [1, "a", None, None]}),
    (
        {"l": [], "m": [[1]], "n": [{"a": 1}, 2], "o": [{"a": 1}, None]},
        {"l": [], "m": None, "n": None, "o": None},
    ),
    ({"e": [{"name": "a"}, {"id": 1}]}, {"e.name": ["a", None], "e.id": [None, 1]}),
    ({"e": [{"o": {"x": 1}}, {"o": {"y": 2}}]}, {"e.o.x": [1, None], "e.o.y": [None, 2]}),
    ({"e": [{"name": "a", "tags": ["x"]}]}, {"e": None}),
    ({"e": [{"name": "a"}, {}, {"name": None}]}, {"e.name": ["a", None, None]}),
    ({"e": [{}, {"a": None}], "o": {"a": None}}, {"e": None}),
    ({"e": [{"name": "a"}, {"a.b": 1}]}, {"e": None}),
    ({"l": list(range(256)), "m": list(range(257))}, {"l": list(range(256)), "m": None}),
]


def test_flatten(engine: ModuleType) -> None:
    results = ask(*({"op": "flatten", "args": args} for args, _ in FLAT), engine=engine)
    for (args, want), result in zip(FLAT, results, strict=True):
        assert result == {"facts": {f"args.{name}": fact for name, fact in want.items()}}, args
    whole = ask(
        {"op": "flatten", "args": {"": 1}}, {"op": "flatten", "args": {"a.b": 1, "c": 2}}, engine=engine
    )
    assert whole == [{"facts": {"args": None}}] * 2


# --- lines that are wrong -------------------------------------------------------------------------
def test_a_key_twice_is_malformed(engine: ModuleType) -> None:
    lines = (
        b'{"op":"flatten","args":{"a":1,"a":2}}\n{"op":"flatten","op":"mint","args":{}}\n'
        b'{"op":"call_binding","audience":"a","run":"r@1","action":"x","args":[{"b":{"c":1,"c":1}}]}\n'
    )
    done = run(lines, engine.NAME)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [malformed("facts")] * 3


def test_what_is_json_gets_an_answer(engine: ModuleType) -> None:
    lines = (
        b'5\nnull\n[]\n"op"\n{}\n{"op":5}\n{"op":"none"}\n{"op":["flatten"]}\n{"op":"flatten","args":{"a":NaN}}\n'
        b'{"op":"flatten","args":{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}}\n"
        b'{"op":"audience_key","key":"' + b"00" * 32 + b'","audience":"\\ud800"}\n'
        b'{"op":"call_binding","audience":"a","run":"r@1","action":"x","args":' + b"9" * 9_000 + b"}\n"
    )
    done = run(lines, engine.NAME)
    assert done.returncode == 0, done.stderr.decode()
    assert [json.loads(line) for line in done.stdout.splitlines()] == [malformed("facts")] * 12


JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    2**70,
    1.5,
    "",
    "\ud800",
    "00",
    "00" * 32,
    [],
    [1],
    {},
    {"a": 1},
    [[["r", 1]]],
)


def test_any_member_may_be_junk(engine: ModuleType) -> None:
    """Each member of each op, at any depth, exchanged for values of every type: always an answer."""
    token = next(v for v in ALL if v["name"] == "hmac-proof-bearer")
    text = {"audience": "a", "run": "r@1", "action": "x", "args": {"a": 1}}
    good: list[dict[str, Any]] = [
        {
            "op": "verify",
            "options": {"max_lifetime": 900, "leeway": 1},
            **{k: token[k] for k in ("token", "keys", "now")},
        },
        {"op": "mint", "alg": -19, "key_id": "e1", "key": "00" * 32, "blocks": [LATER], "seeds": ["01" * 32]},
        {
            "op": "narrow",
            "token": token["token"],
            "block": {**LATER, "where": {"x": {"one_of": [1]}}},
            "seed": "00" * 32,
        },
        {"op": "seal", "token": token["token"]},
        {"op": "present", "token": token["token"], "iat": 1, "nonce": "00" * 16, "binding": "00" * 32},
        {"op": "inspect", "token": token["token"]},
        {"op": "audience_key", "key": "00" * 32, "audience": "a"},
        {"op": "call_binding", **text},
        {
            "op": "http_binding",
            **text,
            "method": "GET",
            "scheme": "s",
            "authority": "a",
            "target": "/",
            "body": "00",
        },
        {"op": "flatten", "args": {"a": [{"b": 1}]}},
    ]
    request = {**token["request"], "cost": {"usd": 1}, "binding": "00" * 32}
    good[0]["request"] = request
    lines = [line for each in good for line in damaged(each)]
    assert len(lines) > 1_000
    for line, result in zip(lines, ask(*lines, engine=engine), strict=True):
        assert result.get("ok", True) in (True, False), line


def damaged(value: Any) -> list[Any]:
    """Return a JSON value with one part exchanged for each piece of junk, or left out."""
    out: list[Any] = []
    if isinstance(value, dict):
        for name, member in value.items():
            rest = {k: v for k, v in value.items() if k != name}
            out.append(rest)
            if name != "op":
                out += [{**rest, name: junk} for junk in itertools.chain(JUNK, damaged(member))]
    elif isinstance(value, list):
        for place, member in enumerate(value):
            changed = itertools.chain(JUNK, damaged(member))
            out += [[*value[:place], junk, *value[place + 1 :]] for junk in changed]
    return out


@pytest.mark.parametrize("line", [b"not json", b"{", b"", b'{"op":"flatten"}{}', b"\xff", b"\xef\xbb\xbf{}"])
def test_what_is_no_json_ends_the_process(engine: ModuleType, line: bytes) -> None:
    good = b'{"op":"flatten","args":{}}\n'
    done = run(good + line + b"\n" + good, engine.NAME)
    assert done.returncode != 0
    assert done.stdout.splitlines() == [b'{"facts": {}}']  # what came before was answered


def test_a_missing_engine_is_an_error() -> None:
    done = run(b'{"op":"flatten","args":{}}\n', engine="abacus")
    assert done.returncode != 0
    assert done.stdout == b""


def test_each_answer_is_written_at_once(engine: ModuleType) -> None:
    environment = {**os.environ, "ATTENUATE_ENGINE": engine.NAME}
    command = [sys.executable, str(PROGRAM)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(3):
            process.stdin.write(b'{"op":"flatten","args":{}}\n')
            process.stdin.flush()
            assert process.stdout.readline() == b'{"facts": {}}\n'
        process.stdin.close()
    assert process.returncode == 0
