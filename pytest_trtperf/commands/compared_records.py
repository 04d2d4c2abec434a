"""The measurements of one record compared with those of another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial

import msgspec

from pytest_trtperf.analysis.diagnosis import FindingCode
from pytest_trtperf.baseline.keys import possible_tests
from pytest_trtperf.baseline.schema import BaselineEntry
from pytest_trtperf.commands.broken_tests import (
    EXPECTED,
    BrokenTest,
    Missing,
    added_tests,
    broken_tests,
    missing_tests,
)
from pytest_trtperf.commands.compared_costs import CostChange, compare_costs
from pytest_trtperf.judge.comparison import Comparison, Surroundings
from pytest_trtperf.judge.policy import Policy
from pytest_trtperf.judge.repository import Repository
from pytest_trtperf.judge.subject import Subject
from pytest_trtperf.record.as_baseline import baseline_entry, tactics
from pytest_trtperf.record.json_file import MeasurementId, measurement_id
from pytest_trtperf.record.model import MeasurementRecord, RunRecord
from pytest_trtperf.record.verdict import VerdictRecord


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement that both records have; `expected` is why it may fail, and empty elsewhere.

    `costs` are the figures that nothing judges; those with a gate have a verdict.
    """

    identity: MeasurementId
    verdicts: list[VerdictRecord]
    differences: list[str]
    notes: list[str]
    expected: str = ""
    costs: list[CostChange] = []

    @property
    def failed(self) -> bool:
        """Whether it regressed, or was measured in another mode."""
        return any(verdict.failed for verdict in self.verdicts)

    @property
    def is_worth_a_word(self) -> bool:
        """Whether it has a note, or a verdict other than pass."""
        return bool(self.notes) or any(verdict.status != "pass" for verdict in self.verdicts)


class Comparisons(msgspec.Struct, frozen=True, kw_only=True):
    """The result; `missing` are only in the old record, `added` only in the new one.

    `unchanged` were not measured again, since nothing that they depend on has changed. `broken` are
    tests that failed in the new record alone, and not by a comparison. `left_out` are in the new
    record, and the old run did not measure them although it had them. `incomplete` is whether the
    old run did not end. `expected` regressed or are missing, and their tests are expected to fail.
    """

    compared: list[Compared]
    missing: list[Missing]
    added: list[MeasurementId]
    unchanged: list[MeasurementId]
    broken: list[BrokenTest]
    left_out: list[Missing]
    incomplete: bool
    expected: list[Missing]

    @property
    def regressed(self) -> int:
        """How many measurements got worse, without those that are expected to fail."""
        return sum(one.failed and not one.expected for one in self.compared)

    @property
    def lacks_something(self) -> bool:
        """Whether something is missing or broken, or could not be compared with the old record."""
        return bool(self.missing or self.broken or self.left_out or self.incomplete)

    @property
    def inconclusive(self) -> int:
        """How many measurements have a number that could not be judged, regressed ones too."""
        return sum(
            any(verdict.status == "inconclusive" for verdict in one.verdicts)
            for one in self.compared
        )


def compare_runs(
    old: Sequence[RunRecord],
    new: Sequence[RunRecord],
    policy: Policy,
    quarantined: Callable[[Collection[str]], str],
) -> Comparisons:
    """Compares each measurement of the new runs with that of the old ones.

    All are looked at twice: unchanged engines first show what the machine is like.

    Args:
        quarantined: why a test of these names may regress; empty where it may not.
    """
    before, after = dict(_measurements(old)), dict(_measurements(new))
    entries = {
        one: baseline_entry(record, run.software, run.created)
        for one, (run, record) in before.items()
    }
    matched = [one for one in after if one in before]
    arounds = _surroundings(matched, entries)
    pairs = [
        (
            one,
            _RecordPair(
                entries[one], before[one][1], *after[one], policy, arounds[_machine_of(one)]
            ),
        )
        for one in matched
    ]
    for _, pair in pairs:
        pair.judge()
    compared = [
        pair.compared(one, _why_expected(after[one][1], quarantined)) for one, pair in pairs
    ]
    regressed = [
        Missing(**msgspec.structs.asdict(one.identity), why=f"regressed: {one.expected}")
        for one in compared
        if one.failed and one.expected
    ]
    gone, unchanged, expected = missing_tests(old, new)
    added, left_out = added_tests(old, new)
    return Comparisons(
        compared=compared,
        missing=gone,
        added=added,
        unchanged=unchanged,
        broken=broken_tests(old, new),
        left_out=left_out,
        incomplete=not all(run.complete for run in old),
        expected=[*regressed, *expected],
    )


def _why_expected(record: MeasurementRecord, quarantined: Callable[[Collection[str]], str]) -> str:
    """Why a measurement may regress; empty where it may not."""
    expected = "its test is expected to fail" if record.outcome in EXPECTED else ""
    return quarantined({record.test, *possible_tests(record.key)}) or expected


def _surroundings(
    matched: Sequence[MeasurementId], entries: Mapping[MeasurementId, BaselineEntry]
) -> dict[tuple[str, str], Surroundings]:
    """What each hardware class and backend knows: the machines have nothing in common."""
    by_machine: dict[tuple[str, str], list[BaselineEntry]] = {}
    for one in matched:
        by_machine.setdefault(_machine_of(one), []).append(entries[one])
    return {
        machine: Surroundings(Repository(partial(iter, known)), comparisons=len(known))
        for machine, known in by_machine.items()
    }


def _machine_of(one: MeasurementId) -> tuple[str, str]:
    return one.hardware_class, one.backend


def _measurements(
    runs: Sequence[RunRecord],
) -> Iterator[tuple[MeasurementId, tuple[RunRecord, MeasurementRecord]]]:
    for run in runs:
        for one in run.measurements:
            yield measurement_id(run, one), (run, one)


class _RecordPair:
    """A measurement of the new record, and that of the old one as a baseline."""

    def __init__(
        self,
        entry: BaselineEntry,
        old: MeasurementRecord,
        run: RunRecord,
        record: MeasurementRecord,
        policy: Policy,
        around: Surroundings,
    ) -> None:
        self._record = record
        self._cost_verdicts, self._costs = compare_costs(old, record, policy)
        subject = Subject(
            test=record.test,
            key=record.key,
            module=record.module,
            baseline_dir=record.baseline_dir,
            device=record.device,
            engine=record.engine,
            software=run.software,
            baseline=entry,
            compares=True,
            records=False,
        )
        self._comparison = Comparison(
            subject, entry, policy, around, mode=record.mode, shapes=record.shapes
        )

    def judge(self) -> list[VerdictRecord]:
        """The verdicts, with what is known of the machine by now."""
        found = {finding.code: finding.message for finding in self._record.findings}
        doubtful = (FindingCode.NOT_STEADY, FindingCode.SATURATED, FindingCode.DRIFTING)
        return self._comparison.judge(
            [session.rounds for session in self._record.sessions if session.rounds],
            host_bound=FindingCode.ENQUEUE_BOUND in found,
            doubt=next((found[code] for code in doubtful if code in found), None),
            saturated=FindingCode.SATURATED in found,
        )

    def compared(self, identity: MeasurementId, expected: str) -> Compared:
        """The same with what explains a failure."""
        verdicts = [*self.judge(), *self._cost_verdicts]
        layers = {layer.name: layer.median_ms for layer in self._record.layers}
        differences = self._comparison.differences(layers, tactics(self._record.layers))
        return Compared(
            identity=identity,
            verdicts=verdicts,
            differences=differences if any(verdict.failed for verdict in verdicts) else [],
            notes=self._comparison.notes,
            expected=expected,
            costs=self._costs,
        )
