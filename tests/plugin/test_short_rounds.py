"""Rounds that are too short are accepted for numbers, and decide nothing."""

from __future__ import annotations

import json
import warnings

import pytest

SHORT = ("--trtperf-round-ms=10", "--trtperf-round-queries=5", "--trtperf-max-time=0.3")

CONFTEST = """
    from pytest_trtperf.testing import FakeBackend

    def pytest_trtperf_backends(config):
        return [FakeBackend(latency_of=lambda model: float(model.read_text()))]
"""
TEST = """
    def test_model(trt_engine, trt_measure):
        perf = trt_measure(trt_engine("model.bin"), shapes={{"x": (8,)}})
        {body}
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs one test on an engine that takes so long; gives result and verdicts."""
    monkeypatch.setenv("TRTPERF_LOCK_DIR", str(pytester.path / "locks"))
    monkeypatch.setenv("TRTPERF_BACKEND", "fake")
    pytester.makeini("[pytest]")
    pytester.makeconftest(CONFTEST)

    def run(latency_ms, *options, body="pass"):
        pytester.path.joinpath("model.bin").write_text(str(latency_ms))
        pytester.makepyfile(test_perf=TEST.format(body=body))
        command = ("--trtperf", "--trtperf-json=run.json", "-p", "no:hypothesispytest", *options)
        # This run makes errors of warnings, and those inside are to be like a user's.
        with warnings.catch_warnings():
            warnings.resetwarnings()
            result = pytester.runpytest_inprocess(*command)
        (one,) = json.loads((pytester.path / "run.json").read_text())["measurements"]
        return result, one

    return run


@pytest.mark.parametrize("then", [SHORT, ()], ids=["stored short", "stored long"])
@pytest.mark.parametrize("now", [SHORT, ()], ids=["short", "long"])
def test_comparison(run, then, now):
    """An unchanged engine looked 31 % slower in rounds of 10 ms, so that no such rounds decide."""
    assert run(0.96, "--trtperf-update", *then)[0].ret == 0
    result, record = run(1.26, *now)
    found = {(verdict["status"], verdict["reason"]) for verdict in record["verdicts"]}
    if not then and not now:
        assert result.ret == 1
        assert found == {("fail", "over_limit"), ("fail", "under_limit")}
        return
    assert result.ret == 0
    assert found == {("inconclusive", "short_rounds")}
    (session,) = record["sessions"]
    assert len(session["rounds"]) == 5  # more of them would decide nothing either
    place = "" if now else " in the baseline"
    message = f"ms{place} are too short to decide anything: set round_ms to 50 or more"
    assert all(message in verdict["message"] for verdict in record["verdicts"])
    assert any(finding["code"] == "short_rounds" for finding in record["findings"]) == bool(now)


@pytest.mark.parametrize("ms", [0.5, 5], ids=["missed", "kept"])
@pytest.mark.parametrize("policy", ["estimate", "warn", "fail"])
def test_budgets(run, ms, policy):
    body = f"perf.assert_percentile(50, ms={ms})"
    result, record = run(1.0, f"--trtperf-inconclusive={policy}", *SHORT, body=body)
    (verdict,) = record["verdicts"]
    status = "fail" if policy == "fail" else "inconclusive"
    assert (verdict["status"], verdict["reason"]) == (status, "short_rounds")
    assert result.ret == (policy == "fail")
    assert "cannot be judged against its budget" in verdict["message"]


def test_few_slow_queries_are_long_enough(run):
    """A round of one second has five queries, and decides."""
    options = ("--trtperf-round-ms=1000", "--trtperf-round-queries=2", "--trtperf-warm-up-ms=1")
    _, record = run(200.0, *options, body="perf.assert_qps(1)")
    (verdict,) = record["verdicts"]
    assert (verdict["status"], verdict["reason"]) == ("pass", "within_limit")
