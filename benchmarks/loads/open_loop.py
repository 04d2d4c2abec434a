"""Response times of an open load beside queueing theory, and queries beside their schedule.

    python -m benchmarks.models --only chain_8_28
    python -m benchmarks.loads.open_loop [--model chain_8_28] [--json FILE]

Needs a GPU and TensorRT for RTX; takes about 90 s of it. S is 1 / throughput under a closed load,
one query in flight, with a CUDA graph and without transfers; it is measured before and after each
round, since it drifts with the clocks. Poisson arrivals at the rate rho / S are served one at a
time: M/D/1, whose mean response is S + rho S / (2 (1 - rho)) (Pollaczek-Khinchine for a service of
constant length). `same arrivals` is the mean of the very arrivals that were drawn, with S for each
query: what is off there is ours, the rest is the draw. `within` is what a query took in the round
when the one before it was still running, median and maximum: where the device itself was
slower or stalled, it shows there. Exits 1 when a target is missed:

- S of at most 0.1 ms,
- mean response within 5 % of M/D/1's at 0.3, 0.5 and 0.7, and within 10 % at 0.85,
- 99 % of queries issued within 20 us of when they were due and there was room for one,
- with room for 64, 99 % issued within 20 us of when they were due.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import harness
from pytest_trtperf.backend.probe import Gpu
from pytest_trtperf.backend.process.engine import IsolatedSession
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.trace import Times, Trace
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort

MODELS = {
    "chain_8_28": harness.chain("chain_8_28"),
    "chain_16_56": harness.chain("chain_16_56"),
    "elementwise": harness.elementwise(),
}
MODE = Mode(transfers=False, cuda_graph=True, concurrency=1)
ROOMY = Mode(transfers=False, cuda_graph=True, concurrency=64)
MAX_SERVICE_MS = 0.1
SERVICE_ROUNDS = 3

MAX_OFF = {0.3: 0.05, 0.5: 0.05, 0.7: 0.05, 0.85: 0.10}
QUERIES = 25_000
ROUNDS = {0.3: 2, 0.5: 2, 0.7: 2, 0.85: 8}
ROOMY_QUERIES = 20_000
SPARE = 1.02
"""How many times the queries that are asked for are drawn, since a round's share of them varies."""

ON_TIME_MS = 0.02
MIN_ON_TIME = 0.99


@dataclass(frozen=True)
class Round:
    """One round of queries that are served one at a time; times in milliseconds.

    Attributes:
        service_ms: S under a closed load, the mean of before and after the round.
        theory_ms: the mean response of M/D/1 at `rate` with that S.
        same_arrivals_ms: the mean response of the same arrivals with that S for each query.
        within_ms, longest_ms: median and maximum of what queries took that had to wait for another.
        on_time: share of queries issued within 20 us of when they were due and there was room.
    """

    rate: float
    service_ms: float
    theory_ms: float
    queries: int
    mean_ms: float
    same_arrivals_ms: float
    within_ms: float
    longest_ms: float
    on_time: float
    lateness_p99_ms: float
    saturated: bool


@dataclass(frozen=True)
class Response:
    """The rounds at one utilisation."""

    rho: float
    rounds: list[Round]

    def mean(self, figure: str) -> float:
        """The mean over all queries of a figure of each round."""
        weights = [one.queries for one in self.rounds]
        return float(np.average([getattr(one, figure) for one in self.rounds], weights=weights))

    @property
    def off(self) -> float:
        """How far the mean response is off M/D/1's, as a share."""
        return self.mean("mean_ms") / self.mean("theory_ms") - 1

    @property
    def missed(self) -> list[str]:
        """The targets that were missed."""
        missed = [] if abs(self.off) <= MAX_OFF[self.rho] else [f"response {self.off:+.1%}"]
        if (on_time := self.mean("on_time")) < MIN_ON_TIME:
            missed.append(f"on time {on_time:.2%}")
        if any(one.queries < QUERIES for one in self.rounds):
            missed.append("too few queries")
        return [*missed, "saturated"] if any(one.saturated for one in self.rounds) else missed

    def row(self) -> str:
        """A line of the table."""
        within, each = self.mean("within_ms"), [one.mean_ms / one.theory_ms for one in self.rounds]
        return (
            f"| {self.rho:g} | {self.mean('service_ms'):.5f} | {within:.5f} "
            f"| {max(one.longest_ms for one in self.rounds):.3f} "
            f"| {sum(one.queries for one in self.rounds)} | {self.mean('mean_ms'):.5f} "
            f"| {self.mean('theory_ms'):.5f} | {self.off:+.1%} "
            f"| {min(each) - 1:+.1%} .. {np.median(each) - 1:+.1%} .. {max(each) - 1:+.1%} "
            f"| {self.mean('mean_ms') / self.mean('same_arrivals_ms') - 1:+.1%} "
            f"| {self.mean('on_time'):.2%} | {self.mean('lateness_p99_ms'):.4f} "
            f"| {MAX_OFF[self.rho]:.0%}, {MIN_ON_TIME:.0%}: {outcome(self.missed)} |"
        )


@dataclass(frozen=True)
class Schedule:
    """Queries beside their schedule with room for many, in milliseconds."""

    rho: float
    queries: int
    on_time: float
    median_ms: float
    p99_ms: float
    max_ms: float

    @property
    def missed(self) -> list[str]:
        """The target, if it was missed."""
        return [] if self.on_time >= MIN_ON_TIME else [f"on time {self.on_time:.2%}"]


def service_ms(session: IsolatedSession, gpu: Gpu) -> float:
    """S: milliseconds per query under a closed load; the median of some rounds."""
    measuring = harness.measurement(session, Effort(), Load(), gpu)
    measuring.extend(SERVICE_ROUNDS)
    return 1e3 / float(np.median([round.trace.throughput for round in measuring.rounds]))


def open_round(session: IsolatedSession, gpu: Gpu, rate: float, queries: int, seed: int) -> Trace:
    """One round of at least `queries` under Poisson arrivals."""
    effort = Effort(round_ms=1, round_queries=int(SPARE * queries), max_time=1e4)
    measuring = harness.measurement(session, effort, Load(rate, seed=seed), gpu)
    measuring.extend(1)
    return measuring.rounds[0].trace


def queue_response_ms(rate: float, service_ms: float) -> float:
    """The mean response of M/D/1 at a rate per second (Pollaczek-Khinchine)."""
    rho = rate * service_ms / 1e3
    return service_ms * (1 + rho / (2 * (1 - rho)))


def constant_service_ms(due: Times, service_ms: float) -> float:
    """The mean response to arrivals in ascending nanoseconds with S for each query.

    A query ends S after it was due or the one before it ended (Lindley 1952), whichever is later.
    """
    number, service_ns = np.arange(due.size), 1e6 * service_ms
    begins = np.maximum.accumulate(due - due[0] - number * service_ns) + number * service_ns
    return float((begins + service_ns - (due - due[0])).mean()) / 1e6


def busy_cycles_ms(trace: Trace) -> npt.NDArray[np.float64]:
    """What each query took whose turn came when the one before it was complete."""
    assert trace.due is not None
    waited = trace.due[1:] < trace.done[:-1]
    return (np.diff(trace.done) / 1e6)[waited]


def responses(plan: bytes, model: harness.Model, gpu: Gpu) -> Iterator[Response]:
    """Measures each utilisation, one query at a time."""
    with harness.open_session(plan, model.shapes, MODE) as session:
        before, seed = service_ms(session, gpu), 0
        for rho in MAX_OFF:
            rounds = []
            for _ in range(ROUNDS[rho]):
                rate = 1e3 * rho / before
                trace = open_round(session, gpu, rate, QUERIES, seed)
                after = service_ms(session, gpu)
                service, seed = (before + after) / 2, seed + 1
                busy, lateness = busy_cycles_ms(trace), trace.samples("lateness")
                assert trace.due is not None
                rounds.append(
                    Round(
                        rate, service, queue_response_ms(rate, service), trace.queries,
                        float(trace.samples("response").mean()),
                        constant_service_ms(trace.due, service),
                        float(np.median(busy)), float(busy.max()),
                        float((lateness <= ON_TIME_MS).mean()),
                        float(np.percentile(lateness, 99)),
                        trace.saturated,
                    )
                )  # fmt: skip
                before = after
            yield Response(rho, rounds)


def schedules(
    plan: bytes, model: harness.Model, gpu: Gpu, rates: dict[float, float]
) -> Iterator[Schedule]:
    """Measures each rate with room for many queries."""
    with harness.open_session(plan, model.shapes, ROOMY) as session:
        for seed, (rho, rate) in enumerate(rates.items()):
            trace = open_round(session, gpu, rate, ROOMY_QUERIES, seed)
            assert trace.due is not None
            late = (trace.issued - trace.due) / 1e6
            yield Schedule(
                rho, trace.queries, float((late <= ON_TIME_MS).mean()), float(np.median(late)),
                float(np.percentile(late, 99)), float(late.max()),
            )  # fmt: skip


def outcome(missed: list[str]) -> str:
    """A verdict for a table."""
    return "missed: " + ", ".join(missed) if missed else "kept"


def main() -> int:
    """Build, measure, print the tables and judge."""
    parser = argparse.ArgumentParser(description="An open load beside queueing theory.")
    parser.add_argument("--model", choices=MODELS, default="chain_8_28", help="what is served")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    gpu, model = harness.find_gpu(), MODELS[options.model]
    plan = model.build()
    print(f"{gpu.name}; {options.model}, CUDA graph, no transfers, Poisson arrivals\n")
    print("One query at a time: milliseconds")
    print("| rho | S | within | longest | queries | mean response | M/D/1 | off ", end="")
    print("| rounds | same arrivals | on time | lateness P99 | target |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    measured, roomy = [], []
    for one in responses(plan, model, gpu):
        measured.append(one)
        print(one.row(), flush=True)
    print(f"\nRoom for {ROOMY.concurrency} queries: milliseconds from due to issued")
    print("| rho | queries | on time | median | P99 | max | target |")
    print("|---|---|---|---|---|---|---|")
    for at in schedules(plan, model, gpu, {one.rho: one.mean("rate") for one in measured}):
        roomy.append(at)
        print(
            f"| {at.rho:g} | {at.queries} | {at.on_time:.2%} | {at.median_ms:.4f} "
            f"| {at.p99_ms:.4f} | {at.max_ms:.4f} | {MIN_ON_TIME:.0%}: {outcome(at.missed)} |",
            flush=True,
        )
    if options.json:
        raw = {
            "gpu": gpu.name,
            "model": options.model,
            "responses": [asdict(one) for one in measured],
            "schedules": [asdict(at) for at in roomy],
        }
        options.json.write_text(json.dumps(raw, indent=1) + "\n")
    longest = max(one.mean("service_ms") for one in measured)
    small = longest <= MAX_SERVICE_MS
    print(f"\nS {longest:.4f} ms, at most {MAX_SERVICE_MS:g}: {'kept' if small else 'missed'}")
    kept = small and not any(one.missed for one in measured) and not any(at.missed for at in roomy)
    print("all targets kept" if kept else "TARGETS MISSED")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
