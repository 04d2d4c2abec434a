"""trtexec's files and command lines as baselines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.analysis.layers import summarize_layers
from pytest_trtperf.baseline import trtexec
from pytest_trtperf.baseline.schema import BaselineFile, decode, encode
from pytest_trtperf.baseline.trtexec import (
    TimedQuery,
    baseline_entry,
    baseline_run,
    import_profile,
    import_times,
    mode_of_trtexec,
    shapes_of_trtexec,
)
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.measure.trace import Trace
from pytest_trtperf.report.trtexec import export_profile, export_times, times_json

# as `std::ostream` prints it: six digits, whole numbers without a point, exponents, spaces
SAMPLE = b"""[
  { "startEnqMs" : 200.312, "endEnqMs" : 200.378, "startH2dMs" : 200.301, "endH2dMs" : 200.4, \
"startComputeMs" : 201.003, "endComputeMs" : 202.01, "startD2hMs" : 202.011, \
"endD2hMs" : 202.02, "h2dMs" : 0.0987, "computeMs" : 1.00659, "d2hMs" : 9.21e-03, \
"latencyMs" : 1.1145 }
, { "startEnqMs" : 1201, "endEnqMs" : 1201.07, "startH2dMs" : 1201.1, "endH2dMs" : 1201.2, \
"startComputeMs" : 1201.94, "endComputeMs" : 1202.95, "startD2hMs" : 1202.95, \
"endD2hMs" : 1202.96, "h2dMs" : 0.0988, "computeMs" : 1, "d2hMs" : 0, "latencyMs" : 1.0988 }
]
"""

PROFILE = b"""[
  { "count" : 812 }
, { "name" : "conv1 + relu", "timeMs" : 40.6, "averageMs" : 0.05, "medianMs" : 0.0492, \
"percentage" : 25 }
, { "name" : "fc", "timeMs" : 121.8, "averageMs" : 0.15, "medianMs" : 0.1476, "percentage" : 75 }
]
"""

RECORDED = "2026-01-02T03:04:05Z"


def six(value: float) -> float:
    return float(f"{value:.6g}")


def make_queries(
    count: int = 3000,
    *,
    period: float = 1.0,
    compute: float = 0.98,
    copy: float = 0.1,
    at: float = 200.0,
    round_to: Callable[[float], float] = six,
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


def rows(queries: list[TimedQuery]) -> Any:
    return msgspec.to_builtins(queries)


# ---- the times ----


def test_times_as_trtexec_writes_them() -> None:
    first, second = import_times(SAMPLE, "t.json")
    assert (first.start_enq_ms, first.end_d2h_ms) == (200.312, 202.02)
    assert (first.h2d_ms, first.compute_ms, first.d2h_ms) == (0.0987, 1.00659, 9.21e-03)
    assert (second.start_enq_ms, second.latency_ms) == (1201.0, 1.0988)


def test_fields_of_other_versions_are_no_error() -> None:
    assert len(import_times(SAMPLE.replace(b" }", b', "endToEndMs" : 3.25 }'), "t.json")) == 2


@pytest.mark.parametrize(
    ("data", "place", "reason"),
    [
        (b"", "byte 0", "truncated"),
        (SAMPLE[:99], "byte 99", "truncated"),
        (SAMPLE[: len(SAMPLE) // 2], r"\$", "malformed"),  # amid a number
        (SAMPLE + b"]", r"\$", "byte"),
        (b"\x00\xff\xfe", r"\$", "byte 0"),
        (b"[" * 100_000, r"\$\[0\]", "object"),
        (SAMPLE.replace(b" }", b', "x": ' + b"[" * 100_000), r"\$", "recursion"),
        (b"[]", r"\$", "no query"),
        (b"{}", r"\$", "Expected `array`"),
        (b"null", r"\$", "Expected `array`"),
        (b"[1]", r"\$\[0\]", "Expected `object`"),
        (PROFILE, r"\$\[0\]", "required field"),
        (SAMPLE.replace(b'"endD2hMs"', b'"end"', 1), r"\$\[0\]", "`endD2hMs`"),
        (SAMPLE.replace(b": 1,", b": nan,"), r"\$", "malformed"),
        (SAMPLE.replace(b": 1,", b": NaN,"), r"\$", "malformed"),
        (SAMPLE.replace(b": 1,", b": Infinity,"), r"\$", "malformed"),
        (SAMPLE.replace(b": 1,", b": -1,"), r"\$\[1\]\.computeMs", ">= 0"),
        (SAMPLE.replace(b": 1,", b": 1e99,"), r"\$\[1\]\.computeMs", "<="),
        (SAMPLE.replace(b": 1,", b": 1e999,"), r"\$\[1\]\.computeMs", "out of range"),
        (SAMPLE.replace(b": 1,", b": " + b"9" * 500 + b","), r"\$\[1\]\.computeMs", "out of range"),
        (SAMPLE.replace(b": 1,", b': "1",'), r"\$\[1\]\.computeMs", "Expected `float`"),
        (SAMPLE.replace(b": 1,", b": true,"), r"\$\[1\]\.computeMs", "Expected `float`"),
        (SAMPLE.replace(b": 1,", b": null,"), r"\$\[1\]\.computeMs", "Expected `float`"),
        (SAMPLE.replace(b": 1202.96", b": 1202"), r"\$\[1\]", "d2h ends before"),
    ],
)
def test_broken_times_name_file_and_place(data: bytes, place: str, reason: str) -> None:
    pattern = rf"(?s)trtexec's times dir/t\.json, at {place}: .*{reason}.*--exportTimes"
    with pytest.raises(BaselineError, match=pattern):
        import_times(data, Path("dir/t.json"))


def test_huge_file_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trtexec, "MAX_BYTES", 1 << 20)
    with pytest.raises(BaselineError, match="larger than 1 MiB"):
        import_times(b" " * ((1 << 20) + 1), "t.json")


@given(st.binary(max_size=40), st.integers(0, len(SAMPLE)), st.integers(0, 40))
def test_damaged_times_are_read_or_refused(noise: bytes, place: int, cut: int) -> None:
    data = SAMPLE[:place] + noise + SAMPLE[place + cut :]
    try:
        queries = import_times(data, "t.json")
    except BaselineError:
        return
    table = np.array([msgspec.structs.astuple(query) for query in queries])
    assert np.isfinite(table).all()
    assert (table >= 0).all()


# ---- the baseline ----


def test_run_of_three_seconds_has_as_many_rounds_as_keep_p99_comparable() -> None:
    run = baseline_run(make_queries(3000), recorded=RECORDED)
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
    run = baseline_run(queries, recorded=RECORDED)
    assert len(run.rounds) == rounds
    sizes = [round.queries for round in run.rounds]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("count", "period"), [(1, 1.0), (2, 5000.0), (10, 1000.0), (800, 1.0)])
def test_too_short_a_run_says_how_long_it_must_be(count: int, period: float) -> None:
    with pytest.raises(BaselineError, match=rf"^{count} queries .*--duration=3 .*--iterations=50"):
        baseline_run(make_queries(count, period=period), recorded=RECORDED)


def test_throughput_is_unbiased_by_what_overlaps_at_a_rounds_ends() -> None:
    for period, compute in ((1.0, 1.0), (1.0, 0.5), (20.0, 20.0)):
        count = int(3000 / period)
        queries = make_queries(count, period=period, compute=compute, round_to=float)
        for round in baseline_run(queries, recorded=RECORDED).rounds:
            assert round.throughput == pytest.approx(1e3 / period, rel=1e-9)


def test_six_digits_are_enough_for_throughput_however_long_trtexec_ran() -> None:
    for at in (200.0, 2e4, 2e5, 2e6):
        queries = make_queries(60_000, period=2.0, compute=1.9, at=at)
        for round in baseline_run(queries, recorded=RECORDED).rounds:
            assert round.throughput == pytest.approx(500, rel=2e-3)


def test_durations_are_taken_as_they_are_and_not_from_time_stamps() -> None:
    queries = make_queries(6000, period=2.0, compute=1.23456, at=1e6)
    run = baseline_run(queries, recorded=RECORDED)
    for round in run.rounds:
        assert set(round.quantiles["gpu_compute"]) == {1.23456}
        assert set(round.quantiles["latency"]) == {1.43456}


def test_streams_may_come_in_any_order() -> None:
    queries = make_queries(3000)
    mixed = [queries[index] for index in np.random.default_rng(0).permutation(len(queries))]
    assert baseline_run(mixed, recorded=RECORDED) == baseline_run(queries, recorded=RECORDED)


def test_time_stamps_that_stand_still_are_refused() -> None:
    queries = [*make_queries(1), *make_queries(3000, at=1e4, period=0.0)]
    with pytest.raises(BaselineError, match="too coarse"):
        baseline_run(queries, recorded=RECORDED)


def test_compute_of_no_time_is_refused() -> None:
    with pytest.raises(BaselineError, match="computeMs is 0"):
        baseline_run(make_queries(3000, compute=0.0), recorded=RECORDED)


def test_entry_is_one_that_a_baseline_file_can_hold() -> None:
    run = baseline_run(make_queries(), recorded=RECORDED, software={"tensorrt": "10.13"})
    shapes = {"input": (8, 3), "scale": ()}
    entry = baseline_entry(run, mode=mode_of_trtexec(""), shapes=shapes)
    assert entry.engine == entry.runs[0].plan == "trtexec"
    assert decode(encode(BaselineFile(entries={"k": entry})), "b").entries["k"].shapes == {
        "input": [8, 3],
        "scale": [],
    }
    assert baseline_entry(run, mode={}, shapes={}, engine="e").engine == "e"


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
        run = baseline_run(queries, recorded=RECORDED)
    except BaselineError:
        assert count * period < 1000
        return
    assert len(run.rounds) >= 5
    encode(BaselineFile(entries={"k": baseline_entry(run, mode={}, shapes={})}))


# ---- ours, exported and read again ----


def make_trace(queries: int, at_ms: float, compute_ms: float = 0.4) -> Trace:
    rng = np.random.default_rng(int(at_ms))
    times = (compute_ms * rng.uniform(0.98, 1.02, queries)).astype(np.float32)
    start = np.concatenate([[0.0], np.cumsum(times)[:-1]]) + 0.005
    issued = ((at_ms + np.maximum(start - compute_ms, 0.0)) * 1e6).astype(np.int64)
    done = ((at_ms + start + times + 0.01) * 1e6).astype(np.int64)
    zeros = np.zeros(queries, np.float32)
    return Trace(
        float(start[-1] + times[-1]),
        issued,
        done,
        2,
        np.full(queries, 9000, np.int64),
        {"h2d": zeros, "gpu_compute": times, "d2h": zeros},
        {"gpu_compute": start.astype(np.float32)},
    )


def test_our_export_comes_back(tmp_path: Path) -> None:
    traces = [make_trace(500, 1000), make_trace(600, 1210)]
    export_times(tmp_path / "t.json", traces)
    queries = import_times((tmp_path / "t.json").read_bytes(), tmp_path / "t.json")
    assert rows(queries) == times_json(traces)
    compute = np.concatenate([trace.samples("gpu_compute") for trace in traces])
    np.testing.assert_allclose([query.compute_ms for query in queries], compute, atol=1e-6)


def test_our_rounds_become_a_baseline_like_our_own() -> None:
    trace = make_trace(5001, 1000)
    data = json.dumps(times_json(trace)).encode()
    run = baseline_run(import_times(data, "t"), recorded=RECORDED)
    assert len(run.rounds) == 10
    for round in run.rounds:
        assert round.throughput == pytest.approx(trace.throughput, rel=5e-3)
        assert round.quantiles["gpu_compute"][8] == pytest.approx(
            np.median(trace.compute), rel=5e-3
        )


# ---- the profile ----


def test_profile_as_trtexec_writes_it() -> None:
    conv, fc = import_profile(PROFILE, "p.json")
    assert (conv.name, conv.median_ms, conv.average_ms, conv.total_ms) == (
        "conv1 + relu", 0.0492, 0.05, 40.6,
    )  # fmt: skip
    assert conv.share == pytest.approx(0.25)
    assert fc.share == pytest.approx(0.75)


@given(
    st.dictionaries(
        st.text(max_size=9),
        st.lists(st.floats(0, 9), min_size=3, max_size=3),
        min_size=1,
        max_size=5,
    )
)
def test_our_profile_comes_back(
    tmp_path_factory: pytest.TempPathFactory, times: dict[str, list[float]]
) -> None:
    path = tmp_path_factory.mktemp("profile") / "p.json"
    layers = summarize_layers(times)
    export_profile(path, layers, 3)
    assert import_profile(path.read_bytes(), path) == layers


@pytest.mark.parametrize(
    ("data", "place", "reason"),
    [
        (b"", "byte 0", "truncated"),
        (PROFILE[:99], "byte 99", "truncated"),
        (b"[]", r"\$", "no layer"),
        (b'[{"count": 3}]', r"\$", "no layer"),
        (b"{}", r"\$", "Expected `array`"),
        (SAMPLE, r"\$\[0\]", "`count`"),
        (PROFILE.replace(b"812", b"0"), r"\$\[0\]\.count", ">= 1"),
        (PROFILE.replace(b"0.0492", b"-1"), r"\$\[1\]\.medianMs", ">= 0"),
        (PROFILE.replace(b"0.0492", b"nan"), r"\$", "malformed"),
        (PROFILE.replace(b'"medianMs"', b'"m"'), r"\$\[1\]", "`medianMs`"),
        (PROFILE.replace(b'"fc"', b"7"), r"\$\[2\]\.name", "Expected `str`"),
        (PROFILE.replace(b'"fc"', b'"f"c"'), r"\$", "malformed"),
        (PROFILE.replace(b'"fc"', b'"\xff"'), r"\$\[2\]", "utf-8"),
    ],
)
def test_broken_profile_names_file_and_place(data: bytes, place: str, reason: str) -> None:
    pattern = rf"(?s)trtexec's profile p\.json, at {place}: .*{reason}.*--exportProfile"
    with pytest.raises(BaselineError, match=pattern):
        import_profile(data, "p.json")


# ---- the command line ----

V10 = {
    "transfers": True, "spin_wait": False, "cuda_graph": False, "streams": 1, "concurrency": 2,
    "inputs": "seeded", "seed": 0, "load": "closed", "idle_ms": 0.0,
}  # fmt: skip
V11 = {**V10, "transfers": False, "spin_wait": True, "cuda_graph": True}


@pytest.mark.parametrize(
    ("arguments", "version", "expected"),
    [
        ("", 10, V10),
        ("", 11, V11),
        ("trtexec --onnx=a.onnx --fp16 --duration=10 --warmUp=500", 10, V10),
        ("--noDataTransfers --useSpinWait --useCudaGraph", 10, V11),
        ("--noDataTransfers --useSpinWait --useCudaGraph", 11, V11),
        ("--includeDataTransfers --noSpinWait --noCudaGraph", 11, V10),
        ("--noDataTransfers --includeDataTransfers", 11, {**V11, "transfers": True}),
        ("--useSpinWait=false", 10, {**V10, "spin_wait": True}),  # as trtexec has it
        ("--exposeDMA", 10, {**V10, "concurrency": 1}),
        ("--infStreams=4", 10, {**V10, "streams": 4}),
        ("--streams=3", 10, {**V10, "streams": 3}),
        ("--streams=3 --infStreams=2", 10, {**V10, "streams": 2}),
        ("--idleTime=2.5", 11, {**V11, "idle_ms": 2.5}),
        ("--exportTimes='a b.json' --exposeDMA", 10, {**V10, "concurrency": 1}),
    ],
)
def test_mode(arguments: str, version: int, expected: dict[str, Any]) -> None:
    mode = mode_of_trtexec(arguments, version)
    assert mode == expected
    assert {name: type(value) for name, value in mode.items()} == {
        name: type(value) for name, value in expected.items()
    }


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--infStreams=0", "at least 1"),
        ("--infStreams 2", "at least 1"),
        ("--infStreams=two", "at least 1"),
        ("--infStreams=" + "9" * 5000, "at least 1"),
        ("--idleTime=-1", "milliseconds"),
        ("--idleTime=nan", "milliseconds"),
        ("--idleTime=inf", "milliseconds"),
        ("--idleTime=soon", "milliseconds"),
        ("--loadInputs=input:a.bin", "measure again without"),
        ("--useManagedMemory", "measure again without"),
        ("--noCudaGraph", "version 11"),
        ("--infStreams=2 --infStreams=3", "twice"),
        ("--exportTimes='a", "quotation"),
    ],
)
def test_command_lines_without_a_mode(arguments: str, reason: str) -> None:
    with pytest.raises(BaselineError, match=reason):
        mode_of_trtexec(arguments)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--useSpinWait", {}),
        ("--shapes=input:8x3x224x224", {"input": [8, 3, 224, 224]}),
        ("--shapes=a:1x2,b:3,c:scalar", {"a": [1, 2], "b": [3], "c": []}),
        ("--shapes=input:0:8x3", {"input:0": [8, 3]}),
        ("--shapes=\"'input:0':8x3\"", {"input:0": [8, 3]}),
        ("--minShapes=a:1 --optShapes=a:4,b:2 --maxShapes=a:8 --shapes=a:7", {"a": [7], "b": [2]}),
        ("--minShapes=a:1 --maxShapes=a:8", {"a": [8]}),
        ("--minShapes=a:1", {"a": [1]}),
    ],
)
def test_shapes(arguments: str, expected: dict[str, list[int]]) -> None:
    assert shapes_of_trtexec(arguments) == expected


@pytest.mark.parametrize(
    "value", ["", "8x3", "a:", ":8", "a:8x", "a:8x-1", "a:0", "a:8x3,", "a:b", "a:1" + "0" * 30]
)
def test_shapes_that_cannot_be_read(value: str) -> None:
    with pytest.raises(BaselineError, match="--shapes="):
        shapes_of_trtexec(f"--shapes={value}")
