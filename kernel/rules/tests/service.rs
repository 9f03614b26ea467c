//! The face for tool services: settings, requests, charges, words, and what is read unverified.

mod support;

use attenuate_rules::cbor::Data;
use attenuate_rules::{
    Charge, Counter, Key, NAMES, Proof, Request, Ring, Value as Fact, Verified, Verifier, call_binding,
    chain, http_binding, inspect,
};
use support::*;

const NONCE: [u8; 16] = [9; 16];
const BINDING: [u8; 32] = [7; 32];
const SAFE_MAX: i64 = (1 << 53) - 1;

fn verifier() -> Verifier {
    Verifier::new(ring(), "github").unwrap().applies_charges()
}

fn usual(verifier: &Verifier) -> Request {
    verifier.ask("repo.read").run("agt_1@2").build().unwrap()
}

fn verified(token: &str, request: &Request) -> Verified {
    verifier()
        .leeway(5)
        .unwrap()
        .verify(token, request, NOW + 1)
        .unwrap_or_else(|refused| panic!("{refused}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

// --- settings -------------------------------------------------------------------------------------
#[test]
fn settings_that_cannot_be_are_refused() {
    assert!(Verifier::new(ring(), "").is_err());
    for (leeway, fits) in [(-1, false), (0, true), (60, true), (61, false)] {
        assert_eq!(verifier().leeway(leeway).is_ok(), fits);
    }
    for (most, fits) in [(0, false), (1, true), (SAFE_MAX, true), (SAFE_MAX + 1, false)] {
        assert_eq!(verifier().max_lifetime(most).is_ok(), fits);
    }
    for (name, fits) in [("acme/x", true), ("acme", false), ("Acme/x", false)] {
        assert_eq!(verifier().handler(name, |_, _| true).is_ok(), fits);
    }
}

#[test]
fn a_ring_has_each_key_once_and_in_its_place() {
    let hmac = || Key::hmac(SECRET);
    assert!(Ring::checked([("k1", hmac()), ("k1/github", hmac())]).is_ok());
    assert!(Ring::checked([("k1", hmac()), ("k1", hmac())]).is_err());
    assert!(Ring::checked([("", hmac())]).is_err());
    assert!(Ring::checked([("k\n", hmac())]).is_err());
    assert!(Ring::checked([("e1/github", Key::ed25519(*E1))]).is_err());
}

#[test]
fn keys_are_read_from_their_text() {
    let secret = format!("attenuate_hmac_secret_{}", &text_of(&SECRET)[7..]);
    assert_eq!(secret, "attenuate_hmac_secret_aG1hYy1rZXkhISEhISEhISEhISEhISEhISEhISEhISE");
    let key = Key::from_text(&secret).unwrap();
    assert_eq!((key.signed, *key.material), (false, SECRET));
    let key = Key::from_text(&format!("attenuate_ed25519_public_{}", &text_of(&*E1)[7..])).unwrap();
    assert_eq!((key.signed, *key.material), (true, *E1));
    let seed = format!("attenuate_ed25519_secret_{}", &text_of(&SEED)[7..]); // it mints, and nobody here does
    for wrong in [&secret[..secret.len() - 1], &secret[1..], &seed, ""] {
        let words = Key::from_text(wrong).err().unwrap().to_string();
        assert!(!words.contains("aG1hYy1r"), "{words}");
    }
}

// --- requests -------------------------------------------------------------------------------------
#[test]
fn a_request_is_sound_or_says_what_is_not() {
    let ask = || Request::ask("github", "repo.read").run("agt_1@2/reader");
    let full =
        ask().fact("n", 5).fact("b", true).fact("o", Fact::Opaque).list("l", ["x", "y"]).cost("usd", 3);
    let made = full.binding(BINDING).build().unwrap();
    assert_eq!(made.run, Some(vec![("agt_1".into(), Some(2)), ("reader".into(), None)]));
    assert!(made.is_sound());
    let many = (0..257).fold(ask(), |asking, n| asking.fact(format!("f{n}"), n));
    let none = [
        (Request::ask("github", "repo read").build(), "facts", "action"),
        (Request::ask("", "repo.read").build(), "facts", "audience"),
        (ask().run("agt_1@0").build(), "facts", "run"),
        (ask().run("agt_1@02").build(), "facts", "run"),
        (ask().run("").build(), "facts", "run"),
        (ask().run("agt_1@two").build(), "facts", "run"),
        (ask().run(&format!("agt_1@{}", 1i64 << 53)).build(), "facts", "run"),
        (ask().cost("usd", -1).build(), "facts", "cost"),
        (ask().cost("calls", 2).build(), "facts", "cost"),
        (ask().cost("usd", 1).cost("usd", 1).build(), "facts", "cost"),
        (ask().fact("repo", "a").fact("repo", "b").build(), "facts", "facts"),
        (ask().list("l", 0..257).build(), "facts", "facts"),
        (many.build(), "too_large", "facts"),
    ];
    for (made, code, part) in none {
        let refused = made.unwrap_err();
        assert_eq!((refused.stage(), refused.code(), refused.block()), ("malformed", code, None));
        assert!(refused.to_string().contains(part), "{refused}");
    }
}

#[test]
fn a_request_that_the_verifier_cannot_take_is_refused_before_the_token() {
    let token = mint(false, [root()]).text(End::Bearer);
    let verifier = verifier();
    let why = |request: &Request, now| verifier.verify(&token, request, now).err().map(|no| no.to_string());
    assert_eq!(why(&usual(&verifier), NOW), None);
    let without = verifier.ask("repo.read").build().unwrap();
    let elsewhere = Request::ask("mail", "repo.read").run("agt_1@2").build().unwrap();
    let mut changed = usual(&verifier);
    changed.action = "repo read".into(); // its fields are open
    for (request, now, part) in [
        (&without, NOW, "no run"),
        (&elsewhere, NOW, "no audience"),
        (&changed, NOW, "no action"),
        (&usual(&verifier), -1, "no time"),
        (&usual(&verifier), SAFE_MAX + 1, "no time"),
    ] {
        let words = why(request, now).unwrap();
        assert!(words.starts_with("malformed: facts; ") && words.contains(part), "{words}");
    }
    let lenient = self::verifier().allow_unstated_run();
    let found = lenient.verify(&token, &without, NOW).map(|verified| verified.run());
    assert_eq!(found, Ok("agt_1@2".into()));
}

// --- charges --------------------------------------------------------------------------------------
/// A charge without what only one kind has: its key in words, amount, ceiling, until.
fn told(charge: &Charge) -> (String, i64, i64, i64) {
    let part = |part: &Data| match part {
        Data::Bytes(bytes) => hex(bytes),
        Data::Text(text) => text.clone(),
        other => format!("{other:?}"),
    };
    let key: Vec<_> = charge.key.iter().map(part).collect();
    (key.join(" "), charge.amount, charge.ceiling, charge.until)
}

#[test]
fn a_lease_is_charged_for_what_it_asks() {
    let own = [
        (9, named([("calls", 30.into()), ("usd", 5.into())])),
        (12, texts(&["repo.close", "repo.read"])),
        (16, named([("agent", "a".into()), ("policy", 7.into()), ("why", "b".into())])),
    ];
    let run = |path: &[Value]| Value::Array(path.to_vec());
    let reader = |attempt: &[Value]| {
        run(&[vec!["agt_1".into()].into(), [&["reader".into()], attempt].concat().into()])
    };
    let mut parts = mint(true, [root_with(own)]);
    parts.add(later([(2, reader(&[])), (5, (NOW + 600).into())]));
    parts.add(later([(2, reader(&[3.into()])), (12, texts(&["repo.close"])), (13, Value::Bool(true))]));
    let token = parts.text(End::Bound { iat: NOW, nonce: NONCE, binding: BINDING });
    let asking = verifier().ask("repo.read").run("agt_1@2/reader@3/deeper").cost("usd", 4);
    let verified = verified(&token, &asking.binding(BINDING).build().unwrap());
    let ids: Vec<_> = (0..3).map(|index| hex(&parts.id(index))).collect();
    assert_eq!(verified.block_ids(), ids);
    let (first, rest) = (NOW + 905, NOW + 605);
    let h = hex(parts.hashes().last().unwrap());
    let charges = verified.charges();
    let expected = [
        (format!("budget {} usd", ids[0]), 4, 5, first),
        (format!("budget {} calls", ids[0]), 1, 30, first),
        (format!("final {}", ids[0]), 1, 1, first),
        (format!("final {}", ids[2]), 0, 0, rest),
        ("attempt e1 agt_1".into(), 2, SAFE_MAX, SAFE_MAX),
        (format!("attempt {} agt_1@2/reader", ids[1]), 3, SAFE_MAX, rest),
        (format!("replay {h} {}", hex(&NONCE)), 1, 1, NOW + 120),
        (format!("revoked block {}", ids[0]), 0, 0, rest),
        (format!("revoked block {}", ids[1]), 0, 0, rest),
        (format!("revoked block {}", ids[2]), 0, 0, rest),
        ("revoked run agt_1@2".into(), 0, 0, rest),
        ("revoked run agt_1@2/reader@3".into(), 0, 0, rest),
        ("revoked run agt_1@2/reader@3/deeper".into(), 0, 0, rest),
        ("revoked agent a".into(), 0, 0, rest),
        ("revoked policy Int(7)".into(), 0, 0, rest),
        ("revoked key e1".into(), 0, 0, rest),
    ];
    assert_eq!(charges.iter().map(told).collect::<Vec<_>>(), expected);
    for charge in &charges {
        assert_eq!(charge.raises, charge.counter == Counter::Attempt);
        assert_eq!(charge.issued_at, if charge.counter == Counter::Revoked { NOW } else { 0 });
        assert_eq!(charge.key[0], charge.counter.name().into());
    }
    assert_eq!((verified.expires(), verified.key_id()), (NOW + 600, "e1"));
    assert_eq!(verified.run(), "agt_1@2/reader@3/deeper");
    assert_eq!(verified.notes()[0], ("why".into(), "b".into()));
    assert!(verified.proof().is_bound());
}

#[test]
fn an_open_level_raises_nothing_and_an_audience_key_has_a_root() {
    let key = chain::audience_key(&SECRET, "github");
    let mut parts = Parts::new(false, "k1/github", key);
    let deeper = vec![vec!["agt_1".into()].into(), vec!["reader".into()].into()];
    parts.add(root()).add(later([(2, Value::Array(deeper))]));
    let token = parts.text(End::Bearer);
    for (run, raised) in [("agt_1@2/reader@9", true), ("agt_1@2/reader", false)] {
        let verified = verified(&token, &verifier().ask("repo.read").run(run).build().unwrap());
        let charges = verified.charges();
        let attempts: Vec<_> = charges.iter().filter(|charge| charge.counter == Counter::Attempt).collect();
        assert_eq!(attempts.len(), 1 + usize::from(raised));
        assert!(attempts[0].raises && attempts[1..].iter().all(|charge| !charge.raises));
        let keys = charges[charges.len() - 2..].iter().map(|charge| told(charge).0).collect::<Vec<_>>();
        assert_eq!(keys, ["revoked key k1/github", "revoked key k1"]);
    }
}

#[test]
fn each_thing_to_count_is_told() {
    let budget = root_with([(9, named([("calls", 1.into())]))]);
    let bound = End::Bound { iat: NOW, nonce: NONCE, binding: BINDING };
    let request = verifier().ask("repo.read").run("agt_1@2").binding(BINDING).build().unwrap();
    for (block, end, counted) in [
        (root(), End::Bearer, false),
        (root(), End::Sealed, false),
        (root(), bound, true),
        (budget, End::Bearer, true),
        (root_with([(12, texts(&["x"]))]), End::Bearer, true),
    ] {
        let token = mint(false, [block]).text(end);
        let verified = verified(&token, &request);
        let stateless = Verifier::new(ring(), "github").unwrap().verify(&token, &request, NOW + 1);
        assert_eq!(stateless.is_err(), counted);
        if let Err(refused) = stateless {
            assert_eq!((refused.stage(), refused.code(), refused.block()), ("unavailable", "store", None));
            assert!(refused.to_string().contains("applies_charges"));
        }
        let kinds = [Counter::Budget, Counter::Final, Counter::Replay];
        assert_eq!(verified.charges().iter().any(|charge| kinds.contains(&charge.counter)), counted);
    }
}

#[test]
fn keys_of_counters_have_the_bytes_that_stores_know() {
    let charge = |parts: &[Data]| Charge {
        counter: Counter::Attempt,
        key: parts.to_vec(),
        amount: 0,
        ceiling: 0,
        until: 0,
        raises: false,
        issued_at: 0,
    };
    let id: Vec<u8> = (0..16).collect();
    for (parts, bytes) in [
        (
            [Data::from("attempt"), Data::Bytes(id), "agt_1@2/reader".into()],
            "8367617474656d707450000102030405060708090a0b0c0d0e0f6e6167745f3140322f726561646572",
        ),
        (["revoked".into(), "agent".into(), Data::Int(-300)], "83677265766f6b6564656167656e7439012b"),
        (["revoked".into(), "agent".into(), Data::Bool(true)], "83677265766f6b6564656167656e74f5"),
        (
            ["revoked".into(), "agent".into(), Data::Int(1 << 40)],
            "83677265766f6b6564656167656e741b0000010000000000",
        ),
    ] {
        assert_eq!(hex(&charge(&parts).key_bytes()), bytes);
    }
}

// --- handlers, words, reading ---------------------------------------------------------------------
#[test]
fn a_handler_sees_the_value_and_the_request() {
    let block = |more: Vec<(Value, Value)>| {
        let mut all: Vec<_> = root().into_iter().map(|(key, value)| (Value::Int(key), value)).collect();
        all.extend(more);
        let mut parts = Parts::new(false, "k1", SECRET);
        parts.push(Value::Map(all).encode());
        parts.text(End::Bearer)
    };
    let limits = named([("most", 3.into()), ("of", texts(&["a", "b"]))]);
    let token = block(vec![("acme/after".into(), Value::Bool(true)), ("acme/limits".into(), limits)]);
    let seen = |value: &Data, request: &Request| {
        let map = |pairs: &[(&str, Data)]| {
            Data::Map(pairs.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
        };
        let of = Data::Array(vec!["a".into(), "b".into()]);
        *value == map(&[("of", of), ("most", Data::Int(3))]) && request.action == "repo.read"
    };
    let with = |after: bool| {
        let made = verifier().handler("acme/limits", seen).unwrap();
        made.handler("acme/after", move |value, _| *value == Data::Bool(after)).unwrap()
    };
    let request = usual(&verifier());
    assert!(with(true).verify(&token, &request, NOW).is_ok());
    let no = with(false).verify(&token, &request, NOW).err().unwrap();
    assert_eq!((no.stage(), no.code(), no.block()), ("forbidden", "acme/after", Some(0)));
    let no = verifier().verify(&token, &request, NOW).err().unwrap();
    assert_eq!(
        no.to_string(),
        "forbidden by block 0: unknown_caveat; nobody here knows the caveat: acme/after"
    );
}

#[test]
fn a_refusal_says_why_in_words() {
    let verifier = verifier();
    let request = usual(&verifier);
    let other = Verifier::new(Ring::checked([("k9", Key::hmac(SECRET))]).unwrap(), "github").unwrap();
    let lease = mint(false, [root()]);
    let token = lease.text(End::Bearer);
    let approved = format!("{token}~lease1_x");
    let mut twice = lease.clone();
    twice.add(later([(15, NOW.into())]));
    for (verifier, token, now, words) in [
        (&other, &token, NOW, r#"untrusted: unknown_key; the ring has no such key: "k1""#),
        (&verifier, &token, NOW + 900, "forbidden by block 0: expires; it has expired"),
        (&verifier, &approved, NOW, "malformed: text; approval 1 is none: UnusedBits"),
        (
            &verifier,
            &twice.text(End::Bearer),
            NOW,
            "forbidden by block 1: structure; the block is not complete, or has what only block 0 may have: \
             issued_at after block 0",
        ),
    ] {
        assert_eq!(verifier.verify(token, &request, now).err().unwrap().to_string(), words);
    }
}

#[test]
fn a_token_is_read_without_a_key() {
    let mut parts = mint(true, [root()]);
    parts.add(later([(8, named([("n", Value::Array(vec![2.into(), vec![Value::Null, 4.into()].into()]))]))]));
    let sealed = parts.text(End::Sealed);
    let seen = inspect(&format!("{sealed}~{sealed}")).unwrap();
    assert_eq!((seen.alg, &*seen.key_id, seen.proof), (-19, "e1", Proof::Sealed));
    assert_eq!(seen.block_ids, [hex(&parts.id(0)), hex(&parts.id(1))]);
    let bounds = Data::Array(vec![Data::Null, Data::Int(4)]);
    let range = Data::Map(vec![("n".into(), Data::Array(vec![Data::Int(2), bounds]))]);
    assert_eq!(seen.blocks[1][2], (Data::Int(8), range));
    assert_eq!(NAMES[8], "where");
    assert_eq!(seen.approvals.len(), 1);
    assert_eq!(seen.approvals[0].block_ids, seen.block_ids);
    assert_eq!(inspect("lease1_~x").unwrap_err().stage(), "malformed");
}

#[test]
fn bindings_are_those_of_the_specification() {
    let args = r#"{"a":"é","b":1}"#.as_bytes();
    let call = call_binding("github", "agt_1@2/reader", "repo.read", args);
    assert_eq!(hex(&call), "a072fb4af41cdf7f0eee7954399f6b29fbb2d25f13581a3d9780f79cbb2bbbc5");
    let http = http_binding("github", "agt_1@2", "POST", "https", "example.com:443", "/x?y=1", b"body");
    assert_eq!(hex(&http), "a08960ef77b6cb6c9ddea16a1150ae4e37953da09c2d8d5208fda2662d4bb9be");
}

#[test]
fn the_first_block_of_the_readme_is_the_example() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name| std::fs::read_to_string(folder.join(name)).unwrap();
    let (readme, example) = (read("README.md"), read("examples/service.rs"));
    let shown = readme.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(shown, example.split_once("\n\n").unwrap().1);
}

#[test]
fn what_changes_after_it_was_made_is_looked_at_again() {
    let under = root_with([(8, named([("path", Value::Array(vec![3.into(), texts(&["src"])]))]))]);
    let token = mint(false, [under]).text(End::Bearer);
    let ask = |fact: attenuate_rules::Fact, cost: Vec<(String, i64)>| {
        let run = Some(vec![("agt_1".to_owned(), Some(2))]);
        Request::new("repo.read".into(), "github".into(), run, vec![fact], cost, None)
    };
    for (end, good) in [("src/a", true), ("src/../../etc/shadow", false)] {
        let mut fact = attenuate_rules::Fact::new("path".into(), vec!["src/a".into()], false);
        assert!(fact.is_path());
        fact.values = vec![end.into()];
        assert_eq!(verifier().verify(&token, &ask(fact, vec![]), NOW + 1).is_ok(), good);
    }
    let path = || attenuate_rules::Fact::new("path".into(), vec!["src/a".into()], false);
    let usd = |amount| ("usd".to_owned(), amount);
    assert!(verifier().verify(&token, &ask(path(), vec![usd(1)]), NOW + 1).is_ok());
    let twice = verifier().verify(&token, &ask(path(), vec![usd(1), usd(9)]), NOW + 1).unwrap_err();
    assert_eq!((twice.stage(), twice.code()), ("malformed", "facts"));
}

#[test]
fn a_handler_that_panics_says_no() {
    let Value::Map(mut fields) = map(root()) else { unreachable!() };
    fields.push(("acme/x".into(), 1.into()));
    let mut parts = Parts::new(false, "k1", SECRET);
    parts.push(Value::Map(fields).encode());
    let token = parts.text(End::Bearer);
    let request = verifier().ask("repo.read").run("agt_1@2").build().unwrap();
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let answer = |yes: bool| {
        let asked = verifier().handler("acme/x", move |_, _| if yes { true } else { panic!("no") }).unwrap();
        asked.verify(&token, &request, NOW + 1).map(|_| ()).map_err(|refused| refused.code().to_owned())
    };
    let found = (answer(true), answer(false));
    std::panic::set_hook(quiet);
    assert_eq!(found, (Ok(()), Err("acme/x".into())));
}
