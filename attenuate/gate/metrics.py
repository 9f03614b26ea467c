"""Numbers of gates for Prometheus; needs the package prometheus_client.

prometheus_client.REGISTRY.register(GateMetrics(github=gate))
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .async_gate import AsyncGate
from .gate import Gate


class GateMetrics(Collector):
    """Collects `Gate.info` of gates, each under the name it is given here: the label `gate`."""

    def __init__(self, **gates: Gate | AsyncGate) -> None:
        self._gates = gates

    def collect(self) -> Iterator[Metric]:
        """Yield what is counted: requests by outcome, the ledger, the cache, and calls of the store."""
        allowed = CounterMetricFamily("attenuate_allowed", "Requests granted.", labels=["gate"])
        refused = CounterMetricFamily(
            "attenuate_refused", "Requests refused, by code.", labels=["gate", "code"]
        )
        seq = GaugeMetricFamily(
            "attenuate_ledger_sequence", "Last entry of the ledger that is known.", labels=["gate"]
        )
        age = GaugeMetricFamily(
            "attenuate_ledger_age_seconds", "How old what is known may be.", labels=["gate"]
        )
        hits = CounterMetricFamily("attenuate_cache_hits", "Chains known already.", labels=["gate"])
        misses = CounterMetricFamily("attenuate_cache_misses", "Chains that were new.", labels=["gate"])
        labels = ["gate", "store"]
        calls = CounterMetricFamily("attenuate_store_calls", "Calls of the store.", labels=labels)
        failed = CounterMetricFamily("attenuate_store_failures", "Calls that failed.", labels=labels)
        took = CounterMetricFamily("attenuate_store_seconds", "Seconds in calls of the store.", labels=labels)
        for name, gate in self._gates.items():
            info = gate.info()
            allowed.add_metric([name], info.allowed)
            for code, count in info.refused.items():
                refused.add_metric([name, code], count)
            seq.add_metric([name], info.seq)
            age.add_metric([name], info.age)
            if info.cache is not None:
                hits.add_metric([name], info.cache.hits)
                misses.add_metric([name], info.cache.misses)
            store = [name, info.store.name]
            calls.add_metric(store, info.store.calls)
            failed.add_metric(store, info.store.failed)
            took.add_metric(store, info.store.seconds)
        yield from (allowed, refused, seq, age, hits, misses, calls, failed, took)
