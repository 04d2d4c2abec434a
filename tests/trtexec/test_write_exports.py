"""Exports in trtexec's form: the schema, the clocks, and what cannot be exported."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.analysis.layers import summarize_layers
from pytest_trtperf.backend.trace import Times, Trace
from pytest_trtperf.errors import MeasurementError
from pytest_trtperf.trtexec.write_exports import export_profile, export_times, times_json

KEYS = [
    *("startEnqMs", "endEnqMs", "startH2dMs", "endH2dMs", "startComputeMs", "endComputeMs"),
    *("startD2hMs", "endD2hMs", "h2dMs", "computeMs", "d2hMs", "latencyMs"),
]
STAMPS = [key for key in KEYS if key.startswith(("start", "end"))]
MS = 1_000_000


def make_trace(
    queries: int = 4, at_ms: float = 5000.0, *, transfers: bool = True, compute_ms: float = 1.0
) -> Trace:
    """Two queries in flight on a device with 0.25 ms copies; the host sees an end 10 us later."""
    copy = 0.25 if transfers else 0.0
    issued: list[float] = []
    h2d: list[float] = []
    compute: list[float] = []
    end: list[float] = []
    free = 0.0
    for number in range(queries):
        issued.append(end[number - 2] + 0.01 if number >= 2 else 0.0)
        h2d.append(issued[-1])
        compute.append(max(free, h2d[-1] + copy))
        free = compute[-1] + compute_ms
        end.append(free + copy)
    starts = {"h2d": h2d, "gpu_compute": compute, "d2h": np.array(compute) + compute_ms}
    return Trace(
        max(end, default=0.0),
        _nanoseconds(issued, at_ms),
        _nanoseconds(end, at_ms + 0.01),
        2,
        np.full(queries, 20_000, np.int64),
        {
            name: np.full(queries, value, np.float32)
            for name, value in (("h2d", copy), ("gpu_compute", compute_ms), ("d2h", copy))
        },
        {
            name: np.array(values, np.float32)
            for name, values in starts.items()
            if transfers or name == "gpu_compute"
        },
    )


def _nanoseconds(values: list[float], at_ms: float) -> Times:
    return np.round((np.array(values) + at_ms) * MS).astype(np.int64)


def test_a_query_has_the_keys_of_trtexec_in_its_order() -> None:
    rows = times_json(make_trace(3))
    assert [list(row) for row in rows] == [KEYS] * 3
    assert rows[2] == pytest.approx({
        "startEnqMs": 1.51, "endEnqMs": 1.53,
        "startH2dMs": 1.51, "endH2dMs": 1.76,
        "startComputeMs": 2.25, "endComputeMs": 3.25,
        "startD2hMs": 3.25, "endD2hMs": 3.5,
        "h2dMs": 0.25, "computeMs": 1.0, "d2hMs": 0.25, "latencyMs": 1.5,
    })  # fmt: skip


def test_without_transfers_copies_have_no_length_and_lie_at_the_compute() -> None:
    for row in times_json(make_trace(3, transfers=False)):
        assert row["startH2dMs"] == row["endH2dMs"] == row["startComputeMs"]
        assert row["startD2hMs"] == row["endD2hMs"] == row["endComputeMs"]
        assert row["h2dMs"] == row["d2hMs"] == 0
        assert row["latencyMs"] == row["computeMs"] == 1


def test_rounds_lie_as_far_apart_as_on_the_hosts_clock() -> None:
    rows = times_json([make_trace(3, 5000), make_trace(3, 5200.5)])
    first, second = rows[:3], rows[3:]
    for before, after in zip(first, second, strict=True):
        assert {key: after[key] - before[key] for key in STAMPS} == pytest.approx(
            dict.fromkeys(STAMPS, 200.5)
        )


def test_rounds_in_any_order_come_out_ascending() -> None:
    rows = times_json([make_trace(3, 5200), make_trace(3, 5000)])
    assert rows == times_json([make_trace(3, 5000), make_trace(3, 5200)])
    assert rows[0]["startEnqMs"] == 0


def test_a_round_without_its_lead_in_keeps_the_clocks_together() -> None:
    whole = make_trace(40)
    cut = whole.after(int(whole.issued[20]))
    rows = times_json(cut)
    assert rows[0]["startEnqMs"] == 0
    expected = times_json(whole)[20:]
    shift = expected[0]["startEnqMs"]
    # what the host saw bounds the device's clock to within the 10 us of a wake-up
    assert rows[7]["startComputeMs"] == pytest.approx(
        expected[7]["startComputeMs"] - shift, abs=0.011
    )


@given(
    st.lists(
        st.tuples(st.integers(1, 20), st.floats(0.5, 40), st.booleans()), min_size=1, max_size=4
    )
)
def test_no_time_is_negative_and_stages_follow_each_other(
    rounds: list[tuple[int, float, bool]],
) -> None:
    at, traces = 1000.0, []
    for queries, compute_ms, transfers in rounds:
        traces.append(make_trace(queries, at, transfers=transfers, compute_ms=compute_ms))
        at = traces[-1].done[-1] / MS + 0.1
    rows = times_json(traces)
    assert len(rows) == sum(queries for queries, _, _ in rounds)
    for row in rows:
        assert min(row.values()) >= 0
        device = [row[key] for key in STAMPS[2:]]
        assert all(later >= earlier - 1e-4 for earlier, later in pairwise(device))
        assert row["startEnqMs"] <= row["startH2dMs"] + 1e-4
    for key in ("startH2dMs", "startComputeMs", "endD2hMs"):
        stamps = [row[key] for row in rows]
        assert all(later >= earlier - 1e-4 for earlier, later in pairwise(stamps))


def test_file_is_json_with_one_query_a_line_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "times.json"
    traces = [make_trace(3, 5000), make_trace(2, 5100)]
    export_times(path, traces)
    assert json.loads(path.read_text()) == times_json(traces)
    assert len(path.read_text().splitlines()) == 5 + 2
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_what_cannot_be_exported_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "times.json"
    export_times(path, [make_trace()])
    before = path.read_bytes()
    with pytest.raises(MeasurementError):
        export_times(path, [])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_measurement_on_the_cpu_is_refused() -> None:
    times = np.arange(3) * MS
    with pytest.raises(MeasurementError, match="and this backend records none"):
        times_json(Trace(3.0, times, times + MS))


def test_trace_without_starts_says_how_to_get_them() -> None:
    whole = make_trace()
    trace = Trace(whole.span_ms, whole.issued, whole.done, 2, whole.enqueue, stages=whole.stages)
    with pytest.raises(MeasurementError, match="--trtperf-export-times"):
        times_json([make_trace(), trace])


def test_rounds_without_a_query_are_refused() -> None:
    with pytest.raises(MeasurementError, match="no queries"):
        times_json(make_trace(0))


def test_profile_has_the_schema_of_trtexec(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    layers = summarize_layers({'conv "a"\n': [1.0, 2.0, 6.0], "pool": [1.0, 1.0, 1.0]})
    export_profile(path, layers, 3)
    assert json.loads(path.read_text()) == [
        {"count": 3},
        {
            "name": 'conv "a"\n', "timeMs": 9.0, "averageMs": 3.0, "medianMs": 2.0,
            "percentage": 75.0,
        },
        {"name": "pool", "timeMs": 3.0, "averageMs": 1.0, "medianMs": 1.0, "percentage": 25.0},
    ]  # fmt: skip


def test_profile_of_nothing_is_still_a_profile(tmp_path: Path) -> None:
    export_profile(tmp_path / "p.json", summarize_layers({"a": [0.0]}), 1)
    assert json.loads((tmp_path / "p.json").read_text())[1]["percentage"] == 0
