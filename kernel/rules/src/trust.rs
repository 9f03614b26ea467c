//! Stage trust: the key, the links and the proof of a token (V3 to V5).

use crate::block::{Block, NEXT_KEY};
use crate::cache::{Cache, Known};
use crate::chain::{self, Bytes32, LINK, SEAL, USE};
use crate::clear::Rules;
use crate::limits::SKEW;
use crate::request::Request;
use crate::ring::{Key, Ring};
use crate::token::{Chain, ED25519, Frame, HMAC, Proof, Token};
use ed25519_dalek::VerifyingKey;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Why a token is not believed, or not for this call; by number as in attenuate/doubts.py.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[rustfmt::skip]
pub enum Doubt {
    UnknownKey, Algorithm, Audience, Signature, Proof, Binding, StaleProof,
}

/// A doubt about a token, with what its words need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubted {
    /// Why.
    pub doubt: Doubt,
    /// Under which key id.
    pub key_id: String,
    /// The algorithm, the link, whether there is a binding, or the proof's time.
    pub number: i64,
}

/// An authentic chain and its proof.
pub type Authentic = (Arc<Chain>, Proof);

/// What does not change from token to token, and what is asked.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The request.
    pub request: &'a Request,
    /// The keys.
    pub ring: &'a Ring,
    /// Seconds since 1970.
    pub now: i64,
    /// The verifier's settings.
    pub rules: Rules,
    /// Chains that were found authentic before.
    pub cache: Option<&'a Cache>,
}

/// V3: return the key of a token.
pub fn find_key(frame: &Frame, question: &Question) -> Result<Arc<Key>, Doubted> {
    let doubt = |doubt, number| Doubted { doubt, key_id: frame.key_id.clone(), number };
    let Some((key, serves)) = question.ring.find(&frame.key_id, &question.request.audience) else {
        return Err(doubt(Doubt::UnknownKey, 0));
    };
    if key.signed != frame.signed {
        return Err(doubt(Doubt::Algorithm, if frame.signed { ED25519 } else { HMAC }));
    }
    if serves.is_some_and(|serves| serves != question.request.audience) {
        return Err(doubt(Doubt::Audience, 0));
    }
    Ok(key)
}

/// V4, V5: return the chain of a token whose links and proof are authentic under a key.
pub fn authentic(token: Token, key: &Key, question: &Question) -> Result<Authentic, Doubted> {
    let frame = &token.frame;
    let doubt = |doubt, number| Err(Doubted { doubt, key_id: frame.key_id.clone(), number });
    let (mut done, mut last) = (0, key.material.clone());
    if let Some(known) = token.known.as_ref().filter(|known| known.chain.fingerprint == key.fingerprint) {
        (done, last) = (known.chain.hashes.len(), known.last.clone());
    }
    for ((index, h), block) in token.hashes.iter().enumerate().zip(token.blocks()).skip(done) {
        if !frame.signed {
            let mac = if index == 0 { key.mac.clone() } else { chain::keyed(&last) };
            *last = chain::tag(mac, &[LINK, h]);
        } else {
            let public = if index == 0 { key.point } else { chain::public(&last) };
            if !signs(public, frame.sig(index), &[LINK, &h[..]].concat()) {
                return doubt(Doubt::Signature, index as i64);
            }
            *last = next_key(&block);
        }
    }
    let Some(h) = token.hashes.last() else {
        return doubt(Doubt::Proof, 0);
    };
    if !proves(frame, &last, h) {
        return doubt(Doubt::Proof, 0);
    }
    let proof = frame.proof;
    if let Proof::Bound { iat, binding, .. } = proof {
        let mine = question.request.binding;
        if !mine.is_some_and(|mine| chain::same(&mine, &binding)) {
            return doubt(Doubt::Binding, i64::from(mine.is_some()));
        }
        if question.now.abs_diff(iat) > SKEW as u64 {
            return doubt(Doubt::StaleProof, iat);
        }
    }
    let chain = Arc::new(token.into_chain(key.fingerprint));
    if let Some(cache) = question.cache {
        cache.put_prefix(Known { chain: chain.clone(), last });
    }
    Ok((chain, proof))
}

fn next_key(block: &Block) -> Bytes32 {
    block.bytes(NEXT_KEY).and_then(|key| key.try_into().ok()).unwrap_or_default()
}

fn signs(public: Option<VerifyingKey>, signature: &[u8], message: &[u8]) -> bool {
    let both = public.zip(signature.try_into().ok());
    both.is_some_and(|(public, signature)| chain::verify(&public, signature, message))
}

/// V5: say whether the proof is made with what the last block left.
fn proves(frame: &Frame, last: &Zeroizing<Bytes32>, h: &Bytes32) -> bool {
    let message = match frame.proof {
        Proof::Bearer if !frame.signed => return chain::same(&**last, frame.tag()),
        Proof::Bearer => {
            let seed = frame.tag().try_into();
            return seed.is_ok_and(|seed| chain::same(&**last, &chain::public_of(seed)));
        }
        Proof::Sealed => [SEAL, &h[..]].concat(),
        Proof::Bound { iat, nonce, binding } => [USE, &h[..], &iat.to_be_bytes(), &nonce, &binding].concat(),
    };
    if frame.signed {
        return signs(chain::public(last), frame.tag(), &message);
    }
    chain::same(&chain::tag(chain::keyed(last), &[&message]), frame.tag())
}
