"""The ledger of a store: what a selector catches, what it does not, and what an operator reads of it.

root  agt_1@2, notes agent=triage, subject=ann, template=3, policy=true
      └─ child  agt_1@2/w@1
other agt_2@1, other notes, another key
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import build
import cbor2
import pytest
from build import NOW
from hypothesis import given
from hypothesis import strategies as st
from test_gate import check, gate_of

from attenuate import KeyRing, Lease, Refused, Unavailable
from attenuate.charges import Charge
from attenuate.ledger import ALWAYS, KINDS, Ledger, Mark, Selector, View
from attenuate.ledger.entry import RESUME, REVOKE, SUSPEND
from attenuate.ledger.ledger import catch_up
from attenuate.store.base import Store
from attenuate.store.memory import MemoryStore
from attenuate.store.sqlite import SqliteStore


def ledger_of(store: Store, at: float = NOW) -> Ledger:
    return Ledger(store, clock=lambda: at)


NOTES: dict[str, Any] = {"agent": "triage", "subject": "ann", "template": 3, "policy": True}
ROOT = build.lease(notes=NOTES)
CHILD = ROOT.narrow(run="agt_1@2/w@1", now=NOW)
SIBLING = ROOT.narrow(run="agt_1@2/w@2", now=NOW)
OTHER = build.lease(
    "ed25519", run="agt_2@1", notes={"agent": "Triage", "subject": "bob", "template": 4, "policy": False}
)
PLAIN = build.lease(run="agt_3@1")
LEASES: dict[str, tuple[Lease, str]] = {
    "root": (ROOT, "agt_1@2"), "child": (CHILD, "agt_1@2/w@1"), "sibling": (SIBLING, "agt_1@2/w@2"),
    "other": (OTHER, "agt_2@1"), "plain": (PLAIN, "agt_3@1"),
}  # fmt: skip
FAMILY = {"root", "child", "sibling"}
CATCHES: list[tuple[str, Any, set[str]]] = [
    ("block", ROOT.block_ids[0], FAMILY), ("block", CHILD.block_ids[1], {"child"}), ("block", "00" * 16, set()),
    ("run", "agt_1@2", FAMILY), ("run", "agt_1@2/w@1", {"child"}), ("run", "agt_1@2/w", set()), ("run", "agt_1@1", set()), ("run", "agt_1@20", set()),
    ("agent", "triage", FAMILY), ("agent", "Triage", {"other"}), ("agent", "tri", set()), ("agent", "ann", set()),
    ("subject", "ann", FAMILY), ("subject", "bob", {"other"}),
    ("template", 3, FAMILY), ("template", 4, {"other"}), ("template", "3", set()), ("template", True, set()),
    ("policy", True, FAMILY), ("policy", False, {"other"}), ("policy", 1, set()), ("policy", 0, set()),
    ("key", "k1", FAMILY | {"plain"}), ("key", "e1", {"other"}), ("key", "k", set()), ("key", "k1/github", set()),
]  # fmt: skip


def caught(store: Store, leases: dict[str, tuple[Lease, str]] = LEASES, gate: Any = None) -> set[str]:
    """Return the leases that are refused now; they must all be refused for the ledger."""
    gate = gate or gate_of(store)
    out = set()
    for name, (lease, run) in leases.items():
        try:
            check(gate, lease, run=run)
        except Refused as error:
            out.add(name if error.code == "revoked" else f"{name} for {error.code}")
    return out


FRESH = {name: each for name, each in LEASES.items() if name != "child"}
"""Without the child: its sibling is a later attempt."""


# --- selectors ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("row", CATCHES, ids=lambda row: f"{row[0]} {row[1]}")
def test_a_selector_catches_what_it_names_and_nothing_else(engine: Any, store: Store, row: Any) -> None:
    kind, value, names = row
    selector = Selector.make(kind, value)
    leases = {name: each for name, each in LEASES.items() if name != "sibling"} if "child" in names else FRESH
    ledger, names, gate = ledger_of(store), names & set(leases), gate_of(store)
    assert caught(store, leases, gate) == set(), "the control: nothing is caught before"
    assert ledger.count(selector) == len(names)
    ledger.suspend(selector)
    assert caught(store, leases, gate) == names
    ledger.resume(selector)
    assert caught(store, leases, gate) == set()
    ledger.revoke(selector)
    assert caught(store, leases, gate) == caught(store, leases) == names
    ledger.resume(selector)
    assert caught(store, leases, gate) == names, "what was revoked stays revoked"


def test_a_key_is_caught_with_the_audience_keys_below_it(engine: Any, store: Store) -> None:
    root = KeyRing({"k1": build.KEYS["hmac"]}, "k1")
    service = root.for_audience("github")
    key_id = next(iter(service))
    served = KeyRing({key_id: service[key_id]}, key_id).mint(now=NOW, **build.terms())
    leases = {"served": (served, "agt_1@2"), "root": (ROOT, "agt_1@2")}
    assert caught(store, leases) == set()
    ledger_of(store).suspend(Selector.make("key", "k1/github"))
    assert caught(store, leases) == {"served"}
    ledger_of(store).resume(Selector.make("key", "k1/github"))
    ledger_of(store).revoke(Selector.make("key", "k1"))
    assert caught(store, leases) == {"served", "root"}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("lease", "x"), ("", "x"), (1, "x"), ("block", "0c9d"), ("block", "0C" * 16), ("block", "0c" * 32), ("block", b"0" * 16), ("block", 1), ("block", None),
        ("run", ""), ("run", "agt_1@0"), ("run", "agt 1@1"), ("run", "a@1/"), ("run", 1), ("run", "agt_1"), ("run", "agt_1/w@1"),
        ("agent", ""), ("agent", None), ("agent", 1.5), ("agent", "x" * 1025), ("agent", ["x"]), ("agent", "\ud800"), ("template", 2**70),
        ("template", 10**2000), ("key", ""), ("key", 1), ("key", True),
    ],
)  # fmt: skip
def test_what_selects_nothing(kind: Any, value: Any) -> None:
    with pytest.raises(ValueError) as refused:
        Selector.make(kind, value)
    assert len(str(refused.value)) < 400
    assert "\ud800" not in str(refused.value)


def test_a_selector_has_one_spelling() -> None:
    assert Selector.make("run", (("agt_1", 2), ("w", None))) == Selector.make("run", "agt_1@2/w")
    assert str(Selector.make("agent", "two words")) == "agent 'two words'"
    keys = [Selector.make(kind, value).key for kind, value, _ in CATCHES]
    assert len(set(keys)) == len(keys), "no two questions share a key"
    assert Selector.make("policy", True).key != Selector.make("policy", 1).key


@given(
    st.sampled_from([REVOKE, SUSPEND, RESUME]),
    st.sampled_from([kind for kind in KINDS if kind not in ("block", "run")]),
    st.text(min_size=1, max_size=50).filter(lambda text: text.isprintable()),
    st.integers(0, ALWAYS),
    st.integers(0, ALWAYS),
)
def test_an_entry_is_read_as_it_was_written(
    verb: int, kind: str, value: str, before: int, until: int
) -> None:
    mark = Mark(verb, Selector.make(kind, value), before, until)
    assert Mark.decode(mark.encode()) == mark
    assert str(mark).startswith(("revoke", "suspend", "resume"))


def _body(*values: Any) -> bytes:
    return cbor2.dumps(list(values))


GOOD = Mark(REVOKE, Selector.make("key", "k1"))
NO_ENTRIES = [
    b"", b"\xff", b"\x00", cbor2.dumps({}), _body(), _body(0, GOOD.selector.key, 1), _body(3, GOOD.selector.key, 1, 1), _body(True, GOOD.selector.key, 1, 1),
    _body("0", GOOD.selector.key, 1, 1), _body(0, "key", 1, 1), _body(0, GOOD.selector.key, -1, 1), _body(0, GOOD.selector.key, 1, None),
    _body(0, GOOD.selector.key, True, 1), _body(0, GOOD.selector.key, 1, 1, 1),
]  # fmt: skip


@pytest.mark.parametrize("body", NO_ENTRIES, ids=bytes.hex)
def test_what_is_no_entry_changes_nothing(body: bytes) -> None:
    view = View()
    mark = view.mark
    with pytest.raises(ValueError):
        view.apply([GOOD.encode(), body], 2)
    assert (view.seq, len(view), view.mark) == (0, 0, mark)
    with pytest.raises(ValueError):
        Mark.decode(body)
    view.apply([GOOD.encode()], 1)
    assert (view.seq, len(view)) == (1, 1)
    assert view.mark is not mark


# --- when ---------------------------------------------------------------------------------------------
def test_what_is_issued_afterwards_lives(engine: Any, store: Store) -> None:
    old = build.RINGS["hmac"].mint(now=NOW - 1, **build.terms(notes=NOTES))
    same = build.RINGS["hmac"].mint(now=NOW, **build.terms(notes=NOTES))
    new = build.RINGS["hmac"].mint(now=NOW + 1, **build.terms(notes=NOTES))
    leases = {name: (lease, "agt_1@2") for name, lease in (("old", old), ("same", same), ("new", new))}
    ledger, agent, key = (
        ledger_of(store, NOW + 0.9),
        Selector.make("agent", "triage"),
        Selector.make("key", "k1"),
    )
    assert caught(store, leases) == set()
    assert ledger.before(agent) == NOW + 1
    assert ledger.before(Selector.make("run", "agt_1@2")) == ALWAYS
    assert [ledger.count(agent, before=before) for before in (NOW - 1, NOW, NOW + 1, ALWAYS)] == [0, 1, 2, 3]
    ledger.revoke(agent, before=NOW)
    assert caught(store, leases) == {"old"}
    ledger.revoke(agent)
    assert caught(store, leases) == {"old", "same"}, "this second too"
    ledger.revoke(agent, before=5)
    assert caught(store, leases) == {"old", "same"}, "an earlier time takes nothing back"
    assert caught(store, {"child": (new.narrow(ttl="1m", now=NOW + 9), "agt_1@2")}) == set()
    assert caught(store, {"child": (old.narrow(ttl="5m", now=NOW + 9), "agt_1@2")}) == {"child"}
    ledger.revoke(key, before=ALWAYS)
    assert caught(store, leases) == {"old", "same", "new"}


def test_a_suspension_is_of_what_is_issued_meanwhile_too(engine: Any, store: Store) -> None:
    ledger, agent = ledger_of(store, NOW - 500), Selector.make("agent", "triage")
    ledger.suspend(agent)
    assert caught(store, FRESH) == {"root", "sibling"}
    ledger.suspend(agent)
    ledger.resume(agent)
    assert caught(store, FRESH) == set(), "twice suspended, once resumed"
    ledger.resume(agent)
    ledger.revoke(agent)
    assert caught(store, FRESH) == set(), "issued after that"


def test_the_count_is_of_what_lives(engine: Any, store: Store) -> None:
    family = Selector.make("block", ROOT.block_ids[0])
    assert ledger_of(store).count(family) == 0, "never used, not known"
    gate = gate_of(store)
    for _ in range(3):
        check(gate, ROOT)
    check(gate, ROOT, run="agt_1@2/x@1")
    check(gate_of(store), ROOT.narrow(ttl="1m", now=NOW))
    assert ledger_of(store).count(family) == 2
    assert ledger_of(store, NOW + 61).count(family) == 1
    assert ledger_of(store, NOW + 901).count(family) == 0
    assert ledger_of(store).count(Selector.make("key", "e1")) == 0
    assert ledger_of(store).lines() == [], "a dry run writes nothing"


# --- what an operator reads -----------------------------------------------------------------------------
def test_the_lines_of_a_ledger(store: Store) -> None:
    ledger = ledger_of(store, NOW + 0.25)
    assert ledger.lines() == []
    key, agent = Selector.make("key", "k1"), Selector.make("agent", "triage")
    assert [
        ledger.revoke(key, until=NOW + 9, note="stolen"),
        ledger.suspend(agent),
        ledger.resume(agent),
    ] == [1, 2, 3]
    lines = ledger.lines()
    assert [(line.seq, line.at, str(line.mark), line.note) for line in lines] == [
        (3, NOW * 1000 + 250, "resume agent triage", ""),
        (2, NOW * 1000 + 250, "suspend agent triage", ""),
        (1, NOW * 1000 + 250, f"revoke key k1 issued before {NOW + 1}", "stolen"),
    ]
    assert lines[2].mark.until == NOW + 9
    assert [line.seq for line in ledger.lines(last=2)] == [3, 2]
    assert [line.seq for line in ledger.lines(last=99)] == [3, 2, 1]


@pytest.mark.parametrize(
    "more", [{"note": "x" * 501}, {"before": -1}, {"before": 1.5}, {"until": "z"}, {"until": 2**60}], ids=str
)
def test_what_cannot_be_written_is_not(store: Store, more: Any) -> None:
    ledger = ledger_of(store)
    with pytest.raises((ValueError, TypeError)):
        ledger.revoke(Selector.make("key", "k1"), **more)
    assert ledger.lines() == []


def test_the_state_is_what_all_entries_say(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "s.db") as store:
        ledger = ledger_of(store)
        for number in range(30):
            ledger.suspend(Selector.make("agent", f"a{number}"))
            if number % 3 == 0:
                ledger.resume(Selector.make("agent", f"a{number}"))
        ledger.revoke(Selector.make("key", "k1"))
    with SqliteStore(tmp_path / "s.db") as again:
        view = ledger_of(again).state()
        assert (view.seq, len(view)) == (41, 21)


def test_an_entry_that_ended_is_forgotten_and_its_number_is_not(store: Store) -> None:
    ledger = ledger_of(store)
    ledger.revoke(Selector.make("block", "00" * 16), until=NOW + 5)
    ledger.revoke(Selector.make("key", "k1"))
    view = ledger.state()
    store.sweep(now=NOW + 5)
    assert [line.seq for line in ledger.lines()] == [2]
    assert (ledger.state().seq, len(ledger.state()), len(view)) == (2, 1, 2)
    assert ledger.suspend(Selector.make("key", "k2")) == 3
    catch_up(view, store)
    assert (view.seq, len(view)) == (3, 3)


def test_a_ledger_that_went_back_is_no_answer(store: Store) -> None:
    view = View()
    view.apply([GOOD.encode()], 7)
    with pytest.raises(Unavailable, match="ends at 0, and had 7"):
        catch_up(view, store)
    assert view.seq == 7
    assert len(view) == 1


def test_another_history_is_read_anew() -> None:
    """A backup that was restored and grew has the same numbers, for other entries."""
    before, after = MemoryStore(), MemoryStore()
    lost = Selector.make("agent", "lost")
    for ledger in (before, after):
        Ledger(ledger).revoke(Selector.make("agent", "both"), before=ALWAYS)
    Ledger(before).revoke(lost, before=ALWAYS)
    view = View()
    catch_up(view, before)
    assert view.against([_charge(lost)])
    for name in ("x", "y"):
        Ledger(after).revoke(Selector.make("agent", name), before=ALWAYS)
    catch_up(view, after)  # it ends after what is known, and 2 is another there
    assert [
        bool(view.against([_charge(Selector.make("agent", name))])) for name in ("both", "x", "y", "lost")
    ] == [True] * 3 + [False]
    with mock.patch.object(View, "become"):  # the control
        view = View()
        catch_up(view, before)
        catch_up(view, after)
    assert not view.against([_charge(Selector.make("agent", "x"))])


def test_what_is_no_store_or_no_selector(store: Store) -> None:
    with pytest.raises(TypeError, match="give a Store"):
        Ledger("sqlite:x.db")  # type: ignore[arg-type]
    ledger = ledger_of(store)
    for ask in (ledger.revoke, ledger.suspend, ledger.resume, ledger.before, ledger.count):
        for wrong in ("agent triage", ("agent", "triage"), None):
            with pytest.raises(TypeError, match=r"selects nothing; give Selector\.make"):
                ask(wrong)  # type: ignore[arg-type]
    assert ledger.lines() == []


# --- the view -----------------------------------------------------------------------------------------
def _charge(selector: Selector, issued_at: int = NOW) -> Charge:
    return Charge("revoked", selector.key, 0, 0, NOW + 900, issued_at=issued_at)


MARKS = st.tuples(
    st.sampled_from([REVOKE, SUSPEND, RESUME]),
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from([0, NOW, NOW + 1, ALWAYS]),
)


@given(
    st.lists(MARKS, max_size=12), st.lists(st.sampled_from(["a", "b", "c"]), max_size=3), st.integers(0, 12)
)
def test_a_view_is_what_a_model_says(marks: Any, asked: list[str], cut: int) -> None:
    view = View()
    bodies = [
        Mark(verb, Selector.make("agent", name), before if verb == REVOKE else ALWAYS).encode()
        for verb, name, before in marks
    ]
    cut = min(cut, len(bodies))
    view.apply(bodies[:cut], cut)
    view.apply(bodies[cut:], len(bodies))
    wanted = None
    for name in asked:
        if any(verb == REVOKE and each == name and before > NOW for verb, each, before in marks):
            wanted = name, "revoked"
        else:
            last = [verb for verb, each, _ in marks if each == name and verb != REVOKE][-1:]
            wanted = (name, "suspended") if last == [SUSPEND] else None
        if wanted:
            break
    charges = [_charge(Selector.make("agent", name)) for name in asked]
    found = view.against(charges)
    assert (found and (found[0].key, found[1])) == (
        wanted and (Selector.make("agent", wanted[0]).key, wanted[1])
    )
    assert view.seq == len(bodies)


# --- controls -----------------------------------------------------------------------------------------
def _by_kind(chain: Any, ids: Any, run: Any) -> list[Any]:
    return [("block", ids[0]), ("key", chain.key_id)]


def _no_time(self: View, charges: Any) -> Any:
    return next(((charge, "revoked") for charge in charges if charge.key in self._said[0]), None)


@pytest.mark.parametrize(
    ("target", "instead", "test"),
    [
        ("attenuate.charges._selectors", _by_kind, lambda store: test_a_selector_catches_what_it_names_and_nothing_else(None, store, CATCHES[3])),
        ("attenuate.charges._selectors", _by_kind, lambda store: test_a_key_is_caught_with_the_audience_keys_below_it(None, store)),
        ("attenuate.ledger.view.View.against", _no_time, lambda store: test_what_is_issued_afterwards_lives(None, store)),
        ("attenuate.ledger.view.RESUME", 9, lambda store: test_a_suspension_is_of_what_is_issued_meanwhile_too(None, store)),
        ("attenuate.store.memory.MemoryStore._count", lambda self, selector, before, now: len(self._seen.get(selector, {})), lambda store: test_the_count_is_of_what_lives(None, store)),
        ("attenuate.store.memory.MemoryStore._count", lambda self, selector, before, now: len(self._seen.get(selector, {})), lambda store: test_what_is_issued_afterwards_lives(None, store)),
    ],
)  # fmt: skip
def test_each_fault_is_found(python: Any, target: str, instead: Any, test: Any) -> None:
    test(MemoryStore())
    with mock.patch(target, instead), pytest.raises((AssertionError, pytest.fail.Exception)):
        test(MemoryStore())
