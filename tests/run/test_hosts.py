"""Which worker has which GPU, and which hosts may take part in one run."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("msgspec")

from pytest_trtperf.backend.probe import Gpu, Probe
from pytest_trtperf.run.hook_calls import call_backends
from pytest_trtperf.run.hosts import (
    HERE,
    Host,
    describe,
    place,
    refuse_another,
)
from pytest_trtperf.run.target import Target
from pytest_trtperf.testing import FakeBackend
from tests.run.fakes import fake


def probe_of(*names: str, driver: str = "580.1") -> Probe:
    gpus = tuple(Gpu(number, name, f"GPU-{number}", "9.0") for number, name in enumerate(names))
    return Probe("tensorrt", "10.13", gpus, {"driver": driver})


def test_workers_are_given_gpus_in_turn():
    host = Host(probe_of("H200", "H200"), ["H200", "H200"])
    assert [host.assign() for _ in range(4)] == [0, 1, 0, 1]


@pytest.mark.parametrize("crashed", [0, 1, 2])
def test_a_replacement_takes_the_gpu_that_became_free(crashed):
    host = Host(probe_of(*3 * ["H200"]), 3 * ["H200"])
    for _ in range(3):
        host.assign()
    host.workers[crashed] -= 1
    assert host.assign() == crashed


def test_all_workers_share_the_cpu():
    host = Host(Probe("onnxruntime", "1.20"), ["cpu:x x2"])
    assert [host.assign() for _ in range(3)] == [0, 0, 0]


def test_the_same_device_and_software_may_take_part():
    probe = probe_of("H200", "H200")
    refuse_another(Host(probe, ["H200", "H200"]), 1, Target(probe), "worker ssh=b")


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        (probe_of("L4"), "device is L4 there and H200 elsewhere"),
        (probe_of("H200", driver="570.2"), "driver is 570.2 there and 580.1 elsewhere"),
        (
            replace(probe_of("H200"), version="11.0"),
            "backend is tensorrt 11.0 there and tensorrt 10.13 elsewhere",
        ),
    ],
)
def test_what_a_record_would_not_name_is_refused(probe, message):
    host = Host(probe, [gpu.name for gpu in probe.gpus])
    with pytest.raises(pytest.UsageError, match=rf"worker ssh=b: .*{message}.*trtperf merge"):
        refuse_another(host, 0, Target(probe_of("H200")), "worker ssh=b")


def test_hosts_and_environments_are_distinguished():
    execnet = pytest.importorskip("execnet")
    specs = [
        "popen", "popen//chdir=x", "popen//python=/other", "popen//via=a", "ssh=a", "ssh=b",
        "ssh=a//chdir=x", "ssh=a//python=/other",
    ]  # fmt: skip
    places = [place(execnet.XSpec(spec)) for spec in specs]
    assert places[:2] == [HERE, HERE]
    assert places[4] == places[6]
    assert len(set(places)) == 6


def configured(implementation):
    """A configuration with one implementation of `pytest_trtperf_backends`."""
    return fake(hook=fake(pytest_trtperf_backends=lambda config: [implementation()]))


def test_backends_of_all_plugins_are_known():
    first, second = FakeBackend(), named("other")
    hook = fake(pytest_trtperf_backends=lambda config: [[first], (one for one in [second])])
    assert call_backends(fake(hook=hook)) == [first, second]


def named(name):
    backend = FakeBackend()
    backend.name = name
    return backend


def test_a_name_that_another_backend_has_is_refused():
    hook = fake(pytest_trtperf_backends=lambda config: [[named("a"), named("b")], [named("b")]])
    with pytest.raises(pytest.UsageError, match="several backends have the name b: give each"):
        call_backends(fake(hook=hook))


def test_a_probe_that_fails_is_a_reason_why_a_backend_is_not_usable():
    broken = named("broken")
    broken.probe = lambda: 1 / 0
    error = describe(["broken"], [broken])["error"]
    assert "backend broken: ZeroDivisionError: division by zero" in error
    assert describe(["broken", "fake"], [broken, FakeBackend()])["probe"]["backend"] == "fake"


@pytest.mark.parametrize("returned", [3, "fake", [3], FakeBackend()], ids=type)
def test_what_is_no_list_of_backends_is_refused(returned):
    words = r"^pytest_trtperf_backends: expected a list of backends, got "
    with pytest.raises(pytest.UsageError, match=words):
        call_backends(configured(lambda: returned))


def test_an_implementation_that_raises_is_named():
    def implementation():
        raise RuntimeError("no such library")

    words = rf"^pytest_trtperf_backends at {__file__}:\d+: RuntimeError: no such library$"
    with pytest.raises(pytest.UsageError, match=words):
        call_backends(configured(implementation))
