"""What most tests start from: fixed keys, the usual lease, the usual request, and a verdict as a tuple.

block 0   agt_1@2 may repo.read, repo.write.* on repo clord, at github, for 900 s        key k1 or e1
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
import wire

from attenuate import KeyRing, Lease, LeaseError, Malformed, Request, _engine, grant, one_of
from attenuate.block import ED25519, HMAC
from attenuate.clear import Rules
from attenuate.constraints import Constraint
from attenuate.grants import Grant
from attenuate.keys import Key

NOW = 1_800_000_000
SECRETS = {"hmac": b"hmac-key".ljust(32, b"!"), "ed25519": b"ed25519-seed".ljust(32, b"!")}
KEYS = {
    "hmac": Key(HMAC, secret=SECRETS["hmac"]),
    "ed25519": Key(ED25519, secret=SECRETS["ed25519"]),
}
KEY_IDS = {"hmac": "k1", "ed25519": "e1"}
ALGS = ("hmac", "ed25519")
RING = KeyRing({"k1": KEYS["hmac"], "e1": KEYS["ed25519"]})
RINGS = {alg: KeyRing({"k1": KEYS["hmac"], "e1": KEYS["ed25519"]}, KEY_IDS[alg]) for alg in ALGS}
APPROVERS = [Key(ED25519, secret=bytes([n]) * 32) for n in range(1, 6)]

ROOT: dict[Any, Any] = {
    0: b"root nonce 16 by",
    2: [["agt_1", 2]],
    3: ["github"],
    5: NOW + 900,
    6: [{0: ["repo.read", "repo.write.*"], 1: {"repo": [0, ["clord"]]}}],
    15: NOW,
}
"""The usual block 0 on the wire."""

FACTS = {"repo": "clord", "path": "src/a.py"}


def terms(**changes: Any) -> Any:
    """Return the terms of the usual block 0; a change of None leaves a term out."""
    out = {
        "run": "agt_1@2",
        "audience": "github",
        "ttl": "15m",
        "allow": [grant("repo.read", "repo.write.*", repo=one_of("clord"))],
    }
    return {name: value for name, value in {**out, **changes}.items() if value is not None}


def lease(alg: str = "hmac", **changes: Any) -> Lease:
    """Return the usual lease, minted at NOW."""
    return RINGS[alg].mint(now=NOW, **terms(**changes))


def root(alg: str = "hmac", **changes: Any) -> dict[Any, Any]:
    """Return the usual block 0 on the wire; changes are b4=… for key 4, None to leave a key out."""
    fields = {**ROOT, **{int(name[1:]): value for name, value in changes.items()}}
    return {key: value for key, value in fields.items() if value is not None}


def raw(*blocks: dict[Any, Any] | bytes, alg: str = "hmac", key_id: str | None = None) -> wire.Parts:
    """Return the token of blocks as they are on the wire, made by hand."""
    return wire.mint(blocks, {"hmac": 5, "ed25519": -19}[alg], key_id or KEY_IDS[alg], SECRETS[alg])


def approval(about: bytes, key: Key, *more: dict[Any, Any], **changes: Any) -> wire.Parts:
    """Return, by hand, the bearer of an approval of repo.read for the block of this id; changes as for `root`."""
    changed = {"b6": [{0: ["repo.read"]}], "b9": {"calls": 1}, "b14": about, **changes}
    return wire.mint([root(**changed), *more], -19, key.key_id, key.seed())


def ask(action: str = "repo.read", **changes: Any) -> Request:
    """Return the usual request."""
    out: dict[str, Any] = {"audience": "github", "run": "agt_1@2", "facts": FACTS, **changes}
    return Request(action, **out)


def text_of(token: Lease | wire.Parts | str) -> str:
    return token if isinstance(token, str) else token.token if isinstance(token, Lease) else token.text


def refusal(
    engine: Any,
    token: Lease | wire.Parts | str,
    request: Request | None = None,
    *,
    ring: KeyRing = RING,
    now: int = NOW + 1,
    rules: Rules = Rules(),
    cache: Any = None,
) -> LeaseError | None:
    """Return the error of a verification, None where it passes."""
    try:
        engine.verify(text_of(token), request or ask(), ring, now, rules, cache)
    except LeaseError as error:
        return error
    return None


def verdict(engine: Any, token: Lease | wire.Parts | str, *request: Request, **rest: Any) -> tuple[Any, ...]:
    """Return ("ok",) or (stage, code, block) of a verification."""
    error = refusal(engine, token, *request, **rest)
    return OK if error is None else (error.stage, error.code, error.block)


def malformed(work: Callable[[], Any], code: str = "facts") -> str:
    """Return what a refusal says, of work that must end in Malformed with this code."""
    with pytest.raises(Malformed) as caught:
        work()
    assert caught.value.code == code
    return str(caught.value)


def told(made: Constraint, value: Any) -> bool | None:
    """Return what a constraint tells of a value, as an allow and a deny see it: three values."""
    request = Request("x", audience="s", facts={"f": value})
    if Grant(["x"], {"f": made}).fits(request):
        return True
    return None if Grant(["x"], {"f": made}).denies(request) else False


def engine_named(name: str) -> ModuleType:
    """Return the module of an engine; skips the test where the kernel is missing."""
    if name == "native":
        pytest.importorskip("attenuate_kernel", reason="the native engine is missing")
    return importlib.import_module({"python": "attenuate.verify", "native": "attenuate.native"}[name])


@contextmanager
def using(name: str) -> Iterator[ModuleType]:
    """Let everything verify by this engine, whichever was chosen."""
    module = engine_named(name)
    names = {
        each: getattr(module, each) for each in ("ChainCache", "explain", "outcome", "verify", "verify_many")
    }
    made = getattr(module, "make_request", Request)
    with mock.patch.multiple(_engine, NAME=name, make_request=made, **names):
        yield module


@contextmanager
def without_proof() -> Iterator[None]:
    """Put in the fault that most controls need: a verifier whose last proof (V5) always holds.

    It is put into the Python engine, and that verifies meanwhile: a control shows what the tests can
    find, and not what an engine does. `engines.py --controls` puts the same into the kernel's source.
    """
    with using("python"), mock.patch("attenuate.verify._proves", return_value=True):
        yield


OK = ("ok",)


def forbidden(code: str, block: int | None = 0) -> tuple[Any, ...]:
    return "forbidden", code, block


def untrusted(code: str) -> tuple[Any, ...]:
    return "untrusted", code, None
