"""What people decided about the package's use of TensorRT; the tests say when to look again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.contract.uses import MODULE, OURS, Review

REVIEW = Review(
    names={
        "engine/backends.py": {"module": MODULE},
        "engine/build.py": {
            "builder": "Builder",
            "config": "IBuilderConfig",
            "network": "INetworkDefinition",
            "parser": "OnnxParser",
            "tensor": "ITensor",
            "_dtype_name:dtype": "DataType",
            "_parser_error:error": "ParserError",
        },
        "runtime/inference_stream.py": {
            "allocator": OURS,  # what output_allocator returns: own members only
            "context": "IExecutionContext",
            "self._context": "IExecutionContext",
        },
        "runtime/layers.py": {
            "context": "IExecutionContext",
            "engine": "ICudaEngine",
            "layer": OURS,  # an entry of the inspector's JSON
            "profiler": "IProfiler",
        },
        "runtime/memory.py": {"error": OURS},  # CUDA's
        "runtime/output_memory.py": {},
        "runtime/tensorrt.py": {
            "cache": "IRuntimeCache",
            "context": "IExecutionContext",
            "TensorRTEngine:self._allocator": "IGpuAsyncAllocator",
            "TensorRTEngine:self._engine": "ICudaEngine",
            "TensorRTEngine:self._runtime": "Runtime",
            "TensorRTSession:self._engine": OURS,
        },
    },
    returns={
        "Builder.create_builder_config": "IBuilderConfig",
        "Builder.create_network": "INetworkDefinition",
        "Builder.create_optimization_profile": "IOptimizationProfile",
        "ICudaEngine.create_engine_inspector": "EngineInspector",
        "ICudaEngine.create_execution_context": "IExecutionContext",
        "ICudaEngine.create_runtime_config": "IRuntimeConfig",
        "ICudaEngine.get_tensor_dtype": "DataType",
        "INetworkDefinition.get_input": "ITensor",
        "IRuntimeConfig.create_runtime_cache": "IRuntimeCache",
        "ITensor.dtype": "DataType",
        "OnnxParser.get_error": "ParserError",
        "Runtime.deserialize_cuda_engine": "ICudaEngine",
        "DataType.name": OURS,
    },
    functions={
        "import_tensorrt": MODULE,
        "shared_logger": "ILogger",
        "create_profiler": "IProfiler",
        "create_allocator": "IGpuAsyncAllocator",
        "output_allocator": "IOutputAllocator",
    },
    forwards=frozenset({"_created"}),
    accessors=frozenset({"_require"}),
    computed={"engine/build.py:_apply_flag": ("TF32", "FP16", "BF16", "INT8")},
    guards={
        # build_plan refuses a backend without builder first, and nothing else calls the rest.
        "engine/build.py": "Builder",
        # There is a cache only where _create_context could create one.
        "runtime/tensorrt.py:_keep_kernels": "IRuntimeConfig.create_runtime_cache",
    },
)

Majors = tuple[int, int | None]
EVERY: Majors = (1, None)


@dataclass(frozen=True)
class Feature:
    """A name that the code asks for before it uses it.

    Attributes:
        needed: Backends that must have it all the same, with the first major version and the
            first one that need not any more.
        why: What is lost without it.
    """

    needed: Mapping[str, Majors]
    why: str

    def is_needed(self, backend: str, major: int) -> bool:
        """Whether a backend must have it in a major version."""
        first, end = self.needed.get(backend, (1, 1))
        return first <= major and (end is None or major < end)


_BUILDERS: Mapping[str, Majors] = {"tensorrt": EVERY, "tensorrt-rtx": EVERY}
_ALL: Mapping[str, Majors] = {**_BUILDERS, "tensorrt-lean": EVERY}
_WEAKLY_TYPED: Mapping[str, Majors] = {"tensorrt": (10, 11)}

FEATURES: Mapping[str, Feature] = {
    "__version__": Feature(_ALL, "how import_tensorrt knows that it is TensorRT's module"),
    "EngineInspector": Feature(_BUILDERS, "no layer names in reports; lean has no inspector"),
    "Builder": Feature(_BUILDERS, "lean loads plans only, and build_plan says so"),
    "BuilderFlag.TF32": Feature(_BUILDERS, "tf32=False would be ignored silently"),
    "BuilderFlag.FP16": Feature(_WEAKLY_TYPED, "from 11 on, and in RTX, the model decides"),
    "BuilderFlag.BF16": Feature(_WEAKLY_TYPED, "as FP16"),
    "BuilderFlag.INT8": Feature(_WEAKLY_TYPED, "as FP16"),
    "IBuilderConfig.builder_optimization_level": Feature(_BUILDERS, "a documented build option"),
    "IBuilderConfig.max_aux_streams": Feature(_BUILDERS, "a documented build option"),
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
