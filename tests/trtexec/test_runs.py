"""trtexec's queries become the rounds of a baseline."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.baseline.schema import BaselineFile, decode, encode
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.trtexec.measured_mode import mode_of_trtexec
from pytest_trtperf.trtexec.read_exports import TimedQuery
from pytest_trtperf.trtexec.runs import imported_entry, imported_run

RECORDED = "2026-01-02T03:04:05Z"


def six_digits(value: float) -> float:
    return float(f"{value:.6g}")


def make_queries(
    count: int = 3000,
    *,
    period: float = 1.0,
    compute: float = 0.98,
    copy: float = 0.1,
    at: float = 200.0,
    round_to: Callable[[float], float] = six_digits,
) -> list[TimedQuery]:
    """Queries that end every `period` ms; each H2D begins one period before its compute."""
    queries = []
    for number in range(count):
        start = at + number * period
        stamps = [start - period, start - period + 0.02, start - period, start - period + copy]
        stamps += [start, start + compute, start + compute, start + compute + copy]
        durations = [copy, compute, copy, compute + 2 * copy]
        values = [round_to(value) for value in (*stamps, *durations)]
        queries.append(TimedQuery(**dict(zip(TimedQuery.__struct_fields__, values, strict=True))))
    return queries


def test_run_of_three_seconds_has_as_many_rounds_as_keep_p99_comparable() -> None:
    run = imported_run(make_queries(3000), recorded=RECORDED)
    assert len(run.rounds) == 5
    assert sum(round.queries for round in run.rounds) == 2999
    assert min(round.queries for round in run.rounds) >= 500


@pytest.mark.parametrize(
    ("count", "period", "rounds"),
    [
        (30_000, 0.1, 15),  # 3 s at 10 000 QPS: 200 ms each
        (300_000, 0.1, 30),  # 30 s: no more than 30
        (200, 15.0, 5),  # 3 s of a slow model: too few queries for P99, but 5 rounds
        (11, 300.0, 5),
        (1000, 1.0, 5),
    ],
)
def test_number_of_rounds(count: int, period: float, rounds: int) -> None:
    queries = make_queries(count, period=period, compute=0.9 * period)
    run = imported_run(queries, recorded=RECORDED)
    assert len(run.rounds) == rounds
    sizes = [round.queries for round in run.rounds]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("count", "period"), [(1, 1.0), (2, 5000.0), (10, 1000.0), (800, 1.0)])
def test_too_short_a_run_says_how_long_it_must_be(count: int, period: float) -> None:
    with pytest.raises(BaselineError, match=rf"^{count} queries .*--duration=3 .*--iterations=50"):
        imported_run(make_queries(count, period=period), recorded=RECORDED)


def test_throughput_is_unbiased_by_what_overlaps_at_a_rounds_ends() -> None:
    for period, compute in ((1.0, 1.0), (1.0, 0.5), (20.0, 20.0)):
        count = int(3000 / period)
        queries = make_queries(count, period=period, compute=compute, round_to=float)
        for round in imported_run(queries, recorded=RECORDED).rounds:
            assert round.throughput == pytest.approx(1e3 / period, rel=1e-9)


def test_six_digits_are_enough_for_throughput_however_long_trtexec_ran() -> None:
    for at in (200.0, 2e4, 2e5, 2e6):
        queries = make_queries(60_000, period=2.0, compute=1.9, at=at)
        for round in imported_run(queries, recorded=RECORDED).rounds:
            assert round.throughput == pytest.approx(500, rel=2e-3)


def test_durations_are_taken_as_they_are_and_not_from_time_stamps() -> None:
    queries = make_queries(6000, period=2.0, compute=1.23456, at=1e6)
    run = imported_run(queries, recorded=RECORDED)
    for round in run.rounds:
        assert set(round.quantiles["gpu_compute"]) == {1.23456}
        assert set(round.quantiles["latency"]) == {1.43456}


def test_streams_may_come_in_any_order() -> None:
    queries = make_queries(3000)
    mixed = [queries[index] for index in np.random.default_rng(0).permutation(len(queries))]
    assert imported_run(mixed, recorded=RECORDED) == imported_run(queries, recorded=RECORDED)


def test_time_stamps_that_stand_still_are_refused() -> None:
    queries = [*make_queries(1), *make_queries(3000, at=1e4, period=0.0)]
    with pytest.raises(BaselineError, match="too coarse"):
        imported_run(queries, recorded=RECORDED)


def test_compute_of_no_time_is_refused() -> None:
    with pytest.raises(BaselineError, match="computeMs is 0"):
        imported_run(make_queries(3000, compute=0.0), recorded=RECORDED)


def test_entry_is_one_that_a_baseline_file_can_hold() -> None:
    run = imported_run(make_queries(), recorded=RECORDED, software={"tensorrt": "10.13"})
    shapes = {"input": (8, 3), "scale": ()}
    entry = imported_entry(run, mode=mode_of_trtexec(""), shapes=shapes)
    assert entry.engine == entry.runs[0].plan == "trtexec"
    assert decode(encode(BaselineFile(entries={"k": entry})), "b").entries["k"].shapes == {
        "input": [8, 3],
        "scale": [],
    }
    assert imported_entry(run, mode={}, shapes={}, engine="e").engine == "e"


@given(
    st.integers(20, 400),
    st.floats(3.0, 50.0),
    st.integers(0, 2**32 - 1),
)
def test_whatever_a_run_took_its_rounds_can_be_stored(count: int, period: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    queries = [
        msgspec.structs.replace(query, compute_ms=float(value), latency_ms=float(value) + 0.2)
        for query, value in zip(
            make_queries(count, period=period), rng.lognormal(size=count), strict=True
        )
    ]
    try:
        run = imported_run(queries, recorded=RECORDED)
    except BaselineError:
        assert count * period < 1000
        return
    assert len(run.rounds) >= 5
    encode(BaselineFile(entries={"k": imported_entry(run, mode={}, shapes={})}))
