"""The token: header, blocks, signatures and proof, from bytes and to bytes (V1, V2).

Nothing here is verified. `unverified` is the word for what a token says before V5.
"""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from . import codec, limits
from .block import BUDGET, ED25519, HMAC, Block, read_block
from .errors import Malformed
from .faults import Fault, malformed

KEY_ID = re.compile(rf"[ -~]{{1,{limits.MAX_KEY_ID}}}")
"""1 to 128 printable ASCII characters."""
_HEADER = re.compile(rb"\x83\x01([\x05\x32])(?:[\x61-\x77]|\x78[\x18-\x80])([ -~]{1,128})")
_ALGS = {b"\x05": HMAC, b"\x32": ED25519}

BEARER, SEALED, BOUND_PROOF = range(3)
PROOFS = ("bearer", "sealed", "bound")


class Proof(NamedTuple):
    """What ends a token. kind: 0 bearer, 1 sealed, 2 bound.

    tag: the secret (32 bytes), the seal or the use tag (32 or 64). iat: seconds; nonce: 16 bytes;
    binding: 32 bytes; these three only where kind is 2.
    """

    kind: int
    tag: bytes
    iat: int = 0
    nonce: bytes = b""
    binding: bytes = b""

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Proof does not pickle: it may be a secret")

    def without_tag(self) -> Proof:
        """Return the proof without what makes it one, for everything after V5."""
        return _SPENT[self.kind] if self.kind < BOUND_PROOF else self._replace(tag=b"")

    def __repr__(self) -> str:
        return f"Proof({PROOFS[self.kind]})"


_SPENT = (Proof(BEARER, b""), Proof(SEALED, b""))


class Frame(NamedTuple):
    """A token whose blocks are still bytes: all that is read before a prefix is looked up."""

    header: bytes
    alg: int
    key_id: str
    raws: list[bytes]
    sigs: tuple[bytes, ...]
    proof: Proof

    def __repr__(self) -> str:
        return f"Frame(key_id={self.key_id!r}, blocks={len(self.raws)}, {self.proof!r})"


class Token(NamedTuple):
    """A parsed token. `header` and each block's `raw` are the exact bytes."""

    header: bytes
    alg: int
    key_id: str
    blocks: tuple[Block, ...]
    sigs: tuple[bytes, ...]
    proof: Proof

    def __repr__(self) -> str:
        return f"Token(key_id={self.key_id!r}, blocks={len(self.blocks)}, {self.proof!r})"


def read_header(raw: bytes) -> tuple[int, str]:
    """Return algorithm and key id of a header; raises Malformed."""
    found = _HEADER.fullmatch(raw)
    if found:
        alg, key_id = _ALGS[found[1]], found[2].decode("ascii")
        if raw == write_header(alg, key_id):
            return alg, key_id
    codec.decode(raw)
    raise malformed(Fault.HEADER)


def write_header(alg: int, key_id: str) -> bytes:
    """Return the bytes of a header."""
    size = len(key_id)
    head = bytes((0x60 + size,)) if size < 24 else bytes((0x78, size))
    return b"\x83\x01" + (b"\x05" if alg == HMAC else b"\x32") + head + key_id.encode("ascii")


def _fixed(value: object, size: int) -> bytes:
    if type(value) is bytes and len(value) == size:
        return value
    raise malformed(Fault.FIXED, size)


def _read_proof(value: object, alg: int) -> Proof:
    if type(value) is list and value and type(value[0]) is int:
        size = 32 if alg == HMAC else 64
        kind = value[0]
        if kind == BEARER and len(value) == 2:
            return Proof(BEARER, _fixed(value[1], 32))
        if kind == SEALED and len(value) == 2:
            return Proof(SEALED, _fixed(value[1], size))
        if kind == BOUND_PROOF and len(value) == 5 and type(value[1]) is int and value[1] >= 0:
            iat, nonce, binding = value[1], _fixed(value[2], 16), _fixed(value[3], 32)
            return Proof(BOUND_PROOF, _fixed(value[4], size), iat, nonce, binding)
    raise malformed(Fault.PROOF)


def read_frame(text: str) -> Frame:
    """Return what a token's text says around its blocks; raises Malformed (V1, V2)."""
    b = codec.from_text(text)
    if b[:1] != b"\x84":
        raise malformed(Fault.FRAME)
    try:
        header, i = codec.string(b, 1)
        raws, i = codec.strings(b, i)
        sigs, i = codec.strings(b, i)
    except IndexError:
        raise malformed(Fault.TRUNCATED) from None
    alg, key_id = read_header(header)
    if not raws or len(sigs) != (0 if alg == HMAC else len(raws)):
        raise malformed(Fault.COUNTS, len(raws) << 8 | len(sigs))
    for sig in sigs:
        _fixed(sig, 64)
    if b[i : i + 4] == b"\x82\x00\x58\x20" and len(b) == i + 36:  # [0, 32 bytes]: the usual end
        return Frame(header, alg, key_id, raws, tuple(sigs), Proof(BEARER, b[i + 4 :]))
    return Frame(header, alg, key_id, raws, tuple(sigs), _read_proof(codec.decode(b[i:]), alg))


def read_blocks(frame: Frame, known: tuple[Block, ...] = ()) -> tuple[Block, ...]:
    """Return the blocks of a frame, `known` being its first ones; raises Malformed (V1, V2)."""
    blocks = list(known)
    for index in range(len(known), len(frame.raws)):
        blocks.append(read_block(frame.raws[index], index, frame.alg))
    units = 0
    for block in blocks:
        if BUDGET in block.fields:
            units += len(block.fields[BUDGET])
    if units > limits.MAX_UNITS:
        raise malformed(Fault.UNITS, units)
    return tuple(blocks)


def read_token(text: str) -> Token:
    """Return what a token's text says, unverified; raises Malformed (V1, V2)."""
    frame = read_frame(text)
    return Token(frame.header, frame.alg, frame.key_id, read_blocks(frame), frame.sigs, frame.proof)


def write_token(token: Token) -> str:
    """Return the text of a token."""
    kind, *rest = token.proof
    proof = [kind, *rest[1:], rest[0]] if kind == BOUND_PROOF else [kind, rest[0]]
    raws = [block.raw for block in token.blocks]
    return codec.to_text(codec.encode([token.header, raws, list(token.sigs), proof]))


def split(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a token's text and its approvals' texts (V1: sizes and number); raises Malformed."""
    if not isinstance(text, str):
        raise Malformed("text", f"a {type(text).__name__}", allowed="a token's text, such as lease.token")
    if len(text) > limits.MAX_TEXT:
        raise malformed(Fault.WHOLE_SIZE, len(text))
    if "~" not in text:
        return text, ()
    first, *approvals = text.split("~")
    if len(approvals) > limits.MAX_APPROVALS:
        raise malformed(Fault.APPROVALS, len(approvals))
    return first, tuple(approvals)
