"""Leases as macaroons and as biscuits, for services that verify those already.

    attenuate_interop.macaroon     to_macaroon, from_macaroon, and satisfiers for a stock Verifier
    attenuate_interop.biscuit      to_biscuit, from_biscuit, and the authorizer that states the request

A macaroon or biscuit that was exported allows what the lease allows, no more and no less. What the
other kind of token cannot carry is refused with its name (`NotPortable`), never dropped.
"""

from .portable import NotPortable

__all__ = ["NotPortable"]
