"""Which cached engines this machine can use, by the versions of its backends and its GPUs."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_trtperf.backend.probe import Probe
from pytest_trtperf.backend.registry import builtin_backends
from pytest_trtperf.errors import BackendUnavailable
from pytest_trtperf.plan_cache.identity import PlanIdentity
from pytest_trtperf.run.target import Target


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
        probe = self._probe(backend)
        if probe is None:
            return Fit(here=None)
        if isinstance(probe, str):
            return Fit(here=False, why=probe)
        version, device = identity.about.backend_version, identity.about.device
        if version != probe.version:
            return Fit(here=False, why=f"here is {backend} {probe.version}")
        devices = [Target(probe, gpu.ordinal).plan_device for gpu in probe.gpus]
        if device not in devices:
            return Fit(here=False, why=f"here is {', '.join(filter(None, devices))}")
        return Fit(here=True)

    def _probe(self, name: str) -> Probe | str | None:
        """What a backend finds here, or why not; None of a backend that builds no plans."""
        backend = next((one for one in builtin_backends() if one.name == name), None)
        if backend is None or not backend.builds_plans:
            return None
        if name not in self._probes:
            try:
                self._probes[name] = backend.probe()
            except BackendUnavailable:
                self._probes[name] = f"{name} has no usable GPU here"
        return self._probes[name]
