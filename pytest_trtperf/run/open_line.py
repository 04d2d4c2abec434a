"""Where the line of progress is drawn: on the terminal, past pytest's capturing."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import pytest

from pytest_trtperf.report.progress_line import ProgressLine


@contextmanager
def open_line(config: pytest.Config) -> Iterator[ProgressLine]:
    """A line on stderr past pytest's capturing, if that is a terminal and the run not quiet."""
    capture = config.pluginmanager.getplugin("capturemanager")
    if config.option.verbose < 0 or hasattr(config, "workerinput"):
        yield ProgressLine(None)
        return
    suspended = capture.global_and_fixture_disabled() if capture else contextlib.nullcontext()
    with suspended:
        terminal = _duplicate(sys.stderr)
        shares = _is_terminal(sys.stdout)
    writer = config.get_terminal_writer()
    line = ProgressLine(terminal, lambda: writer.width_of_current_line if shares else 0)
    with terminal or contextlib.nullcontext():
        yield line


def _duplicate(stream: TextIO) -> TextIO | None:
    if not _is_terminal(stream):
        return None
    return os.fdopen(os.dup(stream.fileno()), "w", encoding=stream.encoding, errors="replace")


def _is_terminal(stream: TextIO) -> bool:
    try:
        return os.isatty(stream.fileno())
    except (OSError, ValueError):
        return False
