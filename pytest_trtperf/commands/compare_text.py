"""A comparison of two records as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_trtperf.analysis.costs import UNITS
from pytest_trtperf.analysis.percent import percent_interval, signed_percent
from pytest_trtperf.commands.compared_costs import CostChange, cost_counts, cost_rows
from pytest_trtperf.commands.compared_records import Compared, Comparisons
from pytest_trtperf.record.text import shortened
from pytest_trtperf.report.tables import aligned

INCOMPLETE = "the old run did not end: what it had not measured by then is compared with nothing"

COLUMNS = ("test", "metric", "old", "new", "change", "interval", "verdict")


def text_lines(found: Comparisons, *, everything: bool) -> Iterator[str]:
    """A table, what is behind it, and how many of each there are.

    Args:
        everything: whether unchanged measurements are shown too.
    """
    shown = [one for one in found.compared if everything or one.is_worth_a_word]
    rows = [row for one in shown for row in rows_of(one)]
    costs = costs_of(found)
    rows += cost_rows(costs, everything=everything)
    yield from aligned([COLUMNS, *rows], left=(0, 1, len(COLUMNS) - 1)) if rows else []
    for one in shown:
        key = shortened(one.identity.key)
        yield from (f"{key}: {text}" for text in (*one.notes, *one.differences))
    if found.incomplete:
        yield INCOMPLETE
    for name, those in remaining(found):
        yield f"{name} ({len(those)}):"
        yield from (f"  {one}" for one in those)
    yield from filter(None, [cost_counts(costs, everything=everything)])
    yield summary(found)


def costs_of(found: Comparisons) -> list[tuple[str, CostChange]]:
    """The figures of all measurements that nothing judges, each with its measurement's key."""
    return [(one.identity.key, cost) for one in found.compared for cost in one.costs]


def remaining(found: Comparisons) -> Iterator[tuple[str, list[str]]]:
    """What could not be compared, by why; without those that there are none of."""
    for name, those in (
        ("not in the new record", [one.with_reason for one in found.missing]),
        ("failed in the new record alone", [str(one) for one in found.broken]),
        ("expected to fail", [one.with_reason for one in found.expected]),
        ("left out in the old record", [one.with_reason for one in found.left_out]),
        ("only in the new record", [str(one) for one in found.added]),
    ):
        if those:
            yield name, those


def rows_of(one: Compared) -> Iterator[tuple[str, ...]]:
    """A row of `COLUMNS` for each number."""
    for verdict in one.verdicts:
        failed = "xfail" if one.expected else "REGRESSED"
        word = {"pass": "same", "fail": failed}.get(verdict.status, verdict.status)
        if verdict.change is None or verdict.value is None or verdict.baseline is None:
            yield shortened(one.identity.key), verdict.metric, "-", "-", "-", "-", "OTHER MODE"
            continue
        yield (
            shortened(one.identity.key),
            _metric(verdict.metric),
            f"{verdict.baseline:.5g}",
            f"{verdict.value:.5g}",
            signed_percent(verdict.change),
            percent_interval(verdict.lower, verdict.upper),
            word,
        )


def _metric(name: str) -> str:
    """As it is, and with its unit where it is a cost."""
    return f"{name} ({UNITS[name]})" if name in UNITS else name


def summary(found: Comparisons) -> str:
    """How many of each there are, in a line."""
    others = {
        "broken": len(found.broken),
        "unchanged": len(found.unchanged),
        "left out in the old record": len(found.left_out),
        "expected to fail": len(found.expected),
    }
    return (
        f"{len(found.compared)} compared: {found.regressed} regressed, {found.inconclusive} "
        f"inconclusive; {len(found.missing)} missing, {len(found.added)} added"
    ) + "".join(f", {count} {what}" for what, count in others.items() if count)
