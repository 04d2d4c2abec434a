"""Whether TensorRT for RTX runs on a GPU: the compute capabilities that a release names."""

from __future__ import annotations

import re
from types import ModuleType

_REMEDIES = {
    "9.0": "install 1.4.0.76, which runs on 9.0 (pip install 'pytest-trtperf[rtx]'), or TensorRT "
    "itself"
}
_REMEDY = "install TensorRT itself"
"""Where no release is known to run."""
_RUNS = frozenset({("1.4", "9.0")})
"""Releases that ran on an NVIDIA H200 although they do not name its compute capability."""
_REFUSES = frozenset({("1.7", "9.0")})
"""Those that built a plan there, and refused to load it."""


def unsuited(trt: ModuleType, backend: str, capability: str) -> str:
    """That this release may not run on a GPU, and what to do; empty where nothing speaks for that.

    Args:
        capability: of the GPU, such as ``"9.0"``.
    """
    named = _named(trt)
    release = ".".join(trt.__version__.split(".")[:2])
    if not named or capability in named or (release, capability) in _RUNS:
        return ""
    what = f"{backend} {trt.__version__} does not name compute capability {capability} (it names "
    what += f"{', '.join(named)})"
    refuses = (release, capability) in _REFUSES
    how = "builds engines there and refuses" if refuses else "may refuse"
    return f"{what}, and {how} to load them: {_REMEDIES.get(capability, _REMEDY)}"


def _named(trt: ModuleType) -> list[str]:
    """Those that a plan can be built for; none for TensorRT itself, which has no such list."""
    if not hasattr(trt, "ComputeCapability"):
        return []
    found = [re.fullmatch(r"SM(\d+)(\d)", name) for name in trt.ComputeCapability.__members__]
    return [f"{one[1]}.{one[2]}" for one in found if one]
