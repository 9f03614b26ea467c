"""Shared secrets across services: each service holds a key for itself and none for the others."""

from attenuate import KeyRing, LeaseError, Verifier

issuer = KeyRing.generate("k1")  # the root key stays with the issuer

# Once, at set-up: each service gets its own derived key, and never the root.
github = Verifier(issuer.for_audience("github"), audience="github")
mail = Verifier(issuer.for_audience("mail"), audience="mail")

# The issuer mints under the key of the service that the lease is for.
lease = issuer.for_audience("github").mint(run="agt_1@1", audience="github", ttl="5m", allow=["repo.read"])
print("at github:", github.verify(lease.token, action="repo.read", run="agt_1@1"))
try:
    mail.verify(lease.token, action="repo.read", run="agt_1@1")
except LeaseError as refusal:
    print("at mail:  ", refusal)

# A service can mint with its key, for itself only. Its lease is refused everywhere else.
forged = github.keys.mint(run="agt_1@1", audience="mail", ttl="5m", allow=["mail.send"])
try:
    mail.verify(forged.token, action="mail.send", run="agt_1@1")
except LeaseError as refusal:
    print("forged:   ", refusal)
else:
    raise AssertionError("a service minted for another")
