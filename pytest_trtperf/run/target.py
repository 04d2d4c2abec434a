"""What a process measures on, by the names that budgets, baselines and plans know it by."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pytest_trtperf.backend.probe import Probe
from pytest_trtperf.baseline.hardware import cpu_class, cpu_model, cpu_name, gpu_class, gpu_name


@dataclass(frozen=True)
class Target:
    """What this process measures on; `device` is the name that budgets match."""

    probe: Probe
    ordinal: int = 0

    @property
    def uuid(self) -> str | None:
        """The GPU's UUID, None on the CPU."""
        return self.probe.gpus[self.ordinal].uuid if self.probe.gpus else None

    @property
    def device(self) -> str:
        """`NVIDIA H200`, or `cpu:` with the CPU's model and thread count."""
        if self.probe.only_builds:
            return "a machine without a GPU"
        if self.probe.gpus:
            return gpu_name(self.probe.gpus[self.ordinal].name)
        return cpu_name(cpu_model(), _threads())

    @property
    def hardware_class(self) -> str:
        """The folder of its baselines."""
        if self.probe.gpus:
            return gpu_class(self.probe.gpus[self.ordinal].name)
        return cpu_class(cpu_model(), _threads())

    @property
    def plan_device(self) -> str | None:
        """What of the device a plan depends on."""
        if not self.probe.gpus:
            return None
        gpu = self.probe.gpus[self.ordinal]
        return f"{gpu.name} {gpu.compute_capability}"


def _threads() -> int:
    return len(os.sched_getaffinity(0))
