"""How often the interval of `trt_measure.max_qps` holds the true rate, on simulated queues.

    python -m benchmarks.loads.max_qps_simulated [--searches 100] [--only NAME] [--json FILE]

Needs no device; takes a few minutes. The search that ships runs on the backend without a device:
Poisson arrivals, one query served at a time, on a clock that only the simulation moves. The true
rate is computed, see `tail_share`. A cell is a distribution of the service time, its mean S, and
a limit of the response's P99. With the defaults of all options, the script prints for each cell

- in how many searches the interval holds the true rate, with the exact interval of that share at
  95 % (Clopper & Pearson 1934),
- the median of found rate / true rate - 1, and the median width of the interval as a share of the
  found rate,
- searches that raised an error,
- simulated seconds that a search took, warm-ups included: median and maximum.

With exponential service a P99 below 4.6 S is out of reach at any rate. There a search is right when
it is refused, or when its interval begins at (nearly) nothing.

Exits 1 when a target is missed, in the cells of constant and exponential service with an S of 0.33
and 10 ms: the interval holds the true rate in at least 90 % of the searches, the median is within
2 % of it, no search raises. The other cells have no target.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize, stats

from pytest_trtperf.backend.session import Mode
from pytest_trtperf.errors import MeasurementError
from pytest_trtperf.fixtures.judged_max_qps import JudgedMaxQps
from pytest_trtperf.fixtures.trt_measure import DRAWS
from pytest_trtperf.judge.subject import Subject
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort, Measurement
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.record.model import EngineRecord
from pytest_trtperf.testing import FakeBackend, FakeSession, Noise

MIN_COVERAGE = 0.90
MAX_BIAS = 0.02
NEARLY_NOTHING = 0.05
"""A share of 1 / S: an interval that begins here does not claim a rate."""

Matrix: TypeAlias = "npt.NDArray[np.float64]"


@dataclass(frozen=True)
class PhaseType:
    """Time until a Markov chain is absorbed, with a mean of 1.

    Attributes:
        start: probabilities of the first phase.
        rates: the generator among the phases.
    """

    start: Matrix
    rates: Matrix

    @property
    def leaving(self) -> Matrix:
        """Rates of absorption."""
        return np.asarray(-self.rates.sum(axis=1))

    def beyond(self, time: float) -> float:
        """The probability that it takes longer."""
        return float(self.start @ linalg.expm(self.rates * time).sum(axis=1))


def hyperexponential(scv: float) -> PhaseType:
    """Two exponentials, balanced means, this squared coefficient of variation."""
    share = (1 + math.sqrt((scv - 1) / (scv + 1))) / 2
    return PhaseType(np.array([share, 1 - share]), -2 * np.diag([share, 1 - share]))


EXPONENTIAL = PhaseType(np.ones(1), -np.ones((1, 1)))
ERLANG_2 = PhaseType(np.array([1.0, 0.0]), np.array([[-2.0, 2.0], [0.0, -2.0]]))
HYPEREXPONENTIAL = hyperexponential(2.0)
"""With an S of 1: half of the work is in queries of 2.4 S on average, the other half in 0.6 S."""


def draw_hyperexponential(random: np.random.Generator, queries: int) -> Matrix:
    """Service times of `HYPEREXPONENTIAL`."""
    first = random.random(queries) < HYPEREXPONENTIAL.start[0]
    means = -1 / np.diag(HYPEREXPONENTIAL.rates)
    return random.exponential(np.where(first, *means))


SERVICES: dict[str, tuple[PhaseType | None, Noise]] = {
    "M/D/1": (None, lambda random, queries: np.ones(queries)),
    "M/M/1": (EXPONENTIAL, lambda random, queries: random.exponential(size=queries)),
    "M/E2/1": (ERLANG_2, lambda random, queries: random.gamma(2, 0.5, queries)),
    "M/H2/1": (HYPEREXPONENTIAL, draw_hyperexponential),
}


@dataclass(frozen=True)
class Cell:
    """A queue and a limit.

    Attributes:
        service_ms: S, the mean service time. limit: of the P99, in S.
    """

    queue: str
    service_ms: float
    limit: float
    judged: bool

    @property
    def name(self) -> str:
        """As `--only` takes it."""
        return f"{self.queue}, S {self.service_ms:g} ms, {self.limit:g} S"

    def true_rate(self) -> float | None:
        """The highest rate whose P99 of response is within the limit, in 1 / S; None for none."""
        over = partial(tail_share, SERVICES[self.queue][0], self.limit)
        if over(1e-9) >= 0.01:
            return None
        return float(optimize.brentq(lambda load: over(load) - 0.01, 1e-9, 1 - 1e-6))


CELLS = (
    *(
        Cell(queue, service_ms, limit, judged=True)
        for queue, service_ms, limit in product(("M/D/1", "M/M/1"), (0.33, 10.0), (4.0, 6.0, 20.0))
    ),
    Cell("M/E2/1", 2.0, 6.0, judged=False),
    Cell("M/H2/1", 2.0, 20.0, judged=False),
    Cell("M/D/1", 2.0, 10.0, judged=False),
    Cell("M/D/1", 50.0, 6.0, judged=False),
)


def tail_share(service: PhaseType | None, limit: float, load: float) -> float:
    """The share of responses beyond `limit` in an M/G/1 queue; times in S, which is 1.

    Constant service: Erlang's (1909) distribution of the wait. Phase-type service: the wait is of
    phase type, too (Neuts 1981, theorem 3.2.1), and the response is a wait and a service in turn.
    """
    if service is None:
        return 1 - _constant_wait_within(limit - 1, load) if limit >= 1 else 1.0
    phases = service.start.size
    leaving = service.leaving[:, np.newaxis]
    left = service.start @ -linalg.inv(service.rates)
    waiting = service.rates + load * leaving @ left[np.newaxis]
    served = -waiting.sum(axis=1)[:, np.newaxis] @ service.start[np.newaxis]
    chain = np.block([[waiting, served], [np.zeros((phases, phases)), service.rates]])
    start = np.concatenate([load * left, (1 - load) * service.start])
    return PhaseType(start, chain).beyond(limit)


def _constant_wait_within(time: float, load: float) -> float:
    steps = np.arange(int(time) + 1)
    gaps = load * (time - steps)
    logs = steps * np.log(np.maximum(gaps, 1e-300)) - np.cumsum(np.log(np.maximum(steps, 1)))
    return float((1 - load) * ((-1.0) ** steps * np.exp(gaps + logs)).sum())


@dataclass(frozen=True)
class Search:
    """What a search found, in 1 / S.

    Attributes:
        seconds: of the simulated clock.
        error: None unless it raised.
    """

    rate: float
    lower: float
    upper: float
    seconds: float
    trials: int
    findings: tuple[str, ...]
    error: str | None = None


SUBJECT = Subject(
    test="simulated", key="simulated", module="simulated", baseline_dir="", device="simulated",
    engine=EngineRecord(name="", backend="fake", digest="", plan_sha256=""),
    software={}, baseline=None, compares=False, records=False,
)  # fmt: skip


def search(cell: Cell, seed: int) -> Search:
    """One search with a service and arrivals of its own."""
    backend = FakeBackend(cell.service_ms, SERVICES[cell.queue][1], seed)
    session = FakeSession(backend, {"x": (1,)}, Mode(concurrency=1))
    uuid, began = backend.probe().gpus[0].uuid, backend.clock()

    def measure(rate: float | None, draw: int, queries: int, max_time: float) -> Measurement:
        load = Load(rate, seed=DRAWS * seed + draw)
        effort = Effort(round_queries=queries, max_time=max_time)
        return Measurement(session, effort, load, contextlib.nullcontext(), uuid)

    try:
        judged = JudgedMaxQps(measure, cell.limit * cell.service_ms, SUBJECT, Settings())
    except MeasurementError as error:
        passed = backend.clock() - began
        return Search(math.nan, math.nan, math.nan, passed, 0, (), str(error))
    found, per_s = judged.found, cell.service_ms / 1e3
    return Search(
        found.rate * per_s, found.lower * per_s, found.upper * per_s, backend.clock() - began,
        len(found.trials), tuple(one.code.value for one in judged.findings),
    )  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """All searches of a cell."""

    cell: Cell
    true_rate: float | None
    searches: list[Search]

    @property
    def answered(self) -> list[Search]:
        """Those that raised nothing."""
        return [one for one in self.searches if one.error is None]

    @property
    def holding(self) -> int:
        """How many are right: the interval holds the true rate, or there is none to be found."""
        if self.true_rate is None:
            claims = sum(one.lower > NEARLY_NOTHING for one in self.answered)
            return len(self.searches) - claims
        return sum(one.lower <= self.true_rate <= one.upper for one in self.answered)

    @property
    def bias(self) -> float:
        """Of the median found rate, as a share; nan where there is none."""
        rates = [one.rate for one in self.answered]
        return (
            float(np.median(rates)) / self.true_rate - 1 if rates and self.true_rate else math.nan
        )

    @property
    def missed(self) -> list[str]:
        """The targets that were missed."""
        missed = []
        if self.holding < MIN_COVERAGE * len(self.searches):
            missed.append("coverage")
        if self.true_rate is not None and not abs(self.bias) <= MAX_BIAS:
            missed.append("bias")
        if self.true_rate is not None and len(self.answered) < len(self.searches):
            missed.append("raised")
        return missed

    def row(self) -> str:
        """A line of the table."""
        count, holding = len(self.searches), self.holding
        test = stats.binomtest(holding, count)
        bounds = test.proportion_ci(0.95, method="exact")
        seconds = [one.seconds for one in self.searches]
        widths = [(one.upper - one.lower) / one.rate for one in self.answered]
        width = f"{np.median(widths):.0%}" if widths else "-"
        true_rate = "none" if self.true_rate is None else f"{self.true_rate:.4f}"
        outcome = "missed: " + ", ".join(self.missed) if self.missed else "kept"
        return (
            f"| {self.cell.name} | {true_rate} | {holding} / {count} "
            f"[{bounds.low:.0%}, {bounds.high:.0%}] | {self.bias:+.1%} | {width} "
            f"| {count - len(self.answered)} | {np.median(seconds):.0f}, {max(seconds):.0f} "
            f"| {outcome if self.cell.judged else 'no target'} |"
        )

    def plain(self) -> dict[str, object]:
        """As it is written to the file."""
        return {
            "cell": asdict(self.cell),
            "true_rate": self.true_rate,
            "holding": self.holding,
            "bias": self.bias,
            "searches": [asdict(one) for one in self.searches],
        }


def outcomes(cells: tuple[Cell, ...], searches: int, seed: int) -> Iterator[Outcome]:
    """Searches each cell."""
    for cell in cells:
        found = [search(cell, seed + number) for number in range(searches)]
        yield Outcome(cell, cell.true_rate(), found)


def main() -> int:
    """Search, print the table and judge."""
    parser = argparse.ArgumentParser(description="max_qps on simulated queues.")
    parser.add_argument("--searches", type=int, default=100, help="of each cell (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="of the first search of a cell")
    parser.add_argument("--only", default="", help="cells whose name contains this")
    parser.add_argument("--json", type=Path, help="append all figures to this file")
    options = parser.parse_args()
    cells = tuple(cell for cell in CELLS if options.only in cell.name)
    print("| cell | true rate, 1 / S | holds the true rate | median bias | width | raised ", end="")
    print("| simulated s: median, maximum | target |\n|---|---|---|---|---|---|---|---|")
    start, kept = time.perf_counter(), True
    for outcome in outcomes(cells, options.searches, options.seed):
        print(outcome.row(), flush=True)
        kept = kept and not (outcome.cell.judged and outcome.missed)
        if options.json:
            with options.json.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"seed": options.seed, **outcome.plain()}) + "\n")
    print(f"\n{time.perf_counter() - start:.0f} s of real time; ", end="")
    print("all targets kept" if kept else "TARGETS MISSED")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
