"""Leases as macaroons, enforced by a stock `pymacaroons.Verifier` (interop/macaroon-grammar.md).

    issuer   text = write(to_macaroon(lease, ring))
    holder   text = write(narrow(read(text), ttl="5m"))         or any macaroon library, by a line
    service  m, verifier = read(text), pymacaroons.Verifier()
             request = Request("repo.read", audience="github", run="agt_1@2", facts=facts)
             verifier.verify(m, satisfy(verifier, m, request, ring))
    issuer   lease = from_macaroon(m, ring)                     the same lease: the same key and block ids

Each caveat is one readable line. The satisfiers make it back into a caveat of a lease and ask
attenuate's own rules. A line that is not of the grammar denies. `satisfy` authenticates the macaroon
before a line of it is read, and returns the key. `macaroon_key` is for services in other languages.

Give a verifier no other satisfier that answers for these lines: a stock verifier takes a caveat when
any one satisfier does. Pass it no discharge macaroons, and read macaroons with `read`, which bounds
them and takes none with third-party caveats.
"""

from .convert import from_macaroon, narrow, to_macaroon
from .form import read, write
from .keys import macaroon_key
from .satisfy import satisfy

__all__ = ["from_macaroon", "macaroon_key", "narrow", "read", "satisfy", "to_macaroon", "write"]
