"""The entries of a baseline directory, as the subcommands of `trtperf baseline` show them."""

from __future__ import annotations

import argparse
import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_trtperf.analysis.gates import OPEN_LOAD_GATES, Gate, closed_load_gates
from pytest_trtperf.baseline.schema import BaselineEntry
from pytest_trtperf.baseline.store import BaselineStore
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.judge.repository import baseline_figure


@dataclass(frozen=True)
class Stored:
    """A baseline entry and where it is stored."""

    store: BaselineStore
    module: str
    key: str
    entry: BaselineEntry

    @property
    def newest(self) -> str:
        """When its last run was recorded."""
        return self.entry.runs[-1].recorded

    @property
    def place(self) -> str:
        """Its backend and hardware, in words."""
        return f"{self.store.backend} on {self.store.hardware_class}"


def stored_baselines(arguments: argparse.Namespace) -> list[Stored]:
    """All entries of the hardware classes that match.

    Raises:
        BaselineError: there is no baseline directory, or a file in it is broken.
    """
    directory: Path = arguments.baseline_dir
    if not directory.is_dir():
        raise BaselineError(
            f"there is no baseline directory {directory}: name another with --baseline-dir"
        )
    return [
        Stored(store, module, key, entry)
        for store in _stores(directory, arguments.hardware_class)
        for module in store.list_modules()
        for key, entry in store.entries(module).items()
    ]


def _stores(directory: Path, pattern: str) -> Iterator[BaselineStore]:
    for hardware in sorted(directory.iterdir()):
        if hardware.is_dir() and fnmatch.fnmatchcase(hardware.name, pattern):
            for backend in sorted(path for path in hardware.iterdir() if path.is_dir()):
                yield BaselineStore(directory, hardware.name, backend.name)


def about(one: Stored) -> dict[str, object]:
    """An entry for programs, without its runs."""
    return {
        "key": one.key,
        "hardware_class": one.store.hardware_class,
        "backend": one.store.backend,
        "path": str(one.store.path(one.module)),
        "runs": len(one.entry.runs),
        "recorded": one.newest,
        **figures(one.entry),
    }


def figures(entry: BaselineEntry) -> dict[str, float]:
    """Of each gated metric what later runs are compared with."""
    return {f"{gate.name} {gate.unit}": baseline_figure(entry, gate) for gate in _gates(entry)}


def _gates(entry: BaselineEntry) -> tuple[Gate, ...]:
    if entry.mode.get("load") == "open":
        return OPEN_LOAD_GATES
    return closed_load_gates(entry.runs[-1].rounds[0].quantiles)
