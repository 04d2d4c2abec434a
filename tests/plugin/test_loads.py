"""Open loads, several queries in flight, and values that a load cannot have."""

from __future__ import annotations

import json

import pytest

from tests.plain_records import rounds_of
from tests.plugin.bodies import KEY

RATE = 800.0
STAGES = ("enqueue", "h2d", "gpu_compute", "d2h")


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
        result = project.run("--trtperf-json=run.json", *options)
        return result, *json.loads((project.path / "run.json").read_text())["measurements"]

    return run


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
            "assert perf.p99 == perf.percentile(99, 'response') >= 0.1",
            "--trtperf-seed=3",
        )
        result.assert_outcomes(passed=1)
        mode = record["mode"]
        assert (mode["load"], mode["arrivals"], mode["concurrency"]) == ("open", "constant", 1)
        assert record["judged_metric"] == "response"
        assert record["sessions"][0]["cold_start_ms"] > 0
        assert record["time_to_steady_s"] == record["sessions"][0]["warm_up"]["seconds"] > 0
        assert set(record["summary"]) == {*STAGES, "latency", "response", "lateness"}
        for round in rounds_of(record):
            quantiles = round["quantiles"]
            assert len(quantiles["response"]) == 21
            assert quantiles["response"] == sorted(quantiles["response"])
            # Each query's response holds its latency, which is kept to fewer digits.
            pairs = zip(quantiles["response"], quantiles["latency"], strict=True)
            assert all(response >= 0.999999 * latency for response, latency in pairs)
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
        result, _ = measure(f"request_rate={RATE}", "perf.assert_p99(ms=1e-4)")
        result.assert_outcomes(failed=1)
        result.stdout.re_match_lines([r".*: P99 of response .* ms misses its budget of 0.0001 ms"])

    def test_closed_load_has_no_lateness(self, measure):
        """Its responses are there, and are not what budgets are about."""
        result, record = measure("", "perf.assert_p99(ms=5000, metric='response')")
        result.assert_outcomes(passed=1)
        assert record["judged_metric"] == "latency"
        assert record["mode"]["load"] == "closed"
        assert set(record["summary"]) == {*STAGES, "latency", "response"}

    def test_response_is_held_to_the_baseline(self, project, measure):
        load = f"request_rate={RATE}, round_queries=20, round_ms=50"
        measure(load, "pass", "--trtperf-update")
        (entry,) = project.baselines().values()
        assert entry["mode"]["request_rate"] == RATE
        for round in rounds_of(entry["runs"][0]):
            assert set(round["quantiles"]) == {"latency", "gpu_compute", "response"}
        scale(project, 0.01, "response")
        never = "--trtperf-race=never"  # the engine is the same, so that it would be the machine
        result, record = measure(load, "pass", never)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines([f"*{KEY}: response median regressed: *"])
        # Of so few queries a round there is no P99 to compare, and throughput is what was asked.
        compared = [v["metric"] for v in record["verdicts"] if v["kind"] == "baseline"]
        assert compared == ["response median"]
        scale(project, 0.01, "latency")
        scale(project, 0.01, "gpu_compute")
        scale(project, 1e4, "response")
        result, record = measure(load, "pass", never)
        result.assert_outcomes(passed=1)
        assert [v["status"] for v in record["verdicts"]] == ["pass"]

    def test_p99_of_the_response_is_compared_where_rounds_are_long_enough(self, measure):
        load = "request_rate=5000"
        measure(load, "pass", "--trtperf-update")
        _, record = measure(load)
        compared = {v["metric"] for v in record["verdicts"] if v["kind"] == "baseline"}
        assert compared == {"response median", "response P99"}

    def test_other_load_is_another_mode(self, measure):
        measure(f"request_rate={RATE}", "pass", "--trtperf-update")
        for other, difference in (
            (
                "request_rate=400, arrivals='constant'",
                "arrivals is constant*; request_rate is 400*",
            ),
            ("", "load is closed here and open in the baseline; request_rate is None*"),
        ):
            result, record = measure(other)
            result.assert_outcomes(failed=1)
            result.stdout.fnmatch_lines([f"*{KEY}: *another mode*{difference}*--trtperf-update*"])
            assert [v["reason"] for v in record["verdicts"]] == ["other_mode"]

    def test_exact_query_counts_of_constant_arrivals(self, measure):
        """Of 60 ms at 500 a second a third is lead-in, as is said of rounds of 40 ms."""
        load = "request_rate=500, arrivals='constant', round_ms=40, round_queries=20"
        _, record = measure(load)
        assert [round["queries"] for round in rounds_of(record)] == [21] * 5


def scale(project, factor, metric):
    """Multiplies what the baselines keep of a metric."""
    for path in project.baseline_files():
        content = json.loads(path.read_text())
        for entry in content["entries"].values():
            for round in (round for run in entry["runs"] for round in rounds_of(run)):
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
        assert len(rounds_of(record)) == 1

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
        measure(self.LOAD, "pass", "--trtperf-update")
        for policy, status in (("warn", "inconclusive"), ("fail", "fail")):
            result, record = measure(self.LOAD, "pass", f"--trtperf-inconclusive={policy}")
            result.assert_outcomes(**{"failed" if status == "fail" else "passed": 1})
            compared = [v for v in record["verdicts"] if v["kind"] == "baseline"]
            assert "response median" in {verdict["metric"] for verdict in compared}
            assert {(v["status"], v["reason"]) for v in compared} == {(status, "doubtful")}
            assert all("qps were asked for and" in verdict["message"] for verdict in compared)

    def test_rate_that_the_baseline_held_is_lost(self, project, measure):
        load = "request_rate=4000"
        measure(load, "pass", "--trtperf-update")[0].assert_outcomes(passed=1)
        project.model(layers=5)
        result, record = measure(load, "pass")
        result.assert_outcomes(failed=1)
        result.stdout.re_match_lines(
            [r".*the rate of 4000 qps is lost: [\d.]+ qps were reached, .* held (39|40)\d\d.*"]
        )
        (verdict,) = record["verdicts"]
        assert (verdict["status"], verdict["reason"]) == ("fail", "saturated")


class TestNotSteady:
    """A warm-up that is given no time to settle."""

    NEVER = "max_warm_up=1e-3"
    CLOSE = "perf.assert_percentile(50, ms=1.5 * perf.percentile(50))"

    def test_is_said_with_what_to_do(self, measure):
        result, record = measure(self.NEVER, "assert not perf.steady")
        result.assert_outcomes(passed=1)
        result.stdout.re_match_lines(
            [rf"{KEY}: not steady after 0\.\d s of warm-up \(too short to judge\).*"]
        )
        assert record["sessions"][0]["warm_up"]["steady"] is False
        assert record["time_to_steady_s"] is None

    def test_budgets_are_inconclusive(self, measure):
        line = f"{self.CLOSE}; perf.assert_qps(perf.qps / 2)"
        result, record = measure(self.NEVER, line, "--trtperf-inconclusive=warn")
        result.assert_outcomes(passed=1, warnings=0)
        result.stdout.re_match_lines([r".*P50 of latency .* not steady: free the machine.*"])
        verdicts = [(v["status"], v["reason"]) for v in record["verdicts"]]
        assert verdicts == [("inconclusive", "not_steady")] * 2
        result.stdout.fnmatch_lines([f"{KEY} *inconclusive"])

    def test_budgets_fail_where_nothing_may_be_open(self, measure):
        result, _ = measure(self.NEVER, self.CLOSE, "--trtperf-inconclusive=fail")
        result.stdout.re_match_lines(
            [r".*P50 of latency .* cannot be judged against its budget of .*=fail fails it.*"]
        )
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*P50 of latency*not steady*"])

    @pytest.mark.parametrize(
        ("line", "status"), [("perf.assert_p99(ms=5000)", "pass"), ("perf.assert_qps(1e9)", "fail")]
    )
    def test_budget_that_lies_far_away_is_decided(self, measure, line, status):
        _, record = measure(self.NEVER, line)
        assert [verdict["status"] for verdict in record["verdicts"]] == [status]

    def test_comparison_is_inconclusive(self, measure):
        measure(self.NEVER, "pass", "--trtperf-update")
        result, record = measure(self.NEVER)
        result.assert_outcomes(passed=1, warnings=0)
        assert {v["metric"] for v in record["verdicts"]} >= {"gpu_compute median", "throughput"}
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
        result, _ = measure("")
        result.stdout.fnmatch_lines(["*another mode*concurrency is 1 here and 2 in the baseline*"])

    def test_idle_time_is_part_of_the_mode(self, measure):
        result, record = measure("idle_ms=2")
        result.assert_outcomes(passed=1)
        assert record["mode"]["idle_ms"] == 2
        # Of 20 queries the first does not wait.
        assert record["throughput"] <= 500 * 20 / 19


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
