r"""What travels of the ledger: signed frames, each contiguous with the one before.

    frame = signature (64 bytes) ‖ CBOR [1, identity, start, end, head, at, [entry …], before, last]
    signature = Ed25519 over "attenuate/1 feed\0" ‖ that CBOR

A frame has every entry after `start` up to `end` that can still catch a lease; head is where the
ledger stood at that time, at: the broker's time, milliseconds since 1970. One whose start is 0 is a
snapshot, or the first part of one; one whose start is its end is a heartbeat. before and last: `digest` of the entry at start and of the one at end, by
which a follower knows that the history is the one that it followed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import cbor2

from .. import codec, ed25519, limits
from ..errors import Untrusted
from ..keys import Key
from ..store.base import Store
from .entry import digest

FEED: Final = b"attenuate/1 feed\0"
MOST: Final = 10_000
"""Entries in one frame, at most."""
MAX_BODIES: Final = 2 * 1024 * 1024
"""Bytes of entries in one frame, before the one that passes it."""
MAX_FRAME: Final = 4 * 1024 * 1024
"""Bytes of one frame."""


class Frame(NamedTuple):
    """A part of a ledger. identity: 16 bytes. head: its last number then. at: milliseconds since 1970.

    before, last: `digest` of the entries at start and at end, empty for 0 and for one that was forgotten.
    """

    identity: bytes
    start: int
    end: int
    head: int
    at: int
    bodies: tuple[bytes, ...]
    before: bytes = b""
    last: bytes = b""


def read(store: Store, after: int, clock: Callable[[], float]) -> Frame:
    """Return what a store's ledger has after a sequence number, as much as one frame takes.

    clock: seconds since 1970, read before the store is. Raises Unavailable.
    """
    at = int(clock() * 1000)
    head, entries = store.entries(max(0, after - 1), limit=MOST + 1)
    before = b""
    if entries and entries[0].seq == after:
        first = entries.pop(0)
        before = digest(first.at, first.body)
    bodies, size = [], 0
    for entry in entries[:MOST]:
        bodies.append(entry.body)
        size += len(entry.body)
        if size > MAX_BODIES:
            break
    all_of_it = len(bodies) == len(entries) < MOST
    end = head if all_of_it else entries[len(bodies) - 1].seq
    last = before if end == after else b""
    if bodies and entries[len(bodies) - 1].seq == end:
        newest = entries[len(bodies) - 1]
        last = digest(newest.at, newest.body)
    return Frame(store.identity, after, end, head, at, tuple(bodies), before, last)


def sign(frame: Frame, key: Key) -> bytes:
    """Return a frame signed with the feed's key, an ed25519 secret."""
    payload = codec.encode([1, *frame[:5], list(frame.bodies), frame.before, frame.last])
    return ed25519.sign(key.seed(), FEED + payload) + payload


def opened(data: bytes, key: Key) -> Frame:
    """Return the frame of signed bytes; raises Untrusted for any that the key did not sign."""
    if len(data) > MAX_FRAME or not ed25519.verify(key.public, data[:64], FEED + data[64:]):
        raise Untrusted("frame", "a frame of the ledger", would_pass="a frame that the feed's key signed")
    try:
        version, identity, start, end, head, at, bodies, before, last = cbor2.loads(data[64:])
        numbers = all(type(n) is int and 0 <= n <= limits.SAFE_MAX for n in (start, end, head, at))
        sound = version == 1 and type(identity) is bytes and len(identity) == 16 and start <= end <= head
        sound = sound and _known(start, before) and _known(end, last) and (start < end or before == last)
        if numbers and sound and len(bodies) <= end - start and all(type(b) is bytes for b in bodies):
            return Frame(identity, start, end, head, at, tuple(bodies), before, last)
    except Exception:
        pass
    raise Untrusted("frame", "a frame that is signed and not well formed", would_pass="a feed of version 1")


def _known(seq: int, entry: object) -> bool:
    return type(entry) is bytes and len(entry) in ((0, 32) if seq else (0,))
