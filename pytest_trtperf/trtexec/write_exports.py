"""Traces and layers in trtexec's file formats, for tools that read these.

The schemas are those of `--exportTimes` and `--exportProfile` (NVIDIA/TensorRT,
samples/common/sampleReporting.cpp, v10 and v11), and of `--exportLayerInfo`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from pytest_trtperf.analysis.layers import Layer
from pytest_trtperf.backend.trace import Trace
from pytest_trtperf.errors import MeasurementError
from pytest_trtperf.files.atomic import write_atomically

DIGITS = 6
"""Decimals of a millisecond: nanoseconds, finer than CUDA events are."""

Columns = dict[str, npt.NDArray[np.float64]]


def times_json(traces: Trace | Sequence[Trace]) -> list[dict[str, float]]:
    """The queries as trtexec's `--exportTimes` lists them, by the start of their H2D copy.

    All values are milliseconds; time stamps count from the issue of the first query. Rounds keep
    their distance on the host's clock. Without transfers, copies take no time and lie at the start
    and the end of the compute, as in trtexec. The enqueueing of a query begins with its issue,
    before the copies of its inputs are queued.

    Raises:
        MeasurementError: there are no queries, they ran on the CPU, or have no stage starts.
    """
    rounds = [traces] if isinstance(traces, Trace) else list(traces)
    rounds = [trace for trace in rounds if trace.queries]
    if not rounds:
        raise MeasurementError("there are no queries to export as trtexec's times")
    zero_ns = min(int(trace.issued[0]) for trace in rounds)
    tables = [_columns(trace, zero_ns) for trace in rounds]
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    order = np.argsort(columns["startH2dMs"], kind="stable")
    lists = [np.round(values[order], DIGITS).tolist() for values in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def export_times(path: Path, traces: Sequence[Trace]) -> None:
    """Writes `times_json` of the rounds of a measurement, whole or not at all.

    Raises:
        MeasurementError: see `times_json`.
        OSError: the directory cannot be written.
    """
    _write(path, times_json(traces))


def export_profile(path: Path, layers: Sequence[Layer], queries: int) -> None:
    """Writes layers as trtexec's `--exportProfile` does, whole or not at all.

    Args:
        layers: their percentages are parts of the sum of all total times.
        queries: the number of profiled queries.

    Raises:
        OSError: the directory cannot be written.
    """
    whole = sum(layer.total_ms for layer in layers)
    rows = [
        {
            "name": layer.name,
            "timeMs": layer.total_ms,
            "averageMs": layer.average_ms,
            "medianMs": layer.median_ms,
            "percentage": 100 * layer.total_ms / whole if whole else 0.0,
        }
        for layer in layers
    ]
    _write(path, [{"count": queries}, *rows])


def export_layers(path: Path, layers: Sequence[Mapping[str, Any]], bindings: Sequence[str]) -> None:
    """Writes `layers_json`, whole or not at all.

    Raises:
        OSError: the directory cannot be written.
    """
    content = msgspec.json.encode(layers_json(layers, bindings))
    write_atomically(path, msgspec.json.format(content, indent=1) + b"\n")


def layers_json(layers: Sequence[Mapping[str, Any]], bindings: Sequence[str]) -> dict[str, Any]:
    """The engine inspector's entries as trtexec's `--exportLayerInfo` has them.

    The bindings stand under the names of both major versions: ``Bindings`` and ``I/O Tensors``.
    """
    return {"Layers": layers, "Bindings": bindings, "I/O Tensors": bindings}


def _columns(trace: Trace, zero_ns: int) -> Columns:
    """The columns of one round, in trtexec's order; time stamps in ms from `zero_ns`."""
    _check(trace)
    assert trace.enqueue is not None
    compute_ms = trace.samples("gpu_compute")
    # Without transfers there may be no columns for copies: they take no time.
    h2d_ms, d2h_ms = (
        trace.samples(name) if name in trace.stages else np.zeros(trace.queries)
        for name in ("h2d", "d2h")
    )
    compute = trace.starts["gpu_compute"].astype(np.float64)
    h2d = trace.starts.get("h2d", compute).astype(np.float64)
    d2h = trace.starts.get("d2h", compute + compute_ms).astype(np.float64)
    issued = (trace.issued - zero_ns) / 1e6
    shift = _device_zero(trace, first=h2d, end=d2h + d2h_ms) + float(issued[0])
    h2d, compute, d2h = h2d + shift, compute + shift, d2h + shift
    return {
        "startEnqMs": issued,
        "endEnqMs": issued + trace.enqueue / 1e6,
        "startH2dMs": h2d,
        "endH2dMs": h2d + h2d_ms,
        "startComputeMs": compute,
        "endComputeMs": compute + compute_ms,
        "startD2hMs": d2h,
        "endD2hMs": d2h + d2h_ms,
        "h2dMs": h2d_ms,
        "computeMs": compute_ms,
        "d2hMs": d2h_ms,
        "latencyMs": h2d_ms + compute_ms + d2h_ms,
    }


def _device_zero(
    trace: Trace, first: npt.NDArray[np.float64], end: npt.NDArray[np.float64]
) -> float:
    """The zero of the device's clock, in host milliseconds from the issue of the first query.

    A round starts with its first issue, unless its lead-in was removed. The host's times bound the
    zero: no query starts before its issue, or ends after its completion.
    """
    issued, done = ((times - trace.issued[0]) / 1e6 for times in (trace.issued, trace.done))
    return float(max((issued - first).max(), min(0.0, (done - end).min())))


def _check(trace: Trace) -> None:
    if not trace.stages or trace.enqueue is None:
        raise MeasurementError(
            "trtexec's times come from a GPU's events, and this backend records none"
        )
    if "gpu_compute" not in trace.starts:
        raise MeasurementError(
            "trtexec's times need the start of each stage, which this measurement did not record: "
            "give --trtperf-export-times before it is measured"
        )


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes one object a line, as trtexec does."""
    lines = b"\n, ".join(msgspec.json.encode(row) for row in rows)
    write_atomically(path, b"[\n  " + lines + b"\n]\n")
