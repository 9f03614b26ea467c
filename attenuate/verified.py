"""The answer of a verification, and the charges that are still to be applied (V9).

A `Verified` says that stages parse, trust and clear passed for one request at one time. It does
not say that budgets, revocation and replay were looked at: that is the gate's work, and the
charges are its list. A caller cannot build one.
"""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn, TypeAlias, final

from . import codec, limits
from .block import BUDGET, EXPIRES, FINAL, ISSUED_AT, NOTES, RUN, Block
from .chain import ID_SIZE
from .grants import matches
from .request import Request, Run, run_text
from .token import BOUND_PROOF, PROOFS, Proof


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


Later: TypeAlias = tuple[Any, ...]
"""A function that makes the Evidence, and its arguments: what was found, the request, the leeway."""


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
        parts = [part.hex() if isinstance(part, bytes) else part for part in _parts(self.key)]
        out: dict[str, object] = {"kind": self.kind, "key": parts, "amount": self.amount}
        out["ceiling"], out["until"] = self.ceiling, self.until
        if self.kind == "attempt":
            out["raises"] = self.raises
        if self.kind == "revoked":
            out["issued_at"] = self.issued_at
        return out


def _parts(key: bytes) -> list[Any]:
    value = codec.decode(key)
    return value if isinstance(value, list) else [value]


@final
class Verified:
    """An authentic lease that allows one request now; made only by verification.

    request, run: what was asked, the run (as text) being the one that was checked. key_id, alg: of the key.
    proof: "bearer", "sealed" or "bound". block_ids: all blocks, 32 hex digits each. notes: block 0's,
    the issuer's word. expires: seconds, the earliest of all blocks. approvals: block ids of the
    approvals that counted. charges: what the gate must apply (V9).
    """

    __slots__ = ("_charges", "_held")

    _held: Evidence | Later
    _charges: tuple[Charge, ...]

    def __init__(self) -> None:
        raise TypeError("a Verified is made by Verifier.verify, and by nothing else")

    @property
    def _evidence(self) -> Evidence:
        held = self._held
        if type(held) is not Evidence:
            make, *asked = held
            held = make(*asked)
            _hold(self, held)
        return held

    @property
    def request(self) -> Request:
        """What was asked."""
        held = self._held
        if type(held) is not Evidence and isinstance(held[2], Request):
            return held[2]  # without reading the blocks
        return self._evidence.request

    @property
    def run(self) -> str:
        """The run that was checked, as text: the request's, or the blocks' where it stated none."""
        return run_text(self._evidence.run)

    @property
    def key_id(self) -> str:
        """The key id that the lease is authentic under."""
        return self._evidence.chain.key_id

    @property
    def alg(self) -> int:
        """The COSE algorithm of the key."""
        return self._evidence.chain.alg

    @property
    def proof(self) -> str:
        """The kind of proof: "bearer", "sealed" or "bound"."""
        return PROOFS[self._evidence.proof.kind]

    @property
    def block_ids(self) -> tuple[str, ...]:
        """The id of each block, 32 hex digits, as in `Lease.block_ids`."""
        return tuple([h[:ID_SIZE].hex() for h in self._evidence.chain.hashes])

    @property
    def notes(self) -> dict[str, Any]:
        """Block 0's notes: the issuer's word. Later blocks' notes are claims, and not here."""
        return dict(self._evidence.chain.blocks[0].fields.get(NOTES, {}))

    @property
    def expires(self) -> int:
        """Seconds since 1970: the earliest expiry of any block."""
        return _untils(self._evidence.chain.blocks, 0)[-1]

    @property
    def approvals(self) -> tuple[tuple[str, ...], ...]:
        """The block ids of each approval that counted."""
        return tuple(tuple(h[:ID_SIZE].hex() for h in chain.hashes) for chain, _ in self._evidence.approved)

    @property
    def charges(self) -> tuple[Charge, ...]:
        """What the gate must apply before anything is granted: the token's, then the approvals'."""
        try:
            return self._charges
        except AttributeError:
            found = self._evidence
        out: list[Charge] = []
        for chain, proof in ((found.chain, found.proof), *found.approved):
            out += _charges(chain, proof, found.request, found.run, found.leeway)
        object.__setattr__(self, "_charges", tuple(out))
        return self._charges

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Verified does not change")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Verified does not change")

    def __repr__(self) -> str:
        return f"<Verified {self.request.action} for {self.run}, key {self.key_id}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Verified does not pickle: it is worth something only where it was made")


_hold = Verified.__dict__["_held"].__set__
_new = Verified.__new__


def make_verified(held: Evidence | Later) -> Verified:
    """Return the Verified of a verification that passed. Only engines call this."""
    self = _new(Verified)
    _hold(self, held)
    return self


# --- V9 -------------------------------------------------------------------------------------------
def _untils(blocks: tuple[Block, ...], leeway: int) -> list[int]:
    """Return for each block when it has expired, and with it all that descends from it."""
    out: list[int] = []
    end = limits.SAFE_MAX
    for block in blocks:
        end = min(end, block.fields.get(EXPIRES, end))
        out.append(min(end + leeway, limits.SAFE_MAX))
    return out


def _charges(chain: Chain, proof: Proof, request: Request, run: Run, leeway: int) -> list[Charge]:
    """Return the charges of one chain: budgets, final, attempts, replay, revocation."""
    ids = [h[:ID_SIZE] for h in chain.hashes]
    untils = _untils(chain.blocks, leeway)
    out: list[Charge] = []
    for block_id, block, until in zip(ids, chain.blocks, untils, strict=True):
        for unit, limit in block.fields.get(BUDGET, {}).items():
            cost = 1 if unit == "calls" else request.cost[unit]
            out.append(Charge("budget", codec.encode(["budget", block_id, unit]), cost, limit, until))
    for block_id, block, until in zip(ids, chain.blocks, untils, strict=True):
        if FINAL in block.fields:
            ends = int(matches(block.fields[FINAL], request.action))
            out.append(Charge("final", codec.encode(["final", block_id]), ends, ends, until))
    out += _attempts(chain, ids, run, untils)
    if proof.kind == BOUND_PROOF:
        key = codec.encode(["replay", chain.hashes[-1], proof.nonce])
        out.append(Charge("replay", key, 1, 1, proof.iat + limits.REPLAY_WINDOW))
    issued_at = chain.blocks[0].fields[ISSUED_AT]
    for selector in _selectors(chain, ids, run):
        key = codec.encode(["revoked", *selector])
        out.append(Charge("revoked", key, 0, 0, untils[-1], issued_at=issued_at))
    return out


def _attempts(chain: Chain, ids: list[bytes], run: Run, untils: list[int]) -> list[Charge]:
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
        key = codec.encode(["attempt", above, path_text])
        out.append(Charge("attempt", key, attempt, limits.SAFE_MAX, until, raises=stated is not None))
    return out


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
