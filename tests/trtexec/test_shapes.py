from __future__ import annotations

import pytest

from pytest_trtperf.engine.shapes import Profile, parse_profiles
from pytest_trtperf.trtexec.command import read_command


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--shapes=x:2x4", ("2x4", "2x4", "2x4")),
        ("--optShapes=x:2x4", ("2x4", "2x4", "2x4")),
        ("--minShapes=x:1x4 --maxShapes=x:8x4", ("1x4", "8x4", "8x4")),
        ("--minShapes=x:1x4 --optShapes=x:2x4", ("1x4", "2x4", "2x4")),
        ("--optShapes=x:2x4 --maxShapes=x:8x4", ("2x4", "2x4", "8x4")),
        ("--minShapes=x:1x4 --optShapes=x:2x4 --maxShapes=x:8x4", ("1x4", "2x4", "8x4")),
    ],
)
def test_missing_shapes_are_filled_as_trtexec_fills_them(arguments, expected):
    shapes = read_command(f"--onnx=m.onnx {arguments}").shapes
    assert parse_profiles(shapes) == parse_profiles({"x": expected})


def test_names_may_be_quoted_and_scalars_are_empty():
    command = ["--onnx=m.onnx", "--optShapes='Input:0':1x3,b:scalar,c:,'d,e':2"]
    (profile,) = parse_profiles(read_command(command).shapes)
    assert profile == {
        "Input:0": Profile((1, 3), (1, 3), (1, 3)),
        "b": Profile((), (), ()),
        "c": Profile((), (), ()),
        "d,e": Profile((2,), (2,), (2,)),
    }


@pytest.mark.parametrize("value", ["input_1:0:1x3,in:1:", "'input_1:0':1x3,'in:1':scalar"])
def test_names_end_at_the_last_colon_once_a_shell_took_the_quotes(value):
    expected = [{"input_1:0": ("1x3",) * 3, "in:1": ("",) * 3}]
    assert read_command(["--onnx=m.onnx", f"--optShapes={value}"]).shapes == expected
    assert read_command(f"--onnx=m.onnx --optShapes={value}").shapes == expected


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_several_profiles_go_by_their_numbers(order):
    profiles = {
        0: "--profile=0 --optShapes=x:1x4 ",
        1: "--profile=1 --minShapes=x:1x4 --optShapes=x:2x4 --maxShapes=x:8x4 ",
    }
    command = "--onnx=m.onnx " + "".join(profiles[number] for number in order)
    first, second = parse_profiles(read_command(command).shapes)
    assert (first["x"].max, second["x"].max) == ((1, 4), (8, 4))
