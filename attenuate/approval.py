"""Approvals: leases that an approver signs for one block of another lease (V8).

    yes = approve(key, lease, "pull_request.merge", args={"number": 42})
    token = lease.attach(yes).token

An approval serves the block that asks for it and its descendants, and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from itertools import takewhile

from . import chain
from .block import APPROVAL, AUDIENCE, ED25519
from .call import call_digest
from .clear import run_of
from .constraints import Constraint, OneOf
from .fields import make_fields, moment
from .grants import Demand, Grant, matches
from .keys import Key
from .lease import Lease
from .request import run_text


def demand(*actions: str, keys: Iterable[Key | bytes], quorum: int = 1) -> Demand:
    """Return an approval demand: for these actions, `quorum` distinct approvers must have signed.

    keys: the approvers' ed25519 keys, or their 32 public bytes. Raises ValueError.
    """
    return Demand(actions, (key if isinstance(key, bytes) else key.public for key in keys), quorum)


def approve(
    key: Key,
    lease: Lease,
    *actions: str,
    args: object = None,
    where: Mapping[str, Constraint] | None = None,
    only: bool = False,
    allow_any_arguments: bool = False,
    calls: int = 1,
    ttl: int | str = "5m",
    now: int | None = None,
) -> Lease:
    """Return a sealed approval by `key` of these exact actions, for the block of `lease` that asks.

    args: the call's JSON arguments as they were shown to the approver: this call and no other is
    approved (the fact `call`). where: or constraints on its facts. only: no other arguments.
    calls: how often. ttl: seconds, or text such as "5m".

    Raises ValueError where no block asks this key to approve all of the actions, and where neither
    args nor where says what was approved, unless `allow_any_arguments`.
    """
    meant = dict(where or {})
    if args is not None:
        meant["call"] = OneOf(call_digest(args).hex())
    if any("*" in action for action in actions):
        raise ValueError("an approval is of exact actions, without *")
    if all(constraint.optional for constraint in meant.values()) and not allow_any_arguments:
        raise ValueError("say what is approved: args=…, where=…, or allow_any_arguments=True")
    if key.alg != ED25519:
        raise ValueError("an approver's key is ed25519")
    blocks = lease.unverified_blocks
    # the part of the run whose attempts are stated: what it starts has its approval too
    run = tuple(takewhile(lambda segment: segment[1] is not None, run_of(blocks) or ()))
    audience = next((block.fields[AUDIENCE] for block in blocks if AUDIENCE in block.fields), ())
    for index, block in enumerate(blocks):
        for asked in block.fields.get(APPROVAL, ()):
            if key.public in asked.keys and all(matches(asked.actions, action) for action in actions):
                fields = make_fields(
                    {
                        "run": run_text(run),
                        "audience": audience,
                        "ttl": ttl,
                        "allow": [Grant(actions, meant, only=only)],
                        "budget": {"calls": calls},
                    },
                    index=0,
                    now=moment(now),
                    asked_for=bytes.fromhex(lease.block_ids[index]),
                )
                return Lease(chain.seal(chain.start(key, key.key_id, fields, os.urandom(32))))
    raise ValueError(f"no block asks this key to approve {', '.join(actions) or 'nothing'}")
