//! The charges of a request (V9): counters to move, all or none, before anything is granted.

use crate::block::{BUDGET, Block, EXPIRES, FINAL, ISSUED_AT, NOTES, RUN};
use crate::cbor::{Cursor, Data, Item};
use crate::clear::{any_matches, segments, text};
use crate::limits::{REPLAY_WINDOW, SAFE_MAX};
use crate::request::text_of_run;
use crate::token::{Chain, Proof};

/// What a charge counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// What a block allows in one unit.
    Budget,
    /// That an action which ends the lease was granted.
    Final,
    /// The latest attempt of a level of a run.
    Attempt,
    /// That a bound proof was used.
    Replay,
    /// That somebody took back what this selects.
    Revoked,
}

impl Counter {
    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Counter::Budget => "budget",
            Counter::Final => "final",
            Counter::Attempt => "attempt",
            Counter::Replay => "replay",
            Counter::Revoked => "revoked",
        }
    }
}

/// One counter to move or to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// What it counts.
    pub counter: Counter,
    /// What names the counter: the name of what it counts, then which; ids and hashes are bytes.
    pub key: Vec<Data>,
    /// What is added, 0 to look only; for an attempt the attempt, refused where the register is above it.
    pub amount: i64,
    /// The most that the counter may be afterwards.
    pub ceiling: i64,
    /// Seconds since 1970 after which nothing asks for this counter again, 2^53-1 where something may.
    pub until: i64,
    /// For an attempt, whether a block states it, so that it raises the register.
    pub raises: bool,
    /// For a revocation, what "issued before" is compared with.
    pub issued_at: i64,
}

impl Charge {
    /// The key as deterministic CBOR: what stores of attenuate name the counter by.
    pub fn key_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        Data::Array(self.key.clone()).write(&mut out);
        out
    }
}

/// What is asked of a chain, as far as charges look at it.
pub struct Asked {
    /// The run that was checked.
    pub run: Vec<(String, Option<i64>)>,
    /// The action.
    pub action: String,
    /// Its cost by unit.
    pub cost: Vec<(String, i64)>,
    /// The verifier's, in seconds.
    pub leeway: i64,
}

/// For each block the earliest expiry of it and those before it, which is when it ends.
pub fn ends(chain: &Chain) -> Vec<i64> {
    let mut end = SAFE_MAX;
    let mut next = |block: Block| {
        end = end.min(block.int(EXPIRES).unwrap_or(end));
        end
    };
    chain.blocks().map(&mut next).collect()
}

/// Return the notes of block 0.
pub fn notes(chain: &Chain) -> Vec<(String, Data)> {
    let root = chain.blocks().next();
    root.map_or(Vec::new(), |root| pairs(&root, NOTES, Data::read))
}

/// Return the pairs of a map with text keys, none where a block has none of it.
fn pairs<T>(block: &Block, key: usize, value: fn(&mut Cursor) -> T) -> Vec<(String, T)> {
    let Some(mut at) = block.get(key) else {
        return Vec::new();
    };
    let count = at.count();
    let pair = |_| match at.take() {
        Item::Text(name) => Some((text(name), value(&mut at))),
        _ => None,
    };
    (0..count).map_while(pair).collect()
}

/// Append the charges of one authentic chain.
pub fn charge(chain: &Chain, proof: &Proof, asked: &Asked, out: &mut Vec<Charge>) {
    let ids: Vec<&[u8]> = chain.hashes.iter().map(|h| &h[..16]).collect();
    let untils: Vec<i64> = ends(chain).into_iter().map(|end| (end + asked.leeway).min(SAFE_MAX)).collect();
    let make = |counter: Counter, parts: Vec<Data>, amount, ceiling, until| {
        let key = [vec![Data::from(counter.name())], parts].concat();
        Charge { counter, key, amount, ceiling, until, raises: false, issued_at: 0 }
    };
    for ((block, &id), &until) in chain.blocks().zip(&ids).zip(&untils) {
        for (unit, limit) in pairs(&block, BUDGET, |at| at.int(0)) {
            let cost = asked.cost.iter().find(|(name, _)| *name == unit);
            let amount = if unit == "calls" { 1 } else { cost.map_or(0, |(_, amount)| *amount) };
            out.push(make(Counter::Budget, vec![id.into(), Data::Text(unit)], amount, limit, until));
        }
    }
    for ((block, &id), &until) in chain.blocks().zip(&ids).zip(&untils) {
        if let Some(patterns) = block.get(FINAL) {
            let ends = i64::from(any_matches(patterns, &asked.action));
            out.push(make(Counter::Final, vec![id.into()], ends, ends, until));
        }
    }
    for level in 0..asked.run.len() {
        let Some((index, raises)) = states(chain, level) else {
            break; // below what the blocks name: the request's own affair
        };
        let (name, Some(attempt)) = &asked.run[level] else {
            continue;
        };
        // any lease below the same block, or under the same key, may ask for this register
        let (above, until) = match index {
            0 => (chain.key_id.as_str().into(), SAFE_MAX),
            _ => (ids[index - 1].into(), untils[index - 1]),
        };
        let path = [&asked.run[..level], &[(name.clone(), None)]].concat();
        let parts = vec![above, Data::Text(text_of_run(&path))];
        out.push(Charge { raises, ..make(Counter::Attempt, parts, *attempt, SAFE_MAX, until) });
    }
    if let (Proof::Bound { iat, nonce, .. }, Some(h)) = (proof, chain.hashes.last()) {
        let parts = vec![h[..].into(), nonce[..].into()];
        out.push(make(Counter::Replay, parts, 1, 1, iat.saturating_add(REPLAY_WINDOW)));
    }
    let issued_at = chain.blocks().next().and_then(|root| root.int(ISSUED_AT)).unwrap_or(0);
    for parts in selectors(chain, asked, &ids) {
        let until = untils.last().copied().unwrap_or(SAFE_MAX);
        out.push(Charge { issued_at, ..make(Counter::Revoked, parts, 0, 0, until) });
    }
}

/// Say whether a chain has a budget or a final, which somebody has to count.
pub fn counts(chain: &Chain) -> bool {
    chain.blocks().any(|block| block.get(BUDGET).is_some() || block.get(FINAL).is_some())
}

/// Return the block whose register a level of the run is: the first that states its attempt, and true,
/// else the first that names it, and false; None where none does.
fn states(chain: &Chain, level: usize) -> Option<(usize, bool)> {
    let mut first = None;
    for (index, block) in chain.blocks().enumerate() {
        match block.get(RUN).and_then(|at| segments(at).nth(level)) {
            Some((_, Some(_))) => return Some((index, true)),
            Some(_) => first = first.or(Some((index, false))),
            None => {}
        }
    }
    first
}

/// Return what a revocation could name a chain by.
fn selectors(chain: &Chain, asked: &Asked, ids: &[&[u8]]) -> Vec<Vec<Data>> {
    let mut out: Vec<Vec<Data>> = ids.iter().map(|&id| vec!["block".into(), id.into()]).collect();
    for level in 1..=asked.run.len() {
        out.push(vec!["run".into(), Data::Text(text_of_run(&asked.run[..level]))]);
    }
    let notes = notes(chain);
    for name in ["agent", "subject", "template", "policy"] {
        let note = notes.iter().find(|(key, _)| key == name);
        out.extend(note.map(|(_, note)| vec![name.into(), note.clone()]));
    }
    let roots = chain.key_id.split_once('/').map(|(root, _)| root);
    let keys = [chain.key_id.as_str()].into_iter().chain(roots);
    out.extend(keys.map(|key| vec!["key".into(), key.into()]));
    out
}
