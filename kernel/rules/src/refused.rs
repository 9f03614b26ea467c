//! Why a request is refused, with the stable names of specs/verify.md and a sentence for people.

use crate::block::NAMES;
use crate::clear::{Code, Failure, Key};
use crate::fault::{Fault, Kind};
use crate::trust::{Doubt, Doubted};
use crate::verify::Refusal;
use std::fmt;

/// Why a request is refused. It holds no part of a token but its key id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(Why);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Why {
    /// A part of the request, and whether there is too much of it.
    Request(&'static str, bool),
    /// What is wrong with which of token (0) and approvals.
    Token(Fault, usize),
    Doubted(Doubted),
    Forbidden(Failure),
    /// The lease asks for counters, and nobody keeps them.
    Counters,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Refused(match refusal {
            Refusal::Malformed(fault, part) => Why::Token(fault, part),
            Refusal::Doubted(doubted) => Why::Doubted(doubted),
            Refusal::Forbidden(why) => Why::Forbidden(why.first().clone()),
        })
    }
}

impl Refused {
    pub(crate) fn request(part: &'static str, too_large: bool) -> Self {
        Refused(Why::Request(part, too_large))
    }

    pub(crate) fn token(fault: Fault, part: usize) -> Self {
        Refused(Why::Token(fault, part))
    }

    pub(crate) fn counters() -> Self {
        Refused(Why::Counters)
    }

    /// The stage: "malformed", "untrusted", "forbidden", or "unavailable" where counters would be needed.
    pub fn stage(&self) -> &'static str {
        match &self.0 {
            Why::Request(..) | Why::Token(..) => "malformed",
            Why::Doubted(why) => match why.doubt {
                Doubt::Audience | Doubt::Binding | Doubt::StaleProof => "forbidden",
                _ => "untrusted",
            },
            Why::Forbidden(_) => "forbidden",
            Why::Counters => "unavailable",
        }
    }

    /// The code, for programs: a name of specs/verify.md, or the key of an extension.
    pub fn code(&self) -> &str {
        match &self.0 {
            Why::Request(_, true) => "too_large",
            Why::Request(_, false) => "facts",
            Why::Token(Fault(kind, _), _) => code_of_fault(*kind),
            Why::Doubted(why) => code_of_doubt(why.doubt),
            Why::Forbidden(Failure { code: Code::Extension, key: Key::Name(name), .. }) => name,
            Why::Forbidden(failure) => code_of_failure(failure.code),
            Why::Counters => "store",
        }
    }

    /// The number of the block that refuses, where one does.
    pub fn block(&self) -> Option<usize> {
        match &self.0 {
            Why::Doubted(Doubted { doubt: Doubt::Audience, .. }) => Some(0),
            Why::Forbidden(failure) => Some(failure.block),
            _ => None,
        }
    }
}

impl std::error::Error for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.stage())?;
        if let Some(block) = self.block() {
            write!(f, " by block {block}")?;
        }
        write!(f, ": {}; ", self.code())?;
        match &self.0 {
            Why::Counters => {
                f.write_str("the lease asks for counters, and none are kept here; see applies_charges")
            }
            Why::Request(part, true) => write!(f, "the request has too many {part}"),
            Why::Request(part, false) => write!(f, "the request has no {part} such as there may be"),
            Why::Token(Fault(kind, _), 0) => write!(f, "the token is none: {kind:?}"),
            Why::Token(Fault(kind, _), part) => write!(f, "approval {part} is none: {kind:?}"),
            Why::Doubted(why) => f.write_str(words_of_doubt(why.doubt)).and_then(|()| match why.doubt {
                Doubt::UnknownKey | Doubt::Algorithm | Doubt::Audience => write!(f, ": {:?}", why.key_id),
                _ => Ok(()),
            }),
            Why::Forbidden(failure) => {
                f.write_str(words_of_failure(failure.code))?;
                match &failure.key {
                    Key::Number(key) if failure.code == Code::Unknown => write!(f, ": {key}"),
                    Key::Name(name) => write!(f, ": {name}"),
                    Key::Number(key) if failure.code == Code::Structure => {
                        let name = usize::try_from(*key).ok().and_then(|key| NAMES.get(key));
                        write!(f, ": {} after block 0", name.unwrap_or(&"a key"))
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

/// The code of a fault, as in attenuate/faults.py.
fn code_of_fault(kind: Kind) -> &'static str {
    use Kind::*;
    match kind {
        TokenSize | WholeSize | Approvals | Nesting | Elements | BlockSize | Grants | Units => "too_large",
        Prefix | UnusedBits | Alphabet => "text",
        Truncated | Trailing | NotUtf8 | InitialByte | OtherValue | LongSpelling | Beyond | KeyType
        | KeyOrder => "cbor",
        _ => "shape",
    }
}

fn code_of_doubt(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::UnknownKey => "unknown_key",
        Doubt::Algorithm => "algorithm",
        Doubt::Audience => "audience",
        Doubt::Signature => "signature",
        Doubt::Proof => "proof",
        Doubt::Binding => "binding",
        Doubt::StaleProof => "stale_proof",
    }
}

fn words_of_doubt(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::UnknownKey => "the ring has no such key",
        Doubt::Algorithm => "the ring has this key for the other algorithm",
        Doubt::Audience => "this key serves another audience",
        Doubt::Signature => "a link is not signed by the issuer or holder",
        Doubt::Proof => "the proof does not fit the chain",
        Doubt::Binding => "the proof is bound to another call, or no binding was stated",
        Doubt::StaleProof => "the proof was not made within 60 s of now",
    }
}

fn code_of_failure(code: Code) -> &'static str {
    match code {
        Code::Structure => "structure",
        Code::IssuedAt => "issued_at",
        Code::Depth => "depth",
        Code::Lifetime => "lifetime",
        Code::For => "for",
        Code::Bound => "bound",
        Code::Run => "run",
        Code::Attempt => "attempt",
        Code::Audience => "audience",
        Code::NotBefore => "not_before",
        Code::Expires => "expires",
        Code::Allow => "allow",
        Code::Deny => "deny",
        Code::Where => "where",
        Code::Budget => "budget",
        Code::Unknown => "unknown_caveat",
        Code::Extension => "extension", // told by its own key
        Code::Approval => "approval",
    }
}

fn words_of_failure(code: Code) -> &'static str {
    match code {
        Code::Structure => "the block is not complete, or has what only block 0 may have",
        Code::IssuedAt => "it says that it was issued later than now",
        Code::Depth => "more blocks follow than it allows",
        Code::Lifetime => "the lease lives longer than is taken here",
        Code::For => "an approval is no lease",
        Code::Bound => "it wants a proof that is bound to one call",
        Code::Run => "it is for another run",
        Code::Attempt => "it is for another attempt of this run",
        Code::Audience => "it is for other services",
        Code::NotBefore => "it is not yet valid",
        Code::Expires => "it has expired",
        Code::Allow => "no grant allows the action with these facts",
        Code::Deny => "a deny fits the action with these facts, or cannot be told not to",
        Code::Where => "a fact is not as it must be",
        Code::Budget => "the request states no cost in a unit of its budget",
        Code::Unknown => "nobody here knows the caveat",
        Code::Extension => "the handler did not say yes",
        Code::Approval => "the action has not enough approvals",
    }
}

/// A setting or a key that a verifier cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSetting(pub(crate) String);

impl std::error::Error for BadSetting {}

impl fmt::Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}
