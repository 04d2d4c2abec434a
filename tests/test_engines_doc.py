"""The table of options in docs/engines.md is that of the code, and its examples are true."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pytest_trtperf.engine.options import OPTIONS, Option, checked_options
from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import EngineBuildError
from tests.models import built

PAGE = Path(__file__).parents[1] / "docs" / "engines.md"
RECORD = Path(__file__).parents[1] / "benchmarks" / "results" / "build_options_h200.xml"
RTX = "tensorrt-rtx"
NEED_A_GPU = frozenset({"refit", "strip_plan"})
NEEDS: dict[str, dict[str, Any]] = {
    "exclude_lean_runtime": {"version_compatible": True},
    "version_compatible": {"engine_host_code_allowed": True},
    "weight_streaming_budget_mib": {"weight_streaming": True},
    "error_on_timing_cache_miss": {"timing_cache": True},
    "gpu_fallback": {"DLA_core": 0},
    "dtype": {"fp16": True},
}


@dataclass(frozen=True)
class Row:
    name: str
    value: Any
    api: str
    trtexec: str
    versions: str
    checked: str


def rows() -> list[Row]:
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(
        r"^\| `(\w+)=(.+?)` \| `(.+?)` \| (.*?) ?\| (.+?) \| (\w+) \|$", text, re.MULTILINE
    )
    return [
        Row(name, ast.literal_eval(value), api, trtexec.replace("`", ""), versions, checked)
        for name, value, api, trtexec, versions, checked in found
    ]


def versions_of(option: Option) -> str:
    return ", ".join(
        ("RTX " if backend == RTX else "") + first + (f" until {end}" if end else "")
        for backend, (first, end) in option.versions.items()
    )


def test_the_table_is_that_of_the_code():
    assert [(r.name, r.api, r.trtexec, r.versions) for r in rows()] == [
        (option.name, option.api, option.trtexec, versions_of(option))
        for option in OPTIONS.values()
    ]
    assert {row.checked for row in rows()} <= {"GPU", "built", "contract", "untested"}


def test_what_a_plan_takes_is_reported():
    page = PAGE.read_text(encoding="utf-8")
    (line,) = re.findall(r"^- A plan that you name takes (.*)$", page, re.MULTILINE)
    for option in OPTIONS.values():
        if option.kind == "load":
            assert f"`{option.name}`" in line


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_an_example_does_what_the_table_says(row, tmp_path, write_model):
    pytest.importorskip("tensorrt_rtx")
    options = {row.name: row.value, **NEEDS.get(row.name, {})}
    assert row.name in checked_options(options)
    shapes = [{"x": "1x256"}, {"x": "2x256"}][: 1 + (row.name == "optimization_profile")]
    configure = repr if row.name == "configure_key" else None
    spec = EngineSpec(
        write_model(tmp_path / "model.onnx"), parse_profiles(shapes), options, configure
    )
    if RTX not in OPTIONS[row.name].versions:
        with pytest.raises(EngineBuildError, match="build option"):
            built(spec, RTX)
    elif row.name not in NEED_A_GPU:
        assert built(spec, RTX)


def test_options_said_to_have_run_on_a_gpu_have():
    cases = ET.parse(RECORD).getroot().iter("testcase")
    passed = {case.attrib["name"].split("[")[1].rstrip("]") for case in cases if not len(case)}
    assert {row.name for row in rows() if row.checked == "GPU"} == passed


def test_the_example_of_formats_is_one_that_builds(tmp_path, write_image_model):
    pytest.importorskip("tensorrt_rtx")
    page = PAGE.read_text(encoding="utf-8")
    (example,) = re.findall(r"^- `allowed_formats=(.+?)` names", page, re.MULTILINE)
    model = write_image_model(tmp_path / "image.onnx", dtype="float16")
    assert built(EngineSpec(model, (), {"allowed_formats": ast.literal_eval(example)}), RTX)


def test_the_recipe_of_fixed_sizes_makes_a_refused_model_build(tmp_path, monkeypatch):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    pytest.importorskip("tensorrt_rtx")
    make, infos = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    shapes = {"input": ["n", 576], "state": [2, "n", 128]}
    graph = onnx.helper.make_graph(
        [make("Squeeze", ["input"], ["y"]), make("Relu", ["state"], ["z"])],
        "graph",
        [infos(name, onnx.TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [infos(name, onnx.TensorProto.FLOAT, None) for name in ("y", "z")],
    )
    opsets = [onnx.helper.make_opsetid("", 13)]
    monkeypatch.chdir(tmp_path)
    onnx.save(onnx.helper.make_model(graph, ir_version=8, opset_imports=opsets), "model.onnx")
    profiles = parse_profiles({"input": (1, 576), "state": (2, 1, 128)})
    with pytest.raises(EngineBuildError, match=r"what to do: .*Fixed sizes"):
        built(EngineSpec(Path("model.onnx"), profiles), RTX)
    recipe = PAGE.read_text(encoding="utf-8").partition("### Fixed sizes")[2]
    exec(recipe.split("```")[1].removeprefix("python\n"), {})
    assert built(EngineSpec(Path("fixed.onnx")), RTX)
