"""ONNX Runtime on the CPU: models are loaded as they are, for each session in its process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_trtperf.backend.probe import Probe, answer, common_software, probe_in_subprocess
from pytest_trtperf.backend.protocols import Backend, LoadedEngine
from pytest_trtperf.engine.option_rules import check_options
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import BackendUnavailable
from pytest_trtperf.onnx_file.external_data import model_files

NAME = "onnxruntime"


class OnnxRuntimeBackend(Backend):
    """ONNX Runtime's CPU provider; build options are accepted, and have no effect."""

    name = NAME
    model_files = staticmethod(model_files)

    def probe(self) -> Probe:
        """See `Backend.probe`; its libraries are loaded in a process that is thrown away."""
        return probe_in_subprocess("pytest_trtperf.backend.onnxruntime.backend", self.name)

    def check_options(self, options: Mapping[str, Any], version: str) -> None:
        """Refuses options that contradict each other, so that a test is wrong on a CPU as well."""
        check_options(options, self.name, version)

    def load_model(self, spec: EngineSpec) -> LoadedEngine:
        """See `OnnxRuntimeEngine`, which the process of each session has."""
        from pytest_trtperf.backend.onnxruntime.model_source import model_source
        from pytest_trtperf.backend.process.engine import IsolatedEngine
        from pytest_trtperf.backend.process.loader import Loader

        # An engine uses all cores, so that another process would take time from it.
        loader = Loader("pytest_trtperf.backend.onnxruntime.in_session", NAME, has_spare=False)
        profiles = {name: vars(profile) for name, profile in spec.profile.items()}
        values = {"name": str(spec.onnx), "profiles": profiles, **model_source(spec.onnx)}
        return IsolatedEngine(loader, values)


def probe() -> Probe:
    """ONNX Runtime's version, by importing it in this process.

    Raises:
        BackendUnavailable: it is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise BackendUnavailable(
            f"backend {NAME}: it cannot be imported ({error}); pip install 'pytest-trtperf[cpu]'"
        ) from error
    version = str(onnxruntime.__version__)
    return Probe(NAME, version, software={**common_software(), NAME: version})


if __name__ == "__main__":
    try:
        answer(probe())
    except BackendUnavailable as reason:
        answer(reason)
