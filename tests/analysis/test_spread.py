"""What all entries of a repository know of sessions, runs and days."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_trtperf.analysis.moderation import MOST_FREEDOM, Variance, fit, sum_of
from pytest_trtperf.analysis.shift import LEAST_CONTROLS, Controls
from pytest_trtperf.analysis.spread import UNKNOWN, SessionFigure, Spread, StoredRun
from tests.analysis.sessions import run


def repository(
    seed: int = 0,
    entries: int = 100,
    runs: int = 4,
    sessions: int = 3,
    day: float = 0.0,
    between: float = 0.0,
    session: float = 0.003,
) -> list[list[StoredRun]]:
    """Entries that were recorded together, each with an engine of its own."""
    random = np.random.default_rng(seed)
    days = random.normal(0, day, runs)
    found = []
    for _ in range(entries):
        engine = random.normal(0, 1)
        own = random.normal(0, between, runs)
        found.append(
            [
                run(
                    *np.exp(engine + days[r] + own[r] + random.normal(0, session, sessions)),
                    label=str(r),
                )
                for r in range(runs)
            ]
        )
    return found


def test_sessions_runs_and_days_are_distinguished() -> None:
    found = [
        Spread.of(repository(seed, day=0.01, between=0.004, session=0.003)) for seed in range(20)
    ]
    session = math.sqrt(np.mean([one.session.value for one in found]))
    runs = math.sqrt(np.mean([one.run.value for one in found if one.run]))
    day = math.sqrt(np.mean([one.day.value for one in found if one.day]))
    assert session == pytest.approx(0.003, rel=0.05)
    assert runs == pytest.approx(math.sqrt(0.004**2 + 0.003**2 / 3), rel=0.05)
    assert day == pytest.approx(0.01, rel=0.25)
    assert {one.day.freedom for one in found if one.day} == {3.0}


def test_a_day_is_seen_only_where_many_entries_share_it() -> None:
    assert Spread.of(repository(entries=4, day=0.01)).day is None
    alone = [[run(1.0, 1.0, label=f"{entry}{r}") for r in range(2)] for entry in range(20)]
    assert Spread.of(alone).day is None


def test_one_run_each_shows_no_spread_of_runs() -> None:
    found = Spread.of(repository(runs=1))
    assert (found.run, found.day) == (None, None)
    assert math.sqrt(found.session.value) == pytest.approx(0.003, rel=0.1)


def test_a_small_repository_assumes_what_is_usual() -> None:
    assert Spread.of([[run(1.0, 1.0, 1.0)]]).session == UNKNOWN
    assert Spread.of([]) == Spread()
    noisy = StoredRun("a", (SessionFigure.of([0.9, 1.1, 0.9, 1.1, 1.0]),))
    assert Spread.of([[noisy]]).session.value > UNKNOWN.value


def test_odd_runs_of_a_few_entries_leave_the_others_alone() -> None:
    clean = repository()
    spoilt = [list(runs) for runs in clean]
    for entry in range(5):
        levels = [1.1 * math.exp(one.mean) for one in spoilt[entry][entry % 4].sessions]
        spoilt[entry][entry % 4] = run(*levels, label=str(entry % 4))
    before, after = Spread.of(clean), Spread.of(spoilt)
    assert before.run
    assert after.run
    assert after.run.value == pytest.approx(before.run.value, rel=0.1)
    assert len(after.even_runs(spoilt[0])) == 3
    assert after.even_runs(clean[50]) == clean[50]


def test_a_majority_of_runs_is_always_left() -> None:
    levels = [1.0, 1.0, 1.0, 1.3, 1.3]
    runs = [run(level, level, level, label=str(r)) for r, level in enumerate(levels)]
    kept = Spread.of([runs]).even_runs(runs)
    assert [one.label for one in kept] == ["0", "1", "2"]
    four = [run(level, label=str(r)) for r, level in enumerate([1.0, 1.0, 1.3, 1.3])]
    assert len(Spread.of([four]).even_runs(four)) >= 3


def test_a_prior_is_as_sure_as_its_entries_agree() -> None:
    random = np.random.default_rng(0)
    alike = fit(Variance(float(x) / 4, 4.0) for x in random.chisquare(4, 300))
    assert alike.freedom == MOST_FREEDOM
    assert alike.value == pytest.approx(1, rel=0.1)
    scales = 4 / random.chisquare(4, 300)
    apart = fit(
        Variance(float(s * x) / 4, 4.0)
        for s, x in zip(scales, random.chisquare(4, 300), strict=True)
    )
    assert 2 < apart.freedom < 8
    assert apart.value == pytest.approx(1, rel=0.2)


def test_pairs_of_runs_do_not_mislead_the_prior() -> None:
    random = np.random.default_rng(1)
    found = [fit(Variance(float(x), 1.0) for x in random.chisquare(1, 200)) for _ in range(50)]
    assert np.mean([one.value for one in found]) == pytest.approx(1, rel=0.05)
    assert np.mean([one.freedom == MOST_FREEDOM for one in found]) > 0.8


def test_an_entry_of_its_own_is_shrunk_to_the_others() -> None:
    prior = Variance(1.0, 6.0)
    assert prior.moderated(Variance(4.0, 2.0)) == Variance(1.75, 8.0)
    assert prior.moderated(Variance(0.0, 0.0)) == prior


def test_the_freedom_of_a_sum_is_satterthwaites() -> None:
    total = sum_of([Variance(1.0, 2.0), Variance(3.0, 6.0), Variance(0.0, 0.0)])
    assert total.value == 4
    assert total.freedom == pytest.approx(16 / (1 / 2 + 9 / 6))
    assert sum_of([]).value == 0


def test_nothing_to_fit() -> None:
    with pytest.raises(ValueError, match="degree of freedom"):
        fit([Variance(1.0, 0.0)])


def test_the_shift_is_the_median_of_unchanged_engines() -> None:
    controls = Controls()
    for change in (0.05, 0.051, 0.049, 0.3):
        controls.add("throughput", change)
    assert LEAST_CONTROLS == 5
    assert controls.shift("throughput") is None
    controls.add("throughput", 0.05)
    found = controls.shift("throughput")
    assert found is not None
    assert (found.value, found.controls) == (0.05, 5)
    assert found.variance.freedom == 4
    assert controls.shift("latency P99") is None
