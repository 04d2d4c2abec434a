from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.backend.progress import BuildProgress


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
