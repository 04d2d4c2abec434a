"""One model of onnx's backend tests against one backend, see `onnx_models.py`."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from onnx.backend.test.runner import Runner

from benchmarks.onnx_tests.onnx_cases import Case, DataSet, load_cases, operators
from pytest_trtperf.backend.dtypes import numbers
from pytest_trtperf.backend.given_inputs import read_inputs
from pytest_trtperf.backend.onnxruntime.engine import OnnxRuntimeEngine
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.engine.shapes import Profile, TensorInfo
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import ShapeError, TrtPerfError
from pytest_trtperf.options.values import parse_input_set

CPU, RTX = "onnxruntime", "tensorrt-rtx"
BACKENDS = (CPU, RTX)
_PACKAGES = {CPU: "onnxruntime", RTX: "tensorrt-rtx-cu13-bindings"}

_TYPE = re.compile(
    r"\b(u?int(2|4|8|16|32|64)|b?float(16|32|64|4|6|8|\b)\w*|double|half|fp[48]|bf16|bool"
    r"|string|complex\d+)\b|\b(seq|sequence|optional|map|sparse_tensor)\(",
    re.IGNORECASE,
)
_SHAPE = re.compile(r"\b(\d+|\?)(x(\d+|\?))+\b|[\[({]-?\d+(, ?-?\d+)*[\])}]|\bscalar\b|\brank\b")


@dataclass(frozen=True)
class Outcome:
    """How a model fared; `seconds` from the spec to the end."""

    name: str
    backend: str
    status: str
    message: str = ""
    seconds: float = 0.0


class OnnxRuntimeDiffers(Exception):
    """ONNX Runtime itself, called directly, does not return what is stored."""


def versions() -> dict[str, str]:
    """Of what is tried, for the record."""
    found = {"python": platform.python_version(), "numpy": np.__version__}
    for name, package in _PACKAGES.items():
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def work(connection: Any, folder: Path) -> None:
    """Tries the models that are asked for, until nobody asks any more."""
    warnings.simplefilter("ignore")
    # TensorRT's parser writes there by itself.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    cases = load_cases()
    connection.send("ready")
    while True:
        try:
            backend, name = connection.recv()
        except EOFError:
            return
        connection.send(_tried(backend, cases[name], folder))


def _tried(backend: str, case: Case, folder: Path) -> Outcome:
    model = case.model()
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    data_sets = list(case.data_sets(model.graph))
    start = time.perf_counter()
    try:
        for data in data_sets:
            (_measure if backend == CPU else _build)(case, path, model, data)
        status, message = "works", ""
    except TrtPerfError as error:
        message = f"{type(error).__name__}: {error}"
        status = clarity(str(error), model)
    except OnnxRuntimeDiffers as error:
        status, message = "onnxruntime", str(error)
    except AssertionError as error:
        status, message = "differs", str(error)
    except Exception:  # noqa: BLE001  # whatever it is, it counts as missed
        status, message = "error", traceback.format_exc()
    message = message.replace(str(folder), "")
    return Outcome(case.name, backend, status, message, time.perf_counter() - start)


def clarity(message: str, model: Any) -> str:
    """``refused`` if it names an operator of the model, a type or a shape.

    ``listed`` if that is so because all operators of the model are listed at its end, which the
    package does where the reason names none.
    """
    reason, listing, _ = message.partition("operators of the model (")
    reason = re.sub(r"\S*model\.onnx", "", reason)
    words = set(re.findall(r"\w+", reason))
    if words & operators(model) or _TYPE.search(reason) or _SHAPE.search(reason):
        return "refused"
    return "listed" if listing else "unclear"


def _measure(case: Case, path: Path, model: Any, data: DataSet) -> None:
    spec = EngineSpec(path)
    assert len(spec.describe(CPU, version("onnxruntime"), None).key) == 64
    engine = OnnxRuntimeEngine(spec.onnx, spec.profile)
    taken = {tensor.name for tensor in engine.inputs}
    inputs = {name: value for name, value in data.inputs.items() if name in taken}
    given = {name: value for name, value in inputs.items() if value is not None}
    session = engine.create_session({}, Mode(), read_inputs(parse_input_set(given)))
    try:
        trace = session.run_closed(Extent(0, 1, 1))
        assert trace.queries == 1
        returned = session.output_values()
    finally:
        session.close()
        engine.close()
    try:
        _compare(case, data, engine.outputs, returned)
    except AssertionError as error:
        if _differs_directly(case, path, data, engine.outputs, given):
            raise OnnxRuntimeDiffers(str(error).strip()) from error
        raise


def _compare(
    case: Case, data: DataSet, outputs: Sequence[TensorInfo], returned: Mapping[str, np.ndarray]
) -> None:
    ours = [numbers(returned[tensor.name], tensor.dtype) for tensor in outputs]
    expected = [value for value in data.outputs if value is not None]
    assert len(expected) == len(data.outputs)
    for index, (tensor, value) in enumerate(zip(outputs, expected, strict=True)):
        assert value.dtype.name in (tensor.dtype, ours[index].dtype.name), (
            f"output {tensor} is stored as {value.dtype}"
        )
        expected[index] = value.astype(ours[index].dtype)
    Runner.assert_similar_outputs(expected, ours, rtol=case.rtol, atol=case.atol)


def _differs_directly(
    case: Case,
    path: Path,
    data: DataSet,
    outputs: Sequence[TensorInfo],
    inputs: Mapping[str, np.ndarray],
) -> bool:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    try:
        values = session.run(None, dict(inputs))
        named = {tensor.name: value for tensor, value in zip(outputs, values, strict=True)}
        _compare(case, data, outputs, named)
    except AssertionError:
        return True
    return False


def _build(_case: Case, path: Path, model: Any, data: DataSet) -> None:
    profiles = {
        value.name: _only(array.shape)
        for value in model.graph.input
        if (array := data.inputs.get(value.name)) is not None and not _is_static(value)
    }
    try:
        _plan(path, profiles)
    except ShapeError as error:
        # What TensorRT takes for a shape tensor has values in place of shapes.
        asked = {name for name in data.inputs if f"input {name!r}" in str(error).split(". ")[0]}
        values = {name: profile for name in asked if (profile := _values(data.inputs[name]))}
        if not values or len(values) < len(asked):
            raise
        _plan(path, profiles | values)


def _plan(path: Path, profiles: dict[str, Profile]) -> None:
    spec = EngineSpec(path, [profiles] if profiles else [])
    assert len(spec.describe(RTX, version("tensorrt-rtx-cu13-bindings"), None).key) == 64
    assert len(build_plan(spec, RTX)) > 0


def _is_static(value: Any) -> bool:
    kind = value.type.tensor_type
    dims = kind.shape.dim
    return (
        value.type.HasField("tensor_type")
        and kind.HasField("shape")
        and all(dim.HasField("dim_value") for dim in dims)
    )


def _values(value: np.ndarray | None) -> Profile | None:
    if value is None or value.ndim > 1 or value.dtype.kind not in "iub":
        return None
    return _only(tuple(int(item) for item in value.ravel()))


def _only(shape: tuple[int, ...]) -> Profile:
    return Profile(shape, shape, shape)
