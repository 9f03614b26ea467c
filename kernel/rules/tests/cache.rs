//! The memory of chains: it changes no verdict, it stays small, and a flood stays in its shard.

mod support;

use attenuate_rules::{Cache, Key, Question, Request, Ring, Rules, chain};
use std::ops::Range;
use support::*;

/// Tokens that are close to one another: children, siblings, other proofs, and what looks like them.
fn tokens(rng: &mut Rng) -> Vec<String> {
    let mut out = Vec::new();
    for signed in [false, true] {
        for lease in 0..2u8 {
            let mut parts = mint(signed, [root_with([(0, Value::Bytes(vec![lease; 16]))])]);
            for depth in 0..3u8 {
                let bound = End::Bound { iat: NOW, nonce: [depth; 16], binding: [7; 32] };
                for end in [End::Bearer, End::Sealed, bound] {
                    let text = parts.text(end);
                    let mut frame = frame_of(&text).unwrap();
                    let at = frame.len() - 1 - rng.below(frame.len().min(200));
                    frame[at] ^= 1 << rng.below(8); // a proof, a signature or a block that is another
                    out.extend([text_of(&frame), format!("{text}~{text}"), text]);
                }
                let sibling = later([(5, (NOW + i64::from(depth)).into())]);
                out.push(parts.clone().add(sibling).text(End::Bearer));
                parts.add(later([(0, Value::Bytes(vec![depth; 8]))]));
            }
            // the links of one chain under the blocks of another
            let mut forged = parts.clone();
            forged.blocks.swap(1, 2);
            out.push(forged.text(End::Bearer));
            if signed {
                let mut forged = parts.clone();
                forged.sigs[1] = vec![0; 64];
                out.push(forged.text(End::Sealed));
            }
        }
    }
    let audience = Parts::new(false, "k1/github", chain::audience_key(&SECRET, "github"));
    out.push(audience.clone().add(root()).text(End::Bearer));
    let mut asks = mint(true, [root()]);
    let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
    let public = key.verifying_key().to_bytes();
    let demand: Value = vec![texts(&["*"]), Value::Array(vec![public[..].into()]), 1.into()].into();
    asks.add(later([(10, Value::Array(vec![demand]))]));
    let hex: String = public.iter().map(|byte| format!("{byte:02x}")).collect();
    for about in 0..2 {
        let own = [(14, asks.id(about)[..].into()), (9, named([("calls", 1.into())]))];
        let mut approval = Parts::new(true, &hex, key.to_bytes());
        approval.add(root_with(own));
        let said = approval.text(End::Sealed);
        out.push([asks.text(End::Bearer), said.clone()].join("~"));
        out.push(said); // an approval as a lease
    }
    out
}

/// Requests and rings for which the same token gets different answers.
fn requests() -> Vec<Request> {
    let run = |attempt| Some(vec![("agt_1".to_owned(), Some(attempt))]);
    let make = |action: &str, audience: &str, attempt, binding| {
        Request::new(action.into(), audience.into(), run(attempt), vec![], vec![], binding)
    };
    vec![
        make("repo.read", "github", 2, Some([7; 32])),
        make("repo.read", "github", 1, None),
        make("mail:send", "github", 2, None),
        make("repo.read", "mail", 2, Some([8; 32])),
    ]
}

fn rings() -> Vec<Ring> {
    let derived = chain::audience_key(&SECRET, "github");
    vec![
        ring(),
        Ring::new([]),
        // the same ids with other keys, and with keys of the other algorithm
        Ring::new([("k1".into(), Key::new(false, [1; 32])), ("e1".into(), Key::new(true, [2; 32]))]),
        Ring::new([("k1".into(), Key::new(true, *E1)), ("e1".into(), Key::new(false, SECRET))]),
        Ring::new([("k1/github".into(), Key::new(false, derived))]),
    ]
}

#[test]
fn no_interleaving_changes_a_verdict() {
    let mut rng = Rng(1);
    let (tokens, requests, rings) = (tokens(&mut rng), requests(), rings());
    let times = [NOW + 1, NOW + 900, NOW + 2_000_000];
    let mut plain = std::collections::HashMap::new();
    let (mut yes, mut hits) = (0, 0);
    for max in [0, 4_096, 65_536, 1 << 20, 64 << 20] {
        let cache = Cache::new(max);
        for step in 0..if cfg!(debug_assertions) { 60 } else { 4_000 } {
            let at = [
                rng.below(tokens.len()),
                [0, 0, 0, 1, 2, 3][rng.below(6)],
                [0, 0, 0, 0, 1, 2, 3, 4][rng.below(8)],
                [0, 0, 0, 1, 2][rng.below(5)],
            ];
            let text = &tokens[at[0]];
            let (request, ring, now) = (&requests[at[1]], &rings[at[2]], times[at[3]]);
            let ask = |cache| Question { request, ring, now, rules: Rules::default(), cache };
            let expected = plain.entry(at).or_insert_with(|| verify(text, &ask(None), false));
            let found = verify(text, &ask(Some(&cache)), step % 2 == 1);
            match (&*expected, found) {
                (Verdict::Forbidden(h, first, notes), Verdict::Forbidden(other, all, more)) => {
                    assert_eq!((h, &first[0], notes), (&other, &all[0], &more), "{at:?} {text}");
                }
                (expected, found) => assert_eq!(*expected, found, "{at:?} {text}"),
            }
            yes += usize::from(expected.is_yes());
            let info = cache.info();
            assert!(info.bytes <= max, "{info:?} of {max}");
        }
        println!("{max} bytes: {:?}", cache.info());
        hits += cache.info().hits;
    }
    assert!(yes > 10 && hits > 10, "{yes} said yes, {hits} were known");
}

#[test]
fn threads_that_share_it_get_the_same_verdicts() {
    let (tokens, request, ring) = (tokens(&mut Rng(2)), request(), ring());
    let ask = question(&request, &ring, None);
    let expected: Vec<_> = tokens.iter().map(|text| verify(text, &ask, false)).collect();
    let cache = Cache::new(32 * 1024);
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let (tokens, expected, cache) = (&tokens, &expected, &cache);
            scope.spawn(move || {
                let mut rng = Rng(seed);
                for _ in 0..if cfg!(debug_assertions) { 30 } else { 2_000 } {
                    let at = rng.below(tokens.len());
                    let ask = Question { cache: Some(cache), ..ask };
                    assert_eq!(verify(&tokens[at], &ask, false), expected[at]);
                }
            });
        }
    });
    assert!(cache.info().hits > 0 && cache.info().bytes <= 32 * 1024);
}

/// Verify children of one lease, as many as one likes: each is authentic, and whoever holds it makes them.
fn flood(cache: &Cache, lease: u8, numbers: Range<usize>, end: End) {
    let run = Some(vec![("agt_1".to_owned(), Some(2))]);
    let request = Request::new("repo.read".into(), "github".into(), run, vec![], vec![], Some([7; 32]));
    let ring = ring();
    let lease = mint(false, [root_with([(0, Value::Bytes(vec![lease; 16]))])]);
    for number in numbers {
        let nonce = Value::Bytes((number as u64).to_be_bytes().into());
        let text = lease.clone().add(later([(0, nonce)])).text(end);
        assert!(verify(&text, &question(&request, &ring, Some(cache)), false).is_yes());
    }
}

/// Return how many of 64 leases are known, of which every one was, after some work.
fn known_after(cache: &Cache, work: impl FnOnce()) -> usize {
    let (ring, request) = (ring(), request());
    let ask = question(&request, &ring, Some(cache));
    let known = || {
        let lease =
            |number| mint(false, [root_with([(0, Value::Bytes(vec![number; 16]))])]).text(End::Bearer);
        let is_known = |number: &u8| {
            let before = cache.info().hits;
            assert!(verify(&lease(*number), &ask, false).is_yes());
            cache.info().hits > before
        };
        (0..64).filter(is_known).count()
    };
    assert_eq!((known(), known()), (0, 64));
    work();
    known()
}

const MAX: usize = 1 << 20;
/// Of children that take about 1 KB each, more than a memory of `MAX` holds.
const MANY: usize = MAX / 500;

#[test]
fn a_flood_of_children_pushes_out_its_own_shard() {
    let cache = Cache::new(MAX);
    let one = known_after(&cache, || flood(&cache, 0xff, 0..MANY, End::Bearer));
    println!("{one} of 64 leases are known after a flood of children of another; {:?}", cache.info());
    assert!(one >= 48 && cache.info().bytes <= MAX);
    // the control: children of many leases are in every shard
    let cache = Cache::new(MAX);
    let all = known_after(&cache, || {
        (0x80..=0xff).for_each(|lease| flood(&cache, lease, 0..MANY / 64, End::Bearer))
    });
    println!("{all} of 64 after a flood of children of many; {:?}", cache.info());
    assert!(all < 16);
}

#[test]
fn no_order_of_floods_takes_more_than_its_size() {
    let cache = Cache::new(MAX);
    // a bound proof is never remembered, so it leaves all the room to the chains
    let bound = End::Bound { iat: NOW, nonce: [1; 16], binding: [7; 32] };
    let mut most = 0;
    for lease in 0..if cfg!(debug_assertions) { 12 } else { 64 } {
        // go on to the next lease when this one has filled about a quarter, or no more comes of it
        let before = cache.info().bytes;
        for first in (0..MANY).step_by(2) {
            flood(&cache, lease, first..first + 2, bound);
            if cache.info().bytes >= before + MAX / 4 {
                break;
            }
        }
        most = most.max(cache.info().bytes);
    }
    assert!(most <= MAX, "{most} bytes of {MAX} are held: {:?}", cache.info());
}
