"""The backends of the TensorRT family: plans built here, each session in a process of its own."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_trtperf.backend.probe import MAY_LACK_GPU, Probe, probe_in_subprocess
from pytest_trtperf.backend.progress import Report
from pytest_trtperf.backend.protocols import Backend, LoadedEngine
from pytest_trtperf.backend.tensorrt.bindings import MODULES, import_tensorrt
from pytest_trtperf.engine.option_rules import check_options
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.onnx_file.external_data import model_files
from pytest_trtperf.plan_cache.timing_cache import TimingCacheFile

FAMILY = tuple(MODULES)


class TensorRTBackend(Backend):
    """TensorRT 10 or 11, TensorRT for RTX, or the lean runtime."""

    builds_plans = True
    model_files = staticmethod(model_files)

    def __init__(self, name: str) -> None:
        self.name = name

    def probe(self) -> Probe:
        """See `Backend.probe`; CUDA is initialised in a process that is thrown away."""
        return self._probe()

    def probe_to_build(self) -> Probe:
        """See `Backend.probe_to_build`: TensorRT for RTX builds without a GPU."""
        return self._probe(*([MAY_LACK_GPU] if self.name == "tensorrt-rtx" else []))

    def _probe(self, *words: str) -> Probe:
        if importlib.util.find_spec(MODULES[self.name]) is None:
            import_tensorrt(self.name)  # which raises, and says how to install it
        return probe_in_subprocess("pytest_trtperf.backend.tensorrt.probe", self.name, *words)

    def prepare(self) -> None:
        """See `Backend.prepare`: the process of the first session starts."""
        from pytest_trtperf.backend.process.spare import SPARE
        from pytest_trtperf.backend.tensorrt.isolated import loader_of

        SPARE.prepare(loader_of(self.name))

    def check_options(self, options: Mapping[str, Any], version: str) -> None:
        """See `Backend.check_options`."""
        check_options(options, self.name, version)

    def trtexec_defaults(self) -> Mapping[str, Any]:
        """trtexec's networks are weakly typed where TensorRT still has such networks."""
        if self.name != "tensorrt":  # the others have no such networks, or build nothing
            return {}
        from pytest_trtperf.backend.tensorrt.build import has_weakly_typed_networks

        is_weak = has_weakly_typed_networks(import_tensorrt(self.name), self.name)
        return {"strongly_typed": False} if is_weak else {}

    def build(
        self,
        spec: EngineSpec,
        timing_cache: TimingCacheFile | None = None,
        report: Report | None = None,
        write: Callable[[str], None] | None = None,
        *,
        verbose: bool = False,
    ) -> bytes:
        """See `isolated_plan`; a function of the user, `configure`, is called in this process."""
        from pytest_trtperf.backend.tensorrt.build import build_plan
        from pytest_trtperf.backend.tensorrt.isolated import isolated_plan

        build = isolated_plan if spec.configure is None else build_plan
        return build(spec, self.name, timing_cache, report, write, verbose=verbose)

    def stored_kernels(self, runtime_cache: bytes) -> Sequence[str]:
        """See `Backend.stored_kernels`."""
        from pytest_trtperf.backend.tensorrt.stored_kernels import without_stages

        return without_stages(runtime_cache)[1]

    def load_plan(
        self,
        plan: bytes | memoryview,
        options: Mapping[str, Any],
        onnx: Path | None = None,
        runtime_cache: bytes | None = None,
    ) -> LoadedEngine:
        """See `isolated_engine`."""
        from pytest_trtperf.backend.tensorrt.isolated import isolated_engine
        from pytest_trtperf.backend.tensorrt.load_options import LoadOptions

        return isolated_engine(self.name, plan, runtime_cache, LoadOptions.of(options, onnx))
