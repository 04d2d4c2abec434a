"""A line on the terminal that tells how far a test's measurements are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytest_trtperf.measure.progress import MeasureProgress
from pytest_trtperf.report.progress_line import SILENT_S, ProgressLine


class MeasureLines:
    """The lines of one test, which measures one after the other.

    Tests that measure for less than a second leave no trace.
    """

    def __init__(self, line: ProgressLine, test: str) -> None:
        self._line, self._test = line, test
        self._begun: float | None = None

    def of(
        self, label: str, looks: Sequence[int] = ()
    ) -> Callable[[MeasureProgress | None], None] | None:
        """What shows the progress of a measurement, None erasing it; None without a terminal.

        Args:
            label: tells several measurements of the test apart.
            looks: rounds at which a verdict is looked for.
        """
        if not self._line:
            return None
        name = f"{self._test}#{label.strip()}" if label else self._test

        def tell(progress: MeasureProgress | None) -> None:
            if progress is None:
                self._line.erase()
            elif self._is_long():
                self._line.draw(f"trtperf: {_told(progress, looks)}  {name}")

        return tell

    def _is_long(self) -> bool:
        now = self._line.clock()
        if self._begun is None:
            self._begun = now
        return now - self._begun >= SILENT_S


def show_wait(line: ProgressLine, what: str) -> Callable[[float | None], None]:
    """What shows for how many seconds something has been waited for, None erasing it."""

    def tell(seconds: float | None) -> None:
        if seconds is None:
            line.erase()
        elif seconds >= SILENT_S:
            line.draw(f"trtperf: waiting for {what}  {seconds:.0f} s")

    return tell


def _told(progress: MeasureProgress, looks: Sequence[int]) -> str:
    left = f"at most {max(progress.seconds_left, 0):.0f} s left"
    number = progress.round
    if number is None:
        return f"warm-up, {left}"
    least = next((look for look in looks if look >= number), progress.wanted)
    # More rounds than at the first look are measured only for want of a verdict.
    verdict = ", inconclusive so far" if looks and number > looks[0] else ""
    disturbed = f", {progress.set_aside} disturbed" if progress.set_aside else ""
    return f"round {number} of at least {least}{verdict}{disturbed}, {left}"
