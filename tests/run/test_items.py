"""Outcomes of tests, put together from reports."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_trtperf.errors import PerfAssertionError
from pytest_trtperf.record.item import ItemRecord
from pytest_trtperf.run.items import (
    LONGEST_OUTPUT,
    LONGEST_TEXT,
    ReportedItems,
    outcome_of,
    reason_of,
)
from tests.run.fakes import fake

TEST = "test_x.py::test_a"


@pytest.fixture
def items():
    found = ReportedItems()
    found.note_collected([ItemRecord(test=TEST, key=TEST, outcome="unfinished", line=7)])
    return found


def report(when, outcome, *, about=None, **more):
    fields: dict[str, Any] = {
        "duration": 0.5,
        "user_properties": [],
        "longrepr": None,
        "sections": [],
        "trtperf_item": about or {},
        "trtperf_groups": {f"{TEST}@group": TEST},
    }
    return fake(when=when, outcome=outcome, nodeid=f"{TEST}@group", **fields | more)


def take(items, *reports):
    for one in reports:
        items.take(one)
    return items.record(TEST)


@pytest.mark.parametrize(
    ("when", "outcome", "more", "found"),
    [
        ("setup", "passed", {}, None),
        ("call", "passed", {}, "passed"),
        ("teardown", "passed", {}, None),
        ("call", "failed", {}, "failed"),
        ("setup", "failed", {}, "error"),
        ("teardown", "failed", {}, "error"),
        ("setup", "skipped", {}, "skipped"),
        ("call", "skipped", {"wasxfail": ""}, "xfailed"),
        ("setup", "skipped", {"wasxfail": "reason: [NOTRUN] "}, "xfailed"),
        ("call", "passed", {"wasxfail": ""}, "xpassed"),
        ("call", "failed", {"wasxfail": ""}, "failed"),
        ("call", "rerun", {}, "failed"),
        ("setup", "rerun", {}, "error"),
        ("???", "failed", {}, "failed"),
    ],
)
def test_each_report_has_the_outcome_that_pytest_counts(when, outcome, more, found):
    assert outcome_of(report(when, outcome, **more)) == found


def test_a_test_has_the_outcome_of_its_phases(items):
    steps = [report("setup", "passed"), report("call", "passed"), report("teardown", "passed")]
    one = take(items, *steps)
    assert (one.outcome, one.reason, one.line) == ("passed", "", 7)
    assert one.seconds == {"setup": 0.5, "call": 0.5, "teardown": 0.5}
    assert one.attempts == []


@pytest.mark.parametrize(
    ("call", "outcome", "reason"),
    [("passed", "error", "late"), ("skipped", "error", "late"), ("failed", "failed", "early")],
)
def test_a_teardown_that_fails_makes_an_error_of_what_did_not_fail(items, call, outcome, reason):
    one = take(
        items,
        report("setup", "passed"),
        report("call", call, about={"reason": "early"}),
        report("teardown", "failed", about={"reason": "late"}),
    )
    assert (one.outcome, one.reason) == (outcome, reason)


def test_a_failed_subtest_fails_its_test(items):
    about = {"failed_subtests": ["P99 misses"]}
    one = take(items, report("setup", "passed"), report("call", "passed", about=about))
    assert (one.outcome, one.reason, one.failed_subtests) == (
        "failed",
        "P99 misses",
        ["P99 misses"],
    )


def test_a_set_up_begins_another_attempt(items):
    first = [report("setup", "passed"), report("call", "rerun", about={"reason": "slow"})]
    one = take(items, *first, report("setup", "passed"), report("call", "passed"))
    assert one.outcome == "passed"
    assert [(tried.outcome, tried.reason) for tried in one.attempts] == [
        ("failed", "slow"),
        ("passed", ""),
    ]


def test_a_crash_is_that_of_a_test_that_was_collected(items):
    crash = report("???", "failed", longrepr="worker 'gw0' crashed\nmore")
    del crash.trtperf_item
    assert take(items, crash).reason == "worker 'gw0' crashed"
    other = report("???", "failed")
    del other.trtperf_item
    other.nodeid = "test_x.py::test_b"
    assert not items.take(other)


def test_properties_of_the_test_are_labels_and_long_ones_are_cut(items):
    given = [("owner", "vision"), ("ticket", 12), ("log", "x" * 9999), ("trtperf.verdict", "pass")]
    one = take(items, report("call", "passed", user_properties=given))
    assert (one.owner, one.labels["ticket"]) == ("vision", "12")
    assert set(one.labels) == {"ticket", "log"}
    assert len(one.labels["log"]) <= LONGEST_TEXT


def test_what_failed_has_swallowed_nothing(items):
    assert take(items, report("call", "passed")).swallowed == []
    assert items.record(TEST, ["P99 misses"]).swallowed == ["P99 misses"]
    take(items, report("teardown", "failed"))
    assert items.record(TEST, ["P99 misses"]).swallowed == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PerfAssertionError("t: P99 misses\nmore"), "t: P99 misses"),
        (AssertionError("assert 1 == 2"), "assert 1 == 2"),
        (RuntimeError("no such server"), "RuntimeError: no such server"),
        (ZeroDivisionError(), "ZeroDivisionError"),
        (pytest.fail.Exception("too slow"), "too slow"),
        (pytest.skip.Exception("no data"), "no data"),
    ],
)
def test_reasons_are_one_line(error, reason):
    assert reason_of(error) == reason


PRINTED = [("Captured stdout call", "\x1b[31mbuilding\x1b[0m the engine\x07\n")]


def test_what_a_failed_test_printed_is_kept(items):
    call = report("call", "failed", longrepr="E   no such layer", sections=PRINTED)
    late = report("teardown", "failed", longrepr="E   late")
    lines = take(items, report("setup", "passed"), call, late).output.splitlines()
    assert lines[0] == "E   no such layer"
    assert lines[1].strip("-") == " Captured stdout call "
    assert lines[2:] == [r"building the engine\x07"]


def test_a_passed_test_keeps_no_output(items):
    assert take(items, report("call", "passed", sections=PRINTED)).output == ""


def test_an_endless_output_loses_its_middle(items):
    text = f"begins\n{'x' * 10**6}\nends"
    output = take(items, report("call", "failed", longrepr=text)).output
    assert len(output) == LONGEST_OUTPUT
    assert (output[:6], output[-4:]) == ("begins", "ends")
