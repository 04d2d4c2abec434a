"""The JSON file of a run: whole or not at all."""

from __future__ import annotations

import json

import pytest

from pytest_trtperf.report.json_file import write_json
from pytest_trtperf.report.record import RUN_SCHEMA, RunRecord


def make_run(**changes):
    fields = {
        "schema": RUN_SCHEMA, "created": "2026-01-02T03:04:05Z", "backend": "onnxruntime",
        "device": "cpu:x", "hardware_class": "cpu-x", "software": {}, "exit_status": 0,
        "measurements": [],
    }  # fmt: skip
    return RunRecord(**{**fields, **changes})


def test_directories_are_made_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "a" / "b" / "run.json"
    write_json(path, make_run())
    assert json.loads(path.read_text())["schema"] == RUN_SCHEMA
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_file_of_an_earlier_run_is_replaced(tmp_path):
    path = tmp_path / "run.json"
    write_json(path, make_run(device="cpu:" + "x" * 999))
    write_json(path, make_run(exit_status=1))
    assert json.loads(path.read_text())["exit_status"] == 1


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "run.json"
    write_json(path, make_run())
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_json(path, make_run(software={"x": object()}))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
