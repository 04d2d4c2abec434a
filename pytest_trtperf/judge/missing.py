"""Tests that were not measured for some nights, over all hosts of a hardware class."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from pytest_trtperf.record.history import History, LastSeen

MISSING_NIGHTS = 3
"""Nights without a measurement after which a test is missing."""

_SPELL = 2
"""A hardware class is missing after this many times its longest pause."""


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """A test, or a whole hardware class, that is measured no more.

    `key` is None of a whole class. `last` is the last night with a measurement, `since` the first
    without, `nights` how many there were since. `outcome` and `reason` are pytest's of the last
    run.
    """

    hardware_class: str
    backend: str
    test: str
    key: str | None
    last: str | None
    since: str
    nights: int
    outcome: str = ""
    reason: str = ""


def missing(history: History, nights: int = MISSING_NIGHTS) -> list[Missing]:
    """What was not measured in the last nights on which its hardware class was measured at all."""
    found = [one for seen in history.last_seen for one in _missing(seen, nights)]
    return sorted([*_classes(history, nights), *found], key=lambda one: (one.since, one.test))


def _missing(seen: LastSeen, nights: int) -> Iterator[Missing]:
    count = len(seen.nights) - 1 - seen.night
    if count >= nights:
        yield Missing(
            hardware_class=seen.hardware_class,
            backend=seen.backend,
            test=seen.test,
            key=seen.key,
            last=seen.nights[seen.night] if seen.night >= 0 else None,
            since=seen.nights[seen.night + 1],
            nights=count,
            outcome=seen.outcome,
            reason=seen.reason,
        )


def _classes(history: History, nights: int) -> Iterator[Missing]:
    """Hardware classes of which nothing came any more while others went on."""
    dates: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in history.last_seen:
        dates[one.hardware_class, one.backend].update(one.nights)
    every = sorted({night for those in dates.values() for night in those})
    for (hardware, backend), those in dates.items():
        places = [every.index(night) for night in sorted(those)]
        count = len(every) - 1 - places[-1]
        if count >= max(nights, _SPELL * _longest_pause(places)):
            yield Missing(
                hardware_class=hardware,
                backend=backend,
                test="",
                key=None,
                last=every[places[-1]],
                since=every[places[-1] + 1],
                nights=count,
            )


def _longest_pause(places: Iterable[int]) -> int:
    return max((b - a for a, b in itertools.pairwise(places)), default=1)
