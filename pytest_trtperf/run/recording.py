"""The baselines that a run writes: entries that it measured, without those that are stale."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from pytest_trtperf.baseline.keys import possible_tests
from pytest_trtperf.baseline.merge import add_run, unlike
from pytest_trtperf.baseline.schema import BaselineEntry
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.judge.attribution import doubts
from pytest_trtperf.judge.policy import Policy
from pytest_trtperf.judge.repository import Repository, what_it_finds
from pytest_trtperf.record.as_baseline import baseline_entry
from pytest_trtperf.record.baseline_state import NOT_RECORDED, RECORDED
from pytest_trtperf.record.model import MeasurementRecord
from pytest_trtperf.run.run import Run
from pytest_trtperf.utc import utc_now

_Place = tuple[Path, str]
"""A baseline directory, and the name of a test module in it."""


def record_baselines(run: Run, *, complete: bool) -> None:
    """Finds stale entries, and writes what the run measured if it was asked to.

    Fills `run.recorded`; what cannot be read or written is noted as an error of the run.

    Args:
        complete: whether the run reached its end; only then can an entry be stale.
    """
    changes = _changes(run)
    written: set[_Place] = set()
    stale = _stale_keys(run) if complete else {}
    for place in sorted(changes.keys() | stale.keys()):
        removed = stale.get(place, []) if run.settings.update else []
        if not (run.settings.update or changes.get(place)):
            continue
        directory, module = place
        try:
            if path := run.store(directory).update(module, changes.get(place, {}), removed):
                run.recorded.written.append(path)
                written.add(place)
        except BaselineError as error:
            run.note_error(str(error))
    recorded = {(place, key) for place in written for key in changes.get(place, {})}
    run.measurements = [
        (_with_state(record, recorded), passed) for record, passed in run.measurements
    ]
    run.recorded.stale = sorted(key for keys in stale.values() for key in keys)


def _with_state(
    record: MeasurementRecord, recorded: Collection[tuple[_Place, str]]
) -> MeasurementRecord:
    """A measurement that says whether it became a baseline."""
    if ((Path(record.baseline_dir), record.module), record.key) in recorded:
        return msgspec.structs.replace(record, baseline=RECORDED, baseline_why="")
    if record.baseline == RECORDED:
        return msgspec.structs.replace(record, baseline=NOT_RECORDED, baseline_why="not written")
    return record


def _changes(run: Run) -> dict[_Place, dict[str, BaselineEntry]]:
    """Entries to write: of tests that passed, with earlier runs of the same engine."""
    changes: dict[_Place, dict[str, BaselineEntry]] = defaultdict(dict)
    if not (run.settings.update or run.settings.update_new):
        return changes
    recorded = utc_now()
    for record, passed in run.measurements:
        stored = _stored(run, record)
        if passed and record.baseline != "off" and (run.settings.update or stored is None):
            measured = baseline_entry(record, run.target.probe.software, recorded)
            record.notes.extend(doubts(measured))
            if stored and (changed := unlike(stored, measured)):
                record.notes.append(f"baseline started anew: {', '.join(changed)}")
            entry = add_run(stored, measured)
            changes[Path(record.baseline_dir), record.module][record.key] = entry
    _note_what_they_find(run, changes)
    return changes


def _note_what_they_find(run: Run, changes: Mapping[_Place, dict[str, BaselineEntry]]) -> None:
    """Notes the slowdowns that each new baseline finds, by what all of them know."""
    by_key = {(Path(one.baseline_dir), one.module, one.key): one for one, _ in run.measurements}
    repository = Repository(lambda: (one for keys in changes.values() for one in keys.values()))
    policy = Policy(run.settings.tolerance, most_widening=run.settings.widening)
    for (directory, module), entries in changes.items():
        for key, entry in entries.items():
            record = by_key[directory, module, key]
            record.notes.append(what_it_finds(entry, repository, policy, run.comparisons))


def _stored(run: Run, record: MeasurementRecord) -> BaselineEntry | None:
    try:
        return run.store(Path(record.baseline_dir)).get(record.module, record.key)
    except BaselineError:
        return None  # the write will name the file


def _stale_keys(run: Run) -> dict[_Place, list[str]]:
    """Entries that their tests do not measure any more, although they were collected and passed.

    Entries of tests that were not collected are only noted, in `run.recorded.uncollected`: what
    left them out may be an option or another plugin, such as one that runs a share of the tests.
    """
    measured = {(Path(r.baseline_dir), r.module, r.key) for r, _ in run.measurements}
    passed = {f"{r.module}::{r.test.partition('::')[2]}" for r, ok in run.measurements if ok}
    stale = {}
    for module_path, tests in run.collected.items():
        store, module = run.baseline_of(Path(module_path))
        try:
            keys = store.entries(module)
        except BaselineError as error:
            run.note_error(str(error))
            continue
        names = (run.items.plain_id(nodeid).partition("::")[2] for nodeid in tests)
        collected = {f"{module}::{name}" for name in names}
        left = [key for key in keys if (store.directory, module, key) not in measured]
        gone = []
        for key in left:
            those = collected & possible_tests(key)
            if those and those <= passed:
                gone.append(key)
            elif not (those or run.selective or module_path in run.deselected):
                run.recorded.uncollected.append(key)
        if gone:
            stale[store.directory, module] = gone
    run.recorded.uncollected.sort()
    return stale
