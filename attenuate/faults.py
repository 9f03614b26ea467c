"""What can be wrong with a token's form (V1, V2), by number, with its words.

Engines find faults; the words for them are here, so that every engine says the same. A fault is a
`Fault` and one integer where the words need one; it says nothing else of the token. The order of
the members is the native kernel's too (kernel/rules/src/fault.rs).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum, auto
from typing import Final, NamedTuple

from . import limits
from .errors import Malformed


class Fault(IntEnum):
    """One thing that a token's bytes can be and must not be."""

    # text and sizes
    TOKEN_SIZE = 0
    WHOLE_SIZE = auto()
    APPROVALS = auto()
    PREFIX = auto()
    UNUSED_BITS = auto()
    ALPHABET = auto()
    # encoding
    TRUNCATED = auto()
    TRAILING = auto()
    NOT_UTF8 = auto()
    INITIAL_BYTE = auto()
    OTHER_VALUE = auto()
    LONG_SPELLING = auto()
    BEYOND = auto()
    KEY_TYPE = auto()
    KEY_ORDER = auto()
    NESTING = auto()
    # frame
    FRAME = auto()
    STRINGS = auto()
    STRING = auto()
    ELEMENTS = auto()
    HEADER = auto()
    COUNTS = auto()
    FIXED = auto()
    PROOF = auto()
    # block
    BLOCK_SIZE = auto()
    BLOCK = auto()
    RUN = auto()
    TEXTS = auto()
    NUMBER = auto()
    EMPTY = auto()
    BUDGET = auto()
    BOUND = auto()
    SIZED = auto()
    NOTES = auto()
    TEXT_KEY = auto()
    EXTENSION = auto()
    NONCE = auto()
    NEXT_KEY = auto()
    GRANTS = auto()
    UNITS = auto()
    # grants and constraints
    PATTERNS = auto()
    FACTS = auto()
    FACT_NAME = auto()
    GRANT = auto()
    DENY_ONLY = auto()
    DENY_OPTIONAL = auto()
    DEMAND = auto()
    CONSTRAINT = auto()
    OPERAND = auto()


class _Words(NamedTuple):
    """The words of a fault; each but the code may hold a {}, which is the number's place."""

    code: str
    asked: str
    allowed: str = ""
    number: Callable[[int], object] = int
    limit: Callable[[int], object] = int


def _hex(byte: int) -> str:
    return f"{byte:#04x}"


def _counts(number: int) -> str:
    return f"{number >> 8} blocks and {number & 0xFF} signatures"


def _sizes(number: int) -> str:
    least, most = number >> 8, number & 0xFF
    return f"{least} bytes" if least == most else f"{least} to {most} bytes"


def _least_nonce(index: int) -> int:
    return limits.MIN_NONCE if index else limits.MIN_ROOT_NONCE


_OPERANDS: Final = (
    ("one_of", "at least one text, integer or boolean"),
    ("none_of", "at least one text, integer or boolean"),
    ("between", "[least, most], integers or null, not both null, least not above most"),
    ("under", "at least one well-formed path"),
    ("starts", "at least one text"),
    ("host", "at least one well-formed host"),
    ("any", "true"),
)
PATTERN_HINT: Final = 'actions; "*" may end one after ".", ":" or "/", or stand alone'

_HEADS = "definite lengths, no tags, no floats"
_STRINGS = "canonical unpadded base64url"
_WORDS: Final[dict[Fault, _Words]] = {
    Fault.TOKEN_SIZE: _Words("too_large", "{} characters", f"{limits.MAX_TOKEN_TEXT}"),
    Fault.WHOLE_SIZE: _Words("too_large", "{} characters", f"{limits.MAX_TEXT}"),
    Fault.APPROVALS: _Words("too_large", "{} approvals", f"{limits.MAX_APPROVALS}"),
    Fault.PREFIX: _Words("text", "other text", "lease1_ and unpadded base64url"),
    Fault.UNUSED_BITS: _Words("text", "unused bits at the end", _STRINGS),
    Fault.ALPHABET: _Words("text", "other characters", _STRINGS),
    Fault.TRUNCATED: _Words("cbor", "truncated bytes"),
    Fault.TRAILING: _Words("cbor", "trailing bytes", "one value"),
    Fault.NOT_UTF8: _Words("cbor", "text that is not UTF-8"),
    Fault.INITIAL_BYTE: _Words("cbor", "initial byte {}", _HEADS, number=_hex),
    Fault.OTHER_VALUE: _Words("cbor", "initial byte {}", "no tags, floats or other values", number=_hex),
    Fault.LONG_SPELLING: _Words("cbor", "a long spelling of {}", "the shortest spelling"),
    Fault.BEYOND: _Words("cbor", "an integer or length beyond 2^63-1", "-2^63 to 2^63-1"),
    Fault.KEY_TYPE: _Words("cbor", "a map key of another type", "text or integers"),
    Fault.KEY_ORDER: _Words("cbor", "map keys out of order or twice", "bytewise order"),
    Fault.NESTING: _Words("too_large", "nesting of {}", f"{limits.MAX_DEPTH}"),
    Fault.FRAME: _Words("shape", "another frame", "[header, [1*16 block], sigs, proof]"),
    Fault.STRINGS: _Words("shape", "something else", "an array of byte strings"),
    Fault.STRING: _Words("shape", "something else", "a byte string"),
    Fault.ELEMENTS: _Words("too_large", "{} elements", f"{limits.MAX_BLOCKS}"),
    Fault.HEADER: _Words("shape", "another header", "[1, 5 or -19, key id of printable ASCII]"),
    Fault.COUNTS: _Words(
        "shape", "{}", "1 to 16 blocks; a signature for each in ed25519, none in hmac", number=_counts
    ),
    Fault.FIXED: _Words("shape", "another byte string", "{} bytes"),
    Fault.PROOF: _Words("shape", "another proof", "[0, secret], [1, seal] or [2, iat, nonce, binding, tag]"),
    Fault.BLOCK_SIZE: _Words("too_large", "a block of {} bytes", f"{limits.MAX_BLOCK}"),
    Fault.BLOCK: _Words("shape", "a block that is no map", "a map"),
    Fault.RUN: _Words("shape", "another run", "1 to 8 of [name, ? attempt], attempts from 1"),
    Fault.TEXTS: _Words("shape", "another list", "[+ text]"),
    Fault.NUMBER: _Words("shape", "another number", "0 to {}"),
    Fault.EMPTY: _Words("shape", "another list", "at least one element"),
    Fault.BUDGET: _Words("shape", "another budget", "{+ unit: limit}"),
    Fault.BOUND: _Words("shape", "another bound", "true"),
    Fault.SIZED: _Words("shape", "another byte string", "{}", limit=_sizes),
    Fault.NOTES: _Words("shape", "another note", "{* text: text / int / bool}"),
    Fault.TEXT_KEY: _Words("shape", "another text key", "vendor/name"),
    Fault.EXTENSION: _Words(
        "shape", "another extension value", "text, integers, booleans, arrays, maps of text"
    ),
    Fault.NONCE: _Words("shape", "block {} without a long nonce", "{} to 32 bytes", limit=_least_nonce),
    Fault.NEXT_KEY: _Words("shape", "next_key", "in every ed25519 block, and in no hmac block"),
    Fault.GRANTS: _Words("too_large", "{} grants in a block", f"{limits.MAX_GRANTS}"),
    Fault.UNITS: _Words("too_large", "{} budget units", f"{limits.MAX_UNITS}"),
    Fault.PATTERNS: _Words("shape", "other actions", f"[+ pattern]: {PATTERN_HINT}"),
    Fault.FACTS: _Words("shape", "another map of facts", "{+ fact: constraint}"),
    Fault.FACT_NAME: _Words("shape", "a fact that is not text", "{+ fact: constraint}"),
    Fault.GRANT: _Words("shape", "another grant", "{0: patterns, ? 1: facts, ? 2: true}"),
    Fault.DENY_ONLY: _Words("shape", "`only` in a deny", "`only` in an allow, where it has a meaning"),
    Fault.DENY_OPTIONAL: _Words("shape", "`optional` in a deny", "`optional` in an allow or a where"),
    Fault.DEMAND: _Words(
        "shape", "another approval", "[patterns, distinct keys of 32 bytes, quorum from 1 to 4 of them]"
    ),
    Fault.CONSTRAINT: _Words("shape", "another constraint", "[kind 0 to 6, operand, ? true]"),
    Fault.OPERAND: _Words(
        "shape",
        "another operand of {}",
        "{}",
        number=lambda kind: _OPERANDS[kind][0],
        limit=lambda kind: _OPERANDS[kind][1],
    ),
}


def malformed(fault: Fault, number: int = 0) -> Malformed:
    """Return the error of a fault. number: what its words need, such as a count; else 0."""
    words = _WORDS[fault]
    # by replacement: some of the words have braces of their own
    asked = words.asked.replace("{}", str(words.number(number)), 1)
    allowed = words.allowed.replace("{}", str(words.limit(number)), 1)
    return Malformed(words.code, asked, allowed=allowed)
