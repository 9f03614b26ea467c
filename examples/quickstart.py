"""Mint a lease, narrow it offline, verify it, and read a refusal."""

from attenuate import Forbidden, KeyRing, Verifier, grant, one_of, under

# The issuer: a key, and a lease for attempt 2 of the run agt_1.
ring = KeyRing.generate("k1")
lease = ring.mint(
    run="agt_1@2",
    audience="github",
    ttl="15m",
    allow=[grant("repo.read", "repo.write", repo=one_of("web"))],
)

# The holder: no key, no network. A block is added; it can only restrict.
child = lease.narrow(
    run="agt_1@2/reader@1",
    ttl="5m",
    allow=[grant("repo.read", path=under("src"))],
)

# The tool service: states what is about to be done, and asks.
verifier = Verifier(ring, audience="github")
facts = {"repo": "web", "path": "src/app.py"}
verified = verifier.verify(child.token, action="repo.read", run="agt_1@2/reader@1", facts=facts)
print("granted:", verified)

try:
    verifier.verify(child.token, action="repo.write", run="agt_1@2/reader@1", facts=facts)
except Forbidden as refusal:
    print("refused:", refusal)
else:
    raise AssertionError("the child may not write")
