//! A whole verification that the bytes choose (V1 to V8); blocks are bent before they are
//! authenticated, under keys that the ring has.

#![no_main]

#[path = "../../rules/tests/support/mod.rs"]
mod support;

use std::time::Duration;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    support::case::Case::new(data).check(Duration::from_millis(500));
});
