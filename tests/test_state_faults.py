"""Small runs of state_faults.py, each with its controls; tests/results/state.json has the large one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import state_faults
from state_faults import SMALL, Place

PROGRAM = Path(__file__).with_name("state_faults.py")
SHARED = ("sqlite", "redis", "postgresql")


@pytest.fixture(scope="module", params=SHARED)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param != "sqlite":
        pytest.importorskip("redis" if request.param == "redis" else "psycopg")
    with state_faults.placed(request.param) as found:
        yield found


def test_a_race_of_eight_processes_for_one_budget_is_granted_exactly_that(place: Place) -> None:
    out = state_faults.race_part(place, SMALL)
    assert out["granted"] == out["counted"] == out["budget"] == SMALL.budget
    assert out["control"]["granted"] > out["control"]["budget"]
    assert out["ok"]


def test_processes_and_servers_that_are_killed_leave_one_outcome_for_each_attempt(place: Place) -> None:
    out = state_faults.kill_part(place, SMALL)
    assert out["found"] == {}
    assert out["kills"] >= SMALL.kills["postgresql"]
    assert out["acknowledged"] > out["kills"]
    assert all(control["found"] for control in out["controls"].values())
    assert out["ok"]


def test_followers_miss_no_entry_of_eight_writers(place: Place) -> None:
    out = state_faults.ledger_part(place, SMALL)
    assert out["read"] == SMALL.entries * SMALL.repeats
    assert out["changes of writer"] > 8
    assert out["ok"], out


def test_no_proof_is_accepted_twice(place: Place) -> None:
    out = state_faults.replay_part(place, SMALL)
    assert out["charges"] > out["proofs"] > 0
    assert out["accepted"] > out["proofs"] * 0.7
    assert (out["accepted_twice"], out["fresh_and_refused"], out["rows_beyond_the_window"]) == (0, 0, 0)
    assert all(control["accepted_twice"] for control in out["controls"].values())
    assert out["ok"]


def test_no_proof_is_accepted_twice_in_memory() -> None:
    out = state_faults.replay_part(None, SMALL)
    assert out["accepted_twice"] == 0
    assert out["ok"], out


def test_the_program_writes_its_record(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    words = [sys.executable, str(PROGRAM), "--replay", "--stores", "memory", "--small", "--out", str(path)]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    record = json.loads(path.read_text("utf-8"))
    assert record["ok"]
    assert record["replay"]["accepted_twice"] == 0
    assert record["date"]
    assert record["stores"]["memory"]


def test_a_part_has_to_be_named() -> None:
    done = subprocess.run([sys.executable, str(PROGRAM)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "--all" in done.stderr


def test_the_large_run_is_of_all_stores_and_found_nothing() -> None:
    record = json.loads((PROGRAM.parent / "results" / "state.json").read_text("utf-8"))
    assert record["ok"]
    for part in state_faults.PARTS:
        assert set(SHARED) <= set(record[part])
    assert all(record["race"][store]["granted"] == 20_000 for store in SHARED)
    assert record["kill"]["sqlite"]["kills"] >= 500
    assert all(record["ledger"][store]["read"] == 80_000 for store in SHARED)
    assert record["replay"]["charges"] >= 1_000_000
    assert record["replay"]["accepted_twice"] == 0
