"""How long a report of 1000 measurements takes to be built and opened, and its size.

    python -m benchmarks.records.html_report [--json] [--keep FILE]

No GPU. The record is that of `records.py` with nine rounds and fifty layers for each measurement,
here and in the baseline, under names of their own. Building is timed as a shell runs it, with the
start of Python; opening is a page load in a headless Chromium (Debian's packages chromium and
chromium-driver), to the end of its load event, and a row's charts from the click until they are
drawn. Of a page of 300 it is the first paint that counts, by the browser's own clock, and of one of
30 the size. The best of three counts. Exit status 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.records.records import METRICS, best, measurement, run, show, timed, trtperf
from pytest_trtperf.analysis.summary import QUANTILES
from pytest_trtperf.record.json_file import write_json
from pytest_trtperf.record.model import AgainstRecord, LayerRecord, MeasurementRecord

MEASUREMENTS, ROUNDS, LAYERS = 1000, 9, 50
PAINTED, SMALL = 300, 30
MAX_SMALL_BYTES, MAX_PAINT_S = 1_500_000, 0.5
MAX_BYTES = 6_000_000
MAX_BUILD_S, MAX_OPEN_S, MAX_DRAW_S = 5.0, 2.0, 4.0

_PAINT = "return performance.getEntriesByName('first-contentful-paint')[0].startTime"
_DRAWN = "return document.querySelector('tr.details')?.dataset.drawn === 'true'"


def detailed(test: int, random: np.random.Generator) -> MeasurementRecord:
    """A measurement with many rounds, a baseline and layers; no two share a number."""
    level = float(random.uniform(0.2, 20))
    one = measurement(test, level, random)
    rounds = [
        msgspec.structs.replace(
            one.rounds[0],
            started=1000.0 + 0.21 * number,
            ended=1000.2 + 0.21 * number,
            throughput=1e3 / level * float(random.normal(1, 0.002)),
            quantiles={name: _quantiles(level, random) for name in METRICS},
            before=_state(random),
            after=_state(random),
        )
        for number in range(ROUNDS)
    ]
    names = [f"/model/stage{layer}/block{test}/conv{layer} + relu" for layer in range(LAYERS)]
    times = random.uniform(0.001, level / LAYERS, LAYERS).tolist()
    layers = [
        LayerRecord(name=name, median_ms=value, average_ms=value, total_ms=value, share=0.02)
        for name, value in zip(names, times, strict=True)
    ]
    against = AgainstRecord(
        runs=3, rounds=27, throughput=1e3 / level, recorded="2026-01-01T02:00:00Z", plan="0" * 64,
        quantiles={name: _quantiles(level, random) for name in ("latency", "gpu_compute")},
        software={"tensorrt": "10.13.2", "driver": "580.1"},
        layers={name: value * float(random.normal(1, 0.02)) for name, value in
                zip(names, times, strict=True)},
    )  # fmt: skip
    session = msgspec.structs.replace(one.sessions[0], rounds=rounds)
    return msgspec.structs.replace(one, sessions=[session], layers=layers, against=against)


def _quantiles(level: float, random: np.random.Generator) -> list[float]:
    values: list[float] = np.sort(level * random.normal(1, 0.02, len(QUANTILES))).tolist()
    return values


def _state(random: np.random.Generator) -> dict[str, float | None]:
    clock, temperature, power = random.normal((1900, 50, 300), (20, 2, 15)).round(1).tolist()
    return {"sm_clock_mhz": clock, "temperature_c": temperature, "power_w": power}


def chromium() -> Any:
    """A browser that shows nothing."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    return webdriver.Chrome(options, Service(shutil.which("chromedriver")))


def painted(page: Path) -> float:
    """Seconds until something is seen, by the browser's own clock; it has shown a page before."""
    driver = chromium()
    try:
        for address in ("data:text/html,before", page.as_uri()):
            driver.get(address)
            time.sleep(1)
        return float(driver.execute_script(_PAINT)) / 1000
    finally:
        driver.quit()


def opened(page: Path) -> tuple[float, float]:
    """Seconds to the end of the load event, and from a click until its charts are drawn."""
    from selenium.webdriver.support.ui import WebDriverWait

    driver = chromium()
    try:
        begin = time.perf_counter()
        driver.get(page.as_uri())
        loaded = time.perf_counter()
        driver.execute_script("document.querySelector('.toggle').click()")
        wait = WebDriverWait(driver, 60, poll_frequency=0.02)
        wait.until(lambda browser: browser.execute_script(_DRAWN))
        return loaded - begin, time.perf_counter() - loaded
    finally:
        driver.quit()


def built(
    page: Path, count: int, random: np.random.Generator, at_most_bytes: int | None = None
) -> dict[str, Any]:
    """Writes the record of so many measurements, and times the page that is made of it."""
    record = page.with_suffix(".json")
    write_json(record, run(0, [detailed(test, random) for test in range(count)]))
    seconds = best(lambda: trtperf("report", record, "-o", page))
    size = page.stat().st_size
    row = timed(f"trtperf report, {count} measurements", MAX_BUILD_S, seconds, bytes=size)
    if at_most_bytes is None:
        return row
    reached = row["reached"] and size < at_most_bytes
    return {**row, "reached": reached, "at_most_bytes": at_most_bytes}


def results(directory: Path, keep: Path | None) -> Iterator[dict[str, Any]]:
    """Times everything."""
    random = np.random.default_rng(0)
    page, painting = directory / "run.html", directory / "painted.html"
    yield built(page, MEASUREMENTS, random, MAX_BYTES)
    if keep:
        shutil.copyfile(page, keep)
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        raise SystemExit("chromium and chromedriver are not installed: nothing can be opened")
    loads, draws = zip(*(opened(page) for _ in range(3)), strict=True)
    yield timed("opened in Chromium", MAX_OPEN_S, min(loads))
    yield timed("first row opened, charts drawn", MAX_DRAW_S, min(draws))
    yield built(painting, PAINTED, random)
    first = min(painted(painting) for _ in range(3))
    yield timed(f"first paint, {PAINTED} measurements", MAX_PAINT_S, first)
    yield built(directory / "small.html", SMALL, random, MAX_SMALL_BYTES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the results; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--keep", metavar="FILE", type=Path, help="where the page stays")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        return show(results(Path(directory), chosen.keep), as_json=chosen.json)


if __name__ == "__main__":
    raise SystemExit(main())
