"""Settings of pytest-benchmark: short runs, medians, and results that do not name the machine."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import machine


def pytest_configure(config: pytest.Config) -> None:
    """Set what nobody set on the command line (the plugin reads these after this)."""
    option = config.option
    option.benchmark_max_time = "0.1" if option.benchmark_max_time == "1.0" else option.benchmark_max_time
    if option.benchmark_timer.endswith("perf_counter"):
        option.benchmark_timer = "time.process_time"
    option.benchmark_columns = option.benchmark_columns or ["median", "iqr", "ops", "rounds"]
    option.benchmark_sort = "fullname" if option.benchmark_sort == "min" else option.benchmark_sort


def pytest_benchmark_generate_machine_info(config: pytest.Config) -> dict[str, object]:
    """Replace the plugin's, which has the host's name and paths."""
    return machine.machine()


def pytest_benchmark_generate_commit_info(config: pytest.Config) -> dict[str, object]:
    """Replace the plugin's, which has the folder's name."""
    return machine.commit()


def pytest_benchmark_update_json(
    config: pytest.Config, benchmarks: list[Any], output_json: dict[str, Any]
) -> None:
    """Keep the figures and drop each single timing and setting."""
    kept = ("median", "iqr", "min", "max", "mean", "stddev", "rounds", "iterations")
    for each in output_json["benchmarks"]:
        each["stats"] = {name: each["stats"][name] for name in kept}
        for name in ("options", "extra_info", "params", "param", "name"):
            each.pop(name, None)
