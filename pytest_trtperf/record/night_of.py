"""Which night a run belongs to: from noon to noon, named after the day on which it begins."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone, tzinfo

from pytest_trtperf.text import brief

_EARLIEST = 2015
"""Before this nothing was measured: a clock that says so was not set."""

_FARTHEST = timedelta(days=1)
"""In the future: the clocks of hosts may differ, and zones be mistaken, but not by more."""


def night_of(moment: str, zone: tzinfo, now: datetime | None = None) -> date:
    """The night of a record's time.

    Raises:
        ValueError: it is no time, or one that the clock of a host cannot have meant.
    """
    try:
        at = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(f"its time {brief(moment)} is not in ISO 8601") from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=timezone.utc)
    if at.year < _EARLIEST:
        raise ValueError(f"it was made in {at.year} by the clock of its host, which was not set")
    if at > (now or datetime.now(timezone.utc)) + _FARTHEST:
        raise ValueError(
            f"it was made on {at:%Y-%m-%d} by the clock of its host, which is in the future"
        )
    return (at.astimezone(zone) - timedelta(hours=12)).date()


def tonight(zone: tzinfo) -> date:
    """The night that it is now."""
    return (datetime.now(zone) - timedelta(hours=12)).date()
