"""One alarm for each cause."""

from __future__ import annotations

import pytest

from pytest_trtperf.judge.alarms import causes
from pytest_trtperf.judge.trend import COMMON, watch_series
from tests.judge.fleets import GATES, fleet


def alarms(*changes, **how):
    return causes(watch_series(fleet(changes, **how), 0.01))


def test_quiet_fleet_has_none():
    assert alarms() == []


def test_numbers_of_one_test_are_one_alarm():
    (one,) = alarms((0, [3], 80, 1.06))
    assert (one.tests, one.hosts, one.ended) == ({"t3"}, ["lab0"], None)
    assert {member.of.metric for member in one.members} >= {gate.name for gate in GATES}
    assert abs(one.since - 80) <= 2


def test_test_that_got_slower_on_all_hosts_is_one_alarm():
    (one,) = alarms((0, [3], 80, 1.06), (1, [3], 80, 1.06))
    assert one.hosts == ["lab0", "lab1"]


def test_two_tests_of_different_nights_are_two_alarms():
    first, second = alarms((0, [3], 60, 1.06), (0, [4], 90, 1.06))
    assert (first.tests, second.tests) == ({"t3"}, {"t4"})


def test_all_tests_of_a_host_are_one_alarm_with_its_software():
    def software(host, night):
        return {"driver": "590" if host == 1 and night >= 80 else "580"}

    (one,) = alarms((1, range(15), 80, 1.02), software=software)
    assert one.hosts == ["lab1"]
    assert len(one.tests) == 15
    assert one.common[0].of.metric == COMMON
    assert one.software() == ["driver 580 -> 590"]


def test_one_test_that_does_more_than_its_host_has_an_alarm_of_its_own():
    both = alarms((1, range(15), 80, 1.02), (1, [2], 90, 1.08))
    assert [bool(one.common) for one in both] == [True, False]
    assert both[1].tests == {"t2"}


def test_many_tests_of_a_host_are_one_alarm_though_most_are_as_they_were():
    one = alarms((1, range(6), 80, 1.06), tests=40)[-1]
    assert len(one.tests) == 6
    assert one.common == []


@pytest.mark.parametrize(("back", "is_over"), [(1 / 1.06, True), (1 / 1.02, False)])
def test_alarm_is_over_when_the_level_is_back(back, is_over):
    one = alarms((0, [3], 60, 1.06), (0, [3], 85, back))[0]
    assert (one.ended is not None) is is_over


def test_a_host_that_recovers_leaves_no_alarm():
    found = alarms((1, range(60), 80, 1.03), (1, range(60), 95, 1 / 1.03), tests=60)
    assert [one.key for one in found if one.ended is None] == []
    assert "host:lab1" in [one.key for one in found]
