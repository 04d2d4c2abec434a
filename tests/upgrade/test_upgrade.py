"""A repository as the first version left it, under this one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pytest_trtperf.baseline.schema import decode
from pytest_trtperf.record.history import read_history
from pytest_trtperf.record.json_file import read_runs

LEFT = Path(__file__).with_name("first_version")
BASELINE = Path("perf-baselines", "fake-gpu", "fake", "test_models.json")
REMARK = "8 baselines of the older form, without sessions: record anew with --trtperf-update"


@pytest.fixture
def repository(pytester: pytest.Pytester) -> pytest.Pytester:
    shutil.copytree(LEFT, pytester.path, dirs_exist_ok=True)
    # Models are not kept in this repository; these are the bytes that the baselines are of.
    for name in ("small", "large"):
        (pytester.path / f"{name}.onnx").write_text(name)
    return pytester


@pytest.mark.parametrize("options", [(), ("--trtperf-require-baseline",), ("-n1",)])
def test_it_stays_green_with_one_line_that_says_what_to_do(repository, options):
    result = repository.runpytest_subprocess("--trtperf", "--trtperf-json=new.json", *options)
    result.assert_outcomes(passed=6)
    assert result.stdout.str().count("older form") == 1
    result.stdout.fnmatch_lines([f"*{REMARK}*"])
    (run,) = read_runs(repository.path / "new.json")
    compared = [one for one in run.measurements if one.baseline == "compared"]
    assert len(compared) == 8
    assert not any(verdict.status == "fail" for one in compared for verdict in one.verdicts)


def test_a_slower_engine_is_found_as_before(repository):
    conftest = repository.path / "conftest.py"
    conftest.write_text(conftest.read_text().replace('"large": 4.0', '"large": 4.6'))
    # The model is the same, so that a run which may race would call it the machine.
    result = repository.runpytest_subprocess("--trtperf", "--trtperf-race=never")
    result.assert_outcomes(passed=4, failed=2)
    result.stdout.fnmatch_lines(["*gpu_compute median regressed*"])


def test_recording_anew_ends_the_remark_and_keeps_the_runs(repository):
    stored = decode((LEFT / BASELINE).read_bytes(), BASELINE)
    result = repository.runpytest_subprocess("--trtperf", "--trtperf-update")
    result.assert_outcomes(passed=6)
    written = decode((repository.path / BASELINE).read_bytes(), BASELINE)
    for key, entry in written.entries.items():
        runs = stored.entries[key].runs
        assert [run.rounds for run in entry.runs[:-1]] == [run.rounds for run in runs]
        assert [len(run.sessions) for run in entry.runs] == [1] * len(runs) + [3]
    again = repository.runpytest_subprocess("--trtperf")
    again.assert_outcomes(passed=6)
    again.stdout.no_fnmatch_line("*older form*")


def test_an_entry_that_is_left_alone_keeps_its_kernels_unknown(repository):
    repository.runpytest_subprocess("--trtperf", "--trtperf-update", "-k", "layers")
    written = json.loads((repository.path / BASELINE).read_text())
    assert written["schema"] == "trtperf-baseline/2"
    kernels = {
        key: [session.get("kernels") for run in entry["runs"] for session in run["sessions"]]
        for key, entry in written["entries"].items()
    }
    layers = kernels.pop("test_models.py::test_layers")
    assert layers == ["unknown", "unknown", None, None, None]
    assert set(map(tuple, kernels.values())) == {("unknown", "unknown")}


def test_its_record_is_read():
    (run,) = read_runs(LEFT / "record.json")
    content = json.loads((LEFT / "record.json").read_text())
    assert len(run.measurements) == len(content["measurements"]) == 8
    for one, was in zip(run.measurements, content["measurements"], strict=True):
        (session,) = one.sessions
        throughputs = [round["throughput"] for round in was["rounds"]]
        assert [round.throughput for round in one.rounds] == throughputs
        assert (session.cold_start_ms, session.warm_up) == (was["cold_start_ms"], was["warm_up"])
        assert session.kernels == "unknown"


def test_its_record_can_be_compared_with(repository):
    result = repository.runpytest_subprocess("--trtperf", "--trtperf-against=record.json")
    result.assert_outcomes(passed=6)
    result.stdout.no_fnmatch_line("*older form*")


def test_its_record_is_a_night_of_the_trend(tmp_path):
    # Reading leaves a summary beside the records.
    shutil.copy(LEFT / "record.json", tmp_path)
    history = read_history(tmp_path)
    assert history.records == 1
    assert {series.key for series in history.series} == {
        one.key for one in read_runs(LEFT / "record.json")[0].measurements
    }
