"""What a run leaves behind, as plain data: it travels on test reports and is written as JSON.

These structs are the schema of the file, and `run.schema.json` beside them says the same. Within a
version fields may be added, and readers skip those that they do not know. As classes of Python
they are provisional, as the hooks that are given them: see `pytest_trtperf.hookspecs`.
"""

from __future__ import annotations

from statistics import median
from typing import Annotated, Any

import msgspec

from pytest_trtperf.analysis.metrics import engine_metric
from pytest_trtperf.analysis.summary import QUANTILES
from pytest_trtperf.backend.session import KernelState
from pytest_trtperf.record.base import Number, Record
from pytest_trtperf.record.item import ItemRecord, Outcome
from pytest_trtperf.record.origin import CiRecord, GpuRecord
from pytest_trtperf.record.verdict import FindingRecord, VerdictRecord

RUN_SCHEMA = "trtperf-run/3"
MERGED_SCHEMA = "trtperf-runs/3"

_MEDIAN = QUANTILES.index(0.5)

Count = Annotated[int, msgspec.Meta(ge=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Quantiles = Annotated[
    list[float], msgspec.Meta(min_length=len(QUANTILES), max_length=len(QUANTILES))
]


class EngineRecord(Record, frozen=True, kw_only=True):
    """A built engine: the digest of what it was built from, and that of its plan.

    `plan_bytes` is the plan's size, and `build_s` how long its build took, on `build_host`. They
    are None where there is no plan, where the plan came as it is, and in older records.
    """

    name: str
    backend: str
    digest: str
    plan_sha256: str
    plan_bytes: int | None = None
    build_s: Number = None
    build_host: str | None = None


class LayerRecord(Record, frozen=True, kw_only=True):
    """A layer as profiled; `share` is of the sum of the layers' medians.

    `information` is the engine inspector's entry.
    """

    name: str
    median_ms: float
    average_ms: float
    total_ms: float
    share: float
    information: dict[str, Any] | None = None


class SweepRecord(Record, frozen=True, kw_only=True):
    """A point of a sweep; the points of one sweep share its `name`.

    `variable` is batch_size, request_rate, concurrency, streams, build or the name of a dimension.
    """

    name: str
    variable: str
    value: float


class RoundRecord(Record, frozen=True, kw_only=True):
    """A round: queries per second, and by metric the 21 quantiles in milliseconds.

    `started` and `ended` are seconds of the host's monotonic clock, `before` and `after` the state
    of the device.
    """

    queries: Count
    throughput: Positive
    quantiles: dict[str, Quantiles]
    started: float
    ended: float
    before: dict[str, Number]
    after: dict[str, Number]
    disturbances: list[str] = []
    contention: Number = None
    yardstick_ms: Number = None


class SessionRecord(Record, frozen=True, kw_only=True):
    """What was measured in one session, which is one process that loaded the engine.

    `kernels` is `cached` or `fresh`, see `backend.session.Kernels`; `unknown` in a record that was
    made before sessions were kept apart; None where a backend compiles none. `kernels_digest` is
    theirs. `set_aside` are disturbed rounds, which were measured again.
    `cold_start_ms` is the first query alone, `load_ms` is until there was a context, and
    `first_answer_ms` from a fresh process to the end of the first query. `idle_power_w` is the
    GPU's power before the warm-up.
    """

    cold_start_ms: float
    warm_up: dict[str, Any]
    rounds: list[RoundRecord]
    set_aside: list[RoundRecord] = []
    kernels: KernelState | None = None
    kernels_digest: str | None = None
    load_ms: Number = None
    first_answer_ms: Number = None
    idle_power_w: Number = None


class CostRecord(Record, frozen=True, kw_only=True):
    """What a measurement costs beside its queries; `value` is the middle of `values`.

    `values` are those of each session, also of those that were started to be timed alone; of an
    engine there is one. `about` says what belongs to it, and `is_gated` whether the test compares
    it with its baseline.
    """

    value: float
    unit: str
    values: list[float]
    about: str = ""
    is_gated: bool = False


class AgainstRecord(Record, frozen=True, kw_only=True):
    """What a measurement was compared with: the middle over the rounds of all baseline runs.

    `sessions` is their number in all runs; None in records made before they were kept apart.
    `of_older_form` is whether the baseline was recorded before that.
    `recorded`, `plan`, `software` and `layers` (median milliseconds) are those of the last run.
    """

    runs: Count
    sessions: Count | None = None
    rounds: Count
    throughput: Positive
    quantiles: dict[str, Quantiles]
    recorded: str
    plan: str
    software: dict[str, str]
    layers: dict[str, float] = {}
    of_older_form: bool = False


class MeasuredRecord(Record, frozen=True, kw_only=True):
    """What everything that is measured has.

    `key` is that of its baseline, `test` the test's id. `outcome` is that of the test, and None in
    older records. `gpu` is the UUID of the one in use, `host` where it was measured, unless that is
    the run's.
    """

    test: str
    key: str
    device: str
    verdicts: list[VerdictRecord]
    findings: list[FindingRecord]
    outcome: Outcome | None = None
    gpu: str | None = None
    host: str | None = None
    owner: str | None = None
    labels: dict[str, str] = {}


class MeasurementRecord(MeasuredRecord, frozen=True, kw_only=True, tag="measurement"):
    """A measurement with everything that was found out about it.

    Figures of `summary` are milliseconds, by metric, over all rounds. `differences` says in words
    what else changed since the baseline, slower layers included. `traces` is where its queries are
    in the file of --trtperf-traces.
    `baseline` is what happened to the baseline, and `baseline_why` the reason where it was not
    recorded or not compared. `asked` is what the test asked for: see `BaselineRun.asked`.
    `costs` are by the names in `analysis.costs`; older records have none.
    """

    module: str
    baseline_dir: str
    engine: EngineRecord
    shapes: dict[str, list[int]]
    mode: dict[str, Any]
    time_to_steady_s: Number
    energy_per_query_mj: Number
    device_memory: dict[str, int]
    judged_metric: str
    summary: dict[str, dict[str, float]]
    throughput: Positive
    sessions: Annotated[list[SessionRecord], msgspec.Meta(min_length=1)]
    layers: list[LayerRecord]
    baseline: str  # compared, raced, missing, recorded, not recorded, not compared or off
    notes: list[str] = []
    against: AgainstRecord | None = None
    differences: list[str] = []
    sweep: SweepRecord | None = None
    traces: str | None = None
    baseline_why: str = ""
    asked: dict[str, str] = {}
    costs: dict[str, CostRecord] = {}

    @property
    def rounds(self) -> list[RoundRecord]:
        """The rounds of all sessions."""
        return [round for session in self.sessions for round in session.rounds]

    @property
    def set_aside(self) -> list[RoundRecord]:
        """The disturbed rounds of all sessions."""
        return [round for session in self.sessions for round in session.set_aside]

    @property
    def session_medians(self) -> list[float]:
        """The median of the engine's own time in each session, ms: the middle of its rounds."""
        metric = engine_metric(self.summary)
        return [
            median([round.quantiles[metric][_MEDIAN] for round in session.rounds])
            for session in self.sessions
            if session.rounds
        ]


class MaxQpsRecord(MeasuredRecord, frozen=True, kw_only=True, tag="max_qps"):
    """A search for the highest request rate, in queries per second, that keeps `limit_ms`."""

    engine: EngineRecord
    shapes: dict[str, list[int]]
    mode: dict[str, Any]
    limit_ms: float
    rate: float
    lower: float
    upper: float
    closed_qps: float
    trials: list[dict[str, Any]]
    message: str


class PairRecord(MeasuredRecord, frozen=True, kw_only=True, tag="pair"):
    """Two engines measured in turns; `ratios` are new over reference, by kind.

    `block_changes` are the changes of each block, by kind; empty in older records.
    """

    engines: dict[str, EngineRecord]
    modes: dict[str, dict[str, Any]]
    blocks: int
    ratios: dict[str, dict[str, float]]
    message: str
    block_changes: dict[str, list[float]] = {}


Measured = MeasurementRecord | MaxQpsRecord | PairRecord
"""What a test can measure."""


class RunRecord(Record, frozen=True, kw_only=True, tag_field="schema", tag=RUN_SCHEMA):
    """A run of `pytest --trtperf`.

    `started` and `created` are when it began and when it ended (UTC), `exit_status` is pytest's.
    `host` is --trtperf-host, else the UUID of its first GPU, or on the CPU a digest of the
    machine's id. `commit_time` is in UTC, `dirty` whether tracked files differ from the commit,
    `project` the name of pytest's root folder. `seconds` are those of each phase, `errors` what
    went wrong beside the tests. `tests` are all that have the fixtures of this plugin, those
    without a measurement too. `options` are those that decide what is measured and how it is
    judged, where they are not the default. `complete` is False of a run that did not reach its
    end. Records of earlier versions have no value where None is the default.
    """

    created: str
    plugin: str
    pytest: str
    commit: str | None = None
    backend: str
    device: str
    hardware_class: str
    software: dict[str, str]
    exit_status: int
    measurements: list[MeasurementRecord]
    max_qps: list[MaxQpsRecord] = []
    pairs: list[PairRecord] = []
    tests: list[ItemRecord] = []
    options: dict[str, Any] = {}
    started: str | None = None
    host: str | None = None
    gpus: list[GpuRecord] = []
    branch: str | None = None
    commit_time: str | None = None
    dirty: bool | None = None
    ci: CiRecord | None = None
    project: str | None = None
    seconds: dict[str, float] = {}
    errors: list[str] = []
    complete: bool = True

    @property
    def measured(self) -> list[Measured]:
        """Everything that was measured."""
        return [*self.measurements, *self.max_qps, *self.pairs]


class MergedRecord(Record, frozen=True, kw_only=True, tag_field="schema", tag=MERGED_SCHEMA):
    """Several runs in one file, as `trtperf merge` makes it."""

    runs: Annotated[list[RunRecord], msgspec.Meta(min_length=1)]
