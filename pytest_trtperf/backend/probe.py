"""What is usable of a built-in backend, found out in a process that is thrown away.

A CUDA context made by the check would otherwise stay with the process that asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, field

from pytest_trtperf.errors import BackendUnavailable
from pytest_trtperf.version import VERSION

MAY_LACK_GPU = "--may-lack-gpu"
"""Asks for the version of a backend that builds without a GPU, where there is none."""

_MOST_SHOWN = 800


@dataclass(frozen=True)
class Gpu:
    """A visible GPU; `ordinal` counts among those CUDA_VISIBLE_DEVICES allows."""

    ordinal: int
    name: str
    uuid: str
    compute_capability: str
    sm_count: int | None = None
    memory_mib: float | None = None


@dataclass(frozen=True)
class Probe:
    """What a backend found: its version, and its GPUs; without GPUs it runs on the CPU.

    Attributes:
        software: versions by name, as a record keeps them.
        only_builds: whether plans can be built here and not loaded, for want of a GPU.
        warning: why engines may not run on a GPU, and what to do; empty where nothing says so.
    """

    backend: str
    version: str
    gpus: tuple[Gpu, ...] = ()
    software: dict[str, str] = field(default_factory=dict)
    only_builds: bool = False
    warning: str = ""

    @classmethod
    def from_dict(cls, data: dict[str, object]) -> Probe:
        """The inverse of `dataclasses.asdict`."""
        gpus = tuple(Gpu(**gpu) for gpu in data["gpus"])  # type: ignore[attr-defined]
        return cls(**{**data, "gpus": gpus})  # type: ignore[arg-type]


def common_software() -> dict[str, str]:
    """What measures with any backend, for `Probe.software`."""
    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python, "pytest-trtperf": VERSION}


def probe_in_subprocess(module: str, name: str, *words: str) -> Probe:
    """What ``python -m MODULE NAME WORDS`` finds, which calls `answer`.

    Raises:
        BackendUnavailable: the backend is not usable, or the process ended early.
    """
    command = [sys.executable, "-m", module, name, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        tail = (done.stderr or done.stdout)[-_MOST_SHOWN:].strip()
        raise BackendUnavailable(
            f"backend {name}: the process that checks it ended with {done.returncode}: {tail}"
        )
    found = json.loads(lines[-1])
    if reason := found.get("reason"):
        raise BackendUnavailable(reason)
    return Probe.from_dict(found)


def answer(found: Probe | BackendUnavailable) -> None:
    """Prints what `probe_in_subprocess` reads: the last line, below whatever libraries print."""
    content = asdict(found) if isinstance(found, Probe) else {"reason": str(found)}
    sys.stdout.write("\n" + json.dumps(content) + "\n")
