"""What the new one of two records lacks, and which of its tests are broken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from pytest_trtperf.record.acceptable import why_it_failed
from pytest_trtperf.record.item import ItemRecord
from pytest_trtperf.record.json_file import MeasurementId, measurement_ids
from pytest_trtperf.record.model import Measured, RunRecord
from pytest_trtperf.record.text import shortened

LONGEST_REASON = 200

_Test = tuple[str, str, str]
"""Hardware class, backend and test."""


class Missing(MeasurementId, frozen=True):
    """A measurement that only the old record has, and what became of its test, if that is known."""

    why: str = ""

    @property
    def with_reason(self) -> str:
        """Its name, with what became of it."""
        return f"{self}: {shortened(self.why, LONGEST_REASON)}" if self.why else str(self)


class BrokenTest(msgspec.Struct, frozen=True, kw_only=True):
    """A test that failed, and not by its comparison with a baseline."""

    test: str
    hardware_class: str
    backend: str
    why: str

    def __str__(self) -> str:
        place = f"{self.backend} on {self.hardware_class}"
        return f"{shortened(self.test)} ({place}): {shortened(self.why, LONGEST_REASON)}"


def missing_tests(
    old: Sequence[RunRecord], new: Sequence[RunRecord]
) -> tuple[list[Missing], list[MeasurementId]]:
    """What only the old record has; and of that, what the new run left out as unchanged."""
    items = dict(_items(new))
    there = set(measurement_ids(new))
    missing, unchanged = [], []
    for one in measurement_ids(old):
        if one in there:
            continue
        item = items.get((one.hardware_class, one.backend, one.test))
        if item and item.outcome == "unchanged":
            unchanged.append(one)
        else:
            missing.append(Missing(**msgspec.structs.asdict(one), why=_what_became(item)))
    return missing, unchanged


def broken_tests(old: Sequence[RunRecord], new: Sequence[RunRecord]) -> list[BrokenTest]:
    """Tests that failed in the new record alone; without those that it measured nothing of."""
    before = _failures(old)
    there = {(one.hardware_class, one.backend, one.test) for one in measurement_ids(new)}
    known = {(one.hardware_class, one.backend, one.test) for one in measurement_ids(old)}
    return [
        BrokenTest(hardware_class=test[0], backend=test[1], test=test[2], why=why)
        for test, why in _failures(new).items()
        # One that is missing is listed as such.
        if test not in before and (test in there or test not in known)
    ]


def _failures(runs: Sequence[RunRecord]) -> dict[_Test, str]:
    """Why tests failed, other than by their comparison."""
    measured: dict[_Test, list[Measured]] = defaultdict(list)
    for run in runs:
        for one in run.measured:
            measured[run.hardware_class, run.backend, one.test].append(one)
    found = dict(_items(runs))
    reasons = {
        test: why_it_failed(found.get(test), measured.get(test, [])) for test in [*measured, *found]
    }
    return {test: " ".join(why.split()) for test, why in reasons.items() if why}


def _items(runs: Sequence[RunRecord]) -> Iterator[tuple[_Test, ItemRecord]]:
    for run in runs:
        for item in run.tests:
            yield (run.hardware_class, run.backend, item.test), item


def _what_became(item: ItemRecord | None) -> str:
    if item is None:
        return ""
    what = "not measured any more" if item.outcome == "passed" else item.outcome
    return f"{what}: {item.reason}" if item.reason else what
