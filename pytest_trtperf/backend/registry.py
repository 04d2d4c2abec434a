"""The backends by name, and which one of a preference list is usable."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from pytest_trtperf.backend.probe import Probe
from pytest_trtperf.backend.protocols import Backend
from pytest_trtperf.errors import BackendUnavailable

AUTO = "auto"
"""Stands for the backends that build plans on a GPU, in their order of preference."""

_AUTO = ("tensorrt", "tensorrt-rtx")
_ON_CPU = "onnxruntime"


@cache
def builtin_backends() -> tuple[Backend, ...]:
    """The backends of this package; none of their packages is imported."""
    from pytest_trtperf.backend.onnxruntime.backend import OnnxRuntimeBackend
    from pytest_trtperf.backend.tensorrt.backend import FAMILY, TensorRTBackend

    return (*map(TensorRTBackend, FAMILY), OnnxRuntimeBackend())


def find_backend(name: str, backends: Sequence[Backend]) -> Backend:
    """The backend of a name.

    Raises:
        BackendUnavailable: there is none; lists the known ones.
    """
    for backend in backends:
        if backend.name == name:
            return backend
    known = ", ".join([AUTO, *(backend.name for backend in backends)])
    raise BackendUnavailable(f"unknown backend {name!r}; known are {known}")


def expanded(names: Sequence[str]) -> list[str]:
    """A preference list with `AUTO` written out, each name once."""
    wanted = [one for name in names for one in (_AUTO if name == AUTO else (name,))]
    return list(dict.fromkeys(wanted))


class Usable(NamedTuple):
    """A backend that can measure here, and what it found."""

    backend: Backend
    probe: Probe


def usable_backend(
    names: Sequence[str], backends: Sequence[Backend], *, only_builds: bool = False
) -> Usable:
    """The first usable backend of a preference list.

    Args:
        names: as ``--trtperf-backend`` takes them. backends: those that there are.
        only_builds: whether nothing is loaded, see `Backend.probe_to_build`.

    Raises:
        BackendUnavailable: a name is unknown, or none is usable; says what each lacks and how to
            go on.
    """
    reasons = []
    for backend in [find_backend(name, backends) for name in expanded(names)]:
        try:
            return Usable(backend, backend.probe_to_build() if only_builds else backend.probe())
        except BackendUnavailable as error:
            reasons.append(str(error))
        except Exception as error:  # noqa: BLE001  # of another package's backend: any
            reasons.append(f"backend {backend.name}: {type(error).__name__}: {error}")
    lines = ["no usable backend:", *(f"  {reason}" for reason in reasons)]
    if _ON_CPU not in names:
        lines.append(
            f"to measure on the CPU instead, ask for it: --trtperf-backend={AUTO},{_ON_CPU} "
            f"or TRTPERF_BACKEND={AUTO},{_ON_CPU}"
        )
    raise BackendUnavailable("\n".join(lines))
