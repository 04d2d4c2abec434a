"""The fixtures, and the factory behind `trt_measure`. Imports nothing heavy: see `plugin`."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from pytest_trtperf.errors import ShapeError, TrtPerfError
from pytest_trtperf.settings import Settings

if TYPE_CHECKING:
    from pytest_trtperf.engines import Engine, EngineFactory
    from pytest_trtperf.perf import Perf
    from pytest_trtperf.run import Run

FIXTURES = frozenset({"trt_engine", "trt_measure"})
MEASURE = pytest.StashKey["MeasureFactory"]()


class MeasureFactory:
    """Measures engines on behalf of one test, and keeps what it measured."""

    def __init__(self, item: pytest.Item, run: Run, engines: EngineFactory) -> None:
        self._item, self._run, self._engines = item, run, engines
        self._settings = settings_of(item, run.settings)
        self._perfs: dict[str, Perf] = {}
        self._to_conclude: list[Perf] = []
        self._resources = contextlib.ExitStack()

    def __call__(
        self,
        engine: Engine,
        shapes: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        baseline: bool = True,
        **options: Any,
    ) -> Perf:
        """Measures an engine with concrete shapes.

        Args:
            engine: from `trt_engine`.
            shapes: one for each dynamic input, `(8, 3, 224, 224)` or `"8x3x224x224"`.
            name: tells several measurements of one test apart.
            baseline: False opts out of baselines.
            options: override the mark's and the run's, such as `cuda_graph=True`.

        Raises:
            ShapeError: a shape does not fit the engine or its profile.
            MeasurementError: the engine cannot be measured.
            ValueError: an unknown option, or a second measurement without a name.
        """
        from pytest_trtperf.engine.spec import parse_shape
        from pytest_trtperf.measure.measurement import Measurement, Plan
        from pytest_trtperf.perf import Perf
        from pytest_trtperf.runtime.session import Mode

        __tracebackhide__ = True
        settings = self._settings.override(options, "trt_measure")
        if not isinstance(shapes or {}, Mapping):
            raise ShapeError(f"shapes maps each input's name to its shape, got {shapes!r}")
        label = self._claim_label(name)
        concrete = {tensor: parse_shape(shape) for tensor, shape in (shapes or {}).items()}
        subject = self._subject(engine, label, baseline=baseline)
        with self._engines.lock:
            session = engine.create_session(concrete, _from_settings(Mode, settings))
        measurement = Measurement(
            session, _from_settings(Plan, settings), self._engines.lock, self._run.target.uuid
        )
        self._resources.callback(measurement.release)
        self._perfs[label] = perf = Perf(measurement, subject, settings)
        self._to_conclude.append(perf)
        return perf

    def conclude(self) -> list[str]:
        """Compares with the baselines what the test did not compare itself; what regressed."""
        failures = []
        while self._to_conclude:
            try:
                self._to_conclude.pop(0).conclude()
            except (AssertionError, TrtPerfError, ValueError) as error:
                failures.append(str(error))
        return failures

    def records(self) -> list[Any]:
        """The measurements as plain data."""
        return [perf.record().to_builtins() for perf in self._perfs.values()]

    def close(self) -> None:
        """Frees the sessions."""
        self._resources.close()

    def _claim_label(self, name: str | None) -> str:
        label = name or ""
        if label in self._perfs:
            taken = f"named {label!r}" if label else "without a name"
            raise ValueError(f"this test has a measurement {taken} already: pass another name=")
        return label

    def _subject(self, engine: Engine, label: str, *, baseline: bool) -> Any:
        from pytest_trtperf.comparison import Subject
        from pytest_trtperf.run import without_group

        store, module = self._run.baseline_of(self._item.path)
        test = self._item.nodeid.partition("::")[2]
        key = f"{module}::{without_group(test)}" + (f"#{label}" if label else "")
        return Subject(
            test=without_group(self._item.nodeid),
            key=key,
            module=module,
            baseline_dir=str(store.directory),
            device=self._run.target.device,
            about=engine.about,
            software=self._run.target.probe.software,
            baseline=store.get(module, key) if baseline and self._run.compares else None,
            compares=baseline and self._run.compares,
            records=baseline,
        )


def settings_of(item: pytest.Item, settings: Settings) -> Settings:
    """The run's settings with the item's marks on top, the closest last.

    Raises:
        ValueError: a mark has positional arguments, an unknown option or a bad value.
    """
    for mark in reversed(list(item.iter_markers("trtperf"))):
        source = f"@pytest.mark.trtperf of {item.nodeid}"
        if mark.args:
            raise ValueError(f"{source}: takes keyword arguments only, got {mark.args!r}")
        settings = settings.override(mark.kwargs, source)
    return settings


T = TypeVar("T")


def _from_settings(kind: type[T], settings: Settings) -> T:
    """A dataclass whose fields are named as the settings are."""
    names = (field.name for field in dataclasses.fields(kind))  # type: ignore[arg-type]
    return kind(**{name: getattr(settings, name) for name in names})


@pytest.fixture(scope="session")
def trt_engine(request: pytest.FixtureRequest) -> Iterator[EngineFactory]:
    """Builds an engine from an ONNX file, or loads it from the cache or from a plan."""
    from pytest_trtperf.engines import EngineFactory
    from pytest_trtperf.run import RUN

    if RUN not in request.config.stash:
        pytest.skip("needs --trtperf")
    factory = EngineFactory(request.config.stash[RUN])
    yield factory
    factory.close()


@pytest.fixture
def trt_measure(
    request: pytest.FixtureRequest, trt_engine: EngineFactory
) -> Iterator[MeasureFactory]:
    """Measures an engine; the result holds it to budgets and to its baseline."""
    from pytest_trtperf.run import RUN

    factory = MeasureFactory(request.node, request.config.stash[RUN], trt_engine)
    request.node.stash[MEASURE] = factory
    yield factory
    factory.close()
