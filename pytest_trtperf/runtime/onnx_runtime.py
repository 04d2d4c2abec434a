"""Sessions of ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np

from pytest_trtperf.engine.spec import Profile, Shape, TensorInfo
from pytest_trtperf.errors import BackendUnavailable, EngineBuildError, MeasurementError
from pytest_trtperf.runtime.session import (
    GivenInputs,
    Mode,
    check_profiles,
    check_range,
    describe_inputs,
    input_values,
    resolve_shapes,
)

_DTYPES = {
    "float": "float32", "double": "float64", "float16": "float16", "bfloat16": "bfloat16",
    "int8": "int8", "int32": "int32", "int64": "int64", "uint8": "uint8", "bool": "bool",
}  # fmt: skip


class OnnxRuntimeEngine:
    """An ONNX file loaded by ONNX Runtime's CPU provider, which needs no plan.

    Args:
        profiles: kept to as if the engine had been built for them; without any, all shapes go.

    Raises:
        ShapeError: the profiles do not fit the inputs.
        BackendUnavailable: onnxruntime is not installed.
        EngineBuildError: ONNX Runtime refuses the model; carries its message.
    """

    def __init__(self, path: Path, profiles: Mapping[str, Profile] | None = None) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise BackendUnavailable(
                f"onnxruntime cannot be imported ({error}); install pytest-trtperf[cpu]"
            ) from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's exceptions share no base class
            message = f"{path}: ONNX Runtime cannot load the model: {error}"
            raise EngineBuildError(message) from error
        self.inputs = [_info(value) for value in self._session.get_inputs()]
        self.outputs = [_info(value) for value in self._session.get_outputs()]
        self._profiles = dict(profiles or {})
        if self._profiles:
            check_profiles(self.inputs, self._profiles)

    def new_runtime_cache(self) -> bytes | None:
        """There is none on the CPU."""
        return None

    def create_session(
        self, shapes: Mapping[str, Shape], mode: Mode, inputs: GivenInputs | None = None
    ) -> OnnxRuntimeSession:
        """A session with these input shapes.

        Args:
            inputs: values of some inputs; the others are generated from the mode's seed.

        Raises:
            ShapeError: a name, rank or size that the model does not have.
            MeasurementError: the first query fails.
        """
        given = inputs or {}
        resolved = resolve_shapes(self.inputs, shapes, given)
        for name, profile in self._profiles.items():
            check_range(name, resolved[name], profile.min, profile.max)
        for tensor in self.inputs:
            if tensor.dtype == "bfloat16":
                raise MeasurementError(f"input {tensor.name!r}: bfloat16 cannot be fed on the CPU")
        values = input_values(self.inputs, resolved, given, mode.seed)
        return OnnxRuntimeSession(self._session, values, mode, given)

    def close(self) -> None:
        """Frees the model."""
        self._session = None


class OnnxRuntimeSession:
    """Bound inputs and outputs, once for each query in flight.

    Attributes:
        queries: each runs one query, complete on return; those of different places in flight may
            run at the same time, on ONNX Runtime's threads.
        cold_start_ms: the first query.
        memory: unknown on the CPU.
    """

    memory = None

    def __init__(
        self, session: Any, values: Mapping[str, np.ndarray], mode: Mode, given: GivenInputs
    ) -> None:
        self.shapes = {name: tuple(array.shape) for name, array in values.items()}
        self.in_flight = mode.streams * (mode.concurrency or 1)
        self.mode: dict[str, bool | int | float | str] = {
            "concurrency": self.in_flight,
            **describe_inputs(given, values, mode.seed),
        }
        self.queries = [_bind(session, values) for _ in range(self.in_flight)]
        start = perf_counter_ns()
        try:
            self.queries[0]()
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise MeasurementError(f"ONNX Runtime cannot run the model: {error}") from error
        self.cold_start_ms = (perf_counter_ns() - start) / 1e6

    def profile_layers(self, _queries: int) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """There is no layer profile on the CPU.

        Raises:
            MeasurementError: always.
        """
        raise MeasurementError(
            "the CPU backend has no layer profile: "
            "ask for layers on a GPU, where engine.backend is of the TensorRT family"
        )

    def close(self) -> None:
        """Frees the bound buffers."""
        self.queries = []


def _bind(session: Any, values: Mapping[str, np.ndarray]) -> Callable[[], None]:
    binding = session.io_binding()
    for name, array in values.items():
        binding.bind_cpu_input(name, array)
    for output in session.get_outputs():
        binding.bind_output(output.name)
    return partial(session.run_with_iobinding, binding)


def _info(value: Any) -> TensorInfo:
    dims = tuple(dim if isinstance(dim, int) else None for dim in value.shape)
    kind = value.type.removeprefix("tensor(").removesuffix(")")
    return TensorInfo(value.name, dims, _DTYPES.get(kind, kind))
