"""Logs as trtexec prints them."""

from __future__ import annotations

from collections.abc import Sequence

COMMAND = "trtexec --onnx=models/net.onnx --optShapes=x:4x3 --shapes=x:8x3 --useSpinWait"
SHARES = (90, 95, 99)


def figures(level: float, shares: Sequence[float] = SHARES) -> str:
    named = {"min": 0.9, "max": 2.0, "mean": 1.01, "median": 1.0}
    percentiles = {f"percentile({share:g}%)": 1 + share / 1000 for share in shares}
    return ", ".join(
        f"{name} = {level * of:.6g} ms" for name, of in {**named, **percentiles}.items()
    )


def log(
    command: str = COMMAND,
    version: str = "v101302",
    device: str = "NVIDIA H200",
    level: float = 1.0,
    shares: Sequence[float] = SHARES,
) -> str:
    """A log whose latency has a median of `level` ms, of which GPU compute is 0.8."""
    lines = [
        "=== Model Options ===",
        "Format: ONNX",
        "Percentile: 90,95,99",
        "",
        "=== Device Information ===",
        f"Selected Device: {device}",
        "",
        "Warmup completed 100 queries over 200 ms",
        "Timing trace has 3000 queries over 3.001 s",
        "=== Trace details ===",
        "Average on 10 runs - GPU latency: 0.8 ms - Host latency: 1 ms (enqueue 0.05 ms)",
        "",
        "=== Performance summary ===",
        f"Throughput: {1250 / level:.6g} qps",
        f"Latency: {figures(level, shares)}",
        f"Enqueue Time: {figures(0.05 * level, shares)}",
        f"H2D Latency: {figures(0.1 * level, shares)}",
        f"GPU Compute Time: {figures(0.8 * level, shares)}",
        f"D2H Latency: {figures(0.1 * level, shares)}",
        "Total Host Walltime: 3.001 s",
        "Total GPU Compute Time: 2.4 s",
        "Explanations of the performance metrics are printed in the verbose logs.",
        "",
    ]
    title = f"TensorRT.trtexec [TensorRT {version}] [b35] # {command}"
    dated = [f"[11/30/2026-10:00:00] [I] {line}" for line in lines]
    return "\n".join([f"&&&& RUNNING {title}", *dated, f"&&&& PASSED {title}", ""])
