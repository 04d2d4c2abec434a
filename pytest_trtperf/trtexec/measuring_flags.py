"""trtexec's flags that measure -> options of `trt_measure`, or what to do instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytest_trtperf.trtexec import values

SWITCHES: Mapping[str, tuple[str, bool | int]] = {
    "--useCudaGraph": ("cuda_graph", True),
    "--noCudaGraph": ("cuda_graph", False),
    "--useSpinWait": ("spin_wait", True),
    "--noSpinWait": ("spin_wait", False),
    "--includeDataTransfers": ("transfers", True),
    "--noDataTransfers": ("transfers", False),
    "--exposeDMA": ("concurrency", 1),
    "--dumpProfile": ("layers", True),
}

VALUES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "--infStreams": ("streams", values.count),
    "--streams": ("streams", values.count),
    "--idleTime": ("idle_ms", values.duration),
    "--warmUp": ("warm_up_ms", values.duration),
    "--duration": ("max_time", values.duration),
    "--iterations": ("round_queries", values.count),
    "--loadInputs": ("inputs", str),
}

OF_BOTH = ("--shapes",)
"""They concern the engine as well."""

PRINTED = (
    *("--percentile", "--avgRuns", "--separateProfileRun", "--dumpLayerInfo"),
    *("--dumpRefit", "--dumpOptimizationProfile", "--timeDeserialize", "--timeRefit"),
)
"""They only change what trtexec prints."""

NOT_MEASURED: Mapping[str, str] = {
    "--sleepTime": "queries start without a gap; trt_measure(idle_ms=MS) sleeps between them",
    "--batch": "trt_measure(shapes=…) has the batch",
    "--exportTimes": "use perf.export_times(path) instead, or --trtperf-export-times=DIR",
    "--exportProfile": "use perf.export_profile(path) instead, or --trtperf-export-profile=DIR",
    "--exportLayerInfo": "use engine.export_layers(path) instead",
}
"""They belong to a measurement and have no counterpart in its options: what to do instead."""

MEASURING = frozenset((*SWITCHES, *VALUES, *OF_BOTH, *PRINTED, *NOT_MEASURED))
"""All flags of a measurement, which say nothing of the engine unless they are `OF_BOTH`."""
