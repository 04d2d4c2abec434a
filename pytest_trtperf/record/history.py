"""The records of many nights: one series for each test, metric, hardware, host and branch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timezone, tzinfo
from pathlib import Path
from statistics import median

import msgspec

from pytest_trtperf.analysis.gates import Gate
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.record.night_of import night_of
from pytest_trtperf.record.observed import UNCHANGED, Name, ObservedRun, Unmeasured
from pytest_trtperf.record.observed_files import observe
from pytest_trtperf.record.pooled import POOLED_BELOW, pooled
from pytest_trtperf.text import in_brief

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
    """One number of one test on one host over the nights; None where it was not measured.

    `nights` are those on which the hardware class was measured at all. `host` is None where
    records name none, and `how` names mode and shapes.
    """

    hardware_class: str
    backend: str
    key: str
    gate: Gate
    nights: list[Night]
    values: list[float | None]
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
            that name none count to every branch.

    Raises:
        BaselineError: there is no record of the branch, or the directory cannot be read.
    """
    observed = observe(directory)
    history = History(records=observed.records, left_out=observed.left_out)
    dated: list[_Dated] = []
    seen: set[object] = set()
    for record, run in observed.runs:
        itself = (run.created, run.hardware_class, run.backend, run.host, *run.names)
        if itself in seen:  # a record may lie beside the one that it was merged into
            continue
        seen.add(itself)
        try:
            dated.append((night_of(run.moment, zone).isoformat(), record, run))
        except ValueError as error:
            history.left_out.append(f"{directory / record}: {in_brief(error)}")
    dated = _of_branch(dated, branch, history)
    dated.sort(key=lambda one: (one[2].created, one[1]))
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
    """The runs of a branch, and those that name none."""
    branches = Counter(run.branch for _, _, run in dated if run.branch is not None)
    if not branches:
        return dated
    branch = asked or (MAIN if MAIN in branches or "master" not in branches else "master")
    if branch not in branches:
        known = ", ".join(name for name, _ in branches.most_common(5))
        raise BaselineError(
            f"no record is of the branch {branch!r}: there are {known}. Choose one with --branch"
        )
    others = sum(count for name, count in branches.items() if name != branch)
    if others:
        history.notes.append(f"{others} runs of other branches than {branch} do not count")
    return [one for one in dated if one[2].branch in (None, branch)]


class _Fleet:
    """The runs of one hardware class and backend."""

    def __init__(
        self, place: tuple[str, str], runs: Iterable[_Dated], names: Sequence[Name]
    ) -> None:
        self.place, self.names = place, names
        self.runs = list(runs)
        self.dates = sorted({night for night, _, _ in self.runs})
        self.column = {night: column for column, night in enumerate(self.dates)}
        self.notes: list[str] = []

    def newest(self) -> Night:
        night, record, run = self.runs[-1]
        return Night(run.created, record, run.commit, night, run.software)

    def series(self) -> list[Series]:
        found, nights = self._collected()
        hosts = {host: len(those) for host, those in nights.items()}
        short = {host for host, count in hosts.items() if host is not None and count < POOLED_BELOW}
        kept = set(hosts) - short if len(short) > 1 else set(hosts)
        if len(short) > 1:
            self.notes.append(
                f"{self.place[0]}: {len(short)} hosts were there on fewer than {POOLED_BELOW} "
                "nights. They are taken together, without what all tests of a host differ by"
            )
        rows = []
        axes = {host: self._axis(nights[host]) for host in kept}
        for (host, name), values in found.items():
            if host in kept:
                rows.append(self._series(name, host, axes[host], values))
        for label, chosen in ((SHORT_LIVED, short if len(short) > 1 else set()), (MOVING, kept)):
            parts = {at: one for at, one in found.items() if at[0] in chosen}
            if label == MOVING:
                parts = _moving(parts)
            if parts:
                every: dict[str, Night] = {}
                for host in {at[0] for at in parts}:
                    every.update(nights[host])
                axis = self._axis(every)
                rows += [
                    self._series(name, label, axis, values)
                    for name, values in pooled(parts).items()
                ]
        return rows

    def _collected(
        self,
    ) -> tuple[dict[tuple[str | None, Name], dict[str, float]], dict[str | None, dict[str, Night]]]:
        """Values by host, name and night, and what is known of each night of a host."""
        lists: dict[tuple[str | None, int], dict[str, list[float]]] = defaultdict(dict)
        nights: dict[str | None, dict[str, Night]] = defaultdict(dict)
        for night, record, run in self.runs:
            host = run.host
            nights[host][night] = Night(run.created, record, run.commit, night, run.software)
            for place, value in zip(run.names, run.values, strict=True):
                lists[host, place].setdefault(night, []).append(value)
        found: dict[tuple[str | None, Name], dict[str, float]] = {}
        for (host, place), values in lists.items():
            name = self.names[place]
            at = host
            if name.host is not None:
                at, name = name.host, msgspec.structs.replace(name, host=None)
                nights[at].update({night: nights[host][night] for night in values})
            found[at, name] = {
                night: these[0] if len(these) == 1 else median(these)
                for night, these in values.items()
            }
        return found, nights

    def _axis(self, nights: dict[str, Night]) -> list[Night]:
        return [nights.get(one) or Night("", "", None, one) for one in self.dates]

    def _series(
        self, name: Name, host: str | None, nights: list[Night], values: dict[str, float]
    ) -> Series:
        row: list[float | None] = [None] * len(self.dates)
        for night, value in values.items():
            row[self.column[night]] = value
        hardware, backend = self.place
        return Series(
            hardware, backend, name.key, name.gate, nights, row, host, name.test, name.how
        )

    def last_seen(self) -> list[LastSeen]:
        """When each test was last measured; a test with several measurements is several."""
        last: dict[tuple[str, str], int] = {}
        after: dict[str, Unmeasured] = {}
        known: dict[str, set[str]] = defaultdict(set)
        for night, _, run in self.runs:
            column = self.column[night]
            measured = {(self.names[place].test, self.names[place].key) for place in run.names}
            unchanged = {one.test for one in run.unmeasured if one.outcome == UNCHANGED}
            measured |= {(test, key) for test in unchanged for key in known[test]}
            for test, key in measured:
                known[test].add(key)
                last[test, key] = column
                after.pop(test, None)
            after.update({one.test: one for one in run.unmeasured if one.test not in unchanged})
        never = {(test, one.key): -1 for test, one in after.items() if not known[test]}
        return [
            LastSeen(*self.place, test, key, column, self.dates, *_said(after.get(test)))
            for (test, key), column in {**last, **never}.items()
        ]


def _said(one: Unmeasured | None) -> tuple[str, str]:
    return (one.outcome, one.reason) if one else ("", "")


def _moving(
    parts: dict[tuple[str | None, Name], dict[str, float]],
) -> dict[tuple[str | None, Name], dict[str, float]]:
    """Of tests that move between hosts: each host has them on fewer than half of their nights."""
    nights: dict[Name, set[str]] = defaultdict(set)
    most: Counter[Name] = Counter()
    for (_, name), values in parts.items():
        nights[name].update(values)
        most[name] = max(most[name], len(values))
    moving = {name for name, count in most.items() if 2 * count < len(nights[name])}
    return {at: values for at, values in parts.items() if at[1] in moving}
