"""The options of a run, which marks and calls do not take."""

from __future__ import annotations

from pytest_trtperf.options.option import Option

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
        "build_only",
        "bool",
        False,
        "Build the engines that the tests ask for, and measure nothing; --trtperf is not needed.",
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
        "although one of its verdicts failed, and a test with trt_measure that measures nothing.",
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
"""In the order of the help."""
