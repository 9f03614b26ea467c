"""Leases as biscuits: one biscuit block for each lease block, with a check for each caveat.

    biscuit = to_biscuit(lease, ring, root)                        the issuer, or who holds its ring
    biscuit = narrow(biscuit, ttl="5m", allow=["repo.read"])       any holder, offline
    authorizer_for(request, read_biscuit(text, public), now=now).authorize()      the service
    lease = from_biscuit(biscuit, ring, public)                    back, block for block

interop/biscuit-datalog.md shows the Datalog. Needs biscuit-python (`attenuate-interop[biscuit]`).
"""

from .authorizer import AUTHORIZER, MAX_MATCHES, MAX_TIME, NO_CAP, authorizer_for, authorizer_source
from .convert import from_biscuit, narrow, read_biscuit, to_biscuit
from .exact import MAX_TEXT, lease_blocks

__all__ = [
    "AUTHORIZER",
    "MAX_MATCHES",
    "MAX_TEXT",
    "MAX_TIME",
    "NO_CAP",
    "authorizer_for",
    "authorizer_source",
    "from_biscuit",
    "lease_blocks",
    "narrow",
    "read_biscuit",
    "to_biscuit",
]
