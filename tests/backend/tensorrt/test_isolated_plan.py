"""Plans that are built in a process of their own, with TensorRT for RTX."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from pytest_trtperf.backend.process.loader import Loader
from pytest_trtperf.backend.session_pids import session_pids
from pytest_trtperf.backend.tensorrt import isolated
from pytest_trtperf.backend.tensorrt.backend import TensorRTBackend
from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.backend.tensorrt.isolated import isolated_plan
from pytest_trtperf.engine.options import checked_options
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import EngineBuildError, EngineCacheWarning, ShapeError
from pytest_trtperf.plan_cache.timing_cache import TimingCacheFile
from tests.backend.tensorrt.specs import RANGE, RTX, spec_of

pytest.importorskip("tensorrt_rtx")

OWNER = """
from pytest_trtperf.backend.process.loader import Loader
from pytest_trtperf.backend.process.session_process import SessionProcess
SessionProcess(Loader("slow", "")).call("build")
"""
OPTIONS = {"builder_optimization_level": 2, "tf32": False}


def test_a_plan_is_the_same_wherever_it_is_built(dynamic_model):
    spec = spec_of(dynamic_model, [RANGE, {"x": "32x4"}], **OPTIONS)
    assert isolated_plan(spec, RTX) == build_plan(spec, RTX)


def test_progress_and_messages_arrive_in_their_order(fixed_model):
    seen: list[float] = []
    said: list[str] = []
    isolated_plan(
        spec_of(fixed_model), RTX, report=lambda at: seen.append(at.share), write=said.append
    )
    assert 0 < max(seen) <= 1
    assert any(line.startswith("INFO: Input filename:") for line in said)


@pytest.mark.parametrize(
    ("shapes", "error", "words"),
    [({"z": "1"}, ShapeError, "there is no input 'z'"), (None, ShapeError, "'x' is dynamic")],
)
def test_errors_are_those_of_the_build(dynamic_model, shapes, error, words):
    with pytest.raises(error, match=words):
        isolated_plan(spec_of(dynamic_model, shapes), RTX)


def test_a_build_whose_process_ends_is_an_error_that_names_the_model(fixed_model):
    before = session_pids()

    def kill(_progress):
        for pid in session_pids() - before:
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(EngineBuildError, match=r"fixed\.onnx: the process ended while asked to "
                       r"build: killed by SIGKILL"):  # fmt: skip
        isolated_plan(spec_of(fixed_model), RTX, report=kill)


def test_ctrl_c_ends_the_build_and_its_process(fixed_model):
    before = session_pids()

    def interrupt(_progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        isolated_plan(spec_of(fixed_model), RTX, report=interrupt)
    (pid,) = session_pids() - before
    assert not Path(f"/proc/{pid}").exists()


def test_a_timing_cache_that_cannot_be_used_is_a_warning_here(fixed_model, tmp_path, monkeypatch):
    module = tmp_path / "warns.py"
    module.write_text(
        "import warnings\n"
        "from pytest_trtperf.errors import EngineCacheWarning\n"
        "def prepare(backend): pass\n"
        "def leave_device(backend): pass\n"
        "def build(backend, say, *, timing_cache, **rest):\n"
        "    say({'warning': timing_cache['path']})\n"
        "    return b'plan'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(isolated, "loader_of", lambda name: Loader("warns", name))
    timings = TimingCacheFile(tmp_path / "ours.timing", is_kept=False)
    with pytest.warns(EngineCacheWarning, match=r"ours\.timing"):
        assert isolated_plan(spec_of(fixed_model), RTX, timings) == b"plan"


def test_a_function_of_the_user_is_called_in_this_process(fixed_model):
    called: list[object] = []
    spec = EngineSpec(fixed_model, (), {"configure_key": "1"}, called.append)
    assert TensorRTBackend(RTX).build(spec)
    assert len(called) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"builder_optimization_level": 2, "tf32": False, "timing_cache": True},
        {"profiling_verbosity": "detailed", "tiling_optimization_level": "fast"},
        {"memory_pool_limit_mib": {"workspace": 0.5}, "tactic_sources": {"cudnn": True}},
        {"preview_features": {"profile_sharing_0806": False}},
        {"compute_capabilities": ["sm89", "sm120"], "plugins": ["a.so"]},
        {"allowed_formats": {"x": ["hwc", "linear"]}, "dtype": {"x": "half"}},
        {"precision": "fp16", "weight_streaming_budget_mib": 0.25},
    ],
    ids=lambda options: next(iter(options)),
)
def test_options_mean_the_same_in_the_process(options):
    checked = checked_options(options)
    sent = msgspec.msgpack.decode(msgspec.msgpack.encode(dict(checked)))
    assert dict(checked_options(sent)) == dict(checked)


def test_a_build_ends_with_whoever_waits_for_it(tmp_path, monkeypatch):
    (tmp_path / "slow.py").write_text(
        "import os, time\n"
        "def prepare(backend): pass\n"
        "def leave_device(backend): pass\n"
        "def build(backend, say, **values):\n"
        "    open('pid.part', 'w').write(str(os.getpid()))\n"
        "    os.rename('pid.part', 'pid')\n"
        "    time.sleep(600)\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    )
    pid = tmp_path / "pid"
    while not pid.exists():
        assert owner.poll() is None
        time.sleep(0.01)
    building = Path(f"/proc/{pid.read_text()}")
    assert building.exists()
    owner.kill()
    owner.wait()
    # Bounded by the timeout of the whole run alone.
    while building.exists() and "Z" not in building.joinpath("stat").read_text().split()[2]:
        time.sleep(0.01)
