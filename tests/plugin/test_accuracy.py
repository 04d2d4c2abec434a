"""`engine.assert_close` in a test."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("on_cpu_here")

TEST = """
import numpy as np

def test_outputs(trt_engine, trt_measure):
    engine = trt_engine("model.onnx")
    {body}
    trt_measure(engine, shapes={{"x": (8, 256)}})
"""


def run(project, body):
    project.tests(TEST.format(body=body))
    return project.run()


@pytest.mark.parametrize(
    "body",
    [
        'engine.assert_close(shapes={"x": "8x256"})',
        'engine.assert_close("same.onnx", shapes={"x": (8, 256)}, seed=4, rtol=0, atol=0)',
        'engine.assert_close(trt_engine("same.onnx"), inputs={"x": np.ones((2, 256), "f4")})',
    ],
)
def test_engine_that_returns_what_the_reference_does(project, body):
    project.model(layers=2)
    project.model("same", layers=2)
    assert run(project, body).ret == 0


def test_paths_are_found_below_rootdir_from_elsewhere(project, monkeypatch):
    project.model()
    project.model("same")
    np.save(project.path / "x.npy", np.ones((2, 256), np.float32))
    project.tests(TEST.format(body='engine.assert_close("same.onnx", inputs="x:x.npy")'))
    monkeypatch.chdir(project.pytester.mkdir("below"))
    assert project.run(f"--rootdir={project.path}", "..").ret == 0


def test_engine_that_returns_something_else_fails_the_test(project):
    project.model(layers=2)
    project.model("other", layers=3)
    result = run(project, 'engine.assert_close(trt_engine("other.onnx"), shapes={"x": (8, 256)})')
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [
            r"E .*AccuracyAssertionError: model.onnx on .* differs from other.onnx on .*",
            r"E .*output 'y' float32 8x256: \d+ of 2048 values differ by more than .*reference",
            r"E .*largest absolute error \S+ at \[\d, \d+\]: \S+, reference ",
            r"E .*largest relative error \S+ at \[\d, \d+\]: \S+, reference ",
        ]
    )
    result.stdout.fnmatch_lines(["E * in 1 of 1 outputs (inputs: x 8x256):"])
    # Nobody has to read our own frames.
    result.stdout.no_fnmatch_line("*accuracy.py:*")


def test_outputs_have_tolerances_of_their_own(project):
    project.model(layers=2)
    project.model("other", layers=3)
    how = 'shapes={"x": (8, 256)}, rtol={"y": 0.1}, cosine={"y": 0.999}, top_k=5'
    assert run(project, f"engine.assert_close({how})").ret == 0
    result = run(project, f'engine.assert_close("other.onnx", {how})')
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [
            r"E .*output 'y' float32 8x256: \d+ of 2048 values differ by more than .* \+ 0\.1 x",
            r"E .*output 'y' float32 8x256: the cosine similarity of 8 of 8 rows is below 0\.999",
            r"E .*lowest cosine similarity \S+ at \[\d\]",
            r"E .*output 'y' float32 8x256: 8 of 8 rows have other classes among the 5 largest, ",
            r"E .*the first at \[0\]: class \d+ is \S+ in the reference, whose 5 largest begin at ",
        ]
    )


def test_a_tolerance_of_no_output_says_so(project):
    project.model()
    result = run(project, 'engine.assert_close(shapes={"x": (8, 256)}, rtol={"logits": 0.1})')
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *ValueError: rtol= names 'logits', which is no output; the *"])


def test_reference_that_cannot_be_says_so(project):
    project.model()
    result = run(project, 'engine.assert_close("torch", shapes={"x": (8, 256)})')
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *ValueError: reference='torch': it takes 'onnxruntime', *"])


def test_one_test_has_the_precision_of_the_file_and_another(project):
    """On the CPU, where a precision has no effect, which the report says."""
    project.model()
    project.tests(
        """
        import pytest

        @pytest.mark.parametrize("precision", [None, "own", "fp16"])
        def test_model(trt_engine, trt_measure, precision):
            trt_measure(trt_engine("model.onnx", precision=precision), shapes={"x": (8, 256)})
        """
    )
    result = project.run("--trtperf-json=run.json")
    result.assert_outcomes(passed=3)
    note = (
        "fp16 has no effect: onnxruntime builds no plan and runs the model in the types of its file"
    )
    assert [note in one["notes"] for one in project.measurements()] == [False, False, True]
    result.stdout.fnmatch_lines([f"*{note}*"])
