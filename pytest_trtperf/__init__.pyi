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
    QueryError,
    ShapeError,
    TableError,
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

__version__: str

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
    "QueryError",
    "Round",
    "ShapeError",
    "Summary",
    "Sweep",
    "TableError",
    "TrtCompare",
    "TrtEngine",
    "TrtMeasure",
    "TrtPerfDeprecationWarning",
    "TrtPerfError",
    "Verdict",
    "__version__",
]
