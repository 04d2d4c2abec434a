"""Somebody who follows a page, and the models that pages name."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import Walk

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
    """Begins in an empty folder, with a git that knows who commits."""
    pytest.importorskip("onnxruntime")
    home = tmp_path / "home"
    home.mkdir()
    for name in ("GIT_DIR", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    return Walk(
        tmp_path,
        {
            "HOME": str(home),
            "COLUMNS": "200",
            "TRTPERF_CACHE_DIR": str(tmp_path / "cache"),
            "TRTPERF_BACKEND": "onnxruntime",
            **{f"GIT_{who}_NAME": "Ada" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "ada@example.org" for who in ("AUTHOR", "COMMITTER")},
        },
    )


@pytest.fixture
def repository(walk: Walk) -> Walk:
    """Begins in a repository with small models of the names in the how-tos; measures hastily."""
    models = walk.folder / "models"
    models.mkdir()
    for name in ("resnet50", "resnet50_fp32", "mobilenet_v2"):
        write_image_model(models / f"{name}.onnx", "float32")
    write_image_model(models / "resnet50_fp16.onnx", "float16")
    write_encoder(models / "encoder.onnx")
    (walk.folder / "pytest.ini").write_text("[pytest]\ntestpaths = tests\n")
    (walk.folder / "tests").mkdir()
    (walk.folder / "tests" / "test_models.py").write_text(TEST)
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-C", str(walk.folder)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "models", "tests", "pytest.ini"], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "Begin"], check=True)
    walk.variables = {**walk.variables, **QUICK}
    return walk


def write_image_model(path: Path, dtype: str) -> None:
    """Writes a convolution of `input` (N, 3, 32, 32)."""
    import numpy as np
    from onnx import helper

    weights = np.random.default_rng(1).normal(0, 0.2, (8, 3, 3, 3)).astype(dtype)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    node = helper.make_node("Conv", ["input", "w"], ["scores"], pads=[1] * 4)
    save(
        path, [node], ("input", kind, ["N", 3, 32, 32]), ("scores", kind, ["N", 8, 32, 32]), weights
    )


def write_encoder(path: Path) -> None:
    """Writes a table of 1000 words that `ids` (batch, tokens) choose from."""
    import numpy as np
    from onnx import TensorProto, helper

    table = np.random.default_rng(1).normal(0, 1, (1000, 16)).astype(np.float32)
    node = helper.make_node("Gather", ["w", "ids"], ["features"])
    ids = ("ids", TensorProto.INT64, ["batch", "tokens"])
    save(path, [node], ids, ("features", TensorProto.FLOAT, ["batch", "tokens", 16]), table)


def save(path: Path, nodes: list[Any], source: Any, sink: Any, weights: Any) -> None:
    """Writes a model of one input, one output and one weight `w`."""
    import onnx
    from onnx import helper, numpy_helper

    ends = ([helper.make_tensor_value_info(*end)] for end in (source, sink))
    graph = helper.make_graph(nodes, path.stem, *ends, [numpy_helper.from_array(weights, "w")])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
