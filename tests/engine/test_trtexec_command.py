from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.engine.options import OPTIONS, checked_options
from pytest_trtperf.engine.spec import Profile, parse_profiles
from pytest_trtperf.engine.trtexec_command import read_command
from pytest_trtperf.errors import EngineBuildError

EVERYTHING = """
trtexec --onnx=model.onnx \\
    --saveEngine=model.plan --verbose --skipInference   # these change nothing here
    --fp16 --int8 --noTF32 --refit --stripWeights --directIO --distributiveIndependence
    --vc --excludeLeanRuntime --allowWeightStreaming --weightStreamingBudget=512M
    --noCompilationCache --errorOnTimingCacheMiss --timingCacheFile=timing.cache
    --builderOptimizationLevel=4 --maxAuxStreams=2 --maxTactics=9 --avgTiming=3
    --tilingOptimizationLevel=2 --l2LimitForTiling=1000 --hardwareCompatibilityLevel=ampere+
    --profilingVerbosity=detailed --sparsity=enable --preview=+aliasedPluginIO1003
    --memPoolSize=workspace:1024.5,tacticSharedMem:48K,dlaGlobalDRAM:1G
    --tacticSources=-CUBLASLT,+JIT_CONVOLUTIONS --useDLACore=1 --allowGPUFallback
    --staticPlugins=a.so --dynamicPlugins=b.so --computeCapabilities=75,120 --useProfile=0
"""


def test_a_whole_command_becomes_options():
    path, shapes, options = read_command(EVERYTHING)
    assert (path, shapes) == (Path("model.onnx"), [])
    assert options == {
        "fp16": True, "int8": True, "tf32": False, "refit": True, "strip_plan": True,
        "direct_io": True, "distributive_independence": True, "version_compatible": True,
        "exclude_lean_runtime": True, "weight_streaming": True,
        "weight_streaming_budget_mib": 512.0, "disable_compilation_cache": True,
        "error_on_timing_cache_miss": True, "timing_cache": "timing.cache",
        "builder_optimization_level": 4, "max_aux_streams": 2, "max_num_tactics": 9,
        "avg_timing_iterations": 3, "tiling_optimization_level": "moderate",
        "l2_limit_for_tiling": 1000, "hardware_compatibility_level": "ampere_plus",
        "profiling_verbosity": "detailed", "sparse_weights": True,
        "preview_features": {"aliased_plugin_io_10_03": True},
        "memory_pool_limit_mib": {
            "workspace": 1024.5, "tactic_shared_memory": 0.046875, "dla_global_dram": 1024.0
        },
        "tactic_sources": {"cublas_lt": False, "JIT_CONVOLUTIONS": True},
        "DLA_core": 1, "gpu_fallback": True, "plugins": ["a.so", "b.so"],
        "compute_capabilities": ["SM75", "SM120"], "optimization_profile": 0,
    }  # fmt: skip
    assert checked_options(options)


def test_every_flag_of_the_table_is_understood(two_inputs):
    values = {
        "--tilingOptimizationLevel": "1", "--hardwareCompatibilityLevel": "none",
        "--profilingVerbosity": "none", "--memPoolSize": "workspace:1",
        "--tacticSources": "+CUDNN", "--preview": "-runtimeActivationResize",
        "--sparsity": "enable", "--timingCacheFile": "f", "--weightStreamingBudget": "1G",
        "--computeCapabilities": "89", "--staticPlugins": "f", "--dynamicPlugins": "f",
        "--inputIOFormats": "fp32:chw", "--outputIOFormats": "fp32:chw",
    }  # fmt: skip
    for option in OPTIONS.values():
        for flag in filter(None, option.trtexec.split(", ")):
            value = f"={values.get(flag, '1')}"
            switch = option.kind == "flag" and flag != "--sparsity"
            argument = flag if switch or flag == "--stronglyTyped" else flag + value
            _, _, options = read_command([f"--onnx={two_inputs}", argument])
            assert option.name in options, flag


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--shapes=x:2x4", ("2x4", "2x4", "2x4")),
        ("--optShapes=x:2x4", ("2x4", "2x4", "2x4")),
        ("--minShapes=x:1x4 --maxShapes=x:8x4", ("1x4", "8x4", "8x4")),
        ("--minShapes=x:1x4 --optShapes=x:2x4", ("1x4", "2x4", "2x4")),
        ("--optShapes=x:2x4 --maxShapes=x:8x4", ("2x4", "2x4", "8x4")),
        ("--minShapes=x:1x4 --optShapes=x:2x4 --maxShapes=x:8x4", ("1x4", "2x4", "8x4")),
    ],
)
def test_missing_shapes_are_filled_as_trtexec_fills_them(arguments, expected):
    _, shapes, _ = read_command(f"--onnx=m.onnx {arguments}")
    assert parse_profiles(shapes) == parse_profiles({"x": expected})


def test_names_may_be_quoted_and_scalars_are_empty():
    command = ["--onnx=m.onnx", "--optShapes='Input:0':1x3,b:scalar,c:"]
    ((profile,),) = [parse_profiles(read_command(command)[1])]
    assert profile == {
        "Input:0": Profile((1, 3), (1, 3), (1, 3)),
        "b": Profile((), (), ()),
        "c": Profile((), (), ()),
    }


def test_several_profiles_come_in_their_order():
    command = (
        "--onnx=m.onnx --profile=0 --optShapes=x:1x4 "
        "--profile=1 --minShapes=x:1x4 --optShapes=x:2x4 --maxShapes=x:8x4"
    )
    first, second = parse_profiles(read_command(command)[1])
    assert (first["x"].max, second["x"].max) == ((1, 4), (8, 4))


@pytest.fixture
def two_inputs(tmp_path):
    """A model of float16 inputs `a` and `b` and output `y`; its weight is listed as an input."""
    onnx = pytest.importorskip("onnx")
    half = onnx.TensorProto.FLOAT16
    info = {name: onnx.helper.make_tensor_value_info(name, half, ["n", 5, 2, 2]) for name in "awby"}
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Add", ["a", "w"], ["h"]),
            onnx.helper.make_node("Mul", ["h", "b"], ["y"]),
        ],
        "two",
        [info["a"], info["w"], info["b"]],
        [info["y"]],
        [onnx.numpy_helper.from_array(np.ones((1, 5, 2, 2), np.float16), "w")],
    )
    path = tmp_path / "two.onnx"
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def test_formats_go_to_the_tensors_in_their_order(two_inputs):
    command = f"--onnx={two_inputs} --inputIOFormats=fp16:chw2+chw,fp32:chw"
    _, _, options = read_command(command)
    assert options == {
        "allowed_formats": {"a": ["chw2", "linear"], "b": ["linear"]},
        "dtype": {"b": "float"},
    }


def test_one_format_is_for_all_tensors(two_inputs):
    command = f"--onnx={two_inputs} --inputIOFormats=fp16:hwc8 --outputIOFormats=fp16:hwc8"
    _, _, options = read_command(command)
    assert options == {"allowed_formats": {name: ["hwc8"] for name in "aby"}}


def test_formats_for_another_number_of_tensors_are_refused(two_inputs):
    command = f"--onnx={two_inputs} --inputIOFormats={','.join(['fp16:chw'] * 3)}"
    with pytest.raises(ValueError, match="--inputIOFormats: 3 formats, and the model has a, b"):
        read_command(command)


def test_all_that_cannot_be_taken_is_named_at_once():
    command = (
        "--onnx=m.onnx --best --useCudaGraph --iterations=100 --nonsense=3 --sparsity=force "
        "--maxAuxStreams=many --optShapes=in*:1 --memPoolSize=attic:3 --device=1 stray "
        "--preview=soon --fp16=false --maxTactics --shapes=x:1 --weightStreamingBudget=50% "
        "--inputIOFormats=fp16:nchw --outputIOFormats=fp12:chw"
    )
    with pytest.raises(ValueError, match="cannot take these arguments") as failure:
        read_command(command)
    lines = [line.strip() for line in str(failure.value).splitlines()[1:]]
    assert lines[:4] == [
        "--best: name the precisions, such as --fp16",
        "--useCudaGraph: trt_measure(cuda_graph=True)",
        "--iterations=100: trt_measure(round_queries=N)",
        "--nonsense=3: unknown or not supported",
    ]
    named = [line.split(":")[0] for line in lines]
    assert {"--sparsity=force", "--maxAuxStreams=many", "--device=1", "stray"} <= set(named)
    assert {"--memPoolSize=attic", "--preview=soon", "--optShapes=in*"} <= set(named)
    assert {"--fp16=false", "--maxTactics"} <= set(named)
    assert "--weightStreamingBudget=50%" in named
    assert {"--inputIOFormats=fp16", "--outputIOFormats=fp12"} <= set(named)


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("--fp16", "--onnx= is missing"),
        ("--onnx=m --shapes=x:2 --optShapes=x:1", r"trt_measure\(shapes=…\)"),
        ("--onnx=m --minShapes=x:1 --optShapes=y:1", "name the same inputs"),
        ("--onnx=m --profile=1 --optShapes=x:1", "give --profile=0"),
        ("--onnx=m 'unfinished", "is no command line"),
    ],
)
def test_what_does_not_fit_together_is_refused(command, complaint):
    with pytest.raises(ValueError, match=complaint):
        read_command(command)


def test_a_file_holds_a_command(tmp_path):
    file = tmp_path / "build.txt"
    file.write_text("# how production builds it\ntrtexec --onnx=a.onnx \\\n  --refit\n")
    for command in (file, str(file)):
        assert read_command(command) == (Path("a.onnx"), [], {"refit": True})
    with pytest.raises(EngineBuildError, match=r"absent\.txt: cannot be read"):
        read_command(tmp_path / "absent.txt")


def test_a_plan_can_be_loaded():
    assert read_command("--loadEngine=m.plan")[0] == Path("m.plan")


@given(st.lists(st.text(max_size=20), max_size=4))
def test_any_arguments_are_read_or_refused(arguments):
    try:
        read_command(["--onnx=m.onnx", *arguments])
    except ValueError as error:
        assert "cannot take" in str(error)  # noqa: PT017  # only one of the two outcomes
