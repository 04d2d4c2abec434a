from __future__ import annotations

import contextlib
import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pytest_trtperf.engine.progress import BuildProgress
from pytest_trtperf.report.build_progress import build_line, open_terminal

PROGRAM = """
    import pytest

    @pytest.fixture
    def terminal(request):
        from pytest_trtperf.report.build_progress import open_terminal
        return open_terminal(request.config)

    def test_draws(terminal):
        print("captured")
        assert terminal is not None
        terminal.write("past the capture")
        terminal.close()
"""


class Terminal(io.StringIO):
    def fileno(self) -> int:
        raise OSError


def progress_at(step: int) -> BuildProgress:
    progress = BuildProgress()
    progress.start("Tactic selection", None, 4)
    progress.step("Tactic selection", step)
    return progress


class Clock:
    """Tells the time that it was set to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def drawing(terminal: Terminal, clock: Clock) -> Iterator[Callable[[BuildProgress], None]]:
    with build_line(terminal, "m.onnx", clock) as show:
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
    assert drawn[3] == "trtperf: m.onnx built in 42 s\x1b[K\n"
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
    assert terminal.getvalue().endswith("m.onnx not built, after 5 s\x1b[K\n")


def test_a_terminal_that_went_away_stops_no_build():
    terminal, clock = Terminal(), Clock()
    with drawing(terminal, clock) as show:
        clock.now = 5
        terminal.close()
        show(progress_at(0))


def test_without_a_terminal_nothing_is_shown():
    with build_line(None, "m.onnx") as show:
        assert show is None


def test_stderr_that_is_no_terminal_is_none(pytestconfig):
    assert open_terminal(pytestconfig) is None


@pytest.mark.parametrize(("option", "shows"), [("-v", True), ("-q", False)])
def test_a_terminal_is_written_past_the_capture(pytester, option, shows):
    test = pytester.makepyfile(PROGRAM)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", option, str(test)]
    terminal, its_end = pty.openpty()
    with subprocess.Popen(command, stdin=its_end, stdout=its_end, stderr=its_end):
        os.close(its_end)
        output = b""
        # How a terminal says that its process ended.
        with contextlib.suppress(OSError):
            while part := os.read(terminal, 4096):
                output += part
    os.close(terminal)
    assert (b"past the capture" in output) == shows
    assert (b"1 passed" in output) == shows
