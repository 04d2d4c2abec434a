from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_trtperf.engine.options import OPTIONS
from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.engine.spec import EngineSpec, digest_with
from pytest_trtperf.errors import EngineBuildError


def test_a_spec_cannot_be_changed_through_what_it_was_given():
    options = {"tf32": True}
    spec = EngineSpec(Path("m.onnx"), (), options)
    options["tf32"] = False
    assert spec.options == {"tf32": True}
    with pytest.raises(TypeError):
        spec.options["tf32"] = False  # type: ignore[index]


def digest(onnx, profiles=None, options=None, backend="b", version="1", device="d"):
    return EngineSpec(onnx, parse_profiles(profiles), options or {}).digest(
        backend, version, device
    )


def test_the_digest_is_of_content_and_not_of_the_place(external_model, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(external_model, elsewhere / "renamed.onnx")
    shutil.copy(tmp_path / "weights.bin", elsewhere)
    assert digest(external_model) == digest(elsewhere / "renamed.onnx")
    assert len(digest(external_model)) == 64


def test_everything_the_plan_depends_on_changes_the_digest(dynamic_model, fixed_model):
    digests = [
        digest(dynamic_model),
        digest(fixed_model),
        digest(dynamic_model, {"x": "1x4"}),
        digest(dynamic_model, {"x": "2x4"}),
        digest(dynamic_model, {"z": "2x4"}),
        digest(dynamic_model, [{"x": "1x4"}, {"x": "2x4"}]),
        digest(dynamic_model, [{"x": "2x4"}, {"x": "1x4"}]),
        digest(dynamic_model, options={"tf32": False}),
        digest(dynamic_model, backend="other"),
        digest(dynamic_model, version="2"),
        digest(dynamic_model, device=None),
        digest(dynamic_model, device="None"),
    ]
    assert len(set(digests)) == len(digests)


def test_order_and_spelling_do_not_change_the_digest(dynamic_model):
    pools = {"WORKSPACE": 8, "tactic_dram": 9.0}
    one = digest(
        dynamic_model, {"x": "1x4", "y": "2"}, {"tf32": True, "memory_pool_limit_mib": pools}
    )
    pools = {"Tactic_DRAM": 9, "workspace": 8.0}
    two = digest(
        dynamic_model, [{"y": (2,), "x": [1, 4]}], {"memory_pool_limit_mib": pools, "tf32": True}
    )
    assert one == two
    assert digest(dynamic_model, options={"precision": "FP16"}) == digest(
        dynamic_model, options={"fp16": True}
    )


@pytest.mark.parametrize(
    "options",
    [{"tf32": True}, {"refit": False, "fp16": False}, {"strongly_typed": True},
     {"timing_cache": False}, {"optimization_profile": 0, "engine_host_code_allowed": False}],
)  # fmt: skip
def test_options_that_are_defaults_do_not_change_the_digest(dynamic_model, options):
    assert digest(dynamic_model, options=options) == digest(dynamic_model)
    assert not EngineSpec(dynamic_model, (), options).load_options


@pytest.mark.parametrize("value", ["0", "1"])
def test_the_environment_that_changes_plans_changes_the_digest(dynamic_model, monkeypatch, value):
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)
    before = digest(dynamic_model)
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", value)
    assert digest(dynamic_model) != before


def test_one_bit_of_external_data_changes_the_digest(external_model, tmp_path):
    before = digest(external_model)
    weights = tmp_path / "weights.bin"
    data = bytearray(weights.read_bytes())
    data[5] ^= 1
    weights.write_bytes(data)
    assert digest(external_model) != before


def test_each_option_changes_the_digest_but_those_for_loading(dynamic_model, tmp_path):
    library = tmp_path / "plugin.so"
    library.write_bytes(b"library")
    samples = {
        "memory_pool_limit_mib": {"workspace": 1}, "tactic_sources": {"jit_convolutions": False},
        "preview_features": {"x": True}, "compute_capabilities": ["sm89"], "plugins": [library],
        "configure_key": "1", "timing_cache": True, "allowed_formats": {"x": "hwc"},
        "dtype": {"x": "half"},
    }  # fmt: skip
    needs = {
        "exclude_lean_runtime": "version_compatible", "error_on_timing_cache_miss": "timing_cache"
    }  # fmt: skip
    plain = digest(dynamic_model)
    seen = {plain}
    for name, option in OPTIONS.items():
        by_kind = {"number": 1, "enum": "none"}
        options = {name: samples.get(name, by_kind.get(option.kind, not option.default))}
        if name in needs:
            options[needs[name]] = True
        if name in ("DLA_core", "gpu_fallback"):
            options |= {"DLA_core": 0}
        if name == "optimization_profile":
            options[name] = 0
        if name == "weight_streaming_budget_mib":
            options[name] = 8
        configure = print if name == "configure_key" else None
        spec = EngineSpec(dynamic_model, (), options, configure)
        found = spec.digest("b", "1", "d")
        assert (found == plain) == (option.kind == "load"), name
        assert found not in seen - {plain}, name
        seen.add(found)


def test_the_content_of_a_plugin_counts_and_not_its_place(dynamic_model, tmp_path):
    places = [tmp_path / "a.so", tmp_path / "b.so"]
    for place in places:
        place.write_bytes(b"same")
    one, two = (digest(dynamic_model, options={"plugins": [place]}) for place in places)
    assert one == two
    places[1].write_bytes(b"other")
    assert digest(dynamic_model, options={"plugins": [places[1]]}) != one
    with pytest.raises(EngineBuildError, match=r"option plugins: there is no file .*c\.so"):
        digest(dynamic_model, options={"plugins": [tmp_path / "c.so"]})


def test_a_plan_loaded_with_other_plugins_has_another_digest(tmp_path):
    places = [tmp_path / "a.so", tmp_path / "b.so"]
    for place in places:
        place.write_bytes(b"same")
    one, two = (digest_with("plan", {"plugins": [str(place)]}) for place in places)
    assert one == two != digest_with("plan", {}) == "plan"
    places[1].write_bytes(b"other")
    assert digest_with("plan", {"plugins": [str(places[1])]}) != one


def test_builds_of_the_same_have_different_digests(dynamic_model):
    digests = {EngineSpec(dynamic_model, build_index=i).digest("b", "1", None) for i in range(3)}
    assert len(digests) == 3


def test_configure_is_a_function(dynamic_model):
    with pytest.raises(ValueError, match="configure='x': it takes a function"):
        EngineSpec(dynamic_model, (), {"configure_key": "1"}, "x")  # type: ignore[arg-type]


def test_configure_needs_its_key(dynamic_model):
    for options, configure in (({}, print), ({"configure_key": "1"}, None)):
        with pytest.raises(ValueError, match="configure= and configure_key= go together"):
            EngineSpec(dynamic_model, (), options, configure)


def test_a_profile_that_does_not_exist_is_refused(dynamic_model):
    profiles = parse_profiles([{"x": "1x4"}, {"x": "2x4"}])
    spec = EngineSpec(dynamic_model, profiles, {"optimization_profile": 1})
    assert spec.profile["x"].opt == (2, 4)
    with pytest.raises(ValueError, match=r"optimization_profile=2: shapes= has 2 profile\(s\)"):
        EngineSpec(dynamic_model, profiles, {"optimization_profile": 2})


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(EngineBuildError, match=r"absent\.onnx: there is no such file"):
        digest(tmp_path / "absent.onnx")
