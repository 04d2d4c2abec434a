"""Every option, declared once and resolved into one frozen `Settings`.

Precedence: call > mark > command line > environment > ini file > default.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_trtperf.options.values import (
    ARRIVALS,
    INCONCLUSIVE_POLICIES,
    Tolerance,
    parse_backends,
    parse_bool,
    parse_choice,
    parse_count,
    parse_inputs,
    parse_not_negative,
    parse_path,
    parse_positive,
    parse_rate,
    parse_size,
    parse_tolerance,
)

if TYPE_CHECKING:
    import pytest

WORKER_INPUT = "trtperf"
"""Where pytest-xdist's workers find what the controller gives them."""


def _option(
    default: Any,
    parse: Callable[[object], Any],
    help: str,
    *,
    metavar: str | None = None,
    per_measurement: bool = False,
) -> Any:
    metadata = {"parse": parse, "help": help, "metavar": metavar, "mark": per_measurement}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """The resolved options of a run, or of one measurement after mark and call."""

    enabled: bool = _option(False, parse_bool, "Measure the tests that use trt_measure.")
    backend: tuple[str, ...] = _option(
        ("auto",),
        parse_backends,
        "Preference list, comma-separated: auto (tensorrt, then tensorrt-rtx), tensorrt, "
        "tensorrt-rtx, tensorrt-lean (loads version compatible plans only), onnxruntime (CPU).",
        metavar="LIST",
    )
    cache_dir: Path | None = _option(
        None, parse_path, "Where built engines are kept (default: the user's cache).", metavar="DIR"
    )
    shared_cache: bool = _option(
        False,
        parse_bool,
        "Accept a cache directory that others may write to: they decide which plans run here.",
    )
    cache_size: float | None = _option(
        None,
        parse_size,
        "After a build the least recently used engines go until the rest fits, such as 20GiB; or "
        "none (default: 50GiB, none for a shared cache).",
        metavar="SIZE",
    )
    baseline_dir: Path | None = _option(
        None,
        parse_path,
        "Where baselines are kept (default: the nearest perf-baselines above the test, "
        "else in rootdir).",
        metavar="DIR",
    )
    lock_dir: Path | None = _option(
        None,
        parse_path,
        "Where the lock of each GPU lies; mount it where containers share a host.",
        metavar="DIR",
    )
    against: Path | None = _option(
        None,
        parse_path,
        "Compare with this record of --trtperf-json, made minutes ago on this machine, instead of "
        "the baselines.",
        metavar="FILE",
    )
    update: bool = _option(False, parse_bool, "Record this run's measurements as baselines.")
    update_new: bool = _option(False, parse_bool, "Record only measurements without a baseline.")
    require_baseline: bool = _option(
        False, parse_bool, "A measurement without a baseline fails its test."
    )
    json: Path | None = _option(
        None, parse_path, "Write everything measured to this file.", metavar="FILE"
    )
    html: Path | None = _option(
        None,
        parse_path,
        "Write a report for a browser to this file, which needs no network.",
        metavar="FILE",
    )
    traces: Path | None = _option(
        None,
        parse_path,
        "Write the raw times of all queries to this file, a compressed .npz.",
        metavar="FILE",
    )
    github: bool = _option(
        True,
        parse_bool,
        "In GitHub Actions, annotate what failed and append a table to the step summary.",
    )
    export_times: Path | None = _option(
        None,
        parse_path,
        "Write each measurement's queries to this directory, as trtexec --exportTimes does.",
        metavar="DIR",
    )
    export_profile: Path | None = _option(
        None,
        parse_path,
        "Write each measurement's layers to this directory, as trtexec --exportProfile does.",
        metavar="DIR",
    )
    nvtx: bool = _option(
        False,
        parse_bool,
        "Mark timed rounds for Nsight: NVTX ranges, cudaProfilerStart and cudaProfilerStop.",
    )
    tolerance: Tolerance | None = _option(
        None,
        parse_tolerance,
        "Tolerated change against the baseline: 0.02, or median=0.02,p99=0.1,throughput=0.02 "
        "(default: 0.05, P99 0.1).",
        metavar="SHARE",
        per_measurement=True,
    )
    inconclusive: str = _option(
        "estimate",
        parse_choice(*INCONCLUSIVE_POLICIES),
        "What decides a verdict that is still inconclusive at the last look: estimate, fail, warn.",
        metavar="POLICY",
        per_measurement=True,
    )
    max_time: float = _option(
        30.0,
        parse_positive,
        "Most seconds of timed rounds for one measurement (default: 30).",
        metavar="SECONDS",
        per_measurement=True,
    )
    warm_up_ms: float = _option(
        200.0,
        parse_positive,
        "Least warm-up; it goes on until the numbers are steady (default: 200).",
        metavar="MS",
        per_measurement=True,
    )
    max_warm_up: float = _option(
        10.0,
        parse_positive,
        "Seconds after which a session that never settles is measured as it is (default: 10).",
        metavar="SECONDS",
        per_measurement=True,
    )
    round_ms: float = _option(
        200.0, parse_positive, "Least length of a round (default: 200).", metavar="MS",
        per_measurement=True,
    )  # fmt: skip
    round_queries: int = _option(
        500,
        parse_count(2),
        "Least queries in a round; a P99 needs 500 (default: 500).",
        metavar="N",
        per_measurement=True,
    )
    transfers: bool = _option(
        True, parse_bool, "Copy inputs and outputs in each query.", per_measurement=True
    )
    spin_wait: bool = _option(
        True, parse_bool, "Spin on the host while waiting for the GPU.", per_measurement=True
    )
    cuda_graph: bool = _option(
        False, parse_bool, "Capture a query's compute as a CUDA graph.", per_measurement=True
    )
    streams: int = _option(
        1,
        parse_count(1, 1024),
        "Inference streams, each with a context and buffers of its own (default: 1).",
        metavar="N",
        per_measurement=True,
    )
    concurrency: int | None = _option(
        None,
        parse_count(1, 4096),
        "Queries in flight on each stream (default: 2, on the CPU 1).",
        metavar="N",
        per_measurement=True,
    )
    idle_ms: float = _option(
        0.0,
        parse_not_negative,
        "Sleep between a completed query and the next (default: 0).",
        metavar="MS",
        per_measurement=True,
    )
    request_rate: float | None = _option(
        None,
        parse_rate,
        "Queries per second of an open load; response counts from when a query was due "
        "(default: closed).",
        metavar="QPS",
        per_measurement=True,
    )
    arrivals: str = _option(
        "poisson",
        parse_choice(*ARRIVALS),
        "Intervals of an open load: poisson (default) or constant.",
        metavar="KIND",
        per_measurement=True,
    )
    layers: bool = _option(
        False,
        parse_bool,
        "Profile layers after the rounds: kept with the baseline, and told of a regression.",
        per_measurement=True,
    )
    inputs: Any = _option(
        None,
        parse_inputs,
        "Values of inputs: name:file,name:file (.npy or raw bytes) or an .npz "
        "(default: generated as trtexec does).",
        metavar="FILES",
        per_measurement=True,
    )
    seed: int = _option(
        0, parse_count(0), "Seed of generated inputs (default: 0).", metavar="N",
        per_measurement=True,
    )  # fmt: skip

    @classmethod
    def from_config(cls, config: pytest.Config) -> Settings:
        """Resolves command line, environment, ini file and defaults.

        Raises:
            ValueError: a value is not acceptable; names where it was given.
        """
        settings = cls(**dict(filter(None, (_lookup(option, config) for option in OPTIONS))))
        if settings.update and settings.update_new:
            raise ValueError("--trtperf-update and --trtperf-update-new exclude each other")
        if settings.against and (settings.update or settings.update_new):
            raise ValueError("--trtperf-against compares with a record: leave --trtperf-update out")
        asked = config.getoption("trtperf_update") or config.getoption("trtperf_update_new")
        if asked and not settings.enabled:
            raise ValueError("--trtperf-update records what is measured: give --trtperf as well")
        if settings.request_rate is not None and settings.idle_ms:
            raise ValueError("idle_ms is for a closed load: leave it out or request_rate out")
        return settings

    def override(self, options: Mapping[str, Any], source: str) -> Settings:
        """These settings with a mark's or a call's options on top; None means not given.

        Raises:
            ValueError: an unknown option or a value that is not acceptable.
        """
        known = {option.name: option for option in OPTIONS if option.metadata["mark"]}
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise ValueError(
                f"{source}: unknown option {', '.join(unknown)}; known are {', '.join(known)}"
            )
        given = {name: value for name, value in options.items() if value is not None}
        return dataclasses.replace(
            self,
            **{
                name: _parse(known[name], value, f"{source}: {name}")
                for name, value in given.items()
            },
        )


OPTIONS = dataclasses.fields(Settings)


def flag_of(option: dataclasses.Field[Any]) -> str:
    """The option on the command line."""
    suffix = "" if option.name == "enabled" else "-" + option.name.replace("_", "-")
    return f"--trtperf{suffix}"


def key_of(option: dataclasses.Field[Any]) -> str:
    """The option in the ini file, and in capitals in the environment."""
    return flag_of(option)[2:].replace("-", "_")


def _lookup(option: dataclasses.Field[Any], config: pytest.Config) -> tuple[str, Any] | None:
    key = key_of(option)
    if (value := config.getoption(key)) is not None:
        return option.name, _parse(option, value, flag_of(option))
    if value := os.environ.get(key.upper()):
        return option.name, _parse(option, value, f"environment variable {key.upper()}")
    if value := config.getini(key):
        is_relative = option.metadata["parse"] is parse_path and not value.startswith("~")
        if is_relative and config.inipath is not None:
            value = config.inipath.parent / value
        return option.name, _parse(option, value, f"ini key {key}")
    return None


def _parse(option: dataclasses.Field[Any], value: object, source: str) -> Any:
    try:
        return option.metadata["parse"](value)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def add_options(parser: pytest.Parser) -> None:
    """Declares each option on the command line and in the ini file."""
    group = parser.getgroup("trtperf", "performance of TensorRT engines")
    for option in OPTIONS:
        flag, key, help_text = flag_of(option), key_of(option), option.metadata["help"]
        if isinstance(option.default, bool):
            switch = argparse.BooleanOptionalAction
            group.addoption(flag, dest=key, action=switch, default=None, help=help_text)
        else:
            metavar = option.metadata["metavar"]
            group.addoption(flag, dest=key, metavar=metavar, default=None, help=help_text)
        parser.addini(key, help_text, default="")
