"""The engine in Python: steps V1 to V8 in their order, which is the contract (specs/verify.md).

`verify(text, request, keys, now)` is a pure function: it reads no clock, disk, network or
environment. It returns a `Verified` or raises the first refusal, by step, then block, then key.
Nothing after V5 runs on a token that is not authentic.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple, NoReturn, TypeAlias

from . import ed25519, findings, limits
from .block import APPROVAL, BUDGET, ED25519, FOR, HMAC, NEXT_KEY, Block
from .cache import Cache
from .chain import ID_SIZE, LINK, hash_block, hash_header, hmac_link, sealed_message, used_message
from .clear import Case, Failure, Rules, failures, run_of
from .doubts import Doubt, doubted
from .errors import Finding, Forbidden, LeaseError
from .evidence import Chain, Evidence
from .findings import UNCOUNTED, Uncounted, refusing, uncounted
from .grants import Demand, matches
from .keys import Key
from .lease import Lease
from .request import Request, Run
from .ring import KeyRing
from .token import BEARER, SEALED, Frame, Proof, read_blocks, read_frame, split
from .verified import Verified, make_verified


class Known(NamedTuple):
    """What the cache remembers of a chain that passed V5.

    last: what authenticates the next thing, t[n] or p[n+1], for a prefix; empty for an exact token.
    proof: of an exact token, bearer or sealed, without its tag; None for a prefix.
    """

    chain: Chain
    last: bytes
    proof: Proof | None

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Known does not pickle: it holds a secret")

    def __repr__(self) -> str:
        return f"Known({self.chain!r})"


ChainCache: TypeAlias = Cache[Known]


class Asked(NamedTuple):
    """What every step looks at: the request, the keys and the time."""

    request: Request
    keys: KeyRing
    now: int

    def doubted(self, doubt: Doubt, key_id: str, number: int = 0) -> LeaseError:
        """Return the error of a doubt (V3 to V5)."""
        audience = self.request.audience
        return doubted(doubt, key_id, number, keys=self.keys, audience=audience, now=self.now)


class Parsed(NamedTuple):
    """A token after V2, unverified but for the prefix that `known` says was verified before."""

    frame: Frame
    blocks: tuple[Block, ...]
    hashes: tuple[bytes, ...]
    known: Known | None

    def __repr__(self) -> str:
        return f"Parsed({self.frame.key_id!r}, {len(self.blocks)} blocks)"


def verify(
    text: str,
    request: Request,
    keys: KeyRing,
    now: int,
    rules: Rules = Rules(),
    cache: ChainCache | None = None,
) -> Verified:
    """Return the proof that a token allows a request now, or raise why it does not.

    text: the token, with its approvals after "~". now: seconds since 1970. cache: authentic chains
    seen before; never a decision.

    Raises Malformed (V1, V2), Untrusted (V3 to V5), Forbidden (V3, V5 to V8).
    """
    asked = Asked(request, keys, now)
    chain, proof, approvals = _trusted(text, asked, cache)
    case = case_of(chain, proof, asked.request, now, rules)
    for failure in failures(case):
        raise _forbidden(failure, case)
    approved = _approved(chain, case, approvals, asked, cache)
    if isinstance(approved, Failure):
        raise _forbidden(approved, case)
    assert case.run is not None  # V6: block 0 states one
    return make_verified(Evidence(chain, proof, approved, request, case.run, rules.leeway))


def verify_many(
    asked: Iterable[tuple[str, Request]],
    keys: KeyRing,
    now: int,
    rules: Rules = Rules(),
    cache: ChainCache | None = None,
) -> list[Verified | LeaseError]:
    """Verify many tokens, each for its request; an error stands where one was refused."""
    return [outcome(text, request, keys, now, rules, cache) for text, request in asked]


def outcome(
    text: str,
    request: Request,
    keys: KeyRing,
    now: int,
    rules: Rules = Rules(),
    cache: ChainCache | None = None,
) -> Verified | LeaseError:
    """Do as `verify`, and return the error; its traceback, and with it the token, is left behind."""
    try:
        return verify(text, request, keys, now, rules, cache)
    except LeaseError as error:
        error.__context__ = None
        return error.with_traceback(None)


def explain(
    text: str,
    request: Request,
    keys: KeyRing,
    now: int,
    rules: Rules = Rules(),
    cache: ChainCache | None = None,
) -> tuple[Finding, ...]:
    """Return every reason why a token does not allow a request now; empty where it does.

    A token that is malformed or not authentic has one reason, because nothing in it can be
    believed. The need for an approval is a reason only where everything else holds.
    """
    asked = Asked(request, keys, now)
    try:
        chain, proof, approvals = _trusted(text, asked, cache)
    except LeaseError as error:
        return (error.finding,)
    case = case_of(chain, proof, request, now, rules)
    found = tuple(findings.describe(failure, case) for failure in failures(case))
    if not found:
        approved = _approved(chain, case, approvals, asked, cache)
        if isinstance(approved, Failure):
            return (findings.describe(approved, case),)
    return found


def authentic(lease: Lease, keys: KeyRing) -> Chain:
    """Return the chain of a bearer or sealed lease that is authentic (V1 to V5), and decide nothing.

    For who passes a lease's authority on in another form: its caveats were not looked at, and a lease
    under an audience key is authentic for that audience alone.

    Raises Untrusted; Forbidden `binding` for a lease that is bound to a call.
    """
    served = lease.key_id.partition("/")[2]
    asked = Asked(Request("export", audience=served or "-"), keys, 0)
    return _trusted(lease.token, asked, None)[0]


def _trusted(text: str, asked: Asked, cache: ChainCache | None) -> tuple[Chain, Proof, list[Parsed]]:
    """V1 to V5 of a token, and V1, V2 of its approvals."""
    keys, audience = asked.keys, asked.request.audience
    first, attached = split(text)
    digest = b""
    if cache is not None:
        digest = sha256(first.encode("utf-8", "surrogatepass")).digest()
        exact = cache.get(digest)
        if exact is not None and exact.proof is not None:
            chain = exact.chain
            approvals = [_parse(each, None, cache) for each in attached] if attached else []
            found = keys.find(chain.key_id, audience)
            key = _key(found, chain.key_id, chain.alg, asked)
            if key.fingerprint == chain.fingerprint:
                return chain, exact.proof, approvals
    frame = read_frame(first)
    found = keys.find(frame.key_id, audience)
    parsed = _parse(first, found[0] if found else None, cache, frame)
    approvals = [_parse(each, None, cache) for each in attached]
    key = _key(found, frame.key_id, frame.alg, asked)
    chain = _authentic(parsed, key, asked, cache)
    proof = frame.proof.without_tag()
    if cache is not None and proof.kind <= SEALED:
        cache.put(digest, Known(chain, b"", proof), chain.weight)
    return chain, proof, approvals


# --- V1, V2 ---------------------------------------------------------------------------------------
def _parse(text: str, key: Key | None, cache: ChainCache | None, frame: Frame | None = None) -> Parsed:
    """Read a token; blocks of a prefix that is known under this key are not read again."""
    frame = frame or read_frame(text)
    h = hash_header(frame.header)
    hashes = []
    for raw in frame.raws:
        h = hash_block(h, raw)
        hashes.append(h)
    known = None
    if cache is not None and key is not None:
        for n in range(len(hashes), 0, -1):
            known = cache.get((key.fingerprint, hashes[n - 1], frame.sigs[:n]))
            if known is not None:
                break
    blocks = read_blocks(frame, known.chain.blocks if known else ())
    return Parsed(frame, blocks, tuple(hashes), known)


# --- V3 -------------------------------------------------------------------------------------------
def _key(found: tuple[Key, str | None] | None, key_id: str, alg: int, asked: Asked) -> Key:
    if found is None:
        raise asked.doubted(Doubt.UNKNOWN_KEY, key_id)
    key, serves = found
    if key.alg != alg:
        raise asked.doubted(Doubt.ALGORITHM, key_id, alg)
    if serves is not None and serves != asked.request.audience:
        raise asked.doubted(Doubt.AUDIENCE, key_id)
    return key


# --- V4, V5 ---------------------------------------------------------------------------------------
def _authentic(parsed: Parsed, key: Key, asked: Asked, cache: ChainCache | None) -> Chain:
    """Return the chain of a token whose links and proof are authentic under `key`."""
    frame, known = parsed.frame, parsed.known
    if known is not None and known.chain.fingerprint == key.fingerprint:
        done, last = len(known.chain.hashes), known.last
    else:
        done, last = 0, key.material
    for index in range(done, len(parsed.hashes)):
        h = parsed.hashes[index]
        if frame.alg == HMAC:
            last = hmac_link(last, h)
        else:
            if not ed25519.verify(last, frame.sigs[index], LINK + h):
                raise asked.doubted(Doubt.SIGNATURE, frame.key_id, index)
            last = parsed.blocks[index].fields[NEXT_KEY]
    proven = _proves(frame, last, parsed.hashes[-1])
    weight = sum([len(raw) for raw in frame.raws]) + 64 * len(frame.sigs)
    chain = Chain(frame.alg, frame.key_id, parsed.blocks, parsed.hashes, key.fingerprint, weight)
    entry = Known(chain, last, None)
    del last  # the true secret: no error below may carry it in its frames
    if not proven:
        raise asked.doubted(Doubt.PROOF, frame.key_id)
    if frame.proof.kind > SEALED:
        _check_use(frame, asked)
    if cache is not None:
        cache.put((key.fingerprint, parsed.hashes[-1], frame.sigs), entry, weight)
    return chain


def _proves(frame: Frame, last: bytes, h: bytes) -> bool:
    """V5: say whether the proof is made with what the last block left."""
    kind, tag, iat, nonce, binding = frame.proof
    if kind == BEARER:
        return hmac.compare_digest(last, tag if frame.alg == HMAC else ed25519.public_of(tag))
    message = sealed_message(h) if kind == SEALED else used_message(h, iat, nonce, binding)
    if frame.alg == HMAC:
        return hmac.compare_digest(hmac.digest(last, message, "sha256"), tag)
    return ed25519.verify(last, tag, message)


def _check_use(frame: Frame, asked: Asked) -> None:
    """V5: what the proof is bound to, then when it was made."""
    proof, binding = frame.proof, asked.request.binding
    if binding is None or not hmac.compare_digest(binding, proof.binding):
        raise asked.doubted(Doubt.BINDING, frame.key_id, int(binding is not None))
    if abs(asked.now - proof.iat) > limits.SKEW:
        raise asked.doubted(Doubt.STALE_PROOF, frame.key_id, proof.iat)


# --- V6, V7 ---------------------------------------------------------------------------------------
def case_of(
    chain: Chain,
    proof: Proof,
    request: Request,
    now: int,
    rules: Rules,
    run: Run | None = None,
    asked_for: bytes | None = None,
) -> Case:
    """Return what V6 and V7 look at for an authentic chain."""
    run = run or request.run or run_of(chain.blocks)
    return Case(chain.blocks, request, run, now, rules, proof.kind > SEALED, asked_for)


def _forbidden(failure: Failure, case: Case) -> Forbidden:
    """Return the error of a failure (V6 to V8)."""
    return Forbidden(failure.code, block=failure.block, details=lambda: findings.describe(failure, case))


# --- V8 -------------------------------------------------------------------------------------------
def _approved(
    chain: Chain, case: Case, approvals: list[Parsed], asked: Asked, cache: ChainCache | None
) -> tuple[tuple[Chain, Proof], ...] | Failure:
    """Return the approvals that count, or the first demand that is not met."""
    used: dict[tuple[int, int], tuple[Chain, Proof]] = {}
    for index, block in enumerate(chain.blocks):
        if APPROVAL not in block.fields:
            continue
        demands: tuple[Demand, ...] = block.fields[APPROVAL]
        checked: dict[int, tuple[Chain, Proof] | str] = {}
        for demand in demands:
            if not matches(demand.actions, case.request.action):
                continue
            signed: dict[str, int] = {}
            for number, parsed in enumerate(approvals):
                key_id = parsed.frame.key_id
                if len(signed) == demand.quorum:
                    break
                if key_id in signed or key_id not in {key.hex() for key in demand.keys}:
                    continue
                if number not in checked:
                    checked[number] = _approval(parsed, chain.hashes[index][:ID_SIZE], case, asked, cache)
                if not isinstance(checked[number], str):
                    signed[key_id] = number
            if len(signed) < demand.quorum:
                return Failure("approval", index, APPROVAL, _uncounted(approvals, checked))
            for number in signed.values():
                counted = checked[number]
                if not isinstance(counted, str):
                    used[index, number] = counted
    return tuple(used.values())


def _uncounted(approvals: list[Parsed], checked: dict[int, tuple[Chain, Proof] | str]) -> tuple[str, ...]:
    """Return why each attached approval does not count; in words only, nothing of its content."""
    out = []
    for number in range(len(approvals)):
        why = checked.get(number, UNCOUNTED[Uncounted.NOT_ASKED])
        if isinstance(why, str):
            out.append(uncounted(number, why))
    return tuple(out)


def _approval(
    parsed: Parsed, asked_for: bytes, case: Case, asked: Asked, cache: ChainCache | None
) -> tuple[Chain, Proof] | str:
    """Return an attached approval as an authentic chain, or why it does not count."""
    frame = parsed.frame
    form = _form(parsed, asked_for)
    if form is not None:
        return UNCOUNTED[form]
    key = Key(ED25519, public=bytes.fromhex(frame.key_id))
    if cache is not None:
        known = cache.get((key.fingerprint, parsed.hashes[-1], frame.sigs))
        parsed = parsed._replace(known=known)
    try:
        chain = _authentic(parsed, key, asked, cache)
    except LeaseError as error:
        return f"{error.stage}, {error.code}"
    proof = frame.proof.without_tag()
    own = case_of(chain, proof, case.request, case.now, case.rules, case.run, asked_for)
    for failure in failures(own):
        return refusing(failure, own)
    return chain, proof


def _form(parsed: Parsed, asked_for: bytes) -> Uncounted | None:
    """Return what in its form keeps an approval from counting for a block."""
    root = parsed.blocks[0].fields
    if parsed.frame.alg != ED25519:
        return Uncounted.NOT_SIGNED
    if parsed.frame.proof.kind == BEARER:
        return Uncounted.BEARER
    if root.get(FOR) != asked_for:
        return Uncounted.OTHER_BLOCK
    if "calls" not in root.get(BUDGET, ()):
        return Uncounted.NO_CALLS
    if any(APPROVAL in block.fields for block in parsed.blocks):
        return Uncounted.ASKS
    return None
