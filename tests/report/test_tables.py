"""Columns of plain text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.report.tables import LEAST_NAME, aligned, fitted, on_the_point

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


@given(
    st.lists(st.tuples(*[st.text("ab c", max_size=60)] * 4), min_size=1, max_size=5),
    st.integers(60, 200),
)
def test_a_table_fits_the_width_or_keeps_what_matters(rows, width):
    lines = fitted(rows, width, dropped=(2, 1), left=(0,))
    assert len(lines) == len(rows)
    last = max(len(row[3]) for row in rows)
    if max(map(len, lines)) > width:
        # The least that is shown is wider: a name without its middle, and the last column.
        assert min(LEAST_NAME, max(len(row[0]) for row in rows)) + len("  ") + last > width
    if max(map(len, aligned(rows))) <= width:
        assert lines == aligned(rows)
    assert all(line.endswith(row[3].rstrip()) for line, row in zip(lines, rows, strict=True))


def test_columns_go_before_names_are_hard_to_read():
    rows = [
        ("test", "median", "QPS", "verdict"),
        ("tests/test_models.py::test_x", "1", "2", "pass"),
    ]
    assert fitted(rows, None, (2, 1), (0, 3)) == aligned(rows, left=(0, 3))
    titles = [fitted(rows, width, (2, 1), (0, 3))[0].split()[1:] for width in (46, 42, 35)]
    assert titles == [["median", "QPS", "verdict"], ["median", "verdict"], ["verdict"]]


def test_a_file_that_all_names_share_is_their_title_where_names_are_too_long():
    rows = [
        ("test", "ms"),
        ("tests/test_models.py::test_x", "1"),
        ("tests/test_models.py::test_y", "2"),
    ]
    wide = fitted(rows, 32, (), (0,))
    assert wide == aligned(rows)
    assert fitted(rows, 31, (), (0,)) == [
        "tests/test_models.py  ms",
        "test_x                 1",
        "test_y                 2",
    ]
    assert fitted([("a title that is too long for it", "ms")], 31, (), (0,)) == [
        "a title that …o long for it  ms"
    ]
    elsewhere = [*rows, ("tests/test_more.py::test_z", "3")]
    assert fitted(elsewhere, 31, (), (0,))[1].startswith("tests/test_mo…ls.py::test_x ")


def test_points_are_below_each_other():
    cells = on_the_point(["0.0622", "12", "153.2", "1e-05", "-"])
    assert cells == ["0.0622", "12     ", "153.2   ", "1e-05     ", "-"]
    lines = aligned([("ms",), *((cell,) for cell in cells[:3])], left=())
    assert {line.find(".") for line in lines[1:] if "." in line} == {3}
