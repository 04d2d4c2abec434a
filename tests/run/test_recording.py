"""Which entries a run writes, and which are stale."""

from __future__ import annotations

import json

import pytest

from pytest_trtperf.run.recording import record_baselines


@pytest.fixture
def record(begin, measured):
    """Records tests of `test_x.py` with a run of its own; returns that."""

    def record(
        *names,
        passed=True,
        complete=True,
        collected=None,
        prepare=None,
        baseline="missing",
        **options,
    ):
        run = begin(**options)
        run.note_collected(f"test_x.py::{name}" for name in (collected or names))
        for name in names:
            one = measured(f"test_x.py::{name}", module="test_x.py", baseline=baseline)
            run.add([one], passed=passed)
        if prepare:
            prepare(run)
        record_baselines(run, complete=complete)
        return run

    return record


@pytest.fixture
def entries(tmp_path):
    def read():
        path = tmp_path / "perf-baselines" / "nvidia-h200" / "tensorrt" / "test_x.json"
        return {
            key.partition("::")[2]: len(entry["runs"])
            for key, entry in json.loads(path.read_text())["entries"].items()
        }

    return read


def test_nothing_is_written_unless_asked_for(record, tmp_path):
    assert record("test_a").recorded.written == []
    assert not list((tmp_path / "perf-baselines").iterdir())


def test_update_records_all_and_update_new_the_others(record, entries):
    (written,) = record("test_a", update=True).recorded.written
    assert written.name == "test_x.json"
    record("test_a", "test_b", update_new=True)
    assert entries() == {"test_a": 1, "test_b": 1}
    record("test_a", "test_b", update=True)
    assert entries() == {"test_a": 2, "test_b": 2}


def test_a_failed_test_records_nothing_and_its_entry_stays(record, entries):
    record("test_a", update=True)
    run = record("test_a", passed=False, update=True)
    assert (run.recorded.written, run.recorded.stale) == ([], [])
    assert entries() == {"test_a": 1}


@pytest.mark.parametrize("option", ["update", "update_new"])
def test_what_has_no_baseline_records_nothing(record, tmp_path, option):
    run = record("test_a", baseline="off", **{option: True})
    assert (run.recorded.written, run.recorded.stale) == ([], [])
    assert not list((tmp_path / "perf-baselines").iterdir())


def test_an_entry_of_what_has_no_baseline_any_more_stays(record, entries):
    record("test_a", update=True)
    record("test_a", baseline="off", update=True)
    assert entries() == {"test_a": 1}


def test_an_entry_that_its_test_does_not_measure_is_stale_and_update_removes_it(record, entries):
    record("test_a", "test_a#wide", update=True)
    gone = ["test_x.py::test_a#wide"]
    assert record("test_a").recorded.stale == gone
    assert set(entries()) == {"test_a", "test_a#wide"}
    assert record("test_a", update=True).recorded.stale == gone
    assert entries() == {"test_a": 2}


def test_an_entry_of_a_test_that_was_not_collected_is_listed_and_stays(record, entries):
    record("test_a", "test_b", "test_b#wide", update=True)
    for update in (False, True):
        recorded = record("test_a", update=update).recorded
        assert recorded.uncollected == ["test_x.py::test_b", "test_x.py::test_b#wide"]
        assert recorded.stale == []
    assert entries() == {"test_a": 2, "test_b": 1, "test_b#wide": 1}


@pytest.mark.parametrize(
    "how",
    [
        {"complete": False},
        {"collected": ["test_a", "test_b"]},
        {"prepare": lambda run: setattr(run, "selective", True)},
        {"prepare": lambda run: run.deselected.update(run.collected)},
    ],
    ids=["interrupted", "not measured", "selective", "deselected"],
)
def test_an_entry_that_a_test_may_still_measure_is_not_stale(record, entries, how):
    record("test_a", "test_b", update=True)
    recorded = record("test_a", update=True, **how).recorded
    assert (recorded.stale, recorded.uncollected) == ([], [])
    assert set(entries()) == {"test_a", "test_b"}


def test_a_broken_file_is_an_error_named_once_and_stays(record, tmp_path):
    (written,) = record("test_a", update=True).recorded.written
    written.write_text("<<<<<<< HEAD")
    run = record("test_a", update=True)
    (error,) = run.errors
    assert "test_x.json" in error
    assert run.recorded.written == []
    assert written.read_text() == "<<<<<<< HEAD"
