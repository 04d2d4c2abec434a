"""How ONNX Runtime is given the inputs of a query, and where it leaves the outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from pytest_trtperf.backend.dtypes import TEXT, is_held_as_bits
from pytest_trtperf.engine.shapes import Shape, TensorInfo
from pytest_trtperf.errors import MeasurementError

# Values of onnx.TensorProto: ONNX Runtime takes them for types that numpy lacks.
_ONNX_TYPES = {"bfloat16": 16, "float8_e4m3fn": 17}


class Unbound:
    """Queries of a model whose inputs or outputs cannot be bound: each copies them all."""

    def __init__(self, session: Any, values: Mapping[str, np.ndarray]) -> None:
        self._session, self._values = session, values
        self._returned: Sequence[Any] = ()

    def run(self) -> None:
        """One query."""
        self._returned = self._session.run(None, self._values)

    def get_outputs(self) -> Sequence[Any]:
        """What the last one returned."""
        return self._returned


class _Bound:
    """Queries of bound inputs and outputs."""

    def __init__(self, session: Any, binding: Any) -> None:
        self.run = partial(session.run_with_iobinding, binding)
        self.get_outputs = binding.get_outputs


def bind(
    session: Any,
    inputs: Sequence[TensorInfo],
    outputs: Sequence[TensorInfo],
    values: Mapping[str, np.ndarray],
) -> Any:
    """Queries with these values; ONNX Runtime binds no texts."""
    if any(tensor.dtype == TEXT for tensor in inputs):
        return Unbound(session, values)
    binding = session.io_binding()
    for tensor in inputs:
        _bind_input(binding, tensor, values[tensor.name])
    for tensor in outputs:
        binding.bind_output(tensor.name)
    return _Bound(session, binding)


def query_of(binding: Any) -> Callable[[], None]:
    """What runs one query."""
    run: Callable[[], None] = binding.run
    return run


def returned_shapes(binding: Any, outputs: Sequence[TensorInfo]) -> dict[str, Shape | None]:
    """The shapes of what a query returned; None of what is no tensor."""
    returned = zip(outputs, binding.get_outputs(), strict=True)
    return {tensor.name: _shape_of(value) for tensor, value in returned}


def _shape_of(value: Any) -> Shape | None:
    if isinstance(value, np.ndarray):
        return tuple(value.shape)
    is_tensor = getattr(value, "is_tensor", None)  # queries that are not bound return lists, too
    return tuple(value.shape()) if is_tensor and is_tensor() else None


def can_repeat(query: Callable[[], None], binding: Any, outputs: Sequence[TensorInfo]) -> bool:
    """Whether a bound query that has run once runs again.

    The second query writes into the outputs of the first one, which ONNX Runtime refuses if their
    rank is not the one that the model declares.
    """
    if isinstance(binding, Unbound) or not any(
        value.is_tensor() and len(value.shape()) != len(tensor.shape)
        for tensor, value in zip(outputs, binding.get_outputs(), strict=True)
    ):
        return True
    try:
        query()
    except Exception:  # noqa: BLE001  # onnxruntime's exceptions share no base class
        return False
    return True


def _bind_input(binding: Any, tensor: TensorInfo, values: np.ndarray) -> None:
    if not is_held_as_bits(tensor.dtype):
        binding.bind_cpu_input(tensor.name, values)
        return
    kind, address = _ONNX_TYPES[tensor.dtype], values.ctypes.data
    try:
        binding.bind_input(tensor.name, "cpu", 0, kind, values.shape, address)
    except (RuntimeError, TypeError) as error:
        raise MeasurementError(
            f"input {tensor.name!r}: this ONNX Runtime cannot be fed with {tensor.dtype} "
            f"({error}): update onnxruntime"
        ) from error
