"""The tests of a revision: asked for their engines in a tree that nothing remains of."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap

import pytest

from pytest_trtperf.options.declared import Settings
from pytest_trtperf.options.values import ReferencePlace
from pytest_trtperf.run.invocation import Invocation
from pytest_trtperf.run.revision import NotAsked, Revision, sweep

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

CONFTEST = """
from pytest_trtperf.testing import FakeBackend

def pytest_trtperf_backends(config):
    return [FakeBackend()]
"""
TEST = """
import numpy as np
import pytest

def test_model(trt_engine, trt_measure):
    engine = trt_engine("model.bin", optimization_profile=0)
    trt_measure(engine, shapes={"x": (8,)}, cuda_graph=True)
    trt_measure(engine, shapes={"x": (8,)}, name="second", inputs={"x": np.ones(8, "float32")})

@pytest.mark.parametrize("size", [1, 2])
def test_sizes(trt_engine, trt_measure, size):
    trt_measure(trt_engine("model.bin"), shapes={"x": (size,)})

def test_missing(trt_engine, trt_measure):
    trt_measure(trt_engine("missing.bin"))
"""


def git(folder, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with tests on a fake GPU in a folder; its first commit is tagged `old`."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    folder = tmp_path / "repository" / "perf"
    folder.mkdir(parents=True)
    git(folder.parent, "init", "-q", "-b", "main")
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_perf.py").write_text(TEST)
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "model.bin").write_bytes(b"old model")
    save(folder)
    git(folder, "tag", "old")
    (folder / "model.bin").write_bytes(b"new model")
    save(folder)
    return folder


def save(folder):
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "m")


@pytest.fixture
def revision(repository, tmp_path):
    """Makes revisions, as a run in the folder of the tests has them."""
    made = []

    def make(name="old", **settings):
        places = {"cache_dir": tmp_path / "cache", "lock_dir": tmp_path / "locks"}
        reference = ReferencePlace("git", name)
        how = Invocation(repository, repository / "pytest.ini", ("-p", "no:hypothesispytest"))
        made.append(
            Revision(
                name, Settings(reference=reference, **places | settings), repository, how, "fake"
            )
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


def left(tmp_path):
    place = tmp_path / "cache" / "revisions"
    return sorted(place.iterdir()) if place.exists() else []


def test_a_test_says_what_it_measures_and_its_engine_is_kept(revision, tmp_path):
    old = revision()
    first = old.ask("test_perf.py::test_model", "test_perf.py::test_model")
    assert first.shapes == {"x": [8]}
    assert first.options["cuda_graph"] is True
    second = old.ask("test_perf.py::test_model", "test_perf.py::test_model#second")
    assert second.engine == first.engine
    assert second.options["cuda_graph"] is False
    assert [list(files) for files in second.inputs] == [["x"]]
    (model,) = (old.directory / "references").glob("*/model/model.bin")
    assert model.read_bytes() == b"old model"
    assert old.commit != revision("main").name
    old.close()
    assert left(tmp_path) == []


def test_each_test_is_run_once(revision, monkeypatch):
    old = revision()
    for size in (1, 2):
        name = f"test_perf.py::test_sizes[{size}]"
        assert old.ask(name, name).shapes == {"x": [size]}
    monkeypatch.setattr(subprocess, "Popen", None)
    assert old.ask(name, name).shapes == {"x": [2]}


def reason(revision, name):
    with pytest.raises(NotAsked) as caught:
        revision.ask(name.partition("#")[0], name)
    return str(caught.value)


def test_what_the_revision_does_not_have_is_named(revision, tmp_path):
    old = revision()
    assert reason(old, "test_perf.py::test_no") == "old: it has no test test_perf.py::test_no"
    assert reason(old, "test_no.py::test_a") == "old: it has no test test_no.py::test_a"
    assert reason(old, "test_perf.py::test_model#third") == (
        "old: its test asks for no measurement test_perf.py::test_model#third"
    )
    said = reason(old, "test_perf.py::test_missing")
    assert said.startswith("old: its test fails: ")
    assert said.endswith("missing.bin: there is no such file")


def test_a_revision_that_does_not_exist_is_named(revision, tmp_path):
    assert reason(revision("no-such"), "test_perf.py::test_model").startswith(
        "there is no commit 'no-such' in "
    )
    assert left(tmp_path) == []


def test_a_pointer_of_lfs_is_named_with_what_fails(revision, repository):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    (repository / "weights.onnx").write_bytes(pointer)
    save(repository)
    said = reason(revision("main"), "test_perf.py::test_missing")
    assert said.endswith("(in its tree perf/weights.onnx is a Git LFS pointer)")


def test_a_setup_makes_models_that_are_not_in_git(revision):
    name = "test_perf.py::test_missing"
    assert revision(reference_setup="echo model > missing.bin").ask(name, name).engine


def test_how_long_a_revision_is_waited_for_is_shown(revision):
    shown: list[float | None] = []
    name = "test_perf.py::test_model"
    old = revision(reference_setup="sleep 0.5")
    old._show = shown.append
    old.ask(name, name)
    assert shown[0]
    assert shown[-1] is None


def test_a_setup_that_fails_is_named_with_what_it_said(revision, tmp_path):
    said = reason(revision(reference_setup="echo no models; exit 3"), "test_perf.py::test_model")
    assert said == (
        "--trtperf-reference-setup failed with status 3 in the tree of old: \n  no models"
    )
    assert left(tmp_path) == []


def test_tests_that_cannot_be_collected_are_named(revision, repository):
    (repository / "test_perf.py").write_text("import no_such_module\n")
    save(repository)
    said = reason(revision("main"), "test_perf.py::test_model")
    assert said.startswith("main: pytest failed there: ")
    assert "no_such_module" in said


def test_a_revision_without_the_folder_is_named(revision, repository):
    git(repository, "checkout", "-q", "--orphan", "other")
    git(repository, "rm", "-rfq", "--cached", ".")
    (repository.parent / "readme").write_text("nothing here")
    git(repository, "add", "../readme")
    git(repository, "commit", "-q", "-m", "m")
    assert reason(revision("other"), "test_perf.py::test_model") == "other has no directory perf"


def test_options_of_this_run_do_not_reach_the_revision(revision, monkeypatch, tmp_path):
    monkeypatch.setenv("TRTPERF_UPDATE", "1")
    monkeypatch.setenv("TRTPERF_JSON", str(tmp_path / "run.json"))
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    monkeypatch.setenv("TRTPERF_SPIN_WAIT", "0")
    name = "test_perf.py::test_model"
    assert revision().ask(name, name).options["spin_wait"] is False
    assert not (tmp_path / "run.json").exists()


def test_the_next_run_removes_what_a_killed_one_left(revision, repository, tmp_path):
    code = f"""
        import sys, time
        from pathlib import Path
        from pytest_trtperf.options.declared import Settings
        from pytest_trtperf.run.invocation import Invocation
        from pytest_trtperf.run.revision import Revision

        folder = Path({str(repository)!r})
        settings = Settings(cache_dir=Path({str(tmp_path / "cache")!r}))
        revision = Revision("old", settings, folder, Invocation(folder, None, ()), "fake")
        name = "test_perf.py::test_model"
        revision.ask(name, name)
        (revision.directory / "tree" / "perf").chmod(0o500)
        print("asked", flush=True)
        time.sleep(600)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stdout
        assert killed.stdout.readline() == "asked\n"
        place = tmp_path / "cache" / "revisions"
        assert sweep(place) == []
        assert len(left(tmp_path)) == 2
        os.kill(killed.pid, signal.SIGKILL)
    mine = revision()
    name = "test_perf.py::test_model"
    mine.ask(name, name)
    assert {path.stem for path in left(tmp_path)} == {mine.directory.name}
    mine.close()
    assert left(tmp_path) == []


def test_a_directory_without_a_lock_is_removed_as_well(tmp_path):
    (tmp_path / "abc" / "asked").mkdir(parents=True)
    assert sweep(tmp_path) == ["abc"]
    assert list(tmp_path.iterdir()) == []
    assert sweep(tmp_path / "nowhere") == []


def test_a_place_that_others_may_write_to_is_refused(revision, tmp_path):
    (tmp_path / "cache" / "revisions").mkdir(parents=True)
    (tmp_path / "cache" / "revisions").chmod(0o777)
    assert "other users may write" in reason(revision(), "test_perf.py::test_model")
