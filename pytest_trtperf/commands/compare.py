"""`trtperf compare`: compares two records test by test, like --trtperf-against."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from pytest_trtperf.analysis.diagnosis import FindingCode
from pytest_trtperf.analysis.gates import P99_TOLERANCE, TOLERANCE
from pytest_trtperf.analysis.percent import percent_interval, signed_percent
from pytest_trtperf.baseline.schema import BaselineEntry
from pytest_trtperf.commands.common import (
    ExitStatus,
    Parsers,
    add_command,
    note,
    parsed,
    say,
    say_json,
)
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.judge.comparison import Comparison, Surroundings
from pytest_trtperf.judge.policy import RECORD, Policy
from pytest_trtperf.judge.repository import Repository
from pytest_trtperf.judge.subject import Subject
from pytest_trtperf.options.values import INCONCLUSIVE_POLICIES, parse_tolerance
from pytest_trtperf.record.as_baseline import baseline_entry, tactics
from pytest_trtperf.record.json_file import MeasurementId, measurement_id, read_runs
from pytest_trtperf.record.model import MeasurementRecord, RunRecord
from pytest_trtperf.record.text import shortened
from pytest_trtperf.record.verdict import VerdictRecord
from pytest_trtperf.report.tables import aligned

COLUMNS = ("test", "metric", "old", "new", "change", "interval", "verdict")

_EXAMPLE = """\
  pytest --trtperf --trtperf-json=old.json      # the merge base
  pytest --trtperf --trtperf-json=new.json      # the branch, on the same machine
  trtperf compare old.json new.json --fail
"""

_DETAILS = """\
Measurements are matched by hardware class, backend, test and key. Searches for the highest rate
have no rounds, and pairs are comparisons themselves: neither is compared.
"""


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement that both records have."""

    identity: MeasurementId
    verdicts: list[VerdictRecord]
    differences: list[str]
    notes: list[str]

    @property
    def failed(self) -> bool:
        """Whether it regressed, or was measured in another mode."""
        return any(verdict.failed for verdict in self.verdicts)

    @property
    def is_worth_a_word(self) -> bool:
        """Whether it has a note, or a verdict other than pass."""
        return bool(self.notes) or any(verdict.status != "pass" for verdict in self.verdicts)


class Comparisons(msgspec.Struct, frozen=True, kw_only=True):
    """The result; `missing` are only in the old record, `added` only in the new one."""

    compared: list[Compared]
    missing: list[MeasurementId]
    added: list[MeasurementId]


def add(commands: Parsers) -> None:
    """Adds the parser."""
    parser = add_command(
        commands,
        "compare",
        _run,
        help="compare two records of --trtperf-json, test by test",
        example=_EXAMPLE,
        details=_DETAILS,
    )
    option = parser.add_argument
    option("old", metavar="OLD.json", type=Path, help="the record to compare with")
    option("new", metavar="NEW.json", type=Path, help="the record to judge")
    option("--fail", action="store_true", help="exit with 1 when something regressed")
    option(
        "--tolerance",
        type=parsed(parse_tolerance),
        metavar="SHARE",
        help="tolerated change: 0.02, or median=0.02,p99=0.1,throughput=0.02 "
        f"(default: {TOLERANCE:g}, and {P99_TOLERANCE:g} for P99)",
    )
    option(
        "--inconclusive",
        choices=INCONCLUSIVE_POLICIES,
        default="warn",
        help="what becomes of an inconclusive comparison (default: %(default)s; estimate is "
        "deprecated and means warn)",
    )
    option("--all", action="store_true", help="show unchanged measurements, too")


def compare_runs(old: Sequence[RunRecord], new: Sequence[RunRecord], policy: Policy) -> Comparisons:
    """Compares each measurement of the new runs with that of the old ones.

    All are looked at twice: unchanged engines first show what the machine is like.
    """
    before, after = dict(_measurements(old)), dict(_measurements(new))
    entries = {
        one: baseline_entry(record, run.software, run.created)
        for one, (run, record) in before.items()
    }
    matched = [one for one in after if one in before]
    arounds = _surroundings(matched, entries)
    pairs = [
        (one, _RecordPair(entries[one], *after[one], policy, arounds[_machine_of(one)]))
        for one in matched
    ]
    for _, pair in pairs:
        pair.judge()
    return Comparisons(
        compared=[pair.compared(one) for one, pair in pairs],
        missing=[one for one in before if one not in after],
        added=[one for one in after if one not in before],
    )


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
        run: RunRecord,
        record: MeasurementRecord,
        policy: Policy,
        around: Surroundings,
    ) -> None:
        self._record = record
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

    def compared(self, identity: MeasurementId) -> Compared:
        """The same with what explains a failure."""
        verdicts = self.judge()
        layers = {layer.name: layer.median_ms for layer in self._record.layers}
        differences = self._comparison.differences(layers, tactics(self._record.layers))
        return Compared(
            identity=identity,
            verdicts=verdicts,
            differences=differences if any(verdict.failed for verdict in verdicts) else [],
            notes=self._comparison.notes,
        )


def _run(arguments: argparse.Namespace) -> int:
    if arguments.inconclusive == "estimate":
        note("--inconclusive=estimate is deprecated and means warn")
    failed_by = "--inconclusive=fail" if arguments.inconclusive == "fail" else None
    # A record has what it has: one session has to do, and chance is allowed for.
    policy = Policy(arguments.tolerance, failed_by, RECORD, confirming=1)
    found = compare_runs(read_runs(arguments.old), read_runs(arguments.new), policy)
    if arguments.json:
        say_json(found)
    else:
        say(*_lines(found, everything=arguments.all))
    if not found.compared:
        raise BaselineError(
            f"{arguments.old} and {arguments.new} have no measurement in common: the same tests "
            "have to be measured on the same hardware with the same backend"
        )
    regressed = any(one.failed for one in found.compared)
    return ExitStatus.FOUND if arguments.fail and regressed else ExitStatus.OK


def _lines(found: Comparisons, *, everything: bool) -> Iterator[str]:
    shown = [one for one in found.compared if everything or one.is_worth_a_word]
    rows = [row for one in shown for row in _rows(one)]
    yield from aligned([COLUMNS, *rows], left=(0, 1, len(COLUMNS) - 1)) if rows else []
    for one in shown:
        key = shortened(one.identity.key)
        yield from (f"{key}: {text}" for text in (*one.notes, *one.differences))
    for name, those in (
        ("not in the new record", found.missing),
        ("only in the new record", found.added),
    ):
        if those:
            yield f"{name} ({len(those)}):"
            yield from (f"  {one}" for one in those)
    yield _summary(found)


def _rows(one: Compared) -> Iterator[tuple[str, ...]]:
    for verdict in one.verdicts:
        word = {"pass": "same", "fail": "REGRESSED"}.get(verdict.status, verdict.status)
        if verdict.change is None or verdict.value is None or verdict.baseline is None:
            yield shortened(one.identity.key), verdict.metric, "-", "-", "-", "-", "OTHER MODE"
            continue
        yield (
            shortened(one.identity.key),
            verdict.metric,
            f"{verdict.baseline:.5g}",
            f"{verdict.value:.5g}",
            signed_percent(verdict.change),
            percent_interval(verdict.lower, verdict.upper),
            word,
        )


def _summary(found: Comparisons) -> str:
    regressed = sum(one.failed for one in found.compared)
    unknown = sum(
        not one.failed and any(verdict.status == "inconclusive" for verdict in one.verdicts)
        for one in found.compared
    )
    return (
        f"{len(found.compared)} compared: {regressed} regressed, {unknown} inconclusive; "
        f"{len(found.missing)} missing, {len(found.added)} added"
    )
