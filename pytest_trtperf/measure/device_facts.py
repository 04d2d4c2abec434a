"""What of a GPU no session changes, and another one of its model may have otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_trtperf.measure.nvml import handle, library, read


@dataclass(frozen=True)
class DeviceFacts:
    """The facts of a GPU; None where the driver reports nothing.

    Attributes:
        pcie_generation, pcie_width: the largest that GPU and slot allow: an idle link is slower.
        ecc: whether the memory corrects errors.
        application_sm_clock_mhz, application_memory_clock_mhz: what applications get unless they
            ask for others.
    """

    pcie_generation: int | None = None
    pcie_width: int | None = None
    ecc: bool | None = None
    application_sm_clock_mhz: float | None = None
    application_memory_clock_mhz: float | None = None


def read_device_facts(uuid: str) -> DeviceFacts:
    """The facts of the GPU with this UUID; all None of one on another host."""
    nvml = library()
    device = None if nvml is None else read(lambda: handle(nvml, uuid))
    if nvml is None or device is None:
        return DeviceFacts()
    ecc = read(lambda: nvml.device_get_ecc_mode(device)[0])
    target = nvml.ClockId.APP_CLOCK_TARGET
    return DeviceFacts(
        pcie_generation=read(lambda: nvml.device_get_max_pcie_link_generation(device)),
        pcie_width=read(lambda: nvml.device_get_max_pcie_link_width(device)),
        ecc=None if ecc is None else bool(ecc),
        application_sm_clock_mhz=read(
            lambda: nvml.device_get_clock(device, nvml.ClockType.CLOCK_SM, target)
        ),
        application_memory_clock_mhz=read(
            lambda: nvml.device_get_clock(device, nvml.ClockType.CLOCK_MEM, target)
        ),
    )
