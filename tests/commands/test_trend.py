"""`trtperf trend`: alarms and dates over a directory of records."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone

import msgspec
import numpy as np
import pytest

from pytest_trtperf.record.json_file import write_json
from pytest_trtperf.record.night_of import tonight

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
        return msgspec.structs.replace(
            template, key=key, test=key, throughput=1e3 / level, **changes
        )

    def write(factor=1.0, step=STEP, first=0, count=NIGHTS, keys=(KEY,), tests=(), **changes):
        random = np.random.default_rng(3)
        for night in range(first, first + count):
            level = float(np.exp(0.01 * random.normal())) * (factor if night >= step else 1.0)
            created = datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(days=night)
            run = make_run(
                *(measurement(key, level, **changes) for key in keys),
                created=created.strftime("%Y-%m-%dT%H:%M:%SZ"), commit=f"{night:07x}",
                tests=list(tests),
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
    assert throughput["level"] == pytest.approx(1000 / 1.05, rel=0.01)
    assert throughput["changes"][0]["after"] < throughput["changes"][0]["before"]


def test_table(trtperf, nights):
    result = trtperf("trend", nights(1.05))
    assert result.status == 0
    assert "ALARM" in result.out
    assert KEY in result.out
    assert "2026-02-1" in result.out
    assert "1 alarms, 0 missing, 0 acknowledged; 3 series: 3 alarm, 0 missing" in result.out


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


@pytest.fixture
def hosts(tmp_path, make_run, make_measurement):
    """Writes nights of several hosts, whose tests have a level of their own each."""
    template = make_measurement()

    def measurement(key, level):
        figures = {**template.summary["latency"], "median": level, "p99": level}
        summary = dict.fromkeys(template.summary, figures)
        return msgspec.structs.replace(
            template, key=key, test=key, throughput=1e3 / level, summary=summary
        )

    def write(levels, first=0, count=NIGHTS, tests=3, branch="main", noise=0.005, **changes):
        random = np.random.default_rng(7)
        for night in range(first, first + count):
            created = datetime(2026, 1, 1, 2, tzinfo=timezone.utc) + timedelta(days=night)
            for host, level in levels.items():
                value = level(night) if callable(level) else level
                ones = [
                    measurement(
                        f"tests/test_x.py::test_{test}",
                        (1 + test) * value * float(np.exp(noise * random.normal())),
                    )
                    for test in range(tests)
                ]
                run = make_run(
                    *ones, created=created.strftime("%Y-%m-%dT%H:%M:%SZ"), host=host,
                    branch=branch, commit=f"{night:07x}", **changes,
                )  # fmt: skip
                name = f"{branch}-{host}-{night}.json".replace("/", "_")
                write_json(tmp_path / "fleet" / name, run)
        return tmp_path / "fleet"

    return write


def test_step_on_one_of_two_hosts_is_found_there(trtperf, hosts):
    directory = hosts({"lab1": 1.0, "lab2": lambda night: 1.04 * (1 + 0.03 * (night >= 50))})
    alarms = trtperf("trend", directory, "--json").json["alarms"]
    assert {tuple(one["hosts"]) for one in alarms} == {("lab2",)}
    assert all(abs(int(one["since"]["commit"], 16) - 50) <= 2 for one in alarms)


def test_slower_host_that_joins_is_no_alarm(trtperf, hosts):
    hosts({"lab1": 1.0})
    directory = hosts({"lab2": 1.04}, first=30, count=30)
    assert trtperf("trend", directory, "--fail").status == 0


def test_hosts_of_a_new_name_each_night_are_taken_together(trtperf, hosts):
    for night in range(NIGHTS):
        level = 1.0 + 0.04 * (night % 5) / 4
        directory = hosts({f"runner-{night}": level}, first=night, count=1, tests=8)
    result = trtperf("trend", directory, "--fail", "--all")
    assert result.status == 0
    assert "(short-lived hosts)" in result.out
    assert "60 hosts were there on fewer than 10 nights" in result.err


def test_slow_branch_does_not_alarm_on_main(trtperf, hosts):
    hosts({"lab1": 1.0})
    directory = hosts({"lab1": 1.3}, first=54, count=6, branch="feature/slow")
    result = trtperf("trend", directory, "--fail")
    assert result.status == 0
    assert "6 runs of other branches than main do not count" in result.err
    unknown = trtperf("trend", directory, "--branch", "no-such")
    assert unknown.status == 2
    assert "there are main, feature/slow" in unknown.err


def test_what_all_tests_of_a_host_do_is_one_alarm_with_its_cause(trtperf, hosts):
    old, new = {"driver": "580"}, {"driver": "590"}
    hosts({"lab1": 1.0, "lab3": 1.0}, count=50, tests=20, software=old)
    directory = hosts({"lab3": 1.02}, first=50, count=10, tests=20, software=new)
    hosts({"lab1": 1.0}, first=50, count=10, tests=20, software=old)
    result = trtperf("trend", directory)
    assert "host:lab3: 20 tests" in result.out
    assert "driver 580 -> 590" in result.out
    assert "1 alarms, 0 missing" in result.out


def test_several_runs_of_a_host_and_night_count_once(trtperf, nights):
    directory = nights()
    path = next(directory.glob("*-5.json"))
    data = path.read_text().replace("T00:00:00Z", "T01:00:00Z")
    for copy in range(6):
        (directory / f"copy{copy}.json").write_text(data.replace("T01:", f"T0{copy + 1}:"))
    trends = trtperf("trend", directory, "--json").json["trends"]
    assert {one["measured"] for one in trends} == {NIGHTS}


def test_night_is_from_noon_to_noon_of_the_time_zone(trtperf, nights):
    directory = nights(count=12)  # at midnight in UTC
    assert {one["changes"] == [] for one in trtperf("trend", directory, "--json").json["trends"]}
    trends = trtperf("trend", directory, "--timezone", "Pacific/Auckland", "--json").json["trends"]
    assert {one["measured"] for one in trends} == {12}
    with pytest.raises(SystemExit):
        trtperf("trend", directory, "--timezone", "Mars/Olympus")


@pytest.mark.parametrize(("year", "why"), [("1970", "was not set"), ("2999", "in the future")])
def test_clock_that_is_wrong_is_named(trtperf, nights, year, why):
    directory = nights(count=12)
    path = next(directory.iterdir())
    path.write_text(path.read_text().replace('"created":"2026', f'"created":"{year}'))
    result = trtperf("trend", directory, "--json")
    assert why in result.err
    assert {one["measured"] for one in result.json["trends"]} == {11}


def test_summary_gives_the_same_answer_and_notices_changes(trtperf, nights):
    directory = nights(1.05)
    first = trtperf("trend", directory, "--json").json
    assert (directory / ".trtperf-trend.msgpack").exists()
    assert trtperf("trend", directory, "--json").json == first
    (directory / ".trtperf-trend.msgpack").write_text("{")
    (memory,) = directory.glob(".trtperf-trend-*.npz")
    memory.write_bytes(memory.read_bytes()[:99])
    assert trtperf("trend", directory, "--json").json == first
    next(directory.glob("*-59.json")).unlink()
    trends = trtperf("trend", directory, "--json").json["trends"]
    assert {one["measured"] for one in trends} == {NIGHTS - 1}


def test_compressed_records_are_read(trtperf, nights):
    import gzip

    directory = nights(count=12)
    for path in list(directory.glob("*.json"))[:6]:
        path.with_suffix(".json.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    (directory / "cut.json.gz").write_bytes(gzip.compress(b"{}" * 999)[:-9])
    result = trtperf("trend", directory, "--json")
    assert result.json["records"] == 12
    assert "cut.json.gz: it is cut short" in result.err


def test_odd_host_names_are_shown_as_text(trtperf, hosts):
    directory = hosts({"lab\x1b[31m::error::": lambda night: 1 + 0.2 * (night >= 50)}, tests=1)
    result = trtperf("trend", directory)
    assert result.status == 0
    assert "\x1b" not in result.out
    assert "ALARM" in result.out


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


@pytest.mark.parametrize("ago", [1, 2, 3, 40])
def test_a_fleet_that_runs_no_more_is_named(trtperf, nights, ago):
    last = tonight(timezone.utc) - timedelta(days=ago)
    count = (last - date(2025, 12, 31)).days + 1
    result = trtperf("trend", nights(first=count - 20, count=20), "--all")
    assert result.status == 0
    assert (f"the last run is of {last}, {ago} nights ago" in result.err) == (ago >= 3)


def test_a_pipe_among_the_records_is_left_out_and_not_waited_for(trtperf, nights):
    directory = nights()
    os.mkfifo(directory / "pipe.json")
    result = trtperf("trend", directory)
    assert result.status == 0
    assert f"left out {directory / 'pipe.json'}: it is no file that can be read twice" in result.err


def test_record_of_a_later_version_is_left_out_and_says_so(trtperf, nights):
    directory = nights()
    (directory / "later.json").write_text('{"schema": "trtperf-run/9", "measurements": 3}')
    result = trtperf("trend", directory)
    assert result.status == 0
    assert f"left out {directory / 'later.json'}: the record has the schema 'trtperf-run/9'" in (
        result.err
    )
    assert "record it with this version" in result.err


def test_directory_that_cannot_be_written_is_read_each_time(trtperf, nights, open_folder):
    source = nights(1.05)
    hidden = shutil.ignore_patterns(".*")
    summarized = trtperf("trend", source, "--json")
    directory = shutil.copytree(source, open_folder / "nightly", ignore=hidden)
    directory.chmod(0o555)
    with no_root():
        first, again = (trtperf("trend", directory, "--json") for _ in range(2))
    directory.chmod(0o755)
    assert first.status == again.status == 0
    assert first.json["trends"] == again.json["trends"] == summarized.json["trends"]
    assert not list(directory.glob(".*"))


@contextmanager
def no_root():
    """An ordinary user for a while: root writes where nobody may."""
    if is_root := os.geteuid() == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


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


def test_acknowledged_alarm_is_green_and_a_second_one_red(trtperf, nights, tmp_path):
    directory = nights(1.05)
    file = tmp_path / "acknowledged.toml"
    words = "trend", directory, "--fail", "--acknowledged", file
    assert trtperf(*words).status == 1
    how = "--file", file, "--by", "Ada", "--reason", "worth it"
    assert trtperf("trend", "acknowledge", "*test_a@2026-02-14", *how, "--json").status == 0
    result = trtperf(*words, "--json")
    assert result.status == 0
    assert {one["state"] for one in result.json["trends"]} == {"acknowledged"}
    (alarm,) = result.json["alarms"]
    assert alarm["acknowledged"]["by"] == "Ada"
    nights(1.05 * 1.06, first=60, count=12)
    assert trtperf(*words).status == 1
    states = sorted(one["state"] for one in trtperf(*words, "--json").json["alarms"])
    assert states == ["acknowledged", "alarm"]


def test_the_name_that_is_shown_acknowledges(trtperf, nights, tmp_path):
    odd = "tests/test_x.py::test_a[" + "-".join(f"p{number}" for number in range(60)) + "\t\x1b]"
    directory = nights(1.05, keys=(odd,))
    file = tmp_path / "acknowledged.toml"
    words = "trend", directory, "--fail", "--acknowledged", file
    (line,) = (one for one in trtperf(*words).out.splitlines() if one.startswith("ALARM"))
    how = "--file", file, "--by", "Ada", "--reason", "worth it"
    assert trtperf("trend", "acknowledge", line.split()[1], *how).status == 0
    assert trtperf(*words).status == 0


def test_acknowledgement_that_has_expired_alarms_again(trtperf, nights, tmp_path):
    directory = nights(1.05)
    file = tmp_path / "acknowledged.toml"
    how = "--file", file, "--by", "Ada", "--reason", "for now", "--until", "2026-02-20"
    trtperf("trend", "acknowledge", f"{KEY}@2026-02-14", *how)
    result = trtperf("trend", directory, "--fail", "--acknowledged", file)
    assert result.status == 1
    assert "has expired on 2026-02-20" in result.err


def test_acknowledgement_of_an_unknown_test_is_named(trtperf, nights, tmp_path):
    file = tmp_path / "acknowledged.toml"
    how = "--file", file, "--by", "Ada", "--reason", "typo"
    trtperf("trend", "acknowledge", "tests/test_x.py::test_no@2026-02-14", *how)
    result = trtperf("trend", nights(1.05), "--fail", "--acknowledged", file)
    assert result.status == 1
    assert "test_no@2026-02-14 is useless: the records have no test" in result.err


@pytest.mark.parametrize(
    "words",
    [
        ["a", "--by", "Ada"],
        ["a", "--reason", "r"],
        ["a", "--by", " ", "--reason", "r"],
        ["a", "--by", "Ada", "--reason", "r", "--until", "soon"],
    ],
)
def test_acknowledging_takes_a_name_and_a_reason(trtperf, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        trtperf("trend", "acknowledge", *words)
    assert list(tmp_path.iterdir()) == []


def test_creep_is_red(trtperf, nights, make_run, make_measurement, tmp_path):
    directory = tmp_path / "nightly"
    for night in range(150):
        nights(1 + 0.001 * night, step=0, first=night, count=1)
    result = trtperf("trend", directory, "--fail")
    assert result.status == 1
    assert "ALARM" in result.out
