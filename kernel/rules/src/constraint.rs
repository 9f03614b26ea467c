//! The seven constraints on a fact (specs/caveats.md), read where they stand in a block.

use crate::block::{BETWEEN, HOST, NONE_OF, ONE_OF, PRESENT, STARTS, UNDER};
use crate::cbor::{Cursor, Item};
use crate::request::{Fact, Request, Value};
use std::mem::discriminant;

/// A constraint of a checked block.
#[derive(Clone, Copy)]
pub struct Constraint<'a> {
    kind: i64,
    operand: Cursor<'a>,
    optional: bool,
}

/// Elements of a list up to which each is compared with each operand.
const FEW: usize = 4;

impl<'a> Constraint<'a> {
    /// Read the constraint that is next, and go behind it.
    #[inline]
    pub fn read(c: &mut Cursor<'a>) -> Self {
        let optional = c.count() == 3;
        let kind = c.int(-1);
        let operand = *c;
        c.skip();
        if optional {
            c.skip();
        }
        Constraint { kind, operand, optional }
    }

    /// Say whether it holds in an allow or a where: certain, for every element.
    pub fn holds(&self, request: &Request, name: &[u8]) -> bool {
        match request.fact(name) {
            Some(_) if self.kind == PRESENT => true,
            Some(fact) => self.all_told(fact, true),
            None if request.hidden(name) => self.kind == PRESENT,
            None => self.optional,
        }
    }

    /// Say whether a constraint of a deny certainly fails, for every element.
    pub fn ruled_out(&self, request: &Request, name: &[u8]) -> bool {
        match request.fact(name) {
            Some(fact) if self.kind != PRESENT => self.all_told(fact, false),
            _ => false,
        }
    }

    /// Say whether a fact, or every element of a list that is not empty, is told to be `want`.
    fn all_told(&self, fact: &Fact, want: bool) -> bool {
        let tellable = match self.kind {
            UNDER => fact.is_path(),
            HOST => fact.is_host(),
            _ => !fact.is_opaque(),
        };
        if !tellable || fact.values.is_empty() {
            return false;
        }
        if fact.values.len() > FEW && matches!(self.kind, ONE_OF | NONE_OF) {
            let mut sorted: Vec<Item> = self.operands().collect();
            sorted.sort_unstable();
            return fact.values.iter().all(|value| self.told_among(&sorted, value) == Some(want));
        }
        fact.values.iter().all(|value| self.told(value) == Some(want))
    }

    /// Do as `told` for an equality, with the operands sorted: those of one type stand together, so
    /// one of them stands next to where a value of that type belongs.
    fn told_among(&self, sorted: &[Item], value: &Value) -> Option<bool> {
        let value = item(value);
        let at = sorted.partition_point(|operand| *operand < value);
        let mut next = sorted[at.saturating_sub(1)..].iter().take(2);
        let comparable = next.any(|operand| discriminant(operand) == discriminant(&value));
        comparable.then_some((sorted.get(at) == Some(&value)) == (self.kind == ONE_OF))
    }

    fn operands(&self) -> impl Iterator<Item = Item<'a>> {
        let mut at = self.operand;
        let count = at.count();
        (0..count).map(move |_| at.take())
    }

    fn any_text(&self, holds: impl Fn(&[u8]) -> bool) -> bool {
        self.operands().any(|operand| matches!(operand, Item::Text(text) if holds(text)))
    }

    /// Say whether it holds for a value of the kind's grammar; None where that cannot be told.
    fn told(&self, value: &Value) -> Option<bool> {
        match (self.kind, value) {
            (ONE_OF | NONE_OF, _) => {
                let value = item(value);
                let mut comparable = false;
                let found = self.operands().any(|operand| {
                    comparable |= discriminant(&operand) == discriminant(&value);
                    operand == value
                });
                comparable.then_some(found == (self.kind == ONE_OF))
            }
            (BETWEEN, Value::Int(n)) => {
                let mut at = self.operand;
                at.take();
                let least = at.int(i64::MIN);
                Some(least <= *n && *n <= at.int(i64::MAX))
            }
            (UNDER, Value::Text(path)) => self.told_path(path.as_bytes()),
            (STARTS, Value::Text(text)) => Some(self.any_text(|start| text.as_bytes().starts_with(start))),
            (HOST, Value::Text(host)) => Some(self.any_text(|zone| in_zone(host.as_bytes(), zone))),
            _ => None,
        }
    }

    /// Against a path with the other kind of beginning an operand cannot be told.
    fn told_path(&self, path: &[u8]) -> Option<bool> {
        let is_absolute = path.starts_with(b"/");
        if self.any_text(|operand| below(path, operand) || (operand == b"." && !is_absolute)) {
            return Some(true);
        }
        let other_kind = self.any_text(|operand| operand.starts_with(b"/") != is_absolute);
        (!other_kind).then_some(false)
    }
}

fn item(value: &Value) -> Item<'_> {
    match value {
        Value::Text(text) => Item::Text(text.as_bytes()),
        Value::Int(n) => Item::Int(*n),
        Value::Bool(b) => Item::Bool(*b),
        Value::Opaque => Item::Null,
    }
}

/// Say whether a path is the operand or below it, segment by segment.
fn below(path: &[u8], operand: &[u8]) -> bool {
    match path.strip_prefix(operand) {
        Some(rest) => rest.is_empty() || rest[0] == b'/' || operand == b"/",
        None => false,
    }
}

/// Say whether a host is the operand or a subdomain; no host ends in ".1.2.3.4" but that address.
fn in_zone(host: &[u8], zone: &[u8]) -> bool {
    host.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with(b"."))
}
