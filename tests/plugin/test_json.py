"""`--trtperf-json`: everything measured, with the environment."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from pytest_trtperf.record.json_file import read_runs
from tests.plain_records import rounds_of


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
    assert record["backend"] == "fake"
    assert record["device"] == "Fake GPU"
    assert record["hardware_class"] == "fake-gpu"
    assert record["software"]["fake"] == "1"
    assert record["exit_status"] == 0
    assert record["pytest"] == pytest.__version__
    assert record["plugin"]
    assert record["commit"] is None


def test_commit_is_what_ci_says(repository, monkeypatch):
    monkeypatch.setenv("CI_COMMIT_SHA", "c0ffee")
    assert repository.run("--trtperf-json=run.json").ret == 0
    assert json.loads((repository.path / "run.json").read_text())["commit"] == "c0ffee"


def test_measurement(record):
    (measurement,) = record["measurements"]
    assert measurement["key"] == measurement["test"] == "test_perf.py::test_model"
    assert measurement["shapes"] == {"x": [64, 256]}
    assert measurement["engine"]["name"] == "model"
    assert measurement["baseline"] == "compared"
    stages = {"enqueue", "h2d", "gpu_compute", "d2h"}
    assert set(measurement["summary"]) == {"latency", "response"} | stages
    latency = measurement["summary"]["latency"]
    ordered = [latency[name] for name in ("min", "median", "p90", "p95", "p99", "max")]
    assert ordered == sorted(ordered)
    assert latency["count"] == sum(round["queries"] for round in rounds_of(measurement))
    for round in rounds_of(measurement):
        assert round["queries"] >= 500
        assert round["quantiles"]["latency"] == sorted(round["quantiles"]["latency"])
        assert round["ended"] > round["started"]
        assert set(round["before"].values()) == {None}


def test_verdicts(record):
    (measurement,) = record["measurements"]
    verdicts = {verdict["metric"]: verdict for verdict in measurement["verdicts"]}
    assert {"P99 of latency", "throughput", "gpu_compute median"} <= set(verdicts)
    compared = verdicts["gpu_compute median"]
    assert compared["kind"] == "baseline"
    assert math.isclose(compared["value"] / compared["baseline"] - 1, compared["change"])
    assert not any(verdict["failed"] for verdict in measurement["verdicts"])


def test_baseline_is_summed_up(repository):
    repository.record()
    assert repository.run("--trtperf-json=run.json").ret == 0
    (run,) = read_runs(repository.path / "run.json")
    (entry,) = repository.baselines().values()
    (stored,) = entry["runs"]
    against = run.measurements[0].against
    assert against is not None
    assert (against.runs, against.rounds) == (1, len(rounds_of(stored)))
    medians = [round["quantiles"]["latency"][8] for round in rounds_of(stored)]
    assert math.isclose(against.quantiles["latency"][8], float(np.median(medians)))
    assert against.plan == run.measurements[0].engine.plan_sha256


def test_what_changed_is_reported(repository):
    repository.tests()
    assert repository.run("--trtperf-update").ret == 0
    repository.model(layers=60)
    assert repository.run("--trtperf-json=run.json").ret == 1
    (run,) = read_runs(repository.path / "run.json")
    assert run.measurements[0].differences[0] == "the model or its build options changed"


def test_exit_status_counts_a_baseline_that_could_not_be_written(repository):
    assert repository.run("--trtperf-update").ret == 0
    repository.baseline_files()[0].write_text("<<<<<<< HEAD")
    assert repository.run("--trtperf-update", "--trtperf-json=run.json").ret == 1
    (run,) = read_runs(repository.path / "run.json")
    assert (run.exit_status, len(run.measurements)) == (1, 1)


@pytest.mark.parametrize("variable", ["batch_sizes", "request_rates"])
def test_points_of_a_sweep_are_tied_together(project, variable):
    project.model()
    values = [8, 16] if variable == "batch_sizes" else [500.5, 1000]
    shapes = {} if variable == "batch_sizes" else {"x": (8, 256)}
    project.tests(
        f"""
        def test_model(trt_engine, trt_measure):
            engine = trt_engine("model.onnx")
            trt_measure.sweep(engine, {shapes}, {variable}={values}, name="s", baseline=False)
            trt_measure(engine, shapes={{"x": (4, 256)}})
        """
    )
    assert project.run("--trtperf-json=run.json").ret == 0
    (run,) = read_runs(project.path / "run.json")
    points = [one.sweep for one in run.measurements if one.sweep]
    assert [(point.name, point.variable, point.value) for point in points] == [
        ("test_perf.py::test_model#s", variable[:-1], value) for value in values
    ]
    assert [one.baseline for one in run.measurements] == ["off", "off", "missing"]


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


def test_file_that_cannot_be_written_is_a_usage_error(repository):
    (repository.path / "taken").write_text("a file")
    result = repository.run("--trtperf-json=taken/run.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--trtperf-json: */taken/run.json: */taken is not a directory"])
    assert (repository.path / "taken").read_text() == "a file"


def test_a_place_that_cannot_be_written_is_a_usage_error_before_anything_is_measured(repository):
    (repository.path / "folder").mkdir()
    result = repository.run("--trtperf-html=folder")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--trtperf-html: */folder: is a directory: name a file"])
    result = repository.run("--trtperf-json=/proc/self/new/run.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    refused = "*--trtperf-json: /proc/self/new/run.json: /proc/self cannot be written: *denied"
    result.stderr.fnmatch_lines([refused])


def test_raw_times(repository):
    repository.tests(name="test_more")
    options = ("--trtperf-json=run.json", "--trtperf-traces=out/traces.npz")
    assert repository.run(*options).ret == 0
    assert [path.name for path in (repository.path / "out").iterdir()] == ["traces.npz"]
    (run,) = read_runs(repository.path / "run.json")
    with np.load(repository.path / "out" / "traces.npz") as traces:
        assert {name.partition("/")[0] for name in traces} == {"0", "1"}
        for one in run.measurements:
            for number, round in enumerate(one.rounds):
                times = {
                    name: traces[f"{one.traces}/{number}/{name}_ns"] for name in ("issued", "done")
                }
                assert len(times["issued"]) == round.queries
                median = float(np.median(times["done"] - times["issued"])) / 1e6
                assert math.isclose(median, round.quantiles["latency"][8], rel_tol=1e-6)


def test_raw_times_that_cannot_be_written_are_a_usage_error(repository):
    (repository.path / "taken").write_text("a file")
    result = repository.run("--trtperf-traces=taken/traces.npz")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--trtperf-traces: *taken*"])


def test_odd_names(repository):
    names = ["<script>", "../../a", "日本🚀", "x" * 3000]
    repository.tests(
        f"""
        def test_model(trt_engine, trt_measure):
            for name in {names}:
                trt_measure(trt_engine("model.onnx"), shapes={{"x": (64, 256)}}, name=name)
        """
    )
    result = repository.run("--trtperf-json=run.json")
    assert result.ret == 0
    (run,) = read_runs(repository.path / "run.json")
    assert [one.key for one in run.measurements] == [f"test_perf.py::test_model#{n}" for n in names]
    table = [line for line in result.outlines if line.endswith("  measured")]
    assert len(table) == 4
    assert max(map(len, table)) < 250


def test_test_that_ran_again_is_there_once(repository):
    repository.pytester.makeconftest(
        """
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            for _ in range(2):
                runtestprotocol(item, nextitem=nextitem, log=True)
            return True
        """
    )
    result = repository.run("--trtperf-json=run.json")
    result.assert_outcomes(passed=2)
    (run,) = read_runs(repository.path / "run.json")
    assert [one.key for one in run.measurements] == ["test_perf.py::test_model"]
