"""Both engines asked the same: one answer, to the word. Each property has controls: faults that it finds.

The faults here are put into either engine in Python; those in the kernel's own source are in
`engines.py --controls`. What is drawn is in cases.py, agree.py and odd.py.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import starmap
from types import SimpleNamespace
from typing import Any

import agree
import build
import cases
import model
import odd
import pytest
import strategies as own
import wire
from build import NOW
from cases import Case, Kin, Rng
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

pytest.importorskip("attenuate_kernel", reason="the native engine is missing")

import attenuate.verify as python
from attenuate import Malformed, Request, Verifier, between, grant, native, present
from attenuate.cache import Cache
from attenuate.clear import Case as Looked
from attenuate.clear import Failure, Rules

COUNT = settings.default.max_examples if settings.default else 100
CONTROL = settings(max_examples=4000, phases=[Phase.generate], report_multiple_bugs=False)
ENGINES: tuple[Any, ...] = (python, native)
RNGS = st.randoms(use_true_random=True)


def finds(prop: Callable[[], None]) -> None:
    """Fail unless a property fails: it must find the fault that was put in."""
    with pytest.raises(AssertionError):
        settings(CONTROL)(prop)()


def agrees(case: Case) -> agree.Answer:
    """Assert that both engines answer the same to a case, once and as a whole; return the answer."""
    first, second = (agree.verified(engine, case) for engine in ENGINES)
    assert first == second
    assert first[0] != "crash"
    first_found, second_found = (agree.explained(engine, case) for engine in ENGINES)
    assert first_found == second_found
    assert bool(first_found) is (first[0] != "ok")
    return first


# --- leases and requests of strategies.py -----------------------------------------------------------
def leases_agree() -> Callable[[], None]:
    @given(
        own.chains(), own.asks(), own.nows, st.sampled_from((None, None, 600)), st.sampled_from((0, 0, 1, 60)),
        st.sampled_from((0, 0, 1, 2)),
    )  # fmt: skip
    def prop(
        parts: wire.Parts, asked: model.Asked, now: int, cap: int | None, leeway: int, proof: int
    ) -> None:
        made = (parts, parts.sealed(), parts.bound(now, b"n" * 16, b"b" * 32))[proof]
        request = own.to_request(asked, binding=b"b" * 32)
        agrees(Case("lease", made.text, request, "root", now, Rules(leeway, cap)))

    return prop


def test_leases_and_requests_that_often_meet() -> None:
    settings(max_examples=8 * COUNT)(leases_agree())()


# --- everything that cases.py and agree.py draw ------------------------------------------------------
def draws_agree(kind: str) -> Callable[[], None]:
    @given(RNGS)
    def prop(rng: Rng) -> None:
        pool: list[Kin] = []
        for _ in range(1 + (kind == "kin")):
            agrees(agree.draw(rng, pool, kind))

    return prop


@pytest.mark.parametrize("kind", agree.KINDS)
def test_what_is_drawn(kind: str) -> None:
    settings(max_examples=2 * COUNT)(draws_agree(kind))()


# --- bytes and characters from nowhere ---------------------------------------------------------------
def bytes_agree() -> Callable[[], None]:
    good = build.raw(build.root())

    @given(
        st.binary(max_size=80),
        st.sampled_from(("token", "block", "header", "proof")),
        st.sampled_from(build.ALGS),
    )
    def prop(data: bytes, place: str, alg: str) -> None:
        if place == "token":
            text = wire.to_text(data)
        elif place == "block":
            text = build.raw(build.root(), data, alg=alg).text
        elif place == "header":
            text = wire.Parts(data, good.blocks, (), good.proof).text
        else:
            whole = wire.encode([good.header, list(good.blocks), [], 0])
            text = wire.to_text(whole[:-1] + data)
        agrees(Case("bytes", text, build.ask(), "root", NOW, Rules()))

    return prop


def test_bytes_from_nowhere_at_every_layer() -> None:
    settings(max_examples=8 * COUNT)(bytes_agree())()


SPLINTERS = st.sampled_from(
    (build.lease().token, "lease1_", "", "~", "~~~~~", "A", "AAAA", "Bearer ", "\ud800", "\udfff", "é", "\n")
)


def texts_agree() -> Callable[[], None]:
    @given(st.lists(st.one_of(SPLINTERS, st.text(max_size=4)), max_size=6).map("".join))
    def prop(text: str) -> None:
        agrees(Case("text", text, build.ask(), "root", NOW, Rules()))

    return prop


def test_characters_from_nowhere() -> None:
    settings(max_examples=4 * COUNT)(texts_agree())()


HUGE = 10_000_000
FLOODS = [
    unit * (HUGE // len(unit))
    for unit in ("x", "~", "é", "\U0001f600", "\ud800", "lease1_", "~lease1_hE", "\n")
]
EDGES = [
    unit * (size + more)
    for unit in ("A", "é", "\U0001f600", "~")
    for size in (4, 8192, 16384, 65536)
    for more in (-1, 0, 1)
]


def test_floods_and_edges() -> None:
    for text in (*FLOODS, *EDGES, *(f"lease1_{text}" for text in EDGES)):
        agrees(Case("text", text, build.ask(), "root", NOW, Rules()))


@pytest.mark.parametrize("text", [None, 5, b"lease1_", bytearray(), ["lease1_"], object(), 1.5, ()], ids=repr)
def test_what_is_no_text(text: Any) -> None:
    case = Case("text", text, build.ask(), "root", NOW, Rules())
    assert agrees(case)[2] == "text"
    assert agree.many(python, [case]) == agree.many(native, [case])


def test_a_text_of_another_class() -> None:
    class Token(str):
        pass

    assert agrees(Case("text", Token(build.lease().token), build.ask(), "root", NOW, Rules()))[0] == "ok"


# --- with memory ------------------------------------------------------------------------------------
#   each case is asked cold, then twice warm; the next may be its child, its sibling under another key, or
#   the same blocks with one signature that is another's
SIZES = (0, 2_000, 40_000, 10**7)


def warm_agrees() -> Callable[[], None]:
    @given(RNGS, st.integers(2, 6), st.sampled_from(SIZES), st.booleans())
    def prop(rng: Rng, count: int, size: int, told: bool) -> None:
        caches = [(engine, engine.ChainCache(size)) for engine in ENGINES]
        pool: list[Kin] = []
        for step in range(count):
            case = agree.draw(rng, pool, "kin" if step else rng.choice(("lease", "approved")))
            cold = agrees(case)
            for engine, cache in caches * 2:
                assert agree.verified(engine, case, cache) == cold
                if told:
                    assert agree.explained(engine, case, cache) == agree.explained(engine, case)

    return prop


def test_a_memory_changes_no_answer() -> None:
    settings(max_examples=4 * COUNT)(warm_agrees())()


BLOCKS = (build.root(), {0: b"nonce 01"}, {0: b"nonce 02", 5: NOW + 60})


@pytest.mark.parametrize("alg", build.ALGS)
def test_a_prefix_under_another_key(alg: str) -> None:
    """The same bytes under two keys of one name: what is known of one says nothing of the other."""
    key_id = build.KEY_IDS[alg]
    number = {"hmac": 5, "ed25519": -19}[alg]
    under = {"root": build.SECRETS[alg], "rotated": cases.OTHER}
    caches = [(engine, engine.ChainCache(10**6)) for engine in ENGINES]
    for count in (1, 2, 3, 2, 1):
        for minted in under:
            text = wire.mint(BLOCKS[:count], number, key_id, under[minted]).text
            for asked in (*under, "empty", *under):
                case = Case("kin", text, build.ask(), asked, NOW, Rules())
                cold = agrees(case)
                assert (cold[0] == "ok") is (asked == minted)
                for engine, cache in caches:
                    assert agree.verified(engine, case, cache) == cold


# --- many at once -----------------------------------------------------------------------------------
def many_agree() -> Callable[[], None]:
    @given(
        RNGS,
        st.lists(st.sampled_from((*agree.KINDS, "surrogate", "none")), min_size=1, max_size=5),
        st.booleans(),
    )
    def prop(rng: Rng, kinds: list[str], warm: bool) -> None:
        pool: list[Kin] = []
        drawn = []
        for kind in kinds:
            case = agree.draw(rng, pool, kind if kind in agree.KINDS else "lease")
            odd_text = {"surrogate": f"{case.text}\ud800", "none": None}.get(kind, case.text)
            drawn.append(case._replace(text=odd_text))
        one_ring = [case._replace(ring="root", now=NOW + 1, rules=drawn[0].rules) for case in drawn]
        caches: list[Any] = [engine.ChainCache(10**6) if warm else None for engine in ENGINES]
        first, second = starmap(
            lambda engine, cache: agree.many(engine, one_ring, cache), zip(ENGINES, caches, strict=True)
        )
        assert first == second
        assert first == [agree.verified(native, case) for case in one_ring]

    return prop


def test_many_at_once() -> None:
    settings(max_examples=2 * COUNT)(many_agree())()
    assert agree.safely(native.verify_many, [], build.RING, NOW) == []


def test_more_than_are_given_at_once() -> None:
    texts = [build.lease().token, "x", build.lease(ttl=1).token, build.lease("ed25519").token, "lease1_é"]
    for some in (texts, texts[:4]):  # the last is not given to the kernel with the others
        asked = [Case("text", text, build.ask(), "root", NOW + 1, Rules()) for text in some * 601]
        want = [agree.verified(python, case) for case in asked[: len(some)]] * 601
        assert agree.many(native, asked) == want


# --- requests ---------------------------------------------------------------------------------------
LAX = [
    build.lease(allow=["*"]).token,
    build.lease(
        allow=[grant("*", where={"args.a": present(), "args.n": between(1, optional=True)}, only=True)]
    ).token,
    build.lease(budget={"usd": 5, "calls": 1}).token,
    build.lease(bound=True, allow=["*"]).present(cases.BINDING, now=NOW).token,
]


def requests_agree() -> Callable[[], None]:
    @given(RNGS, st.sampled_from(LAX))
    def prop(rng: Rng, text: str) -> None:
        arguments = odd.arguments(rng)
        plain = agree.made(Request, arguments)
        assert plain[0] != "crash"
        assert agree.made(lambda **given: native._plain(native.make_request(**given)), arguments) == plain
        if plain[0] == "made":
            asked = (
                (python, Request(**arguments)),
                (native, native.make_request(**arguments)),
                (native, Request(**arguments)),
            )
            found = [
                agree.safely(engine.verify, text, request, build.RING, NOW + 1) for engine, request in asked
            ]
            first, *others = map(agree.answer, found)
            assert others == [first] * 2
            if first[0] == "ok":
                assert len({repr((each.request, [*each.request.facts.items()])) for each in found}) == 1

    return prop


def test_a_request_of_odd_values() -> None:
    settings(max_examples=20 * COUNT)(requests_agree())()


#   found by the properties above
@pytest.mark.parametrize(
    "changes",
    [
        {"run": (("agt_1", 2, "more"),)}, {"cost": {"\ud800": 1}}, {"binding": odd.Bytes(32)},
        {"facts": {"repo": "clord", "args.zz": 1, "args.b": 1, "args.a": 1}},
    ],
    ids=["a run of three", "a unit that is no text", "a binding of another class", "facts in their order"],
)  # fmt: skip
def test_a_request_that_was_once_two(changes: dict[str, Any]) -> None:
    arguments = {"action": "repo.read", "audience": "github", "run": "agt_1@2", **changes}
    plain = agree.made(Request, arguments)
    assert agree.made(lambda **given: native._plain(native.make_request(**given)), arguments) == plain
    if plain[0] == "made":
        for text in LAX:
            first, second = (
                agree.answer(agree.safely(engine.verify, text, make(**arguments), build.RING, NOW))
                for engine, make in ((python, Request), (native, native.make_request))
            )
            assert first == second


def through_a_verifier(name: str, text: str, given: dict[str, Any], **settings: Any) -> agree.Answer:
    def ask() -> Any:
        verifier = Verifier(build.RING, audience="github", **settings)
        return verifier.verify(text, action="repo.read", run="agt_1@2", now=NOW, **given)

    with build.using(name):
        return agree.answer(agree.safely(ask))


@pytest.mark.parametrize(
    ("settings", "verdict"),
    [({"max_lifetime": 2**53 - 1}, "ok"), ({"max_lifetime": 2**53}, "crash"), ({"max_lifetime": 2**200}, "crash"), ({"max_lifetime": 1}, "Forbidden"),
     ({"cache": 2**53 - 1}, "ok"), ({"cache": 2**53}, "crash"), ({"cache": 2**200}, "crash"), ({"cache": 1}, "ok"), ({"leeway": 60}, "ok")],
    ids=str,
)  # fmt: skip
def test_a_verifier_that_is_set_to_extremes(settings: dict[str, Any], verdict: str) -> None:
    text = build.lease().token
    answers = [
        through_a_verifier(name, text, {"facts": build.FACTS}, **settings) for name in ("python", "native")
    ]
    assert answers[0] == answers[1]
    assert answers[0][0] == verdict
    assert answers[0][1] == "ValueError" or verdict != "crash"


@pytest.mark.parametrize("now", [0, -1, 2**53 - 1, 2**53, 2**63, 1.0, True, None, "0"])
def test_a_time_that_is_none(now: Any) -> None:
    def ask(name: str) -> agree.Answer:
        with build.using(name):
            verifier = Verifier(build.RING, audience="github", clock=lambda: NOW)
            return agree.answer(agree.safely(verifier.check, text, build.ask(), now=now))

    text = build.lease().token
    assert ask("python") == ask("native")


def test_a_request_with_megabytes_of_text() -> None:
    """The kernel copies so much and no more: beyond that the Python engine answers."""
    huge = "x" * 5_000_000
    rules = Rules(handlers={"acme/x": lambda value, request: len(request.facts["repo"]) == len(huge)})
    text = wire.mint([{**build.root(b6=[{0: ["*"]}]), "acme/x": 1}], 5, "k1", build.SECRETS["hmac"]).text
    for facts in ({"repo": huge}, {"repo": huge, "f": [huge[:200_000]] * 256}, {"repo": "clord", huge: 1}):
        for asked in (
            Request("repo.read", audience="github", facts=facts),
            native.make_request("repo.read", audience="github", facts=facts),
        ):
            case = Case("lease", text, asked, "root", NOW, rules)
            want = agree.verified(
                python, case._replace(request=Request("repo.read", audience="github", facts=facts))
            )
            assert agree.verified(native, case) == want
            assert agree.many(native, [case, case], native.ChainCache(10**6)) == [want] * 2
            assert (want[0] == "ok") is (facts["repo"] == huge)
            assert bool(agree.explained(native, case)) is (want[0] != "ok")


# --- handlers ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", cases.HANDLERS)
def test_what_a_handler_says(name: str) -> None:
    text = build.raw(
        build.root(**{"b16": {"n": 1}}), {0: b"nonce 01", "acme/x": ["y", 1], "acme/y": True}
    ).text
    rules = Rules(handlers=dict.fromkeys(("acme/x", "acme/y"), cases.HANDLERS[name]))
    assert agrees(Case("lease", text, build.ask(), "root", NOW, rules))[0] in ("ok", "Forbidden")


def test_handlers_are_asked_the_same_in_the_same_order() -> None:
    said: dict[Any, list[Any]] = {python: [], native: []}
    parts = build.raw(
        build.root(b10=[[["repo.read"], [build.APPROVERS[0].public], 1]], **{"b17": None}),
        {0: b"nonce 01", "acme/x": ["y", 1], "acme/y": {"a": 1}},
    )
    signed = {**build.root(b6=[{0: ["*"]}], b9={"calls": 1}, b14=parts.ids[0]), "acme/z": 1}
    said_yes = wire.mint([signed], -19, build.APPROVERS[0].key_id, build.APPROVERS[0].seed()).sealed()
    for engine, heard in said.items():
        handlers = {
            key: lambda value, request, heard=heard, key=key: (
                heard.append((key, value, request.facts)) is None
            )
            for key in ("acme/x", "acme/y", "acme/z")
        }
        rules = Rules(handlers=handlers)
        text = f"{parts.text}~{said_yes.text}"
        assert agree.safely(engine.verify, text, build.ask(), build.RING, NOW, rules).block_ids
        assert engine.explain(text, build.ask("mail.send"), build.RING, NOW, rules)
    assert said[python] == said[native]
    assert [key for key, _, _ in said[native]] == ["acme/x", "acme/y", "acme/z", "acme/x", "acme/y"]


def test_a_handler_that_is_interrupted_stops_both() -> None:
    def stops(value: Any, request: Request) -> bool:
        raise KeyboardInterrupt

    text = wire.mint([{**build.root(), "acme/x": 1}], 5, "k1", build.SECRETS["hmac"]).text
    for engine in ENGINES:
        for work in (engine.verify, engine.explain):
            with pytest.raises(KeyboardInterrupt):
                work(text, build.ask(), build.RING, NOW, Rules(handlers={"acme/x": stops}))


# --- controls -----------------------------------------------------------------------------------------
def forgiving(forgives: Callable[[Looked, Failure], bool]) -> Any:
    """Return a clear that forgives some failures."""
    sound = python.failures
    return lambda case: (failure for failure in sound(case) if not forgives(case, failure))


def swapped(names: tuple[str, ...], a: str, b: str) -> tuple[str, ...]:
    return tuple({a: b, b: a}.get(name, name) for name in names)


def always(said: Any) -> Callable[..., Any]:
    return lambda *asked: said


GET = Cache.get
FAULTS: list[tuple[str, Callable[[], Any], str, Callable[[], Any]]] = [
    ("leases: where is forgiven", leases_agree, "attenuate.verify.failures", lambda: forgiving(lambda c, f: f.code == "where")),
    ("leases: only in later blocks", leases_agree, "attenuate.verify.failures", lambda: forgiving(lambda c, f: f.code == "deny" and bool(f.block))),
    ("leases: codes changed", leases_agree, "attenuate.native._CODES", lambda: swapped(native._CODES, "run", "attempt")),
    ("leases: the run of the first block", leases_agree, "attenuate.native.run_of", lambda: always((("agt_1", 1),))),
    ("text: a character less", lambda: draws_agree("text"), "attenuate.limits.MAX_TOKEN_TEXT", lambda: 8191),
    ("text: what it is like", lambda: draws_agree("text"), "attenuate.native.codec", lambda: SimpleNamespace(unlike=always(Malformed("text")))),
    ("frame: the number of elements", lambda: draws_agree("frame"), "attenuate.limits.MAX_BLOCKS", lambda: 300),
    ("edge: 33 units", lambda: draws_agree("edge"), "attenuate.limits.MAX_UNITS", lambda: 33),
    ("edge: nonces", lambda: draws_agree("edge"), "attenuate.limits.MIN_ROOT_NONCE", lambda: 15),
    ("block: nesting", lambda: draws_agree("block"), "attenuate.limits.MAX_DEPTH", lambda: 7),
    ("lease: a handler's yes", lambda: draws_agree("lease"), "attenuate.native._ask", lambda: always(True)),
    ("lease: a handler's 1", lambda: draws_agree("lease"), "attenuate.clear._extension_holds", lambda: always(True)),
    ("approved: any form", lambda: draws_agree("approved"), "attenuate.verify._form", lambda: always(None)),
    ("approved: why not", lambda: draws_agree("approved"), "attenuate.native._why", lambda: always("so")),
    ("kin: the proof", lambda: draws_agree("kin"), "attenuate.verify._proves", lambda: always(True)),
    ("mutant: the proof", lambda: draws_agree("mutant"), "attenuate.verify._proves", lambda: always(True)),
    ("nobody: small orders", lambda: draws_agree("nobody"), "attenuate.ed25519._sound", lambda: always(True)),
    ("block: order of keys", lambda: draws_agree("block"), "attenuate.codec.ordered", lambda: always(None)),
    ("bytes: the size of a block", bytes_agree, "attenuate.limits.MAX_BLOCK", lambda: 40),
    ("characters: approvals", texts_agree, "attenuate.limits.MAX_APPROVALS", lambda: 5),
    ("memory: signatures", warm_agrees, "attenuate.cache.Cache.get", lambda: forgetful_get),
    ("many: in another order", many_agree, "attenuate.native.verify_many", lambda: backwards),
    ("requests: the plain one", requests_agree, "attenuate.native._plain", lambda: always(build.ask())),
]  # fmt: skip


def forgetful_get(self: Any, key: Any) -> Any:
    """Look for a chain by its blocks alone."""
    if isinstance(key, tuple):
        for known in (*self._young, *self._old):
            if isinstance(known, tuple) and known[:2] == key[:2]:
                return GET(self, known)
    return GET(self, key)


MANY = native.verify_many


def backwards(*asked: Any) -> Any:
    return MANY(*asked)[::-1]


@pytest.mark.parametrize(
    ("prop", "place", "fault"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS]
)
def test_a_fault_in_one_engine_is_found(
    monkeypatch: pytest.MonkeyPatch, prop: Callable[[], Any], place: str, fault: Callable[[], Any]
) -> None:
    check = prop()
    monkeypatch.setattr(place, fault())
    finds(check)


# --- what few random cases reach: a fault in the kernel there is found by these --------------------------
def test_a_memory_serves_its_audience_only(engine: Any) -> None:
    """A key of one audience: what was remembered for it is not believed for another."""
    ring = build.RING.for_audience("github")
    token = build.lease().token
    theirs = ring.mint(now=NOW, **build.terms(audience=["github", "other"])).token
    cache = engine.ChainCache(1 << 20)
    for text in (theirs, token):
        assert (
            build.verdict(engine, text, ring=ring if text is theirs else build.RING, cache=cache) == build.OK
        )
    for warm in (cache, None):
        verdict = build.verdict(engine, theirs, build.ask(audience="other"), ring=ring, cache=warm)
        assert verdict == ("forbidden", "audience", 0), "V3; block 0 itself allows both"


def test_an_empty_list_is_there(engine: Any) -> None:
    """A deny of what is present holds for a list without elements: nothing about it is ruled out."""
    for kind, value in (("hmac", []), ("ed25519", []), ("hmac", ["x"]), ("hmac", "x")):
        lease = build.lease(kind, deny=[grant("repo.read", f=present())])
        asked = build.ask(facts={"repo": "clord", "f": value})
        assert build.verdict(engine, lease, asked) == ("forbidden", "deny", 0)
        assert build.verdict(engine, build.lease(kind), asked) == build.OK


def test_calls_cost_one(engine: Any) -> None:
    verifier, token = Verifier(build.RING, audience="github"), build.lease().token
    asked: dict[str, Any] = {"action": "repo.read", "run": "agt_1@2", "facts": build.FACTS, "now": NOW + 1}
    verifier.verify(token, **asked, cost={"calls": 1})
    for cost in (0, 2, -1):
        with pytest.raises(Malformed):
            verifier.verify(token, **asked, cost={"calls": cost})
