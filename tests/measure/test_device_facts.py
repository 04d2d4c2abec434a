"""Facts of a GPU that NVML knows, and what is left without it."""

from __future__ import annotations

from enum import IntEnum

import pytest

from pytest_trtperf.measure import device_facts
from pytest_trtperf.measure.device_facts import DeviceFacts, read_device_facts
from pytest_trtperf.measure.nvml import handle


class Nvml:
    """The part of cuda.bindings.nvml that is used; `refuses` names what the driver does not."""

    ClockType = IntEnum("ClockType", "CLOCK_SM CLOCK_MEM")
    ClockId = IntEnum("ClockId", "CURRENT APP_CLOCK_TARGET")

    def __init__(self, refuses=()):
        self.refuses = refuses

    def _answer(self, name, value):
        if name in self.refuses:
            raise LookupError("Not Supported")
        return value

    def device_get_handle_by_uuid(self, uuid):
        return self._answer("handle", 7)

    def device_get_ecc_mode(self, handle):
        return self._answer("ecc", (1, 0))

    def device_get_max_pcie_link_generation(self, handle):
        return 5

    def device_get_max_pcie_link_width(self, handle):
        return 16

    def device_get_clock(self, handle, clock, what):
        assert what is self.ClockId.APP_CLOCK_TARGET
        found = {self.ClockType.CLOCK_SM: 1830, self.ClockType.CLOCK_MEM: 3201}
        return self._answer("clock", found[clock])


@pytest.fixture
def driver(monkeypatch):
    def use(nvml):
        handle.cache_clear()
        monkeypatch.setattr(device_facts, "library", lambda: nvml)

    yield use
    handle.cache_clear()


def test_a_gpu_has_its_facts(driver):
    driver(Nvml())
    assert read_device_facts("GPU-0") == DeviceFacts(5, 16, True, 1830, 3201)


def test_what_the_driver_refuses_is_unknown_alone(driver):
    driver(Nvml({"ecc", "clock"}))
    assert read_device_facts("GPU-0") == DeviceFacts(5, 16)


@pytest.mark.parametrize("nvml", [None, Nvml({"handle"})], ids=["no NVML", "another host"])
def test_of_other_gpus_nothing_is_known(driver, nvml):
    driver(nvml)
    assert read_device_facts("GPU-0") == DeviceFacts()
