"""How a comparison is judged, and what its messages advise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_trtperf.analysis.change import CONFIRMING, MOST_WIDENING
from pytest_trtperf.analysis.gates import Gate


@dataclass(frozen=True)
class Remedy:
    """Advice for a faulty baseline.

    Attributes:
        renew: makes it anew.
        more_runs: adds evidence to it; empty where that cannot be done.
        keep: makes an improvement the new reference; empty likewise.
    """

    renew: str
    more_runs: str = ""
    keep: str = ""


BASELINE = Remedy(
    renew="record the baseline anew with --trtperf-update",
    more_runs="record more runs (--trtperf-update)",
    keep="--trtperf-update would keep it",
)

RECORD = Remedy(renew="make the record anew")
"""Of a record of --trtperf-json, which nothing is added to."""


@dataclass(frozen=True)
class Policy:
    """What a comparison tolerates, and what becomes of what it cannot decide.

    Attributes:
        tolerance: a share for all gates, or one for each kind; None for each gate's own.
        failed_by: the option that fails what stays open, None where none does; see
            `verdict.decide`.
        most_widening: a tolerance is widened to so many times itself at most.
        confirming: sessions that a failure takes.
        environment_failed_by: the option that fails what is slower by the environment alone.
        software_failed_by: the same of what other software made slower.
    """

    tolerance: float | Mapping[str, float] | None = None
    failed_by: str | None = None
    remedy: Remedy = BASELINE
    most_widening: float = MOST_WIDENING
    confirming: int = CONFIRMING
    environment_failed_by: str | None = None
    software_failed_by: str | None = None

    def tolerance_of(self, gate: Gate) -> float:
        """The change of a gate's number that is tolerated, as a share."""
        if isinstance(self.tolerance, Mapping):
            return self.tolerance.get(gate.kind, gate.tolerance)
        return gate.tolerance if self.tolerance is None else self.tolerance
