"""Generated inputs: what they are fed to, what they decide, and outputs that stay empty."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("on_cpu_here")


def test_generated_indices_stay_in_the_table(project, write_lookup):
    """Also where outputs are compared, and in a race with the engine of the baseline."""
    write_lookup(project.path / "model.onnx", rows=10)
    project.tests(
        """
        def test_model(trt_engine, trt_measure):
            engine = trt_engine("model.onnx")
            engine.assert_close()
            trt_measure(engine)
        """
    )
    assert project.run("--trtperf-update").ret == 0
    assert project.run("--trtperf-race=always").ret == 0


def write_steered(path):
    """Returns `x`, and fails where `rate` is not 16000."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto
    y = helper.make_tensor_value_info("y", kind.FLOAT, None)
    fits = helper.make_graph([helper.make_node("Identity", ["x"], ["a"])], "fits", [], [
        helper.make_tensor_value_info("a", kind.FLOAT, None)
    ])  # fmt: skip
    fails = helper.make_graph([helper.make_node("Reshape", ["x", "shape"], ["b"])], "fails", [], [
        helper.make_tensor_value_info("b", kind.FLOAT, None)
    ])  # fmt: skip
    graph = helper.make_graph(
        [
            helper.make_node("Equal", ["rate", "known"], ["is_known"]),
            helper.make_node("If", ["is_known"], ["y"], then_branch=fits, else_branch=fails),
        ],
        "steered",
        [
            helper.make_tensor_value_info("x", kind.FLOAT, ["batch", None]),
            helper.make_tensor_value_info("rate", kind.INT64, []),
        ],
        [y],
        [
            onnx.numpy_helper.from_array(np.array(16000), "known"),
            onnx.numpy_helper.from_array(np.array([4, 4]), "shape"),
        ],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


def test_a_value_that_decides_what_runs_is_named(project, measure):
    write_steered(project.path / "model.onnx")
    result, _ = measure("{'x': (4, 5)}")
    result.assert_outcomes(failed=1)
    rate = "generated: -128, decides in If, the model compares it with 16000"
    fed = f"E *it was given 'x' float32 4x5 (generated: -1 to 1); 'rate' int64 scalar ({rate})"
    advice = "E *give other values by inputs={'rate': 16000}; other sizes by dims= or shapes=*"
    result.stdout.fnmatch_lines([fed, advice])
    words = "a generated value decides which part of the model runs: 'rate' int64 scalar"
    result, record = measure("{'x': (4, 4)}")
    result.assert_outcomes(passed=1)
    (finding,) = [one for one in record["findings"] if one["code"] == "steered"]
    assert finding["message"].startswith(words)
    assert finding["message"].endswith("inputs={'rate': 16000}")
    result, record = measure("{'x': (4, 5)}, inputs={'rate': 16000}")
    result.assert_outcomes(passed=1)
    assert [one for one in record["findings"] if one["code"] == "steered"] == []


def test_what_init_writes_gives_what_the_model_compares_with(project, measure, capsys):
    from pytest_trtperf.cli import main

    write_steered(project.path / "model.onnx")
    assert main(["init", "model.onnx"]) == 0
    assert 'inputs={"rate": 16000}' in (project.path / "test_performance.py").read_text()
    project.run("test_performance.py").assert_outcomes(passed=1)


def write_cut(path, *others):
    """Returns an image without its upper eight lines as `y`, and as each of `others` as it came."""
    onnx = pytest.importorskip("onnx")
    helper, info = onnx.helper, onnx.helper.make_tensor_value_info
    nodes = [helper.make_node("Slice", ["x", "first", "end", "axis"], ["y"])]
    nodes += [helper.make_node("Identity", ["x"], [name]) for name in others]
    numbers = {"first": 8, "end": 9999, "axis": 2}
    graph = helper.make_graph(
        nodes,
        "cut",
        [info("x", 1, [1, 3, "height", "width"])],
        [info(name, 1, [1, 3, None, None]) for name in ("y", *others)],
        [onnx.numpy_helper.from_array(np.array([value]), name) for name, value in numbers.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


def empty_outputs(record):
    return [one["message"] for one in record["findings"] if one["code"] == "empty_outputs"]


def test_outputs_that_are_all_empty_are_a_finding(project, measure):
    write_cut(project.path / "model.onnx")
    result, record = measure("{'x': (1, 3, 8, 40)}")
    result.assert_outcomes(passed=1)
    (message,) = empty_outputs(record)
    assert message == (
        "queries return nothing, all outputs are empty ('y' 1x3x0x40), so that parts of the model "
        "may have had nothing to do: give what production gives, sizes by dims= or shapes=, values "
        "by inputs={'x': …}"
    )
    result.stdout.fnmatch_lines(["*queries return nothing*"])
    _, record = measure("{'x': (1, 3, 16, 40)}")
    assert empty_outputs(record) == []


def test_one_output_may_be_empty(project, measure):
    write_cut(project.path / "model.onnx", "z")
    _, record = measure("{'x': (1, 3, 8, 40)}")
    assert empty_outputs(record) == []
