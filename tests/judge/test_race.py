"""What follows from a race, beside what the baseline's numbers say."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from pytest_trtperf.analysis.change import Change
from pytest_trtperf.analysis.gates import Gate
from pytest_trtperf.analysis.paired import Ratio
from pytest_trtperf.analysis.verdict import Reason, Status, Verdict
from pytest_trtperf.judge.policy import Policy
from pytest_trtperf.judge.race import (
    REBUILT,
    Race,
    RacedGate,
    changed_software,
    is_open,
    may_race,
    outcome,
    race_alone,
    raced_record,
)
from pytest_trtperf.judge.verdict_records import verdict_record

MEDIAN = Gate("gpu_compute", "median", 0.05)
QPS = Gate("throughput", "throughput", 0.05)
FASTER, EQUAL, OPEN, SLOWER = (
    Ratio(value, lower, upper, 2.0 * value, 2.0)
    for value, lower, upper in (
        (0.9, 0.89, 0.91),
        (1.0, 0.99, 1.01),
        (1.05, 1.0, 1.1),
        (1.1, 1.06, 1.14),
    )
)
SOFTWARE = ["tensorrt 10 in the baseline, 11 here"]


def race(ratio: Ratio | None = EQUAL, gate: Gate = MEDIAN, **fields: object) -> Race:
    ratios = {} if ratio is None else {gate.name: ratio}
    return replace(Race(ratios, "4 blocks", "kept on Monday"), **fields)  # type: ignore[arg-type]


def stored(status: Status, gate: Gate = MEDIAN, *, slower: float = 0.1) -> RacedGate:
    """What the baseline says of a number that is worse by so much, give or take 2 %."""
    sign = -1 if gate is QPS else 1
    value, lower, upper = sorted(math.exp(sign * x) for x in (slower, slower - 0.02, slower + 0.02))
    value, lower = lower, value
    reason = {
        Status.PASS: Reason.WITHIN_LIMIT,
        Status.FAIL: Reason.OVER_LIMIT,
        Status.INCONCLUSIVE: Reason.OVERLAPS_LIMIT,
    }[status]
    verdict = Verdict(status, reason, "", value, lower, upper, 1.05, gate is QPS)
    change = Change(
        verdict, value, lower, upper, 2.0 * value, 2.0,
        improved=False, widened=0.05, finds=0.03, suspicious=True, suspicion=3.0, shift=0.0,
        controls=0, odd_runs=(), runs=1, sessions=4, runs_needed=None,
    )  # fmt: skip
    answer = Verdict(Status.PASS, Reason.WITHIN_LIMIT, "", 1.0, None, None, 1.05)
    return RacedGate(gate, change, verdict, answer, 0.05, race())


def judged(raced: RacedGate, one: Race, policy: Policy | None = None) -> tuple[Status, Reason, str]:
    answer = one.answer(raced.gate, 0.05)
    assert answer is not None
    verdict = outcome(replace(raced, answer=answer, race=one), policy or Policy())
    return verdict.status, verdict.reason, verdict.message


@pytest.mark.parametrize("status", Status)
def test_an_engine_that_loses_the_race_fails_whatever_is_stored(status: Status) -> None:
    found = judged(stored(status, slower=-0.1), race(SLOWER))
    assert found[:2] == (Status.FAIL, Reason.OVER_LIMIT)


@pytest.mark.parametrize("ratio", [FASTER, EQUAL])
@pytest.mark.parametrize("status", [Status.FAIL, Status.INCONCLUSIVE])
def test_equal_engines_and_a_slower_number_are_the_environment(
    ratio: Ratio, status: Status
) -> None:
    raced = stored(status)
    assert judged(raced, race(ratio)) == (Status.PASS, Reason.ENVIRONMENT, "")
    failing = Policy(environment_failed_by="--option")
    assert judged(raced, race(ratio), failing) == (
        Status.FAIL, Reason.ENVIRONMENT, "--option fails it",
    )  # fmt: skip


def test_equal_engines_and_other_software_are_the_software() -> None:
    one = race(EQUAL, software=SOFTWARE)
    policy = Policy(software_failed_by="--option", environment_failed_by="--other")
    found = judged(stored(Status.FAIL), one, policy)
    assert found == (Status.FAIL, Reason.SOFTWARE, "--option fails it")
    assert judged(stored(Status.FAIL), one)[:2] == (Status.PASS, Reason.SOFTWARE)


def test_software_fails_nothing_that_chance_may_have_done() -> None:
    one = race(EQUAL, software=SOFTWARE)
    found = judged(stored(Status.INCONCLUSIVE), one, Policy(software_failed_by="--option"))
    assert found[:2] == (Status.INCONCLUSIVE, Reason.OVERLAPS_LIMIT)
    open_fails = judged(stored(Status.INCONCLUSIVE), one, Policy(failed_by="--option"))
    assert open_fails[:2] == (Status.FAIL, Reason.OVERLAPS_LIMIT)


@pytest.mark.parametrize("status", [Status.FAIL, Status.INCONCLUSIVE])
def test_equal_engines_and_a_number_that_may_be_as_before_pass(status: Status) -> None:
    found = judged(stored(status, slower=0.06), race(EQUAL))
    assert found == (Status.PASS, Reason.WITHIN_LIMIT, "")


def test_equal_engines_say_nothing_of_the_software_that_runs_both() -> None:
    number = stored(Status.INCONCLUSIVE, slower=0.06)
    found = judged(number, race(EQUAL, software=SOFTWARE))
    assert found[:2] == (Status.INCONCLUSIVE, Reason.OVERLAPS_LIMIT)


def test_a_reference_that_was_built_anew_by_the_same_versions_is_no_other_software() -> None:
    number = stored(Status.INCONCLUSIVE, slower=0.06)
    assert judged(number, race(EQUAL, software=[REBUILT])) == (
        Status.PASS, Reason.WITHIN_LIMIT, "",
    )  # fmt: skip


def test_the_message_says_how_a_gate_was_judged() -> None:
    one = race(SLOWER, remarks={MEDIAN.name: "by another rule"})
    message = raced_record("k", "GPU", _answered(stored(Status.FAIL), one), Policy()).message
    assert message.endswith("reference kept on Monday; by another rule)")


def test_a_throughput_is_worse_where_it_is_lower() -> None:
    ratio = Ratio(0.9, 0.88, 0.92, 450.0, 500.0)
    assert judged(stored(Status.FAIL, QPS), race(ratio, QPS))[:2] == (
        Status.FAIL, Reason.UNDER_LIMIT,
    )  # fmt: skip
    equal = race(EQUAL, QPS)
    assert judged(stored(Status.FAIL, QPS), equal)[1] is Reason.ENVIRONMENT
    assert judged(stored(Status.FAIL, QPS, slower=-0.1), equal)[1] is Reason.WITHIN_LIMIT


def test_a_race_that_is_open_leaves_a_pass_and_opens_the_rest() -> None:
    assert judged(stored(Status.PASS), race(OPEN))[0] is Status.PASS
    assert judged(stored(Status.FAIL), race(OPEN))[:2] == (
        Status.INCONCLUSIVE, Reason.OVERLAPS_LIMIT,
    )  # fmt: skip
    failing = Policy(failed_by="--option")
    assert judged(stored(Status.FAIL), race(OPEN), failing)[0] is Status.FAIL


def test_doubt_opens_a_race() -> None:
    one = race(SLOWER, doubt="not steady")
    found = judged(stored(Status.FAIL), one)
    assert found[:2] == (Status.INCONCLUSIVE, Reason.DOUBTFUL)
    message = raced_record("k", "GPU", _answered(stored(Status.FAIL), one), Policy()).message
    assert message.endswith("reference kept on Monday; not steady)")
    failing = Policy(failed_by="--option")
    failed = raced_record("k", "GPU", _answered(stored(Status.FAIL), one), failing)
    assert failed.failed
    assert failed.message.endswith("reference kept on Monday; not steady; --option fails it)")
    # Of a pass the doubt is no news.
    passed = raced_record("k", "GPU", _answered(stored(Status.PASS), one), Policy()).message
    assert passed.endswith("reference kept on Monday)")


def test_an_engine_that_has_not_changed_needs_no_numbers() -> None:
    one = race(None, is_same=True, reference="the baseline, which has not changed")
    assert judged(stored(Status.FAIL), one)[:2] == (Status.PASS, Reason.ENVIRONMENT)
    record = raced_record("k", "GPU", _answered(stored(Status.FAIL), one), Policy())
    assert record.race is None
    assert record.message == (
        "k: gpu_compute median is slower, and the engine is not: the environment is: 2.2103 ms "
        "against 2 ms in the baseline, +10.5% [+8.3%, +12.7%], tolerance 5.0%; it is the engine "
        "of the baseline, which has not changed (4 blocks on GPU)"
    )
    answer = one.answer(QPS, 0.05)
    assert answer is not None
    assert (answer.value, answer.limit, answer.higher_is_better) == (1.0, 1 / 1.05, True)
    assert (answer.status, answer.reason, answer.message) == (
        Status.PASS, Reason.WITHIN_LIMIT, "",
    )  # fmt: skip


def test_software_that_is_slower_is_named_with_what_fails_it() -> None:
    one = race(EQUAL, software=[*SOFTWARE, "cuda 12 in the baseline, 13 here"])
    policy = Policy(software_failed_by="--option")
    record = raced_record("k", "GPU", _answered(stored(Status.FAIL), one), policy)
    assert record.message == (
        "k: gpu_compute median is slower, and the engine is not: other software is (tensorrt 10 in "
        "the baseline, 11 here, cuda 12 in the baseline, 13 here): 2.2103 ms against 2 ms in the "
        "baseline, +10.5% [+8.3%, +12.7%], tolerance 5.0%; in turns, here and now, 2 ms against "
        "2 ms of the reference, +0.00% [-1.00%, +1.00%] (race of 4 blocks on GPU, reference kept "
        "on Monday; --option fails it)"
    )


def test_the_record_has_both_numbers() -> None:
    record = raced_record("k", "GPU", _answered(stored(Status.FAIL), race(SLOWER)), Policy())
    assert record.race is not None
    assert (record.race.value, record.race.reference) == (2.2, 2.0)
    assert (record.race.change, record.race.lower, record.race.upper) == pytest.approx(
        (0.1, 0.06, 0.14)
    )
    assert (record.race.extent, record.race.source) == ("4 blocks", "kept on Monday")
    assert (record.kind, record.metric) == ("baseline", "gpu_compute median")
    assert (record.baseline, record.failed, record.limit) == (2.0, True, 0.05)
    assert (record.value, record.finds, record.shift) == pytest.approx(
        (2.2103, 0.03, 0.0), abs=1e-4
    )
    assert record.message == (
        "k: gpu_compute median regressed: in turns, here and now, 2.2 ms against 2 ms of the "
        "reference, +10.00% [+6.00%, +14.00%], tolerance 5.0%; 2.2103 ms against 2 ms in the "
        "baseline, +10.5% [+8.3%, +12.7%] (race of 4 blocks on GPU, reference kept on Monday)"
    )


@pytest.mark.parametrize(
    ("ratio", "status"),
    [(EQUAL, Status.PASS), (OPEN, Status.INCONCLUSIVE), (SLOWER, Status.FAIL)],
)
def test_without_a_baseline_the_race_stands_alone(ratio: Ratio, status: Status) -> None:
    record = race_alone("k", "GPU", MEDIAN, race(ratio), Policy())
    assert record is not None
    assert (record.kind, record.status, record.baseline) == ("race", status.value, 2.0)
    assert record.change == pytest.approx(ratio.value - 1)
    assert (record.metric, record.value, record.limit) == (MEDIAN.name, ratio.new, 0.05)
    assert record.race is not None


def test_a_race_alone_says_what_it_showed_and_open_may_fail() -> None:
    one = race(OPEN)
    record = race_alone("k", "GPU", MEDIAN, one, Policy(failed_by="--option"))
    assert record is not None
    assert record.failed
    assert record.message == (
        "k: gpu_compute median is inconclusive: in turns, here and now, 2.1 ms against 2 ms of the "
        "reference, +5.00% [+0.00%, +10.00%], tolerance 5.0% (race of 4 blocks on GPU, reference "
        "kept on Monday; --option fails it)"
    )


def test_a_gate_that_was_not_raced_has_no_answer() -> None:
    assert race().answer(QPS, 0.05) is None
    assert race_alone("k", "GPU", QPS, race(), Policy()) is None


def test_a_race_ends_when_a_gate_has_failed_or_none_is_open() -> None:
    gates = [(MEDIAN, 0.05), (QPS, 0.05)]
    assert race(EQUAL).decides(gates)
    assert race(SLOWER).decides(gates)
    assert not race(OPEN).decides(gates)
    slow = Ratio(0.8, 0.79, 0.81, 400.0, 500.0)
    assert Race({MEDIAN.name: OPEN, QPS.name: slow}, "", "").decides(gates)


def test_what_is_open_for_another_reason_is_not_raced() -> None:
    verdict = stored(Status.INCONCLUSIVE).stored
    assert may_race(verdict)
    host_bound = replace(verdict, reason=Reason.ENQUEUE_BOUND)
    assert not may_race(host_bound)
    assert is_open(verdict_record("baseline", "m", verdict, ""))
    assert not is_open(verdict_record("baseline", "m", host_bound, ""))


def test_python_and_driver_are_not_the_engines_software() -> None:
    then = {"python": "3.11", "driver": "1", "tensorrt": "10", "cuda": "12"}
    now = {"python": "3.12", "driver": "2", "tensorrt": "11", "cuda": "12"}
    assert changed_software(then, now) == SOFTWARE


def _answered(raced: RacedGate, one: Race) -> RacedGate:
    answer = one.answer(raced.gate, 0.05)
    assert answer is not None
    return replace(raced, answer=answer, race=one)
