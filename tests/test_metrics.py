"""What Prometheus reads of gates."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from build import NOW, RING, lease

from attenuate import Gate, LeaseError, Verifier
from attenuate.store import MemoryStore

prometheus = pytest.importorskip("prometheus_client")


def test_a_gate_is_told_in_numbers() -> None:
    from attenuate.gate.metrics import GateMetrics

    gate = Gate(Verifier(RING, audience="github"), MemoryStore())
    registry = prometheus.CollectorRegistry()
    registry.register(GateMetrics(github=gate))
    ask: Any = {"action": "repo.read", "run": "agt_1@2", "facts": {"repo": "clord"}, "now": NOW + 1}
    token = lease(budget={"calls": 1}).token
    for _ in range(2):
        with contextlib.suppress(LeaseError):
            gate.check(token, **ask)
    at = registry.get_sample_value
    assert at("attenuate_allowed_total", {"gate": "github"}) == 1
    assert at("attenuate_refused_total", {"gate": "github", "code": "budget"}) == 1
    assert at("attenuate_ledger_sequence", {"gate": "github"}) == 0
    assert at("attenuate_cache_hits_total", {"gate": "github"}) == 1
    assert (
        at("attenuate_store_calls_total", {"gate": "github", "store": "memory"})
        == gate.info().store.calls
        > 2
    )
    text = prometheus.generate_latest(registry).decode()
    assert token not in text
    assert "agt_1" not in text
