"""The fixtures. Imports nothing heavy: see `plugin`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from pytest_trtperf.settings import Settings

if TYPE_CHECKING:
    from pytest_trtperf.engine_factory import EngineFactory
    from pytest_trtperf.measures import MeasureFactory
    from pytest_trtperf.pair import Pair

FIXTURES = frozenset({"trt_engine", "trt_measure", "trt_compare"})
MEASURE = pytest.StashKey["MeasureFactory"]()


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


@pytest.fixture(scope="session")
def trt_engine(request: pytest.FixtureRequest) -> Iterator[EngineFactory]:
    """Builds an engine from an ONNX file, or loads it from the cache or from a plan."""
    from pytest_trtperf.engine_factory import EngineFactory
    from pytest_trtperf.report.progress_line import open_line
    from pytest_trtperf.run import RUN

    if RUN not in request.config.stash:
        pytest.skip("needs --trtperf")
    with open_line(request.config) as line:
        factory = EngineFactory(request.config.stash[RUN], line)
        yield factory
        factory.close()


@pytest.fixture
def trt_measure(
    request: pytest.FixtureRequest, trt_engine: EngineFactory
) -> Iterator[MeasureFactory]:
    """Measures an engine; the result holds it to budgets and to its baseline."""
    from pytest_trtperf.measures import MeasureFactory
    from pytest_trtperf.run import RUN

    run = request.config.stash[RUN]
    settings = settings_of(request.node, run.settings)
    factory = MeasureFactory(request.node, run, trt_engine, settings)
    request.node.stash[MEASURE] = factory
    yield factory
    factory.close()


@pytest.fixture
def trt_compare(trt_measure: MeasureFactory) -> Callable[..., Pair]:
    """Measures a new engine and its reference in turns, see `MeasureFactory.compare`."""
    return trt_measure.compare
