"""One root, one class per stage, and one value that says why.

A `Finding` is the reason as data: the stable code, the block and caveat that refused, what was
asked, what was allowed and what would pass. An error carries one, an explanation carries all.
Details are worked out only when somebody reads them, so a denial costs no more than a pass.
No finding ever holds a token, a secret or a proof.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple, TypeVar

E = TypeVar("E", bound=BaseException)


class Finding(NamedTuple):
    """Why one check did not hold.

    stage: "malformed", "untrusted", "forbidden", "refused" or "unavailable".
    code: stable, for programs (specs/verify.md lists them).
    block: number of the block that refused, None where no block did.
    caveat: name of the caveat, None where none was looked at.
    asked, allowed, would_pass: for people; empty where there is nothing to say.
    """

    stage: str
    code: str
    block: int | None = None
    caveat: str | None = None
    asked: str = ""
    allowed: str = ""
    would_pass: str = ""

    def __str__(self) -> str:
        where = "" if self.block is None else f" by block {self.block}"
        parts = [f"{self.stage}{where}: {self.code}"]
        if self.asked:
            parts.append(f"asked: {self.asked}")
        if self.allowed:
            parts.append(f"allowed: {self.allowed}")
        if self.would_pass:
            parts.append(f"would pass: {self.would_pass}")
        return "; ".join(parts)

    def to_json(self) -> dict[str, object]:
        """Return the finding as JSON data, without the members that say nothing."""
        return {name: value for name, value in self._asdict().items() if value not in (None, "")}


class LeaseError(Exception):
    """Root of everything this package refuses.

    finding: the reason, a `Finding`. `code`, `block` and `stage` repeat the parts of it that
    programs branch on, without working out the words.
    """

    stage: ClassVar[str] = ""

    def __init__(
        self,
        code: str,
        asked: str = "",
        *,
        block: int | None = None,
        allowed: str = "",
        would_pass: str = "",
        details: Callable[[], Finding] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.block = block
        self._details = details or (
            lambda: Finding(self.stage, code, block, None, asked, allowed, would_pass)
        )
        self._finding: Finding | None = None

    @property
    def finding(self) -> Finding:
        """The reason, worked out at the first look."""
        if self._finding is None:
            self._finding = self._details()
        return self._finding

    def __str__(self) -> str:
        return str(self.finding)

    def __reduce__(self) -> tuple[Callable[[type[LeaseError], Finding], LeaseError], tuple[type, Finding]]:
        return _restore, (type(self), self.finding)


def _restore(kind: type[LeaseError], finding: Finding) -> LeaseError:
    """Rebuild an error that crossed a process boundary."""
    return kind(finding.code, block=finding.block, details=lambda: finding)


class Malformed(LeaseError):
    """Stage parse: the bytes are not a token, or the values are not a request (V1, V2)."""

    stage = "malformed"


class Untrusted(LeaseError):
    """Stage trust: the chain or its proof is not authentic under the keys given (V3 to V5)."""

    stage = "untrusted"


class Forbidden(LeaseError):
    """Stage clear: an authentic lease that does not allow this request now (V3, V5 to V8)."""

    stage = "forbidden"


class Refused(LeaseError):
    """Stage charge: a counter stands against it: budget, final, attempt, replay, revocation."""

    stage = "refused"


class Unavailable(LeaseError):
    """Stage record: a store or the log is out of reach, so nothing is granted."""

    stage = "unavailable"


def bare(error: E) -> E:
    """Return an error without the frames that hold the token: collectors show their variables."""
    error.__context__ = None
    return error.with_traceback(None)
