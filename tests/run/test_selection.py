"""Which modules a run knows not to have collected whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_trtperf.run.selection import Selection
from tests.run.fakes import fake


class Item:
    """A test of a module."""

    def __init__(self, path: Path) -> None:
        self.path = path


def modified(selection, items, change):
    """Has `change` take items out, between the two halves of the hook."""
    hook = selection.pytest_collection_modifyitems(items)
    next(hook)
    change(items)
    with pytest.raises(StopIteration) as end:
        hook.send("result")
    return end.value.value


def test_what_is_deselected_is_noted(begin, tmp_path):
    run = begin()
    Selection(run).pytest_deselected([fake(path=tmp_path / "test_y.py")])
    assert run.deselected == {str(tmp_path / "test_y.py")}


def test_what_is_taken_out_without_a_word_is_noted_too(begin, tmp_path):
    run = begin()
    items = [Item(tmp_path / name) for name in ("test_x.py", "test_y.py", "test_x.py")]
    result = modified(Selection(run), items, lambda those: those.pop())
    assert result == "result"
    assert run.deselected == {str(tmp_path / "test_x.py")}


def test_another_order_takes_nothing_out(begin, tmp_path):
    run = begin()
    items = [Item(tmp_path / name) for name in ("test_x.py", "test_y.py")]
    modified(Selection(run), items, lambda those: those.reverse())
    assert run.deselected == set()


def test_a_test_without_a_path_is_of_no_module(begin):
    run = begin()
    Selection(run).pytest_deselected([fake(nodeid="test_y.py::test_a")])
    assert run.deselected == set()
