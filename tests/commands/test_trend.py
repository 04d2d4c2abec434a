"""`trtperf trend`: alarms and dates over a directory of records."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import msgspec
import numpy as np
import pytest

from pytest_trtperf.record.json_file import write_json

KEY = "tests/test_x.py::test_a"
NIGHTS = 60
STEP = 45


@pytest.fixture
def nights(tmp_path, make_run, make_measurement):
    """Writes nights of tests whose level changes by a factor from some night on."""
    template = make_measurement()

    def measurement(key, level, **changes):
        figures = {**template.summary["latency"], "median": level, "p99": level}
        changes = {"summary": dict.fromkeys(template.summary, figures), **changes}
        return msgspec.structs.replace(template, key=key, throughput=1e3 / level, **changes)

    def write(factor=1.0, step=STEP, first=0, count=NIGHTS, keys=(KEY,), **changes):
        random = np.random.default_rng(3)
        for night in range(first, first + count):
            level = float(np.exp(0.01 * random.normal())) * (factor if night >= step else 1.0)
            created = datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(days=night)
            run = make_run(
                *(measurement(key, level, **changes) for key in keys),
                created=created.strftime("%Y-%m-%dT%H:%M:%SZ"), commit=f"{night:07x}",
            )  # fmt: skip
            # names in another order than time
            write_json(tmp_path / "nightly" / f"{(7 * night) % 61:02}-{night}.json", run)
        return tmp_path / "nightly"

    return write


def test_step_alarms_and_is_dated(trtperf, nights):
    result = trtperf("trend", nights(1.05), "--fail", "--json")
    assert result.status == 1
    trends = {one["metric"]: one for one in result.json["trends"]}
    assert set(trends) == {"gpu_compute median", "latency P99", "throughput"}
    median = trends["gpu_compute median"]
    assert median["state"] == "alarm"
    since = int(median["since"]["commit"], 16)
    assert abs(since - STEP) <= 2
    assert median["since"]["record"].endswith(f"-{since}.json")
    assert median["lower"] < 0.05 < median["upper"]
    (change,) = median["changes"]
    assert abs(int(change["night"]["commit"], 16) - STEP) <= 2
    assert change["after"] / change["before"] - 1 == pytest.approx(change["change"])


def test_throughput_is_reported_as_itself(trtperf, nights):
    (throughput,) = (
        one
        for one in trtperf("trend", nights(1.05), "--json").json["trends"]
        if one["metric"] == "throughput"
    )
    assert throughput["state"] == "alarm"
    assert throughput["lower"] < throughput["change"] < throughput["upper"] < 0
    assert throughput["level"] == pytest.approx(1000, rel=0.01)
    assert throughput["changes"][0]["after"] < throughput["changes"][0]["before"]


def test_table(trtperf, nights):
    result = trtperf("trend", nights(1.05))
    assert result.status == 0
    assert "ALARM" in result.out
    assert KEY in result.out
    assert "2026-02-1" in result.out
    assert "3 series: 3 in alarm, 0 improved, 0 quiet, 0 too short, 0 ended" in result.out


def test_quiet_series_are_counted_and_shown_on_demand(trtperf, nights):
    directory = nights()
    result = trtperf("trend", directory, "--fail")
    assert (result.status, result.out) == (
        0, "3 series: 0 in alarm, 0 improved, 3 quiet, 0 too short, 0 ended\n"
    )  # fmt: skip
    assert KEY in trtperf("trend", directory, "--all").out


def test_improvement_is_no_failure(trtperf, nights):
    result = trtperf("trend", nights(0.95), "--fail")
    assert result.status == 0
    assert "3 improved" in result.out


def test_few_nights_say_nothing(trtperf, nights):
    assert "3 too short" in trtperf("trend", nights(count=20)).out


def test_least_change_of_interest(trtperf, nights):
    assert trtperf("trend", nights(1.05), "--fail", "--least", "0.3").status == 0


def test_other_mode_is_another_series(trtperf, nights):
    nights(count=50)
    directory = nights(1.5, first=50, count=5, mode={"load": "closed", "cuda_graph": True})
    result = trtperf("trend", directory, "--json")
    assert {one["state"] for one in result.json["trends"]} == {"quiet", "too_short"}


def test_series_of_a_test_that_is_gone_does_not_alarm_for_ever(trtperf, nights):
    directory = nights(1.05, keys=(KEY, "tests/test_x.py::test_gone"), count=52)
    assert "6 in alarm" in trtperf("trend", directory).out
    nights(1.05, first=52, count=8)
    states = {
        one["key"]: one["state"] for one in trtperf("trend", directory, "--json").json["trends"]
    }
    assert states == {KEY: "alarm", "tests/test_x.py::test_gone": "ended"}
    counts = "6 series: 3 in alarm, 0 improved, 0 quiet, 0 too short, 3 ended\n"
    assert trtperf("trend", directory).out.endswith(counts)


def test_files_that_are_no_records_are_left_out_and_named(trtperf, nights):
    directory = nights()
    (directory / "cut.json").write_bytes((directory / "00-0.json").read_bytes()[:999])
    (directory / "old.json").write_text('{"schema": "trtperf-run/1", "measurements": []}')
    (directory / "baseline.json").write_text('{"schema": "trtperf-baseline/1", "entries": {}}')
    result = trtperf("trend", directory, "--json")
    assert result.status == 0
    assert (result.json["records"], len(result.json["left_out"])) == (NIGHTS, 3)
    for name in ("cut", "old", "baseline"):
        assert f"left out {directory / name}.json: " in result.err


def test_run_that_is_there_twice_counts_once(trtperf, nights):
    directory = nights()
    path = next(directory.iterdir())
    assert trtperf("merge", path, "-o", directory / "merged.json").status == 0
    result = trtperf("trend", directory, "--json")
    assert {one["measured"] for one in result.json["trends"]} == {NIGHTS}


def test_directory_without_records_is_trouble(trtperf, tmp_path):
    (tmp_path / "package.json").write_text("{}")
    result = trtperf("trend", tmp_path)
    assert result.status == 2
    assert "has no record" in result.err
    assert "package.json" in result.err
