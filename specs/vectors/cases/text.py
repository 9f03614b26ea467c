"""V2, the text form: one spelling for one token."""

from __future__ import annotations

from builder import HMAC, Case, Lease, ask, cbor, mint, vector


def of_length(rest: int) -> Lease:
    """Return a lease whose bytes leave this rest modulo 3, so that the text ends as wanted."""
    made = (mint(HMAC, {16: {"note": "x" * n}}) for n in range(3))
    return next(lease for lease in made if len(cbor(lease.frame())) % 3 == rest)


@vector("malformed text")
def text_empty(alg: int) -> Case:
    """No text at all."""
    return ask("")


@vector("malformed text")
def text_without_prefix(alg: int) -> Case:
    """The base64url alone."""
    return ask(mint(alg).text().removeprefix("lease1_"))


@vector("malformed text")
def text_of_another_version(alg: int) -> Case:
    """lease2_ for lease1_."""
    return ask(mint(alg).text().replace("lease1_", "lease2_"))


@vector("malformed text")
def text_prefix_in_capitals(alg: int) -> Case:
    """LEASE1_ for lease1_."""
    return ask(mint(alg).text().replace("lease1_", "LEASE1_"))


@vector("malformed text")
def text_padded(alg: int) -> Case:
    """The padding that base64 usually has."""
    return ask(of_length(1).text() + "==")


@vector("malformed text")
def text_other_alphabet(alg: int) -> Case:
    """The characters + and / for - and _."""
    lease = mint(alg, {16: {"note": "\u07ff" * 9}})
    body = lease.text().removeprefix("lease1_")
    assert "-" in body or "_" in body
    return ask("lease1_" + body.replace("-", "+").replace("_", "/"))


@vector("malformed text")
def text_with_a_line_end(alg: int) -> Case:
    """A line feed after the token."""
    return ask(mint(alg).text() + "\n")


@vector("malformed text")
def text_with_space_inside(alg: int) -> Case:
    """A space between two characters."""
    token = mint(alg).text()
    return ask(token[:40] + " " + token[40:])


@vector("malformed text")
def text_unused_bits(alg: int) -> Case:
    """Unused bits of the last character set: a second spelling of the same bytes."""
    token = of_length(1).text()
    return ask(token[:-1] + {"A": "B", "Q": "R", "g": "h", "w": "x"}[token[-1]])


@vector("malformed text")
def text_impossible_length(alg: int) -> Case:
    """A length of 1 modulo 4, which no bytes have."""
    return ask(of_length(0).text() + "A")


@vector("malformed text")
def text_not_ascii(alg: int) -> Case:
    """A full-width letter for its ASCII twin."""
    token = mint(alg).text()
    return ask(token[:20] + chr(ord("A") + 0xFEE0) + token[21:])


@vector("malformed text")
def text_ends_in_a_tilde(alg: int) -> Case:
    """A separator with no approval after it."""
    return ask(mint(alg).text() + "~")
