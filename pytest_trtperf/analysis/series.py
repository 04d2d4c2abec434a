"""A series of nightly values: the alarm that something got slower.

Values and nights are as in `reference_window`. `benchmarks/trend/nightly.py` measures what the
alarm finds and misses, and makes the table of thresholds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from scipy import special

from pytest_trtperf.analysis.percent import percent_interval, signed_percent
from pytest_trtperf.analysis.reference_window import (
    ALLOWANCE,
    CLIP,
    LEAST,
    LEAST_WINDOW,
    WINDOW,
    IntArray,
    NightlyValues,
    estimate,
    measured,
    step_inside,
    threshold,
)
from pytest_trtperf.analysis.summary import FloatArray

# Nights at the old level that end an alarm however long it stood.
_NIGHTS_BACK = 3


class State(str, Enum):
    """What a series says on its last night."""

    TOO_SHORT = "too_short"
    QUIET = "quiet"
    IMPROVED = "improved"
    ALARM = "alarm"


class Direction(str, Enum):
    """Slower or faster."""

    REGRESSION = "regression"
    IMPROVEMENT = "improvement"


@dataclass(frozen=True)
class Reference:
    """What a series is compared with.

    `first` and `last` are nights, `level` is in the unit of the values, `sd` relative (0.01 is
    1 %), `phi` the autocorrelation from night to night, `threshold` in standard deviations.
    """

    first: int
    last: int
    level: float
    sd: float
    phi: float
    threshold: float


@dataclass(frozen=True)
class Episode:
    """A stretch of nights off the reference: it began at `since` and was noticed on `raised`.

    `ended` is the night on which the series was back, or (`accepted`) on which the new level had
    lasted for a window and became the reference; None while it stands.
    """

    direction: Direction
    since: int
    raised: int
    ended: int | None = None
    accepted: bool = False


@dataclass(frozen=True)
class Size:
    """The level of a standing episode over that of the reference, with a 95 % interval."""

    ratio: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Alarm:
    """The answer of `alarm`.

    `standing` and its `size` are None where nothing stands, `reference` where the series is too
    short. `episodes` has all there were, in order, and `steps` the nights at which a reference
    window was given up because the level moved inside it.
    """

    state: State
    message: str
    reference: Reference | None = None
    standing: Episode | None = None
    size: Size | None = None
    episodes: tuple[Episode, ...] = ()
    steps: tuple[int, ...] = ()

    @property
    def since(self) -> int | None:
        """The first night of what stands."""
        return self.standing.since if self.standing else None


def alarm(values: NightlyValues, window: int = WINDOW, least: float = LEAST) -> Alarm:
    """Whether a series of nightly medians stands off its reference window, and since when.

    Page's CUSUM (1954) upwards and downwards on the logarithms: S = max(0, S + z - `ALLOWANCE`),
    z the deviation from the reference in standard deviations and at most `CLIP`. An alarm is
    raised at the `threshold` for the window's length and autocorrelation and dated to the night
    after S last was 0. It ends when S is 0 again, or when the new level has lasted for `window`
    nights and so becomes the reference: an old step does not alarm for ever. A window in which
    the level moves is given up as far as that step.

    The smallest standard deviation taken is a third of `least`: changes well below that are no
    alarm however quiet the series is. Of steps of 2 standard deviations 44 % are found within a
    week, of those of 1.5 16 %. Of clean series 0.1 % alarm in the 30 nights after a window, and
    0.7 % at an autocorrelation of 0.5; in a year 1 % and 6 %.

    Args:
        window: measured nights of a reference window.
        least: the smallest change of interest (0.01 is 1 %).

    Raises:
        ValueError: a value is zero, negative or infinite, `window` is below `LEAST_WINDOW`, or
            `least` is not in (0, 1].
    """
    if window < LEAST_WINDOW:
        raise ValueError(f"a reference needs at least {LEAST_WINDOW} nights, got {window}")
    logs, nights, unit = measured(values, least)
    floor = math.log1p(least) / 3
    episodes: list[Episode] = []
    steps: list[int] = []
    start = 0
    while logs.size - start >= window:
        span = logs[start : start + window]
        inside = step_inside(span, floor)
        if inside:
            start += inside
            steps.append(int(nights[start]))
            continue
        centre, sd, phi = (float(part) for part in estimate(span, floor))
        limit = threshold(window, phi)
        found, restart = _watch((logs[start:] - centre) / max(sd, floor), window, limit)
        episodes += [_at_nights(one, nights[start:]) for one in found]
        if restart is None:
            ends = int(nights[start]), int(nights[start + window - 1])
            reference = Reference(*ends, unit * math.exp(centre), sd, phi, limit)
            history = Alarm(
                State.QUIET,
                f"no change against {window} nights",
                reference,
                episodes=tuple(episodes),
                steps=tuple(steps),
            )
            if not found or found[-1].ended is not None:
                return history
            return _standing(history, logs[start + found[-1].since :], window, centre)
        start += restart
    message = f"{logs.size - start} of the {window} nights that a reference needs"
    if steps:
        message += ", counted from the last change"
    return Alarm(State.TOO_SHORT, message, episodes=tuple(episodes), steps=tuple(steps))


def _watch(deviations: FloatArray, window: int, limit: float) -> tuple[list[Episode], int | None]:
    """The episodes after the window, in places, and where the next window begins if one does."""
    signs = {Direction.REGRESSION: 1.0, Direction.IMPROVEMENT: -1.0}
    sums = dict.fromkeys(signs, 0.0)
    since = dict.fromkeys(signs, window)
    found: list[Episode] = []
    standing: Episode | None = None
    held = min(limit, _NIGHTS_BACK * ALLOWANCE)
    clipped: list[float] = np.clip(deviations, -CLIP, CLIP).tolist()
    for place in range(window, len(clipped)):
        for direction, sign in signs.items():
            total = max(0.0, sums[direction] + sign * clipped[place] - ALLOWANCE)
            sums[direction] = total
            if not total:
                since[direction] = place + 1
            if standing is None:
                if total >= limit:
                    began = _began(sign * deviations, since[direction])
                    standing = Episode(direction, began, place)
            elif standing.direction is direction:
                sums[direction] = min(total, held)
                if not total:
                    found.append(replace(standing, ended=place))
                    standing = None
        if standing is not None and place - standing.since + 1 >= window:
            return [*found, replace(standing, ended=place, accepted=True)], standing.since
    return found if standing is None else [*found, standing], None


def _began(deviations: FloatArray, place: int) -> int:
    """The last nights of the window may belong to what began right after it."""
    while place > 0 and deviations[place - 1] > ALLOWANCE:
        place -= 1
    return place


def _at_nights(episode: Episode, nights: IntArray) -> Episode:
    return replace(
        episode,
        since=int(nights[episode.since]),
        raised=int(nights[episode.raised]),
        ended=None if episode.ended is None else int(nights[episode.ended]),
    )


def _standing(history: Alarm, lasting: FloatArray, window: int, centre: float) -> Alarm:
    assert history.reference is not None
    size = _ratio(lasting, history.reference, window, centre)
    standing = history.episodes[-1]
    slower = standing.direction is Direction.REGRESSION
    change = f"{signed_percent(size.ratio - 1)} {percent_interval(size.lower - 1, size.upper - 1)}"
    message = (
        f"{'slower' if slower else 'faster'} for {lasting.size} nights: {change} "
        f"against {window} nights"
    )
    state = State.ALARM if slower else State.IMPROVED
    return replace(history, state=state, message=message, standing=standing, size=size)


def _ratio(lasting: FloatArray, reference: Reference, window: int, centre: float) -> Size:
    """The change of the mean logarithm; Student's interval (1908), widened for phi.

    On the night of the alarm the change is overstated a little, having been noticed for its size.
    """
    middle = float(np.median(lasting))
    reach = 3 * reference.sd
    change = float(np.clip(lasting, middle - reach, middle + reach).mean()) - centre
    phi = min(max(reference.phi, 0.0), 0.9)
    variance = _mean_variance(lasting.size, phi) + _mean_variance(window, phi)
    freedom = max(window * (1 - phi) / (1 + phi) - 1, 3.0)
    half = float(special.stdtrit(freedom, 0.975)) * reference.sd * math.sqrt(variance)
    return Size(math.exp(change), math.exp(change - half), math.exp(change + half))


def _mean_variance(size: int, phi: float) -> float:
    """The variance of the mean of `size` values of variance 1 (Bartlett 1946)."""
    lags = np.arange(1, size)
    return (1 + 2 * float(((1 - lags / size) * phi**lags).sum())) / size
