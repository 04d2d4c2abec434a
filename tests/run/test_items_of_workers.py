"""Outcomes of tests whose reports come early or late, or say more than those of pytest."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_trtperf.record.item import ItemRecord
from pytest_trtperf.run.items import ReportedItems
from pytest_trtperf.run.workers import COLLECTED, WorkerAssignment
from tests.run.fakes import fake

TEST = "test_x.py::test_a"
ITEM = ItemRecord(test=TEST, key=TEST, outcome="unfinished", measures=False)


def report(when: Any, outcome: Any = "passed", text: str = "", **more: Any) -> pytest.TestReport:
    return pytest.TestReport(
        TEST, ("test_x.py", 1, "test_a"), {}, outcome, text or None, when, **more
    )


@pytest.fixture
def crash() -> pytest.TestReport:
    """As pytest-xdist makes it, for the test that a worker ran when it died."""
    return report("???", "failed", "worker 'gw0' crashed while running 'test_x.py::test_a'")


def test_a_crash_before_the_first_report_is_a_failure_with_its_reason(crash):
    items = ReportedItems()
    assert not items.take(crash)
    assert items.records({}) == []
    items.note_collected([ITEM])
    (record,) = items.records({})
    assert record.outcome == "failed"
    assert "crashed while running" in record.reason


def test_a_worker_without_reports_names_its_tests_at_its_end(begin, crash):
    run = begin()
    run.items.take(crash)
    node = fake(gateway=fake(id="gw1"), workeroutput={COLLECTED: [ITEM.to_builtins()]})
    WorkerAssignment(run, fake(probe=None)).pytest_testnodedown(node)
    assert [one.outcome for one in run.items.records({})] == ["failed"]


def test_a_test_that_asks_for_its_fixtures_as_it_runs_measures():
    items = ReportedItems()
    items.note_collected([ITEM])
    for when, about in (("setup", {}), ("call", {"measures": True}), ("teardown", {})):
        items.take(report(when, trtperf_item=about))
    assert [one.measures for one in items.records({})] == [True]


@pytest.mark.parametrize("flag", [False, True])
def test_the_text_of_a_skip_makes_no_test_unchanged(flag):
    items = ReportedItems()
    items.note_collected([ITEM])
    about = {"reason": "trtperf: unchanged"}
    items.take(report("setup", "skipped", trtperf_item=about, trtperf_unchanged=flag))
    assert items.outcome(TEST) == ("unchanged" if flag else "skipped")


def test_properties_of_others_are_labels_whatever_their_names_begin_with():
    items = ReportedItems()
    items.note_collected([ITEM])
    own = [("trtperf.device", "H200"), ("trtperf[b].device", "H200")]
    given = [*own, ("trtperfect", "yes"), (1, 2)]
    items.take(report("call", trtperf_item={}, user_properties=given))
    (record,) = items.records({})
    assert record.labels == {"trtperfect": "yes", "1": "2"}
