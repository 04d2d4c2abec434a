"""`trtperf import-trtexec`, called as the console script calls it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_trtperf.baseline.schema import BaselineEntry, decode
from pytest_trtperf.cli import main

KEY = "tests/test_perf.py::test_resnet50[fp16]"
FILE = Path("perf-baselines/nvidia-h200/tensorrt/tests/test_perf.json")


def write_times(path: Path, count: int = 3000, compute: float = 1.0) -> Path:
    names = ["H2d", "Compute", "D2h"]
    rows = [
        {f"{edge}{name}Ms": 200 + number * compute for edge in ("start", "end") for name in names}
        | {"startEnqMs": 200.0, "endEnqMs": 200.1, "h2dMs": 0, "d2hMs": 0}
        | {"computeMs": compute, "latencyMs": compute}
        for number in range(count)
    ]
    path.write_text(json.dumps(rows))
    os.utime(path, (1_767_323_045, 1_767_323_045))
    return path


@pytest.fixture
def times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An export of trtexec; the current directory is beside it, as a repository's root is."""
    root = tmp_path / "repository"
    root.mkdir()
    monkeypatch.chdir(root)
    return write_times(tmp_path / "times.json")


def arguments(times: Path, *more: str, **changes: str) -> list[str]:
    options = {
        "--test": KEY,
        "--command": "--useSpinWait --shapes=input:8x3x224x224",
        "--hardware-class": "nvidia-h200",
        "--backend": "tensorrt",
    } | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    words = [word for option in options.items() for word in option]
    return ["import-trtexec", str(times), *words, *more]


def stored(path: Path = FILE, key: str = KEY) -> BaselineEntry:
    return decode(path.read_bytes(), path).entries[key]


def test_run_becomes_a_baseline(times: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(times)) == 0
    out, err = capsys.readouterr()
    summary = "latency P50 1 ms, P99 1 ms, 1000 QPS (3000 queries in 5 rounds)"
    assert out.splitlines() == [str(FILE), f"{KEY}: {summary}; run 1 of its baseline"]
    assert not err
    entry = stored()
    assert entry.shapes == {"input": [8, 3, 224, 224]}
    assert entry.mode == {
        "transfers": True, "spin_wait": True, "cuda_graph": False, "streams": 1,
        "concurrency": 2, "inputs": "seeded", "seed": 0, "load": "closed", "idle_ms": 0.0,
    }  # fmt: skip
    (run,) = entry.runs
    assert (run.recorded, run.plan) == ("2026-01-02T03:04:05Z", "trtexec")
    assert run.software == {"trtexec": "10"}
    assert [round.throughput for round in run.rounds] == [1000] * 5


def test_json(times: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(times, "--json")) == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(FILE), "key": KEY, "runs": 1}


def test_options_reach_the_entry(times: Path, tmp_path: Path) -> None:
    plan = tmp_path / "a.plan"
    plan.write_bytes(b"plan" * 999_999)
    more = ["--version", "11", "--plan", str(plan), "--software", "tensorrt=11.1"]
    more += ["--software", "driver=580.65", "--baseline-dir", str(tmp_path / "b")]
    changes = {"hardware_class": "NVIDIA H200 MIG 1g.18gb", "backend": "tensorrt-rtx"}
    assert main(arguments(times, *more, command="--shapes=input:1", **changes)) == 0
    entry = stored(tmp_path / "b/nvidia-h200-mig-1g.18gb/tensorrt-rtx/tests/test_perf.json")
    digest = hashlib.sha256(plan.read_bytes()).hexdigest()
    assert (entry.engine, entry.runs[0].plan) == (digest, digest)
    assert entry.mode["cuda_graph"] is True
    assert entry.runs[0].software == {
        "driver": "580.65",
        "tensorrt": "11.1",
        "trtexec": "11",
    }


def write_profile(path: Path, **medians: float) -> Path:
    layers = [
        {"name": name, "timeMs": 10 * ms, "averageMs": ms, "medianMs": ms, "percentage": 50}
        for name, ms in medians.items()
    ]
    path.write_text(json.dumps([{"count": 10}, *layers]))
    return path


def test_layers_of_a_profile_reach_the_baseline(times: Path, tmp_path: Path) -> None:
    profile = write_profile(tmp_path / "profile.json", conv=0.75, head=0.25)
    assert main(arguments(times, profile=str(profile))) == 0
    assert stored().runs[0].layers == {"conv": 0.75, "head": 0.25}


def test_profile_that_is_none_is_named(
    times: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(times, profile=str(times))) == 2
    assert f"{times}" in capsys.readouterr().err
    assert not FILE.exists()


def test_second_run_joins_the_first(times: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(times)) == 0
    write_times(times, compute=1.01)
    assert main(arguments(times)) == 0
    assert "run 2 of its baseline" in capsys.readouterr().out
    assert len(stored().runs) == 2
    assert main(arguments(times, test="tests/test_perf.py::test_other")) == 0
    assert len(stored().runs) == 2


def test_same_run_is_not_added_twice(times: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(times)) == 0
    before = FILE.read_bytes()
    assert main(arguments(times)) == 2
    assert "has this run" in capsys.readouterr().err
    assert FILE.read_bytes() == before


def test_run_of_a_recorded_plan_joins_what_pytest_recorded(times: Path, tmp_path: Path) -> None:
    plan = tmp_path / "a.plan"
    plan.write_bytes(b"plan")
    assert main(arguments(times, "--plan", str(plan))) == 0
    content = FILE.read_text()
    digest = hashlib.sha256(b"plan").hexdigest()
    FILE.write_text(content.replace(f'"engine": "{digest}"', '"engine": "of the model"'))
    write_times(times, compute=1.01)
    assert main(arguments(times, "--plan", str(plan))) == 0
    entry = stored()
    assert entry.engine == "of the model"
    assert len(entry.runs) == 2


def test_run_in_another_mode_replaces_and_says_so(
    times: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(times)) == 0
    capsys.readouterr()
    assert main(arguments(times, command="--shapes=input:8x3x224x224")) == 0
    out, err = capsys.readouterr()
    assert "run 1 of its baseline" in out
    assert "replaced 1 stored run: mode spin_wait: True was recorded, now False" in err


def test_too_few_queries_for_p99_are_reported(
    times: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_times(times, 300, 10.0)
    assert main(arguments(times)) == 0
    assert "P99 will not be compared" in (err := capsys.readouterr().err)
    assert "--duration=28" in err


@pytest.mark.parametrize("option", ["--test", "--command", "--hardware-class", "--backend"])
def test_what_a_baseline_needs_has_no_default(
    option: str, times: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRTPERF_BACKEND", "tensorrt-rtx")
    words = arguments(times)
    at = words.index(option)
    assert main(words[:at] + words[at + 2 :]) == 2
    assert f"a baseline needs {option}: see" in capsys.readouterr().err
    assert not FILE.exists()


@pytest.mark.parametrize(
    ("changes", "content", "message"),
    [
        ({}, "[]", "no query"),
        ({}, "[{", "times.json"),
        ({"command": "--useSpinWait"}, None, "has no shapes"),
        ({"command": ""}, None, "has no shapes"),
        ({"command": "--shapes=input"}, None, "NAME:SHAPE"),
        ({"command": "--loadInputs=a:b --shapes=a:1"}, None, "--loadInputs"),
        ({"plan": "absent.plan"}, None, "absent.plan"),
        ({"test": "../test_x.py::test_a"}, None, "cannot have a baseline"),
        ({"baseline_dir": "/dev/null/b"}, None, "cannot be"),
    ],
)
def test_refused(
    times: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, str],
    content: str | None,
    message: str,
) -> None:
    if content is not None:
        times.write_text(content)
    assert main(arguments(times, **changes)) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("trtperf: error: ")
    assert message in err
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("path", ["absent.json", "."])
def test_file_that_cannot_be_read(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(Path(path))) == 2
    assert path in capsys.readouterr().err


def test_broken_baseline_is_left_as_it_is(times: Path, capsys: pytest.CaptureFixture[str]) -> None:
    FILE.parent.mkdir(parents=True)
    FILE.write_text("<<<<<<< HEAD")
    assert main(arguments(times)) == 2
    assert "not JSON" in capsys.readouterr().err
    assert FILE.read_text() == "<<<<<<< HEAD"


@pytest.mark.parametrize(
    "argv",
    [
        ["import-trtexec"],
        arguments(Path("t.json"), test="test_resnet50"),
        arguments(Path("t.json"), backend="onnxruntime"),
        arguments(Path("t.json"), version="9"),
        arguments(Path("t.json"), hardware_class="!"),
        arguments(Path("t.json"), software="tensorrt"),
        arguments(Path("t.json"), "--plan"),
        [*arguments(Path("t.json"))[:-4], "--hardware-class"],
        ["import-trtexec", "t.json", "--command"],
    ],
)
def test_wrong_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(argv)
    assert stop.value.code == 2
    assert "usage: trtperf" in capsys.readouterr().err


def test_command_of_a_single_option_is_no_option_of_ours(times: Path) -> None:
    assert main(arguments(times, command="--shapes=input:8")) == 0
    assert stored().shapes == {"input": [8]}


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["import-trtexec", "--help"])
    assert stop.value.code == 0
    assert '--command "--useSpinWait --shapes=input:8x3x224x224"' in capsys.readouterr().out


def test_command_runs_as_a_module(times: Path) -> None:
    command: list[Any] = [sys.executable, "-m", "pytest_trtperf.cli", *arguments(times)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(str(FILE))
