"""What was acknowledged stays so when its alarm changes its name, and what follows alarms."""

from __future__ import annotations

from datetime import date

from pytest_trtperf.judge.fleet import judge_fleet
from pytest_trtperf.record.acknowledged import Acknowledged, Acknowledgements
from pytest_trtperf.record.history import History
from tests.judge.fleets import NIGHTS, day, fleet


def judged(*changes, key=None, at=80, **how):
    """What stands: its state and its name, by name."""
    entries = [
        Acknowledged(key=one, since=date.fromisoformat(day(at)), reason="r", by="Ada")
        for one in ([key] if isinstance(key, str) else key or [])
    ]
    history = History(series=fleet(changes, **how), last_night=day(NIGHTS - 1))
    found = judge_fleet(history, Acknowledgements(acknowledged=entries))
    assert not found.notes
    return {one.key: (one.state, one.tests) for one in found.alarms}


WHOLE = range(15)
TWO = (0, WHOLE, 80, 1.03), (1, WHOLE, 80, 1.03)
THIRD = (2, WHOLE, 82, 1.03)
SIX = tuple((0, [test], 80, 1.06) for test in range(6))


def test_a_third_host_alarms_alone():
    assert judged(*TWO, hosts=3) == {"host:lab0,lab1": ("alarm", 15)}
    assert judged(*TWO, THIRD, hosts=3) == {"host:lab0,lab1,lab2": ("alarm", 15)}
    assert judged(*TWO, THIRD, hosts=3, key="host:lab0,lab1") == {
        "host:lab0,lab1": ("acknowledged", 15),
        "host:lab2": ("alarm", 15),
    }


def test_a_host_that_recovers_leaves_the_others_acknowledged():
    back = (1, WHOLE, 95, 1 / 1.03)
    found = judged(*TWO, back, key="host:lab0,lab1", noise=0.003)
    assert found == {"host:lab0": ("acknowledged", 15)}


def test_two_acknowledgements_cover_two_hosts():
    assert judged(*TWO, key=["host:lab0", "host:lab1"]) == {
        "host:lab0": ("acknowledged", 15),
        "host:lab1": ("acknowledged", 15),
    }


def test_tests_that_stay_slow_while_others_recover_stay_acknowledged():
    back = [(0, [test], 95, 1 / 1.06) for test in (0, 1)]
    assert judged(*SIX, tests=30) == {"host:lab0": ("alarm", 6)}
    left = {f"t{test}" for test in range(2, 6)}
    assert judged(*SIX, *back, tests=30) == dict.fromkeys(left, ("alarm", 1))
    assert judged(*SIX, *back, tests=30, key="host:lab0") == dict.fromkeys(
        left, ("acknowledged", 1)
    )


def test_acknowledged_tests_stay_so_when_a_fifth_makes_an_alarm_of_the_host():
    known = [f"t{test}" for test in range(4)]
    assert judged(*SIX[:5], tests=30) == {"host:lab0": ("alarm", 5)}
    assert judged(*SIX[:5], tests=30, key=known) == {
        **dict.fromkeys(known, ("acknowledged", 1)),
        "t4": ("alarm", 1),
    }


def test_a_host_covers_no_test_that_is_slow_by_itself():
    own = (0, [3], 60, 1.06)
    assert judged(own, *TWO[1:], key="host:lab0,lab1", at=80) == {
        "t3": ("alarm", 1),
        "host:lab1": ("acknowledged", 15),
    }
