"""Which GPUs a member of the TensorRT family can use, and with which versions."""

from __future__ import annotations

import importlib.metadata
import sys
from concurrent.futures import ThreadPoolExecutor

from pytest_trtperf.backend.probe import MAY_LACK_GPU, Gpu, Probe, answer, common_software
from pytest_trtperf.backend.tensorrt.bindings import import_tensorrt
from pytest_trtperf.backend.tensorrt.capabilities import unsuited
from pytest_trtperf.backend.tensorrt.cuda import cudart, value_or_raise
from pytest_trtperf.errors import BackendUnavailable, TrtPerfError


def probe(name: str, *, may_lack_gpu: bool = False) -> Probe:
    """The GPUs that are usable in this process, in which CUDA then stays initialised.

    Args:
        may_lack_gpu: whether none is enough, for a run that only builds.

    Raises:
        BackendUnavailable: TensorRT, cuda-python or a GPU is missing.
    """
    # CUDA takes as long to initialise as TensorRT takes to import, and lets Python run meanwhile.
    with ThreadPoolExecutor(1) as pool:
        counting = pool.submit(lambda: cudart().cudaGetDeviceCount())
        trt = import_tensorrt(name)
    version = str(trt.__version__)
    runtime = cudart()
    error, count = counting.result()
    if (error or count == 0) and may_lack_gpu:
        software = {**common_software(), name: version}
        return Probe(name, version, software=software, only_builds=True)
    if error or count == 0:
        raise BackendUnavailable(
            f"backend {name} {version}: no usable GPU ({error.name}); "
            "check nvidia-smi and CUDA_VISIBLE_DEVICES"
        )
    gpus = tuple(_gpu(ordinal) for ordinal in range(count))
    software = {**common_software(), name: version, "driver": _driver_version()}
    software["cuda"] = _dotted(value_or_raise(runtime.cudaRuntimeGetVersion()))
    software["cuda-python"] = importlib.metadata.version("cuda-bindings")
    warnings = [unsuited(trt, name, gpu.compute_capability) for gpu in gpus]
    return Probe(
        name, version, gpus, software, warning="; ".join(dict.fromkeys(filter(None, warnings)))
    )


def _gpu(ordinal: int) -> Gpu:
    properties = value_or_raise(cudart().cudaGetDeviceProperties(ordinal))
    name = properties.name
    digits = bytes(properties.uuid.bytes).hex()
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return Gpu(
        ordinal=ordinal,
        name=(name.decode() if isinstance(name, bytes) else str(name)).strip("\0 "),
        uuid="GPU-" + "-".join(parts),
        compute_capability=f"{properties.major}.{properties.minor}",
        sm_count=properties.multiProcessorCount,
        memory_mib=round(properties.totalGlobalMem / 2**20, 1),
    )


def _driver_version() -> str:
    try:
        from cuda.bindings import nvml

        nvml.init_v2()
        return str(nvml.system_get_driver_version())
    except Exception:  # noqa: BLE001  # cuda-python without NVML still knows CUDA's own number
        return "CUDA " + _dotted(value_or_raise(cudart().cudaDriverGetVersion()))


def _dotted(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"


def _main(name: str, *words: str) -> None:
    try:
        answer(probe(name, may_lack_gpu=MAY_LACK_GPU in words))
    except TrtPerfError as error:
        answer(BackendUnavailable(str(error)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
