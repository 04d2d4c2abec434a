"""pytest-xdist: the controller finds the devices once and gives each worker one of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_trtperf.backend.probe import Probe
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.record.as_baseline import EntriesByTest, entries_of
from pytest_trtperf.record.item import ItemRecord
from pytest_trtperf.record.json_file import read_runs
from pytest_trtperf.record.json_lines import lines_path
from pytest_trtperf.run.building import BuildController
from pytest_trtperf.run.controller import Controller
from pytest_trtperf.run.hook_calls import call_backends
from pytest_trtperf.run.hosts import (
    HERE,
    Host,
    first_host,
    host_of,
    place,
    refuse_another,
)
from pytest_trtperf.run.invocation import Invocation
from pytest_trtperf.run.origin import host_name
from pytest_trtperf.run.pytest_options import WORKER_INPUT
from pytest_trtperf.run.run import RUN, Run
from pytest_trtperf.run.selection import Selection
from pytest_trtperf.run.sinks import JUnitProperties, sinks_of
from pytest_trtperf.run.target import Target

_HOST = pytest.StashKey[Host]()
_WORKER_OUTPUT = "trtperf_deselected"
_ENGINES = "trtperf_engines"
_QUERIES = "trtperf_queries"
COLLECTED = "trtperf_collected"
"""The tests that measure of a worker that has sent no report of one."""
GROUPS = "trtperf_groups"
"""Its node ids with the groups of pytest-xdist, by them those of the tests."""


def register(config: pytest.Config, settings: Settings) -> None:
    """Sets up this process as a worker, or as the controller that every run has.

    Raises:
        pytest.UsageError: no backend is usable, or an option does not fit.
    """
    worker_input = getattr(config, "workerinput", None)
    if worker_input is not None:
        config.stash[RUN] = run = _worker_run(config, settings, worker_input[WORKER_INPUT])
        config.pluginmanager.register(JUnitProperties())
        config.pluginmanager.register(Selection(run))
        config.pluginmanager.register(Worker(config, run), "trtperf-worker")
        run.backend.prepare()
        return
    if config.getoption("dist", "no") == "each":
        raise pytest.UsageError(
            "--dist=each runs each test on every worker, but a record holds a test once: run "
            "pytest for each worker by itself and combine the records with `trtperf merge`"
        )
    if _selects_by_code(config):
        raise pytest.UsageError(
            "--testmon leaves out tests whose Python code has not changed, so that no change of a "
            "model, TensorRT or the driver would be measured: leave it out of this run, add "
            "--testmon-noselect, or use --trtperf-changed-only instead"
        )
    host = find_devices(config, settings)
    config.stash[RUN] = run = Run(
        settings, Target(host.probe), config.rootpath, call_backends(config),
        invocation=_invocation(config, settings), host=host_name(settings, Target(host.probe)),
    )  # fmt: skip
    if config.getoption("dist", "no") == "no":
        run.note_gpu(run.target)
    run.against = _read_against(run)
    run.note_selection(config)
    if settings.build_only:
        config.pluginmanager.register(BuildController(run), "trtperf-controller")
    else:
        _register_outputs(config, run)
    config.pluginmanager.register(Selection(run))
    config.pluginmanager.register(WorkerAssignment(run, host), "trtperf-worker-assignment")
    if config.getoption("dist", "no") == "no":
        run.backend.prepare()


def _selects_by_code(config: pytest.Config) -> bool:
    """Whether pytest-testmon chooses the tests."""
    if config.getoption("testmon_noselect", False) or config.getoption("no-testmon", False):
        return False
    options = ("testmon", "testmon_nocollect", "testmon_forceselect")
    return any(config.getoption(name, False) for name in options)


def _register_outputs(config: pytest.Config, run: Run) -> None:
    sinks = sinks_of(run, os.environ)
    config.pluginmanager.register(JUnitProperties())
    config.pluginmanager.register(Controller(run, sinks), "trtperf-controller")
    # What is registered last is called first: traces before the controller takes a report.
    for sink in reversed(sinks):
        config.pluginmanager.register(sink)


def _invocation(config: pytest.Config, settings: Settings) -> Invocation | None:
    """How pytest was called, where it is to be called for another revision."""
    reference = settings.reference
    return Invocation.of(config) if reference and reference.kind == "git" else None


def find_devices(config: pytest.Config, settings: Settings) -> Host:
    """The backend and its devices, looked for once a run.

    Raises:
        pytest.UsageError: no backend is usable.
    """
    if _HOST not in config.stash:
        only_builds = settings.build_only and not settings.smoke
        option = "--trtperf"
        if settings.build_only:
            option = "--trtperf-smoke" if settings.smoke else "--trtperf-build-only"
        config.stash[_HOST] = first_host(
            config, settings.backend, only_builds=only_builds, source=option
        )
    return config.stash[_HOST]


def _read_against(run: Run) -> EntriesByTest | None:
    """What --trtperf-against names; notes on the run whether its run has ended."""
    against, json = run.settings.against, run.settings.json
    if against is None:
        return None
    if json and against.resolve() in (json.resolve(), lines_path(json).resolve()):
        raise pytest.UsageError(
            f"--trtperf-json={json} would replace the record of --trtperf-against: write another "
            "file, which becomes the reference once the run has ended well"
        )
    try:
        runs = read_runs(against)
        run.against_ended = all(one.complete for one in runs)
        return entries_of(runs, run.target.hardware_class, run.target.probe.backend)
    except BaselineError as error:
        raise pytest.UsageError(f"--trtperf-against: {error}") from None


def _worker_run(config: pytest.Config, settings: Settings, given: Mapping[str, Any]) -> Run:
    target = Target(Probe.from_dict(given["probe"]), given["ordinal"])
    host = host_name(settings, target) if given.get("elsewhere") else None
    if target.probe.gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = _visible_device(target.ordinal)
    against = msgspec.json.decode(given["against"], type=EntriesByTest | None)
    home = Path(given["rootdir"])
    return Run(
        settings, target, config.rootpath, call_backends(config), home, against=against,
        invocation=_invocation(config, settings), host=host,
    )  # fmt: skip


def _visible_device(ordinal: int) -> str:
    """The name of a GPU among those that the caller made visible."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return visible.split(",")[ordinal] if visible else str(ordinal)


def _variables(*, is_elsewhere: bool) -> dict[str, str]:
    """What a worker takes where its host has no such variables; the host's name is its own."""
    given = {k: v for k, v in os.environ.items() if k.startswith("TRTPERF_")}
    if is_elsewhere:
        given.pop("TRTPERF_HOST", None)
    return given


class Worker:
    """Reports to the controller which modules were not collected whole."""

    def __init__(self, config: pytest.Config, run: Run) -> None:
        self._config, self._run = config, run

    def pytest_sessionfinish(self) -> None:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_sessionfinish"""
        output: dict[str, Any] = getattr(self._config, "workeroutput", {})
        output[_WORKER_OUTPUT] = sorted(self._run.deselected)
        if self._run.settings.build_only:
            output[_ENGINES], output[_QUERIES] = self._run.engines, self._run.queries


class WorkerAssignment:
    """The controller's side of pytest-xdist; idle in a run without it."""

    def __init__(self, run: Run, host: Host) -> None:
        self._run = run
        self._hosts: dict[str, Host] = {}
        self._first = host
        self._assigned: dict[str, tuple[Host, int]] = {}
        self._against = msgspec.json.encode(run.against)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Gives a new worker a device, and what it cannot find out by itself.

        Raises:
            pytest.UsageError: the worker would measure on something else than the others.
        """
        host = self._host(node.gateway)
        ordinal = host.assign()
        refuse_another(host, ordinal, self._run.target, f"worker {node.gateway.spec}")
        self._assigned[node.gateway.id] = host, ordinal
        self._run.note_gpu(Target(host.probe, ordinal))
        is_elsewhere = place(node.gateway.spec) != HERE
        node.workerinput[WORKER_INPUT] = {
            "probe": asdict(host.probe),
            "ordinal": ordinal,
            "rootdir": str(self._run.rootdir),
            "against": self._against,
            "elsewhere": is_elsewhere,
            "environment": _variables(is_elsewhere=is_elsewhere),
        }

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        """Learns from a worker which tests there are: the controller collects none.

        Raises:
            pytest.UsageError: the worker's rootdir is not a copy of this one.
        """
        if place(node.gateway.spec) != HERE and ids:
            module = ids[0].partition("::")[0]
            if not (self._run.rootdir / module).exists():
                raise pytest.UsageError(
                    f"worker {node.gateway.spec}: it found {module}, which is not in "
                    f"{self._run.rootdir}: see docs/ci.md on how to name the tests"
                )
        self._run.note_collected(ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Learns from a worker what it deselected; one that crashed cannot say."""
        if assigned := self._assigned.pop(node.gateway.id, None):
            host, ordinal = assigned
            host.workers[ordinal] -= 1
        output = getattr(node, "workeroutput", None) or {}
        self._run.items.note_groups(output.get(GROUPS, {}))
        self._run.items.note_collected(msgspec.convert(output.get(COLLECTED, []), list[ItemRecord]))
        if _WORKER_OUTPUT not in output:
            self._run.selective = self._run.has_lost_worker = True
        self._run.deselected.update(output.get(_WORKER_OUTPUT, ()))
        self._run.queries += output.get(_QUERIES, 0)
        for digest, built in output.get(_ENGINES, {}).items():
            self._run.engines[digest] = built or self._run.engines.get(digest, False)

    def _host(self, gateway: Any) -> Host:
        where = place(gateway.spec)
        if where not in self._hosts:
            backends = self._run.settings.backend
            self._hosts[where] = self._first if where == HERE else host_of(gateway, backends)
        return self._hosts[where]
