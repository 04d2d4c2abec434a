from __future__ import annotations

import os
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.backend.tensorrt.progress import BuildProgress
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


def test_ctrl_c_ends_a_build_within_a_few_steps(fixed_model):
    pytest.importorskip("tensorrt_rtx")
    whole: list[str] = []
    build_plan(EngineSpec(fixed_model), "tensorrt-rtx", report=lambda p: whole.append(p.phase))

    def interrupt_once(progress):
        ended.append(progress.phase)
        if len(ended) == 1:
            os.kill(os.getpid(), signal.SIGINT)

    ended: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        build_plan(EngineSpec(fixed_model), "tensorrt-rtx", report=interrupt_once)
    assert len(ended) < len(whole) / 4
