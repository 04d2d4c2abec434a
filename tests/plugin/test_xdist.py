"""pytest-xdist: with and without it the same verdicts, files and keys, and one round at a time."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

pytest.importorskip("xdist")

DISTRIBUTIONS = [(), ("-n0",), ("-n2",), ("-n2", "--dist=loadgroup"), ("-p", "no:xdist")]

FOUR_TESTS = """
    import pytest

    @pytest.mark.parametrize("batch", [16, 64])
    @pytest.mark.xdist_group("perf@home")
    def test_passes(trt_engine, trt_measure, batch):
        trt_measure(trt_engine("model.onnx"), shapes={"x": (batch, 256)})

    @pytest.mark.xdist_group("other")
    def test_misses(trt_engine, trt_measure):
        perf = trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)}, name="tight")
        perf.assert_p99(ms=1e-4)

    def test_keeps(trt_engine, trt_measure):
        perf = trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)}, name="wide")
        perf.assert_p99(ms=5000)
"""


@pytest.fixture
def suite(project):
    project.model()
    project.tests(FOUR_TESTS)
    project.ini("markers = xdist_group")
    return project


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=" ".join)
def test_verdicts_files_and_keys(suite, distribution):
    result = suite.run("--trtperf-update", "--trtperf-json=run.json", *distribution)
    result.assert_outcomes(passed=3, failed=1)
    assert result.ret == 1
    passing = {
        "test_perf.py::test_passes[16]",
        "test_perf.py::test_passes[64]",
        "test_perf.py::test_keeps#wide",
    }
    assert set(suite.baselines()) == passing
    assert len(suite.baseline_files()) == 1
    measurements = json.loads((suite.path / "run.json").read_text())["measurements"]
    verdicts = {m["key"]: [v["status"] for v in m["verdicts"]] for m in measurements}
    assert verdicts == {
        "test_perf.py::test_passes[16]": [],
        "test_perf.py::test_passes[64]": [],
        "test_perf.py::test_misses#tight": ["fail"],
        "test_perf.py::test_keeps#wide": ["pass"],
    }
    assert {m["test"] for m in measurements} == {key.partition("#")[0] for key in verdicts}
    leftovers = [path for path in suite.path.rglob(".*.json*") if path.is_file()]
    assert leftovers == []


def test_regression_fails_with_workers(suite):
    suite.tests()
    assert suite.run("--trtperf-update", "-n2").ret == 0
    suite.model(layers=8)
    result = suite.run("-n2")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*test_perf.py::test_model: latency median regressed*"])


def test_stale_entries_are_found_with_workers(suite):
    suite.record("-k", "not misses")
    suite.tests(FOUR_TESTS.replace("[16, 64]", "[64]"))
    result = suite.run("--trtperf-update", "-n2", "--dist=loadgroup")
    result.stdout.fnmatch_lines(["stale *test_passes[[]16]"])
    assert len(suite.baselines()) == 2


def test_rounds_of_different_workers_never_overlap(suite):
    arguments = ("--trtperf-json=run.json", "--trtperf-warm-up-ms=1", "--trtperf-max-warm-up=0.05")
    for number in range(2):
        suite.tests(FOUR_TESTS, name=f"test_more_{number}")
    suite.run("-n2", *arguments, "-v").stdout.fnmatch_lines(["*gw1*"])
    measurements = json.loads((suite.path / "run.json").read_text())["measurements"]
    assert len(measurements) == 12
    rounds = [(r["started"], r["ended"]) for m in measurements for r in m["rounds"]]
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(sorted(rounds)))


def test_what_was_measured_before_a_worker_crashed_is_kept(suite):
    suite.tests(
        """
        import os

        def test_first(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})

        def test_second(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})
            os._exit(3)
        """
    )
    result = suite.run("-n1", "--trtperf-json=run.json")
    result.assert_outcomes(passed=1, failed=1)
    measurements = json.loads((suite.path / "run.json").read_text())["measurements"]
    assert [m["key"] for m in measurements] == ["test_perf.py::test_first"]
