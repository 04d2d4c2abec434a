"""What got slower, one alarm for each cause: of one test, or of many on one host and night."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from pytest_trtperf.analysis.episodes import Episode
from pytest_trtperf.baseline.software import changed_versions
from pytest_trtperf.judge.trend import COMMON, Row, WatchedRow
from pytest_trtperf.record.history import Night

NEAR = 3
"""Nights within which two dates may be of one cause."""

_FAR = 14
"""Nights within which a date may be of what all tests of the host did: theirs is known better."""

MANY = 5
"""Tests of one host that make an alarm of the host."""


@dataclass(frozen=True)
class Member:
    """A stretch of a row at a worse level."""

    row: WatchedRow
    episode: Episode

    @property
    def of(self) -> Row:
        """What the row is of."""
        return self.row.row

    @property
    def size(self) -> float:
        """How much more, as a logarithm."""
        return self.row.now(self.episode)[0] - self.episode.before


@dataclass
class Cause:
    """Members with one cause. `common` are those that are what all tests of a host did."""

    members: list[Member]
    common: list[Member] = field(default_factory=list)
    tests: set[str] = field(default_factory=set)

    @property
    def all(self) -> list[Member]:
        """The members, what is common first."""
        return [*self.common, *self.members]

    @property
    def since(self) -> int:
        """The night on which it began, as a column: the middle of what its members say."""
        dates = sorted(one.episode.since for one in self.common or self.members)
        return dates[(len(dates) - 1) // 2]

    @property
    def raised(self) -> int:
        """The night on which it was noticed first, as a column."""
        return min(one.episode.raised for one in self.all)

    @property
    def ended(self) -> int | None:
        """The night since when it is over, as a column; None while it lasts."""
        ends = [one.episode.ended for one in self.common or self.members]
        known = [end for end in ends if end is not None]
        return max(known) if len(known) == len(ends) else None

    @property
    def hosts(self) -> list[str | None]:
        """The hosts on which it is."""
        return sorted({one.of.host for one in self.all}, key=lambda host: host or "")

    @property
    def shown(self) -> Member:
        """The member whose numbers are shown: of a real number, the one noticed first."""
        chosen = self.common or [one for one in self.members if one.of.number is not None]
        return min(chosen or self.members, key=lambda one: one.episode.raised)

    def night(self) -> Night:
        """The night on which it began, on one of its hosts."""
        column = self.since
        nights = [one.of.series.nights[column] for one in self.all]
        known = [night for night in nights if night.record]
        return known[0] if known else nights[0]

    def software(self) -> list[str]:
        """What changed in the software on that night, such as `driver 580 -> 590`."""
        for one in self.all:
            nights = one.of.series.nights
            before = [night for night in nights[: self.since] if night.record]
            now = nights[self.since]
            if before and now.record:
                changed = changed_versions(before[-1].software, now.software)
                return [f"{name} {old} -> {new}" for name, old, new in changed]
        return []


def causes(rows: Sequence[WatchedRow]) -> list[Cause]:
    """The regressions of one hardware class and backend, by cause, those that are over too."""
    members = [
        Member(row, episode) for row in rows for episode in row.episodes if episode.is_regression
    ]
    common = [one for one in members if one.of.metric == COMMON]
    single = [one for one in members if one.of.metric != COMMON]
    found = [Cause([], [one], _tests_of(one, rows)) for one in common]
    rest = [one for one in single if not _explained(one, found)]
    tests = list(_by_test(rest))
    many, few = _by_host(tests)
    return sorted(
        [*_merged([*found, *many]), *few], key=lambda one: (one.ended is not None, one.since)
    )


def _explained(one: Member, found: Iterable[Cause]) -> bool:
    """Whether a member only does what all tests of its host did; then it becomes part of that."""
    for cause in found:
        (whole,) = cause.common
        near = abs(whole.episode.since - one.episode.since) <= _FAR or (
            one.episode.since <= whole.episode.since <= one.episode.raised
        )
        same = (whole.episode.ended is None) == (one.episode.ended is None)
        no_more = one.size <= whole.size + 3 * one.episode.error + math.log1p(0.005)
        if one.of.host == whole.of.host and near and same and no_more:
            cause.members.append(one)
            cause.tests.add(one.of.key)
            return True
    return False


def _tests_of(whole: Member, rows: Iterable[WatchedRow]) -> set[str]:
    """The tests of a host that moved at least half as far as all together."""
    since, end = whole.episode.since, whole.episode.ended
    tests = set()
    for row in rows:
        if row.row.host != whole.of.host or row.row.number is None:
            continue
        before, after = row.logs[max(0, since - 30) : since], row.logs[since:end]
        if np.isnan(before).all() or np.isnan(after).all():
            continue
        if np.nanmedian(after) - np.nanmedian(before) > whole.size / 2:
            tests.add(row.row.key)
    return tests


def _by_test(members: Iterable[Member]) -> Iterator[Cause]:
    """Members of one test that began together, whatever host and metric they are of."""
    found: dict[tuple[str, bool], list[Member]] = defaultdict(list)
    for one in members:
        found[one.of.key, one.episode.ended is None].append(one)
    for (key, _), these in found.items():
        for near in _near(these):
            yield Cause(near, tests={key})


def _near(members: list[Member]) -> Iterator[list[Member]]:
    group: list[Member] = []
    for one in sorted(members, key=lambda one: one.episode.since):
        if group and one.episode.since - group[-1].episode.since > NEAR:
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def _by_host(tests: Sequence[Cause]) -> tuple[list[Cause], list[Cause]]:
    """Causes of many tests of a host, and those that are of few."""
    many: list[Cause] = []
    left = list(tests)
    for host in sorted({host for one in tests for host in one.hosts}, key=lambda host: host or ""):
        here = sorted((one for one in left if host in one.hosts), key=lambda one: one.since)
        while here:
            start = here[0]
            end = start.ended is None
            group = [
                one
                for one in here
                if one.since - start.since <= NEAR and (one.ended is None) == end
            ]
            if len({test for one in group for test in one.tests}) >= MANY:
                many.append(_joined(group))
                left = [one for one in left if one not in group]
                here = [one for one in here if one not in group]
            else:
                here = here[1:]
    return many, left


def _merged(found: Sequence[Cause]) -> list[Cause]:
    """Causes of whole hosts that began together are one."""
    result: list[Cause] = []
    for one in sorted(found, key=lambda one: (one.ended is not None, one.since)):
        last = result[-1] if result else None
        if last and one.since - last.since <= NEAR and (one.ended is None) == (last.ended is None):
            result[-1] = _joined([last, one])
        else:
            result.append(one)
    return result


def _joined(parts: Sequence[Cause]) -> Cause:
    return Cause(
        [member for one in parts for member in one.members],
        [member for one in parts for member in one.common],
        {test for one in parts for test in one.tests},
    )


def typical_size(cause: Cause) -> float:
    """The change of a cause of many tests, as a share of times."""
    return math.expm1(median(one.size for one in cause.common or cause.members))
