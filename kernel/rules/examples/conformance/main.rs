//! The conformance executable: one JSON object a line in, one answer a line out.
//!
//!     cargo run --release -p attenuate-rules --example conformance < lines
//!
//! ops: verify, inspect, audience_key, http_binding, with the answers of interop/conformance.py. What
//! this crate does not do (mint, narrow, seal, present, call_binding, flatten) has stage "unsupported".
//! Only a line that is no JSON ends the process, with 1.

mod json;

use attenuate_rules::cbor::Data;
use attenuate_rules::{
    Charge, Counter, ED25519, HMAC, Key, NAMES, Proof, Refused, Request, Ring, Run, Value, Verifier, chain,
    http_binding, inspect, run_of_text, text_of_run,
};
use json::{Json, Wrong};
use std::io::{BufRead, Write};
use std::process::ExitCode;

/// Why a line has no answer but a refusal.
enum No {
    /// A member is missing or of another type.
    BadInput,
    Refused(Refused),
    Unsupported(String),
}

impl<E: Into<Refused>> From<E> for No {
    fn from(refused: E) -> Self {
        No::Refused(refused.into())
    }
}

type Answer<T = Json> = Result<T, No>;

fn need<T>(value: Option<T>) -> Answer<T> {
    value.ok_or(No::BadInput)
}

// --- members --------------------------------------------------------------------------------------
fn text(value: &Json) -> Answer<&str> {
    match value {
        Json::Text(text) => need(std::str::from_utf8(text).ok()),
        _ => Err(No::BadInput),
    }
}

fn int(value: &Json) -> Answer<i64> {
    if let Json::Int(n) = value { Ok(*n) } else { Err(No::BadInput) }
}

fn array(value: &Json) -> Answer<&[Json]> {
    if let Json::Array(all) = value { Ok(all) } else { Err(No::BadInput) }
}

/// The members of an object; none where it is left out.
fn members(value: &Json) -> Answer<&[(Vec<u8>, Json)]> {
    match value {
        Json::Object(members) => Ok(members),
        Json::Null => Ok(&[]),
        _ => Err(No::BadInput),
    }
}

fn bytes(value: &Json) -> Answer<Vec<u8>> {
    let text = text(value)?.as_bytes();
    let digit = |byte: u8| need(b"0123456789abcdef".iter().position(|&known| known == byte));
    if !text.len().is_multiple_of(2) {
        return Err(No::BadInput);
    }
    text.chunks(2).map(|two| Ok((digit(two[0])? << 4 | digit(two[1])?) as u8)).collect()
}

fn bytes32(value: &Json) -> Answer<[u8; 32]> {
    need(bytes(value)?.try_into().ok())
}

/// Refuse a member whose name says nothing here.
fn known(members: &[(Vec<u8>, Json)], names: &[&str]) -> Answer<()> {
    let all = members.iter().all(|(name, _)| names.iter().any(|known| known.as_bytes() == name));
    need(all.then_some(()))
}

fn hex(bytes: &[u8]) -> Json {
    Json::text(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn texts(all: Vec<String>) -> Json {
    Json::Array(all.into_iter().map(Json::text).collect())
}

// --- verify ---------------------------------------------------------------------------------------
fn ring(rows: &[Json]) -> Answer<Ring> {
    let key = |row: &Json| {
        let material = bytes32(row.get("key"))?;
        let key = match int(row.get("alg"))? {
            HMAC => Key::hmac(material),
            ED25519 => Key::ed25519(material),
            _ => return Err(No::BadInput),
        };
        Ok((text(row.get("id"))?.to_owned(), key))
    };
    let keys = rows.iter().map(key).collect::<Answer<Vec<_>>>()?;
    need(Ring::checked(keys).ok())
}

fn run(value: &Json) -> Answer<Run> {
    let segment = |segment: &Json| match array(segment)? {
        [name] | [name, Json::Null] => Ok((text(name)?.to_owned(), None)),
        [name, attempt] => Ok((text(name)?.to_owned(), Some(int(attempt)?))),
        _ => Err(No::BadInput),
    };
    array(value)?.iter().map(segment).collect()
}

fn fact(value: &Json) -> Answer<Value> {
    Ok(match value {
        Json::Null => Value::Opaque,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Int(n) => Value::Int(*n),
        Json::Text(_) => Value::Text(text(value)?.into()),
        _ => return Err(No::BadInput),
    })
}

fn request(asked: &Json) -> Answer<Request> {
    need(matches!(asked, Json::Object(_)).then_some(()))?;
    known(members(asked)?, &["run", "audience", "action", "facts", "cost", "binding"])?;
    let mut asking = Request::ask(text(asked.get("audience"))?, text(asked.get("action"))?);
    if *asked.get("run") != Json::Null {
        asking = asking.path(run(asked.get("run"))?);
    }
    for (name, value) in members(asked.get("facts"))? {
        let name = need(std::str::from_utf8(name).ok())?;
        asking = match value {
            Json::Array(all) => asking.list(name, all.iter().map(fact).collect::<Answer<Vec<_>>>()?),
            one => asking.fact(name, fact(one)?),
        };
    }
    for (unit, amount) in members(asked.get("cost"))? {
        asking = asking.cost(need(std::str::from_utf8(unit).ok())?, int(amount)?);
    }
    if *asked.get("binding") != Json::Null {
        asking = asking.binding(bytes32(asked.get("binding"))?);
    }
    Ok(asking.build()?)
}

fn verify(line: &Json) -> Answer {
    let asked = line.get("request");
    let options: Vec<_> = members(line.get("options"))?.to_vec();
    let options: Vec<_> = options.into_iter().filter(|(_, value)| *value != Json::Null).collect();
    known(&options, &["max_lifetime", "leeway"])?;
    let mut verifier =
        need(Verifier::new(ring(array(line.get("keys"))?)?, text(asked.get("audience"))?).ok())?;
    verifier = verifier.allow_unstated_run().applies_charges();
    for (name, value) in &options {
        let set = match &name[..] {
            b"leeway" => verifier.leeway(int(value)?),
            _ => verifier.max_lifetime(int(value)?),
        };
        verifier = need(set.ok())?;
    }
    let request = request(asked)?;
    let verified = verifier.verify(text(line.get("token"))?, &request, int(line.get("now"))?)?;
    Ok(Json::object([
        ("ok", Json::Bool(true)),
        ("block_ids", texts(verified.block_ids())),
        ("charges", Json::Array(verified.charges().iter().map(charge).collect())),
    ]))
}

fn charge(charge: &Charge) -> Json {
    let mut out = vec![
        ("kind", Json::text(charge.counter.name())),
        ("key", Json::Array(charge.key.iter().map(plain).collect())),
        ("amount", Json::Int(charge.amount)),
        ("ceiling", Json::Int(charge.ceiling)),
        ("until", Json::Int(charge.until)),
    ];
    match charge.counter {
        Counter::Attempt => out.push(("raises", Json::Bool(charge.raises))),
        Counter::Revoked => out.push(("issued_at", Json::Int(charge.issued_at))),
        _ => {}
    }
    Json::Object(out.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

// --- inspect --------------------------------------------------------------------------------------
fn inspected(line: &Json) -> Answer {
    let found = inspect(text(line.get("token"))?)?;
    let proof = match found.proof {
        Proof::Bearer => "bearer",
        Proof::Sealed => "sealed",
        Proof::Bound { .. } => "bound",
    };
    Ok(Json::object([
        ("alg", Json::Int(found.alg)),
        ("key_id", Json::text(found.key_id)),
        ("blocks", Json::Array(found.blocks.iter().map(|fields| block(fields)).collect())),
        ("block_ids", texts(found.block_ids)),
        ("proof", Json::text(proof)),
    ]))
}

/// A block by name (specs/caveats.md, JSON).
fn block(fields: &[(Data, Data)]) -> Json {
    let one = |(key, value): &(Data, Data)| {
        let name = match key {
            Data::Int(n) => usize::try_from(*n).ok().and_then(|n| NAMES.get(n)).copied(),
            _ => None,
        };
        let value = match name {
            Some("run") => Json::text(elements(value).iter().map(segment).collect::<Vec<_>>().join("/")),
            Some("allow" | "deny") => each(value, grant),
            Some("where") => constraints(value),
            Some("approval") => each(value, demand),
            _ => plain(value),
        };
        (name.map_or_else(|| word(key), str::to_owned).into_bytes(), value)
    };
    Json::Object(fields.iter().map(one).collect())
}

fn elements(value: &Data) -> &[Data] {
    if let Data::Array(all) = value { all } else { &[] }
}

fn pairs(value: &Data) -> &[(Data, Data)] {
    if let Data::Map(pairs) = value { pairs } else { &[] }
}

fn each(value: &Data, one: fn(&Data) -> Json) -> Json {
    Json::Array(elements(value).iter().map(one).collect())
}

/// A key of a map, or what stands in text.
fn word(value: &Data) -> String {
    match value {
        Data::Int(n) => n.to_string(),
        Data::Text(text) => text.clone(),
        _ => String::new(),
    }
}

fn segment(value: &Data) -> String {
    elements(value).iter().map(word).collect::<Vec<_>>().join("@")
}

fn grant(value: &Data) -> Json {
    let one = |(key, value): &(Data, Data)| match key {
        Data::Int(0) => (b"actions".to_vec(), plain(value)),
        Data::Int(1) => (b"where".to_vec(), constraints(value)),
        _ => (b"only".to_vec(), plain(value)),
    };
    Json::Object(pairs(value).iter().map(one).collect())
}

fn constraints(value: &Data) -> Json {
    let one = |(name, value): &(Data, Data)| (word(name).into_bytes(), constraint(value));
    Json::Object(pairs(value).iter().map(one).collect())
}

fn constraint(value: &Data) -> Json {
    let (kinds, parts) = (["one_of", "none_of", "", "under", "starts", "host", "any"], elements(value));
    let mut out = match parts {
        [Data::Int(2), bounds, ..] => {
            let named = ["min", "max"].into_iter().zip(elements(bounds));
            named
                .filter(|(_, bound)| **bound != Data::Null)
                .map(|(name, bound)| (name, plain(bound)))
                .collect()
        }
        [Data::Int(kind @ 0..=6), operand, ..] => vec![(kinds[*kind as usize], plain(operand))],
        _ => Vec::new(),
    };
    out.extend((parts.len() == 3).then_some(("optional", Json::Bool(true))));
    Json::Object(out.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

fn demand(value: &Data) -> Json {
    let names = ["actions", "keys", "quorum"].into_iter().zip(elements(value));
    Json::Object(names.map(|(name, value)| (name.into(), plain(value))).collect())
}

fn plain(value: &Data) -> Json {
    match value {
        Data::Int(n) => Json::Int(*n),
        Data::Bytes(bytes) => hex(bytes),
        Data::Text(text) => Json::text(text.clone()),
        Data::Array(all) => Json::Array(all.iter().map(plain).collect()),
        Data::Map(pairs) => {
            Json::Object(pairs.iter().map(|(key, value)| (word(key).into_bytes(), plain(value))).collect())
        }
        Data::Bool(truth) => Json::Bool(*truth),
        Data::Null => Json::Null,
    }
}

// --- keys and bindings ----------------------------------------------------------------------------
fn audience_key(line: &Json) -> Answer {
    let (key, audience) = (bytes32(line.get("key"))?, text(line.get("audience"))?);
    Ok(Json::object([("key", hex(&chain::audience_key(&key, audience)))]))
}

fn bind_http(line: &Json) -> Answer {
    let part = |name: &str| text(line.get(name));
    let run = match line.get("run") {
        run @ Json::Text(_) => need(run_of_text(text(run)?))?,
        path => run(path)?,
    };
    // a run is one that a request may have
    let run = need(Request::ask("x", "x").path(run).build()?.run.as_deref().map(text_of_run))?;
    let body = if *line.get("body") == Json::Null { vec![] } else { bytes(line.get("body"))? };
    let (audience, authority, target) = (part("audience")?, part("authority")?, part("target")?);
    let binding = http_binding(audience, &run, part("method")?, part("scheme")?, authority, target, &body);
    Ok(Json::object([("binding", hex(&binding))]))
}

// --- lines ----------------------------------------------------------------------------------------
fn answer(line: Result<Json, Wrong>) -> Answer {
    let line = need(line.ok())?;
    match text(line.get("op"))? {
        "verify" => verify(&line),
        "inspect" => inspected(&line),
        "audience_key" => audience_key(&line),
        "http_binding" => bind_http(&line),
        op @ ("mint" | "narrow" | "seal" | "present" | "call_binding" | "flatten") => {
            Err(No::Unsupported(op.into()))
        }
        _ => Err(No::BadInput),
    }
}

fn refusal(no: No) -> Json {
    let (stage, code, block) = match no {
        No::BadInput => ("malformed", "facts".into(), None),
        No::Unsupported(op) => ("unsupported", op, None),
        No::Refused(refused) => (refused.stage(), refused.code().to_owned(), refused.block()),
    };
    let out = [("ok", Json::Bool(false)), ("stage", Json::text(stage)), ("code", Json::text(code))];
    let mut out = Json::object(out);
    if let (Json::Object(members), Some(block)) = (&mut out, block) {
        members.push((b"block".to_vec(), Json::Int(block as i64)));
    }
    out
}

fn main() -> std::io::Result<ExitCode> {
    let (mut lines, mut out) = (std::io::stdin().lock(), std::io::stdout().lock());
    let (mut line, mut told) = (Vec::new(), String::new());
    for number in 1.. {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let parsed = if std::str::from_utf8(&line).is_ok() { json::read(&line) } else { Err(Wrong::Syntax) };
        if parsed == Err(Wrong::Syntax) {
            eprintln!("line {number} is not JSON");
            return Ok(ExitCode::FAILURE);
        }
        told.clear();
        answer(parsed).unwrap_or_else(refusal).write(&mut told);
        told += "\n";
        out.write_all(told.as_bytes())?;
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}
