"""Arguments of `trt_engine` on the way from a test to the engine."""

from __future__ import annotations

import pytest

TEST = """
    def test_model(trt_engine, trt_measure):
        {body}
        trt_measure(engine, shapes={{"x": (4, 256)}})
"""


def run(project, *body: str, **outcomes: int):
    project.model()
    project.tests(TEST.format(body="\n        ".join(body)))
    result = project.run()
    result.assert_outcomes(**(outcomes or {"passed": 1}))
    return result


def test_a_trtexec_command_makes_an_engine(project):
    run(
        project,
        'engine = trt_engine.from_trtexec("--onnx=model.onnx --optShapes=x:4x256 --refit")',
        'same = trt_engine("model.onnx", shapes={"x": "4x256"}, refit=True)',
        "assert same is engine",
        'more = trt_engine.from_trtexec(["--onnx=model.onnx", "--shapes=x:4x256"], tf32=False)',
        "assert more.digest != engine.digest",
    )


def test_a_trtexec_command_may_be_a_file(project):
    (project.path / "build.txt").write_text("trtexec --onnx=model.onnx --optShapes=x:4x256\n")
    run(project, 'engine = trt_engine.from_trtexec("build.txt")')


def test_a_file_that_trtexec_would_save_is_noted(project):
    command = "--onnx=model.onnx --shapes=x:4x256"
    result = run(
        project,
        f'engine = trt_engine.from_trtexec("{command} --saveEngine=x.plan")',
        f'assert engine == trt_engine.from_trtexec("{command}")',
    )
    result.stdout.fnmatch_lines(["*: --saveEngine=x.plan writes no file: * in the engine cache*"])
    assert str(result.stdout).count("--saveEngine") == 1


def test_a_misspelt_flag_names_the_nearest(project):
    result = run(
        project,
        'engine = trt_engine.from_trtexec("--onnx=model.onnx --useCudaGraph --maxTactic=3")',
        failed=1,
    )
    result.stdout.fnmatch_lines(["*--maxTactic=3: *no option '--maxTactic': did you mean --maxT*"])


def test_one_command_builds_and_measures(project):
    command = "trtexec --onnx=model.onnx --shapes=x:4x256 --useCudaGraph --duration=20"
    project.model()
    project.tests(
        f"""
        COMMAND = "{command}"
        def test_model(trt_engine, trt_measure):
            engine = trt_engine.from_trtexec(COMMAND)
            trt_measure.from_trtexec(engine, COMMAND, spin_wait=False)
        """
    )
    project.run("--trtperf-json=run.json").assert_outcomes(passed=1)
    (found,) = project.measurements()
    assert found["shapes"] == {"x": [4, 256]}
    assert (found["mode"]["cuda_graph"], found["mode"]["spin_wait"]) == (True, False)


@pytest.mark.usefixtures("on_cpu_here")
def test_the_chosen_profile_holds_on_the_cpu_too(project):
    result = run(
        project,
        'shapes = [{"x": "4x256"}, {"x": ("8x256", "8x256", "16x256")}]',
        'assert trt_engine("model.onnx", shapes).digest != trt_engine("model.onnx").digest',
        'trt_measure(trt_engine("model.onnx", shapes), shapes={"x": (4, 256)}, name="first")',
        'engine = trt_engine("model.onnx", shapes, optimization_profile=1)',
        failed=1,
    )
    result.stdout.fnmatch_lines(["*shape 4x256*outside the profile: min 8x256, max 16x256*"])


@pytest.mark.usefixtures("on_cpu_here")
def test_the_cpu_has_one_build(project):
    run(
        project,
        'engine = trt_engine("model.onnx", builds=3)',
        "assert engine.builds == (engine,)",
    )


def test_configure_goes_with_its_key(project):
    run(
        project,
        'engine = trt_engine("model.onnx", configure=print, configure_key="1")',
        'other = trt_engine("model.onnx", configure=print, configure_key="2")',
        "assert other.digest != engine.digest",
    )


def test_wrong_arguments_fail_the_test_that_gives_them(project):
    for arguments, complaint in {
        "builds=0": "builds=0: give 1 or more",
        "builds='3'": "builds='3': give 1 or more",
        "builds=2, timing_cache=True": "without timing_cache=",
        "precision='fp17'": "it takes one of*fp16*",
        "configure=print": "configure= and configure_key= go together",
        "plugins=['absent.so']": "option plugins: there is no file *absent.so",
        "fp17=True": "unknown build option 'fp17'*",
    }.items():
        result = run(project, f'engine = trt_engine("model.onnx", {arguments})', failed=1)
        result.stdout.fnmatch_lines([f"*{complaint}*"])
