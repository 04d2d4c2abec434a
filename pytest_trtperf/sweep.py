"""Measurements of one engine over batch sizes, request rates or builds, as one result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_trtperf.engine.spec import Shape, TensorInfo, parse_shape
from pytest_trtperf.errors import ShapeError
from pytest_trtperf.option_values import parse_count, parse_positive
from pytest_trtperf.perf import Perf

COLUMNS = ("P50 ms", "P99 ms", "qps")


@dataclass(frozen=True)
class Sweep:
    """What was measured at each value of a variable.

    Attributes:
        variable: `batch_size`, `request_rate` or `build`.
        perfs: by value, in the order of measuring.
    """

    variable: str
    perfs: Mapping[float, Perf]

    def __getitem__(self, value: float) -> Perf:
        """The measurement at a value."""
        return self.perfs[value]

    def __iter__(self) -> Iterator[tuple[float, Perf]]:
        """Value and measurement, in the order of measuring."""
        return iter(self.perfs.items())

    def __len__(self) -> int:
        return len(self.perfs)

    @property
    def spread(self) -> float:
        """How far the largest median is above the smallest, as a share.

        Of `gpu_compute` where there is that metric, else of the judged one.
        """
        medians = [
            perf.summary("gpu_compute" if "gpu_compute" in perf.metrics else None).median
            for perf in self.perfs.values()
        ]
        return max(medians) / min(medians) - 1

    def curve(self, y: str = "p99") -> tuple[list[float], list[float]]:
        """Values of the variable, and at each of them a number of the measurement.

        Args:
            y: a number that `Perf` has: `median`, `p99`, `qps`; or `samples_per_second`, which
                is throughput times batch size.

        Raises:
            ValueError: there is no such number.
        """
        return list(self.perfs), [self._number(value, y) for value in self.perfs]

    def __str__(self) -> str:
        return self.table()

    def table(self) -> str:
        """A line for each value: median, P99 and throughput, and of batches samples a second."""
        by_batch = self.variable == "batch_size"
        header = (self.variable, *COLUMNS, *(("samples/s",) if by_batch else ()))
        rows = [header]
        for value, perf in self:
            cells = [f"{value:g}", f"{perf.median:.4g}", f"{perf.p99:.4g}", f"{perf.qps:.5g}"]
            if by_batch:
                cells.append(f"{value * perf.qps:.5g}")
            rows.append(tuple(cells))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in rows
        )

    def _number(self, value: float, y: str) -> float:
        perf = self.perfs[value]
        if y == "samples_per_second" and self.variable == "batch_size":
            return value * perf.qps
        if y not in ("median", "p99", "qps"):
            raise ValueError(
                f"a sweep over {self.variable} has no curve of {y!r}; "
                "there are median, p99, qps and, over batch sizes, samples_per_second"
            )
        return float(getattr(perf, y))


def points_of(
    batch_sizes: Sequence[int], request_rates: Sequence[float], options: Mapping[str, Any]
) -> tuple[str, tuple[float, ...]]:
    """The variable of a sweep, and its values.

    Raises:
        ValueError: none or both are given, or a value comes twice or does not fit.
    """
    if len(request_rates) and "request_rate" in options:
        raise ValueError("a sweep over request_rates= takes no request_rate=")
    if bool(len(batch_sizes)) == bool(len(request_rates)):
        raise ValueError("a sweep goes over batch_sizes= or over request_rates=, one of them")
    variable, parse, given = (
        ("batch_size", parse_count(1), batch_sizes)
        if len(batch_sizes)
        else ("request_rate", parse_positive, request_rates)
    )
    try:
        values: tuple[float, ...] = tuple(parse(value) for value in given)
    except ValueError as error:
        raise ValueError(f"{variable}: {error}") from None
    if len(set(values)) < len(values):
        raise ValueError(f"a {variable} comes twice in {list(values)}: leave one out")
    return variable, values


def plain(value: float) -> str:
    """A number without the .0 of a whole one."""
    return str(int(value)) if value == int(value) else str(value)


def with_batch(
    inputs: Sequence[TensorInfo], shapes: Mapping[str, Any] | None, batch_size: int
) -> dict[str, Shape]:
    """Shapes with another batch: the first dimension, where it is dynamic.

    Raises:
        ShapeError: more than the batch is dynamic and not given, or no batch is.
    """
    given = {name: parse_shape(shape) for name, shape in (shapes or {}).items()}
    resolved: dict[str, Shape] = dict(given)
    for tensor in inputs:
        if not tensor.shape or tensor.shape[0] is not None:
            continue
        rest = given[tensor.name][1:] if tensor.name in given else tensor.shape[1:]
        if any(dim is None for dim in rest):
            raise ShapeError(
                f"input {tensor} has more dynamic dimensions than the batch: pass shapes="
            )
        resolved[tensor.name] = (batch_size, *(dim for dim in rest if dim is not None))
    if resolved == given and not any(t.shape and t.shape[0] is None for t in inputs):
        raise ShapeError("no input has a dynamic first dimension, so there is no batch to sweep")
    return resolved
