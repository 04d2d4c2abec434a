"""Names and classes of hardware."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.baseline.hardware import cpu_class, cpu_model, cpu_name, gpu_class, gpu_name


@pytest.mark.parametrize(
    ("product", "name", "folder"),
    [
        ("NVIDIA H200", "NVIDIA H200", "nvidia-h200"),
        ("NVIDIA H200 MIG 1g.18gb", "NVIDIA H200 MIG 1g.18gb", "nvidia-h200-mig-1g.18gb"),
        ("Tesla  T4 ", "Tesla T4", "tesla-t4"),
        ("NVIDIA RTX 6000/Ada", "NVIDIA RTX 6000/Ada", "nvidia-rtx-6000-ada"),
    ],
)
def test_gpu(product: str, name: str, folder: str) -> None:
    assert gpu_name(product) == name
    assert gpu_class(product) == folder


@pytest.mark.parametrize(
    ("model", "name", "folder"),
    [
        ("AMD EPYC 9575F 64-Core Processor", "cpu:AMD EPYC 9575F x2", "cpu-amd-epyc-9575f-x2"),
        (
            "Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz",
            "cpu:Intel Xeon Gold 6148 x2",
            "cpu-intel-xeon-gold-6148-x2",
        ),
        ("", "cpu:unknown x2", "cpu-unknown-x2"),
    ],
)
def test_cpu(model: str, name: str, folder: str) -> None:
    assert cpu_name(model, 2) == name
    assert cpu_class(model, 2) == folder


@given(st.text(), st.integers(1, 512))
def test_class_is_always_a_plain_folder_name(model: str, threads: int) -> None:
    folder = cpu_class(model, threads)
    assert folder.startswith("cpu-")
    assert not set(folder) - set("abcdefghijklmnopqrstuvwxyz0123456789.-")


def test_what_cannot_be_named_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot name hardware"):
        gpu_class("///")
    with pytest.raises(ValueError, match="0 threads"):
        cpu_class("AMD", 0)


def test_cpu_model_is_read_from_linux(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: AMD EPYC 9575F 64-Core Processor\n")
    assert cpu_model(cpuinfo) == "AMD EPYC 9575F 64-Core Processor"


def test_cpu_without_a_model_name_still_has_one(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nCPU implementer\t: 0x41\n")
    assert cpu_model(cpuinfo)
    assert cpu_model(tmp_path / "absent")
