"""What verdicts call numbers without a unit."""

from __future__ import annotations

TRANSFER_SHARE = "share of transfers"
_TAIL, _COV = "P99 / median of ", "CoV of "


def tail_ratio_of(metric: str) -> str:
    """P99 over the median."""
    return f"{_TAIL}{metric}"


def cov_of(metric: str) -> str:
    """The coefficient of variation."""
    return f"{_COV}{metric}"


def is_ratio(name: str) -> bool:
    """Whether a verdict of this name is on a number without a unit."""
    return name == TRANSFER_SHARE or name.startswith((_TAIL, _COV))
