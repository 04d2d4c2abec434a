"""Every option, declared once and resolved into one frozen `Settings`.

Precedence: call > mark > command line > environment > ini file > default.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

Tolerance = float | Mapping[str, float]
TOLERANCE_KINDS = ("median", "p99", "throughput")
INCONCLUSIVE_POLICIES = ("estimate", "fail", "warn")
ARRIVALS = ("poisson", "constant")
MOST = 1e7
MOST_RATE = 1e9
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def parse_bool(value: object) -> bool:
    """Accepts a bool or one of 1/0, true/false, yes/no, on/off."""
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f"expected true or false, got {value!r}")


def parse_backends(value: object) -> tuple[str, ...]:
    """A comma-separated preference list of backends; `auto` is the TensorRT family."""
    known = ("auto", "tensorrt", "tensorrt-rtx", "onnxruntime")
    items = value if isinstance(value, (list, tuple)) else str(value).split(",")
    names = tuple(name.strip() for name in items if name.strip())
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise ValueError(f"unknown backend {', '.join(unknown) or value!r}; choose from {known}")
    return names


def parse_tolerance(value: object) -> Tolerance:
    """A share (`0.02`), or one for each kind (`median=0.02,p99=0.1`, or a dict of those)."""
    if isinstance(value, str) and "=" in value:
        value = {kind: share for kind, _, share in (i.partition("=") for i in value.split(","))}
    if isinstance(value, Mapping):
        shares = {str(kind).strip(): _share(share) for kind, share in value.items()}
        unknown = sorted(set(shares) - set(TOLERANCE_KINDS))
        if unknown:
            raise ValueError(f"unknown kind {', '.join(unknown)}; choose from {TOLERANCE_KINDS}")
        return shares
    return _share(value)


def _share(value: object) -> float:
    share = _number(value)
    if not 0 < share < 1:
        raise ValueError(f"expected a share between 0 and 1, such as 0.05, got {value!r}")
    return share


def _number(value: object) -> float:
    if isinstance(value, bool):
        raise ValueError(f"expected a number, got {value!r}")
    try:
        return float(value)  # type: ignore[arg-type]
    except (OverflowError, TypeError, ValueError):
        raise ValueError(f"expected a number, got {value!r}") from None


def parse_positive(value: object) -> float:
    """A number above zero, up to `MOST`."""
    number = _number(value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"expected a number above 0, got {value!r}")
    return _bounded(number, MOST)


def _bounded(number: float, most: float) -> float:
    if number > most:
        raise ValueError(f"expected at most {most:g}, got {number:g}")
    return number


def parse_count(least: int, most: int = 100_000_000) -> Callable[[object], int]:
    """A parser for whole numbers of at least `least`."""

    def parse(value: object) -> int:
        number = _number(value)
        if not number.is_integer() or number < least:
            raise ValueError(f"expected a whole number of at least {least}, got {value!r}")
        return int(_bounded(number, most))

    return parse


def parse_not_negative(value: object) -> float:
    """A finite number of zero or more."""
    number = _number(value)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"expected a number of 0 or more, got {value!r}")
    return _bounded(number, MOST)


def parse_rate(value: object) -> float | None:
    """Queries per second up to `MOST_RATE`; `closed` is none, where another source gives one."""
    if value == "closed":
        return None
    number = _number(value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"expected a number above 0, or closed, got {value!r}")
    return _bounded(number, MOST_RATE)


def parse_choice(*choices: str) -> Callable[[object], str]:
    """A parser for one of `choices`."""

    def parse(value: object) -> str:
        if value not in choices:
            raise ValueError(f"expected one of {choices}, got {value!r}")
        return str(value)

    return parse


def parse_inputs(value: object) -> Any:
    """Where the values of inputs come from; see `pytest_trtperf.runtime.inputs.parse_inputs`."""
    from pytest_trtperf.runtime.inputs import parse_inputs as parse

    return parse(value)


def parse_path(value: object) -> Path:
    """A path, with `~` expanded."""
    if not str(value):
        raise ValueError("expected a path, got an empty string")
    try:
        expanded = Path(str(value)).expanduser()
    except RuntimeError:
        raise ValueError(f"the home directory of {str(value)!r} cannot be found") from None
    # Not resolve(): a link in the caller's path stays one.
    return Path(os.path.abspath(expanded))  # noqa: PTH100


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
        "Preference list, comma-separated: auto (the TensorRT family), tensorrt, tensorrt-rtx, "
        "onnxruntime (CPU).",
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
        settings = cls(**dict(filter(None, (_lookup(option, config) for option in _OPTIONS))))
        if settings.update and settings.update_new:
            raise ValueError("--trtperf-update and --trtperf-update-new exclude each other")
        if settings.against and (settings.update or settings.update_new):
            raise ValueError("--trtperf-against compares with a record: leave --trtperf-update out")
        return settings

    def override(self, options: Mapping[str, Any], source: str) -> Settings:
        """These settings with a mark's or a call's options on top; None means not given.

        Raises:
            ValueError: an unknown option or a value that is not acceptable.
        """
        known = {option.name: option for option in _OPTIONS if option.metadata["mark"]}
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


_OPTIONS = dataclasses.fields(Settings)


def _flag(option: dataclasses.Field[Any]) -> str:
    suffix = "" if option.name == "enabled" else "-" + option.name.replace("_", "-")
    return f"--trtperf{suffix}"


def _key(option: dataclasses.Field[Any]) -> str:
    return _flag(option)[2:].replace("-", "_")


def _lookup(option: dataclasses.Field[Any], config: pytest.Config) -> tuple[str, Any] | None:
    key = _key(option)
    if (value := config.getoption(key)) is not None:
        return option.name, _parse(option, value, _flag(option))
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
    for option in _OPTIONS:
        flag, key, help_text = _flag(option), _key(option), option.metadata["help"]
        if isinstance(option.default, bool):
            switch = argparse.BooleanOptionalAction
            group.addoption(flag, dest=key, action=switch, default=None, help=help_text)
        else:
            metavar = option.metadata["metavar"]
            group.addoption(flag, dest=key, metavar=metavar, default=None, help=help_text)
        parser.addini(key, help_text, default="")
