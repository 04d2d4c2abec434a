"""`pytest --trtperf-build-only` and `trtperf build`: engines are made, and nothing is measured."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

BUILT = "trtperf: built, not measured"
TESTS = """
    import pytest

    def test_model(trt_engine, trt_measure):
        perf = trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})
        perf.assert_p99(ms=1e-9)
        perf.note("a note")
        other = trt_measure(trt_engine("other.onnx"), shapes={"x": (64, 256)}, name="other")
        other.assert_no_regression()

    def test_numbers(trt_engine, trt_measure):
        assert trt_measure(trt_engine("model.onnx"), shapes={"x": (8, 256)}).p99 < 1e-9
        trt_engine("missing.onnx")

    def test_sweep(trt_engine, trt_measure):
        sweep = trt_measure.sweep(trt_engine("model.onnx"), batch_sizes=[1, 2])
        for size, perf in sweep:
            perf.assert_qps(1e12)
        assert len(sweep) == 2

    def test_others(trt_engine, trt_measure, trt_compare):
        engine = trt_engine("model.onnx")
        trt_measure.max_qps(engine, p99_ms=1e-9, shapes={"x": (8, 256)}).assert_at_least(1e12)
        trt_measure.builds(engine, shapes={"x": (8, 256)})
        trt_compare(engine, trt_engine("third.onnx"), shapes={"x": (8, 256)}).assert_faster(by=0.9)
"""


@pytest.fixture
def built(project):
    """Three models, and tests that ask for them."""
    for layers, name in enumerate(("model", "other", "third"), 1):
        project.model(name, layers=layers)
    project.tests(TESTS)
    return project


def run(project, *options):
    return project.pytester.runpytest_inprocess(
        "--trtperf-build-only", *project.options, "-rs", "-p", "no:hypothesispytest", *options
    )


def test_engines_are_made_and_nothing_is_measured(built):
    result = run(built)
    assert result.ret == 0
    result.assert_outcomes(skipped=4)
    result.stdout.fnmatch_lines(
        [
            "engines ready: 3, built by this run: 0; nothing was measured",
            f"SKIPPED * test_perf.py:*: {BUILT}",
        ]
    )
    result.stdout.fnmatch_lines(["*built as far as the test needs no numbers, not measured"])


def test_nothing_is_recorded_or_written(built, tmp_path):
    assert run(built, "--trtperf-json=run.json", "--trtperf-html=run.html").ret == 0
    assert not list(built.path.glob("run.*"))
    assert built.baseline_files() == []


@pytest.mark.usefixtures("on_cpu_here")
def test_an_engine_that_cannot_be_made_fails(built):
    (built.path / "other.onnx").write_bytes(b"no model")
    result = run(built)
    assert result.ret == 1
    result.assert_outcomes(failed=1, skipped=3)
    result.stdout.fnmatch_lines(["*EngineBuildError: *other.onnx: *"])


@pytest.mark.usefixtures("on_cpu_here")
def test_what_is_wrong_with_a_test_is_found(built):
    built.tests(
        """
        def test_model(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"), shapes={"x": "8*256"})

        def test_options(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"), no_such=True)

        def test_twice(trt_engine, trt_measure):
            for _ in range(2):
                trt_measure(trt_engine("model.onnx"), shapes={"x": (8, 256)})

        def test_engine(trt_compare):
            trt_compare("model.onnx", "other.onnx")
        """
    )
    run(built).assert_outcomes(failed=4)


def test_a_test_that_measures_nothing_is_as_ever(built):
    built.tests("def test_inputs(trt_engine):\n    assert trt_engine('model.onnx').inputs")
    run(built).assert_outcomes(passed=1)


def test_a_run_without_engines_is_not_green(built):
    built.tests("def test_nothing(): pass")
    assert run(built).ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_workers_say_what_they_made(built):
    pytest.importorskip("xdist")
    result = built.pytester.runpytest_subprocess(
        "--trtperf-build-only", *built.options, "-n2", timeout=300
    )
    assert result.ret == 0
    result.stdout.fnmatch_lines(["engines ready: 3, built by this run: 0; nothing was measured"])


def command(project, *words):
    return subprocess.run(
        [sys.executable, "-m", "pytest_trtperf.cli", "build", *words, *project.options],
        cwd=project.path, env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_command_builds_what_the_tests_ask_for(built):
    done = command(built, "-k", "test_model", "-p", "no:cacheprovider")
    assert done.returncode == 0
    assert "engines ready: 2, built by this run: 0; nothing was measured" in done.stdout


def test_the_command_says_that_nothing_asks_for_an_engine(built):
    built.tests("def test_nothing(): pass")
    done = command(built)
    assert done.returncode == 2
    assert done.stderr.endswith("trtperf: error: no test asks for an engine\n")
    (built.path / "model.onnx").unlink()
    built.tests(TESTS)
    assert command(built, "test_perf.py::test_model").returncode == 1
    assert command(built, "no_such.py").returncode == 2


def test_the_command_builds_where_warnings_are_errors(built):
    built.ini("filterwarnings = error")
    assert command(built, "-k", "test_model", "-p", "no:cacheprovider").returncode == 0


@pytest.fixture
def without_gpu(built, monkeypatch):
    """The same with TensorRT for RTX, where no GPU is."""
    pytest.importorskip("tensorrt_rtx")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    built.options = ("--trtperf-backend=tensorrt-rtx",)
    built.tests(
        """
        def test_model(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx", shapes={"x": (8, 256)}), dims={"n": 8})
        """
    )
    return built


def test_rtx_builds_without_a_gpu_and_says_what_that_shows(without_gpu):
    result = run(without_gpu)
    assert result.ret == 0
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(
        [
            "trtperf: tensorrt-rtx on a machine without a GPU (*",
            "=* trtperf: tensorrt-rtx on a machine without a GPU =*",
            "engines ready: 1, built by this run: 1; nothing was measured",
            "built without a GPU, and not loaded: *",
        ]
    )
    again = run(without_gpu)
    again.stdout.fnmatch_lines(["engines ready: 1, built by this run: 0; nothing was measured"])


def test_what_takes_a_gpu_fails_without_one(without_gpu):
    without_gpu.tests(
        "def test_inputs(trt_engine):\n    trt_engine('model.onnx', shapes={'x': (8, 256)}).inputs"
    )
    result = run(without_gpu)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*EngineLoadError: *model.onnx: built without a GPU, and what *"])


def test_a_refused_model_fails_without_a_gpu_and_says_what_to_do(without_gpu):
    (without_gpu.path / "model.onnx").write_bytes(b"no model")
    result = run(without_gpu)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*EngineBuildError: *model.onnx: *"])


@pytest.mark.parametrize("option", ["--trtperf", "--trtperf-smoke"])
def test_what_loads_engines_still_takes_a_gpu(without_gpu, option):
    result = without_gpu.pytester.runpytest_inprocess(option, *without_gpu.options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*backend tensorrt-rtx *: no usable GPU *"])
