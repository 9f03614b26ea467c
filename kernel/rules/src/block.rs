//! One block, checked for its shape (V1, V2), and where each of its fields stands.

use crate::cbor::{self, Cursor, Data, Item};
use crate::fault::{Fault, Kind, fault};
use crate::{grammar, limits};

pub const NONCE: usize = 0;
pub const NEXT_KEY: usize = 1;
pub const RUN: usize = 2;
pub const AUDIENCE: usize = 3;
pub const NOT_BEFORE: usize = 4;
pub const EXPIRES: usize = 5;
pub const ALLOW: usize = 6;
pub const DENY: usize = 7;
pub const WHERE: usize = 8;
pub const BUDGET: usize = 9;
pub const APPROVAL: usize = 10;
pub const DEPTH: usize = 11;
pub const FINAL: usize = 12;
pub const BOUND: usize = 13;
pub const FOR: usize = 14;
pub const ISSUED_AT: usize = 15;
pub const NOTES: usize = 16;
const KNOWN: usize = 17;

/// Names of the keys 0 to 16 of a block, by number (specs/caveats.md).
#[rustfmt::skip]
pub const NAMES: [&str; KNOWN] = [
    "nonce", "next_key", "run", "audience", "not_before", "expires", "allow", "deny", "where", "budget",
    "approval", "depth", "final", "bound", "for", "issued_at", "notes",
];

/// Kinds of constraint by number on the wire.
pub const ONE_OF: i64 = 0;
pub const NONE_OF: i64 = 1;
pub const BETWEEN: i64 = 2;
pub const UNDER: i64 = 3;
pub const STARTS: i64 = 4;
pub const HOST: i64 = 5;
pub const PRESENT: i64 = 6;

type Checked = Result<(), Fault>;

/// Where a block's fields stand in its bytes, 0 for one that it has not.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    fields: [u16; KNOWN],
    /// Where the first key stands that is not of the closed set; all behind it are such.
    pub unknown: u16,
}

/// A checked block: its bytes, and where its fields are.
#[derive(Clone, Copy)]
pub struct Block<'a> {
    /// The bytes that ids and signatures cover.
    pub raw: &'a [u8],
    /// Where they say what.
    pub layout: &'a Layout,
}

impl<'a> Block<'a> {
    /// Return a cursor at the value of a field, None where the block has none.
    #[inline]
    pub fn get(&self, key: usize) -> Option<Cursor<'a>> {
        match self.layout.fields[key] {
            0 => None,
            at => Some(Cursor::new(self.raw, usize::from(at))),
        }
    }

    /// Return the integer of a field, None where the block has none.
    pub fn int(&self, key: usize) -> Option<i64> {
        Some(self.get(key)?.int(0))
    }

    /// Return the bytes of a field, None where the block has none.
    pub fn bytes(&self, key: usize) -> Option<&'a [u8]> {
        match self.get(key)?.take() {
            Item::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Return the value of an extension, None where the block has none of this name.
    pub fn extension(&self, name: &str) -> Option<Data> {
        let unknown = Some(usize::from(self.layout.unknown)).filter(|&at| at > 0)?;
        let mut at = Cursor::new(self.raw, unknown);
        loop {
            match at.take() {
                Item::End => return None,
                Item::Text(key) if key == name.as_bytes() => return Some(Data::read(&mut at)),
                _ => at.skip(),
            }
        }
    }

    /// Return all fields, by number or name.
    pub fn data(&self) -> Vec<(Data, Data)> {
        match Data::read(&mut Cursor::new(self.raw, 0)) {
            Data::Map(pairs) => pairs,
            _ => Vec::new(),
        }
    }

    /// Return the number of elements of a field, 0 where the block has none.
    pub fn count(&self, key: usize) -> u64 {
        self.get(key).map_or(0, |mut at| at.count())
    }
}

/// Check block number `index` of a chain; `signed` says whether it is of the ed25519 chain.
pub fn read(raw: &[u8], index: usize, signed: bool) -> Result<Layout, Fault> {
    if raw.len() > limits::MAX_BLOCK {
        return Err(Fault(Kind::BlockSize, raw.len() as u64));
    }
    cbor::check(raw)?;
    let mut layout = Layout::default();
    let mut c = Cursor::new(raw, 0);
    let Item::Map(count @ 1..) = c.take() else {
        return fault(Kind::Block);
    };
    for _ in 0..count {
        let start = c.at() as u16;
        match c.take() {
            Item::Int(key) if (0..KNOWN as i64).contains(&key) => {
                layout.fields[key as usize] = c.at() as u16;
                field(key as usize, &mut c)?;
            }
            key => {
                if layout.unknown == 0 {
                    layout.unknown = start;
                }
                match key {
                    Item::Text(name) if !grammar::is_extension(name) => return fault(Kind::TextKey),
                    Item::Text(_) => extension(&mut c)?,
                    _ => c.skip(),
                }
            }
        }
    }
    let block = Block { raw, layout: &layout };
    let least = if index == 0 { limits::MIN_ROOT_NONCE } else { limits::MIN_NONCE };
    if block.bytes(NONCE).is_none_or(|nonce| nonce.len() < least) {
        return Err(Fault(Kind::Nonce, index as u64));
    }
    if block.get(NEXT_KEY).is_some() != signed {
        return fault(Kind::NextKey);
    }
    let grants = block.count(ALLOW) + block.count(DENY);
    if grants > limits::MAX_GRANTS {
        return Err(Fault(Kind::Grants, grants));
    }
    Ok(layout)
}

fn field(key: usize, c: &mut Cursor) -> Checked {
    match key {
        NONCE => sized(c, limits::MIN_NONCE, limits::MAX_NONCE),
        NEXT_KEY => sized(c, 32, 32),
        RUN => run(c),
        AUDIENCE => texts(c),
        NOT_BEFORE | EXPIRES | ISSUED_AT => number(c, limits::SAFE_MAX),
        ALLOW => list(c, |c| grant(c, false)),
        DENY => list(c, |c| grant(c, true)),
        WHERE => facts(c).map(drop),
        BUDGET => budget(c),
        APPROVAL => list(c, demand),
        DEPTH => number(c, limits::MAX_DEPTH_CAVEAT),
        FINAL => patterns(c),
        BOUND if c.take() == Item::Bool(true) => Ok(()),
        BOUND => fault(Kind::Bound),
        FOR => sized(c, 16, 16),
        NOTES => notes(c),
        _ => fault(Kind::Block), // no other key is known
    }
}

fn sized(c: &mut Cursor, least: usize, most: usize) -> Checked {
    match c.take() {
        Item::Bytes(bytes) if (least..=most).contains(&bytes.len()) => Ok(()),
        _ => Err(Fault(Kind::Sized, (least << 8 | most) as u64)),
    }
}

fn number(c: &mut Cursor, most: i64) -> Checked {
    match c.take() {
        Item::Int(n) if (0..=most).contains(&n) => Ok(()),
        _ => Err(Fault(Kind::Number, most as u64)),
    }
}

fn list(c: &mut Cursor, each: impl Fn(&mut Cursor) -> Checked) -> Checked {
    match c.take() {
        Item::Array(count @ 1..) => (0..count).try_for_each(|_| each(c)),
        _ => fault(Kind::Empty),
    }
}

fn run(c: &mut Cursor) -> Checked {
    let Item::Array(count @ 1..=limits::MAX_RUN) = c.take() else {
        return fault(Kind::Run);
    };
    for _ in 0..count {
        let Item::Array(parts @ 1..=2) = c.take() else {
            return fault(Kind::Run);
        };
        let named = matches!(c.take(), Item::Text(name) if grammar::is_name(name));
        if !named || (parts == 2 && !matches!(c.take(), Item::Int(1..=limits::SAFE_MAX))) {
            return fault(Kind::Run);
        }
    }
    Ok(())
}

fn texts(c: &mut Cursor) -> Checked {
    let Item::Array(count @ 1..) = c.take() else {
        return fault(Kind::Texts);
    };
    if (0..count).all(|_| matches!(c.take(), Item::Text(_))) { Ok(()) } else { fault(Kind::Texts) }
}

fn budget(c: &mut Cursor) -> Checked {
    let Item::Map(count @ 1..) = c.take() else {
        return fault(Kind::Budget);
    };
    for _ in 0..count {
        // integers stand before text in a map, so the first key that is none is the first key
        let Item::Text(_) = c.take() else {
            return fault(Kind::Budget);
        };
        number(c, limits::SAFE_MAX)?;
    }
    Ok(())
}

fn notes(c: &mut Cursor) -> Checked {
    let Item::Map(count) = c.take() else {
        return fault(Kind::Notes);
    };
    for _ in 0..count {
        let named = matches!(c.take(), Item::Text(_));
        if !named || !matches!(c.take(), Item::Text(_) | Item::Int(_) | Item::Bool(_)) {
            return fault(Kind::Notes);
        }
    }
    Ok(())
}

fn extension(c: &mut Cursor) -> Checked {
    match c.take() {
        Item::Text(_) | Item::Int(_) | Item::Bool(_) => Ok(()),
        Item::Array(count @ 1..) => (0..count).try_for_each(|_| extension(c)),
        Item::Map(count @ 1..) => (0..count).try_for_each(|_| match c.take() {
            Item::Text(_) => extension(c),
            _ => fault(Kind::Extension),
        }),
        _ => fault(Kind::Extension),
    }
}

fn patterns(c: &mut Cursor) -> Checked {
    let Item::Array(count @ 1..) = c.take() else {
        return fault(Kind::Patterns);
    };
    let fit = (0..count).all(|_| matches!(c.take(), Item::Text(text) if grammar::is_pattern(text)));
    if fit { Ok(()) } else { fault(Kind::Patterns) }
}

fn grant(c: &mut Cursor, denied: bool) -> Checked {
    let (mut only, mut optional, mut last) = (false, false, -1);
    let Item::Map(count @ 1..) = c.take() else {
        return fault(Kind::Grant);
    };
    for _ in 0..count {
        match (last, c.take()) {
            (-1, Item::Int(0)) => patterns(c)?,
            (0, Item::Int(1)) => optional = facts(c)?,
            (0 | 1, Item::Int(2)) if c.take() == Item::Bool(true) => only = true,
            _ => return fault(Kind::Grant),
        }
        last = if only { 2 } else { last + 1 };
    }
    if denied && only {
        return fault(Kind::DenyOnly);
    }
    if denied && optional {
        return fault(Kind::DenyOptional);
    }
    Ok(())
}

/// Check a map of fact to constraint; say whether one of them is optional.
fn facts(c: &mut Cursor) -> Result<bool, Fault> {
    let Item::Map(count @ 1..) = c.take() else {
        return fault(Kind::Facts);
    };
    let mut optional = false;
    for _ in 0..count {
        let Item::Text(_) = c.take() else {
            return fault(Kind::FactName);
        };
        optional |= constraint(c)?;
    }
    Ok(optional)
}

fn constraint(c: &mut Cursor) -> Result<bool, Fault> {
    let Item::Array(count @ 2..=3) = c.take() else {
        return fault(Kind::Constraint);
    };
    let Item::Int(kind @ ONE_OF..=PRESENT) = c.take() else {
        return fault(Kind::Constraint);
    };
    let fits = match (kind, c.take()) {
        (PRESENT, operand) => operand == Item::Bool(true),
        (BETWEEN, Item::Array(count)) => count == 2 && between(c.take(), c.take()),
        (_, Item::Array(count)) => count > 0 && (0..count).all(|_| operand(kind, c.take())),
        _ => return fault(Kind::Constraint),
    };
    if !fits {
        return Err(Fault(Kind::Operand, kind as u64));
    }
    if count == 3 && c.take() != Item::Bool(true) {
        return fault(Kind::Constraint);
    }
    Ok(count == 3)
}

fn between(least: Item, most: Item) -> bool {
    match (least, most) {
        (Item::Int(least), Item::Int(most)) => least <= most,
        (Item::Int(_), Item::Null) | (Item::Null, Item::Int(_)) => true,
        _ => false,
    }
}

fn operand(kind: i64, item: Item) -> bool {
    match (kind, item) {
        (ONE_OF | NONE_OF, Item::Text(_) | Item::Int(_) | Item::Bool(_)) => true,
        (UNDER, Item::Text(path)) => matches!(path, b"/" | b".") || grammar::is_path(path),
        (STARTS, Item::Text(_)) => true,
        (HOST, Item::Text(host)) => grammar::is_host(host),
        _ => false,
    }
}

fn demand(c: &mut Cursor) -> Checked {
    let Item::Array(3) = c.take() else {
        return fault(Kind::Demand);
    };
    patterns(c)?;
    let Item::Array(count @ 1..) = c.take() else {
        return fault(Kind::Demand);
    };
    let mut keys = Vec::new();
    for _ in 0..count {
        match c.take() {
            Item::Bytes(key) if key.len() == 32 => keys.push(key),
            _ => return fault(Kind::Demand),
        }
    }
    keys.sort_unstable();
    keys.dedup();
    let most = limits::MAX_QUORUM.min(keys.len() as i64);
    match c.take() {
        Item::Int(quorum) if (1..=most).contains(&quorum) && keys.len() as u64 == count => Ok(()),
        _ => fault(Kind::Demand),
    }
}
