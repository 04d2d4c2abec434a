"""Directions of outputs, and their best classes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from pytest_trtperf.analysis.similarity import (
    cosine_similarities,
    describe_dissimilarity,
    describe_other_classes,
)

NAN, INF = np.nan, np.inf
VALUES = st.floats(-1e3, 1e3, width=32)
TABLES = npst.arrays(
    np.float64, npst.array_shapes(min_dims=2, max_dims=2, min_side=2), elements=VALUES
)


@given(TABLES)
def test_a_row_has_the_direction_of_its_multiples(rows):
    factors = np.arange(1, len(rows) + 1)[:, None]
    np.testing.assert_allclose(cosine_similarities(rows * factors, rows), 1)
    some = np.abs(rows).max(axis=1) > 0
    np.testing.assert_allclose(cosine_similarities(-rows, rows), np.where(some, -1, 1))
    assert describe_dissimilarity(rows * factors, rows, 1) is None


@given(npst.arrays(np.float64, (2, 3, 5), elements=VALUES))
def test_similarity_is_the_cosine_of_the_angle(pair):
    ours, theirs = pair
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    known = lengths > 1e-100
    found = cosine_similarities(ours, theirs)
    expected = np.sum(ours * theirs, axis=1)[known] / lengths[known]
    np.testing.assert_allclose(found[known], expected, atol=1e-12)
    np.testing.assert_allclose(found, cosine_similarities(theirs, ours))


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_scale_does_not_matter(scale):
    rows = np.array([[3.0, 4.0], [1.0, 0.0]])
    np.testing.assert_allclose(cosine_similarities(rows * scale, rows[::-1]), [0.6, 0.6])


def test_one_bad_row_of_a_batch_is_found():
    theirs = np.ones((8, 4), np.float32)
    ours = theirs.copy()
    ours[3] = [1, 1, 1, -1]
    assert describe_dissimilarity(ours, theirs, 0.5) is None
    assert str(describe_dissimilarity(ours, theirs, 0.9)).splitlines() == [
        "the cosine similarity of 1 of 8 rows is below 0.9",
        "    lowest cosine similarity 0.5 at [3]",
    ]


@pytest.mark.parametrize("shape", [(), (6,), (6, 1), (1, 6)])
def test_rows_of_single_values_are_one(shape):
    theirs = np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape)
    assert cosine_similarities(theirs * 2, theirs) == pytest.approx([1])


@pytest.mark.parametrize(
    ("ours", "theirs", "similarity"),
    [
        ([0, 0], [0, 0], 1),
        ([0, 0], [0, 1], 0),
        ([1, 0], [0, 0], 0),
        ([1, NAN], [2, NAN], 1),
        ([1, INF], [2, INF], 1),
        ([NAN, INF], [NAN, INF], 1),
        ([1, INF], [1, -INF], NAN),
        ([1, NAN], [1, 2], NAN),
        ([1, 2], [1, INF], NAN),
    ],
)
def test_zeros_and_what_is_not_finite(ours, theirs, similarity):
    ours, theirs = np.array([ours]), np.array([theirs])
    np.testing.assert_equal(cosine_similarities(ours, theirs), [similarity])
    text = describe_dissimilarity(ours, theirs, 0.5)
    assert (text is None) == (similarity == 1)
    if np.isnan(similarity):
        assert "lowest cosine similarity not defined at [0]: one of the two has" in str(text)


def best(row, k):
    return set(np.argsort(-row)[:k])


@given(st.data(), st.integers(2, 6))
def test_classes_are_those_of_the_reference(data, classes):
    orders = st.permutations(range(classes)).map(np.array)
    ours, theirs = (np.array([data.draw(orders) for _ in range(3)]) for _ in range(2))
    k = data.draw(st.integers(1, classes - 1))
    text = describe_other_classes(ours, theirs, k, 0.0)
    rows = sum(best(a, k) != best(b, k) for a, b in zip(ours, theirs, strict=True))
    assert (text is None) == (rows == 0)
    if rows:
        assert str(text).startswith(f"{rows} of 3 rows have other classes among the {k} largest")


@given(
    npst.arrays(np.float32, (3, 5), elements=st.integers(-2, 2).map(float)),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
def test_ties_at_the_border_are_equal(theirs, k, random):
    """Whatever order a kernel gives equal values, by less than a rounding."""
    assume((np.partition(theirs, -k)[:, [-k]] > theirs.min(axis=1, keepdims=True)).any())
    noise = np.array([random.random() for _ in range(15)]).reshape(3, 5) / 4
    assert describe_other_classes(theirs + noise, theirs, k, 0.0) is None
    assert describe_other_classes(theirs, theirs + noise, k, 0.0, atol=0.25) is None


def test_near_ties_are_equal_by_the_spread_of_a_row():
    theirs = np.array([[100.0, 101.0, 100.99, 99.0]])
    ours = theirs[:, [0, 2, 1, 3]]
    # The level of a row, which has no meaning in logits, makes no ties.
    assert describe_other_classes(ours, theirs, 1, 0.02) is None
    assert describe_other_classes(ours, theirs, 1, 0.001) is not None
    assert describe_other_classes(ours, theirs, 1, 0.0, atol=0.02) is None
    assert describe_other_classes(ours, theirs, 1, 1.0, atol=0.001) is not None
    assert describe_other_classes(np.roll(theirs, 2, axis=1), theirs, 1, 0.02) is not None


def test_what_differs_is_named():
    theirs = np.array([[[1.0, 2.0, 3.0]], [[9.0, 5.0, 7.0]]])
    ours = np.array([[[1.0, 2.0, 3.0]], [[6.5, 6.0, 8.0]]])
    assert str(describe_other_classes(ours, theirs, 1, 0.01)).splitlines() == [
        "1 of 2 rows have other classes among the 1 largest, where values within 0.0163 are equal",
        "    the first at [1, 0]: class 2 is 7 in the reference, whose 1 largest begin at 9",
    ]
    assert describe_other_classes(ours, theirs, 2, 0.01) is None
    flat = describe_other_classes(ours[1, 0], theirs[1, 0], 1, 0.01)
    assert "\n    the first: class 2" in str(flat)


def test_one_value_for_all_has_no_best_class():
    theirs = np.array([[1.0, 2.0, 3.0]])
    for k in (1, 2):
        assert describe_other_classes(np.zeros((1, 3)), theirs, k, 0.01) is not None
        for theirs_too in (np.ones((1, 3)), np.full((1, 3), -INF)):
            text = describe_other_classes(theirs, theirs_too, k, 0.01)
            assert text == (
                f"all values of the reference are among the {k} largest: nothing is compared"
            )


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ([NAN, 1, 2], [NAN, 1, 2], True),
        ([NAN, 1, 2], [0, 1, 2], False),
        ([0, 1, 2], [NAN, 1, 2], False),
        ([0, 1, INF], [0, 1, 2], True),
        ([0, INF, 2], [0, 1, 2], False),
        ([-INF, 1, 2], [-INF, 1, 2], True),
        ([-INF, -INF, -INF], [-INF, 1, -INF], False),
        ([-INF, 1, -INF], [-INF, -INF, 0], False),
    ],
)
def test_classes_that_are_not_finite(ours, theirs, same):
    text = describe_other_classes(np.array([ours]), np.array([theirs]), 1, 0.01)
    assert (text is None) == same
