from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import msgspec
import pytest

from pytest_trtperf.engine.identity import EngineIdentity, digest_with
from pytest_trtperf.engine.options import OPTIONS
from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import EngineBuildError


def test_a_spec_cannot_be_changed_through_what_it_was_given():
    options = {"tf32": True}
    spec = EngineSpec(Path("m.onnx"), (), options)
    options["tf32"] = False
    assert spec.options == {"tf32": True}
    with pytest.raises(TypeError):
        spec.options["tf32"] = False  # type: ignore[index]


def key(onnx, profiles=None, options=None, backend="b", version="1", device="d"):
    spec = EngineSpec(onnx, parse_profiles(profiles), options or {})
    return spec.describe(backend, version, device).key


def test_the_layout_of_a_key_is_that_of_earlier_releases():
    """Another one would hit no plan that is cached, and no baseline of these engines."""
    identity = EngineIdentity(
        onnx="any.onnx",
        model="m",
        backend="tensorrt-rtx",
        backend_version="1.4",
        device="NVIDIA H200 9.0",
        options={"tf32": False},
        profiles=[{"x": [[1, 3], [2, 3], [4, 3]]}],
    )
    described = (
        '{"backend": "tensorrt-rtx", "backend_version": "1.4", "build_index": 0, '
        '"device": "NVIDIA H200 9.0", %s"layout": "trtperf-engine/2", "model": "m", '
        '"options": {"tf32": false}, "profiles": [{"x": [[1, 3], [2, 3], [4, 3]]}]}'
    )
    assert identity.key == hashlib.sha256((described % "").encode()).hexdigest()
    overridden = msgspec.structs.replace(identity, environment={"NVIDIA_TF32_OVERRIDE": "0"})
    described %= '"environment": {"NVIDIA_TF32_OVERRIDE": "0"}, '
    assert overridden.key == hashlib.sha256(described.encode()).hexdigest()


@pytest.mark.parametrize("device", [None, "NVIDIA L4 8.9"])
def test_an_identity_names_the_model_and_what_it_is_for(external_model, device, monkeypatch):
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    spec = EngineSpec(external_model, parse_profiles({"x": "1x4"}), {"tf32": False})
    identity = spec.describe("b", "1", device)
    assert msgspec.json.decode(msgspec.json.encode(identity), type=EngineIdentity) == identity
    assert msgspec.to_builtins(identity) == {
        "onnx": external_model.name,
        "model": spec.model_digest,
        "backend": "b",
        "backend_version": "1",
        "device": device,
        "options": {"tf32": False},
        "profiles": [{"x": [[1, 4], [1, 4], [1, 4]]}],
        "build_index": 0,
        **({"environment": {"NVIDIA_TF32_OVERRIDE": "0"}} if device else {}),
    }


def test_the_key_is_of_content_and_not_of_the_place(external_model, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(external_model, elsewhere / "renamed.onnx")
    shutil.copy(tmp_path / "weights.bin", elsewhere)
    assert key(external_model) == key(elsewhere / "renamed.onnx")
    assert len(key(external_model)) == 64


def test_everything_the_plan_depends_on_changes_the_key(dynamic_model, fixed_model):
    keys = [
        key(dynamic_model),
        key(fixed_model),
        key(dynamic_model, {"x": "1x4"}),
        key(dynamic_model, {"x": "2x4"}),
        key(dynamic_model, {"z": "2x4"}),
        key(dynamic_model, [{"x": "1x4"}, {"x": "2x4"}]),
        key(dynamic_model, [{"x": "2x4"}, {"x": "1x4"}]),
        key(dynamic_model, options={"tf32": False}),
        key(dynamic_model, backend="other"),
        key(dynamic_model, version="2"),
        key(dynamic_model, device=None),
        key(dynamic_model, device="None"),
    ]
    assert len(set(keys)) == len(keys)


def test_order_and_spelling_do_not_change_the_key(dynamic_model):
    pools = {"WORKSPACE": 8, "tactic_dram": 9.0}
    one = key(dynamic_model, {"x": "1x4", "y": "2"}, {"tf32": True, "memory_pool_limit_mib": pools})
    pools = {"Tactic_DRAM": 9, "workspace": 8.0}
    two = key(
        dynamic_model, [{"y": (2,), "x": [1, 4]}], {"memory_pool_limit_mib": pools, "tf32": True}
    )
    assert one == two
    assert key(dynamic_model, options={"precision": "FP16"}) == key(
        dynamic_model, options={"fp16": True}
    )


@pytest.mark.parametrize(
    "options",
    [{"tf32": True}, {"refit": False, "fp16": False}, {"strongly_typed": True},
     {"timing_cache": False}, {"optimization_profile": 0, "engine_host_code_allowed": False}],
)  # fmt: skip
def test_options_that_are_defaults_do_not_change_the_key(dynamic_model, options):
    assert key(dynamic_model, options=options) == key(dynamic_model)
    assert not EngineSpec(dynamic_model, (), options).load_options


@pytest.mark.parametrize("value", ["0", "1"])
def test_the_environment_that_changes_plans_changes_the_key(dynamic_model, monkeypatch, value):
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)
    before = key(dynamic_model)
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", value)
    assert key(dynamic_model) != before


def test_one_bit_of_external_data_changes_the_key(external_model, tmp_path):
    before = key(external_model)
    weights = tmp_path / "weights.bin"
    data = bytearray(weights.read_bytes())
    data[5] ^= 1
    weights.write_bytes(data)
    assert key(external_model) != before


def test_each_option_changes_the_key_but_those_for_loading(dynamic_model, tmp_path):
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
    plain = key(dynamic_model)
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
        found = spec.describe("b", "1", "d").key
        assert (found == plain) == (option.kind == "load"), name
        assert found not in seen - {plain}, name
        seen.add(found)


def test_the_content_of_a_plugin_counts_and_not_its_place(dynamic_model, tmp_path):
    places = [tmp_path / "a.so", tmp_path / "b.so"]
    for place in places:
        place.write_bytes(b"same")
    one, two = (key(dynamic_model, options={"plugins": [place]}) for place in places)
    assert one == two
    places[1].write_bytes(b"other")
    assert key(dynamic_model, options={"plugins": [places[1]]}) != one
    with pytest.raises(EngineBuildError, match=r"option plugins: there is no file .*c\.so"):
        key(dynamic_model, options={"plugins": [tmp_path / "c.so"]})


def test_a_plan_loaded_with_other_plugins_has_another_digest(tmp_path):
    places = [tmp_path / "a.so", tmp_path / "b.so"]
    for place in places:
        place.write_bytes(b"same")
    one, two = (digest_with("plan", {"plugins": [str(place)]}) for place in places)
    assert one == two != digest_with("plan", {}) == "plan"
    places[1].write_bytes(b"other")
    assert digest_with("plan", {"plugins": [str(places[1])]}) != one


def test_builds_of_the_same_have_different_keys(dynamic_model):
    keys = {EngineSpec(dynamic_model, build_index=i).describe("b", "1", None).key for i in range(3)}
    assert len(keys) == 3


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
        key(tmp_path / "absent.onnx")
