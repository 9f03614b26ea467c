"""The charges of a request (V9): counters to move, all or none, before anything is granted.

Most of them are the same for every request under one chain and run, so these are worked out once,
as a `Plan`; what a request adds is its cost, its action and the nonce of its proof. The table is in
specs/verify.md, what a store does with it in specs/state.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import cbor2

from . import codec, limits
from .block import BUDGET, EXPIRES, FINAL, ISSUED_AT, NOTES, RUN, Block
from .chain import ID_SIZE
from .evidence import Chain
from .grants import matches
from .request import Run, run_text
from .token import BOUND_PROOF, Proof


class Charge(NamedTuple):
    """One counter to move or to look at; a batch of them applies wholly or not at all.

    kind: "budget", "final", "attempt", "replay" or "revoked". key: deterministic CBOR of
    [kind, …], so no two questions share a counter. amount: what is added, 0 to look only. ceiling:
    the most that the counter may be afterwards. until: seconds since 1970 after which no lease can
    ask for this counter again, 2^53-1 where one always can; a store keeps the latest that it was told.

    For an attempt the counter is a register: `amount` is the attempt, refused where the register
    is above it, and `raises` says whether an authentic block stated it, so that it raises the
    register. For a revocation, `issued_at` is what "issued before T" is compared with.
    """

    kind: str
    key: bytes
    amount: int
    ceiling: int
    until: int
    raises: bool = False
    issued_at: int = 0

    def to_json(self) -> dict[str, object]:
        """Return the charge as JSON data; the key as its parts, bytes in hex."""
        parts = [part.hex() if isinstance(part, bytes) else part for part in parts_of(self.key)]
        out: dict[str, object] = {"kind": self.kind, "key": parts, "amount": self.amount}
        out["ceiling"], out["until"] = self.ceiling, self.until
        if self.kind == "attempt":
            out["raises"] = self.raises
        if self.kind == "revoked":
            out["issued_at"] = self.issued_at
        return out


def parts_of(key: bytes) -> list[Any]:
    """Return what a counter's key is made of: its kind, then what it counts."""
    value = codec.decode(key)
    return value if isinstance(value, list) else [value]


class Priced(Protocol):
    """What charges look at in a request."""

    @property
    def action(self) -> str:
        """The action that is asked for."""

    @property
    def cost(self) -> Mapping[str, int]:
        """What it costs, by unit."""


def key_of(*parts: object) -> bytes:
    """Return a counter's key, [kind, …]; without maps in it, what cbor2 writes is deterministic (RFC 8949 section 4.2.1)."""
    return cbor2.dumps(parts)


class Budget(NamedTuple):
    """One unit of one block's budget: its counter, the block, and what the block allows in all."""

    key: bytes
    block: int
    unit: str
    limit: int
    until: int


class Final(NamedTuple):
    """One block whose first action that matches ends the lease."""

    key: bytes
    block: int
    patterns: tuple[str, ...]
    until: int


class Plan(NamedTuple):
    """What every request under one authentic chain and one run is charged.

    tip: h[n]. attempts, revoked: charges as they are. ends: when the chain has expired, leeway included.
    """

    tip: bytes
    budgets: tuple[Budget, ...]
    finals: tuple[Final, ...]
    attempts: tuple[Charge, ...]
    revoked: tuple[Charge, ...]
    ends: int

    def counters(self, request: Priced, proof: Proof) -> list[Charge]:
        """Return the charges of one request but for revocation: budgets, final, attempts, replay."""
        out = []
        for key, _, unit, limit, until in self.budgets:
            cost = 1 if unit == "calls" else request.cost[unit]
            out.append(Charge("budget", key, cost, limit, until))
        for key, _, patterns, until in self.finals:
            ends = int(matches(patterns, request.action))
            out.append(Charge("final", key, ends, ends, until))
        out += self.attempts
        if proof.kind == BOUND_PROOF:
            key = key_of("replay", self.tip, proof.nonce)
            out.append(Charge("replay", key, 1, 1, proof.iat + limits.REPLAY_WINDOW))
        return out


def plan_of(chain: Chain, run: Run, leeway: int) -> Plan:
    """Return what requests under an authentic chain are charged. leeway: seconds, as the verifier has it."""
    ids = [h[:ID_SIZE] for h in chain.hashes]
    untils = ends_of(chain.blocks, leeway)
    finals = [
        Final(key_of("final", block_id), number, block.fields[FINAL], until)
        for number, (block_id, block, until) in enumerate(zip(ids, chain.blocks, untils, strict=True))
        if FINAL in block.fields
    ]
    issued_at = chain.blocks[0].fields[ISSUED_AT]
    revoked = [
        Charge("revoked", key_of("revoked", *selector), 0, 0, untils[-1], issued_at=issued_at)
        for selector in _selectors(chain, ids, run)
    ]
    attempts = _attempts(chain, ids, run, untils)
    return Plan(
        chain.hashes[-1],
        budgets_of(chain.blocks, ids, untils),
        tuple(finals),
        attempts,
        tuple(revoked),
        untils[-1],
    )


def budgets_of(blocks: tuple[Block, ...], ids: Sequence[bytes], untils: Sequence[int]) -> tuple[Budget, ...]:
    """Return every unit of every block's budget. ids: of the blocks. untils: seconds, from `ends_of`."""
    return tuple(
        [
            Budget(key_of("budget", block_id, unit), number, unit, limit, until)
            for number, (block_id, block, until) in enumerate(zip(ids, blocks, untils, strict=True))
            for unit, limit in block.fields.get(BUDGET, {}).items()
        ]
    )


def ends_of(blocks: tuple[Block, ...], leeway: int) -> list[int]:
    """Return for each block when it has expired, and with it all that descends from it."""
    out: list[int] = []
    end = limits.SAFE_MAX
    for block in blocks:
        end = min(end, block.fields.get(EXPIRES, end))
        out.append(min(end + leeway, limits.SAFE_MAX))
    return out


def _attempts(chain: Chain, ids: list[bytes], run: Run, untils: list[int]) -> tuple[Charge, ...]:
    """Return a register for each level of the run that blocks state (specs/token.md, runs)."""
    out: list[Charge] = []
    for level in range(len(run)):
        stated = first = None
        for index, block in enumerate(chain.blocks):
            path = block.fields.get(RUN, ())
            if len(path) > level:
                first = index if first is None else first
                if path[level][1] is not None:
                    stated = index
                    break
        if first is None:
            break  # below what the blocks name: the request's own affair
        index = first if stated is None else stated
        attempt = run[level][1]
        if attempt is None:
            continue  # open attempts are skipped
        # any lease below the same block, or under the same key, may ask for this register
        above: bytes | str = ids[index - 1] if index else chain.key_id
        until = untils[index - 1] if index else limits.SAFE_MAX
        path_text = run_text((*run[:level], (run[level][0], None)))
        key = key_of("attempt", above, path_text)
        out.append(Charge("attempt", key, attempt, limits.SAFE_MAX, until, raises=stated is not None))
    return tuple(out)


def _selectors(chain: Chain, ids: list[bytes], run: Run) -> list[tuple[object, ...]]:
    """Return what a revocation could name this chain by."""
    out: list[tuple[object, ...]] = [("block", block_id) for block_id in ids]
    out += [("run", run_text(run[: level + 1])) for level in range(len(run))]
    notes = chain.blocks[0].fields.get(NOTES, {})
    out += [(name, notes[name]) for name in ("agent", "subject", "template", "policy") if name in notes]
    root, slash, _ = chain.key_id.partition("/")
    out.append(("key", chain.key_id))
    if slash:
        out.append(("key", root))
    return out
