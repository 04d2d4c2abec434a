"""What pytest finds in every run: hooks, options and fixtures; each only delegates.

What a run without --trtperf does not need is imported when it is needed. pytest loads the modules
of plugins slowly, to rewrite their asserts, so there are few on this path, and they are small.
"""

from __future__ import annotations

import os
from argparse import BooleanOptionalAction
from operator import methodcaller
from typing import TYPE_CHECKING, Any

import pytest

import pytest_trtperf.hookspecs as hookspecs  # noqa: PLR0402 - `from` would load the public names
from pytest_trtperf.options import DECLARED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_trtperf import TrtCompare, TrtEngine, TrtMeasure
    from pytest_trtperf.options.declared import Settings

FIXTURES = frozenset({"trt_engine", "trt_measure", "trt_compare"})
SETTINGS: pytest.StashKey[Settings | None] = pytest.StashKey()


def __dir__() -> list[str]:
    """Hooks and fixtures alone, since pytest inspects each name that it finds here (PEP 562)."""
    return [*filter(methodcaller("startswith", ("pytest_", "trt_")), globals())]


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Adds the hooks that others may implement, and each option to command line and ini file."""
    pluginmanager.add_hookspecs(hookspecs)
    # Text is always a type of an ini key: our own parser says what does not fit.
    has_unions = pytest.version_tuple >= (9, 2)
    group = parser.getgroup("trtperf", "performance of TensorRT engines")
    for option in DECLARED:
        how: dict[str, Any] = {"dest": option.key, "help": option.help}
        if option.kind == "bool":
            how["action"] = BooleanOptionalAction  # which takes no metavar from Python 3.14 on
        else:
            how["metavar"] = option.metavar
        group.addoption(option.flag, **how)
        ini: Any = option.ini | str if has_unions and option.ini is not str else "string"
        parser.addini(option.key, option.help, type=ini, default="")


def pytest_configure(config: pytest.Config) -> None:
    """Resolves the settings, and under --trtperf finds the device before any test runs."""
    config.addinivalue_line(
        "markers",
        "trtperf(**options): options of this test's measurements, such as cuda_graph=True or "
        "tolerance=0.02. Tests that use trt_engine or trt_measure carry it by themselves.",
    )
    settings = _settings(config)
    if settings and not config.getoption("collectonly"):
        from pytest_trtperf.fixtures.item_hooks import start

        start(config, settings)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Under --trtperf, `-n auto` means a worker for each GPU; this comes before configure."""
    settings = _settings(config)
    if settings is None or config.getoption("collectonly"):
        return None
    from pytest_trtperf.run.workers import find_devices

    return len(find_devices(config, settings).probe.gpus) or None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collects a table of SLOs as a test module."""
    if not file_path.name.endswith(".slo.toml"):
        return None
    from pytest_trtperf.fixtures.slo_items import SloFile

    found: SloFile = SloFile.from_parent(parent, path=file_path)
    return found


def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks the tests that measure, so that `-m trtperf` selects them."""
    if FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
        return
    item.add_marker("trtperf", append=False)
    if item.config.stash[SETTINGS] is None:
        item.add_marker(pytest.mark.skip(reason="needs --trtperf"))


@pytest.fixture(scope="session")
def trt_engine(request: pytest.FixtureRequest) -> Iterator[TrtEngine]:
    """Builds an engine from an ONNX file, or loads it from the cache or from a plan."""
    from pytest_trtperf.fixtures import provide

    yield from provide.engines(request)


@pytest.fixture
def trt_measure(request: pytest.FixtureRequest, trt_engine: TrtEngine) -> Iterator[TrtMeasure]:
    """Measures an engine; the result holds it to budgets and to its baseline."""
    from pytest_trtperf.fixtures import provide

    yield from provide.measure(request, trt_engine)


@pytest.fixture
def trt_compare(request: pytest.FixtureRequest, trt_measure: TrtMeasure) -> TrtCompare:
    """Measures a new engine and its reference in turns."""
    from pytest_trtperf.fixtures import provide

    return provide.compare(request)


def _settings(config: pytest.Config) -> Settings | None:
    """The settings of a run with --trtperf, resolved when first asked; else None."""
    if SETTINGS not in config.stash:
        # Most runs give no option at all, and need no parsers. A worker's may be its controller's.
        given = "trtperf" in getattr(config, "workerinput", ()) or "TRTPERF" in "".join(os.environ)
        try:
            for option in DECLARED:
                given |= getattr(config.option, option.key) is not None
                given |= config.getini(option.key) != ""
        except (TypeError, pytest.UsageError):
            given = True  # of a wrong type: `take_settings` says which
        settings = None
        if given:
            from pytest_trtperf.run.pytest_options import take_settings

            settings = take_settings(config)
        config.stash[SETTINGS] = settings
    return config.stash[SETTINGS]
