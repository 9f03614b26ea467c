"""The Verifier: what it is set to, and that it looks at the clock each time."""

from __future__ import annotations

from typing import Any

import build
import pytest
from build import NOW

from attenuate import Verifier, one_of


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
