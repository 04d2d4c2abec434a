"""Every option of the plugin, declared once: `Settings` holds their values.

`resolve` finds the values, and `run.pytest_options` adds the options to pytest.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_trtperf.options.option import Option
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


def _option(default: Any, parse: Callable[[object], Any], help: str, **more: Any) -> Any:
    """Any, so that a field of `Settings` may have the type of its value."""
    return Option(default, parse, help, **more)


class Settings:
    """The values of all options: of a run, or of one measurement with its mark and call.

    Immutable. Not a dataclass, whose methods take longer to make than all the rest that a run of
    pytest without --trtperf needs.

    Raises:
        TypeError: there is no such option.
    """

    enabled: bool = _option(False, parse_bool, "Measure the tests that use trt_measure.")
    backend: tuple[str, ...] = _option(
        ("auto",),
        parse_backends,
        "Backends in order of preference, comma-separated: auto (tensorrt, then tensorrt-rtx), "
        "tensorrt, tensorrt-rtx, tensorrt-lean (only loads version-compatible plans), "
        "onnxruntime (CPU).",
        metavar="LIST",
    )
    cache_dir: Path | None = _option(
        None,
        parse_path,
        "Where built engines are kept (default: the user's cache directory).",
        metavar="DIR",
    )
    shared_cache: bool = _option(
        False,
        parse_bool,
        "Accept a cache directory that other users may write to. They can then replace the plans "
        "that run here.",
    )
    cache_size: float | None = _option(
        None,
        parse_size,
        "Size limit of the engine cache, such as 20GiB, or none. After a build, the least "
        "recently used engines are removed (default: 50GiB; none for a shared cache).",
        metavar="SIZE",
        ini=float,
    )
    baseline_dir: Path | None = _option(
        None,
        parse_path,
        "Where baselines are kept (default: the nearest perf-baselines directory above the test, "
        "else in rootdir).",
        metavar="DIR",
    )
    lock_dir: Path | None = _option(
        None,
        parse_path,
        "Where the lock file of each GPU is. Containers that share a GPU must share this "
        "directory (default: in the temporary directory).",
        metavar="DIR",
    )
    against: Path | None = _option(
        None,
        parse_path,
        "Compare with this record instead of the baselines. Write it with --trtperf-json on this "
        "machine, a few minutes before.",
        metavar="FILE",
    )
    update: bool = _option(False, parse_bool, "Record this run's measurements as baselines.")
    update_new: bool = _option(
        False, parse_bool, "Record baselines only for measurements that have none."
    )
    require_baseline: bool = _option(
        False, parse_bool, "Fail a test if one of its measurements has no baseline."
    )
    json: Path | None = _option(
        None, parse_path, "Write all results to this JSON file.", metavar="FILE"
    )
    html: Path | None = _option(
        None,
        parse_path,
        "Write an HTML report to this file. It needs no network.",
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
        "In GitHub Actions, annotate failures and append a table to the step summary.",
    )
    export_times: Path | None = _option(
        None,
        parse_path,
        "Write the times of each measurement's queries to this directory, as trtexec "
        "--exportTimes does.",
        metavar="DIR",
    )
    export_profile: Path | None = _option(
        None,
        parse_path,
        "Write the times of each measurement's layers to this directory, as trtexec "
        "--exportProfile does.",
        metavar="DIR",
    )
    nvtx: bool = _option(
        False,
        parse_bool,
        "Mark timed rounds for Nsight with NVTX ranges, cudaProfilerStart and cudaProfilerStop.",
    )
    tolerance: Tolerance | None = _option(
        None,
        parse_tolerance,
        "Tolerated change against the baseline. One number, such as 0.02, holds for the median, "
        "P99 and throughput alike; median=0.02,p99=0.1,throughput=0.02 sets each "
        "(default: 0.05, and 0.1 for P99).",
        metavar="SHARE",
        per_measurement=True,
        ini=float,
    )
    inconclusive: str = _option(
        "estimate",
        parse_choice(*INCONCLUSIVE_POLICIES),
        "What to do if a comparison stays inconclusive: estimate (the estimated change decides), "
        "fail, or warn (default: estimate).",
        metavar="POLICY",
        per_measurement=True,
    )
    sessions: int = _option(
        3,
        parse_count(1, 100),
        "Number of sessions that a recorded baseline rests on, each in a fresh process "
        "(default: 3).",
        metavar="N",
        per_measurement=True,
    )
    max_time: float = _option(
        30.0,
        parse_positive,
        "Maximum total time of a session's timed rounds, in seconds (default: 30).",
        metavar="SECONDS",
        per_measurement=True,
    )
    warm_up_ms: float = _option(
        200.0,
        parse_positive,
        "Minimum warm-up in ms; warm-up continues until the numbers are steady (default: 200).",
        metavar="MS",
        per_measurement=True,
    )
    max_warm_up: float = _option(
        10.0,
        parse_positive,
        "Maximum warm-up in seconds; then rounds start even if the numbers are not steady "
        "(default: 10).",
        metavar="SECONDS",
        per_measurement=True,
    )
    round_ms: float = _option(
        200.0,
        parse_positive,
        "Minimum length of a round in ms (default: 200).",
        metavar="MS",
        per_measurement=True,
    )
    round_queries: int = _option(
        500,
        parse_count(2),
        "Minimum number of queries in a round; a P99 needs 500 (default: 500).",
        metavar="N",
        per_measurement=True,
    )
    transfers: bool = _option(
        True,
        parse_bool,
        "Copy inputs to the GPU and outputs back in each query.",
        per_measurement=True,
    )
    spin_wait: bool = _option(
        True, parse_bool, "Wait for the GPU in a busy loop.", per_measurement=True
    )
    cuda_graph: bool = _option(
        False, parse_bool, "Capture a query's compute as a CUDA graph.", per_measurement=True
    )
    streams: int = _option(
        1,
        parse_count(1, 1024),
        "Number of inference streams, each with its own context and buffers (default: 1).",
        metavar="N",
        per_measurement=True,
    )
    concurrency: int | None = _option(
        None,
        parse_count(1, 4096),
        "Number of queries in flight on each stream (default: 2, on the CPU 1).",
        metavar="N",
        per_measurement=True,
        ini=int,
    )
    idle_ms: float = _option(
        0.0,
        parse_not_negative,
        "Pause in ms between the end of a query and the next one (default: 0).",
        metavar="MS",
        per_measurement=True,
    )
    request_rate: float | None = _option(
        None,
        parse_rate,
        "Queries per second of an open load, where response time counts from when a query was "
        "due; or closed, where each query waits for an earlier one (default: closed).",
        metavar="QPS",
        per_measurement=True,
        ini=float,
    )
    arrivals: str = _option(
        "poisson",
        parse_choice(*ARRIVALS),
        "Intervals between the queries of an open load: poisson or constant (default: poisson).",
        metavar="KIND",
        per_measurement=True,
    )
    layers: bool = _option(
        False,
        parse_bool,
        "Profile layers after the timed rounds. The baseline keeps their times, and a regression "
        "shows which layers changed.",
        per_measurement=True,
    )
    inputs: Any = _option(
        None,
        parse_inputs,
        "Values of inputs: name:file,name:file (.npy or raw bytes), or one .npz file "
        "(default: generated as trtexec does).",
        metavar="FILES",
        per_measurement=True,
    )
    seed: int = _option(
        0, parse_count(0), "Seed of generated inputs (default: 0).", metavar="N",
        per_measurement=True,
    )  # fmt: skip

    def __init__(self, **values: Any) -> None:
        if unknown := values.keys() - {option.name for option in DECLARED}:
            raise TypeError(f"no such option: {', '.join(sorted(unknown))}")
        vars(self).update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"settings do not change: make others with replaced({name}=…)")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Settings):
            return NotImplemented
        return all(getattr(self, one.name) == getattr(other, one.name) for one in DECLARED)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    def replaced(self, **values: Any) -> Settings:
        """These settings with other values of some options."""
        return Settings(**{**vars(self), **values})


DECLARED: tuple[Option, ...] = tuple(
    option for option in vars(Settings).values() if isinstance(option, Option)
)
"""All options, in the order of the help."""
