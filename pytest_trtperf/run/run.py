"""One invocation of `pytest --trtperf`: what it measures on, and what it measured."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from pytest_trtperf.analysis.shift import Controls
from pytest_trtperf.backend.probe import Gpu
from pytest_trtperf.backend.protocols import Backend
from pytest_trtperf.backend.registry import builtin_backends, find_backend
from pytest_trtperf.baseline.locate import locate, refuse_namesakes
from pytest_trtperf.baseline.schema import BaselineEntry
from pytest_trtperf.baseline.store import BaselineStore
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.judge.comparison import Surroundings
from pytest_trtperf.judge.repository import Repository
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.record.as_baseline import EntriesByTest
from pytest_trtperf.record.baseline_state import NOT_RECORDED, with_outcome
from pytest_trtperf.record.item import PASSED
from pytest_trtperf.record.model import (
    MaxQpsRecord,
    Measured,
    MeasurementRecord,
    PairRecord,
    RunRecord,
)
from pytest_trtperf.run.invocation import Invocation
from pytest_trtperf.run.items import ReportedItems
from pytest_trtperf.run.origin import Origin, origin_of
from pytest_trtperf.run.run_record import run_record
from pytest_trtperf.run.target import Target
from pytest_trtperf.utc import utc_now

RUN = pytest.StashKey["Run"]()

_Other = TypeVar("_Other", MaxQpsRecord, PairRecord)


@dataclass
class Recorded:
    """What became of the baselines.

    Attributes:
        written: the files.
        stale: keys that their tests no longer measure; --trtperf-update removes them.
        uncollected: keys of tests that the run did not collect, and did not hear of otherwise.
    """

    written: list[Path] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    uncollected: list[str] = field(default_factory=list)


@dataclass
class Run:
    """The run's state, on the controller and, without results, on each worker.

    Attributes:
        backends: all that there are, those of other plugins too.
        home: the controller's rootdir, on a worker; None on the controller.
        measurements: each with whether its test passed.
        collected: node ids by the path of their module, of pytest-xdist with its groups.
        modules: those with tests that measure, and what node ids call them.
        deselected: paths of modules that were not collected whole.
        selective: whether an option left out tests that the run does not know of.
        recorded: what became of the baselines, once the run is over.
        against: what --trtperf-against names, in the place of baselines.
        against_ended: whether the run of that record reached its end.
        errors: what went wrong beside the tests, a line each.
        waited_s: seconds that tests waited for other processes.
        engines: by digest, whether this run built them.
        queries: those of a run with --trtperf-smoke.
        started: when, in seconds of the monotonic clock.
        without_time: tests that were not measured, since no time was left.
        reported: node ids of tests that have ended.
        has_lost_worker: whether a worker of pytest-xdist crashed.
        comparisons: how many measurements are compared; a test without a baseline counts as one.
        controls: unchanged engines, which say what the machine is like.
        invocation: how pytest was called.
        asks_only: whether the test that runs only says what it asks for, see `changed_only`.
        unchanged: tests that were skipped, since nothing has changed for them.
        changed: by test, why it was measured under --trtperf-changed-only.
        items: the tests that measure, and what pytest says of them.
        gpus: those that the run measures on, by UUID.
        host: what the machine is called; on a worker only if that is on another one.
        seconds: how long each phase took.
        begun: when the run began, UTC.
    """

    settings: Settings
    target: Target
    rootdir: Path
    backends: Sequence[Backend] = field(default_factory=builtin_backends)
    home: Path | None = None
    measurements: list[tuple[MeasurementRecord, bool]] = field(default_factory=list)
    max_qps: list[MaxQpsRecord] = field(default_factory=list)
    pairs: list[PairRecord] = field(default_factory=list)
    collected: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    modules: dict[Path, str] = field(default_factory=dict)
    deselected: set[str] = field(default_factory=set)
    selective: bool = False
    recorded: Recorded = field(default_factory=Recorded)
    against: EntriesByTest | None = None
    against_ended: bool = True
    errors: list[str] = field(default_factory=list)
    waited_s: float = 0.0
    engines: dict[str, bool] = field(default_factory=dict)
    queries: int = 0
    started: float = field(default_factory=time.monotonic)
    without_time: list[str] = field(default_factory=list)
    reported: set[str] = field(default_factory=set)
    has_lost_worker: bool = False
    comparisons: int = 1
    controls: Controls = field(default_factory=Controls)
    invocation: Invocation | None = None
    asks_only: bool = False
    unchanged: list[str] = field(default_factory=list)
    changed: dict[str, str] = field(default_factory=dict)
    items: ReportedItems = field(default_factory=ReportedItems)
    gpus: dict[str, Gpu] = field(default_factory=dict)
    host: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    begun: str = field(default_factory=utc_now)
    _seen: set[tuple[str, str]] = field(default_factory=set)
    _stores: dict[Path, BaselineStore] = field(default_factory=dict)
    _repositories: dict[Path, Repository] = field(default_factory=dict)
    _order: dict[str, int] = field(default_factory=dict)

    @cached_property
    def origin(self) -> Origin:
        """What the run tests, as it is when this is first asked."""
        return origin_of(self.rootdir, os.environ)

    @property
    def backend(self) -> Backend:
        """The one in use."""
        return find_backend(self.target.probe.backend, self.backends)

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
        """Whether there is something to compare with: not where everything is recorded anew."""
        return not (self.settings.update or self.settings.build_only)

    def baseline_of(self, module: Path) -> tuple[BaselineStore, str]:
        """The store of a test module, and the module's name in it."""
        directory, name = locate(module, self.rootdir, self.settings.baseline_dir)
        return self.store(directory), name

    def refuse_namesakes(self, item: pytest.Item) -> None:
        """Refuses a test whose module would share its baselines with another one.

        Raises:
            BaselineError: naming both modules.
        """
        self.note_module(item)
        refuse_namesakes(item.path, self.modules, self.rootdir, self.settings.baseline_dir)

    def note_module(self, item: pytest.Item) -> None:
        """Notes the module of a test that measures, and what it is called in node ids."""
        self.modules[item.path] = item.nodeid.partition("::")[0]

    def at_home(self, path: Path) -> Path:
        """A path as the controller has it: another host has a copy of rootdir elsewhere."""
        if self.home is None or not path.is_relative_to(self.rootdir):
            return path
        return self.home / path.relative_to(self.rootdir)

    def store(self, directory: Path) -> BaselineStore:
        """The baselines of a directory, for this hardware and backend."""
        if directory not in self._stores:
            self._stores[directory] = BaselineStore(
                directory,
                self.target.hardware_class,
                self.target.probe.backend,
                self.settings.baseline_files,
            )
        return self._stores[directory]

    def surroundings(self, store: BaselineStore) -> Surroundings:
        """What a comparison with a baseline of this store knows of the other tests."""
        repository = self._repositories.setdefault(
            store.directory, Repository(lambda: self._entries(store))
        )
        return Surroundings(repository, self.controls, self.comparisons)

    def _entries(self, store: BaselineStore) -> Iterator[BaselineEntry]:
        if self.against is not None:
            for entries in self.against.values():
                yield from entries.values()
            return
        for module in store.list_modules():
            # A broken file fails the tests that need it.
            with suppress(BaselineError):
                yield from store.entries(module).values()

    def note_gpu(self, target: Target) -> None:
        """Notes a GPU that the run measures on."""
        if target.probe.gpus:
            gpu = target.probe.gpus[target.ordinal]
            self.gpus.setdefault(gpu.uuid, gpu)

    def note_collected(self, nodeids: Iterable[str]) -> None:
        """Takes the tests that were collected, by module."""
        for nodeid in nodeids:
            if module := nodeid.partition("::")[0]:
                self.collected[str(self.rootdir / module)].add(nodeid)
            self._order.setdefault(nodeid, len(self._order))

    def note_selection(self, config: pytest.Config) -> None:
        """Notes which modules are not collected whole, as single tests of them were named."""
        # Both leave out tests that the run does not hear of: then nothing counts as stale.
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
                self.measurements.append((record, passed))

    def forget(self, test: str) -> None:
        """Drops what an earlier attempt at a test measured: plugins may run it again."""
        if not any(known == test for known, _ in self._seen):
            return
        self._seen = {one for one in self._seen if one[0] != test}
        self.measurements = [one for one in self.measurements if one[0].test != test]
        self.max_qps = [one for one in self.max_qps if one.test != test]
        self.pairs = [one for one in self.pairs if one.test != test]

    def _forget_earlier(self, test: str, key: str) -> None:
        """Drops what an earlier attempt at a test measured: plugins may run it again."""
        again = (test, key)
        if again not in self._seen:
            self._seen.add(again)
            return
        self.measurements = [one for one in self.measurements if (one[0].test, one[0].key) != again]
        self.max_qps = [one for one in self.max_qps if (one.test, one.key) != again]
        self.pairs = [one for one in self.pairs if (one.test, one.key) != again]

    @property
    def title(self) -> str:
        """Backend and device, above what is reported."""
        return f"trtperf: {self.target.probe.backend} on {self.target.device}"

    @property
    def measured(self) -> list[Measured]:
        """All that was measured."""
        return [*(record for record, _ in self.measurements), *self.max_qps, *self.pairs]

    @property
    def has_measured(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.measurements or self.max_qps or self.pairs)

    @property
    def missing(self) -> list[str]:
        """Keys of measurements that had no baseline to be compared with, and did not become one."""
        return [
            record.key
            for record, passed in self.measurements
            if (record.baseline == "missing" and not (passed and self.settings.update_new))
            or (record.baseline == NOT_RECORDED and self.settings.update_new)
        ]

    @property
    def of_older_form(self) -> int:
        """How many measurements were compared with a baseline that knows of no sessions."""
        found = [record.against for record, _ in self.measurements if record.against]
        return sum(one.of_older_form for one in found) if self.settings.against is None else 0

    def note_lost(self) -> None:
        """Notes the tests that a crashed worker held back: pytest-xdist takes them for done."""
        left = self._order.keys() - self.reported if self.has_lost_worker else ()
        if lost := sorted(map(self.items.plain_id, left)):
            self.note_error(f"a worker crashed, and left without a result: {', '.join(lost)}")

    def note_outcomes(self) -> None:
        """Gives each measurement the outcome of its test, which is known by now."""
        self.measurements = [
            (with_outcome(record, outcome), outcome in PASSED)
            if (outcome := self.items.outcome(record.test))
            else (record, passed)
            for record, passed in self.measurements
        ]
        self.max_qps = [self._with_outcome(one) for one in self.max_qps]
        self.pairs = [self._with_outcome(one) for one in self.pairs]

    def _with_outcome(self, record: _Other) -> _Other:
        outcome = self.items.outcome(record.test)
        return with_outcome(record, outcome) if outcome else record

    def put_in_order(self) -> None:
        """Sorts what was measured as the tests were collected: workers end in any order."""
        order = {self.items.plain_id(nodeid): place for nodeid, place in self._order.items()}

        def place(test: str) -> int:
            return order.get(test, len(order))

        self.measurements.sort(key=lambda one: place(one[0].test))
        self.max_qps.sort(key=lambda one: place(one.test))
        self.pairs.sort(key=lambda one: place(one.test))

    def note_error(self, text: str) -> None:
        """Keeps what went wrong beside the tests, once; it fails the run."""
        if text not in self.errors:
            self.errors.append(text)

    def exit_status(self, status: int) -> int:
        """pytest's exit status, in which an error of this run is no success."""
        failed = self.errors and status == pytest.ExitCode.OK
        return int(pytest.ExitCode.TESTS_FAILED if failed else status)

    def record(self, exit_status: int) -> RunRecord:
        """The whole run as plain data."""
        return run_record(self, exit_status)
