"""A lease as a macaroon, a macaroon narrowed in the terms of a lease, and a macaroon as a lease.

identifier   lease/1 NONCE KEY-ID        then block 0's lines, then `end`
block NONCE  …lines…  end                each later block
…lines…                                  added by any library: further blocks
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final, Unpack

from pymacaroons import MACAROON_V2, Macaroon, Verifier

from attenuate import KeyRing, Lease
from attenuate.block import AUDIENCE, HMAC, ISSUED_AT, NONCE, Fields, caveat_name, make_block
from attenuate.doubts import Doubt, doubted
from attenuate.fields import Terms, make_fields, moment

from ..portable import NotPortable, check_complete, minted, portable_blocks
from .form import MAX_CAVEATS, check
from .keys import Identifier, key_of, read_identifier, write_identifier
from .lines import BLOCK, CARRIED, END, MAX_LINE, Line, read_line, write_lines
from .words import json_text

LOCATION: Final = "attenuate"
"""A hint that no signature covers; nothing here reads it."""
_KIND: Final = "macaroon"
MAX_LINES: Final = 44 * 1024
"""Characters of all lines as JSON: with that, both forms stay within MAX_TEXT."""
_IMPLIED: Final = b"attenuate/1 macaroon block\0"


# --- out ------------------------------------------------------------------------------------------
def to_macaroon(lease: Lease, ring: KeyRing, key_id: str | None = None) -> Macaroon:
    """Return the macaroon, of version 2, that allows what a bearer lease allows, no more and no less.

    ring: of the issuer: it verifies the lease (V1 to V5) and has the key of the macaroon. key_id: of
    that key, an hmac key: a root, or ROOT/AUDIENCE for a service that has the audience key alone. By
    default the lease's own; an ed25519 lease needs one.

    Raises NotPortable with the name of what a macaroon cannot carry (`size` where it is too long),
    Untrusted for a lease that is not authentic or a key that is missing or no hmac key, ValueError
    where a key id is needed.
    """
    blocks = portable_blocks(lease, ring, _KIND, CARRIED)
    if key_id is None:
        if lease.alg != HMAC:
            raise ValueError("an ed25519 lease; give the key_id of the hmac key to make the macaroon under")
        key_id = lease.key_id
    named = read_identifier(write_identifier(blocks[0][NONCE], key_id))
    _check_served(named, blocks)
    lines = [*write_lines(blocks[0]), END]
    for fields in blocks[1:]:
        lines += _block_lines(fields)
    made = _made(named, key_of(key_id, ring, named.served or "-"))
    return _with_lines(made, lines)


def _made(named: Identifier, key: bytes) -> Macaroon:
    identifier = write_identifier(*named)
    return Macaroon(location=LOCATION, identifier=identifier, key=key, version=MACAROON_V2)


def _check_served(named: Identifier, blocks: list[Fields]) -> None:
    """Refuse a macaroon under an audience key of a lease that allows something at another audience."""
    if named.served:
        stated = [set(fields[AUDIENCE]) for fields in blocks if AUDIENCE in fields]
        if not set.intersection(*stated) <= {named.served}:
            raise NotPortable(
                "audience", _KIND, 0, f"that key serves {named.served!r:.80} alone; narrow it first"
            )


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
    """Return a bearer lease of the same blocks, under the ring's active key.

    The macaroon's signature is verified first, over every one of its lines; whether they hold now is
    not looked at. A line outside of `block` and `end`, as another library adds it, goes into a further
    block, whose nonce comes from the lines. Under an audience key the lease is for that audience alone.

    ring: of the issuer, with the macaroon's key. Raises Malformed for what is no macaroon of a lease,
    Untrusted `unknown_key`, `algorithm` or `proof`, NotPortable with the name of what a lease cannot
    carry or does not have: `caveat` for a line that is not of the grammar, `structure`, `audience`, `size`.
    """
    if not isinstance(ring, KeyRing):
        raise TypeError(f"ring is a {type(ring).__name__}, not a KeyRing")
    check(macaroon)
    named = read_identifier(macaroon.identifier_bytes)
    if not _authentic(macaroon, key_of(named.key_id, ring, named.served or "-")):
        raise doubted(Doubt.PROOF, named.key_id, 0, keys=ring, audience=named.served or "-", now=0)
    blocks = list(_blocks(named, [caveat.caveat_id_bytes.decode() for caveat in macaroon.caveats]))
    check_complete(blocks[0], "lease")
    if named.served:
        if named.served not in blocks[0][AUDIENCE]:
            raise NotPortable("audience", "lease", 0, f"its key serves {named.served!r:.80} alone")
        blocks[0][AUDIENCE] = (named.served,)
    try:
        return minted(blocks, ring)
    except ValueError as fault:  # each line is good; together they may be too much for a block or a lease
        why = str(fault)
    raise NotPortable("size", "lease", hint=why)  # out here: the context of it would hold secrets


def _authentic(macaroon: Macaroon, key: bytes) -> bool:
    """Say whether the signature covers the identifier and every line."""
    verifier = Verifier()
    verifier.satisfy_general(_any_line)  # an unmet caveat would be left out of what is signed
    try:
        return verifier.verify(macaroon, key) is True
    except Exception:
        return False


def _any_line(caveat: str) -> bool:
    return True


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
