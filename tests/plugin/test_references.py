"""References in whole runs: kept when a baseline is recorded, and only then."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from pytest_trtperf.plan_cache.references import References

UPDATES = "--trtperf-update"


def kept(project):
    directory = project.path.parent / f"{project.path.name}-state" / "cache" / "references"
    found = References(directory)
    return [found.read(entry.key) for entry in found.entries()]


def test_what_becomes_a_baseline_is_kept(repository):
    assert repository.run().ret == 0
    assert kept(repository) == []
    assert repository.run(UPDATES).ret == 0
    (one,) = kept(repository)
    (entry,) = repository.baselines().values()
    assert (one.engine, one.plan_sha256) == (entry["engine"], entry["runs"][-1]["plan"])
    assert (one.name, one.backend) == ("model.onnx", "fake")


def test_each_engine_is_kept_once_and_old_ones_stay(repository):
    repository.run(UPDATES)
    repository.run(UPDATES)
    assert len(kept(repository)) == 1
    repository.model(layers=3)
    repository.run(UPDATES)
    assert len(kept(repository)) == 2


def test_update_new_keeps_what_it_adds(repository):
    repository.run("--trtperf-update-new")
    assert len(kept(repository)) == 1
    repository.model(layers=3)
    assert repository.run("--trtperf-update-new").ret == 1
    assert len(kept(repository)) == 1


def test_a_failed_test_keeps_nothing(repository):
    repository.tests(
        """
        def test_model(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)}).assert_p99(ms=1e-4)
        """
    )
    assert repository.run(UPDATES).ret == 1
    assert kept(repository) == []


def test_what_does_not_fit_is_said_beside_the_test(repository):
    result = repository.run(UPDATES, "--trtperf-reference-size=1kB", "--trtperf-json=run.json")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*this engine is not kept as a reference: *"])
    assert kept(repository) == []
    (record,) = json.loads((repository.path / "run.json").read_text())["measurements"]
    assert any("--trtperf-reference-size" in note for note in record["notes"])


FINDS = """
    from pytest_trtperf.fixtures.engine import prepared
    from pytest_trtperf.fixtures.trt_engine import store_of
    from pytest_trtperf.run.run import RUN

    def test_model(trt_engine, trt_measure, request):
        engine = trt_engine("model.onnx")
        perf = trt_measure(engine, shapes={"x": (64, 256)})
        if request.config.getoption("trtperf_reference"):
            store, subject = store_of(trt_engine), perf._judged.subject
            settings = request.node.config.stash[RUN].settings
            found = store.references.find(
                subject, prepared(engine), {"x": (64, 256)}, settings
            )
            print("FOUND", found.engine.digest != engine.digest, found.source)
"""


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_run_finds_what_a_revision_asks_for_and_leaves_nothing(repository):
    repository.tests(FINDS)
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "m"]):
        subprocess.run(["git", "-C", str(repository.path), *who, *words], check=True)
    repository.model(layers=3)
    result = repository.run("--trtperf-reference=git:HEAD", "-s")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*FOUND True git:HEAD (*)*"])
    state = repository.path.parent / f"{repository.path.name}-state"
    assert list((state / "cache" / "revisions").iterdir()) == []
