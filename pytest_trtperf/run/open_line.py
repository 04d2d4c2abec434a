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
    """A line on stderr past pytest's capturing, if that is a terminal and the run not quiet.

    Otherwise it is the log that lines of long waits go to.
    """
    capture = config.pluginmanager.getplugin("capturemanager")
    suspended = capture.global_and_fixture_disabled() if capture else contextlib.nullcontext()
    with suspended:
        stderr = _duplicate(sys.stderr)
        is_terminal, shares = _is_terminal(sys.stderr), _are_one(sys.stdout, sys.stderr)
    # Workers write nothing, and -p no:terminal leaves no writer.
    writes = config.pluginmanager.hasplugin("terminalreporter")
    writer = config.get_terminal_writer() if writes else None
    is_quiet = hasattr(config, "workerinput") or config.getoption("verbose", 0) < 0
    draws = is_terminal and writes and not is_quiet
    line = ProgressLine(
        stderr if draws else None,
        lambda: writer.width_of_current_line if shares and writer else 0,
        log_file=stderr,
    )
    with stderr or contextlib.nullcontext():
        yield line


def _duplicate(stream: TextIO) -> TextIO | None:
    with contextlib.suppress(OSError, ValueError):
        handle = os.dup(stream.fileno())
        return os.fdopen(handle, "w", encoding=stream.encoding, errors="replace")
    return None


def _is_terminal(stream: TextIO) -> bool:
    try:
        return os.isatty(stream.fileno())
    except (OSError, ValueError):
        return False


def _are_one(one: TextIO, other: TextIO) -> bool:
    try:
        return os.path.sameopenfile(one.fileno(), other.fileno())
    except (OSError, ValueError):
        return False
