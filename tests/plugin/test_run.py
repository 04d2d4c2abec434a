"""`pytest --trtperf` as a whole: what passes, what fails, what it exits with and prints."""

from __future__ import annotations

import os

import pytest

from pytest_trtperf import hookspecs, plugin


@pytest.fixture
def no_gpu(project, monkeypatch):
    """Hides GPUs, and asks for nothing but them."""
    project.options = ()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.delenv("TRTPERF_BACKEND")


def test_unchanged_passes_and_more_layers_fail(project):
    project.model(layers=20)
    project.tests()
    project.record(process=True)

    unchanged = project.run(process=True)
    assert unchanged.ret == 0
    unchanged.assert_outcomes(passed=1)
    unchanged.stdout.fnmatch_lines(["test_perf.py::test_model *gpu_compute median *"])

    project.model(layers=24)
    slower = project.run(process=True)
    assert slower.ret == 1
    slower.assert_outcomes(failed=1)
    slower.stdout.re_match_lines(
        [
            r".*::test_model: gpu_compute median regressed: .* in the baseline, \+(19|20)\.\d ?%.*",
            r".*the model or its build options changed",
            r".*expected\? pytest --trtperf --trtperf-update test_perf.py::test_model, and.*",
        ]
    )
    slower.stdout.fnmatch_lines(["test_perf.py::test_model *FAIL gpu_compute median*"])


def test_regression_is_a_failure_of_the_call_phase(repository):
    repository.run("--trtperf-update")
    repository.model(layers=60)
    result = repository.run("--junitxml=junit.xml", "-x")
    assert result.ret == 1
    junit = (repository.path / "junit.xml").read_text()
    assert 'failures="1"' in junit
    assert 'errors="0"' in junit
    assert "gpu_compute median regressed" in junit


def test_failing_body_is_not_compared(repository):
    repository.record()
    repository.tests(
        """
        def test_model(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})
            assert False, "the body's own"
        """
    )
    result = repository.run("--trtperf-json=run.json")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the body's own*"])
    result.stdout.no_fnmatch_line("*regressed*")


def test_without_the_option_tests_are_skipped_with_a_reason(repository):
    result = repository.pytester.runpytest_inprocess("-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*SKIPPED*needs --trtperf"])
    result.stdout.no_fnmatch_line("trtperf:*")


def test_no_trtperf_beats_the_ini_file(repository):
    repository.ini("trtperf = true")
    assert repository.pytester.runpytest_inprocess("--no-trtperf").parseoutcomes() == {"skipped": 1}
    assert repository.run().parseoutcomes() == {"passed": 1}


def test_without_the_option_nothing_heavy_is_imported(repository):
    repository.tests(
        """
        import sys

        def test_imports():
            heavy = {"numpy", "scipy", "onnxruntime", "onnx", "tensorrt", "msgspec", "cuda"}
            assert heavy & set(sys.modules) == set()
        """,
        "test_imports",
    )
    plugins = ("-p", "no:xdist", "-p", "no:hypothesispytest")
    result = repository.pytester.runpytest_subprocess(*plugins)
    result.assert_outcomes(passed=1, skipped=1)


UNUSED = {"", ".plugin", ".hookspecs", ".options", ".version"}
"""What the package is and what pytest finds of it. Each more module is paid for by every run."""


@pytest.mark.parametrize("options", [(), ("-n1",)], ids=" ".join)
def test_without_the_option_few_modules_are_loaded(repository, monkeypatch, options):
    for name in [name for name in os.environ if name.startswith("TRTPERF")]:
        monkeypatch.delenv(name)
    repository.tests(
        """
        import sys

        def test_modules():
            loaded = {name for name in sys.modules if name.startswith("pytest_trtperf")}
            assert loaded == UNUSED
        """.replace("UNUSED", repr({f"pytest_trtperf{name}" for name in UNUSED})),
        "test_modules",
    )
    result = repository.pytester.runpytest_subprocess("-p", "no:hypothesispytest", *options)
    result.assert_outcomes(passed=1, skipped=1)


def test_pytest_inspects_hooks_and_fixtures_alone():
    for module in (plugin, hookspecs):
        found = {name for name in vars(module) if name.startswith(("pytest_", "trt_"))}
        assert set(dir(module)) == found
    assert {name for name in dir(plugin) if name.startswith("trt_")} == plugin.FIXTURES


def test_nothing_measured_is_not_green(project):
    project.tests("def test_other(): pass")
    result = project.run()
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["nothing was measured"])


def test_nothing_measured_with_workers_is_not_green(project):
    project.tests("def test_other(): pass")
    assert project.run("-n2").ret == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize("workers", [(), ("-n2",), ("-nauto",), ("-p", "no:xdist")], ids=" ".join)
def test_no_gpu_says_what_is_missing_and_how_to_allow_the_cpu(no_gpu, repository, workers):
    result = repository.run(*workers)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: --trtperf: no usable backend:",
            "*backend tensorrt*",
            "*backend tensorrt-rtx*",
            "*--trtperf-backend=auto,onnxruntime or TRTPERF_BACKEND=auto,onnxruntime",
        ]
    )


@pytest.mark.usefixtures("on_cpu_here")
@pytest.mark.parametrize(
    ("load", "free"), [(1e3, " on a free machine (now: load 1000.0 *)"), (0, "")]
)
def test_what_a_run_takes_holds_for_a_free_machine(repository, monkeypatch, load, free):
    monkeypatch.setattr(os, "getloadavg", lambda: (load, load, load))
    result = repository.run()
    result.stdout.fnmatch_lines([f"trtperf: 1 test, about * s, up to * s{free}, without builds"])


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("option", ["--trtperf-smoke", "--trtperf-build-only"])
def test_no_backend_names_the_option_that_was_given(repository, option):
    result = repository.pytester.runpytest_inprocess(option, "--trtperf-backend=tensorrt-lean")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {option}: no usable backend:"])


@pytest.mark.usefixtures("no_gpu")
def test_no_gpu_is_no_matter_without_the_option(repository):
    repository.pytester.runpytest_inprocess().assert_outcomes(skipped=1)


@pytest.mark.usefixtures("on_cpu", "no_gpu")
def test_preference_list_falls_back_to_the_cpu(repository):
    result = repository.run("--trtperf-backend=auto,onnxruntime")
    assert result.ret == 0
    result.stdout.re_match_lines([r"trtperf: onnxruntime on cpu:.* x\d+ \(onnxruntime .*python .*"])


@pytest.mark.usefixtures("on_cpu")
def test_unknown_backend_is_a_usage_error(repository):
    result = repository.run("--trtperf-backend=onnxruntime,tensorflow")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    known = "auto, tensorrt, tensorrt-rtx, tensorrt-lean, onnxruntime"
    result.stderr.fnmatch_lines([f"*unknown backend 'tensorflow'; known are {known}"])
    result = repository.run("--trtperf-backend=tensor_flow")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: --trtperf-backend: expected names of backends*tensor_flow*"]
    )


def test_one_header_line_and_one_table(repository):
    result = repository.run("-n2")
    lines = result.outlines
    assert sum(line.startswith("trtperf: fake on Fake GPU") for line in lines) == 1
    titles = [" ".join(line.split()) for line in lines if line.startswith("test ")]
    assert titles == ["test P50 ms P99 ms QPS budget baseline change verdict"]
    assert sum(line.startswith("test_perf.py::test_model  ") for line in lines) == 1


def test_help_lists_the_options(project):
    result = project.pytester.runpytest_inprocess("--help")
    result.stdout.fnmatch_lines(["*--trtperf*", "*--trtperf-update*", "*--trtperf-json*"])


def test_collect_only_needs_no_gpu(repository, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.delenv("TRTPERF_BACKEND")
    assert repository.run("--collect-only").ret == 0


def test_session_fixture_builds_an_engine_once(project):
    project.model()
    project.tests(
        """
        import pytest

        @pytest.fixture(scope="module")
        def engine(trt_engine):
            return trt_engine("model.onnx")

        def test_first(engine, trt_engine, trt_measure):
            assert trt_engine("model.onnx") is engine
            perf = trt_measure(engine, shapes={"x": "8x256"})
            assert "P50" in repr(perf) and "qps" in repr(perf)
            assert 0 < perf.median <= perf.p99
            assert perf.summary().count == perf.queries == len(perf.samples())

        def test_second(engine, trt_engine):
            assert trt_engine("model.onnx") is engine
            assert [str(tensor) for tensor in engine.inputs]
        """
    )
    assert project.run().parseoutcomes() == {"passed": 2}
