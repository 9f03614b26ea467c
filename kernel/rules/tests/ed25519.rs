//! The strict rule of specs/token.md on every case of specs/vectors/ed25519, and what misses it.

#[path = "support/json.rs"]
mod json;

use attenuate_rules::chain;
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use serde_json::Value;

type Rule = fn(&[u8; 32], &[u8; 64], &[u8]) -> bool;

/// The cases that a rule gets wrong; what has another length than 32 and 64 bytes is refused before.
fn wrong(cases: &[Value], rule: Rule) -> Vec<String> {
    let mut out = Vec::new();
    for case in cases {
        let (public, signature) = (json::hex(&case["public"]), json::hex(&case["signature"]));
        let says = match (public.try_into(), signature.try_into()) {
            (Ok(public), Ok(signature)) => rule(&public, &signature, &json::hex(&case["message"])),
            _ => false,
        };
        if says != case["valid"].as_bool().unwrap() {
            out.push(case["name"].as_str().unwrap().to_owned());
        }
    }
    out
}

fn cases(name: &str) -> Option<Vec<Value>> {
    let path = json::vectors()?.join("ed25519").join(name).with_extension("json");
    let Value::Array(cases) = json::read(&path).unwrap() else { panic!("{name} is no list") };
    Some(cases)
}

fn strict(public: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> bool {
    chain::public(public).is_some_and(|key| chain::verify(&key, signature, message))
}

fn plain(public: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> bool {
    let signature = Signature::from_bytes(signature);
    VerifyingKey::from_bytes(public).is_ok_and(|key| key.verify(message, &signature).is_ok())
}

#[test]
fn the_rule_is_right_on_every_case() {
    for (name, count) in [("speccheck", 12), ("wycheproof", 151), ("small", 437)] {
        let Some(cases) = cases(name) else {
            return;
        };
        assert_eq!(wrong(&cases, strict), Vec::<String>::new(), "{name}");
        assert!(cases.len() >= count, "{name} has {} cases", cases.len());
        println!("{name}: {} cases", cases.len());
    }
}

/// Controls: a verifier without some of the rule must get cases wrong, or the cases show nothing.
/// There is none for keys with a y of p or more and another order than a small one: to sign for such a
/// key, one would need its discrete logarithm.
#[test]
fn what_is_not_the_rule_gets_some_wrong() {
    let Some(small) = cases("small") else {
        return;
    };
    let speccheck = cases("speccheck").unwrap();
    for (name, rule) in [("plain", plain as Rule), ("no", |_, _, _| false), ("yes", |_, _, _| true)] {
        for cases in [&small, &speccheck] {
            let found = wrong(cases, rule);
            println!("{name}: {} of {} wrong", found.len(), cases.len());
            assert!(!found.is_empty(), "{name}");
        }
    }
}

/// Some crate in the same build could switch on `legacy_compatibility`, and features add up: then s
/// would be read without its bound, and a signature would have two spellings.
#[test]
fn s_is_below_the_order_in_this_build() {
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let key = SigningKey::from_bytes(&[7; 32]);
    let public = key.verifying_key().to_bytes();
    for number in 0..64u8 {
        let message = [number];
        let mut signature = key.sign(&message).to_bytes();
        assert!(plain(&public, &signature, &message) && strict(&public, &signature, &message));
        let mut carry = 0;
        for (byte, more) in signature[32..].iter_mut().zip(L) {
            let sum = u16::from(*byte) + u16::from(more) + carry;
            (*byte, carry) = (sum as u8, sum >> 8);
        }
        assert_eq!(carry, 0);
        assert!(!plain(&public, &signature, &message), "ed25519-dalek has legacy_compatibility");
        assert!(!strict(&public, &signature, &message));
    }
}
