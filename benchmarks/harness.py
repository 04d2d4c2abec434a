"""What the benchmarks on a GPU share: engines built on the spot, measured without pytest."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.models import chain_dimensions
from pytest_trtperf.backend.probe import Gpu
from pytest_trtperf.backend.process.engine import IsolatedSession
from pytest_trtperf.backend.protocols import Session
from pytest_trtperf.backend.registry import builtin_backends, usable_backend
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt.isolated import isolated_engine, isolated_plan
from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.measure.device_lock import device_lock
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort, Measurement

MODELS = Path(__file__).parent / "models"
EXAMPLES = Path(__file__).parent.parent / "example_project" / "models"
BACKEND = "tensorrt-rtx"
BATCH = ("1x3x224x224", "8x3x224x224", "32x3x224x224")

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Model:
    """An ONNX file, the profile it is built with and the shapes it is measured with."""

    path: Path
    shapes: Shapes
    profiles: Mapping[str, tuple[str, str, str]]

    def build(self) -> bytes:
        """Build the plan, in a process of its own."""
        return isolated_plan(EngineSpec(self.path, parse_profiles(self.profiles)), BACKEND)


def network(name: str, batch: int) -> Model:
    """One of `models.py`'s networks."""
    path = MODELS / f"{name}.onnx"
    return Model(path, {"input": (batch, 3, 224, 224)}, {"input": BATCH})


def elementwise() -> Model:
    """The multiplication of `models.py`, a matter of microseconds."""
    return Model(MODELS / "elementwise.onnx", {"input": (1, 3, 224, 224)}, {})


def chain(name: str) -> Model:
    """A chain of convolutions of `models.py`."""
    _, size, channels, batch = chain_dimensions(name)
    return Model(MODELS / f"{name}.onnx", {"input": (batch, channels, size, size)}, {})


def find_gpu() -> Gpu:
    """The first GPU; ends the program where there is none."""
    return usable_backend([BACKEND], builtin_backends()).probe.gpus[0]


def compile_kernels(plan: bytes, shapes: Shapes, mode: Mode) -> bytes | None:
    """RTX's runtime cache after a first session; None where there is nothing to compile."""
    compiled: list[bytes] = []

    def keep(kernels: bytes) -> bool:
        compiled.append(kernels)
        return True

    with contextlib.closing(isolated_engine(BACKEND, plan)) as engine:
        engine.keep_kernels = keep
        engine.create_session(shapes, mode).close()
    return compiled[0] if compiled else None


@contextlib.contextmanager
def open_session(
    plan: bytes, shapes: Shapes, mode: Mode, runtime_cache: bytes | None = None
) -> Iterator[IsolatedSession]:
    """A session in a process of its own, as trtexec has."""
    engine = isolated_engine(BACKEND, plan, runtime_cache)
    try:
        session = engine.create_session(shapes, mode)
        try:
            yield session
        finally:
            session.close()
    finally:
        engine.close()


def measurement(session: Session, effort: Effort, load: Load, gpu: Gpu) -> Measurement:
    """A measurement that holds the GPU's lock while it runs."""
    return Measurement(session, effort, load, device_lock(None, gpu.uuid), gpu.uuid)
