"""Recorded and compared on ONNX Runtime, by factors that no busy machine hides."""

from __future__ import annotations

import pytest

from tests.plain_records import rounds_of

KEY = "test_perf.py::test_model"

pytestmark = pytest.mark.usefixtures("on_cpu")


def test_a_baseline_and_engines_of_a_tenth_and_of_ten_times_its_work(project):
    project.model(layers=20)
    project.tests(batch=16)
    recorded = project.run("--trtperf-update")
    assert recorded.ret == 0
    recorded.stdout.re_match_lines([r"trtperf: onnxruntime on cpu:.* x\d+ \(onnxruntime .*"])
    (entry,) = project.baselines().values()
    assert all(rounds_of(run) for run in entry["runs"])

    project.model(layers=2)
    faster = project.run("--trtperf-json=faster.json")
    faster.assert_outcomes(passed=1)
    project.model(layers=200)
    project.run("--trtperf-json=slower.json")
    (faster,), (slower,) = map(project.measurements, ("faster.json", "slower.json"))
    for one in (faster, slower):
        assert (one["key"], one["baseline"]) == (KEY, "compared")
        assert set(one["summary"]) == {"latency", "response"}
    # A neighbour may make a verdict inconclusive, and never turns it round.
    (median,) = [v for v in faster["verdicts"] if v["metric"] == "latency median"]
    assert median["status"] != "fail"
    assert median["change"] < 0
    (median,) = [v for v in slower["verdicts"] if v["metric"] == "latency median"]
    assert median["status"] != "pass"
    assert median["change"] > 0


def test_a_race_with_the_engine_of_the_baseline(project):
    project.model(layers=20)
    project.tests(batch=16)
    assert project.run("--trtperf-update").ret == 0
    project.model(layers=200)
    options = ("--trtperf-race=always", "--trtperf-max-time=60", "--trtperf-tolerance=0.1")
    project.run("--trtperf-json=slower.json", *options)
    (one,) = project.measurements("slower.json")
    (median,) = [v for v in one["verdicts"] if v["metric"] == "latency median"]
    assert "starts of both" in median["race"]["extent"]
    # A neighbour may make a verdict inconclusive, and never turns it round.
    assert median["race"]["change"] > 0.1
    assert median["status"] != "pass"
