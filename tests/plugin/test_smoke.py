"""`pytest --trtperf-smoke`: models are converted, run once and compared; nothing is measured."""

from __future__ import annotations

import pytest

from tests.in_process import run_in_process

SMOKE = "trtperf smoke: built and run once"
TESTS = """
    def test_model(trt_engine, trt_measure):
        engine = trt_engine("model.onnx")
        engine.assert_close(shapes={"x": (8, 256)})
        perf = trt_measure(engine, shapes={"x": (64, 256)})
        perf.assert_p99(ms=1e-9)
        perf.assert_no_regression()

    def test_numbers(trt_engine, trt_measure):
        assert trt_measure(trt_engine("model.onnx"), shapes={"x": (8, 256)}).p99 < 1e-9

    def test_sweep(trt_engine, trt_measure):
        for size, perf in trt_measure.sweep(trt_engine("model.onnx"), batch_sizes=[1, 2]):
            perf.assert_qps(1e12)

    def test_others(trt_engine, trt_measure, trt_compare):
        engine = trt_engine("model.onnx")
        trt_measure.max_qps(engine, p99_ms=1e-9, shapes={"x": (8, 256)}).assert_at_least(1e12)
        trt_compare(engine, trt_engine("other.onnx"), shapes={"x": (8, 256)}).assert_faster(by=0.9)
"""
FAILS = """
    def test_model(trt_engine, trt_measure):
        {body}
"""


@pytest.fixture
def models(project, on_cpu_here):
    project.model()
    project.model("other", layers=2)
    return project


def run(project, *options):
    return run_in_process(project.pytester, "--trtperf-smoke", *project.options, "-rs", *options)


def test_each_measurement_runs_one_query_and_is_not_measured(models):
    models.tests(TESTS)
    result = run(models)
    assert result.ret == 0
    result.assert_outcomes(skipped=4)
    judged_nothing = "nothing was measured, no budget and no baseline was judged"
    ready = f"engines ready: 2, built by this run: 0, queries run: 7; {judged_nothing}"
    result.stdout.fnmatch_lines([ready, f"SKIPPED * test_perf.py:*: {SMOKE}, not measured"])
    result.stdout.fnmatch_lines([f"*{SMOKE} as far as the test needs no numbers, not measured"])
    result.stdout.no_fnmatch_line("*PASS*")


def test_nothing_is_recorded(models):
    models.tests(TESTS)
    assert run(models, "--trtperf-json=run.json", "--trtperf-strict").ret == 0
    assert not list(models.path.glob("run.*"))
    assert models.baseline_files() == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('trt_measure(trt_engine("broken.onnx"))', "*EngineBuildError: *broken.onnx*"),
        (
            'trt_engine("model.onnx").assert_close("other.onnx", shapes={"x": (8, 256)})',
            "*AccuracyAssertionError: model.onnx*differs from other.onnx*",
        ),
        (
            'trt_measure(trt_engine("model.onnx"), shapes={"x": (8, 255)})',
            "*ShapeError: *255*",
        ),
        (
            'trt_measure(trt_engine("lookup.onnx"), inputs={"index": [0, 10]})',
            "*QueryError: *",
        ),
        (
            'trt_measure.max_qps(trt_engine("lookup.onnx"), p99_ms=1, inputs={"index": [0, 10]})',
            "*QueryError: *",
        ),
    ],
)
def test_what_is_wrong_with_a_model_fails(models, write_lookup, body, words):
    (models.path / "broken.onnx").write_bytes(b"no model")
    write_lookup(models.path / "lookup.onnx", rows=10)
    models.tests(FAILS.format(body=body))
    result = run(models)
    assert result.ret == 1
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([words])


def test_accuracy_alone_is_judged_as_ever(models):
    body = 'trt_engine("model.onnx").assert_close(shapes={"x": (8, 256)})'
    models.tests(FAILS.format(body=body).replace(", trt_measure", ""))
    run(models).assert_outcomes(passed=1)


def test_a_run_without_engines_is_not_green(models):
    models.tests("def test_nothing(): pass")
    assert run(models).ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_workers_say_what_they_ran(models):
    pytest.importorskip("xdist")
    models.tests(TESTS)
    command = ("--trtperf-smoke", *models.options, "-n2")
    result = models.pytester.runpytest_subprocess(*command, timeout=300)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["engines ready: 2, *queries run: 7; nothing was measured, *"])


@pytest.mark.parametrize("other", ["--trtperf-build-only", "--trtperf-update"])
def test_it_goes_with_no_option_that_wants_something_else(models, other):
    models.tests(TESTS)
    result = run(models, other)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--trtperf-smoke*"])


def test_reports_say_that_it_was_skipped(models):
    models.tests(TESTS)
    run(models, "--junitxml=junit.xml")
    assert SMOKE in (models.path / "junit.xml").read_text()
