"""What a verification found: authentic chains, their proofs, and what was asked."""

from __future__ import annotations

from typing import NamedTuple

from .block import Block
from .request import Request, Run
from .token import Proof


class Chain(NamedTuple):
    """An authentic chain: what was checked, without any secret.

    hashes: h[0] to h[n]. fingerprint: of the key it is authentic under. weight: bytes of its
    blocks and signatures.
    """

    alg: int
    key_id: str
    blocks: tuple[Block, ...]
    hashes: tuple[bytes, ...]
    fingerprint: bytes
    weight: int

    def __repr__(self) -> str:
        return f"Chain({self.key_id!r}, {len(self.blocks)} blocks)"


class Evidence(NamedTuple):
    """What a verification found: the chain, its proof, the approvals that counted, and what was asked.

    run: the one that was checked. leeway: seconds, as the verifier was set to.
    """

    chain: Chain
    proof: Proof
    approved: tuple[tuple[Chain, Proof], ...]
    request: Request
    run: Run
    leeway: int

    def __repr__(self) -> str:
        return f"Evidence({self.chain!r})"
