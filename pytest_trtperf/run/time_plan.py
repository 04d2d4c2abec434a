"""How long a run is going to take, known from its baselines, and what its time limit leaves."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from pytest_trtperf.analysis.change import CONFIRMING
from pytest_trtperf.analysis.spread import ROUNDS
from pytest_trtperf.baseline.schema import BaselineEntry
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.measure.host_state import load_before
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.run.run import Run
from pytest_trtperf.text import counted

START_S = 1.5
"""What a session takes before its warm-up: a process, its engine and the first query."""

SHARE_MEASURED_AGAIN = 0.25
"""The share of tests that take further sessions in the longest run that is foreseen."""


def plan_line(run: Run, tests: Iterable[tuple[Path, str]]) -> str | None:
    """What the run is going to take, without builds; None of no tests.

    Args:
        tests: the path of the module and the name of each test that measures.
    """
    asked = list(tests)
    if not asked:
        return None
    about = sum(_expected_s(run, module, name) for module, name in asked)
    most = about
    if run.compares:
        most += CONFIRMING * SHARE_MEASURED_AGAIN * about
    count = counted(len(asked), "test")
    busy = None if run.target.probe.gpus else load_before()
    free = f" on a free machine (now: {busy})" if busy else ""
    most_of_it = f"up to {_duration(most)}{free}"
    line = f"trtperf: {count}, about {_duration(about)}, {most_of_it}, without builds"
    if run.settings.changed_only:
        line += "; unchanged tests are skipped"
    limit = run.settings.time_limit
    if limit is None:
        return line
    line += f"; the limit is {limit:g} min"
    return f"{line}, which is too short for all of them" if 60 * limit < about else line


def count_comparisons(run: Run, tests: Iterable[tuple[Path, str]]) -> int:
    """How many measurements are compared, as far as baselines show; at least one a test."""
    return sum(max(len(_entries_of(run, module, name)), 1) for module, name in tests)


def has_time(run: Run, seconds: float = 0.0) -> bool:
    """Whether something that takes so long ends within the time limit."""
    limit = run.settings.time_limit
    return limit is None or time.monotonic() - run.started + seconds <= 60 * limit


def _expected_s(run: Run, module: Path, name: str) -> float:
    entries = _entries_of(run, module, name)
    settings = run.settings
    sessions = 1 if run.compares else settings.sessions
    if not entries:
        return sessions * (START_S + (settings.warm_up_ms + ROUNDS * settings.round_ms) / 1e3)
    return sessions * sum(_session_s(entry, settings) for entry in entries)


def _session_s(entry: BaselineEntry, settings: Settings) -> float:
    rounds = entry.runs[-1].sessions[-1].rounds[:ROUNDS]
    measuring = sum(round.queries / round.throughput for round in rounds)
    return START_S + settings.warm_up_ms / 1e3 + measuring


def _entries_of(run: Run, module: Path, name: str) -> list[BaselineEntry]:
    store, relative = run.baseline_of(module)
    key = f"{relative}::{name}".partition("#")[0]
    try:
        entries = store.entries(relative)
    except BaselineError:
        return []  # the tests that need it fail
    return [
        entry for known, entry in entries.items() if known == key or known.startswith(f"{key}#")
    ]


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
