"""The outcome of a measurement in one word, and its row of cells: what all reports share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import get_args

from pytest_trtperf.analysis.costs import COSTS, UNITS
from pytest_trtperf.analysis.percent import signed_percent
from pytest_trtperf.analysis.verdict import Reason
from pytest_trtperf.record.baseline_state import COMPARED, baseline_words
from pytest_trtperf.record.item import FAILED, ItemRecord, Outcome
from pytest_trtperf.record.model import Measured, MeasurementRecord
from pytest_trtperf.record.text import shortened
from pytest_trtperf.record.verdict import VerdictRecord
from pytest_trtperf.report.marks import deciding_race, mark_lines, marks_of

COLUMNS = ("test", "P50 ms", "P99 ms", "QPS", "budget", "baseline", "change", "verdict")

OUTCOMES = ("fail", "inconclusive", "swallowed", "xfail", "pass", "measured")
"""In the order in which they matter.

swallowed: a verdict failed, and the test caught its error. xfail: the test is expected to fail.
"""

MAX_NAMES = 5
"""Of measurements, in a line that counts them."""


def listed(names: Sequence[str], most: int = MAX_NAMES) -> str:
    """Names in a line; of many the first few."""
    more = [f"and {len(names) - most} more"] if len(names) > most else []
    return ", ".join([*names[:most], *more])


def outcome(record: Measured) -> str:
    """One of `OUTCOMES`, which agrees with what pytest says; measured where nothing was judged."""
    if any(verdict.failed for verdict in record.verdicts):
        if record.outcome is None or record.outcome in FAILED:
            return "fail"
        return "xfail" if record.outcome == "xfailed" else "swallowed"
    states = {verdict.status for verdict in record.verdicts}
    return "inconclusive" if "inconclusive" in states else "pass" if states else "measured"


def broken(tests: Sequence[ItemRecord], measured: Sequence[Measured]) -> list[ItemRecord]:
    """Tests that failed and that no verdict explains, such as those whose engine did not build."""
    explained = {one.test for one in measured if outcome(one) == "fail"}
    return [one for one in tests if one.outcome in FAILED and one.test not in explained]


def broken_line(test: ItemRecord) -> str:
    """What became of a test that no verdict explains."""
    what = "failed" if test.outcome == "failed" else "failed in set-up or teardown"
    return f"{shortened(test.key)} {what}: {test.reason}" if test.reason else f"{test.key} {what}"


def tests_line(tests: Sequence[ItemRecord]) -> str | None:
    """How many tests had which outcome; None without tests, as in records of older versions."""
    counts = Counter(test.outcome for test in tests)
    words = [f"{counts[word]} {word}" for word in get_args(Outcome) if counts[word]]
    return f"tests: {', '.join(words)}" if words else None


def row(record: MeasurementRecord) -> tuple[str, ...]:
    """A cell for each of `COLUMNS`."""
    judged = record.summary[record.judged_metric]
    shown = decisive(record)
    return (
        shortened(record.key),
        f"{judged['median']:.4g}",
        f"{judged['p99']:.4g}",
        f"{record.throughput:.5g}",
        budget_words(record) or "-",
        _baseline(shown, baseline_words(record)),
        "-" if shown is None else _change(shown),
        _verdict(record),
    )


def budget_words(record: MeasurementRecord) -> str:
    """The budgets of a measurement, `P99<=2, >=5 qps`; empty without one."""
    budgets = (v for v in record.verdicts if v.kind == "budget" and v.limit is not None)
    return ", ".join(map(_budget, budgets))


def cost_words(record: MeasurementRecord) -> dict[str, str]:
    """What an engine costs beside its queries, by title: `load time 93.1 ms (page cache warm)`."""
    return {
        COSTS[name].title: f"{COSTS[name].title} {one.value:.4g} {one.unit}"
        + (f" ({one.about})" if one.about else "")
        for name, one in record.costs.items()
        if name in COSTS
    }


def decisive(record: MeasurementRecord) -> VerdictRecord | None:
    """The comparison to show: the first that failed, else that of the engine's own time."""
    compared = [
        verdict
        for verdict in record.verdicts
        if verdict.kind in ("baseline", "race") and verdict.change is not None
    ]
    return next((v for v in compared if v.failed), compared[0] if compared else None)


def _change(shown: VerdictRecord) -> str:
    """Against the baseline; of an engine that a race failed, against the reference."""
    lost = deciding_race(shown)
    change = lost.change if lost else shown.change
    return "-" if change is None else signed_percent(change) + marks_of(shown)


def marks_explained(measured: Sequence[Measured]) -> list[str]:
    """A line for each mark in the rows of these."""
    records = (one for one in measured if isinstance(one, MeasurementRecord))
    return mark_lines([*filter(None, map(decisive, records))])


def _budget(verdict: VerdictRecord) -> str:
    name = verdict.metric.removesuffix(" of latency")
    if verdict.metric == "throughput":
        return f">={verdict.limit:.4g} qps"
    if verdict.metric in UNITS:
        name = "memory" if name == "device memory" else name
        return f"{name}<={verdict.limit:g} {UNITS[verdict.metric]}"
    return f"{name}<={verdict.limit:.4g}"


def _baseline(shown: VerdictRecord | None, state: str) -> str:
    if shown is None or shown.baseline is None:
        return state if state != COMPARED else "-"
    return f"{shown.metric} {shown.baseline:.4g}"


def _verdict(record: MeasurementRecord) -> str:
    word = outcome(record)
    if word in ("fail", "swallowed", "xfail"):
        # A comparison of the test's own may have failed by the same metric.
        metrics = dict.fromkeys(verdict.metric for verdict in record.verdicts if verdict.failed)
        failed = ", ".join(metrics)
        return f"{'FAIL' if word == 'fail' else word} {failed}"
    by_estimate = any(verdict.reason == Reason.ESTIMATE for verdict in record.verdicts)
    return f"{word} (by estimate)" if by_estimate else word
