"""Revocation: a ledger in the store, followed by verifiers anywhere, without a round trip a call.

Ledger(store).revoke(Selector.make("run", "agt_1@2"), note="it went astray")
Gate(verifier, store)                                                 reads the store's own ledger
Gate(verifier, store, ledger=Follower(HttpSource(url, feed_key)))     follows another's
"""

from typing import TYPE_CHECKING, Any

from .entry import ALWAYS, KINDS, Mark, Selector
from .feed import Feed
from .follow import Follower, FollowerInfo, Source, StoreSource
from .frame import Frame
from .ledger import Ledger, Line
from .view import View

if TYPE_CHECKING:
    from .http import HttpSource, serve

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


def __getattr__(name: str) -> Any:
    if name in ("HttpSource", "serve"):  # http takes longer to import than all else, and few need it
        from . import http

        return getattr(http, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
