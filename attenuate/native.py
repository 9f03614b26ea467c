"""The native engine: the kernel decides in numbers, and what is told to people is made here.

The kernel (distribution attenuate-kernel, kernel/) takes bytes and facts and returns a code with block
and caveat. It gives the verdict that verify.py gives, on every input; blocks of an authentic chain
are read again in Python only when somebody asks what they say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias, cast

import attenuate_kernel as kernel

from . import codec, findings
from . import verify as python
from .block import FOR, read_block
from .cache import CacheInfo, check_bytes
from .clear import Case, Failure, Rules, run_of
from .doubts import Doubt, brief, doubted
from .errors import Finding, Forbidden, LeaseError
from .evidence import Chain, Evidence
from .faults import Fault, malformed
from .findings import UNCOUNTED, Uncounted
from .request import OPAQUE, Request
from .ring import KeyRing
from .token import Proof
from .verified import Verified, make_verified
from .verify import case_of

VERSION: Final[str] = kernel.__version__

AnyRequest: TypeAlias = Request | kernel.Request
"""A Request, or one that is in the kernel alone until somebody looks at it."""

_CODES: Final = (
    "structure", "issued_at", "depth", "lifetime", "for", "bound", "run", "attempt", "audience", "not_before",
    "expires", "allow", "deny", "where", "budget", "unknown_caveat", "", "approval",
)  # fmt: skip
"""Names of the kernel's codes (kernel/rules/src/clear.rs); an extension's is its own key."""


class ChainCache:
    """The kernel's memory of authentic chains: about `max_bytes`."""

    __slots__ = ("kernel",)

    def __init__(self, max_bytes: int) -> None:
        check_bytes(max_bytes)
        self.kernel = kernel.Cache(max_bytes)

    def info(self) -> CacheInfo:
        """Return counts since the start."""
        return CacheInfo(*self.kernel.info())


# --- what goes in ---------------------------------------------------------------------------------
def make_request(
    action: str,
    *,
    audience: str,
    run: str | Iterable[Iterable[object]] | None = None,
    facts: Mapping[str, object] | None = None,
    cost: Mapping[str, int] | None = None,
    binding: bytes | None = None,
) -> AnyRequest:
    """Return a request of these values; raises as `Request` does."""
    made = kernel.Request.make(action, audience, run, facts, cost, binding, OPAQUE)
    if made is None:  # odd values: a Request says what is wrong with them, or makes plain ones of them
        return Request(action, audience=audience, run=run, facts=facts, cost=cost, binding=binding)
    return made


def _prepared(request: AnyRequest) -> kernel.Request | None:
    """Return a request as the kernel knows it; None for one with more text or units than it copies."""
    if isinstance(request, kernel.Request):
        return request
    if request.prepared is None:
        made = kernel.Request.make(
            request.action,
            request.audience,
            request.run,
            dict(request.facts),
            dict(request.cost),
            request.binding,
            OPAQUE,
        )
        object.__setattr__(request, "prepared", made or False)  # False: not to be tried again
    return cast(kernel.Request, request.prepared) or None


def _plain(request: AnyRequest) -> Request:
    """Return a request as Python knows it."""
    if isinstance(request, Request):
        return request
    action, audience, run, facts, cost, binding = request.parts(OPAQUE)
    return Request(action, audience=audience, run=run, facts=facts, cost=cost, binding=binding)


def _ring(keys: KeyRing) -> kernel.Ring:
    if keys.prepared is None:
        keys.prepared = kernel.Ring([(key_id, keys[key_id].alg, keys[key_id].material) for key_id in keys])
    return cast(kernel.Ring, keys.prepared)


def _ask(request: AnyRequest, rules: Rules, chain: kernel.Chain, block: int, key: str) -> bool | None:
    """Decide an extension caveat for the kernel; None where there is no handler."""
    handler = rules.handlers.get(key)
    if handler is None:
        return None
    alg, _, raws, *_ = chain.parts()
    try:
        return handler(read_block(raws[block], block, alg).fields[key], _plain(request)) is True
    except Exception:
        return False  # a handler that raises has not said yes


_AT_ONCE: Final = 1000
"""Tokens that the kernel is given at once: between two such calls a signal is heard."""
_Allowed, _Request, _verify = kernel.Allowed, kernel.Request, kernel.verify  # looked up once


# --- verifying ------------------------------------------------------------------------------------
def outcome(
    text: str,
    request: AnyRequest,
    keys: KeyRing,
    now: int,
    rules: Rules = Rules(),
    cache: ChainCache | None = None,
) -> Verified | LeaseError:
    """Do as verify.outcome. What the kernel does not take the Python engine decides: a text that is no
    str of Unicode, and a request with megabytes of text.
    """
    leeway, cap, handlers = rules
    prepared: Any = request if type(request) is _Request else request.prepared or _prepared(request)  # type: ignore[union-attr]
    ring: Any = keys.prepared or _ring(keys)
    ask = partial(_ask, request, rules) if handlers else None
    memory = None if cache is None else cache.kernel
    answer = _verify(text, prepared, ring, now, leeway, cap, memory, ask, False)
    if type(answer) is _Allowed:
        return make_verified((_evidence, answer, request, leeway, _plain))
    if answer is None:
        return python.outcome(text, _plain(request), keys, now, rules)
    return _refusal(answer, text, request, keys, now, rules)


def verify(
    text: str,
    request: AnyRequest,
    keys: KeyRing,
    now: int,
    rules: Rules = Rules(),
    cache: ChainCache | None = None,
) -> Verified:
    """Do as verify.verify."""
    found = outcome(text, request, keys, now, rules, cache)
    if isinstance(found, Verified):
        return found
    try:
        raise found
    finally:
        del found  # the error's traceback holds this frame: the two would hold each other


def verify_many(
    asked: Iterable[tuple[str, AnyRequest]],
    keys: KeyRing,
    now: int,
    rules: Rules = Rules(),
    cache: ChainCache | None = None,
) -> list[Verified | LeaseError]:
    """Do as verify.verify_many, while other threads run."""
    pairs = list(asked)
    prepared: list[Any] = [(text, _prepared(request)) for text, request in pairs]
    plain = all(type(text) is str and text.isascii() and made is not None for text, made in prepared)
    if rules.handlers or not plain:
        return [outcome(text, request, keys, now, rules, cache) for text, request in pairs]
    memory = None if cache is None else cache.kernel
    out: list[Verified | LeaseError] = []
    for start in range(0, len(pairs), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        answers = kernel.verify_many(
            prepared[some], _ring(keys), now, rules.leeway, rules.max_lifetime, memory
        )
        for answer, (text, request) in zip(answers, pairs[some], strict=True):
            if type(answer) is _Allowed:
                out.append(make_verified((_evidence, answer, request, rules.leeway, _plain)))
            else:
                out.append(_refusal(answer, text, request, keys, now, rules))
    return out


def explain(
    text: str,
    request: AnyRequest,
    keys: KeyRing,
    now: int,
    rules: Rules = Rules(),
    cache: ChainCache | None = None,
) -> tuple[Finding, ...]:
    """Do as verify.explain."""
    ask = partial(_ask, request, rules) if rules.handlers else None
    memory = None if cache is None else cache.kernel
    answer = _verify(
        text, _prepared(request), _ring(keys), now, rules.leeway, rules.max_lifetime, memory, ask, True
    )
    if type(answer) is _Allowed:
        return ()
    if answer is None:
        return python.explain(text, _plain(request), keys, now, rules)
    if type(answer) is tuple and answer[0] == 2:
        pair, failures, notes = answer[-1].parts()
        case = _case(pair, request, now, rules)
        return tuple(findings.describe(_failure(failure, notes, case), case) for failure in failures)
    return (_refusal(answer, text, request, keys, now, rules).finding,)


# --- what comes out -------------------------------------------------------------------------------
def _refusal(
    answer: Any, text: str, request: AnyRequest, keys: KeyRing, now: int, rules: Rules
) -> LeaseError:
    """Return the error of a refusal in numbers (kernel/src/lib.rs, `answer`)."""
    kind, code, *rest = answer
    if kind == 0:
        number, part = rest
        if code == Fault.PREFIX:
            return codec.unlike(text.split("~")[part])
        return malformed(Fault(code), len(text) if code == Fault.WHOLE_SIZE else number)
    if kind == 1:
        key_id, number = rest
        return doubted(Doubt(code), key_id, number, keys=keys, audience=request.audience, now=now)
    block, key, denied = rest
    details = partial(_describe, denied, request, now, rules)
    return Forbidden(_CODES[code] or key, block=block, details=details)


def _describe(denied: kernel.Denied, request: AnyRequest, now: int, rules: Rules) -> Finding:
    pair, (failure, *_), notes = denied.parts()
    case = _case(pair, request, now, rules)
    return findings.describe(_failure(failure, notes, case), case)


def _failure(failure: Any, notes: Any, case: Case) -> Failure:
    code, block, key = failure
    words = tuple(
        findings.uncounted(number, _why(note, case)) for number, note in enumerate(notes) if note is not None
    )
    return Failure(_CODES[code] or key, block, key, words)


def _why(note: Any, case: Case) -> str:
    """Return why an attached approval does not count, from the kernel's note."""
    if type(note) is int:
        return UNCOUNTED[Uncounted(note)]
    if len(note) == 1:
        return brief(Doubt(note[0]))
    pair, failure = note
    own = _case(pair, case.request, case.now, case.rules)._replace(run=case.run)
    for_block = own.blocks[0].fields.get(FOR)
    own = own._replace(asked_for=for_block)
    return findings.refusing(_failure(failure, (), own), own)


def _chain(chain: kernel.Chain) -> Chain:
    alg, key_id, raws, hashes, fingerprint, weight = chain.parts()
    blocks = tuple(read_block(raw, index, alg) for index, raw in enumerate(raws))
    return Chain(alg, key_id, blocks, hashes, fingerprint, weight)


def _proof(kind: int, iat: int, nonce: bytes, binding: bytes) -> Proof:
    return Proof(kind, b"", iat, nonce, binding)


def _case(pair: Any, request: AnyRequest, now: int, rules: Rules) -> Case:
    chain, proof = pair
    return case_of(_chain(chain), _proof(*proof), _plain(request), now, rules)


def _evidence(allowed: kernel.Allowed, request: AnyRequest, leeway: int) -> Evidence:
    """Read again what the kernel found authentic, for whoever asks what it says."""
    (chain, proof), approved = allowed.parts()
    opened = _chain(chain)
    asked = _plain(request)
    others = tuple((_chain(chain), _proof(*proof)) for chain, proof in approved)
    run = asked.run or run_of(opened.blocks)
    assert run is not None  # V6: block 0 states one
    return Evidence(opened, _proof(*proof), others, asked, run, leeway)
