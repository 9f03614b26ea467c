//! Leases for AI agents, verified: bytes and facts in, a decision out.
//!
//! The rules of attenuate without Python: a strict decoder over borrowed bytes, the two chains, and the
//! closed set of caveats. It reads no clock, disk, network or environment, and has no words: what is
//! told to people is made from the numbers it returns. The definition is specs/ and the Python engine;
//! this crate gives the same verdict on any input.
//!
//! ```
//! use attenuate_rules::{Question, Request, Ring, Rules, decide, open};
//!
//! let ring = Ring::new([]);
//! let request = Request::new("repo.read".into(), "github".into(), None, vec![], vec![], None);
//! let question = Question { request: &request, ring: &ring, now: 0, rules: Rules::default(), cache: None };
//! let refused = open("lease1_", &question).and_then(|read| decide(read, &question, &mut |_, _, _| None, false));
//! assert!(refused.is_err());
//! ```
#![forbid(unsafe_code)]

mod approval;
mod block;
mod cache;
pub mod cbor;
pub mod chain;
mod clear;
mod constraint;
mod fault;
mod grammar;
mod limits;
mod request;
mod ring;
mod text;
mod token;
mod trust;
mod verify;

pub use approval::{Note, Notes, Uncounted};
pub use cache::{Cache, Info};
pub use clear::{Code, Failure, Handlers, Key as CaveatKey, Rules};
pub use fault::{Fault, Kind};
pub use limits::MAX_FACTS;
pub use request::{Fact, Request, Run, Value};
pub use ring::{Key, Ring};
pub use token::{Chain, ED25519, HMAC, Proof};
pub use trust::{Authentic, Doubt, Doubted, Question};
pub use verify::{Allowed, Forbidden, Opened, Refusal, decide, open};
