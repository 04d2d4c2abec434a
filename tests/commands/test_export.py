"""`trtperf export`: each format as its reader takes it."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from typing import Any

import pytest
from msgspec import structs

from pytest_trtperf.record.item import ItemRecord
from pytest_trtperf.record.json_file import write_json
from pytest_trtperf.record.model import CostRecord, MergedRecord
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
            "name": str, "unit": str, "value": float, "range": str, "extra": str,
        }  # fmt: skip
    assert len({entry["name"] for entry in entries}) == len(entries)
    level = 500 if tool == "customBiggerIsBetter" else 2.0
    assert {entry["range"] for entry in entries} == {
        "rounds {:.5g} to {:.5g}".format(*sorted((level / 0.999, level / 1.001)))
        if tool == "customBiggerIsBetter"
        else "rounds 1.998 to 2.002"
    }


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


def parsed(text):
    """What the parser of Prometheus' own client finds, by the name of the sample."""
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    found: dict[str, list[Any]] = {}
    for family in parser.text_string_to_metric_families(text):
        assert family.type == "gauge"
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    # The node exporter reads the older format, in which UNIT and EOF are comments.
    older = pytest.importorskip("prometheus_client.parser").text_string_to_metric_families(text)
    assert {one.name for family in older for one in family.samples} == set(found)
    return found


PLACE = {"backend": "tensorrt", "hardware_class": "nvidia-h200"}


def test_openmetrics(trtperf, write_run, make_measurement):
    verdict = VerdictRecord(
        kind="baseline", metric="gpu_compute median", status="fail", reason="over_limit",
        message="slower", change=0.12, failed=True,
    )  # fmt: skip
    named = make_measurement("tests/test_x.py::test_a#wide", 4.0, verdicts=[verdict])
    item = ItemRecord(test="tests/test_x.py::test_a", key="tests/test_x.py::test_a",
                      outcome="failed")  # fmt: skip
    path = write_run(
        "run", make_measurement(level=2.0), named, tests=[item], host="lab1", branch="main",
        exit_status=1,
    )  # fmt: skip
    found = parsed(trtperf("export", path, "--format", "openmetrics").out)
    assert set(found) == {
        *("trtperf_latency_milliseconds", "trtperf_gpu_compute_milliseconds"),
        *("trtperf_throughput_queries_per_second", "trtperf_failed", "trtperf_change_ratio"),
        *("trtperf_test_outcome", "trtperf_run", "trtperf_run_exit_status"),
        "trtperf_run_end_seconds",
    }
    where = {**PLACE, "host": "lab1", "branch": "main"}
    test = {"test": "tests/test_x.py::test_a", "name": "wide", **where}
    medians = {
        labels["name"]: value
        for labels, value in found["trtperf_latency_milliseconds"]
        if labels["statistic"] == "median"
    }
    assert medians == {"": 2.0, "wide": 4.0}
    assert (test, 250.0) in found["trtperf_throughput_queries_per_second"]
    assert (test, 1.0) in found["trtperf_failed"]
    assert found["trtperf_change_ratio"] == [({**test, "metric": "gpu_compute median"}, 0.12)]
    assert found["trtperf_test_outcome"] == [
        ({"test": "tests/test_x.py::test_a", **where, "outcome": "failed"}, 1.0)
    ]
    ((labels, _),) = found["trtperf_run"]
    assert (labels["commit"], labels["device"]) == ("c0ffee", "NVIDIA H200")
    assert found["trtperf_run_exit_status"] == [({"run": "1", **where}, 1.0)]
    assert found["trtperf_run_end_seconds"][0][1] == 1767323045


def test_openmetrics_have_what_an_engine_costs(trtperf, write_run, make_measurement):
    cost = CostRecord(value=93.5, unit="ms", values=[93.5])
    path = write_run("run", make_measurement(costs={"load_time": cost}))
    text = trtperf("export", path, "--format", "openmetrics").out
    assert re.search(r"^trtperf_load_time_milliseconds\{.*\} 93.5$", text, re.MULTILINE)


def test_openmetrics_of_odd_names_and_of_many_runs(trtperf, tmp_path, make_run, make_measurement):
    names = [ODD, "t.py::test[\\\\]", 't.py::test["}]#a b#c']
    shards = [make_run(make_measurement(name)) for name in names]
    path = tmp_path / "run.json"
    write_json(path, MergedRecord(runs=shards))
    found = parsed(trtperf("export", path, "--format", "openmetrics").out)
    samples = found["trtperf_throughput_queries_per_second"]
    assert [(one["test"], one["name"]) for one, _ in samples] == [
        (ODD, ""),
        ("t.py::test[\\\\]", ""),
        ('t.py::test["}]', "a b#c"),
    ]
    assert [labels["run"] for labels, _ in found["trtperf_run"]] == ["1", "2", "3"]


def test_gitlab_metrics_are_read_as_its_parser_does(trtperf, write_run, make_measurement):
    path = write_run("run", make_measurement(ODD + "#wide one", 2.0))
    text = trtperf("export", path, "--format", "gitlab-metrics").out
    # Its parser drops all from a #, and takes the first two words of a shell.
    words = [shlex.split(re.sub("#.*", "", line))[:2] for line in text.splitlines()]
    numbers = {name: float(value) for name, value in filter(None, words)}
    assert sorted(numbers.values()) == [2.0, 2.0, 500.0]
    assert all("/wide one" in name for name in numbers)
    assert set(parsed(text)) == {
        *("trtperf_latency_milliseconds", "trtperf_gpu_compute_milliseconds"),
        "trtperf_throughput_queries_per_second",
    }


def test_gitlab_code_quality(trtperf, write_run, make_measurement):
    key = "tests/test_x.py::test_a"
    missed = VerdictRecord(
        kind="budget", metric="P99 of latency", status="fail", reason="over_limit",
        message="P99 misses its budget", limit=1.0, failed=True,
    )  # fmt: skip
    unsure = structs.replace(
        missed, status="inconclusive", message="not known", failed=False, limit=2.0
    )
    tests = [
        ItemRecord(test=key, key=key, outcome="failed", line=7, reason="P99 misses"),
        ItemRecord(test="tests/test_x.py::test_b", key="k", outcome="error", line=12, reason="no"),
        ItemRecord(test="tests/test_x.py::test_c", key="c", outcome="passed"),
    ]
    path = write_run("run", make_measurement(verdicts=[missed, unsure]), tests=tests)
    issues = json.loads(
        trtperf("export", path, "--format", "gitlab-codequality", "--folder", "perf").out
    )
    assert [(one["severity"], one["check_name"], one["location"]) for one in issues] == [
        (severity, name, {"path": "perf/tests/test_x.py", "lines": {"begin": line}})
        for severity, name, line in (
            ("major", "trtperf/budget", 7),
            ("info", "trtperf/budget", 7),
            ("critical", "trtperf/error", 12),
        )
    ]
    assert [one["description"] for one in issues] == [
        "P99 misses its budget (tensorrt on NVIDIA H200)",
        "not known (tensorrt on NVIDIA H200)",
        "k error: no (tensorrt on NVIDIA H200)",
    ]
    assert len({one["fingerprint"] for one in issues}) == 3
    # Numbers change from run to run, and an issue stays the same.
    moved = structs.replace(missed, value=3.0, message="P99 is 3 ms")
    again = write_run("again", make_measurement(verdicts=[moved]))
    (issue,) = json.loads(trtperf("export", again, "--format", "gitlab-codequality").out)
    assert issue["fingerprint"] == issues[0]["fingerprint"]
    assert issue["location"] == {"path": "tests/test_x.py", "lines": {"begin": 1}}


@pytest.mark.parametrize("outcome", ["xfailed", "passed", "failed"])
def test_only_what_fails_a_test_is_an_issue_in_gitlab(
    trtperf, write_run, make_measurement, outcome
):
    failed = VerdictRecord(
        kind="baseline", metric="latency P99", status="fail", reason="over_limit",
        message="slower", failed=True,
    )  # fmt: skip
    path = write_run("run", make_measurement(verdicts=[failed], outcome=outcome))
    issues = json.loads(trtperf("export", path, "--format", "gitlab-codequality").out)
    assert [one["severity"] for one in issues] == ["major"] * (outcome == "failed")


def test_what_a_killed_run_has_left_is_an_issue_in_gitlab(trtperf, write_run):
    left = ItemRecord(test="t.py::test_a", key="k", outcome="unfinished")
    path = write_run("run", tests=[left])
    (issue,) = json.loads(trtperf("export", path, "--format", "gitlab-codequality").out)
    assert issue["severity"] == "critical"
    assert issue["description"].startswith("k unfinished: the run ended before it did (")


def test_a_record_without_failures_is_an_empty_report(trtperf, write_run):
    assert trtperf("export", write_run("run"), "--format", "gitlab-codequality").out == "[]\n"


@pytest.mark.parametrize("form", ["csv", "markdown", "openmetrics"])
def test_two_formats_of_one_output_are_refused(trtperf, write_run, tmp_path, form):
    path = write_run("run")
    result = trtperf("export", path, "--json", "--format", form)
    assert result.status == 2
    assert result.out == ""
    assert "--json and --format are two formats of one output" in result.err
    assert trtperf("export", path, "--json", "--format", form, "-o", tmp_path / "out").status == 0
    assert (tmp_path / "out").exists()
