"""A line on the terminal that tells how far a build is; nothing anywhere else."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import pytest

if TYPE_CHECKING:
    from pytest_trtperf.engine.progress import BuildProgress

_SILENT_S = 1.0
_BETWEEN_S = 0.1
_MOST_COLUMNS = 100
_DEFAULT_COLUMNS = 80


def open_terminal(config: pytest.Config) -> TextIO | None:
    """Stderr past pytest's capturing, if it is a terminal and the run is not to be quiet."""
    capture = config.pluginmanager.getplugin("capturemanager")
    if config.option.verbose < 0 or hasattr(config, "workerinput"):
        return None
    suspended = capture.global_and_fixture_disabled() if capture else contextlib.nullcontext()
    with suspended:
        try:
            descriptor = sys.stderr.fileno()
            if not os.isatty(descriptor):
                return None
            return os.fdopen(os.dup(descriptor), "w", encoding=sys.stderr.encoding)
        except (OSError, ValueError):
            return None


@contextmanager
def build_line(
    terminal: TextIO | None, name: str, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[BuildProgress], None] | None]:
    """Yields what draws one line anew while a build goes on; the last tells how long it took.

    Builds of less than a second leave no trace.

    Args:
        terminal: None shows nothing.
        name: what is built.
        clock: in seconds.
    """
    if terminal is None:
        yield None
        return
    line = _Line(terminal, name, clock)
    try:
        yield line.show
    except BaseException:
        line.finish("not built, after")
        raise
    line.finish("built in")


class _Line:
    def __init__(self, terminal: TextIO, name: str, clock: Callable[[], float]) -> None:
        self._terminal, self._name, self._clock = terminal, name, clock
        self._begun = clock()
        self._drawn: float | None = None

    def finish(self, outcome: str) -> None:
        """Leaves a last line, if there was one at all."""
        if self._drawn is not None:
            self._draw(f"trtperf: {self._name} {outcome} {self._elapsed():.0f} s", end="\n")

    def show(self, progress: BuildProgress) -> None:
        """Draws the line anew, if it has been a while."""
        now = self._clock()
        if self._elapsed() < _SILENT_S:
            return
        if self._drawn is None:
            # pytest may have written half a line.
            self._write("\n")
        elif now - self._drawn < _BETWEEN_S:
            return
        self._drawn = now
        share, phase = progress.share, progress.phase
        self._draw(f"trtperf: building {self._name} {share:4.0%} {self._elapsed():.0f} s  {phase}")

    def _elapsed(self) -> float:
        return self._clock() - self._begun

    def _draw(self, text: str, end: str = "") -> None:
        columns = min(_columns(self._terminal), _MOST_COLUMNS)
        self._write(f"\r{text[: columns - 1]}\x1b[K{end}")

    def _write(self, text: str) -> None:
        # A terminal that went away is no reason to stop a build.
        with contextlib.suppress(OSError, ValueError):
            self._terminal.write(text)
            self._terminal.flush()


def _columns(terminal: TextIO) -> int:
    try:
        # Some terminals say 0, for unknown.
        return os.get_terminal_size(terminal.fileno()).columns or _DEFAULT_COLUMNS
    except (OSError, ValueError):
        return _DEFAULT_COLUMNS
