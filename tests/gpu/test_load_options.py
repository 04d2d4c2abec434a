"""How a plan is loaded: the profile that contexts use, and what the inspector reports."""

from __future__ import annotations

import pytest

from pytest_trtperf.analysis.precision import precisions
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.backend.tensorrt.engine import TensorRTEngine
from pytest_trtperf.backend.tensorrt.isolated import isolated_engine
from pytest_trtperf.backend.tensorrt.load_options import LoadOptions
from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import EngineLoadError, ShapeError


@pytest.fixture(scope="module")
def two_profiles(probe, model):
    profiles = parse_profiles([{"x": "1x64"}, {"x": ("8x64", "16x64", "32x64")}])
    spec = EngineSpec(model, profiles, {"profiling_verbosity": "detailed"})
    return build_plan(spec, probe.backend)


@pytest.mark.parametrize(("profile", "batch", "outside"), [(0, 1, 8), (1, 32, 1)])
def test_contexts_use_the_profile_that_was_asked_for(probe, two_profiles, profile, batch, outside):
    load_options = LoadOptions(optimization_profile=profile)
    engine = isolated_engine(probe.backend, two_profiles, load_options=load_options)
    session = engine.create_session({"x": (batch, 64)}, Mode(cuda_graph=True))
    assert session.shapes == {"x": (batch, 64)}
    session.close()
    with pytest.raises(ShapeError, match="outside the profile"):
        engine.create_session({"x": (outside, 64)}, Mode())
    engine.close()


def test_the_only_shape_of_a_profile_need_not_be_given(probe, two_profiles):
    engine = isolated_engine(probe.backend, two_profiles)
    session = engine.create_session({}, Mode())
    assert session.shapes == {"x": (1, 64)}
    session.close()
    engine.close()


def test_a_profile_that_the_plan_has_not_is_refused(probe, two_profiles):
    with pytest.raises(EngineLoadError, match=r"the plan has 2 profile\(s\)"):
        TensorRTEngine(
            probe.backend, two_profiles, load_options=LoadOptions(optimization_profile=2)
        )


def test_an_engine_shows_what_it_computes_in(probe, two_profiles):
    engine = isolated_engine(probe.backend, two_profiles)
    layers = engine.inspect()
    engine.close()
    assert layers
    assert precisions(layers).keys() == {"fp32"}
