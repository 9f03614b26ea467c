"""What a gate would have done, for the time before it is enforced. Nothing here is a grant."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, Required, TypedDict

from ..errors import Finding, LeaseError
from .grant import Grant

_LOG: Final = logging.getLogger("attenuate.shadow")


class Ask(TypedDict, total=False):
    """What `check` is asked, beside the token; with args, what `check_call` is."""

    action: Required[str]
    run: str | Iterable[Iterable[object]] | None
    args: Mapping[str, object]
    facts: Mapping[str, object] | None
    cost: Mapping[str, int] | None
    binding: bytes | None
    reserve: str | None
    hold_for: int | str
    now: int | None


class Shadow(NamedTuple):
    """What `check` would have done: the grant, or the finding that it would have refused with."""

    grant: Grant | None
    finding: Finding | None


def shadowed(error: LeaseError, run: object) -> Shadow:
    """Say loudly that a refusal was not enforced, and return it."""
    _LOG.warning("SHADOW MODE, NOT ENFORCED: %s for run %s", error.finding, run)
    return Shadow(None, error.finding)
