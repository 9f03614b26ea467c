"""The scenes: who asks what, with which token, and the answer that is announced.

A scene is data: orders to an agent's process (agent.py), the last of which is judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .agent import OWN
from .service import REPOSITORY

BRANCH: Final = "agent/greeting"
Order = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What is announced, and what came: HTTP status (None where nothing was sent), stage, code."""

    status: int | None
    stage: str = "ok"
    code: str = ""

    def __str__(self) -> str:
        return " ".join(str(part) for part in (self.status, self.stage, self.code) if part)


@dataclass(frozen=True)
class Scene:
    """One thing that is tried. who: the agent. before: orders whose answers are not judged.

    shows: text that a success must show. revokes: the run that an operator revokes just before.
    """

    name: str
    title: str
    expected: Answer
    order: Order
    who: str = "editor"
    before: tuple[Order, ...] = ()
    shows: str = ""
    revokes: str = ""


def call(action: str, token: str | None = OWN, **args: str) -> Order:
    """Return the order to call an action; token: the name of one, None for no token at all."""
    return {"do": "call", "token": token, "action": action, "args": _args(args)}


def present(keep: str, action: str, **args: str) -> Order:
    """Return the order to bind the agent's own lease to a call, and keep that under a name."""
    return {"do": "present", "keep": keep, "action": action, "args": _args(args)}


def _args(args: Mapping[str, str]) -> dict[str, str]:
    # "from" is no name in Python
    return {"repo": REPOSITORY, **{name.rstrip("_"): value for name, value in args.items()}}


DONE: Final = Answer(200)
_READ: Final = {"branch": "main", "path": "src/greeting.py"}
_EDIT: Final = {
    "branch": BRANCH,
    "path": "src/greeting.py",
    "content": 'GREETING = "good morning"\n',
    "message": "greet by the hour",
}


def _forbidden(code: str) -> Answer:
    return Answer(403, "forbidden", code)


WORKS: Final = (
    Scene("read", "read a file under src", DONE, call("repo.read", **_READ), shows='"hello"'),
    Scene(
        "branch", "open a branch below agent/", DONE, call("repo.branch.create", branch=BRANCH, from_="main")
    ),
    Scene(
        "commit-bound",
        "commit, with a proof bound to this one call",
        DONE,
        call("repo.commit", token="commit", **_EDIT),
        before=(present("commit", "repo.commit", **_EDIT),),
    ),
    Scene(
        "read-back",
        "read what was committed",
        DONE,
        call("repo.read", branch=BRANCH, path="src/greeting.py"),
        shows="good morning",
    ),
    Scene(
        "sealed",
        "read with the lease sealed",
        DONE,
        call("repo.read", token="sealed", **_READ),
        shows='"hello"',
    ),
)

REFUSED: Final = (
    Scene(
        "action",
        "an action outside the lease",
        _forbidden("allow"),
        call("repo.branch.delete", branch=BRANCH),
    ),
    Scene(
        "branch-outside",
        "a commit on a branch outside the lease",
        _forbidden("allow"),
        call("repo.commit", **{**_EDIT, "branch": "main"}),
    ),
    Scene(
        "path-sideways",
        "a path that climbs out: src/../ops/deploy.env",
        _forbidden("allow"),
        call("repo.read", branch="main", path="src/../ops/deploy.env"),
    ),
    Scene(
        "path-up",
        "a path that climbs out of the repository",
        _forbidden("allow"),
        call("repo.read", branch="main", path="src/../../../etc/passwd"),
    ),
    Scene(
        "other-run",
        "another run, with the stolen lease",
        _forbidden("run"),
        call("repo.read", **_READ),
        "stranger",
    ),
    Scene(
        "stale-attempt",
        "attempt 2 of the editor, with the lease of attempt 1",
        _forbidden("attempt"),
        call("repo.read", **_READ),
        "restarted",
    ),
    Scene(
        "expired",
        "a lease that has ended",
        _forbidden("expires"),
        call("repo.read", token="expired", **_READ),
    ),
    Scene(
        "other-service",
        "a lease for another service",
        Answer(401, "untrusted", "unknown_key"),
        call("repo.read", token="elsewhere", **_READ),
    ),
    Scene(
        "edited",
        "a tampered token: its block says ops in place of src",
        Answer(401, "untrusted", "proof"),
        call("repo.read", token="edited", branch="main", path="ops/deploy.env"),
        before=({"do": "forge", "how": "edit", "token": OWN, "keep": "edited"},),
    ),
    Scene(
        "dropped",
        "a tampered token: its last block is cut off",
        Answer(401, "untrusted", "proof"),
        call("repo.read", token="dropped", branch="main", path="README.md"),
        before=({"do": "forge", "how": "drop", "token": OWN, "keep": "dropped"},),
    ),
    Scene(
        "widened",
        "a block that the child added, which says it may do anything",
        _forbidden("allow"),
        call("repo.read", token="widened", branch="main", path="ops/deploy.env"),
        before=({"do": "narrow", "token": OWN, "keep": "widened", "allow": ["*"]},),
    ),
    Scene(
        "garbled",
        "a token with one wrong character",
        Answer(401, "malformed", "text"),
        call("repo.read", token="garbled", **_READ),
        before=({"do": "forge", "how": "garble", "token": OWN, "keep": "garbled"},),
    ),
    Scene(
        "no-token",
        "no token at all",
        Answer(401, "malformed", "text"),
        call("repo.read", token=None, **_READ),
    ),
    Scene(
        "narrow-sealed",
        "a sealed lease that its holder tries to narrow",
        Answer(None, "forbidden", "structure"),
        {"do": "narrow", "token": "sealed", "keep": "narrower", "allow": ["*"]},
    ),
    Scene(
        "append-sealed",
        "a sealed lease with a block that was added by hand",
        Answer(401, "untrusted", "proof"),
        call("repo.read", token="appended", **_READ),
        before=({"do": "forge", "how": "append", "token": "sealed", "keep": "appended"},),
    ),
    Scene(
        "bound-elsewhere",
        "a bound proof, used for a different call",
        _forbidden("binding"),
        call("repo.read", token="bound", branch="main", path="src/limits.py"),
        before=(present("bound", "repo.read", **_READ),),
    ),
    Scene(
        "bound-twice",
        "a bound proof, used for the same call again",
        Answer(409, "refused", "replay"),
        call("repo.read", token="again", **_READ),
        before=(present("again", "repo.read", **_READ), call("repo.read", token="again", **_READ)),
    ),
)
