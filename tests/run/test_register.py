"""How a process is set up: as the controller, which every run has, or as a worker of it."""

from __future__ import annotations

import os

import pytest

from pytest_trtperf import hookspecs
from pytest_trtperf.backend.registry import builtin_backends
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.record.json_file import write_json
from pytest_trtperf.run.pytest_options import WORKER_INPUT
from pytest_trtperf.run.run import RUN
from pytest_trtperf.run.selection import Selection
from pytest_trtperf.run.workers import WorkerAssignment, find_devices, register
from pytest_trtperf.testing import FakeBackend
from tests.run.fakes import fake

FAKE = Settings(enabled=True, backend=("fake",))


@pytest.fixture
def config(tmp_path):
    """A configuration with the backend without a device; counts how often it is asked for."""
    backend = FakeBackend()
    options: dict[str, str] = {}

    def backends(config):
        made.asked += 1
        return [[backend], builtin_backends()]

    made = fake(
        rootpath=tmp_path,
        args=["test_x.py::test_a"],
        getoption=options.get,
        hook=fake(pytest_trtperf_backends=backends),
        pluginmanager=pytest.PytestPluginManager(),
        stash=pytest.Stash(),
        options=options,
        backend=backend,
        asked=0,
    )
    return made


def added(config):
    """The plugins that were registered, in their order."""
    before = pytest.PytestPluginManager().get_plugins()
    kinds = {type(plugin) for plugin in before}
    plugins = dict(config.pluginmanager.list_name_plugin())
    return [type(one).__name__ for one in plugins.values() if type(one) not in kinds]


def test_every_run_has_a_controller_and_its_outputs(config, tmp_path):
    register(config, Settings(enabled=True, backend=("fake",), json=tmp_path / "a.json"))
    # What comes last is called first: the table is written before the file.
    assert added(config) == [
        *("JUnitProperties", "Controller", "JsonFile", "JsonLines", "TerminalTable", "Selection"),
        "WorkerAssignment",
    ]
    assert config.pluginmanager.has_plugin("trtperf-controller")
    assert config.pluginmanager.has_plugin("trtperf-worker-assignment")
    run = config.stash[RUN]
    assert (run.target.device, run.target.ordinal) == ("Fake GPU", 0)
    assert (run.rootdir, run.home, run.against) == (tmp_path, None, None)
    assert run.host == run.target.uuid
    assert list(run.gpus) == [run.target.uuid]
    assert run.backend is config.backend
    assert run.deselected == {str(os.path.abspath("test_x.py"))}  # noqa: PTH100  # as the run does


def test_outputs_of_this_package_come_before_those_of_others(config, tmp_path):
    seen = []

    class Other:
        @pytest.hookimpl(tryfirst=True)
        def pytest_trtperf_run_finished(self, record):
            seen.append((record.device, (tmp_path / "a.json").exists()))

    config.pluginmanager.add_hookspecs(hookspecs)
    register(config, Settings(enabled=True, backend=("fake",), json=tmp_path / "a.json"))
    config.pluginmanager.register(Other())
    controller = config.pluginmanager.get_plugin("trtperf-controller")
    assert controller.pytest_report_header() == "trtperf: fake on Fake GPU (fake 1)"
    controller.pytest_sessionfinish(fake(config=config, exitstatus=0), 0)
    assert seen == [("Fake GPU", True)]


def test_devices_are_looked_for_once(config):
    assert find_devices(config, FAKE) is find_devices(config, FAKE)
    assert config.asked == 1


def test_a_run_without_a_usable_backend_is_refused(config):
    with pytest.raises(pytest.UsageError, match=r"^--trtperf: .*absent"):
        register(config, Settings(enabled=True, backend=("absent",)))


def test_tests_on_every_worker_are_refused(config):
    config.options["dist"] = "each"
    with pytest.raises(pytest.UsageError) as caught:
        register(config, FAKE)
    assert str(caught.value) == (
        "--dist=each runs each test on every worker, but a record holds a test once: run pytest "
        "for each worker by itself and combine the records with `trtperf merge`"
    )
    assert added(config) == []


@pytest.mark.parametrize(
    ("options", "prepared"), [({}, 1), ({"dist": "no"}, 1), ({"dist": "load"}, 0)], ids=str
)
def test_backend_prepares_where_tests_will_run(config, options, prepared, monkeypatch):
    calls = []
    monkeypatch.setattr(FakeBackend, "prepare", lambda self: calls.append(self.name))
    config.options.update(options)
    register(config, FAKE)
    assert calls == [config.backend.name] * prepared


@pytest.fixture
def earlier(tmp_path, make_run, make_measurement):
    """The record of an earlier run on the same device."""
    one = make_measurement("test_x.py::test_a")
    path = tmp_path / "earlier.json"
    write_json(path, make_run(one, backend="fake", device="Fake GPU", hardware_class="fake-gpu"))
    return path


def test_a_record_to_compare_with_is_read_at_once(config, earlier):
    register(config, Settings(enabled=True, backend=("fake",), against=earlier))
    entries = config.stash[RUN].against
    assert [(test, list(by_key)) for test, by_key in entries.items()] == [
        ("test_x.py::test_a", ["test_x.py::test_a"])
    ]


def test_a_record_that_cannot_be_read_is_refused(config, tmp_path):
    settings = Settings(enabled=True, backend=("fake",), against=tmp_path / "absent.json")
    with pytest.raises(pytest.UsageError, match=r"^--trtperf-against: .*absent\.json"):
        register(config, settings)


@pytest.fixture
def worker(config, earlier, tmp_path, monkeypatch):
    """A worker's configuration, with what a controller elsewhere gave it."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    settings = Settings(enabled=True, backend=("fake",), against=earlier)
    register(config, settings)
    node = fake(
        gateway=fake(id="gw0", spec=fake(via=None, ssh=None, ssh_config=None, vagrant_ssh=None,
                                         socket=None, python=None)),
        workerinput={},
    )  # fmt: skip
    assignment = config.pluginmanager.get_plugin("trtperf-worker-assignment")
    assert isinstance(assignment, WorkerAssignment)
    assignment.pytest_configure_node(node)
    return fake(
        workerinput=node.workerinput,
        rootpath=tmp_path / "copy",
        hook=config.hook,
        pluginmanager=pytest.PytestPluginManager(),
        stash=pytest.Stash(),
    )


def test_a_worker_reports_and_writes_nothing_itself(worker, config, tmp_path, monkeypatch):
    prepared = []
    monkeypatch.setattr(FakeBackend, "prepare", lambda self: prepared.append(self.name))
    register(worker, FAKE)
    assert prepared == [config.backend.name]
    assert added(worker) == ["JUnitProperties", "Selection", "Worker"]
    assert worker.pluginmanager.has_plugin("trtperf-worker")
    run = worker.stash[RUN]
    assert run.settings is FAKE
    assert run.backend is config.backend
    assert (run.rootdir, run.home) == (tmp_path / "copy", tmp_path)
    assert run.target == config.stash[RUN].target
    assert run.against == config.stash[RUN].against
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"


def test_a_worker_hands_over_what_was_deselected(worker, tmp_path):
    register(worker, FAKE)
    plugin = worker.pluginmanager.get_plugin("trtperf-worker")
    (selection,) = (one for one in worker.pluginmanager.get_plugins() if type(one) is Selection)
    selection.pytest_deselected([fake(path=tmp_path / "copy" / "test_x.py")])
    # A run that ended before it began has no place for it.
    plugin.pytest_sessionfinish()
    worker.workeroutput = {}
    plugin.pytest_sessionfinish()
    assert worker.workeroutput == {"trtperf_deselected": [str(tmp_path / "test_x.py")]}


def test_a_worker_without_a_gpu_leaves_the_environment(worker, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    worker.workerinput[WORKER_INPUT]["probe"]["gpus"] = []
    register(worker, FAKE)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3"
    assert worker.stash[RUN].target.uuid is None
