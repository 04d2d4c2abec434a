"""What pytest says of each test that measures, put together from the reports of its phases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from pytest_trtperf.errors import TrtPerfError
from pytest_trtperf.record.item import (
    FAILED,
    AttemptRecord,
    ItemRecord,
    Outcome,
)
from pytest_trtperf.record.text import shortened
from pytest_trtperf.report.junit import without_properties
from pytest_trtperf.text import with_escapes, without_middle

LONGEST_TEXT = 300
"""Characters of a reason or a property; a record of a night has hundreds of them."""

LONGEST_OUTPUT = 8000
"""Characters of a traceback with what a test printed."""

_STYLES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""What colours and moves text on a terminal."""

_PHASES = ("setup", "call", "teardown")
_SPEAKS_FOR_ITSELF = (TrtPerfError, AssertionError, pytest.fail.Exception, pytest.skip.Exception)


def plain_id(item: pytest.Item) -> str:
    """A test's node id without the `@group` that pytest-xdist's loadgroup appends."""
    plain = f"{item.parent.nodeid}::{item.name}" if item.parent else item.nodeid
    return plain if item.nodeid.startswith(f"{plain}@") else item.nodeid


def reason_of(error: BaseException) -> str:
    """The first line of what an error says, with its class where the text needs it."""
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else ""
    if not isinstance(error, _SPEAKS_FOR_ITSELF):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return shortened(text, LONGEST_TEXT)


def outcome_of(report: pytest.TestReport) -> Outcome | None:
    """What one report says of the outcome, as pytest counts it; None where it is only a step."""
    outcome: str = report.outcome
    if hasattr(report, "wasxfail") and outcome != "failed":
        return "xfailed" if outcome == "skipped" else "xpassed"
    if outcome == "skipped":
        return "unchanged" if getattr(report, "trtperf_unchanged", False) else "skipped"
    if outcome == "passed":
        return "passed" if report.when == "call" else None
    # Failed, or what a plugin that runs tests again makes of it.
    return "error" if report.when in ("setup", "teardown") else "failed"


@dataclass
class _Attempt:
    outcome: Outcome | None = None
    reason: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    failed_subtests: list[str] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)
    quarantined: bool = False
    measures: bool = False
    by_verdict: bool = False
    output: str = ""

    def take(self, report: pytest.TestReport, about: Mapping[str, Any]) -> None:
        if report.when in _PHASES:
            self.seconds[report.when] = round(report.duration, 6)
        self.failed_subtests += about.get("failed_subtests", ())
        self.quarantined |= getattr(report, "trtperf_quarantined", False)
        self.measures |= about.get("measures", False)
        self.by_verdict |= about.get("by_verdict", False)
        self.properties |= {
            str(name): shortened(str(value), LONGEST_TEXT)
            for name, value in without_properties(report.user_properties)
        }
        # pytest's own says only how many subtests failed.
        reason = about.get("reason") or next(iter(self.failed_subtests), _text_of(report))
        outcome = outcome_of(report)
        if report.when == "teardown" and outcome == "skipped" and self.outcome:
            return  # the test has ended by then
        if self.failed_subtests and outcome == "passed":
            outcome = "failed"
        if outcome in FAILED:
            self.output = self.output or _output_of(report)
        # A test that failed and could not be torn down either counts as failed.
        if outcome and self.outcome not in FAILED:
            self.outcome, self.reason = outcome, "" if outcome == "passed" else reason


def _text_of(report: pytest.TestReport) -> str:
    """The first line of what a report says, where no exception of the test is known."""
    if report.outcome == "passed":
        return ""
    lines = str(report.longrepr or "").strip().splitlines()
    return shortened(lines[0], LONGEST_TEXT) if lines else ""


def _output_of(report: pytest.TestReport) -> str:
    """The traceback and what was printed, as pytest shows them."""
    shown = [str(report.longrepr or "")]
    shown += [f"{f' {title} ':-^60}\n{text}" for title, text in report.sections]
    whole = "\n".join(filter(None, (_STYLES.sub("", text).strip("\n") for text in shown)))
    return without_middle("\n".join(map(with_escapes, whole.split("\n"))), LONGEST_OUTPUT)


class ReportedItems:
    """The tests of a run that measure, by their node ids, in the order of collection."""

    def __init__(self) -> None:
        self._collected: dict[str, ItemRecord] = {}
        self._attempts: dict[str, list[_Attempt]] = {}
        self._crashed: dict[str, list[pytest.TestReport]] = {}
        self._tests: dict[str, str] = {}

    def note_groups(self, tests: Mapping[str, str]) -> None:
        """Takes the node ids that differ from those of their tests, see `plain_id`."""
        self._tests.update(tests)

    def plain_id(self, nodeid: str) -> str:
        """The node id of a test, given that of a report; the same until the group is known."""
        return self._tests.get(nodeid, nodeid)

    def note_collected(self, items: Iterable[ItemRecord]) -> None:
        """Takes the tests that there are; those that are known stay as they are."""
        for item in items:
            self._collected.setdefault(item.test, item)
            for nodeid in [one for one in self._crashed if self.plain_id(one) == item.test]:
                for report in self._crashed.pop(nodeid):
                    self.take(report)

    @property
    def collected(self) -> list[ItemRecord]:
        """The tests that there are, as they were before they ran."""
        return list(self._collected.values())

    def take(self, report: pytest.TestReport) -> bool:
        """Takes a report of a test that measures, and returns whether it is one."""
        self.note_groups(getattr(report, "trtperf_groups", {}))
        for data in getattr(report, "trtperf_collected", ()):
            self.note_collected([msgspec.convert(data, ItemRecord)])
        test = self.plain_id(report.nodeid)
        about = getattr(report, "trtperf_item", None)
        if about is None:
            if report.when in _PHASES:
                return False
            if test not in self._collected:
                # A crash before the first report of any test: which ones measure comes later.
                self._crashed.setdefault(report.nodeid, []).append(report)
                return False
        attempts = self._attempts.setdefault(test, [])
        if report.when == "setup" or not attempts:
            attempts.append(_Attempt())
        for one in (about or {}).get("earlier", ()):
            seconds = {"call": one["seconds"]}
            tried = _Attempt("failed", one["reason"], seconds, by_verdict=one["by_verdict"])
            attempts.insert(-1, tried)
        attempts[-1].take(report, about or {})
        return True

    def outcome(self, test: str) -> Outcome | None:
        """What became of a test by now; None of one that does not measure."""
        record = self.record(test)
        return record.outcome if record else None

    def record(self, test: str, swallowed: Sequence[str] = ()) -> ItemRecord | None:
        """A test as it stands now; None of one that does not measure.

        Args:
            swallowed: messages of its verdicts that failed.
        """
        item = self._collected.get(test)
        attempts = self._attempts.get(test)
        if item is None or not attempts:
            return item
        last = attempts[-1]
        labels = dict(last.properties)
        owner = labels.pop("owner", None) if item.owner is None else item.owner
        outcome = last.outcome or "unfinished"
        tried = [
            AttemptRecord(
                outcome=one.outcome or "unfinished",
                seconds=sum(one.seconds.values()),
                reason=one.reason,
                by_verdict=one.by_verdict and one.outcome in FAILED,
            )
            for one in attempts
        ]
        return msgspec.structs.replace(
            item,
            outcome=outcome,
            reason=last.reason,
            seconds=last.seconds,
            attempts=tried if len(tried) > 1 else [],
            owner=owner,
            measures=item.measures or any(one.measures for one in attempts),
            labels={**labels, **item.labels},
            failed_subtests=last.failed_subtests,
            swallowed=[] if outcome in FAILED or last.quarantined else list(swallowed),
            quarantined=last.quarantined,
            output=last.output,
        )

    def records(self, swallowed: Mapping[str, Sequence[str]]) -> list[ItemRecord]:
        """All tests as they stand now.

        Args:
            swallowed: by test the messages of its verdicts that failed.
        """
        found = (self.record(test, swallowed.get(test, ())) for test in self._collected)
        return [one for one in found if one]
