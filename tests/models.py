"""Small ONNX models, and child processes that use the cache; `tests.conftest` has them all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_trtperf.backend.tensorrt.backend import TensorRTBackend
from pytest_trtperf.backend.tensorrt.bindings import import_tensorrt
from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.engine.spec import EngineSpec

Start = Callable[..., "subprocess.Popen[str]"]

TIMED_CONFIG = """
class Config:
    def get_timing_cache(self):
        return self
    def create_timing_cache(self, data):
        return None
    def serialize(self):
        return b"timed"
"""
"""For code in a process of its own: a builder configuration that has timed something."""


def built(spec: EngineSpec, name: str) -> bytes:
    """The plan of a spec, built here; its options are checked before, as `trt_engine` does."""
    TensorRTBackend(name).check_options(spec.options, import_tensorrt(name).__version__)
    return build_plan(spec, name)


@pytest.fixture
def dynamic_model(tmp_path):
    """``y = x @ w`` with a dynamic first dimension, weights inside the file."""
    return _save_matmul(tmp_path / "dynamic.onnx", batch="n")


@pytest.fixture
def fixed_model(tmp_path):
    return _save_matmul(tmp_path / "fixed.onnx", batch=2)


@pytest.fixture
def external_model(tmp_path):
    """The same with its weights in ``weights.bin`` beside it."""
    return _save_matmul(
        tmp_path / "external.onnx",
        batch=2,
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )


@pytest.fixture
def unsupported_model(tmp_path):
    onnx = pytest.importorskip("onnx")
    nodes = [
        onnx.helper.make_node("Nope", ["x"], ["h"], name="mystery"),
        onnx.helper.make_node("Nada", ["h"], ["y"], name="riddle"),
    ]
    return _save(onnx, tmp_path / "unsupported.onnx", nodes, [])


def _save_matmul(path: Path, batch: int | str = 2, **how_to_save: object) -> Path:
    onnx = pytest.importorskip("onnx")
    weights = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [4, 4], [0.5] * 16)
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"], name="matmul")
    # External data is written from raw bytes only.
    raw = onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weights), "w")
    return _save(onnx, path, [node], [raw], batch, **how_to_save)


def _save(onnx, path, nodes, initializers, batch: int | str = 2, **how_to_save: object) -> Path:
    graph = onnx.helper.make_graph(
        nodes,
        "graph",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [batch, 4])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [batch, 4])],
        initializers,
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.save(model, path, **how_to_save)
    return Path(path)


@pytest.fixture
def write_lookup():
    """Writes a model that takes rows of a table by `index`, an int64 of two elements."""
    onnx = pytest.importorskip("onnx")
    import numpy as np

    def write(path: Path, rows: int = 10) -> Path:
        helper, kind = onnx.helper, onnx.TensorProto
        table = onnx.numpy_helper.from_array(np.zeros((rows, 3), np.float32), "table")
        graph = helper.make_graph(
            [helper.make_node("Gather", ["table", "index"], ["row"])],
            "lookup",
            [helper.make_tensor_value_info("index", kind.INT64, [2])],
            [helper.make_tensor_value_info("row", kind.FLOAT, [2, 3])],
            [table],
        )
        opset = [helper.make_opsetid("", 17)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
        return path

    return write


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts Python code in a child process and ends what is left of it after the test."""
    children: list[subprocess.Popen[str]] = []

    def run(code: str, *arguments: object, before: tuple[str, ...] = (), cwd: Path | None = None):
        child = subprocess.Popen(
            [*before, sys.executable, "-c", code, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        children.append(child)
        return child

    yield run
    for child in children:
        child.kill()
        child.communicate()
