"""What was not measured since nothing had changed, and why the rest was: the last lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_trtperf.report.outcomes import listed


def unchanged_lines(
    unchanged: Sequence[str], changed: Mapping[str, str], verbosity: int
) -> list[str]:
    """The lines of a run with --trtperf-changed-only; none of another one.

    Args:
        unchanged: tests that were skipped. changed: by test, why it was measured.
        verbosity: pytest's; above 0 the reasons are listed.
    """
    by_reason: dict[str, list[str]] = {}
    for test, why in changed.items() if verbosity > 0 else ():
        by_reason.setdefault(why, []).append(test)
    lines = [f"measured: {why}: {listed(tests)}" for why, tests in by_reason.items()]
    if unchanged:
        were = "test was" if len(unchanged) == 1 else "tests were"
        lines.append(f"{len(unchanged)} {were} not measured: unchanged since the baseline")
    return lines
