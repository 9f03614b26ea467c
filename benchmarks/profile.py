"""Print where the time of the native engine goes: python -m benchmarks.profile."""

from __future__ import annotations

from benchmarks import tables
from benchmarks.engines import NATIVE
from benchmarks.report import answered
from benchmarks.results import Results
from benchmarks.test_profile import QUESTION


def main() -> None:
    """Measure the layers and print their table."""
    if not NATIVE:
        raise SystemExit("error: the native engine is not installed; make kernel builds it")
    print(tables.profile(Results({"questions": {"profile": answered(QUESTION)}})))


if __name__ == "__main__":
    main()
