"""How a new run joins what is stored: pure functions over the records."""

from __future__ import annotations

import msgspec

from pytest_trtperf.baseline.schema import BaselineEntry

KEPT_RUNS = 8


def incompatibilities(stored: BaselineEntry, new: BaselineEntry) -> list[str]:
    """Why two entries cannot be compared, one line each; empty when they can.

    Two entries compare when engine, modes and shapes are the same; runs and plans may differ.
    """
    lines = [
        f"mode {name}: {_word(stored.mode.get(name))} was recorded, now {_word(new.mode.get(name))}"
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


def add_run(entry: BaselineEntry | None, new: BaselineEntry) -> BaselineEntry:
    """`entry` with the runs of `new` appended, newest last, the last `KEPT_RUNS` of them.

    An entry that does not compare with `new` (`incompatibilities`) is replaced.
    """
    stored = [] if entry is None or incompatibilities(entry, new) else entry.runs
    older = [msgspec.structs.replace(run, layers={}, tactics={}) for run in stored]
    return msgspec.structs.replace(new, runs=[*older, *new.runs][-KEPT_RUNS:])


def _word(value: object) -> str:
    return "nothing" if value is None else repr(value)
