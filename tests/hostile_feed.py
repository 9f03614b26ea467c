"""Hostile feeds by the hundred thousand: what lies between a broker and a gate does what it likes.

    python tests/hostile_feed.py --sequences 100000 --out tests/results/feed.json
    python tests/hostile_feed.py --sequences 20000 --controls

broker ── drops, repeats, holds back, reorders, forges, splices, cuts ── Follower ── Gate
  │       and three clocks, of which two step and one does not
  └─ its store is restored from a backup, and grows again

Each sequence is some twenty steps. A model that knows the true time of everything says what must not
be: a grant after a revocation was applied, or while nothing that the broker said is young enough. The
controls put one fault each into the source, and the same sequences must find it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import build
import cbor2
import records
from build import NOW

from attenuate import Gate, LeaseError, Refused, Verifier
from attenuate import grant as allows
from attenuate.errors import Untrusted
from attenuate.gate.charging import Charging
from attenuate.gate.freshness import CHANGE, SPEND
from attenuate.keys import Key
from attenuate.ledger import follow, frame
from attenuate.ledger.entry import RESUME, REVOKE, SUSPEND, Mark, Selector
from attenuate.ledger.follow import Follower
from attenuate.ledger.frame import Frame
from attenuate.ledger.view import View
from attenuate.limits import SKEW
from attenuate.store.memory import MemoryStore
from attenuate.store.model import Entry

BATCH = 500
FEED = Key.generate("ed25519")
STRANGER = Key.generate("ed25519")
LEASES = [
    build.lease(ttl="1d", allow=[allows("repo.*")], notes={"agent": f"a{number}"}).token
    for number in range(3)
]
NAMES = [Selector.make("agent", f"a{number}") for number in range(3)]
READ = 6.0
ASKED = ["repo.read", "repo.change", "repo.spend", "repo.ask"]
STEPS = (0.3, 1.0, 1.7, 2.5, 5.0, 7.0, 11.0)
JUMPS = (-1000.0, -30.0, -8.0, -3.0, -0.5, 0.5, 3.0, 30.0, 1000.0)
DEEDS = ("deliver", "drop", "late", "hold", "repeat", "old", "forge", "flip", "splice", "ahead", "cut")
WEIGHTS = (6, 1, 2, 2, 3, 2, 1, 1, 2, 2, 1)


class Sent(NamedTuple):
    """A frame as it is on the wire, and what the model knows of it. made: true time; lead: the broker's
    clock before the true time then; ours: of this ledger, by this broker; log: what it had then.
    """

    data: bytes
    frame: Frame
    made: float
    lead: float
    ours: bool
    log: tuple[Entry, ...]


class World:
    """True time, the clocks, the broker, and what lies between; also the model."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.now = 1000.0
        self.wall = self.lead = 0.0  # by how much the verifier's and the broker's clock are wrong
        self.store, self.other = MemoryStore(), MemoryStore()
        self.log: tuple[Entry, ...] = ()
        self.sent: list[Sent] = []
        self.told: set[bytes] = set()
        self.applied: tuple[Entry, ...] = ()  # the model: what was applied
        self.anew: tuple[Entry, ...] | None = None  # the model: as much of another history as was read
        self.last = -1  # the model: the broker's time in the newest frame
        self.fresh = float("-inf")  # the model: from when it has to be fresh
        self.until = float("-inf")  # the model: until when everything is known, at most
        self.answered = False

    # --- the clocks -----------------------------------------------------------------------------------
    def steady(self) -> float:
        return self.now

    def wall_clock(self) -> float:
        return NOW + self.now + self.wall

    def broker_clock(self) -> float:
        return NOW + self.now + self.lead

    # --- the broker -----------------------------------------------------------------------------------
    def mark(self, verb: int, which: int) -> None:
        mark = Mark(verb, NAMES[which])
        self.store.append([mark.encode()], at=int(self.now * 1e6), until=[mark.until])
        self.log = tuple(self.store.entries(0)[1])
        if self.rng.random() < 0.3:
            self.other.append([Mark(RESUME, NAMES[which]).encode()], at=0, until=[mark.until])

    def restore(self) -> None:
        """Lose the last entries, and go on with others."""
        kept = self.rng.randint(0, len(self.log))
        old, self.store = self.store, MemoryStore()
        self.store._identity = old.identity
        for entry in self.log[:kept]:
            self.store.append([entry.body], at=entry.at, until=[entry.until])
        self.log = self.log[:kept]
        for _ in range(self.rng.randint(0, 3)):
            self.now += 0.001
            self.mark(self.rng.choice((REVOKE, SUSPEND, RESUME)), self.rng.randrange(3))

    def make(self, after: int, ours: bool = True, key: Key = FEED) -> Sent:
        made = frame.read(self.store if ours else self.other, after, self.broker_clock)
        return Sent(frame.sign(made, key), made, self.now, self.lead, ours and key is FEED, self.log)

    # --- the source of the follower ---------------------------------------------------------------------
    def fetch(self, after: int, wait: float) -> Frame:
        """Answer as the network likes."""
        rng, asked, wall, clock = self.rng, self.now, self.wall, self.wall_clock()
        deed = rng.choices(DEEDS, WEIGHTS)[0]
        if deed == "late":  # on its way there, or on its way back
            self.now += rng.choice(STEPS)
            sent = self.make(after)
            self.now += rng.choice(STEPS)
        elif deed in ("old", "repeat") and self.sent:
            sent = self.sent[-1] if deed == "repeat" else rng.choice(self.sent)
        elif deed == "forge":
            sent = self.make(min(after, len(self.log)), key=STRANGER)
        elif deed == "splice" and self.until > float("-inf"):
            sent = self.make(min(after, self.other.entries(0)[0]), ours=False)
        elif deed == "ahead":
            sent = self.make(min(after + rng.choice((1, 1, 2)), len(self.log)))
        else:
            sent = self.make(after)
        if sent.ours:
            self.sent.append(sent)
        self.now += 0.002
        if deed == "drop":
            raise ConnectionError("dropped")
        if deed == "hold":
            raise TimeoutError("held back")
        data = sent.data
        if deed == "flip":
            at = rng.randrange(len(data))
            data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        elif deed == "cut":
            data = data[: rng.randrange(len(data))]
        else:
            self.delivered(sent, asked, wall, clock)
        return frame.opened(data, FEED)

    def close(self) -> None:
        pass

    # --- the model ------------------------------------------------------------------------------------
    def delivered(self, sent: Sent, asked: float, wall: float, clock: float) -> None:
        """Note what can be known from what was delivered: no more than from each new frame that follows.

        What was there before it is compared by all of it, and not by its digest.
        """
        got, anew = sent.frame, self.anew
        known = self.applied if anew is None else anew
        ahead = (
            got.at > (clock + SKEW) * 1000 and sent.data not in self.told
        )  # a repeated one says nothing new
        if not sent.ours or got.start != len(known) or got.end < got.start or ahead:
            return
        newer = got.at > self.last
        if sent.log[: got.start] != known:
            if newer:
                self.anew = ()
            return
        if anew is not None and not newer:
            return
        known = sent.log[: got.end]
        if anew is not None and got.end < got.head:
            self.anew = known
            return
        self.applied, self.anew = known, None
        self.answered = True
        if sent.data in self.told or got.end != got.head:
            self.last = max(self.last, got.at)
            return
        if newer or got.end > got.start:
            self.fresh = max(self.fresh, asked - max(0.0, clock - got.at / 1000))
        self.last = max(self.last, got.at)
        self.told.add(sent.data)
        # the verifier's clock is trusted: by as much as it is behind the broker's a frame looks younger
        behind = max(0.0, sent.lead - wall)
        self.until = max(self.until, min(asked, sent.made + behind))

    def caught(self, which: int) -> bool:
        """Say whether a lease is revoked or suspended by what was applied."""
        marks = [Mark.decode(entry.body) for entry in self.applied]
        verbs = [mark.verb for mark in marks if mark.selector == NAMES[which]]
        return REVOKE in verbs or [verb for verb in verbs if verb != REVOKE][-1:] == [SUSPEND]


def play(seed: str, verifier: Verifier) -> tuple[Counter[str], list[str]]:
    """Play one sequence: return what was answered how often, and what must not have been."""
    rng = random.Random(seed)
    world = World(rng)
    counts: Counter[str] = Counter()
    with mock.patch.object(follow, "steady", world.steady):
        follower = Follower(
            world,
            identity=world.store.identity if rng.random() < 0.5 else None,
            clock=world.wall_clock,
            start=False,
        )
        fresh: dict[str, float] = {"repo.read": READ}
        if rng.random() < 0.4:
            fresh["repo.ask"] = 0
        limits = {
            "repo.read": READ,
            "repo.change": CHANGE,
            "repo.spend": SPEND,
            "repo.ask": fresh.get("repo.ask", CHANGE),
        }
        gate = Gate(verifier, MemoryStore(), ledger=follower, fresh=fresh)
        for _ in range(rng.randint(10, 30)):
            world.now += 0.001
            what = rng.random()
            if what < 0.30:
                poll(world, follower, counts)
            elif what < 0.45:
                world.now += rng.choice(STEPS)
            elif what < 0.55:
                world.mark(rng.choice((REVOKE, SUSPEND, SUSPEND, RESUME)), rng.randrange(3))
            elif what < 0.58:
                world.restore()
            elif what < 0.62:
                if rng.random() < 0.6:
                    world.wall += rng.choice(JUMPS)
                else:
                    world.lead += rng.choice(JUMPS)
            else:
                wrong = ask(world, gate, limits, counts)
                if wrong:
                    return counts, [f"{seed}: {wrong}"]
    return counts, []


def poll(world: World, follower: Follower, counts: Counter[str]) -> None:
    """Let the follower ask once, as its thread does or as a gate does."""
    try:
        if world.rng.random() < 0.5:
            follower.refresh()
        else:
            follower._step(follow.WAIT)
        counts["frames taken"] += 1
    except (LeaseError, OSError) as error:
        counts[f"frames {'refused' if isinstance(error, LeaseError) else 'lost'}"] += 1


def ask(world: World, gate: Gate, limits: dict[str, float], counts: Counter[str]) -> str:
    """Ask the gate, and return what is wrong with its answer."""
    which, action = world.rng.randrange(3), world.rng.choice(ASKED)
    limit = limits[action]
    world.answered = False
    try:
        gate.check(
            LEASES[which], action=action, run="agt_1@2", cost={"usd": 1} if action == "repo.spend" else None
        )
    except Refused as error:
        counts[error.code] += 1
        if error.code == "stale_ledger" and limit and world.now - world.fresh <= limit - 1e-6:
            return f"{action} was refused by a ledger of {world.now - world.fresh:.3f} s"
        if error.code == "revoked" and not world.caught(which):
            return f"{action} was refused for a revocation that is none"
        return ""
    except Exception as error:
        return f"{action} ended with {error!r:.200}"
    counts["allowed"] += 1
    if world.caught(which):
        return f"{action} was allowed after a revocation was applied"
    if limit == 0 and not world.answered:
        return f"{action} was allowed without an answer"
    age = world.now - world.until
    if age > (limit or SPEND) + 0.002:  # the broker tells milliseconds
        return f"{action} was allowed by a ledger of {age:.3f} s, with a limit of {limit}"
    return ""


# --- faults, each of which must be found -----------------------------------------------------------------
_take, _apply, _become, _age, _opened = Follower.take, View.apply, View.become, Follower.age, frame.opened


def _taker(skip: str) -> Callable[..., None]:
    """Return `take` with one thing left out."""

    def take(self: Any, got: Frame, *, sent: float, wall: float) -> None:
        if skip == "the start" and got.end >= self.view.seq:
            got = got._replace(start=self.view.seq)
        elif skip == "the ledger":
            self._identity = None
        elif skip == "the broker's time":
            wall = got.at / 1000
        elif skip == "the time of asking":
            sent, wall = vars(follow)["steady"](), got.at / 1000
        elif skip == "repeats":
            self._last = -1
        elif skip == "the history":
            got = got._replace(before=self._next.last)
        elif skip == "what is old" and self._anew is not None:
            self._last, last = -1, self._last
            try:
                return _take(self, got, sent=sent, wall=wall)
            finally:
                self._last = max(self._last, last)
        elif skip == "the head" or (skip == "the end of what is read anew" and self._anew is not None):
            got = got._replace(head=got.end)
        _take(self, got, sent=sent, wall=wall)

    return take


def _both(self: View, other: View) -> None:
    """Keep what the history said that was left, as a fault."""
    (before, suspended), mine = other._said, self._said
    _become(self, other)
    self._said = {**mine[0], **before}, mine[1] | suspended


def _same_mark(self: View, bodies: Any, seq: int) -> None:
    mark = self.mark
    _apply(self, bodies, seq)
    self.mark = mark


def _unsigned(data: bytes, key: Key) -> Frame:
    try:
        _, *values, bodies, before, last = cbor2.loads(data[64:])
        return Frame._make((*values, tuple(bodies), before, last))
    except Exception:
        raise Untrusted("signature") from None


def _wall_age(self: Any) -> float:
    """Count age on the wall clock, as a fault: what a step back makes younger."""
    at = self.__dict__.setdefault("_walls", {}).setdefault(self._fresh, self._clock() - _age(self))
    return float("inf") if self._fresh == float("-inf") else max(0.0, self._clock() - at)


def _no_limit(self: Any, request: Any, ask: bool = True) -> None:
    pass


def _refresh_once(self: Any, request: Any, ask: bool = True) -> None:
    """Take any answer to a question as fresh, however old it is."""
    if self._fresh.limit(request.action, False) == 0:
        try:
            self._follower.refresh()
        except Exception:
            raise Refused("stale_ledger") from None
    else:
        _check_age(self, request, ask)


_check_age = Charging._check_age
FAULTS: dict[str, tuple[str, Any]] = {
    "no look at where a frame starts": ("attenuate.ledger.follow.Follower.take", _taker("the start")),
    "no look at which ledger it is": ("attenuate.ledger.follow.Follower.take", _taker("the ledger")),
    "the broker's time does not count": ("attenuate.ledger.follow.Follower.take", _taker("the broker's time")),
    "fresh from the receipt": ("attenuate.ledger.follow.Follower.take", _taker("the time of asking")),
    "repeated heartbeats are taken": ("attenuate.ledger.follow.Follower.take", _taker("repeats")),
    "a part of a snapshot is fresh": ("attenuate.ledger.follow.Follower.take", _taker("the head")),
    "no look at the history": ("attenuate.ledger.follow.Follower.take", _taker("the history")),
    "an old snapshot is taken for another history": ("attenuate.ledger.follow.Follower.take", _taker("what is old")),
    "another history in part": ("attenuate.ledger.follow.Follower.take", _taker("the end of what is read anew")),
    "another history is applied to the old": ("attenuate.ledger.view.View.become", _both),
    "a clock far ahead is believed": ("attenuate.ledger.follow.limits.SKEW", 10**9),
    "fresh is a flag": ("attenuate.ledger.follow.Follower.age", lambda self: 0.0 if self._frames else float("inf")),
    "a cold start is fresh": ("attenuate.ledger.follow.Follower.age", lambda self: min(_age(self), 1.0) if not self._frames else _age(self)),
    "age by the wall clock": ("attenuate.ledger.follow.Follower.age", _wall_age),
    "no limit": ("attenuate.gate.charging.Charging._check_age", _no_limit),
    "any answer will do": ("attenuate.gate.charging.Charging._check_age", _refresh_once),
    "no signature": ("attenuate.ledger.frame.opened", _unsigned),
    "what was clear stays clear": ("attenuate.ledger.view.View.apply", _same_mark),
    "a revocation can be resumed": ("attenuate.ledger.view.REVOKE", 9),
    "nothing is looked up": ("attenuate.ledger.view.View.against", lambda self, charges: None),
}  # fmt: skip


@contextmanager
def faulty(fault: str) -> Iterator[None]:
    """Put a fault into the source; "" for none."""
    with ExitStack() as stack:
        if fault:
            stack.enter_context(mock.patch(*FAULTS[fault]))
        stack.enter_context(mock.patch("attenuate.ledger.frame.MOST", 2))  # so that snapshots come in parts
        yield


# --- the campaign ---------------------------------------------------------------------------------------
def batch(work: tuple[int, int, int, str]) -> tuple[int, Counter[str], list[str]]:
    """Play one batch of sequences."""
    seed, number, size, fault = work
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    verifier = Verifier(build.RING, audience="github", clock=lambda: NOW + 1)
    with faulty(fault):
        for each in range(size):
            one, bad = play(f"{seed}/{number}/{each}", verifier)
            counts += one
            wrong += bad
    return size, counts, wrong


def campaign(
    sequences: int, seed: int, *, fault: str = "", processes: int = 1, show: bool = False, first: bool = False
) -> dict[str, Any]:
    """Play them all. first: stop at the first that is wrong."""
    work = [
        (seed, number, min(BATCH, sequences - done), fault)
        for number, done in enumerate(range(0, sequences, BATCH))
    ]
    out: dict[str, Any] = {"sequences": 0, "wrong": 0, "first": []}
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        if processes == 1:
            results: Iterator[Any] = map(batch, work)
        else:
            pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(processes))
            results = pool.imap_unordered(batch, work)
        for size, some, wrong in results:
            before, out["sequences"] = out["sequences"], out["sequences"] + size
            counts += some
            out["wrong"] += len(wrong)
            out["first"] += wrong[: 5 - len(out["first"])]
            if show and (
                sys.stderr.isatty() or out["sequences"] * 10 // sequences > before * 10 // sequences
            ):
                done = (
                    f"feeds {out['sequences']:,} of {sequences:,} ({out['sequences'] * 100 // sequences} %)"
                )
                print(done, end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)
            if first and wrong:
                break
    out["answers"] = dict(sorted(counts.items()))
    return out


def controls(sequences: int, seed: int, *, show: bool = False) -> dict[str, Any]:
    """Return for each fault after how many sequences (in batches) it was found; 0 where it was not."""
    out = {}
    for fault in FAULTS:
        found = campaign(sequences, seed, fault=fault, first=True)
        out[fault] = {"found": found["wrong"] > 0, "sequences": found["sequences"], "as": found["first"][:1]}
        if show:
            word = (
                f"found in {found['sequences']:,}"
                if found["wrong"]
                else f"NOT FOUND in {found['sequences']:,}"
            )
            print(f"control: {fault}: {word}", file=sys.stderr, flush=True)
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sequences", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--controls", action="store_true", help="only the controls, each with so many sequences at most"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, help="write the record here; default: standard output")
    asked = parser.parse_args()
    began = time.monotonic()
    record: dict[str, Any] = {"date": records.today(), "seed": asked.seed}
    if not asked.controls:
        record |= campaign(asked.sequences, asked.seed, processes=asked.processes, show=True)
        record["seconds"] = round(time.monotonic() - began)
    record["controls"] = controls(min(asked.sequences, 20_000), asked.seed, show=True)
    missed = [fault for fault, each in record["controls"].items() if not each["found"]]
    record["ok"] = not missed and not record.get("wrong")
    code = records.write(record, asked.out)
    said = f"{record.get('sequences', 0):,} sequences, {record.get('wrong', 0)} wrong; "
    print(f"{said}{len(FAULTS) - len(missed)} of {len(FAULTS)} faults found", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
