"""The factory behind `trt_engine`: builds or loads each engine once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from pytest_trtperf.engine.backends import ONNXRUNTIME, import_tensorrt
from pytest_trtperf.engine.build import build_plan, has_weakly_typed_networks
from pytest_trtperf.engine.cache import CachedPlan, PlanCache, cache_place
from pytest_trtperf.engine.cache_size import default_limit
from pytest_trtperf.engine.option_rules import check_options
from pytest_trtperf.engine.options import (
    PLAN_OPTIONS,
    checked_options,
    with_paths_found,
    without_defaults,
)
from pytest_trtperf.engine.spec import (
    EngineSpec,
    Shapes,
    digest_with,
    is_plan,
    parse_profiles,
)
from pytest_trtperf.engine.timing_cache import TimingCacheFile
from pytest_trtperf.engine.trtexec_command import read_command
from pytest_trtperf.engines import Engine
from pytest_trtperf.errors import EngineBuildError, EngineLoadError
from pytest_trtperf.measure.isolated import IsolatedEngine
from pytest_trtperf.report.build_progress import build_line
from pytest_trtperf.report.measure_progress import show_wait
from pytest_trtperf.report.progress_line import ProgressLine
from pytest_trtperf.run import Run
from pytest_trtperf.runtime.load_options import LoadOptions
from pytest_trtperf.runtime.locks import DeviceLock, device_lock
from pytest_trtperf.runtime.onnx_runtime import OnnxRuntimeEngine
from pytest_trtperf.settings import Settings


def _plan_cache(settings: Settings) -> PlanCache:
    directory, shared = cache_place(settings.cache_dir, settings.shared_cache)
    limit = default_limit(shared=shared) if settings.cache_size is None else settings.cache_size
    return PlanCache(directory, shared=shared, limit=limit)


class EngineFactory:
    """Builds, caches and loads engines; one that was asked for before is handed out again.

    Attributes:
        line: shows what takes long.
    """

    def __init__(self, run: Run, line: ProgressLine | None = None) -> None:
        self._run = run
        self.line = ProgressLine(None) if line is None else line
        self._engines: dict[str, Engine] = {}
        self._cache = _plan_cache(run.settings)

    @cached_property
    def lock(self) -> DeviceLock:
        """The lock of the device; one object, so that it is re-entrant within this process."""
        settings = self._run.settings
        lock = device_lock(settings.lock_dir, self._run.target.uuid or "host")
        lock.tell = show_wait(self.line, "the device, which is in use")
        return lock

    def __call__(
        self,
        path: str | Path,
        shapes: Shapes | Sequence[Shapes] | None = None,
        *,
        builds: int = 1,
        configure: Callable[[Any], object] | None = None,
        **options: Any,
    ) -> Engine:
        """The engine of an ONNX file, or of a plan (`.engine`, `.plan`, `.trt`).

        Args:
            path: relative to the working directory, or to rootdir if it is not there.
            shapes: for each dynamic input one shape, or (min, opt, max); a list of such mappings
                makes several optimization profiles.
            builds: how often to build; `Engine.builds` has them all. On the CPU there is one.
            configure: called with TensorRT's builder configuration, see `EngineSpec`.
            options: build options, see `EngineSpec` and docs/engines.md.

        Raises:
            EngineBuildError: the file is missing, not ONNX, or cannot be built.
            EngineLoadError: a plan does not run on this device.
            ShapeError: shapes do not fit the model.
            CacheError: the cache directory cannot be used.
            ValueError: an unknown build option, one that a plan cannot take, or two that contradict
                each other.
        """
        __tracebackhide__ = True
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"trt_engine takes the path of an ONNX file or of a plan, not {path!r}")
        if not _is_readable(path):
            raise ValueError(
                f"{path!r}: TensorRT and ONNX Runtime open no path that is not UTF-8 or has a NUL"
            )
        options = with_paths_found(options, self.find)
        found = self.find(Path(path))
        if type(builds) is not int or builds < 1 or (builds > 1 and options.get("timing_cache")):
            raise ValueError(
                f"builds={builds!r}: give 1 or more, and without timing_cache=, which would make "
                "all builds choose as the first did"
            )
        if is_plan(found):
            return self._load_plan(found, shapes, configure, builds, checked_options(options))
        profiles = parse_profiles(shapes)
        if self._run.target.probe.backend == ONNXRUNTIME:
            builds = 1
        engine, *others = [
            self._engine(EngineSpec(found, profiles, options, configure, build_index))
            for build_index in range(builds)
        ]
        return replace(engine, others=tuple(others)) if others else engine

    def from_trtexec(self, command: str | Sequence[str] | Path, **more: Any) -> Engine:
        """The engine that trtexec builds or loads with these arguments.

        Args:
            command: as for a shell, as a list of arguments, or a file that holds them.
            more: further arguments as of a direct call.

        Raises:
            ValueError: naming each argument that has no counterpart here.
            TypeError: the command is neither text, list nor path.
        """
        __tracebackhide__ = True
        path, shapes, options = read_command(command, self.find)
        if shapes and "shapes" in more:
            raise ValueError("both shapes= and trtexec's command give shapes: drop one")
        backend = self._run.target.probe.backend
        # trtexec's networks are weakly typed unless told otherwise, as long as there are any.
        is_built = backend == "tensorrt" and not is_plan(path)
        if is_built and has_weakly_typed_networks(import_tensorrt(backend), backend):
            options.setdefault("strongly_typed", False)
        return self(path, **{"shapes": shapes, **options, **more})

    def _engine(self, spec: EngineSpec) -> Engine:
        probe = self._run.target.probe
        check_options(spec.options, probe.backend, probe.version)
        key = spec.digest(probe.backend, probe.version, self._run.target.plan_device)
        digest = digest_with(key, spec.load_options)
        if digest not in self._engines:
            if probe.backend != ONNXRUNTIME:
                # Before the device is taken: whoever builds may do so on another one.
                tell = show_wait(self.line, f"another process, which builds {spec.onnx.name}")
                self.lock.waited_s += self._cache.wait_for_builder(key, tell)
            with self.lock:
                self._engines[digest] = self._make(spec, key, digest)
        return self._known(digest, spec.onnx)

    def _known(self, digest: str, path: Path) -> Engine:
        """An engine that was made before, perhaps from a file of another name."""
        engine = self._engines[digest]
        is_same = engine.path == path or engine.path.resolve() == path.resolve()
        return engine if is_same else replace(engine, path=path)

    def close(self) -> None:
        """Frees all engines."""
        for engine in self._engines.values():
            engine.loaded.close()
        self._engines.clear()
        self._cache.close()

    def take_waited(self) -> float:
        """Seconds that other processes were waited for since this was last asked."""
        if "lock" not in vars(self):  # it could not be made, or nothing needed it
            return 0.0
        waited, self.lock.waited_s = self.lock.waited_s, 0.0
        return waited

    def find(self, path: Path) -> Path:
        """A path relative to the working directory, or to rootdir if it is not there."""
        # Not path.exists(), which raises where a name is too long or has a NUL.
        return path if os.path.exists(path) else self._run.rootdir / path  # noqa: PTH110

    def _make(self, spec: EngineSpec, key: str, digest: str) -> Engine:
        probe, device = self._run.target.probe, self._run.target.plan_device
        about = {"onnx": spec.onnx.name, **spec.describe(probe.backend, probe.version, device)}
        if probe.backend == ONNXRUNTIME:
            return self._on_cpu(spec, key, digest, about)
        return self._from_cache(spec, key, digest, about)

    def _on_cpu(self, spec: EngineSpec, key: str, digest: str, about: Mapping[str, Any]) -> Engine:
        loaded = OnnxRuntimeEngine(spec.onnx, spec.profile)
        self._check_unchanged(spec, key)
        return Engine(
            spec.onnx, ONNXRUNTIME, digest, digest, built=False, loaded=loaded, lock=self.lock,
            find=self.find, known={"about": about},
        )  # fmt: skip

    def _from_cache(
        self, spec: EngineSpec, key: str, digest: str, about: Mapping[str, Any]
    ) -> Engine:
        backend = self._run.target.probe.backend
        plan = self._cache.get_or_build(key, lambda: self._build(spec, key), about)
        load = LoadOptions.of(spec.options, spec.onnx)
        loaded = self._load(plan, load)
        if load.refit_onnx is not None:
            self._check_unchanged(spec, key)
        return Engine(
            spec.onnx, backend, digest, plan.identity.sha256, built=plan.built, loaded=loaded,
            cache=self._cache, key=key, lock=self.lock, find=self.find,
            known=msgspec.structs.asdict(plan.identity),
        )  # fmt: skip

    def _build(self, spec: EngineSpec, key: str) -> bytes:
        backend = self._run.target.probe.backend
        with (
            self._cache.build_log(key) as log,
            build_line(self.line, spec.onnx.name, log) as show,
        ):
            plan = build_plan(spec, backend, self._timing_cache(spec), show, log.write)
        self._check_unchanged(spec, key)
        return plan

    def _check_unchanged(self, spec: EngineSpec, key: str) -> None:
        """Refuses what may have been made of other bytes than its key tells."""
        probe, device = self._run.target.probe, self._run.target.plan_device
        if replace(spec).digest(probe.backend, probe.version, device) != key:
            raise EngineBuildError(
                f"{spec.onnx}: this file, its external data or a file that options name changed "
                "while the engine was made of it; ask for the engine again"
            )

    def _timing_cache(self, spec: EngineSpec) -> TimingCacheFile | None:
        """The file that the option asks for."""
        wanted = spec.options.get("timing_cache")
        if isinstance(wanted, str):
            return TimingCacheFile(Path(wanted), is_kept=False)
        if not wanted:
            return None
        probe, device = self._run.target.probe, self._run.target.plan_device
        return TimingCacheFile.kept_in(
            self._cache.directory, probe.backend, probe.version, device or "",
            shared=self._cache.shared,
        )  # fmt: skip

    def _load(self, plan: CachedPlan, load: LoadOptions) -> IsolatedEngine:
        kernels = self._cache.load_runtime_cache(plan.key)
        with _naming(plan.path):
            return IsolatedEngine(self._run.target.probe.backend, plan.data, kernels, load)

    def _load_plan(
        self,
        path: Path,
        shapes: object,
        configure: object,
        builds: int,
        options: Mapping[str, Any],
    ) -> Engine:
        backend = self._run.target.probe.backend
        if backend == ONNXRUNTIME:
            raise EngineLoadError(f"{path} is a TensorRT plan; the backend {backend} needs ONNX")
        given = {"shapes": shapes, "configure": configure, "builds": builds > 1}
        unusable = [name for name, value in given.items() if value]
        unusable += [name for name in options if name not in PLAN_OPTIONS]
        if unusable:
            raise ValueError(
                f"{path} is a plan, which was built already: it takes no {', '.join(unusable)}; "
                f"drop them, or build it here from its ONNX file. It takes "
                f"{', '.join(PLAN_OPTIONS)}"
            )
        try:
            plan = path.read_bytes()
        except OSError as error:
            raise EngineLoadError(f"{path}: the plan cannot be read: {error.strerror}") from error
        if not plan or plan.startswith(_GIT_LFS):
            what = "a Git LFS pointer: run `git lfs pull`" if plan else "empty"
            raise EngineLoadError(f"{path}: there is no plan in this file, which is {what}")
        sha256 = hashlib.sha256(plan).hexdigest()
        digest = digest_with(sha256, without_defaults(options))
        if digest not in self._engines:
            with self.lock, _naming(path):
                loaded = IsolatedEngine(backend, plan, load=LoadOptions.of(options, None))
            self._engines[digest] = Engine(
                path, backend, digest, sha256, built=False, loaded=loaded, lock=self.lock,
                find=self.find,
                known={"sha256": sha256, "size": len(plan), "about": {"plan": path.name}},
            )  # fmt: skip
        return self._known(digest, path)


def _is_readable(path: str | os.PathLike[str]) -> bool:
    try:
        return b"\0" not in os.fspath(path).encode()
    except UnicodeEncodeError:
        return False


_GIT_LFS = b"version https://git-lfs"


@contextmanager
def _naming(plan: Path) -> Iterator[None]:
    """Errors of loading begin with the file."""
    try:
        yield
    except EngineLoadError as error:
        raise EngineLoadError(f"{plan}: {error}") from error
