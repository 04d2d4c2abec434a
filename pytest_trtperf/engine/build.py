"""An ONNX file and build options -> the bytes of a plan, with TensorRT or TensorRT for RTX."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from pytest_trtperf.engine.backends import collected, created, import_tensorrt, shared_logger
from pytest_trtperf.engine.onnx_external import external_files
from pytest_trtperf.engine.spec import EngineSpec, Profile, TensorInfo
from pytest_trtperf.errors import EngineBuildError, ShapeError

_PRECISIONS = ("fp16", "bf16", "int8")
_BYTES_PER_MIB = 1 << 20


def build_plan(spec: EngineSpec, backend: str) -> bytes:
    """Builds the plan of a spec; no GPU is needed with ``tensorrt-rtx``.

    Networks are strongly typed, so that the precision is the ONNX file's own in every version,
    unless ``fp16``, ``bf16`` or ``int8`` asks a TensorRT that still has them to choose.

    Args:
        spec: What to build.
        backend: ``"tensorrt"`` or ``"tensorrt-rtx"``.

    Raises:
        BackendUnavailable: the backend cannot be imported.
        EngineBuildError: the model cannot be read, parsed or built, or the backend lacks what an
            option asks for; carries TensorRT's own messages.
        ShapeError: the profiles do not fit the inputs; lists all inputs.
        KeyboardInterrupt: Ctrl-C; TensorRT is asked to give up at its next step.
    """
    external_files(spec.onnx)  # TensorRT's own words for missing weights do not name the file
    trt = import_tensorrt(backend)
    _require(trt, "Builder", f"{backend} only loads plans, it cannot build them")
    with collected(trt) as errors, _deferred_interrupt() as interrupted:
        builder = _created(created(trt.Builder, shared_logger(trt)), "builder", errors)
        network = _network(trt, builder, spec, backend, errors)
        parser = _parsed(trt, network, spec.onnx, errors)
        config = _created(builder.create_builder_config(), "builder configuration", errors)
        _apply_options(trt, config, spec.options, backend)
        _add_profiles(builder, config, network, spec)
        _cancel_when(trt, config, interrupted)
        plan = builder.build_serialized_network(network, config)
        del parser  # it owns the weights that the network points to, so it outlives the build
    if plan is None:
        raise EngineBuildError(_with_details(f"{spec.onnx}: {backend} built no engine", errors()))
    return bytes(plan)


def _require(owner: Any, name: str, why: str) -> Any:
    if not hasattr(owner, name):
        raise EngineBuildError(f"this TensorRT has no {name}: {why}")
    return getattr(owner, name)


def _created(thing: Any, what: str, errors: Callable[[], list[str]]) -> Any:
    if thing is None:
        raise EngineBuildError(_with_details(f"TensorRT could not create a {what}", errors()))
    return thing


def _with_details(headline: str, details: Sequence[str]) -> str:
    return "\n  ".join([f"{headline}:" if details else headline, *details])


def _network(
    trt: ModuleType, builder: Any, spec: EngineSpec, backend: str, errors: Callable[[], list[str]]
) -> Any:
    chooses_precision = any(spec.options.get(name) for name in _PRECISIONS)
    if chooses_precision and backend == "tensorrt-rtx":
        raise EngineBuildError(
            f"{spec.onnx}: this TensorRT has no choice of precision: tensorrt-rtx networks are "
            "strongly typed; drop fp16, bf16 and int8 and export the model in that precision"
        )
    kinds = trt.NetworkDefinitionCreationFlag
    flags = 0
    if not chooses_precision and hasattr(kinds, "STRONGLY_TYPED"):
        flags |= 1 << int(kinds.STRONGLY_TYPED)
    return _created(builder.create_network(flags), "network", errors)


def _parsed(trt: ModuleType, network: Any, onnx: Path, errors: Callable[[], list[str]]) -> Any:
    parser = _created(created(trt.OnnxParser, network, shared_logger(trt)), "parser", errors)
    if not parser.parse_from_file(str(onnx)):
        found = [_parser_error(parser.get_error(index)) for index in range(parser.num_errors)]
        raise EngineBuildError(
            _with_details(f"{onnx}: TensorRT cannot parse this model", found or errors())
        )
    return parser


def _parser_error(error: Any) -> str:
    where = f"node {error.node()}"
    if hasattr(error, "node_operator"):
        where += f" {error.node_name()!r} ({error.node_operator()})"
    return f"{where}: {error.desc()} [{error.file()}:{error.line()}]"


def _apply_options(trt: ModuleType, config: Any, options: Mapping[str, Any], backend: str) -> None:
    for name in ("builder_optimization_level", "max_aux_streams"):
        if name in options:
            _require(config, name, f"drop the build option {name}")
            setattr(config, name, options[name])
    if "workspace_mib" in options:
        size = int(options["workspace_mib"] * _BYTES_PER_MIB)
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, size)
    for name in ("tf32", *_PRECISIONS):
        if name in options:
            _apply_flag(trt, config, name, options[name], backend)


def _apply_flag(trt: ModuleType, config: Any, name: str, value: bool, backend: str) -> None:
    flag = getattr(trt.BuilderFlag, name.upper(), None)
    if flag is not None:
        (config.set_flag if value else config.clear_flag)(flag)
    elif value:
        raise EngineBuildError(
            f"this TensorRT has no BuilderFlag.{name.upper()} ({backend} "
            f"{getattr(trt, '__version__', '?')}): networks are strongly typed; drop the build "
            f"option {name} and export the model in that precision"
        )


def _add_profiles(builder: Any, config: Any, network: Any, spec: EngineSpec) -> None:
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    _check_profiles(spec, inputs)
    if not any(_needs_profile(tensor) for tensor in inputs):
        return
    profile = builder.create_optimization_profile()
    for tensor in inputs:
        if not _needs_profile(tensor):
            continue
        wanted = spec.profiles[tensor.name]
        # As in trtexec, the "shape" of an input that is itself a shape gives its values.
        put = profile.set_shape_input if tensor.is_shape_tensor else profile.set_shape
        put(tensor.name, wanted.min, wanted.opt, wanted.max)
    if config.add_optimization_profile(profile) < 0:
        raise ShapeError(f"{spec.onnx}: TensorRT refuses these shapes; {_known(inputs)}")


def _needs_profile(tensor: Any) -> bool:
    return bool(tensor.is_shape_tensor) or -1 in tuple(tensor.shape)


def _check_profiles(spec: EngineSpec, inputs: Sequence[Any]) -> None:
    names = {tensor.name for tensor in inputs}
    problems = [f"there is no input {name!r}" for name in spec.profiles if name not in names]
    for tensor in inputs:
        profile = spec.profiles.get(tensor.name)
        if profile is not None:
            problems += _mismatches(tensor, profile)
        elif _needs_profile(tensor):
            problems.append(f"input {tensor.name!r} is dynamic and has no shape")
    if problems:
        raise ShapeError(f"{spec.onnx}: {'; '.join(problems)}. {_known(inputs)}")


def _mismatches(tensor: Any, profile: Profile) -> list[str]:
    shape = tuple(tensor.shape)
    if tensor.is_shape_tensor:
        count = shape[0] if shape else 1
        fits = count in (-1, len(profile.opt))
        return [] if fits else [f"input {tensor.name!r} takes {count} values"]
    if len(shape) != len(profile.opt):
        return [f"input {tensor.name!r} has rank {len(shape)}, not {len(profile.opt)}"]
    for axis, dim in enumerate(shape):
        if dim != -1 and not profile.min[axis] == dim == profile.max[axis]:
            return [f"input {tensor.name!r} is fixed at {dim} in dimension {axis}, not {profile}"]
    return []


def _known(inputs: Sequence[Any]) -> str:
    listed = [str(_tensor_info(tensor)) for tensor in inputs]
    return f"The inputs are: {', '.join(listed) or 'none'}"


def _tensor_info(tensor: Any) -> TensorInfo:
    shape = tuple(None if dim == -1 else int(dim) for dim in tensor.shape)
    return TensorInfo(tensor.name, shape, _dtype_name(tensor.dtype))


def _dtype_name(dtype: Any) -> str:
    names = {"FLOAT": "float32", "HALF": "float16", "BF16": "bfloat16"}
    return names.get(dtype.name, str(dtype.name).lower())


@contextmanager
def _deferred_interrupt() -> Iterator[threading.Event]:
    """Turns Ctrl-C into an event for the length of the block and delivers it afterwards.

    An exception raised in a callback of TensorRT would be printed and lost.
    """
    interrupted = threading.Event()
    previous = signal.getsignal(signal.SIGINT)
    # Only the main thread may set handlers, and one that ignores Ctrl-C has to go on doing so.
    if threading.current_thread() is not threading.main_thread() or not callable(previous):
        yield interrupted
        return

    def remember(_number: int, _frame: FrameType | None) -> None:
        interrupted.set()

    signal.signal(signal.SIGINT, remember)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, previous)
        if interrupted.is_set():
            signal.raise_signal(signal.SIGINT)


def _cancel_when(trt: ModuleType, config: Any, interrupted: threading.Event) -> None:
    """Lets TensorRT stop at its next step once the event is set, where it can be asked to."""
    if not hasattr(trt, "IProgressMonitor") or not hasattr(config, "progress_monitor"):
        return

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            """Nothing to show: a build is silent."""

        def phase_finish(self, name: str) -> None:
            """Nothing to show: a build is silent."""

        def step_complete(self, name: str, step: int) -> bool:
            return not interrupted.is_set()

    config.progress_monitor = Monitor()
