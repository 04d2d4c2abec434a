"""What a comparison makes of rounds that circumstances slowed down."""

from __future__ import annotations

import re

import msgspec
import numpy as np
import pytest

from pytest_trtperf.analysis.gates import closed_load_gates
from pytest_trtperf.baseline.schema import BaselineSession
from pytest_trtperf.judge.policy import BASELINE, RECORD, Policy, Remedy
from tests.judge.compared import TAIL, rounds, verdicts


@pytest.mark.parametrize("contention", [None, 0.0, 0.005])
def test_regression_on_a_free_host_fails(contention: float | None) -> None:
    assert {one.status for one in verdicts(1.2, contention).values()} == {"fail"}


def test_what_others_took_widens_the_tolerance_and_is_reported() -> None:
    found = verdicts(1.5, 0.5)
    assert {one.status for one in found.values()} == {"inconclusive"}
    assert not any(one.failed for one in found.values())
    raised = "tolerance 5.0%, raised to 10.0%: other processes took so much time"
    assert raised in found["latency median"].message
    assert found["latency median"].limit == pytest.approx(0.1)
    assert {one.reason for one in found.values()} == {"contended"}
    assert "other processes took 50% of the time: free the machine" in found["latency P99"].message


def test_regression_beyond_what_others_took_still_fails_in_the_median_alone() -> None:
    found = verdicts(2.5, 0.5)
    assert [name for name, one in found.items() if one.failed] == ["latency median"]
    assert found["throughput"].reason == "contended"
    assert found["latency P99"].status == "inconclusive"


def with_yardstick(session: BaselineSession) -> BaselineSession:
    """A run with a yardstick of 0.25 ms beside each round."""
    beside = [msgspec.structs.replace(one, yardstick_ms=0.25) for one in session.rounds]
    return msgspec.structs.replace(session, rounds=beside)


@pytest.mark.parametrize("failed_by", [None, "--option"])
def test_slower_machine_is_distinguished_from_a_slower_engine(failed_by: str | None) -> None:
    policy = Policy(failed_by=failed_by)
    found = verdicts(1.5, yardstick_ms=0.375, policy=policy, change=with_yardstick)
    assert {one.reason for one in found.values()} == {"machine_changed"}
    assert {one.failed for one in found.values()} == {failed_by is not None}
    message = found["latency median"].message
    assert "latency median is inconclusive: " in message
    assert "the machine itself may have changed: free it, or compare in turns" in message


@pytest.mark.parametrize("yardstick_ms", [0.25, None])
def test_slower_engine_fails_beside_a_yardstick(yardstick_ms: float | None) -> None:
    found = verdicts(1.5, yardstick_ms=yardstick_ms, change=with_yardstick)
    assert {one.status for one in found.values()} == {"fail"}


def test_yardsticks_of_two_releases_are_not_compared() -> None:
    software = {"onnxruntime": "2"}
    found = verdicts(1.5, yardstick_ms=0.375, software=software, change=with_yardstick)
    assert {one.status for one in found.values()} == {"fail"}


def test_unchanged_engine_passes_beside_others() -> None:
    assert {one.status for one in verdicts(1.0, 0.5).values()} == {"pass"}


def test_policy_may_fail_what_others_made_inconclusive() -> None:
    found = verdicts(1.5, 0.5, policy=Policy(failed_by="--option"))
    assert all(one.failed for one in found.values())
    message = found["latency median"].message
    assert "latency median is inconclusive: " in message
    assert "free the machine; --option fails it)" in message
    assert "regressed" not in message


def noisy_rounds(session: BaselineSession) -> BaselineSession:
    """The rounds of a session, spread by 3 % and for the rest as they were."""
    levels = np.exp(np.random.default_rng(1).normal(0, 0.03, len(session.rounds)))
    return msgspec.structs.replace(
        session,
        rounds=[
            msgspec.structs.replace(one, quantiles={"latency": (level * TAIL).tolist()})
            for one, level in zip(session.rounds, levels, strict=True)
        ],
    )


@pytest.mark.parametrize("failed_by", [None, "--option"])
def test_what_is_too_noisy_is_so_under_every_policy(failed_by: str | None) -> None:
    policy = Policy(failed_by=failed_by, tolerance=0.01)
    found = verdicts(1.015, policy=policy, change=noisy_rounds, stored_sessions=1)["latency median"]
    assert found.reason == "too_noisy"
    assert found.status == ("fail" if failed_by else "inconclusive")
    assert "latency median is inconclusive: " in found.message
    assert "too noisy to decide, from " in found.message


@pytest.mark.parametrize("failed_by", [None, "--option"])
def test_what_is_too_close_says_so(failed_by: str | None) -> None:
    policy = Policy(failed_by=failed_by)
    found = verdicts(1.05, policy=policy)["latency median"]
    assert (found.reason, found.failed) == ("overlaps_limit", failed_by is not None)
    assert "the limit lies within the interval" in found.message


def test_baseline_of_one_round_is_judged_by_what_is_known_of_sessions() -> None:
    found = verdicts(
        1.5, change=lambda session: msgspec.structs.replace(session, rounds=session.rounds[:1])
    )["latency median"]
    assert (found.status, found.reason) == ("fail", "over_limit")


@pytest.mark.parametrize("lacking", [1, 5])
def test_baseline_without_a_metric_fails_and_names_it(lacking: int) -> None:
    def other_metric(session: BaselineSession) -> BaselineSession:
        changed = [
            msgspec.structs.replace(one, quantiles={"response": one.quantiles["latency"]})
            for one in session.rounds[:lacking]
        ]
        return msgspec.structs.replace(session, rounds=[*changed, *session.rounds[lacking:]])

    (found,) = verdicts(1.0, change=other_metric).values()
    assert (found.failed, found.reason) == (True, "other_mode")
    assert "latency is missing in the baseline" in found.message


def test_record_in_place_of_a_baseline_is_not_to_be_updated() -> None:
    policy = Policy(remedy=RECORD, tolerance=0.01)
    found = verdicts(1.015, policy=policy, change=noisy_rounds, stored_sessions=1)["latency median"]
    assert found.reason == "too_noisy"
    assert "--trtperf-update" not in found.message


def test_noise_of_the_baseline_widens_the_tolerance_to_twice_itself_at_most() -> None:
    found = verdicts(1.0, noise=0.02, stored_sessions=1)["latency median"]
    assert found.limit is not None
    assert 0.05 < found.limit < 0.1
    assert "the baseline's one run and this measurement support no less" in found.message
    assert verdicts(1.0, noise=0.1, stored_sessions=1)["latency median"].limit == pytest.approx(0.1)


def test_more_runs_are_asked_for_where_they_help() -> None:
    policy = Policy(tolerance=0.0147)
    found = verdicts(1.01, policy=policy, sessions=1, stored_sessions=1)["latency median"]
    assert found.reason == "too_noisy"
    assert re.search(r"record more runs \(--trtperf-update\), about \d in all", found.message)


@pytest.mark.parametrize(("remedy", "hint"), [(BASELINE, ": --trtperf-update"), (RECORD, "")])
def test_improvement_is_noted_with_how_to_keep_it(remedy: Remedy, hint: str) -> None:
    notes: list[str] = []
    verdicts(0.8, policy=Policy(remedy=remedy), notes=notes)
    (note,) = (note for note in notes if note.startswith("latency median improved by 20.0%"))
    assert note.removeprefix("latency median improved by 20.0%").startswith(hint)
    assert hint or note.endswith("%")


@pytest.mark.parametrize("short", ["now", "baseline"])
def test_rounds_too_short_for_a_p99_leave_it_out_and_say_so(short: str) -> None:
    def change(session: BaselineSession) -> BaselineSession:
        changed = [msgspec.structs.replace(one, queries=499) for one in session.rounds]
        return session if short == "now" else msgspec.structs.replace(session, rounds=changed)

    queries = 499 if short == "now" else 1000
    now = [msgspec.structs.replace(one, queries=queries) for one in rounds(1.0, 0.0)]
    notes: list[str] = []
    assert verdicts(now=now, change=change, notes=notes).keys() == {"latency median", "throughput"}
    (note,) = notes
    assert f"latency P99 is not compared: a round has {queries} queries here" in note
    # five rounds of 500 queries at 1000 queries a second, and a tenth more
    assert "max_time of at least 2.8 s" in note


def test_doubtful_baseline_is_noted() -> None:
    notes: list[str] = []
    verdicts(change=lambda session: msgspec.structs.replace(session, steady=False), notes=notes)
    assert notes == [
        "recorded before the numbers were steady: 1 of the baseline's 1 run; record anew"
    ]


def test_tolerances_by_kind_leave_the_others_alone() -> None:
    gates = closed_load_gates(["gpu_compute", "latency"])
    policy = Policy(tolerance={"p99": 0.2, "throughput": 0.03})
    assert [policy.tolerance_of(gate) for gate in gates] == [0.05, 0.2, 0.03]
    assert [Policy(tolerance=0.07).tolerance_of(gate) for gate in gates] == [0.07] * 3
    assert [Policy().tolerance_of(gate) for gate in gates] == [0.05, 0.1, 0.05]
