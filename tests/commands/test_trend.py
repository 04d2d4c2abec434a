"""`trtperf trend`: alarms and dates over a directory of records."""

from __future__ import annotations

import pytest

from tests.commands.nightly import KEY, STEP


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
    assert throughput["level"] == pytest.approx(1000 / 1.05, rel=0.01)
    assert throughput["changes"][0]["after"] < throughput["changes"][0]["before"]


def test_table(trtperf, nights):
    result = trtperf("trend", nights(1.05))
    assert result.status == 0
    assert "ALARM" in result.out
    assert KEY in result.out
    assert "2026-02-1" in result.out
    assert "1 alarm, 0 missing, 0 acknowledged; 3 series: 3 alarm, 0 missing" in result.out


def test_quiet_series_are_counted_and_shown_on_demand(trtperf, nights):
    directory = nights()
    result = trtperf("trend", directory, "--fail")
    assert result.status == 0
    assert result.out.startswith("0 alarms, 0 missing, 0 acknowledged; 3 series:")
    assert "3 quiet" in result.out
    assert KEY in trtperf("trend", directory, "--all").out


def test_improvement_is_no_failure(trtperf, nights):
    result = trtperf("trend", nights(0.95), "--fail")
    assert result.status == 0
    assert "3 improved" in result.out


def test_few_nights_say_nothing(trtperf, nights):
    assert "3 new" in trtperf("trend", nights(count=8)).out


def test_least_change_of_interest(trtperf, nights):
    assert trtperf("trend", nights(1.05), "--fail", "--least", "0.3").status == 0


def test_other_mode_is_another_series(trtperf, nights):
    nights(count=50)
    directory = nights(1.5, first=50, count=5, mode={"load": "closed", "cuda_graph": True})
    result = trtperf("trend", directory, "--json")
    assert {one["state"] for one in result.json["trends"]} == {"quiet", "new"}


GONE = "tests/test_x.py::test_gone"


def test_test_that_is_gone_is_missing_and_its_alarm_stands(trtperf, nights):
    directory = nights(1.05, keys=(KEY, GONE), count=52)
    nights(1.05, first=52, count=2)
    result = trtperf("trend", directory, "--json")
    assert {one["state"] for one in result.json["alarms"]} == {"alarm"}
    nights(1.05, first=54, count=6)
    alarms = trtperf("trend", directory, "--json").json["alarms"]
    assert sorted((one["key"], one["state"]) for one in alarms) == [
        (KEY, "alarm"), (GONE, "alarm"), (GONE, "missing"),
    ]  # fmt: skip
    (lost,) = (one for one in alarms if one["state"] == "missing")
    assert lost["since"]["date"] == "2026-02-21"
    assert "last measured on 2026-02-20" in lost["message"]


@pytest.mark.parametrize(("count", "status"), [(2, 0), (3, 1)])
def test_missing_test_is_red_after_three_nights(trtperf, nights, count, status):
    directory = nights(keys=(KEY, GONE), count=20)
    nights(first=20, count=count)
    assert trtperf("trend", directory, "--fail").status == status


def test_missing_says_what_pytest_said(trtperf, nights, make_run):
    from pytest_trtperf.record.item import ItemRecord

    directory = nights(keys=(KEY, GONE), count=20)
    broken = ItemRecord(test=GONE, key=GONE, outcome="error", reason="no model")
    template = trtperf("trend", directory, "--json").json
    assert template["alarms"] == []
    nights(first=20, count=3, tests=[broken])
    result = trtperf("trend", directory)
    assert "MISSING" in result.out
    assert "then error: no model" in result.out


@pytest.mark.parametrize(
    ("outcome", "status"), [("passed", 0), ("skipped", 0), ("failed", 1), ("error", 1)]
)
def test_a_test_that_never_had_a_number_is_missing_only_if_it_fails(
    trtperf, nights, outcome, status
):
    from pytest_trtperf.record.item import ItemRecord

    other = ItemRecord(test=GONE, key=GONE, outcome=outcome, reason="as it is")
    directory = nights(count=20, tests=[other])
    assert trtperf("trend", directory, "--fail").status == status


def test_acknowledged_missing_test_is_green(trtperf, nights, tmp_path):
    directory = nights(keys=(KEY, GONE), count=20)
    nights(first=20, count=5)
    file = tmp_path / "acknowledged.toml"
    words = "trend", directory, "--fail", "--acknowledged", file
    assert trtperf(*words).status == 1
    asked = "--file", file, "--by", "Ada", "--reason", "deleted"
    assert trtperf("trend", "acknowledge", f"{GONE}@2026-01-20", *asked).status == 0
    result = trtperf(*words)
    assert result.status == 0
    assert "acknowledged by Ada: deleted" in result.out


def test_creep_is_red(trtperf, nights, make_run, make_measurement, tmp_path):
    directory = tmp_path / "nightly"
    for night in range(150):
        nights(1 + 0.001 * night, step=0, first=night, count=1)
    result = trtperf("trend", directory, "--fail")
    assert result.status == 1
    assert "ALARM" in result.out
