"""What only one of two records has, and which tests of the new one are broken."""

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

EXPECTED = ("xfailed", "xpassed")
"""The outcomes of tests that are expected to fail."""

_Test = tuple[str, str, str]
"""Hardware class, backend and test."""


class Missing(MeasurementId, frozen=True):
    """A measurement that one record lacks, and what became of its test there, if that is known."""

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
) -> tuple[list[Missing], list[MeasurementId], list[Missing]]:
    """What only the old record has: what is missing, unchanged, and of tests expected to fail."""
    items = dict(_items(new))
    there = set(measurement_ids(new))
    missing, unchanged, expected = [], [], []
    for one in measurement_ids(old):
        if one in there:
            continue
        item = items.get(_test_of(one))
        if item and item.outcome == "unchanged":
            unchanged.append(one)
        elif item and item.outcome in EXPECTED:
            expected.append(_with_why(one, item))
        else:
            missing.append(_with_why(one, item))
    return missing, unchanged, expected


def added_tests(
    old: Sequence[RunRecord], new: Sequence[RunRecord]
) -> tuple[list[MeasurementId], list[Missing]]:
    """What only the new record has: what is new, and what the old run left out, with why."""
    items = dict(_items(old))
    there = set(measurement_ids(old))
    added, left_out = [], []
    for one in measurement_ids(new):
        item = items.get(_test_of(one))
        if one in there:
            continue
        if item and item.outcome in ("unchanged", "unfinished"):
            left_out.append(_with_why(one, item))
        else:
            added.append(one)
    return added, left_out


def broken_tests(old: Sequence[RunRecord], new: Sequence[RunRecord]) -> list[BrokenTest]:
    """Tests that failed in the new record alone; without those that it measured nothing of."""
    before = _failures(old)
    there = set(map(_test_of, measurement_ids(new)))
    known = set(map(_test_of, measurement_ids(old)))
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


def _test_of(one: MeasurementId) -> _Test:
    return one.hardware_class, one.backend, one.test


def _with_why(one: MeasurementId, item: ItemRecord | None) -> Missing:
    return Missing(**msgspec.structs.asdict(one), why=_what_became(item))


def _what_became(item: ItemRecord | None) -> str:
    if item is None:
        return ""
    what = "not measured any more" if item.outcome == "passed" else item.outcome
    return f"{what}: {item.reason}" if item.reason else what
