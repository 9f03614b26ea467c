"""The identifier of an exported macaroon, and the key that verifies it.

    lease/1 e3284c3dc22c872ceb067846f9e3c531 k1/github

The identifier names the key as a lease's header does, and has block 0's nonce. The key is derived from
the one that the key id names, so that no bytes of a lease ever authenticate a macaroon, nor the reverse.
"""

from __future__ import annotations

import hmac
import re
from typing import Final, NamedTuple

from pymacaroons import Macaroon, Verifier

from attenuate import Forbidden, KeyRing, LeaseError, Malformed
from attenuate.block import HMAC
from attenuate.doubts import Doubt, doubted

from .lines import BLOCK, END

LABEL: Final = b"attenuate/1 macaroon\0"
_IDENTIFIER: Final = re.compile(rb"lease/1 ((?:[0-9a-f]{2}){16,32}) ([ -~]{1,128})")
_NEEDED: Final = ("run", "audience", "issued_at", "allow")


class Identifier(NamedTuple):
    """What an identifier says: block 0's nonce and the key id."""

    nonce: bytes
    key_id: str

    @property
    def served(self) -> str:
        """The audience that the key serves; empty for a root."""
        return self.key_id.partition("/")[2]


def write_identifier(nonce: bytes, key_id: str) -> bytes:
    """Return the identifier's bytes."""
    return f"lease/1 {nonce.hex()} {key_id}".encode("ascii")


def read_identifier(data: bytes) -> Identifier:
    """Return what an identifier says; raises Malformed `shape`."""
    found = _IDENTIFIER.fullmatch(data)
    if not found:
        raise Malformed("shape", "another identifier", allowed="lease/1 NONCE KEY-ID")
    return Identifier(bytes.fromhex(found[1].decode("ascii")), found[2].decode("ascii"))


def key_of(key_id: str, ring: KeyRing, audience: str) -> bytes:
    """Return the 32 bytes under which macaroons of a key id are made and verified, at one audience.

    Raises Untrusted `unknown_key` or `algorithm`, Forbidden `audience`, as V3 does.
    """
    found = ring.find(key_id, audience)
    if found is None:
        raise _doubt(Doubt.UNKNOWN_KEY, key_id, ring, audience)
    key, serves = found
    if key.alg != HMAC:  # its material is public: anybody could make macaroons under it
        raise _doubt(Doubt.ALGORITHM, key_id, ring, audience, HMAC)
    if serves is not None and serves != audience:
        raise _doubt(Doubt.AUDIENCE, key_id, ring, audience)
    return hmac.digest(key.material, LABEL, "sha256")


def _doubt(doubt: Doubt, key_id: str, ring: KeyRing, audience: str, number: int = 0) -> LeaseError:
    return doubted(doubt, key_id, number, keys=ring, audience=audience, now=0)


def macaroon_key(key_id: str, ring: KeyRing, audience: str) -> bytes:
    """Return the key, 32 bytes, of macaroons under a key id: a secret. For a service in another language.

    Python services get it from `satisfy`, which authenticates the macaroon with it first. key_id: as an
    identifier names it. ring: as for `attenuate.Verifier`. audience: the name of the service.

    Nothing is verified by this. Raises Untrusted `unknown_key` or `algorithm`, Forbidden `audience` (V3).
    """
    if type(key_id) is not str or type(audience) is not str or not isinstance(ring, KeyRing):
        raise TypeError("give a key id, a KeyRing and an audience")
    return key_of(key_id, ring, audience)


def check_whole(macaroon: Macaroon) -> None:
    """Refuse, by Forbidden `structure`, a macaroon whose block 0 lacks run, audience, dates or allow (V6).

    A verifier that sees one line at a time cannot miss one.
    """
    missing = _missing(macaroon)
    if missing:
        raise Forbidden("structure", f"a block 0 without {missing}", block=0, allowed="a whole block 0")


def authenticate(macaroon: Macaroon, key_id: str, ring: KeyRing, audience: str) -> None:
    """Refuse a macaroon whose signature does not cover its identifier and every line.

    Raises Untrusted `unknown_key`, `algorithm` or `proof`, Forbidden `audience`.
    """
    if not _signed(macaroon, key_of(key_id, ring, audience)):
        raise _doubt(Doubt.PROOF, key_id, ring, audience)


def _signed(macaroon: Macaroon, key: bytes) -> bool:
    verifier = Verifier()
    verifier.satisfy_general(_any_line)  # an unmet caveat would be left out of what is signed
    try:
        return verifier.verify(macaroon, key) is True
    except Exception:  # whatever a stock library raises about it, nothing has said yes
        return False


def _any_line(caveat: str) -> bool:
    return True


def _missing(macaroon: Macaroon) -> str:
    """Return the first words that the lines of block 0 lack."""
    said: set[str] = set()
    for caveat in macaroon.caveats:
        first = caveat.caveat_id_bytes.partition(b" ")[0].decode("latin-1")
        if first in (END, BLOCK):
            break
        said.add(first)
    return ", ".join(word for word in _NEEDED if word not in said)
