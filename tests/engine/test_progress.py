from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.engine.build import build_plan
from pytest_trtperf.engine.progress import BuildProgress, attach_monitor
from pytest_trtperf.engine.spec import EngineSpec


def test_nested_phases_count_within_the_step_of_their_parent():
    progress = BuildProgress()
    assert (progress.share, progress.phase) == (0.0, "")
    progress.start("build", None, 4)
    progress.step("build", 0)
    assert progress.share == 0.25
    progress.start("tactics", "build", 10)
    progress.step("tactics", 4)
    assert progress.share == pytest.approx(0.25 + 0.5 / 4)
    assert progress.phase == "tactics"
    progress.finish("tactics")
    assert progress.share == pytest.approx(0.25 + 0.5 / 4)
    progress.step("build", 3)
    assert progress.share == 1.0
    progress.finish("build")
    assert progress.share == 0.0


events = st.lists(
    st.tuples(
        st.sampled_from(["start", "step", "finish"]),
        st.sampled_from("abc"),
        st.sampled_from([None, "a", "b"]),
        st.integers(0, 5),
    ),
    max_size=30,
)


@given(events)
def test_whatever_is_reported_the_share_is_one(reported):
    progress = BuildProgress()
    order = "abc"
    for event, name, parent, number in reported:
        if event == "start":
            # A parent began before, and a phase is none of its own.
            above = parent if parent and order.index(parent) < order.index(name) else None
            progress.start(name, above, number)
        elif event == "step":
            progress.step(name, number)
        else:
            progress.finish(name)
        assert 0.0 <= progress.share <= 1.0


def test_a_real_build_reports_phases(fixed_model):
    pytest.importorskip("tensorrt_rtx")
    seen: list[tuple[str, float]] = []
    spec = EngineSpec(fixed_model)
    assert build_plan(
        spec, "tensorrt-rtx", report=lambda progress: seen.append((progress.phase, progress.share))
    )
    assert any(phase for phase, _ in seen)
    assert max(share for _, share in seen) > 0


def test_a_set_event_ends_a_build(fixed_model):
    trt = pytest.importorskip("tensorrt_rtx")
    interrupted = threading.Event()
    interrupted.set()

    def configure(config):
        attach_monitor(trt, config, interrupted, None)
        monitors.append(config.progress_monitor)

    monitors: list[object] = []
    spec = EngineSpec(fixed_model, (), {"configure_key": "monitor"}, configure)
    assert build_plan(spec, "tensorrt-rtx")  # the build's own monitor replaces that one
    (monitor,) = monitors
    assert monitor.step_complete("phase", 1) is False  # type: ignore[attr-defined]
