"""What a revocation names, and one entry of the ledger.

Selector("block", "0c9d…")      a lease or a block of one, and all that descends from it
Selector("run", "agt_1@2")      a run, and all below it
Selector("agent", "triage")     what block 0's notes say; also subject, template, policy
Selector("key", "k1")           a key id, and the audience keys below it
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final, NamedTuple

from .. import codec, limits
from ..chain import ID_SIZE
from ..charges import parts_of
from ..errors import Malformed
from ..request import make_run, run_text
from ..words import brief, shown

KINDS: Final = ("block", "run", "agent", "subject", "key", "template", "policy")
CLASSES: Final = ("agent", "subject", "key", "template", "policy")
"""Kinds that go on: what is issued afterwards is not caught, unless that is asked for."""
ALWAYS: Final = limits.SAFE_MAX
"""As "issued before": every lease, whenever it was issued. As "until": never forgotten."""
REVOKE: Final = 0
SUSPEND: Final = 1
RESUME: Final = 2
VERBS: Final = ("revoke", "suspend", "resume")


class Selector(NamedTuple):
    """What a revocation names. kind: one of KINDS. value: text; an int or bool where a note is one.

    A block is 32 hex digits, a run as in "agt_1@2/reader". `make` checks.
    """

    kind: str
    value: str | int | bool

    @classmethod
    def make(cls, kind: str, value: object) -> Selector:
        """Return a selector in its one spelling; raises ValueError for what names nothing."""
        if kind not in KINDS:
            raise ValueError(f"nothing is selected by {kind!r:.40}; there are {', '.join(KINDS)}")
        if kind == "block":
            if not isinstance(value, str) or not re.fullmatch(f"[0-9a-f]{{{2 * ID_SIZE}}}", value):
                raise ValueError(f"block {brief(value)}; give its id, {2 * ID_SIZE} hex digits")
            return cls(kind, value)
        if kind == "run":
            try:
                run = make_run(value)
            except Malformed as fault:
                raise ValueError(str(fault.finding)) from None
            if run[0][1] is None:
                raise ValueError(f"run {brief(value)}; every lease states which attempt, as in agt_1@2")
            return cls(kind, run_text(run))
        plain = type(value) in (str, int, bool) if kind != "key" else type(value) is str
        made = cls(kind, value)  # type: ignore[arg-type]
        try:
            if not plain or value == "" or len(str(value)) > limits.MAX_SELECTOR:
                raise ValueError
            made.key  # noqa: B018 (what has no encoding is in no lease)
        except ValueError:
            raise ValueError(f"{kind} {brief(value)}; give the text that the issuer notes") from None
        return made

    @property
    def key(self) -> bytes:
        """The key of the charge of this kind (specs/verify.md, charges)."""
        value: object = self.value
        if self.kind == "block" and isinstance(value, str):
            value = bytes.fromhex(value)
        return codec.encode(["revoked", self.kind, value])

    def __str__(self) -> str:
        return f"{self.kind} {self.value if self.kind == 'block' else shown(self.value)}"


class Mark(NamedTuple):
    """One entry of the ledger.

    verb: REVOKE, SUSPEND or RESUME. before: a lease issued before that second is caught, ALWAYS for
    any; of a revocation only. until: seconds since 1970, after which no lease can be caught by it.
    """

    verb: int
    selector: Selector
    before: int = ALWAYS
    until: int = ALWAYS

    def encode(self) -> bytes:
        """Return the entry as deterministic CBOR: [verb, selector's key, before, until]."""
        return codec.encode([self.verb, self.selector.key, self.before, self.until])

    @classmethod
    def decode(cls, body: bytes) -> Mark:
        """Return an entry that was kept; raises ValueError for other bytes."""
        try:
            verb, key, before, until = fields_of(codec.decode(body))
            name, kind, value = parts_of(key)
        except Malformed:
            raise ValueError("an entry that is no CBOR") from None
        if name != "revoked":
            raise ValueError("an entry of no selector")
        return cls(verb, Selector(kind, value.hex() if isinstance(value, bytes) else value), before, until)

    def __str__(self) -> str:
        what = f"{VERBS[self.verb]} {self.selector}"
        return what if self.before == ALWAYS else f"{what} issued before {self.before}"


def digest(at: int, body: bytes) -> bytes:
    """Return by what one entry is known: SHA-256 of its time, milliseconds in 8 bytes, and its bytes."""
    return hashlib.sha256(at.to_bytes(8, "big") + body).digest()


def fields_of(value: Any) -> tuple[int, bytes, int, int]:
    """Return verb, selector's key, before and until of a decoded entry; raises ValueError."""
    if type(value) is not list or len(value) != 4:
        raise ValueError("an entry is four values")
    verb, key, before, until = value
    if verb not in (REVOKE, SUSPEND, RESUME) or type(verb) is not int or type(key) is not bytes:
        raise ValueError("an entry of no verb or no selector")
    if type(before) is not int or type(until) is not int or min(before, until) < 0:
        raise ValueError("an entry without its times")
    return verb, key, before, until
