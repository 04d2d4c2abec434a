"""Columns of plain text."""

from __future__ import annotations

from pytest_trtperf.report.tables import aligned

ROWS = [("test", "ms", "verdict"), ("a long name", "1.25", "pass")]


def test_numbers_end_and_names_begin_at_the_same_place():
    assert aligned(ROWS, left=(0, 2)) == [
        "test           ms  verdict",
        "a long name  1.25  pass",
    ]


def test_a_line_has_no_blanks_at_its_end():
    assert aligned([("a", "b"), ("a", "")], left=range(2)) == ["a  b", "a"]


def test_without_rows_there_are_no_lines():
    assert aligned([]) == []
