"""What only a GPU can give, asked for on the CPU: an error that says so, and no file."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.usefixtures("on_cpu_here")

KEY = "test_perf.py::test_model"
HASTY = "--trtperf-max-warm-up=0.02"

NO_TIMES = "trtexec's times come from a GPU's events, and this backend records none"
NO_PROFILE = "the CPU backend has no layer profile"


def test_what_only_a_gpu_has_is_refused(repository):
    repository.tests(
        """
        import pytest
        from pytest_trtperf.errors import MeasurementError

        def test_model(trt_engine, trt_measure):
            perf = trt_measure(trt_engine("model.onnx"), shapes={"x": (16, 256)})
            for ask, why in (
                (perf.layers, "the CPU backend has no layer profile"),
                (lambda: perf.layers(queries=7), "no layer profile"),
                (lambda: perf.export_profile("profile.json"), "no layer profile"),
                (lambda: perf.export_times("times.json"), "come from a GPU's events"),
                (lambda: perf.device_memory, "this backend does not report device memory"),
            ):
                with pytest.raises(MeasurementError, match=why):
                    ask()
            perf.assert_device_memory({"NVIDIA*": 100})
            for limit in (0, -1, float("nan"), True):
                with pytest.raises(ValueError, match="device memory must be a number above 0"):
                    perf.assert_device_memory(mib=limit)
            assert perf.energy_per_query_mj is None
            perf.assert_p99(ms=5000)
        """
    )
    result = repository.run("--trtperf-json=run.json", HASTY)
    result.assert_outcomes(passed=1)
    assert not list(repository.path.glob("times*"))
    assert not list(repository.path.glob("profile*"))
    (record,) = json.loads((repository.path / "run.json").read_text())["measurements"]
    assert (record["layers"], record["device_memory"]) == ([], {})
    assert [(verdict["metric"], verdict["reason"]) for verdict in record["verdicts"]] == [
        ("device memory", "no_figure"),
        ("P99 of latency", "within_limit"),
    ]
    assert set(record["costs"]) == {"load_time", "cold_start"}


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--trtperf-export-times", f"no times exported: {NO_TIMES}"),
        ("--trtperf-export-profile", f"no profile exported: {NO_PROFILE}*"),
    ],
)
def test_file_that_was_asked_for_and_cannot_be_had_fails_the_test(repository, option, message):
    result = repository.run(f"{option}=exported", "--trtperf-json=run.json", HASTY)
    result.assert_outcomes(failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([message])
    assert not list(repository.path.glob("exported/*"))
    # What was measured is kept all the same.
    (record,) = json.loads((repository.path / "run.json").read_text())["measurements"]
    assert record["key"] == KEY
    result.stdout.fnmatch_lines([f"{KEY} *"])


def test_each_measurement_and_each_file_is_reported(repository):
    repository.tests(
        """
        def test_model(trt_engine, trt_measure):
            engine = trt_engine("model.onnx")
            trt_measure(engine, shapes={"x": (16, 256)})
            trt_measure(engine, shapes={"x": (8, 256)}, name="small")
        """
    )
    result = repository.run(
        "--trtperf-export-times=here", "--trtperf-export-profile=here", HASTY, "--trtperf-update"
    )
    result.assert_outcomes(failed=1)
    lines = [line for line in result.outlines if line.startswith("no ") and " exported: " in line]
    assert sum(NO_TIMES in line for line in lines) == 2
    assert sum(NO_PROFILE in line for line in lines) == 2
    # A test that failed records nothing.
    assert repository.baseline_files() == []


def test_body_that_failed_exports_nothing(repository):
    repository.tests(
        """
        def test_model(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"), shapes={"x": (16, 256)})
            raise RuntimeError("the body's own")
        """
    )
    result = repository.run("--trtperf-export-times=here", HASTY)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *the body's own"])
    result.stdout.no_fnmatch_line("*no times exported*")


def test_layers_that_the_backend_does_not_have_are_noted(repository):
    result = repository.run("--trtperf-layers", "--trtperf-json=run.json")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*no layers were profiled: the CPU backend has no layer profile*"])
