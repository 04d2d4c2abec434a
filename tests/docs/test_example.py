"""The walk of the example project works when it is copied out, with ONNX Runtime."""

from __future__ import annotations

from tests.docs.walk import Walk


def test_the_walk(walk: Walk) -> None:
    # Short, and yet long enough for a verdict on a machine with other work.
    short = {"TRTPERF_ROUND_MS": "60", "TRTPERF_ROUND_QUERIES": "20", "TRTPERF_MAX_WARM_UP": "1"}
    walk.variables = {**walk.variables, **short}
    assert walk.follow_example() == 4
