"""V2, the shape of frame, header, proof and of what every block has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from builder import (
    BASE,
    BINDING,
    ED25519,
    HMAC,
    USE_NONCE,
    Case,
    Raw,
    ask,
    cbor,
    empty,
    mint,
    secret,
    text_of,
    vector,
)


def framed(parts: list[Any]) -> Case:
    """Return the case of a frame of these parts."""
    return ask(text_of(cbor(parts)))


def headed(header: object) -> Case:
    """Return the case of another header, with a chain that covers it."""
    return ask(replace(empty(HMAC), header=cbor(header)).add(BASE))


@vector("malformed shape")
def shape_no_bytes(alg: int) -> Case:
    """The prefix and nothing after it."""
    return ask("lease1_")


@vector("malformed shape")
def shape_frame_is_a_map(alg: int) -> Case:
    """The four parts as a map."""
    parts = mint(alg).frame()
    return ask(text_of(cbor(dict(enumerate(parts)))))


@vector("malformed shape")
def shape_frame_of_three(alg: int) -> Case:
    """A frame without a proof."""
    return framed(mint(alg).frame()[:3])


@vector("malformed shape")
def shape_frame_of_five(alg: int) -> Case:
    """A frame with one more part."""
    return framed([*mint(alg).frame(), 0])


@vector("malformed shape")
def shape_no_blocks(alg: int) -> Case:
    """A header, no block, and the root's secret for a proof."""
    return ask(empty(alg))


@vector("malformed shape")
def shape_block_not_in_bytes(alg: int) -> Case:
    """A block that stands in the frame as a map and not as its bytes."""
    lease = mint(alg)
    return framed([lease.header, [Raw(lease.blocks[0])], [], [0, lease.secret]])


@vector("malformed shape")
def shape_block_is_an_array(alg: int) -> Case:
    """A block that is an array."""
    return ask(empty(alg).add(cbor([0, secret("nonce 0")])))


@vector("malformed shape")
def shape_header_of_version_2(alg: int) -> Case:
    """A header of a version that there is not."""
    return headed([2, 5, "k1"])


@vector("malformed shape")
def shape_header_with_more(alg: int) -> Case:
    """A header with a fourth element."""
    return headed([1, 5, "k1", "x"])


@vector("malformed shape")
def shape_algorithm_none(alg: int) -> Case:
    """Algorithm 0, which COSE reserves, and an empty proof: nobody signed."""
    lease = mint(alg)
    return framed([cbor([1, 0, "k1"]), list(lease.blocks), [], [0, b""]])


@vector("malformed shape")
def shape_algorithm_eddsa(alg: int) -> Case:
    """Algorithm -8, EdDSA on any curve, which RFC 9864 replaces by -19."""
    return headed([1, -8, "e1"])


@vector("malformed shape")
def shape_key_id_empty(alg: int) -> Case:
    """A key id of no characters."""
    return headed([1, 5, ""])


@vector("malformed shape")
def shape_key_id_of_129(alg: int) -> Case:
    """A key id one character too long."""
    return headed([1, 5, "k" * 129])


@vector("malformed shape")
def shape_key_id_with_a_line_end(alg: int) -> Case:
    """A key id that would break a log line."""
    return headed([1, 5, "k1\n"])


@vector("malformed shape")
def shape_hmac_with_a_signature(alg: int) -> Case:
    """A signature in the chain that has none: bytes that nothing would cover."""
    lease = mint(alg)
    return framed([lease.header, list(lease.blocks), [bytes(64)], [0, lease.secret]])


@vector("malformed shape")
def shape_ed25519_signature_missing(alg: int) -> Case:
    """Two blocks and one signature."""
    lease = mint(ED25519).add()
    return framed([lease.header, list(lease.blocks), list(lease.sigs[:1]), [0, lease.secret]])


@vector("malformed shape")
def shape_ed25519_signature_more(alg: int) -> Case:
    """One block and two signatures."""
    lease = mint(ED25519)
    return framed([lease.header, list(lease.blocks), [*lease.sigs, bytes(64)], [0, lease.secret]])


@vector("malformed shape")
def shape_signature_of_63(alg: int) -> Case:
    """A signature one byte short."""
    lease = mint(ED25519)
    return framed([lease.header, list(lease.blocks), [lease.sigs[0][:63]], [0, lease.secret]])


@vector("malformed shape")
def shape_proof_of_no_kind(alg: int) -> Case:
    """A proof of kind 3."""
    return ask(mint(alg), [3, bytes(32)])


@vector("malformed shape")
def shape_proof_with_more(alg: int) -> Case:
    """A bearer's proof with a third element."""
    lease = mint(alg)
    return ask(lease, [0, lease.secret, b""])


@vector("malformed shape")
def shape_secret_of_31(alg: int) -> Case:
    """A bearer's secret one byte short: a shorter prefix would be easier to guess."""
    lease = mint(alg)
    return ask(lease, [0, lease.secret[:31]])


@vector("malformed shape")
def shape_seal_cut_to_16(alg: int) -> Case:
    """A seal cut to its first half."""
    lease = mint(alg)
    return ask(lease, [1, lease.seal()[1][:16]])


@vector("malformed shape")
def shape_seal_of_the_other_chain(alg: int) -> Case:
    """An hmac token with a seal of 64 bytes."""
    return ask(mint(alg), [1, bytes(64)])


@vector("malformed shape")
def shape_use_nonce_of_15(alg: int) -> Case:
    """A bound proof with a short nonce."""
    lease = mint(alg)
    return ask(lease, lease.use(nonce=USE_NONCE[:15]), binding=BINDING.hex())


@vector("malformed shape")
def shape_use_before_1970(alg: int) -> Case:
    """A bound proof whose time is negative."""
    kind, _, *rest = mint(alg).use()
    return ask(mint(alg), [kind, -1, *rest], binding=BINDING.hex())


@vector("malformed shape", HMAC, ED25519)
def shape_no_nonce(alg: int) -> Case:
    """A block 0 without a nonce."""
    return ask(mint(alg, {0: ...}))


@vector("malformed shape")
def shape_nonce_of_15(alg: int) -> Case:
    """A block 0 with a nonce of 15 bytes."""
    return ask(mint(alg, {0: bytes(15)}))


@vector("malformed shape")
def shape_later_nonce_of_7(alg: int) -> Case:
    """A later block with a nonce of 7 bytes."""
    return ask(mint(alg).add({0: bytes(7)}))


@vector("malformed shape")
def shape_nonce_of_33(alg: int) -> Case:
    """A nonce one byte too long."""
    return ask(mint(alg, {0: bytes(33)}))


@vector("malformed shape")
def shape_hmac_with_next_key(alg: int) -> Case:
    """A next_key in the chain that has none."""
    return ask(mint(alg, {1: bytes(32)}))


@vector("malformed shape")
def shape_ed25519_without_next_key(alg: int) -> Case:
    """No next_key in a block of the chain that needs it."""
    return ask(mint(ED25519, {1: ...}))


@vector("malformed shape")
def shape_next_key_of_31(alg: int) -> Case:
    """A next_key one byte short."""
    return ask(mint(ED25519, {1: bytes(31)}))


@vector("malformed shape")
def shape_header_not_in_bytes(alg: int) -> Case:
    """A header that stands in the frame as an array."""
    lease = mint(alg)
    return framed([Raw(lease.header), list(lease.blocks), [], [0, lease.secret]])
