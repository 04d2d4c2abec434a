"""Tests that are green although something of theirs was not judged: the lines that count them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytest_trtperf.record.baseline_state import NOT_COMPARED
from pytest_trtperf.record.item import FAILED, PASSED, ItemRecord
from pytest_trtperf.record.model import Measured, PairRecord
from pytest_trtperf.record.text import shortened
from pytest_trtperf.report.outcomes import listed
from pytest_trtperf.text import counted


def overlooked_lines(tests: Sequence[ItemRecord], measured: Sequence[Measured]) -> list[str]:
    """How many tests caught a failed verdict, compared nothing though they could, or have not."""
    have_measured = {one.test for one in measured}
    caught = [one for one in tests if one.swallowed]
    skipped = [one for one in tests if one.outcome == "skipped" and one.test in have_measured]
    left_out = _tests_of(measured, lambda one: getattr(one, "baseline", "") == NOT_COMPARED)
    open_ended = [
        one
        for one in tests
        if one.test in left_out and one.outcome not in (*FAILED, "skipped", "unfinished")
    ]
    unheld = _tests_of(measured, lambda one: isinstance(one, PairRecord) and not one.verdicts)
    without_limit = [one for one in tests if one.test in unheld and one.outcome in PASSED]
    empty = [
        one
        for one in tests
        if one.measures and one.outcome in PASSED and one.test not in have_measured
    ]
    lines = []
    if caught:
        verdicts = sum(len(one.swallowed) for one in caught)
        lines.append(
            f"{counted(verdicts, 'failed verdict')} in {_tests(caught)} that did not fail "
            f"({_names(caught)})"
        )
    if skipped:
        were = "was" if len(skipped) == 1 else "were"
        lines.append(
            f"{_tests(skipped)} measured and {were} then skipped: not compared ({_names(skipped)})"
        )
    if open_ended:
        lines.append(
            f"{_tests(open_ended)} measured and ended without a comparison with the baseline "
            f"({_names(open_ended)})"
        )
    if without_limit:
        lines.append(
            f"{_tests(without_limit)} compared two engines and held neither to anything "
            f"({_names(without_limit)})"
        )
    if empty:
        have = "has" if len(empty) == 1 else "have"
        lines.append(f"{_tests(empty)} {have} trt_measure and measured nothing ({_names(empty)})")
    return lines


def _tests_of(measured: Sequence[Measured], is_meant: Callable[[Measured], bool]) -> set[str]:
    return {one.test for one in measured if is_meant(one)}


def rerun_lines(tests: Sequence[ItemRecord], *, by_verdict: bool = False) -> list[str]:
    """Tests that failed first, and passed when a plugin ran them again.

    Args:
        by_verdict: only those that a verdict failed.
    """
    again = [
        one
        for one in tests
        if one.outcome in PASSED
        and one.attempts
        and (not by_verdict or any(attempt.by_verdict for attempt in one.attempts))
    ]
    if not again:
        return []
    return [f"{_tests(again)} failed first and passed when run again ({_names(again)})"]


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
    return counted(len(tests), "test")


def _names(tests: Sequence[ItemRecord]) -> str:
    return listed([shortened(one.key.partition("::")[2] or one.key) for one in tests])
