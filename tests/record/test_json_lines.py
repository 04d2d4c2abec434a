"""The lines of a run: what they are as one record, and what cut and foreign lines do."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_trtperf.errors import BaselineError
from pytest_trtperf.record.item import ItemRecord
from pytest_trtperf.record.json_file import read_runs, write_json
from pytest_trtperf.record.json_lines import CollectedLine, TestLine, append, begin, lines_path
from pytest_trtperf.record.model import RunRecord
from pytest_trtperf.record.observed_files import observe

Make = Callable[..., Any]


def item(name: str, outcome: Any = "unfinished") -> ItemRecord:
    test = f"tests/test_x.py::{name}"
    return ItemRecord(test=test, key=test, outcome=outcome)


def ended(name: str, outcome: Any = "passed", at: str = "2026-01-02T03:05:00Z") -> TestLine:
    return TestLine(item=item(name, outcome), ended=at)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out" / "run.json"


@pytest.fixture
def begun(make_run: Make, path: Path) -> Path:
    """Lines of a run of two tests, of which none has ended."""
    record = msgspec.structs.replace(make_run(), measurements=[], complete=False, exit_status=2)
    begin(path, record)
    append(lines_path(path), [CollectedLine(items=[item("test_a"), item("test_b")])])
    return lines_path(path)


def read(path: Path) -> RunRecord:
    (run,) = read_runs(path)
    return run


def test_lines_lie_beside_the_file(tmp_path: Path) -> None:
    assert lines_path(tmp_path / "run.json") == tmp_path / "run.jsonl"
    assert lines_path(tmp_path / "run.txt") == tmp_path / "run.txt.jsonl"
    assert lines_path(tmp_path / "run") == tmp_path / "run.jsonl"


def test_lines_are_no_program(begun: Path) -> None:
    assert not begun.stat().st_mode & 0o111


def test_a_run_that_has_just_begun_has_its_tests(begun: Path) -> None:
    run = read(begun)
    assert (run.complete, run.exit_status, run.measured) == (False, 2, [])
    assert [one.outcome for one in run.tests] == ["unfinished", "unfinished"]
    assert run.created == "2026-01-02T03:04:05Z"


def test_what_has_ended_is_there(begun: Path, make_measurement: Make) -> None:
    measured = make_measurement("tests/test_x.py::test_a#b", outcome="passed")
    append(begun, [measured, ended("test_a")])
    run = read(begun)
    assert run.measurements == [measured]
    assert [one.outcome for one in run.tests] == ["passed", "unfinished"]
    assert run.created == "2026-01-02T03:05:00Z"


def test_of_what_comes_twice_the_last_counts(begun: Path, make_measurement: Make) -> None:
    first, second = (make_measurement(level=level, outcome="passed") for level in (1.0, 2.0))
    append(begun, [first, ended("test_a", "failed"), second, ended("test_a")])
    append(begun, [CollectedLine(items=[item("test_a")])])
    run = read(begun)
    assert [one.throughput for one in run.measurements] == [second.throughput]
    assert [one.outcome for one in run.tests] == ["passed", "unfinished"]


def test_a_teardown_that_failed_changes_the_outcome(begun: Path, make_measurement: Make) -> None:
    measured = make_measurement(outcome="passed", baseline="recorded")
    append(begun, [measured, ended("test_a", "error")])
    (one,) = read(begun).measurements
    assert (one.outcome, one.baseline, one.baseline_why) == ("error", "not recorded", "test error")


def test_all_kinds_are_read(begun: Path, make_measurement: Make) -> None:
    engine = make_measurement().engine.to_builtins()
    common: dict[str, Any] = {"test": "t", "device": "d", "verdicts": [],
                              "findings": [], "message": ""}  # fmt: skip
    pair = {"type": "pair", "key": "p", "engines": {"new": engine}, "modes": {}, "blocks": 2}
    search = {"type": "max_qps", "key": "q", "engine": engine, "shapes": {}, "mode": {}}
    rates = dict.fromkeys(("limit_ms", "rate", "lower", "upper", "closed_qps"), 1.0)
    append(begun, [{**common, **pair, "ratios": {}}, {**common, **search, **rates, "trials": []}])
    run = read(begun)
    assert (len(run.pairs), len(run.max_qps), len(run.measurements)) == (1, 1, 0)


@pytest.mark.parametrize("cut", [1, 20, 500])
def test_a_line_that_was_cut_is_left_out_alone(
    begun: Path, make_measurement: Make, cut: int
) -> None:
    append(begun, [make_measurement(outcome="passed")])
    with begun.open("rb+") as file:
        file.truncate(begun.stat().st_size - 1 - cut)
    assert read(begun).measurements == []
    append(begun, [make_measurement("tests/test_x.py::test_b", outcome="passed"), ended("test_b")])
    assert [one.key for one in read(begun).measurements] == ["tests/test_x.py::test_b"]


def test_a_line_of_a_later_version_is_skipped(begun: Path, make_measurement: Make) -> None:
    append(begun, [{"type": "heartbeat", "at": 1}, make_measurement(outcome="passed"), [], "x"])
    assert len(read(begun).measurements) == 1


@pytest.mark.parametrize("content", [b"", b"\n", b"{", b"[]", b'{"type":"test"}', b"\xff\xfe"])
def test_what_does_not_begin_as_a_record_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(content)
    with pytest.raises(BaselineError, match=r"run\.jsonl: not a (whole )?record"):
        read_runs(path)


def test_without_the_file_its_lines_are_read(begun: Path, path: Path, make_run: Make) -> None:
    assert read(path).complete is False
    write_json(path, make_run())
    assert read(path).complete is True


def test_a_directory_of_records_has_lines_too(begun: Path, make_measurement: Make) -> None:
    measured = make_measurement("tests/test_x.py::test_a", outcome="passed")
    append(begun, [measured, ended("test_a")])
    (begun.parent / "packed.jsonl.gz").write_bytes(gzip.compress(begun.read_bytes()))
    found = observe(begun.parent)
    assert found.left_out == []
    assert [name for name, _ in found.runs] == ["packed.jsonl.gz", "run.jsonl"]
    for _, run in found.runs:
        assert {found.names[place].test for place in run.names} == {measured.test}
        assert [one.outcome for one in run.unmeasured] == ["unfinished"]
    assert read(begun.parent / "packed.jsonl.gz") == read(begun)


def test_the_next_run_removes_what_a_killed_one_left(
    begun: Path, path: Path, make_run: Make, make_measurement: Make
) -> None:
    append(begun, [make_measurement(outcome="passed")])
    temporary = path.parent / ".run.json.0123abcd.tmp"
    temporary.touch()
    begin(path, msgspec.structs.replace(make_run(), measurements=[]))
    assert read(begun).measurements == []
    assert [one.name for one in path.parent.iterdir()] == ["run.jsonl"]


def test_the_record_of_an_earlier_run_is_not_read_after_a_kill(
    path: Path, make_run: Make, make_measurement: Make
) -> None:
    write_json(path, make_run())
    begin(path, msgspec.structs.replace(make_run(), measurements=[], complete=False))
    append(lines_path(path), [make_measurement("tests/test_x.py::test_b", outcome="passed")])
    run = read(path)
    assert [one.key for one in run.measurements] == ["tests/test_x.py::test_b"]
    assert not run.complete


def test_what_is_no_file_does_not_keep_lines_from_beginning(path: Path, make_run: Make) -> None:
    path.mkdir(parents=True)
    begin(path, make_run())
    assert read(lines_path(path)).complete


def test_nothing_is_begun_by_appending(path: Path, make_measurement: Make) -> None:
    path.parent.mkdir()
    with pytest.raises(FileNotFoundError):
        append(lines_path(path), [make_measurement()])
    assert list(path.parent.iterdir()) == []


def test_the_disk_is_waited_for_where_asked(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    append(begun, [ended("test_a")])
    assert synced == []
    append(begun, [ended("test_a")], sync=True)
    assert len(synced) == 1
