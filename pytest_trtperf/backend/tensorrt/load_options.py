"""How a plan is loaded: settings of TensorRT's runtime and engine before the first query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_trtperf.backend.tensorrt.bindings import Errors, shared_logger
from pytest_trtperf.engine.dimensions import model_inputs
from pytest_trtperf.engine.options import BYTES_PER_MIB, OPTIONS
from pytest_trtperf.errors import EngineLoadError


@dataclass(frozen=True)
class LoadOptions:
    """What a plan needs when it is loaded; plain values, which go to the session's process.

    Attributes:
        plugins: paths of plugin libraries.
        dla_core: the core that DLA layers run on.
        engine_host_code_allowed: run the code that a version compatible plan brings along.
        optimization_profile: the index of the profile that contexts use.
        weight_streaming_budget: bytes of device memory for weights that may be streamed.
        refit_onnx: the ONNX file that the weights of a stripped plan are read from.
        names: of the dimensions of each input, where the ONNX file is known: a plan keeps none.
    """

    plugins: tuple[str, ...] = ()
    dla_core: int | None = None
    engine_host_code_allowed: bool = False
    optimization_profile: int = 0
    weight_streaming_budget: int | None = None
    refit_onnx: str | None = None
    names: Mapping[str, Sequence[str | None]] = field(default_factory=dict)

    @classmethod
    def of(cls, options: Mapping[str, Any], onnx: Path | None) -> LoadOptions:
        """Those of an engine's build options.

        Args:
            onnx: what it was built from; None for a plan that the user named.
        """
        budget = options.get("weight_streaming_budget_mib")
        return cls(
            plugins=tuple(str(Path(path).resolve()) for path in options.get("plugins", ())),
            dla_core=options.get("DLA_core"),
            engine_host_code_allowed=options.get("engine_host_code_allowed", False),
            optimization_profile=options.get("optimization_profile", 0),
            weight_streaming_budget=None if budget is None else int(budget * BYTES_PER_MIB),
            refit_onnx=str(onnx.resolve()) if onnx and options.get("strip_plan") else None,
            names={one.name: one.names for one in model_inputs(onnx)} if onnx else {},
        )


def prepare_runtime(runtime: Any, load_options: LoadOptions, errors: Errors) -> None:
    """Sets what the runtime needs before it deserialises a plan: host code, DLA core, plugins.

    Raises:
        EngineLoadError: a plugin library cannot be loaded.
    """
    if load_options.engine_host_code_allowed:
        runtime.engine_host_code_allowed = True
    if load_options.dla_core is not None:
        runtime.DLA_core = load_options.dla_core
    for path in load_options.plugins:
        if runtime.get_plugin_registry().load_library(path) is None:
            raise EngineLoadError(f"{path}: TensorRT cannot load this plugin library{_why(errors)}")


def prepare_engine(trt: Any, engine: Any, load_options: LoadOptions, errors: Errors) -> None:
    """Refits a stripped plan and sets its weight budget, before a context is created.

    Raises:
        EngineLoadError: the plan has no such profile, streams no weights, or cannot be refitted.
    """
    if load_options.optimization_profile and (
        load_options.optimization_profile >= engine.num_optimization_profiles
    ):
        raise EngineLoadError(
            f"optimization_profile={load_options.optimization_profile}: the plan has "
            f"{engine.num_optimization_profiles} profile(s), counted from 0"
        )
    if load_options.refit_onnx is not None:
        _refit(trt, engine, load_options.refit_onnx, errors)
    if load_options.weight_streaming_budget is not None:
        _stream_weights(engine, load_options.weight_streaming_budget, errors)


def _refit(trt: Any, engine: Any, onnx: str, errors: Errors) -> None:
    if not hasattr(trt, "OnnxParserRefitter"):
        raise EngineLoadError(f"{onnx}: this TensorRT cannot put weights into a stripped plan")
    logger = shared_logger(trt)
    refitter = trt.Refitter(engine, logger)
    parser = trt.OnnxParserRefitter(refitter, logger)
    if not parser.refit_from_file(onnx) or not refitter.refit_cuda_engine():
        raise EngineLoadError(
            f"{onnx}: the weights of this model cannot be put into its stripped plan{_why(errors)}"
        )


def _stream_weights(engine: Any, budget: int, errors: Errors) -> None:
    if not hasattr(engine, "weight_streaming_budget_v2"):
        raise EngineLoadError(
            "weight_streaming_budget_mib=: this TensorRT has no "
            "ICudaEngine.weight_streaming_budget_v2; those that have it: "
            f"{OPTIONS['weight_streaming_budget_mib'].described_versions()}"
        )
    streamable = engine.streamable_weights_size
    if not streamable:
        raise EngineLoadError(
            "weight_streaming_budget_mib=: the plan has no weights that can be streamed; build it "
            "with weight_streaming=True"
        )
    # TensorRT lowers a budget for more weights than there are to their size: none is streamed.
    engine.weight_streaming_budget_v2 = budget
    if engine.weight_streaming_budget_v2 != min(budget, streamable):
        raise EngineLoadError(
            f"weight_streaming_budget_mib={budget / BYTES_PER_MIB:g}: TensorRT makes "
            f"{engine.weight_streaming_budget_v2 / BYTES_PER_MIB:g} MiB of it{_why(errors)}"
        )


def _why(errors: Errors) -> str:
    said = "; ".join(errors())
    return f": {said}" if said else ""
