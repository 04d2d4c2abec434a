"""Which numbers are compared, under which names and units, and what rounds they need."""

from __future__ import annotations

import pytest

from pytest_trtperf.analysis.affordable import too_slow_for_p99
from pytest_trtperf.analysis.gates import (
    LEAST_QUERIES_FOR_P99,
    OPEN_LOAD_GATES,
    Gate,
    closed_load_gates,
    too_few_for_p99,
)
from pytest_trtperf.analysis.metrics import engine_metric
from pytest_trtperf.analysis.round_length import mean_round_ms, too_short
from pytest_trtperf.analysis.summary import QUANTILES
from pytest_trtperf.baseline.schema import BaselineRound


def round_of(queries: int = 500, throughput: float = 1000.0) -> BaselineRound:
    return BaselineRound(
        queries=queries,
        throughput=throughput,
        quantiles={"latency": [100 * share for share in QUANTILES]},
    )


@pytest.mark.parametrize(
    ("metrics", "engine"), [(["latency"], "latency"), (["gpu_compute", "latency"], "gpu_compute")]
)
def test_the_engines_own_time_is_compared_where_it_is_measured(
    metrics: list[str], engine: str
) -> None:
    assert engine_metric(metrics) == engine
    assert closed_load_gates(metrics) == (
        Gate(engine, "median", 0.05),
        Gate("latency", "p99", 0.10),
        Gate("throughput", "throughput", 0.05),
    )


def test_gates_have_names_and_units() -> None:
    gates = [*closed_load_gates(["latency"]), *OPEN_LOAD_GATES, Gate("load_time", "load_time", 0.1)]
    assert [(gate.name, gate.unit) for gate in gates] == [
        ("latency median", "ms"),
        ("latency P99", "ms"),
        ("throughput", "qps"),
        ("response median", "ms"),
        ("response P99", "ms"),
        ("load time", "ms"),
    ]
    assert [gate.is_cost for gate in gates] == [False] * 5 + [True]


def test_values_are_those_of_each_round() -> None:
    median, p99, throughput = closed_load_gates(["latency"])
    both = [round_of(), round_of(throughput=900.0)]
    assert throughput.values(both) == [1000.0, 900.0]
    assert median.values(both) == [50.0, 50.0]
    assert p99.values(both) == [99.0, 99.0]


def test_one_short_round_leaves_the_p99_out_and_nothing_else() -> None:
    median, p99, _ = closed_load_gates(["latency"])
    enough, few = round_of(LEAST_QUERIES_FOR_P99), round_of(LEAST_QUERIES_FOR_P99 - 1)
    assert not too_few_for_p99(p99, [enough, enough])
    assert too_few_for_p99(p99, [enough, few])
    assert not too_few_for_p99(median, [few])


def test_the_length_of_rounds_is_their_mean() -> None:
    assert mean_round_ms([round_of(), round_of(100)]) == pytest.approx(300)


def test_rounds_from_just_below_50_ms_are_long_enough() -> None:
    assert too_short(45.0) is None
    assert too_short(44.0, " in the baseline") == (
        "rounds of 44 ms in the baseline are too short to decide anything: set round_ms to 50 or "
        "more (200 by default)"
    )
    assert (too_short(20.0) or "").startswith("rounds of 20 ms are too short")


def test_a_slow_engine_says_before_what_its_time_supports() -> None:
    # 5 rounds of 500 queries, and a tenth more, take 27.5 s at 100 queries a second.
    assert too_slow_for_p99(100.0, 27.5, 500) is None
    assert too_slow_for_p99(1.0, 30.0, LEAST_QUERIES_FOR_P99 - 1) is None
    assert too_slow_for_p99(50.0, 30.0, 500) == (
        "a query takes 20 ms: 30 s hold 1500 queries, which support the median and throughput; "
        "P99 needs 500 in each of 5 rounds: raise max_time to 55 s"
    )
    slow = too_slow_for_p99(4.0, 30.0, 500)
    assert slow is not None
    assert slow.startswith("a query takes 250 ms: 30 s hold 120 queries, which support the median")
    assert slow.endswith(
        "raise max_time to 688 s, or to 83 s for a budget of P99 alone (299 queries)"
    )
