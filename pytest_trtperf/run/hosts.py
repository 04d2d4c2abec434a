"""Where pytest-xdist's workers run: the devices of each host, and which worker has which."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest

from pytest_trtperf.backend.probe import Probe
from pytest_trtperf.backend.protocols import Backend
from pytest_trtperf.backend.registry import builtin_backends, usable_backend
from pytest_trtperf.errors import BackendUnavailable
from pytest_trtperf.run.hook_calls import call_backends
from pytest_trtperf.run.target import Target

# In a process of its own: the worker that comes after is to import its modules itself.
_DESCRIBE = """
import subprocess, sys
command = [sys.executable, "-m", "pytest_trtperf.run.hosts", *channel.receive()]
done = subprocess.run(command, capture_output=True, text=True)
channel.send((done.stdout, done.stderr))
"""

HERE = ""


@dataclass
class Host:
    """A host's devices by their names, and how many workers each of them has."""

    probe: Probe
    devices: Sequence[str]
    workers: Counter[int] = field(default_factory=Counter)

    def assign(self) -> int:
        """The ordinal of the device with the fewest workers, which has one more now."""
        ordinal = min(range(len(self.devices)), key=lambda one: self.workers[one])
        self.workers[ordinal] += 1
        return ordinal


def describe(
    names: Sequence[str], backends: Sequence[Backend], *, only_builds: bool = False
) -> dict[str, Any]:
    """What is usable on the host that this runs on, or why nothing is, as plain data.

    Args:
        names: a preference list. backends: those that there are.
        only_builds: see `usable_backend`.
    """
    try:
        probe = usable_backend(names, backends, only_builds=only_builds).probe
    except BackendUnavailable as error:
        return {"error": str(error)}
    ordinals = range(max(len(probe.gpus), 1))
    return {"probe": asdict(probe), "devices": [Target(probe, one).device for one in ordinals]}


def first_host(
    config: pytest.Config,
    names: Sequence[str],
    *,
    only_builds: bool = False,
    source: str = "--trtperf",
) -> Host:
    """The host whose devices the run is about: this one, unless all workers are elsewhere.

    Args:
        names: a preference list.
        only_builds: see `usable_backend`; those of another host are probed as if it measured.
        source: the option that needs a device, for errors.

    Raises:
        pytest.UsageError: no backend is usable there.
    """
    given = config.getoption("tx", None) or ()
    if not given or config.getoption("dist", "no") == "no":
        return _host(describe(names, call_backends(config), only_builds=only_builds), source)
    import execnet

    specs = [execnet.XSpec(re.sub(r"^\d+\*", "", one)) for one in given]
    if any(not place(spec) or spec.via for spec in specs):
        return _host(describe(names, call_backends(config), only_builds=only_builds), source)
    try:
        gateway = execnet.makegateway(specs[0])
    except execnet.HostNotFound as error:
        raise pytest.UsageError(f"--tx {specs[0]}: the host cannot be reached: {error}") from None
    try:
        return host_of(gateway, names)
    finally:
        gateway.exit()


def host_of(gateway: Any, names: Sequence[str]) -> Host:
    """The host at the other end of an execnet gateway, where only built-in backends are known.

    Raises:
        pytest.UsageError: no backend is usable there.
    """
    source = f"--tx {gateway.spec}"
    channel = gateway.remote_exec(_DESCRIBE)
    channel.send(list(names))
    output, errors = channel.receive()
    channel.waitclose()
    if not output:
        reason = errors.strip().rpartition("\n")[2]
        raise pytest.UsageError(
            f"{source}: pytest-trtperf cannot be used there ({reason}): install it for the Python "
            "that //python= names"
        )
    return _host(json.loads(output), source)


def place(spec: Any) -> str:
    """What distinguishes hosts and environments; `HERE` for this one."""
    keys = ("via", "ssh", "ssh_config", "vagrant_ssh", "socket", "python")
    return " ".join(f"{key}={value}" for key in keys if (value := getattr(spec, key))) or HERE


def _host(answer: dict[str, Any], source: str) -> Host:
    if "error" in answer:
        raise pytest.UsageError(f"{source}: {answer['error']}")
    return Host(Probe.from_dict(answer["probe"]), answer["devices"])


def refuse_another(host: Host, ordinal: int, target: Target, source: str) -> None:
    """Refuses a device or software other than the run's: its record names one of each.

    Raises:
        pytest.UsageError: names what differs.
    """
    expected = _of_the_record(target.device, target.probe)
    found = _of_the_record(host.devices[ordinal], host.probe)
    differences = [
        f"{name} is {found.get(name)} there and {expected.get(name)} elsewhere"
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name)
    ]
    if differences:
        raise pytest.UsageError(
            f"{source}: all workers of a run must have the same device and software, but "
            f"{'; '.join(differences)}. Choose GPUs with CUDA_VISIBLE_DEVICES, or run pytest for "
            "each device by itself and combine the records with `trtperf merge`"
        )


def _of_the_record(device: str, probe: Probe) -> dict[str, str]:
    """What a record names once for its whole run."""
    return {"device": device, "backend": f"{probe.backend} {probe.version}", **probe.software}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(describe(sys.argv[1:], builtin_backends())))
