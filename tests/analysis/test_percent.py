"""Signed percentages of changes."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_trtperf.analysis.percent import (
    percent_interval,
    share_words,
    signed_percent,
    slowdown_words,
)

SHARES = st.floats(-0.9995, 10, exclude_max=True)
DIGITS = st.integers(0, 3)


@given(SHARES, DIGITS)
@example(-0.0, 1)
@example(-0.0004999, 1)
@example(-0.000501, 1)
def test_is_the_nearest_number_with_a_sign(share, digits):
    text = signed_percent(share, digits)
    assert text[0] in "+-"
    assert text[-1] == "%"
    assert len(text[:-1].partition(".")[2]) == digits
    shown = float(text[:-1])
    assert abs(shown - 100 * share) <= 0.5 / 10**digits * (1 + 1e-9) + 1e-9
    # Minus means that the number shown is below zero, and plus that it is not.
    assert (text[0] == "-") == (shown < 0)


@given(st.floats(0, 0.0004999), DIGITS.filter(lambda digits: digits <= 1))
def test_zero_is_the_same_from_either_side(share, digits):
    assert signed_percent(-share, digits) == signed_percent(share, digits)
    assert signed_percent(share, digits) in ("+0%", "+0.0%")


@pytest.mark.parametrize(("share", "text"), [(math.inf, "infx"), (-math.inf, "-inf%")])
def test_what_is_no_number_stays(share, text):
    assert signed_percent(share) == text


@given(SHARES, SHARES, DIGITS)
def test_an_interval_shows_its_bounds_alike(lower, upper, digits):
    shown = f"{signed_percent(lower, digits)}, {signed_percent(upper, digits)}"
    assert percent_interval(lower, upper, digits) == f"[{shown}]"


@pytest.mark.parametrize(
    ("lower", "upper", "text"),
    [
        (0.7433, 242, "[1.7x, 243x]"),
        (-0.5, 12, "[0.50x, 13x]"),
        (20, 242, "[21x, 243x]"),
        (None, 242, "[, 243x]"),
        (0.7433, 9.9, "[+74.3%, +990.0%]"),
        (20, None, "[21x, ]"),
    ],
)
def test_an_interval_has_one_unit(lower, upper, text):
    assert percent_interval(lower, upper) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.042, "4.2%"), (1.0, "100.0%"), (3.041, "4.0x"), (9.3, "10x"), (42, "43x")],
)
def test_slowdowns_above_twice_are_factors(share, text):
    assert slowdown_words(share) == text


def test_unknown_bounds_are_empty():
    assert percent_interval(None, -1e-9) == "[, +0.0%]"
    assert percent_interval(0.05, None) == "[+5.0%, ]"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.098, "+9.8%"),
        (-0.5, "-50.0%"),
        (9.99, "+999.0%"),
        (42.2, "43x"),
        (1e300, "1e+300x"),
        (-0.9996, "<-99.9%"),
        (-1, "-100.0%"),
    ],
)
def test_far_changes_are_factors_or_next_to_nothing(share, text):
    assert signed_percent(share) == text


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (1e-6, "0.0001%"),
        (0.0045, "0.45%"),
        (0.078, "7.8%"),
        (0.1, "10%"),
        (1.1, "110%"),
        (42.2, "43x"),
        (4.3e9, "4.3e+09x"),
    ],
)
def test_a_share_has_two_digits_and_no_exponent_below_a_million(share, words):
    assert share_words(share) == words
