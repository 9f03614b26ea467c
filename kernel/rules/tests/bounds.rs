//! The worst inputs that there are: what one costs in time and in memory, asserted and printed.
//!
//! `cargo test --release --test bounds -- --nocapture` prints the numbers. The bounds asserted are
//! lax, for machines that are busy and builds that are slow.

mod support;

use attenuate_rules::{Fact, Question, Request, Value as Plain, open};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};
use support::*;

// --- memory, counted for each thread ----------------------------------------------------------------
struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let live = LIVE.get() + bytes;
    LIVE.set(live);
    PEAK.set(PEAK.get().max(live));
}

// Every call goes to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Return the most bytes that some work held at once, and what it has not given back.
fn memory(work: impl FnOnce()) -> (isize, isize) {
    let before = LIVE.get();
    PEAK.set(before);
    work();
    (PEAK.get() - before, LIVE.get() - before)
}

// --- inputs -----------------------------------------------------------------------------------------
/// A bearer token of these bytes as blocks, in the hmac chain; its secret is right.
fn blocks(raws: impl IntoIterator<Item = Vec<u8>>) -> String {
    let mut parts = Parts::new(false, "k1", SECRET);
    raws.into_iter().for_each(|raw| parts.push(raw));
    parts.text(End::Bearer)
}

/// Block 0 with one more field, written as bytes so that it may be anything.
fn root_and(key: u8, value: &[u8]) -> Vec<u8> {
    let usual: Vec<_> = root_with([(i64::from(key), Value::Null)]);
    let Value::Map(mut pairs) = map(usual) else { unreachable!() };
    pairs.sort_by_key(|(key, _)| key.encode());
    let mut out = Vec::new();
    let mut count = 0;
    let mut last = Value::Null;
    for (name, usual) in pairs {
        if name == last {
            continue;
        }
        count += 1;
        out.extend(name.encode());
        out.extend(if name == Value::Int(i64::from(key)) { value.to_vec() } else { usual.encode() });
        last = name;
    }
    [head(5, count), out].concat()
}

fn many<T: Clone>(count: usize, one: T) -> Vec<T> {
    vec![one; count]
}

/// Notes of two-byte members up to the most that a block holds.
fn notes() -> Vec<u8> {
    let pairs: Vec<_> = (0..676)
        .map(|n| {
            let name = [b'a' + (n / 26) as u8, b'a' + (n % 26) as u8];
            (String::from_utf8_lossy(&name).as_ref().into(), Value::Int(0))
        })
        .collect();
    Value::Map(pairs).encode()
}

/// Inputs that are malformed, most of them only at their end.
fn malformed() -> Vec<(&'static str, String)> {
    let mut out: Vec<(&str, String)> = vec![
        ("64 KiB of text", "a".repeat(65_536)),
        ("16 KiB of text", format!("lease1_{}", "A".repeat(16_377))),
        ("16 KiB of four-byte letters", "\u{1f512}".repeat(16_384)),
        ("16 KiB of ~", "~".repeat(16_384)),
        ("8 KiB of zeros", format!("lease1_{}", "A".repeat(8_184))),
        ("8 KiB, bad at the end", format!("lease1_{}*A", "A".repeat(8_182))),
        ("five parts of 3 KiB", many(5, format!("lease1_{}", "hE".repeat(1_600))).join("~")),
    ];
    for (name, first) in [("array", 0x9b), ("map", 0xbb), ("bytes", 0x5b), ("text", 0x7b)] {
        for length in [u64::MAX, i64::MAX as u64, 1 << 40, 1 << 32] {
            let huge = [&[first][..], &length.to_be_bytes()].concat();
            out.push((name, text_of(&huge)));
            out.push((name, text_of(&[&[0x84][..], &huge].concat())));
            out.push((name, text_of(&[&[0x84, 0x40][..], &huge].concat())));
            out.push((name, blocks([huge.clone()])));
            out.push((name, blocks([root_and(16, &huge)])));
            out.push((name, blocks([root_and(99, &[&huge[..], &[0; 3000]].concat())])));
        }
    }
    for depth in [6, 7, 100, 3_900] {
        out.push(("deep arrays", blocks([root_and(99, &[many(depth, 0x81), vec![0]].concat())])));
        out.push(("deep maps", blocks([root_and(99, &[many(depth, 0xa1), vec![0]].concat())])));
        out.push(("deep frame", text_of(&many(depth, 0x84))));
        out.push(("deep proof", text_of(&[&[0x84, 0x40, 0x80, 0x80][..], &many(depth, 0x81)].concat())));
    }
    let wide = [head(4, 3_800), many(3_800, 0)].concat();
    out.push((
        "an array of thousands and a float",
        blocks([root_and(99, &[&wide[..3_700], &[0xf9]].concat())]),
    ));
    out.push(("blocks of arrays, the last wrong", {
        let small = root_and(99, &[head(4, 2_500), many(2_500, 0x80)].concat());
        blocks([small.clone(), small[..small.len() - 1].to_vec()])
    }));
    let mut member_twice = notes();
    let end = member_twice.len() - 3; // the last key: "zz" becomes "zy", which stands before it
    member_twice[end + 1] = b'y';
    out.push(("notes of hundreds, the last twice", blocks([root_and(16, &member_twice)])));
    out.push(("16 blocks, the last without a nonce", {
        let full = later([(16, named([("n", Value::Bytes(many(200, 0)))]))]);
        let blocks_of = (0..15).map(|at| map(if at == 0 { root() } else { full.clone() }).encode());
        blocks(blocks_of.chain([vec![0xa0]]))
    }));
    let grant = map([
        (0, texts(&["a"])),
        (1, named([("f", vec![0.into(), Value::from(many(10, 1.into()))].into())])),
    ]);
    let mut grants = many(64, grant);
    grants.push(map([(0, texts(&["b*"]))]));
    out.push(("64 grants and one that is none", blocks([root_and(6, &Value::Array(grants).encode())])));
    let keys: Vec<Value> = (0..112).map(|n| Value::Bytes(many(32, n / 2))).collect();
    let demand: Value = vec![texts(&["a"]), keys.into(), 1.into()].into();
    out.push((
        "a demand of keys that stand twice",
        blocks([root_and(10, &Value::Array(vec![demand]).encode())]),
    ));
    let host = many(15, texts(&[&"a.".repeat(126)])).into_iter().map(|one| vec![5.into(), one].into());
    let zones = Value::Map(
        host.enumerate().map(|(n, one): (_, Value)| (format!("{n:02}").as_str().into(), one)).collect(),
    );
    out.push(("long hosts that are none", blocks([root_and(8, &zones.encode())])));
    let slow = named([("f", vec![3.into(), texts(&[&format!("{}%41", "a/".repeat(1_900))])].into())]);
    out.push(("a long path with an escape at its end", blocks([root_and(8, &slow.encode())])));
    out
}

/// A request with as much in it as there may be: each fact a list of 256.
fn heavy(value: Plain, facts: usize) -> Request {
    let list = |name: String| Fact::new(name, many(256, value.clone()), true);
    let facts = (0..facts).map(|n| list(if n == 0 { "f".into() } else { format!("args.{n}") })).collect();
    Request::new("a".into(), "github".into(), Some(vec![("agt_1".into(), Some(2))]), facts, vec![], None)
}

/// Authentic tokens that ask for as much work as their size allows, each with its request.
fn authentic() -> Vec<(&'static str, String, Request)> {
    let any = |key: i64| (key != 6).then(|| (6, Value::Array(vec![map([(0, texts(&["*"]))])])));
    let with =
        |key, value| mint(false, [root_with([(key, value)].into_iter().chain(any(key)))]).text(End::Bearer);
    let on_f = |constraint: Vec<Value>| named([("f", Value::Array(constraint))]);
    let mut out = Vec::new();
    // each of 256 elements is compared with every operand: none_of holds for all of them in a where,
    // and in a deny the others fail for all
    let (ints, words): (Value, Value) = (many(3_700, 1.into()).into(), many(1_800, Value::from("b")).into());
    for (name, kind, operands) in [
        ("none_of 3700 integers", 1, ints.clone()),
        ("none_of 1800 texts", 1, words.clone()),
        ("one_of 3700 integers", 0, ints),
        ("under 1800 paths", 3, words.clone()),
        ("starts 1800 texts", 4, words.clone()),
        ("host 1800 hosts", 5, words),
    ] {
        let constraint = on_f(vec![kind.into(), operands]);
        let token = match kind {
            1 => with(8, constraint),
            _ => with(7, vec![map([(0, texts(&["*"])), (1, constraint)])].into()),
        };
        let value = if name.ends_with("integers") { Plain::Int(2) } else { Plain::Text("a".into()) };
        out.push((name, token, heavy(value, 1)));
    }
    let only = map([
        (0, texts(&["a"])),
        (1, named([("args.1", vec![6.into(), Value::Bool(true)].into())])),
        (2, Value::Bool(true)),
    ]);
    out.push((
        "64 grants with only, 256 facts",
        with(6, many(64, only).into()),
        heavy(Plain::Bool(true), 256),
    ));
    let denied = map([(0, texts(&["a"])), (1, on_f(vec![1.into(), many(8, Value::from("b")).into()]))]);
    out.push((
        "64 grants of a deny, list of 256",
        with(7, many(60, denied).into()),
        heavy(Plain::Text("b".into()), 1),
    ));
    let dots = named([(&*".".repeat(3_800), vec![6.into(), Value::Bool(true)].into())]);
    let opaque = Fact::new("...".into(), vec![Plain::Opaque], false);
    let run = || Some(vec![("agt_1".into(), Some(2))]);
    let asked = Request::new("a".into(), "github".into(), run(), vec![opaque], vec![], None);
    out.push(("a fact's name of 3800 dots", with(8, dots), asked));
    let patterns: Vec<Value> = many(1_800, Value::from("b"));
    out.push(("1800 patterns", with(12, patterns.clone().into()), heavy(Plain::Bool(true), 0)));
    out.push((
        "an allow of 1800 patterns",
        with(6, Value::Array(vec![map([(0, patterns.into())])])),
        heavy(Plain::Bool(true), 0),
    ));
    let small = later([(7, Value::Array(many(40, map([(0, texts(&["b"]))]))))]);
    let long = mint(false, [root()].into_iter().chain(many(15, small)));
    out.push(("16 blocks", long.text(End::Sealed), request()));
    for signed in [false, true] {
        let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
        let public = key.verifying_key().to_bytes();
        let hex: String = public.iter().map(|byte| format!("{byte:02x}")).collect();
        let demand: Value = vec![texts(&["*"]), Value::Array(vec![public[..].into()]), 1.into()].into();
        let asks = mint(signed, [root_with([(10, Value::Array(vec![demand]))])]);
        let approval = |end: i64| {
            let own =
                root_with([(14, asks.id(0)[..].into()), (9, named([("calls", 1.into())])), (5, end.into())]);
            let mut parts = Parts::new(true, &hex, key.to_bytes());
            parts.add(own);
            (0..12).for_each(|_| _ = parts.add(later([])));
            parts.text(End::Sealed)
        };
        let all: Vec<String> =
            [asks.text(End::Sealed)].into_iter().chain((0..4).map(|n| approval(NOW - n))).collect();
        out.push(("four approvals of 13 blocks, all over", all.join("~"), request()));
    }
    out
}

// --- what they cost ---------------------------------------------------------------------------------
/// Return the best of some runs: a machine pauses, a bad input stays.
fn best(text: &str, ask: &Question) -> (Duration, Verdict) {
    let one = || {
        let start = Instant::now();
        let verdict = verify(text, ask, false);
        (start.elapsed(), verdict)
    };
    let runs = if cfg!(debug_assertions) { 2 } else { 5 };
    (0..runs).map(|_| one()).min_by_key(|(took, _)| *took).unwrap()
}

const MOST: Duration = Duration::from_millis(if cfg!(debug_assertions) { 20 } else { 2 });

#[test]
fn what_is_malformed_costs_little() {
    let (ring, request) = (ring(), request());
    let ask = question(&request, &ring, None);
    let mut slowest = (Duration::ZERO, "");
    let mut most = 0;
    for (name, text) in malformed() {
        let (took, verdict) = best(&text, &ask);
        assert!(matches!(verdict, Verdict::Malformed(_)) || name.starts_with("deep "), "{name}: {verdict:?}");
        let (peak, left) = memory(|| drop(open(&text, &ask)));
        println!("{took:>10.1?} {peak:>7} bytes  {name}: {verdict:?}");
        assert!(took < MOST, "{name}: {took:?}");
        assert!(peak < 64 * 1024 && left == 0, "{name}: {peak} bytes, {left} left");
        slowest = slowest.max((took, name));
        most = most.max(peak);
    }
    println!("slowest {slowest:?}, most {most} bytes");
}

#[test]
fn what_is_authentic_costs_at_most_its_size() {
    let ring = ring();
    for (name, text, request) in authentic() {
        assert!(text.len() <= 16 * 1024, "{name}: {}", text.len());
        let ask = question(&request, &ring, None);
        let (took, verdict) = best(&text, &ask);
        let (peak, _) = memory(|| drop(verify(&text, &ask, true)));
        let said = match &verdict {
            Verdict::Forbidden(_, failures, _) => format!("{failures:?}"),
            other => format!("{other:?}").chars().take(40).collect(),
        };
        println!("{took:>10.1?} {peak:>7} bytes  {name}: {said}");
        assert!(!matches!(verdict, Verdict::Malformed(_) | Verdict::Doubted(_)), "{name}: {verdict:?}");
        let most = if cfg!(debug_assertions) { 20_000 } else { 100 };
        assert!(took < Duration::from_millis(most), "{name}: {took:?}");
        assert!(peak < 128 * 1024, "{name}: {peak} bytes");
    }
}

#[test]
fn nobody_makes_a_ring_derive_keys_without_end() {
    let (ring, request) = (ring(), request());
    let ask = question(&request, &ring, None);
    let served = Parts::new(false, "k1/github", SECRET).add(root()).text(End::Bearer);
    assert!(matches!(verify(&served, &ask, false), Verdict::Doubted(_)), "derived once");
    let all: Vec<_> = (0..500)
        .map(|n| Parts::new(false, &format!("k1/other{n}"), SECRET).add(root()).text(End::Bearer))
        .collect();
    let (_, left) = memory(|| all.iter().for_each(|text| drop(verify(text, &ask, false))));
    assert_eq!(left, 0);
}

/// The control of all counts above: work that holds and work that keeps is seen to.
#[test]
fn memory_is_counted() {
    let (peak, left) = memory(|| drop(vec![0u8; 100_000]));
    assert!(peak >= 100_000 && left == 0);
    let mut kept = Vec::new();
    assert!(memory(|| kept = vec![0u8; 1000]).1 >= 1000);
    assert_eq!(kept.len(), 1000);
}
