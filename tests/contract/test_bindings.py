"""What the package uses of TensorRT exists in NVIDIA's real bindings, and fits."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_trtperf.engine.options import OPTIONS
from tests.contract.bindings import Target, ask
from tests.contract.reviewed import FEATURES, INTERFACES, REVIEW
from tests.contract.uses import OURS, Found, Subclass, Use

# Flags and stream are swapped by some releases: the test of the allocator says by which.
STREAM, FLAGS = 1 << 20, 1
CALLS = {
    "ILogger": {"log": ["@ILogger.Severity.ERROR", "message"]},
    "IProfiler": {"report_layer_time": ["layer", 1.5]},
    "IProgressMonitor": {
        "phase_start": ["phase", "parent", 3],
        "phase_finish": ["phase"],
        "step_complete": ["phase", 2],
    },
    "IGpuAsyncAllocator": {"allocate_async": [100, 256, FLAGS, STREAM]},
}


@pytest.fixture(scope="session")
def answer(bindings: Target, found: Found) -> dict[str, Any]:
    result: dict[str, Any] = ask(
        bindings,
        "api",
        uses=[use.as_json() for use in sorted(found.uses, key=repr)],
        features=list(FEATURES),
        returns=list(REVIEW.returns),
    )
    return result


def test_the_module_is_the_one_that_was_asked_for(bindings, answer):
    assert answer["file"].startswith(str(bindings.directory))
    assert bindings.version.startswith(answer["version"].split(".post")[0])


def test_everything_that_is_used_exists(bindings, answer):
    assert not answer["missing"], f"{bindings} lacks:\n" + "\n".join(answer["missing"])
    assert answer["checked"] > 30, f"{answer['skipped']} uses are not reached: is a guard too wide?"


def test_calls_and_assignments_fit_the_signatures(bindings, answer):
    assert not answer["misfits"], f"{bindings}:\n" + "\n".join(answer["misfits"])


def test_features_are_where_they_must_be(bindings, answer):
    lost = [
        f"{name}: {FEATURES[name].why}"
        for name, exists in answer["features"].items()
        if not exists and FEATURES[name].is_needed(bindings.backend, bindings.version)
    ]
    assert not lost, f"{bindings} lacks:\n" + "\n".join(lost)


def test_options_are_not_older_than_their_table_says(bindings, answer):
    found = [
        option.name
        for option in OPTIONS.values()
        if bindings.backend in option.versions
        and answer["features"].get(option.api)
        and not FEATURES[option.api].is_needed(bindings.backend, bindings.version)
    ]
    assert not found


def test_results_are_what_was_reviewed(answer):
    wrong = {
        name: known
        for name, known in answer["returns"].items()
        if known is not None and REVIEW.returns[name] not in (known, OURS)
    }
    assert not wrong


def test_subclasses_are_called_by_tensorrt(bindings, found):
    subclasses = [
        {"where": one.where, "base": one.base, "guards": one.guards, "methods": _callbacks(one)}
        for one in found.subclasses
    ]
    result = ask(bindings, "callbacks", subclasses=subclasses, calls=CALLS)
    assert not result["problems"], "\n".join(result["problems"])
    calls = result["calls"]
    assert calls["ILogger.log"] == [["log", "Severity.ERROR", "message"]]
    assert calls["IProfiler.report_layer_time"] == [["report_layer_time", "layer", 1.5]]
    if bindings.backend != "tensorrt-lean":
        assert calls["IProgressMonitor.phase_start"] == [["phase_start", "phase", "parent", 3]]
        assert calls["IProgressMonitor.phase_finish"] == [["phase_finish", "phase"]]
        assert calls["IProgressMonitor.step_complete"] == [["step_complete", "phase", 2]]
    ((name, size, alignment, *swapped),) = calls["IGpuAsyncAllocator.allocate_async"]
    assert (name, size, alignment) == ("allocate_async", 100, 256)
    # Either order: memory.py takes the larger one for the stream.
    assert sorted(swapped) == [FLAGS, STREAM]


def _callbacks(one: Subclass) -> dict[str, int]:
    return {name: count for name, count in one.methods.items() if name in INTERFACES[one.base]}


def test_the_packages_own_subclasses_work(bindings):
    pytest.importorskip("cuda.bindings")
    result = ask(bindings, "factories")
    assert result["errors"] == ["an error"]
    assert result["layers"] == [["layer", 1.5]]
    assert "IGpuAsyncAllocator" in " ".join(result["allocator"])
    assert result["allocated"] == []
    assert result["output_allocator"]


def test_a_network_is_built(bindings, tmp_path, write_model):
    model = write_model(tmp_path / "model.onnx")
    shapes = {"x": ["1x256", "2x256", "8x256"]}
    options = {
        "builder_optimization_level": 2,
        "max_aux_streams": 0,
        "tiling_optimization_level": "fast",
        "l2_limit_for_tiling": 1 << 20,
        "profiling_verbosity": "detailed",
        "memory_pool_limit_mib": {"workspace": 64},
        "preview_features": {"runtime_activation_resize_10_10": True},
        "compute_capabilities": ["sm89", "sm120"],
        "strongly_typed": True,
        "tf32": False,
        "sparse_weights": True,
        "direct_io": True,
        "distributive_independence": True,
        "weight_streaming": True,
    }
    request = {"onnx": str(model), "shapes": shapes, "options": options}
    result = ask(bindings, "build", **request)
    if bindings.backend == "tensorrt-rtx":
        assert result["error"] is None, result
        assert result["result"] > 1000
    elif bindings.backend == "tensorrt-lean":
        assert result["error"] == "EngineBuildError", result
        assert "tensorrt-lean only loads plans" in result["message"]
    else:
        # The stand-ins create no builder, as TensorRT does not where CUDA cannot be initialised.
        assert result["error"] == "EngineBuildError", result


def test_an_engine_that_cannot_be_loaded_says_so(bindings):
    pytest.importorskip("cuda.bindings")
    if bindings.backend == "tensorrt-lean":
        pytest.skip("without a driver lean's Runtime is made, and crashes when it is used")
    result = ask(bindings, "load")
    # The stand-ins create no runtime, as TensorRT does not where CUDA cannot be initialised.
    assert result["error"] == "EngineLoadError", result


def test_a_planted_mistake_is_found(bindings, found):
    some = next(use for use in found.uses if use.path == "ICudaEngine.num_io_tensors")
    planted = [
        Use("planted:1", "ICudaEngine", "num_bindings", "read"),
        Use("planted:2", "TensorIOMode", "INPUTS", "read"),
        Use("planted:3", "ICudaEngine", "num_io_tensors", "write"),
        Use("planted:4", "ICudaEngine", "get_tensor_name", "call", arguments=("", "")),
        Use("planted:5", "ICudaEngine", "get_tensor_name", "call", (), False, (), ("number",)),
        Use("planted:6", "Runtime", "__init__", "call", arguments=("TensorIOMode",)),
    ]
    uses = [use.as_json() for use in [some, *planted]]
    result = ask(bindings, "api", uses=uses, features=[], returns=[])
    assert [text.split(": ")[0] for text in result["missing"]] == ["planted:1", "planted:2"]
    places = [text.split(": ")[0] for text in result["misfits"]]
    assert places == ["planted:3", "planted:4", "planted:5", "planted:6"]
