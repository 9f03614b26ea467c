"""The cases, one named function each."""

from . import (
    approvals,
    attempts,
    caveats,
    cbor,
    chains,
    clear,
    constraints,
    curve,
    facts,
    paths,
    proofs,
    requests,
    shape,
    sizes,
    text,
    trust,
)

__all__ = [
    "approvals",
    "attempts",
    "caveats",
    "cbor",
    "chains",
    "clear",
    "constraints",
    "curve",
    "facts",
    "paths",
    "proofs",
    "requests",
    "shape",
    "sizes",
    "text",
    "trust",
]
