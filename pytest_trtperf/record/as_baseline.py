"""Measurements of a record as the entries of a baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pytest_trtperf.analysis.diagnosis import FindingCode
from pytest_trtperf.analysis.layers import Layer
from pytest_trtperf.baseline.schema import (
    BaselineEntry,
    BaselineRound,
    BaselineRun,
    BaselineSession,
)
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.record.model import (
    AgainstRecord,
    LayerRecord,
    MeasurementRecord,
    RoundRecord,
    RunRecord,
)
from pytest_trtperf.utc import utc_now

EntriesByTest = dict[str, dict[str, BaselineEntry]]
"""Entries by test and key: two baseline directories of one repository may hold the same key."""


def tactics(layers: Sequence[LayerRecord | Layer]) -> dict[str, str]:
    """The tactic of each layer, as far as the engine inspector knows it."""
    named = {layer.name: (layer.information or {}).get("TacticName") for layer in layers}
    return {name: tactic for name, tactic in named.items() if isinstance(tactic, str)}


def baseline_entry(
    record: MeasurementRecord, software: Mapping[str, str], recorded: str | None = None
) -> BaselineEntry:
    """A measurement as the only run of a baseline entry; `recorded` is now unless given."""
    drifts = any(finding.code == FindingCode.DRIFTING.value for finding in record.findings)
    run = BaselineRun(
        recorded=recorded or utc_now(),
        plan=record.engine.plan_sha256,
        software=dict(software),
        sessions=[
            BaselineSession(
                rounds=[_baseline_round(round, record.judged_metric) for round in session.rounds],
                kernels=session.kernels,
                kernels_digest=session.kernels_digest,
                steady=session.warm_up.get("steady", True) and not drifts,
            )
            for session in record.sessions
            if session.rounds
        ],
        layers={layer.name: layer.median_ms for layer in record.layers},
        tactics=tactics(record.layers),
        asked=record.asked,
        power_limit_w=record.rounds[-1].after.get("power_limit_w"),
        other_contexts=_count(record.rounds[-1].after.get("other_processes")),
        costs={name: cost.values for name, cost in record.costs.items() if cost.is_gated},
    )
    return BaselineEntry(
        engine=record.engine.digest, mode=record.mode, shapes=record.shapes, runs=[run]
    )


def _count(value: float | None) -> int | None:
    return None if value is None else int(value)


def _baseline_round(round: RoundRecord, judged_metric: str) -> BaselineRound:
    return BaselineRound(
        queries=round.queries,
        throughput=round.throughput,
        quantiles={
            name: values
            for name, values in round.quantiles.items()
            if name in ("latency", "gpu_compute", judged_metric)
        },
        sm_clock_mhz=round.after.get("sm_clock_mhz"),
        contention=round.contention,
        yardstick_ms=round.yardstick_ms,
    )


def against_record(entry: BaselineEntry) -> AgainstRecord:
    """What a record keeps of the entry that a measurement was compared with."""
    rounds = entry.rounds
    last = entry.runs[-1]
    return AgainstRecord(
        runs=len(entry.runs),
        sessions=len(entry.sessions),
        rounds=len(rounds),
        throughput=float(np.median([round.throughput for round in rounds])),
        quantiles={
            name: np.median([r.quantiles[name] for r in rounds if name in r.quantiles], 0).tolist()
            for name in last.rounds[0].quantiles
        },
        recorded=last.recorded,
        plan=last.plan,
        software=last.software,
        layers=last.layers,
        of_older_form=entry.is_of_older_form,
    )


def entries_of(runs: Sequence[RunRecord], hardware_class: str, backend: str) -> EntriesByTest:
    """The measurements of a record that were made on this hardware with this backend.

    Raises:
        BaselineError: it was made on other hardware or with another backend.
    """
    here = [run for run in runs if (run.hardware_class, run.backend) == (hardware_class, backend)]
    if not here:
        places = ", ".join(sorted({f"{run.backend} on {run.hardware_class}" for run in runs}))
        raise BaselineError(
            f"the record was made with {places}, this is {backend} on {hardware_class}: "
            "only runs of one machine with one backend can be compared"
        )
    entries: EntriesByTest = {}
    for run in here:
        for one in run.measurements:
            entry = baseline_entry(one, run.software, run.created)
            entries.setdefault(one.test, {})[one.key] = entry
    return entries
