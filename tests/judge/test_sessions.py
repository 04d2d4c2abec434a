"""What one session decides, and what fresh ones do."""

from __future__ import annotations

import math

import msgspec
import pytest

from pytest_trtperf.analysis.shift import Controls
from pytest_trtperf.record.model import RoundRecord
from pytest_trtperf.record.verdict import VerdictRecord
from tests.judge.compared import ENGINE, rounds, verdicts

SAME = msgspec.structs.replace(ENGINE, digest="e")
"""The engine of the baseline."""


def statuses(found: dict[str, VerdictRecord]) -> set[tuple[str, str]]:
    return {(one.status, one.reason) for one in found.values()}


def with_slow_throughput(slowdown: float) -> list[RoundRecord]:
    return [
        msgspec.structs.replace(one, throughput=slower.throughput)
        for one, slower in zip(rounds(1.0, 0.001), rounds(slowdown, 0.001), strict=True)
    ]


@pytest.mark.parametrize("sessions", [1, 2])
def test_no_test_fails_on_one_session_alone(sessions: int) -> None:
    found = verdicts(1.08, sessions=sessions)["latency median"]
    assert (found.status, found.reason) == ("inconclusive", "one_session")
    assert "regressed" not in found.message
    assert "no fresh session has confirmed it" in found.message
    assert "(one session, 5 rounds" in found.message


def test_fresh_sessions_confirm() -> None:
    found = verdicts(1.08)["latency median"]
    assert (found.status, found.reason) == ("fail", "over_limit")
    assert "(2 fresh sessions, 10 rounds" in found.message


def test_the_first_session_has_no_say_once_there_are_fresh_ones() -> None:
    from tests.judge.compared import judged

    slow, same = rounds(1.2, 0.001), rounds(1.0, 0.001)
    assert statuses(judged([slow, same, same])) == {("pass", "within_limit")}
    assert statuses(judged([slow, slow, same])) == {("inconclusive", "overlaps_limit")}


def test_three_times_slower_fails_by_itself() -> None:
    assert {one.status for one in verdicts(3.5, sessions=1).values()} == {"fail"}


def test_each_comparison_says_what_it_would_have_found() -> None:
    found = verdicts(1.0)["latency median"]
    assert found.finds is not None
    assert 0.05 < found.finds < 0.1
    wider = verdicts(1.0, stored_sessions=1)["latency median"]
    assert wider.finds is not None
    assert wider.finds > found.finds


def test_gates_that_the_host_bounds_decide_nothing() -> None:
    found = verdicts(now=with_slow_throughput(1.2), host_bound=True)
    assert found["latency P99"].status == "pass"
    for gate in ("latency median", "throughput"):
        assert (found[gate].status, found[gate].reason) == ("inconclusive", "enqueue_bound")
        assert "this measures the host, not the model" in found[gate].message


def test_doubt_leaves_all_open() -> None:
    found = verdicts(1.5, doubt="not steady after 1 s")
    assert statuses(found) == {("inconclusive", "doubtful")}
    assert all("not steady after 1 s" in one.message for one in found.values())


def slower_machine(share: float, count: int = 9) -> Controls:
    controls = Controls()
    for gate in ("latency median", "latency P99", "throughput"):
        for number in range(count):
            controls.add(gate, math.log1p(share) + 0.0005 * (number - count // 2))
    return controls


def test_a_slower_machine_is_allowed_for_by_the_unchanged_engines_of_the_run() -> None:
    found = verdicts(1.08, controls=slower_machine(0.08))
    assert {one.status for one in found.values()} == {"pass"}
    assert {found[gate].reason for gate in ("latency median", "throughput")} == {"environment"}
    message = found["latency median"].message
    assert "+8.0%, while 9 unchanged engines of this run take +8.0%: without that +0.0%" in message
    assert found["latency median"].shift == pytest.approx(0.08, abs=0.002)
    assert found["latency median"].change == pytest.approx(0, abs=0.002)


def test_a_slower_engine_fails_on_a_slower_machine() -> None:
    found = verdicts(1.08 * 1.2, controls=slower_machine(0.08))
    assert {one.status for one in found.values()} == {"fail"}
    assert found["latency median"].change == pytest.approx(0.2, abs=0.002)


def test_a_few_unchanged_engines_say_nothing_of_the_machine() -> None:
    found = verdicts(1.08, controls=slower_machine(0.08, count=4))
    assert "fail" in {one.status for one in found.values()}


def test_only_the_engine_of_the_baseline_is_a_control() -> None:
    for engine, count in ((SAME, 1), (ENGINE, 0)):
        controls = slower_machine(0.0, count=4)
        verdicts(1.0, controls=controls, engine=engine)
        assert (controls.shift("throughput") is not None) == (count == 1)
    controls = slower_machine(0.0, count=4)
    verdicts(1.0, controls=controls, engine=SAME, software={"tensorrt": "11"})
    assert controls.shift("throughput") is None
