"""Which outputs a run has, in which order, and what they note when they cannot write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_trtperf.backend.trace import Trace
from pytest_trtperf.record.json_file import read_runs
from pytest_trtperf.record.traces import pack
from pytest_trtperf.run.json_lines import JsonLines
from pytest_trtperf.run.sinks import JsonFile, JUnitProperties, Traces, sinks_of
from tests.run.fakes import fake

ACTIONS = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "summary.md"}


def names(sinks: list[object]) -> list[str]:
    return [type(sink).__name__ for sink in sinks]


def json_file(run: Any, path: Path) -> JsonFile:
    return JsonFile(run, path, JsonLines(run, path))


def packed() -> bytes:
    times = np.arange(1, 4)
    return pack([Trace(span_ms=3e-6, issued=times, done=times + 1, enqueue=times)])


def report_with_traces() -> Any:
    return fake(trtperf=[{"key": "k"}], trtperf_traces={"k": packed()}, passed=True)


def test_outputs_are_those_that_were_asked_for(begin: Callable[..., Any]) -> None:
    files = {name: Path(name) for name in ("json", "html", "traces")}
    assert names(sinks_of(begin(**files), ACTIONS)) == [
        *("TerminalTable", "Traces", "GitHubStepSummary", "GitHubAnnotations"),
        *("JsonLines", "JsonFile", "HtmlPage"),
    ]
    assert names(sinks_of(begin(), {})) == ["TerminalTable"]
    assert names(sinks_of(begin(github=False), ACTIONS)) == ["TerminalTable"]
    assert names(sinks_of(begin(), {"GITHUB_ACTIONS": "false"})) == ["TerminalTable"]


def test_properties_join_those_of_the_test(make_measurement: Callable[..., Any]) -> None:
    item = fake(user_properties=[("own", 1)])
    JUnitProperties().pytest_trtperf_measured(item, make_measurement())
    assert item.user_properties[:2] == [("own", 1), ("trtperf.device", "NVIDIA H200")]


def test_the_record_has_the_exit_status_after_other_outputs(
    begin: Callable[..., Any], tmp_path: Path
) -> None:
    run = begin()
    record = run.record(0)
    run.note_error("GITHUB_STEP_SUMMARY: no space")
    json_file(run, tmp_path / "run.json").pytest_trtperf_run_finished(record)
    (read,) = read_runs(tmp_path / "run.json")
    assert read.exit_status == 1


def test_a_file_that_cannot_be_written_is_an_error_of_the_run(
    begin: Callable[..., Any], tmp_path: Path
) -> None:
    run = begin()
    (tmp_path / "taken").touch()
    json_file(run, tmp_path / "taken" / "run.json").pytest_trtperf_run_finished(run.record(0))
    (error,) = run.errors
    assert error.startswith("--trtperf-json: ")
    assert "taken" in error


def test_raw_times_leave_the_report_and_their_place_joins_the_record(
    begin: Callable[..., Any], tmp_path: Path
) -> None:
    sink = Traces(begin(), tmp_path / "traces.npz")
    sink.pytest_sessionstart()
    reports = [report_with_traces(), report_with_traces()]
    for report in reports:
        sink.pytest_runtest_logreport(report)
        assert not hasattr(report, "trtperf_traces")
    assert [report.trtperf[0]["traces"] for report in reports] == ["0", "1"]
    assert not (tmp_path / "traces.npz").exists()
    sink.pytest_trtperf_run_finished()
    with np.load(tmp_path / "traces.npz") as file:
        assert len(file["1/0/issued_ns"]) == 3


def test_no_raw_times_after_an_error(begin: Callable[..., Any], tmp_path: Path) -> None:
    run = begin()
    sink = Traces(run, tmp_path / "out" / "traces.npz")
    sink.pytest_sessionstart()
    assert sink._file is not None

    def fail(packed: bytes) -> str:
        raise OSError(28, "No space left on device", "traces.npz")

    sink._file.add = fail  # type: ignore[method-assign]
    for _ in range(2):
        report = report_with_traces()
        sink.pytest_runtest_logreport(report)
        assert report.trtperf == [{"key": "k"}]
    sink.pytest_trtperf_run_finished()
    assert run.errors == ["--trtperf-traces: traces.npz: No space left on device"]
    assert list((tmp_path / "out").iterdir()) == []


def test_raw_times_without_a_place_are_refused_at_once(
    begin: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(pytest.UsageError, match=r"--trtperf-traces: .*taken"):
        Traces(begin(), tmp_path / "taken" / "traces.npz").pytest_sessionstart()
