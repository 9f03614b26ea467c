"""Every bound in one place: first those of the specification, then those of this implementation.

All work that a token can cause is bounded by these constants (specs/token.md, step V1). A
specification constant never changes within a token version; an implementation constant may.
"""

from typing import Final

# --- specification: specs/token.md -------------------------------------------------------------
MAX_TOKEN_TEXT: Final = 8 * 1024
"""Characters in one token's text (V1)."""
MAX_TEXT: Final = 16 * 1024
"""Characters in a token together with its approvals (V1)."""
MAX_APPROVALS: Final = 4
"""Approvals that may follow a token (V1)."""
MAX_BLOCK: Final = 4 * 1024
"""Bytes in one encoded block (V1)."""
MAX_BLOCKS: Final = 16
"""Blocks in one lease (V1)."""
MAX_DEPTH: Final = 6
"""Nesting of arrays and maps, the outermost counting 1 (V1)."""
MAX_GRANTS: Final = 64
"""Grants in one block, allow and deny together (V1)."""
MAX_FACTS: Final = 256
"""Facts in one request (V1), and elements in one list (facts)."""
MAX_UNITS: Final = 32
"""Budget units over all blocks of a token (V1)."""
MAX_KEY_ID: Final = 128
"""Characters in a key id (header)."""
MAX_RUN: Final = 8
"""Segments in a run."""
MAX_NAME: Final = 128
"""Characters in an action, and in a name of a run."""
MAX_HOST: Final = 253
"""Characters in a host name (RFC 1035 section 2.3.4, without the final dot)."""
MIN_NONCE: Final = 8
MAX_NONCE: Final = 32
MIN_ROOT_NONCE: Final = 16
"""Bytes in a block's nonce; block 0 needs at least MIN_ROOT_NONCE."""
MAX_DEPTH_CAVEAT: Final = 15
MAX_QUORUM: Final = 4
INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1
"""Integers that the encoding can carry."""
SAFE_MAX: Final = 2**53 - 1
"""Largest time, limit, cost and attempt: what every JSON reader keeps exactly (RFC 8785)."""
MAX_JSON_DEPTH: Final = 64
"""Nesting of a call's JSON arguments."""
SKEW: Final = 60
"""Seconds: |now - iat| of a bound proof (V5), and issued_at ahead of now (V6)."""
REPLAY_WINDOW: Final = 120
"""Seconds after iat for which a bound proof's replay key is kept."""

# --- implementation -----------------------------------------------------------------------------
MAX_LEEWAY: Final = 60
"""Seconds: the most clock leeway a verifier may be given."""
CACHE_BYTES: Final = 64 * 1024 * 1024
"""Bytes of memory, about, in which a verifier keeps authentic chains by default."""

STORE_TIMEOUT: Final = 2.0
"""Seconds after which a store that has not answered counts as out of reach."""
CLOCK_SLACK: Final = 3600
"""Seconds for which a counter is kept after no lease can ask for it: by how far clocks of machines that
share a store may differ. A replay key needs none: REPLAY_WINDOW is twice SKEW."""
MAX_COUNTERS: Final = 10_000_000
"""Counters that a store in memory holds before it says that it is full."""
MAX_HOLD: Final = 24 * 3600
"""Seconds: the longest that an amount may be held without an outcome."""
MAX_SELECTOR: Final = 1024
"""Characters of what a revocation names."""
