"""One lease block as the source of one biscuit block: what it states, and a check for each caveat.

    lease(1);                                                     block 0 only: the version of this form
    lease_key("k1/github", "hmac");                               block 0 only: the key of the lease
    lease_block(hex:a700…);                                       the block itself, as bytes
    check all request($r), ["github"].contains($r.get("audience"));
    check all request($r), $r.get("time") - $r.get("leeway") < 1800000900;

What the token states and what the request states have different names, and checks look at `request`
alone. `check all` fails where nothing is stated, and another `request` fact, wherever it came from,
has to pass as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, Self

from attenuate import codec, limits
from attenuate.block import (
    ALLOW,
    AUDIENCE,
    DENY,
    DEPTH,
    EXPIRES,
    ISSUED_AT,
    NONCE,
    NOT_BEFORE,
    NOTES,
    RUN,
    WHERE,
    Fields,
    caveat_name,
    wire,
)
from attenuate.keys import ALGORITHMS
from attenuate.token import KEY_ID

from ..portable import NotPortable
from .grants import allowed, certain, denied
from .literals import literal

KIND: Final = "biscuit"
VERSION: Final = 1
"""What `lease(…)` in block 0 states. Another number is another form, and this template denies it."""
CARRIED: Final = frozenset(
    (NONCE, RUN, AUDIENCE, NOT_BEFORE, EXPIRES, ALLOW, DENY, WHERE, DEPTH, ISSUED_AT, NOTES)
)
"""The keys that Datalog can say. A counter, a signature of somebody else or a proof it cannot."""
MAX_SOURCE: Final = 64 * 1024
"""Characters of one block's source. A block of a lease can ask for several times that."""
_ALG_NAMES: Final = {number: name for name, number in ALGORITHMS.items()}
_STATED: Final = re.compile(rf'lease_key\("(.*)", "({"|".join(ALGORITHMS)})"\);')


class Signer(NamedTuple):
    """What a lease is under: its key id, and the COSE number of the algorithm."""

    key_id: str
    alg: int

    @property
    def served(self) -> str:
        """The audience that the key serves; empty for a root."""
        return self.key_id.partition("/")[2]

    @classmethod
    def read(cls, printed: str) -> Self | None:
        """Return what a block 0 states, from its source as the library prints it; None for no key.

        The library prints without escapes, so this is what the block says only where the source made of
        it gives the same bytes.
        """
        found = _STATED.fullmatch(printed.split("\n", 2)[1]) if "\n" in printed else None
        if not found or not KEY_ID.fullmatch(found[1]):
            return None
        return cls(found[1], ALGORITHMS[found[2]])


def source(fields: Fields, number: int, signer: Signer | None = None) -> str:
    """Return the Datalog source of lease block `number`, which has no next_key.

    signer: of the lease, for block 0. Raises NotPortable for a caveat that a biscuit cannot carry, and
    `size` for one that takes too much room there.
    """
    for key in fields:
        if key not in CARRIED:
            raise NotPortable(caveat_name(key), KIND, number, "verify the lease itself there")
    text = ""
    for statement in _statements(fields, number, signer):
        text += f"{statement};\n"
        if len(text) > MAX_SOURCE:
            raise NotPortable("size", KIND, number, f"at most {MAX_SOURCE} characters of Datalog")
    return text


def _statements(fields: Fields, number: int, signer: Signer | None) -> Iterator[str]:
    if number == 0:
        yield f"lease({VERSION})"
        yield from _key(signer)
    yield f"lease_block({literal(codec.encode(wire(fields)))})"
    if number == 0:
        for name, note in fields.get(NOTES, {}).items():
            yield f"lease_note({literal(name)}, {literal(note)})"
        yield _check(f'$r.get("max_lifetime") >= {fields[EXPIRES] - fields[ISSUED_AT]}')
    for key, value in fields.items():
        make = _CHECKS.get(key)
        try:
            for expression in make(value, number) if make else ():
                yield _check(expression)
        except ValueError as fault:
            raise NotPortable(caveat_name(key), KIND, number, str(fault)) from None


def _key(signer: Signer | None) -> Iterator[str]:
    if signer is None:
        raise TypeError("block 0 states the key of the lease; give it")
    yield f"lease_key({literal(signer.key_id)}, {literal(_ALG_NAMES[signer.alg])})"
    if signer.served:  # V3: under an audience key the audience is that key's, whatever the block says
        yield _check(f'$r.get("audience") == {literal(signer.served)}')


def _check(expression: str) -> str:
    return f"check all request($r), {expression}"


def _run(run: Any, number: int) -> Iterator[str]:
    names = [name for name, _ in run]
    stated = [(level, attempt) for level, (_, attempt) in enumerate(run) if attempt is not None]
    attempts = [f'$r.get("attempts").get({level}) == {attempt}' for level, attempt in stated]
    yield " && ".join([f'$r.get("names").starts_with({literal(names)})', *attempts])


def _audience(names: Any, number: int) -> Iterator[str]:
    yield f'{literal(names)}.contains($r.get("audience"))'


def _not_before(time: Any, number: int) -> Iterator[str]:
    yield f'$r.get("time") + $r.get("leeway") >= {time}'


def _expires(time: Any, number: int) -> Iterator[str]:
    yield f'$r.get("time") - $r.get("leeway") < {time}'


def _allow(grants: Any, number: int) -> Iterator[str]:
    yield allowed(grants)


def _deny(grants: Any, number: int) -> Iterator[str]:
    return (denied(grant) for grant in grants)


def _where(where: Any, number: int) -> Iterator[str]:
    return (certain(name, constraint) for name, constraint in where.items())


def _depth(depth: Any, number: int) -> Iterator[str]:
    yield f'$r.get("blocks") <= {number + 1 + depth}'


def _issued_at(time: Any, number: int) -> Iterator[str]:
    yield f'$r.get("time") >= {time - limits.SKEW}'


_CHECKS: Final[dict[Any, Callable[[Any, int], Iterator[str]]]] = {
    RUN: _run, AUDIENCE: _audience, NOT_BEFORE: _not_before, EXPIRES: _expires, ALLOW: _allow, DENY: _deny,
    WHERE: _where, DEPTH: _depth, ISSUED_AT: _issued_at,
}  # fmt: skip
