"""The section at the end of a run: as wide as the terminal, in pytest's colours, a line a kind."""

from __future__ import annotations

import pytest

MANY = """
    import pytest

    @pytest.mark.parametrize("number", range(30))
    def test_a_model_of_many(trt_engine, trt_measure, number):
        trt_measure(trt_engine("model.onnx"), shapes={"x": (16, 256)}).assert_p99(ms=99)
"""
FAILS = """
    def test_fails(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"), shapes={"x": (16, 256)}).assert_p99(ms=1e-4)
"""


def section(result):
    """The lines of the section."""
    lines = result.outlines
    begin = next(place for place, line in enumerate(lines) if "= trtperf: " in line)
    end = next(n for n, line in enumerate(lines) if n > begin and "=====" in line)
    return lines[begin + 1 : end]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_table_fits_the_terminal(project, monkeypatch, width):
    project.model()
    project.tests(MANY)
    monkeypatch.setenv("COLUMNS", str(width))
    title, *rows = section(project.run("--trtperf-max-time=0.1"))[:31]
    assert title.startswith("test " if width > 80 else "test_perf.py ")
    assert title.endswith("  verdict")
    assert max(map(len, rows)) <= width
    assert ("QPS" in title) == (width >= 80)
    assert len({row.split()[0] for row in rows}) == 30


def test_a_log_has_the_whole_table(project, monkeypatch):
    project.model()
    project.tests(MANY)
    monkeypatch.delenv("COLUMNS", raising=False)
    title, row = section(project.run("--trtperf-max-time=0.1", "-k", "[0]"))[:2]
    assert "QPS" in title
    assert "test_a_model_of_many[0]" in row


def test_thirty_measurements_that_pass_are_at_most_45_lines(project):
    project.model()
    project.tests(MANY)
    short = project.run("--trtperf-max-time=0.1")
    long = project.run("--trtperf-max-time=0.1", "-v")
    short.assert_outcomes(passed=30)
    assert len(section(short)) <= 45 < len(section(long))
    counted = [line for line in section(short) if ": 30 measurements, e.g. test_perf.py::" in line]
    assert counted, section(short)
    assert "WITHOUT A BASELINE, nothing was compared (all 30):" in section(short)


def test_verdicts_have_the_colours_of_pytest(project, monkeypatch):
    project.model()
    project.tests(FAILS)
    monkeypatch.delenv("NO_COLOR", raising=False)
    (row,) = [line for line in section(project.run("--color=yes")) if "FAIL P99" in line]
    assert "\x1b[31m\x1b[1mFAIL P99 of latency\x1b[0m" in row
    assert not row.startswith("\x1b")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in "".join(section(project.run()))
