"""A fixed calculation on the CPU, timed before and after each round: it measures the machine.

No counter of a guest shows what the hypervisor gives to other guests. On a shared virtual machine
with two cores whole runs took 1.2 to 2 times as long, and so did this calculation.
"""

from __future__ import annotations

import functools
import time
from typing import Any

import numpy as np

READING_S = 0.02
YARDSTICK_PACKAGE = "onnxruntime"
"""What runs it: readings of two releases are not comparable."""

_LAYERS, _CHANNELS, _PIXELS = 6, 32, 20


def read_yardstick() -> float | None:
    """The median milliseconds of six small convolutions on all cores, over `READING_S`.

    They run on ONNX Runtime, like the engines, so readings of two releases are not comparable.
    None without the package onnx, which `pytest-trtperf[cpu]` installs.
    """
    try:
        session = _session()
    except ImportError:
        return None
    image = {"x": np.ones((1, _CHANNELS, _PIXELS, _PIXELS), np.float32)}
    times: list[float] = []
    end = time.perf_counter() + READING_S
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        session.run(None, image)
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


@functools.cache
def _session() -> Any:
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    # The weights sum to 1, so that values neither grow nor vanish.
    weight = np.full((_CHANNELS, _CHANNELS, 3, 3), 1 / (9 * _CHANNELS), np.float32)
    names = ["x", *(f"x{layer}" for layer in range(1, _LAYERS)), "y"]
    shape = [1, _CHANNELS, _PIXELS, _PIXELS]
    graph = helper.make_graph(
        [
            helper.make_node("Conv", [names[layer], "w"], [names[layer + 1]], pads=[1] * 4)
            for layer in range(_LAYERS)
        ],
        "yardstick",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    options = onnxruntime.SessionOptions()
    # Threads that spin after a reading would take processors from the engine's queries.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
