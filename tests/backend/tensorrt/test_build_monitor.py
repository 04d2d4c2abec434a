from __future__ import annotations

import os
import signal

import pytest

from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.engine.spec import EngineSpec


def test_a_real_build_reports_phases(fixed_model):
    pytest.importorskip("tensorrt_rtx")
    seen: list[tuple[str, float]] = []
    spec = EngineSpec(fixed_model)
    assert build_plan(
        spec, "tensorrt-rtx", report=lambda progress: seen.append((progress.phase, progress.share))
    )
    assert any(phase for phase, _ in seen)
    assert max(share for _, share in seen) > 0


def test_ctrl_c_ends_a_build_within_a_few_steps(fixed_model):
    pytest.importorskip("tensorrt_rtx")
    whole: list[str] = []
    build_plan(EngineSpec(fixed_model), "tensorrt-rtx", report=lambda p: whole.append(p.phase))

    def interrupt_once(progress):
        ended.append(progress.phase)
        if len(ended) == 1:
            os.kill(os.getpid(), signal.SIGINT)

    ended: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        build_plan(EngineSpec(fixed_model), "tensorrt-rtx", report=interrupt_once)
    assert len(ended) < len(whole) / 4
