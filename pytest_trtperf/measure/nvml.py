"""NVML, the library of the driver that knows the state of GPUs, where it is there."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


@functools.cache
def handle(nvml: Any, uuid: str) -> Any:
    """What NVML knows a GPU by."""
    return nvml.device_get_handle_by_uuid(uuid)


@functools.cache
def library() -> Any:
    """NVML, initialised; None where cuda-python or the driver has none."""
    try:
        from cuda.bindings import nvml

        nvml.init_v2()
    except Exception:  # noqa: BLE001  # cuda-python without NVML, or a driver without it: state stays unknown
        return None
    return nvml


def read(reading: Callable[[], Any]) -> Any:
    """What a reading returns; None where NVML refuses it."""
    try:
        return reading()
    except Exception:  # noqa: BLE001  # NVML refuses single readings on some GPUs and in containers
        return None
