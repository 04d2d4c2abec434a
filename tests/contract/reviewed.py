"""What people decided about the package's use of TensorRT; the tests say when to look again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_trtperf.engine.options import OPTIONS, Kind
from tests.contract.uses import MODULE, OURS, Review


def _names(kind: Kind) -> tuple[str, ...]:
    return tuple(option.name for option in OPTIONS.values() if option.kind == kind)


REVIEW = Review(
    names={
        "backend/tensorrt/apply_options.py": {
            "config": "IBuilderConfig",
            "network": "INetworkDefinition",
            "tensor": "ITensor",
            "value": OURS,
            "enum": OURS,  # any of those in the table of options, by the names of its members
        },
        "backend/tensorrt/bindings.py": {
            "module": MODULE,
            "severity": "ILogger.Severity",
            "self.most": "ILogger.Severity",
        },
        "backend/tensorrt/build.py": {
            "builder": "Builder",
            "config": "IBuilderConfig",
            "network": "INetworkDefinition",
            "parser": "OnnxParser",
            "tensor": "ITensor",
            "_require:owner": OURS,  # anything: the calls of an accessor are read instead
        },
        "backend/tensorrt/dtypes.py": {"dtype": "DataType"},
        "onnx_file/messages.py": {"parser": "OnnxParser", "error": "ParserError"},
        "backend/tensorrt/inference_stream.py": {
            "allocator": OURS,  # what output_allocator returns: own members only
            "context": "IExecutionContext",
            "self._context": "IExecutionContext",
        },
        "backend/tensorrt/layers.py": {
            "context": "IExecutionContext",
            "engine": "ICudaEngine",
            "layer": OURS,  # an entry of the inspector's JSON
            "profiler": "IProfiler",
        },
        "backend/tensorrt/build_monitor.py": {"config": "IBuilderConfig"},
        "plan_cache/timing_cache.py": {
            "config": "IBuilderConfig",
            "cache": "ITimingCache",
            "merged": "ITimingCache",
            "timed": "ITimingCache",
        },
        "backend/tensorrt/load_options.py": {
            "runtime": "Runtime",
            "engine": "ICudaEngine",
            "logger": "ILogger",
            "refitter": "Refitter",
            "parser": "OnnxParserRefitter",
        },
        "backend/tensorrt/memory.py": {"error": OURS},  # CUDA's
        "backend/tensorrt/output_memory.py": {},
        "backend/tensorrt/session_kernels.py": {
            "cache": "IRuntimeCache",
            "engine": "ICudaEngine",
        },
        "backend/tensorrt/engine.py": {
            "context": "IExecutionContext",
            "TensorRTEngine:self._allocator": "IGpuAsyncAllocator",
            "TensorRTEngine:self._engine": "ICudaEngine",
            "TensorRTEngine:self._runtime": "Runtime",
        },
    },
    returns={
        "Builder.create_builder_config": "IBuilderConfig",
        "Builder.create_network": "INetworkDefinition",
        "Builder.create_optimization_profile": "IOptimizationProfile",
        "Builder.get_plugin_registry": "IPluginRegistry",
        "ICudaEngine.create_engine_inspector": "EngineInspector",
        "ICudaEngine.create_execution_context": "IExecutionContext",
        "ICudaEngine.create_runtime_config": "IRuntimeConfig",
        "ICudaEngine.get_tensor_dtype": "DataType",
        "ICudaEngine.get_tensor_format": "TensorFormat",
        "ICudaEngine.get_tensor_format_desc": OURS,
        "ICudaEngine.get_tensor_vectorized_dim": OURS,
        "IBuilderConfig.create_timing_cache": "ITimingCache",
        "IBuilderConfig.get_timing_cache": "ITimingCache",
        "INetworkDefinition.get_input": "ITensor",
        "INetworkDefinition.get_output": "ITensor",
        "IRuntimeConfig.create_runtime_cache": "IRuntimeCache",
        "ITensor.dtype": "DataType",
        "OnnxParser.get_error": "ParserError",
        "Runtime.deserialize_cuda_engine": "ICudaEngine",
        "Runtime.get_plugin_registry": "IPluginRegistry",
        "DataType.name": OURS,
        "ParserError.desc": OURS,
        "TensorFormat.name": OURS,
    },
    functions={
        "import_tensorrt": MODULE,
        "shared_logger": "ILogger",
        "_tensor": "ITensor",
        "create_profiler": "IProfiler",
        "create_allocator": "IGpuAsyncAllocator",
        "output_allocator": "IOutputAllocator",
    },
    forwards=frozenset({"_created"}),
    accessors=frozenset({"_require"}),
    computed={
        "backend/tensorrt/apply_options.py:_set_flag": tuple(
            name.upper() for name in _names("flag")
        ),
        "backend/tensorrt/apply_options.py:_set_attribute": (*_names("number"), *_names("enum")),
        "backend/tensorrt/apply_options.py:_set_enum": tuple(
            option.enum for option in OPTIONS.values() if option.kind == "enum"
        ),
    },
    guards={
        # build_plan refuses a backend without builder first, and nothing else calls the rest.
        "backend/tensorrt/apply_options.py": "Builder",
        "backend/tensorrt/build.py": "Builder",
        "onnx_file/messages.py": "Builder",
        "backend/tensorrt/build_monitor.py": "Builder",
        "plan_cache/timing_cache.py": "Builder",
        # Asked for in weakly typed networks alone, which _network refuses where there are none.
        "backend/tensorrt/apply_options.py:_set_dtype": "BuilderFlag.FP16",
        # Other backends than RTX are refused before, by the table of options.
        "backend/tensorrt/apply_options.py:_set_compute_capabilities": "ComputeCapability",
        # There is a cache only where create_context could create one.
        "backend/tensorrt/session_kernels.py:take": "IRuntimeConfig.create_runtime_cache",
    },
)

Version = tuple[int, ...]
Versions = tuple[Version, "Version | None"]
EVERY: Versions = ((1,), None)


@dataclass(frozen=True)
class Feature:
    """A name that the code asks for before it uses it.

    Attributes:
        needed: Backends that must have it all the same, with the first version and the first
            one that need not any more.
        why: What is lost without it.
    """

    needed: Mapping[str, Versions]
    why: str

    def is_needed(self, backend: str, version: str) -> bool:
        """Whether a backend must have it in a version."""
        first, end = self.needed.get(backend, ((1,), (1,)))
        return first <= _version(version) and (end is None or _version(version) < end)


def _version(text: str) -> Version:
    return tuple(int(part) for part in text.split("."))


_BUILDERS: Mapping[str, Versions] = {"tensorrt": EVERY, "tensorrt-rtx": EVERY}
_ALL: Mapping[str, Versions] = {**_BUILDERS, "tensorrt-lean": EVERY}


def _option_features() -> dict[str, Feature]:
    """The table of build options says where each has to be."""
    found = {}
    for option in OPTIONS.values():
        needed = {
            backend: (_version(first), _version(end) if end else None)
            for backend, (first, end) in option.versions.items()
        }
        if option.kind in ("flag", "number", "enum"):
            found[option.api] = Feature(needed, f"the build option {option.name}")
        if option.kind == "enum":
            found[option.enum] = Feature(needed, f"the build option {option.name}")
    return found


FEATURES: Mapping[str, Feature] = {
    **_option_features(),
    "__version__": Feature(_ALL, "how import_tensorrt knows that it is TensorRT's module"),
    "ComputeCapability": Feature({"tensorrt-rtx": EVERY}, "no warning of a GPU that it is not for"),
    "OnnxParserRefitter": Feature(_BUILDERS, "stripped plans could not be loaded"),
    "ICudaEngine.weight_streaming_budget_v2": Feature(
        {"tensorrt": ((10, 16), None), "tensorrt-rtx": EVERY}, "no weight streaming budget"
    ),
    "EngineInspector": Feature(_BUILDERS, "no layer names in reports; lean has no inspector"),
    "Builder": Feature(_BUILDERS, "lean loads plans only, and build_plan says so"),
    "IBuilderConfig.progress_monitor": Feature(_BUILDERS, "Ctrl-C could not stop a build"),
    "ICudaEngine.create_runtime_config": Feature(
        {"tensorrt-rtx": EVERY}, "the way to RTX's runtime cache; others need it not"
    ),
    "IGpuAsyncAllocator": Feature(_ALL, "memory would be taken outside the stream's pool"),
    "IProgressMonitor": Feature(_BUILDERS, "Ctrl-C could not stop a build"),
    "IRuntimeConfig.create_runtime_cache": Feature(
        {"tensorrt-rtx": EVERY}, "RTX would compile its kernels in every session"
    ),
    "NetworkDefinitionCreationFlag.STRONGLY_TYPED": Feature(
        _BUILDERS, "networks would be typed weakly, and precision not the model's own"
    ),
    "TensorFormat": Feature(_BUILDERS, "plans with packed inputs or outputs would be refused"),
    "ParserError.node_operator": Feature(_BUILDERS, "parser errors would not name the operator"),
}


@dataclass(frozen=True)
class Callback:
    """A method that TensorRT calls: how many arguments it gives, and whether it must be there."""

    arguments: int
    required: bool = True


_ALLOCATOR = {
    "allocate": Callback(3),
    "allocate_async": Callback(4),
    "reallocate": Callback(3),
    "deallocate": Callback(1),
    "deallocate_async": Callback(2),
}

INTERFACES: Mapping[str, Mapping[str, Callback]] = {
    "ILogger": {"log": Callback(2)},
    "IProfiler": {"report_layer_time": Callback(2)},
    "IGpuAllocator": _ALLOCATOR,
    "IGpuAsyncAllocator": _ALLOCATOR,
    "IOutputAllocator": {
        "reallocate_output": Callback(4, required=False),  # where there is no _async
        "reallocate_output_async": Callback(5),
        "notify_shape": Callback(2),
    },
    "IProgressMonitor": {
        "phase_start": Callback(3),
        "phase_finish": Callback(1),
        "step_complete": Callback(2),
    },
}
