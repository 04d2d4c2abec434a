"""Build options in real builds with TensorRT for RTX."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import EngineBuildError
from tests.backend.tensorrt.specs import RANGE, RTX, spec_of
from tests.models import built

trt = pytest.importorskip("tensorrt_rtx")


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
    assert built(spec, RTX)


def test_formats_of_inputs_and_outputs_are_asked_for(write_image_model, tmp_path):
    model = write_image_model(tmp_path / "image.onnx")
    packed = spec_of(model, allowed_formats={"image": "chw2", "y": ["linear", "chw32"]})
    assert built(packed, RTX) != built(spec_of(model), RTX)


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
        built(spec_of(model, allowed_formats=formats), RTX)


def test_configure_is_called_with_the_configuration(fixed_model):
    def configure(config):
        config.builder_optimization_level = 7 - config.builder_optimization_level
        seen.append(config.builder_optimization_level)

    seen: list[int] = []
    options = {"configure_key": "five", "builder_optimization_level": 2}
    assert built(EngineSpec(fixed_model, (), options, configure), RTX)
    assert seen == [5]

    def refused(config):
        config.builder_optimization_level = -1

    spec = EngineSpec(fixed_model, (), {"configure_key": "minus"}, refused)
    with pytest.raises(EngineBuildError, match=r"(?s)configure=: TensorRT refuses.*OptimizationL"):
        built(spec, RTX)


def test_a_refusal_is_heard_however_many_errors_came_before(fixed_model, without):
    def noisy_parser(network, logger):
        for number in range(300):
            logger.log(trt.ILogger.Severity.ERROR, str(number))
        return trt.OnnxParser(network, logger)

    def refused(config):
        config.builder_optimization_level = -1

    backend = without(OnnxParser=noisy_parser)
    with pytest.raises(EngineBuildError, match=r"memory_pool_limit_mib=.*TensorRT refuses it"):
        built(spec_of(fixed_model, memory_pool_limit_mib={"dla_managed_sram": 1}), backend)
    with pytest.raises(EngineBuildError, match="configure=: TensorRT refuses"):
        built(EngineSpec(fixed_model, (), {"configure_key": "minus"}, refused), backend)


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
        built(spec_of(fixed_model, **{name: value}), RTX)


def test_a_value_that_tensorrt_changes_is_no_option(fixed_model, without):
    # Its setter only warns, and the getter says that nothing was set.
    with pytest.raises(EngineBuildError, match=r"TensorRT (makes|refuses)"):
        built(spec_of(fixed_model, hardware_compatibility_level="ampere_plus"), without())


def test_a_plugin_library_that_cannot_be_loaded_is_named(fixed_model, without):
    with pytest.raises(
        EngineBuildError, match=r"(?s)test_build_options\.py: TensorRT cannot load this"
    ):
        built(spec_of(fixed_model, plugins=[__file__]), without())


def test_a_plugin_library_is_looked_for_in_the_working_directory(
    fixed_model, without, tmp_path, monkeypatch
):
    path = tmp_path / "plugin.so"
    path.write_text("no library")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EngineBuildError, match=rf"(?s)^plugin\.so: .*{re.escape(str(path))}"):
        built(spec_of(fixed_model, plugins=["plugin.so"]), without())


def test_too_little_workspace_says_what_to_do(dynamic_model):
    spec = EngineSpec(
        dynamic_model, parse_profiles(RANGE), {"memory_pool_limit_mib": {"workspace": 0.01}}
    )
    with pytest.raises(EngineBuildError, match=r"(?s)built no engine.*what to do: give more with"):
        built(spec, RTX)


def test_a_weakly_typed_network_needs_a_tensorrt_that_has_them(fixed_model, without):
    with pytest.raises(EngineBuildError, match="has strongly typed networks only"):
        built(spec_of(fixed_model, strongly_typed=False), RTX)


@pytest.mark.parametrize("more", [{}, {"strongly_typed": False}])
def test_a_type_that_this_tensorrt_does_not_choose_is_refused_first(fixed_model, more):
    with pytest.raises(EngineBuildError, match=r"option dtype=.*ONNX file decides"):
        built(spec_of(fixed_model, dtype={"x": "half"}, **more), RTX)


def test_a_release_that_never_had_a_flag_says_which_one_has(fixed_model, without):
    flags = SimpleNamespace(FP16=None)
    backend = without(BuilderFlag=flags, __version__="10.0.1")
    with pytest.raises(EngineBuildError, match=r"tensorrt 10\.0\.1 has no BuilderFlag\.INT4"):
        built(spec_of(fixed_model, int4=True), backend)


def test_precisions_that_are_off_are_no_demand(fixed_model):
    assert built(spec_of(fixed_model, fp16=False), RTX)


@pytest.mark.parametrize("precision", ["fp16", "bf16", "int8", "fp8", "int4"])
def test_rtx_refuses_to_choose_a_precision(fixed_model, precision):
    with pytest.raises(EngineBuildError, match=r"strongly typed.*ONNX file decides"):
        built(spec_of(fixed_model, precision=precision), RTX)


def test_a_release_without_the_flag_says_so(fixed_model, without):
    flags = SimpleNamespace(TF32=trt.BuilderFlag.TF32)
    backend = without(BuilderFlag=flags, __version__="11.0")
    assert built(spec_of(fixed_model, tf32=True, fp16=False), backend)
    with pytest.raises(EngineBuildError, match=r"tensorrt 11\.0 does not choose types"):
        built(spec_of(fixed_model, fp16=True), backend)


@pytest.mark.skipif(not hasattr(trt.BuilderFlag, "FP16"), reason="no longer has precisions")
def test_tensorrts_own_words_are_in_the_error(fixed_model, without):
    with pytest.raises(EngineBuildError, match=r"built no engine:\n.*kFP16"):
        built(spec_of(fixed_model, fp16=True), without())
