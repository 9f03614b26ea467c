"""The commands of a store: budgets, reservations, revocation, the ledger and its feed."""

# ruff: noqa: F811 (`run` is a fixture of test_cli)
from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_cli import ROOT, WORDS, Run, doctor, on_terminal, run  # noqa: F401 (a fixture)

from attenuate import KeyRing, Lease
from attenuate.cli.bars import bar, cells
from attenuate.cli.output import Console
from attenuate.cli.stores import shown_address
from attenuate.store import Counter, open_store
from attenuate.store.sqlite import SqliteStore

STORE = ("--store", "sqlite:s.db")
ASK = ("--audience", "x", "--action", "b")


@pytest.fixture
def leases(run: Run) -> tuple[str, str]:
    """Tokens of a parent with budgets, and of its child; the store is there."""
    assert run("keys", "new", "k1").code == 0
    terms = ("--audience", "x", "--ttl", "15m", "--allow", "b", "--budget", "calls=9", "--budget", "cents=50")
    parent = run("issue", "--run", "agt_1@2", *terms, "--note", "agent=bot").out.strip()
    child = run("narrow", "--run", "agt_1@2/c@1", stdin=parent).out.strip()
    open_store("sqlite:s.db").close()
    return parent, child


def use(run: Run, token: str, cents: int = 1, *more: str) -> int:
    return run("verify", *ASK, *STORE, "--cost", f"cents={cents}", *more, stdin=token).code


# --- verify as a gate -----------------------------------------------------------------------------
def test_only_the_option_makes_verify_charge(
    run: Run,
    leases: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ATTENUATE_STORE", "sqlite:s.db")
    assert run("verify", *ASK, "--cost", "cents=1", stdin=leases[0]).code == 0
    assert json.loads(run("budget", "show", "--json", stdin=leases[0]).out)["left"] == {
        "calls": 9,
        "cents": 50,
    }
    said = json.loads(run("verify", *ASK, *STORE, "--cost", "cents=7", "--json", stdin=leases[1]).out)
    assert (said["charged"], said["left"]) == ({"calls": 1, "cents": 7}, {"calls": 8, "cents": 43})
    assert json.loads(run("budget", "show", "--json", stdin=leases[0]).out)["left"] == said["left"]


def test_what_is_explained_is_not_charged(run: Run, leases: tuple[str, str]) -> None:
    wrong = ("verify", "--audience", "x", "--action", "c", "--cost", "cents=1", "--explain", *STORE)
    assert run(*wrong, stdin=leases[0]).code == 5
    assert use(run, leases[0], 50, "--explain") == 0
    done = run("verify", *ASK, *STORE, "--cost", "cents=1", "--explain", stdin=leases[0])
    assert (done.code, "0 left of 50" in done.err) == (6, True)


# --- reservations ---------------------------------------------------------------------------------
def held(run: Run, token: str, name: str) -> str:
    done = run("verify", *ASK, *STORE, "--cost", "cents=20", "--reserve", name, "--json", stdin=token)
    hold = json.loads(done.out)["hold"]
    assert not hold["repeated"]
    return str(hold["id"])


def left(run: Run, token: str) -> dict[str, int]:
    out: dict[str, int] = json.loads(run("budget", "show", *STORE, "--json", stdin=token).out)["left"]
    return out


def test_a_reservation_is_released_or_committed_once(run: Run, leases: tuple[str, str]) -> None:
    one, two = held(run, leases[0], "one"), held(run, leases[0], "two")
    assert left(run, leases[0]) == {"calls": 7, "cents": 10}
    listed = json.loads(run("budget", "holds", *STORE, "--json").out)
    assert ({hold["id"] for hold in listed["holds"]}, listed["overdue"]) == ({one, two}, 0)
    assert run("budget", "holds", *STORE, "--release", one).code == 0
    assert run("budget", "holds", *STORE, "--commit", two, "--cost", "cents=21").code == 2
    assert run("budget", "holds", *STORE, "--commit", two, "--cost", "cents=3").code == 0
    assert left(run, leases[0]) == {"calls": 8, "cents": 47}
    assert run("budget", "holds", *STORE, "--commit", two, "--cost", "cents=3").code == 0
    assert run("budget", "holds", *STORE, "--release", two).code == 6
    assert run("budget", "holds", *STORE, "--release", one, "--commit", two).code == 2
    assert run("budget", "holds", *STORE, "--release", one, "--cost", "cents=1").code == 2
    assert run("budget", "holds", *STORE, "--limit", "0").code == 2
    assert left(run, leases[0]) == {"calls": 8, "cents": 47}
    assert run("budget", "holds", *STORE).out == "0 open, 0 of them overdue\n"


# --- budgets --------------------------------------------------------------------------------------
def test_a_block_is_topped_up_by_its_id_once_it_was_used(run: Run, leases: tuple[str, str]) -> None:
    block = Lease.parse(leases[0]).block_ids[0]
    add = ("budget", "top-up", *STORE, "--add", "cents=5", "--json")
    assert run(*add, "--block", block).code == 1
    assert use(run, leases[1], 50) == 0
    assert use(run, leases[1], 1) == 6
    [said] = json.loads(run(*add, "--block", block).out)["budgets"]
    assert (said["before"]["left"], said["after"]["left"], said["after"]["topped_up"]) == (0, 5, 5)
    assert use(run, leases[1], 5) == 0
    assert use(run, leases[1], 1) == 6
    [row] = json.loads(run("budget", "show", *STORE, "--block", block, "--unit", "cents", "--json").out)[
        "budgets"
    ]
    assert (row["limit"], row["topped_up"], row["spent"]) == (50, 5, 55)
    assert run(*add, "--block", block, leases[0]).code == 2
    assert run(*add, "--block", block, "--number", "0").code == 2
    assert run(*add, "--number", "7", stdin=leases[0]).code == 1


def test_a_budget_is_topped_up_before_its_first_use(run: Run, leases: tuple[str, str]) -> None:
    assert run("budget", "top-up", *STORE, "--add", "cents=5", stdin=leases[1]).code == 0
    assert left(run, leases[0]) == {"calls": 9, "cents": 55}
    assert use(run, leases[0], 55) == 0


def test_several_budgets_are_topped_up_or_none(run: Run, leases: tuple[str, str]) -> None:
    top_up = ("budget", "top-up", *STORE, "--add", "calls=10", "--add")
    for wrong, code in (("cents=0", 2), (f"cents={2**53}", 2), ("hours=1", 1), ("calls=1", 2), ("cents", 2)):
        assert run(*top_up, wrong, stdin=leases[0]).code == code, wrong
    assert left(run, leases[0]) == {"calls": 9, "cents": 50}
    done = run(*top_up, "cents=5", stdin=leases[0])
    for line in (
        "may now spend 10 more calls",
        "may now spend 5 more cents",
        "9 left of 9 ·",
        "19 left of 9+10 ·",
        "50 left of 50 ·",
        "55 left of 50+5 ·",
    ):
        assert line in done.out
    said = json.loads(run(*top_up, "cents=5", "--json", stdin=leases[0]).out)["budgets"]
    rows = [(each["added"], each["before"]["left"], each["after"]["left"]) for each in said]
    assert rows == [(10, 19, 29), (5, 55, 60)]


@pytest.mark.parametrize("answered", [0, 1])
def test_what_was_topped_up_before_the_store_went_away_is_told(
    run: Run, leases: tuple[str, str], answered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = SqliteStore.top_up
    calls = iter(range(9))

    def top_up(store: SqliteStore, counter: Counter) -> Counter:
        if next(calls) >= answered:
            raise store.unavailable("gone")
        return real(store, counter)

    monkeypatch.setattr(SqliteStore, "top_up", top_up)
    words = ("budget", "top-up", *STORE, "--add", "calls=1", "--add", "cents=1")
    done = run(*words, stdin=leases[0])
    assert (done.code, "unavailable: store" in done.err) == (7, True)
    assert ("may now spend 1 more calls" in done.out, "cents" in done.out) == (bool(answered), False)
    calls = iter(range(9))
    said = json.loads(run(*words, "--json", stdin=leases[0]).out)
    assert (len(said.get("budgets", [])), said["error"]["stage"]) == (answered, "unavailable")


def test_where_several_blocks_have_the_unit_the_command_with_their_numbers_is_named(
    run: Run, leases: tuple[str, str]
) -> None:
    child = run("narrow", "--budget", "calls=2", stdin=leases[0]).out
    done = run("budget", "top-up", *STORE, "--add", "calls=1", stdin=child)
    assert (done.code, "attenuate budget show" in done.err) == (2, True)


def test_where_nothing_is_left_it_is_said(run: Run, leases: tuple[str, str]) -> None:
    def shown(token: str) -> str:
        return run("budget", "show", *STORE, stdin=token).out.splitlines()[-1]

    child = run("narrow", "--budget", "calls=2", stdin=leases[0]).out
    assert shown(child) == "left for the next call: 2 calls, 50 cents; every block is charged"
    assert use(run, child, 50) == 0
    assert shown(child) == "left for the next call: 1 calls, 0 cents, so none passes that costs cents"
    assert shown(leases[0]) == "left for the next call: 8 calls, 0 cents, so none passes that costs cents"
    assert (use(run, child), use(run, child, 0)) == (6, 0)
    assert shown(child) == "left for the next call: 0 calls, 0 cents, so none passes"
    assert use(run, child, 0) == 6
    assert "█ is left, ▒ is held, ░ is spent" in " ".join(run("budget", "show", "--help").out.split())


def test_a_reservation_is_listed_with_its_blocks(run: Run, leases: tuple[str, str]) -> None:
    held(run, leases[0], "one")
    [block] = Lease.parse(leases[0]).block_ids
    assert run("budget", "holds", *STORE).out.endswith(f"\n  block {block[:12]}…\n")
    child = run("narrow", "--budget", "calls=2", stdin=leases[0]).out.strip()
    held(run, child, "two")
    blocks = ", ".join(f"{each[:12]}…" for each in Lease.parse(child).block_ids)
    assert f"\n  blocks {blocks}\n" in run("budget", "holds", *STORE).out


def test_a_lease_without_a_budget_has_no_bar(run: Run, leases: tuple[str, str]) -> None:
    token = run("issue", "--run", "a@1", "--audience", "x", "--ttl", "5m", "--allow", "b").out
    assert run("budget", "show", *STORE, stdin=token).out == "no block of this lease has a budget\n"


@given(st.lists(st.integers(0, 2**53), min_size=3, max_size=3), st.integers(3, 60))
def test_a_bar_has_its_width_and_hides_nothing(amounts: list[int], width: int) -> None:
    sizes = cells(amounts, width)
    assert sum(sizes) == width
    assert min(sizes) >= 0
    for amount, size in zip(amounts, sizes, strict=True):
        assert not amount or size


def test_a_bar_is_coloured_on_a_terminal_and_plain_where_blocks_cannot_be_written(
    run: Run,
    leases: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert use(run, leases[0], 40) == 0
    shown = on_terminal(monkeypatch, "budget", "show", *STORE, leases[0])
    assert "\x1b[33m█" in shown  # a quarter or less is left
    assert "\x1b[32m█" in shown
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert bar(Counter(b"", spent=1, held=1, ceiling=4), Console(as_json=False), 8) == "####==.."


# --- revocation -----------------------------------------------------------------------------------
def test_a_child_is_revoked_without_its_parent_and_not_the_other_way(
    run: Run, leases: tuple[str, str]
) -> None:
    parent, child = leases
    assert (use(run, parent), use(run, child)) == (0, 0)
    assert run("lease", "revoke", *STORE, stdin=child).code == 0
    assert (use(run, parent), use(run, child)) == (0, 6)
    said = json.loads(run("lease", "revoke", *STORE, "--json", stdin=parent).out)
    assert (said["selector"]["value"], said["leases"]) == (Lease.parse(parent).block_ids[0], 2)
    assert (use(run, parent), use(run, child)) == (6, 6)


@pytest.mark.parametrize(
    "words",
    [
        ("--run", "agt_1@2"),
        ("--agent", "bot"),
        ("--key", "k1"),
        ("--agent", "bot", "--all"),
        ("--run", "agt_1@2/c@1"),
    ],
    ids=" ".join,
)
def test_a_dry_run_changes_nothing_and_a_suspension_ends(
    run: Run, leases: tuple[str, str], words: tuple[str, ...]
) -> None:
    child = leases[1]
    assert use(run, child) == 0
    done = run("lease", "revoke", *words, *STORE, "--dry-run")
    assert "1 lease, not yet expired; those never used are not known here" in done.out
    assert "look at the name" not in done.out
    assert "nothing was changed" in done.out
    assert use(run, child) == 0
    for verb, code in (("suspend", 6), ("resume", 0), ("revoke", 6), ("resume", 6)):
        named = [word for word in words if word != "--all" or verb == "revoke"]
        done = run("lease", verb, *named, *STORE)
        assert use(run, child) == code
        assert done.code == (verb == "resume" and code == 6)  # what is revoked is not resumed
    every = "--all" in words or "--run" in words
    assert ("is not suspended; it is revoked, and stays so" in done.err) is every
    assert ("; what was issued before its revocation is revoked, and stays so" in done.err) is not every
    seen = json.loads(run("ledger", "status", *STORE, "--last", "9", "--json").out)
    assert ([entry["verb"] for entry in seen["entries"]], seen["seq"]) == (
        ["revoke", "resume", "suspend"],
        3,
    )


@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=str)
def test_what_is_not_suspended_is_not_resumed(
    run: Run, leases: tuple[str, str], more: tuple[str, ...]
) -> None:
    resume = ("lease", "resume", "--run", "agt_1@2", *STORE, *more)
    done = run(*resume)
    assert (done.code, done.out, "nothing was suspended: run agt_1@2 is not" in done.err) == (1, "", True)
    assert set(json.loads(run(*resume, "--json").out)) == {"error"}
    run("lease", "suspend", "--agent", "bot", *STORE)
    assert run(*resume).code == 1  # the same leases by another name
    run("lease", "suspend", "--run", "agt_1@2", *STORE)
    run("lease", "revoke", "--run", "agt_1@2", *STORE)
    done = run(*resume)
    assert (done.code, "it is revoked, and stays so" in done.out) == (0, True)
    assert json.loads(run("ledger", "status", *STORE, "--json").out)["seq"] == 3 + (not more)


@pytest.mark.parametrize(
    ("kind", "value", "undo"),
    [
        ("--run", "agt_1@2", "--run agt_1@2"),
        ("--agent", "a 'b", """--agent 'a '"'"'b'"""),
        ("--agent", ":=3", "--agent :=3"),
        ("--agent", ':=":=3"', """--agent ':=":=3"'"""),
        ("--agent", ':="a\\nb"', """--agent ':="a\\nb"'"""),
        ("--subject", "-x", "--subject=-x"),
        ("--key", "k1/x", "--key k1/x"),
    ],
)
def test_a_suspension_says_how_it_is_undone(
    run: Run, leases: tuple[str, str], kind: str, value: str, undo: str
) -> None:
    done = run("lease", "suspend", f"{kind}={value}", *STORE)
    [line] = [line for line in done.out.splitlines() if "undo" in line]
    assert line == f"  undo    attenuate lease resume {undo}"
    assert run(*shlex.split(line)[2:], *STORE).code == 0
    assert "undo" not in run("lease", "suspend", f"{kind}={value}", *STORE, "--dry-run").out


def test_a_token_is_suspended_and_resumed_by_its_block(run: Run, leases: tuple[str, str]) -> None:
    done = run("lease", "suspend", *STORE, stdin=leases[1])
    assert f"attenuate lease resume --block {Lease.parse(leases[1]).block_ids[-1]}\n" in done.out
    assert run("lease", "resume", *STORE, stdin=leases[1]).code == 0


def test_what_no_gate_has_seen_may_be_mistyped(run: Run, leases: tuple[str, str]) -> None:
    assert use(run, leases[1]) == 0
    told = "no gate of this store has seen one; look at the name"
    for verb in ("revoke", "suspend"):
        assert told in run("lease", verb, "--agent", "bto", *STORE, "--dry-run").out
        assert told not in run("lease", verb, "--agent", "bot", *STORE, "--dry-run").out
    done = run("lease", "revoke", "--agent", "bot", "--before", "1d", *STORE, "--dry-run")
    assert ("0 leases, not yet expired" in done.out, told in done.out) == (True, False)


def test_before_takes_how_long_ago(run: Run, leases: tuple[str, str]) -> None:
    def before(word: str) -> int:
        words = ("--before", word, "--now", "1800000000", "--dry-run", "--json")
        return int(json.loads(run("lease", "revoke", "--agent", "bot", *words, *STORE).out)["before"])

    assert [before(word) for word in ("90s", "10m", "2h", "1d")] == [
        1800000000 - seconds for seconds in (90, 600, 7200, 86400)
    ]
    assert before("1799999000") == 1799999000
    assert before("2027-01-15T08:00:00Z") == 1800000000
    assert before("999999999d") == 0
    for word in ("10", "10m"):
        assert run("lease", "revoke", "--agent", "bot", "--before", word, *STORE, "--dry-run").code == 0
    for word in ("-10m", "0m", "10 m", "10w", "yesterday", "1960-01-01T00:00:00Z", "9" * 16):
        done = run("lease", "revoke", "--agent", "bot", f"--before={word}", *STORE, "--dry-run")
        assert (done.code, "or 10m for ten minutes ago" in done.err) == (2, True), word


def test_what_is_named_must_be_one_thing(run: Run, leases: tuple[str, str]) -> None:
    for words in (
        ("--run", "agt_1@2", leases[0]),
        ("--run", "agt_1@2", "--token-file", "t"),
        ("--run", "agt_1@2", "--agent", "bot"),
        ("--agent", ""),
        ("--agent", ":=[1]"),
        ("--agent", ":=x"),
        ("--key", "k" * 2000),
        ("--run", "agt_1@2", "--note", "n" * 501),
    ):
        done = run("lease", "revoke", *words, *STORE)
        assert (done.code, done.out) == (2, ""), words
    assert json.loads(run("ledger", "status", *STORE, "--json").out)["seq"] == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40)
@given(
    option=st.sampled_from(["--run", "--agent", "--key", "--block", "--before", "--note", "--policy"]),
    word=WORDS,
)
def test_no_selector_ends_in_a_traceback(run: Run, option: str, word: str) -> None:
    open_store("sqlite:s.db").close()
    more = ("--run", "a@1") if option in ("--before", "--note") else ()
    done = run("lease", "revoke", f"{option}={word}", *more, *STORE, "--dry-run")
    assert done.code in (0, 2)
    assert "unexpected" not in done.err


# --- addresses ------------------------------------------------------------------------------------
def test_an_address_is_shown_without_user_and_password() -> None:
    for address, shown in (
        ("sqlite:a/s.db", "sqlite:a/s.db"),
        ("redis://u:p@host:6379/0", "redis://host:6379/…"),
        ("rediss://:p%40@[::1]/0", "rediss://[::1]/…"),
        ("postgresql://u:p@host/db?password=p", "postgresql://host/…"),
        ("postgresql:///db?password=p", "postgresql://…"),
        ("redis://u:p/w@host", "redis://…"),
    ):
        assert shown_address(address) == shown


@pytest.mark.parametrize("library", ["redis", "psycopg"])
def test_no_password_is_ever_printed(
    run: Run, leases: tuple[str, str], library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"no {library}")
    kind = {"redis": "redis", "psycopg": "postgresql"}[library]
    run("keys", "new", "f", "--alg", "ed25519", "--out", "feed.keys")
    for address in (
        f"{kind}://user:geheim7@127.0.0.1:1/0",
        f"{kind}://:geheim7@127.0.0.1:1/0",
        f"{kind}://user:ge/geheim7@127.0.0.1:1/0",
        f"{kind}://127.0.0.1:1/0?password=geheim7",
    ):
        commands = (
            ("ledger", "status", "--store", address),
            ("ledger", "status", address),
            ("ledger", "serve", "--store", address),
            ("budget", "show", "--store", address, leases[0]),
            ("budget", "holds", f"--stor={address}"),
            ("lease", "revoke", "--run", "a@1", "--store", address),
            ("verify", *ASK, "--cost", "cents=1", "--store", address, leases[0]),
        )
        for words in commands:
            for more in ((), ("--json",)):
                done = run(*words, *more)
                assert done.code in (1, 2, 7), words
                assert "geheim7" not in done.all, words
        monkeypatch.setenv("ATTENUATE_STORE", address)
        done = run("doctor")
        assert (done.code, "BAD  store" in done.out, "geheim7" in done.all) == (1, True, False)
        monkeypatch.delenv("ATTENUATE_STORE")


def test_the_doctor_tries_the_store(run: Run, leases: tuple[str, str]) -> None:
    here = str(Path("s.db").absolute())
    said = doctor(ATTENUATE_STORE=f"sqlite:{here}")
    assert said["store"][0]
    assert {"redis", "psycopg"} <= set(said)
    missing = doctor(ATTENUATE_STORE=f"sqlite:{here}.none")
    assert not missing["store"][0]
    assert not Path(f"{here}.none").exists()
    assert not doctor(ATTENUATE_STORE="nothing")["store"][0]


@pytest.mark.parametrize("name", ["redis", "postgresql"])
def test_the_doctor_says_what_makes_a_store_durable(
    run: Run, leases: tuple[str, str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("ATTENUATE_STORE", "sqlite:s.db")
    monkeypatch.setattr(SqliteStore, "name", name)
    told = {"redis": "set appendonly yes, appendfsync always", "postgresql": "set fsync on"}
    for durable in (False, True):
        monkeypatch.setattr(SqliteStore, "durable", durable)
        checks = json.loads(run("doctor", "--json").out)["checks"]
        [check] = [each for each in checks if each["name"] == "store"]
        hint = "" if durable else f"{told[name]}: docs/how-to/choose-a-store.md"
        assert (check["ok"], check["hint"]) == (True, hint)
        words = "durable" if durable else "NOT durable"
        assert re.search(rf"answers in \d+\.\d ms, {words}, ", check["value"])


def test_the_doctor_does_not_measure_the_connecting(
    run: Run, leases: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = SqliteStore.entries, iter(range(9))

    def entries(store: SqliteStore, after: int, *, limit: int) -> Any:
        if next(calls) == 0:
            time.sleep(0.5)
        return real(store, after, limit=limit)

    monkeypatch.setattr(SqliteStore, "entries", entries)
    monkeypatch.setenv("ATTENUATE_STORE", "sqlite:s.db")
    found = re.search(r"answers in ([0-9.]+) ms", run("doctor").out)
    assert found
    assert float(found[1]) < 400


# --- the feed -------------------------------------------------------------------------------------
def _hears_ctrl_c() -> None:
    """Undo what a shell does to processes in the background, and what they hand down."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def feed(run: Run, leases: tuple[str, str]) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A feed in a process of its own: the process, its URL and its public key."""
    run("keys", "new", "f", "--alg", "ed25519", "--out", "feed.keys")
    words = [sys.executable, "-m", "attenuate", "ledger", "serve", *STORE, "--json"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, preexec_fn=_hears_ctrl_c
    ) as process:
        assert process.stdout is not None
        try:
            said = json.loads(process.stdout.readline())
            yield process, said["url"], said["key"]
        finally:
            process.kill()


def test_a_feed_is_served_until_ctrl_c_and_its_age_is_told(
    run: Run,
    feed: tuple[subprocess.Popen[str], str, str],
) -> None:
    process, url, key = feed
    ask = ("ledger", "status", "--feed", url, "--feed-key", key)
    run("lease", "revoke", "--run", "a@1", *STORE)
    said = json.loads(run(*ask, *STORE, "--json").out)
    assert (said["feed"]["seq"], said["feed"]["marks"], 0 <= said["feed"]["age"] < 5) == (1, 1, True)
    assert "of this ledger, " in run(*ask, *STORE).out
    other = KeyRing.generate("o", "ed25519")["o"].public_text()
    assert run(*ask[:-1], other, *STORE).code == 4
    open_store("sqlite:other.db").close()
    assert run(*ask, "--store", "sqlite:other.db").code == 4
    process.send_signal(signal.SIGINT)
    assert (process.wait(10), process.communicate()[1]) == (0, "")
    done = run(*ask, *STORE)
    assert (done.code, "unavailable: store" in done.err) == (7, True)
    assert re.search(r"sequence  1\nmarks     1 in force\n .* run a@1", done.out)  # the ledger all the same
    said = json.loads(run(*ask, *STORE, "--json").out)
    assert (said["seq"], said["error"]["stage"], "feed" in said) == (1, "unavailable", False)
    done = run(*ask)
    assert (done.code, done.out) == (7, "")


def test_a_feed_is_looked_at_without_a_store(run: Run, feed: tuple[subprocess.Popen[str], str, str]) -> None:
    _, url, key = feed
    ask = ("ledger", "status", "--feed", url, "--feed-key", key)
    run("lease", "revoke", "--run", "a@1", *STORE)
    said = json.loads(run(*ask, "--json").out)
    assert (list(said), said["feed"]["seq"], said["feed"]["marks"]) == (["feed"], 1, 1)
    rows = dict(line.split(maxsplit=1) for line in run(*ask).out.splitlines())
    assert re.fullmatch(r"of 127\.0\.0\.1, \d+\.\d s old", rows["feed"])
    assert (rows["sequence"], rows["marks"]) == ("1", "1 in force")
    other = KeyRing.generate("o", "ed25519")["o"].public_text()
    assert run(*ask[:-1], other).code == 4
    assert run("ledger", "status").code == 2


def test_a_feed_of_a_mistyped_store_makes_no_file(run: Run) -> None:
    run("keys", "new", "f", "--alg", "ed25519", "--out", "feed.keys")
    serve = ("ledger", "serve", "--store", "sqlite:typo.db")
    done = run(*serve)
    assert (done.code, "typo.db: no such file" in done.err, "--make" in done.err) == (1, True, True)
    assert not Path("typo.db").exists()


def test_a_first_start_makes_an_empty_ledger_and_says_so(run: Run) -> None:
    run("keys", "new", "f", "--alg", "ed25519", "--out", "feed.keys")
    words = [sys.executable, "-m", "attenuate", "ledger", "serve", "--store", "sqlite:n.db", "--make"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    for made in (True, False):
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, text=True, env=env, preexec_fn=_hears_ctrl_c
        ) as process:
            try:
                assert process.stdout is not None
                text = "".join(iter(process.stdout.readline, "Ctrl-C ends it\n"))
                process.send_signal(signal.SIGINT if made else signal.SIGTERM)
                assert process.wait(10) == 0
            finally:
                process.kill()
        assert ("made now, with an empty ledger" in text) is made
        assert Path("n.db").exists()


def test_a_feed_needs_a_key_of_its_own_and_both_options(run: Run, leases: tuple[str, str]) -> None:
    assert run("ledger", "serve", *STORE, "--keys", "attenuate.keys").code == 1
    run("keys", "new", "f", "--alg", "ed25519", "--out", "feed.keys")
    run("keys", "publish", "--keys", "feed.keys", "--out", "public.keys")
    assert run("ledger", "serve", *STORE, "--keys", "public.keys").code == 1
    assert run("ledger", "serve", *STORE, "--port", "99999").code == 2
    assert run("ledger", "status", *STORE, "--feed", "http://127.0.0.1:1/ledger").code == 2
    assert run("ledger", "status", *STORE, "--feed", "x", "--feed-key", "y").code == 2
    secret = KeyRing.generate("h")["h"].secret_text()
    done = run("ledger", "status", *STORE, "--feed", "http://127.0.0.1:1/ledger", "--feed-key", secret)
    assert (done.code, secret in done.all) == (2, False)
    assert run("ledger", "status", *STORE, "--last", "-1").code == 2
