"""What becomes of the stored baselines between the run that records and the one that compares."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def baselines(path: Path) -> list[Path]:
    return sorted((path / "perf-baselines").rglob("*.json"))


def rewrite(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Changes each entry of the baselines."""

    def prepare(path: Path) -> None:
        for file in baselines(path):
            content = json.loads(file.read_text())
            for entry in content["entries"].values():
                change(entry)
            file.write_text(json.dumps(content))

    return prepare


def rounds(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def each(entry: dict[str, Any]) -> None:
        for run in entry["runs"]:
            for session in run["sessions"]:
                for one in session["rounds"]:
                    change(one)

    return rewrite(each)


def scale(factor: float) -> Callable[[Path], None]:
    """As if the model had taken so many times as long."""

    def each(one: dict[str, Any]) -> None:
        one["throughput"] /= factor
        one["quantiles"] = {
            metric: [factor * value for value in values]
            for metric, values in one["quantiles"].items()
        }

    return rounds(each)


def write(text: str) -> Callable[[Path], None]:
    def prepare(path: Path) -> None:
        for file in baselines(path):
            file.write_text(text)

    return prepare


def remove(path: Path) -> None:
    for file in baselines(path):
        file.unlink()


def as_other_class(path: Path) -> None:
    (path / "perf-baselines/fake-gpu").rename(path / "perf-baselines/another-gpu")


def cut(path: Path) -> None:
    for file in baselines(path):
        file.write_bytes(file.read_bytes()[:-200])


def beside(path: Path) -> None:
    """The same module in a rootdir, with its baseline, and outside of it."""
    for name in ("other", "root"):
        (path / name).mkdir()
        (path / name / "test_perf.py").write_text((path / "test_perf.py").read_text())
    (path / "perf-baselines").rename(path / "root" / "perf-baselines")


def repeat(path: Path) -> None:
    """As `--count=2` of a plugin does."""
    (path / "conftest.py").write_text(
        "def pytest_generate_tests(metafunc):\n"
        "    metafunc.fixturenames.append('_step')\n"
        "    metafunc.parametrize('_step', range(2), ids=['1-2', '2-2'])\n"
    )


def future(path: Path) -> None:
    for file in baselines(path):
        content = json.loads(file.read_text())
        content["schema"] = content["schema"].partition("/")[0] + "/99"
        file.write_text(json.dumps(content))
