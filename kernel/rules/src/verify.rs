//! Steps V1 to V8 in their order, which is the contract (specs/verify.md).
//!
//! `open` does V1 and V2, `decide` the rest: between the two a caller may let others run, because
//! `decide` may have signatures to verify. Nothing after V5 is done for a token that is not authentic.

use crate::approval::{Notes, approved};
use crate::block::APPROVAL;
use crate::chain::{self, Bytes32};
use crate::clear::{Case, Code, Failure, Handlers, Key, failures, run_of};
use crate::fault::Fault;
use crate::text;
use crate::token::{Chain, Frame, Proof, Token};
use crate::trust::{Authentic, Doubted, Question, authentic, find_key};
use std::sync::Arc;

/// A refusal, by the step that came first.
pub enum Refusal {
    /// V1, V2: what is wrong, and with which of token (0) and approvals.
    Malformed(Fault, usize),
    /// V3 to V5: it is not believed, or not for this call.
    Doubted(Doubted),
    /// V6 to V8: an authentic lease does not allow it.
    Forbidden(Box<Forbidden>),
}

/// What an authentic lease forbids.
pub struct Forbidden {
    /// The chain.
    pub chain: Arc<Chain>,
    /// Its proof.
    pub proof: Proof,
    /// The first failure, or all.
    pub failures: Vec<Failure>,
    /// Where an approval is missing, why each attached one does not count; None for one that does.
    pub notes: Notes,
}

/// A lease that allows the request.
pub struct Allowed {
    /// The chain.
    pub chain: Arc<Chain>,
    /// Its proof.
    pub proof: Proof,
    /// The approvals that counted.
    pub approved: Vec<Authentic>,
}

enum First {
    Known(Arc<Chain>, Proof),
    Read(Box<Token>, Bytes32),
}

/// A token and its approvals after V2.
pub struct Opened {
    first: First,
    approvals: Vec<Token>,
}

impl Forbidden {
    /// The failure that the refusal is for.
    pub fn first(&self) -> &Failure {
        &self.failures[0] // made with one or more
    }
}

impl Opened {
    /// Say whether there may be signatures to verify, which take long.
    pub fn is_slow(&self) -> bool {
        !self.approvals.is_empty() || matches!(&self.first, First::Read(token, _) if token.frame.signed)
    }
}

/// V1 and V2: read a token and its approvals.
pub fn open(text: &str, question: &Question) -> Result<Opened, Refusal> {
    let in_part = |part| move |fault| Refusal::Malformed(fault, part);
    let (first, attached) = text::split(text).map_err(in_part(0))?;
    let mut digest = [0; 32];
    let mut exact = None;
    if let Some(cache) = question.cache {
        digest = chain::sha256(&[first.as_bytes()]);
        exact = cache.exact(&digest).filter(|(chain, _)| holds_key(question, chain));
    }
    let first = match exact {
        Some((chain, proof)) => First::Known(chain, proof),
        None => {
            let frame = Frame::read(first).map_err(in_part(0))?;
            let hashes = frame.hashes();
            let key = question.ring.find(&frame.key_id, &question.request.audience);
            let known = key
                .zip(question.cache)
                .and_then(|((key, _), cache)| cache.prefix(&frame, &hashes, &key.fingerprint, 1));
            First::Read(Box::new(frame.open(hashes, known).map_err(in_part(0))?), digest)
        }
    };
    let read = |(at, text): (usize, &&str)| {
        let frame = Frame::read(text).map_err(in_part(at + 1))?;
        let hashes = frame.hashes();
        frame.open(hashes, None).map_err(in_part(at + 1))
    };
    let approvals = attached.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    Ok(Opened { first, approvals })
}

/// Say whether a chain is authentic under the key that the ring has for it now, for this audience.
fn holds_key(question: &Question, chain: &Chain) -> bool {
    let audience = question.request.audience.as_str();
    question.ring.find(&chain.key_id, audience).is_some_and(|(key, serves)| {
        key.signed == chain.signed
            && key.fingerprint == chain.fingerprint
            && serves.is_none_or(|serves| serves == audience)
    })
}

/// V3 to V8: say whether a token allows the request, or why not; with `all`, every failure of V6, V7.
pub fn decide(
    opened: Opened,
    question: &Question,
    handlers: &mut Handlers,
    all: bool,
) -> Result<Allowed, Refusal> {
    let Opened { first, approvals } = opened;
    let (chain, proof) = match first {
        First::Known(chain, proof) => (chain, proof),
        First::Read(token, digest) => {
            let key = find_key(&token.frame, question).map_err(Refusal::Doubted)?;
            let (chain, proof) = authentic(*token, &key, question).map_err(Refusal::Doubted)?;
            if let (Some(cache), Proof::Bearer | Proof::Sealed) = (question.cache, proof) {
                cache.put_exact(digest, chain.clone(), proof);
            }
            (chain, proof)
        }
    };
    let stated = if question.request.run.is_some() { None } else { run_of(&chain) };
    let run = question.request.run.as_ref().or(stated.as_ref());
    let (request, now, rules, bound) = (question.request, question.now, question.rules, proof.is_bound());
    let case = Case { chain: &chain, request, run, now, rules, bound, asked_for: None };
    let found = failures(&case, handlers, all);
    if !found.is_empty() {
        return Err(forbidden(chain, proof, found, Vec::new()));
    }
    match approved(&case, approvals, question, handlers) {
        Ok(approved) => Ok(Allowed { chain, proof, approved }),
        Err((block, notes)) => {
            let key = Key::Number(APPROVAL as i64);
            let failure = Failure { code: Code::Approval, block, key };
            Err(forbidden(chain, proof, vec![failure], notes))
        }
    }
}

fn forbidden(chain: Arc<Chain>, proof: Proof, failures: Vec<Failure>, notes: Notes) -> Refusal {
    Refusal::Forbidden(Box::new(Forbidden { chain, proof, failures, notes }))
}
