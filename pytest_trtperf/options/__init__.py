"""Every option of the plugin, declared once: `DECLARED`.

Each run of pytest reads this module, with or without --trtperf. So it imports nothing else, an
option names its parser instead of holding it, and all are in one file: each further module costs
every run about a million instructions.
"""

from __future__ import annotations

from typing import Any


class Option:
    """One option, with its names in each place where it is given.

    Attributes:
        name: the attribute of `Settings`.
        kind: what its values are; `values.PARSERS` has the parser.
        default: its value where it is not given.
        help: what the command line's help says of it.
        metavar: what stands for a value in the help; a switch has none.
        describes: whether it only says what a test is, and changes no number and no verdict.
        ini: the type of its value in a configuration file, which text may stand for.
        key: the option in the ini file; also what pytest calls the value of the flag.
        flag: the option on the command line.
        variable: the option in the environment.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        default: Any,
        help: str,
        *,
        metavar: str | None = None,
        describes: bool = False,
        ini: type | None = None,
    ) -> None:
        self.name = name
        self.kind = kind
        self.default = default
        self.help = help
        self.metavar = metavar
        self.describes = describes
        self.ini = ini or (type(default) if isinstance(default, (int, float)) else str)
        self.key = "trtperf" if name == "enabled" else f"trtperf_{name}"
        self.flag = "--" + self.key.replace("_", "-")
        self.variable = self.key.upper()


OF_RUN: tuple[Option, ...] = (
    Option("enabled", "bool", False, "Measure the tests that use trt_measure."),
    Option(
        "backend",
        "backends",
        ("auto",),
        "Backends in order of preference, comma-separated: auto (tensorrt, then tensorrt-rtx), "
        "tensorrt, tensorrt-rtx, tensorrt-lean (only loads version-compatible plans), "
        "onnxruntime (CPU).",
        metavar="LIST",
    ),
    Option(
        "cache_dir",
        "path",
        None,
        "Where built engines are kept (default: the user's cache directory).",
        metavar="DIR",
    ),
    Option(
        "shared_cache",
        "bool",
        False,
        "Accept a cache directory that other users may write to. They can then replace the plans "
        "that run here.",
    ),
    Option(
        "cache_size",
        "size",
        None,
        "Size limit of the engine cache, such as 20GiB, or none. After a build, the least "
        "recently used engines are removed (default: 50GiB; none for a shared cache).",
        metavar="SIZE",
        ini=float,
    ),
    Option(
        "reference_size",
        "size",
        None,
        "Size limit of the references, the engines that baselines were recorded with and that the "
        "cache keeps for a race. Beyond it, those that were not used for 60 days are removed "
        "(default: 50GiB; none for a shared cache).",
        metavar="SIZE",
        ini=float,
    ),
    Option(
        "reference",
        "reference",
        None,
        "Where the engine of a baseline is found that a measurement is raced against: dir:PATH, a "
        "copy of the references of a cache; cache:PATH, another engine cache; git:REV, what the "
        "tests of a revision ask for, built here (default: the references of the cache).",
        metavar="PLACE",
    ),
    Option(
        "reference_setup",
        "text",
        None,
        "Shell command that runs first in the tree of --trtperf-reference=git:REV, to make models "
        "that are not in git.",
        metavar="COMMAND",
    ),
    Option(
        "race",
        "race",
        "auto",
        "When an engine is raced against that of its baseline, both in turns: auto (where the "
        "comparison with the baseline suspects a regression or cannot decide), always (in each "
        "comparison; with --trtperf-reference=git:REV also without a baseline) or never "
        "(default: auto).",
        metavar="WHEN",
    ),
    Option(
        "environment",
        "changed",
        "warn",
        "What becomes of a test that is slower than its baseline while its engine is not, so that "
        "the machine, its driver, clocks or power changed: warn (the last lines count it) or fail "
        "(default: warn).",
        metavar="POLICY",
    ),
    Option(
        "software",
        "changed",
        "fail",
        "The same where TensorRT, ONNX Runtime or other software of the engine changed: warn or "
        "fail (default: fail).",
        metavar="POLICY",
    ),
    Option(
        "build_log",
        "build_log",
        "info",
        "What is kept of TensorRT's messages beside a plan that is built: info, or verbose for "
        "all, as trtexec --verbose prints them (default: info).",
        metavar="LEVEL",
    ),
    Option(
        "build_only",
        "bool",
        False,
        "Build the engines that the tests ask for, and measure nothing; --trtperf is not needed.",
    ),
    Option(
        "smoke",
        "bool",
        False,
        "Build the engines that the tests ask for, run one query where a test measures, and "
        "compare outputs where it asks for that (assert_close). Nothing is timed, no budget and no "
        "baseline is judged; --trtperf is not needed.",
    ),
    Option(
        "baseline_dir",
        "path",
        None,
        "Where baselines are kept (default: the nearest perf-baselines directory above the test, "
        "else in rootdir).",
        metavar="DIR",
    ),
    Option(
        "baseline_files",
        "baseline_files",
        None,
        "What a baseline file holds: module (the entries of a test module) or test (those of one "
        "test, so that branches which record different tests do not conflict). Recording moves "
        "the entries of a module into such files (default: as they are; module for a new one).",
        metavar="LAYOUT",
    ),
    Option(
        "lock_dir",
        "path",
        None,
        "Where the lock file of each GPU is. Containers that share a GPU must share this "
        "directory (default: in the temporary directory).",
        metavar="DIR",
    ),
    Option(
        "lock_timeout",
        "positive",
        7200.0,
        "Longest wait in seconds for a device that another process holds; then the test fails "
        "(default: 7200).",
        metavar="SECONDS",
    ),
    Option(
        "against",
        "path",
        None,
        "Compare with this record instead of the baselines. Write it with --trtperf-json on this "
        "machine, a few minutes before.",
        metavar="FILE",
    ),
    Option("update", "bool", False, "Record this run's measurements as baselines."),
    Option("update_new", "bool", False, "Record baselines only for measurements that have none."),
    Option(
        "require_baseline",
        "bool",
        False,
        "Fail a test if one of its measurements has no baseline, or if the comparison with it "
        "stays inconclusive.",
    ),
    Option(
        "strict",
        "bool",
        False,
        "Let nothing pass that was not decided: --trtperf-require-baseline, "
        "--trtperf-inconclusive=fail and --trtperf-environment=fail. Also fail a test that passes "
        "although one of its verdicts failed, be it before a plugin ran it again, and a test with "
        "trt_measure that measures nothing.",
    ),
    Option(
        "time_limit",
        "positive",
        None,
        "Time limit of the whole run in minutes. One session of each test comes first, then fresh "
        "sessions by the size of the suspicion; what has no time left is not decided.",
        metavar="MINUTES",
        ini=float,
    ),
    Option(
        "changed_only",
        "bool",
        False,
        "Skip the tests for which nothing has changed since their baseline was recorded: engine, "
        "mode, inputs, budgets, code, hardware class, driver and versions. All others are "
        "measured, and -v says why.",
    ),
    Option(
        "host",
        "text",
        None,
        "What records call this machine, such as the name of a runner (default: the UUID of its "
        "GPU, on the CPU a digest of the machine's id).",
        metavar="NAME",
    ),
    Option("json", "path", None, "Write all results to this JSON file.", metavar="FILE"),
    Option(
        "html",
        "path",
        None,
        "Write an HTML report to this file. It needs no network.",
        metavar="FILE",
    ),
    Option(
        "traces",
        "path",
        None,
        "Write the raw times of all queries to this file, a compressed .npz.",
        metavar="FILE",
    ),
    Option(
        "github",
        "bool",
        True,
        "In GitHub Actions, annotate failures and append a table to the step summary.",
    ),
    Option(
        "export_times",
        "path",
        None,
        "Write the times of each measurement's queries to this directory, as trtexec "
        "--exportTimes does.",
        metavar="DIR",
    ),
    Option(
        "export_profile",
        "path",
        None,
        "Write the times of each measurement's layers to this directory, as trtexec "
        "--exportProfile does.",
        metavar="DIR",
    ),
    Option(
        "nvtx",
        "bool",
        False,
        "Mark timed rounds for Nsight with NVTX ranges, cudaProfilerStart and cudaProfilerStop.",
    ),
)
"""Of a run; marks and calls do not take them."""

OF_MEASUREMENT: tuple[Option, ...] = (
    Option(
        "tolerance",
        "tolerance",
        None,
        "Tolerated change against the baseline. One number, such as 0.02, holds for the median, "
        "P99 and throughput alike; median=0.02,p99=0.1,throughput=0.02 sets each "
        "(default: 0.05, and 0.1 for P99).",
        metavar="SHARE",
        ini=float,
    ),
    Option(
        "widening",
        "widening",
        2.0,
        "Where sessions and runs vary, a tolerance is widened to at most so many times itself; "
        "beyond that a comparison is inconclusive (default: 2).",
        metavar="FACTOR",
    ),
    Option(
        "inconclusive",
        "inconclusive",
        "warn",
        "What becomes of a verdict that stays inconclusive, of a budget or a comparison: warn "
        "(it neither fails nor passes, and the last lines count it) or fail (default: warn). "
        "estimate is deprecated and means warn.",
        metavar="POLICY",
    ),
    Option(
        "sessions",
        "sessions",
        3,
        "Number of sessions that a recorded baseline rests on, each in a fresh process "
        "(default: 3).",
        metavar="N",
    ),
    Option(
        "max_time",
        "positive",
        30.0,
        "Maximum total time of a session's timed rounds, in seconds (default: 30).",
        metavar="SECONDS",
    ),
    Option(
        "warm_up_ms",
        "positive",
        200.0,
        "Minimum warm-up in ms; warm-up continues until the numbers are steady (default: 200).",
        metavar="MS",
    ),
    Option(
        "max_warm_up",
        "positive",
        10.0,
        "Maximum warm-up in seconds; then rounds start even if the numbers are not steady "
        "(default: 10).",
        metavar="SECONDS",
    ),
    Option(
        "round_ms",
        "positive",
        200.0,
        "Minimum length of a round in ms (default: 200).",
        metavar="MS",
    ),
    Option(
        "round_queries",
        "round_queries",
        500,
        "Minimum number of queries in a round; a P99 needs 500 (default: 500).",
        metavar="N",
    ),
    Option(
        "transfers",
        "bool",
        True,
        "Copy inputs to the GPU and outputs back in each query.",
    ),
    Option("spin_wait", "bool", True, "Wait for the GPU in a busy loop."),
    Option(
        "cuda_graph",
        "bool",
        False,
        "Capture a query's compute as a CUDA graph.",
    ),
    Option(
        "streams",
        "streams",
        1,
        "Number of inference streams, each with its own context and buffers (default: 1).",
        metavar="N",
    ),
    Option(
        "concurrency",
        "concurrency",
        None,
        "Number of queries in flight on each stream (default: 2, on the CPU 1).",
        metavar="N",
        ini=int,
    ),
    Option(
        "kernels",
        "kernels",
        "cached",
        "Which kernels of TensorRT for RTX are measured: cached (those that an earlier session "
        "compiled and stored) or fresh (each session compiles its own) (default: cached).",
        metavar="STATE",
    ),
    Option(
        "idle_ms",
        "not_negative",
        0.0,
        "Pause in ms between the end of a query and the next one (default: 0).",
        metavar="MS",
    ),
    Option(
        "request_rate",
        "rate",
        None,
        "Queries per second of an open load, where response time counts from when a query was "
        "due; or closed, where each query waits for an earlier one (default: closed).",
        metavar="QPS",
        ini=float,
    ),
    Option(
        "arrivals",
        "arrivals",
        "poisson",
        "Intervals between the queries of an open load: poisson or constant (default: poisson).",
        metavar="KIND",
    ),
    Option(
        "profile",
        "profile",
        None,
        "Run N queries for a profiler, without a warm-up and within cudaProfilerStart and "
        "cudaProfilerStop, in place of a measurement: the test is skipped, nothing is judged.",
        metavar="N",
    ),
    Option(
        "layers",
        "bool",
        False,
        "Profile layers after the timed rounds. The baseline keeps their times, and a regression "
        "shows which layers changed.",
    ),
    Option(
        "inputs",
        "inputs",
        None,
        "Values of inputs: name:file,name:file (.npy or raw bytes), or one .npz file; a pattern "
        "such as 'data/*.npz' has several, which queries take in turns "
        "(default: generated as trtexec does).",
        metavar="FILES",
    ),
    Option(
        "seed",
        "seed",
        0,
        "Seed of generated inputs (default: 0).",
        metavar="N",
    ),
    Option(
        "owner",
        "text",
        None,
        "Who looks after a test, as records and JUnit properties say.",
        metavar="NAME",
        describes=True,
    ),
    Option(
        "labels",
        "labels",
        None,
        "Labels of records and JUnit properties: name=text,name=text. Those of a call join those "
        "of the mark and of the run.",
        metavar="LABELS",
        describes=True,
    ),
)
"""Of a measurement; marks and calls take them, too."""

DECLARED: tuple[Option, ...] = (*OF_RUN, *OF_MEASUREMENT)
"""All options, in the order of the help."""
