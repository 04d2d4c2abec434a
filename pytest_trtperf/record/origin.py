"""Where and of what a run was made: its GPUs, and the service that started it."""

from __future__ import annotations

from pytest_trtperf.record.base import Number, Record

PULL = "pull/"
"""How the branch of a pull request begins, which its number follows."""


class GpuRecord(Record, frozen=True, kw_only=True):
    """A GPU that a run may use; None where the driver reports nothing.

    `pcie_generation` and `pcie_width` are the largest that GPU and slot allow, since an idle link
    is slower. The clocks are those that applications get unless they ask for others.
    """

    uuid: str
    name: str
    compute_capability: str
    pcie_generation: int | None = None
    pcie_width: int | None = None
    ecc: bool | None = None
    sm_count: int | None = None
    memory_mib: Number = None
    application_sm_clock_mhz: Number = None
    application_memory_clock_mhz: Number = None


class CiRecord(Record, frozen=True, kw_only=True):
    """The service of continuous integration that started a run, and the page of the job there."""

    provider: str
    job_url: str | None = None
