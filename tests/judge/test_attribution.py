"""What a failure says of what else changed."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_trtperf.backend.session import Kernels
from pytest_trtperf.baseline.schema import (
    BaselineEntry,
    BaselineRound,
    BaselineRun,
    BaselineSession,
)
from pytest_trtperf.judge.attribution import MOST_LAYERS, differences, doubts
from pytest_trtperf.record.model import RoundRecord

QUANTILES = {"latency": [1.0] * 21}
SOFTWARE = {"driver": "580", "tensorrt": "10.16"}


def lines(
    *,
    digest: str = "engine",
    plan: str = "plan",
    software: dict[str, str] = SOFTWARE,
    clock: float | None = 1980,
    limit: float | None = 700,
    layers: dict[str, float] | None = None,
    tactics: dict[str, str] | None = None,
    then: dict[str, Any] | None = None,
    kernels: Kernels | None = None,
    kernels_then: tuple[str | None, ...] = (None,),
    others: int | None = None,
) -> list[str]:
    """The lines on a run beside a baseline of the same, but for what is named."""
    before = BaselineRound(queries=1, throughput=1.0, quantiles=QUANTILES, sm_clock_mhz=1980)
    run = BaselineRun(
        recorded="2026-01-01T00:00:00Z", plan="plan", software=SOFTWARE,
        sessions=[BaselineSession(rounds=[before], kernels_digest=one) for one in kernels_then],
        power_limit_w=700, **(then or {}),
    )  # fmt: skip
    state = {"sm_clock_mhz": clock, "power_limit_w": limit, "other_processes": others}
    now = RoundRecord(
        queries=1, throughput=1.0, quantiles=QUANTILES, started=0, ended=1, before={}, after=state
    )
    return differences(
        BaselineEntry(engine="engine", mode={}, shapes={}, runs=[run]),
        digest=digest, plan_sha256=plan, software=software, rounds=[now],
        layers=layers or {}, tactics=tactics or {}, kernels=kernels,
    )  # fmt: skip


@pytest.mark.parametrize("unknown", [{}, {"clock": None}, {"limit": None}, {"clock": 1975.0}])
def test_nothing_is_reported_where_nothing_changed(unknown: dict[str, Any]) -> None:
    assert lines(**unknown) == []


def test_another_engine_is_reported_before_another_plan() -> None:
    assert lines(plan="other") == ["the plan's bytes differ: the same model was built anew"]
    (line,) = lines(digest="other", plan="other")
    assert line == "the model or its build options changed"


def test_another_engine_of_other_software_may_be_by_either() -> None:
    newer = {**SOFTWARE, "tensorrt": "11"}
    first, *others = lines(digest="other", software=newer)
    assert first == "the engine is another: its model, its build options or a version below changed"
    assert len(others) == 1
    assert others[0].startswith("tensorrt: ")
    python = {**SOFTWARE, "python": "3.99"}
    assert lines(digest="other", software=python)[0] == "the model or its build options changed"


def test_other_kernels_are_reported_where_both_are_known() -> None:
    then, now = "0123456789abcdef", Kernels("cached", "f" * 16, ("e" * 16, "f" * 16))
    (line,) = lines(kernels=now, kernels_then=(then, None))
    assert line == (
        "other kernels run than in the baseline: 0123456789ab there, ffffffffffff here, compiled "
        "anew"
    )
    assert lines(kernels=now, kernels_then=(None,)) == []
    assert lines(kernels_then=(then,)) == []
    assert lines(kernels=Kernels("cached"), kernels_then=(then,)) == []
    assert lines(kernels=now, kernels_then=(then, "f" * 16)) == []


def test_kernels_that_more_were_added_to_are_no_others() -> None:
    now = Kernels("cached", "f" * 16, ("e" * 16, "f" * 16))
    assert lines(kernels=now, kernels_then=("e" * 16,)) == []


def test_versions_that_changed_are_lines() -> None:
    software = {"driver": "590", "cuda": "13", "tensorrt": "11.0"}
    assert lines(software=software) == [
        "driver: 580 in the baseline, 590 here",
        "tensorrt: 10.16 in the baseline, 11.0 here",
    ]


def test_clock_and_power_limit_are_reported_with_their_change() -> None:
    assert lines(clock=1802, limit=500) == [
        "SM clock: 1980 MHz in the baseline, 1802 here (-9%)",
        "power limit: 700 W in the baseline, 500 here (-29%)",
    ]


@pytest.mark.parametrize(("then", "now"), [(0, 1), (2, 0)])
def test_another_number_of_contexts_on_the_gpu_is_reported(then: int, now: int) -> None:
    (line,) = lines(others=now, then={"other_contexts": then})
    words = f"other processes with a CUDA context: {then} in the baseline, {now} here: even an idle"
    assert line.startswith(words)
    assert lines(others=now, then={"other_contexts": now}) == []
    assert lines(others=None, then={"other_contexts": then}) == lines(others=now) == []


def test_tactics_are_reported_of_layers_that_are_still_there() -> None:
    then = {"conv1": "fast_kernel", "conv2": "kernel", "gone": "kernel"}
    now = {"conv1": "slow_kernel", "conv2": "kernel", "new": "kernel"}
    assert lines(tactics=now) == []
    assert lines(tactics=now, then={"tactics": then}) == [
        "tactic of layer conv1: fast_kernel in the baseline, slow_kernel here"
    ]


def test_slower_layers_are_listed_by_size_with_their_share() -> None:
    then = {"conv1": 1.0, "conv2": 2.0, "conv3": 3.0}
    now = {"conv1": 1.1, "conv2": 2.3, "conv3": 2.9, "cast": 0.1}
    assert lines(layers=now, then={"layers": then}) == [
        "layer conv2: +0.3 ms, 75% of the change (2 ms before)",
        "layer conv1: +0.1 ms, 25% of the change (1 ms before)",
        "layer cast: +0.1 ms, 25% of the change (new)",
    ]


def test_layers_that_add_next_to_nothing_are_counted_rather_than_listed() -> None:
    then = {"conv1": 1.0, "conv2": 2.0, "conv3": 3.0}
    now = {"conv1": 2.0, "conv2": 2.001, "conv3": 3.001}
    assert lines(layers=now, then={"layers": then}) == [
        "layer conv1: +1 ms, 100% of the change (1 ms before)",
        "2 more layers that got slower: +0.002 ms together",
    ]


def test_many_changes_are_counted_rather_than_listed() -> None:
    names = [f"layer{index}" for index in range(MOST_LAYERS + 3)]
    found = lines(tactics=dict.fromkeys(names, "b"), then={"tactics": dict.fromkeys(names, "a")})
    assert len(found) == MOST_LAYERS + 1
    assert found[-1] == "another tactic of 3 more layers"


def entry(steady: bool = True) -> BaselineEntry:
    """A baseline of two runs of two rounds; others took 20 % of the second one's time."""
    runs = [
        BaselineRun(
            recorded="2026-01-01T00:00:00Z", plan="plan", software={},
            sessions=[BaselineSession(steady=steady, rounds=[
                BaselineRound(queries=1, throughput=1.0, quantiles=QUANTILES, contention=share)
                for share in shares
            ])],
        )
        for shares in ((0.0, 0.0), (0.2, 0.2))
    ]  # fmt: skip
    return BaselineEntry(engine="engine", mode={}, shapes={}, runs=runs)


def test_baseline_of_a_busy_host_is_doubted() -> None:
    (line,) = doubts(entry())
    assert line.startswith("other processes took 10% of the time when the baseline was recorded")


def test_baseline_that_was_not_steady_is_doubted() -> None:
    lines = list(doubts(entry(steady=False)))
    assert lines[1].startswith("recorded before the numbers were steady: 2 of the baseline's 2")


def test_baseline_of_a_gpu_is_not_doubted() -> None:
    first = entry().runs[0]
    assert not list(doubts(BaselineEntry(engine="e", mode={}, shapes={}, runs=[first])))
