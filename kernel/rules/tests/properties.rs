//! Bytes from nowhere and bytes that were almost right: nothing panics, and nothing has two spellings.
//!
//! The seeds are fixed. The fuzz targets of kernel/fuzz run the same checks for longer.

#[path = "support/bytes.rs"]
mod bytes;
#[path = "support/json.rs"]
mod json;
mod support;

use attenuate_rules::cbor;
use std::collections::BTreeMap;
use std::time::Duration;
use support::*;

const ROUNDS: usize = if cfg!(debug_assertions) { 2_000 } else { 50_000 };

/// Change some bytes a little.
fn bend(data: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..1 + rng.below(3) {
        let at = rng.below(data.len());
        match rng.below(6) {
            0 => data.truncate(at),
            1 => data.insert(at, rng.next() as u8),
            2 if at < data.len() => _ = data.remove(at),
            _ if at < data.len() => data[at] ^= 1 << rng.below(8),
            _ => data.push(rng.next() as u8),
        }
    }
}

#[test]
fn bytes_from_nowhere_do_no_harm() {
    let mut rng = Rng(1);
    let mut read = 0;
    for _ in 0..ROUNDS {
        let size = *rng.pick(&[0, 1, 2, 3, 5, 9, 40, 300, 5_000]);
        let data = rng.bytes(size);
        read += usize::from(bytes::check(&data));
    }
    assert!(read > 0, "some short ones are CBOR");
}

#[test]
fn what_is_almost_right_does_no_harm() {
    let Some(folder) = json::vectors() else {
        return;
    };
    let mut texts: Vec<String> = Vec::new();
    for path in json::files(&folder, "json") {
        if let Ok(vector) = json::read(&path) {
            texts.push(vector["token"].as_str().unwrap().into());
        }
    }
    let mut rng = Rng(2);
    let mut read = 0;
    for _ in 0..ROUNDS {
        let text = rng.pick(&texts);
        let mut data = match (rng.below(4), frame_of(text)) {
            (0, _) | (_, None) => [&[0], text.as_bytes()].concat(),
            (mode, Some(frame)) => [&[mode as u8], &frame[..]].concat(),
        };
        bend(&mut data, &mut rng);
        read += usize::from(bytes::check(&data));
    }
    println!("{read} of {ROUNDS} are read");
    assert!(read > 0);
}

#[test]
fn every_value_is_read_and_written_the_same() {
    fn value(rng: &mut Rng, depth: usize) -> Value {
        match rng.below(if depth == 6 { 5 } else { 7 }) {
            0 => Value::Int(rng.next() as i64 >> rng.below(64)),
            1 => Value::Bytes(bytes_of(rng)),
            2 => String::from_utf8_lossy(&bytes_of(rng)).as_ref().into(),
            3 => Value::Bool(rng.below(2) == 1),
            4 => Value::Null,
            5 => (0..rng.below(4)).map(|_| value(rng, depth + 1)).collect::<Vec<_>>().into(),
            _ => {
                let key = |rng: &mut Rng| match rng.below(2) {
                    0 => Value::Int(rng.next() as i64 >> rng.below(64)),
                    _ => String::from_utf8_lossy(&bytes_of(rng)).as_ref().into(),
                };
                Value::Map((0..rng.below(4)).map(|_| (key(rng), value(rng, depth + 1))).collect())
            }
        }
    }
    fn bytes_of(rng: &mut Rng) -> Vec<u8> {
        let size = *rng.pick(&[0, 1, 5, 23, 24, 255, 256]);
        rng.bytes(size)
    }
    let mut rng = Rng(3);
    for _ in 0..ROUNDS / 4 {
        let raw = value(&mut rng, 0).encode();
        assert_eq!(cbor::check(&raw), Ok(()), "{raw:x?}");
        assert_eq!(bytes::read(&raw).encode(), raw);
        let mut other = raw.clone();
        bend(&mut other, &mut rng);
        if cbor::check(&other).is_ok() {
            assert_eq!(bytes::read(&other).encode(), other, "another spelling of {raw:x?}");
        }
    }
}

#[test]
fn invariants_hold_in_every_case() {
    let mut rng = Rng(4);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    assert!(case::Case::new(&[]).check(Duration::from_secs(1)).is_yes(), "no bytes at all are a yes");
    for _ in 0..if cfg!(debug_assertions) { 500 } else { 5_000 } {
        let size = *rng.pick(&[1, 10, 30, 100, 300]);
        let mut data = rng.bytes(size);
        let zeros = rng.below(4); // the more zeros, the more usual
        data.iter_mut().for_each(|byte| *byte *= u8::from(rng.below(4) >= zeros));
        let verdict = case::Case::new(&data).check(Duration::from_secs(1));
        let name = match verdict {
            Verdict::Allowed(_, approved) => format!("allowed, {} approvals", approved.len()),
            Verdict::Malformed(why) => format!("malformed {}", why.split([',']).next().unwrap()),
            Verdict::Doubted(why) => why.split(' ').next().unwrap().to_owned(),
            Verdict::Forbidden(_, failures, _) => format!("{:?}", failures[0].code),
        };
        *counts.entry(name).or_default() += 1;
    }
    println!("{counts:#?}");
    assert!(counts.len() > 15, "the cases are all alike");
}
