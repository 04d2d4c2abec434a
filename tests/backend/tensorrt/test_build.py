"""Real builds with TensorRT for RTX, which needs no GPU for them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from types import ModuleType, SimpleNamespace

import pytest

from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import BackendUnavailable, EngineBuildError, ShapeError
from pytest_trtperf.plan_cache.cache import PlanCache

trt = pytest.importorskip("tensorrt_rtx")

RTX = "tensorrt-rtx"
RANGE = {"x": ("1x4", "2x4", "8x4")}


def spec_of(onnx, shapes=None, **options):
    return EngineSpec(onnx, parse_profiles(shapes), options)


@pytest.fixture
def without(monkeypatch):
    """Backend ``tensorrt`` made of the real bindings, less what another release has not."""

    def install(**replaced):
        stand_in = ModuleType("tensorrt")
        stand_in.__dict__.update({k: v for k, v in vars(trt).items() if k != "__name__"})
        for name, value in replaced.items():
            if value is None:
                delattr(stand_in, name)
            else:
                setattr(stand_in, name, value)
        monkeypatch.setitem(sys.modules, "tensorrt", stand_in)
        return "tensorrt"

    return install


def test_a_fixed_model_needs_no_shapes(fixed_model):
    assert len(build_plan(spec_of(fixed_model), RTX)) > 1000


def test_shapes_of_a_fixed_model_may_be_repeated(fixed_model):
    assert build_plan(spec_of(fixed_model, {"x": "2x4"}), RTX)


def test_a_dynamic_model_takes_a_range(dynamic_model):
    assert build_plan(spec_of(dynamic_model, RANGE), RTX)


def test_weights_beside_the_model_are_found(external_model):
    assert build_plan(spec_of(external_model), RTX)


def test_all_options_that_a_backend_has_are_accepted(fixed_model):
    spec = spec_of(
        fixed_model,
        builder_optimization_level=2,
        max_aux_streams=0,
        tiling_optimization_level="Fast",
        l2_limit_for_tiling=1 << 20,
        profiling_verbosity="detailed",
        memory_pool_limit_mib={"workspace": 16, "tactic_shared_memory": 0.25},
        preview_features={"aliased_plugin_io_10_03": False},
        compute_capabilities=["sm89", "SM120"],
        strongly_typed=True,
        tf32=False,
        strict_nans=True,
        sparse_weights=True,
        direct_io=True,
        distributive_independence=True,
        weight_streaming=True,
        refit=False,
    )
    assert build_plan(spec, RTX)


def test_formats_of_inputs_and_outputs_are_asked_for(write_image_model, tmp_path):
    model = write_image_model(tmp_path / "image.onnx")
    packed = spec_of(model, allowed_formats={"image": "chw2", "y": ["linear", "chw32"]})
    assert build_plan(packed, RTX) != build_plan(spec_of(model), RTX)


@pytest.mark.parametrize(
    ("formats", "complaint"),
    [
        ({"picture": "chw2"}, "no input or output 'picture'; it has 'image', 'y'"),
        ({"image": "nchw"}, "has no NCHW; it has LINEAR"),
        ({"y": ["linear", "chw4"]}, "values of float16, the type of 'y', in CHW4 is not known"),
        ({"image": "dhwc"}, "(?s)built no engine:.*image: has dataType Half unsupported"),
    ],
)
def test_formats_that_cannot_be_had_are_refused(write_image_model, tmp_path, formats, complaint):
    model = write_image_model(tmp_path / "image.onnx")
    with pytest.raises(EngineBuildError, match=complaint):
        build_plan(spec_of(model, allowed_formats=formats), RTX)


def test_several_profiles_are_built_and_checked_one_by_one(dynamic_model):
    spec = EngineSpec(dynamic_model, parse_profiles([RANGE, {"x": "32x4"}]))
    assert build_plan(spec, RTX)
    with pytest.raises(ShapeError, match=r"dynamic\.onnx: profile 1: input 'x' has rank 2"):
        build_plan(EngineSpec(dynamic_model, parse_profiles([RANGE, {"x": "32"}])), RTX)


def test_configure_is_called_with_the_configuration(fixed_model):
    def configure(config):
        config.builder_optimization_level = 7 - config.builder_optimization_level
        seen.append(config.builder_optimization_level)

    seen: list[int] = []
    options = {"configure_key": "five", "builder_optimization_level": 2}
    assert build_plan(EngineSpec(fixed_model, (), options, configure), RTX)
    assert seen == [5]

    def refused(config):
        config.builder_optimization_level = -1

    spec = EngineSpec(fixed_model, (), {"configure_key": "minus"}, refused)
    with pytest.raises(EngineBuildError, match=r"(?s)configure=: TensorRT refuses.*OptimizationL"):
        build_plan(spec, RTX)


def test_a_refusal_is_heard_however_many_errors_came_before(fixed_model, without):
    def noisy_parser(network, logger):
        for number in range(300):
            logger.log(trt.ILogger.Severity.ERROR, str(number))
        return trt.OnnxParser(network, logger)

    def refused(config):
        config.builder_optimization_level = -1

    backend = without(OnnxParser=noisy_parser)
    with pytest.raises(EngineBuildError, match=r"memory_pool_limit_mib=.*TensorRT refuses it"):
        build_plan(spec_of(fixed_model, memory_pool_limit_mib={"dla_managed_sram": 1}), backend)
    with pytest.raises(EngineBuildError, match="configure=: TensorRT refuses"):
        build_plan(EngineSpec(fixed_model, (), {"configure_key": "minus"}, refused), backend)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("hardware_compatibility_level", "ampere_plus", "It exists in TensorRT 10.0 and"),
        ("timing_cache", True, "no effect there"),
        ("max_num_tactics", 2, "no effect there"),
        ("DLA_core", 0, "no effect there"),
        ("plugins", [__file__], "no effect there"),
        ("version_compatible", True, "no effect there"),
        ("profiling_verbosity", "loud", "has no LOUD; it has .*DETAILED"),
        ("memory_pool_limit_mib", {"attic": 1}, "has no ATTIC; it has WORKSPACE"),
        ("memory_pool_limit_mib", {"dla_managed_sram": 1}, "TensorRT refuses it:\n.*DLA"),
        ("compute_capabilities", ["sm89", "current"], "refuse"),
        ("compute_capabilities", ["sm10"], "has no SM10; it has .*SM89"),
    ],
)
def test_what_this_tensorrt_does_not_take_is_refused(fixed_model, name, value, complaint):
    with pytest.raises(EngineBuildError, match=f"build option {name}.*{complaint}"):
        build_plan(spec_of(fixed_model, **{name: value}), RTX)


def test_a_value_that_tensorrt_changes_is_no_option(fixed_model, without):
    # Its setter only warns, and the getter says that nothing was set.
    with pytest.raises(EngineBuildError, match=r"TensorRT (makes|refuses)"):
        build_plan(spec_of(fixed_model, hardware_compatibility_level="ampere_plus"), without())


def test_a_plugin_library_that_cannot_be_loaded_is_named(fixed_model, without):
    with pytest.raises(EngineBuildError, match=r"(?s)test_build\.py: TensorRT cannot load this.*"):
        build_plan(spec_of(fixed_model, plugins=[__file__]), without())


def test_a_plugin_library_is_looked_for_in_the_working_directory(
    fixed_model, without, tmp_path, monkeypatch
):
    path = tmp_path / "plugin.so"
    path.write_text("no library")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EngineBuildError, match=rf"(?s)^plugin\.so: .*{re.escape(str(path))}"):
        build_plan(spec_of(fixed_model, plugins=["plugin.so"]), without())


def test_too_little_workspace_says_what_to_do(dynamic_model):
    spec = EngineSpec(
        dynamic_model, parse_profiles(RANGE), {"memory_pool_limit_mib": {"workspace": 0.01}}
    )
    with pytest.raises(EngineBuildError, match=r"(?s)built no engine.*what to do: give more with"):
        build_plan(spec, RTX)


def test_a_weakly_typed_network_needs_a_tensorrt_that_has_them(fixed_model, without):
    with pytest.raises(EngineBuildError, match="has strongly typed networks only"):
        build_plan(spec_of(fixed_model, strongly_typed=False), RTX)


@pytest.mark.parametrize("more", [{}, {"strongly_typed": False}])
def test_a_type_that_this_tensorrt_does_not_choose_is_told_first(fixed_model, more):
    with pytest.raises(EngineBuildError, match=r"option dtype=.*ONNX file decides"):
        build_plan(spec_of(fixed_model, dtype={"x": "half"}, **more), RTX)


def test_a_release_that_never_had_a_flag_says_which_one_has(fixed_model, without):
    flags = SimpleNamespace(FP16=None)
    backend = without(BuilderFlag=flags, __version__="10.0.1")
    with pytest.raises(EngineBuildError, match=r"tensorrt 10\.0\.1 has no BuilderFlag\.INT4"):
        build_plan(spec_of(fixed_model, int4=True), backend)


def test_precisions_that_are_off_are_no_demand(fixed_model):
    assert build_plan(spec_of(fixed_model, fp16=False), RTX)


def test_an_input_that_is_a_shape_takes_values(tmp_path):
    onnx = pytest.importorskip("onnx")
    floats, ints = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Reshape", ["x", "s"], ["y"])],
        "graph",
        [
            onnx.helper.make_tensor_value_info("x", floats, ["n", 4]),
            onnx.helper.make_tensor_value_info("s", ints, [2]),
        ],
        [onnx.helper.make_tensor_value_info("y", floats, ["a", "b"])],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.save(model, tmp_path / "reshape.onnx")
    path = tmp_path / "reshape.onnx"

    assert build_plan(spec_of(path, {"x": "4x4", "s": "2x8"}), RTX)
    assert build_plan(spec_of(path, {"x": ("0x4", "4x4", "8x4"), "s": "-1x4"}), RTX)
    with pytest.raises(ShapeError, match="input 's' takes 2 values"):
        build_plan(spec_of(path, {"x": "4x4", "s": "2x8x1"}), RTX)
    with pytest.raises(ShapeError, match="input 's' is a shape tensor and has no values"):
        build_plan(spec_of(path, {"x": "4x4"}), RTX)


@pytest.mark.parametrize(
    ("shapes", "complaint"),
    [
        (None, "input 'x' is dynamic and has no shape"),
        ({"x": "4"}, "input 'x' has rank 2, not 1"),
        ({"x": ("-1x4", "2x4", "2x4")}, "input 'x' has no dimension below 0, as in -1x4, 2x4, 2x4"),
        ({"x": "2x5"}, "input 'x' is fixed at 4 in dimension 1, not 2x5"),
        ({**RANGE, "X": "2x4"}, "there is no input 'X'"),
    ],
)
def test_shapes_that_do_not_fit_list_the_inputs(dynamic_model, shapes, complaint):
    with pytest.raises(ShapeError, match=complaint) as failure:
        build_plan(spec_of(dynamic_model, shapes), RTX)
    assert "dynamic.onnx" in str(failure.value)
    assert "The inputs are: 'x' float32 ?x4" in str(failure.value)


def test_a_profile_that_is_refused_lists_the_inputs(dynamic_model, without):
    config = SimpleNamespace(add_optimization_profile=lambda _: -1)
    builder = type("Builder", (trt.Builder,), {"create_builder_config": lambda _: config})
    with pytest.raises(ShapeError, match="TensorRT refuses these shapes; The inputs are: 'x'"):
        build_plan(spec_of(dynamic_model, RANGE), without(Builder=builder))


def test_all_misfits_are_told_at_once(dynamic_model):
    with pytest.raises(ShapeError, match="no input 'z'; input 'x' has rank 2, not 1"):
        build_plan(spec_of(dynamic_model, {"z": "1", "x": "4"}), RTX)


def test_all_operators_that_cannot_be_parsed_are_named(unsupported_model):
    with pytest.raises(EngineBuildError, match="cannot parse") as failure:
        build_plan(spec_of(unsupported_model), RTX)
    message = str(failure.value)
    assert "unsupported.onnx" in message
    assert "node 0 'mystery' (Nope)" in message
    assert "node 1 'riddle' (Nada)" in message


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(EngineBuildError, match=r"absent\.onnx: there is no such file"):
        build_plan(spec_of(tmp_path / "absent.onnx"), RTX)


@pytest.mark.parametrize("precision", ["fp16", "bf16", "int8", "fp8", "int4"])
def test_rtx_refuses_to_choose_a_precision(fixed_model, precision):
    with pytest.raises(EngineBuildError, match=r"strongly typed.*ONNX file decides"):
        build_plan(spec_of(fixed_model, precision=precision), RTX)


def test_a_release_without_the_flag_says_so(fixed_model, without):
    flags = SimpleNamespace(TF32=trt.BuilderFlag.TF32)
    backend = without(BuilderFlag=flags, __version__="11.0")
    assert build_plan(spec_of(fixed_model, tf32=True, fp16=False), backend)
    with pytest.raises(EngineBuildError, match=r"tensorrt 11\.0 does not choose types"):
        build_plan(spec_of(fixed_model, fp16=True), backend)


@pytest.mark.skipif(not hasattr(trt.BuilderFlag, "FP16"), reason="no longer has precisions")
def test_tensorrts_own_words_are_in_the_error(fixed_model, without):
    with pytest.raises(EngineBuildError, match=r"built no engine:\n.*kFP16"):
        build_plan(spec_of(fixed_model, fp16=True), without())


def test_a_release_without_progress_monitors_builds(fixed_model, without):
    assert build_plan(spec_of(fixed_model), without(IProgressMonitor=None))


def test_a_runtime_that_only_loads_plans_says_so(fixed_model, without):
    with pytest.raises(EngineBuildError, match="only loads plans"):
        build_plan(spec_of(fixed_model), without(Builder=None))


def test_a_backend_that_is_absent_is_named(fixed_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(BackendUnavailable, match="backend tensorrt"):
        build_plan(spec_of(fixed_model), "tensorrt")


def test_a_thread_can_build(fixed_model):
    plans: list[bytes] = []
    thread = threading.Thread(target=lambda: plans.append(build_plan(spec_of(fixed_model), RTX)))
    thread.start()
    thread.join()
    assert len(plans) == 1


def test_ctrl_c_in_a_build_is_delivered_after_it_stopped(fixed_model, without):
    finished: list[bool] = []

    def interrupting_parser(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        finished.append(True)
        return trt.OnnxParser(*arguments)

    backend, before = without(OnnxParser=interrupting_parser), signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        build_plan(spec_of(fixed_model), backend)
    assert finished
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_ends_a_process_that_builds(fixed_model, start):
    child = start(
        "import sys\n"
        "from pathlib import Path\n"
        "from pytest_trtperf.backend.tensorrt.build import build_plan\n"
        "from pytest_trtperf.engine.spec import EngineSpec\n"
        "spec = EngineSpec(Path(sys.argv[1]), {})\n"
        "build_plan(spec, 'tensorrt-rtx')\n"
        "print('building', flush=True)\n"
        "while True:\n"
        "    build_plan(spec, 'tensorrt-rtx')\n",
        fixed_model,
    )
    assert child.stdout.readline() == "building\n"
    child.send_signal(signal.SIGINT)
    try:
        _, errors = child.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        pytest.fail("Ctrl-C was lost")
    assert errors.rstrip().endswith("KeyboardInterrupt")


def test_a_real_plan_is_built_once_and_found_again(dynamic_model, tmp_path):
    spec = spec_of(dynamic_model, RANGE)
    cache = PlanCache(tmp_path / "cache")
    about = spec.describe(RTX, trt.__version__, None)
    first = cache.get_or_build(about.key, lambda: build_plan(spec, RTX), about)
    again = cache.get_or_build(about.key, lambda: pytest.fail("built twice"), about)
    assert (first.built, again.built) == (True, False)
    assert first.data == again.data
