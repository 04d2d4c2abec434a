"""The JSON file of a run: written whole or not at all, and checked when it is read."""

from __future__ import annotations

import gzip
import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_trtperf.errors import BaselineError
from pytest_trtperf.record.json_file import measurement_ids, read_runs, write_json
from pytest_trtperf.record.model import MERGED_SCHEMA, RUN_SCHEMA, MergedRecord

ODD_KEYS = (
    "tests/t.py::test_a[<script>alert(1)</script>]",
    "tests/t.py::test_ü[日本-🚀]",
    "tests/t.py::test_a[../../etc/passwd]",
    f"tests/t.py::test_a[{'x' * 20_000}]",
)


def test_directories_are_made_and_nothing_else_is_left(tmp_path, make_run):
    path = tmp_path / "a" / "b" / "run.json"
    write_json(path, make_run())
    assert json.loads(path.read_text())["schema"] == RUN_SCHEMA
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_file_of_an_earlier_run_is_replaced(tmp_path, make_run):
    path = tmp_path / "run.json"
    write_json(path, make_run(device="NVIDIA " + "x" * 999))
    write_json(path, make_run(exit_status=1))
    assert json.loads(path.read_text())["exit_status"] == 1


@pytest.mark.parametrize("device", [object(), "\ud800"])
def test_what_cannot_be_written_leaves_the_old_file(tmp_path, make_run, device):
    path = tmp_path / "run.json"
    write_json(path, make_run())
    before = path.read_bytes()
    with pytest.raises((TypeError, ValueError)):
        write_json(path, make_run(device=device))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_what_was_written_is_read(tmp_path, make_run, make_measurement, key):
    run = make_run(make_measurement(key))
    write_json(tmp_path / "run.json", run)
    assert read_runs(tmp_path / "run.json") == [run]


def test_a_name_for_a_compressed_file_gives_one(tmp_path, make_run):
    path = tmp_path / "run.json.gz"
    write_json(path, make_run())
    assert json.loads(gzip.decompress(path.read_bytes()))["schema"] == RUN_SCHEMA
    assert read_runs(path) == [make_run()]


def test_merged_record_has_several_runs(tmp_path, make_run):
    runs = [make_run(), make_run(hardware_class="nvidia-l4")]
    write_json(tmp_path / "all.json", MergedRecord(runs=runs))
    assert json.loads((tmp_path / "all.json").read_text())["schema"] == MERGED_SCHEMA
    assert read_runs(tmp_path / "all.json") == runs
    assert [one.hardware_class for one in measurement_ids(runs)] == ["nvidia-h200", "nvidia-l4"]


def test_fields_of_a_later_release_are_skipped(tmp_path, make_run):
    content = msgspec.to_builtins(make_run())
    content["measurements"][0]["new"] = content["new"] = 1
    (tmp_path / "run.json").write_text(json.dumps(content))
    assert read_runs(tmp_path / "run.json") == [make_run()]


def spoilt(content: Any, *place: Any, value: Any) -> None:
    for step in place[:-1]:
        content = content[step]
    content[place[-1]] = value


M = ("measurements", 0)
S = (*M, "sessions", 0)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (
            ("schema",),
            "trtperf-run/1",
            r"has the schema 'trtperf-run/1', and .* reads 'trtperf-run/3', ",
        ),
        (("schema",), "trtperf-run/9", r"has the schema 'trtperf-run/9', .*, or record it with"),
        (
            ("schema",),
            "trtperf-baseline/1",
            r"not a record of --trtperf-json, its schema is 'trtperf-b",
        ),
        (("schema",), 3, r"not a record of --trtperf-json, it has no schema: give a file"),
        (("created",), None, r"Expected `str`, got `null` - at `\$.created`"),
        (("measurements",), {}, r"Expected `array`, got `object` - at `\$.measurements`"),
        ((*M, "key"), 1, r"\$.measurements\[.+\].key"),
        ((*M, "throughput"), -1, r"`float` > 0.0 - at `\$.measurements\[.+\].throughput`"),
        ((*M, "sessions"), [], r"`array` of length >= 1 - at `\$.measurements\[.+\].sessions`"),
        ((*S, "rounds"), [], r"there is no round - at `\$.measurements\[0\]` \(tests/test_x.py::"),
        ((*S, "kernels"), "warm", r"Invalid enum value 'warm'"),
        ((*S, "rounds", 0, "queries"), 0, r"`int` >= 1"),
        ((*S, "rounds", 0, "throughput"), 1e300, r"1e\+300 queries per second are impossible - "),
        ((*S, "rounds", 0, "quantiles", "latency"), [1e-300] * 21, r"1e-300 ms are impossible - "),
        ((*S, "rounds", 0, "quantiles", "latency"), [1.0], r"length >= 21"),
        ((*S, "rounds", 0, "quantiles"), {}, r"at `\$.measurements\[0\]` \(tests/test_x.py::"),
        ((*M, "judged_metric"), "response", r"no summary of response"),
        ((*M, "summary", "latency"), {}, r"the summary of latency has no median - at `"),
        (
            (*M, "mode"),
            {"load": "open"},
            r"an open load has no request_rate - at .* \(tests/",
        ),
        ((*M, "mode"), {"load": "open", "request_rate": "9"}, r"an open load has no request_rate"),
    ],
)
def test_what_does_not_fit_is_reported_with_its_place(tmp_path, make_run, place, value, message):
    content = msgspec.to_builtins(make_run())
    spoilt(content, *place, value=value)
    (tmp_path / "run.json").write_text(json.dumps(content))
    with pytest.raises(BaselineError, match=message) as refused:
        read_runs(tmp_path / "run.json")
    assert str(refused.value).startswith(str(tmp_path / "run.json"))


def test_measurement_that_is_there_twice(tmp_path, make_run, make_measurement):
    write_json(tmp_path / "run.json", make_run(make_measurement(), make_measurement()))
    with pytest.raises(BaselineError, match=r"test_a \(tensorrt on .*\) is in the record 2"):
        read_runs(tmp_path / "run.json")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(share=st.floats(0, 1, exclude_max=True))
def test_record_that_was_cut_short_is_never_taken(tmp_path, make_run, share):
    path = tmp_path / "run.json"
    write_json(path, make_run())
    data = path.read_bytes().rstrip()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(BaselineError, match=r"run\.json: not a whole record"):
        read_runs(path)


@pytest.mark.parametrize("data", [b"[" * 100_000, b'"\xff"', b"\xff\xfe", b"null", b"[]", b"{}"])
def test_file_of_something_else(tmp_path, data):
    (tmp_path / "run.json").write_bytes(data)
    with pytest.raises(BaselineError, match=r"run\.json: (not a|a record of)"):
        read_runs(tmp_path / "run.json")


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(BaselineError, match="cannot be read: No such file"):
        read_runs(tmp_path / "run.json")
    with pytest.raises(BaselineError, match="cannot be read: Is a directory"):
        read_runs(tmp_path)
