"""Values of trtexec's arguments -> values of build options; each may raise `Unusable`."""

from __future__ import annotations

import re
from collections.abc import Mapping

_UNITS_IN_MIB: Mapping[str, float] = {"B": 2.0**-20, "K": 2.0**-10, "M": 1.0, "G": 2.0**10}
_POOLS: Mapping[str, str] = {
    "workspace": "workspace",
    "dlaSRAM": "dla_managed_sram",
    "dlaLocalDRAM": "dla_local_dram",
    "dlaGlobalDRAM": "dla_global_dram",
    "tacticSharedMem": "tactic_shared_memory",
}
_PREVIEW_FEATURES: Mapping[str, str] = {
    "profileSharing0806": "profile_sharing_0806",
    "aliasedPluginIO1003": "aliased_plugin_io_10_03",
    "runtimeActivationResize": "runtime_activation_resize_10_10",
}
_HARDWARE_LEVELS: Mapping[str, str] = {
    "none": "none",
    "ampere+": "ampere_plus",
    "samecomputecapability": "same_compute_capability",
}
_TYPES: Mapping[str, str] = {
    "fp32": "float", "fp16": "half", "bf16": "bf16", "int64": "int64", "int32": "int32",
    "int8": "int8", "uint8": "uint8", "bool": "bool",
}  # fmt: skip
_FORMATS = (
    "chw2", "chw4", "chw16", "chw32", "cdhw32", "hwc", "hwc8", "hwc16", "dhwc", "dhwc8",
    "dla_linear", "dla_hwc4",
)  # fmt: skip
_VERBOSITIES: Mapping[str, str] = {
    "none": "none", "layer_names_only": "layer_names_only", "detailed": "detailed",
    "default": "layer_names_only", "verbose": "detailed",  # their old names
}  # fmt: skip
_TILING_LEVELS = ("none", "fast", "moderate", "full")


class Unusable(ValueError):
    """An argument that no build option replaces; the text says what to do."""


def size_mib(text: str, default_unit: str) -> float:
    """``512M``, ``2G`` or a number in the default unit, as MiB."""
    match = re.fullmatch(r"(\d*\.?\d+)(?:([KMG])(?:i?B)?|(B))?", text, re.IGNORECASE)
    if match is None:
        raise Unusable(f"{text!r} is not a size such as 512M")
    unit = match[2] or match[3] or default_unit
    return float(match[1]) * _UNITS_IN_MIB[unit.upper()]


def whole(text: str) -> int:
    """A whole number."""
    if not re.fullmatch(r"\d{1,18}", text):
        raise Unusable(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def count(text: str) -> int:
    """A whole number above 0."""
    if not (number := whole(text)):
        raise Unusable(f"{text!r} is not a whole number of 1 or more")
    return number


def duration(text: str) -> float:
    """A time of 0 or more, in the unit of its flag."""
    if not re.fullmatch(r"(\d+\.?\d*|\.\d+)(e[+-]?\d{1,2})?", text):
        raise Unusable(f"{text!r} is not a number of 0 or more")
    return float(text)


def one_of(names: Mapping[str, str], text: str) -> str:
    """The value of one of `names`."""
    if text not in names:
        raise Unusable(f"{text!r} is not one of {', '.join(names)}")
    return names[text]


def pairs(text: str) -> dict[str, str]:
    """``name:value,name:value``; names may have colons, and commas if in single quotes."""
    pair = r"(?:'([^']*)'|([^,']+)):([^,:]*)"
    if not re.fullmatch(rf"{pair}(?:,{pair})*", text):
        raise Unusable(f"{text!r} is not written name:value,name:value")
    found = [(m[1] or m[2], m[3]) for m in re.finditer(pair, text)]
    if len(dict(found)) < len(found):
        raise Unusable("has a name twice")
    return dict(found)


def shapes(text: str) -> dict[str, str]:
    """``input:1x3,other:scalar``: shapes by input."""
    found = pairs(text)
    if starred := [name for name in found if "*" in name]:
        raise Unusable(f"write out the names that {starred[0]} stands for")
    return {name: "" if shape == "scalar" else shape for name, shape in found.items()}


def switches(text: str, names: Mapping[str, str] | None = None) -> dict[str, bool]:
    """``+A,-B``: by name, whether each is on."""
    if not re.fullmatch(r"[+-]\w+(,[+-]\w+)*", text):
        raise Unusable(f"{text!r} is not written +NAME,-NAME")
    parts = text.split(",")
    if len({part[1:].lower() for part in parts}) < len(parts):
        raise Unusable("has a name twice")
    return {(one_of(names, p[1:]) if names else p[1:]): p[0] == "+" for p in parts}


def tactic_sources(text: str) -> dict[str, bool]:
    """Switches, named as in `TacticSource`."""
    found = switches(text)
    return {"cublas_lt" if n.lower() == "cublaslt" else n: on for n, on in found.items()}


def memory_pools(text: str) -> dict[str, float]:
    """``workspace:512,tacticSharedMem:64K``, in MiB."""
    return {one_of(_POOLS, name): size_mib(size, "M") for name, size in pairs(text).items()}


def preview_features(text: str) -> dict[str, bool]:
    """Switches, named as in `PreviewFeature`."""
    return switches(text, _PREVIEW_FEATURES)


def hardware_level(text: str) -> str:
    """A member of `HardwareCompatibilityLevel`."""
    return one_of(_HARDWARE_LEVELS, text.lower())


def verbosity(text: str) -> str:
    """A member of `ProfilingVerbosity`, also by its old names."""
    return one_of(_VERBOSITIES, text)


def tiling_level(text: str) -> str:
    """A number, as the member of `TilingOptimizationLevel`."""
    level = whole(text)
    if level >= len(_TILING_LEVELS):
        raise Unusable(f"the highest level is {len(_TILING_LEVELS) - 1}")
    return _TILING_LEVELS[level]


def sparsity(text: str) -> bool:
    """``enable`` or ``disable``."""
    if text == "force":
        raise Unusable("weights are not overwritten here: prune the model, then give 'enable'")
    return one_of({"enable": "enable", "disable": "disable"}, text) == "enable"


def budget_mib(text: str) -> float:
    """A size above 0, in bytes without a unit."""
    if not re.search(r"[1-9]", text) or text.startswith("-") or text.endswith("%"):
        raise Unusable("give a size such as 512M; percentages, 0 and -1 are not supported")
    return size_mib(text, "B")


def compute_capabilities(text: str) -> list[str]:
    """``89,120``, as members of `ComputeCapability`."""
    return [f"SM{whole(one)}" for one in text.split(",")]


def io_formats(text: str) -> list[tuple[str | None, list[str]]]:
    """``fp16:chw32+chw,chw``: for each tensor a `DataType`, or None, and its formats."""
    known = {name: name for name in _FORMATS} | {"chw": "linear"}
    found = []
    for one in text.lower().split(","):
        *dtype, formats = one.split(":", 1)
        named = [one_of(known, name) for name in formats.split("+")]
        found.append((one_of(_TYPES, dtype[0]) if dtype else None, named))
    return found
