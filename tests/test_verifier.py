"""The Verifier: what it is set to, and that it looks at the clock each time."""

from __future__ import annotations

import traceback
from functools import partial
from typing import Any

import build
import pytest
from build import NOW

from attenuate import Forbidden, Malformed, Verifier, call_binding, grant, one_of, under
from attenuate.call import call_digest


def test_a_verifier_checks_what_it_is_given(engine: Any) -> None:
    lease = build.lease()
    verifier = Verifier(build.RING, audience="github", clock=lambda: NOW + 1.9)
    verified = verifier.verify(lease.token, action="repo.read", run="agt_1@2", facts=build.FACTS)
    assert verified.block_ids == lease.block_ids
    assert verifier.check(lease.token, build.ask()).run == "agt_1@2"
    assert verifier.explain(
        lease.token, action="repo.read", run="agt_1@2", facts=build.FACTS, now=NOW
    ).would_pass
    assert repr(verifier) == f"<Verifier for github, keys k1, e1, {engine.NAME} engine>"


def test_the_clock_is_looked_at_each_time(engine: Any) -> None:
    times = iter((NOW + 899.9, NOW + 900.0))
    verifier = Verifier(build.RING, audience="github", clock=lambda: next(times))
    token = build.lease().token
    assert verifier.check(token, build.ask())
    with pytest.raises(Exception, match="expires"):
        verifier.check(token, build.ask())


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"keys": {"k1": 1}}, TypeError), ({"audience": ""}, TypeError), ({"audience": None}, TypeError), ({"leeway": 61}, ValueError),
        ({"leeway": -1}, ValueError), ({"leeway": 1.0}, ValueError), ({"max_lifetime": 0}, ValueError), ({"max_lifetime": "900"}, ValueError),
        ({"handlers": {"acme": len}}, ValueError), ({"handlers": {"acme/x": 1}}, ValueError), ({"handlers": {1: len}}, ValueError),
        ({"cache": -1}, ValueError), ({"cache": 1.5}, ValueError),
    ],
)  # fmt: skip
def test_a_verifier_that_is_set_wrongly_is_not_made(changes: Any, error: type[Exception]) -> None:
    good: Any = {
        "keys": build.RING,
        "audience": "github",
        "leeway": 60,
        "max_lifetime": 900,
        "handlers": {"acme/x": len},
        "cache": 0,
    }
    assert Verifier(**good)
    with pytest.raises(error):
        Verifier(**{**good, **changes})


def test_a_verifier_takes_its_own_requests_only(engine: Any) -> None:
    verifier = Verifier(build.RING, audience="github")
    token = build.lease().token
    assert verifier.check(token, build.ask(), now=NOW)
    with pytest.raises(ValueError, match="'other'"):
        verifier.check(token, build.ask(audience="other"), now=NOW)
    with pytest.raises(TypeError, match="not a Request"):
        verifier.check(token, "repo.read", now=NOW)  # type: ignore[arg-type]
    for now in (1.5, True, "1"):
        with pytest.raises(TypeError, match="now"):
            verifier.check(token, build.ask(), now=now)  # type: ignore[arg-type]


def test_a_change_to_what_was_given_does_not_reach_the_verifier(engine: Any) -> None:
    handlers = {"acme/x": lambda value, request: True}
    verifier = Verifier(build.RING, audience="github", handlers=handlers)
    token = build.lease(extensions={"acme/x": 1}, where={"repo": one_of("clord")}).token
    handlers.clear()
    assert verifier.check(token, build.ask(), now=NOW)


# --- a whole call -------------------------------------------------------------------------------------
def _tool(**more: Any) -> Any:
    return build.RING.mint(
        run="agt_1@2", audience="github", ttl=60, now=NOW, allow=[grant("f.read", only=True, where={"args.path": under("src")})], **more
    )  # fmt: skip


def test_a_call_states_its_arguments_its_digest_and_its_binding(engine: Any) -> None:
    verifier = Verifier(build.RING, audience="github")
    args = {"path": "src/a"}
    call = {"action": "f.read", "run": "agt_1@2", "now": NOW + 1}
    bound = _tool(bound=True, where={"call": one_of(call_digest(args).hex())}).present(
        call_binding("github", "agt_1@2", "f.read", args), now=NOW
    )
    assert verifier.verify_call(bound.token, args=args, **call).proof == "bound"
    for other in ({"path": "src/b"}, {"path": "src/a", "mode": 1}, {}):
        with pytest.raises(Forbidden, match="binding"):
            verifier.verify_call(bound.token, args=other, **call)
    with pytest.raises(Forbidden, match=r"unnamed args\.mode"):
        verifier.verify_call(_tool().token, args={**args, "mode": 1}, **call)
    for name in ("call", "args", "args.path"):
        with pytest.raises(ValueError, match="comes from args"):
            verifier.verify_call(_tool().token, args=args, facts={name: "x"}, **call)


def test_a_call_of_a_run_that_nobody_knows_is_bound_to_the_blocks(engine: Any) -> None:
    verifier = Verifier(build.RING, audience="github", allow_unstated_run=True)
    bound = _tool().present(call_binding("github", "agt_1@2", "f.read", {"path": "src/a"}), now=NOW)
    asked = {"action": "f.read", "run": None, "args": {"path": "src/a"}, "now": NOW + 1}
    assert verifier.verify_call(bound.token, **asked).run == "agt_1@2"
    with pytest.raises(Malformed, match="without a run"):
        Verifier(build.RING, audience="github").verify_call(bound.token, **asked)


def test_no_error_carries_the_token_in_its_frames(engine: Any) -> None:
    verifier = Verifier(build.RING, audience="github")
    token = build.lease().token
    ask: dict[str, Any] = {"action": "repo.read", "run": "agt_1@2", "facts": build.FACTS, "now": NOW}
    wrong: list[tuple[str, dict[str, Any]]] = [
        (token, {"action": "x"}), (token, {"run": None}), (token, {"facts": {"f": 1.5}}), (token, {"now": "z"}), (token, {"now": NOW + 10**6}),
        (token[:-1], {}), (token[:-9], {}), (token[:-1] + "é", {}), (token[:60], {}),
    ]  # fmt: skip

    def shown(work: Any) -> str:
        try:
            work()
        except Exception as error:
            frames = (
                error.__traceback__ and error.__traceback__.tb_next
            )  # without this one, which has the work
            report = traceback.TracebackException(type(error), error, frames, capture_locals=True)
            return "".join(report.format())
        raise AssertionError("nothing was refused")

    for text, more in wrong:
        assert token[20:50] not in shown(partial(verifier.verify, text, **{**ask, **more})), more

    def leaky(token: str) -> None:
        raise ValueError("the control: a frame that shows it")

    assert token[20:50] in shown(partial(leaky, token))
