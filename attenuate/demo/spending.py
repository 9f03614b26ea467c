"""The scenes of the store: a budget that three share, a revocation, and a worker that was replaced.

Every agent is a process of its own, and what one spends the others no longer have.
"""

from __future__ import annotations

from typing import Final

from .scenes import BRANCH, DONE, Answer, Order, Scene, call

CENTS: Final = 11
"""What the lead and its two children may spend together; prices are the service's."""
LEAD: Final = "agt_3@1"
READER: Final = "agt_3@1/reader@1"
WRITER: Final = "agt_3@1/writer@1"
OLD: Final = "agt_4@2"
NEW: Final = "agt_4@3"
"""Attempts of one job: the second worker was thought dead, and the third took over."""

_READ: Final = call("repo.read", branch="main", path="src/limits.py")


def _commit(content: str) -> Order:
    path = "src/limits.py"
    return call("repo.commit", branch=BRANCH, path=path, content=content, message="raise the limit")


def _refused(code: str) -> Answer:
    return Answer(409, "refused", code)


BUDGET: Final = (
    Scene("budget-lead", "the lead reads a file, for 1 cent", DONE, _READ, "lead"),
    Scene("budget-writer", "its child, the writer, commits for 5", DONE, _commit("MOST = 12\n"), "writer"),
    Scene("budget-reader", "its child, the reader, reads for 1", DONE, _READ, "reader"),
    Scene(
        "budget-ended",
        "the writer commits once more: 5, and 4 are left for all of them",
        _refused("budget"),
        _commit("MOST = 99\n"),
        "writer",
    ),
    Scene("budget-passes", "what would pass, passes: the writer reads for 1", DONE, _READ, "writer"),
)
REVOCATION: Final = (
    Scene("revoke-before", "the reader reads", DONE, _READ, "reader"),
    Scene(
        "revoked",
        "an operator revokes the reader's run; the reader reads again",
        _refused("revoked"),
        _READ,
        "reader",
        revokes=READER,
    ),
    Scene("revoke-other", "the writer, whom nobody revoked, goes on", DONE, _READ, "writer"),
)
FENCING: Final = (
    Scene("fence-old", "the worker of attempt 2 reads", DONE, _READ, "old"),
    Scene("fence-new", "it is slow, and attempt 3 is started: that reads", DONE, _READ, "new"),
    Scene(
        "fenced",
        "the worker of attempt 2 wakes up, with a lease that is still good",
        _refused("stale_attempt"),
        _READ,
        "old",
    ),
)
SPENDING: Final = (*BUDGET, *REVOCATION, *FENCING)
