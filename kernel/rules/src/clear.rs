//! Stage clear: every caveat of every block, for one request at one time (V6, V7).

use crate::block::{
    ALLOW, AUDIENCE, BOUND, BUDGET, Block, DENY, DEPTH, EXPIRES, FOR, ISSUED_AT, NOT_BEFORE, RUN, WHERE,
};
use crate::cbor::{Cursor, Item};
use crate::constraint::Constraint;
use crate::grammar::matches;
use crate::limits::{SAFE_MAX, SKEW};
use crate::request::{Request, Run, order};
use crate::token::Chain;
use std::sync::Arc;

/// Why a request is forbidden by a block, by number; the names are in attenuate/native.py.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[rustfmt::skip]
pub enum Code {
    Structure, IssuedAt, Depth, Lifetime, For, Bound,
    Run, Attempt, Audience, NotBefore, Expires, Allow, Deny, Where, Budget, Unknown, Extension, Approval,
}

/// The key of the caveat that refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// The block as a whole.
    None,
    /// A key of the closed set, or a number nobody knows.
    Number(i64),
    /// An extension.
    Name(String),
}

/// One check that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What did not hold.
    pub code: Code,
    /// In which block.
    pub block: usize,
    /// Under which key.
    pub key: Key,
}

/// What a verifier is set to. Times are in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// Clock difference allowed at not_before and expires.
    pub leeway: i64,
    /// The longest lease taken.
    pub max_lifetime: Option<i64>,
}

/// Decides an extension caveat: (chain, block, key) to whether it holds; None where nobody knows it.
pub type Handlers<'a> = dyn FnMut(&Arc<Chain>, usize, &str) -> Option<bool> + 'a;

/// Everything that is looked at together.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// The authentic chain.
    pub chain: &'a Arc<Chain>,
    /// The request.
    pub request: &'a Request,
    /// The run that is checked; None where neither request nor blocks state one.
    pub run: Option<&'a Run>,
    /// Seconds since 1970.
    pub now: i64,
    /// The verifier's settings.
    pub rules: Rules,
    /// Whether the proof is bound to a call.
    pub bound: bool,
    /// The id of the block that an approval must be for.
    pub asked_for: Option<&'a [u8]>,
}

/// Read the run of a block: names with attempts, None for an open one.
pub fn segments<'a>(mut c: Cursor<'a>) -> impl ExactSizeIterator<Item = (&'a [u8], Option<i64>)> {
    let count = c.count() as usize;
    (0..count).map(move |_| {
        let parts = c.count();
        let name = if let Item::Text(name) = c.take() { name } else { b"" };
        (name, (parts == 2).then(|| c.int(0)))
    })
}

/// Return the longest run that blocks state, each attempt from the first block that states it.
pub fn run_of(chain: &Chain) -> Option<Run> {
    let stated = || chain.blocks().filter_map(|block| block.get(RUN)).map(segments);
    let mut longest = stated().next()?;
    for run in stated() {
        if run.len() > longest.len() {
            longest = run;
        }
    }
    let attempt_at = |level| stated().find_map(|mut run| run.nth(level)?.1);
    let named = longest.enumerate();
    Some(named.map(|(level, (name, _))| (text(name), attempt_at(level))).collect())
}

/// Return checked UTF-8 as text of its own.
pub fn text(utf8: &[u8]) -> String {
    String::from_utf8_lossy(utf8).into_owned()
}

fn complete(root: &Block) -> bool {
    let (Some(run), Some(expires)) = (root.get(RUN), root.int(EXPIRES)) else {
        return false;
    };
    root.get(AUDIENCE).is_some()
        && root.get(ALLOW).is_some()
        && root.int(ISSUED_AT).unwrap_or(SAFE_MAX) < expires
        && segments(run).all(|(_, attempt)| attempt.is_some())
}

/// Find what does not hold, in the order that is the contract: the first, or all where `all` is true.
pub fn failures(case: &Case, handlers: &mut Handlers, all: bool) -> Vec<Failure> {
    let mut found = Vec::new();
    let full = |found: &Vec<Failure>| !all && !found.is_empty();
    structure(case, &mut |code, block, key| {
        found.push(Failure { code, block, key: key.map_or(Key::None, |key| Key::Number(key as i64)) });
        all
    });
    for (index, block) in case.chain.blocks().enumerate() {
        for key in RUN..=BUDGET {
            if full(&found) {
                return found;
            }
            if let Some(code) = block.get(key).and_then(|value| caveat(key, value, case)) {
                found.push(Failure { code, block: index, key: Key::Number(key as i64) });
            }
        }
        if block.layout.unknown != 0 {
            let mut c = Cursor::new(block.raw, usize::from(block.layout.unknown));
            while !full(&found) {
                let (code, key) = match c.take() {
                    Item::Int(key) => (Code::Unknown, Key::Number(key)),
                    Item::Text(key) => {
                        let key = text(key);
                        match handlers(case.chain, index, &key) {
                            Some(true) => {
                                c.skip();
                                continue;
                            }
                            Some(false) => (Code::Extension, Key::Name(key)),
                            None => (Code::Unknown, Key::Name(key)),
                        }
                    }
                    _ => break,
                };
                found.push(Failure { code, block: index, key });
                c.skip();
            }
        }
    }
    found
}

/// V6: the shape of authority, before any caveat is looked at.
fn structure(case: &Case, fail: &mut dyn FnMut(Code, usize, Option<usize>) -> bool) -> Option<()> {
    let count = case.chain.hashes.len();
    let root = case.chain.blocks().next()?;
    let mut check = |holds: bool, code, block, key| (holds || fail(code, block, key)).then_some(());
    check(complete(&root), Code::Structure, 0, None)?;
    let issued_at = root.int(ISSUED_AT).unwrap_or(0);
    check(issued_at <= case.now.saturating_add(SKEW), Code::IssuedAt, 0, Some(ISSUED_AT))?;
    for (index, block) in case.chain.blocks().enumerate() {
        check(index == 0 || block.get(ISSUED_AT).is_none(), Code::Structure, index, Some(ISSUED_AT))?;
        let after = (count - 1 - index) as i64;
        check(block.int(DEPTH).is_none_or(|depth| after <= depth), Code::Depth, index, Some(DEPTH))?;
        if index == 0 {
            let lived = root.int(EXPIRES).unwrap_or(SAFE_MAX) - issued_at;
            let short = case.rules.max_lifetime.is_none_or(|cap| lived <= cap);
            check(short, Code::Lifetime, 0, Some(EXPIRES))?;
        }
        let in_place = index == 0 && case.asked_for.is_some();
        check(block.get(FOR).is_none() || in_place, Code::For, index, Some(FOR))?;
        check(block.get(BOUND).is_none() || case.bound, Code::Bound, index, Some(BOUND))?;
    }
    Some(())
}

/// V7: say why one caveat of the closed set does not hold, None where it does.
fn caveat(key: usize, mut c: Cursor, case: &Case) -> Option<Code> {
    let (request, rules) = (case.request, case.rules);
    let (holds, code) = match key {
        RUN => return run(c, case.run),
        AUDIENCE => {
            let audience = request.audience.as_bytes();
            ((0..c.count()).any(|_| c.take() == Item::Text(audience)), Code::Audience)
        }
        NOT_BEFORE => (case.now >= c.int(SAFE_MAX) - rules.leeway, Code::NotBefore),
        EXPIRES => (case.now < c.int(0) + rules.leeway, Code::Expires),
        ALLOW => ((0..c.count()).any(|_| fits(&mut c, request)), Code::Allow),
        DENY => (!(0..c.count()).any(|_| denies(&mut c, request)), Code::Deny),
        WHERE => (constraints(c).all(|(name, constraint)| constraint.holds(request, name)), Code::Where),
        BUDGET => (units(c).all(|unit| unit == b"calls" || request.costs(unit)), Code::Budget),
        _ => (false, Code::Unknown),
    };
    (!holds).then_some(code)
}

/// Return the text keys of a map.
pub fn units<'a>(mut c: Cursor<'a>) -> impl Iterator<Item = &'a [u8]> {
    (0..c.count()).map_while(move |_| match c.take() {
        Item::Text(unit) => {
            c.skip();
            Some(unit)
        }
        _ => None,
    })
}

/// Of a run's segments the names are compared before the attempts.
fn run(c: Cursor, mine: Option<&Run>) -> Option<Code> {
    let stated = segments(c);
    let Some(mine) = mine.filter(|mine| mine.len() >= stated.len()) else {
        return Some(Code::Run);
    };
    let mut code = None;
    for ((name, attempt), (my_name, my_attempt)) in stated.zip(mine) {
        if name != my_name.as_bytes() {
            return Some(Code::Run);
        }
        if attempt.is_some() && attempt != *my_attempt {
            code = Some(Code::Attempt);
        }
    }
    code
}

/// Say whether one of a list of patterns takes an action.
pub fn any_matches(mut c: Cursor, action: &str) -> bool {
    (0..c.count()).any(|_| matches!(c.take(), Item::Text(pattern) if matches(pattern, action.as_bytes())))
}

/// Return the constraints of a map by fact.
fn constraints<'a>(mut c: Cursor<'a>) -> impl Iterator<Item = (&'a [u8], Constraint<'a>)> {
    (0..c.count()).map(move |_| {
        let name = if let Item::Text(name) = c.take() { name } else { b"" };
        (name, Constraint::read(&mut c))
    })
}

/// Say whether the grant that is next allows a request; go behind it where it does not.
fn fits(c: &mut Cursor, request: &Request) -> bool {
    let fits = grant_fits(*c, request);
    if !fits {
        c.skip();
    }
    fits
}

fn grant_fits(mut c: Cursor, request: &Request) -> bool {
    let keys = c.count();
    c.take();
    if !any_matches(c, &request.action) {
        return false;
    }
    c.skip();
    let mut facts = None;
    for _ in 1..keys {
        match c.int(-1) {
            1 => {
                facts = Some(c);
                if !constraints(c).all(|(name, constraint)| constraint.holds(request, name)) {
                    return false;
                }
                c.skip();
            }
            _ => return !has_unnamed(facts, request),
        }
    }
    true
}

/// Say whether a request has an argument that a grant does not name; both are in one order.
fn has_unnamed(facts: Option<Cursor>, request: &Request) -> bool {
    let mut named = facts.into_iter().flat_map(constraints).map(|(name, _)| name).peekable();
    let mut unnamed = |argument| {
        while named.next_if(|name| order(name, argument).is_lt()).is_some() {}
        named.peek() != Some(&argument)
    };
    request.arguments().any(&mut unnamed) || request.hides_arguments()
}

/// Say whether the grant that is next, in a deny, fits a request or cannot be told not to; go behind it.
fn denies(c: &mut Cursor, request: &Request) -> bool {
    let mut grant = *c;
    c.skip();
    let keys = grant.count();
    grant.take();
    if !any_matches(grant, &request.action) {
        return false;
    }
    grant.skip();
    grant.take();
    keys == 1 || !constraints(grant).any(|(name, constraint)| constraint.ruled_out(request, name))
}
