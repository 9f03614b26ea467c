"""V2, the encoding: every value has one, and these are the others."""

from __future__ import annotations

import struct

from builder import BASE, HMAC, K1, NOW, Case, Lease, Raw, ask, cbor, empty, mint, secret, text_of, vector

NONCE = secret("nonce 0")[:16]


def pairs(**changes: bytes) -> list[tuple[bytes, bytes]]:
    """Return block 0 as encoded pairs of key and value, with changes such as k5=b"…"."""
    block = {cbor(k): cbor(v) for k, v in {0: NONCE, **BASE}.items()}
    block |= {cbor(int(name[1:])): value for name, value in changes.items()}
    return sorted(block.items())


def block(members: list[tuple[bytes, bytes]]) -> bytes:
    """Return a map as its pairs stand."""
    return bytes((0xA0 + len(members),)) + b"".join(key + value for key, value in members)


def lease(**changes: bytes) -> Lease:
    """Return an hmac lease whose block 0 has these bytes for a value."""
    return empty(HMAC).add(block(pairs(**changes)))


def refused(made: Lease) -> Case:
    """Return the case; its links and proof are as they should be, so only the encoding is wrong."""
    return ask(made)


def hexed(text: str) -> bytes:
    """Return bytes written in hex with spaces."""
    return bytes.fromhex(text)


@vector("ok")
def cbor_as_it_should_be(alg: int) -> Case:
    """The control of the others: the same bytes by hand, without a fault."""
    return ask(lease())


@vector("malformed cbor")
def cbor_long_integer(alg: int) -> Case:
    """The time in nine bytes where five do."""
    return refused(lease(k15=b"\x1b" + NOW.to_bytes(8, "big")))


@vector("malformed cbor")
def cbor_long_small_integer(alg: int) -> Case:
    """The key 5 as 18 05."""
    members = [(b"\x18\x05" if key == b"\x05" else key, value) for key, value in pairs()]
    return refused(empty(HMAC).add(block(members)))


@vector("malformed cbor")
def cbor_long_array_head(alg: int) -> Case:
    """An array of one whose head is 98 01."""
    return refused(lease(k3=hexed("98 01") + cbor("github")))


@vector("malformed cbor")
def cbor_long_text_head(alg: int) -> Case:
    """A text of six bytes whose head is 78 06."""
    return refused(lease(k3=hexed("81 78 06") + b"github"))


@vector("malformed cbor")
def cbor_long_bytes_head(alg: int) -> Case:
    """A nonce of 16 bytes whose head is 58 10."""
    return refused(lease(k0=hexed("58 10") + NONCE))


@vector("malformed cbor")
def cbor_long_map_head(alg: int) -> Case:
    """A block whose head is b8 06."""
    return refused(empty(HMAC).add(b"\xb8" + bytes((len(pairs()),)) + block(pairs())[1:]))


@vector("malformed cbor")
def cbor_long_frame_head(alg: int) -> Case:
    """A block's byte string in the frame with a head of three bytes."""
    made = mint(alg)
    raw = made.blocks[0]
    long = Raw(b"\x59" + len(raw).to_bytes(2, "big") + raw)
    return ask(text_of(cbor([made.header, [long], [], [0, made.secret]])))


@vector("malformed cbor")
def cbor_long_header_head(alg: int) -> Case:
    """The frame's header string as 58 06, which the chain of hashes would not see."""
    made = mint(alg)
    long = Raw(b"\x58" + bytes((len(made.header),)) + made.header)
    return ask(text_of(cbor([long, list(made.blocks), [], [0, made.secret]])))


@vector("malformed cbor")
def cbor_keys_unsorted(alg: int) -> Case:
    """The last key of a block first."""
    members = pairs()
    return refused(empty(HMAC).add(block(members[-1:] + members[:-1])))


@vector("malformed cbor")
def cbor_key_twice(alg: int) -> Case:
    """Two audiences, the second one wider."""
    members = pairs()
    return refused(empty(HMAC).add(block([*members[:3], (b"\x03", cbor(["github", "mail"])), *members[3:]])))


@vector("malformed cbor")
def cbor_fact_twice(alg: int) -> Case:
    """Two constraints on one fact in a `where`."""
    twice = b"\xa2" + (cbor("repo") + cbor([0, ["clord"]])) * 2
    return refused(lease(k8=twice))


@vector("malformed cbor")
def cbor_text_keys_by_length(alg: int) -> Case:
    """Extension keys in an order that compares the texts and not their encodings."""
    members = [*pairs(), (cbor("a/long"), b"\x01"), (cbor("b/x"), b"\x01")]
    return refused(empty(HMAC).add(block(members)))


@vector("malformed cbor")
def cbor_negative_key_before_others(alg: int) -> Case:
    """The key -1 before the key 0: in value order and not in that of the encodings."""
    return refused(empty(HMAC).add(block([(b"\x20", b"\x01"), *pairs()])))


@vector("malformed cbor")
def cbor_bytes_for_a_key(alg: int) -> Case:
    """A map key that is a byte string."""
    return refused(empty(HMAC).add(block([*pairs(), (b"\x41\x61", b"\x01")])))


@vector("malformed cbor")
def cbor_true_for_a_key(alg: int) -> Case:
    """A map key that is true, which some maps take for 1."""
    return refused(empty(HMAC).add(block([*pairs(), (b"\xf5", b"\x01")])))


@vector("malformed cbor")
def cbor_true_for_a_key_of_a_grant(alg: int) -> Case:
    """A grant whose facts stand under true: where 1 and true are equal, that is a second spelling."""
    allow = b"\x81\xa2\x00" + cbor(["repo.read"]) + b"\xf5" + cbor({"repo": [0, ["clord"]]})
    return refused(lease(k6=allow))


@vector("malformed cbor")
def cbor_float(alg: int) -> Case:
    """The expiry as a float with an integer value."""
    return refused(lease(k5=b"\xfb" + struct.pack(">d", NOW + 900)))


@vector("malformed cbor")
def cbor_half_float(alg: int) -> Case:
    """A depth of 1.0 in half precision."""
    return refused(lease(k11=hexed("f9 3c 00")))


@vector("malformed cbor")
def cbor_tag(alg: int) -> Case:
    """The expiry with the tag of an epoch time."""
    return refused(lease(k5=b"\xc1" + cbor(NOW + 900)))


@vector("malformed shape")
def cbor_self_described(alg: int) -> Case:
    """The frame with the tag 55799 before it."""
    return ask(text_of(hexed("d9 d9 f7") + cbor(mint(alg).frame())))


@vector("malformed cbor")
def cbor_bignum(alg: int) -> Case:
    """An operand as a bignum."""
    return refused(lease(k8=b"\xa1" + cbor("n") + hexed("82 00 81 c2 41 01")))


@vector("malformed cbor")
def cbor_indefinite_array(alg: int) -> Case:
    """An audience of indefinite length."""
    return refused(lease(k3=b"\x9f" + cbor("github") + b"\xff"))


@vector("malformed cbor")
def cbor_indefinite_text(alg: int) -> Case:
    """An audience's name in two chunks."""
    return refused(lease(k3=b"\x81\x7f" + cbor("git") + cbor("hub") + b"\xff"))


@vector("malformed cbor")
def cbor_indefinite_map(alg: int) -> Case:
    """A block of indefinite length."""
    return refused(empty(HMAC).add(b"\xbf" + block(pairs())[1:] + b"\xff"))


@vector("malformed cbor")
def cbor_undefined(alg: int) -> Case:
    """A note that is undefined."""
    return refused(lease(k16=b"\xa1" + cbor("n") + b"\xf7"))


@vector("malformed cbor")
def cbor_long_true(alg: int) -> Case:
    """The value true in two bytes, f8 15."""
    return refused(lease(k13=hexed("f8 15")))


@vector("malformed cbor")
def cbor_integer_of_64_bits(alg: int) -> Case:
    """An operand of 2^63, which does not fit 64 bits signed."""
    return refused(lease(k8=b"\xa1" + cbor("n") + hexed("82 00 81 1b 80 00 00 00 00 00 00 00")))


@vector("ok")
def cbor_least_integer(alg: int) -> Case:
    """An operand of -2^63, the least that there is."""
    least = b"\xa1" + cbor("n") + hexed("82 00 81 3b 7f ff ff ff ff ff ff ff")
    return ask(lease(k8=least), facts={"repo": "clord", "n": -(2**63)})


@vector("malformed cbor")
def cbor_below_the_least_integer(alg: int) -> Case:
    """An operand of -2^63-1."""
    return refused(lease(k8=b"\xa1" + cbor("n") + hexed("82 00 81 3b 80 00 00 00 00 00 00 00")))


@vector("malformed cbor")
def cbor_text_not_utf8(alg: int) -> Case:
    """An audience whose bytes are not UTF-8."""
    return refused(lease(k3=b"\x81\x66githu\xff"))


@vector("malformed cbor")
def cbor_text_of_a_surrogate(alg: int) -> Case:
    """An audience with a surrogate, which UTF-8 has not."""
    return refused(lease(k3=b"\x81\x63\xed\xa0\x80"))


@vector("malformed cbor")
def cbor_text_with_overlong_utf8(alg: int) -> Case:
    """A slash in two bytes, c0 af."""
    return refused(lease(k3=b"\x81\x62\xc0\xaf"))


@vector("malformed cbor")
def cbor_trailing_byte(alg: int) -> Case:
    """A byte after the frame."""
    return ask(text_of(cbor(mint(alg).frame()) + b"\x00"))


@vector("malformed cbor")
def cbor_trailing_byte_in_a_block(alg: int) -> Case:
    """A byte after a block's map, inside its string and under the link."""
    return refused(empty(HMAC).add(block(pairs()) + b"\x00"))


@vector("malformed cbor")
def cbor_trailing_byte_in_the_header(alg: int) -> Case:
    """A byte after the header's array, inside its string."""
    header = cbor([1, HMAC, "k1"]) + b"\x00"
    return refused(Lease(HMAC, header, secret=K1).add({0: NONCE, **BASE}))


@vector("malformed cbor")
def cbor_header_of_another_length(alg: int) -> Case:
    """A key id whose head says one character and that has two."""
    header = b"\x83\x01\x05\x61k1"
    return refused(Lease(HMAC, header, secret=K1).add({0: NONCE, **BASE}))


@vector("malformed cbor")
def cbor_truncated(alg: int) -> Case:
    """A frame without its last byte."""
    return ask(text_of(cbor(mint(alg).frame())[:-1]))


@vector("malformed cbor")
def cbor_block_truncated(alg: int) -> Case:
    """A block without its last byte, under a link that covers what is there."""
    return refused(empty(HMAC).add(block(pairs())[:-1]))


@vector("malformed cbor")
def cbor_length_of_exabytes(alg: int) -> Case:
    """A text that claims 2^62 bytes: nothing is set aside for it."""
    return refused(lease(k3=b"\x81\x7b\x40" + bytes(7)))
