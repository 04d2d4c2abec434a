"""Adding a new run to the stored ones: pure functions over the entries."""

from __future__ import annotations

import msgspec

from pytest_trtperf.analysis.change import MOST_RUNS
from pytest_trtperf.baseline.schema import BaselineEntry, BaselineFile, encode_and_read_back
from pytest_trtperf.baseline.software import changed_versions

KEPT_RUNS = MOST_RUNS


def incompatibilities(stored: BaselineEntry, new: BaselineEntry) -> list[str]:
    """Why two entries cannot be compared, one line for each reason; empty when they can.

    They can when engine, mode and shapes are the same; runs and plans may differ.
    """
    lines = [
        f"mode {name}: {_shown(stored.mode.get(name))} was recorded, "
        f"now {_shown(new.mode.get(name))}"
        for name in sorted(set(stored.mode) | set(new.mode))
        if stored.mode.get(name) != new.mode.get(name)
    ]
    if stored.shapes != new.shapes:
        lines.append(f"shapes: {stored.shapes} were recorded, now {new.shapes}")
    if stored.engine != new.engine:
        lines.append(
            f"engine: the model or its build options changed "
            f"({stored.engine[:12]} was recorded, now {new.engine[:12]})"
        )
    return lines


def unlike(stored: BaselineEntry, new: BaselineEntry) -> list[str]:
    """What of the software changed since the newest stored run, a line each.

    Runs of unlike software say nothing of each other's spread. Python is left out: the engine runs
    without it.
    """
    then, now = stored.runs[-1].software, new.runs[-1].software
    return [
        f"{name} {before} before, {here} now"
        for name, before, here in changed_versions(then, now, besides=("python",))
    ]


def add_run(entry: BaselineEntry | None, new: BaselineEntry) -> BaselineEntry:
    """`entry` with the runs of `new` appended; only the newest `KEPT_RUNS` are kept, newest last.

    An entry that cannot be compared with `new` (see `incompatibilities`), or that other software
    recorded (see `unlike`), is replaced.
    """
    replaced = entry is None or incompatibilities(entry, new) or unlike(entry, new)
    stored = [] if entry is None or replaced else entry.runs
    older = [msgspec.structs.replace(run, layers={}, tactics={}, asked={}) for run in stored]
    return msgspec.structs.replace(new, runs=[*older, *new.runs][-KEPT_RUNS:])


def has_run(stored: BaselineEntry, new: BaselineEntry) -> bool:
    """Whether a stored run has the rounds of the only run of `new`."""
    _, file = encode_and_read_back(BaselineFile(entries={"new": new}))
    rounds = file.entries["new"].rounds  # rounded as in a file
    return any(run.rounds == rounds for run in stored.runs)


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(value)
