"""What is behind `trt_measure`: measures engines on behalf of one test."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import pytest

from pytest_trtperf.analysis.paired import BLOCK_LOOKS
from pytest_trtperf.analysis.regression import LOOKS
from pytest_trtperf.comparison import Subject
from pytest_trtperf.engine.spec import format_shape, parse_shape
from pytest_trtperf.engine_factory import EngineFactory
from pytest_trtperf.engines import Engine
from pytest_trtperf.errors import ShapeError, TrtPerfError
from pytest_trtperf.limits import is_positive
from pytest_trtperf.max_qps import MaxQps
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.loops import Session
from pytest_trtperf.measure.measurement import Effort, Measurement
from pytest_trtperf.pair import Pair
from pytest_trtperf.perf import Perf
from pytest_trtperf.report.measure_progress import MeasureLines
from pytest_trtperf.report.record import (
    Measured,
    SweepRecord,
)
from pytest_trtperf.report.traces import pack
from pytest_trtperf.run import Run, without_group
from pytest_trtperf.runtime.inputs import read_inputs
from pytest_trtperf.runtime.session import Mode
from pytest_trtperf.settings import Settings
from pytest_trtperf.sweep import Sweep, plain, points_of, with_batch

T = TypeVar("T")

_LONGEST_NAME = 100

DRAWS = 1000
"""Seeds of arrivals that a search may use before they are another seed's."""


class MeasureFactory:
    """Measures engines, and keeps what it measured."""

    def __init__(
        self, item: pytest.Item, run: Run, engines: EngineFactory, settings: Settings
    ) -> None:
        self._item, self._run, self._engines, self._settings = item, run, engines, settings
        self._perfs: dict[str, Perf] = {}
        self._max_qps: dict[str, MaxQps] = {}
        self._pairs: dict[str, Pair] = {}
        self._to_conclude: list[Perf] = []
        self._resources = contextlib.ExitStack()
        self._lines = MeasureLines(engines.line, without_group(item.nodeid))

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
            shapes: one for each dynamic input, `(8, 3, 224, 224)` or `"8x3x224x224"`; none where
                the engine's profile has one shape alone.
            name: tells several measurements of one test apart.
            baseline: False opts out of baselines.
            options: override the mark's and the run's, such as `cuda_graph=True`.

        Raises:
            ShapeError: a shape does not fit the engine or its profile.
            MeasurementError: the engine cannot be measured.
            ValueError: an unknown option, or a second measurement without a name.
        """
        __tracebackhide__ = True
        settings = self._settings.override(options, "trt_measure")
        label = self._claim_label(name)
        subject = self._subject(engine, label, baseline=baseline)
        return self._perf(self._create_session(engine, shapes, settings), subject, settings, label)

    def sweep(
        self,
        engine: Engine,
        shapes: Mapping[str, Any] | None = None,
        *,
        batch_sizes: Sequence[int] = (),
        request_rates: Sequence[float] = (),
        name: str | None = None,
        baseline: bool = True,
        **options: Any,
    ) -> Sweep:
        """Measures an engine over batch sizes or over request rates.

        Each point is a measurement with a baseline of its own.

        Args:
            shapes: as in a single measurement; of a batch size, the first dimension is replaced,
                or filled in where it is the only dynamic one.
            batch_sizes, request_rates: one of them, in the order of measuring.
            baseline: False opts out of baselines.

        Raises:
            ValueError: none or both of them are given, or a value comes twice.
            ShapeError, MeasurementError: see a single measurement.
        """
        __tracebackhide__ = True
        variable, values = points_of(batch_sizes, request_rates, options)
        settings = self._settings.override(options, "trt_measure.sweep")
        points = {
            value: self._point(engine, name, variable, value, baseline=baseline) for value in values
        }
        perfs = {}
        if variable == "batch_size":
            at = {size: with_batch(engine.inputs, shapes, int(size)) for size in values}
            for size, (label, subject) in points.items():
                session = self._create_session(engine, at[size], settings)
                perfs[size] = self._perf(session, subject, settings, label)
        else:
            session = self._create_session(engine, shapes, settings)
            for rate, (label, subject) in points.items():
                here = dataclasses.replace(settings, request_rate=rate)
                perfs[rate] = self._perf(session, subject, here, label)
        return Sweep(variable, perfs)

    def builds(
        self,
        engine: Engine,
        shapes: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        baseline: bool = True,
        **options: Any,
    ) -> Sweep:
        """Measures each build of ``trt_engine(…, builds=N)``, and reports how far they are apart.

        Each is a measurement with a baseline of its own. Arguments and errors as of a single one.
        """
        __tracebackhide__ = True
        settings = self._settings.override(options, "trt_measure.builds")
        _check_engine(engine)
        perfs: dict[float, Perf] = {}
        for number, build in enumerate(engine.builds):
            label, subject = self._point(build, name, "build", number, baseline=baseline)
            session = self._create_session(build, shapes, settings)
            perfs[number] = self._perf(session, subject, settings, label)
        found = Sweep("build", perfs)
        perfs[0].note(_told_builds(engine, found))
        return found

    def max_qps(
        self,
        engine: Engine,
        p99_ms: float,
        shapes: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        **options: Any,
    ) -> MaxQps:
        """Finds the highest request rate whose P99 of response holds.

        Doubles the rate until the limit is missed, bisects, and measures closely around the rate;
        see `search_capacity`. Each trial has a warm-up and a draw of arrivals of its own.

        Raises:
            MeasurementError: not even a fraction of the throughput holds the limit.
            ValueError: a limit that is not above zero, or `request_rate` among the options.
        """
        __tracebackhide__ = True
        if not is_positive(p99_ms):
            raise ValueError(f"p99_ms must be a number above 0, got {p99_ms!r}")
        if "request_rate" in options:
            raise ValueError("max_qps looks for the request rate: leave request_rate= out")
        settings = self._settings.override(options, "trt_measure.max_qps")
        if settings.idle_ms:
            raise ValueError("idle_ms is for a closed load, and max_qps is about open ones")
        label = self._claim_label(name)
        subject = self._subject(engine, label, baseline=False)
        session = self._create_session(engine, shapes, settings)

        def measure(rate: float | None, draw: int, queries: int) -> Measurement:
            seed = settings.seed * DRAWS + draw
            at = dataclasses.replace(settings, request_rate=rate, seed=seed, round_queries=queries)
            return self._measurement(
                session, at, label if rate is None else f"{label} {rate:g} qps"
            )

        # Between trials nobody else gets in: a waiting process would hardly find the gap.
        with self._engines.lock:
            self._max_qps[label] = found = MaxQps(measure, p99_ms, subject, settings)
        return found

    def compare(
        self,
        new: Engine,
        reference: Engine,
        shapes: Mapping[str, Any] | None = None,
        *,
        reference_shapes: Mapping[str, Any] | None = None,
        name: str | None = None,
        **options: Any,
    ) -> Pair:
        """Measures two engines in turns; this is what `trt_compare` does.

        Args:
            shapes: of both engines, as in a single measurement.
            reference_shapes: of the reference, where its inputs have other names.

        Raises:
            ShapeError, MeasurementError, ValueError: see a single measurement.
        """
        __tracebackhide__ = True
        settings = self._settings.override(options, "trt_compare")
        _check_engine(reference)
        label = self._claim_label(name)
        subject = self._subject(new, label, baseline=False)
        engines = {"new": new.about, "reference": reference.about}
        given = shapes if reference_shapes is None else reference_shapes
        sides = [
            self._measurement(
                self._create_session(engine, its_shapes, settings),
                settings,
                f"{label} {role}",
                [2 * blocks for blocks in BLOCK_LOOKS],
            )
            for role, engine, its_shapes in (("new", new, shapes), ("reference", reference, given))
        ]
        pair = Pair(sides[0], sides[1], subject, engines, settings, self._engines.lock)
        self._pairs[label] = pair
        return pair

    def conclude(self) -> list[str]:
        """Compares with the baselines what the test did not compare itself; what regressed."""
        failures = []
        while self._to_conclude:
            try:
                self._to_conclude.pop(0).conclude()
            except (AssertionError, TrtPerfError, ValueError, Warning) as error:
                failures.append(str(error))
        return failures

    def export(self) -> list[str]:
        """Writes the files that the run asked for; what could not be written."""
        failures = []
        for label, perf in self._perfs.items():
            for directory, suffix, write in (
                (self._run.settings.export_times, "times", perf.export_times),
                (self._run.settings.export_profile, "profile", perf.export_profile),
            ):
                if directory is None:
                    continue
                try:
                    write(directory / f"{self._file_name(label)}.{suffix}.json")
                except (TrtPerfError, OSError) as error:
                    name = f" of {label}" if label else ""
                    failures.append(f"no {suffix}{name} exported: {error}")
        return failures

    def records(self) -> list[Measured]:
        """Everything that was measured."""
        kept: list[Perf | MaxQps | Pair] = [
            *self._perfs.values(),
            *self._max_qps.values(),
            *self._pairs.values(),
        ]
        return [result.record() for result in kept]

    def traces(self) -> dict[str, bytes]:
        """The raw times of each measurement by its key, if the run asked for them."""
        if self._run.settings.traces is None:
            return {}
        return {
            self._key(label): pack([round.trace for round in perf.rounds])
            for label, perf in self._perfs.items()
        }

    def take_waited(self) -> float:
        """Seconds that other processes were waited for since this was last asked."""
        return self._engines.take_waited()

    def close(self) -> None:
        """Frees the sessions."""
        self._resources.close()

    def _perf(self, session: Session, subject: Subject, settings: Settings, label: str) -> Perf:
        measurement = self._measurement(session, settings, label, LOOKS)
        self._perfs[label] = perf = Perf(measurement, subject, settings)
        self._to_conclude.append(perf)
        return perf

    def _point(
        self, engine: Engine, name: str | None, variable: str, value: float, *, baseline: bool
    ) -> tuple[str, Subject]:
        """The label of a point of a sweep, and what is measured there."""
        here = f"{variable}={plain(value)}"
        label = self._claim_label(f"{name}/{here}" if name else here)
        sweep = SweepRecord(name=self._key(name or ""), variable=variable, value=value)
        subject = self._subject(engine, label, baseline=baseline)
        return label, dataclasses.replace(subject, sweep=sweep)

    def _claim_label(self, name: str | None) -> str:
        label = name or ""
        if any(label in taken for taken in (self._perfs, self._max_qps, self._pairs)):
            taken = f"named {label!r}" if label else "without a name"
            raise ValueError(f"this test has a measurement {taken} already: pass another name=")
        return label

    def _create_session(
        self, engine: Engine, shapes: Mapping[str, Any] | None, settings: Settings
    ) -> Session:
        if not isinstance(shapes or {}, Mapping):
            raise ShapeError(f"shapes maps each input's name to its shape, got {shapes!r}")
        concrete = {tensor: parse_shape(shape) for tensor, shape in (shapes or {}).items()}
        given = settings.inputs
        inputs = {} if given is None else read_inputs(given, self._engines.find)
        with self._engines.lock:
            session = engine.create_session(concrete, _from_settings(Mode, settings), inputs)
        self._resources.callback(session.close)
        is_dynamic = any(None in tensor.shape for tensor in engine.inputs)
        if is_dynamic and all(0 in shape for shape in session.shapes.values()):
            listed = ", ".join(f"{n!r} {format_shape(s)}" for n, s in session.shapes.items())
            raise ShapeError(f"all inputs are empty ({listed}): there is nothing to measure")
        return session

    def _measurement(
        self, session: Session, settings: Settings, label: str, looks: Sequence[int] = ()
    ) -> Measurement:
        if settings.idle_ms and settings.request_rate is not None:
            raise ValueError("idle_ms is for a closed load: leave it out or request_rate out")
        starts = self._run.settings.export_times is not None
        measurement = Measurement(
            session,
            dataclasses.replace(_from_settings(Effort, settings), starts=starts),
            _from_settings(Load, settings),
            self._engines.lock,
            self._run.target.uuid,
            f"{self._item.nodeid}#{label}".rstrip("#") if self._run.settings.nvtx else None,
            self._lines.of(label, looks),
        )
        self._resources.callback(measurement.release)
        return measurement

    def _subject(self, engine: Engine, label: str, *, baseline: bool) -> Subject:
        _check_engine(engine)
        store, module = self._run.baseline_of(self._item.path)
        test, key = without_group(self._item.nodeid), self._key(label)
        return Subject(
            test=test,
            key=key,
            module=module,
            baseline_dir=str(self._run.at_home(store.directory)),
            device=self._run.target.device,
            about=engine.about,
            software=self._run.target.probe.software,
            baseline=self._run.baseline(store, module, test, key)
            if baseline and self._run.compares
            else None,
            compares=baseline and self._run.compares,
            records=baseline,
        )

    def _key(self, label: str) -> str:
        """A measurement's key in baselines and records."""
        module = self._run.baseline_of(self._item.path)[1]
        test = without_group(self._item.nodeid.partition("::")[2])
        return f"{module}::{test}" + (f"#{label}" if label else "")

    def _file_name(self, label: str) -> str:
        """A test's node id as the name of a file, told apart by a digest from similar ones."""
        nodeid = without_group(self._item.nodeid) + (f"#{label}" if label else "")
        digest = hashlib.sha256(nodeid.encode()).hexdigest()[:8]
        return re.sub(r"[^\w.=-]+", "-", nodeid).strip("-")[:_LONGEST_NAME] + f"-{digest}"


def _told_builds(engine: Engine, found: Sweep) -> str:
    if len(found) == 1:
        return "there is one build: ask trt_engine for builds=N, on a GPU"
    plans = len({build.plan_sha256 for build in engine.builds})
    which = "all the same plan" if plans == 1 else f"{plans} different plans"
    return f"the medians of {len(found)} builds ({which}) are {found.spread:.2%} apart"


def _check_engine(engine: object) -> None:
    if not isinstance(engine, Engine):
        raise TypeError(f"an engine is measured, not {engine!r}: write trt_engine({engine!r})")


def _from_settings(kind: type[T], settings: Settings) -> T:
    """A dataclass whose fields are named as the settings are."""
    wanted = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    known = {field.name for field in dataclasses.fields(settings)}
    return kind(**{name: getattr(settings, name) for name in wanted & known})
