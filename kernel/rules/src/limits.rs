//! Every bound in one place, as in attenuate/limits.py, which names the source of each.

pub const MAX_TOKEN_TEXT: usize = 8 * 1024;
pub const MAX_TEXT: usize = 16 * 1024;
pub const MAX_APPROVALS: usize = 4;
pub const MAX_BLOCK: usize = 4 * 1024;
pub const MAX_BLOCKS: u64 = 16;
pub const MAX_DEPTH: u64 = 6;
pub const MAX_GRANTS: u64 = 64;
/// Facts in one request (V1), and elements in one list.
pub const MAX_FACTS: usize = 256;
pub const MAX_UNITS: u64 = 32;
pub const MAX_KEY_ID: usize = 128;
pub const MAX_RUN: u64 = 8;
pub const MAX_NAME: usize = 128;
pub const MAX_HOST: usize = 253;
pub const MIN_NONCE: usize = 8;
pub const MIN_ROOT_NONCE: usize = 16;
pub const MAX_NONCE: usize = 32;
pub const MAX_DEPTH_CAVEAT: i64 = 15;
pub const MAX_QUORUM: i64 = 4;
pub const SAFE_MAX: i64 = (1 << 53) - 1;
pub const SKEW: i64 = 60;
pub const MAX_LEEWAY: i64 = 60;
pub const REPLAY_WINDOW: i64 = 120;
