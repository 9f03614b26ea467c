"""The campaign over both engines in small (engines.py, `make campaign`), and some of the faults it must find."""

from __future__ import annotations

import pytest

pytest.importorskip("attenuate_kernel", reason="the native engine is missing")

import engines
import seeded

STAGES = {
    "ok", "malformed/too_large", "malformed/text", "malformed/cbor", "malformed/shape", "untrusted/unknown_key", "untrusted/algorithm",
    "untrusted/signature", "untrusted/proof", "forbidden/binding", "forbidden/stale_proof",
    *(f"forbidden/{code}" for code in (
        "structure", "issued_at", "depth", "lifetime", "for", "bound", "run", "attempt", "audience", "not_before", "expires", "allow",
        "deny", "where", "budget", "unknown_caveat", "approval", "acme/x",
    )),
}  # fmt: skip


def test_the_campaign_in_small() -> None:
    record = engines.campaign(8_000, 4_000, seed=7)
    assert record["different"] == []
    assert record["ok"]
    assert record["cases"] == 12_000
    seen = {answer.split(": ")[1] for answers in record["by_answer"].values() for answer in answers}
    assert seen >= STAGES, "the draws must reach every code"
    assert all(
        record["compared"][how] > 50 for how in ("explained", "with a memory", "many at once", "odd requests")
    )


def test_the_same_seed_gives_the_same_cases() -> None:
    work = [engines.Work("random", 3, 1, 200), engines.Work("mutated", 3, 1, 200)]
    first, again = ([engines.batch(each)["answers"] for each in work] for _ in range(2))
    assert first == again
    assert first[0] != engines.batch(engines.Work("random", 4, 1, 200))["answers"]


def test_a_slow_engine_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "BOUND_US", 1)
    assert not engines.campaign(5, 0, seed=1)["ok"]


@pytest.mark.parametrize(
    "name", ["attempt is forgiven", "another fault", "words of a doubt", "acme/x is forgiven"]
)
def test_the_campaign_finds_a_fault(name: str) -> None:
    assert seeded.python_controls([name], seed=7)[name]["found"]


def test_every_line_that_a_control_changes_is_there() -> None:
    sources = seeded.KERNEL / "rules" / "src", seeded.KERNEL / "src"
    for line in seeded.LINES:
        text = (sources[line.file == "lib.rs"] / line.file).read_text(encoding="utf-8")
        assert seeded.changed(line, text) != text, line.name
    assert len({line.name for line in seeded.LINES}) == len(seeded.LINES)
