"""Simulate sessions that need time to become steady, and what their verdicts are.

    python -m benchmarks.sessions.steadiness [--pairs 200] [--kind WORDS] [--noise WORDS]
        [--json FILE]

Needs no GPU: a `FakeBackend` gives the times of queries, on a simulated clock, and all the rest is
what ships: warm-up, rounds, baseline, comparison, policy. A query takes 0.4 ms, so that a round has
500 in 200 ms. Each pair is a session whose rounds become a baseline and one that is compared with
it, at tolerances of 1, 2 and 5 % (of all numbers), unchanged and slower by twice the tolerance.
Prints for each kind of session

- the seconds that queries ran before the first round that counts (median and 95th percentile),
- how many are steady while more than 0.5 % of the time of a query is still to come,
- how many are not steady in the end, of those that record,
- how many unchanged engines fail, with the bounds of Clopper and Pearson (95 %), and how many pass,
- how many slower ones fail.

Rows are appended to the file as they come, and rows that it has are not simulated again.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from pytest_trtperf.backend.session import Mode
from pytest_trtperf.errors import PerfAssertionError
from pytest_trtperf.fixtures.judged import JudgedMeasurement
from pytest_trtperf.judge.subject import Subject
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort, Measurement
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.record.as_baseline import baseline_entry
from pytest_trtperf.record.model import EngineRecord
from pytest_trtperf.testing import FakeBackend, FakeClock, FakeSession, Noise, lognormal

Levels = npt.NDArray[np.float64]
Course = Callable[[Levels], Levels]
"""Called with seconds since the session's start: a factor of each latency."""

LATENCY_MS = 0.4
TOLERANCES = (0.01, 0.02, 0.05)
STILL_TO_COME = 0.005
ROUND_S = 0.2
UUID = FakeBackend().probe().gpus[0].uuid
SUBJECT = Subject(
    test="t", key="t", module="m", baseline_dir="", device="simulated",
    engine=EngineRecord(name="x", backend="x", digest="x", plan_sha256="x"),
    software={}, baseline=None, compares=True, records=True,
)  # fmt: skip


def exponential(size: float, constant: float) -> Course:
    """Ends `size` (a share) below where it starts, or above if negative."""

    def course(seconds: Levels) -> Levels:
        return np.asarray(1 + size * np.exp(-seconds / constant), np.float64)

    return course


def flat(seconds: Levels) -> Levels:
    """No trend."""
    return np.ones_like(seconds)


def step(size: float, random: np.random.Generator) -> Course:
    """Slower by `size` until a moment of the first second."""
    until = random.uniform(0.1, 1.0)
    return lambda seconds: np.asarray(1 + size * (seconds < until), np.float64)


def cool(_: float, random: np.random.Generator) -> Course:
    """Faster by 0.5 to 1 % for up to a second, as resnet50 was on an H200."""
    return step(-random.uniform(0.005, 0.01), random)


def heavy_tailed(random: np.random.Generator, queries: int) -> Levels:
    """One window or round in ten is slower by 20 %; the others vary by 0.2 %."""
    level = np.exp(random.normal(0, 0.002)) * (1.2 if random.random() < 0.1 else 1.0)
    return np.asarray(level * lognormal(0.002)(random, queries))


class Autocorrelated:
    """Levels that vary by a standard deviation and remember 0.7 of it after 0.2 s."""

    def __init__(self, sd: float, clock: FakeClock) -> None:
        self._sd, self._clock = sd, clock
        self._at, self._level = clock.now, 0.0

    def __call__(self, random: np.random.Generator, queries: int) -> Levels:
        """Factors of queries; their level moves on once in 25 ms."""
        factors = np.empty(queries)
        for first in range(0, queries, 62):
            now = self._clock.now + first * LATENCY_MS / 1e3
            kept = 0.7 ** (max(now - self._at, 0.0) / ROUND_S)
            self._at = max(now, self._at)
            self._level = kept * self._level + random.normal(0, self._sd * (1 - kept**2) ** 0.5)
            factors[first : first + 62] = np.exp(self._level)
        return factors * lognormal(0.002)(random, queries)


NOISES: dict[str, Callable[[FakeClock], Noise]] = {
    "quiet (0.02 %)": lambda _: lognormal(0.0005, 0.0002),
    "quiet (0.05 %)": lambda _: lognormal(0.0005, 0.0005),
    "noisy (1 %)": lambda _: lognormal(0.01, 0.01),
    "heavy tails": lambda _: heavy_tailed,
    "autocorrelated (0.2 %)": lambda clock: Autocorrelated(0.002, clock),
    "autocorrelated (1 %)": lambda clock: Autocorrelated(0.01, clock),
}

TRENDS = list(itertools.product((0.02, 0.05, 0.10), (0.8, 2.0, 4.0), (1, -1)))


@dataclass
class Simulated:
    """A session of a kind, measured and judged."""

    kind: str
    noise: str
    course: Course
    seed: int
    slowdown: float = 0.0

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.began = self.clock.now
        noise = NOISES[self.noise](self.clock)

        def draw(random: np.random.Generator, queries: int) -> Levels:
            after = LATENCY_MS / 1e3 * np.arange(queries)
            seconds: Levels = np.asarray(self.clock.now - self.began + after)
            return np.asarray(self.course(seconds) * noise(random, queries))

        latency_ms = LATENCY_MS * (1 + self.slowdown)
        self.backend = FakeBackend(latency_ms, draw, self.seed, self.clock)

    def judged(self, baseline: Subject = SUBJECT, tolerance: float = 0.05) -> JudgedMeasurement:
        """Its first look."""
        session = FakeSession(self.backend, {"x": (8,)}, Mode())
        lock = contextlib.nullcontext()
        self.measurement = Measurement(session, Effort(), Load(), lock, UUID)
        settings = Settings(tolerance=tolerance)
        return JudgedMeasurement(self.measurement, baseline, settings)

    @property
    def waited_s(self) -> float:
        """Until the first round that counts."""
        return self.measurement.rounds[0].started - self.began

    @property
    def to_come(self) -> float:
        """By how much queries change after that, as a share."""
        at = self.course(np.array([self.waited_s, 1e3]))
        return abs(float(at[1] / at[0]) - 1)


def course_of(kind: str, random: np.random.Generator) -> Course:
    """The course of a session of this kind, drawn anew where it is a matter of chance."""
    name, _, rest = kind.partition(" ")
    if name == "none":
        return flat
    if name == "cool":
        return cool(0.0, random)
    if name == "step":
        return step(float(rest.rstrip("% ")) / 100, random)
    size, _, constant = rest.partition(" % in ")
    return exponential(float(size) / 100, float(constant.rstrip(" s")))


def kinds() -> Iterator[tuple[str, str]]:
    """The kind of a session and of its noise."""
    trends = [
        f"trend {100 * sign * size:+g} % in {constant:g} s" for size, constant, sign in TRENDS
    ]
    for noise in NOISES:
        yield "none", noise
    for kind in (*trends, "step 5 %", "step -5 %", "cool"):
        yield kind, "quiet (0.02 %)"
    for kind in (*trends, "step 5 %"):
        yield kind, "noisy (1 %)"
    for kind in ("trend +5 % in 2 s", "trend -5 % in 2 s"):
        yield kind, "autocorrelated (0.2 %)"


def outcome(one: JudgedMeasurement) -> str:
    """`fail`, `pass` or `inconclusive`: what becomes of its test."""
    try:
        one.conclude()
    except PerfAssertionError:
        return "fail"
    statuses = {verdict.status for verdict in one.record().verdicts}
    return "inconclusive" if "inconclusive" in statuses else "pass"


def simulate(kind: str, noise: str, pairs: int) -> dict[str, Any]:
    """The row of a kind."""
    random = np.random.default_rng(0)
    recorded, waits, early = [], [], 0
    found: dict[str, list[str]] = {}
    for pair in range(pairs):
        first = Simulated(kind, noise, course_of(kind, random), seed=2 * pair)
        one = first.judged()
        entry = baseline_entry(one.record(), {})
        recorded.append(entry.runs[0].steady)
        waits.append(first.waited_s)
        early += entry.runs[0].steady and first.to_come > STILL_TO_COME
        baseline = replace(SUBJECT, baseline=entry)
        course = course_of(kind, random)
        for tolerance, slower in itertools.product(TOLERANCES, (0, 2)):
            name = f"{'slower' if slower else 'equal'} at {tolerance:.0%}"
            new = Simulated(kind, noise, course, 2 * pair + 1, slower * tolerance)
            found.setdefault(name, []).append(outcome(new.judged(baseline, tolerance)))
    words = ("fail", "pass", "inconclusive")
    return {
        "kind": kind, "noise": noise, "pairs": pairs,
        "wait_median_s": float(np.median(waits)), "wait_p95_s": float(np.percentile(waits, 95)),
        "steady_too_early": early, "not_steady": recorded.count(False),
        **{name: {word: values.count(word) for word in words} for name, values in found.items()},
    }  # fmt: skip


def share(count: int, of: int, bounds: bool = False) -> str:
    """A share in percent, where asked for with its exact 95 % interval."""
    text = f"{count / of:.1%}"
    if not bounds:
        return text
    lower = float(special.betaincinv(count, of - count + 1, 0.025)) if count else 0.0
    upper = float(special.betaincinv(count + 1, of - count, 0.975)) if count < of else 1.0
    return f"{text} [{lower:.1%}, {upper:.1%}]"


def shown(row: dict[str, Any]) -> str:
    """A line of the table."""
    pairs = row["pairs"]
    equal = [row[f"equal at {tolerance:.0%}"] for tolerance in TOLERANCES]
    slower = [row[f"slower at {tolerance:.0%}"] for tolerance in TOLERANCES]
    cells = [
        row["kind"], row["noise"], f"{row['wait_median_s']:.2f}", f"{row['wait_p95_s']:.2f}",
        share(row["steady_too_early"], pairs), share(row["not_steady"], pairs),
        *(share(one["fail"], pairs, bounds=True) for one in equal),
        " / ".join(share(one["pass"], pairs) for one in equal),
        " / ".join(share(one["fail"], pairs) for one in slower),
        " / ".join(share(one["pass"], pairs) for one in slower),
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


HEAD = (
    "kind", "noise", "wait s", "P95 s", "steady too early", "not steady",
    *(f"equal fail at {tolerance:.0%}" for tolerance in TOLERANCES),
    "equal pass", "slower fail", "slower pass",
)  # fmt: skip


def main() -> None:
    """Print a table, and append its rows where that is asked for."""
    parser = argparse.ArgumentParser(description="Simulate when sessions are called steady.")
    parser.add_argument("--pairs", type=int, default=200, help="of a row (default: 200)")
    parser.add_argument("--noise", default="", help="only rows whose noise has this in its name")
    parser.add_argument("--kind", default="", help="only rows whose kind has this in its name")
    parser.add_argument("--json", type=Path, help="append the rows to this file")
    options = parser.parse_args()
    lines = options.json.read_text().splitlines() if options.json and options.json.exists() else []
    there = {(row["kind"], row["noise"]): row for row in map(json.loads, lines)}
    warnings.simplefilter("ignore")
    print("| " + " | ".join(HEAD) + " |\n" + "|---" * len(HEAD) + "|")
    for kind, noise in kinds():
        if options.noise not in noise or options.kind not in kind:
            continue
        row = there.get((kind, noise)) or simulate(kind, noise, options.pairs)
        print(shown(row), flush=True)
        if options.json and (kind, noise) not in there:
            with options.json.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
