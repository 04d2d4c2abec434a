"""The pytest hooks. Each only delegates; what is heavy is imported when --trtperf is given."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from pytest_trtperf import hookspecs
from pytest_trtperf.fixtures.provide import FIXTURES, trt_compare, trt_engine, trt_measure
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.run.pytest_options import WORKER_INPUT, add_options, settings_of_run

if TYPE_CHECKING:
    from pytest_trtperf.backend.protocols import Backend

__all__ = ["trt_compare", "trt_engine", "trt_measure"]

SETTINGS = pytest.StashKey[Settings]()


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_addhooks"""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_addoption"""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Resolves the settings, and under --trtperf finds the device before any test runs."""
    config.addinivalue_line(
        "markers",
        "trtperf(**options): options of this test's measurements, such as cuda_graph=True or "
        "tolerance=0.02. Tests that use trt_engine or trt_measure carry it by themselves.",
    )
    if _measures(config):
        from pytest_trtperf.fixtures.item_hooks import ItemHooks
        from pytest_trtperf.run.workers import register

        config.pluginmanager.register(ItemHooks(config.stash[SETTINGS]), "trtperf-items")
        register(config, config.stash[SETTINGS])


@pytest.hookimpl(trylast=True)
def pytest_trtperf_backends() -> Sequence[Backend]:
    """The TensorRT family, and ONNX Runtime on the CPU."""
    from pytest_trtperf.backend.registry import builtin_backends

    return builtin_backends()


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Under --trtperf, `-n auto` means a worker for each GPU; this comes before configure."""
    if not _measures(config):
        return None
    from pytest_trtperf.run.workers import find_devices

    return len(find_devices(config, config.stash[SETTINGS]).probe.gpus) or None


def _measures(config: pytest.Config) -> bool:
    """Whether this run measures; resolves the settings when first asked."""
    if SETTINGS not in config.stash:
        _take_environment(config)
        config.stash[SETTINGS] = settings_of_run(config)
    return config.stash[SETTINGS].enabled and not config.getoption("collectonly")


def _take_environment(config: pytest.Config) -> None:
    """On a worker of another host, the controller's variables where that host has none."""
    given = getattr(config, "workerinput", {}).get(WORKER_INPUT, {})
    for name, value in given.get("environment", {}).items():
        os.environ.setdefault(name, value)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks the tests that measure, so that `-m trtperf` selects them."""
    if FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
        return
    item.add_marker("trtperf", append=False)
    if not item.config.stash[SETTINGS].enabled:
        item.add_marker(pytest.mark.skip(reason="needs --trtperf"))
