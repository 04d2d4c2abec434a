"""pytest-xdist: the controller finds the devices once and gives each worker one of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pytest

from pytest_trtperf.controller import Controller
from pytest_trtperf.errors import BackendUnavailable, BaselineError
from pytest_trtperf.report.as_baseline import entries_of
from pytest_trtperf.report.json_file import read_runs
from pytest_trtperf.run import RUN, Run, Target
from pytest_trtperf.runtime.probe import Probe, probe_in_subprocess
from pytest_trtperf.settings import Settings

_PROBE = pytest.StashKey[Probe]()
_WORKER_INPUT = "trtperf"
_WORKER_OUTPUT = "trtperf_deselected"


def register(config: pytest.Config, settings: Settings) -> None:
    """Sets up this process as a worker, or as the controller that every run has.

    Raises:
        pytest.UsageError: no backend is usable.
    """
    worker_input = getattr(config, "workerinput", None)
    if worker_input is not None:
        config.stash[RUN] = run = _worker_run(config, settings, worker_input[_WORKER_INPUT])
        _load_record(run)
        config.pluginmanager.register(Worker(config, run), "trtperf-worker")
        return
    probe = find_devices(config, settings)
    config.stash[RUN] = run = Run(settings, Target(probe), config.rootpath)
    _load_record(run)
    run.note_selection(config)
    config.pluginmanager.register(Controller(run), "trtperf-controller")
    config.pluginmanager.register(Distribution(probe), "trtperf-distribution")


def _load_record(run: Run) -> None:
    """Reads what --trtperf-against names."""
    if run.settings.against is None:
        return
    try:
        runs = read_runs(run.settings.against)
        run.against = entries_of(runs, run.target.hardware_class)
    except BaselineError as error:
        raise pytest.UsageError(f"--trtperf-against: {error}") from None


def find_devices(config: pytest.Config, settings: Settings) -> Probe:
    """The backend and its devices, looked for once a run.

    Raises:
        pytest.UsageError: no backend is usable.
    """
    if _PROBE not in config.stash:
        try:
            config.stash[_PROBE] = probe_in_subprocess(settings.backend)
        except BackendUnavailable as error:
            raise pytest.UsageError(f"--trtperf: {error}") from None
    return config.stash[_PROBE]


def _worker_run(config: pytest.Config, settings: Settings, given: Mapping[str, Any]) -> Run:
    target = Target(Probe.from_dict(given["probe"]), given["ordinal"])
    if target.probe.gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = _visible_device(target.ordinal)
    return Run(settings, target, config.rootpath)


def _visible_device(ordinal: int) -> str:
    """The name of a GPU among those that the caller made visible."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return visible.split(",")[ordinal] if visible else str(ordinal)


class Worker:
    """Tells the controller which modules were not collected whole."""

    def __init__(self, config: pytest.Config, run: Run) -> None:
        self._config, self._run = config, run

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_deselected"""
        self._run.deselected.update(str(item.path) for item in items)

    def pytest_sessionfinish(self) -> None:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_sessionfinish"""
        output: dict[str, Any] = getattr(self._config, "workeroutput", {})
        output[_WORKER_OUTPUT] = sorted(self._run.deselected)


class Distribution:
    """The controller's side of pytest-xdist; idle in a run without it."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._workers = 0

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Gives a new worker the next GPU."""
        ordinal = self._workers % max(len(self._probe.gpus), 1)
        self._workers += 1
        node.workerinput[_WORKER_INPUT] = {"probe": asdict(self._probe), "ordinal": ordinal}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        """Learns from a worker which tests there are: the controller collects none."""
        node.config.stash[RUN].note_collected(ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Learns from a worker what it deselected."""
        output = getattr(node, "workeroutput", None) or {}
        node.config.stash[RUN].deselected.update(output.get(_WORKER_OUTPUT, ()))
