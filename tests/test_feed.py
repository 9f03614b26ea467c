"""The feed of a ledger: frames, followers, and an age that nobody can make smaller.

broker ── frame ── frame ── … ──> Follower.take: this ledger, without a gap, newer than the last
                                  age: from when it was asked for, or made, whichever is older
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest import mock

import build
import cbor2
import hostile_feed
import pytest
from build import NOW
from test_gate import check, gate_of, refused

from attenuate import Gate, LeaseError, Refused, Unavailable, Untrusted
from attenuate.fields import steady
from attenuate.keys import Key
from attenuate.ledger import (
    ALWAYS,
    Feed,
    Follower,
    Frame,
    HttpSource,
    Ledger,
    Selector,
    StoreSource,
    follow,
    frame,
    serve,
)
from attenuate.ledger.entry import REVOKE, Mark, digest
from attenuate.store.memory import MemoryStore

KEY = Key.generate("ed25519")
ID = b"ledger of broker"


def body(which: int) -> bytes:
    return Mark(REVOKE, Selector.make("agent", f"a{which}")).encode()


def known(which: int) -> bytes:
    return digest(which, body(which))


def made(
    start: int = 0, end: int = 0, head: int | None = None, at: float = NOW, identity: bytes = ID
) -> Frame:
    """Return the frame of entries start+1 to end, made at a time in seconds."""
    bodies = tuple(body(number) for number in range(start, end))
    before, last = (known(number - 1) if number else b"" for number in (start, end))
    return Frame(identity, start, end, end if head is None else head, int(at * 1000), bodies, before, last)


class Clocks:
    """A clock that no step moves, and a wall clock; both begin together."""

    def __init__(self) -> None:
        self.now = 50.0
        self.wall = float(NOW)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.wall += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    out = Clocks()
    monkeypatch.setattr(follow, "steady", lambda: out.now)
    return out


class Script:
    """A source that answers what it is told, one after the other; an exception is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[int] = []

    def fetch(self, after: int, wait: float) -> Frame:
        self.asked.append(after)
        answer = self.answers.pop(0) if self.answers else ConnectionError("gone")
        if callable(answer):
            answer = answer()
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    def close(self) -> None:
        pass


def follower_of(clocks: Clocks, *answers: Any, **more: Any) -> Follower:
    return Follower(Script(*answers), clock=lambda: clocks.wall, start=False, **more)


def taken(follower: Follower, clocks: Clocks, got: Frame) -> None:
    follower.take(got, sent=clocks.now, wall=clocks.wall)


# --- frames -------------------------------------------------------------------------------------------
def test_a_frame_is_read_as_it_was_signed() -> None:
    for one in (made(), made(0, 3), made(3, 3, 9), made(2, 4, 9)):
        assert frame.opened(frame.sign(one, KEY), KEY) == one


def test_any_changed_byte_is_refused() -> None:
    data = frame.sign(made(0, 2), KEY)
    for at in range(len(data)):
        for flip in (1, 128):
            bent = data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
            with pytest.raises(Untrusted) as caught:
                frame.opened(bent, KEY)
            assert caught.value.code == "frame"
    for bent in (b"", data[:-1], data + b"\0", data[:64], data[64:], data[:63]):
        with pytest.raises(Untrusted):
            frame.opened(bent, KEY)
    with pytest.raises(Untrusted):
        frame.opened(data, Key.generate("ed25519"))
    assert frame.opened(data, KEY), "the control: as it was"


def test_a_signature_of_something_else_is_no_frame() -> None:
    payload = frame.sign(made(), KEY)[64:]
    for label in (b"", b"attenuate/1 link\0", b"attenuate/1 feed"):
        with pytest.raises(Untrusted):
            frame.opened(frame.ed25519.sign(KEY.seed(), label + payload) + payload, KEY)


SIGNED_NONSENSE: list[Any] = [
    b"\xff", [], [2, ID, 0, 0, 0, 1, []], [1, ID[:15], 0, 0, 0, 1, []], [1, ID.decode(), 0, 0, 0, 1, []], [1, ID, 1, 0, 1, 1, []], [1, ID, 0, 2, 1, 1, []],
    [1, ID, -1, 0, 0, 1, []], [1, ID, 0, 0, 2**60, 1, []], [1, ID, 0, True, 1, 1, []], [1, ID, 0, 0, 0, 1.5, []], [1, ID, 0, 1, 1, 1, [b"", b""]],
    [1, ID, 0, 1, 1, 1, ["x"]], [1, ID, 0, 0, 0, 1, None], [1, ID, 0, 0, 0, 1, [], 0],
    [1, ID, 0, 0, 0, 1, []], [1, ID, 0, 0, 0, 1, [], b""], [1, ID, 0, 0, 0, 1, [], b"", b"", b""], [1, ID, 0, 0, 0, 1, [], b"", b"\0" * 32],
    [1, ID, 0, 1, 1, 1, [b""], b"\0" * 32, b""], [1, ID, 0, 1, 1, 1, [b""], b"", b"\0" * 31], [1, ID, 0, 1, 1, 1, [b""], b"", None],
    [1, ID, 1, 1, 1, 1, [], b"\0" * 32, b"\1" * 32], [1, ID, 1, 1, 1, 1, [], b"\0" * 32, b""],
]  # fmt: skip


@pytest.mark.parametrize("nonsense", SIGNED_NONSENSE, ids=str)
def test_what_is_signed_and_no_frame(nonsense: Any) -> None:
    payload = nonsense if isinstance(nonsense, bytes) else cbor2.dumps(nonsense)
    with pytest.raises(Untrusted, match="not well formed"):
        frame.opened(frame.ed25519.sign(KEY.seed(), frame.FEED + payload) + payload, KEY)


def test_a_frame_is_of_a_part_of_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "MOST", 3)
    store = MemoryStore()
    ledger = Ledger(store, clock=lambda: NOW)
    for number in range(7):
        ledger.suspend(Selector.make("agent", f"a{number}"))
    read = [frame.read(store, after, lambda: NOW + 0.5) for after in (0, 3, 6, 7)]
    assert [(each.start, each.end, each.head, len(each.bodies)) for each in read] == [
        (0, 3, 7, 3),
        (3, 6, 7, 3),
        (6, 7, 7, 1),
        (7, 7, 7, 0),
    ]
    assert {(each.identity, each.at) for each in read} == {(store.identity, NOW * 1000 + 500)}
    monkeypatch.setattr(frame, "MAX_BODIES", 40)
    assert frame.read(store, 0, lambda: NOW).end < 3


# --- what is taken --------------------------------------------------------------------------------------
def test_a_cold_start_is_stale(clocks: Clocks) -> None:
    follower = follower_of(clocks)
    assert (follower.age(), follower.info().seq, follower.ready(0.01)) == (float("inf"), 0, False)
    taken(follower, clocks, made())
    assert (follower.age(), follower.ready(0)) == (0.0, True)


UNTAKEN: dict[str, tuple[Frame, str]] = {
    "a gap": (made(5, 6, at=NOW + 1), "a frame after 5"),
    "entries again": (made(0, 4, at=NOW + 1), "a frame after 0"),
    "went back": (made(2, 2, at=NOW + 1), "a frame after 2"),
    "another ledger": (made(4, 5, at=NOW + 1, identity=b"another ledger.."), "another ledger"),
    "a heartbeat again": (made(4, 4, at=NOW), "not newer"),
    "an older heartbeat": (made(4, 4, at=NOW - 1), "not newer"),
    "a ledger that shrank": (made(4, 4, at=NOW + 1)._replace(end=3, head=3), "ends at 3"),
    "a head before the end": (made(4, 6, 5, at=NOW + 1), "ends at 5"),
    "a frame that leads nowhere": (made(4, 4, 6, at=NOW + 1), "leads nowhere"),
    "a clock far ahead": (made(4, 5, at=NOW + 64), "61 s ahead"),
    "a clock far ahead, and a heartbeat": (made(4, 4, at=NOW + 86_400), "s ahead of the clock here"),
    "an old frame of another history": (made(4, 5)._replace(before=known(9)), "another history after 4"),
    "an entry of a later version": (
        made(4, 5, at=NOW + 1)._replace(bodies=(cbor2.dumps([9, b"k", 1, 1]),)),
        "entry",
    ),
}


@pytest.mark.parametrize("name", UNTAKEN)
def test_what_is_not_taken_changes_nothing(clocks: Clocks, name: str) -> None:
    follower = follower_of(clocks)
    taken(follower, clocks, made(0, 4))
    clocks.sleep(3)
    before, view = follower.info(), follower.view.mark
    got, words = UNTAKEN[name]
    with pytest.raises(Untrusted, match=words) as caught:
        taken(follower, clocks, got)
    assert caught.value.code == "frame"
    assert follower.info() == before
    assert follower.view.mark is view
    taken(follower, clocks, made(4, 5, at=NOW + 3))  # the control: the one that follows
    assert (follower.age(), follower.view.seq) == (0.0, 5)


def test_the_ledger_is_the_one_that_was_named(clocks: Clocks) -> None:
    with pytest.raises(Untrusted, match="another ledger"):
        taken(follower_of(clocks, identity=b"the other one..."), clocks, made())
    taken(follower_of(clocks, identity=ID), clocks, made())


def other(start: int, end: int, head: int, at: float) -> Frame:
    """Return a frame of a history whose entries are 100 to 199."""
    before, last = (known(99 + number) if number else b"" for number in (start, end))
    bodies = tuple(body(100 + number) for number in range(start, end))
    return Frame(ID, start, end, head, int(at * 1000), bodies, before, last)


def test_a_restored_history_is_read_anew(clocks: Clocks, caplog: pytest.LogCaptureFixture) -> None:
    later = [NOW + 1, NOW + 2, NOW + 3, NOW + 4]
    answers = [made(0, 4), other(4, 5, 5, later[0]), other(0, 2, 5, later[1]), ConnectionError("cut")]
    answers += [other(0, 2, 5, NOW), other(2, 4, 5, NOW), other(2, 4, 5, later[2]), other(4, 5, 5, later[3])]
    follower = follower_of(clocks, *answers)
    source: Script = follower._source  # type: ignore[assignment]
    view = follower.view
    follower.refresh()
    clocks.sleep(4)
    for error in (ConnectionError, Untrusted, Untrusted):  # an old snapshot is not taken for the new one
        mark = view.mark
        with pytest.raises(error):
            follower.refresh()
        assert (view.seq, view.last, view.mark is mark, follower.age()) == (4, known(3), True, 4)
    assert source.asked == [0, 4, 0, 2, 2, 2]
    follower.refresh()
    assert source.asked[6:] == [2, 4]
    assert follower.view is view
    assert (view.seq, view.last, len(view), follower.age()) == (5, known(104), 5, 0)
    assert "another history after 4; it is read anew" in caplog.text
    taken(follower, clocks, other(5, 6, 6, NOW + 5))
    with pytest.raises(Untrusted, match="another history"):
        taken(follower, clocks, made(6, 7, at=NOW + 1))


def test_a_backup_that_grew_is_noticed(clocks: Clocks) -> None:
    """The store is another object with the same identity, as after a restore."""
    before, after = MemoryStore(), MemoryStore()
    after._identity = before.identity
    for store in (before, after):
        store.append([body(1)], at=1, until=[ALWAYS])
    before.append([body(2)], at=2, until=[ALWAYS])
    now = [before]
    follower = follower_of(clocks, *[lambda: frame.read(now[0], asked[-1], lambda: clocks.wall)] * 9)
    asked: list[int] = follower._source.asked  # type: ignore[attr-defined]
    gate = gate_of(MemoryStore(), ledger=follower)
    follower.refresh()
    check(gate, LEASE)
    after.append([body(0)], at=3, until=[ALWAYS])
    now[0] = after
    clocks.sleep(1)
    follower.refresh()
    refused(gate, LEASE, "revoked")
    assert (follower.view.seq, len(follower.view), follower.age()) == (2, 2, 0)


def test_an_entry_that_was_forgotten_is_read_anew(clocks: Clocks) -> None:
    store = MemoryStore()
    store.append([body(1), body(2)], at=1, until=[NOW, NOW])
    read = lambda: frame.read(store, asked[-1], lambda: clocks.wall)  # noqa: E731
    follower = follower_of(clocks, *[read] * 9)
    asked: list[int] = follower._source.asked  # type: ignore[attr-defined]
    follower.refresh()
    store.append([body(3)], at=2, until=[ALWAYS])
    store.sweep(now=NOW + 1)
    clocks.sleep(1)
    assert (frame.read(store, 2, time.time).before, len(frame.read(store, 0, time.time).bodies)) == (b"", 1)
    follower.refresh()
    assert (asked, follower.view.seq, len(follower.view)) == ([0, 2, 0], 3, 1)


def test_a_clock_far_ahead_stops_nobody(clocks: Clocks) -> None:
    follower = follower_of(clocks, made(), made(at=NOW + 86_400), made(at=NOW + 1))
    follower.refresh()
    clocks.sleep(1)
    with pytest.raises(Untrusted, match="86399 s ahead"):
        follower.refresh()
    follower.refresh()
    assert follower.age() == 0


def test_a_feed_that_is_lost_and_back_is_told_once(clocks: Clocks, caplog: pytest.LogCaptureFixture) -> None:
    lost = OSError("http://user:secret@broker/")
    follower = follower_of(clocks, made(), lost, lost, made(at=NOW + 1), made(at=NOW + 2), lost)
    for _ in range(6):
        with suppress(OSError):
            follower.refresh()
        clocks.sleep(1)
    told = [(each.name, each.levelname, each.getMessage()) for each in caplog.records]
    words = ["is lost: OSError", "is back, at 0", "is lost: OSError"]
    assert told == [("attenuate.ledger", "WARNING", f"the feed of the ledger {each}") for each in words]


def test_a_failure_is_shared_by_all_who_wait() -> None:
    class Silent(Script):
        def fetch(self, after: int, wait: float) -> Frame:
            self.asked.append(after)
            time.sleep(0.3)
            raise TimeoutError

    source, failed = Silent(), []
    follower = Follower(source, start=False)

    def ask() -> None:
        try:
            follower.refresh()
        except OSError as error:
            failed.append(error)

    many = [threading.Thread(target=ask) for _ in range(12)]
    for thread in many:
        thread.start()
    for thread in many:
        thread.join()
    assert len(failed) == 12
    assert len(source.asked) <= 2
    asked = len(source.asked)
    ask()
    assert len(source.asked) == asked + 1, "who asks afterwards asks anew"


def test_who_waits_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "QUEUE", 0.05)
    follower = Follower(Script(made()), start=False, clock=lambda: NOW)
    for lock in (follower._asking, follower._taking):
        with lock, pytest.raises(TimeoutError, match="could not be asked for within"):
            follower.refresh()
    assert follower.age() == float("inf")


def test_the_child_of_a_fork_does_not_hang() -> None:
    follower = Follower(Script(made()), start=False, clock=lambda: NOW)
    follower._thread = threading.Thread()
    with follower._asking, follower._taking:  # as another thread does while it asks
        child = os.fork()
        if child == 0:
            said = follower.info().last_error
            with suppress(BaseException):
                signal.alarm(5)
                follower.refresh()
                os._exit(0 if follower.age() < 9 and "no thread follows" in said else 2)
            os._exit(3)
        assert os.waitpid(child, 0)[1] == 0


def test_a_part_of_a_snapshot_is_not_fresh(clocks: Clocks) -> None:
    follower = follower_of(
        clocks, made(0, 2, 5), made(2, 4, 5, NOW + 1), ConnectionError("cut"), made(4, 5, 5, NOW + 2)
    )
    with pytest.raises(ConnectionError):
        follower.refresh()
    assert (follower.age(), follower.view.seq) == (float("inf"), 4)
    follower.refresh()
    assert (follower.view.seq, len(follower.view), follower.info().frames) == (5, 5, 3)
    assert follower.age() == 0


# --- how old it is --------------------------------------------------------------------------------------
def test_age_is_from_when_it_was_asked_for(clocks: Clocks) -> None:
    def late() -> Frame:
        answer = made(at=clocks.wall + 1)
        clocks.sleep(9)  # on its way back; or a request held back on its way there
        return answer

    follower = follower_of(clocks, late)
    follower.refresh()
    assert follower.age() == 9


def test_age_is_from_when_it_was_made(clocks: Clocks) -> None:
    follower = follower_of(clocks)
    taken(follower, clocks, made(at=NOW - 7))  # held back by somebody, and given out for the answer
    assert follower.age() == pytest.approx(7)
    taken(follower, clocks, made(0, 1, at=NOW - 3))
    assert follower.age() == pytest.approx(3)
    taken(follower, clocks, made(1, 2, at=NOW - 5))
    assert follower.age() == pytest.approx(3), "an older one makes nothing older"
    taken(follower, clocks, made(2, 2, at=NOW + 60))
    assert follower.age() == 0, "a broker whose clock is ahead makes nothing fresher than the question"


@pytest.mark.parametrize("step", [-1e6, -5.0, 5.0, 1e6])
def test_a_step_of_the_wall_clock_makes_nothing_younger(clocks: Clocks, step: float) -> None:
    follower = follower_of(clocks)
    taken(follower, clocks, made())
    clocks.sleep(4)
    clocks.wall += step
    assert follower.age() == 4
    with pytest.raises(Untrusted):
        taken(follower, clocks, made())
    assert follower.age() == 4, "nor does a heartbeat that was there already"


def test_the_steady_clock_is_one_that_runs_on() -> None:
    one = steady()
    assert steady() >= one
    assert abs(one - time.clock_gettime(time.CLOCK_BOOTTIME)) < 5


def test_two_questions_in_one_millisecond_are_answered(clocks: Clocks) -> None:
    follower = follower_of(clocks, made(), made(), made(at=NOW - 5), made(0, 1))
    for _ in range(3):
        follower.refresh()
    assert (follower.age(), follower.info().frames, follower.info().refused) == (0, 1, 0)
    clocks.sleep(3)
    follower.refresh()
    assert follower.view.seq == 1
    other = follower_of(clocks, made(at=NOW), made(at=NOW, identity=b"another ledger.."))
    other.refresh()
    with pytest.raises(Untrusted, match="another ledger"):
        other.refresh()


# --- a gate that follows --------------------------------------------------------------------------------
LEASE = build.lease(allow=["repo.*"], notes={"agent": "a0"})


def following(clocks: Clocks, *answers: Any, fresh: dict[str, float] | None = None) -> Gate:
    return gate_of(MemoryStore(), ledger=follower_of(clocks, *answers), fresh=fresh)


def test_a_gate_that_knows_nothing_grants_nothing(engine: Any, clocks: Clocks) -> None:
    gate = following(clocks, fresh={"repo.read": 3600})
    error = refused(gate, LEASE, "stale_ledger")
    assert (error.finding.asked, error.finding.allowed, error.finding.would_pass) == (
        "repo.read with no word from the ledger", "repo.read by a ledger of at most 3600 s", "the same request when the ledger is reached again"
    )  # fmt: skip
    assert gate.info().age == float("inf")


@pytest.mark.parametrize(
    ("action", "cost", "limit"),
    [("repo.read", None, 60), ("repo.read", {"usd": 1}, 60), ("repo.write", None, 10), ("repo.write", {"usd": 1}, 2), ("repo.write", {"calls": 1}, 10), ("repo.pay", None, 1)],
)  # fmt: skip
def test_each_class_of_action_has_its_age(
    engine: Any, clocks: Clocks, action: str, cost: Any, limit: float
) -> None:
    gate = following(clocks, made(), fresh={"repo.read": 60, "repo.pay": 1})
    gate.charging._follower.refresh()  # type: ignore[union-attr]
    for _ in range(2):  # the second is known
        check(gate, LEASE, action=action, cost=cost)
    clocks.sleep(limit)
    check(gate, LEASE, action=action, cost=cost)
    clocks.sleep(0.01)
    assert "by a ledger of " in refused(gate, LEASE, "stale_ledger", action=action, cost=cost).finding.asked
    taken(gate.charging._follower, clocks, made(at=clocks.wall))  # type: ignore[arg-type]
    check(gate, LEASE, action=action, cost=cost)
    taken(gate.charging._follower, clocks, made(0, 1, at=clocks.wall))  # type: ignore[arg-type]
    refused(gate, LEASE, "revoked", action=action, cost=cost)


def test_an_age_of_zero_asks_each_time(engine: Any, clocks: Clocks) -> None:
    gate = following(clocks, made(), made(), made(at=NOW + 1), made(0, 1, at=NOW + 2), fresh={"repo.pay": 0})
    source: Script = gate.charging._follower._source  # type: ignore[union-attr,assignment]
    for number in (1, 2, 3):
        check(gate, LEASE, action="repo.pay")
        assert len(source.asked) == number
    check(gate, LEASE)
    assert len(source.asked) == 3
    clocks.sleep(2)
    refused(gate, LEASE, "revoked", action="repo.pay")
    assert (
        "an answer each time" in refused(gate, LEASE, "stale_ledger", action="repo.pay").finding.allowed
    )  # nobody answers
    refused(gate, LEASE, "revoked")


def test_an_answer_that_was_held_back_is_no_answer(engine: Any, clocks: Clocks) -> None:
    gate = following(
        clocks, made(), made(at=NOW + 1), made(at=NOW + 1), made(at=NOW + 9), fresh={"repo.pay": 0}
    )
    check(gate, LEASE, action="repo.pay")
    clocks.sleep(9)
    for _ in range(2):  # one that was made before it was asked for, and that again
        refused(gate, LEASE, "stale_ledger", action="repo.pay")
    check(gate, LEASE, action="repo.pay")


def test_a_refusal_by_age_charges_nothing(engine: Any, clocks: Clocks) -> None:
    gate, lease = following(clocks, made()), build.lease(budget={"calls": 3})
    gate.charging._follower.refresh()  # type: ignore[union-attr]
    assert check(gate, lease).left == {"calls": 2}
    clocks.sleep(99)
    refused(gate, lease, "stale_ledger")
    taken(gate.charging._follower, clocks, made(at=clocks.wall))  # type: ignore[arg-type]
    assert check(gate, lease).left == {"calls": 1}
    assert gate.info().refused == {"stale_ledger": 1}


# --- for real -----------------------------------------------------------------------------------------
class Broker:
    """A store, its feed, and an HTTP server that can be cut off."""

    def __init__(self, store: MemoryStore, port: int = 0) -> None:
        self.store = store
        self.server = serve(Feed(store, KEY), port=port)
        self.port = self.server.server_address[1]
        self.open: list[socket.socket] = []
        accept = self.server.get_request

        def kept() -> Any:
            connection, where = accept()
            self.open.append(connection)
            return connection, where

        self.server.get_request = kept  # type: ignore[method-assign]
        self.thread = threading.Thread(target=lambda: self.server.serve_forever(0.01))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        for connection in self.open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/ledger"


@contextmanager
def broker(store: MemoryStore | None = None, port: int = 0) -> Iterator[Broker]:
    made = Broker(store or MemoryStore(), port)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def followed(where: Broker, **more: Any) -> Iterator[Follower]:
    follower = Follower(HttpSource(where.url, KEY, timeout=1), **{"wait": 0.2, **more})
    try:
        yield follower
    finally:
        follower.close()


def until(ready: Callable[[], bool], seconds: float = 8) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return True
        time.sleep(0.002)
    return False


def ledger_of(where: Broker) -> Ledger:
    return Ledger(where.store, clock=lambda: NOW)


def test_a_follower_over_http(engine: Any) -> None:
    with broker() as where, followed(where) as follower:
        gate = gate_of(MemoryStore(), ledger=follower, fresh={"repo.pay": 0})
        assert follower.ready(8)
        check(gate, LEASE)
        ledger_of(where).revoke(Selector.make("agent", "a0"), before=ALWAYS)
        assert until(lambda: follower.view.seq == 1)
        refused(gate, LEASE, "revoked")
        other = build.lease(notes={"agent": "a1"})
        check(gate, other)
        ledger_of(where).suspend(Selector.make("agent", "a1"))
        with pytest.raises(Refused):
            while True:
                check(gate, other)
        assert until(lambda: follower.info().frames > 5)
        assert (follower.info().failed, follower.info().refused, gate.info().seq) == (0, 0, 2)
        assert 0 <= follower.age() < 2


def test_what_is_asked_at_once_waits_for_nobody() -> None:
    with broker() as where, followed(where, wait=3.0) as follower:
        assert follower.ready(8)
        ledger = ledger_of(where)
        for number in range(5):
            seq = ledger.suspend(Selector.make("agent", f"b{number}"))
            follower.refresh()
            assert follower.view.seq >= seq
        time.sleep(0.05)  # the thread asks again, for three seconds
        began = time.monotonic()
        for _ in range(5):
            follower.refresh()
        assert time.monotonic() - began < 1.5, "it does not wait for the thread's question"
        with mock.patch.object(where.store, "wait", return_value=None):
            many = [threading.Thread(target=follower.refresh) for _ in range(8)]
            for thread in many:
                thread.start()
            for thread in many:
                thread.join()
        assert follower.info().refused == 0
        ledger.suspend(Selector.make("agent", "last"))  # wakes the thread, so that closing is quick


def test_a_broker_that_is_gone_and_comes_back(engine: Any) -> None:
    store = MemoryStore()
    with broker(store) as first, followed(first) as follower:
        gate = gate_of(MemoryStore(), ledger=follower, fresh={"repo.read": 0.7, "repo.pay": 0})
        assert follower.ready(8)
        assert until(lambda: follower.age() < 0.3)
        check(gate, LEASE)
        check(gate, LEASE, action="repo.pay")
        first.close()
        refused(gate, LEASE, "stale_ledger", action="repo.pay")
        Ledger(store, clock=lambda: NOW).revoke(Selector.make("agent", "a0"), before=ALWAYS)
        gone = time.monotonic()
        with pytest.raises(Refused, match="stale_ledger"):
            while time.monotonic() < gone + 8:
                check(gate, LEASE)
                time.sleep(0.01)
        assert time.monotonic() - gone < 0.7 + 0.5
        refused(gate, LEASE, "stale_ledger")
        assert until(lambda: follower.info().failed > 0)
        assert "Error" in follower.info().last_error
        with broker(store, first.port):
            assert until(lambda: follower.age() < 0.7)
            refused(gate, LEASE, "revoked")
            refused(gate, LEASE, "revoked", action="repo.pay")
            assert follower.info().last_error == ""


def test_a_feed_of_another_key_or_no_feed(engine: Any) -> None:
    with broker() as where:
        for url, key in ((where.url, Key.generate("ed25519")), (where.url.replace("/ledger", "/x"), KEY)):
            follower = Follower(HttpSource(url, key), start=False)
            with pytest.raises((Untrusted, ConnectionError)):
                follower.refresh()
            refused(gate_of(MemoryStore(), ledger=follower), LEASE, "stale_ledger")
            follower.close()
    for url in ("ftp://x/ledger", "http:///ledger", "x", "http://user@x/ledger", "http://u:p@x/ledger"):
        with pytest.raises(ValueError, match="no address"):
            HttpSource(url, KEY)
    with pytest.raises(ValueError):
        HttpSource("http://x", build.KEYS["hmac"])
    with pytest.raises(ValueError):
        Feed(MemoryStore(), build.KEYS["hmac"])


def test_what_the_server_answers() -> None:
    with broker() as where:
        ledger_of(where).suspend(Selector.make("key", "k1"))
        asked = http.client.HTTPConnection("127.0.0.1", where.port, timeout=5)

        def status(path: str, method: str = "GET") -> int:
            asked.request(method, path)
            answer = asked.getresponse()
            answer.read()
            return answer.status

        paths = ("/ledger", "/ledger?after=1", "/ledger?after=0&wait=5", "/ledger?after=9&wait=5")
        assert [status(path) for path in paths] == [200] * 4
        bad = (
            "after=-1",
            "after=x",
            "after=1.5",
            f"after={2**60}",
            "after=" + "9" * 5000,
            "wait=-1",
            "wait=6",
            "wait=nan",
            "wait=inf",
            "after",
            "a=1&b=1&c=1&d=1&e=1",
        )
        assert [status(f"/ledger?{query}") for query in bad] == [400] * len(bad)
        assert [status(path) for path in ("/", "/ledger/", "/ledgers", "/../ledger")] == [404] * 4
        asked.request("GET", "/ledger?after=0")
        answer = asked.getresponse()
        assert answer.headers["Cache-Control"] == "no-store"
        assert frame.opened(answer.read(), KEY).end == 1
        where.store.close()
        assert status("/ledger?after=0") == 503
        asked.close()
        with socket.create_connection(("127.0.0.1", where.port)) as raw:
            raw.sendall(b"POST /ledger HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
            assert b" 501 " in raw.recv(100)


def test_an_answer_that_is_too_long_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with broker() as where:
        source = HttpSource(where.url, KEY)
        assert source.fetch(0, 0).end == 0
        monkeypatch.setattr("attenuate.ledger.http.MAX_FRAME", 50)
        with pytest.raises(ConnectionError, match="with 51 bytes"):
            source.fetch(0, 0)
        source.close()


def dripping(answer: bytes) -> socket.socket:
    """Return a listening socket whose answers have no end."""
    listening = socket.create_server(("127.0.0.1", 0))

    def drip(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.sendall(answer)
            while True:
                connection.sendall(b"x")
                time.sleep(0.05)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listening


@pytest.mark.parametrize("looked_up", [0.0, 0.3, 0.7])
@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n", b"TLS"]
)
def test_an_answer_in_drops_ends_in_time(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, looked_up: float
) -> None:
    real = socket.getaddrinfo

    def slow(host: str, *more: Any, **named: Any) -> Any:
        time.sleep(looked_up)
        return real("127.0.0.1", *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with dripping(answer if answer != b"TLS" else b"\x16\x03\x03\x40\x00") as listening:
        scheme, port = "https" if answer == b"TLS" else "http", listening.getsockname()[1]
        source = HttpSource(f"{scheme}://feed.example:{port}/ledger", KEY, timeout=0.5)
        began, failed = time.monotonic(), []

        def ask() -> None:
            try:
                source.fetch(0, 0)
            except (OSError, http.client.HTTPException, LeaseError) as error:
                failed.append(error)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(4)
        source.close()
        assert failed
        assert time.monotonic() - began < 1.5


def test_a_request_with_a_body_is_one_request() -> None:
    with broker() as where:
        for more in (b"Content-Length: 40", b"Transfer-Encoding: chunked", b"Content-Length: 0"):
            with socket.create_connection(("127.0.0.1", where.port), timeout=5) as raw:
                inner = b"GET /ledger HTTP/1.1\r\nHost: x\r\n\r\n"
                raw.sendall(b"GET /ledger HTTP/1.1\r\n" + more + b"\r\n\r\n" + inner)
                said = b""
                with suppress(ConnectionResetError):
                    while some := raw.recv(4096):
                        said += some
                assert (said.count(b"HTTP/1.1 "), b" 400 " in said) == (1, True)


def test_a_target_that_is_no_address(capfd: pytest.CaptureFixture[str]) -> None:
    with broker() as where, socket.create_connection(("127.0.0.1", where.port), timeout=5) as raw:
        raw.sendall(b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 400 " in raw.recv(100)
    assert capfd.readouterr().err == ""


def test_a_server_has_so_many_connections_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attenuate.ledger.http.MAX_CONNECTIONS", 3)
    with broker() as where:

        def asked() -> bytes:
            with (
                socket.create_connection(("127.0.0.1", where.port), timeout=5) as raw,
                suppress(ConnectionError),
            ):
                raw.sendall(b"GET /ledger HTTP/1.0\r\n\r\n")
                return raw.recv(100)
            return b""

        idle = [socket.create_connection(("127.0.0.1", where.port)) for _ in range(3)]
        assert until(lambda: len(where.open) == 3)
        assert asked() == b""
        idle.pop().close()
        assert until(lambda: b" 200 " in asked())
        for each in idle:
            each.close()


def test_what_a_feed_keeps_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attenuate.ledger.feed.MAX_MADE", 2000)
    store = MemoryStore()
    store.append([body(number) for number in range(20)], at=1, until=[ALWAYS] * 20)
    feed = Feed(store, KEY, clock=lambda: NOW)
    for after in (*range(20), *range(20), 20, 20):
        data = feed.frame(after)
        kept = [each[1] for each in feed._made.values()]
        assert sum(map(len, kept)) == feed._size <= max(2000, len(data))
        assert data in kept


def test_a_connection_that_was_closed_while_it_idled(engine: Any) -> None:
    store = MemoryStore()
    with broker(store) as first:
        source = HttpSource(first.url, KEY)
        assert source.fetch(0, 0).end == 0
        first.close()
        with pytest.raises(OSError):
            source.fetch(0, 0)
        with broker(store, first.port) as again:
            assert source.fetch(0, 0).end == 0
            for connection in again.open:
                connection.shutdown(socket.SHUT_RDWR)
            assert source.fetch(0, 0).end == 0
        source.close()


def test_a_feed_signs_once_for_all_that_ask_at_once() -> None:
    """While one frame is read and signed others ask; one more serves them all."""
    store, signed, many = MemoryStore(), [], 12
    feed = Feed(store, KEY, clock=lambda: NOW)
    asking = threading.Semaphore(0)

    def slow(*given: Any) -> bytes:
        signed.append(1)
        if len(signed) == 1:
            for _ in range(many):
                asking.acquire(timeout=5)
            time.sleep(0.1)  # they stand at the lock
        return frame.sign(*given)

    def ask() -> None:
        asking.release()
        feed.frame(0)

    with mock.patch("attenuate.ledger.feed.sign", slow):
        threads = [threading.Thread(target=feed.frame, args=(0,))]
        threads[0].start()
        assert until(lambda: len(signed) == 1)
        threads += [threading.Thread(target=ask) for _ in range(many)]
        for thread in threads[1:]:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(signed) == 2
        feed.frame(0)
        assert len(signed) == 3, "what was read before it was asked for is no answer"
    store.append([body(1)], at=0, until=[ALWAYS])
    assert frame.opened(feed.frame(0, 1), KEY).end == 1
    store.close()
    with pytest.raises(Unavailable):
        feed.frame(7)


def test_a_store_that_is_shared_is_followed(engine: Any) -> None:
    store = MemoryStore()
    follower = Follower(StoreSource(store), wait=0.2)
    gate = gate_of(MemoryStore(), ledger=follower)
    assert follower.ready(8)
    check(gate, LEASE)
    Ledger(store).revoke(Selector.make("agent", "a0"), before=ALWAYS)
    assert until(lambda: follower.view.seq == 1)
    refused(gate, LEASE, "revoked")
    follower.close()
    assert not follower._thread.is_alive()  # type: ignore[union-attr]


# --- hostile sequences ------------------------------------------------------------------------------------
def test_hostile_sequences_in_small(engine: Any) -> None:
    found = hostile_feed.campaign(1000, 3)
    assert found["first"] == []
    answers = found["answers"]
    assert min(answers[code] for code in ("allowed", "revoked", "stale_ledger", "frames refused")) > 300, (
        answers
    )


@pytest.mark.parametrize("fault", hostile_feed.FAULTS)
def test_hostile_sequences_find_each_fault(python: Any, fault: str) -> None:
    with mock.patch.object(hostile_feed, "BATCH", 50):
        found = hostile_feed.campaign(10_000, 1, fault=fault, first=True)
    assert found["wrong"], f"not found in {found['sequences']}"


# --- controls: each fault is found by the test that is named -----------------------------------------------
def _one_lock(self: Follower) -> None:
    with self._taking:
        time.sleep(2)


@pytest.mark.parametrize(
    ("target", "instead", "test"),
    [
        ("attenuate.ledger.frame.ed25519.verify", lambda *_: True, test_any_changed_byte_is_refused),
        ("attenuate.ledger.frame.FEED", b"", test_a_signature_of_something_else_is_no_frame),
        ("attenuate.ledger.follow.Follower.refresh", _one_lock, test_what_is_asked_at_once_waits_for_nobody),
    ],
    ids=str,
)
def test_each_fault_is_found(target: str, instead: Any, test: Callable[[], None]) -> None:
    with mock.patch(target, instead), pytest.raises((AssertionError, pytest.fail.Exception, LeaseError)):
        test()


@pytest.mark.parametrize(
    "fault", [fault for fault in hostile_feed.FAULTS if "take" in hostile_feed.FAULTS[fault][0]]
)
def test_each_rule_of_taking_is_shown(clocks: Clocks, caplog: pytest.LogCaptureFixture, fault: str) -> None:
    """With one rule left out, at least one of the tests above fails."""

    def every() -> None:
        for name in UNTAKEN:
            clocks.__init__()  # type: ignore[misc]
            test_what_is_not_taken_changes_nothing(clocks, name)
        for test in (test_the_ledger_is_the_one_that_was_named, test_a_part_of_a_snapshot_is_not_fresh):
            clocks.__init__()  # type: ignore[misc]
            test(clocks)
        clocks.__init__()  # type: ignore[misc]
        test_a_restored_history_is_read_anew(clocks, caplog)

    def ages() -> None:
        for test in (test_age_is_from_when_it_was_asked_for, test_age_is_from_when_it_was_made):
            clocks.__init__()  # type: ignore[misc]
            test(clocks)

    found = (AssertionError, pytest.fail.Exception, LeaseError)
    every()  # the control
    ages()
    caplog.clear()
    with mock.patch(*hostile_feed.FAULTS[fault]), pytest.raises(found):
        clocks.__init__()  # type: ignore[misc]
        every()
        ages()
