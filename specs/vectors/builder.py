"""What the cases are built with: bytes by hand, both chains, and nothing of the package.

Only the standard library is used, so these vectors check the package against a second reading of
the specification. Every key, nonce, seed and time is fixed.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from typing import Any, Final, NamedTuple, TypeAlias

import edwards

HMAC: Final = 5
ED25519: Final = -19
BOTH: Final = (HMAC, ED25519)
CHAINS: Final = {HMAC: "hmac", ED25519: "ed25519"}
NOW: Final = 1_800_000_000
Fields: TypeAlias = Mapping[int | str, Any]


class Raw(bytes):
    """Bytes that stand in an encoding as they are."""


def cbor(value: object) -> bytes:
    """Return the deterministic encoding of a value; what is Raw stays as it is."""
    if isinstance(value, Raw):
        return bytes(value)
    if value is None or isinstance(value, bool):
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        data = value.encode()
        return head(3, len(data)) + data
    if isinstance(value, (list, tuple)):
        return head(4, len(value)) + b"".join(map(cbor, value))
    assert isinstance(value, Mapping)
    pairs = sorted((cbor(key), cbor(member)) for key, member in value.items())
    return head(5, len(value)) + b"".join(key + member for key, member in pairs)


def head(major: int, n: int) -> bytes:
    """Return the shortest head."""
    for more, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if n < 24:
            return bytes((major << 5 | n,))
        if n < 256**size:
            return bytes((major << 5 | more,)) + n.to_bytes(size, "big")
    raise ValueError("no head is that long")


def text_of(data: bytes) -> str:
    """Return the text form of a token's bytes."""
    return "lease1_" + urlsafe_b64encode(data).rstrip(b"=").decode()


def secret(label: str) -> bytes:
    """Return the 32 bytes that a label stands for in all vectors."""
    return sha256(b"attenuate vectors: " + label.encode()).digest()


sign = cache(edwards.sign)
public_of = cache(edwards.public_of)
K1: Final = secret("k1")
E1: Final = secret("e1")
APPROVERS: Final = tuple(secret(f"approver {n}") for n in range(3))
RING: Final = (("k1", HMAC, K1), ("e1", ED25519, public_of(E1)))
BINDING: Final = secret("binding")
USE_NONCE: Final = secret("use nonce")[:16]

ALLOW: Final[list[dict[int, Any]]] = [
    {0: ["repo.read", "repo.write.*"], 1: {"repo": [0, ["clord"]]}},
    {0: ["pull_request.create"]},
]
BASE: Final[Fields] = {2: [["agt_1", 2]], 3: ["github"], 5: NOW + 900, 6: ALLOW, 15: NOW}
"""Block 0 of nearly every case: fifteen minutes for agt_1@2 at github."""


@dataclass(frozen=True)
class Lease:
    """A chain and what proves it; `replace` makes the dishonest ones."""

    alg: int
    header: bytes
    blocks: tuple[bytes, ...] = ()
    sigs: tuple[bytes, ...] = ()
    secret: bytes = b""
    root: bytes = b""
    seeds: tuple[bytes, ...] = ()

    @property
    def hashes(self) -> list[bytes]:
        """h[0] to h[n]."""
        h, out = sha256(b"attenuate/1 header\0" + self.header).digest(), []
        for block in self.blocks:
            h = sha256(b"attenuate/1 block\0" + h + block).digest()
            out.append(h)
        return out

    @property
    def ids(self) -> list[str]:
        """The block ids in hex."""
        return [h[:16].hex() for h in self.hashes]

    def add(self, fields: Fields | bytes | None = None, seed: bytes | None = None) -> Lease:
        """Return the chain with one more block: fields, or its bytes."""
        index = len(self.blocks)
        seed = seed or secret(f"next {index}")
        if not isinstance(fields, bytes):
            own: dict[int | str, Any] = {0: secret(f"nonce {index}")[: 8 if index else 16]}
            if self.alg == ED25519:
                own[1] = public_of(seed)
            fields = cbor({k: v for k, v in {**own, **(fields or {})}.items() if v is not ...})
        after = replace(self, blocks=(*self.blocks, fields))
        message = b"attenuate/1 link\0" + after.hashes[-1]
        if self.alg == HMAC:
            return replace(after, secret=hmac.digest(self.secret, message, "sha256"))
        signed = (*self.sigs, sign(self.secret, message))
        return replace(after, sigs=signed, secret=seed, seeds=(*self.seeds, seed))

    def authenticate(self, message: bytes) -> bytes:
        """Return the tag over a message by what the last block left."""
        if self.alg == HMAC:
            return hmac.digest(self.secret, message, "sha256")
        return sign(self.secret, message)

    def seal(self) -> list[Any]:
        """Return the sealed proof."""
        return [1, self.authenticate(b"attenuate/1 seal\0" + self.hashes[-1])]

    def use(self, binding: bytes = BINDING, iat: int = NOW, nonce: bytes = USE_NONCE) -> list[Any]:
        """Return the bound proof."""
        message = self.hashes[-1] + iat.to_bytes(8, "big") + nonce + binding
        return [2, iat, nonce, binding, self.authenticate(b"attenuate/1 use\0" + message)]

    def frame(self, proof: object = None) -> list[Any]:
        """Return the four parts of the token; a bearer's without another proof."""
        return [self.header, list(self.blocks), list(self.sigs), proof or [0, self.secret]]

    def text(self, proof: object = None) -> str:
        """Return the token."""
        return text_of(cbor(self.frame(proof)))


def empty(alg: int, key_id: str | None = None, root: bytes | None = None) -> Lease:
    """Return a chain without a block, under k1 or e1."""
    root = root or (K1 if alg == HMAC else E1)
    key_id = key_id or ("k1" if alg == HMAC else "e1")
    return Lease(alg, cbor([1, alg, key_id]), secret=root, root=root)


def mint(alg: int, fields: Fields | None = None) -> Lease:
    """Return a chain of block 0: BASE with changes; a value of `...` leaves a key out."""
    return empty(alg).add({**BASE, **(fields or {})})


class Case(NamedTuple):
    """One scenario, before its name and expectation."""

    token: str
    request: dict[str, Any]
    now: int
    ring: tuple[tuple[str, int, bytes], ...]
    options: dict[str, int]
    block_ids: list[str]
    seeds: dict[str, Any]


def ask(
    lease: Lease | str,
    proof: object = None,
    *,
    approvals: tuple[str, ...] = (),
    now: int = NOW,
    ring: tuple[tuple[str, int, bytes], ...] = RING,
    options: dict[str, int] | None = None,
    **request: Any,
) -> Case:
    """Return the case of a token and a request: `repo.read` by agt_1@2 at github, with changes."""
    asked: dict[str, Any] = {
        "run": [["agt_1", 2]],
        "audience": "github",
        "action": "repo.read",
        "facts": {"repo": "clord"},
        **request,
    }
    if isinstance(lease, str):
        return Case("~".join((lease, *approvals)), asked, now, ring, options or {}, [], {})
    seeds: dict[str, Any] = {}
    if lease.alg == ED25519:
        seeds = {"root": lease.root.hex(), "next": [seed.hex() for seed in lease.seeds]}
    token = "~".join((lease.text(proof), *approvals))
    return Case(token, asked, now, ring, options or {}, lease.ids, seeds)


class Entry(NamedTuple):
    """A registered case. expect: "ok", or stage, code and block as in "forbidden run 0"."""

    make: Callable[[int], Case]
    alg: int
    expect: str


CASES: Final[dict[str, Entry]] = {}


def vector(
    expect: str, *algs: int, name: str = ""
) -> Callable[[Callable[[int], Case]], Callable[[int], Case]]:
    """Register a function as the maker of one vector, or of one for each chain where two are given."""

    def register(make: Callable[[int], Case]) -> Callable[[int], Case]:
        plain = name or make.__name__.strip("_").replace("_", "-")
        for alg in algs or (HMAC,):
            full = f"{CHAINS[alg]}-{plain}" if len(algs) > 1 else plain
            assert full not in CASES, full
            CASES[full] = Entry(make, alg, expect)
        return make

    return register
