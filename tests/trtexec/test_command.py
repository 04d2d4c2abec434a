from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.engine.options import OPTIONS, checked_options
from pytest_trtperf.trtexec.command import read_command

EVERYTHING = """
trtexec --onnx=model.onnx \\
    --saveEngine=model.plan --verbose --skipInference   # these change no option here
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
    command = read_command(EVERYTHING)
    assert command[:2] == (Path("model.onnx"), [])
    assert command.saved == "model.plan"
    assert command.options == {
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
    assert checked_options(command.options)


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
            assert option.name in read_command([f"--onnx={two_inputs}", argument]).options, flag


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
    assert read_command(command).options == {
        "allowed_formats": {"a": ["chw2", "linear"], "b": ["linear"]},
        "dtype": {"b": "float"},
    }


def test_formats_without_a_type_keep_that_of_the_model(two_inputs):
    command = f"--onnx={two_inputs} --inputIOFormats=chw,chw+hwc8 --outputIOFormats=chw"
    formats = {"a": ["linear"], "b": ["linear", "hwc8"], "y": ["linear"]}
    assert read_command(command).options == {"allowed_formats": formats}


def test_formats_need_the_model(tmp_path):
    (tmp_path / "text.onnx").write_text("no model")
    for name, problem in {
        "absent.onnx": "cannot be read: No such file",
        "text.onnx": "is not an ONNX model",
    }.items():
        with pytest.raises(ValueError, match=rf"--onnx={name}: {problem}"):
            read_command(f"--onnx={name} --inputIOFormats=chw,chw", lambda path: tmp_path / path)
    with pytest.raises(ValueError, match="--inputIOFormats: a plan has its formats"):
        read_command("--loadEngine=m.plan --inputIOFormats=chw")


def test_the_format_of_an_input_that_is_an_output_too_is_refused(tmp_path):
    onnx = pytest.importorskip("onnx")
    x, y = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 4]) for name in "xy"
    )
    nodes = [onnx.helper.make_node("Relu", ["x"], ["y"])]
    model = onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [x], [x, y]))
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ValueError, match="--inputIOFormats: x is also an output"):
        read_command(f"--onnx={tmp_path}/m.onnx --inputIOFormats=chw")
    options = read_command(f"--onnx={tmp_path}/m.onnx --outputIOFormats=chw").options
    assert options == {"allowed_formats": {"x": ["linear"], "y": ["linear"]}}


def test_one_format_is_for_all_tensors(two_inputs):
    command = f"--onnx={two_inputs} --inputIOFormats=fp16:hwc8 --outputIOFormats=fp16:hwc8"
    options = read_command(command).options
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
    assert lines[:2] == [
        "--best: name the precisions instead, such as --fp16",
        "--nonsense=3: trtexec has no option '--nonsense'",
    ]
    assert not any("--useCudaGraph" in line or "--iterations" in line for line in lines)
    named = [line.split(":")[0] for line in lines]
    assert {"--sparsity=force", "--maxAuxStreams=many", "--device=1", "stray"} <= set(named)
    assert {"--memPoolSize=attic", "--preview=soon", "--optShapes=in*"} <= set(named)
    assert {"--fp16=false", "--maxTactics"} <= set(named)
    assert "--weightStreamingBudget=50%" in named
    assert {"--inputIOFormats=fp16", "--outputIOFormats=fp12"} <= set(named)


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("--fp16", "one of --onnx= and --loadEngine= has to be given"),
        ("--onnx=m --loadEngine=m.plan", "one of --onnx= and --loadEngine="),
        ("--onnx=m --onnx=n", "--onnx=n: --onnx was given before"),
        ("--onnx=m --maxTactics=1 --maxTactics=2", "--maxTactics was given before"),
        ("--onnx=m --optShapes=x:1 --optShapes=x:2", "--optShapes was given before"),
        ("--onnx=m --shapes=x:1 --shapes=y:1", "--shapes was given before"),
        ("--onnx=m --inputIOFormats=chw --inputIOFormats=chw", "was given before"),
        ("--onnx=m --optShapes=x:1,x:2", "has a name twice"),
        ("--onnx=m --tacticSources=-CUBLAS,+cublas", "has a name twice"),
        ("--onnx=m --useGpu --computeCapabilities=89", "contradicts an argument before it"),
        ("--onnx=m --profile=0 --optShapes=x:1 --profile=0", "each --profile once"),
        ("--onnx=m --profile=0 --profile=1 --optShapes=x:1", "--profile=0: its shapes"),
        ("--onnx=m --profile=2 --optShapes=x:1 --profile=0 --optShapes=x:1", "without a gap"),
        ("--onnx=m --minShapes=x:1 --optShapes=y:1", "name the same inputs"),
        ("--onnx=m --profile=1 --optShapes=x:1", "give --profile=0"),
        (
            "--onnx=m --profile=0 --optShapes=x:1 --profile=1 --minShapes=x:4 --maxShapes=x:2",
            "--minShapes, --optShapes and --maxShapes: profile 1: .*'x': min <= opt <= max",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(command, complaint):
    with pytest.raises(ValueError, match=complaint):
        read_command(command)


@pytest.mark.parametrize(
    ("argument", "wanted"),
    [
        ("--memPoolSize=workspace:0", "memory_pool_limit_mib=.* a number above 0"),
        ("--builderOptimizationLevel=9", "builder_optimization_level=9: .* from 0 to 5"),
        ("--maxAuxStreams=2000", "max_aux_streams=2000: .* from 0 to 1024"),
        ("--maxAuxStreams=-1", "'-1' is not a whole number of 0 or more"),
        ("--tacticSources=+1", "tactic_sources="),
        ("--profilingVerbosity=foo", "'foo' is not one of none, layer_names_only, detailed"),
        ("--optShapes=x:1xa", "'x': '1xa' is not a shape"),
        ("--shapes=x:1y", "'x': '1y' is not a shape"),
    ],
)
def test_a_value_is_refused_under_the_name_of_its_argument(argument, wanted):
    with pytest.raises(ValueError, match=f"\n  {re.escape(argument)}: .*{wanted}"):
        read_command(["--onnx=m", argument])


def test_a_tilde_before_a_path_is_the_home_directory(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ours")
    assert read_command("--loadEngine='~/m.plan'").path == Path("/home/ours/m.plan")
    command = read_command("--onnx=~/m.onnx --timingCacheFile=~/t --plugins=~/a.so --plugins=a~b")
    assert command.path == Path("/home/ours/m.onnx")
    assert command.options == {
        "timing_cache": "/home/ours/t",
        "plugins": ["/home/ours/a.so", "a~b"],
    }
    assert read_command("--onnx=~nobody-of-this-name/m").path == Path("~nobody-of-this-name/m")


@pytest.mark.parametrize(
    ("size", "mib"),
    [("1", 1), ("1024K", 1), ("2M", 2), ("2MB", 2), ("2mib", 2), (".5G", 512), ("1048576B", 1)],
)
def test_units_of_memory(size, mib):
    options = read_command(f"--onnx=m --memPoolSize=workspace:{size}").options
    assert options == {"memory_pool_limit_mib": {"workspace": mib}}


@pytest.mark.parametrize("size", ["512iB", "5BB", "5KBB", "5T", "."])
def test_units_that_are_none(size):
    with pytest.raises(ValueError, match=f"'{size}' is not a size such as 512M"):
        read_command(f"--onnx=m --memPoolSize=workspace:{size}")


@pytest.mark.parametrize(
    ("argument", "options"),
    [
        ("--stripAllWeights", {"strip_plan": True, "refit": True}),
        ("--useGpu", {"compute_capabilities": ["current"]}),
        ("--plugins=a.so", {"plugins": ["a.so"]}),
        ("--sparsity=disable", {"sparse_weights": False}),
        ("--sparsity=enable", {"sparse_weights": True}),
    ],
)
def test_arguments_that_are_rarely_seen(argument, options):
    assert read_command(f"--onnx=m {argument}").options == options


@pytest.mark.parametrize(
    ("dtype", "member"),
    [("fp32", "float"), ("fp16", None), ("bf16", "bf16"), ("int64", "int64"), ("int32", "int32"),
     ("int8", "int8"), ("uint8", "uint8"), ("bool", "bool")],
)  # fmt: skip
def test_types_of_inputs(two_inputs, dtype, member):
    options = read_command(f"--onnx={two_inputs} --inputIOFormats={dtype}:chw").options
    assert options.get("dtype", {}) == ({"a": member, "b": member} if member else {})


def test_old_and_decimal_spellings():
    command = read_command("--onnx=m --weightStreamingBudget=0.5G --profilingVerbosity=verbose")
    assert command.options == {
        "weight_streaming_budget_mib": 512.0,
        "profiling_verbosity": "detailed",
    }
    options = read_command("--onnx=m --profilingVerbosity=default").options
    assert options == {"profiling_verbosity": "layer_names_only"}


@pytest.mark.parametrize("budget", ["0", "0%", "50%", "-1", "-2", "0.0G"])
def test_a_budget_of_another_kind_is_refused(budget):
    with pytest.raises(ValueError, match="percentages, 0 and -1 are not supported"):
        read_command(f"--onnx=m --weightStreamingBudget={budget}")


def test_plugins_may_be_several():
    command = read_command("--onnx=m --staticPlugins=a.so --staticPlugins=b.so")
    assert command.options == {"plugins": ["a.so", "b.so"]}


def test_a_flag_of_trtexec_is_no_typo():
    command = "--onnx=m --rtol=0.1 --layerPrecisions=a:fp16 --calib=c --useRuntime=lean --rto=0.1"
    with pytest.raises(ValueError, match="cannot take") as failure:
        read_command(command)
    assert [line.strip() for line in str(failure.value).splitlines()[1:]] == [
        "--rtol=0.1: use engine.assert_close(inputs=…, atol=…, rtol=…) instead",
        "--layerPrecisions=a:fp16: convert layers in the ONNX file, with modelopt.onnx.autocast",
        "--calib=c: calibrate ahead, with modelopt.onnx.quantization",
        "--useRuntime=lean: pytest --trtperf-backend=tensorrt-lean loads plans by the lean runtime",
        "--rto=0.1: trtexec has no option '--rto': did you mean --rtol?",
    ]


def test_what_only_measures_says_nothing_of_the_engine():
    command = (
        "--onnx=m --optShapes=x:4 --shapes=x:2 --warmUp=0 --duration=60 --percentile=99 "
        "--exportTimes=t.json --exportProfile=p.json --noDataTransfers --batch=3 --loadInputs=x:x"
    )
    assert read_command(command) == (Path("m"), [{"x": ("4", "4", "4")}], {}, "")
    assert read_command("--loadEngine=m.plan --shapes=x:2").shapes == []


@pytest.mark.parametrize(
    ("argument", "advice"),
    [
        ("--model=net.caffemodel", "convert Caffe and UFF models to ONNX, and give --onnx=…"),
        ("--uffInput=x,3,4,4", "convert Caffe and UFF models to ONNX, and give --onnx=…"),
        ("--output=prob", "the outputs are those of the ONNX file"),
        ("--nvtxMode=verbose", "use --profilingVerbosity=layer_names_only|detailed|none instead"),
        ("--minTiming=2", "use --avgTiming=N instead: TensorRT has no minimum since version 10"),
        ("--heuristic", "use --builderOptimizationLevel=2 instead"),
        ("--strictTypes", "the ONNX file has the types"),
        ("--engine=m.plan", "use --loadEngine=… instead"),
    ],
)
def test_flags_of_old_releases_say_what_took_their_place(argument, advice):
    with pytest.raises(ValueError, match=f"\n  {re.escape(f'{argument}: {advice}')}$"):
        read_command(["--onnx=m", argument])


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("--optShape=x:1", "--optShapes"), ("--fp61", "--fp16"), ("--useSpinwait", "--useSpinWait")],
)
def test_a_misspelt_flag_names_the_nearest(misspelt, meant):
    with pytest.raises(ValueError, match=f"did you mean {meant}\\?$"):
        read_command(["--onnx=m", misspelt])


def test_a_plan_can_be_loaded():
    assert read_command("--loadEngine=m.plan") == (Path("m.plan"), [], {}, "")


@pytest.mark.parametrize("argument", ["--loadEngine=m.bin", "--onnx=m.plan"])
def test_plans_are_known_by_their_suffix(argument):
    with pytest.raises(ValueError, match=rf"{argument}: here plans end in \.engine,"):
        read_command(argument)


@given(st.lists(st.text(max_size=20), max_size=4))
def test_any_arguments_are_read_or_refused(arguments):
    try:
        read_command(["--onnx=m.onnx", *arguments])
    except ValueError as error:
        assert "cannot take" in str(error)  # noqa: PT017  # only one of the two outcomes
