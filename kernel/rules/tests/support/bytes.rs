//! What must hold of any bytes, taken as a text, a frame, a block, a header or a proof.
#![allow(dead_code)]

use crate::support::*;
use attenuate_rules::cbor::{self, Cursor, Item};

/// Read checked bytes as a value.
pub fn read(raw: &[u8]) -> Value {
    fn item(c: &mut Cursor) -> Value {
        match c.take() {
            Item::Int(n) => Value::Int(n),
            Item::Bytes(bytes) => Value::Bytes(bytes.into()),
            Item::Text(text) => Value::Text(String::from_utf8(text.into()).expect("UTF-8")),
            Item::Array(count) => Value::Array((0..count).map(|_| item(c)).collect()),
            Item::Map(count) => Value::Map((0..count).map(|_| (item(c), item(c))).collect()),
            Item::Bool(truth) => Value::Bool(truth),
            Item::Null => Value::Null,
            Item::End => panic!("checked bytes ended early"),
        }
    }
    let mut c = Cursor::new(raw, 0);
    let value = item(&mut c);
    assert_eq!(c.at(), raw.len());
    value
}

/// Go over any bytes without a check: it ends, and reads nothing outside.
fn wander(data: &[u8]) {
    let mut c = Cursor::new(data, 0);
    while c.take() != Item::End {}
    Cursor::new(data, 0).skip();
    _ = cbor::string(data, 0).map(|place| data[place].len());
    if let Ok((places, end)) = cbor::strings(data, 0, 16) {
        assert!(end <= data.len() && places.len() <= 16);
        places.into_iter().for_each(|place| _ = data[place].len());
    }
}

/// Check what must hold of some bytes, of which the first says what they are; say whether they are read.
pub fn check(data: &[u8]) -> bool {
    let (kind, data) = data.split_first().map_or((0, data), |(first, rest)| (first % 6, rest));
    wander(data);
    let is_cbor = cbor::check(data).is_ok();
    if is_cbor {
        assert_eq!(read(data).encode(), data, "two spellings of one value");
    }
    let usual = mint(kind == 5, [root()]);
    let text = match kind {
        0 => String::from_utf8_lossy(data).into_owned(),
        1 => text_of(data),
        2 | 5 => Parts { blocks: vec![data.into()], sigs: vec![vec![0; 64]; usual.sigs.len()], ..usual }
            .text(End::Bearer),
        3 => Parts { header: data.into(), ..usual }.text(End::Bearer),
        _ => {
            let frame = frame_of(&usual.text(End::Bearer)).unwrap();
            text_of(&[&frame[..frame.len() - 36], data].concat()) // [0, secret] is the last 36 bytes
        }
    };
    let (ring, request) = (ring(), request());
    let verdict = verify(&text, &question(&request, &ring, None), false);
    assert!(!verdict.is_yes() || kind < 2 || kind == 4, "yes without a key: {text}");
    if matches!(verdict, Verdict::Malformed(_)) {
        return is_cbor;
    }
    // what is read has one spelling, as text and as bytes
    for part in text.split('~') {
        let frame = frame_of(part).expect("base64url");
        assert_eq!(text_of(&frame), part);
        cbor::check(&frame).expect("one encoding");
        assert_eq!(read(&frame).encode(), frame);
        let Value::Array(parts) = read(&frame) else { panic!("no frame: {part}") };
        let [Value::Bytes(header), Value::Array(blocks), ..] = &parts[..] else { panic!("no frame: {part}") };
        for raw in blocks {
            let Value::Bytes(raw) = raw else { panic!("no block: {part}") };
            assert_eq!((cbor::check(raw), read(raw).encode()), (Ok(()), raw.clone()));
        }
        assert_eq!(read(header).encode(), *header);
    }
    true
}
