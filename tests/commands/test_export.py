"""`trtperf export`: each format as its reader takes it."""

from __future__ import annotations

import csv
import io
import json

import pytest

from pytest_trtperf.record.verdict import VerdictRecord

ODD = 'tests/t.py::test_a["a,b"|<script>\n日本]'


def test_csv_has_a_row_for_each_measurement_and_metric(trtperf, write_run, make_measurement):
    path = write_run("run", make_measurement(level=2.0), make_measurement(ODD))
    rows = list(csv.DictReader(io.StringIO(trtperf("export", path).out, newline="")))
    assert {(row["key"], row["metric"]) for row in rows} == {
        (key, metric)
        for key in ("tests/test_x.py::test_a", ODD)
        for metric in ("latency", "gpu_compute")
    }
    first = rows[0]
    assert (float(first["median"]), float(first["throughput_qps"])) == (2.0, 500.0)
    assert (first["commit"], first["hardware_class"]) == ("c0ffee", "nvidia-h200")


def test_json_has_the_rows_of_csv(trtperf, write_run):
    path = write_run("run")
    (row, _) = trtperf("export", path, "--json").json
    assert (row["metric"], row["median"], row["verdict"]) == ("latency", 1.0, "measured")


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        ("customSmallerIsBetter", {"gpu_compute median": ("ms", 2.0), "latency P99": ("ms", 2.0)}),
        ("customBiggerIsBetter", {"throughput": ("qps", 500.0)}),
    ],
)
def test_github_action_benchmark(trtperf, write_run, make_measurement, tool, expected):
    path = write_run("run", make_measurement(level=2.0))
    entries = json.loads(trtperf("export", path, "--format", tool).out)
    assert {
        entry["name"].removeprefix("tests/test_x.py::test_a ").partition(" (")[0]: (
            entry["unit"],
            entry["value"],
        )
        for entry in entries
    } == expected
    # its reader wants these types, and finds the history of a benchmark by its name
    for entry in entries:
        assert {name: type(value) for name, value in entry.items()} == {
            "name": str, "unit": str, "value": float, "extra": str,
        }  # fmt: skip
    assert len({entry["name"] for entry in entries}) == len(entries)


def test_markdown_shows_odd_names_as_they_are(trtperf, write_run, make_measurement):
    failed = VerdictRecord(
        kind="budget", metric="P99 of latency", status="fail", reason="over_limit",
        message="P99 misses *its* budget", value=2.0, limit=1.0, failed=True,
    )  # fmt: skip
    path = write_run("run", make_measurement(), make_measurement(ODD, verdicts=[failed]))
    lines = trtperf("export", path, "--format", "markdown").out.splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) == 3
    assert rows[1].startswith(r'| tests/t.py::test\_a\["a,b"\|\<script\> 日本\] |')
    assert r"- P99 misses \*its\* budget" in lines


def test_output_file(trtperf, write_run, tmp_path):
    result = trtperf("export", write_run("run"), "-o", tmp_path / "new" / "run.csv")
    assert (result.status, result.out) == (0, "")
    assert (tmp_path / "new" / "run.csv").read_text().startswith("created,commit,")
