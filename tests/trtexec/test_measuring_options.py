"""trtexec's command line gives the arguments of `trt_measure`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.trtexec.measuring_options import read_measuring


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ("", {}),
        ("--useCudaGraph --noDataTransfers", {"cuda_graph": True, "transfers": False}),
        ("--noCudaGraph --includeDataTransfers", {"cuda_graph": False, "transfers": True}),
        ("--useSpinWait", {"spin_wait": True}),
        ("--noSpinWait", {"spin_wait": False}),
        ("--exposeDMA --infStreams=2", {"concurrency": 1, "streams": 2}),
        ("--streams=2 --idleTime=0.5", {"streams": 2, "idle_ms": 0.5}),
        ("--warmUp=500 --duration=10", {"warm_up_ms": 500.0, "max_time": 10.0}),
        ("--iterations=100 --avgRuns=10 --percentile=90,99", {"round_queries": 100}),
        ("--warmUp=0 --duration=0 --iterations=50", {"profile": 50}),
        ("--duration=0 --warmUp=0", {"profile": 10}),
        ("--dumpProfile --separateProfileRun", {"layers": True}),
        ("--loadInputs=x:x.bin,y:y.bin", {"inputs": "x:x.bin,y:y.bin"}),
        ("--fp16 --best --workspace=3 --saveEngine=m.plan --verbose --timingCacheFile=t", {}),
    ],
)
def test_options(arguments, options):
    assert read_measuring(f"trtexec --onnx=m.onnx {arguments}") == ({}, {}, options)


@pytest.mark.parametrize(
    ("arguments", "version", "switches"),
    [
        ("", 10, {"transfers": True, "spin_wait": False, "cuda_graph": False}),
        ("", 11, {"transfers": False, "spin_wait": True, "cuda_graph": True}),
        ("--useSpinWait", 10, {"transfers": True, "spin_wait": True, "cuda_graph": False}),
        ("--noCudaGraph", 11, {"transfers": False, "spin_wait": True, "cuda_graph": False}),
    ],
)
def test_a_version_brings_its_defaults(arguments, version, switches):
    command = f"--onnx=m.onnx {arguments} --exposeDMA"
    assert read_measuring(command, version=version).options == switches | {"concurrency": 1}


@pytest.mark.parametrize(
    ("arguments", "shapes", "profile"),
    [
        ("--shapes=x:8x3,s:scalar", {"x": "8x3", "s": ""}, {}),
        ("--minShapes=x:1 --optShapes=x:4 --maxShapes=x:8", {}, {"x": "4"}),
        ("--minShapes=x:1 --maxShapes=x:8 --shapes=x:2", {"x": "2"}, {"x": "8"}),
        ("--profile=0 --optShapes=x:4 --profile=1 --optShapes=x:6", {}, {"x": "4"}),
        ("--profile=0 --optShapes=x:4 --profile=1 --optShapes=x:6 --useProfile=1", {}, {"x": "6"}),
    ],
)
def test_shapes(arguments, shapes, profile):
    assert read_measuring(f"--onnx=m {arguments}")[:2] == (shapes, profile)


def test_all_that_cannot_be_taken_is_named_at_once():
    command = (
        "--onnx=m --sleepTime=3 --batch=8 --exportTimes=t.json --useSpinwait --warmUp=soon "
        "--duration= --streams=0 --iterations --useCudaGraph=1 --shapes=x*:2 2>&1 "
        "--infStreams=2 --streams=3"
    )
    with pytest.raises(ValueError, match=r"^trt_measure\.from_trtexec cannot take") as failure:
        read_measuring(command)
    assert [line.strip() for line in str(failure.value).splitlines()[1:]] == [
        "--sleepTime=3: queries start without a gap; trt_measure(idle_ms=MS) sleeps between them",
        "--batch=8: trt_measure(shapes=…) has the batch",
        "--exportTimes=t.json: use perf.export_times(path) instead, or --trtperf-export-times=DIR",
        "--useSpinwait: trtexec has no option '--useSpinwait': did you mean --useSpinWait?",
        "--warmUp=soon: 'soon' is not a number of 0 or more",
        "--duration=: needs a value: --duration=…",
        "--streams=0: '0' is not a whole number of 1 or more",
        "--iterations: needs a value: --iterations=…",
        "--useCudaGraph=1: takes no value",
        "--shapes=x*:2: write out the names that x* stands for",
        "--streams=3: contradicts an argument before it: keep one",
        (
            "2>&1: not arguments of trtexec, which begin with --: drop what belongs to the shell; "
            "variables and wrappers go in front of pytest"
        ),
    ]


@pytest.mark.parametrize(
    ("arguments", "version", "complaint"),
    [
        ("--useCudaGraph --noCudaGraph", None, "--noCudaGraph: contradicts"),
        ("--noCudaGraph", 10, "--noCudaGraph: only trtexec of version 11"),
        ("--warmUp=0", None, "--warmUp=0 and --duration=0 go together, and run a profile"),
        ("--duration=0 --warmUp=9", None, "--warmUp=0 and --duration=0 go together"),
        ("", 8, "version=8: give 10 or 11"),
        ("--optShapes=x:1 --optShapes=x:2", None, "--optShapes was given before"),
    ],
)
def test_what_does_not_fit_together_is_refused(arguments, version, complaint):
    with pytest.raises(ValueError, match=complaint):
        read_measuring(f"--onnx=m {arguments}", version=version)


def test_a_command_may_be_a_list_or_a_file(tmp_path):
    (tmp_path / "run.txt").write_text("trtexec --onnx=m \\\n --streams=2  # two\n")
    assert read_measuring(Path("run.txt"), tmp_path.joinpath).options == {"streams": 2}
    assert read_measuring(["--onnx=m", "--streams=2"]).options == {"streams": 2}


@given(st.lists(st.text(max_size=20), max_size=4))
def test_any_arguments_are_read_or_refused(arguments):
    try:
        read_measuring(["--onnx=m.onnx", *arguments])
    except ValueError as error:
        assert "cannot take" in str(error)  # noqa: PT017  # only one of the two outcomes
