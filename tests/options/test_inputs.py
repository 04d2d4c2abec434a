"""How users write where the values of inputs come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pytest_trtperf.options.values import parse_inputs


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("x:x.dat", {"x": Path("x.dat")}),
        ("x:x.dat, y:sub/y.npy", {"x": Path("x.dat"), "y": Path("sub/y.npy")}),
        ("input:0:a.dat", {"input:0": Path("a.dat")}),
        ("'input:0':c:/a.dat,y:b", {"input:0": Path("c:/a.dat"), "y": Path("b")}),
        (" all.NPZ ", Path("all.NPZ")),
        (Path("a:b.npz"), Path("a:b.npz")),
        ({"x": "x.npy", "y": Path("y")}, {"x": Path("x.npy"), "y": Path("y")}),
        ({}, {}),
        (["a.npz", {"x": "x.npy"}], (Path("a.npz"), {"x": Path("x.npy")})),
        (("x:a", "x:b"), ({"x": Path("a")}, {"x": Path("b")})),
        (["a.npz"], Path("a.npz")),
        ("data/*.npz", Path("data/*.npz")),
    ],
)
def test_what_users_write_for_inputs(text, parsed):
    assert parse_inputs(text) == parsed


def test_arrays_are_kept_as_they_are():
    values = np.ones(3)
    parsed = parse_inputs({"x": values, "y": [1, 2]})
    assert isinstance(parsed, dict)
    assert parsed["x"] is values
    assert parsed["y"] == [1, 2]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "'' is not name:file; write name:file,name2:file2 or the path of one .npz"),
        ("x.npy", "'x.npy' is not name:file"),
        ("x:a,", "'' is not name:file"),
        ("x:", "'x:' is not name:file"),
        (":a", "':a' is not name:file"),
        ("'x:a", "is not name:file"),
        ("x:a,x:b", "input 'x' is given twice"),
        ("x:all.npz", "'x': 'all.npz' may hold several arrays; give the path of an .npz"),
        ({"x": Path("all.npz")}, "'all.npz' may hold several"),
        (Path("x.npy"), "'x.npy' does not say for which input"),
        ({3: "a"}, "3 is not the name"),
        ({"": "a"}, "'' is not the name"),
        (np.ones(2), "a mapping of names to arrays or files, not ndarray"),
        (None, "not NoneType"),
        ([], "the list has no set of inputs: leave inputs= out to have them generated"),
        (["a.npz", "x.npy"], r"inputs\[1\]: 'x.npy' is not name:file"),
        ([{"x": 1}, np.ones(2)], r"inputs\[1\]: expected a mapping of names to arrays or files"),
        ([["a.npz"]], r"inputs\[0\]: expected a mapping of names to arrays or files, not list"),
    ],
)
def test_what_inputs_cannot_be(value, message):
    with pytest.raises(ValueError, match=message):
        parse_inputs(value)
