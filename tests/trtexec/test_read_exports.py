"""What we export in trtexec's form comes back as it was."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.analysis.layers import summarize_layers
from pytest_trtperf.backend.trace import Trace
from pytest_trtperf.trtexec.read_exports import import_profile, import_times
from pytest_trtperf.trtexec.runs import imported_run
from pytest_trtperf.trtexec.write_exports import export_profile, export_times, times_json


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
    assert msgspec.to_builtins(queries) == times_json(traces)
    compute = np.concatenate([trace.samples("gpu_compute") for trace in traces])
    np.testing.assert_allclose([query.compute_ms for query in queries], compute, atol=1e-6)


def test_our_rounds_become_a_baseline_like_our_own() -> None:
    trace = make_trace(5001, 1000)
    data = json.dumps(times_json(trace)).encode()
    run = imported_run(import_times(data, "t"), recorded="2026-01-02T03:04:05Z")
    assert len(run.rounds) == 10
    for round in run.rounds:
        assert round.throughput == pytest.approx(trace.throughput, rel=5e-3)
        assert round.quantiles["gpu_compute"][8] == pytest.approx(
            np.median(trace.compute), rel=5e-3
        )


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
