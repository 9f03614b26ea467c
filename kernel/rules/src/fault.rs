//! What can be wrong with a token's form (V1, V2). The words are in attenuate/faults.py, which has
//! the same members in the same order.

/// One thing that a token's bytes can be and must not be.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[rustfmt::skip]
pub enum Kind {
    // text and sizes
    TokenSize, WholeSize, Approvals, Prefix, UnusedBits, Alphabet,
    // encoding
    Truncated, Trailing, NotUtf8, InitialByte, OtherValue, LongSpelling, Beyond, KeyType, KeyOrder,
    Nesting,
    // frame
    Frame, Strings, String, Elements, Header, Counts, Fixed, Proof,
    // block
    BlockSize, Block, Run, Texts, Number, Empty, Budget, Bound, Sized, Notes, TextKey, Extension, Nonce,
    NextKey, Grants, Units,
    // grants and constraints
    Patterns, Facts, FactName, Grant, DenyOnly, DenyOptional, Demand, Constraint, Operand,
}

/// A fault, and the number that its words need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault(pub Kind, pub u64);

/// Return the error of a fault whose words need no number.
pub(crate) fn fault<T>(kind: Kind) -> Result<T, Fault> {
    Err(Fault(kind, 0))
}
