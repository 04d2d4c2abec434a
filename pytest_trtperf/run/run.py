"""One invocation of `pytest --trtperf`: what it measures on, what it measured, what it writes."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from pytest_trtperf import __version__
from pytest_trtperf.backend.probe import Probe
from pytest_trtperf.baseline.hardware import cpu_class, cpu_model, cpu_name, gpu_class, gpu_name
from pytest_trtperf.baseline.locate import locate
from pytest_trtperf.baseline.merge import add_run
from pytest_trtperf.baseline.schema import BaselineEntry
from pytest_trtperf.baseline.store import BaselineStore
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.judge.attribution import doubts
from pytest_trtperf.options.settings import Settings
from pytest_trtperf.record.as_baseline import EntriesByTest, baseline_entry
from pytest_trtperf.record.model import (
    MaxQpsRecord,
    Measured,
    MeasurementRecord,
    PairRecord,
    RunRecord,
    utc_now,
)
from pytest_trtperf.run.ci import commit

RUN = pytest.StashKey["Run"]()


@dataclass(frozen=True)
class Target:
    """What this process measures on; `device` is the name that budgets match."""

    probe: Probe
    ordinal: int = 0

    @property
    def uuid(self) -> str | None:
        """The GPU's UUID, None on the CPU."""
        return self.probe.gpus[self.ordinal].uuid if self.probe.gpus else None

    @property
    def device(self) -> str:
        """`NVIDIA H200`, or `cpu:` with the CPU's model and thread count."""
        if self.probe.gpus:
            return gpu_name(self.probe.gpus[self.ordinal].name)
        return cpu_name(cpu_model(), _threads())

    @property
    def hardware_class(self) -> str:
        """The folder of its baselines."""
        if self.probe.gpus:
            return gpu_class(self.probe.gpus[self.ordinal].name)
        return cpu_class(cpu_model(), _threads())

    @property
    def plan_device(self) -> str | None:
        """What of the device a plan depends on."""
        if not self.probe.gpus:
            return None
        gpu = self.probe.gpus[self.ordinal]
        return f"{gpu.name} {gpu.compute_capability}"


def _threads() -> int:
    return len(os.sched_getaffinity(0))


@dataclass
class Run:
    """The run's state, on the controller and, without results, on each worker.

    Attributes:
        home: rootdir on the controller; None there.
        waited_s: seconds that tests waited for other processes.
    """

    settings: Settings
    target: Target
    rootdir: Path
    home: Path | None = None
    measured: list[tuple[MeasurementRecord, bool]] = field(default_factory=list)
    max_qps: list[MaxQpsRecord] = field(default_factory=list)
    pairs: list[PairRecord] = field(default_factory=list)
    collected: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    deselected: set[str] = field(default_factory=set)
    selective: bool = False
    written: list[Path] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    against: EntriesByTest | None = None
    errors: list[str] = field(default_factory=list)
    waited_s: float = 0.0
    _seen: set[tuple[str, str]] = field(default_factory=set)
    _stores: dict[Path, BaselineStore] = field(default_factory=dict)
    _order: dict[str, int] = field(default_factory=dict)

    def baseline(
        self, store: BaselineStore, module: str, test: str, key: str
    ) -> BaselineEntry | None:
        """What a measurement of `test`, a node id, is compared with; None where there is nothing.

        Raises:
            BaselineError: the file is broken.
        """
        if self.against is not None:
            return self.against.get(test, {}).get(key)
        return store.get(module, key)

    @property
    def compares(self) -> bool:
        """A run that records everything anew has nothing to compare with."""
        return not self.settings.update

    def baseline_of(self, module: Path) -> tuple[BaselineStore, str]:
        """The store of a test module, and the module's name in it."""
        directory, name = locate(module, self.rootdir, self.settings.baseline_dir)
        return self._store(directory), name

    def at_home(self, path: Path) -> Path:
        """A path as the controller has it: another host has a copy of rootdir elsewhere."""
        if self.home is None or not path.is_relative_to(self.rootdir):
            return path
        return self.home / path.relative_to(self.rootdir)

    def _store(self, directory: Path) -> BaselineStore:
        if directory not in self._stores:
            self._stores[directory] = BaselineStore(
                directory, self.target.hardware_class, self.target.probe.backend
            )
        return self._stores[directory]

    def note_collected(self, nodeids: Iterable[str]) -> None:
        """Takes the tests that were collected, by module."""
        for nodeid in nodeids:
            module, _, test = nodeid.partition("::")
            self.collected[str(self.rootdir / module)].add(without_group(test))
            self._order.setdefault(without_group(nodeid), len(self._order))

    def note_selection(self, config: pytest.Config) -> None:
        """A module of which single tests were named is not collected whole."""
        # Both leave tests out without a word about which: then nothing counts as stale.
        self.selective = config.getoption("lf", False) or config.getoption("pyargs", False)
        for argument in config.args:
            path, separator, _ = argument.partition("::")
            if separator:
                self.deselected.add(os.path.abspath(path))  # noqa: PTH100  # keeps symlinks

    def add(self, data: Iterable[object], *, passed: bool) -> None:
        """Takes the measurements that a test report brought."""
        for item in data:
            record = msgspec.convert(item, Measured)
            self._forget_earlier(record.test, record.key)
            if isinstance(record, MaxQpsRecord):
                self.max_qps.append(record)
            elif isinstance(record, PairRecord):
                self.pairs.append(record)
            else:
                self.measured.append((record, passed))

    def _forget_earlier(self, test: str, key: str) -> None:
        """Drops what an earlier attempt at a test measured: plugins may run it again."""
        again = (test, key)
        if again not in self._seen:
            self._seen.add(again)
            return
        self.measured = [one for one in self.measured if (one[0].test, one[0].key) != again]
        self.max_qps = [one for one in self.max_qps if (one.test, one.key) != again]
        self.pairs = [one for one in self.pairs if (one.test, one.key) != again]

    @property
    def title(self) -> str:
        """Backend and device, above what is reported."""
        return f"trtperf: {self.target.probe.backend} on {self.target.device}"

    @property
    def everything(self) -> list[Measured]:
        """All that was measured."""
        return [*(record for record, _ in self.measured), *self.max_qps, *self.pairs]

    @property
    def has_measured(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.measured or self.max_qps or self.pairs)

    @property
    def missing(self) -> list[str]:
        """Measurements that were not compared for want of a baseline, and did not become one."""
        return [
            record.key
            for record, passed in self.measured
            if record.baseline == "missing" and not (passed and self.settings.update_new)
        ]

    def finish(self, *, complete: bool) -> None:
        """Puts tests in their order, finds stale entries, and records baselines if asked to.

        Args:
            complete: whether the run reached its end; only then can an entry be stale.
        """
        # Workers come to their ends in any order.
        self.measured.sort(key=lambda one: self._place(one[0].test))
        self.max_qps.sort(key=lambda one: self._place(one.test))
        self.pairs.sort(key=lambda one: self._place(one.test))
        changes = self._changes()
        stale = self._stale_keys() if complete and not self.selective else {}
        for directory, module in sorted(changes.keys() | stale.keys()):
            place = (directory, module)
            removed = stale.get(place, []) if self.settings.update else []
            if self.settings.update or changes.get(place):
                self._write(place, changes.get(place, {}), removed)
        self.stale = sorted(key for keys in stale.values() for key in keys)

    def _place(self, test: str) -> int:
        return self._order.get(test, len(self._order))

    def _write(
        self, place: tuple[Path, str], changes: dict[str, BaselineEntry], removed: list[str]
    ) -> None:
        directory, module = place
        try:
            if path := self._store(directory).update(module, changes, removed):
                self.written.append(path)
        except BaselineError as error:
            self._note_error(error)

    def _note_error(self, error: BaselineError) -> None:
        if str(error) not in self.errors:
            self.errors.append(str(error))

    def _changes(self) -> dict[tuple[Path, str], dict[str, BaselineEntry]]:
        changes: dict[tuple[Path, str], dict[str, BaselineEntry]] = defaultdict(dict)
        if not (self.settings.update or self.settings.update_new):
            return changes
        for record, passed in self.measured:
            stored = self._stored(record)
            if passed and record.baseline != "off" and (self.settings.update or stored is None):
                run = baseline_entry(record, self.target.probe.software)
                record.notes.extend(doubts(run))
                entry = add_run(stored, run)
                changes[Path(record.baseline_dir), record.module][record.key] = entry
        return changes

    def _stored(self, record: MeasurementRecord) -> BaselineEntry | None:
        try:
            return self._store(Path(record.baseline_dir)).get(record.module, record.key)
        except BaselineError:
            return None  # the write will name the file

    def _stale_keys(self) -> dict[tuple[Path, str], list[str]]:
        """Entries that no test of a module collected whole can still measure."""
        measured = {(Path(r.baseline_dir), r.module, r.key) for r, _ in self.measured}
        passed = {f"{r.module}::{r.test.partition('::')[2]}" for r, ok in self.measured if ok}
        stale = {}
        for module_path, tests in self.collected.items():
            if module_path in self.deselected:
                continue
            store, module = self.baseline_of(Path(module_path))
            try:
                keys = store.entries(module)
            except BaselineError as error:
                self._note_error(error)
                continue
            unsure = {f"{module}::{test}" for test in tests} - passed
            gone = [
                key
                for key in keys
                if unsure.isdisjoint(_tests_of(key))
                and (store.directory, module, key) not in measured
            ]
            if gone:
                stale[store.directory, module] = gone
        return stale

    def record(self, exit_status: int) -> RunRecord:
        """The whole run as plain data."""
        return RunRecord(
            created=utc_now(),
            plugin=__version__,
            pytest=pytest.__version__,
            commit=commit(os.environ),
            backend=self.target.probe.backend,
            device=self.target.device,
            hardware_class=self.target.hardware_class,
            software=self.target.probe.software,
            exit_status=exit_status,
            measurements=[record for record, _ in self.measured],
            max_qps=self.max_qps,
            pairs=self.pairs,
        )


def without_group(nodeid: str) -> str:
    """A node id without the `@group` that pytest-xdist's loadgroup appends, once or more."""
    return re.sub(r"(@[^\[\]:/@]+)+$", "", nodeid)


def _tests_of(key: str) -> set[str]:
    """The tests whose key or named measurement it may be: ids of parameters may have a # too."""
    parts = key.split("#")
    return {"#".join(parts[:count]) for count in range(1, len(parts) + 1)}
