"""TensorRT's objects are stand-ins here: the real ones take a GPU."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from pytest_trtperf.backend.tensorrt.load_options import (
    LoadOptions,
    prepare_engine,
    prepare_runtime,
)
from pytest_trtperf.engine.options import OPTIONS, checked_options
from pytest_trtperf.errors import EngineLoadError


def said() -> list[str]:
    return ["what TensorRT logged"]


def test_nothing_is_asked_for_unless_an_option_does():
    assert LoadOptions.of(checked_options({"tf32": True}), Path("m.onnx")) == LoadOptions()


def test_options_become_what_the_session_process_is_sent(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = checked_options(
        {
            "plugins": ["a.so"],
            "DLA_core": 1,
            "engine_host_code_allowed": True,
            "optimization_profile": 2,
            "weight_streaming_budget_mib": 1.5,
            "strip_plan": True,
        }
    )
    load = LoadOptions.of(options, Path("m.onnx"))
    assert load == LoadOptions(
        plugins=(str(tmp_path / "a.so"),),
        dla_core=1,
        engine_host_code_allowed=True,
        optimization_profile=2,
        weight_streaming_budget=3 << 19,
        refit_onnx=str(tmp_path / "m.onnx"),
    )
    sent = msgspec.msgpack.decode(msgspec.msgpack.encode(vars(load)))
    assert LoadOptions(**{**sent, "plugins": tuple(sent["plugins"])}) == load


def test_every_option_for_loading_reaches_it():
    values: dict[str, Any] = {"optimization_profile": 1, "weight_streaming_budget_mib": 1}
    for option in OPTIONS.values():
        if option.kind == "load":
            options = checked_options({option.name: values.get(option.name, True)})
            assert LoadOptions.of(options, None) != LoadOptions(), option.name


def test_a_runtime_is_prepared_before_the_plan_is_read():
    loaded: list[str] = []

    def load_library(path: str) -> str:
        loaded.append(path)
        return "handle"

    registry = SimpleNamespace(load_library=load_library)
    runtime = SimpleNamespace(
        engine_host_code_allowed=False, DLA_core=-1, get_plugin_registry=lambda: registry
    )
    prepare_runtime(runtime, LoadOptions(), said)
    assert (runtime.engine_host_code_allowed, runtime.DLA_core, loaded) == (False, -1, [])
    load = LoadOptions(plugins=("a.so",), dla_core=1, engine_host_code_allowed=True)
    prepare_runtime(runtime, load, said)
    assert (runtime.engine_host_code_allowed, runtime.DLA_core, loaded) == (True, 1, ["a.so"])


def test_a_plugin_library_that_cannot_be_loaded_is_named():
    registry = SimpleNamespace(load_library=lambda _: None)
    runtime = SimpleNamespace(get_plugin_registry=lambda: registry)
    with pytest.raises(EngineLoadError, match=r"a\.so: TensorRT cannot load.*what TensorRT log"):
        prepare_runtime(runtime, LoadOptions(plugins=("a.so",)), said)


@pytest.mark.parametrize(
    ("engine", "load", "complaint"),
    [
        (
            {"num_optimization_profiles": 2},
            LoadOptions(optimization_profile=2),
            r"optimization_profile=2: the plan has 2 profile\(s\)",
        ),
        (
            {},
            LoadOptions(weight_streaming_budget=1),
            r"has no ICudaEngine.*; those that have it: TensorRT 10\.16 .*; TensorRT for RTX 1\.4 ",
        ),
        (
            {"weight_streaming_budget_v2": 0, "streamable_weights_size": 0},
            LoadOptions(weight_streaming_budget=1 << 20),
            "build it with weight_streaming=True",
        ),
        ({}, LoadOptions(refit_onnx="m.onnx"), "this TensorRT cannot put weights"),
    ],
)
def test_what_a_plan_cannot_do_is_refused(engine, load, complaint):
    with pytest.raises(EngineLoadError, match=complaint):
        prepare_engine(SimpleNamespace(), SimpleNamespace(**engine), load, said)


def test_a_budget_that_tensorrt_changes_is_reported():
    class Stubborn:
        streamable_weights_size = 8 << 20
        weight_streaming_budget_v2 = property(lambda _: 4 << 20, lambda _, __: None)

    with pytest.raises(EngineLoadError, match="mib=2: TensorRT makes 4 MiB of it: what TensorRT"):
        prepare_engine(None, Stubborn(), LoadOptions(weight_streaming_budget=2 << 20), said)


def test_a_budget_above_all_weights_streams_none():
    class Lowering:
        streamable_weights_size = 1 << 18
        set_to = 0

        @property
        def weight_streaming_budget_v2(self):
            return self.set_to

        @weight_streaming_budget_v2.setter
        def weight_streaming_budget_v2(self, budget):
            self.set_to = min(budget, self.streamable_weights_size)

    engine = Lowering()
    prepare_engine(None, engine, LoadOptions(weight_streaming_budget=1 << 20), said)
    assert engine.set_to == 1 << 18


@pytest.mark.parametrize(("parsed", "refitted"), [(True, True), (False, True), (True, False)])
def test_weights_are_put_back_from_the_model_or_not_at_all(parsed, refitted):
    trt = SimpleNamespace(
        __name__="tensorrt_of_this_test",
        ILogger=type("ILogger", (), {"Severity": SimpleNamespace(INFO=3, ERROR=1)}),
        Refitter=lambda *_: SimpleNamespace(refit_cuda_engine=lambda: refitted),
        OnnxParserRefitter=lambda *_: SimpleNamespace(refit_from_file=lambda _: parsed),
    )
    load = LoadOptions(refit_onnx="m.onnx")
    if parsed and refitted:
        prepare_engine(trt, SimpleNamespace(), load, said)
        return
    with pytest.raises(EngineLoadError, match=r"m\.onnx: the weights of this model cannot be put"):
        prepare_engine(trt, SimpleNamespace(), load, said)
