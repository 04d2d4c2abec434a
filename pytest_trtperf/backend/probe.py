"""Which backend and devices are usable, found out in a process that is thrown away.

A CUDA context made by the check would otherwise stay with the process that asked.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from pytest_trtperf.backend.tensorrt.bindings import (
    ONNXRUNTIME,
    TENSORRT_FAMILY,
    import_tensorrt,
)
from pytest_trtperf.backend.tensorrt.cuda import checked, cudart
from pytest_trtperf.errors import BackendUnavailable, TrtPerfError

AUTO = ("tensorrt", "tensorrt-rtx")
KNOWN = ("auto", *TENSORRT_FAMILY, ONNXRUNTIME)
_LEAST_ERRORS_SHOWN = 800


@dataclass(frozen=True)
class Gpu:
    """A visible GPU; `ordinal` counts among those CUDA_VISIBLE_DEVICES allows."""

    ordinal: int
    name: str
    uuid: str
    compute_capability: str


@dataclass(frozen=True)
class Probe:
    """The usable backend of a preference list; without GPUs it runs on the CPU."""

    backend: str
    version: str
    gpus: tuple[Gpu, ...] = ()
    software: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: dict[str, object]) -> Probe:
        """The inverse of `dataclasses.asdict`."""
        gpus = tuple(Gpu(**gpu) for gpu in data["gpus"])  # type: ignore[attr-defined]
        return cls(**{**data, "gpus": gpus})  # type: ignore[arg-type]


def check_names(backends: Sequence[str]) -> None:
    """Refuses a preference list with a name that no backend has.

    Raises:
        BackendUnavailable: names what is unknown, and the backends there are.
    """
    if unknown := [name for name in backends if name not in KNOWN]:
        raise BackendUnavailable(
            f"unknown backend {', '.join(map(repr, unknown))}; known are {', '.join(KNOWN)}"
        )


def probe_in_subprocess(backends: Sequence[str]) -> Probe:
    """The first usable backend of a preference list.

    Raises:
        BackendUnavailable: none is usable, or one is unknown; says what each lacks and how to go
            on.
    """
    check_names(backends)
    command = [sys.executable, "-m", "pytest_trtperf.backend.probe", *backends]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        tail = (done.stderr or done.stdout)[-_LEAST_ERRORS_SHOWN:].strip()
        raise BackendUnavailable(f"the check of the GPU ended with {done.returncode}: {tail}")
    answer = json.loads(lines[-1])
    if reasons := answer.get("reasons"):
        raise BackendUnavailable(_explain(reasons, backends))
    return Probe.from_dict(answer)


def _explain(reasons: Sequence[str], backends: Sequence[str]) -> str:
    lines = ["no usable backend:", *(f"  {reason}" for reason in reasons)]
    if ONNXRUNTIME not in backends:
        lines.append(
            "to measure on the CPU instead, ask for it: --trtperf-backend=auto,onnxruntime "
            "or TRTPERF_BACKEND=auto,onnxruntime"
        )
    return "\n".join(lines)


def probe(backends: Sequence[str]) -> Probe:
    """Tries each backend in this process.

    Raises:
        BackendUnavailable: none is usable; one argument for each reason.
    """
    names = [name for choice in backends for name in (AUTO if choice == "auto" else (choice,))]
    reasons = []
    for name in dict.fromkeys(names):
        try:
            return _probe_cpu() if name == ONNXRUNTIME else _probe_gpu(name)
        except TrtPerfError as error:
            reasons.append(str(error))
    raise BackendUnavailable(*reasons)


def _probe_cpu() -> Probe:
    try:
        import onnxruntime
    except ImportError as error:
        raise BackendUnavailable(
            f"backend {ONNXRUNTIME}: it cannot be imported ({error}); "
            "pip install 'pytest-trtperf[cpu]'"
        ) from error
    version = str(onnxruntime.__version__)
    return Probe(ONNXRUNTIME, version, software={**_python(), ONNXRUNTIME: version})


def _probe_gpu(backend: str) -> Probe:
    version = str(import_tensorrt(backend).__version__)
    runtime = cudart()
    error, count = runtime.cudaGetDeviceCount()
    if error or count == 0:
        raise BackendUnavailable(
            f"backend {backend} {version}: no usable GPU ({error.name}); "
            "check nvidia-smi and CUDA_VISIBLE_DEVICES"
        )
    gpus = tuple(_gpu(ordinal) for ordinal in range(count))
    software = {**_python(), backend: version, "driver": _driver_version()}
    software["cuda"] = _dotted(checked(runtime.cudaRuntimeGetVersion()))
    software["cuda-python"] = importlib.metadata.version("cuda-bindings")
    return Probe(backend, version, gpus, software)


def _gpu(ordinal: int) -> Gpu:
    properties = checked(cudart().cudaGetDeviceProperties(ordinal))
    name = properties.name
    digits = bytes(properties.uuid.bytes).hex()
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return Gpu(
        ordinal=ordinal,
        name=(name.decode() if isinstance(name, bytes) else str(name)).strip("\0 "),
        uuid="GPU-" + "-".join(parts),
        compute_capability=f"{properties.major}.{properties.minor}",
    )


def _driver_version() -> str:
    try:
        from cuda.bindings import nvml

        nvml.init_v2()
        return str(nvml.system_get_driver_version())
    except Exception:  # noqa: BLE001  # cuda-python without NVML still knows CUDA's own number
        return "CUDA " + _dotted(checked(cudart().cudaDriverGetVersion()))


def _dotted(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"


def _python() -> dict[str, str]:
    return {"python": ".".join(map(str, sys.version_info[:3]))}


def _main(backends: Sequence[str]) -> None:
    try:
        answer: dict[str, object] = asdict(probe(backends))
    except BackendUnavailable as error:
        answer = {"reasons": error.args}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


if __name__ == "__main__":
    _main(sys.argv[1:])
