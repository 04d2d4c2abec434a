"""Names for the hardware that a baseline belongs to; a host name is never part of them.

A *name* is for people and for budgets ("NVIDIA H200", "cpu:AMD EPYC 9575F x2"), a *class* for
folders ("nvidia-h200", "cpu-amd-epyc-9575f-x2").
"""

from __future__ import annotations

import platform
import re
from pathlib import Path

# clock, core count and trademarks say nothing that product and thread count do not
_CPU_NOISE = re.compile(
    r"\((?:R|TM|C)\)|\bCPU\b|@.*$|\b\d+-Core\b|\bProcessor\b", flags=re.IGNORECASE
)


def gpu_name(product: str) -> str:
    """The GPU as budgets match it: "NVIDIA H200", or CUDA's "NVIDIA H200 MIG 1g.18gb"."""
    return " ".join(product.split())


def gpu_class(product: str) -> str:
    """The GPU as a folder: "nvidia-h200", or "nvidia-h200-mig-1g.18gb".

    Raises:
        ValueError: `product` has no letter or digit.
    """
    return _slug(gpu_name(product))


def cpu_name(model: str, threads: int) -> str:
    """The CPU as budgets match it: "cpu:AMD EPYC 9575F x2", 2 being the threads in use.

    Raises:
        ValueError: `threads` is less than 1.
    """
    if threads < 1:
        raise ValueError(f"{threads} threads: a measurement needs at least one")
    return f"cpu:{' '.join(_CPU_NOISE.sub(' ', model).split()) or 'unknown'} x{threads}"


def cpu_class(model: str, threads: int) -> str:
    """The CPU as a folder: "cpu-amd-epyc-9575f-x2".

    Raises:
        ValueError: `threads` is less than 1.
    """
    return _slug(cpu_name(model, threads))


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The CPU's model according to Linux, else to `platform`, else "unknown"."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*:\s*(\S.*)$", text, flags=re.MULTILINE)
    if found:
        return found[1].strip()
    return platform.processor() or platform.machine() or "unknown"


def _slug(name: str) -> str:
    slug = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")
    if not slug:
        raise ValueError(f"{name!r} cannot name hardware: it has no letter or digit")
    return slug
