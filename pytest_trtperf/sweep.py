"""Measurements of one engine over batch sizes or request rates, as one result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pytest_trtperf.perf import Perf

COLUMNS = ("P50 ms", "P99 ms", "qps")


@dataclass(frozen=True)
class Sweep:
    """What was measured at each value of a variable.

    Attributes:
        variable: `batch_size` or `request_rate`.
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
