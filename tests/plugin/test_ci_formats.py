"""What CI services read: JUnit properties, GitHub's step summary and annotations."""

from __future__ import annotations

import re
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import numpy as np
import pytest

SLOW_AND_NAMED = """
    import pytest

    @pytest.mark.parametrize("name", ["<script>", "a,b:c%d", "日本"])
    def test_model(trt_engine, trt_measure, name):
        engine = trt_engine("model.onnx")
        trt_measure(engine, shapes={"x": (64, 256)})
        trt_measure(engine, shapes={"x": (16, 256)}, name="small").assert_p99(ms=1e-4)
"""


@pytest.fixture
def suite(repository):
    repository.tests(SLOW_AND_NAMED)
    return repository


@pytest.fixture
def github(monkeypatch, suite):
    """GitHub Actions, on the suite."""
    summary = suite.path.parent / f"{suite.path.name}-summary.md"
    summary.write_text("of an earlier command\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_WORKSPACE", str(suite.path.parent))
    return summary


def properties(path):
    """The properties of each test case by name."""
    return {
        case.get("name"): {one.get("name"): one.get("value") for one in case.iter("property")}
        for case in ET.parse(path).iter("testcase")
    }


def check_properties(path):
    cases = properties(path)
    assert len(cases) == 3
    for found in cases.values():
        assert found["trtperf.device"] == "Fake GPU"
        assert found["trtperf.verdict"] == "measured"
        assert found["trtperf[small].verdict"] == "fail"
        assert found["trtperf.baseline"] == "missing"
        assert float(found["trtperf.latency.p99_ms"]) >= float(found["trtperf.latency.median_ms"])
        assert float(found["trtperf[small].throughput_qps"]) > 0


def test_junit_properties_of_the_older_family(suite):
    assert suite.run("--junitxml=run.xml", "-o", "junit_family=xunit1").ret == 1
    check_properties(suite.path / "run.xml")


def test_all_formats_with_workers(suite, github):
    result = suite.run("-n2", "--junitxml=run.xml", "--trtperf-traces=traces.npz")
    assert result.ret == 1
    check_properties(suite.path / "run.xml")
    assert github.read_text().count("misses its budget") == 3
    assert len(workflow_commands(result)) == 4
    with np.load(suite.path / "traces.npz") as traces:
        assert {name.partition("/")[0] for name in traces} == set("012345")


def test_junit_shows_the_change(repository):
    repository.record()
    assert repository.run("--junitxml=run.xml").ret == 0
    (found,) = properties(repository.path / "run.xml").values()
    assert abs(float(found["trtperf.change.gpu_compute_median"])) < 0.01
    assert found["trtperf.verdict"] == "pass"


def test_step_summary_is_appended(suite, github):
    assert suite.run().ret == 1
    text = github.read_text()
    assert text.startswith("of an earlier command\n### trtperf: fake on Fake GPU")
    rows = [line for line in text.splitlines() if line.startswith("| test\\_perf.py")]
    assert len(rows) == 6
    assert all("FAIL P99 of latency" in row for row in rows[:3])
    assert r"test\_model\[\<script\>\]#small".replace("#", r"\#") in text
    assert text.count("misses its budget") == 3
    assert "without a baseline, not compared" in text
    cells = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
    assert cells == {9}


def workflow_commands(result):
    """Level, properties and message of each workflow command, as the runner reads them."""
    found = []
    for line in result.outlines:
        if match := re.fullmatch(r"::(error|warning) ([^:]*)::(.*)", line):
            level, fields, message = match.groups()
            pairs = dict(field.split("=", 1) for field in fields.split(","))
            found.append((level, {k: unquote(v) for k, v in pairs.items()}, unquote(message)))
    return found


def test_annotations(suite, github):
    found = workflow_commands(suite.run("-q"))
    failed = [(fields, message) for level, fields, message in found if level == "error"]
    assert len(failed) == 3
    folder = suite.path.name
    assert {fields["file"] for fields, _ in failed} == {f"{folder}/test_perf.py"}
    titles = {fields["title"] for fields, _ in failed}
    assert "test_perf.py::test_model[a,b:c%d]#small" in titles
    assert all("misses its budget" in message for _, message in failed)
    ((_, _, warning),) = [one for one in found if one[0] == "warning"]
    assert warning.startswith("no baseline for 6 measurements: ")


def test_annotations_say_what_changed(repository, github):
    repository.tests()
    assert repository.run("--trtperf-update").ret == 0
    repository.model(layers=60)
    ((level, _, message),) = workflow_commands(repository.run())
    assert level == "error"
    assert "gpu_compute median regressed" in message
    assert "\nthe model or its build options changed" in message


def test_can_be_switched_off(repository, github):
    repository.tests()
    assert workflow_commands(repository.run("--no-trtperf-github")) == []
    assert github.read_text() == "of an earlier command\n"


def test_nothing_outside_of_github(repository):
    assert workflow_commands(repository.run()) == []


def test_summary_that_cannot_be_written_is_an_error(repository, github):
    repository.tests()
    github.unlink()
    github.mkdir()
    result = repository.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*test_perf.py::test_model *", "ERROR: GITHUB_STEP_SUMMARY: *"])
    assert ("error", {"title": "pytest-trtperf"}) in [one[:2] for one in workflow_commands(result)]
