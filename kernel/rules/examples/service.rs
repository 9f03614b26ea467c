//! The check of a tool service: what it holds, what it asks, what it does with the answer.
//!
//!     cargo run --release -p attenuate-rules --example service -- TOKEN

use attenuate_rules::{Key, Ring, Verifier};
use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

fn main() -> Result<(), Box<dyn Error>> {
    // once, when the service starts: its keys, its name, its rules
    let ring = Ring::checked([("k1/github", Key::hmac([7; 32]))])?;
    let verifier = Verifier::new(ring, "github")?.max_lifetime(3600)?.leeway(5)?.cache(1 << 20);

    // for each call: what the service is about to do, never what the caller says about it
    let token = std::env::args().nth(1).unwrap_or_default();
    let request = verifier.ask("repo.read").run("agt_1@2").fact("repo", "clord").build()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64;
    match verifier.verify(&token, &request, now) {
        Ok(verified) => println!("allowed, for {}, until {}", verified.run(), verified.expires()),
        Err(refused) => println!("{refused}"), // and by stage(), code() and block() for programs
    }
    Ok(())
}
