//! The grammars of names, patterns, paths and hosts (specs/caveats.md), over UTF-8.

use crate::limits;

/// Printable ASCII without space, "*" and "~": what actions are made of.
fn plain(byte: u8) -> bool {
    matches!(byte, b'!'..=b'}') && byte != b'*'
}

/// Say whether this is an action.
pub fn is_action(text: &[u8]) -> bool {
    (1..=limits::MAX_NAME).contains(&text.len()) && text.iter().all(|&byte| plain(byte))
}

/// Say whether this is a pattern: an action; one ending in "*" after ".", ":" or "/"; or "*".
pub fn is_pattern(text: &[u8]) -> bool {
    match text {
        b"*" => true,
        [body @ .., b'*'] => {
            is_action(body)
                && text.len() <= limits::MAX_NAME
                && body.last().is_some_and(|last| b".:/".contains(last))
        }
        _ => is_action(text),
    }
}

/// Say whether a pattern takes an action; "repo.*" does not take "repo.".
pub fn matches(pattern: &[u8], action: &[u8]) -> bool {
    match pattern {
        [start @ .., b'*'] => action.len() >= pattern.len() && action.starts_with(start),
        _ => pattern == action,
    }
}

/// Say whether this is a name of a run.
pub fn is_name(text: &[u8]) -> bool {
    (1..=limits::MAX_NAME).contains(&text.len())
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._:+-".contains(byte))
}

/// Say whether this is the key of an extension, "vendor/name".
pub fn is_extension(text: &[u8]) -> bool {
    let vendor = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(byte);
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    match text.iter().position(|&byte| byte == b'/') {
        Some(slash) => {
            let (before, after) = (&text[..slash], &text[slash + 1..]);
            !before.is_empty() && !after.is_empty() && before.iter().all(vendor) && after.iter().all(name)
        }
        None => false,
    }
}

/// Say whether this is a key id.
pub fn is_key_id(text: &[u8]) -> bool {
    (1..=limits::MAX_KEY_ID).contains(&text.len()) && text.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Say whether this is a well-formed path: no way up, no second spelling of anything.
pub fn is_path(text: &[u8]) -> bool {
    let body = text.strip_prefix(b"/").unwrap_or(text);
    if body.starts_with(b"~") {
        return false;
    }
    let segments = body.split(|&byte| byte == b'/').all(|part| !matches!(part, b"" | b"." | b".."));
    let mut before = 0;
    segments
        && body.iter().enumerate().all(|(at, &byte)| {
            let control = byte < 0x20 || byte == 0x7f || (before == 0xc2 && byte < 0xa0);
            before = byte;
            let escape = byte == b'%'
                && body.get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
            !(control || byte == b'\\' || escape)
        })
}

/// Say whether this is a lower-case host name or a canonical dotted quad.
pub fn is_host(text: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(byte);
    let mut last: &[u8] = &[];
    let labels = text.split(|&byte| byte == b'.').all(|label| {
        last = label;
        (1..=63).contains(&label.len()) && label.iter().all(letter)
    });
    if text.len() > limits::MAX_HOST || !labels {
        return false;
    }
    let number = last.iter().all(u8::is_ascii_digit) || last.starts_with(b"0x");
    !number || is_quad(text)
}

fn is_quad(text: &[u8]) -> bool {
    let parts = text.split(|&byte| byte == b'.');
    parts.clone().count() == 4
        && parts.into_iter().all(|part| match part {
            [b'0'] => true,
            [b'1'..=b'9', ..] if part.len() <= 3 && part.iter().all(u8::is_ascii_digit) => {
                part.iter().fold(0, |n, digit| n * 10 + u32::from(digit - b'0')) < 256
            }
            _ => false,
        })
}
