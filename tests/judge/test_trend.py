"""What a series of nights says on its last night."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_trtperf.analysis.gates import Gate, closed_load_gates
from pytest_trtperf.judge.trend import Trend, trend_of
from pytest_trtperf.record.history import Night, Series

MEDIAN, _, THROUGHPUT = closed_load_gates({"latency"})


def trend(gate: Gate, values: list[float | None]) -> Trend:
    """The trend of one value a night."""
    nights = [Night(f"night {number}", f"{number}.json", None) for number in range(len(values))]
    return trend_of(Series("nvidia-h200", "tensorrt", "t", gate, nights, values))


def levels(before: float, after: float) -> list[float | None]:
    """Forty nights at a level and ten at another, with a noise of 0.5 %."""
    noise = np.random.default_rng(0).normal(0, 0.005, 50)
    return [*(np.repeat([before, after], [40, 10]) * np.exp(noise)).tolist()]


@pytest.mark.parametrize(("missing", "state"), [(0, "too_short"), (6, "too_short"), (7, "ended")])
def test_a_series_without_a_value_in_the_last_seven_nights_has_ended(
    missing: int, state: str
) -> None:
    found = trend(MEDIAN, [*[1.0] * 5, *[None] * missing])
    assert (found.state, found.measured) == (state, 5)


@pytest.mark.parametrize(("missing", "is_alarm"), [(6, True), (7, False)])
def test_a_series_that_has_ended_alarms_no_more(missing: int, is_alarm: bool) -> None:
    assert trend(MEDIAN, [*levels(1.0, 1.1), *[None] * missing]).is_alarm == is_alarm
