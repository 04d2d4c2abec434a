"""A line on the terminal that shows how far a test's measurements are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytest_trtperf.measure.progress import MeasureProgress
from pytest_trtperf.report.progress_line import LOG_EVERY_S, SILENT_S, ProgressLine
from pytest_trtperf.text import without_middle

_LONGEST_NAME = 32
"""Characters of a test's name, so that what is left of a line of 80 says how far it is."""


class MeasureLines:
    """The lines of one test's measurements, one after the other.

    Tests that measure for less than a second show nothing.
    """

    def __init__(self, line: ProgressLine, test: str) -> None:
        self._line, self._test = line, test
        self._begun: float | None = None

    def of(
        self, label: str, looks: Sequence[int] = ()
    ) -> Callable[[MeasureProgress | None], None] | None:
        """Gives a function that shows a measurement's progress; None without a terminal.

        Called with None, it erases the line.

        Args:
            label: distinguishes several measurements of the test.
            looks: rounds at which a verdict is looked for.
        """
        if not self._line:
            return None
        test = self._test.partition("::")[2] or self._test
        name = without_middle(f"{test}#{label.strip()}" if label else test, _LONGEST_NAME)

        def show(progress: MeasureProgress | None) -> None:
            if progress is None:
                self._line.erase()
            elif self._is_long():
                self._line.draw(f"trtperf: {name}: {_described(progress, looks)}")

        return show

    def _is_long(self) -> bool:
        now = self._line.clock()
        if self._begun is None:
            self._begun = now
        return now - self._begun >= SILENT_S


def show_wait(line: ProgressLine, what: str | Callable[[], str]) -> Callable[[float | None], None]:
    """Gives a function that shows how many seconds `what` was waited for; None erases the line.

    Without a terminal it writes a line to the log in each minute.
    """
    next_s = LOG_EVERY_S

    def text(seconds: float) -> str:
        return f"trtperf: waiting for {what if isinstance(what, str) else what()}  {seconds:.0f} s"

    def show(seconds: float | None) -> None:
        nonlocal next_s
        if seconds is None:
            line.erase()
            next_s = LOG_EVERY_S
        elif line:
            if seconds >= SILENT_S:
                line.draw(text(seconds))
        elif seconds >= next_s:
            next_s += LOG_EVERY_S
            line.log(text(seconds))

    return show


def _described(progress: MeasureProgress, looks: Sequence[int]) -> str:
    left = f"at most {max(progress.seconds_left, 0):.0f} s left"
    number = progress.round
    if number is None:
        return f"warm-up, {left}"
    next_look = next((look for look in looks if look >= number), progress.wanted)
    # Rounds go on after the first look only while there is no verdict.
    verdict = ", inconclusive so far" if looks and number > looks[0] else ""
    disturbed = f", {progress.set_aside} disturbed" if progress.set_aside else ""
    limits = f": {progress.limits}" if progress.limits else ""
    return f"round {number} of at least {next_look}{verdict}{disturbed}, {left}{limits}"
