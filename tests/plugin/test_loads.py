"""Open loads, several queries in flight, sweeps and the search for the highest request rate."""

from __future__ import annotations

import json

import pytest

KEY = "test_perf.py::test_model"
RATE = 800.0

# A warm-up that ends at once where nothing is held against a limit that would need a steady one.
HASTY = "--trtperf-max-warm-up=0.05"
# Or they would be errors, as in this project.
WARNS = ("-W", "default::pytest_trtperf.limits.InconclusiveWarning")


@pytest.fixture
def measure(project):
    """Runs a test that measures with these arguments, then one line; gives result and record."""
    project.model()

    def run(arguments="", line="pass", *options, mark=""):
        project.tests(
            f"""
            import pytest

            {mark}
            def test_model(trt_engine, trt_measure):
                engine = trt_engine("model.onnx")
                perf = trt_measure(engine, shapes={{"x": (16, 256)}}, {arguments})
                {line}
            """
        )
        result = project.run("--trtperf-json=run.json", *WARNS, *options)
        return result, *json.loads((project.path / "run.json").read_text())["measurements"]

    return run


def run_body(project, body, *options):
    """Runs a test of these lines; `engine` and `shapes` are there for them."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    project.model()
    project.tests(
        "import math\n"
        "import pytest\n\n"
        "def test_model(trt_engine, trt_measure):\n"
        "    engine = trt_engine('model.onnx')\n"
        "    shapes = {'x': (16, 256)}\n" + lines
    )
    return project.run("--trtperf-json=run.json", *WARNS, *options)


def read(project):
    return json.loads((project.path / "run.json").read_text())


class TestOpenLoad:
    @pytest.mark.parametrize("source", ["call", "mark", "command line", "environment", "ini"])
    def test_is_asked_for_by_a_request_rate(self, project, measure, monkeypatch, source):
        if source == "environment":
            monkeypatch.setenv("TRTPERF_REQUEST_RATE", f"{RATE}")
        if source == "ini":
            project.ini(f"trtperf_request_rate = {RATE}")
        result, record = measure(
            f"request_rate={RATE}" if source == "call" else "",
            "assert perf.judged_metric == 'response'",
            HASTY,
            *([f"--trtperf-request-rate={RATE}"] if source == "command line" else []),
            mark=f"@pytest.mark.trtperf(request_rate={RATE})" if source == "mark" else "",
        )
        result.assert_outcomes(passed=1)
        mode = record["mode"]
        assert (mode["load"], mode["request_rate"], mode["arrivals"]) == ("open", RATE, "poisson")
        assert "idle_ms" not in mode

    def test_is_recorded_with_its_responses(self, measure):
        result, record = measure(
            f"request_rate={RATE}, arrivals='constant'",
            "assert perf.p99 == perf.percentile(99, 'response') >= perf.percentile(99, 'latency')",
            "--trtperf-seed=3",
        )
        result.assert_outcomes(passed=1)
        mode = record["mode"]
        assert (mode["load"], mode["arrivals"], mode["concurrency"]) == ("open", "constant", 1)
        assert record["judged_metric"] == "response"
        assert record["cold_start_ms"] > 0
        assert record["time_to_steady_s"] == record["warm_up"]["seconds"] > 0
        assert set(record["summary"]) == {"latency", "response", "lateness"}
        for round in record["rounds"]:
            quantiles = round["quantiles"]
            assert len(quantiles["response"]) == 21
            assert quantiles["response"] == sorted(quantiles["response"])
            # Each query's response holds its latency.
            pairs = zip(quantiles["response"], quantiles["latency"], strict=True)
            assert all(response >= latency for response, latency in pairs)
            assert 0 < round["throughput"] <= 1.1 * RATE

    def test_budgets_judge_the_response(self, measure):
        result, record = measure(
            f"request_rate={RATE}",
            "perf.assert_p99(ms=5000); perf.assert_percentile(50, ms=5000, metric='latency')",
        )
        result.assert_outcomes(passed=1)
        assert [verdict["metric"] for verdict in record["verdicts"]] == [
            "P99 of response",
            "P50 of latency",
        ]
        result.stdout.fnmatch_lines([f"{KEY} *P99 of response<=5000, P50<=5000*pass*"])

    def test_missed_budget_of_the_response_says_so(self, measure):
        result, _ = measure(f"request_rate={RATE}", "perf.assert_p99(ms=1e-4)", HASTY)
        result.assert_outcomes(failed=1)
        result.stdout.re_match_lines([r".*: P99 of response .* ms misses its budget of 0.0001 ms"])

    def test_closed_load_has_no_lateness(self, measure):
        """Its responses are there, and are not what budgets are about."""
        result, record = measure("", "perf.assert_p99(ms=5000, metric='response')", HASTY)
        result.assert_outcomes(passed=1)
        assert record["judged_metric"] == "latency"
        assert record["mode"]["load"] == "closed"
        assert set(record["summary"]) == {"latency", "response"}

    def test_response_is_held_to_the_baseline(self, project, measure):
        load = f"request_rate={RATE}, round_queries=20"
        measure(load, "pass", "--trtperf-update")
        (entry,) = project.baselines().values()
        assert entry["mode"]["request_rate"] == RATE
        for round in entry["runs"][0]["rounds"]:
            assert set(round["quantiles"]) == {"latency", "response"}
        scale(project, 1e-6, "response")
        result, record = measure(load)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines([f"*{KEY}: response median regressed: *"])
        # Of so few queries a round there is no P99 to compare, and throughput is what was asked.
        compared = [v["metric"] for v in record["verdicts"] if v["kind"] == "baseline"]
        assert compared == ["response median"]
        scale(project, 1e-6, "latency")
        scale(project, 1e12, "response")
        result, record = measure(load)
        result.assert_outcomes(passed=1)
        assert [v["status"] for v in record["verdicts"]] == ["pass"]

    def test_p99_of_the_response_is_compared_where_rounds_are_long_enough(self, measure):
        load = "request_rate=12000, round_ms=60"
        measure(load, "pass", "--trtperf-update", HASTY)
        _, record = measure(load, "pass", HASTY)
        compared = {v["metric"] for v in record["verdicts"] if v["kind"] == "baseline"}
        assert compared == {"response median", "response P99"}

    def test_other_load_is_another_mode(self, measure):
        measure(f"request_rate={RATE}", "pass", "--trtperf-update", HASTY)
        for other, difference in (
            (
                "request_rate=400, arrivals='constant'",
                "arrivals is constant*; request_rate is 400*",
            ),
            ("", "load is closed here and open in the baseline; request_rate is None*"),
        ):
            result, record = measure(other, "pass", HASTY)
            result.assert_outcomes(failed=1)
            result.stdout.fnmatch_lines([f"*{KEY}: *another mode*{difference}*--trtperf-update*"])
            assert [v["reason"] for v in record["verdicts"]] == ["other_mode"]

    def test_exact_query_counts_of_constant_arrivals(self, measure):
        """Of 60 ms at 500 a second a third is lead-in, as is said of rounds of 40 ms."""
        _, record = measure("request_rate=500, arrivals='constant', round_ms=40", "pass", HASTY)
        assert [round["queries"] for round in record["rounds"]] == [21] * 5


def scale(project, factor, metric):
    """Multiplies what the baselines keep of a metric."""
    for path in project.baseline_files():
        content = json.loads(path.read_text())
        for entry in content["entries"].values():
            for round in (round for run in entry["runs"] for round in run["rounds"]):
                values = round["quantiles"][metric]
                values[:] = [float(f"{factor * value:.5g}") for value in values]
        path.write_text(json.dumps(content))


class TestRateThatIsNotReached:
    LOAD = "request_rate=1e6"

    def test_budget_of_the_response_fails_and_the_rates_are_named(self, measure):
        result, record = measure(self.LOAD, "perf.assert_p99(ms=1e-3)")
        result.assert_outcomes(failed=1)
        result.stdout.re_match_lines(
            [
                rf".*{KEY}: P99 of response misses its budget of 0.001 ms: 1e\+06 qps were .*",
                rf"{KEY}: 1e\+06 qps were asked for and [\d.]+ reached: .*",
            ]
        )
        (verdict,) = record["verdicts"]
        assert (verdict["status"], verdict["reason"]) == ("fail", "saturated")
        assert record["throughput"] < 1e6
        assert len(record["rounds"]) == 1

    def test_wide_budget_of_the_response_fails_as_well(self, measure):
        """What was completed before it was given up is quick enough: more would not be."""
        result, record = measure(
            self.LOAD, "assert perf.saturated; perf.assert_percentile(50, ms=5000)"
        )
        result.assert_outcomes(failed=1)
        (verdict,) = record["verdicts"]
        assert (verdict["status"], verdict["reason"]) == ("fail", "saturated")
        assert verdict["value"] < 5000

    def test_other_budgets_are_judged_by_what_was_completed(self, measure):
        result, record = measure(
            self.LOAD, "perf.assert_p99(ms=5000, metric='latency'); perf.assert_qps(1)"
        )
        result.assert_outcomes(passed=1)
        assert {v["status"] for v in record["verdicts"]} == {"pass"}

    def test_comparison_is_inconclusive(self, measure):
        """Whatever the numbers are, though by default the point estimate decides others."""
        measure(self.LOAD, "pass", "--trtperf-update", HASTY)
        for policy, status in (("estimate", "inconclusive"), ("fail", "fail")):
            result, record = measure(self.LOAD, "pass", f"--trtperf-inconclusive={policy}")
            result.assert_outcomes(**{"failed" if status == "fail" else "passed": 1})
            compared = [v for v in record["verdicts"] if v["kind"] == "baseline"]
            assert "response median" in {verdict["metric"] for verdict in compared}
            assert {(v["status"], v["reason"]) for v in compared} == {(status, "doubtful")}
            assert all("qps were asked for and" in verdict["message"] for verdict in compared)


class TestNotSteady:
    """A warm-up that is given no time to settle."""

    NEVER = "max_warm_up=1e-3"

    def test_is_said_with_what_to_do(self, measure):
        result, record = measure(self.NEVER, "assert not perf.steady")
        result.assert_outcomes(passed=1)
        result.stdout.re_match_lines(
            [rf"{KEY}: not steady after 0\.\d s of warm-up \(too short to tell\), so nothing is .*"]
        )
        assert record["warm_up"]["steady"] is False
        assert record["time_to_steady_s"] is None

    def test_budgets_are_inconclusive(self, measure):
        line = "perf.assert_p99(ms=5000); perf.assert_qps(0.01)"
        result, record = measure(self.NEVER, line, "--trtperf-inconclusive=warn")
        result.assert_outcomes(passed=1, warnings=2)
        result.stdout.re_match_lines([".*InconclusiveWarning: .*P99 of latency .* not steady"])
        verdicts = [(v["status"], v["reason"]) for v in record["verdicts"]]
        assert verdicts == [("inconclusive", "not_steady")] * 2
        result.stdout.fnmatch_lines([f"{KEY} *inconclusive"])

    def test_by_default_the_estimate_decides_a_budget_and_says_so(self, measure):
        result, record = measure(self.NEVER, "perf.assert_p99(ms=5000)")
        result.assert_outcomes(passed=1)
        (verdict,) = record["verdicts"]
        assert verdict["reason"] == "estimate"
        assert "not steady; decided by the estimate alone" in verdict["message"]
        result.stdout.fnmatch_lines([f"{KEY} *pass (by estimate)"])

    def test_budgets_fail_where_nothing_may_be_open(self, measure):
        result, _ = measure(self.NEVER, "perf.assert_p99(ms=5000)", "--trtperf-inconclusive=fail")
        result.stdout.re_match_lines(
            [r".*P99 of latency .* cannot be told from its budget .*=fail fails it.*"]
        )
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*P99 of latency*not steady*"])

    def test_comparison_is_inconclusive(self, measure):
        measure(self.NEVER, "pass", "--trtperf-update")
        result, record = measure(self.NEVER)
        result.assert_outcomes(passed=1, warnings=len(record["verdicts"]))
        assert {v["metric"] for v in record["verdicts"]} >= {"latency median", "throughput"}
        statuses = {(v["status"], v["reason"]) for v in record["verdicts"]}
        assert statuses == {("inconclusive", "doubtful")}


class TestInFlight:
    def test_two_at_a_time_are_another_mode(self, measure):
        line = """trace = perf.rounds[0].trace
                issued, done = sorted(trace.issued.tolist()), sorted(trace.done.tolist())
                assert trace.in_flight == 2
                assert any(later < earlier for later, earlier in zip(issued[1:], done))"""
        result, record = measure("concurrency=2, round_ms=50", line, "--trtperf-update")
        result.assert_outcomes(passed=1)
        assert record["mode"]["concurrency"] == 2
        result, _ = measure("", "pass", HASTY)
        result.stdout.fnmatch_lines(["*another mode*concurrency is 1 here and 2 in the baseline*"])

    def test_idle_time_is_part_of_the_mode(self, measure):
        result, record = measure("idle_ms=2", "pass", HASTY)
        result.assert_outcomes(passed=1)
        assert record["mode"]["idle_ms"] == 2
        # Of 20 queries the first does not wait.
        assert record["throughput"] <= 500 * 20 / 19


class TestSweep:
    def test_over_batch_sizes(self, project):
        result = run_body(
            project,
            """
sweep = trt_measure.sweep(engine, batch_sizes=(4, 64))
assert (sweep.variable, len(sweep)) == ("batch_size", 2)
assert [(value, perf) for value, perf in sweep] == [(4, sweep[4]), (64, sweep[64])]
for batch, perf in sweep:
    assert perf.record().shapes == {"x": [batch, 256]}
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
            HASTY,
        )
        result.assert_outcomes(passed=1)
        assert set(project.baselines()) == {f"{KEY}#batch_size=4", f"{KEY}#batch_size=64"}
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
        run_body(project, body, "--trtperf-update", HASTY).assert_outcomes(passed=1)
        keys = {f"{KEY}#rates/request_rate=500", f"{KEY}#rates/request_rate=2000.5"}
        assert set(project.baselines()) == keys
        rates = [entry["mode"]["request_rate"] for entry in project.baselines().values()]
        assert sorted(rates) == [500, 2000.5]
        run_body(project, body, HASTY)
        compared = {m["key"]: m["verdicts"] for m in read(project)["measurements"]}
        assert set(compared) == keys
        assert all(v[0]["metric"] == "response median" for v in compared.values())

    def test_of_what_it_cannot_go_over(self, project):
        project.model("static", batch=8)
        result = run_body(
            project,
            """
from pytest_trtperf.errors import ShapeError
for values in ({}, {"batch_sizes": [1], "request_rates": [10]}, {"batch_sizes": []}):
    with pytest.raises(ValueError, match="batch_sizes= or over request_rates=, one of them"):
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
            HASTY,
        )
        result.assert_outcomes(passed=1)


class TestMaxQps:
    def test_finds_a_rate_with_its_interval(self, project):
        result = run_body(
            project,
            """
found = trt_measure.max_qps(engine, p99_ms=20, shapes=shapes, round_queries=50)
assert 0 <= found.lower <= found.qps <= found.upper
assert [trial.rate for trial in found.trials] == sorted(trial.rate for trial in found.trials)
assert any(trial.holds(20) for trial in found.trials)
assert found.closed_qps > 0
assert f"{found.qps:.5g} qps" in str(found) and str(found) in repr(found)
found.assert_at_least(1e-3)
found.assert_at_least({"NVIDIA*": 1e9, "cpu:*": 1e-3})
with pytest.raises(AssertionError, match="its budget of 1e.09 qps"):
    found.assert_at_least(1e9)
with pytest.raises(AssertionError, match="no entry for 'cpu:"):
    found.assert_at_least({"NVIDIA*": 1})
for budget in (0, -1, math.nan, True):
    with pytest.raises(ValueError, match="must be a number above 0"):
        found.assert_at_least(budget)
with pytest.raises(ValueError, match="without a name already: pass another name="):
    trt_measure.max_qps(engine, p99_ms=20, shapes=shapes)
with pytest.raises(ValueError, match="without a name already: pass another name="):
    trt_measure(engine, shapes=shapes)
            """,
            HASTY,
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
            "trt_measure.max_qps(engine, p99_ms=1e-5, shapes={'x': (1, 256)}, round_queries=2)",
            "--trtperf-max-warm-up=0.01",
            "--trtperf-round-ms=5",
        )
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [f"E *MeasurementError: {KEY}: a response of 1e-05 ms is not held at any rate: at *"]
        )
        result.stdout.no_fnmatch_line("*in search_capacity*")

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


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("request_rate", (0, -1, "nan", "inf", "fast")),
        ("round_ms", (0, -1, "nan")),
        ("warm_up_ms", (0, -5)),
        ("max_warm_up", (0, -1)),
        ("max_time", (0, -1)),
        ("idle_ms", (-1, "nan")),
        ("concurrency", (0, -1, 1.5)),
        ("round_queries", (0, 1, 2.5)),
        ("arrivals", ("uniform", "Poisson")),
    ],
)
def test_values_that_a_load_cannot_have(project, name, values):
    """Refused with the place they were given at, before anything is measured."""
    project.model()
    project.tests(
        f"""
        import pytest

        @pytest.mark.parametrize("value", {values!r})
        def test_model(trt_engine, trt_measure, value):
            with pytest.raises(ValueError, match="trt_measure: {name}: expected "):
                trt_measure(trt_engine("model.onnx"), shapes={{"x": (16, 256)}}, {name}=value)
        """
    )
    project.run().assert_outcomes(passed=len(values))
    result = project.run(f"--trtperf-{name.replace('_', '-')}={values[0]}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --trtperf-{name.replace('_', '-')}: expected *"])
