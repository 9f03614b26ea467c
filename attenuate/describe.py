"""What a lease allows over all its blocks, in words and as data.

Effective authority is a conjunction, so each block is described as what it adds: block 0 says what
may be done, each later one "and only". Nothing is merged that could read as more than it is.
"""

from __future__ import annotations

from typing import Any

from . import blockjson
from .block import (
    ALLOW,
    APPROVAL,
    AUDIENCE,
    BOUND,
    BUDGET,
    DENY,
    DEPTH,
    EXPIRES,
    FINAL,
    FOR,
    NAMES,
    NOT_BEFORE,
    NOTES,
    RUN,
    WHERE,
    Block,
)  # fmt: skip
from .fields import moment
from .findings import clock
from .grants import where_words
from .lease import Lease
from .request import run_text
from .words import listed, shown


def authority(lease: Lease) -> dict[str, Any]:
    """Return the effective authority of a lease as JSON data, unverified.

    run, audience, not_before, expires: what all blocks together leave, None where nothing is said
    and an empty audience where no service is left. actions and the rest: by block, because each
    block must hold.
    """
    blocks = lease.unverified_blocks
    audiences = [set(block.fields[AUDIENCE]) for block in blocks if AUDIENCE in block.fields]
    starts = [block.fields[NOT_BEFORE] for block in blocks if NOT_BEFORE in block.fields]
    ends = [block.fields[EXPIRES] for block in blocks if EXPIRES in block.fields]
    return {
        "key_id": lease.key_id,
        "alg": lease.alg,
        "proof": lease.proof,
        "run": lease.run or None,
        "audience": sorted(set.intersection(*audiences)) if audiences else None,
        "not_before": max(starts, default=None),
        "expires": min(ends, default=None),
        "approvals": len(lease.approvals),
        "block_ids": list(lease.block_ids),
        "blocks": [blockjson.block_to_json(block) for block in blocks],
    }


def describe(lease: Lease, *, now: int | None = None) -> str:
    """Return what a lease allows in words, one line for each grant or restriction; unverified.

    now: seconds since 1970, for the time that is left; by default the clock's.
    """
    at = moment(now)
    rows: list[tuple[str, str]] = []
    for index, block in enumerate(lease.unverified_blocks):
        lines = _block(block, index, at)
        mark = f"block {index}" + (f", key {shown(lease.key_id)}" if index == 0 else "")
        rows.append((lines[0], mark))
        rows += [(line, "") for line in lines[1:]]
    width = min(max(len(text) for text, _ in rows), 72)
    out = [f"{text.ljust(width)}  {mark}".rstrip() for text, mark in rows]
    out.append(f"({lease.proof}; unverified: this says what the lease claims)")
    return "\n".join(out)


def _block(block: Block, index: int, now: int) -> list[str]:
    fields = block.fields
    run = run_text(fields[RUN]) if RUN in fields else ""
    until = _until(fields, now)
    if index == 0:
        out = [f"{run or 'no run'} may{', ' + until if until else ''}"]
    else:
        out = ["and only" + (f", as {run}" if run else "") + (f", {until}" if until else "")]
    for grant in fields.get(ALLOW, ()):
        out.append(f"  {grant.words()}")
    for grant in fields.get(DENY, ()):
        out.append(f"  never {grant.words()}")
    if WHERE in fields:
        out.append(f"  where {where_words(fields[WHERE])}")
    if AUDIENCE in fields:
        out.append(f"  at {listed(fields[AUDIENCE])}")
    for unit, limit in fields.get(BUDGET, {}).items():
        out.append(f"  at most {limit} {'call' if (limit, unit) == (1, 'calls') else shown(unit)}")
    for demand in fields.get(APPROVAL, ()):
        out.append(f"  {demand.words()}")
    if DEPTH in fields:
        out.append(f"  with at most {fields[DEPTH]} more block{'' if fields[DEPTH] == 1 else 's'}")
    if FINAL in fields:
        out.append(f"  until the first {', '.join(fields[FINAL])}")
    if BOUND in fields:
        out.append("  with a proof bound to the call")
    if FOR in fields:
        out.append(f"  as an approval for block {fields[FOR].hex()}")
    for name, note in fields.get(NOTES, {}).items():
        out.append(f"  {'note' if index == 0 else 'claims'} {shown(name)}: {note!r}")
    for key, value in fields.items():
        if not isinstance(key, int) or not 0 <= key < len(NAMES):
            out.append(f"  and {key}: {value!r:.60}")
    return out


def _until(fields: dict[Any, Any], now: int) -> str:
    parts = []
    if NOT_BEFORE in fields:
        parts.append(f"from {clock(fields[NOT_BEFORE])}")
    if EXPIRES in fields:
        left = fields[EXPIRES] - now
        parts.append(f"until {clock(fields[EXPIRES])} ({_duration(left) if left > 0 else 'expired'})")
    return " ".join(parts)


def _duration(left: int) -> str:
    hours, rest = divmod(left, 3600)
    minutes, seconds = divmod(rest, 60)
    return "in " + (
        f"{hours}h{minutes:02}m" if hours else f"{minutes}m{seconds:02}s" if minutes else f"{seconds}s"
    )
