"""Revocation: a ledger in the store, followed by verifiers anywhere, without a round trip a call.

Ledger(store).revoke(Selector.make("run", "agt_1@2"), note="it went astray")
Gate(verifier, store)                                                 reads the store's own ledger
Gate(verifier, store, ledger=Follower(HttpSource(url, feed_key)))     follows another's
"""

from .entry import ALWAYS, KINDS, Mark, Selector
from .feed import Feed, serve
from .follow import Follower, FollowerInfo, HttpSource, Source, StoreSource
from .frame import Frame
from .ledger import Ledger, Line
from .view import View

__all__ = [
    "ALWAYS",
    "KINDS",
    "Feed",
    "Follower",
    "FollowerInfo",
    "Frame",
    "HttpSource",
    "Ledger",
    "Line",
    "Mark",
    "Selector",
    "Source",
    "StoreSource",
    "View",
    "serve",
]
