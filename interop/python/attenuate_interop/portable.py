"""What both exports share: an authentic lease's blocks, and a name for what cannot travel.

An exporter signs what it is given with a key of its own. So it believes nothing: a lease is verified
(V1 to V5) under the issuer's ring before one caveat of it is written anywhere else. Who would export
a text unverified would sign whatever a holder wrote.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable

from attenuate import KeyRing, Lease, LeaseError, Untrusted
from attenuate.block import (
    ALLOW,
    AUDIENCE,
    EXPIRES,
    FOR,
    ISSUED_AT,
    NEXT_KEY,
    RUN,
    Block,
    Fields,
    caveat_name,
)  # fmt: skip
from attenuate.chain import extend, start
from attenuate.doubts import Doubt, doubted
from attenuate.errors import bare
from attenuate.verify import authentic

_COMPLETE = (RUN, AUDIENCE, EXPIRES, ALLOW, ISSUED_AT)


class NotPortable(ValueError):
    """A lease, or another token, says something that the other kind of token cannot carry.

    name: what it is: the caveat's name, `sealed`, `bound`, `approvals`, `ed25519`, `size` or `structure`,
    or of another token what it has beside the vocabulary. block: the number of the block, None where it is
    no block's.
    """

    def __init__(self, name: str, kind: str, block: int | None = None, hint: str = "") -> None:
        where = "" if block is None else f" (block {block})"
        super().__init__(f"a {kind} cannot carry {name}{where}" + (f"; {hint}" if hint else ""))
        self.name = name
        self.block = block


def portable_blocks(lease: Lease, keys: KeyRing, kind: str, carried: Collection[int | str]) -> list[Fields]:
    """Return the fields of each block of an authentic bearer lease, without next_key.

    kind: of the other token, for the words. carried: the keys of the closed set that it can carry;
    a text in it stands for extension keys of that name, "*" for every extension.

    Raises Untrusted for a lease that is not authentic under `keys`, NotPortable for what cannot travel.
    """
    if lease.proof != "bearer":
        raise NotPortable(lease.proof, kind, hint="export the lease before it is sealed or presented")
    try:
        chain = authentic(lease, keys)
    except LeaseError as error:
        fault = bare(error)
    else:
        return _portable(lease, chain.blocks, kind, carried)
    try:
        raise fault  # out here and bare: its frames hold the token's text, and collectors show them
    finally:
        del fault


def _portable(
    lease: Lease, chain: Iterable[Block], kind: str, carried: Collection[int | str]
) -> list[Fields]:
    if lease.approvals:
        raise NotPortable("approvals", kind, hint="approvals bind to the lease's block ids")
    blocks = [_fields(block) for block in chain]
    for number, fields in enumerate(blocks):
        for key in fields:
            known = key in carried or (isinstance(key, str) and "*" in carried)
            if not known or key == FOR:
                raise NotPortable(caveat_name(key), kind, number, "verify the lease itself there")
    for number, fields in enumerate(blocks):
        check_structure(fields, number, kind)
    return blocks


def check_structure(fields: Fields, number: int, kind: str) -> None:
    """Refuse what no verifier would take (V6, `structure`): an incomplete block 0, a later issued_at."""
    if number == 0:
        check_complete(fields, kind)
    elif ISSUED_AT in fields:
        raise NotPortable("structure", kind, number, "issued_at stands in block 0 and nowhere else")


def check_complete(first: Fields, kind: str) -> None:
    """Refuse a block 0 that no verifier would take (V6, `structure`): it would be all-powerful there."""
    missing = [caveat_name(key) for key in _COMPLETE if key not in first]
    if missing:
        raise NotPortable("structure", kind, 0, f"block 0 has no {', '.join(missing)}")
    if any(attempt is None for _, attempt in first[RUN]):
        raise NotPortable("structure", kind, 0, "block 0 leaves an attempt open")
    if first[ISSUED_AT] >= first[EXPIRES]:
        raise NotPortable("structure", kind, 0, "it ends before it begins")


def minted(blocks: Iterable[Fields], key_id: str, alg: int, keys: KeyRing) -> Lease:
    """Return a bearer lease of these blocks under the key that the other token names.

    Under no other: a lease under another key has other block ids, and is another lease to revocations
    and to the register of attempts. In the hmac chain the same key and blocks give the same ids.

    Raises Untrusted `unknown_key` for a key that the ring does not hold with its secret, `algorithm` for
    one of another algorithm, NotPortable `size` for blocks that are too much for a lease.
    """
    served = key_id.partition("/")[2]
    found = keys.find(key_id, served or "-")
    if found is None:
        raise doubted(Doubt.UNKNOWN_KEY, key_id, 0, keys=keys, audience=served or "-", now=0)
    key, _ = found
    if key.alg != alg:
        raise doubted(Doubt.ALGORITHM, key_id, alg, keys=keys, audience=served or "-", now=0)
    if not key.can_mint:
        raise Untrusted(
            "unknown_key", f"a lease under {key_id!r}", allowed="the ring that holds the secret of that key"
        )
    try:
        first, *more = blocks
        token = start(key, key_id, first, os.urandom(32))
        for fields in more:
            token = extend(token, fields, os.urandom(32))
        return Lease(token)
    except ValueError as fault:  # each block is good, and together they are more than a lease can hold
        why = str(fault)
    raise NotPortable("size", "lease", hint=why)  # out here: the frames of the other one hold a secret


def _fields(block: Block) -> Fields:
    return {key: value for key, value in block.fields.items() if key != NEXT_KEY}
