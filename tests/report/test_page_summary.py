"""The sentence that a page begins with, and the facts below it."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_trtperf.record.item import ItemRecord
from pytest_trtperf.record.origin import CiRecord
from pytest_trtperf.record.verdict import VerdictRecord
from pytest_trtperf.report.html.summary import duration, facts_of, mood, sentence


@pytest.fixture
def say(make_run, make_measurement):
    def say(*verdicts, tests=()):
        measurements = [
            make_measurement(f"t.py::test_{place}", verdicts=list(found))
            for place, found in enumerate(verdicts)
        ]
        run = make_run(*measurements, tests=list(tests))
        return sentence(run.measured if verdicts else [], [run])

    return say


def slower(share: float, **changes: Any) -> VerdictRecord:
    fields: dict[str, Any] = {
        "kind": "baseline", "metric": "gpu_compute median", "status": "fail",
        "reason": "over_limit", "message": "m", "value": 1 + share, "baseline": 1.0,
        "change": share, "limit": 0.05, "failed": True,
    }  # fmt: skip
    return VerdictRecord(**{**fields, **changes})


PASSED = slower(0.01, status="pass", reason="within_limit", failed=False)
OVER = slower(0.0, kind="budget", metric="P99 of latency", value=8.24, limit=2.0, change=None)


def test_a_failure_is_named_with_its_numbers(say):
    assert say([slower(0.098)], [PASSED]) == (
        "1 of 2 measurements failed: test_0 is slower than the baseline, "
        "gpu_compute median +9.8% (1.098 ms, was 1), tolerance 5%"
    )
    assert "test_0 is beyond the budget, P99 of latency 8.24 ms > 2 ms (NVIDIA H200)" in say([OVER])


def test_causes_are_counted_and_the_largest_is_shown(say):
    text = say([slower(0.1)], [slower(0.3)], [OVER])
    assert text.startswith(
        "3 of 3 measurements failed: 2 are slower than the baseline, most test_1"
    )
    assert "; test_2 is beyond the budget" in text


def test_what_failed_without_a_verdict_is_counted(say):
    broken = ItemRecord(test="t.py::test_b", key="t.py::test_b", outcome="error")
    assert say([PASSED], tests=[broken]) == (
        "1 test failed without a verdict; the measurement passed"
    )
    assert say(tests=[broken]) == "1 test failed without a verdict; nothing was measured"


def test_what_did_not_fail_is_not_called_passed(say):
    assert say([PASSED], [PASSED]) == "All 2 measurements passed"
    undecided = slower(0.1, status="inconclusive", reason="contended", failed=False)
    assert say([PASSED], [undecided], []) == (
        "Nothing failed: 1 of 3 measurements passed, 1 not decided, "
        "1 without a budget or a baseline"
    )
    assert say() == "Nothing was measured"


def test_a_run_that_was_cut_short_is_no_pass(make_run, make_measurement):
    one = make_measurement(verdicts=[PASSED])
    whole, cut = make_run(one), make_run(one, complete=False)
    assert mood(whole.measured, [whole]) == "pass"
    assert mood(cut.measured, [cut]) == "open"
    assert "not all was run" in sentence(cut.measured, [cut])
    assert mood([], []) == "open"
    unjudged = make_run(make_measurement())
    assert mood(unjudged.measured, [unjudged]) == "open"


def test_facts(make_run):
    run = make_run(
        started="2026-01-02T03:00:00Z", branch="main", host="lab3", project="folder",
        ci=CiRecord(provider="github", job_url="https://github.com/a/b/actions/runs/7"),
    )  # fmt: skip
    facts = {fact.name: (fact.text, fact.url) for fact in facts_of([run])}
    assert facts["Project"] == ("a/b", None)
    assert facts["Commit"] == ("c0ffee", "https://github.com/a/b/commit/c0ffee")
    assert facts["Job"] == ("github", "https://github.com/a/b/actions/runs/7")
    assert facts["Duration"] == ("4 min 5 s", None)
    assert (facts["Host"][0], facts["Branch"][0]) == ("lab3", "main")


def test_an_address_that_is_none_is_text(make_run):
    odd = make_run(ci=CiRecord(provider="jenkins", job_url="javascript:alert(1)"))
    facts = {fact.name: (fact.text, fact.url) for fact in facts_of([odd])}
    assert facts["Job"] == ("javascript:alert(1)", None)
    assert "Project" not in facts


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (252, "4 min 12 s"), (7500, "2 h 5 min")],
)
def test_duration(seconds, text):
    assert duration(seconds) == text
