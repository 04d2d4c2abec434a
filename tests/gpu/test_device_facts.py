"""What the driver says of this GPU that no session changes."""

from __future__ import annotations

from pytest_trtperf.backend.probe import Probe
from pytest_trtperf.measure.device_facts import read_device_facts


def test_the_probe_counts_multiprocessors_and_memory(probe: Probe) -> None:
    gpu = probe.gpus[0]
    assert gpu.sm_count is not None
    assert 1 <= gpu.sm_count <= 1000
    assert gpu.memory_mib is not None
    assert gpu.memory_mib > 1000


def test_the_driver_knows_link_and_clocks(probe: Probe) -> None:
    facts = read_device_facts(probe.gpus[0].uuid)
    assert facts.pcie_generation in range(1, 9)
    assert facts.pcie_width in (1, 2, 4, 8, 16, 32)
    assert facts.ecc in (True, False, None)
    for clock in (facts.application_sm_clock_mhz, facts.application_memory_clock_mhz):
        assert clock is None or clock > 100
