"""Where each public name is defined; `__init__.pyi` has the same for type checkers."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

MODULES: Mapping[str, str] = {
    "AccuracyAssertionError": "errors",
    "BackendUnavailable": "errors",
    "BaselineError": "errors",
    "CacheError": "errors",
    "Engine": "fixtures.engine",
    "EngineBuildError": "errors",
    "EngineCacheWarning": "errors",
    "EngineLoadError": "errors",
    "ExtraMissing": "errors",
    "InconclusiveWarning": "errors",
    "Layer": "analysis.layers",
    "MaxQps": "fixtures.max_qps",
    "MeasurementError": "errors",
    "Pair": "fixtures.pair",
    "Perf": "fixtures.perf",
    "PerfAssertionError": "errors",
    "QueryError": "errors",
    "Round": "measure.rounds",
    "ShapeError": "errors",
    "Summary": "analysis.summary",
    "Sweep": "fixtures.sweep",
    "TableError": "errors",
    "TrtCompare": "fixtures.trt_compare",
    "TrtEngine": "fixtures.trt_engine",
    "TrtMeasure": "fixtures.trt_measure",
    "TrtPerfDeprecationWarning": "errors",
    "TrtPerfError": "errors",
    "Verdict": "analysis.verdict",
}

NAMES = sorted([*MODULES, "__version__"])


def find(name: str) -> object:
    """The object of a public name, from its module.

    Raises:
        AttributeError: there is no such name.
    """
    if name == "__all__":
        return NAMES
    if name not in MODULES:
        raise AttributeError(f"module 'pytest_trtperf' has no attribute {name!r}")
    return getattr(import_module(f"pytest_trtperf.{MODULES[name]}"), name)
