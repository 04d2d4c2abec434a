"""The ratio of two engines by chunks in turns, on a machine that is not still."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_trtperf.analysis.chunks import chunked_ratio, most_frequent_ratio

GROUPS, PAIRS = 8, 50


Groups = list[np.ndarray]


def groups(seed: int = 0, slower: float = 0.1, start_sd: float = 0.0) -> tuple[Groups, Groups]:
    """Chunks on a machine that is half as fast again for a while, now and then."""
    random = np.random.default_rng(seed)
    machine = math.log(1.5) * (np.cumsum(random.random((GROUPS, PAIRS)) < 0.1) % 2)
    machine = machine.reshape(GROUPS, PAIRS)
    noise = random.normal(0, 0.02, (2, GROUPS, PAIRS))
    starts = random.normal(0, start_sd, (2, GROUPS, 1))
    return (
        list(np.exp(machine + noise[0] + starts[0]) * (1 + slower)),
        list(np.exp(machine + noise[1] + starts[1])),
    )


def test_what_the_machine_does_falls_on_both() -> None:
    ratio = chunked_ratio(*groups(), fresh=False)
    assert ratio.value == pytest.approx(1.1, rel=0.01)
    assert 1.05 < ratio.lower < 1.1 < ratio.upper < 1.15
    assert ratio.new / ratio.reference == pytest.approx(1.1, rel=0.1)


def test_chunks_that_something_fell_upon_do_not_matter() -> None:
    new, reference = groups()
    for group in new:
        group[:10] *= 20
    ratio = chunked_ratio(new, reference, fresh=False)
    assert ratio.value == pytest.approx(1.1, rel=0.02)


def test_starts_that_differ_widen_the_interval() -> None:
    still, moved = (chunked_ratio(*groups(start_sd=sd), fresh=True) for sd in (0.0, 0.02))
    assert moved.upper / moved.lower > 2 * still.upper / still.lower - 1
    assert moved.lower < 1.1 < moved.upper


def test_groups_that_resemble_their_neighbours_widen_it() -> None:
    new, reference = groups(slower=0.0)
    new = [group * (1.03 if place < GROUPS // 2 else 1.0) for place, group in enumerate(new)]
    mixed = [new[place] for place in (0, 4, 1, 5, 2, 6, 3, 7)]
    theirs = [reference[place] for place in (0, 4, 1, 5, 2, 6, 3, 7)]
    in_a_row, in_turns = (
        chunked_ratio(new, reference, fresh=False),
        chunked_ratio(mixed, theirs, fresh=False),
    )
    assert in_a_row.value == pytest.approx(in_turns.value)
    assert math.log(in_a_row.upper / in_a_row.lower) > 1.5 * math.log(
        in_turns.upper / in_turns.lower
    )


def test_one_group_bounds_nothing() -> None:
    new, reference = groups()
    ratio = chunked_ratio(new[:1], reference[:1], fresh=False)
    assert (ratio.lower, ratio.upper) == (0.0, math.inf)


def test_equal_groups_have_an_interval_of_no_width() -> None:
    ratio = chunked_ratio([[2.0, 2.0]] * 4, [[1.0, 1.0]] * 4, fresh=True)
    assert (ratio.lower, ratio.value, ratio.upper) == pytest.approx((2.0, 2.0, 2.0))


@pytest.mark.parametrize(
    ("new", "reference"), [([], []), ([[1.0]], []), ([[1.0, 2.0]], [[1.0]]), ([[0.0]], [[1.0]])]
)
def test_what_does_not_fit_is_refused(new: list[list[float]], reference: list[list[float]]) -> None:
    with pytest.raises(ValueError):
        chunked_ratio(new, reference, fresh=False)


def queries(seed: int = 0, slower: float = 0.1, share: float = 0.5) -> tuple[Groups, Groups]:
    """Queries of which a share has one core in place of two: of the reference all others."""
    random = np.random.default_rng(seed)
    times = np.exp(random.normal(0, 0.03, (2, GROUPS, 200)))
    times[0] *= np.where(random.random((GROUPS, 200)) < share, 1.5, 1.0) * (1 + slower)
    times[1] *= np.where(random.random((GROUPS, 200)) < 1 - share, 1.5, 1.0)
    times *= np.where(random.random(times.shape) < 0.1, random.uniform(5, 50, times.shape), 1.0)
    return list(times[0]), list(times[1])


@pytest.mark.parametrize("share", [0.4, 0.5, 0.6])
def test_how_often_a_query_has_all_cores_does_not_matter(share: float) -> None:
    ratio = most_frequent_ratio(*queries(share=share), fresh=True)
    assert ratio.value == pytest.approx(1.1, rel=0.02)
    assert 1.05 < ratio.lower < 1.1 < ratio.upper < 1.15


def test_groups_of_other_numbers_of_queries_are_compared() -> None:
    new, reference = queries()
    ratio = most_frequent_ratio([one[:150] for one in new], reference, fresh=True)
    assert ratio.value == pytest.approx(1.1, rel=0.03)


def test_many_queries_are_thinned() -> None:
    new, reference = ([np.tile(one, 100) for one in side] for side in queries())
    assert most_frequent_ratio(new, reference, fresh=True).value == pytest.approx(1.1, rel=0.05)


@pytest.mark.parametrize(("new", "reference"), [([], []), ([[1.0]], []), ([[0.0]], [[1.0]])])
def test_queries_that_do_not_fit_are_refused(
    new: list[list[float]], reference: list[list[float]]
) -> None:
    with pytest.raises(ValueError):
        most_frequent_ratio(new, reference, fresh=False)
