"""What budgets of few queries, of bursts and of correlated rounds come to, by simulation.

    python -m benchmarks.verdicts.budget_limits [--cases 1000] [--results FILE]

No GPU. Synthetic queries and rounds go through the functions that judge budgets, at the looks and
with the rules of a test. Four questions, a row for each cell with the shares of its cases and
Clopper-Pearson intervals at 95 %:

- slow: an engine of 300 ms, five rounds of 18 queries (30 s) or of 400 (660 s). The share of
  queries above the limit is given; 1 % keeps it.
- bursts: 3x outliers in bursts of 100 queries that hold twice what is allowed, in rounds of 200 ms
  and 500 queries.
- throughput: rounds whose mean is the limit, so that a pass and a failure are both wrong.
- unsteady: numbers that are still moving when they are judged, at limits within a factor of 2.

Rows are appended to the file of results, and cells that it has are not simulated again. Exits 1
where a target is missed.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import signal, special

from pytest_trtperf.analysis.budget import (
    BURST_S,
    judge_percentile,
    judge_throughput,
    least_seconds,
)
from pytest_trtperf.analysis.diagnosis import drifting
from pytest_trtperf.analysis.margin import far_percentile, far_rate, stands
from pytest_trtperf.analysis.regression import LOOKS
from pytest_trtperf.analysis.summary import FloatArray, percentile
from pytest_trtperf.analysis.verdict import Status, Verdict
from pytest_trtperf.judge.limits import Doubts, settle

RESULTS = Path(__file__).parent.parent / "results" / "budget_limits.jsonl"
LIMIT_MS = 300.0
SPREAD = 0.02
BURST = 100
PASS, FAIL = Status.PASS.value, Status.FAIL.value


class Cell(NamedTuple):
    """One case of each question, and what is wanted of it: (outcome, "at most" or "at least")."""

    names: dict[str, Any]
    simulate: Callable[[np.random.Generator], str]
    wanted: dict[str, tuple[str, float]]

    @property
    def key(self) -> str:
        """What distinguishes it."""
        return json.dumps(self.names, sort_keys=True)


def states(
    random: np.random.Generator, count: int, share: float, length: float, *, fixed: bool = False
) -> FloatArray:
    """1 in a state that holds this share of the values, else 0.

    The state lasts `length` values, on average or always.
    """
    leave, enter = 1 / length, share / length / (1 - share)
    found, at, slow = np.zeros(count), 0, bool(random.random() < share)
    while at < count:
        stay = int(random.geometric(leave if slow else enter))
        if slow and fixed:
            stay = round(length * random.random()) if at == 0 else int(length)
        found[at : at + stay] = slow
        at += stay
        slow = not slow
    return found


def correlated(random: np.random.Generator, count: int, memory: float) -> FloatArray:
    """Standard normal values, each remembering its predecessor (AR 1)."""
    shocks = random.normal(size=count)
    shocks[1:] *= math.sqrt(1 - memory**2)
    return np.asarray(signal.lfilter([1.0], [1.0, -memory], shocks))


def normal(memory: float) -> Callable[[np.random.Generator, int, float], FloatArray]:
    """Lognormal queries of which a share takes longer than the limit."""

    def draw(random: np.random.Generator, count: int, share: float) -> FloatArray:
        above = correlated(random, count, memory) - float(special.ndtri(1 - share))
        return LIMIT_MS * np.exp(SPREAD * above)

    return draw


def in_bursts(length: float) -> Callable[[np.random.Generator, int, float], FloatArray]:
    """Queries of half the limit, and slow ones of three times as much in bursts."""

    def draw(random: np.random.Generator, count: int, share: float) -> FloatArray:
        slow = states(random, count, share, length)
        return LIMIT_MS / 2 * (1 + 2 * slow) * np.exp(0.01 * random.normal(size=count))

    return draw


def two_states(random: np.random.Generator, count: int, share: float) -> FloatArray:
    """A tenth of the time, 20 queries on end, ten times as many queries are too slow."""
    often = share / 1.9
    slow = states(random, count, 0.1, 20)
    above = np.where(slow, special.ndtri(1 - 10 * often), special.ndtri(1 - often))
    return np.asarray(LIMIT_MS * np.exp(SPREAD * (random.normal(size=count) - above)))


def heavy(random: np.random.Generator, count: int, share: float) -> FloatArray:
    """A Pareto tail without a variance."""
    return np.asarray(LIMIT_MS * (random.pareto(1.5, count) + 1) * share ** (1 / 1.5))


QUERIES = {
    "iid": normal(0.0),
    "AR(1) 0.5": normal(0.5),
    "AR(1) 0.8": normal(0.8),
    "bursts of 4": in_bursts(4),
    "bursts of 20": in_bursts(20),
    "two states": two_states,
    "heavy tail": heavy,
}
POWER = {"iid", "AR(1) 0.5", "heavy tail"}
"""Noises whose queries are worth enough independent ones to be decided in 90 %."""


def slow_engine(
    draw: Callable[[np.random.Generator, int, float], FloatArray], queries: int, share: float
) -> Callable[[np.random.Generator], str]:
    """All five rounds of a time limit, judged as it ends."""

    def simulate(random: np.random.Generator) -> str:
        rounds = np.split(draw(random, queries, share), LOOKS[0])
        seconds = sum(float(one.sum()) for one in rounds) / 1e3

        def judge() -> Verdict:
            return judge_percentile(rounds, 99, LIMIT_MS, seconds=seconds)

        def far(verdict: Verdict) -> Verdict | None:
            return far_percentile(verdict, rounds, 0.0)

        return settle(judge, [], lambda look: False, Doubts(lambda: True, far=far)).status.value

    return simulate


def burst_engine(query_ms: float) -> Callable[[np.random.Generator], str]:
    """A fast engine, until the verdict is conclusive or no look is left."""
    size = max(500, round(200 / query_ms))

    def simulate(random: np.random.Generator) -> str:
        enough = math.ceil(1.02 * least_seconds(99) * 1e3 / (size * query_ms))
        looks = sorted({*LOOKS, enough})
        slow = states(random, max(looks) * size, 0.02, BURST, fixed=True)
        times = query_ms * (1 + 2 * slow) * np.exp(0.01 * random.normal(size=slow.size))
        rounds = np.split(times, max(looks))
        taken = [LOOKS[0]]

        def judge() -> Verdict:
            here = rounds[: taken[0]]
            seconds = sum(float(one.sum()) for one in here) / 1e3
            return judge_percentile(here, 99, 2 * query_ms, seconds=seconds)

        def extend(look: int) -> bool:
            taken[0] = look
            return True

        return settle(judge, looks[1:], extend, Doubts(lambda: True)).status.value

    return simulate


def throughput(
    draw: Callable[[np.random.Generator, int], FloatArray],
) -> Callable[[np.random.Generator], str]:
    """Rounds whose mean logarithm is that of the limit."""

    def simulate(random: np.random.Generator) -> str:
        rounds = 100 * np.exp(draw(random, LOOKS[-1]))
        taken = [LOOKS[0]]

        def judge() -> Verdict:
            return judge_throughput(rounds[: taken[0]], 100)

        def extend(look: int) -> bool:
            taken[0] = look
            return True

        def far(verdict: Verdict) -> Verdict | None:
            here = rounds[: taken[0]]
            return far_rate(verdict, float(here.min()), float(here.max()), 0.0)

        doubts = Doubts(lambda: True, far=far)
        return settle(judge, LOOKS[1:], extend, doubts).status.value

    return simulate


def remembering(memory: float) -> Callable[[np.random.Generator, int], FloatArray]:
    """Rounds that vary by 1 %."""
    return lambda random, count: 0.01 * correlated(random, count, memory)


def slow_rounds(length: float) -> Callable[[np.random.Generator, int], FloatArray]:
    """Half of the rounds are slower by 2 %, so many of them on end."""

    def draw(random: np.random.Generator, count: int) -> FloatArray:
        slow = states(random, count, 0.5, length) - 0.5
        return 0.005 * random.normal(size=count) - 0.02 * slow

    return draw


ROUNDS = {
    "iid": remembering(0.0),
    "AR(1) 0.5": remembering(0.5),
    "AR(1) 0.7": remembering(0.7),
    "two states": slow_rounds(2.5),
    "heavy tail": lambda random, count: 0.01 * random.standard_t(3, count),
}
MOST_WRONG = {"iid": (0.005, 0.008), "AR(1) 0.5": (0.03, 0.03), "AR(1) 0.7": (0.07, 0.06)}
"""The shares of wrong passes and failures that are wanted."""


def approach(random: np.random.Generator, seconds: FloatArray) -> tuple[FloatArray, float]:
    """A level that approaches its end, up to 10 % away, with a time constant of 1 to 30 s."""
    change = float(random.uniform(-0.1, 0.1))
    return change * np.exp(-seconds / math.exp(random.uniform(0, math.log(30)))), 0.0


def wander(random: np.random.Generator, seconds: FloatArray) -> tuple[FloatArray, float]:
    """A random walk of 1 to 3 % a second; what counts is where it is a minute later."""
    steps = float(random.uniform(0.01, 0.03)) * math.sqrt(float(seconds[1] - seconds[0]))
    walk = np.cumsum(steps * random.normal(size=seconds.size))
    later = steps * math.sqrt(60 / float(seconds[1] - seconds[0])) * float(random.normal())
    return walk, float(walk[-1]) + later


UNSTEADY = {"approach": approach, "random walk": wander}


def unsteady(
    move: Callable[[np.random.Generator, FloatArray], tuple[FloatArray, float]],
) -> Callable[[np.random.Generator], str]:
    """Of measurements whose rounds drift, what holds in spite of it, and against the later level.

    Five rounds of 1.2 s and 1200 queries of 1 ms, whose level is another one 5 times a round.
    """

    def simulate(random: np.random.Generator) -> str:
        while True:
            seconds = np.arange(LOOKS[0] * 5, dtype=np.float64) * 0.24
            levels, later = move(random, seconds)
            noise = 0.01 * random.normal(size=(levels.size, 240))
            rounds = np.exp(levels[:, None] + noise).reshape(LOOKS[0], -1)
            medians = np.median(rounds, axis=1)
            if drifting(medians):
                break
        limit = math.exp(float(random.uniform(-0.7, 0.7)))
        levels_of_rounds = [percentile(one, 99) for one in rounds]
        trend = float(medians[-1] / medians[-2] - 1)

        def judge() -> Verdict:
            return judge_percentile(list(rounds), 99, limit, seconds=6.01)

        doubts = Doubts(
            lambda: False,
            far=lambda verdict: far_percentile(verdict, list(rounds), 0.0),
            stands=lambda verdict: stands(verdict, levels_of_rounds, trend),
        )
        status = settle(judge, [], lambda look: False, doubts).status
        if status is Status.INCONCLUSIVE:
            return str(status.value)
        keeps = math.exp(later + 0.01 * float(special.ndtri(0.99))) <= limit
        return "right" if keeps == (status is Status.PASS) else "wrong"

    return simulate


def cells() -> Iterator[Cell]:
    """All of them."""
    for name, draw in QUERIES.items():
        for queries, shares in ((90, (0.005, 0.01, 0.03)), (2000, (0.002, 0.01, 0.03))):
            for share in shares:
                wanted: dict[str, tuple[str, float]] = {}
                if share < 0.01:
                    wanted[FAIL] = ("at most", 0.0)
                if share > 0.01:
                    wanted[PASS] = ("at most", 0.0)
                if queries == 2000 and share != 0.01 and name in POWER:
                    wanted[PASS if share < 0.01 else FAIL] = ("at least", 0.9)
                if name == "bursts of 20":
                    wanted = {}  # at most three bursts in a run
                names = {"question": "slow", "noise": name, "queries": queries, "share": share}
                yield Cell(names, slow_engine(draw, queries, share), wanted)
    for query_ms in (0.4, 1.0):
        wanted = {PASS: ("at most", 0.08)} if query_ms * BURST <= BURST_S * 1e3 else {}
        yield Cell({"question": "bursts", "query ms": query_ms}, burst_engine(query_ms), wanted)
    for name, rounds in ROUNDS.items():
        most = MOST_WRONG.get(name)
        wanted = {PASS: ("at most", most[0]), FAIL: ("at most", most[1])} if most else {}
        yield Cell({"question": "throughput", "noise": name}, throughput(rounds), wanted)
    for name, move in UNSTEADY.items():
        names = {"question": "unsteady", "noise": name}
        yield Cell(names, unsteady(move), {"wrong": ("at most", 0.01)})


def interval(count: int, cases: int) -> tuple[float, float]:
    """Clopper & Pearson (1934), 95 %."""
    low = special.betaincinv(count, cases - count + 1, 0.025) if count else 0.0
    high = special.betaincinv(count + 1, cases - count, 0.975) if count < cases else 1.0
    return float(low), float(high)


def met(found: dict[str, int], cases: int, wanted: dict[str, tuple[str, float]]) -> bool:
    """Whether the shares are as wanted."""
    return all(
        found.get(outcome, 0) <= share * cases
        if word == "at most"
        else found.get(outcome, 0) >= share * cases
        for outcome, (word, share) in wanted.items()
    )


def shown(row: dict[str, Any]) -> str:
    """A row as text."""
    cases, outcomes = row["cases"], row["outcomes"]
    shares = []
    for outcome, count in sorted(outcomes.items()):
        low, high = interval(count, cases)
        shares.append(f"{outcome} {count / cases:.1%} [{low:.1%}, {high:.1%}]")
    names = ", ".join(str(value) for value in row["cell"].values())
    return f"{names}: {'; '.join(shares)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate what is missing, print all rows; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--cases", type=int, default=1000, help="a cell (default: 1000)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file of results")
    chosen = parser.parse_args(arguments)
    lines = chosen.results.read_text().splitlines() if chosen.results.exists() else []
    known = {json.dumps(row["cell"], sort_keys=True): row for row in map(json.loads, lines)}
    missed, begun = 0, time.monotonic()
    for cell in cells():
        row = known.get(cell.key)
        if row is None:
            ends = Counter(
                cell.simulate(np.random.default_rng([seed, 15])) for seed in range(chosen.cases)
            )
            row = {
                "cell": cell.names,
                "cases": chosen.cases,
                "outcomes": dict(sorted(ends.items())),
            }
            with chosen.results.open("a") as file:
                file.write(json.dumps(row) + "\n")
        good = met(row["outcomes"], row["cases"], cell.wanted)
        missed += not good
        goal = ", ".join(
            f"{name} {word} {share:.1%}" for name, (word, share) in cell.wanted.items()
        )
        print(shown(row), f"({goal}{'' if good else ': MISSED'})" if goal else "", flush=True)
    print(f"{missed} targets missed, {(time.monotonic() - begun) / 60:.1f} minutes")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
