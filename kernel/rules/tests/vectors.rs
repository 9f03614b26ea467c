//! Every vector of specs/vectors, through the public API: stage, code, block and block ids.

#[path = "support/json.rs"]
mod json;
mod support;

use attenuate_rules::{
    Code, Doubt, ED25519, Fact, Fault, HMAC, Key, Kind, MAX_FACTS, Question, Refusal, Request, Ring, Rules,
    Run, Value as Plain, cbor, chain, decide, open,
};
use serde_json::{Value, json};

/// Make the request of a vector, or None for what is none (V1, V2).
fn request(asked: &Value) -> Option<Request> {
    let mut facts = Vec::new();
    for (name, value) in asked["facts"].as_object()? {
        let (values, is_list) = match value {
            Value::Array(all) => (all.iter().map(plain).collect::<Option<Vec<_>>>()?, true),
            one => (vec![plain(one)?], false),
        };
        if values.len() > MAX_FACTS {
            return None;
        }
        facts.push(Fact::new(name.clone(), values, is_list));
    }
    let mut cost = Vec::new();
    for (unit, amount) in asked.get("cost").and_then(Value::as_object).into_iter().flatten() {
        cost.push((unit.clone(), amount.as_i64()?));
    }
    let binding = match asked.get("binding") {
        Some(binding) => Some(json::hex(binding).try_into().ok()?),
        None => None,
    };
    let run = match &asked["run"] {
        Value::Null => None,
        run => Some(run.as_array()?.iter().map(segment).collect::<Option<Run>>()?),
    };
    let text = |name: &str| Some(asked[name].as_str()?.to_owned());
    let made = Request::new(text("action")?, text("audience")?, run, facts, cost, binding);
    made.is_sound().then_some(made)
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
    Ring::new(keys.as_array().unwrap().iter().map(|row| {
        let alg = row["alg"].as_i64().unwrap();
        assert!(alg == HMAC || alg == ED25519);
        let key = Key::new(alg == ED25519, json::hex(&row["key"]).try_into().unwrap());
        (row["id"].as_str().unwrap().to_owned(), key)
    }))
}

/// The code of a fault, as in attenuate/faults.py.
fn malformed(Fault(kind, _): Fault) -> &'static str {
    use Kind::*;
    match kind {
        TokenSize | WholeSize | Approvals | Nesting | Elements | BlockSize | Grants | Units => "too_large",
        Prefix | UnusedBits | Alphabet => "text",
        Truncated | Trailing | NotUtf8 | InitialByte | OtherValue | LongSpelling | Beyond | KeyType
        | KeyOrder => "cbor",
        _ => "shape",
    }
}

fn doubted(doubt: Doubt) -> (&'static str, &'static str, Option<usize>) {
    match doubt {
        Doubt::UnknownKey => ("untrusted", "unknown_key", None),
        Doubt::Algorithm => ("untrusted", "algorithm", None),
        Doubt::Audience => ("forbidden", "audience", Some(0)),
        Doubt::Signature => ("untrusted", "signature", None),
        Doubt::Proof => ("untrusted", "proof", None),
        Doubt::Binding => ("forbidden", "binding", None),
        Doubt::StaleProof => ("forbidden", "stale_proof", None),
    }
}

fn forbidden(code: Code) -> &'static str {
    match code {
        Code::Structure => "structure",
        Code::IssuedAt => "issued_at",
        Code::Depth => "depth",
        Code::Lifetime => "lifetime",
        Code::For => "for",
        Code::Bound => "bound",
        Code::Run => "run",
        Code::Attempt => "attempt",
        Code::Audience => "audience",
        Code::NotBefore => "not_before",
        Code::Expires => "expires",
        Code::Allow => "allow",
        Code::Deny => "deny",
        Code::Where => "where",
        Code::Budget => "budget",
        Code::Unknown => "unknown_caveat",
        Code::Extension => "an extension's key",
        Code::Approval => "approval",
    }
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

/// Return the answer in the form of `expect`, and the block ids of an authentic chain.
fn answer(vector: &Value) -> (Value, Option<Vec<String>>) {
    let Some(request) = request(&vector["request"]) else {
        // whoever makes a request says which (attenuate/request.py)
        let many = vector["request"]["facts"].as_object().is_some_and(|facts| facts.len() > MAX_FACTS);
        return (refused("malformed", if many { "too_large" } else { "facts" }, None), None);
    };
    let option = |name: &str| vector.get("options").and_then(|options| options[name].as_i64());
    let ask = Question {
        request: &request,
        ring: &ring(&vector["keys"]),
        now: vector["now"].as_i64().unwrap(),
        rules: Rules { leeway: option("leeway").unwrap_or(0), max_lifetime: option("max_lifetime") },
        cache: None,
    };
    let token = vector["token"].as_str().unwrap();
    match open(token, &ask).and_then(|opened| decide(opened, &ask, &mut |_, _, _| None, false)) {
        Ok(allowed) => (json!({"ok": true}), Some(ids(&allowed.chain.hashes))),
        Err(Refusal::Malformed(fault, _)) => (refused("malformed", malformed(fault), None), None),
        Err(Refusal::Doubted(why)) => {
            let (stage, code, block) = doubted(why.doubt);
            (refused(stage, code, block), None)
        }
        Err(Refusal::Forbidden(why)) => {
            let [failure] = &why.failures[..] else { panic!("{:?}", why.failures) };
            let found = refused("forbidden", forbidden(failure.code), Some(failure.block));
            (found, Some(ids(&why.chain.hashes)))
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
