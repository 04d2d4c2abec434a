"""Tests that are green although something of theirs was not judged: the lines that count them."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_trtperf.record.item import PASSED, ItemRecord
from pytest_trtperf.record.model import Measured
from pytest_trtperf.record.text import shortened
from pytest_trtperf.report.outcomes import listed


def overlooked_lines(tests: Sequence[ItemRecord], measured: Sequence[Measured]) -> list[str]:
    """How many tests caught a failed verdict, skipped after they measured, or measured nothing."""
    have_measured = {one.test for one in measured}
    caught = [one for one in tests if one.swallowed]
    skipped = [one for one in tests if one.outcome == "skipped" and one.test in have_measured]
    empty = [
        one
        for one in tests
        if one.measures and one.outcome in PASSED and one.test not in have_measured
    ]
    lines = []
    if caught:
        verdicts = sum(len(one.swallowed) for one in caught)
        lines.append(
            f"{verdicts} failed verdict{'s' * (verdicts > 1)} in {_tests(caught)} that did not "
            f"fail ({_names(caught)})"
        )
    if skipped:
        were = "was" if len(skipped) == 1 else "were"
        lines.append(
            f"{_tests(skipped)} measured and {were} then skipped: not compared ({_names(skipped)})"
        )
    if empty:
        have = "has" if len(empty) == 1 else "have"
        lines.append(f"{_tests(empty)} {have} trt_measure and measured nothing ({_names(empty)})")
    return lines


def unfinished_line(tests: Sequence[ItemRecord]) -> str | None:
    """What a run that was stopped has left out; None where it reached all tests."""
    left = [one for one in tests if one.outcome == "unfinished"]
    if not left:
        return None
    were = "was" if len(left) == 1 else "were"
    return (
        f"stopped before all tests had run: {_tests(left)} {were} neither measured nor compared "
        f"({_names(left)})"
    )


def _tests(tests: Sequence[ItemRecord]) -> str:
    return f"{len(tests)} test{'s' * (len(tests) > 1)}"


def _names(tests: Sequence[ItemRecord]) -> str:
    return listed([shortened(one.key.partition("::")[2] or one.key) for one in tests])
