from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_trtperf.backend.progress import BuildProgress
from pytest_trtperf.plan_cache.build_log import BuildLog, build_log
from pytest_trtperf.plan_cache.files import CacheFiles
from pytest_trtperf.report.build_progress import build_line
from pytest_trtperf.report.progress_line import ProgressLine


class Terminal(io.StringIO):
    def fileno(self) -> int:
        raise OSError


def progress_at(step: int) -> BuildProgress:
    progress = BuildProgress()
    progress.start("Tactic selection", None, 4)
    progress.step("Tactic selection", step)
    return progress


class Clock:
    """Returns the time that it was set to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


KEY = "a" * 64
SILENT = BuildLog(CacheFiles(Path("absent"), shared=False), KEY)


@contextmanager
def drawing(
    terminal: Terminal, clock: Clock, log: BuildLog = SILENT
) -> Iterator[Callable[[BuildProgress], None]]:
    line = ProgressLine(terminal, column=lambda: 13, clock=clock)
    with build_line(line, "m.onnx", log) as show:
        assert show is not None
        yield show


def test_a_quick_build_leaves_no_trace():
    terminal, clock = Terminal(), Clock()
    with drawing(terminal, clock) as show:
        clock.now = 0.9
        show(progress_at(1))
    assert terminal.getvalue() == ""


def test_a_line_is_drawn_anew_and_the_last_stays():
    terminal, clock = Terminal(), Clock()
    with drawing(terminal, clock) as show:
        for seconds, step in ((2, 0), (2.05, 1), (3, 2)):
            clock.now = seconds
            show(progress_at(step))
        clock.now = 41.6
    drawn = terminal.getvalue().split("\r")
    assert drawn[0] == "\n"
    assert "building m.onnx  25% 2 s  Tactic selection" in drawn[1]
    assert "75% 3 s" in drawn[2]
    assert drawn[3] == "\x1b[Ktrtperf: m.onnx built in 42 s\n"
    assert len(drawn) == 4


def test_a_build_that_fails_says_so():
    terminal, clock = Terminal(), Clock()

    def build() -> None:
        with drawing(terminal, clock) as show:
            clock.now = 5
            show(progress_at(0))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build()
    assert terminal.getvalue().endswith("m.onnx not built, after 5 s\n")


def test_the_last_line_names_the_log_in_full(tmp_path):
    terminal, clock = Terminal(), Clock()
    directory = tmp_path / ("long" * 30)
    directory.mkdir()
    with (
        build_log(CacheFiles(directory, shared=False), KEY) as log,
        drawing(terminal, clock, log) as show,
    ):
        log.write("INFO: text")
        clock.now = 5
        show(progress_at(0))
    path = directory / f"{KEY}.log"
    assert terminal.getvalue().endswith(f"m.onnx built in 5 s, log: {path}\n")


def test_a_terminal_that_went_away_stops_no_build():
    terminal, clock = Terminal(), Clock()
    with drawing(terminal, clock) as show:
        clock.now = 5
        terminal.close()
        show(progress_at(0))


def test_without_a_terminal_nothing_is_shown():
    with build_line(ProgressLine(None), "m.onnx", SILENT) as show:
        assert show is None
