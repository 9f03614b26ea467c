//! What tests and fuzz targets share: tokens by hand from specs/token.md, and verdicts to compare.
//!
//! Nothing of the crate writes a token, so this is the one place that does. It needs no file.
#![allow(dead_code)] // each test is a crate of its own and uses a part

pub mod case;

use attenuate_rules::{Cache, Failure, Key, Note, Question, Refusal, Request, Ring, Rules, chain};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use std::sync::LazyLock;

/// The time of the tokens made here.
pub const NOW: i64 = 1_800_000_000;
/// The secret of hmac key k1.
pub const SECRET: [u8; 32] = *b"hmac-key!!!!!!!!!!!!!!!!!!!!!!!!";
/// The seed of ed25519 key e1.
pub const SEED: [u8; 32] = *b"ed25519-seed!!!!!!!!!!!!!!!!!!!!";

// --- CBOR, in the most naive way ------------------------------------------------------------------
/// A value that a token can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Int(i64),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Bool(bool),
    Null,
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Value::Int(n)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Value::Bytes(bytes.into())
    }
}

impl From<Vec<Value>> for Value {
    fn from(elements: Vec<Value>) -> Self {
        Value::Array(elements)
    }
}

/// A map with integer keys, as blocks and grants are.
pub fn map(pairs: impl IntoIterator<Item = (i64, Value)>) -> Value {
    Value::Map(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// A map with text keys.
pub fn named<'a>(pairs: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    Value::Map(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// An array of texts.
pub fn texts(all: &[&str]) -> Value {
    Value::Array(all.iter().map(|&text| text.into()).collect())
}

/// A head with the shortest argument.
pub fn head(major: u8, n: u64) -> Vec<u8> {
    match n {
        0..24 => vec![major << 5 | n as u8],
        24..0x100 => vec![major << 5 | 24, n as u8],
        0x100..0x1_0000 => [&[major << 5 | 25][..], &(n as u16).to_be_bytes()].concat(),
        0x1_0000..0x1_0000_0000 => [&[major << 5 | 26][..], &(n as u32).to_be_bytes()].concat(),
        _ => [&[major << 5 | 27][..], &n.to_be_bytes()].concat(),
    }
}

impl Value {
    /// The one encoding of this value; of a key that stands twice the later.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Value::Int(n) if *n >= 0 => head(0, *n as u64),
            Value::Int(n) => head(1, !*n as u64),
            Value::Bytes(bytes) => [head(2, bytes.len() as u64), bytes.clone()].concat(),
            Value::Text(text) => [head(3, text.len() as u64), text.clone().into_bytes()].concat(),
            Value::Array(all) => {
                let body: Vec<u8> = all.iter().flat_map(Value::encode).collect();
                [head(4, all.len() as u64), body].concat()
            }
            Value::Map(pairs) => {
                let sorted: std::collections::BTreeMap<_, _> =
                    pairs.iter().map(|(key, value)| (key.encode(), value.encode())).collect();
                let body: Vec<u8> =
                    sorted.iter().flat_map(|(key, value)| [&key[..], value].concat()).collect();
                [head(5, sorted.len() as u64), body].concat()
            }
            Value::Bool(truth) => vec![0xf4 + u8::from(*truth)],
            Value::Null => vec![0xf6],
        }
    }
}

// --- tokens ---------------------------------------------------------------------------------------
/// A token in parts; `last` authenticates the next thing: t[n], or the seed of p[n+1].
#[derive(Clone, Debug)]
pub struct Parts {
    pub signed: bool,
    pub header: Vec<u8>,
    pub blocks: Vec<Vec<u8>>,
    pub sigs: Vec<Vec<u8>>,
    pub last: [u8; 32],
}

/// How a token ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Bearer,
    Sealed,
    Bound { iat: i64, nonce: [u8; 16], binding: [u8; 32] },
}

/// The text of the bytes of a frame.
pub fn text_of(frame: &[u8]) -> String {
    format!("lease1_{}", URL_SAFE_NO_PAD.encode(frame))
}

/// The bytes of the frame of a text that has the form; None for another text.
pub fn frame_of(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.strip_prefix("lease1_")?).ok()
}

/// The seed of the next key of block number `index`, the same in all tokens made here.
pub fn next_seed(index: usize) -> [u8; 32] {
    [0x80 + index as u8; 32]
}

/// The public keys of the seeds of blocks, worked out once.
static NEXT_KEYS: LazyLock<Vec<[u8; 32]>> =
    LazyLock::new(|| (0..32).map(|index| chain::public_of(&next_seed(index))).collect());

/// The public key of e1.
pub static E1: LazyLock<[u8; 32]> = LazyLock::new(|| chain::public_of(&SEED));

/// The next key of block number `index`.
pub fn next_key(index: usize) -> Value {
    NEXT_KEYS[index][..].into()
}

impl Parts {
    /// A token without blocks yet, under a secret or a seed.
    pub fn new(signed: bool, key_id: &str, secret: [u8; 32]) -> Self {
        let alg = if signed { attenuate_rules::ED25519 } else { attenuate_rules::HMAC };
        let header = Value::Array(vec![1.into(), alg.into(), key_id.into()]).encode();
        Parts { signed, header, blocks: vec![], sigs: vec![], last: secret }
    }

    /// h[-1] to h[n].
    pub fn hashes(&self) -> Vec<[u8; 32]> {
        let mut out = vec![chain::hash_header(&self.header)];
        for block in &self.blocks {
            out.push(chain::hash_block(out.last().unwrap(), block));
        }
        out
    }

    /// The name of a block.
    pub fn id(&self, index: usize) -> Vec<u8> {
        self.hashes()[index + 1][..16].to_vec()
    }

    fn authenticate(&self, message: &[u8]) -> Vec<u8> {
        match self.signed {
            true => SigningKey::from_bytes(&self.last).sign(message).to_bytes().to_vec(),
            false => chain::tag(chain::keyed(&self.last), &[message]).to_vec(),
        }
    }

    /// Append the bytes of a block, whatever they are.
    pub fn push(&mut self, block: Vec<u8>) {
        let seed = next_seed(self.blocks.len());
        self.blocks.push(block);
        let link = self.authenticate(&[chain::LINK, &self.hashes()[self.blocks.len()]].concat());
        if self.signed {
            self.sigs.push(link);
            self.last = seed;
        } else {
            self.last = link.try_into().unwrap();
        }
    }

    /// Append a block of these fields; one of the ed25519 chain gets its next key.
    pub fn add(&mut self, mut fields: Vec<(i64, Value)>) -> &mut Self {
        if self.signed && !fields.iter().any(|(key, _)| *key == 1) {
            fields.push((1, next_key(self.blocks.len())));
        }
        self.push(map(fields).encode());
        self
    }

    /// The text of this token with a proof.
    pub fn text(&self, end: End) -> String {
        let h = *self.hashes().last().unwrap();
        let proof = match end {
            End::Bearer => vec![0.into(), self.last[..].into()],
            End::Sealed => vec![1.into(), self.authenticate(&[chain::SEAL, &h].concat())[..].into()],
            End::Bound { iat, nonce, binding } => {
                let used = [chain::USE, &h[..], &iat.to_be_bytes(), &nonce, &binding].concat();
                let tag = self.authenticate(&used);
                vec![2.into(), iat.into(), nonce[..].into(), binding[..].into(), tag[..].into()]
            }
        };
        let strings = |all: &[Vec<u8>]| Value::Array(all.iter().map(|one| one[..].into()).collect());
        let frame = [self.header[..].into(), strings(&self.blocks), strings(&self.sigs), Value::Array(proof)];
        text_of(&Value::Array(frame.to_vec()).encode())
    }
}

/// The usual block 0: agt_1@2 may repo.read and repo.write.* at github for 900 seconds.
pub fn root() -> Vec<(i64, Value)> {
    vec![
        (0, b"root nonce 16 by"[..].into()),
        (2, Value::Array(vec![vec![Value::from("agt_1"), 2.into()].into()])),
        (3, texts(&["github"])),
        (5, (NOW + 900).into()),
        (6, Value::Array(vec![map([(0, texts(&["repo.read", "repo.write.*"]))])])),
        (15, NOW.into()),
    ]
}

/// The usual block 0 with another value for some keys.
pub fn root_with(changes: impl IntoIterator<Item = (i64, Value)>) -> Vec<(i64, Value)> {
    root().into_iter().chain(changes).collect() // of a key that stands twice the later is written
}

/// A later block of these fields.
pub fn later(fields: impl IntoIterator<Item = (i64, Value)>) -> Vec<(i64, Value)> {
    [(0, b"nonce 08"[..].into())].into_iter().chain(fields).collect()
}

/// A token of one chain under k1 or e1.
pub fn mint(signed: bool, blocks: impl IntoIterator<Item = Vec<(i64, Value)>>) -> Parts {
    let mut parts = match signed {
        true => Parts::new(true, "e1", SEED),
        false => Parts::new(false, "k1", SECRET),
    };
    for block in blocks {
        parts.add(block);
    }
    parts
}

/// The ring of k1 and e1.
pub fn ring() -> Ring {
    Ring::new([("k1".into(), Key::new(false, SECRET)), ("e1".into(), Key::new(true, *E1))])
}

/// The usual request, which the usual block 0 allows.
pub fn request() -> Request {
    let run = Some(vec![("agt_1".into(), Some(2))]);
    Request::new("repo.read".into(), "github".into(), run, vec![], vec![], None)
}

// --- verdicts -------------------------------------------------------------------------------------
/// What a verification said, without what cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The hashes of the chain, and of each approval that counted.
    Allowed(Vec<[u8; 32]>, Vec<Vec<[u8; 32]>>),
    /// What is wrong, and in which part.
    Malformed(String),
    /// Why it is not believed.
    Doubted(String),
    /// The hashes of the chain, the failures, and why approvals do not count.
    Forbidden(Vec<[u8; 32]>, Vec<Failure>, Vec<Option<String>>),
}

impl Verdict {
    /// Say whether it is yes.
    pub fn is_yes(&self) -> bool {
        matches!(self, Verdict::Allowed(..))
    }
}

/// Verify a text; extensions "ok/…" hold, "no/…" do not, and nobody knows another.
pub fn verify(text: &str, ask: &Question, all: bool) -> Verdict {
    let mut handlers = |_: &_, _, key: &str| match key.split_once('/') {
        Some(("ok", _)) => Some(true),
        Some(("no", _)) => Some(false),
        _ => None,
    };
    let result = attenuate_rules::open(text, ask)
        .and_then(|opened| attenuate_rules::decide(opened, ask, &mut handlers, all));
    match result {
        Ok(allowed) => {
            let approved = allowed.approved.iter().map(|(chain, _)| chain.hashes.clone());
            Verdict::Allowed(allowed.chain.hashes.clone(), approved.collect())
        }
        Err(Refusal::Malformed(fault, part)) => Verdict::Malformed(format!("{fault:?} in {part}")),
        Err(Refusal::Doubted(why)) => {
            Verdict::Doubted(format!("{:?} {} {}", why.doubt, why.key_id, why.number))
        }
        Err(Refusal::Forbidden(why)) => {
            let told = |note: &Note| match note {
                Note::Form(why) => format!("{why:?}"),
                Note::Doubt(why) => format!("{why:?}"),
                Note::Failure(chain, _, why) => format!("{:?} {why:?}", chain.hashes),
            };
            let notes = why.notes.iter().map(|note| note.as_ref().map(told)).collect();
            Verdict::Forbidden(why.chain.hashes.clone(), why.failures, notes)
        }
    }
}

/// The question of a request at the usual time, for a ring.
pub fn question<'a>(request: &'a Request, ring: &'a Ring, cache: Option<&'a Cache>) -> Question<'a> {
    Question { request, ring, now: NOW + 1, rules: Rules::default(), cache }
}

// --- numbers from nowhere -------------------------------------------------------------------------
/// A generator (splitmix64) that gives the same numbers for the same seed, everywhere.
pub struct Rng(pub u64);

impl Rng {
    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below another.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// One of some values.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Some bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}
