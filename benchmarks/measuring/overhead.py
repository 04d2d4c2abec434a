"""What the installed, unused plugin adds to `pytest -q` on one trivial test.

    python -m benchmarks.measuring.overhead [--pairs 50]

Runs pytest with the plugin and with `-p no:trtperf` in pairs, in alternating order, and prints the
median difference with its 95 % interval (distribution-free, from order statistics). A control of
the same size compares `-p no:trtperf` with itself. Then one run shows that the plugin brings none
of the heavy modules along. Exits 1 when the median is above the target or one was imported.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

TARGET_MS = 5.0
HEAVY = ("numpy", "scipy", "cuda", "tensorrt", "tensorrt_rtx", "onnx", "onnxruntime", "msgspec")
WITHOUT = ("-p", "no:trtperf")
# Other plugins of this environment would only add noise.
ALONE = tuple(
    option
    for entry in entry_points(group="pytest11")
    if entry.name != "trtperf"
    for option in ("-p", f"no:{entry.name}")
)

# An installed plugin has its byte code, whatever this shell says.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

PROBE = f"""
import sys
import pytest

class Probe:
    def pytest_unconfigure(self, config):
        assert config.pluginmanager.has_plugin("trtperf"), "the plugin is not installed"
        found = [name for name in {HEAVY!r} if name in sys.modules]
        print("heavy modules:", ", ".join(found) or "none")

raise SystemExit(pytest.main(["-q", *{ALONE!r}], plugins=[Probe()]))
"""


def run_ms(directory: Path, *options: str) -> float:
    """Wall time in ms of one `pytest -q` in `directory`, interpreter start included."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *ALONE, *options]
    start = time.perf_counter()
    subprocess.run(command, cwd=directory, env=ENVIRONMENT, check=True, capture_output=True)
    return (time.perf_counter() - start) * 1e3


def paired_ms(
    directory: Path, pairs: int, first: tuple[str, ...], second: tuple[str, ...]
) -> NDArray[np.float64]:
    """Differences in ms, `first` minus `second`, of interleaved runs in alternating order."""
    differences = np.empty(pairs)
    for pair in range(pairs):
        if pair % 2:
            b, a = run_ms(directory, *second), run_ms(directory, *first)
        else:
            a, b = run_ms(directory, *first), run_ms(directory, *second)
        differences[pair] = a - b
    return differences


def median_interval(values: NDArray[np.float64], level: float = 0.95) -> tuple[float, float, float]:
    """The median and its interval X(r) to X(n+1-r), with r from Binomial(n, 1/2)."""
    ordered = np.sort(values)
    rank = max(int(binom.ppf((1 - level) / 2, len(ordered), 0.5)), 1)
    return float(np.median(ordered)), float(ordered[rank - 1]), float(ordered[-rank])


def heavy_modules(directory: Path) -> str:
    """The line in which a run with the plugin says which heavy modules it imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=directory, check=True, capture_output=True, text=True
    )
    return next(line for line in done.stdout.splitlines() if line.startswith("heavy modules:"))


def main() -> int:
    """Measure, print and judge."""
    parser = argparse.ArgumentParser(description="What the unused plugin adds to a pytest run.")
    parser.add_argument("--pairs", type=int, default=50, help="paired runs (default: 50)")
    pairs = parser.parse_args().pairs
    if pairs < 6:
        parser.error("--pairs: an interval of 95 % needs at least 6")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "pytest.ini").write_text("[pytest]\n")
        (directory / "test_trivial.py").write_text("def test_trivial():\n    pass\n")
        # The first runs write byte code.
        bare = float(np.median([run_ms(directory, *options) for options in ((), WITHOUT, WITHOUT)]))
        added = median_interval(paired_ms(directory, pairs, (), WITHOUT))
        control = median_interval(paired_ms(directory, pairs, WITHOUT, WITHOUT))
        modules = heavy_modules(directory)
    print(f"{pairs} pairs of about {bare:.0f} ms, Python {sys.version.split()[0]}")
    for label, (median, lower, upper) in (("plugin adds", added), ("A/A control", control)):
        print(f"{label}: {median:+.1f} ms [{lower:+.1f}, {upper:+.1f}]")
    passed = added[0] <= TARGET_MS and modules.endswith("none")
    print(f"target: at most {TARGET_MS:g} ms; {modules}: {'pass' if passed else 'FAIL'}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
