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
from pytest_trtperf.record.acknowledged import HOST
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
    """Members with one cause. `common` are those that are what all tests of a host did.

    `moved` are the hosts and tests that did what all did there. On the hosts `formerly` it was part
    of what many tests did, of which others have recovered.
    """

    members: list[Member]
    common: list[Member] = field(default_factory=list)
    moved: set[tuple[str | None, str]] = field(default_factory=set)
    formerly: set[str | None] = field(default_factory=set)

    @classmethod
    def joined(cls, parts: Sequence[Cause]) -> Cause:
        """Several as one."""
        return cls(
            [member for one in parts for member in one.members],
            [member for one in parts for member in one.common],
            {each for one in parts for each in one.moved},
            {host for one in parts for host in one.formerly},
        )

    @property
    def tests(self) -> set[str]:
        """The tests that it is about."""
        return {one.of.key for one in self.members} | {test for _, test in self.moved}

    @property
    def is_of_host(self) -> bool:
        """Whether it is what many tests of a host did, and named after that."""
        return bool(self.common) or len(self.tests) >= MANY

    @property
    def key(self) -> str:
        """What acknowledges it: the test, or `host:` and the hosts."""
        return host_key(self.hosts) if self.is_of_host else self.shown.of.key

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

    def over(self) -> str | None:
        """The night since when it is over; None while it lasts."""
        return None if self.ended is None else self.shown.of.series.nights[self.ended].date

    def units(self) -> list[Cause]:
        """Its parts by host, and by test where not all tests of the host did it."""
        found: dict[tuple[str | None, str | None], Cause] = {}
        whole = {one.of.host for one in self.common}
        for one in self.all:
            place = one.of.host, None if one.of.host in whole else one.of.key
            unit = found.setdefault(place, Cause([], formerly=self.formerly))
            (unit.common if one in self.common else unit.members).append(one)
        for (host, _), unit in found.items():
            unit.moved = {each for each in self.moved if each[0] == host and host in whole}
        return list(found.values())

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
    found = [
        Cause([], [one], {(one.of.host, test) for test in _tests_of(one, rows)}) for one in common
    ]
    rest = [one for one in single if not _explained(one, found)]
    tests = list(_by_test(rest))
    many, few = _by_host(tests)
    _note_recovered(few, tests, found)
    return sorted(
        [*_merged([*found, *many]), *few], key=lambda one: (one.ended is not None, one.since)
    )


def _explained(one: Member, found: Iterable[Cause]) -> bool:
    """Whether a member only does what all tests of its host did; then it becomes part of that."""
    for cause in found:
        (whole,) = cause.common
        same = (whole.episode.ended is None) == (one.episode.ended is None)
        if (same or _is_back(one, whole.episode.ended)) and _does_as(one, whole):
            cause.members.append(one)
            return True
    return False


def _is_back(one: Member, night: int | None) -> bool:
    """Whether a member has mostly been at its old level since a night on which its host was back.

    All tests of a host notice that long before each of them would.
    """
    after = one.row.logs[one.row.logs.size if night is None else night :]
    if np.isnan(after).all():
        return False
    return bool(np.nanmedian(after) - one.episode.before <= one.size / 2)


def _does_as(one: Member, whole: Member) -> bool:
    """Whether a member began with what all tests of its host did, and does no more than that."""
    near = abs(whole.episode.since - one.episode.since) <= _FAR or (
        one.episode.since <= whole.episode.since <= one.episode.raised
    )
    no_more = one.size <= whole.size + 3 * one.episode.error + math.log1p(0.005)
    return one.of.host == whole.of.host and near and no_more


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
    for these in found.values():
        for near in _near(these):
            yield Cause(near)


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
                many.append(Cause.joined(group))
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
            result[-1] = Cause.joined([last, one])
        else:
            result.append(one)
    return result


def _note_recovered(
    few: Iterable[Cause], tests: Iterable[Cause], whole_hosts: Iterable[Cause]
) -> None:
    """Notes what still lasts of causes of whole hosts that are over for their other tests."""
    few = list(few)
    others = [one for one in tests if one in few or one.ended is not None]
    ended = [one for cause in whole_hosts for one in cause.common if one.episode.ended is not None]
    for one in few:
        if one.ended is not None:
            continue
        for host in one.hosts:
            near = [
                other
                for other in others
                if host in other.hosts and abs(other.since - one.since) <= NEAR
            ]
            members = [member for member in one.members if member.of.host == host]
            if len({test for other in near for test in other.tests}) >= MANY or any(
                all(_does_as(member, whole) for member in members) for whole in ended
            ):
                one.formerly.add(host)


def host_key(hosts: Sequence[str | None]) -> str:
    """The name of what many tests of these hosts did."""
    return f"{HOST}{','.join(host or 'unknown' for host in hosts)}"


def typical_size(cause: Cause) -> float:
    """The change of a cause of many tests, as a share of times."""
    return math.expm1(median(one.size for one in cause.common or cause.members))
