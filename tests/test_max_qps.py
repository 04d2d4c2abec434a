"""Verdicts about a found rate, on a simulated device that serves one query a millisecond."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from pytest_trtperf.analysis.verdict import Status
from pytest_trtperf.comparison import Subject
from pytest_trtperf.limits import InconclusiveWarning
from pytest_trtperf.max_qps import MaxQps
from pytest_trtperf.measure import measurement as measurement_module
from pytest_trtperf.measure.isolated import IsolatedSession
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort, Measurement
from pytest_trtperf.measure.trace import Trace
from pytest_trtperf.settings import Settings

SERVICE_NS = 1_000_000
LIMIT_MS = 4.0
UUID = "GPU-00000000-0000-0000-0000-000000000000"
SUBJECT = Subject(
    test="t", key="t", module="t", baseline_dir="", device="simulated",
    about=dict.fromkeys(("name", "backend", "digest", "plan_sha256"), "x"),
    software={}, baseline=None, compares=False, records=False,
)  # fmt: skip


class Session(IsolatedSession):
    """A queue with constant service, in no time at all."""

    def __init__(self):
        self.pid, self.in_flight = 0, 1
        self.shapes, self.mode = {"x": (1,)}, {"streams": 1}

    def run_closed(self, extent, **_):
        queries = min(max(extent.queries, int(extent.duration_ms)), extent.capacity)
        issued = SERVICE_NS * np.arange(queries)
        return Trace(float(queries), issued, issued + SERVICE_NS)

    def run_open(self, schedule, backlog_ms, **_):
        done, free = np.zeros_like(schedule), 0
        for index, due in enumerate(schedule.tolist()):
            done[index] = free = max(due, free) + SERVICE_NS
        return Trace(free / 1e6, done - SERVICE_NS, done, due=schedule)


@pytest.fixture
def disturb(monkeypatch):
    """Lets the open rounds of these numbers be disturbed, in the order of measuring."""

    def disturb(numbers):
        left = iter(range(10**6))

        def judge(*_):
            return ("a stranger",) if next(left) in numbers else ()

        monkeypatch.setattr(measurement_module, "disturbances", judge)

    return disturb


def search(**settings):
    session = Session()

    def measure(rate, draw, queries):
        effort = Effort(warm_up_ms=0, round_ms=1, round_queries=queries)
        load = Load(rate, seed=draw)
        return Measurement(session, effort, load, contextlib.nullcontext(), UUID)

    return MaxQps(measure, LIMIT_MS, SUBJECT, Settings(**settings))


def verdict(found, qps):
    """Status and reason of a budget, however it is told."""
    with contextlib.suppress(AssertionError, InconclusiveWarning):
        found.assert_at_least(qps)
    verdict = found.record().verdicts[-1]
    return verdict.status, verdict.reason


def test_verdicts_and_their_reasons():
    found = search(inconclusive="warn")
    assert 0 < found.lower < found.qps < found.upper < 1e9 / SERVICE_NS
    assert found.findings == []
    assert verdict(found, found.lower) == (Status.PASS, "within_limit")
    assert verdict(found, found.upper) == (Status.FAIL, "under_limit")
    assert verdict(found, found.qps) == (Status.INCONCLUSIVE, "overlaps_limit")


@pytest.mark.parametrize("number", [1, 20, 100])
def test_disturbed_round_that_was_measured_again_is_no_doubt(disturb, number):
    disturb({number})
    found = search(inconclusive="warn")
    (finding,) = found.findings
    assert (finding.code, "1 were measured again)" in finding.message) == ("disturbed", True)
    assert verdict(found, found.lower) == (Status.PASS, "within_limit")


def test_disturbed_rounds_that_had_to_be_kept_are(disturb):
    # One that was measured again comes first, so that it does not stand for the others.
    disturb({1, *range(20, 1000)})
    found = search(inconclusive="warn")
    (finding,) = found.findings
    assert (finding.code, "had to be kept" in finding.message) == ("disturbed", True)
    assert verdict(found, 1) == (Status.INCONCLUSIVE, "disturbed")
