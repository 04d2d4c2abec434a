"""`Engine`, what `trt_engine` hands to tests, and the factory that builds or loads it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock

from pytest_trtperf.engine.backends import ONNXRUNTIME
from pytest_trtperf.engine.build import build_plan
from pytest_trtperf.engine.cache import CachedPlan, PlanCache, default_cache_dir
from pytest_trtperf.engine.spec import EngineSpec, Shape, TensorInfo, parse_profiles
from pytest_trtperf.errors import CacheError, EngineLoadError
from pytest_trtperf.measure.isolated import IsolatedEngine
from pytest_trtperf.measure.loops import Session
from pytest_trtperf.run import Run
from pytest_trtperf.runtime.locks import device_lock
from pytest_trtperf.runtime.onnx_runtime import OnnxRuntimeEngine
from pytest_trtperf.runtime.session import GivenInputs, Mode

PLAN_SUFFIXES = (".engine", ".plan")


@dataclass(frozen=True)
class Engine:
    """An engine on a device, ready to be measured.

    Attributes:
        path: the ONNX file, or the plan that was loaded as it is.
        digest: identity of what it is built from.
        plan_sha256: of the built bytes; on the CPU, which builds none, the digest.
        built: whether this run built it.
    """

    path: Path
    backend: str
    digest: str
    plan_sha256: str
    built: bool
    loaded: IsolatedEngine | OnnxRuntimeEngine = field(repr=False)
    cache: PlanCache | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self.path.stem

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

    def create_session(
        self, shapes: Mapping[str, Shape], mode: Mode, inputs: GivenInputs | None = None
    ) -> Session:
        """A session with these shapes; what RTX compiled for it is kept beside the plan."""
        session = self.loaded.create_session(shapes, mode, inputs)
        kernels = self.loaded.new_runtime_cache()
        if kernels is not None and self.cache is not None:
            # A read-only cache still gives its plans; the kernels are compiled again next time.
            with contextlib.suppress(CacheError):
                self.cache.store_runtime_cache(self.digest, kernels)
        return session


class EngineFactory:
    """Builds, caches and loads engines; one that was asked for before is handed out again."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._engines: dict[str, Engine] = {}
        self._cache = PlanCache(
            run.settings.cache_dir or default_cache_dir(),
            shared=run.settings.cache_dir is not None and run.settings.shared_cache,
        )

    @cached_property
    def lock(self) -> FileLock:
        """The lock of the device; one object, so that it is re-entrant within this process."""
        settings = self._run.settings
        return device_lock(settings.lock_dir, self._run.target.uuid or "host")

    def __call__(
        self,
        path: str | Path,
        shapes: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Engine:
        """The engine of an ONNX file, or of a plan (`.engine`, `.plan`).

        Args:
            path: relative to the working directory, or to rootdir if it is not there.
            shapes: for each dynamic input one shape, or (min, opt, max).
            options: build options, see `EngineSpec`.

        Raises:
            EngineBuildError: the file is missing, not ONNX, or cannot be built.
            EngineLoadError: a plan does not run on this device.
            ShapeError: shapes do not fit the model.
            CacheError: the cache directory cannot be used.
            ValueError: an unknown build option.
        """
        __tracebackhide__ = True
        found = self.find(Path(path))
        if found.suffix in PLAN_SUFFIXES:
            return self._load_plan(found)
        spec = EngineSpec(found, parse_profiles(shapes), options)
        probe = self._run.target.probe
        digest = spec.digest(probe.backend, probe.version, self._run.target.plan_device)
        if digest not in self._engines:
            with self.lock:
                self._engines[digest] = self._make(spec, digest)
        return self._engines[digest]

    def close(self) -> None:
        """Frees all engines."""
        for engine in self._engines.values():
            engine.loaded.close()
        self._engines.clear()

    def find(self, path: Path) -> Path:
        """A path relative to the working directory, or to rootdir if it is not there."""
        in_rootdir = self._run.rootdir / path
        return in_rootdir if not path.exists() and in_rootdir.exists() else path

    def _make(self, spec: EngineSpec, digest: str) -> Engine:
        backend = self._run.target.probe.backend
        if backend == ONNXRUNTIME:
            return Engine(
                spec.onnx,
                backend,
                digest,
                digest,
                built=False,
                loaded=OnnxRuntimeEngine(spec.onnx, spec.profiles),
            )
        about = {"onnx": spec.onnx.name, "backend": backend, "options": dict(spec.options)}
        plan = self._cache.get_or_build(digest, lambda: build_plan(spec, backend), about)
        return Engine(
            spec.onnx, backend, digest, plan.sha256, built=plan.built,
            loaded=self._load(plan, digest), cache=self._cache,
        )  # fmt: skip

    def _load(self, plan: CachedPlan, digest: str) -> IsolatedEngine:
        kernels = self._cache.load_runtime_cache(digest)
        return IsolatedEngine(self._run.target.probe.backend, plan.read(), kernels)

    def _load_plan(self, path: Path) -> Engine:
        backend = self._run.target.probe.backend
        if backend == ONNXRUNTIME:
            raise EngineLoadError(f"{path} is a TensorRT plan; the backend {backend} needs ONNX")
        try:
            plan = path.read_bytes()
        except OSError as error:
            raise EngineLoadError(f"{path}: the plan cannot be read: {error.strerror}") from error
        digest = hashlib.sha256(plan).hexdigest()
        if digest not in self._engines:
            with self.lock:
                loaded = IsolatedEngine(backend, plan)
            self._engines[digest] = Engine(
                path, backend, digest, digest, built=False, loaded=loaded
            )
        return self._engines[digest]
