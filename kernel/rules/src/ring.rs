//! Key rings: which key a key id names (V3).

use crate::chain::{self, Bytes32};
use crate::refused::BadSetting;
use crate::{grammar, text};
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
    /// Make an hmac key of its secret.
    pub fn hmac(secret: Bytes32) -> Self {
        Key::new(false, secret)
    }

    /// Make an ed25519 key of the public key.
    pub fn ed25519(public: Bytes32) -> Self {
        Key::new(true, public)
    }

    /// Read a key that verifies from its text form: attenuate_hmac_secret_… or attenuate_ed25519_public_….
    pub fn from_text(text: &str) -> Result<Self, BadSetting> {
        let forms = [("attenuate_hmac_secret_", false), ("attenuate_ed25519_public_", true)];
        let read = forms.into_iter().find_map(|(start, signed)| {
            let bytes = text::decode(&format!("lease1_{}", text.strip_prefix(start)?)).ok()?;
            Some(Key::new(signed, bytes.try_into().ok()?))
        });
        read.ok_or_else(|| BadSetting("no text form of an hmac secret or of an ed25519 public key".into()))
    }

    /// Make a key; `signed` says whether it is an ed25519 key.
    pub fn new(signed: bool, material: Bytes32) -> Self {
        let alg = if signed { crate::token::ED25519 } else { crate::token::HMAC };
        Key {
            signed,
            fingerprint: chain::fingerprint(alg, &material),
            mac: chain::keyed(&material),
            point: if signed { chain::public(&material) } else { None },
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
    /// Make a ring: each key id once, 1 to 128 printable ASCII characters, and a `/` in those of
    /// audience keys alone, which are hmac keys.
    pub fn checked<T: Into<String>>(keys: impl IntoIterator<Item = (T, Key)>) -> Result<Self, BadSetting> {
        let mut ring = Ring::new([]);
        for (id, key) in keys {
            let id = id.into();
            if !grammar::is_key_id(id.as_bytes()) || (key.signed && id.contains('/')) {
                return Err(BadSetting(format!("{id:?} is no id of such a key")));
            }
            if ring.keys.contains_key(&id) {
                return Err(BadSetting(format!("key id {id:?} stands twice")));
            }
            ring.keys.insert(id, Arc::new(key));
        }
        Ok(ring)
    }

    /// Make a ring of keys whose ids were checked.
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
