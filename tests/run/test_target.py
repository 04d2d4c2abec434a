"""What a process measures on, by the names that budgets, baselines and plans know it by."""

from __future__ import annotations

import os

import pytest

from pytest_trtperf.backend.probe import Gpu, Probe
from pytest_trtperf.run import target as target_module
from pytest_trtperf.run.target import Target

GPUS = (
    Gpu(0, "NVIDIA H200", "GPU-0", "9.0"),
    Gpu(1, "NVIDIA  L4", "GPU-1", "8.9"),
)


@pytest.mark.parametrize(
    ("ordinal", "uuid", "device", "hardware_class", "plan_device"),
    [
        (0, "GPU-0", "NVIDIA H200", "nvidia-h200", "NVIDIA H200 9.0"),
        (1, "GPU-1", "NVIDIA L4", "nvidia-l4", "NVIDIA  L4 8.9"),
    ],
)
def test_a_gpu_is_named_by_its_product(ordinal, uuid, device, hardware_class, plan_device):
    target = Target(Probe("tensorrt", "10.13", GPUS, {}), ordinal)
    assert (target.uuid, target.plan_device) == (uuid, plan_device)
    assert (target.device, target.hardware_class) == (device, hardware_class)


def test_without_a_gpu_it_is_the_cpu_and_the_threads_that_may_run(monkeypatch):
    monkeypatch.setattr(target_module, "cpu_model", lambda: "AMD EPYC 9575F 64-Core Processor")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0: range(3), 1: range(64)}[pid])
    target = Target(Probe("onnxruntime", "1.20", (), {}))
    assert (target.uuid, target.plan_device) == (None, None)
    assert target.device == "cpu:AMD EPYC 9575F x3"
    assert target.hardware_class == "cpu-amd-epyc-9575f-x3"


def test_the_title_has_backend_and_device(begin):
    assert begin().title == "trtperf: tensorrt on NVIDIA H200"
