"""What attenuate and four other libraries do with the same situations, by running them.

    python docs/comparison.py        # after: pip install --group bench

Every answer in the table that this prints was given by the library just now. `-` is where the
library has no such thing to try.
"""

from __future__ import annotations

import base64
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version

import biscuit_auth as ba
import jwt
import tenuo as tn
from pymacaroons import Macaroon, Verifier
from pymacaroons.serializers import JsonSerializer

import attenuate as at

warnings.simplefilter("ignore")
KEY = "0123456789abcdef0123456789abcdef"
NOW = int(time.time())


def outcome(do: Callable[[], object]) -> str:
    """Return "accepted", or the class of the refusal."""
    try:
        do()
    except Exception as error:
        return type(error).__name__
    return "accepted"


# --- pymacaroons ----------------------------------------------------------------------------------
def macaroon(*caveats: str) -> Macaroon:
    """Return a macaroon with these caveats."""
    token = Macaroon("here", "k1", KEY)
    for caveat in caveats:
        token.add_first_party_caveat(caveat)
    return token


def macaroon_check(token: Macaroon, *facts: str, key: str = KEY) -> object:
    """Verify with these exact predicates."""
    verifier = Verifier()
    for fact in facts:
        verifier.satisfy_exact(fact)
    return verifier.verify(token, key)


# --- biscuit --------------------------------------------------------------------------------------
ROOT = ba.KeyPair()


def biscuit(source: str = "") -> ba.Biscuit:
    """Return a biscuit of one block."""
    return ba.BiscuitBuilder(source).build(ROOT.private_key)


def biscuit_check(token: ba.Biscuit, facts: str = "", key: ba.PublicKey = ROOT.public_key) -> object:
    """Authorize with these facts."""
    read = ba.Biscuit.from_base64(token.to_base64(), key)
    return (
        ba.AuthorizerBuilder(f"{facts}; allow if true" if facts else "allow if true").build(read).authorize()
    )


# --- tenuo ----------------------------------------------------------------------------------------
ISSUER, HOLDER, THIEF = (tn.SigningKey.generate() for _ in range(3))


def warrant(path: str = "/data/a") -> tn.Warrant:
    """Return a warrant to read below a path."""
    scope = {"read": {"path": tn.Subpath(path)}}
    return tn.Warrant.issue(ISSUER, scope, 3600, HOLDER.public_key)


def warrant_child(parent: tn.Warrant, **fields: object) -> tn.Warrant:
    """Return a child of a warrant with these constraints."""
    builder = parent.attenuate_builder()
    builder.with_capability("read", fields)
    builder.with_ttl(60)
    return builder.delegate(HOLDER)


def warrant_check(token: tn.Warrant, by: tn.SigningKey = HOLDER, **args: object) -> object:
    """Authorize one call."""
    authorizer = tn.Authorizer(trusted_roots=[ISSUER.public_key])
    return authorizer.check_chain([token], "read", args, token.sign(by, "read", args, NOW))


# --- PyJWT ----------------------------------------------------------------------------------------
def token_jwt(**claims: object) -> str:
    """Return a JWT."""
    return jwt.encode(claims, KEY, "HS256")


# --- attenuate ------------------------------------------------------------------------------------
RING = at.KeyRing.generate("k1")
VERIFIER = at.Verifier(RING, audience="here")


def lease(**terms: object) -> at.Lease:
    """Return a lease to read below data/a."""
    allow = [at.grant("read", path=at.under("data/a"))]
    return RING.mint(**{"run": "r@1", "audience": "here", "ttl": 60, "allow": allow, **terms})


def lease_check(token: at.Lease, verifier: at.Verifier = VERIFIER, **facts: object) -> object:
    """Verify one call."""
    return verifier.verify(token.token, action="read", run="r@1", facts=facts)


def nothing_restricted() -> tuple[str, ...]:
    """A token that nobody restricted, at a service that asks for nothing more."""
    return (
        outcome(lambda: macaroon_check(macaroon())),
        outcome(lambda: biscuit_check(biscuit())),
        outcome(lambda: warrant_check(tn.Warrant.issue(ISSUER, holder=HOLDER.public_key))),
        outcome(lambda: jwt.decode(token_jwt(sub="a"), KEY, algorithms=["HS256"])),
        outcome(lambda: RING.mint(run="r@1")),
    )


def sibling_path() -> tuple[str, ...]:
    """The path data/abc where data/a is allowed, with the library's own word for a path."""
    check = 'check if path($p), $p.starts_with("/data/a")'
    return (
        "-",
        outcome(lambda: biscuit_check(biscuit(check), 'path("/data/abc")')),
        outcome(lambda: warrant_check(warrant(), path="/data/abc")),
        "-",
        outcome(lambda: lease_check(lease(), path="data/abc")),
    )


def unmet() -> tuple[str, ...]:
    """An authentic token that does not allow the request."""
    check = 'check if action("read")'
    claims = token_jwt(aud="there")
    return (
        outcome(lambda: macaroon_check(macaroon("action = read"), "action = write")),
        outcome(lambda: biscuit_check(biscuit(check), 'action("write")')),
        outcome(lambda: warrant_check(warrant(), path="/etc")),
        outcome(lambda: jwt.decode(claims, KEY, algorithms=["HS256"], audience="here")),
        outcome(lambda: lease_check(lease(), path="etc")),
    )


def other_key() -> tuple[str, ...]:
    """A token of another issuer."""
    other = at.Verifier(at.KeyRing.generate("k1"), audience="here")
    stranger = tn.Authorizer(trusted_roots=[THIEF.public_key])
    return (
        outcome(lambda: macaroon_check(macaroon(), key="x" * 32)),
        outcome(lambda: biscuit_check(biscuit(), key=ba.KeyPair().public_key)),
        outcome(lambda: stranger.verify_chain([warrant()])),
        outcome(lambda: jwt.decode(token_jwt(sub="a"), "x" * 32, algorithms=["HS256"])),
        outcome(lambda: lease_check(lease(), other, path="data/a")),
    )


def new_constraint() -> tuple[str, ...]:
    """The holder restricts something that the token did not speak of: a limit."""
    return (
        outcome(lambda: macaroon("action = read").add_first_party_caveat("limit < 10")),
        outcome(lambda: biscuit().append(ba.BlockBuilder("check if limit($n), $n < 10"))),
        outcome(lambda: warrant_child(warrant(), path=tn.Subpath("/data/a"), limit=tn.Range(1, 9))),
        "-",
        outcome(lambda: lease().narrow(where={"limit": at.between(1, 9)})),
    )


def other_kind() -> tuple[str, ...]:
    """The holder restricts a path prefix to two paths below it."""
    either = 'check if path($p), $p == "/data/a/x" or $p == "/data/a/y"'
    two = at.one_of("data/a/x", "data/a/y")
    return (
        outcome(lambda: macaroon("path under data/a").add_first_party_caveat("path in data/a/x,data/a/y")),
        outcome(lambda: biscuit().append(ba.BlockBuilder(either))),
        outcome(lambda: warrant_child(warrant(), path=tn.OneOf(["/data/a/x", "/data/a/y"]))),
        "-",
        outcome(lambda: lease().narrow(where={"path": two})),
    )


def stolen_bearer() -> tuple[str, ...]:
    """Somebody else uses a bearer token that was read off the wire."""
    return (
        outcome(lambda: macaroon_check(macaroon())),
        outcome(lambda: biscuit_check(biscuit())),
        "-",  # it has none
        outcome(lambda: jwt.decode(token_jwt(sub="a"), KEY, algorithms=["HS256"])),
        outcome(lambda: lease_check(lease(), path="data/a")),
    )


def stolen_proof() -> tuple[str, ...]:
    """Somebody else uses a token that its holder presented for one call, for another call."""
    binding = at.call_binding("here", "r@1", "read", {"path": "data/a/x"})
    other = at.call_binding("here", "r@1", "read", {"path": "data/a/y"})
    bound = lease(bound=True).present(binding).token
    facts = {"path": "data/a/y"}
    return (
        "-",
        "-",
        outcome(lambda: warrant_check(warrant(), THIEF, path="/data/a/y")),
        "-",
        outcome(lambda: VERIFIER.verify(bound, action="read", run="r@1", facts=facts, binding=other)),
    )


def parent_inside() -> tuple[str, ...]:
    """Whether the child's token holds the parent's."""
    form, first = JsonSerializer(), macaroon("a")
    parent = first.signature
    child = form.serialize(first.add_first_party_caveat("b"))
    root = biscuit()
    root_secret = root.to_bytes()[-32:]  # a biscuit ends with its proof
    derived = root.append(ba.BlockBuilder("check if true")).to_bytes()
    top = warrant()
    stack = base64.b64decode(tn.encode_warrant_stack([top, warrant_child(top, path=tn.Subpath("/data/a/b"))]))
    held = lease()
    held_secret = base64.urlsafe_b64decode(held.token[7:] + "=" * (-len(held.token[7:]) % 4))[-32:]
    narrowed = held.narrow(ttl=5).token[7:]
    narrowed_bytes = base64.urlsafe_b64decode(narrowed + "=" * (-len(narrowed) % 4))

    def say(found: bool) -> str:
        return "yes" if found else "no"

    return (
        say(parent in child),
        say(root_secret in derived),
        say(top.to_bytes() in stack),
        "-",
        say(held_secret in narrowed_bytes),
    )


ROWS = {
    "nothing restricted": nothing_restricted,
    "sibling path": sibling_path,
    "a caveat is unmet": unmet,
    "another issuer's": other_key,
    "narrow: new argument": new_constraint,
    "narrow: other kind": other_kind,
    "stolen bearer token": stolen_bearer,
    "stolen bound proof": stolen_proof,
    "child holds parent's": parent_inside,
}


def main() -> None:
    """Print the table."""
    names = ("pymacaroons", "biscuit-python", "tenuo", "PyJWT")
    print(*(f"{name} {version(name)}" for name in names), f"attenuate {at.__version__}", sep=", ")
    table = [("", *names, "attenuate"), *((title, *row()) for title, row in ROWS.items())]
    widths = [max(len(line[column]) for line in table) for column in range(6)]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main()
