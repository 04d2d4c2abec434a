"""Which cached engines this machine can use, by the versions of its backends and its GPUs."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_trtperf.backend.probe import Probe, probe_in_subprocess
from pytest_trtperf.backend.tensorrt.bindings import TENSORRT_FAMILY
from pytest_trtperf.errors import BackendUnavailable
from pytest_trtperf.plan_cache.identity import PlanIdentity
from pytest_trtperf.run.run import Target


@dataclass(frozen=True)
class Fit:
    """Whether this machine can use an engine, None if unknown, and why not."""

    here: bool | None
    why: str = ""


class ThisMachine:
    """Probes each backend once, in a process of its own."""

    def __init__(self) -> None:
        self._probes: dict[str, Probe | str] = {}

    def fits(self, identity: PlanIdentity | None) -> Fit:
        """Whether the backend's version and the GPU that an engine needs are here."""
        if identity is None:
            return Fit(here=False, why="damaged, see trtperf cache verify")
        backend = identity.about.backend
        if backend not in TENSORRT_FAMILY:
            return Fit(here=None)
        probe = self._probe(backend)
        if isinstance(probe, str):
            return Fit(here=False, why=probe)
        version, device = identity.about.backend_version, identity.about.device
        if version != probe.version:
            return Fit(here=False, why=f"here is {backend} {probe.version}")
        devices = [Target(probe, gpu.ordinal).plan_device for gpu in probe.gpus]
        if device not in devices:
            return Fit(here=False, why=f"here is {', '.join(filter(None, devices))}")
        return Fit(here=True)

    def _probe(self, backend: str) -> Probe | str:
        if backend not in self._probes:
            try:
                self._probes[backend] = probe_in_subprocess([backend])
            except BackendUnavailable:
                self._probes[backend] = f"{backend} has no usable GPU here"
        return self._probes[backend]
