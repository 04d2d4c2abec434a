"""Which measurements of a record may become baselines: those that recording would have taken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from pytest_trtperf.record.baseline_state import MEASURE_IT, RECORD_IT
from pytest_trtperf.record.item import ItemRecord
from pytest_trtperf.record.model import Measured, MeasurementRecord, RunRecord

_KEPT = 140
"""Characters of its beginning that a reason has however long it is."""

_COMPARISONS = ("baseline", "race")
_WORDS = {"xfailed": "it failed as it was expected to", "skipped": "it was skipped"}
_BROKEN = {
    "error": "its set-up or teardown failed",
    "unfinished": "the run ended before it did",
}


def acceptable(run: RunRecord) -> Iterator[tuple[MeasurementRecord, str]]:
    """Each measurement that has a baseline, and why it may not become one; empty where it may.

    A test that failed by its comparison alone may: recording does not compare.
    """
    items = {item.test: item for item in run.tests}
    tests: dict[str, list[Measured]] = defaultdict(list)
    for one in run.measured:
        tests[one.test].append(one)
    for test, measured in tests.items():
        why = _obstacle(items.get(test), measured)
        for one in measured:
            if isinstance(one, MeasurementRecord) and one.baseline != "off":
                yield one, why


def _obstacle(item: ItemRecord | None, measured: Sequence[Measured]) -> str:
    """Why nothing of a test becomes a baseline; empty where nothing is in the way."""
    outcome = item.outcome if item else measured[0].outcome
    return _WORDS.get(outcome or "") or why_it_failed(item, measured)


def why_it_failed(item: ItemRecord | None, measured: Sequence[Measured]) -> str:
    """Why a test failed other than by its comparison alone; empty of one that did not.

    Args:
        item: None of a record that does not know of tests.
        measured: what it measured.
    """
    outcome = item.outcome if item else measured[0].outcome if measured else None
    if item and item.failed_subtests:
        return f"a subtest failed: {item.failed_subtests[0]}"
    if outcome in _BROKEN:
        return _BROKEN[outcome] + (f": {item.reason}" if item and item.reason else "")
    if outcome not in ("failed", None):
        return ""
    failed = [verdict for one in measured for verdict in one.verdicts if verdict.failed]
    others = [verdict for verdict in failed if verdict.kind not in _COMPARISONS]
    if others:
        return others[0].message
    reason = item.reason if item else ""
    if outcome == "failed" and not (failed or _lacks_a_baseline(reason, measured)):
        return reason or "it failed"
    return ""


def _lacks_a_baseline(reason: str, measured: Sequence[Measured]) -> bool:
    """Whether a test failed since it has to have a baseline, by its reason."""
    return reason.endswith((RECORD_IT, MEASURE_IT)) and any(
        reason.startswith(one.key[:_KEPT])
        for one in measured
        if isinstance(one, MeasurementRecord) and one.baseline == "missing"
    )
