"""One line on the terminal that is drawn anew while something goes on; nothing anywhere else."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import TextIO

from pytest_trtperf.text import one_line

SILENT_S = 1.0
"""What takes less time shows nothing on the terminal."""

LOG_EVERY_S = 60.0
"""How often a log without a terminal says that something is waited for."""

_BETWEEN_S = 0.1
_MAX_COLUMNS = 100
_DEFAULT_COLUMNS = 80


class ProgressLine:
    """Is drawn below what pytest has written; once erased, the cursor is back where pytest left it.

    Args:
        terminal: None shows nothing.
        column: how many columns of the terminal's line pytest has written to.
        clock: in seconds.
        log_file: where lines of `log` go; None drops them.
    """

    def __init__(
        self,
        terminal: TextIO | None,
        column: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
        log_file: TextIO | None = None,
    ) -> None:
        self._terminal, self._column, self.clock = terminal, column, clock
        self._log_file = log_file
        self._drawn: float | None = None

    def __bool__(self) -> bool:
        """Whether there is a terminal."""
        return self._terminal is not None

    @property
    def is_drawn(self) -> bool:
        """Whether there is something to erase."""
        return self._drawn is not None

    def draw(self, text: str) -> None:
        """Shows a text in place of the last one, unless that is too new to be read."""
        now = self.clock()
        if self._drawn is None:
            self._write("\n" if self._column() else "")
        elif now - self._drawn < _BETWEEN_S:
            return
        self._drawn = now
        self._write(self._fitted(text))

    def erase(self) -> None:
        """Takes the line away."""
        if self._drawn is not None:
            column = self._column()
            self._write("\r\x1b[K" + (f"\x1b[A\x1b[{column + 1}G" if column else ""))
        self._drawn = None

    def leave(self, text: str) -> None:
        """Ends with a text that stays, of any length."""
        self._write(f"\r\x1b[K{one_line(text)}\n")
        self._drawn = None

    def log(self, text: str) -> None:
        """Writes a line that stays, where there is no terminal."""
        with contextlib.suppress(OSError, ValueError):
            if self._log_file is not None:
                self._log_file.write("\n" * bool(self._column()) + f"{one_line(text)}\n")
                self._log_file.flush()

    def _fitted(self, text: str) -> str:
        columns = min(_columns(self._terminal), _MAX_COLUMNS)
        return f"\r{one_line(text)[: columns - 1]}\x1b[K"

    def _write(self, text: str) -> None:
        # A terminal that went away is no reason to stop.
        with contextlib.suppress(OSError, ValueError):
            if self._terminal is not None:
                self._terminal.write(text)
                self._terminal.flush()


def _columns(terminal: TextIO | None) -> int:
    try:
        # Some terminals say 0, for unknown.
        found = os.get_terminal_size(terminal.fileno()).columns if terminal else 0
    except (OSError, ValueError):
        found = 0
    return found or _DEFAULT_COLUMNS
