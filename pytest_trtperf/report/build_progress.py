"""A line on the terminal that shows how far a build is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_trtperf.report.progress_line import SILENT_S, ProgressLine

if TYPE_CHECKING:
    from pytest_trtperf.backend.progress import Progress, Report
    from pytest_trtperf.plan_cache.build_log import BuildLog


@contextmanager
def build_line(line: ProgressLine, name: str, log: BuildLog) -> Iterator[Report | None]:
    """Yields a function that shows a build's progress; None without a terminal.

    When the build ends, a line with its duration and its log stays. Builds of less than a second
    show nothing.

    Args:
        name: what is built.
    """
    if not line:
        yield None
        return
    begun = line.clock()

    def elapsed() -> float:
        return line.clock() - begun

    def show(progress: Progress) -> None:
        if elapsed() >= SILENT_S:
            share, phase = progress.share, progress.phase
            line.draw(f"trtperf: building {name} {share:4.0%} {elapsed():.0f} s  {phase}")

    outcome = "not built, after"
    try:
        yield show
        outcome = "built in"
    finally:
        if line.is_drawn:
            where = f", log: {log.path}" if log.path else ""
            line.leave(f"trtperf: {name} {outcome} {elapsed():.0f} s{where}")
