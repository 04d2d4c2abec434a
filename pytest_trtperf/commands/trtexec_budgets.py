"""A log of trtexec -> an entry of a table of SLOs, with its numbers as budgets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_trtperf.commands.toml_text import toml
from pytest_trtperf.errors import TrtPerfError
from pytest_trtperf.text import one_line
from pytest_trtperf.trtexec.command import read_command
from pytest_trtperf.trtexec.measuring_options import read_measuring
from pytest_trtperf.trtexec.read_log import LogSummary

_DEFAULTS: Mapping[str, object] = {"transfers": True, "spin_wait": True, "cuda_graph": False}
_NOT_OF_MODE = ("warm_up_ms", "max_time", "round_queries", "inputs", "layers")
_NAMED = {50.0: "p50_ms", 90.0: "p90_ms", 95.0: "p95_ms", 99.0: "p99_ms"}


def budgets_table(log: LogSummary, slack: float) -> str:
    """The entry: the model and its options from the log's command, budgets from its summary.

    Args:
        slack: a share by which budgets are wider than what trtexec measured.
    """
    limits = _limits(log, slack)
    asserts = "; ".join(_asserts(limits))
    version = f" {log.version}" if log.version else ""
    measured = {**_measuring(log), **_on_device(limits, log.device)}
    return "\n".join(
        [
            f"# What trtexec{version} measured, and {slack:.0%} of slack.",
            f"# In a test: {asserts}",
            *_entry(log),
            f"measure = [{toml(measured)}]",
        ]
    )


def _entry(log: LogSummary) -> Iterator[str]:
    """The name, the model, and how it is built."""
    try:
        read = read_command(log.command)
    except (ValueError, TrtPerfError) as error:
        yield "[model]"
        yield 'onnx = "model.onnx"  # its path'
        if log.command:
            yield from (f"# {one_line(line)}" for line in str(error).splitlines())
        return
    stem = re.sub(r"[^0-9A-Za-z_-]+", "-", read.path.stem).strip("-")
    yield f"[{stem or 'model'}]"
    is_onnx = "--loadEngine" not in log.command
    yield f"onnx = {toml(str(read.path if is_onnx else Path('model.onnx')))}" + (
        "" if is_onnx else f"  # that of {one_line(str(read.path))}"
    )
    if read.shapes:
        yield f"shapes = {toml(read.shapes[0])}"
    if read.options:
        yield f"build = {toml(read.options)}"


def _measuring(log: LogSummary) -> dict[str, Any]:
    """Shapes, and what trtexec did in another way than is done here without an option."""
    try:
        read = read_measuring(log.command, version=log.defaults)
    except (ValueError, TrtPerfError):
        return {}
    options = {
        name: value
        for name, value in read.options.items()
        if name not in _NOT_OF_MODE and _DEFAULTS.get(name) != value
    }
    shapes = read.profile | read.shapes
    return {**({"shapes": shapes} if shapes else {}), **options}


def _limits(log: LogSummary, slack: float) -> dict[str, Any]:
    """The budgets by their keys in a table."""
    limits: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for share, ms in log.percentiles["latency"].items():
        budget = ms * (1 + slack)
        if share in _NAMED:
            limits[_NAMED[share]] = budget
        elif 0 < share < 100:
            others[f"{share:g}"] = budget
    if others:
        limits["percentiles_ms"] = others
    return {**limits, "qps": log.throughput * (1 - slack)}


def _on_device(limits: Mapping[str, Any], device: str) -> dict[str, Any]:
    if not device:
        return dict(limits)
    return {
        name: {share: {device: one} for share, one in limit.items()}
        if isinstance(limit, Mapping)
        else {device: limit}
        for name, limit in limits.items()
    }


def _asserts(limits: Mapping[str, Any]) -> Iterator[str]:
    for name, limit in limits.items():
        if name == "qps":
            yield f"perf.assert_qps({limit:.6g})"
        elif name == "percentiles_ms":
            yield from (f"perf.assert_percentile({p}, ms={ms:.6g})" for p, ms in limit.items())
        else:
            share = name.removeprefix("p").removesuffix("_ms")
            yield f"perf.assert_percentile({share}, ms={limit:.6g})"
