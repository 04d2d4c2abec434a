"""What the nightly alarm and the dating find and miss, by simulation, and how long they take.

    python -m benchmarks.trend.nightly [--series 4000] [--output benchmarks/results/nightly.json]
    python -m benchmarks.trend.nightly --table [--series 100000]

No GPU. A series is normal noise of 1 % around 1 ms on the logarithm, independent or with a
first-order autocorrelation (phi); a step multiplies it from one night on by 1.03. Every line is a
share of series with its Clopper-Pearson interval at 95 %; a target counts as reached if the share
itself keeps it, and `sure` says whether the interval does. Lines with a target have five times as
many series. The 60 clean nights include the reference window of 30; the lines of 90 nights are what
60 nights after the window give. `--table` prints the thresholds that `analysis/series.py` holds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from scipy import special

from benchmarks.trend.simulated_series import (
    NIGHTS,
    STEP,
    Case,
    Judge,
    alarm_dated,
    alarmed_in_time,
    alarmed_last,
    any_points,
    autocorrelated,
    bump_dated,
    changed,
    dated,
    flagged,
    given_up,
    given_up_there,
    one_point_dated,
    size_covered,
)
from pytest_trtperf.analysis.dating import change_points
from pytest_trtperf.analysis.reference_window import (
    ALLOWANCE,
    CLIP,
    LEAST_THRESHOLD,
    PHIS,
    WINDOW,
    WINDOWS,
    estimate,
)
from pytest_trtperf.analysis.series import alarm

YEAR = 365
TESTS = 200
TABLE_NIGHTS = 60
CHUNKS = 8
RESULTS = Path(__file__).parents[1] / "results" / "nightly.json"


@dataclass(frozen=True)
class Line:
    """A share to measure; at most or at least `target` where there is one."""

    name: str
    case: Case
    judge: Judge
    at_most: float | None = None
    at_least: float | None = None


def lines() -> Iterator[Line]:
    """All that is measured."""
    for phi in (0.0, 0.5):
        name = f"clean {NIGHTS} nights, phi {phi}: alarm raised"
        yield Line(name, Case(phi=phi), flagged, at_most=0.01)
    step = Case(step=STEP, last=53)
    yield Line("3 % step: alarm within 7 nights", step, alarmed_in_time, at_least=0.85)
    yield Line("3 % step: alarm dated within 2 nights", step, alarm_dated, at_least=0.80)
    old = Case(step=STEP, first=30, last=43)
    name = "3 % step, 17 or more nights after it: date_change within 2 nights"
    yield Line(name, old, dated, at_least=0.80)
    recent = Case(step=STEP, first=44, last=53)
    yield Line("3 % step, 7 to 16 nights after it: date_change within 2", recent, dated)
    for phi in (0.0, 0.5):
        yield Line(f"clean {NIGHTS} nights, phi {phi}: date_change", Case(phi=phi), changed)
    for phi in (0.3, 0.7):
        yield Line(f"clean {NIGHTS} nights, phi {phi}: alarm raised", Case(phi=phi), flagged)
    for phi in (0.0, 0.5):
        name = f"clean {WINDOW + TABLE_NIGHTS} nights, phi {phi}: alarm raised"
        yield Line(name, Case(nights=WINDOW + TABLE_NIGHTS, phi=phi), flagged)
        yield Line(f"clean year, phi {phi}: alarm raised", Case(nights=YEAR, phi=phi), flagged)
        yield Line(f"clean year, phi {phi}: change_points", Case(nights=YEAR, phi=phi), any_points)
    year = Case(nights=YEAR, step=STEP, first=45, last=320)
    yield Line("3 % step in a year: change_points one, within 2", year, one_point_dated)
    for lasts in (15, 30):
        bump = Case(nights=YEAR, step=STEP, first=45, last=290, lasts=lasts)
        name = f"3 % step for {lasts} nights of a year: change_points two, first within 2"
        yield Line(name, bump, bump_dated)
    yield Line("clean, one night of +30 %: alarm raised", Case(outliers=1), flagged)
    yield Line("clean, a tenth missing: alarm raised", Case(missing=0.1), flagged)
    gaps = Case(nights=70, step=STEP, first=40, last=63, missing=0.1)
    yield Line("3 % step, a tenth missing: alarm within 7 nights", gaps, alarmed_in_time)
    spoilt = Case(step=STEP, last=53, outliers=1)
    yield Line("3 % step, one night of +30 %: alarm within 7", spoilt, alarmed_in_time)
    for share, phi in ((0.02, 0.0), (0.05, 0.0), (STEP, 0.5)):
        name = f"{100 * share:.0f} % step, phi {phi}: alarm within 7 nights"
        yield Line(name, Case(phi=phi, step=share, last=53), alarmed_in_time)
    name = "3 % step, noise 2 %: alarm within 7 nights"
    yield Line(name, Case(noise=0.02, step=STEP, last=53), alarmed_in_time)
    again = Case(nights=YEAR, step=STEP, first=250, last=350, old_step=60)
    yield Line("3 % step after an old one: alarm within 7 nights", again, alarmed_last)
    inside = Case(nights=NIGHTS, step=STEP, first=10, last=20)
    yield Line("3 % step inside the window: given up within 2", inside, given_up_there)
    for phi in (0.0, 0.5):
        yield Line(f"clean window, phi {phi}: given up", Case(nights=WINDOW, phi=phi), given_up)
    for after in (7, 20):
        case = Case(nights=WINDOW + after, step=STEP)
        yield Line(f"3 % step, {after} nights on: interval holds it", case, size_covered)


def count(line: Line, series: int, seed: int) -> tuple[int, int]:
    """How many of the series the judge says yes to, and how many it says anything of."""
    random = np.random.default_rng(seed)
    answers = [line.judge(*line.case.draw(random)) for _ in range(series)]
    return answers.count(True), len(answers) - answers.count(None)


def interval(yes: int, series: int) -> tuple[float, float]:
    """Clopper & Pearson (1934) at 95 %."""
    low = float(special.betaincinv(yes, series - yes + 1, 0.025)) if yes else 0.0
    high = float(special.betaincinv(yes + 1, series - yes, 0.975)) if yes < series else 1.0
    return low, high


def measure(line: Line, series: int, number: int, pool: ProcessPoolExecutor) -> dict[str, Any]:
    """One line of the results."""
    has_target = line.at_most is not None or line.at_least is not None
    each = series * (5 if has_target else 1) // CHUNKS
    seeds = [1000 * number + chunk for chunk in range(CHUNKS)]
    counts = list(pool.map(count, [line] * CHUNKS, [each] * CHUNKS, seeds))
    yes, total = (sum(part) for part in zip(*counts, strict=True))
    low, high = interval(yes, total)
    row: dict[str, Any] = {"name": line.name, "case": asdict(line.case), "yes": yes}
    row |= {"series": total, "share": yes / total, "low": low, "high": high}
    if line.at_most is not None:
        row |= {"at_most": line.at_most, "reached": yes / total <= line.at_most}
        row["sure"] = high <= line.at_most
    if line.at_least is not None:
        row |= {"at_least": line.at_least, "reached": yes / total >= line.at_least}
        row["sure"] = low >= line.at_least
    return row


def time_year() -> dict[str, Any]:
    """Seconds of one process for a year of many tests, a third with a step, a third with two."""
    random = np.random.default_rng(0)
    tests = []
    for number in range(TESTS):
        case = Case(nights=YEAR, phi=0.3, step=STEP * (number % 3 > 0), first=60, last=200)
        values, _ = case.draw(random)
        values[250:] *= 1 + STEP * (number % 3 > 1)
        tests.append(values)
    begin = time.perf_counter()
    for values in tests:
        alarm(values)
    middle = time.perf_counter()
    for values in tests:
        change_points(values)
    end = time.perf_counter()
    row = {"nights": YEAR, "tests": TESTS, "alarm_s": middle - begin, "dating_s": end - middle}
    return {**row, "at_most_s": 20, "reached": end - begin < 20}


def table_cell(window: int, phi: float, series: int) -> float:
    """The CUSUM that 1 % of clean series reach within `TABLE_NIGHTS` after the window."""
    random = np.random.default_rng(round(1000 * window + 100 * phi))
    highest = []
    for _ in range(CHUNKS):
        rows = autocorrelated(random, (series // CHUNKS, window + TABLE_NIGHTS), phi)
        centre, sd, _ = estimate(rows[:, :window])
        deviations = np.clip((rows[:, window:] - centre[:, None]) / sd[:, None], -CLIP, CLIP)
        total = most = np.zeros(len(rows))
        for night in deviations.T:
            total = np.maximum(0, total + night - ALLOWANCE)
            most = np.maximum(most, total)
        highest.append(most)
    return max(LEAST_THRESHOLD, float(np.quantile(np.concatenate(highest), 0.99)))


def print_table(series: int) -> None:
    """Print `THRESHOLDS` as it stands in the source."""
    cells = [(window, phi) for window in WINDOWS for phi in PHIS]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        values = list(pool.map(table_cell, *zip(*cells, strict=True), [series] * len(cells)))
    for first in range(0, len(cells), len(PHIS)):
        print(f"    ({', '.join(f'{value:.1f}' for value in values[first : first + len(PHIS)])}),")


def show(row: dict[str, Any]) -> str:
    """A line for people."""
    text = f"{row['name']:68} {row['share']:7.2%} [{row['low']:6.2%}, {row['high']:6.2%}]"
    if "reached" in row:
        wanted = f"at most {row['at_most']:.0%}" if "at_most" in row else f"{row['at_least']:.0%}"
        text += f"  wanted {wanted}: {'reached' if row['reached'] else 'MISSED'}"
        text += "" if row["sure"] == row["reached"] else ", within the interval"
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the results and keep them; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--series", type=int, help="series a line (4000) or a cell (100000)")
    parser.add_argument("--table", action="store_true", help="print the thresholds instead")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the JSON goes")
    chosen = parser.parse_args(arguments)
    if chosen.table:
        print_table(chosen.series or 100_000)
        return 0
    timing = time_year()
    seconds = timing["alarm_s"] + timing["dating_s"]
    print(f"{TESTS} tests of {YEAR} nights: {seconds:.1f} s, one process", flush=True)
    rows = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for number, line in enumerate(lines()):
            rows.append(measure(line, chosen.series or 4000, number, pool))
            print(show(rows[-1]), flush=True)
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    versions["scipy"] = scipy.__version__
    host = {"cores": os.cpu_count(), "date": time.strftime("%Y-%m-%d")}
    record = {"host": host, "versions": versions, "timing": timing, "lines": rows}
    chosen.output.write_text(json.dumps(record, indent=1) + "\n")
    return 0 if timing["reached"] and all(row.get("reached", True) for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
