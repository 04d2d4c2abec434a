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
        how: dict[str, Any] = {"metavar": option.metavar}
        if option.kind == "bool":
            how = {"action": BooleanOptionalAction}
        group.addoption(option.flag, dest=option.key, help=option.help, **how)
        ini: Any = option.ini | str if has_unions and option.ini is not str else "string"
        parser.addini(option.key, option.help, type=ini, default="")


def pytest_configure(config: pytest.Config) -> None:
    """Resolves the settings, and under --trtperf finds the device before any test runs."""
    config.addinivalue_line(
        "markers",
        "trtperf(**options): options of this test's measurements, such as cuda_graph=True or "
        "tolerance=0.02. Tests that use trt_engine or trt_measure carry it by themselves.",
    )
    if settings := _measuring(config):
        from pytest_trtperf.fixtures.item_hooks import ItemHooks
        from pytest_trtperf.run.workers import register

        config.pluginmanager.register(ItemHooks(settings), "trtperf-items")
        register(config, settings)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Under --trtperf, `-n auto` means a worker for each GPU; this comes before configure."""
    if (settings := _measuring(config)) is None:
        return None
    from pytest_trtperf.run.workers import find_devices

    return len(find_devices(config, settings).probe.gpus) or None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks the tests that measure, so that `-m trtperf` selects them."""
    if FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
        return
    item.add_marker("trtperf", append=False)
    settings = item.config.stash[SETTINGS]
    if settings is None or not settings.enabled:
        item.add_marker(pytest.mark.skip(reason="needs --trtperf"))


@pytest.fixture(scope="session")
def trt_engine(request: pytest.FixtureRequest) -> Iterator[TrtEngine]:
    """Builds an engine from an ONNX file, or loads it from the cache or from a plan."""
    from pytest_trtperf.fixtures.provide import provide_engine

    yield from provide_engine(request)


@pytest.fixture
def trt_measure(request: pytest.FixtureRequest, trt_engine: TrtEngine) -> Iterator[TrtMeasure]:
    """Measures an engine; the result holds it to budgets and to its baseline."""
    from pytest_trtperf.fixtures.provide import provide_measure

    yield from provide_measure(request, trt_engine)


@pytest.fixture
def trt_compare(request: pytest.FixtureRequest, trt_measure: TrtMeasure) -> TrtCompare:
    """Measures a new engine and its reference in turns."""
    from pytest_trtperf.fixtures.provide import provide_compare

    return provide_compare(request)


def _measuring(config: pytest.Config) -> Settings | None:
    """The settings of a run that measures, resolved when first asked; else None."""
    if SETTINGS not in config.stash:
        settings = None
        if _is_given(config):
            from pytest_trtperf.run import own_backends
            from pytest_trtperf.run.pytest_options import settings_of_run

            settings = settings_of_run(config)
            config.pluginmanager.register(own_backends, "trtperf-backends")
        config.stash[SETTINGS] = settings
    settings = config.stash[SETTINGS]
    measures = settings and settings.enabled and not config.getoption("collectonly")
    return settings if measures else None


def _is_given(config: pytest.Config) -> bool:
    """Whether any option may be given. Most runs give none, and need no parsers."""
    # The controller of pytest-xdist may give its worker a value.
    if "trtperf" in getattr(config, "workerinput", ()) or "TRTPERF" in "".join(os.environ):
        return True
    try:
        for option in DECLARED:
            if config.getoption(option.key) is not None or config.getini(option.key) != "":
                return True
    except (TypeError, pytest.UsageError):
        return True  # of a wrong type: `settings_of_run` says which
    return False
