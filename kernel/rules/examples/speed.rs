//! Verifications per second on one thread, from text to decision, with nothing remembered.
//!
//!     cargo run --release -p attenuate-rules --example speed
//!
//! Each lease has its run, audience, times, actions and a resource; each later block narrows by a
//! started run, a path and an earlier expiry. One JSON line for each; the best of five rounds.

#[path = "../tests/support/mod.rs"]
mod support;

use attenuate_rules::{Key, Ring, Verifier};
use std::hint::black_box;
use std::time::{Duration, Instant};
use support::{E1, End, NOW, SECRET, Value, later, map, mint, named, root_with, texts};

const ROUND: Duration = Duration::from_millis(300);

/// A lease of some blocks as an agent and what it starts would have it.
fn lease(signed: bool, blocks: usize) -> String {
    let one_of = |values: &[&str]| Value::Array(vec![0.into(), texts(values)]);
    let allow = map([(0, texts(&["repo.read", "repo.write.*"])), (1, named([("repo", one_of(&["clord"]))]))]);
    let mut all = vec![root_with([(6, Value::Array(vec![allow]))])];
    for index in 1..blocks as i64 {
        let run = Value::Array(vec![vec!["agt_1".into(), 2.into()].into()]);
        let under = Value::Array(vec![3.into(), texts(&["src"])]);
        let own = [(2, run), (5, (NOW + 900 - index).into()), (8, named([("path", under)]))];
        all.push(later(own));
    }
    mint(signed, all).text(End::Bearer)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ring = Ring::checked([("k1", Key::hmac(SECRET)), ("e1", Key::ed25519(*E1))])?;
    let verifier = Verifier::new(ring, "github")?;
    let asking = verifier.ask("repo.read").run("agt_1@2");
    let request = asking.fact("repo", "clord").fact("path", "src/main.rs").build()?;
    for (chain, signed) in [("hmac", false), ("ed25519", true)] {
        for blocks in [1, 3, 8] {
            let token = lease(signed, blocks);
            let round = |_| {
                let (start, mut count) = (Instant::now(), 0u32);
                while start.elapsed() < ROUND {
                    for _ in 0..20 {
                        let verified = verifier.verify(black_box(&token), &request, NOW + 1);
                        _ = black_box(verified.map_err(|refused| panic!("{refused}")));
                    }
                    count += 20;
                }
                f64::from(count) / start.elapsed().as_secs_f64()
            };
            let best = (0..5).map(round).fold(0.0, f64::max);
            println!(r#"{{"chain": "{chain}", "blocks": {blocks}, "verifications_per_second": {best:.0}}}"#);
        }
    }
    Ok(())
}
