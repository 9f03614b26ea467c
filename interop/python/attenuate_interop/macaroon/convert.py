"""A lease as a macaroon, a macaroon narrowed in the terms of a lease, and a macaroon as a lease.

identifier   lease/1 NONCE KEY-ID        then block 0's lines, then `end`
block NONCE  …lines…  end                each later block
…lines…                                  added by any library: further blocks
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final, Unpack

from pymacaroons import MACAROON_V2, Macaroon

from attenuate import KeyRing, Lease
from attenuate.block import HMAC, ISSUED_AT, NONCE, Fields, caveat_name, make_block
from attenuate.fields import Terms, make_fields, moment

from ..portable import NotPortable, check_complete, minted, portable_blocks
from .form import MAX_CAVEATS, check
from .keys import Identifier, authenticate, key_of, read_identifier, write_identifier
from .lines import BLOCK, CARRIED, END, MAX_LINE, Line, read_line, write_lines
from .words import json_text

LOCATION: Final = "attenuate"
"""A hint that no signature covers; nothing here reads it."""
_KIND: Final = "macaroon"
MAX_LINES: Final = 44 * 1024
"""Characters of all lines as JSON: with that, both forms stay within MAX_TEXT."""
_IMPLIED: Final = b"attenuate/1 macaroon block\0"


# --- out ------------------------------------------------------------------------------------------
def to_macaroon(lease: Lease, ring: KeyRing) -> Macaroon:
    """Return the macaroon, of version 2, that allows what a bearer lease allows, no more and no less.

    It is under the lease's own key id, so that who holds one key verifies both, and an import gives the
    same lease. ring: of the issuer: it verifies the lease (V1 to V5) and holds that key.

    Raises NotPortable with the name of what a macaroon cannot carry (`ed25519` for a lease of that chain,
    `size` where it is too long), Untrusted for a lease that is not authentic.
    """
    if lease.proof == "bearer" and lease.alg != HMAC:
        raise NotPortable("ed25519", _KIND, hint="a macaroon's key is a secret; mint under an hmac key")
    blocks = portable_blocks(lease, ring, _KIND, CARRIED)
    named = Identifier(blocks[0][NONCE], lease.key_id)
    lines = [*write_lines(blocks[0]), END]
    for fields in blocks[1:]:
        lines += _block_lines(fields)
    made = Macaroon(
        location=LOCATION,
        identifier=write_identifier(*named),
        key=key_of(named.key_id, ring, named.served or "-"),
        version=MACAROON_V2,
    )
    return _with_lines(made, lines)


def _block_lines(fields: Fields) -> list[str]:
    return [f"{BLOCK} {fields[NONCE].hex()}", *write_lines(fields), END]


def _with_lines(macaroon: Macaroon, lines: list[str]) -> Macaroon:
    """Add lines to a macaroon of ours."""
    whole = [*(caveat.caveat_id_bytes.decode() for caveat in macaroon.caveats), *lines]
    size = sum(len(json_text(line)) + 10 for line in whole)
    if size > MAX_LINES or max(map(len, lines)) > MAX_LINE or len(whole) > MAX_CAVEATS:
        most = f"{MAX_CAVEATS} lines, {MAX_LINE} characters in one, {MAX_LINES} in all"
        raise NotPortable("size", _KIND, hint=f"at most {most}")
    for line in lines:
        macaroon.add_first_party_caveat(line)
    return macaroon


def narrow(macaroon: Macaroon, *, now: int | None = None, **terms: Unpack[Terms]) -> Macaroon:
    """Return a macaroon with one more block, offline and without a key; the one given stays as it is.

    terms: as for `Lease.narrow`. now: seconds since 1970, where `ttl` starts; by default the clock's.

    Raises NotPortable for a term that a macaroon cannot carry, TypeError or ValueError for terms,
    Malformed for another macaroon.
    """
    check(macaroon)
    read_identifier(macaroon.identifier_bytes)
    fields = make_block(make_fields(terms, index=1, now=moment(now)), 1, HMAC).fields
    for key in fields:
        if isinstance(key, int) and key not in CARRIED:
            raise NotPortable(caveat_name(key), _KIND, hint="narrow the lease itself by it")
    return _with_lines(macaroon.copy(), _block_lines(fields))


# --- back -----------------------------------------------------------------------------------------
def from_macaroon(macaroon: Macaroon, ring: KeyRing) -> Lease:
    """Return the bearer lease that a macaroon was made from, as narrowed since: the same key, the same ids.

    So what was revoked stays revoked, by id or by key; the register of attempts knows its run; and a
    lease under an audience key stays one. The macaroon's signature is verified first, over every one of
    its lines; whether they hold now is not looked at. A line outside of `block` and `end`, as another
    library adds it, goes into a further block, whose nonce comes from the lines.

    ring: of the issuer, with the macaroon's key, whichever is active. Raises Malformed for what is no
    macaroon of a lease, Untrusted `unknown_key`, `algorithm` or `proof`, NotPortable with the name of what
    a lease cannot carry or does not have: `caveat` for a line that is not of the grammar, `structure`, `size`.
    """
    if not isinstance(ring, KeyRing):
        raise TypeError(f"ring is a {type(ring).__name__}, not a KeyRing")
    check(macaroon)
    named = read_identifier(macaroon.identifier_bytes)
    authenticate(macaroon, named.key_id, ring, named.served or "-")
    blocks = list(_blocks(named, [caveat.caveat_id_bytes.decode() for caveat in macaroon.caveats]))
    check_complete(blocks[0], "lease")
    return minted(blocks, named.key_id, HMAC, ring)


def _blocks(named: Identifier, lines: list[str]) -> Iterator[Fields]:
    """Yield the fields of each block."""
    said = write_identifier(*named).decode()
    fields: Fields = {NONCE: named.nonce}
    inside, implied, first = True, False, True
    for number, text in enumerate(lines, 1):
        line = _line(text, number)
        adds: dict[Any, Any] = {key: value for key, value in line.block.fields.items() if key != NONCE}
        if ISSUED_AT in adds and not first:
            raise NotPortable("structure", "lease", hint=f"line {number}: issued_at is block 0's")
        if (line.word == BLOCK and inside) or (line.word == END and not inside):
            raise NotPortable("structure", "lease", hint=f"line {number}: {line.word} in the wrong place")
        if inside and adds.keys() & fields.keys():
            raise NotPortable("structure", "lease", hint=f"line {number}: a caveat twice in a block")
        if implied and (line.word == BLOCK or adds.keys() & fields.keys()):
            yield _named_by(said, fields)
            implied = False
        said += f"\n{text}"
        if line.word == END:
            yield fields
            inside = first = False
        elif line.word == BLOCK:
            inside, fields = True, {NONCE: line.block.fields[NONCE]}
        elif inside or implied:
            fields.update(adds)
        else:
            implied, fields = True, {NONCE: b"", **adds}
    if inside:
        raise NotPortable("structure", "lease", hint="its last block has no end")
    if implied:
        yield _named_by(said, fields)


def _named_by(said: str, fields: Fields) -> Fields:
    """Return an implied block's fields with the nonce that comes of all lines up to its last."""
    return {**fields, NONCE: sha256(_IMPLIED + said.encode()).digest()[:16]}


def _line(text: str, number: int) -> Line:
    try:
        return read_line(text)
    except ValueError:
        raise NotPortable("caveat", "lease", hint=f"line {number} is not of the grammar") from None
