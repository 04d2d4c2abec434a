"""Documents that are right, which `mutate` changes."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import msgspec

from pytest_trtperf.analysis.summary import QUANTILES
from pytest_trtperf.baseline.schema import BaselineFile, encode
from pytest_trtperf.record.as_baseline import baseline_entry
from pytest_trtperf.record.model import (
    CostRecord,
    EngineRecord,
    LayerRecord,
    MeasurementRecord,
    MergedRecord,
    RoundRecord,
    RunRecord,
    SessionRecord,
)
from pytest_trtperf.record.verdict import FindingRecord, VerdictRecord
from tests.trtexec.logs import log

_FIGURES = ("min", "max", "mean", "median", "p90", "p95", "p99")


def _measurement(key: str, level: float = 1.0) -> MeasurementRecord:
    quantiles = [level * (1 + at / 100) for at in range(len(QUANTILES))]
    rounds = [
        RoundRecord(
            queries=500, throughput=1e3 / level, started=number, ended=number + 0.2,
            quantiles={"latency": quantiles, "gpu_compute": quantiles},
            before={"sm_clock_mhz": 1980.0}, after={"sm_clock_mhz": 1980.0}, yardstick_ms=0.3,
        )
        for number in range(2)
    ]  # fmt: skip
    figures = {"count": 1000.0, "cov": 0.01, **dict.fromkeys(_FIGURES, level)}
    return MeasurementRecord(
        test=key.partition("#")[0], key=key, module=key.partition("::")[0],
        baseline_dir="perf-baselines", device="NVIDIA H200",
        engine=EngineRecord(name="m", backend="tensorrt", digest="d" * 64, plan_sha256="e" * 64),
        shapes={"x": [8, 3]}, mode={"load": "closed", "streams": 1, "idle_ms": 0.0},
        time_to_steady_s=0.3, energy_per_query_mj=2.0, device_memory={"engine": 100},
        judged_metric="latency", summary={"latency": figures, "gpu_compute": figures},
        throughput=1e3 / level,
        sessions=[SessionRecord(cold_start_ms=1.0, warm_up={"steady": True}, rounds=rounds)],
        layers=[
            LayerRecord(
                name="conv", median_ms=level, average_ms=level, total_ms=level, share=1.0,
                information={"TacticName": "t"},
            )
        ],
        verdicts=[
            VerdictRecord(
                kind="budget", metric="P99 of latency", status="pass", reason="under_limit",
                message="fine", limit=2.0, value=level,
            ),
            VerdictRecord(
                kind="baseline", metric="load time", status="pass", reason="within_limit",
                message="fine", limit=0.2, value=level, baseline=1.0, change=0.0, upper=0.1,
            ),
        ],
        findings=[FindingRecord(code="outliers", message="some")],
        baseline="missing",
        costs={
            "load_time": CostRecord(value=level, unit="ms", values=[level] * 5, is_gated=True),
            "engine_size": CostRecord(value=level, unit="MiB", values=[level]),
        },
    )  # fmt: skip


def _run(created: str = "2026-01-02T03:04:05Z", level: float = 1.0) -> RunRecord:
    keys = ("tests/t.py::test_a", "tests/t.py::test_b[8]#wide")
    return RunRecord(
        created=created, plugin="0.1.0", pytest="9.0.0", commit="c0ffee", backend="tensorrt",
        device="NVIDIA H200", hardware_class="nvidia-h200",
        software={"driver": "580.1", "onnxruntime": "1.20"}, exit_status=0,
        measurements=[_measurement(key, level) for key in keys],
    )  # fmt: skip


@cache
def records() -> list[bytes]:
    """Records of a run, of two, and of the older form."""
    run = msgspec.json.encode(_run())
    older: dict[str, Any] = json.loads(run)
    older["schema"] = "trtperf-run/1"
    for one in older["measurements"]:
        session = one.pop("sessions")[0]
        one |= {"rounds": session["rounds"], "set_aside": [], "warm_up": session["warm_up"]}
        one["cold_start_ms"] = session["cold_start_ms"]
    merged = MergedRecord(runs=[_run(), msgspec.structs.replace(_run(), backend="onnxruntime")])
    return [run, run, msgspec.json.encode(merged), json.dumps(older).encode()]


@cache
def lines() -> list[bytes]:
    """The lines of a run that goes on, as its file has them."""
    run = json.loads(records()[0])
    measured = run.pop("measurements")
    first = json.dumps(run | {"measurements": []})
    items = [{"test": one["test"], "key": one["key"], "outcome": "passed"} for one in measured]
    return [
        first.encode(),
        json.dumps({"type": "collected", "items": items}).encode(),
        *(json.dumps(one | {"type": "measurement"}).encode() for one in measured),
        *(
            json.dumps({"type": "test", "item": one, "ended": "2026-01-02T03:05:05Z"}).encode()
            for one in items
        ),
    ]


TABLE = """
[defaults]
owner = "vision"
marks = ["nightly"]
labels = { team = "a" }

[net]
onnx = "models/net.onnx"
dims = { N = [1, 8, 32] }
precision = ["own", "fp16"]
accuracy = { rtol = 0.1, reference = "other.onnx" }
measure = [
  { N = 8, p99_ms = { "NVIDIA H200*" = 2.0 }, cov = 0.1, metrics = { h2d = { p50_ms = 1 } } },
  { N = 8, name = "given", qps = 500, inputs = { x = "x.npy" } },
  { N = 1, percentiles_ms = { "99.9" = 3 }, marks = { xfail = { reason = "known" } } },
]

[zoo]
onnx = "zoo/*.onnx"
exclude = ["zoo/big*"]
shapes = { x = ["1x3", [8, 3], "32x3"] }
build = { builder_optimization_level = 2, plugins = ["a.so"] }
"""


def acknowledged() -> str:
    """A file of alarms that were looked at, and of quarantined tests."""
    return """\
[[acknowledged]]
key = "tests/t.py::test_a*"
since = 2026-01-15
reason = "worth it"
by = "Ada"
until = 2026-02-01

[quarantine."tests/t.py::test_?[8]*"]
reason = "driver bug"
by = "Ada"
until = 2026-01-20
"""


@cache
def nights() -> list[bytes]:
    """Records of several nights."""
    return [
        msgspec.json.encode(_run(f"2026-01-{night + 1:02}T03:04:05Z", 1.0 + 0.5 * (night > 14)))
        for night in range(20)
    ]


@cache
def baselines() -> list[bytes]:
    """Baseline files of this form and of the older one."""
    entries = {
        one.key: baseline_entry(one, {"driver": "580.1"}, "2026-01-02T03:04:05Z")
        for one in _run().measurements
    }
    data = encode(BaselineFile(entries=entries))
    older: dict[str, Any] = json.loads(data)
    older["schema"] = "trtperf-baseline/1"
    for entry in older["entries"].values():
        for run in entry["runs"]:
            run["rounds"] = run.pop("sessions")[0]["rounds"]
    return [data, data, json.dumps(older).encode()]


_STAGES = ("Enq", "H2d", "Compute", "D2h")


@cache
def times() -> list[bytes]:
    """Exports of trtexec's times: twelve queries, and enough for rounds."""
    found = []
    for count in (12, 40):
        queries = []
        for number in range(count):
            at = number * 100.0
            query = {f"{edge}{stage}Ms": at + 10 * i for i, stage in enumerate(_STAGES)
                     for edge in ("start", "end")}  # fmt: skip
            query |= {"h2dMs": 0.1, "computeMs": 1.0, "d2hMs": 0.1, "latencyMs": 1.2}
            queries.append(query)
        found.append(json.dumps(queries).encode())
    return found


@cache
def logs() -> list[str]:
    """Logs of trtexec 10, of 11, of TensorRT for RTX, and of a plan."""
    return [
        log(),
        log("trtexec --loadEngine=a.plan --percentile=50,99.9", "v110100", shares=(50, 99.9)),
        log("tensorrt_rtx --onnx=a.onnx --noDataTransfers", "v10400").replace("\n", "\r\n"),
    ]


@cache
def profiles() -> list[bytes]:
    """Exports of trtexec's layers."""
    layers = [
        {"name": name, "timeMs": 10.0, "averageMs": 0.1, "medianMs": 0.1, "percentage": 50.0}
        for name in ("conv", "relu")
    ]
    return [json.dumps([{"count": 100}, *layers]).encode()]


@cache
def identities() -> list[bytes]:
    """What lies beside a plan of the cache."""
    from pytest_trtperf.engine.identity import EngineIdentity
    from pytest_trtperf.plan_cache.identity import PlanIdentity

    return [PlanIdentity.of_plan(b"plan", 1.0, EngineIdentity(), "it is new").encode()]


@cache
def models() -> list[bytes]:
    """ONNX models: a chain, one with a subgraph, and one with external data."""
    from onnx import TensorProto, helper

    def tensor(name: str) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4])

    inner = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["z"], name="inner")], "inner", [], [tensor("z")]
    )
    weight = helper.make_tensor("w", TensorProto.FLOAT, [4], [1.0] * 4)
    nodes = [
        helper.make_node("Mul", ["x", "w"], ["m"]),
        helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner),
    ]
    graph = helper.make_graph(nodes, "g", [tensor("x")], [tensor("y")], [weight])
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    elsewhere = helper.make_model(graph, ir_version=8)
    (outside,) = elsewhere.graph.initializer
    outside.ClearField("float_data")
    outside.data_location = TensorProto.EXTERNAL
    for name, value in (("location", "weights.bin"), ("offset", "0"), ("length", "16")):
        entry = outside.external_data.add()
        entry.key, entry.value = name, value
    return [whole.SerializeToString(), elsewhere.SerializeToString()]
