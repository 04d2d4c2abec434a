"""Names of metrics, which are trtexec's."""

from __future__ import annotations

from collections.abc import Container


def engine_metric(metrics: Container[str]) -> str:
    """The metric of the engine's own time: gpu_compute where it is measured, else latency."""
    return "gpu_compute" if "gpu_compute" in metrics else "latency"
