from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_trtperf.backend.probe import Probe
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt.engine import TensorRTEngine
from pytest_trtperf.backend.tensorrt.loop import run_closed
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.measure.device_state import DeviceState, read_device_state
from pytest_trtperf.measure.disturbance import disturbances, mean_power_w

SHAPES = {"x": (8, 64)}
ROUND_MS = 400
NEIGHBOUR = """
import sys, time
from pathlib import Path
from pytest_trtperf.backend.tensorrt.loop import run_closed
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt.engine import TensorRTEngine

backend, plan, kind = sys.argv[1:]
session = TensorRTEngine(backend, Path(plan).read_bytes()).create_session({"x": (8, 64)}, Mode())
run_closed(session, Extent(0, 10, 100))
print("ready", flush=True)
while kind == "busy":
    run_closed(session, Extent(500, 1, 10**6))
time.sleep(120)
"""
NO_CONTEXT = """
import sys
from pytest_trtperf.measure.device_state import read_device_state
assert read_device_state(sys.argv[1]).temperature_c is not None
from cuda.bindings import driver
assert driver.cuInit(0)[0] == 0
for ordinal in range(driver.cuDeviceGetCount()[1]):
    device = driver.cuDeviceGet(ordinal)[1]
    error, flags, active = driver.cuDevicePrimaryCtxGetState(device)
    assert (int(error), active) == (0, 0)
"""
Round = Callable[[], tuple[DeviceState, DeviceState]]


@pytest.fixture
def uuid(probe: Probe) -> str:
    if read_device_state(probe.gpus[0].uuid) == DeviceState():
        pytest.skip("NVML cannot be used here")
    return probe.gpus[0].uuid


@pytest.fixture
def measured_round(uuid: str, engine: TensorRTEngine) -> Iterator[Round]:
    """Runs a round of our own and gives the looks before and after."""
    session = engine.create_session(SHAPES, Mode(cuda_graph=True))

    def run() -> tuple[DeviceState, DeviceState]:
        before = read_device_state(uuid)
        run_closed(session, Extent(ROUND_MS, 1, 10**6))
        return before, read_device_state(uuid, since=before)

    run()
    yield run
    session.close()


@contextmanager
def neighbour(probe: Probe, plan: Path, kind: str) -> Iterator[None]:
    command = [sys.executable, "-c", NEIGHBOUR, probe.backend, str(plan), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(1.5)  # what it did to get ready was sampled by then
            yield
        finally:
            process.kill()


def test_readings_are_there_and_plausible(measured_round: Round) -> None:
    _, state = measured_round()
    assert state.sm_clock_mhz is not None
    assert 100 <= state.sm_clock_mhz <= 5000
    assert state.memory_clock_mhz is not None
    assert 100 <= state.memory_clock_mhz <= 30000
    assert state.temperature_c is not None
    assert 5 <= state.temperature_c <= 110
    assert state.power_w is not None
    assert 1 <= state.power_w <= 2000
    assert state.clock_event_reasons is not None
    assert state.unix_time_us == pytest.approx(time.time() * 1e6, abs=60e6)


def test_counters_grow_no_faster_than_time(measured_round: Round) -> None:
    before, after = measured_round()
    counters = {name for name in vars(before) if name.endswith("_ns")}
    known = {name for name in counters if getattr(before, name) is not None}
    if not known:
        pytest.skip("this driver accumulates no slowdowns")
    step_ns = 200e6
    for name in known:
        grown = getattr(after, name) - getattr(before, name)
        assert 0 <= grown <= 1.2 * ROUND_MS * 1e6 + step_ns, name


def test_energy_grows_while_the_gpu_works(measured_round: Round) -> None:
    looks = [measured_round() for _ in range(3)]
    before, after = looks[0][0], looks[-1][1]
    if before.energy_j is None:
        pytest.skip("this GPU counts no energy")
    watts = mean_power_w(before, after)
    assert watts is not None
    assert 1 <= watts <= 2000


def test_reading_takes_no_context(uuid: str) -> None:
    subprocess.run([sys.executable, "-c", NO_CONTEXT, uuid], check=True)


def test_a_round_alone_is_not_disturbed_by_processes(measured_round: Round) -> None:
    time.sleep(1.5)
    for _ in range(3):
        assert not measured_round()[1].other_sm_percent


def test_a_neighbour_disturbs_only_while_it_works(
    probe: Probe, plan: bytes, measured_round: Round, tmp_path: Path
) -> None:
    path = tmp_path / "chain.plan"
    path.write_bytes(plan)
    with neighbour(probe, path, "idle"):
        idle = [measured_round() for _ in range(4)]
    with neighbour(probe, path, "busy"):
        busy = [measured_round() for _ in range(4)]
    if all(after.other_sm_percent is None for _, after in idle + busy):
        pytest.skip("NVML does not report what processes do on this GPU")
    for looks in idle:
        assert not [reason for reason in disturbances(*looks) if "processes" in reason]
    assert any("processes" in reason for looks in busy for reason in disturbances(*looks))
