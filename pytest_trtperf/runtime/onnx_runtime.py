"""Sessions of ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_trtperf.engine.spec import Profile, Shape, TensorInfo
from pytest_trtperf.errors import BackendUnavailable, EngineBuildError, MeasurementError
from pytest_trtperf.runtime.inputs import random_input
from pytest_trtperf.runtime.session import Mode, check_profiles, check_range, resolve_shapes

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

    def create_session(self, shapes: Mapping[str, Shape], mode: Mode) -> OnnxRuntimeSession:
        """A session with these input shapes.

        Raises:
            ShapeError: a name, rank or size that the model does not have.
            MeasurementError: the first query fails.
        """
        resolved = resolve_shapes(self.inputs, shapes)
        for name, profile in self._profiles.items():
            check_range(name, resolved[name], profile.min, profile.max)
        return OnnxRuntimeSession(self._session, self.inputs, resolved, mode)

    def close(self) -> None:
        """Frees the model."""
        self._session = None


class OnnxRuntimeSession:
    """Bound inputs and outputs; one query runs at a time, on all of ONNX Runtime's threads."""

    def __init__(
        self, session: Any, inputs: list[TensorInfo], shapes: Mapping[str, Shape], mode: Mode
    ) -> None:
        self.shapes = dict(shapes)
        self.mode = {"concurrency": 1, "seed": mode.seed}
        self._session = session
        self._binding = session.io_binding()
        for tensor in inputs:
            if tensor.dtype == "bfloat16":
                raise MeasurementError(f"input {tensor.name!r}: bfloat16 cannot be fed on the CPU")
            values = random_input(tensor.name, self.shapes[tensor.name], tensor.dtype, mode.seed)
            self._binding.bind_cpu_input(tensor.name, values)
        for output in session.get_outputs():
            self._binding.bind_output(output.name)
        try:
            self.run()
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise MeasurementError(f"ONNX Runtime cannot run the model: {error}") from error

    def run(self) -> None:
        """One query, complete on return."""
        self._session.run_with_iobinding(self._binding)

    def close(self) -> None:
        """Frees the bound buffers."""
        self._binding = self._session = None


def _info(value: Any) -> TensorInfo:
    dims = tuple(dim if isinstance(dim, int) else None for dim in value.shape)
    kind = value.type.removeprefix("tensor(").removesuffix(")")
    return TensorInfo(value.name, dims, _DTYPES.get(kind, kind))
