//! Key rings: which key a key id names (V3).

use crate::chain::{self, Bytes32};
use ed25519_dalek::VerifyingKey;
use hmac::Hmac;
use sha2::Sha256;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use zeroize::Zeroizing;

/// A key of one algorithm, with what does not change from token to token worked out.
pub struct Key {
    /// Whether it is an ed25519 key; else an hmac key.
    pub signed: bool,
    /// The secret of hmac, the public key of ed25519.
    pub material: Zeroizing<Bytes32>,
    /// What names the key.
    pub fingerprint: Bytes32,
    /// The HMAC under an hmac key.
    pub mac: Hmac<Sha256>,
    /// The point of an ed25519 key; None where it is none that verifies anything.
    pub point: Option<VerifyingKey>,
}

impl Key {
    /// Make a key.
    pub fn new(signed: bool, material: Bytes32) -> Self {
        let alg = if signed { crate::token::ED25519 } else { crate::token::HMAC };
        Key {
            signed,
            fingerprint: chain::fingerprint(alg, &material),
            mac: chain::keyed(&material),
            point: chain::public(&material).filter(|_| signed),
            material: Zeroizing::new(material),
        }
    }
}

/// Keys by id; a ring that holds KID answers for KID/AUDIENCE.
pub struct Ring {
    keys: HashMap<String, Arc<Key>>,
    derived: Mutex<HashMap<String, Arc<Key>>>,
}

impl Ring {
    /// Make a ring.
    pub fn new(keys: impl IntoIterator<Item = (String, Key)>) -> Self {
        let keys = keys.into_iter().map(|(id, key)| (id, Arc::new(key))).collect();
        Ring { keys, derived: Mutex::default() }
    }

    /// Return the key that a key id names and the audience it serves, None for any. A key is derived
    /// only for `audience`, the verifier's own: nobody makes a verifier derive keys without end.
    pub fn find<'a>(&self, key_id: &'a str, audience: &str) -> Option<(Arc<Key>, Option<&'a str>)> {
        let parts = key_id.split_once('/');
        let served = parts.map(|(_, served)| served);
        if let Some(key) = self.keys.get(key_id) {
            return Some((key.clone(), served));
        }
        let parent = self.keys.get(parts?.0).filter(|key| !key.signed)?;
        if served != Some(audience) {
            return Some((parent.clone(), served)); // refused for its audience before any byte is checked
        }
        // a lock that is held, or was held when this process was forked, is no reason to wait
        let mut known = self.derived.try_lock().ok();
        if let Some(key) = known.as_ref().and_then(|known| known.get(key_id)) {
            return Some((key.clone(), served));
        }
        let key = Arc::new(Key::new(false, chain::audience_key(&parent.material, audience)));
        if let Some(known) = &mut known {
            known.insert(key_id.to_owned(), key.clone());
        }
        Some((key, served))
    }
}
