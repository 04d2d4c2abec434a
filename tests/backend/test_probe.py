"""The check of backends and devices, in a process of its own."""

from __future__ import annotations

import sys
from dataclasses import asdict

import pytest

from pytest_trtperf.backend.probe import Gpu, Probe
from pytest_trtperf.backend.registry import builtin_backends, usable_backend
from pytest_trtperf.errors import BackendUnavailable


def test_cpu():
    onnxruntime = pytest.importorskip("onnxruntime")
    probe = usable_backend(["onnxruntime"], builtin_backends()).probe
    assert (probe.backend, probe.version, probe.gpus) == (
        "onnxruntime",
        onnxruntime.__version__,
        (),
    )
    assert probe.software["python"] == ".".join(map(str, sys.version_info[:3]))


def test_hidden_gpus_leave_the_cpu(monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert (
        usable_backend(["auto", "onnxruntime"], builtin_backends()).probe.backend == "onnxruntime"
    )


def test_every_backend_says_what_it_lacks(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(BackendUnavailable) as caught:
        usable_backend(["auto"], builtin_backends())
    first, *reasons, last = str(caught.value).splitlines()
    assert first == "no usable backend:"
    assert [reason.split()[1].rstrip(":") for reason in reasons] == ["tensorrt", "tensorrt-rtx"]
    assert "--trtperf-backend=auto,onnxruntime" in last


def test_a_run_that_only_builds_needs_no_gpu(monkeypatch):
    pytest.importorskip("tensorrt_rtx")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    probe = usable_backend(["tensorrt-rtx"], builtin_backends(), only_builds=True).probe
    assert (probe.backend, probe.gpus, probe.only_builds) == ("tensorrt-rtx", (), True)
    assert set(probe.software) == {"python", "pytest-trtperf", "tensorrt-rtx"}


def test_unknown_backend_is_named():
    expected = "unknown backend 'no-such-backend'; known are auto, .*tensorrt, .*onnxruntime"
    with pytest.raises(BackendUnavailable, match=expected):
        usable_backend(["onnxruntime", "no-such-backend"], builtin_backends())


def test_probe_survives_the_way_to_a_worker():
    gpu = Gpu(ordinal=0, name="NVIDIA H200", uuid="GPU-1", compute_capability="9.0")
    probe = Probe("tensorrt-rtx", "1.4", (gpu,), {"python": "3.11"})
    assert Probe.from_dict(asdict(probe)) == probe
