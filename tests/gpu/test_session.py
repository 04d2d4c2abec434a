from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pytest_trtperf.backend.generated_inputs import random_input
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.backend.tensorrt.engine import TensorRTEngine
from pytest_trtperf.backend.tensorrt.loop import run_closed
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import EngineBuildError, EngineLoadError, ShapeError

SHAPES = {"x": (8, 64)}


@pytest.mark.parametrize("cuda_graph", [False, True])
def test_outputs_are_those_of_onnx_runtime(
    engine: TensorRTEngine, model: Path, cuda_graph: bool
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = engine.create_session(SHAPES, Mode(cuda_graph=cuda_graph, seed=3))
    try:
        run_closed(session, Extent(0, 4, 16))
        ours = session.output_values()["y"]
    finally:
        session.close()
    reference = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    (expected,) = reference.run(None, {"x": random_input("x", (8, 64), "float32", 3)})
    np.testing.assert_allclose(ours, expected, rtol=2e-2, atol=2e-2)


def test_shape_outside_the_profile_names_it(engine: TensorRTEngine) -> None:
    with pytest.raises(ShapeError, match=r"33x64 of input 'x' is outside .*max 32x64"):
        engine.create_session({"x": (33, 64)}, Mode())


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"y": (8, 64)}, "no input named y; .*'x' float32"),
        ({"x": (8, 63)}, "8x63 does not fit"),
        ({"x": (8,)}, "8 does not fit"),
        ({}, "'x' is dynamic"),
    ],
)
def test_shapes_that_do_not_fit(
    engine: TensorRTEngine, shapes: dict[str, tuple[int, ...]], message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        engine.create_session(shapes, Mode())


@pytest.mark.parametrize(
    "mode",
    [Mode(), Mode(cuda_graph=True), Mode(streams=2, concurrency=3), Mode(concurrency=1)],
    ids=str,
)
def test_queries_take_sets_of_inputs_in_turns(engine: TensorRTEngine, mode: Mode) -> None:
    """A round of one query leaves its outputs: those that the set has in a session of its own."""
    sets = [{"x": random_input("x", (8, 64), "float32", seed)} for seed in (1, 2, 3)]
    expected = []
    for one in sets:
        alone = engine.create_session(SHAPES, mode, one)
        expected.append(alone.output_values()["y"])
        alone.close()
    session = engine.create_session(SHAPES, mode, sets)
    try:
        assert session.mode["input_sets"] == 3
        np.testing.assert_array_equal(session.output_values()["y"], expected[0])
        for query in range(7):
            assert run_closed(session, Extent(0, 1, 1)).queries == 1
            np.testing.assert_array_equal(session.output_values()["y"], expected[query % 3])
        trace = run_closed(session, Extent(0, 50, 200))
        assert trace.queries >= 50
    finally:
        session.close()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_outputs_of_each_set_are_as_large_as_it_makes_them(
    probe: object, tmp_path: Path, order: tuple[int, ...]
) -> None:
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [helper.make_node("NonZero", ["x"], ["y"])],
        "found",
        [helper.make_tensor_value_info("x", kind.FLOAT, [8])],
        [helper.make_tensor_value_info("y", kind.INT64, [1, None])],
    )
    opset = [helper.make_opsetid("", 17)]
    path = tmp_path / "found.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    backend = probe.backend  # type: ignore[attr-defined]
    try:
        found = TensorRTEngine(backend, build_plan(EngineSpec(path), backend))
    except EngineBuildError as error:
        pytest.skip(f"this TensorRT builds no such engine: {error}")
    several = [np.float32(np.arange(8) < count) for count in (1, 4, 8)]
    sets = [{"x": several[place]} for place in order]
    session = found.create_session({}, Mode(), sets)
    try:
        run_closed(session, Extent(0, 30, 30))  # and all copies stay within the memory
        assert session.output_values()["y"].shape == (1, int(sets[0]["x"].sum()))
    finally:
        session.close()
        found.close()


def test_a_plan_that_was_cut_short_is_refused(probe: object, plan: bytes) -> None:
    with pytest.raises(EngineLoadError, match="cannot deserialise"):
        TensorRTEngine(probe.backend, plan[: len(plan) // 2])  # type: ignore[attr-defined]


def test_warm_kernels_are_not_compiled_again(probe: object, plan: bytes) -> None:
    backend = probe.backend  # type: ignore[attr-defined]
    cold = TensorRTEngine(backend, plan)
    cold.create_session(SHAPES, Mode()).close()
    runtime_cache = cold.new_runtime_cache()
    if runtime_cache is None:
        pytest.skip(f"{backend} keeps no runtime cache")
    warm = TensorRTEngine(backend, plan, runtime_cache)
    warm.create_session(SHAPES, Mode()).close()
    assert warm.new_runtime_cache() is None
