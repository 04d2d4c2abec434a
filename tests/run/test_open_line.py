"""The line of progress is drawn past pytest's capturing, on a terminal alone."""

from __future__ import annotations

import sys

import pytest

from pytest_trtperf.run.open_line import open_line

PROGRAM = """
    import pytest
    from pytest_trtperf.run.open_line import open_line

    def test_draws(pytestconfig):
        print("captured")
        with open_line(pytestconfig) as line:
            line.draw("past the capture")
            line.erase()
"""


def test_stderr_that_is_no_terminal_shows_nothing(pytestconfig):
    with open_line(pytestconfig) as line:
        assert not line


@pytest.mark.parametrize(("option", "shows"), [("-v", True), ("-q", False)])
def test_a_terminal_is_written_past_the_capture(pytester, on_terminal, option, shows):
    test = pytester.makepyfile(PROGRAM)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", option, str(test)]
    output = on_terminal(command)
    assert ("past the capture" in output) == shows
    assert "captured\r" not in output
    assert "1 passed" in output or not shows
