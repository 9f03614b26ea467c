//! Every vector of specs/vectors, through `Verifier`: stage, code, block and block ids.

#[path = "support/json.rs"]
mod json;
mod support;

use attenuate_rules::{
    ED25519, HMAC, Key, Refused, Request, Ring, Value as Plain, Verified, Verifier, cbor, chain, inspect,
};
use serde_json::{Value, json};

/// Make the request of a vector, or say why it is none (V1, V2); None for what cannot even be stated.
fn request(asked: &Value) -> Option<Result<Request, Refused>> {
    let mut asking = Request::ask(asked["audience"].as_str()?, asked["action"].as_str()?);
    for (name, value) in asked["facts"].as_object()? {
        asking = match value {
            Value::Array(all) => asking.list(name, all.iter().map(plain).collect::<Option<Vec<_>>>()?),
            one => asking.fact(name, plain(one)?),
        };
    }
    for (unit, amount) in asked.get("cost").and_then(Value::as_object).into_iter().flatten() {
        asking = asking.cost(unit, amount.as_i64()?);
    }
    if let Some(binding) = asked.get("binding") {
        asking = asking.binding(json::hex(binding).try_into().ok()?);
    }
    if let Some(run) = asked["run"].as_array() {
        asking = asking.path(run.iter().map(segment).collect::<Option<_>>()?);
    }
    Some(asking.build())
}

fn plain(value: &Value) -> Option<Plain> {
    Some(match value {
        Value::Null => Plain::Opaque,
        Value::Bool(truth) => Plain::Bool(*truth),
        Value::String(text) => Plain::Text(text.clone()),
        Value::Number(n) => Plain::Int(n.as_i64()?),
        _ => return None,
    })
}

fn segment(value: &Value) -> Option<(String, Option<i64>)> {
    match value.as_array()?.as_slice() {
        [name] | [name, Value::Null] => Some((name.as_str()?.to_owned(), None)),
        [name, attempt] => Some((name.as_str()?.to_owned(), Some(attempt.as_i64()?))),
        _ => None,
    }
}

fn ring(keys: &Value) -> Ring {
    let key = |row: &Value| {
        let alg = row["alg"].as_i64().unwrap();
        assert!(alg == HMAC || alg == ED25519);
        let make = if alg == HMAC { Key::hmac } else { Key::ed25519 };
        (row["id"].as_str().unwrap().to_owned(), make(json::hex(&row["key"]).try_into().unwrap()))
    };
    Ring::checked(keys.as_array().unwrap().iter().map(key)).unwrap()
}

fn refused(stage: &str, code: &str, block: Option<usize>) -> Value {
    match block {
        Some(block) => json!({"ok": false, "stage": stage, "code": code, "block": block}),
        None => json!({"ok": false, "stage": stage, "code": code}),
    }
}

fn ids(hashes: &[[u8; 32]]) -> Vec<String> {
    hashes.iter().map(|h| h[..16].iter().map(|byte| format!("{byte:02x}")).collect()).collect()
}

/// Verify a vector; the second time over a cache that knows the token.
fn outcome(vector: &Value) -> Result<Verified, Refused> {
    let asked = &vector["request"];
    let mut verifier =
        Verifier::new(ring(&vector["keys"]), asked["audience"].as_str().unwrap()).unwrap().applies_charges();
    if asked["run"].is_null() {
        verifier = verifier.allow_unstated_run();
    }
    let option = |name: &str| vector.get("options").and_then(|options| options[name].as_i64());
    if let Some(leeway) = option("leeway") {
        verifier = verifier.leeway(leeway).unwrap();
    }
    if let Some(most) = option("max_lifetime") {
        verifier = verifier.max_lifetime(most).unwrap();
    }
    let verifier = verifier.cache(1 << 20);
    // what cannot be stated is no request, as one without an action is
    let request = request(asked).unwrap_or_else(|| verifier.ask("").build())?;
    let (token, now) = (vector["token"].as_str().unwrap(), vector["now"].as_i64().unwrap());
    let first = verifier.verify(token, &request, now);
    let again = verifier.verify(token, &request, now);
    assert_eq!(first.as_ref().err(), again.as_ref().err());
    let charges = |found: &Result<Verified, Refused>| found.as_ref().ok().map(Verified::charges);
    assert_eq!(charges(&first), charges(&again));
    first
}

/// Return the answer in the form of `expect`, and the block ids of a chain that passed.
fn answer(vector: &Value) -> (Value, Option<Vec<String>>) {
    match outcome(vector) {
        Ok(verified) => (json!({"ok": true}), Some(verified.block_ids())),
        Err(why) => {
            let words = why.to_string();
            assert!(words.starts_with(why.stage()) && words.contains(why.code()), "{words}");
            let token = vector["token"].as_str().unwrap();
            assert!(
                !words.contains("lease1_") && (token.len() < 24 || !words.contains(&token[7..24])),
                "{words}"
            );
            (refused(why.stage(), why.code(), why.block()), None)
        }
    }
}

/// Return the ids of a token that nobody verified, None where it has no blocks to read.
fn unverified_ids(token: &str) -> Option<Vec<String>> {
    let frame = support::frame_of(token.split('~').next()?)?;
    let header = cbor::string(&frame, 1).ok()?;
    let (blocks, _) = cbor::strings(&frame, header.end, 16).ok()?;
    let mut h = chain::hash_header(&frame[header]);
    let hashes = blocks.into_iter().map(|block| {
        h = chain::hash_block(&h, &frame[block]);
        h
    });
    Some(ids(&hashes.collect::<Vec<_>>()))
}

/// The stage is the contract of a malformed token or request, and its code is help.
fn contract(answer: &Value) -> Value {
    match answer["stage"].as_str() {
        Some("malformed") => json!({"ok": false, "stage": "malformed"}),
        _ => answer.clone(),
    }
}

fn run_folder(folder: &std::path::Path, least: usize, codes_too: bool) {
    let files = json::files(folder, "json");
    let mut others = Vec::new();
    for path in &files {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let vector = match json::read(path) {
            Ok(vector) => vector,
            Err(error) => {
                // text here is Unicode, so such a fact or token cannot even be asked about
                let raw = std::fs::read_to_string(path).unwrap();
                assert!(raw.contains(r"\ud") && raw.contains(r#""stage": "malformed""#), "{name}: {error}");
                continue;
            }
        };
        let (found, ids) = answer(&vector);
        let expect = &vector["expect"];
        assert_eq!(contract(&found), contract(expect), "{name}: {}", vector["comment"]);
        let stated = vector["block_ids"].as_array().unwrap();
        if let Some(ids) = ids.or_else(|| unverified_ids(vector["token"].as_str().unwrap())) {
            // a frame that is malformed further on may or may not have blocks to read
            if !(stated.is_empty() && found["stage"] == "malformed") {
                assert_eq!(json!(ids), vector["block_ids"], "{name}");
            }
        }
        if let Ok(seen) = inspect(vector["token"].as_str().unwrap()) {
            assert_eq!(json!(seen.block_ids), vector["block_ids"], "{name}");
        } else {
            assert_eq!(found["stage"], "malformed", "{name}");
        }
        if found != *expect {
            others.push(format!("{name}: {} for {}", found["code"], expect["code"]));
        }
    }
    println!("{} vectors of {}; another code of malformed: {others:?}", files.len(), folder.display());
    assert!(files.len() >= least, "{} vectors", files.len());
    assert!(!codes_too || others.is_empty(), "{others:?}");
}

#[test]
fn every_vector_gives_its_verdict() {
    if let Some(folder) = json::vectors() {
        run_folder(&folder, 450, true);
    }
}

#[test]
fn every_independent_vector_gives_its_verdict() {
    if let Some(folder) = json::vectors() {
        run_folder(&folder.join("independent"), 150, false);
    }
}

#[test]
fn a_change_of_what_is_expected_is_found() {
    let Some(folder) = json::vectors() else {
        return;
    };
    let mut vector = json::read(&folder.join("hmac-approved.json")).unwrap();
    assert_eq!(answer(&vector).0, vector["expect"]);
    vector["request"]["facts"]["repo"] = json!("other");
    assert_ne!(answer(&vector).0, vector["expect"]);
}
