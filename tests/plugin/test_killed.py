"""What is left of a run that is killed, and what the next one does with it."""

from __future__ import annotations

import json
import os
import signal

import pytest

from pytest_trtperf.record.json_file import read_runs
from tests.plugin.waiting import wait_for

HANGS = """
    import time
    from pathlib import Path
    import pytest

    def test_first(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)}).assert_p99(ms=1000)

    def test_second(trt_engine, trt_measure):
        engine = trt_engine("model.onnx")
        trt_measure(engine, shapes={"x": (32, 256)})
        trt_measure(engine, shapes={"x": (16, 256)}, name="small")

    def test_third(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})
        Path("here").touch()
        time.sleep(600)

    def test_fourth(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})
"""


def kill(project, number, *arguments):
    (project.path / "here").unlink(missing_ok=True)
    process = project.start("--trtperf-json=out/run.json", *arguments)
    try:
        wait_for(project.path / "here")
    finally:
        os.killpg(process.pid, number)
        process.communicate()


@pytest.fixture
def hangs(project):
    project.model()
    project.tests(HANGS)
    return project


@pytest.mark.parametrize(
    ("number", "arguments"),
    [(signal.SIGKILL, ()), (signal.SIGTERM, ("--trtperf-update",)), (signal.SIGKILL, ("-n1",))],
    ids=["SIGKILL", "SIGTERM", "xdist"],
)
def test_what_was_measured_is_left(hangs, number, arguments):
    if "-n1" in arguments:
        pytest.importorskip("xdist")
    kill(hangs, number, *arguments)
    out = hangs.path / "out"
    assert [path.name for path in out.iterdir()] == ["run.jsonl"]
    (run,) = read_runs(out / "run.json")
    assert not run.complete
    assert [one.key.partition("::")[2] for one in run.measurements] == [
        *("test_first", "test_second", "test_second#small"),
    ]
    expected = "not recorded" if "--trtperf-update" in arguments else "missing"
    assert {one.baseline for one in run.measurements} == {expected}
    assert [one.outcome for one in run.tests] == [
        *("passed", "passed", "unfinished", "unfinished"),
    ]
    assert run.started is not None
    assert run.created >= run.started
    assert hangs.baselines() == {}


def test_the_next_run_leaves_one_file(hangs):
    kill(hangs, signal.SIGKILL)
    hangs.tests(HANGS.replace("time.sleep(600)", ""))
    assert hangs.run("--trtperf-json=out/run.json").ret == 0
    assert [path.name for path in (hangs.path / "out").iterdir()] == ["run.json"]
    (run,) = read_runs(hangs.path / "out" / "run.json")
    assert (run.complete, len(run.measurements)) == (True, 5)


def test_what_waits_for_the_end_of_the_run_is_left_too(project):
    project.model()
    project.tests(HANGS.replace("time.sleep(600)", ""))
    project.record()
    project.model(layers=2)
    project.tests(HANGS)
    kill(project, signal.SIGKILL)
    (run,) = read_runs(project.path / "out" / "run.jsonl")
    assert [one.key.partition("::")[2] for one in run.measurements] == [
        *("test_first", "test_second", "test_second#small"),
    ]
    assert {one.outcome for one in run.measurements} == {"unfinished"}
    assert {one.baseline for one in run.measurements} == {"compared"}


def test_a_run_that_was_interrupted_is_not_complete(project):
    project.model()
    project.tests(HANGS.replace("time.sleep(600)", "raise KeyboardInterrupt"))
    result = project.run("--trtperf-json=run.json", process=True)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    content = json.loads((project.path / "run.json").read_text())
    assert (content["complete"], content["exit_status"]) == (False, 2)
    outcomes = [one["outcome"] for one in content["tests"]]
    assert outcomes == ["passed", "passed", "unfinished", "unfinished"]
    assert not (project.path / "run.jsonl").exists()


def test_a_run_that_stops_early_has_the_tests_that_did_not_run(project):
    project.model()
    project.tests(HANGS.replace("time.sleep(600)", "assert False"))
    project.run("--trtperf-json=run.json", "-x")
    content = json.loads((project.path / "run.json").read_text())
    outcomes = [one["outcome"] for one in content["tests"]]
    assert outcomes == ["passed", "passed", "failed", "unfinished"]
    assert content["complete"] is False


def test_lines_are_kept_if_the_file_cannot_be_written(repository):
    repository.pytester.makeconftest(
        """
        import os

        def pytest_sessionfinish():
            os.mkdir("run.json")
        """
    )
    assert repository.run("--trtperf-json=run.json").ret == 1
    (run,) = read_runs(repository.path / "run.jsonl")
    assert len(run.measurements) == 1
