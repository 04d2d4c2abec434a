"""pytest-trtperf: latency SLOs for TensorRT engines, enforced by pytest.

The names below are public, for annotations, `isinstance` and `pytest.raises`. Each is imported when
it is first used, so that importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_trtperf.analysis.layers import Layer
    from pytest_trtperf.analysis.summary import Summary
    from pytest_trtperf.analysis.verdict import Verdict
    from pytest_trtperf.errors import (
        AccuracyAssertionError,
        BackendUnavailable,
        BaselineError,
        CacheError,
        EngineBuildError,
        EngineCacheWarning,
        EngineLoadError,
        ExtraMissing,
        InconclusiveWarning,
        MeasurementError,
        PerfAssertionError,
        ShapeError,
        TrtPerfDeprecationWarning,
        TrtPerfError,
    )
    from pytest_trtperf.fixtures.engine import Engine
    from pytest_trtperf.fixtures.max_qps import MaxQps
    from pytest_trtperf.fixtures.pair import Pair
    from pytest_trtperf.fixtures.perf import Perf
    from pytest_trtperf.fixtures.sweep import Sweep
    from pytest_trtperf.fixtures.trt_compare import TrtCompare
    from pytest_trtperf.fixtures.trt_engine import TrtEngine
    from pytest_trtperf.fixtures.trt_measure import TrtMeasure
    from pytest_trtperf.measure.rounds import Round

__version__ = "0.1.0"

__all__ = [
    "AccuracyAssertionError",
    "BackendUnavailable",
    "BaselineError",
    "CacheError",
    "Engine",
    "EngineBuildError",
    "EngineCacheWarning",
    "EngineLoadError",
    "ExtraMissing",
    "InconclusiveWarning",
    "Layer",
    "MaxQps",
    "MeasurementError",
    "Pair",
    "Perf",
    "PerfAssertionError",
    "Round",
    "ShapeError",
    "Summary",
    "Sweep",
    "TrtCompare",
    "TrtEngine",
    "TrtMeasure",
    "TrtPerfDeprecationWarning",
    "TrtPerfError",
    "Verdict",
    "__version__",
]

_MODULES = {
    "Engine": "fixtures.engine",
    "Layer": "analysis.layers",
    "MaxQps": "fixtures.max_qps",
    "Pair": "fixtures.pair",
    "Perf": "fixtures.perf",
    "Round": "measure.rounds",
    "Summary": "analysis.summary",
    "Sweep": "fixtures.sweep",
    "TrtCompare": "fixtures.trt_compare",
    "TrtEngine": "fixtures.trt_engine",
    "TrtMeasure": "fixtures.trt_measure",
    "Verdict": "analysis.verdict",
}
"""Where a public name is defined, unless in `errors`."""


def __getattr__(name: str) -> Any:
    """A public name, imported now (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
