"""Each build option that TensorRT for RTX has, as docs/engines.md shows it: built, loaded, run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_trtperf.backend.probe import Probe
from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.backend.tensorrt.isolated import isolated_engine
from pytest_trtperf.backend.tensorrt.load_options import LoadOptions
from pytest_trtperf.engine.options import OPTIONS
from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.fixtures.accuracy import Side, assert_close, reference_of
from tests.test_engines_doc import RTX, Row, rows

WIDTH = 256
PROFILES: list[dict[str, Any]] = [
    {"x": f"1x{WIDTH}"},
    {"x": (f"4x{WIDTH}", f"8x{WIDTH}", f"32x{WIDTH}")},
]
# Where the page's example is for another machine, or for a larger model.
HERE: dict[str, dict[str, Any]] = {
    "compute_capabilities": {"compute_capabilities": ["current"]},
    "weight_streaming_budget_mib": {
        "weight_streaming_budget_mib": WIDTH**2 * 4 / 2**21,  # half of the weights
        "weight_streaming": True,
    },
}


@pytest.mark.parametrize(
    "row", [row for row in rows() if RTX in OPTIONS[row.name].versions], ids=lambda row: row.name
)
def test_engine_with_the_option_returns_what_onnx_runtime_returns(
    probe: Probe, row: Row, tmp_path: Path, write_model: Callable[..., Path]
) -> None:
    pytest.importorskip("onnxruntime")
    if probe.backend != RTX:
        pytest.skip(f"the options of {RTX}, and this is {probe.backend}")
    model = write_model(tmp_path / "model.onnx", layers=8, width=WIDTH)
    profiles = PROFILES if row.name == "optimization_profile" else PROFILES[1:]
    options = HERE.get(row.name, {row.name: row.value})
    configure = repr if row.name == "configure_key" else None
    spec = EngineSpec(model, parse_profiles(profiles), options, configure)
    plan = build_plan(spec, probe.backend)
    engine = isolated_engine(probe.backend, plan, load_options=LoadOptions.of(spec.options, model))
    try:
        reference = reference_of(model, "onnxruntime")
        assert_close(Side("engine", engine), reference, shapes={"x": (8, WIDTH)})
    finally:
        engine.close()
