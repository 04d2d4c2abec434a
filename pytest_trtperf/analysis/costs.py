"""What an engine costs beside the time of its queries: the figures, and how a limit is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from pytest_trtperf.analysis.verdict import Reason, Status, Verdict

STARTS = 5
"""Sessions that decide on a limit of starts: by chance alone, 3 % have all over it."""

FAR = 2.0
"""A first start that takes this part of its limit keeps it alone."""


@dataclass(frozen=True)
class Cost:
    """A figure, of which less is better; `title` is how it is shown."""

    title: str
    unit: str

    @property
    def budget(self) -> str:
        """The key of a budget in a table: `load_time_ms`."""
        return f"{self.title} {self.unit}".lower().replace(" ", "_")


COSTS: Mapping[str, Cost] = {
    "load_time": Cost("load time", "ms"),
    "cold_start": Cost("cold start", "ms"),
    "energy_per_query": Cost("energy per query", "mJ"),
    "engine_size": Cost("engine size", "MiB"),
    "build_time": Cost("build time", "s"),
    "device_memory": Cost("device memory", "MiB"),
}
"""By the names that options, tables and records have for them."""

UNITS: Mapping[str, str] = {cost.title: cost.unit for cost in COSTS.values()}
"""By the titles of figures, which are the names of their metrics."""

WATCHED = tuple(name for name in COSTS if name != "build_time")
"""Those with a trend: a build is of one night, and its time is that of all nights after."""


def judge_starts(values: Sequence[float], limit: float) -> Verdict:
    """The verdict on what sessions took to start, with more of them inconclusive or decided.

    All of `STARTS` sessions are on one side of the limit, or the only one is far below it.
    """
    over = sum(value > limit for value in values)
    status, reason = Status.INCONCLUSIVE, Reason.ONE_SESSION
    if len(values) == 1 and FAR * values[0] <= limit:
        status, reason = Status.PASS, Reason.WITHIN_LIMIT
    elif 0 < over < len(values):
        reason = Reason.OVERLAPS_LIMIT
    elif len(values) >= STARTS:
        status, reason = (
            (Status.FAIL, Reason.OVER_LIMIT) if over else (Status.PASS, Reason.WITHIN_LIMIT)
        )
    sessions = f"{len(values)} session{'s' if len(values) > 1 else ''}"
    message = f"{sessions}, {min(values):.4g} to {max(values):.4g}, {over} over the limit"
    return Verdict(status, reason, message, median(values), min(values), max(values), limit)


def judge_within(value: float, error: float, limit: float, message: str) -> Verdict:
    """The verdict on a figure that may be wrong by a share; one that is exact is decided."""
    lower, upper = value * (1 - error), value * (1 + error)
    status, reason = Status.INCONCLUSIVE, Reason.OVERLAPS_LIMIT
    if upper <= limit:
        status, reason = Status.PASS, Reason.WITHIN_LIMIT
    elif lower > limit:
        status, reason = Status.FAIL, Reason.OVER_LIMIT
    return Verdict(status, reason, message, value, lower, upper, limit)
