"""What a run takes from reports and from collection, and what it makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_trtperf.record.model import MaxQpsRecord, PairRecord
from pytest_trtperf.run.items import plain_id
from tests.run.fakes import fake


def test_tests_come_as_they_were_collected_whichever_worker_was_first(begin, measured):
    run = begin()
    run.items.note_groups({"test_x.py::test_a@[a]:b": "test_x.py::test_a"})
    run.note_collected(["test_x.py::test_a@[a]:b", "test_x.py::test_b", "test_x.py::test_c"])
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


@pytest.fixture
def search(make_measurement):
    """Makes what a report carries of a search for a rate."""

    def make(name, rate=1.0):
        return MaxQpsRecord(
            test=f"test_x.py::{name}", key=f"{name}#k", device="d", verdicts=[], findings=[],
            engine=make_measurement().engine, shapes={}, mode={}, limit_ms=1.0, rate=rate,
            lower=1.0, upper=1.0, closed_qps=1.0, trials=[], message="",
        ).to_builtins()  # fmt: skip

    return make


@pytest.fixture
def pair(make_measurement):
    """Makes what a report carries of a pair."""

    def make(name, blocks=2):
        return PairRecord(
            test=f"test_x.py::{name}", key=f"{name}#p", device="d", verdicts=[], findings=[],
            engines={"new": make_measurement().engine}, modes={}, blocks=blocks, ratios={},
            message="",
        ).to_builtins()  # fmt: skip

    return make


def test_kinds_are_kept_apart(begin, measured, search, pair):
    run = begin()
    assert not run.has_measured
    run.add([pair("test_a"), measured(), search("test_a")], passed=True)
    assert [one.key for one in run.max_qps] == ["test_a#k"]
    assert [one.key for one in run.pairs] == ["test_a#p"]
    assert [(one.key, passed) for one, passed in run.measurements] == [("test_x.py::test_a", True)]
    assert run.measured == run.record(0).measured
    assert [one.key for one in run.measured] == ["test_x.py::test_a", "test_a#k", "test_a#p"]


def test_each_kind_alone_is_something_to_show(begin, measured, search, pair):
    for one in (measured(), search("test_a"), pair("test_a")):
        run = begin()
        run.add([one], passed=False)
        assert run.has_measured


def test_searches_and_pairs_that_ran_again_are_kept_once(begin, search, pair):
    run = begin()
    for number in (1, 2):
        run.add([search("test_a", rate=float(number)), pair("test_a", blocks=number)], passed=True)
        run.add([search(f"test_{number}"), pair(f"test_{number}")], passed=True)
    assert [(one.key, one.rate) for one in run.max_qps] == [
        *(("test_1#k", 1.0), ("test_a#k", 2.0), ("test_2#k", 1.0)),
    ]
    assert [(one.key, one.blocks) for one in run.pairs] == [
        *(("test_1#p", 2), ("test_a#p", 2), ("test_2#p", 2)),
    ]


def test_searches_and_pairs_come_as_they_were_collected(begin, search, pair):
    run = begin()
    run.note_collected(["test_x.py::test_b", "test_x.py::test_a"])
    run.add([make(name) for make in (search, pair) for name in ("test_a", "test_b")], passed=True)
    run.put_in_order()
    assert [one.key for one in run.max_qps] == ["test_b#k", "test_a#k"]
    assert [one.key for one in run.pairs] == ["test_b#p", "test_a#p"]


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


def test_a_baseline_is_that_of_the_module_and_the_key(begin):
    store = fake(get=lambda module, key: (module, key))
    assert begin().baseline(store, "test_x.py", "test_x.py::test_a", "k") == ("test_x.py", "k")


def test_baselines_lie_where_the_option_says_or_nearest_to_the_module(begin, tmp_path):
    near = tmp_path / "models" / "perf-baselines"
    near.mkdir(parents=True)
    module = tmp_path / "models" / "big" / "test_x.py"
    run = begin()
    store, name = run.baseline_of(module)
    assert (store.directory, name) == (near, "big/test_x.py")
    assert run.baseline_of(module.with_name("test_y.py"))[0] is store
    store, name = begin(baseline_dir=tmp_path / "all").baseline_of(module)
    assert (store.directory, name) == (tmp_path / "all", "models/big/test_x.py")


def test_without_a_directory_of_baselines_it_is_made_in_the_root(begin, tmp_path):
    run = begin()
    run.rootdir = tmp_path / "root"
    store, name = run.baseline_of(run.rootdir / "tests" / "test_x.py")
    assert (store.directory, name) == (tmp_path / "root" / "perf-baselines", "tests/test_x.py")


def test_everything_recorded_anew_is_compared_with_nothing(begin):
    assert begin().compares
    assert begin(update_new=True).compares
    assert not begin(update=True).compares


def test_tests_are_collected_by_module(begin, tmp_path):
    run = begin()
    run.note_collected(["a/test_x.py::TestA::test_b", "a/test_x.py::test_c[1]@g", "test_y.py::d"])
    assert run.collected == {
        str(tmp_path / "a" / "test_x.py"): {
            "a/test_x.py::TestA::test_b",
            "a/test_x.py::test_c[1]@g",
        },
        str(tmp_path / "test_y.py"): {"test_y.py::d"},
    }


@pytest.mark.parametrize(
    ("arguments", "options", "deselected", "selective"),
    [
        (["tests"], {}, set(), False),
        (["test_x.py::TestA::test_b", "other"], {}, {"test_x.py"}, False),
        (["tests"], {"lf": True}, set(), True),
        (["package"], {"pyargs": True}, set(), True),
    ],
)
def test_what_was_selected_is_not_collected_whole(
    begin, tmp_path, monkeypatch, arguments, options, deselected, selective
):
    monkeypatch.chdir(tmp_path)
    run = begin()
    config = fake(args=arguments, getoption=options.get)
    run.note_selection(config)
    assert run.deselected == {str(tmp_path / name) for name in deselected}
    assert run.selective is selective


def test_a_worker_elsewhere_names_paths_as_the_controller_has_them(begin, tmp_path):
    home, elsewhere = Path("/home/ci/repository"), Path("/elsewhere")
    run = begin(home=home)
    assert run.at_home(tmp_path / "a" / "b.py") == home / "a" / "b.py"
    assert run.at_home(elsewhere) == elsewhere
    assert begin().at_home(tmp_path) == tmp_path


@pytest.mark.parametrize("name", ["test_a", "test_a[x@y]", "model@fp16"])
@pytest.mark.parametrize("group", ["", "@gpu", "@a:b/c", "@[x]", "@a@b"])
def test_the_group_of_a_node_id_is_left_out(name, group):
    item = fake(parent=fake(nodeid="a@b/t.py::TestA"), name=name)
    item.nodeid = f"a@b/t.py::TestA::{name}{group}"
    assert plain_id(item) == f"a@b/t.py::TestA::{name}"
