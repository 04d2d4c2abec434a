from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pytest_trtperf.backend.generated_inputs import random_input
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt.engine import TensorRTEngine
from pytest_trtperf.backend.tensorrt.loop import run_closed
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.errors import EngineLoadError, ShapeError

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
