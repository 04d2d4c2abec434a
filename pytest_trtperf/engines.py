"""`Engine`, what `trt_engine` hands to tests."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pytest_trtperf.accuracy import Side, assert_close, reference_of
from pytest_trtperf.engine.backends import ONNXRUNTIME
from pytest_trtperf.engine.cache import PlanCache
from pytest_trtperf.engine.spec import EngineSpec, Shape, ShapeLike, TensorInfo, is_plan
from pytest_trtperf.errors import CacheError, EngineBuildError, MeasurementError
from pytest_trtperf.measure.isolated import IsolatedEngine
from pytest_trtperf.measure.loops import Session
from pytest_trtperf.runtime.onnx_runtime import OnnxRuntimeEngine
from pytest_trtperf.runtime.precision import precisions
from pytest_trtperf.runtime.session import GivenInputs, Mode


@dataclass(frozen=True)
class Engine:
    """An engine on a device, ready to be measured.

    Attributes:
        path: the ONNX file, or the plan that was loaded as it is.
        digest: identity of what it is built from and of how it is loaded.
        plan_sha256: of the built bytes; on the CPU, which builds none, the digest.
        built: whether this run built it.
        key: what the cache keeps its plan by; empty where there is none.
        others: of ``builds=``, the further builds of the same.
        known: its identity, with the layers if an earlier run asked for them.
        lock: of its device.
        find: where a path is that a test names, see `EngineFactory.find`.
    """

    path: Path
    backend: str
    digest: str
    plan_sha256: str
    built: bool
    loaded: IsolatedEngine | OnnxRuntimeEngine = field(repr=False)
    cache: PlanCache | None = field(default=None, repr=False)
    key: str = ""
    others: tuple[Engine, ...] = field(default=(), repr=False)
    known: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    lock: AbstractContextManager[Any] = field(
        default_factory=nullcontext, repr=False, compare=False
    )
    find: Callable[[Path], Path] = field(default=Path, repr=False, compare=False)

    @property
    def builds(self) -> tuple[Engine, ...]:
        """All builds of ``builds=``, this one first."""
        return (self, *self.others)

    @cached_property
    def layers(self) -> list[dict[str, Any]]:
        """The engine inspector's entries, asked for when first needed and kept with the plan.

        Raises:
            MeasurementError: this is the CPU, whose engines tell nothing, or the engine cannot be
                inspected.
        """
        if isinstance(self.loaded, OnnxRuntimeEngine):
            raise MeasurementError(f"{self.title}: ONNX Runtime has no engine inspector")
        if (kept := self.known.get("layers")) is not None:
            return list(kept)
        with self.lock:
            layers = self.loaded.inspect()
        if self.cache is not None:
            with contextlib.suppress(CacheError):  # a read-only one
                self.cache.store_layers(self.key, layers)
        return layers

    @property
    def identity(self) -> dict[str, Any]:
        """What it is and what it was built from, as `trtperf cache show --json` tells it.

        Raises:
            MeasurementError: the engine cannot be inspected for its layers.
        """
        on_cpu = isinstance(self.loaded, OnnxRuntimeEngine)
        return {**self.known, "layers": None if on_cpu else self.layers}

    @property
    def precision(self) -> dict[str, int]:
        """How many layers have outputs of each type, ``{"fp16": 52, "fp32": 3}``, most first.

        Raises:
            MeasurementError: as `layers`, or they tell of no types.
        """
        found = precisions(self.layers)
        if not found:
            raise MeasurementError(
                f"{self.title}: the engine inspector tells of no types; build the engine with "
                "profiling_verbosity='detailed'"
            )
        return found

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self.path.stem

    @property
    def onnx(self) -> Path | None:
        """The ONNX file; None for what was loaded as a plan."""
        return None if is_plan(self.path) else self.path

    @property
    def title(self) -> str:
        """What a message calls it."""
        return f"{self.path.name} on {self.backend}"

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        """The inputs; a dynamic dimension is None."""
        return tuple(self.loaded.inputs)

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        """The outputs; a dynamic dimension is None."""
        return tuple(self.loaded.outputs)

    @property
    def about(self) -> dict[str, Any]:
        """What a record keeps of it."""
        return {
            "name": self.name,
            "backend": self.backend,
            "digest": self.digest,
            "plan_sha256": self.plan_sha256,
        }

    def _check_onnx_unchanged(self) -> None:
        model = self.known.get("about", {}).get("model")
        if self.onnx and model and EngineSpec(self.find(self.onnx)).model_digest != model:
            raise EngineBuildError(
                f"{self.onnx}: the file or its external data changed since this engine was made of "
                "it, so it is no reference: pass reference= with the path of the model as it was"
            )

    def create_session(
        self, shapes: Mapping[str, Shape], mode: Mode, inputs: GivenInputs | None = None
    ) -> Session:
        """A session with these shapes; what RTX compiled for it is kept beside the plan."""
        session = self.loaded.create_session(shapes, mode, inputs)
        kernels = self.loaded.new_runtime_cache()
        if kernels is not None and self.cache is not None:
            # A read-only cache still gives its plans; the kernels are compiled again next time.
            with contextlib.suppress(CacheError):
                self.cache.store_runtime_cache(self.key, kernels)
        return session

    def assert_close(
        self,
        reference: Engine | str | Path = ONNXRUNTIME,
        *,
        shapes: Mapping[str, ShapeLike] | None = None,
        inputs: object = None,
        seed: int = 0,
        rtol: float | None = None,
        atol: float | None = None,
    ) -> None:
        """Fails if the outputs are not those of a reference, given the same inputs.

        Args:
            reference: ONNX Runtime on the same file, the path of another ONNX file for it, or
                another engine.
            shapes, inputs, seed, rtol, atol: see `accuracy.assert_close`.

        Paths are relative to the working directory, or to rootdir if they are not there.

        Raises:
            AccuracyAssertionError: names each output that differs, by how much and where.
            BackendUnavailable: onnxruntime is not installed.
            EngineBuildError: ONNX Runtime refuses the model, or its file changed meanwhile.
            EngineLoadError: this is a plan, and no reference was named.
            ShapeError, MeasurementError: shapes or inputs do not fit, or a query failed.
        """
        __tracebackhide__ = True
        if reference == ONNXRUNTIME:
            self._check_onnx_unchanged()
        with self.lock:
            other = (
                Side(reference.title, reference)
                if isinstance(reference, Engine)
                else reference_of(self.onnx, reference, self.find)
            )
            assert_close(
                Side(self.title, self), other,
                shapes=shapes, inputs=inputs, seed=seed, rtol=rtol, atol=atol, find=self.find,
            )  # fmt: skip
