"""`trtperf merge`: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import pytest

from pytest_trtperf.record.item import ItemRecord
from pytest_trtperf.record.json_file import read_runs

KEY = "tests/test_x.py::test_a"


def test_runs_of_a_matrix(trtperf, tmp_path, write_run):
    paths = [write_run(name, hardware_class=name) for name in ("nvidia-h200", "nvidia-l4")]
    result = trtperf("merge", *paths, "-o", tmp_path / "out" / "all.json")
    assert (result.status, result.err) == (0, "")
    assert result.out == f"{tmp_path / 'out' / 'all.json'}: 2 runs, 2 measurements\n"
    assert read_runs(tmp_path / "out" / "all.json") == [read_runs(path)[0] for path in paths]


def test_merged_records_merge_again(trtperf, tmp_path, write_run):
    a, b, c = (write_run(name, hardware_class=name) for name in "abc")
    trtperf("merge", a, b, "-o", tmp_path / "ab.json")
    trtperf("merge", tmp_path / "ab.json", c, "-o", tmp_path / "abc.json")
    assert [run.hardware_class for run in read_runs(tmp_path / "abc.json")] == ["a", "b", "c"]


def test_duplicates_are_refused_by_name(trtperf, tmp_path, write_run):
    a, b = write_run("a"), write_run("b")
    result = trtperf("merge", a, b, "-o", tmp_path / "all.json")
    assert result.status == 2
    assert f"the records have 1 measurement more than once:\n  {KEY} (tensorrt" in result.err
    assert not (tmp_path / "all.json").exists()


def test_many_duplicates_are_counted(trtperf, tmp_path, write_run, make_measurement):
    those = [make_measurement(f"t.py::test[{number}]") for number in range(25)]
    result = trtperf("merge", write_run("a", *those), write_run("b", *those), "-o", tmp_path / "x")
    assert "and 15 more" in result.err


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_last_named_is_kept(trtperf, tmp_path, write_run, make_measurement, order):
    other = make_measurement("tests/test_x.py::test_other")
    of_a = [ItemRecord(test=one, key=one, outcome="failed") for one in (KEY, other.test)]
    of_b = [ItemRecord(test=KEY, key=KEY, outcome="passed")]
    write_run("a", make_measurement(level=1.0), other, tests=of_a)
    write_run("b", make_measurement(level=2.0), tests=of_b)
    paths = [tmp_path / f"{name}.json" for name in order]
    result = trtperf("merge", *paths, "-o", tmp_path / "all.json", "--keep", "last", "--json")
    assert result.json["measurements"] == 2
    kept = {
        m.key: m.throughput for run in read_runs(tmp_path / "all.json") for m in run.measurements
    }
    assert kept == {KEY: 500.0 if order[-1] == "b" else 1000.0, other.key: 1000.0}
    outcomes = [
        (item.test, item.outcome) for run in read_runs(tmp_path / "all.json") for item in run.tests
    ]
    last = "passed" if order[-1] == "b" else "failed"
    assert sorted(outcomes) == [(KEY, last), (other.test, "failed")]


def test_thousands_of_records(trtperf, tmp_path, write_run):
    paths = [write_run(f"{number:04}", hardware_class=f"gpu-{number}") for number in range(1500)]
    assert trtperf("merge", *paths, "-o", tmp_path / "all.json").status == 0
    assert len(read_runs(tmp_path / "all.json")) == 1500


def test_place_that_cannot_be_written(trtperf, tmp_path, write_run):
    (tmp_path / "taken").write_text("a file")
    result = trtperf("merge", write_run("a"), "-o", tmp_path / "taken" / "all.json")
    assert result.status == 2
    assert "taken" in result.err


STARTED = "2026-01-02T03:00:00Z"


def shards(write_run, make_measurement, *changes):
    """Records of different tests, each with the changes of one."""
    return [
        write_run(
            f"shard-{number}",
            make_measurement(f"t.py::test[{number}]"),
            **{"started": STARTED, **one},
        )
        for number, one in enumerate(changes)
    ]


def test_shards_of_one_run_are_merged(trtperf, tmp_path, write_run, make_measurement):
    same = {"options": {"tolerance": {"p99": 0.2}, "round_ms": 50.0}}
    paths = shards(write_run, make_measurement, same, same, same)
    result = trtperf("merge", "--shards", *paths, "-o", tmp_path / "all.json")
    assert (result.status, result.err) == (0, "")
    assert len(read_runs(tmp_path / "all.json")) == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"commit": "4f2a81c0"},
            "commit: c0ffee (PATH/shard-0.json), 4f2a81c0 (PATH/shard-1.json)",
        ),
        (
            {"options": {"round_ms": 50.0}},
            "option round_ms: default (PATH/shard-0.json), 50.0 (PATH/shard-1.json)",
        ),
    ],
)
def test_what_differs_is_named_with_its_files(
    trtperf, tmp_path, write_run, make_measurement, changes, said
):
    paths = shards(write_run, make_measurement, {}, changes)
    output = tmp_path / "all.json"
    result = trtperf("merge", *paths, "-o", output)
    assert result.status == 2
    assert f"not of one run:\n  {said.replace('PATH', str(tmp_path))}\n" in result.err
    assert not output.exists()
    assert trtperf("merge", *paths, "-o", output, "--mixed").status == 0


def test_shards_are_of_one_class_and_a_matrix_is_of_several(
    trtperf, tmp_path, write_run, make_measurement
):
    other = {"hardware_class": "nvidia-l4", "options": {"tolerance": 0.2}}
    paths = shards(write_run, make_measurement, {}, other)
    output = ("-o", tmp_path / "all.json")
    assert trtperf("merge", *paths, *output).status == 0
    result = trtperf("merge", "--shards", *paths, *output)
    assert result.status == 2
    assert "hardware: tensorrt on nvidia-h200 (" in result.err


def test_what_a_record_does_not_know_is_not_compared(
    trtperf, tmp_path, write_run, make_measurement
):
    changes = {"commit": None, "options": {"round_ms": 50.0}}
    paths = shards(write_run, make_measurement, changes, {"started": None})
    assert trtperf("merge", *paths, "-o", tmp_path / "all.json").status == 0


def test_a_shard_that_was_killed_is_named(trtperf, tmp_path, write_run, make_measurement):
    paths = shards(write_run, make_measurement, {}, {"complete": False})
    result = trtperf("merge", *paths, "-o", tmp_path / "all.json")
    assert result.status == 0
    assert result.err.startswith(f"trtperf: {paths[1]}: the run did not end")


@pytest.mark.parametrize("status", [0, 1, 3, 4, 5])
def test_a_shard_that_did_not_run_its_tests_is_named(trtperf, tmp_path, write_run, status):
    first = write_run("a", hardware_class="a")
    other = write_run("b", hardware_class="b", exit_status=status)
    result = trtperf("merge", first, other, "-o", tmp_path / "all.json")
    said = f"trtperf: {other}: the run ended with exit status {status}: tests may be absent\n"
    assert (result.status, result.err) == (0, "" if status in (0, 1) else said)
