"""`trtperf doctor`: checks GPU, driver, backends and directories, and says what to repair."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from pytest_trtperf.backend.probe import Gpu, Probe
from pytest_trtperf.backend.protocols import Backend
from pytest_trtperf.backend.registry import AUTO, builtin_backends, expanded, find_backend
from pytest_trtperf.commands.common import (
    ExitStatus,
    Parsers,
    add_cache_options,
    add_command,
    parsed,
    say,
    say_json,
)
from pytest_trtperf.errors import BackendUnavailable, MeasurementError, TrtPerfError
from pytest_trtperf.measure.device_lock import NO_GPU, device_lock
from pytest_trtperf.measure.device_state import DeviceState, read_device_state
from pytest_trtperf.options.values import parse_backends, parse_path
from pytest_trtperf.plan_cache.place import cache_place
from pytest_trtperf.plan_cache.trust import check_directory, check_way
from pytest_trtperf.report.tables import aligned
from pytest_trtperf.version import VERSION

OK, ADVICE, MISSING = "ok", "advice", "missing"

_DRIVER = Path("/proc/driver/nvidia/version")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")

# Only a process that uses the GPU itself can read what others do there.
_COUNTERS = tuple(
    name for name in DeviceState.__dataclass_fields__ if not name.startswith("other_")
)

_EXAMPLE = """\
  trtperf doctor
  trtperf doctor --backend auto,onnxruntime
"""

_DETAILS = """\
"ok" needs nothing. Following "advice" makes measurements steadier or shows more about them. What
is "missing" is needed only if the last line says that --trtperf cannot run.
"""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the result; its state is ok, advice or missing."""

    name: str
    state: str
    message: str


def add(commands: Parsers) -> None:
    """Adds the parser."""
    parser = add_command(
        commands,
        "doctor",
        _run,
        help="check GPU, driver, TensorRT and permissions, and say what to repair",
        example=_EXAMPLE,
        details=_DETAILS,
    )
    option = parser.add_argument
    option(
        "--backend",
        type=parsed(parse_backends),
        metavar="LIST",
        help="backends to use, as in --trtperf-backend (default: those of the project, see trtperf "
        "--show-config)",
    )
    add_cache_options(parser)
    option(
        "--lock-dir",
        type=parsed(parse_path),
        metavar="DIR",
        help="the directory of lock files (default: that of the project, else in the temporary "
        "directory)",
    )


def _run(arguments: argparse.Namespace) -> int:
    wanted = [find_backend(one, builtin_backends()).name for one in expanded(arguments.backend)]
    probes = {backend.name: _probe(backend) for backend in builtin_backends()}
    usable = [name for name in wanted if isinstance(probes[name], Probe)]
    gpus = next((p.gpus for p in probes.values() if isinstance(p, Probe) and p.gpus), ())
    devices = [gpu.uuid for gpu in gpus] or [NO_GPU]
    places = [
        _lock_dir(arguments.lock_dir, devices),
        _cache_dir(arguments.cache_dir, arguments.shared_cache),
    ]
    checks = [
        Check(name="pytest-trtperf", state=OK, message=_versions()),
        _driver(),
        *(_backend(name, found) for name, found in probes.items()),
        *_warnings(probes),
        *_gpus(gpus),
        *places,
        *_governor(),
    ]
    able = bool(usable) and all(check.state != MISSING for check in places)
    if able:
        verdict = f"pytest --trtperf can run, with {usable[0]}"
    else:
        verdict = (
            f"pytest --trtperf cannot run with --trtperf-backend={','.join(arguments.backend)}"
        )
        on_cpu = [name for name, p in probes.items() if isinstance(p, Probe) and not p.gpus]
        if not usable and on_cpu:
            verdict += f"; on the CPU it can, with --trtperf-backend={AUTO},{on_cpu[0]}"
    if arguments.json:
        say_json({"can_run": able, "backend": usable[0] if able else None, "checks": checks})
    else:
        rows = [(one.state, one.name, one.message) for one in checks]
        say(*aligned(rows, left=range(3)), verdict)
    return ExitStatus.OK if able else ExitStatus.FOUND


def _probe(backend: Backend) -> Probe | BackendUnavailable:
    try:
        return backend.probe()
    except BackendUnavailable as error:
        return error


def _versions() -> str:
    return f"{VERSION}, Python {platform.python_version()}"


def _driver() -> Check:
    try:
        line = _DRIVER.read_text(encoding="utf-8").splitlines()[0]
    except (OSError, IndexError):
        message = "no NVIDIA driver: install it, or start the container with --gpus all"
        return Check(name="driver", state=MISSING, message=message)
    return Check(
        name="driver", state=OK, message=line.partition("NVRM version:")[2].strip() or line
    )


def _backend(name: str, found: Probe | BackendUnavailable) -> Check:
    if isinstance(found, Probe):
        versions = ", ".join(f"{what} {text}" for what, text in sorted(found.software.items()))
        return Check(name=name, state=OK, message=versions)
    lines = [line.strip() for line in str(found).splitlines()]
    reason = next((line for line in lines if line.startswith("backend ")), lines[0])
    return Check(
        name=name, state=MISSING, message=reason.removeprefix(f"backend {name}").lstrip(": ")
    )


def _warnings(probes: Mapping[str, Probe | BackendUnavailable]) -> Iterator[Check]:
    for name, found in probes.items():
        if isinstance(found, Probe) and found.warning:
            yield Check(name=f"{name} on this GPU", state=ADVICE, message=found.warning)


def _gpus(gpus: Sequence[Gpu]) -> Iterator[Check]:
    if not gpus:
        message = "no usable GPU: see the driver and the backends above, and CUDA_VISIBLE_DEVICES"
        yield Check(name="GPU", state=MISSING, message=message)
    for gpu in gpus:
        name = f"GPU {gpu.ordinal}"
        described = f"{gpu.name}, compute capability {gpu.compute_capability}, {gpu.uuid}"
        yield Check(name=name, state=OK, message=described)
        state = read_device_state(gpu.uuid)
        unknown = [field for field in _COUNTERS if getattr(state, field) is None]
        if unknown:
            message = (
                f"NVML does not report {', '.join(unknown)}: a slowdown or a neighbour may go "
                "unseen (update cuda-python and the driver; in a container, ask for NVIDIA's "
                "utility capability)"
            )
            yield Check(name=f"{name} counters", state=ADVICE, message=message)
        else:
            yield Check(name=f"{name} counters", state=OK, message="NVML reports all of them")
        yield _clocks(f"{name} clocks", gpu, state.sm_clock_mhz)


def _clocks(name: str, gpu: Gpu, mhz: float | None) -> Check:
    now = "" if mhz is None else f"SM clock {mhz:.0f} MHz now; "
    lock = f"sudo nvidia-smi -i {gpu.uuid} --lock-gpu-clocks=MHZ,MHZ"
    message = f"{now}NVML does not report whether clocks are locked, which steadies numbers: {lock}"
    return Check(name=name, state=ADVICE, message=message)


def _lock_dir(given: Path | None, devices: Sequence[str]) -> Check:
    """Whether the lock of each device can be taken, which is made if it is not there."""
    name = "lock directory"
    held = []
    try:
        for device in devices:
            lock = device_lock(given, device, timeout_s=0.0)
            try:
                with lock:
                    pass
            except MeasurementError:
                if not lock.timed_out:
                    raise
                held.append(lock.who())
    except TrtPerfError as error:
        return Check(name=name, state=MISSING, message=str(error))
    return Check(name=name, state=OK, message="; ".join([str(lock.path.parent), *held]))


def _cache_dir(given: Path | None, shared: bool) -> Check:
    name = "cache directory"
    try:
        directory, shared = cache_place(given, shared)
    except TrtPerfError as error:
        return Check(name=name, state=MISSING, message=str(error))
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    needed = os.X_OK if shared and existing == directory else os.W_OK | os.X_OK
    if not existing.is_dir() or not os.access(existing, needed):
        message = f"{existing} cannot be written: name another with TRTPERF_CACHE_DIR"
        return Check(name=name, state=MISSING, message=message)
    if not shared:
        try:
            (check_directory if existing == directory else check_way)(directory)
        except (TrtPerfError, OSError) as error:
            return Check(name=name, state=MISSING, message=str(error))
    later = "" if existing == directory else " (made on first use)"
    return Check(name=name, state=OK, message=f"{directory}{later}")


def _governor() -> Iterator[Check]:
    try:
        governor = _GOVERNOR.read_text(encoding="utf-8").strip()
    except OSError:
        return  # a virtual machine has none
    if governor == "performance":
        yield Check(name="CPU governor", state=OK, message=governor)
    else:
        message = f"{governor}: sudo cpupower frequency-set -g performance steadies enqueue times"
        yield Check(name="CPU governor", state=ADVICE, message=message)
