"""Real builds with TensorRT for RTX, which needs no GPU for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.errors import BackendUnavailable, EngineBuildError
from pytest_trtperf.plan_cache.cache import PlanCache
from tests.backend.tensorrt.specs import RANGE, RTX, spec_of

trt = pytest.importorskip("tensorrt_rtx")


def test_weights_beside_the_model_are_found(external_model):
    assert build_plan(spec_of(external_model), RTX)


def test_all_operators_that_cannot_be_parsed_are_named(unsupported_model):
    with pytest.raises(EngineBuildError, match="cannot parse") as failure:
        build_plan(spec_of(unsupported_model), RTX)
    message = str(failure.value)
    assert "unsupported.onnx" in message
    assert "node 0 'mystery' (Nope)" in message
    assert "node 1 'riddle' (Nada)" in message


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(EngineBuildError, match=r"absent\.onnx: there is no such file"):
        spec_of(tmp_path / "absent.onnx").describe(RTX, "1.4", None)


def test_a_release_without_progress_monitors_builds(fixed_model, without):
    assert build_plan(spec_of(fixed_model), without(IProgressMonitor=None))


def test_a_runtime_that_only_loads_plans_says_so(fixed_model, without):
    with pytest.raises(EngineBuildError, match="only loads plans"):
        build_plan(spec_of(fixed_model), without(Builder=None))


def test_a_backend_that_is_absent_is_named(fixed_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(BackendUnavailable, match="backend tensorrt"):
        build_plan(spec_of(fixed_model), "tensorrt")


def test_a_thread_can_build(fixed_model):
    plans: list[bytes] = []
    thread = threading.Thread(target=lambda: plans.append(build_plan(spec_of(fixed_model), RTX)))
    thread.start()
    thread.join()
    assert len(plans) == 1


def test_ctrl_c_in_a_build_is_delivered_after_it_stopped(fixed_model, without):
    finished: list[bool] = []

    def interrupting_parser(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        finished.append(True)
        return trt.OnnxParser(*arguments)

    backend, before = without(OnnxParser=interrupting_parser), signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        build_plan(spec_of(fixed_model), backend)
    assert finished
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_ends_a_process_that_builds(fixed_model, start):
    child = start(
        "import sys\n"
        "from pathlib import Path\n"
        "from pytest_trtperf.backend.tensorrt.build import build_plan\n"
        "from pytest_trtperf.engine.spec import EngineSpec\n"
        "spec = EngineSpec(Path(sys.argv[1]), {})\n"
        "build_plan(spec, 'tensorrt-rtx')\n"
        "print('building', flush=True)\n"
        "while True:\n"
        "    build_plan(spec, 'tensorrt-rtx')\n",
        fixed_model,
    )
    assert child.stdout.readline() == "building\n"
    child.send_signal(signal.SIGINT)
    try:
        _, errors = child.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        pytest.fail("Ctrl-C was lost")
    assert errors.rstrip().endswith("KeyboardInterrupt")


def test_a_real_plan_is_built_once_and_found_again(dynamic_model, tmp_path):
    spec = spec_of(dynamic_model, RANGE)
    cache = PlanCache(tmp_path / "cache")
    about = spec.describe(RTX, trt.__version__, None)
    first = cache.get_or_build(about.key, lambda: build_plan(spec, RTX), about)
    again = cache.get_or_build(about.key, lambda: pytest.fail("built twice"), about)
    assert (first.built, again.built) == (True, False)
    assert first.data == again.data
