//! Approvals: attached leases that an asking block's approvers signed (V8).

use crate::block::{APPROVAL, BUDGET, FOR};
use crate::cbor::{Cursor, Item};
use crate::chain::Bytes32;
use crate::clear::{Case, Failure, Handlers, any_matches, failures, units};
use crate::ring::Key;
use crate::token::{Chain, Proof, Token};
use crate::trust::{Authentic, Doubt, Doubted, Question, authentic};
use std::sync::Arc;

/// Why an attached approval does not count; by number as in attenuate/findings.py.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[rustfmt::skip]
pub enum Uncounted {
    NotAsked, NotSigned, Bearer, OtherBlock, NoCalls, Asks,
}

/// What a note on an approval says.
#[derive(Clone)]
pub enum Note {
    /// Its form rules it out.
    Form(Uncounted),
    /// It is not authentic, or not for this call.
    Doubt(Doubt),
    /// It refuses.
    Failure(Arc<Chain>, Proof, Failure),
}

/// A note on each attached approval.
pub type Notes = Vec<Option<Note>>;

type Counted = Result<Authentic, Note>;

/// An approval demand of a checked block.
struct Demand<'a> {
    actions: Cursor<'a>,
    keys: Cursor<'a>,
    quorum: usize,
}

impl<'a> Demand<'a> {
    fn read(c: &mut Cursor<'a>) -> Self {
        c.take();
        let actions = *c;
        c.skip();
        let keys = *c;
        c.skip();
        Demand { actions, keys, quorum: c.int(i64::MAX) as usize }
    }

    /// Return the key that a key id is the lower-case hex of, where this demand asks for it.
    fn key(&self, key_id: &str) -> Option<Bytes32> {
        let mut keys = self.keys;
        (0..keys.count()).find_map(|_| match keys.take() {
            Item::Bytes(key) if is_hex_of(key, key_id) => key.try_into().ok(),
            _ => None,
        })
    }
}

fn is_hex_of(bytes: &[u8], text: &str) -> bool {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| b"0123456789abcdef"[usize::from(digit)]).eq(text.bytes())
}

/// Return the approvals that count, or the block whose demand is not met and why each does not count.
pub fn approved(
    case: &Case,
    approvals: Vec<Token>,
    question: &Question,
    handlers: &mut Handlers,
) -> Result<Vec<Authentic>, (usize, Notes)> {
    let key_ids: Vec<_> = approvals.iter().map(|token| token.frame.key_id.clone()).collect();
    let mut approvals: Vec<_> = approvals.into_iter().map(Some).collect();
    let mut used = Vec::new();
    for (index, block) in case.chain.blocks().enumerate() {
        let Some(mut demands) = block.get(APPROVAL) else {
            continue;
        };
        let mut checked: Vec<Option<Counted>> = key_ids.iter().map(|_| None).collect();
        let mut charged = vec![false; key_ids.len()];
        for _ in 0..demands.count() {
            let demand = Demand::read(&mut demands);
            if !any_matches(demand.actions, &case.request.action) {
                continue;
            }
            let mut signed: Vec<usize> = Vec::new();
            for (at, key_id) in key_ids.iter().enumerate() {
                let again = signed.iter().any(|&other| key_ids[other] == *key_id);
                if again || signed.len() == demand.quorum {
                    continue;
                }
                let Some(public) = demand.key(key_id) else {
                    continue;
                };
                let id = &case.chain.hashes[index][..16];
                let check = || approval(&mut approvals[at], public, id, case, question, handlers);
                if checked[at].get_or_insert_with(check).is_ok() {
                    signed.push(at);
                }
            }
            if signed.len() < demand.quorum {
                let notes = checked.into_iter().map(|one| match one {
                    Some(counted) => counted.err(),
                    None => Some(Note::Form(Uncounted::NotAsked)),
                });
                return Err((index, notes.collect()));
            }
            for at in signed {
                if let (false, Some(Ok(counted))) = (charged[at], &checked[at]) {
                    charged[at] = true;
                    used.push(counted.clone());
                }
            }
        }
    }
    Ok(used)
}

/// Return an attached approval as an authentic chain, or why it does not count. It is for one block
/// at most, so it is taken where it is for this one.
fn approval(
    place: &mut Option<Token>,
    public: Bytes32,
    asked_for: &[u8],
    case: &Case,
    question: &Question,
    handlers: &mut Handlers,
) -> Counted {
    let not = |why| Err(Note::Form(why));
    let Some(mut token) = place.take_if(|token| form(token, asked_for).is_none()) else {
        return not(place.as_ref().and_then(|token| form(token, asked_for)).unwrap_or(Uncounted::OtherBlock));
    };
    let key = Key::new(true, public);
    if let Some(cache) = question.cache {
        token.known = cache.prefix(&token.frame, &token.hashes, &key.fingerprint, token.hashes.len());
    }
    let (chain, proof) = match authentic(token, &key, question) {
        Ok(found) => found,
        Err(Doubted { doubt, .. }) => return Err(Note::Doubt(doubt)),
    };
    let own = Case { chain: &chain, bound: proof.is_bound(), asked_for: Some(asked_for), ..*case };
    match failures(&own, handlers, false).pop() {
        None => Ok((chain, proof)),
        Some(failure) => Err(Note::Failure(chain, proof, failure)),
    }
}

/// Say what in its form keeps an approval from counting for a block.
fn form(token: &Token, asked_for: &[u8]) -> Option<Uncounted> {
    let root = token.blocks().next()?;
    let asks = || token.blocks().any(|block| block.get(APPROVAL).is_some());
    if !token.frame.signed {
        return Some(Uncounted::NotSigned);
    }
    if token.frame.proof == Proof::Bearer {
        return Some(Uncounted::Bearer);
    }
    if root.bytes(FOR) != Some(asked_for) {
        return Some(Uncounted::OtherBlock);
    }
    if !root.get(BUDGET).is_some_and(|budget| units(budget).any(|unit| unit == b"calls")) {
        return Some(Uncounted::NoCalls);
    }
    asks().then_some(Uncounted::Asks)
}
