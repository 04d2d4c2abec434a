"""What TensorRT's profiler and engine inspector report about the layers of an engine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from pytest_trtperf.backend.tensorrt.cuda import cudart, value_or_raise
from pytest_trtperf.errors import MeasurementError


def layer_times(
    trt: Any, context: Any, stream: Any, queries: int, warm_up: int = 20
) -> dict[str, np.ndarray]:
    """The milliseconds of each layer in each query, in execution order.

    Layers of one name, such as those of a loop, are added up: a name is one entry in the
    inspector too, and stays comparable when their number changes. A query waits for the one
    before it, and events between layers keep them from overlapping, so their sum is as a
    rule more than the query takes by itself.

    Args:
        trt: TensorRT's module.
        context: An execution context with its shapes and tensor addresses set. Its profiler
            cannot be taken off again, so it is of no use for timing afterwards.
        stream: A CUDA stream, not the default one.
        queries: How many queries are kept.
        warm_up: How many queries run before and are dropped.

    Raises:
        MeasurementError: the engine cannot be run or profiled, or its queries differ in layers.
    """
    if queries < 1:
        raise ValueError(f"queries is {queries}, but at least one is needed")
    profiler = create_profiler(trt)
    context.profiler = profiler
    # Otherwise the enqueue waits and reports by itself, at a moment that versions differ about.
    context.enqueue_emits_profile = False
    for _ in range(warm_up):
        _profile(context, stream, profiler)
    return times_by_layer([_profile(context, stream, profiler) for _ in range(queries)])


def create_profiler(trt: Any) -> Any:
    """An `IProfiler` whose `take` gives what one query has reported, as (layer, ms) pairs."""
    base: Any = trt.IProfiler

    class LayerProfiler(base):  # type: ignore[misc]
        def __init__(self) -> None:
            base.__init__(self)
            self._reports: list[tuple[str, float]] = []
            self._error: BaseException | None = None

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            try:
                self._reports.append((str(layer_name), float(ms)))
            # TensorRT would print an exception, Ctrl-C too, and go on as if nothing were.
            except BaseException as error:  # noqa: BLE001
                self._error = error

        def take(self) -> list[tuple[str, float]]:
            reports, self._reports = self._reports, []
            error, self._error = self._error, None
            if error is not None:
                raise error
            return reports

    return LayerProfiler()


def _profile(context: Any, stream: Any, profiler: Any) -> list[tuple[str, float]]:
    if not context.execute_async_v3(int(stream)):
        raise MeasurementError("TensorRT refused to enqueue the query to be profiled")
    value_or_raise(cudart().cudaStreamSynchronize(stream))
    reported = context.report_to_profiler()
    reports: list[tuple[str, float]] = profiler.take()
    if not reported or not reports:
        raise MeasurementError("TensorRT reported no layer times to its profiler")
    return reports


def times_by_layer(reports: Sequence[Sequence[tuple[str, float]]]) -> dict[str, np.ndarray]:
    """The reports of several queries as one array per layer.

    Raises:
        MeasurementError: a query reported other layers than the first.
    """
    names = [name for name, _ in reports[0]]
    times = {name: np.zeros(len(reports)) for name in names}
    for query, report in enumerate(reports):
        # A report that was lost would otherwise make its layer look fast.
        if [name for name, _ in report] != names:
            raise MeasurementError(
                f"query {query} reported other layers than the first one: "
                f"{len(report)} instead of {len(names)}{_difference(names, report)}"
            )
        for name, ms in report:
            times[name][query] += ms
    return times


def _difference(names: Sequence[str], report: Sequence[tuple[str, float]]) -> str:
    different = sorted(set(names) ^ {name for name, _ in report})
    return f"; {', '.join(different[:3])}" if different else ""


def layer_information(trt: Any, engine: Any, context: Any = None) -> list[dict[str, Any]]:
    """The engine inspector's entry of each layer; each has at least ``"Name"``.

    How much else depends on the profiling verbosity that the engine was built with; one that was
    built with none has no entries, and the lean runtime has no inspector.

    Args:
        trt: TensorRT's module.
        engine: The deserialised engine.
        context: Resolves dynamic shapes to those set on it.

    Raises:
        MeasurementError: TensorRT gives no information, or none that can be read.
    """
    if not hasattr(trt, "EngineInspector"):
        return []
    inspector = engine.create_engine_inspector()
    if inspector is None:
        raise MeasurementError("TensorRT could not create an engine inspector")
    if context is not None:
        inspector.execution_context = context
    return parse_layer_information(
        inspector.get_engine_information(trt.LayerInformationFormat.JSON)
    )


def parse_layer_information(text: str) -> list[dict[str, Any]]:
    """The layers in the inspector's JSON; entries that are only a name become a dict.

    Raises:
        MeasurementError: it is not JSON, or has no list of layers.
    """
    if not text.strip():
        return []
    try:
        # TensorRT leaves control characters in names as they are; JSON has no Infinity.
        layers = json.loads(text, strict=False, parse_constant=str)["Layers"]
    except (ValueError, KeyError, TypeError) as error:
        raise MeasurementError(
            f"the engine inspector's JSON cannot be read ({error!r}): {text[:200]!r}"
        ) from error
    if not isinstance(layers, list):
        raise MeasurementError(f"the engine inspector's layers are no list: {text[:200]!r}")
    return [_entry(index, layer) for index, layer in enumerate(layers)]


def _entry(index: int, layer: Any) -> dict[str, Any]:
    if isinstance(layer, dict):
        # Without names the profiler calls a layer by its index.
        return {**layer, "Name": str(layer.get("Name", index))}
    return {"Name": str(layer)}
