"""Leases for AI agents: mint, narrow offline, verify locally.

ring = KeyRing.generate("k1")
lease = ring.mint(run="agt_1@2", audience="github", ttl="15m", allow=[grant("repo.read", repo=one_of("clord"))])
child = lease.narrow(run="agt_1@2/reader@1", ttl="5m", allow=[grant("repo.read", path=under("src"))])
Verifier(ring, audience="github").verify(child.token, action="repo.read", run="agt_1@2/reader@1",
                                         facts={"repo": "clord", "path": "src/a.py"})
"""

from .approval import approve, demand
from .call import call_binding, flatten, http_binding
from .constraints import between, host, none_of, one_of, present, starts, under
from .errors import Forbidden, LeaseError, Malformed, Refused, Unavailable, Untrusted
from .grants import grant
from .lease import Lease
from .request import Request
from .ring import KeyRing
from .verified import Verified
from .verifier import Verifier
from .version import __version__ as __version__

__all__ = [
    "Forbidden",
    "KeyRing",
    "Lease",
    "LeaseError",
    "Malformed",
    "Refused",
    "Request",
    "Unavailable",
    "Untrusted",
    "Verified",
    "Verifier",
    "approve",
    "between",
    "call_binding",
    "demand",
    "flatten",
    "grant",
    "host",
    "http_binding",
    "none_of",
    "one_of",
    "present",
    "starts",
    "under",
]
