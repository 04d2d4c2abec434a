"""A line below what pytest has written, and the cursor put back when it is erased."""

from __future__ import annotations

import io

import pytest

from pytest_trtperf.measure.progress import MeasureProgress
from pytest_trtperf.report.measure_progress import MeasureLines, show_wait
from pytest_trtperf.report.progress_line import ProgressLine


class Terminal(io.StringIO):
    def fileno(self) -> int:
        raise OSError


class Clock:
    """Has the time that it was set to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def terminal():
    return Terminal()


@pytest.fixture
def clock():
    return Clock()


def test_erasing_goes_back_to_where_pytest_was(terminal):
    line = ProgressLine(terminal, column=lambda: 13)
    line.draw("text")
    line.erase()
    assert terminal.getvalue() == "\n\rtext\x1b[K\r\x1b[K\x1b[A\x1b[14G"


def test_at_the_start_of_a_line_nothing_is_below(terminal):
    line = ProgressLine(terminal)
    line.draw("text")
    line.erase()
    line.erase()
    assert terminal.getvalue() == "\rtext\x1b[K\r\x1b[K"


def test_what_is_too_new_to_be_read_stays(terminal, clock):
    line = ProgressLine(terminal, clock=clock)
    for now in (1.0, 1.05, 1.2):
        clock.now = now
        line.draw(f"at {now}")
    assert [text.partition("\x1b")[0] for text in terminal.getvalue().split("\r")[1:]] == [
        "at 1.0",
        "at 1.2",
    ]


def test_a_text_is_no_longer_than_the_terminal(terminal):
    ProgressLine(terminal).draw("x" * 500)
    assert terminal.getvalue().count("x") == 79


def shown(terminal, clock, *seen, looks=(5, 8)):
    """The last text that a measurement draws."""
    show = MeasureLines(ProgressLine(terminal, clock=clock), "test_a").of("wide", looks)
    assert show is not None
    for progress in seen:
        show(progress)
        clock.now += 1
    return terminal.getvalue().rpartition("\r")[2].partition("\x1b")[0]


WARM_UP = MeasureProgress(None, 0, 0, 9.6)


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (WARM_UP, "warm-up, at most 10 s left"),
        (MeasureProgress(5, 5, 0, 12.2), "round 5 of at least 5, at most 12 s left"),
        (
            MeasureProgress(6, 8, 2, -0.1),
            "round 6 of at least 8, inconclusive so far, 2 disturbed, at most 0 s left",
        ),
        # A pair asks for one round at a time, and looks at its verdict after some blocks.
        (MeasureProgress(2, 2, 0, 3), "round 2 of at least 5, at most 3 s left"),
    ],
)
def test_what_a_measurement_shows(terminal, clock, progress, text):
    assert shown(terminal, clock, WARM_UP, progress) == f"trtperf: test_a#wide: {text}"[:79]


def test_a_trial_of_a_search_has_no_verdict(terminal, clock):
    progress = MeasureProgress(2, 3, 0, 3)
    text = shown(terminal, clock, WARM_UP, progress, looks=())
    assert text == "trtperf: test_a#wide: round 2 of at least 3, at most 3 s left"


def test_a_long_name_leaves_room_for_the_round(terminal, clock):
    line = ProgressLine(terminal, clock=clock)
    show = MeasureLines(line, f"tests/t.py::TestA::test_{'a' * 90}[8]").of("")
    assert show is not None
    for _ in range(2):
        show(WARM_UP)
        clock.now += 1
    text = terminal.getvalue().rpartition("\r")[2].partition("\x1b")[0]
    assert text.startswith("trtperf: TestA::test_aaaa")
    assert text.endswith("aaa[8]: warm-up, at most 10 s left")


def test_a_short_measurement_shows_nothing(terminal, clock):
    assert shown(terminal, clock, WARM_UP, None) == ""


def test_a_long_wait_is_shown_until_it_ends(terminal):
    show = show_wait(ProgressLine(terminal), "the device, which is in use")
    show(0.5)
    assert terminal.getvalue() == ""
    show(2.2)
    show(None)
    assert "waiting for the device, which is in use  2 s" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_a_long_wait_writes_a_line_a_minute_where_there_is_no_terminal():
    log = io.StringIO()
    show = show_wait(ProgressLine(None, lambda: 7, log_file=log), lambda: "the\x1bdevice")
    for seconds in (59, 60.2, 61, 119, 120.4, 121):
        show(seconds)
    show(None)
    show(30)
    assert log.getvalue() == (
        "\ntrtperf: waiting for the\\x1bdevice  60 s\n"
        "\ntrtperf: waiting for the\\x1bdevice  120 s\n"
    )


def test_without_a_terminal_nothing_is_shown():
    line = ProgressLine(None)
    assert MeasureLines(line, "test_a").of("") is None
    show_wait(line, "nothing")(5.0)
    line.leave("text")


def test_a_terminal_that_went_away_stops_nothing(terminal):
    line = ProgressLine(terminal)
    terminal.close()
    line.draw("text")
    line.erase()
