"""Directories of simulated nights, for `trtperf trend`."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import msgspec
import numpy as np
import pytest

from pytest_trtperf.record.json_file import write_json

KEY = "tests/test_x.py::test_a"
NIGHTS = 60
STEP = 45


@pytest.fixture
def nights(tmp_path, make_run, make_measurement):
    """Writes nights of tests whose level changes by a factor from some night on."""
    template = make_measurement()

    def measurement(key, level, **changes):
        figures = {**template.summary["latency"], "median": level, "p99": level}
        changes = {"summary": dict.fromkeys(template.summary, figures), **changes}
        return msgspec.structs.replace(
            template, key=key, test=key, throughput=1e3 / level, **changes
        )

    def write(factor=1.0, step=STEP, first=0, count=NIGHTS, keys=(KEY,), tests=(), **changes):
        random = np.random.default_rng(3)
        for night in range(first, first + count):
            level = float(np.exp(0.01 * random.normal())) * (factor if night >= step else 1.0)
            created = datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(days=night)
            run = make_run(
                *(measurement(key, level, **changes) for key in keys),
                created=created.strftime("%Y-%m-%dT%H:%M:%SZ"), commit=f"{night:07x}",
                tests=list(tests),
            )  # fmt: skip
            # names in another order than time
            write_json(tmp_path / "nightly" / f"{(7 * night) % 61:02}-{night}.json", run)
        return tmp_path / "nightly"

    return write


@pytest.fixture
def hosts(tmp_path, make_run, make_measurement):
    """Writes nights of several hosts, whose tests have a level of their own each."""
    template = make_measurement()

    def measurement(key, level):
        figures = {**template.summary["latency"], "median": level, "p99": level}
        summary = dict.fromkeys(template.summary, figures)
        return msgspec.structs.replace(
            template, key=key, test=key, throughput=1e3 / level, summary=summary
        )

    def write(levels, first=0, count=NIGHTS, tests=3, branch="main", noise=0.005, **changes):
        random = np.random.default_rng(7)
        for night in range(first, first + count):
            created = datetime(2026, 1, 1, 2, tzinfo=timezone.utc) + timedelta(days=night)
            for host, level in levels.items():
                value = level(night) if callable(level) else level
                ones = [
                    measurement(
                        f"tests/test_x.py::test_{test}",
                        (1 + test) * value * float(np.exp(noise * random.normal())),
                    )
                    for test in range(tests)
                ]
                run = make_run(
                    *ones, created=created.strftime("%Y-%m-%dT%H:%M:%SZ"), host=host,
                    branch=branch, commit=f"{night:07x}", **changes,
                )  # fmt: skip
                name = f"{branch}-{host}-{night}.json".replace("/", "_")
                write_json(tmp_path / "fleet" / name, run)
        return tmp_path / "fleet"

    return write
