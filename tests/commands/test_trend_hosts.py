"""`trtperf trend`: hosts, branches and nights."""

from __future__ import annotations

import pytest

from tests.commands.nightly import NIGHTS


def test_step_on_one_of_two_hosts_is_found_there(trtperf, hosts):
    directory = hosts({"lab1": 1.0, "lab2": lambda night: 1.04 * (1 + 0.03 * (night >= 50))})
    alarms = trtperf("trend", directory, "--json").json["alarms"]
    assert {tuple(one["hosts"]) for one in alarms} == {("lab2",)}
    assert all(abs(int(one["since"]["commit"], 16) - 50) <= 2 for one in alarms)


def test_the_metric_is_that_whose_change_is_shown(trtperf, hosts):
    directory = hosts({"lab1": lambda night: 1 + 0.05 * (night >= 50)})
    for alarm in trtperf("trend", directory, "--json").json["alarms"]:
        assert set(alarm["metrics"]) == {"gpu_compute median", "latency P99", "throughput"}
        assert (alarm["metrics"][0] == "throughput") == (alarm["change"] < 0)


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
    assert "left out 6 runs of other branches than main" in result.err
    unknown = trtperf("trend", directory, "--branch", "no-such")
    assert unknown.status == 2
    assert "there are main, feature/slow" in unknown.err


def measured(result):
    return {one["measured"] for one in result.json["trends"]}


def test_runs_without_a_branch_are_of_the_default_one(trtperf, hosts):
    hosts({"lab1": 1.0}, count=20, branch=None)
    hosts({"lab1": 1.0}, first=20, count=20)
    directory = hosts({"lab1": 1.0}, first=40, count=15, branch="release")
    default = trtperf("trend", directory, "--json")
    assert measured(default) == {40}
    assert "without the name of a branch: 20 runs, taken as main\n" in default.err
    release = trtperf("trend", directory, "--branch", "release", "--json")
    assert measured(release) == {15}
    assert "20 runs, taken as main, and not as release" in release.err


def test_without_main_runs_without_a_branch_are_of_the_most_frequent_one(trtperf, hosts):
    hosts({"lab1": 1.0}, count=5, branch=None)
    hosts({"lab1": 1.0}, first=5, count=20, branch="develop")
    directory = hosts({"lab1": 1.0}, first=25, count=2, branch="pull/7")
    assert measured(trtperf("trend", directory, "--branch", "develop", "--json")) == {25}
    assert measured(trtperf("trend", directory, "--branch", "pull/7", "--json")) == {2}


def test_where_only_pull_requests_name_a_branch_the_others_are_of_main(trtperf, hosts):
    hosts({"lab1": 1.0}, count=20, branch=None)
    directory = hosts({"lab1": 1.3}, first=20, count=9, branch="pull/7")
    result = trtperf("trend", directory, "--json")
    assert result.status == 0
    assert measured(result) == {20}
    assert "20 runs, taken as main\n" in result.err


def test_where_no_run_names_a_branch_all_count(trtperf, hosts):
    directory = hosts({"lab1": 1.0}, count=20, branch=None)
    assert "branch" not in trtperf("trend", directory).err
    asked = trtperf("trend", directory, "--branch", "release", "--json")
    assert measured(asked) == {20}
    assert "no run names a branch: all count to release" in asked.err


def test_what_all_tests_of_a_host_do_is_one_alarm_with_its_cause(trtperf, hosts):
    old, new = {"driver": "580"}, {"driver": "590"}
    hosts({"lab1": 1.0, "lab3": 1.0}, count=50, tests=20, software=old)
    directory = hosts({"lab3": 1.02}, first=50, count=10, tests=20, software=new)
    hosts({"lab1": 1.0}, first=50, count=10, tests=20, software=old)
    result = trtperf("trend", directory)
    assert "host:lab3: 20 tests" in result.out
    assert "driver 580 -> 590" in result.out
    assert "1 alarm, 0 missing" in result.out


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


def test_odd_host_names_are_shown_as_text(trtperf, hosts):
    directory = hosts({"lab\x1b[31m::error::": lambda night: 1 + 0.2 * (night >= 50)}, tests=1)
    result = trtperf("trend", directory)
    assert result.status == 0
    assert "\x1b" not in result.out
    assert "ALARM" in result.out
