"""Text of others is printed without what a terminal or a service would obey."""

from __future__ import annotations

import ast
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pytest_trtperf
from pytest_trtperf.text import counted, is_text, many_lines, one_line


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
    ("count", "noun", "words"),
    [
        (0, "alarm", "0 alarms"),
        (1, "alarm", "1 alarm"),
        (2, "more file", "2 more files"),
        (1, "entry", "1 entry"),
        (3, "query", "3 queries"),
        (4, "series", "4 series"),
    ],
)
def test_counted(count: int, noun: str, words: str) -> None:
    assert counted(count, noun) == words


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


def test_every_line_on_pytests_terminal_goes_through_it():
    cleaned = {"one_line", "many_lines", "with_escapes"}
    found = []
    for path in Path(str(pytest_trtperf.__file__)).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            on_terminal = ast.unparse(node.func.value) == "terminalreporter"
            if node.func.attr in ("write_line", "section", "write_sep") or (
                node.func.attr == "write" and on_terminal
            ):
                first = node.args[node.func.attr == "write_sep"]
                if isinstance(first, ast.Constant):
                    continue
                called = first.func if isinstance(first, ast.Call) else None
                name = called.id if isinstance(called, ast.Name) else ""
                found.append((path.name, node.lineno, name in cleaned))
    assert len(found) >= 6
    assert [one for one in found if not one[2]] == []
