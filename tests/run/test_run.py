"""What a run takes from reports and from collection, and what it makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_trtperf.record.model import MaxQpsRecord, PairRecord
from pytest_trtperf.run.run import without_group
from tests.run.fakes import fake


def test_tests_come_as_they_were_collected_whichever_worker_was_first(begin, measured):
    run = begin()
    run.note_collected(["test_x.py::test_a@group", "test_x.py::test_b", "test_x.py::test_c"])
    for name in ("later", "test_c", "test_a"):
        run.add([measured(f"test_x.py::{name}")], passed=True)
    run.put_in_order()
    assert [one.test.partition("::")[2] for one in run.measured] == ["test_a", "test_c", "later"]


def test_what_ran_again_takes_the_place_of_what_it_measured_before(begin, measured):
    run = begin()
    run.add([measured(level=1.0), measured("test_x.py::test_a#wide", level=2.0)], passed=False)
    run.add([measured(level=3.0)], passed=True)
    assert [(one.key, passed) for one, passed in run.measurements] == [
        ("test_x.py::test_a#wide", False),
        ("test_x.py::test_a", True),
    ]
    assert run.measurements[1][0].summary["latency"]["median"] == 3.0


def test_kinds_are_kept_apart(begin, measured, make_measurement):
    run = begin()
    common = make_measurement().engine
    where: dict[str, Any] = {
        "test": "test_x.py::test_a",
        "device": "d",
        "verdicts": [],
        "findings": [],
    }
    search = MaxQpsRecord(
        key="k", engine=common, shapes={}, mode={}, limit_ms=1.0, rate=1.0, lower=1.0, upper=1.0,
        closed_qps=1.0, trials=[], message="", **where,
    )  # fmt: skip
    pair = PairRecord(
        key="p", engines={"new": common}, modes={}, blocks=2, ratios={}, message="", **where
    )
    run.add([measured(), search.to_builtins(), pair.to_builtins()], passed=True)
    assert ([search], [pair]) == (run.max_qps, run.pairs)
    record = run.record(0)
    assert [one.key for one in record.measured] == ["test_x.py::test_a", "k", "p"]


def test_a_measurement_without_a_baseline_is_missing_unless_it_becomes_one(begin, measured):
    names = {"test_a": True, "test_c": False}
    expected = {"update_new": ["test_x.py::test_c"], "layers": [f"test_x.py::{n}" for n in names]}
    for option, missing in expected.items():
        run = begin(**{option: True})
        for name, passed in names.items():
            run.add([measured(f"test_x.py::{name}")], passed=passed)
        run.add([measured("test_x.py::test_b", baseline="off")], passed=True)
        assert run.missing == missing


def test_errors_are_kept_once_and_fail_a_run_that_passed(begin):
    run = begin()
    assert [run.exit_status(status) for status in (0, 1, 2, 5)] == [0, 1, 2, 5]
    run.note_error("x.json: no space")
    run.note_error("x.json: no space")
    assert run.errors == ["x.json: no space"]
    assert [run.exit_status(status) for status in (0, 1, 2, 5)] == [1, 1, 2, 5]


def test_the_record_names_machine_and_versions(begin, measured, monkeypatch):
    monkeypatch.setenv("GITHUB_SHA", "c0ffee")
    run = begin()
    run.add([measured()], passed=True)
    record = run.record(1)
    assert (record.backend, record.device, record.hardware_class) == (
        "tensorrt",
        "NVIDIA H200",
        "nvidia-h200",
    )
    assert (record.software, record.commit, record.exit_status) == (
        {"driver": "580.1"},
        "c0ffee",
        1,
    )


def test_a_record_in_the_place_of_baselines_is_asked_first(begin, tmp_path):
    run = begin()
    run.against = {"test_x.py::test_a": {"k": "entry"}}
    store, module = run.baseline_of(tmp_path / "test_x.py")
    assert run.baseline(store, module, "test_x.py::test_a", "k") == "entry"
    assert run.baseline(store, module, "test_x.py::test_b", "k") is None


@pytest.mark.parametrize(
    ("arguments", "options", "deselected", "selective"),
    [
        (["tests"], {}, set(), False),
        (["test_x.py::test_a", "other"], {}, {"test_x.py"}, False),
        (["tests"], {"lf": True}, set(), True),
        (["package"], {"pyargs": True}, set(), True),
    ],
)
def test_what_was_selected_is_not_collected_whole(
    begin, tmp_path, monkeypatch, arguments, options, deselected, selective
):
    monkeypatch.chdir(tmp_path)
    run = begin()
    config = fake(args=arguments, getoption=lambda name, default: options.get(name))
    run.note_selection(config)
    assert run.deselected == {str(tmp_path / name) for name in deselected}
    assert bool(run.selective) == selective


def test_a_worker_elsewhere_names_paths_as_the_controller_has_them(begin, tmp_path):
    home, elsewhere = Path("/home/ci/repository"), Path("/elsewhere")
    run = begin(home=home)
    assert run.at_home(tmp_path / "a" / "b.py") == home / "a" / "b.py"
    assert run.at_home(elsewhere) == elsewhere
    assert begin().at_home(tmp_path) == tmp_path


@pytest.mark.parametrize(
    ("nodeid", "plain"),
    [
        ("t.py::test_a@gpu", "t.py::test_a"),
        ("t.py::test_a[x@y]@a@b", "t.py::test_a[x@y]"),
        ("t.py::test_a[x@y]", "t.py::test_a[x@y]"),
        ("a@b/t.py::test_a", "a@b/t.py::test_a"),
    ],
)
def test_the_group_of_a_node_id_is_left_out(nodeid, plain):
    assert without_group(nodeid) == plain
