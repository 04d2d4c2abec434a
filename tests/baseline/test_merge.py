"""How a new run joins the stored ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from pytest_trtperf.baseline.merge import KEPT_RUNS, add_run, incompatibilities, unlike
from pytest_trtperf.baseline.schema import BaselineEntry

Maker = Callable[..., BaselineEntry]


def levels(entry: BaselineEntry) -> list[float]:
    return [run.rounds[0].quantiles["latency"][0] for run in entry.runs]


def test_first_run_makes_the_entry(entry: Maker) -> None:
    assert add_run(None, entry(1.0)) == entry(1.0)


def test_runs_are_appended_and_the_oldest_go(entry: Maker) -> None:
    stored = None
    for level in range(1, KEPT_RUNS + 3):
        stored = add_run(stored, entry(float(level)))
    assert stored is not None
    assert levels(stored) == list(range(3, KEPT_RUNS + 3))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"engine": "ef" * 32}, "engine"),
        ({"mode": {"cuda_graph": True}}, "mode cuda_graph: False was recorded, now True"),
        ({"shapes": {"input": [1, 3, 224, 224]}}, "shapes"),
    ],
)
def test_entry_of_something_else_is_replaced(
    entry: Maker, changes: dict[str, Any], expected: str
) -> None:
    new = entry(2.0, **changes)
    assert add_run(entry(1.0), new) == new
    assert any(expected in line for line in incompatibilities(entry(1.0), new))


def test_entries_of_the_same_measurement_do_not_differ(entry: Maker) -> None:
    assert incompatibilities(entry(1.0), entry(2.0)) == []


def test_runs_of_unlike_software_do_not_pile_up(entry: Maker) -> None:
    def recorded_by(level: float, **software: str) -> BaselineEntry:
        made = entry(level)
        run = msgspec.structs.replace(made.runs[0], software=software)
        return msgspec.structs.replace(made, runs=[run])

    before = recorded_by(1.0, tensorrt="10.1", driver="580", python="3.11")
    after = recorded_by(2.0, tensorrt="10.2", driver="580", python="3.12")
    assert unlike(before, after) == ["tensorrt 10.1 before, 10.2 now"]
    assert levels(add_run(before, after)) == [2.0]
    same = recorded_by(3.0, tensorrt="10.2", driver="580", python="3.13")
    assert levels(add_run(after, same)) == [2.0, 3.0]


def test_only_the_newest_run_keeps_layers_and_tactics(entry: Maker) -> None:
    def seen(level: float) -> BaselineEntry:
        made = entry(level)
        run = msgspec.structs.replace(made.runs[0], layers={"conv": level}, tactics={"conv": "0x1"})
        return msgspec.structs.replace(made, runs=[run])

    first, second = add_run(add_run(None, seen(1.0)), seen(2.0)).runs
    assert (first.layers, first.tactics) == ({}, {})
    assert (second.layers, second.tactics) == ({"conv": 2.0}, {"conv": "0x1"})
