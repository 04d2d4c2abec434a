"""The records of many nights: one series for each test, metric, hardware, host and branch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timezone, tzinfo
from pathlib import Path

import msgspec
import numpy as np

from pytest_trtperf.analysis.gates import Gate
from pytest_trtperf.analysis.night_density import IntArray
from pytest_trtperf.analysis.summary import FloatArray
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.record.item import FAILED
from pytest_trtperf.record.night_of import night_of
from pytest_trtperf.record.observed import UNCHANGED, Name, ObservedRun, Unmeasured
from pytest_trtperf.record.observed_files import observe
from pytest_trtperf.record.origin import PULL
from pytest_trtperf.record.pooled import POOLED_BELOW, Rows, moving, pooled
from pytest_trtperf.text import counted, in_brief

MAIN = "main"
"""The branch that is looked at unless another one is asked for."""

MOVING = "(all hosts)"
SHORT_LIVED = "(short-lived hosts)"


class Night(msgspec.Struct, frozen=True):
    """A night of a host: its date, and of its last run when, in which record, of which commit."""

    created: str
    record: str
    commit: str | None
    date: str = ""
    software: dict[str, str] = {}


@dataclass(frozen=True)
class Series:
    """One number of one test on one host over the nights; NaN where it was not measured.

    `nights` are those on which the hardware class was measured at all. `host` is None where
    records name none, and `how` names mode and shapes.
    """

    hardware_class: str
    backend: str
    key: str
    gate: Gate
    nights: list[Night]
    values: FloatArray
    host: str | None = None
    test: str = ""
    how: str = ""


@dataclass(frozen=True)
class LastSeen:
    """A test of a hardware class: the last night with a measurement, and what came after.

    `night` is a place in the nights of the class, -1 where there is none; `nights` is how many the
    class has. `outcome` and `reason` are pytest's of the last run of it without a measurement.
    """

    hardware_class: str
    backend: str
    test: str
    key: str
    night: int
    nights: Sequence[str]
    outcome: str = ""
    reason: str = ""


@dataclass
class History:
    """The series of a directory of records, and which files were left out and why.

    `newest` is the last night of each hardware class and backend. `notes` say how records were
    taken together.
    """

    series: list[Series] = field(default_factory=list)
    newest: dict[tuple[str, str], Night] = field(default_factory=dict)
    records: int = 0
    left_out: list[str] = field(default_factory=list)
    last_seen: list[LastSeen] = field(default_factory=list)
    last_night: str = ""
    notes: list[str] = field(default_factory=list)


_Dated = tuple[str, str, ObservedRun]  # night, record, run


def read_history(
    directory: Path, zone: tzinfo = timezone.utc, branch: str | None = None
) -> History:
    """All records below a directory, by nights from noon to noon.

    A measurement in another mode or with other shapes begins a series of its own. Several runs of
    one host and night count once, by their median.

    Args:
        zone: whose noon begins a night.
        branch: the branch to look at; None for `main`, or `master` if there is no `main`. Records
            that name none are of that default, or of the branch with most runs if neither is named.

    Raises:
        BaselineError: there is no record of the branch, or the directory cannot be read.
    """
    observed = observe(directory)
    history = History(records=observed.records, left_out=observed.left_out)
    dated: list[_Dated] = []
    seen: set[object] = set()
    for record, run in observed.runs:
        numbers = (run.packed_names, run.packed_values)
        itself = (run.created, run.hardware_class, run.backend, run.host, *numbers)
        if itself in seen:  # a record may lie beside the one that it was merged into
            continue
        seen.add(itself)
        try:
            dated.append((night_of(run.moment, zone).isoformat(), record, run))
        except ValueError as error:
            history.left_out.append(f"{directory / record}: {in_brief(error)}")
    dated = _of_branch(dated, branch, history)
    dated.sort(key=lambda one: (one[0], one[2].created, one[1]))
    if not dated:
        raise BaselineError(f"{directory} has no run whose night is known")
    history.last_night = max(night for night, _, _ in dated)
    places: dict[tuple[str, str], list[_Dated]] = defaultdict(list)
    for one in dated:
        places[one[2].hardware_class, one[2].backend].append(one)
    for place, runs in places.items():
        fleet = _Fleet(place, runs, observed.names)
        history.series += fleet.series()
        history.last_seen += fleet.last_seen()
        history.newest[place] = fleet.newest()
        history.notes += fleet.notes
    return history


def _of_branch(dated: list[_Dated], asked: str | None, history: History) -> list[_Dated]:
    """The runs of a branch; those that name none are of the default one."""
    branches = Counter(run.branch for _, _, run in dated if run.branch is not None)
    if not branches:
        if asked:
            history.notes.append(f"no run names a branch: all count to {asked}")
        return dated
    default = MAIN if MAIN in branches or "master" not in branches else "master"
    home = _home(branches, default)
    nameless = sum(run.branch is None for _, _, run in dated)
    branch = asked or default
    if branch not in branches and not (nameless and branch == home):
        known = ", ".join(name for name, _ in branches.most_common(5))
        raise BaselineError(
            f"no record is of the branch {branch!r}: there are {known}. Choose one with --branch"
        )
    others = sum(count for name, count in branches.items() if name != branch)
    if others:
        runs = counted(others, "run")
        history.notes.append(f"left out {runs} of other branches than {branch}")
    if nameless:
        runs = counted(nameless, "run")
        rest = "" if branch == home else f", and not as {branch}"
        history.notes.append(f"without the name of a branch: {runs}, taken as {home}{rest}")
    return [one for one in dated if (one[2].branch or home) == branch]


def _home(branches: Counter[str], default: str) -> str:
    """The branch of the runs that name none: the default, or the most frequent, if one is named."""
    named = [name for name, _ in branches.most_common() if not name.startswith(PULL)]
    return default if default in branches or not named else named[0]


class _Fleet:
    """The runs of one hardware class and backend."""

    def __init__(
        self, place: tuple[str, str], runs: Iterable[_Dated], names: Sequence[Name]
    ) -> None:
        self.place = place
        self.runs = list(runs)
        self.dates = sorted({night for night, _, _ in self.runs})
        self.column = {night: column for column, night in enumerate(self.dates)}
        self.nights: dict[str | None, dict[str, Night]] = defaultdict(dict)
        self.rows = self._collected(names)
        self.notes: list[str] = []

    def newest(self) -> Night:
        night, record, run = self.runs[-1]
        return Night(run.created, record, run.commit, night, run.software)

    def series(self) -> list[Series]:
        short = {
            host
            for host, nights in self.nights.items()
            if host is not None and len(nights) < POOLED_BELOW
        }
        if len(short) < 2:
            short = set()
        else:
            self.notes.append(
                f"{self.place[0]}: {len(short)} hosts were there on fewer than {POOLED_BELOW} "
                "nights. They are taken together, without what all tests of a host differ by"
            )
        kept = {at: row for at, row in self.rows.items() if at[0] not in short}
        axes = {host: self._axis([host]) for host in {host for host, _ in kept}}
        found = [self._series(name, host, axes[host], row) for (host, name), row in kept.items()]
        brief = {at: row for at, row in self.rows.items() if at[0] in short}
        for label, parts in ((SHORT_LIVED, brief), (MOVING, moving(kept))):
            if parts:
                axis = self._axis({host for host, _ in parts})
                found += [
                    self._series(name, label, axis, row) for name, row in pooled(parts).items()
                ]
        return found

    def _collected(self, names: Sequence[Name]) -> Rows:
        """Values by night, of each host and name; several of one night by their median."""
        hosts: dict[str | None, int] = {}
        at: list[IntArray] = []
        values: list[FloatArray] = []
        elsewhere = {place: name.host for place, name in enumerate(names) if name.host is not None}
        for night, record, run in self.runs:
            known = Night(run.created, record, run.commit, night, run.software)
            self.nights[run.host][night] = known
            places = run.names
            host = np.full(places.size, hosts.setdefault(run.host, len(hosts)))
            for index, place in enumerate(places.tolist()) if elsewhere else ():
                if place in elsewhere:
                    host[index] = hosts.setdefault(elsewhere[place], len(hosts))
                    self.nights[elsewhere[place]][night] = known
            at.append((host * len(names) + places) * len(self.dates) + self.column[night])
            values.append(run.values)
        keys, medians = _medians(np.concatenate(at), np.concatenate(values))
        which, columns = np.divmod(keys, len(self.dates))
        rows, row = np.unique(which, return_inverse=True)
        matrix = np.full((rows.size, len(self.dates)), np.nan)
        matrix[row, columns] = medians
        labels = list(hosts)
        return {
            (
                labels[one // len(names)],
                msgspec.structs.replace(names[one % len(names)], host=None),
            ): matrix[index]
            for index, one in enumerate(rows.tolist())
        }

    def _axis(self, hosts: Iterable[str | None]) -> list[Night]:
        known: dict[str, Night] = {}
        for host in hosts:
            known.update(self.nights[host])
        return [known.get(one) or Night("", "", None, one) for one in self.dates]

    def _series(self, name: Name, host: str | None, nights: list[Night], row: FloatArray) -> Series:
        hardware, backend = self.place
        return Series(
            hardware, backend, name.key, name.gate, nights, row, host, name.test, name.how
        )

    def last_seen(self) -> list[LastSeen]:
        """When each test was last measured; a test with several measurements is several."""
        last: dict[tuple[str, str], int] = {}
        keys: dict[str, set[str]] = defaultdict(set)
        for (_, name), row in self.rows.items():
            column = int(np.flatnonzero(~np.isnan(row))[-1])
            keys[name.test].add(name.key)
            at = name.test, name.key
            last[at] = max(last.get(at, -1), column)
        said: dict[str, tuple[int, Unmeasured]] = {}
        for night, _, run in self.runs:
            for one in run.unmeasured:
                if one.outcome != UNCHANGED:
                    said[one.test] = self.column[night], one
                    continue
                for key in keys[one.test]:
                    last[one.test, key] = max(last[one.test, key], self.column[night])
        for test, (_, one) in said.items():
            # What measures in other ways, or is skipped by this hardware, has no series to miss.
            if not keys[test] and one.outcome in FAILED:
                last[test, one.key] = -1
        return [
            LastSeen(*self.place, test, key, column, self.dates, *_said(said.get(test), column))
            for (test, key), column in last.items()
        ]


def _said(one: tuple[int, Unmeasured] | None, last: int) -> tuple[str, str]:
    """Outcome and reason of the last run without a measurement, where that came later."""
    return (one[1].outcome, one[1].reason) if one and one[0] > last else ("", "")


def _medians(keys: IntArray, values: FloatArray) -> tuple[IntArray, FloatArray]:
    """Each key once, with the median of its values."""
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], values[order]
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    counts = np.diff(np.r_[first, keys.size])
    medians = values[first]
    for place in np.flatnonzero(counts > 1):
        medians[place] = np.median(values[first[place] : first[place] + counts[place]])
    return keys[first], medians
