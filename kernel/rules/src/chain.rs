//! The two chains: hashes, links and proofs (specs/token.md, chains).

use curve25519_dalek::constants::EIGHT_TORSION;
use ed25519_dalek::{Signature, SigningKey, Verifier, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;
use subtle::ConstantTimeEq;

/// 32 bytes: a hash, a key, a tag or a secret.
pub type Bytes32 = [u8; 32];

/// sha256 of some parts, one after the other.
pub fn sha256(parts: &[&[u8]]) -> Bytes32 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// h[-1].
pub fn hash_header(header: &[u8]) -> Bytes32 {
    sha256(&[b"attenuate/1 header\0", header])
}

/// h[i] from h[i-1] and the bytes of block i.
pub fn hash_block(before: &Bytes32, raw: &[u8]) -> Bytes32 {
    sha256(&[b"attenuate/1 block\0", before, raw])
}

/// An HMAC-SHA-256 under a key, with the key's part of the work done.
pub fn keyed(key: &Bytes32) -> Hmac<Sha256> {
    let mut block = [0; 64]; // RFC 2104: a short key is filled up with zeros
    block[..32].copy_from_slice(key);
    Hmac::new(&block.into())
}

/// The tag of some parts.
pub fn tag(mut mac: Hmac<Sha256>, parts: &[&[u8]]) -> Bytes32 {
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// What a link authenticates: t[i] or sig[i] over h[i].
pub const LINK: &[u8] = b"attenuate/1 link\0";

/// What a seal authenticates.
pub const SEAL: &[u8] = b"attenuate/1 seal\0";

/// What a use tag authenticates.
pub const USE: &[u8] = b"attenuate/1 use\0";

/// The key of one service (specs/token.md, audience keys).
pub fn audience_key(root: &Bytes32, audience: &str) -> Bytes32 {
    tag(keyed(root), &[b"attenuate/1 audience\0", audience.as_bytes()])
}

/// What names a key and does not give it away.
pub fn fingerprint(alg: i64, material: &Bytes32) -> Bytes32 {
    sha256(&[b"attenuate/1 key\0", &[alg as u8], material])
}

/// Compare two secrets in constant time.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// The public key of a seed.
pub fn public_of(seed: &Bytes32) -> Bytes32 {
    SigningKey::from_bytes(seed).verifying_key().to_bytes()
}

/// Read a public key: canonical, on the curve and not of small order; None for any other.
pub fn public(bytes: &Bytes32) -> Option<VerifyingKey> {
    // y below p = 2^255 - 19, which from_bytes does not ask
    let top = bytes[31] & 0x7f == 0x7f && bytes[1..31].iter().all(|&byte| byte == 0xff);
    if top && bytes[0] >= 0xed {
        return None;
    }
    VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak())
}

/// The encodings of the eight points of small order.
static SMALL: LazyLock<[Bytes32; 8]> = LazyLock::new(|| EIGHT_TORSION.map(|point| point.compress().0));

/// Work out what is worked out once, before a process that uses threads can fork.
pub fn prepare() {
    LazyLock::force(&SMALL);
}

/// Say whether an Ed25519 signature is strictly valid: s < L, A and R canonical and not of small
/// order, without the cofactor (RFC 8032 section 5.1.7, and specs/token.md).
///
/// This is verify_strict without its decompression of R: dalek computes R and compares encodings, so
/// an R that fits is canonical, and small order can be told from its bytes.
pub fn verify(public: &VerifyingKey, signature: &[u8; 64], message: &[u8]) -> bool {
    !SMALL.iter().any(|point| point == &signature[..32])
        && public.verify(message, &Signature::from_bytes(signature)).is_ok()
}
