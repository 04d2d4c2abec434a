"""What becomes of baseline entries, as a table: for `trtperf baseline diff` and `accept`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from pytest_trtperf.analysis.percent import signed_percent
from pytest_trtperf.baseline.merge import incompatibilities, unlike
from pytest_trtperf.baseline.schema import BaselineEntry
from pytest_trtperf.commands.stored_baselines import figures
from pytest_trtperf.record.text import shortened
from pytest_trtperf.report.tables import aligned

COLUMNS = ("test", "hardware", "backend", "metric", "old", "new", "change", "runs")


class EntryId(msgspec.Struct, frozen=True, order=True):
    """What identifies an entry in a baseline directory."""

    module: str
    key: str
    hardware_class: str
    backend: str

    def __str__(self) -> str:
        return f"{shortened(self.key)} ({self.backend} on {self.hardware_class})"


Entries = Mapping[EntryId, BaselineEntry]


class EntryChange(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that is not the same in both: `figures` are (old, new), `notes` say why.

    `runs` are their numbers, old and new.
    """

    identity: EntryId
    what: str  # added, removed or changed
    runs: tuple[int, int]
    figures: dict[str, tuple[float | None, float | None]]
    notes: list[str]


def changes(old: Entries, new: Entries) -> list[EntryChange]:
    """The entries that differ, by module and key."""
    return [
        _change(one, old.get(one), new.get(one))
        for one in sorted(old.keys() | new.keys())
        if old.get(one) != new.get(one)
    ]


def _change(one: EntryId, old: BaselineEntry | None, new: BaselineEntry | None) -> EntryChange:
    before, after = figures(old) if old else {}, figures(new) if new else {}
    return EntryChange(
        identity=one,
        what="added" if old is None else "removed" if new is None else "changed",
        runs=(len(old.runs) if old else 0, len(new.runs) if new else 0),
        figures={
            name: (before.get(name), after.get(name))
            for name in dict.fromkeys((*before, *after))
        },
        notes=[*incompatibilities(old, new), *unlike(old, new)] if old and new else [],
    )  # fmt: skip


def change_lines(found: Sequence[EntryChange]) -> Iterator[str]:
    """A table of the changes, what is behind them, and how many there are."""
    rows = [row for one in found for row in _rows(one)]
    yield from aligned([COLUMNS, *rows], left=(0, 1, 2, 3)) if rows else []
    yield from (f"{one.identity}: {text}" for one in found for text in one.notes)
    counts = {what: sum(one.what == what for one in found) for what in _WHAT}
    yield ", ".join(f"{count} {what}" for what, count in counts.items())


_WHAT = ("added", "changed", "removed")


def _rows(one: EntryChange) -> Iterator[tuple[str, ...]]:
    for name, (old, new) in one.figures.items():
        yield (
            shortened(one.identity.key),
            one.identity.hardware_class,
            one.identity.backend,
            name,
            "-" if old is None else f"{old:.5g}",
            "-" if new is None else f"{new:.5g}",
            one.what if old is None or new is None else signed_percent(new / old - 1),
            "{} -> {}".format(*one.runs),
        )
