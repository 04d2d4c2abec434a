"""Text of others is printed without what a terminal or a service would obey."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.text import is_text, many_lines, one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tests/a.py::test_x[8-fp16]#wide", "tests/a.py::test_x[8-fp16]#wide"),
        ("模型\u3000é ", "模型\u3000é "),
        ("a\x1b[31mb\x07\x7f", r"a\x1b[31mb\x07\x7f"),
        ("a\nb\r\tc\\", "a\\nb\\r\\tc\\"),
        ("\x9b31m\x85", r"\x9b31m\x85"),
        ("\u202eabc\u2066\u2028\u2029", r"\u202eabc\u2066\u2028\u2029"),
        ("\ud800\udcff", r"\ud800\udcff"),
        ("::error::x", ": :error::x"),
        ("\u3000 ::stop-commands::x", "\u3000 : :stop-commands::x"),
        ("a ::error::x", "a ::error::x"),
        ("x ##[error]y ##vso[task]", "x # #[error]y # #vso[task]"),
        ("##teamcity[a ###[b", "# #teamcity[a ## #[b"),
    ],
)
def test_one_line(text, shown):
    assert one_line(text) == shown


@pytest.mark.parametrize(
    ("text", "is_one"), [("模型\u3000é ", True), ("", True), ("a\n", False), ("\ud800", False)]
)
def test_text_needs_no_escapes(text, is_one):
    assert is_text(text) == is_one


def test_many_lines_keeps_them_and_cleans_each():
    assert many_lines("a\n::error::b\n\x1bc\r\n") == "a\n: :error::b\n\\x1bc\\r\n"


@given(st.text(st.characters() | st.sampled_from(":#[ \n\r\x1b")))
def test_nothing_that_is_obeyed_is_left(text):
    line = one_line(text)
    assert one_line(line) == line
    assert not line.lstrip().startswith("::")
    assert "##[" not in line
    assert all(unicodedata.category(char)[0] != "C" for char in line)
    assert len(line.splitlines()) <= 1
    line.encode()
