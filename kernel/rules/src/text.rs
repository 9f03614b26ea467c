//! The text form of a token and its approvals (V1, V2).

use crate::fault::{Fault, Kind, fault};
use crate::limits;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const PREFIX: &[u8] = b"lease1_";

/// Split what travels into the token and its approvals.
pub fn split(text: &str) -> Result<(&str, Vec<&str>), Fault> {
    // a character is up to four bytes; what is longer by far is not read even to count them
    if text.len() > 4 * limits::MAX_TEXT
        || (text.len() > limits::MAX_TEXT && too_long(text, limits::MAX_TEXT))
    {
        return fault(Kind::WholeSize);
    }
    let Some((first, rest)) = text.split_once('~') else {
        return Ok((text, Vec::new()));
    };
    let approvals: Vec<&str> = rest.splitn(limits::MAX_APPROVALS + 1, '~').collect();
    match approvals.len() {
        0..=limits::MAX_APPROVALS => Ok((first, approvals)),
        _ => Err(Fault(Kind::Approvals, text.bytes().filter(|&byte| byte == b'~').count() as u64)),
    }
}

fn too_long(text: &str, most: usize) -> bool {
    text.chars().nth(most).is_some()
}

/// Return the bytes of one token's text: one spelling each, so padding, unused bits that are set and
/// the other alphabet are refused.
pub fn decode(text: &str) -> Result<Vec<u8>, Fault> {
    if text.len() > limits::MAX_TOKEN_TEXT && too_long(text, limits::MAX_TOKEN_TEXT) {
        return Err(Fault(Kind::TokenSize, text.chars().count() as u64));
    }
    let bytes = text.as_bytes();
    let last = bytes.last().copied().unwrap_or(0);
    let Some(body) = bytes.strip_prefix(PREFIX).filter(|_| (b'!'..=b'~').contains(&last)) else {
        return fault(Kind::Prefix);
    };
    // the last character carries two or four unused bits, which are zero
    let canonical: &[u8] = match body.len() & 3 {
        0 => &[last],
        2 => b"AQgw",
        3 => b"AEIMQUYcgkosw048",
        _ => &[],
    };
    let mut out = Vec::with_capacity(body.len() / 4 * 3 + 2);
    match URL_SAFE_NO_PAD.decode_vec(body, &mut out) {
        Ok(()) if canonical.contains(&last) => Ok(out),
        _ if !text.is_ascii() => fault(Kind::Prefix),
        _ if !canonical.contains(&last) => fault(Kind::UnusedBits),
        _ => fault(Kind::Alphabet),
    }
}
