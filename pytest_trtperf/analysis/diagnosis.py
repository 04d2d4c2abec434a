"""What a measurement says about itself: trtexec's warnings, as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

ENQUEUE_SHARE = 0.8
UNSTABLE_COV = 0.025


@dataclass(frozen=True)
class Finding:
    """One remark: `code` for programs (enqueue_bound, unstable ...), `message` for people."""

    code: str
    message: str


def diagnose(
    medians: Mapping[str, float], gpu_compute_cov: float, streams: int = 1
) -> list[Finding]:
    """The conditions under which trtexec warns, in its order.

    `medians` maps enqueue, h2d, gpu_compute and d2h to medians in milliseconds; metrics that a
    backend does not have are left out. `gpu_compute_cov` is a fraction. Conditions of
    NVIDIA/TensorRT, samples/common/sampleReporting.cpp (`printPerformanceReport`).
    """
    findings = list(_bottlenecks(medians))
    if gpu_compute_cov > UNSTABLE_COV:
        message = (
            f"GPU compute time is unstable: its coefficient of variation is "
            f"{100 * gpu_compute_cov:.2g} % (above {100 * UNSTABLE_COV:g} %); "
            f"lock the GPU's clocks or look for other work on it"
        )
        findings.append(Finding("unstable", message))
    if streams > 1:
        message = f"{streams} streams share the GPU: read throughput, not latency"
        findings.append(Finding("multiple_streams", message))
    return findings


def _bottlenecks(medians: Mapping[str, float]) -> Iterator[Finding]:
    compute = medians.get("gpu_compute")
    if compute is None:
        return
    times = f"against {compute:.4g} ms of GPU compute"
    enqueue = medians.get("enqueue", 0.0)
    if enqueue > ENQUEUE_SHARE * compute:
        message = f"bound by the host: enqueue takes {enqueue:.4g} ms {times}; use cuda_graph"
        yield Finding("enqueue_bound", message)
    for metric, way in (("h2d", "to"), ("d2h", "from")):
        copy = medians.get(metric, 0.0)
        # without transfers both are 0, and nothing is bound by what does not happen
        if copy > 0 and copy >= compute:
            message = f"bound by copies {way} the GPU: {metric} takes {copy:.4g} ms {times}"
            yield Finding(f"{metric}_bound", message)
