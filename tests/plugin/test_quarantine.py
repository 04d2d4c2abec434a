"""Tests in quarantine: what they report, and what fails all the same."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

KEY = "test_perf.py::test_model"
BUDGET = """
    def test_model(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)}).assert_p99(ms=1e-4)
"""


def quarantine(project, key=KEY, days=5, **more):
    """Writes the file."""
    until = datetime.now(timezone.utc).date() + timedelta(days=days)
    lines = [f"{name} = {value}" for name, value in more.items()]
    project.path.joinpath("perf-acknowledged.toml").write_text(
        "\n".join([f'[quarantine."{key}"]', 'reason = "bug 4711"', 'by = "Ada"',
                   f"until = {until}", *lines])
    )  # fmt: skip
    return until


@pytest.mark.parametrize("key", [KEY, "test_perf.py::*"])
def test_regression_of_a_test_in_quarantine_is_reported_and_fails_nothing(repository, key):
    repository.record()
    repository.model(layers=60)
    until = quarantine(repository, key)
    result = repository.run("-rx", "--trtperf-json=run.json")
    assert result.ret == 0
    result.assert_outcomes(xfailed=1)
    result.stdout.fnmatch_lines(
        [
            "*= trtperf quarantine =*",
            f"*{key[:12]}*: until {until} by Ada: bug 4711 (1 regressed)",
        ]
    )
    (one,) = repository.measurements()
    assert one["outcome"] == "xfailed"
    assert any(verdict["failed"] for verdict in one["verdicts"])


def test_other_tests_fail(repository):
    repository.record()
    repository.model(layers=60)
    quarantine(repository, "test_other.py::test_model")
    result = repository.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*test_other.py::test_model: until *(no such test was run)"])


@pytest.mark.parametrize(("more", "status"), [({}, 1), ({"budgets": "true"}, 0)])
def test_budgets_are_covered_only_where_it_says_so(repository, more, status):
    repository.tests(BUDGET)
    quarantine(repository, **more)
    assert repository.run().ret == status


def test_error_of_the_test_itself_fails(repository):
    repository.tests("def test_model(trt_engine, trt_measure):\n    assert 1 == 2\n")
    quarantine(repository)
    assert repository.run().ret == 1


def test_quarantine_that_is_over_fails_and_is_named(repository):
    repository.record()
    repository.model(layers=60)
    until = quarantine(repository, days=-1)
    result = repository.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*{KEY}: ended on {until}, remove it"])


@pytest.mark.parametrize(
    ("days", "content", "message"),
    [
        (31, None, "*at most 30 days from today*"),
        (5, "[quarantine", "*perf-acknowledged.toml*"),
        (5, '[quarantine."a"]\nby = "Ada"\nuntil = 2026-01-01', "*reason*"),
    ],
)
def test_file_that_does_not_fit_is_a_usage_error(repository, days, content, message):
    quarantine(repository, days=days)
    if content:
        repository.path.joinpath("perf-acknowledged.toml").write_text(content)
    result = repository.run()
    assert result.ret == 4
    result.stderr.fnmatch_lines([message])


TWO = """
    def test_model(trt_engine, trt_measure):
        engine = trt_engine("model.onnx")
        for name in {names}:
            trt_measure(engine, shapes={{"x": (64, 256)}}, name=name)
"""


def test_another_failure_of_the_test_is_not_covered(repository):
    repository.tests(TWO.format(names=["a"]))
    repository.record()
    repository.model(layers=60)
    repository.tests(TWO.format(names=["a", "new"]))
    quarantine(repository)
    assert repository.run().ret == 0
    result = repository.run("--trtperf-require-baseline")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*#new has no baseline*"])


def test_quarantine_holds_under_strict_and_counts_as_nothing_caught(repository):
    repository.record()
    repository.model(layers=60)
    quarantine(repository)
    result = repository.run("--trtperf-strict")
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*that did not fail*")


def test_texts_of_the_file_are_one_line(repository):
    repository.record()
    repository.model(layers=60)
    quarantine(repository)
    path = repository.path / "perf-acknowledged.toml"
    path.write_text(path.read_text().replace('"bug 4711"', '"bug\\n::error::4711"'))
    result = repository.run("-rx")
    assert result.ret == 0
    assert not [line for line in result.outlines if line.startswith("::error")]
