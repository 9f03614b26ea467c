//! Verifications per second on one thread, from text to decision, with nothing remembered.
//!
//!     cargo run --release -p attenuate-rules --example speed
//!
//! The work is interop/speed.json, the same in every language; one JSON line for each.

use attenuate_rules::{Key, Ring, Verifier};
use serde_json::Value;
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../interop/speed.json");
const SPAN: Duration = Duration::from_secs(1);

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, Box<dyn Error>> {
    value[name].as_str().ok_or_else(|| format!("no {name}").into())
}

fn bytes(hex: &str) -> Result<[u8; 32], Box<dyn Error>> {
    let digits = |at: usize| hex.get(at..at + 2).ok_or("too short");
    let mut out = [0; 32];
    for (at, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits(2 * at)?, 16)?;
    }
    Ok(out)
}

/// Verify a line's token for a span of time, and return how many times a second.
fn rate(line: &Value) -> Result<f64, Box<dyn Error>> {
    let key = &line["keys"][0];
    let material = bytes(text(key, "key")?)?;
    let made = if key["alg"] == 5 { Key::hmac(material) } else { Key::ed25519(material) };
    let asked = &line["request"];
    let verifier = Verifier::new(Ring::checked([(text(key, "id")?, made)])?, text(asked, "audience")?)?;
    let mut asking = verifier.ask(text(asked, "action")?);
    let run = asked["run"].as_array().ok_or("no run")?;
    let path: Vec<String> = run.iter().map(|s| format!("{}@{}", s[0].as_str().unwrap_or(""), s[1])).collect();
    asking = asking.run(&path.join("/"));
    for (name, fact) in asked["facts"].as_object().ok_or("no facts")? {
        asking = asking.fact(name, fact.as_str().ok_or("a fact of another type")?);
    }
    let request = asking.build()?;
    let (token, now) = (text(line, "token")?, line["now"].as_i64().ok_or("no time")?);
    let mut rate = 0.0;
    for span in [SPAN / 2, SPAN] {
        let (start, mut count) = (Instant::now(), 0u32);
        while start.elapsed() < span {
            for _ in 0..20 {
                _ = black_box(verifier.verify(black_box(token), &request, now)?);
            }
            count += 20;
        }
        rate = f64::from(count) / start.elapsed().as_secs_f64();
    }
    Ok(rate)
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| FILE.into());
    let lines: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    for line in lines.as_array().ok_or("no lines")? {
        println!(r#"{{"name": {}, "per_second": {:.0}}}"#, line["name"], rate(line)?);
    }
    Ok(())
}
