//! Leases for AI agents, verified: bytes and facts in, a decision out.
//!
//! The rules of attenuate without Python: a strict decoder over borrowed bytes, the two chains, and the
//! closed set of caveats. It reads no clock, disk, network or environment. The definition is specs/ and
//! the Python engine; this crate gives the same verdict on any input.
//!
//! A service uses [`Verifier`]:
//!
//! ```
//! use attenuate_rules::{Key, Ring, Verifier};
//!
//! let ring = Ring::checked([("k1", Key::hmac([7; 32]))])?;
//! let verifier = Verifier::new(ring, "github")?.max_lifetime(3600)?;
//! let request = verifier.ask("repo.read").run("agt_1@2").fact("repo", "clord").build()?;
//! match verifier.verify("lease1_gw", &request, 1_800_000_000) {
//!     Ok(verified) => println!("allowed, for {}", verified.run()),
//!     Err(refused) => println!("{refused}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Below it is the pair that the binding for Python is made of, and `Verifier` too: [`open`] reads a
//! token (V1, V2), [`decide`] does the rest (V3 to V8), between the two a caller may let others run, and
//! a [`Refusal`] says in numbers what was found. They take a sound request, and settings as they are,
//! for granted.
#![forbid(unsafe_code)]

mod approval;
mod block;
mod cache;
pub mod cbor;
pub mod chain;
mod charges;
mod clear;
mod constraint;
mod fault;
mod grammar;
mod limits;
mod refused;
mod request;
mod ring;
mod service;
mod text;
mod token;
mod trust;
mod verify;

pub use approval::{Note, Notes, Uncounted};
pub use block::NAMES;
pub use cache::{Cache, Info};
pub use charges::{Charge, Counter};
pub use clear::{Code, Failure, Handlers, Key as CaveatKey, Rules};
pub use fault::{Fault, Kind};
pub use limits::MAX_FACTS;
pub use refused::{BadSetting, Refused};
pub use request::{Asking, Fact, Request, Run, Value, run_of_text, text_of_run};
pub use ring::{Key, Ring};
pub use service::{Unverified, Verified, Verifier, call_binding, http_binding, inspect};
pub use token::{Chain, ED25519, HMAC, Proof};
pub use trust::{Authentic, Doubt, Doubted, Question};
pub use verify::{Allowed, Forbidden, Opened, Refusal, decide, open};

/// The examples of README.md, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
