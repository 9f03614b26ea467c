//! Deterministic CBOR (RFC 8949 section 4.2.1) over borrowed bytes; nothing else is read.
//!
//! `check` is strict and says what is wrong; after it, `Cursor` walks the same bytes without
//! doubt. A cursor over anything else gives `Item::End` early and never panics.

use crate::fault::{Fault, Kind, fault};
use crate::limits;
use std::ops::Range;

const ARRAY: u8 = 4;
const MAP: u8 = 5;

/// Read a head: its major type, its argument and the next position.
#[inline(always)]
fn head(b: &[u8], i: usize) -> Result<(u8, u64, usize), Fault> {
    match b.get(i) {
        Some(first) if first & 31 < 24 => Ok((first >> 5, u64::from(first & 31), i + 1)),
        Some(&first) => long_head(b, i, first),
        None => fault(Kind::Truncated),
    }
}

fn long_head(b: &[u8], i: usize, first: u8) -> Result<(u8, u64, usize), Fault> {
    let (major, short) = (first >> 5, first & 31);
    if short > 27 || major > MAP {
        return Err(Fault(Kind::InitialByte, u64::from(first)));
    }
    let size = 1usize << (short - 24);
    let Some(bytes) = b.get(i + 1..i + 1 + size) else {
        return fault(Kind::Truncated);
    };
    let n = bytes.iter().fold(0, |n, &byte| n << 8 | u64::from(byte));
    let least = if size == 1 { 24 } else { 1 << (4 * size) };
    if n < least {
        return Err(Fault(Kind::LongSpelling, n));
    }
    if n > i64::MAX as u64 {
        return fault(Kind::Beyond);
    }
    Ok((major, n, i + 1 + size))
}

/// Return the `n` bytes at a position, and the next one.
fn take(b: &[u8], i: usize, n: u64) -> Result<(&[u8], usize), Fault> {
    let end = usize::try_from(n).ok().and_then(|n| i.checked_add(n));
    match end.and_then(|end| Some((b.get(i..end)?, end))) {
        Some(found) => Ok(found),
        None => fault(Kind::Truncated),
    }
}

/// Check that `b` is the one encoding of one value, and all of it.
pub fn check(b: &[u8]) -> Result<(), Fault> {
    if item(b, 0, 1)? == b.len() { Ok(()) } else { fault(Kind::Trailing) }
}

/// Go behind an item that is small, holds no other and is beyond doubt; None for any other.
#[inline(always)]
fn small(b: &[u8], i: usize) -> Option<usize> {
    let first = *b.get(i)?;
    match first {
        0x00..=0x17 | 0x20..=0x37 | 0xf4..=0xf6 => Some(i + 1),
        0x40..=0x57 | 0x60..=0x77 => {
            let end = i + 1 + usize::from(first & 31);
            let bytes = b.get(i + 1..end)?;
            (first < 0x60 || bytes.iter().fold(0, |all, byte| all | byte) < 0x80).then_some(end)
        }
        _ => None,
    }
}

/// Check the item at a position; return the next position.
#[inline(always)]
fn item(b: &[u8], start: usize, depth: u64) -> Result<usize, Fault> {
    match small(b, start) {
        Some(end) => Ok(end),
        None => any_item(b, start, depth),
    }
}

fn any_item(b: &[u8], start: usize, depth: u64) -> Result<usize, Fault> {
    let (major, n, mut i) = head(b, start)?;
    if (major == ARRAY || major == MAP) && depth > limits::MAX_DEPTH {
        return Err(Fault(Kind::Nesting, depth));
    }
    match major {
        0 | 1 => {}
        2 => i = take(b, i, n)?.1,
        3 => {
            let (text, end) = take(b, i, n)?;
            if std::str::from_utf8(text).is_err() {
                return fault(Kind::NotUtf8);
            }
            i = end;
        }
        ARRAY => {
            for _ in 0..n {
                i = item(b, i, depth + 1)?;
            }
        }
        MAP => {
            let mut last: &[u8] = &[];
            for _ in 0..n {
                let end = item(b, i, depth + 1)?;
                if !matches!(b[i] >> 5, 0 | 1 | 3) {
                    return fault(Kind::KeyType);
                }
                // the first byte tells most of them apart
                if b[i] <= last.first().copied().unwrap_or(0) && &b[i..end] <= last {
                    return fault(Kind::KeyOrder);
                }
                last = &b[i..end];
                i = item(b, end, depth + 1)?;
            }
        }
        _ if matches!(b[start], 0xf4..=0xf6) => {}
        _ => return Err(Fault(Kind::OtherValue, u64::from(b[start]))),
    }
    Ok(i)
}

/// Read a byte string at a position: where its bytes are.
pub fn string(b: &[u8], i: usize) -> Result<Range<usize>, Fault> {
    let (major, n, i) = head(b, i)?;
    if major != 2 {
        return fault(Kind::String);
    }
    Ok(i..take(b, i, n)?.1)
}

/// Read an array of up to `most` byte strings at a position: where each is, and the next position.
pub fn strings(b: &[u8], i: usize, most: u64) -> Result<(Vec<Range<usize>>, usize), Fault> {
    let (major, n, mut i) = head(b, i)?;
    if major != ARRAY {
        return fault(Kind::Strings);
    }
    if n > most {
        return Err(Fault(Kind::Elements, n));
    }
    let mut out = Vec::with_capacity(n as usize);
    for _ in 0..n {
        let place = string(b, i)?;
        i = place.end;
        out.push(place);
    }
    Ok((out, i))
}

/// One item of checked bytes; of a container its head alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item<'a> {
    /// An integer; the encoding carries -2^63 to 2^63-1.
    Int(i64),
    /// A byte string.
    Bytes(&'a [u8]),
    /// The UTF-8 of a text.
    Text(&'a [u8]),
    /// An array of this many items.
    Array(u64),
    /// A map of this many pairs.
    Map(u64),
    /// true or false.
    Bool(bool),
    /// null.
    Null,
    /// Nothing: the bytes ended, which a reader takes for a value that does not fit.
    End,
}

/// A place in checked bytes.
#[derive(Clone, Copy)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Start at a position.
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Cursor { bytes, at }
    }

    /// The position of the next item.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Return the next item, and go behind it or, for a container, behind its head.
    #[inline(always)]
    pub fn take(&mut self) -> Item<'a> {
        let Ok((major, n, at)) = head(self.bytes, self.at) else {
            return Item::End;
        };
        let start = std::mem::replace(&mut self.at, at);
        match major {
            0 => Item::Int(n as i64),
            1 => Item::Int(-1 - n as i64),
            2 | 3 => {
                self.at = at.saturating_add(usize::try_from(n).unwrap_or(usize::MAX));
                match self.bytes.get(at..self.at) {
                    Some(bytes) if major == 2 => Item::Bytes(bytes),
                    Some(text) => Item::Text(text),
                    None => Item::End,
                }
            }
            ARRAY => Item::Array(n),
            MAP => Item::Map(n),
            _ => match self.bytes[start] {
                byte @ (0xf4 | 0xf5) => Item::Bool(byte == 0xf5),
                0xf6 => Item::Null,
                _ => Item::End,
            },
        }
    }

    /// Go behind the next item and all that is in it.
    pub fn skip(&mut self) {
        let mut left = 1u64;
        while left > 0 {
            let Ok((major, n, at)) = head(self.bytes, self.at) else {
                return;
            };
            self.at = at;
            left -= 1;
            match major {
                2 | 3 => self.at = at.saturating_add(usize::try_from(n).unwrap_or(usize::MAX)),
                ARRAY => left = left.saturating_add(n),
                MAP => left = left.saturating_add(n.saturating_mul(2)),
                _ => {}
            }
        }
    }

    /// Return the number of elements or pairs of the container that is next, 0 for another item.
    pub fn count(&mut self) -> u64 {
        match self.take() {
            Item::Array(n) | Item::Map(n) => n,
            _ => 0,
        }
    }

    /// Return the integer that is next, `other` for another item.
    pub fn int(&mut self, other: i64) -> i64 {
        if let Item::Int(n) = self.take() { n } else { other }
    }
}

/// A value of its own, as deterministic CBOR has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// An integer.
    Int(i64),
    /// A byte string.
    Bytes(Vec<u8>),
    /// Text.
    Text(String),
    /// An array.
    Array(Vec<Data>),
    /// A map: its pairs in the order of their keys' encodings.
    Map(Vec<(Data, Data)>),
    /// true or false.
    Bool(bool),
    /// null.
    Null,
}

impl Data {
    /// Read the item that is next in checked bytes, and all that is in it.
    pub(crate) fn read(c: &mut Cursor) -> Self {
        match c.take() {
            Item::Int(n) => Data::Int(n),
            Item::Bytes(bytes) => Data::Bytes(bytes.into()),
            Item::Text(text) => Data::Text(String::from_utf8_lossy(text).into_owned()),
            Item::Array(count) => Data::Array((0..count).map(|_| Data::read(c)).collect()),
            Item::Map(count) => Data::Map((0..count).map(|_| (Data::read(c), Data::read(c))).collect()),
            Item::Bool(truth) => Data::Bool(truth),
            Item::Null | Item::End => Data::Null,
        }
    }

    /// Append the encoding.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Data::Int(n) if *n < 0 => write_head(out, 1, !*n as u64),
            Data::Int(n) => write_head(out, 0, *n as u64),
            Data::Bytes(bytes) => {
                write_head(out, 2, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
            Data::Text(text) => {
                write_head(out, 3, text.len() as u64);
                out.extend_from_slice(text.as_bytes());
            }
            Data::Array(all) => {
                write_head(out, ARRAY, all.len() as u64);
                all.iter().for_each(|one| one.write(out));
            }
            Data::Map(pairs) => {
                write_head(out, MAP, pairs.len() as u64);
                pairs.iter().for_each(|(key, value)| [key, value].into_iter().for_each(|one| one.write(out)));
            }
            Data::Bool(truth) => out.push(0xf4 + u8::from(*truth)),
            Data::Null => out.push(0xf6),
        }
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        Data::Text(text.into())
    }
}

impl From<&[u8]> for Data {
    fn from(bytes: &[u8]) -> Self {
        Data::Bytes(bytes.into())
    }
}

fn write_head(out: &mut Vec<u8>, major: u8, n: u64) {
    let short = match n {
        0..24 => n as u8,
        24..0x100 => 24,
        0x100..0x1_0000 => 25,
        0x1_0000..0x1_0000_0000 => 26,
        _ => 27,
    };
    out.push(major << 5 | short);
    if short >= 24 {
        out.extend_from_slice(&n.to_be_bytes()[8 - (1 << (short - 24))..]);
    }
}
