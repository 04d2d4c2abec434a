"""The options of a measurement, which marks and calls take, too."""

from __future__ import annotations

from pytest_trtperf.options.option import Option

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
        "Values of inputs: name:file,name:file (.npy or raw bytes), or one .npz file "
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
"""In the order of the help."""
