"""`trtperf baseline`: lists, shows and prunes what is recorded."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pytest_trtperf.baseline.store import BaselineStore
from pytest_trtperf.record.as_baseline import baseline_entry
from pytest_trtperf.record.item import ItemRecord

OLD, NEW = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
A, B, C = "tests/test_x.py::test_a[8]", "tests/test_x.py::test_b", "tests/test_gone.py::test_c"


@pytest.fixture
def baselines(tmp_path, make_measurement):
    """Three entries on one GPU, one of them on another too; one test module is no longer there."""
    directory = tmp_path / "perf-baselines"
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_x.py").touch()
    for hardware, entries in (
        ("nvidia-h200", {A: OLD, B: NEW, C: NEW}),
        ("nvidia-l4", {A: NEW}),
    ):
        store = BaselineStore(directory, hardware, "tensorrt")
        for key, recorded in entries.items():
            entry = baseline_entry(make_measurement(key, 2.0), {"driver": "580"}, recorded)
            store.update(key.partition("::")[0], {key: entry})
    return directory


@pytest.fixture
def run(trtperf, baselines):
    return lambda *words: trtperf("baseline", *words, "--baseline-dir", baselines)


def listed(run):
    return [(one["hardware_class"], one["key"]) for one in run("list", "--json").json]


def test_list(run):
    text = run("list").out
    assert text.splitlines()[-1] == "4 entries"
    assert "gpu_compute median ms" in text
    (row,) = [line for line in text.splitlines() if B in line]
    assert row.split() == [B, "nvidia-h200", "tensorrt", "1", "2999-01-01", "2", "2", "500"]


def test_list_by_hardware(run):
    assert [one["key"] for one in run("list", "--json", "--hardware-class", "*l4").json] == [A]


@pytest.mark.parametrize("pattern", [A, "*test_a*"])
def test_show(run, pattern):
    text = run("show", pattern, "--hardware-class", "nvidia-h200").out
    assert text.startswith(f"{A}\n  tensorrt on nvidia-h200, ")
    assert f"{OLD}: gpu_compute median ms 2, latency P99 ms 2, throughput qps 500 (5 rounds" in text
    assert B not in text


def test_show_without_a_key_shows_all(run):
    text = run("show").out
    assert [line for line in text.splitlines() if not line.startswith("  ")] == [
        *sorted([A, B, C], key=lambda key: (key != C, key)),
        A,
        "4 entries",
    ]
    assert len(run("show", "--json").json) == 4


def test_show_of_nothing_is_trouble(run):
    result = run("show", "tests/absent.py::test_a")
    assert result.status == 2
    assert "no entry" in result.err


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        (("--gone",), {("nvidia-h200", C)}),
        (("--older-than", "30"), {("nvidia-h200", A)}),
        (("--test", "*::test_[ab]*"), set()),
        (("--test", A), {("nvidia-h200", A), ("nvidia-l4", A)}),
        (("--test", A, "--hardware-class", "nvidia-l4"), {("nvidia-l4", A)}),
        (("--gone", "--older-than", "30"), {("nvidia-h200", C), ("nvidia-h200", A)}),
    ],
)
def test_prune(run, options, gone):
    before = listed(run)
    dry = run("prune", *options, "--dry-run", "--json").json["removed"]
    assert {(one["hardware_class"], one["key"]) for one in dry} == gone
    assert listed(run) == before
    assert run("prune", *options).status == 0
    assert set(listed(run)) == set(before) - gone


@pytest.mark.parametrize("layout", ["module", "test"])
def test_prune_leaves_no_empty_folders(run, baselines, make_measurement, layout):
    for key in ("perf/deep/test_d.py::test_d", "perf/test_e.py::test_e"):
        entry = baseline_entry(make_measurement(key), {}, NEW)
        store = BaselineStore(baselines, "nvidia-h200", "tensorrt", layout)
        store.update(key.partition("::")[0], {key: entry})
    run("prune", "--test", "*test_d")
    folder = baselines / "nvidia-h200" / "tensorrt" / "perf"
    assert [path.name for path in folder.iterdir() if path.name == "deep"] == []
    assert folder.is_dir()
    run("prune", "--hardware-class", "nvidia-h200", "--test", "*")
    assert [path.name for path in baselines.iterdir()] == ["nvidia-l4"]
    run("prune", "--test", "*")
    assert list(baselines.iterdir()) == []


def test_prune_what_a_record_did_not_measure(run, write_run, make_measurement):
    record = write_run("run", make_measurement(B), make_measurement("tests/new.py::test_n"))
    assert run("prune", "--not-in", record).out.endswith("2 entries removed\n")
    assert listed(run) == [("nvidia-h200", B), ("nvidia-l4", A)]


def test_what_did_not_pass_may_measure_again(run, write_run, make_measurement):
    tests = [
        ItemRecord(test=A, key=A, outcome="skipped"), ItemRecord(test=C, key=C, outcome="passed")
    ]  # fmt: skip
    record = write_run("run", make_measurement(B), tests=tests)
    assert run("prune", "--not-in", record).out.startswith(f"{C} (tensorrt on nvidia-h200)\n1 ")
    assert ("nvidia-h200", A) in listed(run)


def test_a_run_that_did_not_end_removes_nothing(run, write_run, make_measurement):
    before = listed(run)
    result = run("prune", "--not-in", write_run("run", make_measurement(B), complete=False))
    assert result.status == 2
    assert "the run did not end" in result.err
    assert listed(run) == before


def test_modules_that_are_elsewhere_are_not_gone(run, tmp_path):
    (tmp_path / "tests").rename(tmp_path / "moved")
    before = listed(run)
    result = run("prune", "--gone")
    assert result.status == 2
    assert "--root" in result.err
    assert listed(run) == before
    (tmp_path / "there").mkdir()
    (tmp_path / "moved").rename(tmp_path / "there" / "tests")
    assert run("prune", "--gone", "--root", tmp_path / "there").status == 0
    assert len(listed(run)) == len(before) - 1


def test_prune_asks_what(run):
    before = listed(run)
    result = run("prune")
    assert result.status == 2
    assert "no entries are selected" in result.err
    assert "give --not-collected as well" in run("prune", "--gone", "--", "tests").err
    assert listed(run) == before


def test_prune_lists_before_it_removes(run, baselines, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(BaselineStore, "update", refuse)
    result = run("prune", "--gone")
    assert (result.status, result.out) == (2, f"{C} (tensorrt on nvidia-h200)\n")


CONFTEST = """
    def pytest_addoption(parser):
        parser.addoption("--model", default="8,16")

    def pytest_generate_tests(metafunc):
        if "model" in metafunc.fixturenames:
            metafunc.parametrize("model", metafunc.config.getoption("--model").split(","))

    def pytest_collection_modifyitems(items):
        items[:] = items[:1]  # as a plugin does that runs a share of the tests
"""
TESTS = """
    def test_a(model):
        raise AssertionError("nothing runs")

    class TestMore:
        def test_d(self):
            pass
"""


@pytest.fixture
def prune(baselines, make_measurement, tmp_path):
    """Runs `trtperf baseline prune --not-collected` in a project, as its user does."""
    (tmp_path / "conftest.py").write_text(textwrap.dedent(CONFTEST))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "tests" / "test_x.py").write_text(textwrap.dedent(TESTS))
    store = BaselineStore(baselines, "nvidia-h200", "tensorrt")
    for name in ("test_a[16]#wide", "test_a[32]", "TestMore::test_d", "TestMore::test_e"):
        key = f"tests/test_x.py::{name}"
        store.update("tests/test_x.py", {key: baseline_entry(make_measurement(key), {}, NEW)})

    def prune(*words):
        command = [sys.executable, "-m", "pytest_trtperf.cli", "baseline", "prune", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return prune


def test_prune_what_pytest_does_not_collect(prune, run):
    gone = {"test_a[32]", "test_b", "TestMore::test_e"}
    done = prune("--not-collected", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    removed = {one["key"].partition("::")[2] for one in json.loads(done.stdout)["removed"]}
    assert removed == gone
    left = {key.partition("::")[2] for hardware, key in listed(run) if hardware == "nvidia-h200"}
    # What other plugins take out counts as collected, and so does what --gone is for.
    assert left == {"test_a[8]", "test_a[16]#wide", "TestMore::test_d", "test_c"}


def test_arguments_of_pytest_follow_two_dashes(prune):
    done = prune("--not-collected", "--dry-run", "--", "tests", "--model=16,32")
    assert done.returncode == 0
    assert "test_a[8]" in done.stdout
    assert "test_a[32]" not in done.stdout
    assert done.stdout.endswith("4 entries would be removed\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tests/test_x.py::test_a",), "tests/test_x.py::test_a: name whole modules"),
        (("tests/absent.py",), "file or directory not found"),
        (("--no-such-option",), "--no-such-option"),
        (("elsewhere",), "collected no module whose baselines are in perf-baselines"),
    ],
)
def test_nothing_is_removed_unless_all_was_collected(prune, run, tmp_path, words, said):
    (tmp_path / "elsewhere").mkdir()
    before = listed(run)
    done = prune("--not-collected", "--", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert listed(run) == before


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("pytest.importorskip('nothing_of_this_name', reason='no TensorRT')", "no TensorRT"),
        ("pytest.skip('not here', allow_module_level=True)", "not here"),
    ],
)
def test_entries_of_a_module_that_skips_itself_stay(prune, run, tmp_path, before, said):
    path = tmp_path / "tests" / "test_x.py"
    path.write_text(f"import pytest\n{before}\n{path.read_text()}")
    kept = listed(run)
    done = prune("--not-collected")
    assert (done.returncode, done.stdout) == (0, "0 entries removed\n")
    assert f"tests/test_x.py is skipped: its entries stay: {said}\n" in done.stderr
    assert listed(run) == kept


def test_a_module_that_cannot_be_imported_removes_nothing(prune, run, tmp_path):
    (tmp_path / "tests" / "test_y.py").write_text("import nothing_of_this_name")
    before = listed(run)
    done = prune("--not-collected")
    assert done.returncode == 2
    assert "nothing_of_this_name" in done.stderr
    assert "could not collect all tests: no entry is removed" in done.stderr
    assert listed(run) == before


def test_broken_file_is_named_and_left(run, baselines):
    path = baselines / "nvidia-h200" / "tensorrt" / "tests" / "test_x.json"
    path.write_text("<<<<<<< HEAD")
    for words in (("list",), ("show", A), ("prune", "--gone")):
        result = run(*words)
        assert result.status == 2
        assert str(path) in result.err
    assert path.read_text() == "<<<<<<< HEAD"


def test_directory_of_the_environment(trtperf, baselines, monkeypatch):
    monkeypatch.setenv("HOME", str(baselines.parent))
    monkeypatch.setenv("TRTPERF_BASELINE_DIR", "~/perf-baselines")
    assert trtperf("baseline", "list").out.endswith("4 entries\n")


def test_directory_that_is_not_there(trtperf, tmp_path):
    result = trtperf("baseline", "list", "--baseline-dir", tmp_path / "absent")
    assert result.status == 2
    assert str(Path("absent")) in result.err
