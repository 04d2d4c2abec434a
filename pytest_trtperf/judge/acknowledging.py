"""Which parts of a cause were acknowledged: what follows later, on another host, was not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import date

from pytest_trtperf.judge.alarms import Cause, host_key
from pytest_trtperf.record.acknowledged import Acknowledged

Find = Callable[[Collection[str], str, str | None], Acknowledged | None]
"""What covers an alarm, by its names, since when it is, and when it was over."""


class Covering:
    """The acknowledgements on a night; `used` are the places of those that cover something."""

    def __init__(self, entries: list[Acknowledged], night: date) -> None:
        self._entries = entries
        self._night = night
        self.used: set[int] = set()

    def find(self, names: Collection[str], since: str, ended: str | None) -> Acknowledged | None:
        """The last one that covers an alarm, by any of its names."""
        began = date.fromisoformat(since)
        over = None if ended is None else date.fromisoformat(ended)
        found = None
        for place, one in enumerate(self._entries):
            if any(one.covers(name, began, over, self._night) for name in names):
                self.used.add(place)
                found = one
        return found


def parts_of(cause: Cause, find: Find) -> list[tuple[Cause, Acknowledged | None]]:
    """A cause, or its parts if an acknowledgement covers some of its hosts or tests alone.

    Hosts that follow change the name of a cause, and so do tests that recover. What was
    acknowledged by another name stays so.
    """
    if whole := _covered(find, [cause.key], cause):
        return [(cause, whole)]
    units = [(_covered(find, _names(unit, cause), unit), unit) for unit in cause.units()]
    if not any(by for by, _ in units):
        return [(cause, None)]
    kinds: list[Acknowledged | None] = []
    for by, _ in units:
        if by not in kinds:
            kinds.append(by)
    return [
        (part, kind)
        for kind in kinds
        for part in _alarms([unit for by, unit in units if by == kind])
    ]


def _covered(find: Find, names: Collection[str], cause: Cause) -> Acknowledged | None:
    return find(names, cause.night().date, cause.over())


def _names(unit: Cause, cause: Cause) -> set[str]:
    """The names under which an alarm of one host, or of one test on it, may have been shown."""
    (host,) = unit.hosts
    of_host = {host_key([host])} if cause.is_of_host or host in cause.formerly else set()
    return of_host if unit.common else of_host | unit.tests


def _alarms(units: list[Cause]) -> Iterator[Cause]:
    """What is one alarm of these."""
    whole = Cause.joined(units)
    if whole.is_of_host:
        yield whole
        return
    for test in sorted(whole.tests):
        yield Cause.joined([one for one in units if test in one.tests])
