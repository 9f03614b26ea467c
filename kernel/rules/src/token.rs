//! The token: header, blocks, signatures and proof, from text (V1, V2). Nothing here is verified.

use crate::block::{self, BUDGET, Block, Layout};
use crate::cache::Known;
use crate::cbor::{self, Cursor, Item};
use crate::chain::{self, Bytes32};
use crate::fault::{Fault, Kind, fault};
use crate::{grammar, limits, text};
use std::ops::Range;

/// COSE algorithm of the symmetric chain.
pub const HMAC: i64 = 5;
/// COSE algorithm of the public-key chain.
pub const ED25519: i64 = -19;

/// What ends a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The secret itself: whoever holds it may narrow.
    Bearer,
    /// A seal: may be used, and not narrowed.
    Sealed,
    /// A tag for one call.
    Bound {
        /// Seconds since 1970.
        iat: i64,
        /// What tells two uses apart.
        nonce: [u8; 16],
        /// What it is bound to.
        binding: Bytes32,
    },
}

impl Proof {
    /// Say whether it is for one call.
    pub fn is_bound(&self) -> bool {
        matches!(self, Proof::Bound { .. })
    }
}

/// The parts of a token whose blocks are still bytes.
pub struct Frame {
    data: Vec<u8>,
    /// Where everything but the proof ends.
    end: usize,
    /// Whether it is of the ed25519 chain; else of the hmac chain.
    pub signed: bool,
    /// Its key id.
    pub key_id: String,
    /// Its proof, and where the tag or secret is.
    pub proof: Proof,
    tag: Range<usize>,
    header: Range<usize>,
    blocks: Vec<Range<usize>>,
    sigs: Vec<Range<usize>>,
}

/// An authentic chain: what was checked, without a secret.
pub struct Chain {
    data: Box<[u8]>,
    /// Whether it is of the ed25519 chain; else of the hmac chain.
    pub signed: bool,
    /// The key id.
    pub key_id: String,
    /// What names the key that it is authentic under.
    pub fingerprint: Bytes32,
    /// h[0] to h[n].
    pub hashes: Vec<Bytes32>,
    blocks: Vec<Range<usize>>,
    sigs: Vec<Range<usize>>,
    pub(crate) layouts: Vec<Layout>,
}

impl Chain {
    /// The blocks in order.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        let places = self.blocks.iter().zip(&self.layouts);
        places.map(|(place, layout)| Block { raw: &self.data[place.clone()], layout })
    }

    /// The bytes of the blocks in order.
    pub fn raws(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.blocks.iter().map(|place| &self.data[place.clone()])
    }

    /// Say whether the first signatures of a frame are those of this chain.
    pub(crate) fn signed_as(&self, frame: &Frame) -> bool {
        self.sigs.iter().zip(&frame.sigs).all(|(a, b)| self.data[a.clone()] == frame.data[b.clone()])
    }

    /// About how many bytes it takes.
    pub fn size(&self) -> usize {
        self.data.len() + self.key_id.len() + 128 * self.hashes.len() + 256
    }
}

/// A token after V2, unverified but for the prefix that `known` was verified as.
pub struct Token {
    /// What is around the blocks.
    pub frame: Frame,
    /// h[0] to h[n].
    pub hashes: Vec<Bytes32>,
    layouts: Vec<Layout>,
    /// The longest prefix that was verified before.
    pub known: Option<Known>,
}

impl Frame {
    /// Read a token's text up to its blocks.
    pub fn read(text: &str) -> Result<Self, Fault> {
        let data = text::decode(text)?;
        if data.first() != Some(&0x84) {
            return fault(Kind::Frame);
        }
        let header = cbor::string(&data, 1)?;
        let (blocks, at) = cbor::strings(&data, header.end, limits::MAX_BLOCKS)?;
        let (sigs, end) = cbor::strings(&data, at, limits::MAX_BLOCKS)?;
        let (signed, key_id) = read_header(&data[header.clone()])?;
        if blocks.is_empty() || sigs.len() != if signed { blocks.len() } else { 0 } {
            return Err(Fault(Kind::Counts, (blocks.len() << 8 | sigs.len()) as u64));
        }
        if sigs.iter().any(|sig| sig.len() != 64) {
            return Err(Fault(Kind::Fixed, 64));
        }
        let (proof, tag) = read_proof(&data[end..], signed)?;
        let tag = end + tag.start..end + tag.end;
        Ok(Frame { end, signed, key_id, proof, tag, header, blocks, sigs, data })
    }

    /// The tag or secret of the proof.
    pub fn tag(&self) -> &[u8] {
        &self.data[self.tag.clone()]
    }

    /// The signature of a link.
    pub fn sig(&self, index: usize) -> &[u8] {
        &self.data[self.sigs[index].clone()]
    }

    /// Hash header and blocks: h[0] to h[n].
    pub fn hashes(&self) -> Vec<Bytes32> {
        let mut h = chain::hash_header(&self.data[self.header.clone()]);
        let mut next = |block: &Range<usize>| {
            h = chain::hash_block(&h, &self.data[block.clone()]);
            h
        };
        self.blocks.iter().map(&mut next).collect()
    }

    /// Read the blocks; those of a known prefix have been read before.
    pub fn open(self, hashes: Vec<Bytes32>, known: Option<Known>) -> Result<Token, Fault> {
        let mut layouts = Vec::with_capacity(hashes.len());
        if let Some(known) = &known {
            layouts.extend_from_slice(&known.chain.layouts);
        }
        for (index, place) in self.blocks.iter().enumerate().skip(layouts.len()) {
            layouts.push(block::read(&self.data[place.clone()], index, self.signed)?);
        }
        let token = Token { frame: self, hashes, layouts, known };
        let units = token.blocks().map(|block| block.count(BUDGET)).sum();
        if units > limits::MAX_UNITS {
            return Err(Fault(Kind::Units, units));
        }
        Ok(token)
    }
}

impl Token {
    /// The blocks in order.
    pub fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        let places = self.frame.blocks.iter().zip(&self.layouts);
        places.map(|(place, layout)| Block { raw: &self.frame.data[place.clone()], layout })
    }

    /// Return the chain of a token that was found authentic, and its proof.
    pub fn into_chain(self, fingerprint: Bytes32) -> Chain {
        let Frame { data, end, signed, key_id, blocks, sigs, .. } = self.frame;
        let (hashes, layouts) = (self.hashes, self.layouts);
        Chain { data: data[..end].into(), signed, key_id, fingerprint, hashes, blocks, sigs, layouts }
    }
}

fn read_header(raw: &[u8]) -> Result<(bool, String), Fault> {
    cbor::check(raw)?;
    let mut c = Cursor::new(raw, 0);
    match (c.take(), c.take(), c.take(), c.take()) {
        (Item::Array(3), Item::Int(1), Item::Int(alg @ (HMAC | ED25519)), Item::Text(key_id))
            if grammar::is_key_id(key_id) =>
        {
            Ok((alg == ED25519, String::from_utf8_lossy(key_id).into_owned()))
        }
        _ => fault(Kind::Header),
    }
}

fn read_proof(b: &[u8], signed: bool) -> Result<(Proof, Range<usize>), Fault> {
    cbor::check(b)?;
    let size = if signed { 64 } else { 32 };
    let mut c = Cursor::new(b, 0);
    let (proof, size) = match (c.take(), c.take()) {
        (Item::Array(2), Item::Int(0)) => (Proof::Bearer, 32),
        (Item::Array(2), Item::Int(1)) => (Proof::Sealed, size),
        (Item::Array(5), Item::Int(2)) => {
            let Item::Int(iat @ 0..) = c.take() else {
                return fault(Kind::Proof);
            };
            let (nonce, binding) = (fixed(c.take())?, fixed(c.take())?);
            (Proof::Bound { iat, nonce, binding }, size)
        }
        _ => return fault(Kind::Proof),
    };
    match c.take() {
        Item::Bytes(tag) if tag.len() == size => Ok((proof, c.at() - size..c.at())),
        _ => Err(Fault(Kind::Fixed, size as u64)),
    }
}

fn fixed<const N: usize>(item: Item) -> Result<[u8; N], Fault> {
    let wrong = Fault(Kind::Fixed, N as u64);
    if let Item::Bytes(bytes) = item { bytes.try_into().map_err(|_| wrong) } else { Err(wrong) }
}
