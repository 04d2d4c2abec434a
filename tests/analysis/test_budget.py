"""Budgets: what passes, what fails, and what is too close to decide."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_trtperf.analysis.budget import (
    judge_percentile,
    judge_throughput,
    least_queries,
    least_seconds,
)
from pytest_trtperf.analysis.regression import LOOKS
from pytest_trtperf.analysis.verdict import Status

ORDER = {Status.PASS: 0, Status.INCONCLUSIVE: 1, Status.FAIL: 2}
SEEDS = st.integers(0, 2**32 - 1)


def latencies(seed: int, rounds: int = 5, queries: int = 600) -> list[np.ndarray]:
    """Rounds of skewed latencies; whole numbers, so that no factor can merge two of them."""
    random = np.random.default_rng(seed)
    return [np.ceil(random.gamma(20, 50, queries)) for _ in range(rounds)]


def correlated(random: np.random.Generator, count: int, memory: float) -> np.ndarray:
    """Standard normal values, each remembering its predecessor (AR 1)."""
    values = random.normal(size=count)
    for index in range(1, count):
        values[index] = memory * values[index - 1] + math.sqrt(1 - memory**2) * values[index]
    return values


@pytest.mark.parametrize(
    ("p", "alpha", "expected"),
    [(99, 0.05, 299), (99, 0.01, 459), (50, 0.25, 2), (99.9, 0.05, 2995), (1, 0.4, 1)],
)
def test_least_queries(p: float, alpha: float, expected: int) -> None:
    assert least_queries(p, alpha) == expected


@pytest.mark.parametrize(
    ("limit", "status"),
    [(1.2, Status.FAIL), (1.363, Status.INCONCLUSIVE), (1.6, Status.PASS)],
)
def test_p99_far_from_the_limit_is_decided(limit: float, status: Status) -> None:
    random = np.random.default_rng(0)
    verdict = judge_percentile([random.gamma(50, 0.02, 1000) for _ in range(5)], 99, limit)
    assert verdict.status is status
    assert verdict.lower is not None
    assert verdict.upper is not None
    assert verdict.lower < verdict.value < verdict.upper
    assert f"{limit:.4g} ms" in verdict.message


@given(SEEDS, st.floats(0.5, 2))
def test_bounds_are_the_limits_at_which_the_answer_turns(seed: int, factor: float) -> None:
    rounds = latencies(seed)
    limit = 1500 * factor
    verdict = judge_percentile(rounds, 99, limit)
    assert verdict.lower is not None
    assert verdict.upper is not None
    assert (verdict.status is Status.FAIL) == (limit < verdict.lower)
    assert (verdict.status is Status.PASS) == (limit >= verdict.upper)


@given(SEEDS, st.floats(1000, 2000), st.floats(1, 1.5))
def test_slowdown_never_helps(seed: int, limit: float, slowdown: float) -> None:
    rounds = latencies(seed)
    before = judge_percentile(rounds, 99, limit)
    after = judge_percentile([slowdown * one for one in rounds], 99, limit)
    assert ORDER[after.status] >= ORDER[before.status]


@given(SEEDS, st.floats(1000, 2000))
def test_order_and_unit_do_not_matter(seed: int, limit: float) -> None:
    rounds = latencies(seed)
    first = judge_percentile(rounds, 95, limit)
    turned = judge_percentile([one[::-1] for one in rounds[::-1]], 95, limit)
    scaled = judge_percentile([one / 1024 for one in rounds], 95, limit / 1024)
    assert turned == first
    assert (scaled.status, scaled.reason) == (first.status, first.reason)


def test_clustered_slow_queries_widen_the_bounds() -> None:
    rounds = latencies(1)
    spread = judge_percentile(rounds, 99, 1500)
    pooled = np.sort(np.concatenate(rounds))
    clustered = judge_percentile(np.split(pooled, 5), 99, 1500)
    assert clustered.value == spread.value
    assert clustered.lower is None or spread.lower is None or clustered.lower < spread.lower
    assert spread.upper is not None
    assert clustered.upper is None or clustered.upper > pooled[-1] > spread.upper


def test_drift_between_rounds_does_not_matter_far_below_the_limit() -> None:
    random = np.random.default_rng(3)
    levels = np.repeat([0.920, 0.925, 0.930, 0.935, 0.940], 2)
    rounds = [random.normal(level, 0.001, 1000) for level in levels]
    assert judge_percentile(rounds[:5], 99, 2.0).status is Status.PASS
    assert judge_percentile(rounds, 99, 2.0).status is Status.PASS
    near = judge_percentile(rounds, 99, 0.945)
    assert (near.status, near.reason) == (Status.INCONCLUSIVE, "overlaps_limit")
    assert judge_percentile(rounds, 99, 0.9).status is Status.FAIL


@given(SEEDS, st.floats(0, 0.01), st.floats(0, 0.9))
def test_twice_the_maximum_passes_whatever_the_drift(
    seed: int, drift: float, memory: float
) -> None:
    random = np.random.default_rng(seed)
    series = np.split(np.exp(0.003 * correlated(random, 4000, memory)), 8)
    rounds = [one * (1 + drift * random.normal()) for one in series]
    limit = 2 * max(one.max() for one in rounds)
    assert judge_percentile(rounds, 99, limit).status is Status.PASS


@given(SEEDS, st.floats(0.5, 2))
def test_drift_never_narrows_what_passes(seed: int, drift: float) -> None:
    rounds = latencies(seed)
    steady = judge_percentile(rounds, 99, 1500)
    drifting = judge_percentile(
        [one + 500 * drift * index for index, one in enumerate(rounds)], 99, 1500
    )
    assert steady.upper is not None
    assert drifting.upper is None or drifting.upper > steady.upper


def test_limit_beyond_the_reach_of_the_drift_passes() -> None:
    random = np.random.default_rng(3)
    rounds = [random.normal(level, 0.01, 1000) for level in (1.0, 1.1, 1.2)]
    verdict = judge_percentile(rounds, 99, 5.0)
    assert verdict.status is Status.PASS
    # The next round may lie where the levels would be, were they further apart.
    assert verdict.upper is not None
    assert verdict.upper > 1.2 + 0.1 * 3
    assert judge_percentile(rounds, 99, 1.4).status is Status.INCONCLUSIVE


def test_bursts_inside_every_round_widen_the_bounds() -> None:
    random = np.random.default_rng(4)
    quiet = [np.sort(random.normal(1, 0.01, 500)) for _ in range(5)]
    together = judge_percentile([np.roll(one, 100) for one in quiet], 99, 1.5)
    scattered = judge_percentile([random.permutation(one) for one in quiet], 99, 1.5)
    assert together.value == scattered.value
    assert scattered.upper is not None
    assert together.upper is None or together.upper > scattered.upper
    assert together.lower is None or scattered.lower is None or together.lower < scattered.lower


@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_false_passes_stay_near_the_level_with_correlated_queries(memory: float) -> None:
    random = np.random.default_rng(2)
    limit = math.exp(0.1 * 2.3263478740408408)
    verdicts = [
        judge_percentile(
            np.split(np.exp(0.1 * correlated(random, 2500, memory)), 5), 99, limit
        ).status
        for _ in range(150)
    ]
    assert verdicts.count(Status.PASS) / len(verdicts) < 0.12
    assert verdicts.count(Status.FAIL) / len(verdicts) < 0.12


def test_too_few_queries_says_how_many_are_needed() -> None:
    verdict = judge_percentile(latencies(0, rounds=5, queries=20), 99, 5000)
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.reason == "too_few_queries"
    assert verdict.upper is None
    needed = int(verdict.message.split("about ")[1].split()[0])
    assert needed >= least_queries(99, 0.05)
    enough = judge_percentile(latencies(0, rounds=5, queries=needed // 5 + 1), 99, 5000)
    assert enough.status is Status.PASS


def test_time_of_the_queries_that_are_needed_is_named() -> None:
    verdict = judge_percentile(latencies(0, rounds=5, queries=20), 99, 5000, seconds=30)
    needed = int(verdict.message.split("about ")[1].split()[0])
    assert f"about {needed} are needed, {needed * 0.3:.3g} s" in verdict.message


@pytest.mark.parametrize(
    ("p", "seconds", "reason"),
    [
        (99, 5.9, "short_time"),
        (99, 6.0, "within_limit"),
        (90, 0.59, "short_time"),
        (90, 0.61, "within_limit"),
    ],
)
def test_nothing_passes_between_two_bursts(p: float, seconds: float, reason: str) -> None:
    rounds = latencies(0)
    verdict = judge_percentile(rounds, p, 3000, seconds=seconds)
    assert verdict.reason == reason
    assert (verdict.status is Status.PASS) == (reason == "within_limit")
    assert f"{least_seconds(p):.2g} s at least" in verdict.message
    assert judge_percentile(rounds, p, 500, seconds=seconds).status is Status.FAIL


def test_long_rounds_count_as_several() -> None:
    uppers: list[list[float | None]] = []
    for seed in range(10):
        random = np.random.default_rng(seed)
        rounds = [random.normal(300, 3, 400) for _ in range(5)]
        found = [judge_percentile(rounds, 99, 310, seconds=seconds) for seconds in (4.9, 600)]
        uppers.append([one.upper for one in found])
    short, long = np.transpose(np.array(uppers, float))
    assert long.mean() < short.mean()
    # Of 90 queries of a slow engine no part would have one that is expected to be slow.
    few = [one[:18] for one in rounds]
    assert judge_percentile(few, 99, 290, seconds=27).lower == judge_percentile(few, 99, 290).lower


def test_few_queries_that_are_all_too_slow_fail() -> None:
    assert judge_percentile(latencies(0, queries=20), 99, 100).status is Status.FAIL


def test_one_round_cannot_decide() -> None:
    for verdict in (judge_percentile(latencies(0, 1), 99, 9e9), judge_throughput([500], 1)):
        assert (verdict.status, verdict.reason) == (Status.INCONCLUSIVE, "too_few_rounds")


def test_constant_latency_equal_to_the_limit_passes() -> None:
    rounds = [np.full(500, 2.0)] * 5
    assert judge_percentile(rounds, 99, 2.0).status is Status.PASS
    assert judge_percentile(rounds, 99, 1.999).status is Status.FAIL


@pytest.mark.parametrize(
    ("limit", "status"),
    [(450, Status.PASS), (500, Status.INCONCLUSIVE), (550, Status.FAIL)],
)
def test_throughput(limit: float, status: Status) -> None:
    verdict = judge_throughput([495, 505, 500, 498, 503], limit)
    assert verdict.status is status
    assert f"{limit} qps" in verdict.message


@pytest.mark.parametrize(
    "rounds",
    [
        [480, 505, 500, 510, 495],
        [480, 485, 490, 500, 505, 505, 510, 506],
        [500, 510],
        [1, 2, 3] * 9,
    ],
)
def test_bounds_of_a_throughput_are_students_with_correlated_rounds(rounds: list[float]) -> None:
    verdict = judge_throughput(rounds, 500, alpha=0.01)
    logs = np.log(rounds)
    count, apart = len(rounds), logs - logs.mean()
    found = (apart[1:] * apart[:-1]).sum() / (apart**2).sum()
    r = min(max(found + (1 + 3 * max(found, 0)) / count + count**-0.5, 0), 0.95)
    error = stats.sem(logs) * math.sqrt((1 + r) / (1 - r))
    t = stats.t(max((count - 1) / 2, 1), logs.mean(), error)
    assert verdict.value == pytest.approx(math.exp(logs.mean()))
    assert [verdict.lower, verdict.upper] == pytest.approx(np.exp(t.ppf([0.01, 0.99])).tolist())


def test_constant_throughput_equal_to_the_limit_passes() -> None:
    assert judge_throughput([333.3] * 5, 333.3).status is Status.PASS


@given(
    st.lists(st.floats(100, 1000), min_size=2, max_size=20),
    st.floats(100, 1000),
    st.floats(0.5, 1),
)
def test_lower_throughput_never_helps(rounds: list[float], limit: float, factor: float) -> None:
    before = judge_throughput(rounds, limit)
    after = judge_throughput(np.array(rounds) * factor * (1 - 1e-9), limit)
    assert ORDER[after.status] >= ORDER[before.status]
    assert judge_throughput(rounds[::-1], limit) == before


def first_conclusion(rounds: np.ndarray) -> Status:
    """Of the looks at a throughput of 100 queries per second."""
    verdicts = (judge_throughput(rounds[:look], 100).status for look in LOOKS)
    return next((one for one in verdicts if one is not Status.INCONCLUSIVE), Status.INCONCLUSIVE)


def test_looks_at_a_throughput_that_is_the_limit_share_the_error() -> None:
    def concluded(seed: int) -> Status:
        noise = np.random.default_rng(seed).normal(0, 0.005, LOOKS[-1])
        return first_conclusion(100 * np.exp(noise))

    found = [concluded(seed) for seed in range(1000)]
    assert found.count(Status.PASS) <= 10
    assert found.count(Status.FAIL) <= 10


@pytest.mark.parametrize("memory", [0.5, 0.7])
def test_rounds_that_remember_the_last_one_do_not_feign_certainty(memory: float) -> None:
    def concluded(seed: int) -> Status:
        rounds = correlated(np.random.default_rng(seed), LOOKS[-1], memory)
        return first_conclusion(100 * np.exp(0.005 * rounds))

    found = [concluded(seed) for seed in range(500)]
    # 19 and 31 % where rounds count as independent
    assert found.count(Status.PASS) <= 40
    assert found.count(Status.FAIL) <= 40


@pytest.mark.parametrize("limit", [0, -1, math.nan, math.inf])
def test_limits_that_mean_nothing_are_refused(limit: float) -> None:
    with pytest.raises(ValueError, match="limit"):
        judge_percentile(latencies(0), 99, limit)
    with pytest.raises(ValueError, match="limit"):
        judge_throughput([1, 2], limit)


def test_options_and_samples_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="percentile 100"):
        judge_percentile(latencies(0), 100, 1)
    with pytest.raises(ValueError, match="alpha"):
        judge_throughput([1, 2], 1, alpha=0.5)
    with pytest.raises(ValueError, match="no rounds"):
        judge_percentile([], 99, 1)
    with pytest.raises(ValueError, match="no samples"):
        judge_percentile([[1.0], []], 99, 1)
    with pytest.raises(ValueError, match="must be positive"):
        judge_throughput([1, 0], 1)
