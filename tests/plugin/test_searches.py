"""Sweeps over batch sizes and rates, and the search for the highest rate."""

from __future__ import annotations

import pytest

from tests.plugin.bodies import KEY, run_body
from tests.plugin.outputs import read


class TestSweep:
    def test_over_batch_sizes(self, project):
        result = run_body(
            project,
            """
sweep = trt_measure.sweep(engine, batch_sizes=(4, 64))
assert (sweep.variable, len(sweep)) == ("batch_size", 2)
assert [(value, perf) for value, perf in sweep] == [(4, sweep[4]), (64, sweep[64])]
for y in ("median", "p99", "qps"):
    assert sweep.curve(y) == ([4, 64], [getattr(sweep[4], y), getattr(sweep[64], y)])
assert sweep.curve() == sweep.curve("p99")
assert sweep.curve("samples_per_second")[1] == [4 * sweep[4].qps, 64 * sweep[64].qps]
header, *rows = [line.split() for line in sweep.table().splitlines()]
assert header == ["batch_size", "P50", "ms", "P99", "ms", "qps", "samples/s"]
assert [row[0] for row in rows] == ["4", "64"]
for row, perf in zip(rows, (sweep[4], sweep[64])):
    numbers = (perf.median, perf.p99, perf.qps, int(row[0]) * perf.qps)
    assert [float(cell) for cell in row[1:]] == pytest.approx(numbers, rel=1e-3)
assert len({len(line) for line in sweep.table().splitlines()}) == 1
with pytest.raises(ValueError, match="no curve of 'p90'; there are median, p99, qps"):
    sweep.curve("p90")
with pytest.raises(KeyError):
    sweep[5]
            """,
            "--trtperf-update",
        )
        result.assert_outcomes(passed=1)
        assert set(project.baselines()) == {f"{KEY}#batch_size=4", f"{KEY}#batch_size=64"}
        shapes = [one["shapes"] for one in read(project)["measurements"]]
        assert shapes == [{"x": [4, 256]}, {"x": [64, 256]}]
        result.stdout.fnmatch_lines([f"{KEY}#batch_size=4 *", f"{KEY}#batch_size=64 *"])

    def test_over_request_rates(self, project):
        body = """
sweep = trt_measure.sweep(engine, shapes, request_rates=[500, 2000.5], name="rates")
assert sweep.variable == "request_rate"
assert sweep[500].judged_metric == "response"
assert sweep.curve("median")[0] == [500, 2000.5]
assert sweep.table().split()[:6] == ["request_rate", "P50", "ms", "P99", "ms", "qps"]
with pytest.raises(ValueError, match="over request_rate has no curve of 'samples_per_second'"):
    sweep.curve("samples_per_second")
        """
        run_body(project, body, "--trtperf-update").assert_outcomes(passed=1)
        keys = {f"{KEY}#rates/request_rate=500", f"{KEY}#rates/request_rate=2000.5"}
        assert set(project.baselines()) == keys
        rates = [entry["mode"]["request_rate"] for entry in project.baselines().values()]
        assert sorted(rates) == [500, 2000.5]
        run_body(project, body)
        compared = {m["key"]: m["verdicts"] for m in read(project)["measurements"]}
        assert set(compared) == keys
        assert all(v[0]["metric"] == "response median" for v in compared.values())

    @pytest.mark.usefixtures("on_cpu")
    def test_of_what_it_cannot_go_over(self, project):
        project.model("static", batch=8)
        result = run_body(
            project,
            """
from pytest_trtperf.errors import ShapeError
for values in ({}, {"batch_sizes": [1], "request_rates": [10]}, {"batch_sizes": []}):
    with pytest.raises(ValueError, match="pass exactly one of batch_sizes=, request_rates="):
        trt_measure.sweep(engine, shapes, **values)
for rate in (0, -5, math.nan, math.inf):
    with pytest.raises(ValueError, match="request_rate: expected a number above 0"):
        trt_measure.sweep(engine, shapes, request_rates=[rate])
for batch in (0, -1):
    with pytest.raises(ValueError, match="whole number of at least 1"):
        trt_measure.sweep(engine, batch_sizes=[batch])
with pytest.raises(ValueError, match="a batch_size comes twice"):
    trt_measure.sweep(engine, batch_sizes=[4, 4])
static = trt_engine("static.onnx")
with pytest.raises(ShapeError, match="no batch to sweep"):
    trt_measure.sweep(static, batch_sizes=[1])
            """,
        )
        result.assert_outcomes(passed=1)


class TestMaxQps:
    def test_finds_a_rate_with_its_interval(self, project):
        result = run_body(
            project,
            """
found = trt_measure.max_qps(engine, p99_ms=20, shapes=shapes, max_time=8)
assert 0 <= found.lower <= found.qps <= found.upper
assert [trial.rate for trial in found.trials] == sorted(trial.rate for trial in found.trials)
assert any(trial.holds(20) for trial in found.trials)
assert found.closed_qps > 0
assert f"{found.qps:.5g} qps" in str(found) and str(found) in repr(found)
found.assert_at_least(1e-3)
found.assert_at_least({"NVIDIA*": 1e9, "Fake*": 1e-3})
with pytest.raises(AssertionError, match="its budget of 1e.09 qps"):
    found.assert_at_least(1e9)
with pytest.raises(AssertionError, match="no entry for 'Fake GPU"):
    found.assert_at_least({"NVIDIA*": 1})
for budget in (0, -1, math.nan, True):
    with pytest.raises(ValueError, match="must be a number above 0"):
        found.assert_at_least(budget)
with pytest.raises(ValueError, match="without a name already: pass another name="):
    trt_measure.max_qps(engine, p99_ms=20, shapes=shapes)
with pytest.raises(ValueError, match="without a name already: pass another name="):
    trt_measure(engine, shapes=shapes)
            """,
            "--trtperf-update",
        )
        # It counts as something measured, though it neither is nor becomes a baseline.
        result.assert_outcomes(passed=1)
        assert result.ret == 0
        assert project.baseline_files() == []
        result.stdout.re_match_lines(
            [rf"{KEY}: [\d.e+]+ qps \[.*\] keep P99 of response within 20 ms \(\d+ rates tried .*"]
        )
        result.stdout.no_fnmatch_line("*nothing was measured*")
        record = read(project)
        assert record["measurements"] == []
        (found,) = record["max_qps"]
        assert (found["key"], found["limit_ms"], found["shapes"]) == (KEY, 20, {"x": [16, 256]})
        assert found["lower"] <= found["rate"] <= (found["upper"] or found["rate"])
        assert found["mode"]["load"] == "open"
        assert "request_rate" not in found["mode"]
        assert all(trial["rate"] > 0 and trial["response_ms"] > 0 for trial in found["trials"])
        assert [v["status"] for v in found["verdicts"]] == ["pass", "fail"]

    def test_limit_that_no_rate_keeps(self, project):
        result = run_body(
            project,
            "trt_measure.max_qps(engine, p99_ms=1e-5, shapes={'x': (1, 256)})",
            "--trtperf-max-warm-up=0.01",
            "--trtperf-round-ms=5",
        )
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [f"E *MeasurementError: {KEY}: a response of 1e-05 ms is not held at any rate: at *"]
        )
        result.stdout.no_fnmatch_line("*in search_max_qps*")

    def test_of_what_it_cannot_search_for(self, project):
        result = run_body(
            project,
            """
for limit in (0, -1, math.nan, math.inf, "20", None, True):
    with pytest.raises(ValueError, match="p99_ms must be a number above 0, got"):
        trt_measure.max_qps(engine, limit, shapes)
with pytest.raises(ValueError, match="leave request_rate= out"):
    trt_measure.max_qps(engine, 20, shapes, request_rate=100)
with pytest.raises(ValueError, match="trt_measure.max_qps: unknown option graph"):
    trt_measure.max_qps(engine, 20, shapes, graph=True)
            """,
        )
        result.assert_outcomes(passed=1)
        assert read(project)["max_qps"] == []


class TestBuilds:
    def test_how_far_they_are_apart_is_reported(self, project):
        project.model("other", layers=60)
        result = run_body(
            project,
            """
from dataclasses import replace
pair = replace(engine, _others=(trt_engine("other.onnx"),))
found = trt_measure.builds(pair, shapes)
assert (found.variable, [number for number, _ in found]) == ("build", [0, 1])
medians = [perf.median for _, perf in found]
assert found.spread == pytest.approx(max(medians) / min(medians) - 1)
            """,
            "--trtperf-update",
        )
        result.assert_outcomes(passed=1)
        assert set(project.baselines()) == {f"{KEY}#build=0", f"{KEY}#build=1"}
        expected = f"{KEY}#build=0: the medians of 2 builds (2 different plans) are *% apart"
        result.stdout.fnmatch_lines([expected])

    def test_there_is_one_on_the_cpu(self, project):
        result = run_body(project, "assert trt_measure.builds(engine, shapes).spread == 0")
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines([f"{KEY}#build=0: there is one build: *"])
