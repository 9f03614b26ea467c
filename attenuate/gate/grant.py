"""What a gate gives: the proof that a request was verified, charged and recorded."""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn, Protocol, final

from ..charges import Charge
from ..errors import Finding
from ..store.model import Outcome, Verdict
from ..verified import Verified


class Held(NamedTuple):
    """What stands behind a grant. charges, outcome: of the batch; empty and None where nothing moved."""

    verified: Verified
    charges: tuple[Charge, ...] = ()
    units: tuple[str, ...] = ()
    outcome: Outcome | None = None
    hold: bytes | None = None
    expires: int = 0


@final
class Grant:
    """A request that may be carried out now, once; made only by a gate.

    verified: the evidence. charged: what was counted, by unit. left: what is left of the tightest
    budget of each unit, after it. hold: the reservation's id in hex, None where there is none; expires:
    seconds since 1970, when it ends without an outcome. repeated: the reservation was there already.
    """

    __slots__ = ("_held",)

    _held: Held | Verified

    def __init__(self) -> None:
        raise TypeError("a Grant is made by a Gate, and by nothing else")

    @property
    def _all(self) -> Held:
        held = self._held
        return held if type(held) is Held else Held(held)  # type: ignore[arg-type]

    @property
    def verified(self) -> Verified:
        """What verification found."""
        return self._all.verified

    @property
    def charged(self) -> dict[str, int]:
        """What was counted, by unit; of a block's budgets in one unit, each was charged this."""
        held = self._all
        return {unit: charge.amount for unit, charge in zip(held.units, held.charges, strict=False)}

    @property
    def left(self) -> dict[str, int]:
        """What the tightest budget of each unit has left: of all blocks, and of approvals."""
        held, out = self._all, dict[str, int]()
        for unit, found in zip(held.units, held.outcome.found if held.outcome else (), strict=False):
            out[unit] = min(found, out.get(unit, found))
        return out

    @property
    def hold(self) -> str | None:
        """The id of the reservation, 64 hex digits."""
        return None if self._all.hold is None else self._all.hold.hex()

    @property
    def expires(self) -> int:
        """When the reservation ends without an outcome, and stays charged; 0 where there is none."""
        return self._all.expires

    @property
    def repeated(self) -> bool:
        """Whether this reservation had been made before: the action may have been begun already."""
        outcome = self._all.outcome
        return outcome is not None and outcome.verdict is Verdict.REPEATED

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Grant does not change")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Grant does not change")

    def __repr__(self) -> str:
        request = self.verified.request
        return f"<Grant {request.action} for {self.verified.run}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Grant does not pickle: it is worth something only where it was made")


_hold = Grant.__dict__["_held"].__set__
_new = Grant.__new__


def make_grant(held: Held | Verified) -> Grant:
    """Return the grant of a request that was charged and recorded, or had nothing to charge. Only gates call this."""
    self = _new(Grant)
    _hold(self, held)
    return self


class Use(NamedTuple):
    """What a recorder is told. at: seconds since 1970. finding: why it was refused, None where granted.

    charges: those that were applied, or would have been. hold: the reservation's id, if any.
    """

    at: int
    verified: Verified
    charges: tuple[Charge, ...]
    hold: bytes | None
    finding: Finding | None


class Recorder(Protocol):
    """Takes a record of each use before it is granted, and of each refusal by a charge."""

    def record(self, use: Use) -> Any:
        """Keep it, durably, before returning; whatever is raised keeps the grant from being given."""
