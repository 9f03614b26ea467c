"""A merge that waits for two of three maintainers, who approve exactly one call.

An approval is a lease that the approver signs. It serves the block that asks for it and that
block's descendants, and nothing else. "Exactly one call" is its constraint on the fact `call`, the
digest of all arguments; that it counts once is a budget of the approval, which a Gate charges.
"""

from attenuate import Forbidden, KeyRing, Verifier, approve, demand, flatten, grant, one_of
from attenuate.call import call_digest
from attenuate.keys import Key

MERGE = {"repo": "web", "number": 42}

maintainers = [Key.generate("ed25519") for _ in range(3)]
issuer = KeyRing.generate("k1")
verifier = Verifier(issuer, audience="github")

lease = issuer.mint(
    run="agt_1@1",
    audience="github",
    ttl="15m",
    allow=[grant("pull_request.*", where={"args.repo": one_of("web")})],
    approval=[demand("pull_request.merge", keys=maintainers, quorum=2)],
)


def facts(args: dict[str, object]) -> dict[str, object]:
    """What the service states: the arguments, and the digest of all of them."""
    return {**flatten(args), "call": call_digest(args).hex()}


def merge(token: str, args: dict[str, object]) -> str:
    """The tool. It says what is missing, so the agent can ask for it."""
    try:
        verifier.verify(token, action="pull_request.merge", run="agt_1@1", facts=facts(args))
    except Forbidden as refusal:
        return f"refused, {refusal.code}: {refusal.finding.asked}"
    return f"merged {args['number']}"


print("nobody:", merge(lease.token, MERGE))

first = approve(maintainers[0], lease, "pull_request.merge", args=MERGE)
second = approve(maintainers[1], lease, "pull_request.merge", args=MERGE)

print("one:   ", merge(lease.attach(first).token, MERGE))
print("twice: ", merge(lease.attach(first, first).token, MERGE))
print("two:   ", merge(lease.attach(first, second).token, MERGE))
print("other: ", merge(lease.attach(first, second).token, {"repo": "web", "number": 43}))

assert merge(lease.attach(first, second).token, MERGE) == "merged 42"
assert "merged" not in merge(lease.attach(first, first).token, MERGE)
