//! Any bytes as a text, a frame, a block, a header or a proof (V1, V2): the first byte says which.

#![no_main]

#[path = "../../rules/tests/support/bytes.rs"]
mod bytes;
#[path = "../../rules/tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    bytes::check(data);
});
