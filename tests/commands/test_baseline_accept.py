"""`trtperf baseline accept`: records become baselines, with the checks that recording makes."""

from __future__ import annotations

import os
import re

import msgspec
import pytest

from pytest_trtperf.baseline.store import BaselineStore
from pytest_trtperf.record.baseline_state import MEASURE_IT, RECORD_IT
from pytest_trtperf.record.item import ItemRecord
from pytest_trtperf.record.json_file import write_json
from pytest_trtperf.record.model import MergedRecord
from pytest_trtperf.record.text import shortened
from pytest_trtperf.record.verdict import VerdictRecord
from pytest_trtperf.run.items import LONGEST_TEXT

KEY = "tests/test_x.py::test_a"
OLD, NOW, NEW = "2026-01-01T00:00:00Z", "2026-01-02T03:04:05Z", "2026-02-01T00:00:00Z"


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "perf-baselines"


@pytest.fixture
def accept(trtperf, directory):
    return lambda *words: trtperf("baseline", "accept", *words, "--baseline-dir", directory)


@pytest.fixture
def entries(directory):
    def read(hardware="nvidia-h200"):
        return BaselineStore(directory, hardware, "tensorrt").entries("tests/test_x.py")

    return read


def failing(kind, **changes):
    fields = {
        "kind": kind, "metric": "latency P99", "status": "fail", "reason": "over_limit",
        "message": f"a {kind} failed", "failed": True,
    }  # fmt: skip
    return VerdictRecord(**{**fields, **changes})


def test_artifacts_of_each_gpu_model_become_baselines(accept, entries, write_run, make_measurement):
    a = write_run("a", make_measurement(level=2.0))
    b = write_run("b", make_measurement(level=8.0), hardware_class="nvidia-l4", device="NVIDIA L4")
    result = accept(a, b)
    assert (result.status, result.err) == (0, "")
    assert "2 added, 0 changed, 0 removed\n" in result.out
    assert result.out.count("baseline written: ") == 2
    for hardware, level in (("nvidia-h200", 2.0), ("nvidia-l4", 8.0)):
        (entry,) = entries(hardware).values()
        (run,) = entry.runs
        assert (run.recorded, run.software) == (NOW, {"driver": "580.1"})
        assert run.rounds[2].quantiles["gpu_compute"][0] == level


def test_a_merged_record_is_taken_whole(accept, entries, tmp_path, make_run):
    path = tmp_path / "all.json"
    runs = [make_run(hardware_class=name) for name in ("nvidia-h200", "nvidia-l4")]
    write_json(path, MergedRecord(runs=runs))
    assert accept(path, "--hardware-class", "*l4").status == 0
    assert (entries(), list(entries("nvidia-l4"))) == ({}, [KEY])


def test_runs_are_added_in_order_of_time_and_none_twice(accept, entries, write_run):
    old, now = write_run("old", created=OLD), write_run("now", created=NOW)
    assert accept(now).status == 0
    late = accept(old)
    assert late.status == 0
    assert f"left out {KEY} (tensorrt on nvidia-h200): the baseline has " in late.out
    assert accept(old, "--replace").status == 0
    assert [run.recorded for run in entries()[KEY].runs] == [OLD]


def test_a_run_that_is_there_is_not_added_again(accept, entries, write_run, make_measurement):
    records = [
        write_run(name, make_measurement(level=level), created=created)
        for name, level, created in (("new", 2.0, NEW), ("old", 1.0, OLD))
    ]
    accept(*records)
    assert [run.recorded for run in entries()[KEY].runs] == [OLD, NEW]
    again = accept(*records)
    assert again.status == 0
    assert "0 added, 0 changed, 0 removed\nleft out" in again.out
    assert "the baseline has this run already" in again.out
    assert len(entries()[KEY].runs) == 2


def test_other_software_begins_anew(accept, entries, write_run, make_measurement):
    accept(write_run("old", created=OLD))
    record = write_run("new", make_measurement(level=1.1), created=NEW, software={"driver": "590"})
    result = accept(record)
    assert f"{KEY} (tensorrt on nvidia-h200): driver 580.1 before, 590 now" in result.out
    assert "+10.0%" in result.out
    assert [run.recorded for run in entries()[KEY].runs] == [NEW]


def test_dry_run_writes_nothing(accept, directory, write_run):
    result = accept(write_run("run"), "--dry-run")
    assert "1 added" in result.out
    assert result.out.endswith("accepted 1, left out 0, and nothing was written\n")
    assert not directory.exists()


@pytest.mark.parametrize(
    ("outcome", "changes", "taken"),
    [
        (None, {}, True),
        ("passed", {}, True),
        ("passed", {"baseline": "off"}, False),
        ("failed", {"verdicts": [failing("baseline")], "baseline": "compared"}, True),
        ("failed", {"verdicts": [failing("race")], "baseline": "raced"}, True),
        ("failed", {"baseline": "missing"}, False),
        ("failed", {"baseline": "not compared"}, False),
        ("failed", {"verdicts": [failing("budget")], "baseline": "missing"}, False),
        (None, {"verdicts": [failing("budget")]}, False),
        ("error", {}, False),
        ("xfailed", {}, False),
        ("unfinished", {}, False),
        ("skipped", {}, False),
    ],
)
def test_what_recording_would_leave_out(
    accept, write_run, make_measurement, entries, outcome, changes, taken
):
    tests = [] if outcome is None else [ItemRecord(test=KEY, key=KEY, outcome=outcome, reason="r")]
    kept = make_measurement("tests/test_x.py::test_kept")
    path = write_run("run", make_measurement(**changes), kept, tests=tests)
    result = accept(path)
    assert result.status == 0
    assert (KEY in entries()) is taken
    assert kept.key in entries()
    assert (f"left out {KEY}" in result.out) is (not taken and changes.get("baseline") != "off")


@pytest.mark.parametrize(
    ("reason", "taken"),
    [
        ("{} has no baseline for NVIDIA H200 in perf-baselines: {record}", True),
        ("{} is not in base.json: {measure}", True),
        ("assert 3.1 < 2", False),
        ("{}: P99 is not in the range", False),
        ("another is not in base.json: {measure}", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("key", [KEY, f"{KEY}[{'long' * 80}]"])
def test_only_for_want_of_a_baseline_a_failed_test_is_taken(
    accept, write_run, make_measurement, entries, key, reason, taken
):
    reason = shortened(reason.format(key, record=RECORD_IT, measure=MEASURE_IT), LONGEST_TEXT)
    tests = [ItemRecord(test=key, key=key, outcome="failed", reason=reason)]
    result = accept(write_run("run", make_measurement(key, baseline="missing"), tests=tests))
    assert (key in entries()) is taken
    assert (f": {reason or 'it failed'}\n" in result.out) is not taken


def test_a_test_is_taken_whole_or_not_at_all(accept, write_run, make_measurement):
    missed = make_measurement(f"{KEY}#tight", verdicts=[failing("budget")])
    result = accept(write_run("run", make_measurement(), missed), "--json")
    assert result.json["changes"] == []
    assert set(result.json["left_out"].values()) == {"a budget failed"}


def many(make_measurement, count=30):
    """Tests that failed, of which each fourth has a reason of its own."""
    keys = [f"tests/test_x.py::test_{number}" for number in range(count)]
    items = [
        ItemRecord(test=key, key=key, outcome="failed", reason="" if place % 4 else f"why {place}")
        for place, key in enumerate(keys)
    ]
    return [make_measurement(key) for key in keys], items


def test_what_is_left_out_is_counted_by_reason(accept, write_run, make_measurement):
    failed, items = many(make_measurement)
    path = write_run("run", *failed, *map(make_measurement, ("a.py::t", "b.py::t")), tests=items)
    result = accept(path)
    assert result.status == 0
    left_out = [line for line in result.out.splitlines() if line.startswith("left out ")]
    place = "(tensorrt on nvidia-h200)"
    assert f"left out tests/test_x.py::test_1 {place} and 21 others: it failed" in left_out
    assert f"left out tests/test_x.py::test_4 {place}: why 4" in left_out
    assert len(left_out) == 9
    assert f"a.py::t {place} and 1 other: 1 session, where" in result.out
    assert result.out.endswith("accepted 2, left out 30\n")


def test_all_names_each_test_that_is_left_out(accept, write_run, make_measurement):
    failed, items = many(make_measurement)
    result = accept(write_run("run", *failed, tests=items), "--all")
    assert result.out.count("left out tests/test_x.py::") == 30


def test_no_more_than_ten_reasons_are_printed(accept, write_run, make_measurement):
    failed, items = many(make_measurement, 60)
    result = accept(write_run("run", *failed, tests=items))
    assert result.out.count("left out tests/test_x.py::") == 10
    assert "left out 6 more tests for other reasons: --all names them" in result.out


@pytest.mark.parametrize("more", [(), ("--dry-run",), ("--json",)])
def test_nothing_accepted_is_no_success(accept, write_run, make_measurement, directory, more):
    failed, items = many(make_measurement)
    result = accept(write_run("run", *failed, tests=items), *more)
    assert result.status == 1
    assert not directory.exists()
    assert "--json" in more or result.out.endswith(
        "accepted 0, left out 30, and nothing was written\n"
    )


def test_failed_subtests_are_left_out(accept, write_run):
    item = ItemRecord(test=KEY, key=KEY, outcome="passed", failed_subtests=["P99 misses"])
    result = accept(write_run("run", tests=[item]))
    assert f"left out {KEY} (tensorrt on nvidia-h200): a subtest failed: P99 misses" in result.out


def test_tests_are_chosen_by_name(accept, entries, write_run, make_measurement):
    names = [f"tests/test_x.py::test_{name}" for name in ("a[8]", "a[16]", "b")]
    path = write_run("run", *map(make_measurement, names))
    assert accept(path, "--test", "*::test_a[[]*").status == 2
    assert accept(path, "--test", "*::test_a[*").status == 0
    assert set(entries()) == set(names[:2])


def test_few_sessions_are_said(accept, write_run):
    (said,) = accept(write_run("run"), "--json").json["notes"]
    assert said.startswith(f"{KEY} (tensorrt on nvidia-h200): 1 session, where recording takes 3")


def test_baselines_of_several_directories_are_not_mixed(accept, write_run, make_measurement):
    those = [make_measurement(f"{name}.py::test", baseline_dir=f"/ci/{name}") for name in "ab"]
    path = write_run("run", *those)
    result = accept(path)
    assert result.status == 2
    assert "several directories (/ci/a, /ci/b)" in result.err
    assert accept(path, "--test", "a.py::*").status == 0


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data[:-100], "not a whole record"),
        (lambda data: data.replace(b"trtperf-run/3", b"trtperf-run/9"), "trtperf-run/9"),
        (lambda data: b"{}", "it has no schema"),
        (lambda data: b"", "not a whole record"),
    ],
    ids=["cut", "future", "no record", "empty"],
)
def test_a_record_that_cannot_be_used_is_named(accept, directory, write_run, damage, said):
    good, bad = write_run("good"), write_run("bad")
    bad.write_bytes(damage(bad.read_bytes()))
    result = accept(good, bad)
    assert (result.status, result.out) == (2, "")
    assert f"error: {bad}: " in result.err
    assert said in result.err
    assert not directory.exists()


def test_no_such_record_and_no_such_class(accept, tmp_path, write_run):
    assert "No such file" in accept(tmp_path / "absent.json").err
    result = accept(write_run("run"), "--hardware-class", "nvidia-a100")
    assert result.status == 2
    assert "of hardware class 'nvidia-a100': they were made on nvidia-h200" in result.err


def test_records_of_the_older_form_are_taken(accept, entries, write_run):
    path = write_run("run")
    content = msgspec.json.decode(path.read_bytes())
    content["schema"] = "trtperf-run/2"
    for one in content["measurements"]:
        one.update(one.pop("sessions")[0])
    path.write_bytes(msgspec.json.encode(content))
    assert accept(path).status == 0
    assert entries()[KEY].is_of_older_form


def test_a_directory_that_cannot_be_written_is_named(accept, directory, write_run):
    directory.write_text("a file")
    result = accept(write_run("run"))
    assert result.status == 2
    assert re.search(rf"baseline {directory}\S+ cannot be written", result.err)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_directory_is_named(accept, directory, write_run):
    directory.mkdir(mode=0o555)
    result = accept(write_run("run"))
    assert result.status == 2
    assert "Permission denied" in result.err


def test_a_broken_baseline_stays_and_nothing_is_written(accept, directory, write_run):
    path = directory / "nvidia-h200" / "tensorrt" / "tests" / "test_x.json"
    path.parent.mkdir(parents=True)
    path.write_text("<<<<<<< HEAD")
    result = accept(write_run("other", hardware_class="nvidia-l4"), write_run("run"))
    assert result.status == 2
    assert str(path) in result.err
    assert list(directory.rglob("*.json")) == [path]


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("mlp", "-k mlp"),
        ("tests/test_x.py::test_a", "tests/test_x.py::test_a"),
        ("tests/test_x.py::test_a[8 x]", "'tests/test_x.py::test_a[8 x]'"),
    ],
)
def test_the_name_of_a_test_in_place_of_a_record_says_what_is_wanted(accept, word, wanted):
    result = accept(word)
    assert result.status == 2
    assert "give a RECORD.json that a run wrote with --trtperf-json" in result.err
    assert f"pytest --trtperf --trtperf-update {wanted}\n" in result.err


def test_a_path_in_place_of_a_record_is_no_test(accept):
    result = accept("runs/nightly")
    assert result.status == 2
    assert "give a RECORD.json that a run wrote with --trtperf-json" in result.err
    assert "--trtperf-update" not in result.err
