//! A whole verification made from bytes, and what must hold of each: the invariants of `decide`.
//!
//! Bytes choose the blocks, the request, the ring and the approvals; when they end, everything else is
//! as usual, so that no bytes at all are a lease that allows its request. Edits of blocks come
//! before they are authenticated, so that what is wrong with them is found at its own step.

use super::*;
use attenuate_rules::{Code, Fact, Value as Plain};
use std::time::{Duration, Instant};

/// Bytes to choose by; zeros when they end.
pub struct Choices<'a>(pub &'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    /// True once in n times, and never when the bytes have ended.
    fn once_in(&mut self, n: u8) -> bool {
        self.byte() % n == n - 1
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    fn int(&mut self) -> i64 {
        let some = [0, 1, 2, -1, 23, 24, 255, 256, 65_536, (1 << 53) - 1, 1 << 53, i64::MAX, i64::MIN];
        match self.below(4) {
            0..2 => self.pick(&some),
            2 => i64::from(self.byte()),
            _ => NOW + 60 * (i64::from(self.byte()) - 128),
        }
    }

    fn some<T>(&mut self, most: usize, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..1 + self.below(most)).map(|_| one(self)).collect()
    }
}

const ACTIONS: [&str; 6] = ["repo.read", "repo.write.all", "mail:send", "repo.", "x", "repo.read.x"];
const PATTERNS: [&str; 7] = ["repo.read", "repo.*", "*", "repo.write.*", "mail:*", "x", "repo.read.*"];
const FACTS: [&str; 9] = ["repo", "args.o", "path", "args", "args.o.x", "host", "n", "a.b.c", "a.b"];
const WORDS: [&str; 24] = [
    "clord",
    "src",
    "src/a.py",
    "/",
    ".",
    "/etc",
    "/etc/passwd",
    "..",
    "src//a",
    "~x",
    "a%2e",
    "é",
    "\u{85}",
    "github.com",
    "api.github.com",
    "1.2.3.4",
    "0x7f.1",
    "evil-github.com",
    "",
    "a\\b",
    "com",
    "calls",
    "usd",
    "CLORD",
];
const UNITS: [&str; 4] = ["usd", "calls", "eur", ""];
const BINDING: [u8; 32] = [7; 32];

fn run(c: &mut Choices) -> Vec<(String, Option<i64>)> {
    let names = ["agt_1", "reader", "b", "agt_2", "a/b"];
    let mut run = vec![("agt_1".to_owned(), Some(2))];
    for _ in 0..c.below(4) {
        let attempt = if c.once_in(3) { None } else { Some(1 + c.below(3) as i64) };
        run.push((c.pick(&names).to_owned(), attempt));
    }
    if c.once_in(4) {
        run[0].1 = c.pick(&[None, Some(1), Some(3)]);
    }
    if c.once_in(8) {
        run[0].0 = c.pick(&names).to_owned();
    }
    run
}

fn run_value(run: &[(String, Option<i64>)]) -> Value {
    let segment = |(name, attempt): &(String, Option<i64>)| {
        [Some(name.as_str().into()), attempt.map(Value::from)]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .into()
    };
    run.iter().map(segment).collect::<Vec<Value>>().into()
}

fn scalar(c: &mut Choices) -> Value {
    match c.below(4) {
        0..2 => c.pick(&WORDS).into(),
        2 => c.int().into(),
        _ => Value::Bool(c.once_in(2)),
    }
}

/// A value of any shape, mostly a wrong one.
fn anything(c: &mut Choices, depth: usize) -> Value {
    match c.below(if depth > 7 { 5 } else { 8 }) {
        0 => Value::Null,
        1..3 => scalar(c),
        3 => Value::Bytes(vec![c.byte(); c.below(40)]),
        4 => c.int().into(),
        5 => c.some(3, |c| anything(c, depth + 1)).into(),
        6 => Value::Map(c.some(3, |c| (scalar(c), anything(c, depth + 1)))),
        _ => vec![anything(c, depth + 1)].into(),
    }
}

fn patterns(c: &mut Choices) -> Value {
    let wrong = if c.once_in(32) { Some(c.pick(&["repo.re*", "", "*x", "a b", "é"])) } else { None };
    c.some(3, |c| Value::from(wrong.unwrap_or_else(|| c.pick(&PATTERNS)))).into()
}

fn constraint(c: &mut Choices, denied: bool) -> Value {
    let kind = c.below(7);
    let operand = match kind {
        2 => {
            let mut bound = || if c.once_in(3) { Value::Null } else { c.int().into() };
            vec![bound(), bound()].into()
        }
        3..6 => c.some(3, |c| Value::from(c.pick(&WORDS))).into(),
        6 => Value::Bool(true),
        _ => c.some(4, scalar).into(),
    };
    let mut parts = vec![(kind as i64).into(), operand];
    if c.once_in(4) && !denied {
        parts.push(Value::Bool(true));
    }
    parts.into()
}

fn facts(c: &mut Choices, denied: bool) -> Value {
    Value::Map(c.some(3, |c| (c.pick(&FACTS).into(), constraint(c, denied))))
}

fn grant(c: &mut Choices, denied: bool) -> Value {
    let mut parts = vec![(0, patterns(c))];
    if c.once_in(2) {
        parts.push((1, facts(c, denied)));
    }
    if c.once_in(4) && !denied {
        parts.push((2, Value::Bool(true)));
    }
    map(parts)
}

static APPROVERS: LazyLock<[SigningKey; 4]> =
    LazyLock::new(|| [1, 2, 3, 4].map(|n| SigningKey::from_bytes(&[n; 32])));

fn demand(c: &mut Choices) -> Value {
    let count = 1 + c.below(3);
    let keys: Vec<Value> =
        APPROVERS[..count].iter().map(|key| key.verifying_key().as_bytes()[..].into()).collect();
    vec![patterns(c), keys.into(), (1 + c.below(count) as i64).into()].into()
}

/// A field of a block: mostly one that can stand there.
fn field(c: &mut Choices) -> (Value, Value) {
    let key = c.below(22) as i64;
    if c.once_in(16) {
        return (key.into(), anything(c, 0));
    }
    let value = match key {
        0 => Value::Bytes(vec![9; if c.once_in(4) { 8 + c.below(26) } else { 16 }]),
        1 => Value::Bytes(vec![c.byte(); 32]),
        2 => run_value(&run(c)),
        3 => c.some(2, |c| Value::from(c.pick(&["github", "mail", "git"]))).into(),
        4 => (NOW + 60 - i64::from(c.byte())).into(),
        5 => (NOW - 60 + 4 * i64::from(c.byte())).into(),
        6 => c.some(3, |c| grant(c, false)).into(),
        7 => c.some(2, |c| grant(c, true)).into(),
        8 => facts(c, false),
        9 => Value::Map(c.some(3, |c| (c.pick(&UNITS).into(), i64::from(c.byte()).into()))),
        10 => c.some(2, demand).into(),
        11 => (c.below(17) as i64).into(),
        12 => patterns(c),
        13 => Value::Bool(true),
        14 => Value::Bytes(vec![c.byte(); 16]),
        15 => (NOW - 60 + i64::from(c.byte())).into(),
        16 => Value::Map(c.some(3, |c| (c.pick(&WORDS).into(), scalar(c)))),
        17 => return (c.int().into(), anything(c, 0)),
        _ => {
            let keys = ["ok/a", "no/a", "x/y", "ok/b", "ok/c.d", "a.b-c/D_e"];
            let key = if c.once_in(16) { c.pick(&["x", "/", "OK/a"]) } else { c.pick(&keys) };
            let value = match c.below(3) {
                0 => scalar(c),
                1 => c.some(3, scalar).into(),
                _ => Value::Map(c.some(2, |c| (c.pick(&WORDS).into(), scalar(c)))),
            };
            return (key.into(), value);
        }
    };
    (key.into(), value)
}

/// Append a block of the given fields and up to `most` chosen ones, perhaps edited.
fn append(parts: &mut Parts, given: Vec<(i64, Value)>, most: usize, c: &mut Choices) {
    let mut pairs: Vec<_> = given.into_iter().map(|(key, value)| (key.into(), value)).collect();
    let fields = c.below(most + 1);
    pairs.extend((0..fields).map(|_| field(c)));
    if c.once_in(16) {
        pairs.remove(c.below(pairs.len())); // often something that must be there
    }
    if parts.signed && !pairs.iter().any(|(key, _)| *key == Value::Int(1)) {
        pairs.push((1.into(), next_key(parts.blocks.len())));
    }
    let mut raw = Value::Map(pairs).encode();
    if c.once_in(8) {
        for _ in 0..1 + c.below(3) {
            let at = (c.below(256) << 8 | c.below(256)) % raw.len();
            match c.below(8) {
                0..4 => raw[at] = c.byte(),
                4 => raw[at] ^= 1 << c.below(8),
                5 => raw.truncate(at + 1),
                6 => raw.insert(at, c.byte()),
                _ => raw.extend([c.byte()]),
            }
        }
    }
    parts.push(raw);
}

fn end(c: &mut Choices) -> End {
    match c.below(4) {
        0..2 => End::Bearer,
        2 => End::Sealed,
        _ => End::Bound {
            iat: c.pick(&[NOW, NOW + 61, NOW + 62, NOW - 58, NOW - 60, 0, i64::MAX]),
            nonce: [3; 16],
            binding: c.pick(&[BINDING, BINDING, [0; 32]]),
        },
    }
}

fn plain(c: &mut Choices) -> Plain {
    match c.below(5) {
        0..2 => Plain::Text(c.pick(&WORDS).into()),
        2 => Plain::Int(c.int()),
        3 => Plain::Bool(c.once_in(2)),
        _ => Plain::Opaque,
    }
}

/// One verification.
pub struct Case {
    parts: Parts,
    /// The token without its last block, where there is more than one.
    parent: Option<Parts>,
    end: End,
    approvals: Vec<String>,
    request: Request,
    ring: Ring,
    now: i64,
    rules: Rules,
}

impl Case {
    /// Make the case that bytes choose.
    pub fn new(bytes: &[u8]) -> Self {
        let mut c = Choices(bytes);
        let c = &mut c;
        let mut parts = match c.below(6) {
            0..3 => Parts::new(false, "k1", SECRET),
            3..5 => Parts::new(true, "e1", SEED),
            _ => Parts::new(false, "k1/github", chain::audience_key(&SECRET, "github")),
        };
        let count = if c.once_in(32) { 12 + c.below(6) } else { c.below(4) };
        let attached = c.pick(&[0, 0, 0, 0, 0, 1, 2, 2, 3, 4, 4, 5]);
        let asks = if attached > 0 && !c.once_in(8) { Some((10, c.some(2, demand).into())) } else { None };
        append(&mut parts, root_with(asks), 5, c);
        let mut parent = None;
        for _ in 0..count {
            parent = Some(parts.clone());
            append(&mut parts, later([]), 5, c);
        }
        let approvals = (0..attached).map(|_| approval(&parts, c)).collect();
        let run = if c.once_in(4) { None } else { Some(run(c)) };
        let stated = c.below(6);
        let mut facts: Vec<Fact> = Vec::new();
        for _ in 0..stated {
            let name = c.pick(&FACTS);
            let (values, is_list) = match c.below(4) {
                0..3 => (vec![plain(c)], false),
                _ => ((0..c.below(4)).map(|_| plain(c)).collect(), true),
            };
            if !facts.iter().any(|fact| fact.name == name) {
                facts.push(Fact::new(name.into(), values, is_list));
            }
        }
        let cost = (0..c.below(3)).map(|at| (["usd", "eur"][at].into(), 5)).collect();
        let binding = c.pick(&[Some(BINDING), None, Some([0; 32])]);
        let (action, audience) = (c.pick(&ACTIONS), if c.once_in(16) { "mail" } else { "github" });
        let request = Request::new(action.into(), audience.into(), run, facts, cost, binding);
        let now = match c.below(4) {
            0..3 => NOW + 1 + i64::from(c.byte()),
            _ => c.pick(&[0, NOW + 840, NOW + 959, NOW + 960, NOW - 60, NOW - 61, i64::MAX, i64::MIN, -1]),
        };
        let max_lifetime = c.pick(&[None, Some(900), Some(899), Some(0)]);
        let rules = Rules { leeway: c.pick(&[0, 60, 1]), max_lifetime };
        let ring = match c.pick(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]) {
            0 => ring(),
            1 => Ring::new([]),
            _ => Ring::new([("k1".into(), Key::new(true, SEED)), ("e1".into(), Key::new(false, SEED))]),
        };
        Case { end: end(c), parts, parent, approvals, request, ring, now, rules }
    }

    /// The text of a token of this case, with its approvals.
    fn text(&self, parts: &Parts) -> String {
        [&[parts.text(self.end)][..], &self.approvals].concat().join("~")
    }

    fn ask<'a>(&'a self, cache: Option<&'a Cache>) -> Question<'a> {
        let Case { request, ring, now, rules, .. } = self;
        Question { request, ring, now: *now, rules: *rules, cache }
    }

    /// Verify, and assert what must hold of every verification; `most` is the time of one.
    pub fn check(&self, most: Duration) -> Verdict {
        let text = self.text(&self.parts);
        let start = Instant::now();
        let verdict = verify(&text, &self.ask(None), false);
        let took = start.elapsed();
        assert!(took < most, "{took:?} for {text}");

        // an explanation says nothing exactly where the decision says yes, and begins with the refusal
        let every = verify(&text, &self.ask(None), true);
        match (&verdict, &every) {
            (Verdict::Forbidden(h, first, notes), Verdict::Forbidden(other, all, more)) => {
                assert_eq!((h, notes, first.len()), (other, more, 1), "{text}");
                assert_eq!(first[0], all[0], "{text}");
                let sorted = all.is_sorted_by_key(|failure| failure.code as u8 > Code::Bound as u8);
                assert!(sorted, "V6 before V7: {all:?}");
            }
            _ => assert_eq!(verdict, every, "{text}"),
        }

        // a memory changes nothing: cold, warm, and after the beginning of the same chain
        let cache = Cache::new(1 << 20);
        let ask = self.ask(Some(&cache));
        assert_eq!(verify(&text, &ask, false), verdict, "cold: {text}");
        assert_eq!(verify(&text, &ask, false), verdict, "warm: {text}");
        if let Some(parent) = &self.parent {
            let parent = self.text(parent);
            let cache = Cache::new(1 << 20);
            let ask = self.ask(Some(&cache));
            let before = verify(&parent, &ask, false);
            assert_eq!(verify(&text, &ask, false), verdict, "after its parent: {text}");
            // a block only takes away: what the longer chain may, the shorter may
            if self.request.run.is_some() && verdict.is_yes() {
                assert!(before.is_yes(), "{before:?} of the parent, and yes of the child: {text}");
            }
        }
        verdict
    }
}

/// The text of an approval for some block of a token, in order or not quite.
fn approval(parts: &Parts, c: &mut Choices) -> String {
    let key = &APPROVERS[c.below(4)];
    let (mut key_id, mut secret) = (String::new(), key.to_bytes());
    for byte in key.verifying_key().as_bytes() {
        key_id += &format!("{byte:02x}");
    }
    match c.below(16) {
        13 => key_id = key_id.to_uppercase(),
        14 => secret = [9; 32],
        15 => key_id.truncate(62),
        _ => {}
    }
    let mut own = Parts::new(!c.once_in(16), &key_id, secret);
    let about = parts.id(if c.once_in(4) { c.below(parts.blocks.len()) } else { 0 });
    let given = [(9, named([("calls", 1.into())])), (14, about[..].into())];
    append(&mut own, root_with(given), 1, c);
    if c.once_in(8) {
        append(&mut own, later([]), 1, c);
    }
    own.text(if c.once_in(8) { End::Bearer } else { End::Sealed })
}
