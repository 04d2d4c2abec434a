"""Models, shapes and interruptions that go wrong: a clear error, and nothing lost."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from pytest_trtperf.files.locks import exclusive
from tests.plugin.waiting import wait_for, wait_until_taken


def measure(shapes="{'x': (64, 256)}", model="model.onnx"):
    return f"""
        def test_model(trt_engine, trt_measure):
            trt_measure(trt_engine({model!r}), shapes={shapes})
    """


@pytest.mark.usefixtures("on_cpu")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "*EngineBuildError*bad.onnx*"),
        (b"", "*EngineBuildError*bad.onnx*empty*"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "*EngineBuildError*bad.onnx*"),
        (b"not a model at all", "*EngineBuildError*bad.onnx*"),
    ],
    ids=["missing", "empty", "image", "text"],
)
def test_file_that_is_no_model_is_named(project, content, message):
    if content is not None:
        (project.path / "bad.onnx").write_bytes(content)
    project.tests(measure(model="bad.onnx"))
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message])


@pytest.mark.usefixtures("on_cpu")
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_model_is_named(project, share):
    path = project.model("bad")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    project.tests(measure(model="bad.onnx"))
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*EngineBuildError*bad.onnx*"])


@pytest.mark.usefixtures("on_cpu")
def test_directory_is_no_model(project):
    (project.path / "bad.onnx").mkdir()
    project.tests(measure(model="bad.onnx"))
    project.run().stdout.fnmatch_lines(["*EngineBuildError*bad.onnx*"])


@pytest.mark.usefixtures("on_cpu")
def test_operator_that_does_not_exist_is_named(project):
    import onnx

    path = project.model("bad")
    model = onnx.load(path)
    model.graph.node[0].op_type = "Nonsense"
    onnx.save(model, path)
    project.tests(measure(model="bad.onnx"))
    project.run().stdout.fnmatch_lines(["*EngineBuildError*bad.onnx*Nonsense*"])


@pytest.mark.usefixtures("on_cpu")
def test_plan_needs_a_gpu(project):
    (project.path / "model.plan").write_bytes(b"plan")
    project.tests(measure(model="model.plan"))
    project.run().stdout.fnmatch_lines(
        ["*EngineLoadError*model.plan is a plan, and the backend onnxruntime loads none*"]
    )


@pytest.mark.usefixtures("on_cpu_here")
@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ("{'x': (64, 256, 1)}", "shape 64x256x1 does not fit input 'x'*n x 256*"),
        ("{'x': (64, 255)}", "shape 64x255 does not fit input 'x'*n x 256*"),
        ("{'y': (64, 256), 'x': (64, 256)}", "no input named y*'x'*n x 256*"),
        ("{}", "input 'x' is dynamic*shapes=*'x'*n x 256*"),
        ("None", "input 'x' is dynamic*shapes=*'x'*n x 256*"),
        ("{'x': '64xq'}", "*64xq*"),
        ("{'x': (0, 256)}", "all inputs are empty ('x' 0x256): there is nothing*"),
        ("{'x': (-1, 256)}", "*-1*"),
    ],
)
def test_shape_that_does_not_fit(repository, shapes, message):
    repository.tests(measure(shapes))
    result = repository.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E *ShapeError: {message}"])


@pytest.mark.usefixtures("on_cpu_here")
def test_an_engine_of_one_shape_needs_no_shapes_unless_it_is_empty(project):
    project.model()
    project.tests("""
        import pytest

        def test_one(trt_engine, trt_measure):
            engine = trt_engine("model.onnx", shapes={"x": "4x256"})
            trt_measure(engine, baseline=False)
            trt_measure.sweep(engine, batch_sizes=[4], baseline=False)
            with pytest.raises(ValueError, match="8x256 of input 'x' is outside the profile"):
                trt_measure(engine, name="again", shapes={"x": (8, 256)})

        def test_empty(trt_engine, trt_measure):
            engine = trt_engine("model.onnx", shapes={"x": "0x256"})
            with pytest.raises(ValueError, match="all inputs are empty"):
                trt_measure(engine)
    """)
    project.run().assert_outcomes(passed=2)


@pytest.mark.usefixtures("on_cpu_here")
def test_static_model_needs_no_shapes(project):
    project.model(batch=8)
    project.tests(measure("None"))
    project.run().assert_outcomes(passed=1)


def test_unknown_build_option_lists_the_known_ones(repository):
    repository.tests(
        """
        def test_model(trt_engine):
            trt_engine("model.onnx", fp17=True)
        """
    )
    repository.run().stdout.fnmatch_lines(["E *ValueError: *fp17*fp16*"])


def test_one_bad_model_costs_the_others_nothing(repository):
    repository.tests(measure(model="missing.onnx"), "test_bad")
    result = repository.run("--trtperf-update", "--trtperf-json=run.json")
    result.assert_outcomes(passed=1, failed=1)
    assert set(repository.baselines()) == {"test_perf.py::test_model"}


def test_lock_directory_that_cannot_be_made(repository):
    (repository.path / "taken").write_text("a file")
    result = repository.run("--trtperf-lock-dir=taken/locks")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *MeasurementError: *taken*--trtperf-lock-dir*"])


@pytest.mark.usefixtures("on_cpu")
@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_interrupted_measurement_frees_locks_and_leaves_no_half_file(repository):
    repository.record()
    before = {path: path.read_bytes() for path in repository.baseline_files()}
    repository.tests(
        """
        from pathlib import Path

        def test_model(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)}, baseline=False)

        def test_long(trt_engine, trt_measure):
            Path("started").touch()
            trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)}, round_ms=60e3)
        """
    )
    command = [sys.executable, "-m", "pytest", "--trtperf", "--trtperf-update"]
    options = ["--trtperf-round-ms=20", "--trtperf-max-warm-up=0.3", "--trtperf-max-time=600"]
    child = subprocess.Popen(
        [*command, *options, "--trtperf-json=run.json"],
        cwd=repository.path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        wait_for(repository.path / "started")
        # Into the warm-up or the first round: both hold the lock.
        lock = repository.path.parent / f"{repository.path.name}-state" / "locks" / "host.lock"
        wait_until_taken(lock)
        output = interrupted(child)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == pytest.ExitCode.INTERRUPTED, output
    assert "KeyboardInterrupt" in output
    with exclusive(lock, 0o666, wait=False) as free:
        assert free
    assert {path: path.read_bytes() for path in repository.baseline_files()} == before
    assert [p for p in repository.path.rglob(".*") if p.suffix in (".tmp", ".json")] == []


def interrupted(child):
    """Its output once Ctrl-C has ended it; Python loses one that arrives in a finaliser."""
    for _ in range(3):
        child.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.communicate(timeout=60)[0]
    raise AssertionError("Ctrl-C does not end it")


@pytest.mark.usefixtures("on_cpu_here")
@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("streams=0", "*ValueError: *streams*"),
        ("tolerence=0.1", "*Error: *tolerence*"),
        ("tolerance=1", "*ValueError: *a share above 0 and below 1, 0.05 for 5 %, got 1*"),
        ("shapes={'y': (1, 256)}", "*ShapeError: *y*"),
    ],
)
def test_wrong_argument_is_shown_at_the_tests_line(project, argument, message):
    project.model()
    project.tests(
        f"""
        def test_model(trt_engine, trt_measure):
            trt_measure(trt_engine("model.onnx"), {argument})
        """
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f">*{argument}*", message])
    result.stdout.no_fnmatch_line("*trt_measure.py:*")
    project.run("--full-trace").stdout.fnmatch_lines(["*trt_measure.py:*"])


@pytest.mark.parametrize("call", ["trt_measure('model.onnx')", "trt_compare(engine, 'model.onnx')"])
def test_path_in_place_of_an_engine_is_reported(project, call):
    project.model()
    project.tests(
        f"""
        def test_model(trt_engine, trt_measure, trt_compare):
            engine = trt_engine('model.onnx')
            {call}
        """
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*TypeError: * expects an Engine, got 'model.onnx'; write trt_engine('model.onnx')"]
    )
    result.stdout.no_fnmatch_line("*trt_measure.py:*")


@pytest.mark.usefixtures("on_cpu_here")
def test_sizes_by_name_in_engine_and_measurement(project):
    project.model()
    project.tests("""
        import pytest

        def test_named(trt_engine, trt_measure):
            engine = trt_engine("model.onnx", dims={"n": (1, 8, 64)})
            perf = trt_measure(engine, dims={"n": 64}, baseline=False)
            engine.assert_close("model.onnx", dims={"n": 2})
            fixed = trt_engine("model.onnx", dims={"n": 4})
            trt_measure(fixed, dims={}, name="fixed", baseline=False)

        def test_outside(trt_engine, trt_measure):
            engine = trt_engine("model.onnx", dims={"n": (1, 8, 64)})
            with pytest.raises(ValueError, match="shape 65x256 of input .x. is outside"):
                trt_measure(engine, dims={"n": 65})
            with pytest.raises(ValueError, match="'x' is dynamic: pass dims={.n.: 8}, or shapes="):
                trt_measure(engine)

        def test_misspelt(trt_engine, trt_measure):
            with pytest.raises(ValueError, match="model.onnx has no dynamic dimension named 'm': "):
                trt_engine("model.onnx", dims={"m": 8})
            with pytest.raises(Exception, match="gone.onnx: there is no such file"):
                trt_engine("gone.onnx", dims={"m": 8})
            engine = trt_engine("model.onnx")
            with pytest.raises(ValueError, match="shapes= gives .x. float32 n x 256 the"):
                trt_measure(engine, {"x": (2, 256)}, dims={"n": 3})
    """)
    result = project.run("--trtperf-json=run.json")
    result.assert_outcomes(passed=3)
    shapes = [one["shapes"]["x"] for one in project.measurements()]
    assert shapes == [[64, 256], [4, 256]]
