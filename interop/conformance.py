"""The conformance executable: one JSON object a line in, one answer a line out.

    ATTENUATE_ENGINE=python python interop/conformance.py < lines

ops: verify, mint, narrow, seal, present, inspect, audience_key, call_binding, http_binding, flatten.
What cannot be done is an answer too: {"ok": false, "stage": …, "code": …}. Only a line that is no
JSON ends the process, and so does an engine that is missing. specs/vectors/README.md has the form of
keys, requests and options; bytes are lower-case hex.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

if importlib.util.find_spec("attenuate") is None:  # not installed: the checkout that this file is in
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from attenuate import (
    Forbidden,
    KeyRing,
    Lease,
    LeaseError,
    Malformed,
    Verifier,
    _engine,
    call_binding,
    flatten,
    http_binding,
)
from attenuate.block import ED25519, HMAC, Fields
from attenuate.blockjson import block_to_json, fields_from_json
from attenuate.chain import extend, seal, start, use
from attenuate.jcs import load_json
from attenuate.keys import Key
from attenuate.limits import INT_MAX
from attenuate.request import OPAQUE
from attenuate.token import BEARER, Token, read_token, split, write_token


class BadInput(Exception):
    """A member of a line is missing or of another type."""


def get(members: dict[str, Any], name: str, kind: type) -> Any:
    """Return a member that must be there and of this type."""
    value = members.get(name)
    if type(value) is not kind:
        raise BadInput(name)
    return value


def known(members: dict[str, Any], *names: str) -> None:
    """Refuse a member whose name says nothing here: what is not understood is not done."""
    if not set(members) <= set(names):
        raise BadInput(", ".join(sorted(set(members) - set(names))))


def data(members: dict[str, Any], name: str, size: int | None = None) -> bytes:
    """Return a member in hex as bytes, of this size where one is asked for."""
    text = get(members, name, str)
    try:
        value = bytes.fromhex(text)
    except ValueError:
        raise BadInput(name) from None
    if value.hex() != text or (size is not None and len(value) != size):
        raise BadInput(name)
    return value


# --- verify ---------------------------------------------------------------------------------------
def make_key(alg: object, material: bytes) -> Key:
    """Return the key of a ring: the secret for hmac, the public key for ed25519."""
    if type(alg) is not int or alg not in (HMAC, ED25519):
        raise BadInput("alg")
    return Key(HMAC, secret=material) if alg == HMAC else Key(ED25519, public=material)


def make_ring(rows: list[Any]) -> KeyRing:
    """Return the ring of a list of id, alg and key."""
    keys: dict[str, Key] = {}
    for row in rows:
        if type(row) is not dict or row.get("id") in keys:
            raise BadInput("keys")
        keys[get(row, "id", str)] = make_key(row.get("alg"), data(row, "key", 32))
    return KeyRing(keys)


def verify(line: dict[str, Any]) -> dict[str, Any]:
    """Verify a token for a request: block ids and charges, or the refusal."""
    asked = get(line, "request", dict)
    given = {} if line.get("options") is None else get(line, "options", dict)
    options = {name: value for name, value in given.items() if value is not None}
    known(asked, "run", "audience", "action", "facts", "cost", "binding")
    known(options, "max_lifetime", "leeway")
    for name in options:
        get(options, name, int)
    verifier = Verifier(
        make_ring(get(line, "keys", list)),
        audience=get(asked, "audience", str),
        allow_unstated_run=True,
        cache=0,
        **options,
    )
    run = asked.get("run")
    if run is not None and not (type(run) is list and all(type(segment) is list for segment in run)):
        raise BadInput("run")
    verified = verifier.verify(
        get(line, "token", str),
        action=get(asked, "action", str),
        run=run,
        facts=asked.get("facts"),
        cost=asked.get("cost"),
        binding=None if asked.get("binding") is None else data(asked, "binding", 32),
        now=get(line, "now", int),
    )
    charges = [charge.to_json() for charge in verified.charges]
    return {"ok": True, "block_ids": list(verified.block_ids), "charges": charges}


# --- mint, narrow, seal, present, inspect ---------------------------------------------------------
def fields(block: object) -> Fields:
    """Return the fields of a block in JSON; what is none is malformed, as its bytes would be."""
    try:
        return fields_from_json(block)
    except ValueError as fault:
        raise Malformed("shape", str(fault)) from None


def appended(make: Callable[[], Token]) -> Token:
    """Return a token with a block appended; a block that nobody could read is malformed."""
    try:
        return make()
    except (ValueError, TypeError) as fault:
        cause = fault.__context__
        raise cause if isinstance(cause, Malformed) else Malformed("shape", str(fault)) from None


def told(token: Token, approvals: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a token's text, after reading it back as anybody would."""
    text = "~".join((write_token(token), *approvals))
    Lease.parse(text)
    return {"token": text}


def seeds_for(line: dict[str, Any], alg: int, count: int) -> list[bytes]:
    """Return the seeds of the blocks' next keys; the hmac chain has none and looks at none."""
    if alg == HMAC:
        return [b""] * count
    seeds = get(line, "seeds", list)
    if len(seeds) != count:
        raise BadInput("seeds")
    return [data({"seeds": seed}, "seeds", 32) for seed in seeds]


def mint(line: dict[str, Any]) -> dict[str, Any]:
    """Mint a bearer token; the key is the secret, or the signing key's seed."""
    alg = line.get("alg")
    blocks = get(line, "blocks", list)
    if type(alg) is not int or alg not in (HMAC, ED25519) or not blocks:
        raise BadInput("alg, blocks")
    key, key_id = Key(alg, secret=data(line, "key", 32)), get(line, "key_id", str)
    seeds = seeds_for(line, alg, len(blocks))
    first = fields(blocks[0])
    token = appended(lambda: start(key, key_id, first, seeds[0]))
    for block, seed in zip(blocks[1:], seeds[1:], strict=True):
        token = _extended(token, block, seed)
    return told(token)


def _extended(token: Token, block: object, seed: bytes) -> Token:
    more = fields(block)
    return appended(lambda: extend(token, more, seed))


def held(line: dict[str, Any]) -> tuple[Token, tuple[str, ...]]:
    """Return the token of a line and its approvals."""
    first, approvals = split(get(line, "token", str))
    for approval in approvals:
        read_token(approval)
    return read_token(first), approvals


def narrow(line: dict[str, Any]) -> dict[str, Any]:
    """Append a block."""
    token, approvals = held(line)
    if token.proof.kind != BEARER:  # whatever the block is
        raise Forbidden("structure")
    seed = seeds_for({"seeds": [line.get("seed")]}, token.alg, 1)[0]
    return told(_extended(token, line.get("block"), seed), approvals)


def sealed(line: dict[str, Any]) -> dict[str, Any]:
    """Seal a token."""
    token, approvals = held(line)
    return told(seal(token), approvals)


def present(line: dict[str, Any]) -> dict[str, Any]:
    """Bind a token to one call."""
    token, approvals = held(line)
    iat = get(line, "iat", int)
    if not 0 <= iat <= INT_MAX:
        raise BadInput("iat")
    return told(use(token, iat, data(line, "nonce", 16), data(line, "binding", 32)), approvals)


def inspect(line: dict[str, Any]) -> dict[str, Any]:
    """Say what a token says, unverified."""
    lease = Lease.parse(get(line, "token", str))
    return {
        "alg": lease.alg,
        "key_id": lease.key_id,
        "blocks": [block_to_json(block) for block in lease.unverified_blocks],
        "block_ids": list(lease.block_ids),
        "proof": lease.proof,
    }


# --- keys, bindings, facts ------------------------------------------------------------------------
def audience_key(line: dict[str, Any]) -> dict[str, Any]:
    """Derive the key of one service."""
    key = Key(HMAC, secret=data(line, "key", 32))
    return {"key": key.for_audience(get(line, "audience", str)).material.hex()}


def _run(line: dict[str, Any]) -> Any:
    run = line.get("run")
    if type(run) is list and all(type(segment) is list for segment in run):
        return run
    return get(line, "run", str)


def bind_call(line: dict[str, Any]) -> dict[str, Any]:
    """Bind to a tool call."""
    if "args" not in line:
        raise BadInput("args")
    binding = call_binding(get(line, "audience", str), _run(line), get(line, "action", str), line["args"])
    return {"binding": binding.hex()}


def bind_http(line: dict[str, Any]) -> dict[str, Any]:
    """Bind to an HTTP request."""
    binding = http_binding(
        get(line, "audience", str),
        _run(line),
        get(line, "method", str),
        get(line, "scheme", str),
        get(line, "authority", str),
        get(line, "target", str),
        b"" if line.get("body") is None else data(line, "body"),
    )
    return {"binding": binding.hex()}


def facts(line: dict[str, Any]) -> dict[str, Any]:
    """Flatten a tool's arguments."""
    found = flatten(get(line, "args", dict))
    return {"facts": {name: _plain(fact) for name, fact in found.items()}}


def _plain(fact: object) -> object:
    if isinstance(fact, tuple):
        return [_plain(element) for element in fact]
    return None if fact is OPAQUE else fact


OPS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "verify": verify,
    "mint": mint,
    "narrow": narrow,
    "seal": sealed,
    "present": present,
    "inspect": inspect,
    "audience_key": audience_key,
    "call_binding": bind_call,
    "http_binding": bind_http,
    "flatten": facts,
}


def answer(text: str) -> dict[str, Any]:
    """Return the answer to one line; raises json.JSONDecodeError for what is no JSON."""
    try:
        line = load_json(text)
        name = line.get("op") if isinstance(line, dict) else None
        if not isinstance(name, str) or name not in OPS:
            raise BadInput("op")
        return OPS[name](line)
    except LeaseError as error:
        block = {} if error.block is None else {"block": error.block}
        return {"ok": False, "stage": error.stage, "code": error.code, **block}
    except json.JSONDecodeError:
        raise
    except (BadInput, ValueError, TypeError, RecursionError):
        return {"ok": False, "stage": "malformed", "code": "facts"}


def main() -> int:
    """Answer each line of standard input; return the exit code."""
    try:
        _engine.require()
    except ImportError as missing:
        print(missing, file=sys.stderr)
        return 2
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            result = answer(line.decode("utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError):
            print(f"line {number} is not JSON", file=sys.stderr)
            return 1
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
