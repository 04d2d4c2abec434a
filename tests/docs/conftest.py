"""Somebody who follows a page, and the models that pages name."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.walk import Walk, walk_from

QUICK = {
    "TRTPERF_BACKEND": "onnxruntime",
    "TRTPERF_ROUND_MS": "50",
    "TRTPERF_ROUND_QUERIES": "20",
    "TRTPERF_MAX_TIME": "1",
    "TRTPERF_MAX_WARM_UP": "0.1",
}
"""What decides little and is soon over."""

TEST = """
def test_resnet50(trt_engine, trt_measure):
    engine = trt_engine("models/resnet50.onnx", shapes={"input": "8x3x32x32"})
    trt_measure(engine).assert_p99(ms=500)
"""


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Walk:
    """Begins in an empty folder, with ONNX Runtime."""
    pytest.importorskip("onnxruntime")
    begun = walk_from(tmp_path, monkeypatch)
    begun.variables = {**begun.variables, "TRTPERF_BACKEND": "onnxruntime"}
    return begun


@pytest.fixture
def repository(walk: Walk, write_image_model: Callable[..., Path]) -> Walk:
    """Begins in a repository with small models of the names in the how-tos; measures hastily."""
    models = walk.folder / "models"
    models.mkdir()
    for name in ("resnet50", "resnet50_fp32", "resnet50_fp16", "mobilenet_v2"):
        dtype = "float16" if name.endswith("fp16") else "float32"
        write_image_model(models / f"{name}.onnx", dtype, ("N", 3, 32, 32), "input")
    write_encoder(models / "encoder.onnx")
    (walk.folder / "pytest.ini").write_text("[pytest]\ntestpaths = tests\n")
    (walk.folder / "tests").mkdir()
    (walk.folder / "tests" / "test_models.py").write_text(TEST)
    for command in ("init --quiet", "add models tests pytest.ini", "commit --quiet -m Begin"):
        environment = {**os.environ, **walk.variables}
        subprocess.run(["git", *command.split()], cwd=walk.folder, env=environment, check=True)
    walk.variables = {**walk.variables, **QUICK}
    return walk


def write_encoder(path: Path) -> None:
    """Writes a table of 1000 words that `ids` (batch, tokens) choose from."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    words = np.random.default_rng(1).normal(0, 1, (1000, 16)).astype(np.float32)
    features = ["batch", "tokens", 16]
    graph = helper.make_graph(
        [helper.make_node("Gather", ["words", "ids"], ["features"])],
        "encoder",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, features[:2])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, features)],
        [numpy_helper.from_array(words, "words")],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
