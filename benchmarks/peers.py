"""Lease-like work done with other libraries, for benchmarks to pair with attenuate.

The same for each: from serialized text to a decision. Block 0 of a token has audience `github`,
run `agt_1`, attempt 2, two actions, repo `clord` and an expiry; each later block has the child run
`agt_1/reader`, attempt, actions, path under `src` and an expiry. As a block holds only for its run
and what is below, the request's run is `agt_1` for n = 1 and `agt_1/reader` for more blocks. Each
factory makes fresh keys and checks its wiring: the request passes, another action is refused for
that reason, what `mint` and `narrow` make passes, and a change in any signature refuses.
"""

from __future__ import annotations

import base64
import secrets
import statistics
import timeit
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

import biscuit_auth as ba
import jwt
import tenuo as tn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pymacaroons import Macaroon, Verifier
from pymacaroons import exceptions as macaroon_errors
from pymacaroons.serializers import JsonSerializer
from tenuo.exceptions import ConstraintViolation, DeserializationError

EXPIRES = 4_102_444_800  # far off: PyJWT looks at the real clock
ACTIONS = ["repo.read", "repo.write"]


@dataclass(frozen=True)
class Peer:
    """One library's token, and the work to be timed. `text` is the token, for its size."""

    name: str
    text: str
    allow: Callable[[], object]
    deny: Callable[[], object]
    mint: Callable[[], object]
    narrow: Callable[[], object]


@dataclass(frozen=True)
class Request:
    """What is asked. `runs` is the request's run and those above it, outermost first."""

    runs: tuple[str, ...] = ("agt_1",)
    attempt: int = 2
    action: str = "repo.read"
    repo: str = "clord"
    path: str = "src/a.py"
    audience: str = "github"
    now: int = 1_800_000_000


OWN, CHILD = Request(), Request(runs=("agt_1", "agt_1/reader"))


def _peer(name: str, n: int, *, first: Callable[[], Any], add: Callable[[Any], Any],
          write: Callable[[Any], str], read: Callable[[str], Any],
          decide: Callable[[str, Request], object], refusal: tuple[type[Exception], str],
          forgery: type[Exception], places: Callable[[str], list[int]]) -> Peer:  # fmt: skip
    """Build a token of n blocks and check it; `places` finds a character of each signature."""
    token, parsed, request = first(), read(write(first())), OWN if n == 1 else CHILD
    for _ in range(n - 1):
        token = add(token)
    text, denied = write(token), replace(request, action="repo.delete")

    def deny() -> None:
        try:
            decide(text, denied)
        except refusal[0] as error:
            if refusal[1] in str(error):
                return
        raise AssertionError(f"{name} did not refuse an action outside")

    peer = Peer(name, text, allow=lambda: decide(text, request), deny=deny,
                mint=lambda: write(first()), narrow=lambda: write(add(parsed)))  # fmt: skip
    peer.allow()
    peer.deny()
    decide(str(peer.mint()), OWN)
    decide(str(peer.narrow()), CHILD)
    for i in places(text):
        try:
            decide(text[:i] + ("b" if text[i] == "a" else "a") + text[i + 1 :], request)
        except forgery:
            continue
        raise AssertionError(f"{name} took a forged signature")
    return peer


def macaroon(n: int) -> Peer:
    """Make the peer pymacaroons: 5n + 1 first-party caveats, one HMAC each.

    `Macaroon.deserialize`, a new `Verifier` with exact and general satisfiers, `verify`. An unmet
    caveat shows as `Signatures do not match`, because it is left out of the recomputed chain.
    """
    # JSON V1 is used, as it is the fastest. The default, binary V1 in base64url, takes 1.1 to 1.2
    # times as long, binary V2 1.6 to 1.8, JSON V2 1.0 to 1.1; chars for n = 1: 315, 320, 224, 254.
    key, form = secrets.token_hex(16), JsonSerializer()
    both = ["attempt = 2", "action in " + ",".join(ACTIONS), f"expires < {EXPIRES}"]
    first = ["run = agt_1", *both, "repo = clord", "audience = github"]
    later = ["run = agt_1/reader", *both, "path under src"]

    def decide(text: str, request: Request) -> object:
        action, path, now = request.action, request.path, request.now
        v = Verifier()
        exact = [f"run = {run}" for run in request.runs]
        exact += [f"attempt = {request.attempt}", f"repo = {request.repo}"]
        for predicate in [*exact, f"audience = {request.audience}"]:
            v.satisfy_exact(predicate)
        v.satisfy_general(lambda p: p[:10] == "action in " and action in p[10:].split(","))
        v.satisfy_general(lambda p: p[:11] == "path under " and path.startswith(p[11:] + "/"))
        v.satisfy_general(lambda p: p[:10] == "expires < " and now < int(p[10:]))
        return v.verify(Macaroon.deserialize(text, form), key)

    def fill(token: Any, caveats: list[str]) -> Any:
        for caveat in caveats:
            token.add_first_party_caveat(caveat)
        return token

    def add(m: Any) -> Any:  # its own copy() is a deep copy, as slow as all the rest of narrow
        return fill(Macaroon(m.location, m.identifier, None, [*m.caveats], m.signature), later)

    error = macaroon_errors.MacaroonInvalidSignatureException
    return _peer(
        "macaroon", n, first=lambda: fill(Macaroon("github", "k1", key), first), add=add,
        write=form.serialize, read=form.deserialize, decide=decide,
        refusal=(error, "Signatures do not match"), forgery=error,
        places=lambda text: [text.index('"signature": "') + 14],
    )  # fmt: skip


def biscuit(n: int) -> Peer:
    """Make the peer biscuit-python: checks in the token, facts in the authorizer, Ed25519.

    `AuthorizerBuilder(source, parameters)` for the request's facts, `merge` of a prebuilt one with
    what does not change (audience and policy), `Biscuit.from_base64` with the root public key,
    `build`, `authorize`: the fastest way by up to 8 %. One `Fact` each or one source for all are
    slower, as is `["a", "b"].contains($x)` in checks. Its limit of 1 ms of evaluation fails up to
    1 % of the calls on a busy machine, so it is raised (`set_limits`, 0.2 µs).
    """
    root, end = ba.KeyPair(), datetime.fromtimestamp(EXPIRES, UTC)
    private, public = root.private_key, root.public_key
    both = "check if run({run}); check if attempt({attempt}); check if time($t), $t < {end};"
    both += "check if action({a}) or action({b});"
    first = both + "check if repo({repo}); check if audience({audience});"
    later = both + 'check if path($p), $p.starts_with("src/");'
    values = {"run": "agt_1/reader", "attempt": 2, "a": ACTIONS[0], "b": ACTIONS[1], "end": end}
    first_values = {**values, "run": "agt_1", "repo": "clord", "audience": "github"}
    facts = "attempt({attempt}); action({action}); repo({repo}); path({path}); time({now}); "
    sources = ["", facts + "run({run0})", facts + "run({run0}); run({run1})"]
    fixed: Any = ba.AuthorizerBuilder('audience("github"); allow if true')
    limits = fixed.limits()
    limits.max_time = timedelta(seconds=10)

    def decide(text: str, request: Request) -> object:
        terms: dict[str, object] = {
            "attempt": request.attempt, "action": request.action, "repo": request.repo,
            "path": request.path, "now": datetime.fromtimestamp(request.now, UTC),
        }  # fmt: skip
        terms |= {f"run{i}": run for i, run in enumerate(request.runs)}
        builder: Any = ba.AuthorizerBuilder(sources[len(request.runs)], terms)
        builder.merge(fixed)
        builder.set_limits(limits)
        return builder.build(ba.Biscuit.from_base64(text, public)).authorize()

    def places(text: str) -> list[int]:
        raw, token = base64.urlsafe_b64decode(text), ba.Biscuit.from_base64(text, public)
        return [raw.index(bytes.fromhex(one)) * 4 // 3 + 1 for one in token.revocation_ids]

    return _peer(
        "biscuit", n, first=lambda: ba.BiscuitBuilder(first, first_values).build(private),
        add=lambda token: token.append(ba.BlockBuilder(later, values)),
        write=ba.Biscuit.to_base64, read=lambda text: ba.Biscuit.from_base64(text, public),
        decide=decide, refusal=(ba.AuthorizationError, "check if action"),
        forgery=ba.BiscuitValidationError, places=places,
    )  # fmt: skip


def tenuo(n: int, possession: bool = False) -> Peer:
    """Make the peer tenuo: a stack of n Ed25519 warrants.

    Both: `decode_warrant_stack_base64`, which already refuses a bad signature. With possession:
    `Authorizer.check_chain(chain, tool, args, signature, as_of=...)`, which demands the holder's
    signature over the call (made at first use of a token; `as_of` keeps it fresh). Without:
    `Authorizer.verify_chain(chain, as_of=...)`, then `check_constraints` of the leaf, which its
    documentation calls diagnostic; the library has no bearer mode.

    A child must state every argument that its parent states and no other, so each warrant has run,
    attempt, action, repo, audience and path (`Subpath` takes absolute ones only). Actions are an
    argument of one tool: with a tool for each, the token is 40 % longer, and slower.
    """
    root, holder = tn.SigningKey.generate(), tn.SigningKey.generate()
    now = int(datetime.now(UTC).timestamp())  # a warrant is issued at the real time, not before
    authorizer, public = tn.Authorizer(trusted_roots=[root.public_key]), holder.public_key
    encode, decode = tn.encode_warrant_stack, tn.decode_warrant_stack_base64
    proofs: dict[tuple[str, str], bytes] = {}

    def scope(run: str, path: str) -> dict[str, object]:
        return {
            "run": tn.Subpath(run), "attempt": tn.Range(2, 2), "action": tn.OneOf(ACTIONS),
            "repo": tn.Exact("clord"), "audience": tn.Exact("github"), "path": tn.Subpath(path),
        }  # fmt: skip

    def add(chain: list[Any]) -> list[Any]:  # the builder takes half as long as attenuate()
        builder = chain[-1].attenuate_builder()
        builder.with_capability("call", scope("/agt_1/reader", "/src"))
        builder.with_ttl(86_400 - 60 * len(chain))
        return [*chain, builder.delegate(holder)]

    def decide(text: str, request: Request) -> object:
        chain, args = decode(text), {
            "run": "/" + request.runs[-1], "attempt": request.attempt, "action": request.action,
            "repo": request.repo, "audience": request.audience, "path": "/" + request.path,
        }  # fmt: skip
        if possession:
            if (key := (text, request.action)) not in proofs:
                proofs[key] = chain[-1].sign(holder, "call", args, now)
            return authorizer.check_chain(chain, "call", args, proofs[key], as_of=now)
        authorizer.verify_chain(chain, as_of=now)
        if unmet := chain[-1].check_constraints("call", args):
            raise PermissionError(unmet)
        return chain

    def places(text: str) -> list[int]:  # a signature is the last 64 bytes of its warrant
        raw, chain = base64.b64decode(text), [one.to_bytes() for one in decode(text)]
        return [(raw.index(one) + len(one) - 64) * 4 // 3 + 1 for one in chain]

    return _peer(
        "tenuo+pop" if possession else "tenuo", n, add=add, write=encode, read=decode,
        first=lambda: [tn.Warrant.issue(root, {"call": scope("/agt_1", "/")}, 86_400, public)],
        decide=decide, forgery=DeserializationError, places=places,
        refusal=(ConstraintViolation if possession else PermissionError, "'action'"),
    )  # fmt: skip


def _jwt(name: str, algorithm: str, private: Any, public: Any) -> Peer:
    """`jwt.decode` with algorithms and audience, then the claims are compared here."""
    claims = {"attempt": 2, "aud": "github", "exp": EXPIRES, "actions": ACTIONS, "repo": "clord"}

    def make(run: str) -> str:
        return jwt.encode({"run": run, **claims}, private, algorithm)

    def decide(text: str, request: Request) -> object:
        found = jwt.decode(text, public, algorithms=[algorithm], audience=request.audience)
        if found["run"] not in request.runs or found["attempt"] != request.attempt:
            raise PermissionError("run")
        if request.action not in found["actions"] or found["repo"] != request.repo:
            raise PermissionError("action")
        return found

    return _peer(
        name, 1, first=lambda: make("agt_1"), add=lambda _: make("agt_1/reader"), write=str,
        read=str, decide=decide, refusal=(PermissionError, "action"),
        forgery=jwt.InvalidSignatureError, places=lambda text: [text.rindex(".") + 1],
    )  # fmt: skip


def jwt_hs256() -> Peer:
    """Make the peer PyJWT with HMAC. It has no chain: `narrow` is the issuer signing again."""
    key = secrets.token_bytes(32)
    return _jwt("jwt-hs256", "HS256", key, key)


def jwt_eddsa() -> Peer:
    """Make the peer PyJWT with Ed25519, and key objects, so that no key is parsed."""
    private = Ed25519PrivateKey.generate()
    return _jwt("jwt-eddsa", "EdDSA", private, private.public_key())


def main() -> None:
    """Print medians in µs, interleaved: each round times every operation of every peer."""
    sizes = (1, 2, 3, 4, 8)
    work: dict[tuple[str, str, int], Callable[[], object]] = {}
    table: dict[tuple[str, str, int], float] = {}
    for n in sizes:
        chains = [macaroon(n), biscuit(n), tenuo(n), tenuo(n, possession=True)]
        for peer in [*chains, jwt_hs256(), jwt_eddsa()] if n == 1 else chains:
            table[peer.name, "chars", n] = len(peer.text)
            for what in ("allow", "deny", "mint", "narrow")[: 4 if n == 1 else 2]:
                work[peer.name, what, n] = getattr(peer, what)
    rounds = [{k: timeit.timeit(do, number=20) for k, do in work.items()} for _ in range(61)]
    for case in work:
        table[case] = statistics.median(one[case] for one in rounds) / 20 * 1e6
    print(*(f"{one} {version(one)}" for one in ("pymacaroons", "biscuit-python", "tenuo", "PyJWT")))
    print(f"{'peer':<10} {'µs':<6}", *(f"{f'n={n}':>6}" for n in sizes))
    for name, what in dict.fromkeys(case[:2] for case in sorted(table)):
        row = (table.get((name, what, n)) for n in sizes)
        print(f"{name:<10} {what:<6}", *("     -" if x is None else f"{x:>6.0f}" for x in row))


if __name__ == "__main__":
    main()
