"""What a comparison knows after a look: what is suspicious, what time is left for, what to race."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from pytest_trtperf.analysis.paired import Ratio
from pytest_trtperf.analysis.shift import Controls
from pytest_trtperf.baseline.schema import BaselineSession
from pytest_trtperf.judge.comparison import Comparison
from pytest_trtperf.judge.policy import RECORD, Policy
from pytest_trtperf.judge.race import Race
from pytest_trtperf.record.model import RoundRecord
from pytest_trtperf.record.verdict import VerdictRecord
from tests.judge.compared import ENGINE, MODE, comparison, rounds, verdicts

GATES = {"latency median": 0.05, "latency P99": 0.1, "throughput": 0.05}
EQUAL, SLOWER = Ratio(1.0, 0.99, 1.01, 1.2, 1.2), Ratio(1.1, 1.06, 1.14, 1.2, 1.1)
OF_BASELINE = msgspec.structs.replace(ENGINE, digest="e")


def look(one: Comparison, *sessions: list[RoundRecord], **how: Any) -> dict[str, VerdictRecord]:
    """The verdicts on these sessions by their metrics."""
    found = one.judge(sessions, **{"host_bound": False, "doubt": None, **how})
    return {record.metric: record for record in found}


def race(median: Ratio | None, **fields: Any) -> Race:
    """A race of the median alone."""
    ratios = {} if median is None else {"latency median": median}
    return replace(Race(ratios, "4 blocks", "kept on Monday"), **fields)


def with_slow_throughput() -> list[RoundRecord]:
    """Rounds whose other numbers are as they were."""
    return [
        msgspec.structs.replace(same, throughput=slow.throughput)
        for same, slow in zip(rounds(1.0, 0.001), rounds(1.08, 0.001), strict=True)
    ]


def test_one_slow_session_is_suspicious_by_its_worst_number() -> None:
    one = comparison()
    look(one, rounds(1.08, 0.001))
    first = one.suspicion
    look(one, rounds(1.15, 0.001))
    assert 2 < first < one.suspicion < math.inf
    look(one, with_slow_throughput())
    assert 2 < one.suspicion < math.inf


@pytest.mark.parametrize(
    ("slowdowns", "how"),
    [
        ([1.0], {}),
        ([1.08, 1.08, 1.08], {}),
        ([1.08], {"doubt": "not steady"}),
    ],
)
def test_fresh_sessions_have_nothing_to_decide(slowdowns: list[float], how: dict[str, Any]) -> None:
    one = comparison()
    assert one.suspicion == 0
    look(one, rounds(1.08, 0.001))
    look(one, *[rounds(slowdown, 0.001) for slowdown in slowdowns], **how)
    assert one.suspicion == 0


def test_rounds_that_are_too_short_are_neither_suspicious_nor_a_control() -> None:
    short = [
        msgspec.structs.replace(one, queries=600, throughput=1e5) for one in rounds(1.5, 0.001)
    ]
    controls = Controls()
    one = comparison(engine=OF_BASELINE, software={"tensorrt": "10"}, controls=controls)
    found = look(one, short)
    assert {record.reason for record in found.values()} == {"short_rounds"}
    message = found["latency median"].message
    assert "; rounds of 6 ms are too short to decide anything: set round_ms to " in message
    assert one.suspicion == 0
    for _ in range(5):
        look(comparison(engine=OF_BASELINE, controls=controls), short)
    assert controls.shift("latency median") is None


def test_short_rounds_of_the_baseline_say_that_they_are_its() -> None:
    def change(session: BaselineSession) -> BaselineSession:
        short = [msgspec.structs.replace(one, throughput=1e5) for one in session.rounds]
        return msgspec.structs.replace(session, rounds=short)

    found = look(comparison(change=change, policy=Policy(remedy=RECORD)), rounds(1.0, 0.001))
    assert "; rounds of 10 ms in the baseline are too short" in found["latency median"].message
    assert "and make the record anew)" in found["latency median"].message


def test_without_time_for_fresh_sessions_what_is_suspicious_stays_open() -> None:
    one = comparison()
    found = look(one, with_slow_throughput(), out_of_time=True)
    assert {name: record.reason for name, record in found.items()} == {
        "latency median": "within_limit",
        "latency P99": "within_limit",
        "throughput": "no_time",
    }
    assert found["throughput"].message.endswith(
        "; no time was left for fresh sessions: raise --trtperf-time-limit)"
    )
    # What fails or passes by itself needs no further session, and a doubt stays what it is.
    assert {v.status for v in look(one, rounds(4.0, 0.001), out_of_time=True).values()} == {"fail"}
    fresh = [rounds(1.08, 0.001)] * 3
    assert look(one, *fresh, out_of_time=True)["latency median"].reason == "over_limit"
    doubted = look(one, with_slow_throughput(), out_of_time=True, doubt="not steady")
    assert {record.reason for record in doubted.values()} == {"doubtful"}


def test_gates_are_those_that_were_compared() -> None:
    one = comparison(policy=Policy(tolerance={"p99": 0.2}))
    assert one.gates == []
    look(one, rounds(1.0, 0.001))
    assert {gate.name: share for gate, share in one.gates} == {**GATES, "latency P99": 0.2}
    few = [msgspec.structs.replace(round, queries=499) for round in rounds(1.0, 0.001)]
    look(one, few)
    assert [gate.name for gate, _ in one.gates] == ["latency median", "throughput"]


def test_an_open_load_is_judged_by_its_responses() -> None:
    def responses(session: BaselineSession) -> BaselineSession:
        changed = [
            msgspec.structs.replace(one, quantiles={"response": one.quantiles["latency"]})
            for one in session.rounds
        ]
        return msgspec.structs.replace(session, rounds=changed)

    mode: dict[str, bool | int | float | str] = {"load": "open", "request_rate": 100.0}
    one = comparison(mode=mode, stored_mode=mode, change=responses)
    now = [
        msgspec.structs.replace(round, quantiles={"response": round.quantiles["latency"]})
        for round in rounds(1.0, 0.001)
    ]
    assert list(look(one, now)) == ["response median", "response P99"]


@pytest.mark.parametrize(
    ("now", "then", "difference"),
    [
        ({"mode": {**MODE, "streams": 2}}, {}, "streams is 2 here and None in the baseline"),
        ({}, {"stored_mode": {**MODE, "streams": 2}}, "streams is None here and 2 in the baseline"),
        (
            {"mode": {**MODE, "kernels": "fresh"}},
            {},
            "kernels is fresh here and cached in the baseline",
        ),
        (
            {"shapes": {"x": (8, 3)}},
            {"stored_shapes": {"x": (4, 3)}},
            "shape of x is [8, 3] here and [4, 3] in the baseline",
        ),
    ],
)
def test_another_mode_fails_and_says_how_it_differs(
    now: dict[str, Any], then: dict[str, Any], difference: str
) -> None:
    (found,) = look(comparison(**now, **then), rounds(1.0, 0.001)).values()
    assert (found.kind, found.metric, found.reason) == ("baseline", "mode", "other_mode")
    assert (found.status, found.failed, found.value, found.limit) == ("fail", True, None, None)
    assert found.message == (
        "t: the baseline was recorded in another mode, so nothing can be compared: "
        f"{difference}. Measure in the same mode, or record the baseline anew with --trtperf-update"
    )


def test_each_difference_is_named() -> None:
    mode = {**MODE, "streams": 2, "spin_wait": True}
    (found,) = look(comparison(mode=mode), rounds(1.0, 0.001)).values()
    assert (
        "spin_wait is True here and None in the baseline; streams is 2 here and None in the "
        "baseline. Measure"
    ) in found.message


def test_kernels_are_stored_ones_unless_a_mode_says_otherwise() -> None:
    found = look(comparison(mode={**MODE, "kernels": "cached"}), rounds(1.0, 0.001))
    assert {record.status for record in found.values()} == {"pass"}


def test_a_run_far_from_the_others_is_named_and_has_no_say() -> None:
    one = comparison(slowdowns=(1.0, 1.0, 1.0, 1.1, 1.0))
    found = look(one, *[rounds(1.1, 0.001)] * 3)
    assert found["latency median"].status == "fail"
    assert (
        "latency median: 2026-01-04T00:00:00Z is left out of the baseline, since it is far from "
        "the other runs"
    ) in one.notes


def test_a_race_decides_the_gates_that_were_raced() -> None:
    one = comparison(policy=Policy(tolerance=0.03))
    found = look(one, *[rounds(1.08, 0.001)] * 3, race=race(SLOWER))
    median = found["latency median"]
    assert (median.kind, median.status, median.reason) == ("baseline", "fail", "over_limit")
    assert median.message.startswith(
        "t: latency median regressed: in turns, here and now, 1.2 ms against 1.1 ms of the "
        "reference, +10.00% [+6.00%, +14.00%], tolerance 3.0%; "
    )
    assert median.message.endswith("(race of 4 blocks on cpu, reference kept on Monday)")
    assert median.race is not None
    assert found["latency P99"].race is None
    assert "(2 fresh sessions, " in found["latency P99"].message

    equal = look(one, *[rounds(1.08, 0.001)] * 3, race=race(EQUAL))
    assert (equal["latency median"].status, equal["latency median"].reason) == (
        "pass", "environment",
    )  # fmt: skip
    strict = Policy(environment_failed_by="--option")
    failed = look(comparison(policy=strict), *[rounds(1.08, 0.001)] * 3, race=race(EQUAL))
    assert failed["latency median"].failed


def test_a_race_decides_what_the_baseline_left_open() -> None:
    one = comparison()
    found = look(one, *[rounds(1.05, 0.001)] * 3, race=race(EQUAL))
    assert (found["latency median"].status, found["latency median"].reason) == (
        "pass", "within_limit",
    )  # fmt: skip
    doubtful = look(one, *[rounds(1.08, 0.001)] * 3, race=race(SLOWER), doubt="not steady")
    assert doubtful["latency median"].status == "fail"
    bound = look(one, *[rounds(1.08, 0.001)] * 3, race=race(SLOWER), host_bound=True)
    assert bound["latency median"].reason == "enqueue_bound"


def test_a_number_that_is_not_steady_passes_for_no_engine() -> None:
    one = comparison()
    same = race(None, is_same=True)
    found = look(one, *[rounds(1.0, 0.001)] * 3, race=same, doubt="not steady")
    assert {record.reason for record in found.values()} == {"doubtful"}
    steady = look(one, *[rounds(1.08, 0.001)] * 3, race=same)
    assert steady["latency median"].reason == "environment"


def test_an_unchanged_engine_is_a_control_once() -> None:
    controls = Controls()
    software = {"tensorrt": "10"}
    again = comparison(engine=OF_BASELINE, software=software, controls=controls)
    for _ in range(5):
        look(again, rounds(1.03, 0.0))
    assert controls.shift("latency median") is None
    for _ in range(4):
        one = comparison(engine=OF_BASELINE, software=software, controls=controls, noise=0.0)
        look(one, rounds(1.03, 0.0))
    for gate in GATES:
        shift = controls.shift(gate)
        assert shift is not None
        assert shift.value == pytest.approx(math.log(1.03), abs=0.002)


@pytest.mark.parametrize(
    ("fields", "is_control"), [({}, True), ({"doubt": "x"}, False), ({"software": ["x"]}, False)]
)
def test_the_reference_of_a_race_is_a_control(fields: dict[str, Any], is_control: bool) -> None:
    controls = Controls()
    for _ in range(5):
        look(comparison(controls=controls), rounds(1.2, 0.0), race=race(SLOWER, **fields))
    shift = controls.shift("latency median")
    assert (shift is not None) == is_control
    if shift:
        assert shift.value == pytest.approx(math.log(1.1), abs=0.003)
    assert controls.shift("throughput") is None


def test_a_message_has_the_numbers_and_what_they_rest_on() -> None:
    message = verdicts(now=rounds(1.08, 0.0), noise=0.0)["latency median"].message
    start, _, end = message.partition(", MDE ")
    assert start == (
        "t: latency median regressed: 1.0822 ms against 1.002 ms in the baseline, +8.0% "
        "[+5.9%, +10.1%], tolerance 5.0%"
    )
    assert end.endswith("% (2 fresh sessions, 10 rounds, 10000 queries on cpu)")


def test_a_tolerance_that_noise_raised_says_by_what() -> None:
    found = look(comparison(noise=0.1, stored_sessions=1, slowdowns=(1.0, 1.0)), rounds(1.0, 0.001))
    raised = ", raised to {}: the baseline's 2 runs and this measurement support no less"
    assert raised.format("10.0%") in found["latency median"].message
    # A rate falls by less than queries take longer.
    assert raised.format("9.1%") in found["throughput"].message


def test_other_processes_that_take_all_of_the_time_decide_nothing() -> None:
    found = verdicts(1.2, 1.0)
    assert {record.status for record in found.values()} == {"inconclusive"}
    assert {record.reason for record in found.values()} == {"contended"}
