"""`--trtperf-against`: a record made minutes ago takes the place of the baselines."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pytest_trtperf.record.model import MERGED_SCHEMA
from tests.plain_records import rounds_of


@pytest.fixture
def recorded(repository):
    """A repository whose model was measured, and has no baseline."""
    assert repository.run("--trtperf-json=before.json").ret == 0
    return repository


def against(repository, *options):
    return repository.run("--trtperf-against=before.json", *options)


@pytest.mark.parametrize("distribution", [(), ("-n1",)])
def test_unchanged_passes_and_slower_fails(recorded, distribution):
    unchanged = against(recorded, *distribution)
    assert unchanged.ret == 0
    unchanged.stdout.no_fnmatch_line("*WITHOUT A BASELINE*")
    unchanged.stdout.fnmatch_lines(["*test_perf.py::test_model *gpu_compute median *"])
    recorded.model(layers=60)
    slower = against(recorded, *distribution)
    slower.stdout.no_fnmatch_line("*expected[?] pytest*")
    assert slower.ret == 1
    slower.stdout.fnmatch_lines(["*gpu_compute median regressed: *"])
    assert recorded.baseline_files() == []


def test_committed_baseline_is_left_aside(recorded):
    recorded.record()
    recorded.model(layers=60)
    assert recorded.run("--trtperf-json=before.json").ret == 1
    assert against(recorded).ret == 0


def test_measurement_that_the_record_lacks_is_listed(recorded):
    recorded.tests(name="test_more")
    result = against(recorded)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "WITHOUT A BASELINE*(1):",
            "*test_more.py::test_model",
            "  measure it in *before.json, too",
        ]
    )
    required = against(recorded, "--trtperf-require-baseline")
    assert required.ret == 1
    required.stdout.fnmatch_lines(["*test_more.py::test_model is not in *before.json, and *"])


def test_a_record_of_a_run_that_did_not_end_is_noted(recorded):
    line = "*before.json: THIS RUN DID NOT END, what it had not measured is not compared"
    against(recorded).stdout.no_fnmatch_line(line)
    path = recorded.path / "before.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "complete": False}))
    result = against(recorded)
    assert result.ret == 0
    result.stdout.fnmatch_lines([line])


def test_same_key_of_another_baseline_directory_is_kept_apart(project):
    body = """
from pathlib import Path

def test_model(trt_engine, trt_measure):
    trt_measure(trt_engine(Path(__file__).with_name("model.onnx")))
"""
    for folder in ("first", "second"):
        project.path.joinpath(folder, "perf-baselines").mkdir(parents=True)
        project.model(f"{folder}/model", batch=64)
        project.path.joinpath(folder, "test_perf.py").write_text(body)
    project.ini("addopts = --import-mode=importlib")
    assert project.run("--trtperf-json=before.json").ret == 0
    for folder in ("first", "second"):
        result = against(project, "--trtperf-json=run.json", folder)
        assert result.ret == 0
        (measurement,) = project.measurements()
        (then,) = [
            one for one in project.measurements("before.json") if one["test"].startswith(folder)
        ]
        assert measurement["key"] == "test_perf.py::test_model"
        assert measurement["against"]["throughput"] == np.median(
            [one["throughput"] for one in rounds_of(then)]
        )


def broken(path, how):
    if how == "missing":
        path.unlink()
    elif how == "cut short":
        path.write_bytes(path.read_bytes()[:-200])
    elif how == "no record":
        path.write_text("[1, 2]")
    else:
        content = json.loads(path.read_text())
        content.update({"schema": "trtperf-run/9"} if how == "other schema" else {})
        content.update({"hardware_class": "gpu-of-somebody"} if how == "other hardware" else {})
        content.update({"backend": "tensorrt-rtx"} if how == "other backend" else {})
        path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("missing", "*before.json: the record cannot be read: No such file*"),
        ("cut short", "*before.json: not a whole record*"),
        ("no record", "*before.json: not a record of --trtperf-json, it has no schema*"),
        (
            "other schema",
            "*the record has the schema 'trtperf-run/9', *record it with this version*",
        ),
        ("other hardware", "*made with fake on gpu-of-somebody, this is fake on fake-gpu*"),
        ("other backend", "*made with tensorrt-rtx on fake-gpu, this is fake on fake-gpu*"),
    ],
)
def test_record_that_cannot_be_used_is_a_usage_error(recorded, how, message):
    broken(recorded.path / "before.json", how)
    result = against(recorded)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_of_a_merged_record_the_run_with_this_backend_counts(recorded):
    path = recorded.path / "before.json"
    ours = json.loads(path.read_text())
    theirs = json.loads(path.read_text())
    theirs["backend"] = "tensorrt-rtx"
    for one in theirs["measurements"]:
        one["mode"]["transfers"] = "as nobody here measures"
    path.write_text(json.dumps({"schema": MERGED_SCHEMA, "runs": [ours, theirs]}))
    assert against(recorded).ret == 0
