"""`--trtperf-json`: everything measured, with the environment."""

from __future__ import annotations

import json
import math

import pytest


@pytest.fixture
def record(repository):
    repository.tests(
        """
        def test_model(trt_engine, trt_measure):
            perf = trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})
            perf.assert_p99(ms=5000)
            perf.assert_qps(0.01)
        """
    )
    repository.record()
    assert repository.run("--trtperf-json=out/run.json").ret == 0
    return json.loads((repository.path / "out" / "run.json").read_text())


def test_environment(record):
    assert record["schema"].startswith("trtperf-run/")
    assert record["backend"] == "onnxruntime"
    assert record["device"].startswith("cpu:")
    assert record["hardware_class"].startswith("cpu-")
    assert {"python", "onnxruntime"} <= set(record["software"])
    assert record["exit_status"] == 0


def test_measurement(record):
    (measurement,) = record["measurements"]
    assert measurement["key"] == measurement["test"] == "test_perf.py::test_model"
    assert measurement["shapes"] == {"x": [64, 256]}
    assert measurement["engine"]["name"] == "model"
    assert measurement["baseline"] == "compared"
    assert set(measurement["summary"]) == {"latency", "response"}
    latency = measurement["summary"]["latency"]
    ordered = [latency[name] for name in ("min", "median", "p90", "p95", "p99", "max")]
    assert ordered == sorted(ordered)
    assert latency["count"] == sum(round["queries"] for round in measurement["rounds"])
    for round in measurement["rounds"]:
        assert round["queries"] >= 20
        assert round["quantiles"]["latency"] == sorted(round["quantiles"]["latency"])
        assert round["ended"] > round["started"]
        assert set(round["before"].values()) == {None}


def test_verdicts(record):
    (measurement,) = record["measurements"]
    verdicts = {verdict["metric"]: verdict for verdict in measurement["verdicts"]}
    assert {"P99 of latency", "throughput", "latency median"} <= set(verdicts)
    compared = verdicts["latency median"]
    assert compared["kind"] == "baseline"
    assert math.isclose(compared["value"] / compared["baseline"] - 1, compared["change"])
    assert not any(verdict["failed"] for verdict in measurement["verdicts"])


def test_failed_tests_are_in_the_file_too(repository):
    repository.tests(
        """
        def test_model(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)}).assert_qps(1e9)
        """
    )
    assert repository.run("--trtperf-json=run.json").ret == 1
    record = json.loads((repository.path / "run.json").read_text())
    assert record["exit_status"] == 1
    (verdict,) = record["measurements"][0]["verdicts"]
    assert (verdict["status"], verdict["failed"], verdict["limit"]) == ("fail", True, 1e9)


def test_file_is_written_even_when_nothing_was_measured(project):
    project.tests("def test_other(): pass")
    assert project.run("--trtperf-json=run.json").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert json.loads((project.path / "run.json").read_text())["measurements"] == []


def test_file_that_cannot_be_written_is_an_error(repository):
    (repository.path / "taken").write_text("a file")
    result = repository.run("--trtperf-json=taken/run.json")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["ERROR: --trtperf-json: *taken*"])
    assert (repository.path / "taken").read_text() == "a file"
